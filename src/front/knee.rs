//! The knee of a front.

use super::dominance::non_dominated;
use super::error::Error;
use super::normalisation::Normalisation;

/// Returns the position of the knee: the point of the front that lies farthest before the hyperplane through its ends.
///
/// Points off the front are ignored. The front is normalised first, so that units do not matter. Of equally far points the first
/// is returned; a front that bends the other way everywhere has its knee at one of its ends.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
///
/// # Errors
///
/// Returns an error if there is no point, a point has another length than the first, or a value is not finite.
///
/// # Source
///
/// Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary intersection", Structural Optimization 18,
/// 1999. In 2 objectives the ends of the normalised front are (0, 1) and (1, 0). For more we take the hyperplane through the unit
/// points of all axes too, even if no point of the front lies there: the distance before it is (1 − Σ fᵢ) / √objectives.
pub fn knee<P: AsRef<[f64]>>(points: &[P]) -> Result<usize, Error> {
    let front = non_dominated(points)?;
    let normalisation = Normalisation::of(&front.iter().map(|index| points[*index].as_ref()).collect::<Vec<_>>())?;
    let sum = |index: usize| normalisation.apply(points[index].as_ref()).iter().sum::<f64>();
    let knee = front.into_iter().map(|index| (sum(index), index)).min_by(|a, b| a.0.total_cmp(&b.0));
    knee.map(|(_, index)| index).ok_or(Error::Empty { kind: "point" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hyperbola_bends_most_at_its_vertex() {
        // The middle one is (1, 1), whatever the units are.
        let powers: Vec<f64> = (-20..=20).map(|power| 1.1_f64.powi(power)).collect();
        let points: Vec<_> = powers.iter().map(|x| [*x, 1e6 / x]).collect();
        assert_eq!(knee(&points), Ok(20));
        // Dominated points move neither the ends nor the knee.
        let points = [vec![[100.0, 1e9]], points].concat();
        assert_eq!(knee(&points), Ok(21));
    }

    #[test]
    fn of_equally_far_points_the_first_is_the_knee() {
        assert_eq!(knee(&[[0.0, 4.0], [1.0, 2.0], [2.0, 1.0], [4.0, 0.0]]), Ok(1));
        assert_eq!(knee(&[[4.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 4.0]]), Ok(1));
        assert_eq!(knee(&[[0.0, 1.0], [0.75, 0.75], [1.0, 0.0]]), Ok(0));
        assert_eq!(knee(&[[5.0, 5.0]]), Ok(0));
    }

    #[test]
    fn three_objectives_have_a_knee_too() {
        assert_eq!(knee(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.4, 0.4], [0.3, 0.3, 0.2]]), Ok(4));
        assert_eq!(knee::<[f64; 2]>(&[]), Err(Error::Empty { kind: "point" }));
    }
}
