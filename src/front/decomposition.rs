//! One number instead of many objectives, and the weights for it.

use super::error::Error;

/// The most weight vectors.
const MOST_VECTORS: f64 = 1e6;

/// Returns the weight vectors whose parts are multiples of 1 / `divisions` and sum to 1, in lexicographic order.
///
/// There are C(divisions + objectives − 1, objectives − 1) of them: 91 for 3 objectives and 12 divisions, 1,820 for 5 and 12.
///
/// # Shapes
///
/// - returns: `[weights, objectives]`
///
/// # Errors
///
/// Returns an error if `objectives` or `divisions` is 0, or there are more than a million vectors.
///
/// # Source
///
/// Das & Dennis, "Normal-boundary intersection: a new method for generating the Pareto surface in nonlinear multicriteria
/// optimization problems", 1998.
pub fn das_dennis(objectives: usize, divisions: u32) -> Result<Vec<Vec<f64>>, Error> {
    if objectives == 0 {
        return Err(Error::Objectives { calculation: "weight vectors", expected: "at least 1", found: 0 });
    }
    if divisions == 0 {
        return Err(Error::Argument { name: "the number of divisions", expected: "at least 1", found: 0.0 });
    }
    // The binomial coefficient, factor by factor.
    let count = (1..objectives).fold(1.0, |count, objective| {
        let objective = f64::from(u32::try_from(objective).unwrap_or(u32::MAX));
        count * (f64::from(divisions) + objective) / objective
    });
    if count > MOST_VECTORS {
        return Err(Error::Argument { name: "the number of weight vectors", expected: "at most 1000000", found: count });
    }
    let mut vectors = vec![(Vec::new(), divisions)];
    for objective in 1..=objectives {
        let extended = |(parts, left): (Vec<u32>, u32)| {
            // The last part is all that is left.
            let least = if objective == objectives { left } else { 0 };
            (least..=left).map(move |part| ([parts.as_slice(), &[part]].concat(), left - part))
        };
        vectors = vectors.into_iter().flat_map(extended).collect();
    }
    let weights = |parts: Vec<u32>| parts.into_iter().map(|part| f64::from(part) / f64::from(divisions)).collect();
    Ok(vectors.into_iter().map(|(parts, _)| weights(parts)).collect())
}

