//! How lonely a point is on its front.

use super::error::{Error, check, objectives_of};

/// Returns the crowding distance of each point of one front: the gaps between its neighbours, summed over the objectives.
///
/// The two ends of each objective are infinitely far, and so are fewer than three points. An objective that is constant has
/// no ends and adds nothing. Equal values are neighbours in the order of the points.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`, mutually non-dominated
/// - returns: `[n]`
///
/// # Units
///
/// Fractions of the front's range in an objective, summed. Pymoo divides the sum by the number of objectives.
///
/// # Errors
///
/// Returns an error for the first point that has another length than the first or a value that is not finite.
///
/// # Source
///
/// Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002, section III-B.
pub fn crowding<P: AsRef<[f64]>>(points: &[P]) -> Result<Vec<f64>, Error> {
    if points.len() < 3 {
        check("point", points, points.first().map_or(0, |point| point.as_ref().len()))?;
        return Ok(vec![f64::INFINITY; points.len()]);
    }
    let mut distances = vec![0.0; points.len()];
    let mut order: Vec<usize> = (0..points.len()).collect();
    for objective in 0..objectives_of(points)? {
        let value = |index: usize| points[index].as_ref()[objective];
        order.sort_unstable_by(|a, b| value(*a).total_cmp(&value(*b)).then(a.cmp(b)));
        let (first, last) = (order[0], order[order.len() - 1]);
        let range = value(last) - value(first);
        if range > 0.0 {
            distances[first] = f64::INFINITY;
            distances[last] = f64::INFINITY;
            for triple in order.windows(3) {
                distances[triple[1]] += (value(triple[2]) - value(triple[0])) / range;
            }
        }
    }
    Ok(distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_deb() {
        let found = crowding(&[[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5]]).unwrap();
        let expected = [f64::INFINITY, 1.055_555_555_555_555_6, 0.944_444_444_444_444_4, 0.944_444_444_444_444_4, f64::INFINITY];
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.total_cmp(&expected).is_eq() || (found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
    }

    #[test]
    fn few_points_are_lonely_and_a_constant_objective_adds_nothing() {
        assert_eq!(crowding::<[f64; 2]>(&[]).unwrap(), [0.0; 0]);
        assert_eq!(crowding(&[[1.0, 2.0], [2.0, 1.0]]).unwrap(), [f64::INFINITY; 2]);
        assert_eq!(crowding(&[[0.0, 7.0], [1.0, 7.0], [4.0, 7.0]]).unwrap(), [f64::INFINITY, 1.0, f64::INFINITY]);
        assert_eq!(crowding(&[[3.0], [3.0], [3.0]]).unwrap(), [0.0; 3]);
        // Of equal ends the outer one is the first or the last in the order of the points.
        assert_eq!(crowding(&[[0.0], [0.0], [1.0], [1.0]]).unwrap(), [f64::INFINITY, 1.0, 1.0, f64::INFINITY]);
        assert!(crowding(&[[1.0, f64::NAN]]).is_err());
    }
}
