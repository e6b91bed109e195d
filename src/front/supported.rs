//! The points of a front that a weighted sum can find.

use super::dominance::non_dominated;
use super::error::{Error, objectives_of};

/// Returns the supported points: those that minimise a weighted sum of both objectives, with weights above 0.
///
/// They lie on the lower left part of the convex hull: its corners, the points between two corners, and equal points. Whether a
/// point lies on an edge is decided in floating point: one that is off by less than rounding may go either way.
///
/// # Shapes
///
/// - `points`: `[n, 2]`
/// - returns: the positions of the points, ascending
///
/// # Errors
///
/// Returns an error if there are not 2 objectives, a point has another length than the first, or a value is not finite. No points
/// have no supported ones.
///
/// # Source
///
/// Ehrgott, "Multicriteria Optimization", 2005, section 3.1; the hull as in Andrew, "Another efficient algorithm for convex hulls
/// in two dimensions", 1979.
pub fn supported<P: AsRef<[f64]>>(points: &[P]) -> Result<Vec<usize>, Error> {
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let found = objectives_of(points)?;
    if found != 2 {
        return Err(Error::Objectives { calculation: "the supported points", expected: "2", found });
    }
    let point = |index: usize| [points[index].as_ref()[0], points[index].as_ref()[1]];
    let mut front = non_dominated(points)?;
    front.sort_by(|a, b| point(*a)[0].total_cmp(&point(*b)[0]));
    let mut hull: Vec<&[usize]> = Vec::new();
    // Twins go together: no line leads from one to the other. On a front the first objective tells them.
    for twins in front.chunk_by(|a, b| point(*a)[0] >= point(*b)[0]) {
        while let [.., left, middle] = hull[..]
            && is_above(point(left[0]), point(middle[0]), point(twins[0]))
        {
            hull.pop();
        }
        hull.push(twins);
    }
    let mut supported = hull.concat();
    supported.sort_unstable();
    Ok(supported)
}

/// Returns whether `middle` lies above the line from `left` to `right`.
fn is_above(left: [f64; 2], middle: [f64; 2], right: [f64; 2]) -> bool {
    (middle[0] - left[0]) * (right[1] - left[1]) < (middle[1] - left[1]) * (right[0] - left[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_on_an_edge_and_twins_are_supported() {
        let points = [[0.0, 4.0], [1.0, 3.0], [2.0, 2.0], [1.0, 3.0], [3.0, 1.5], [4.0, 0.0], [5.0, 0.0], [4.0, 4.0]];
        assert_eq!(supported(&points).unwrap(), [0, 1, 2, 3, 5]);
        assert_eq!(supported(&[[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0]]).unwrap(), [0, 1, 2]);
        // Twins above an edge are not.
        assert_eq!(supported(&[[2.0, 3.0], [2.0, 3.0], [0.0, 4.0], [3.0, 1.0]]).unwrap(), [2, 3]);
        assert_eq!(supported::<[f64; 2]>(&[]).unwrap(), [0; 0]);
        let message = supported(&[[1.0, 2.0, 3.0]]).unwrap_err().to_string();
        assert_eq!(message, "the supported points of 3 objectives, expected 2");
    }

    /// Tries all weights at which two points tie, and some between and beyond them: with integers, sums are exact.
    fn found_by_weights(points: &[[i32; 2]]) -> Vec<usize> {
        let mut weights = vec![[1, 1_000], [1_000, 1]];
        for a in points {
            weights.extend(points.iter().map(|b| [a[1] - b[1], b[0] - a[0]]).filter(|weights| weights[0] > 0 && weights[1] > 0));
        }
        let mut found = vec![false; points.len()];
        for [first, second] in weights {
            let sum = |point: &[i32; 2]| point[0] * first + point[1] * second;
            let least = points.iter().map(sum).min();
            for (found, point) in found.iter_mut().zip(points) {
                *found |= Some(sum(point)) == least;
            }
        }
        (0..points.len()).filter(|index| found[*index]).collect()
    }

    proptest! {
        #[test]
        fn supported_points_are_what_weights_find(points in prop::collection::vec([-6..7_i32, -6..7_i32], 0..25)) {
            let floats: Vec<_> = points.iter().map(|point| point.map(f64::from)).collect();
            prop_assert_eq!(supported(&floats).unwrap(), found_by_weights(&points));
        }
    }
}