/// Returns the weighted sum of the objectives, which only [supported](super::supported()) points minimise.
///
/// # Shapes
///
/// - `point`, `weights`: `[objectives]`
///
/// # Panics
///
/// Panics if the lengths differ.
///
/// # Source
///
/// Zadeh, "Optimality and non-scalar-valued performance criteria", 1963.
#[must_use]
pub fn weighted_sum(point: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(point.len(), weights.len(), "a weight for each objective");
    point.iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// Returns the largest weighted distance from the ideal point over the objectives.
///
/// Every point of the front minimises it for some weights. An objective of weight 0 does not count, so that a
/// dominated point may be as good as the one that dominates it.
///
/// # Shapes
///
/// - `point`, `weights`, `ideal`: `[objectives]`
///
/// # Panics
///
/// Panics if the lengths differ.
///
/// # Source
///
/// Zhang & Li, "MOEA/D: a multiobjective evolutionary algorithm based on decomposition", 2007, section II-B.
#[must_use]
pub fn tchebycheff(point: &[f64], weights: &[f64], ideal: &[f64]) -> f64 {
    assert!(point.len() == weights.len() && point.len() == ideal.len(), "a weight and an ideal value for each objective");
    let distances = point.iter().zip(weights).zip(ideal).map(|((value, weight), ideal)| weight * (value - ideal).abs());
    distances.fold(0.0, f64::max)
}

/// Returns the distance from the ideal point along the weights, plus `theta` times the distance from that direction.
///
/// A usual `theta` is 5. Weights need not sum to 1; if all are 0 the result is NaN.
///
/// # Shapes
///
/// - `point`, `weights`, `ideal`: `[objectives]`
///
/// # Panics
///
/// Panics if the lengths differ.
///
/// # Source
///
/// Zhang & Li, 2007, section II-C: |(f − z) · w| / ‖w‖ + θ ‖f − z − d w / ‖w‖‖, where d is the first term.
#[must_use]
pub fn penalty_boundary_intersection(point: &[f64], weights: &[f64], ideal: &[f64], theta: f64) -> f64 {
    assert!(point.len() == weights.len() && point.len() == ideal.len(), "a weight and an ideal value for each objective");
    let offsets: Vec<f64> = point.iter().zip(ideal).map(|(value, ideal)| value - ideal).collect();
    let norm = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let along = weighted_sum(&offsets, weights).abs() / norm;
    let beside = offsets.iter().zip(weights).map(|(offset, weight)| (offset - along * weight / norm).powi(2)).sum::<f64>().sqrt();
    along + theta * beside
}

#[cfg(test)]
mod tests {
    use super::super::supported::supported;
    use super::*;

    const POINTS: [[f64; 2]; 5] = [[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5]];

    fn near(found: impl Fn(&[f64]) -> f64, expected: [f64; 5]) {
        for (point, expected) in POINTS.iter().zip(expected) {
            assert!((found(point) - expected).abs() < 1e-12, "{point:?}: {}, expected {expected}", found(point));
        }
    }

    #[test]
    fn decompositions_are_those_of_pymoo() {
        let (weights, ideal) = ([0.25, 0.75], [1.0, 0.5]);
        near(|point| tchebycheff(point, &weights, &ideal), [3.375, 1.875, 1.5, 0.75, 1.0]);
        near(|point| weighted_sum(point, &weights), [4.0, 2.75, 2.625, 1.75, 1.625]);
        let expected = [
            11.384_199_576_606_164,
            3.478_505_426_185_216_6,
            8.854_377_448_471_462,
            14.862_705_002_791_383,
            20.238_577_025_077_63,
        ];
        near(|point| penalty_boundary_intersection(point, &weights, &ideal, 5.0), expected);
        // The length of the weights does not matter.
        near(|point| penalty_boundary_intersection(point, &[1.0, 3.0], &ideal, 5.0), expected);
    }

    #[test]
    fn weights_are_all_that_sum_to_1() {
        assert_eq!(das_dennis(2, 4).unwrap(), [[0.0, 1.0], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [1.0, 0.0]]);
        assert_eq!(das_dennis(1, 7).unwrap(), [[1.0]]);
        let binomial = |n: usize, k: usize| (1..=k).fold(1, |product, i| product * (n + 1 - i) / i);
        for (objectives, divisions) in [(3, 3), (3, 12), (5, 12), (4, 7), (8, 3), (2, 99)] {
            let weights = das_dennis(objectives, divisions).unwrap();
            assert_eq!(weights.len(), binomial(divisions as usize + objectives - 1, objectives - 1));
            assert!(weights.iter().all(|weights| (weights.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            assert!(weights.is_sorted_by(|a, b| a < b));
        }
        assert_eq!((das_dennis(3, 3).unwrap().len(), das_dennis(3, 12).unwrap().len()), (10, 91));
    }

    #[test]
    fn no_objectives_and_no_divisions_have_no_weights() {
        assert_eq!(das_dennis(0, 3).unwrap_err().to_string(), "weight vectors of 0 objectives, expected at least 1");
        assert_eq!(das_dennis(3, 0).unwrap_err().to_string(), "the number of divisions is `0`, expected at least 1");
    }

    #[test]
    fn a_weighted_sum_finds_the_supported_points_and_tchebycheff_all() {
        let points = [[0.0, 8.0], [1.0, 5.0], [3.0, 4.0], [4.0, 1.0], [8.0, 0.0]];
        let weights = das_dennis(2, 500).unwrap();
        let winners = |cost: &dyn Fn(&[f64], &[f64]) -> f64| {
            // The ends minimise one objective alone, where others may tie with them.
            let best = |weights: &Vec<f64>| {
                (0..points.len()).min_by(|a, b| cost(&points[*a], weights).total_cmp(&cost(&points[*b], weights))).unwrap()
            };
            let mut winners: Vec<usize> = weights[1..500].iter().map(best).collect();
            winners.sort_unstable();
            winners.dedup();
            winners
        };
        assert_eq!(winners(&|point, weights| weighted_sum(point, weights)), supported(&points).unwrap());
        assert_eq!(supported(&points).unwrap(), [0, 1, 3, 4]);
        assert_eq!(winners(&|point, weights| tchebycheff(point, weights, &[0.0, 0.0])), [0, 1, 2, 3, 4]);
    }
}
