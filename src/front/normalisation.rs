//! Objectives of one scale.

use super::error::{Error, objectives_of};

/// Scales each objective so that its best value is 0 and its worst is 1.
///
/// An objective whose best and worst are equal is moved to 0 and not scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// The best value of each objective.
    pub ideal: Vec<f64>,
    /// The worst value of each objective.
    pub nadir: Vec<f64>,
}

impl Normalisation {
    /// Takes the best and the worst values of `points`: give it the front alone, as the worst dominated value is no nadir.
    ///
    /// # Shapes
    ///
    /// - `points`: `[n, objectives]`
    ///
    /// # Errors
    ///
    /// Returns an error if there is no point, a point has another length than the first, or a value is not finite.
    pub fn of<P: AsRef<[f64]>>(points: &[P]) -> Result<Self, Error> {
        let objectives = objectives_of(points)?;
        let fold = |pick: fn(f64, f64) -> f64, start: f64| {
            let values = |objective: usize| points.iter().map(move |point| point.as_ref()[objective]);
            (0..objectives).map(|objective| values(objective).fold(start, pick)).collect()
        };
        Ok(Self { ideal: fold(f64::min, f64::INFINITY), nadir: fold(f64::max, f64::NEG_INFINITY) })
    }

    /// Returns the scaled point. NaN and infinities stay what they are.
    ///
    /// # Panics
    ///
    /// Panics if the point has another length than the points this was made of.
    #[must_use]
    pub fn apply(&self, point: &[f64]) -> Vec<f64> {
        assert_eq!(point.len(), self.ideal.len(), "points have one length");
        let scaled = |((value, ideal), nadir): ((&f64, &f64), &f64)| {
            let range = nadir - ideal;
            (value - ideal) / if range > 0.0 { range } else { 1.0 }
        };
        point.iter().zip(&self.ideal).zip(&self.nadir).map(scaled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_becomes_0_and_the_worst_1() {
        let points = [[1.0, 5.0, 7.0], [2.0, 3.0, 7.0], [3.0, 2.5, 7.0], [4.0, 1.0, 7.0], [5.0, 0.5, 7.0]];
        let normalisation = Normalisation::of(&points).unwrap();
        assert_eq!(normalisation, Normalisation { ideal: vec![1.0, 0.5, 7.0], nadir: vec![5.0, 5.0, 7.0] });
        // A constant objective: the range 0 divides nothing.
        assert_eq!(normalisation.apply(&points[0]), [0.0, 1.0, 0.0]);
        assert_eq!(normalisation.apply(&[3.0, -4.0, 9.0]), [0.5, -1.0, 2.0]);
        assert_eq!(Normalisation::of::<[f64; 2]>(&[]), Err(Error::Empty { kind: "point" }));
    }
}
