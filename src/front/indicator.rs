//! How far a set of points is from the true front.

use super::error::{Error, check, objectives_of};

/// Returns the inverted generational distance: the mean, over the true front, of the distance to the nearest point.
///
/// Called with both sets exchanged it is the generational distance.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `truth`: `[m, objectives]`
///
/// # Errors
///
/// Returns an error if one of the sets is empty, a point has another length than the first, or a value is not finite.
///
/// # Source
///
/// Coello Coello & Reyes Sierra, "A study of the parallelization of a coevolutionary multi-objective evolutionary algorithm",
/// 2004; the mean of Euclidean distances, as in pymoo, not the root of the sum of their squares over m.
pub fn inverted_generational_distance<P: AsRef<[f64]>, T: AsRef<[f64]>>(points: &[P], truth: &[T]) -> Result<f64, Error> {
    let distance = |point: &[f64], truth: &[f64]| squares(point, truth, |difference| difference).sqrt();
    Ok(mean(&nearest(points, truth, distance)?))
}

/// Returns the IGD+: as [`inverted_generational_distance`], with the distance to the region that a point dominates.
///
/// Unlike that it never prefers a set to one that dominates it.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `truth`: `[m, objectives]`
///
/// # Errors
///
/// Returns an error if one of the sets is empty, a point has another length than the first, or a value is not finite.
///
/// # Source
///
/// Ishibuchi, Masuda, Tanigaki & Nojima, "Modified distance calculation in generational distance and inverted generational
/// distance", EMO 2015.
pub fn inverted_generational_distance_plus<P: AsRef<[f64]>, T: AsRef<[f64]>>(points: &[P], truth: &[T]) -> Result<f64, Error> {
    let distance = |point: &[f64], truth: &[f64]| squares(point, truth, |difference| difference.max(0.0)).sqrt();
    Ok(mean(&nearest(points, truth, distance)?))
}

/// Returns the additive ε: the least number by which all points must improve in all objectives to cover the true front.
///
/// It is negative if the points are better than `truth` everywhere.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `truth`: `[m, objectives]`
///
/// # Errors
///
/// Returns an error if one of the sets is empty, a point has another length than the first, or a value is not finite.
///
/// # Source
///
/// Zitzler, Thiele, Laumanns, Fonseca & Grunert da Fonseca, "Performance assessment of multiobjective optimizers: an analysis and
/// review", 2003.
pub fn additive_epsilon<P: AsRef<[f64]>, T: AsRef<[f64]>>(points: &[P], truth: &[T]) -> Result<f64, Error> {
    let worst = |point: &[f64], truth: &[f64]| point.iter().zip(truth).map(|(a, b)| a - b).fold(f64::NEG_INFINITY, f64::max);
    Ok(nearest(points, truth, worst)?.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

/// Returns the least distance from a point to each point of `truth`.
fn nearest<P: AsRef<[f64]>, T: AsRef<[f64]>>(
    points: &[P],
    truth: &[T],
    distance: impl Fn(&[f64], &[f64]) -> f64,
) -> Result<Vec<f64>, Error> {
    let objectives = objectives_of(points)?;
    check("true point", truth, objectives)?;
    if truth.is_empty() {
        return Err(Error::Empty { kind: "true point" });
    }
    let least = |truth: &T| points.iter().map(|point| distance(point.as_ref(), truth.as_ref())).fold(f64::INFINITY, f64::min);
    Ok(truth.iter().map(least).collect())
}

fn squares(point: &[f64], truth: &[f64], counted: impl Fn(f64) -> f64) -> f64 {
    point.iter().zip(truth).map(|(a, b)| counted(a - b).powi(2)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts of points are far below 2^53")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SET: [[f64; 2]; 5] = [[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5]];

    fn near(found: Result<f64, Error>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn distances_are_those_of_pymoo() {
        let truth: Vec<_> = (1..=11).map(|half| [f64::from(half) / 2.0, 6.0 - f64::from(half) / 2.0]).collect();
        near(inverted_generational_distance(&SET, &truth), 0.620_766_102_249_653_7);
        near(inverted_generational_distance_plus(&SET, &truth), 0.090_909_090_909_090_91);
        near(inverted_generational_distance(&truth, &SET), 0.482_842_712_474_618_96);
    }

    #[test]
    fn epsilons_of_pairs_are_those_of_ibea() {
        let points: [[f64; 2]; 5] = [[0.0, 1.0], [0.25, 5.0 / 9.0], [0.5, 4.0 / 9.0], [0.75, 1.0 / 9.0], [1.0, 0.0]];
        let expected = [
            [0.0, 0.444_444_444_444_444_4, 0.555_555_555_555_555_6, 0.888_888_888_888_888_8, 1.0],
            [0.25, 0.0, 0.111_111_111_111_111_16, 0.444_444_444_444_444_5, 0.555_555_555_555_555_6],
            [0.5, 0.25, 0.0, 0.333_333_333_333_333_3, 0.444_444_444_444_444_4],
            [0.75, 0.5, 0.25, 0.0, 0.111_111_111_111_111_1],
            [1.0, 0.75, 0.5, 0.25, 0.0],
        ];
        for (row, expected) in points.iter().zip(expected) {
            for (column, expected) in points.iter().zip(expected) {
                near(additive_epsilon(&[row], &[column]), expected);
            }
        }
        // The nearest point counts, and of those the farthest.
        near(additive_epsilon(&points[..2], &points), 5.0 / 9.0);
        near(additive_epsilon(&[[-1.0, -2.0]], &[[0.0, 0.0]]), -1.0);
    }

    #[test]
    fn sets_that_cannot_be_compared_are_an_error() {
        let indicators = [inverted_generational_distance, inverted_generational_distance_plus, additive_epsilon];
        for indicator in indicators {
            assert_eq!(indicator(&[], &SET), Err(Error::Empty { kind: "point" }));
            assert_eq!(indicator(&SET, &[]), Err(Error::Empty { kind: "true point" }));
        }
        let uneven = additive_epsilon(&SET, &[[1.0]]).unwrap_err();
        assert_eq!(uneven.to_string(), "true point 0 has 1 objectives, expected 2");
    }

    proptest! {
        #[test]
        fn a_set_is_no_distance_from_itself(
            points in prop::collection::vec(prop::collection::vec(-9.0..9.0_f64, 3), 1..20),
            step in 0.001..1.0_f64,
        ) {
            let worse: Vec<Vec<f64>> = points.iter().map(|point| point.iter().map(|value| value + step).collect()).collect();
            for indicator in [inverted_generational_distance, inverted_generational_distance_plus, additive_epsilon] {
                prop_assert_eq!(indicator(&points, &points), Ok(0.0));
                prop_assert!(indicator(&worse, &points).unwrap() > 0.0);
            }
            prop_assert!((additive_epsilon(&worse, &points).unwrap() - step).abs() < 1e-9);
            // Better points are no distance from the truth in IGD+, and some in IGD.
            prop_assert_eq!(inverted_generational_distance_plus(&points, &worse), Ok(0.0));
        }
    }
}
