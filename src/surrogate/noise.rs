//! How far repeats of a cell lie apart, by what is predicted of it: what makes a surrogate benchmark of a model.

use serde::{Deserialize, Serialize};

use crate::statistics::{mean, number};

/// The most groups of cells, by what is predicted of them.
const MOST_GROUPS: usize = 20;
/// The fewest cells of a group, but for a single one.
const FEWEST_CELLS: usize = 25;

/// The standard deviation of a training around the mean of its cell, as a function of the predicted mean: good cells mostly vary less than
/// bad ones.
///
/// Between the groups of cells that it was measured in it is interpolated, beyond them it is that of the nearest one.
///
/// # Units
///
/// Those of the predictions.
///
/// # Source
///
/// Zela, Siems, Zimmer, Lukasik, Keuper & Hutter, "Surrogate NAS benchmarks", ICLR 2022, section 5: noise that depends on the cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Noise {
    /// The mean prediction of each group, ascending.
    at: Vec<f32>,
    /// The deviation in each group.
    deviations: Vec<f32>,
    /// Whether these are of residuals, which hold the errors of the model, too, and not of repeats.
    is_of_residuals: bool,
}

/// What a file may hold: one number for all cells, as older versions wrote it, or a curve.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Constant(f32),
    Curve { at: Vec<f32>, deviations: Vec<f32>, is_of_residuals: bool },
}

impl TryFrom<Stored> for Noise {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let noise = match stored {
            Stored::Constant(deviation) => Self::constant(deviation),
            Stored::Curve { at, deviations, is_of_residuals } => Self { at, deviations, is_of_residuals },
        };
        let is_curve = !noise.at.is_empty() && noise.at.len() == noise.deviations.len() && noise.at.is_sorted();
        let is_noise = |deviation: &f32| deviation.is_finite() && *deviation >= 0.0;
        let is_fine = is_curve && noise.deviations.iter().all(is_noise);
        is_fine.then_some(noise).ok_or("a noise is one deviation, or as many as ascending predictions")
    }
}

impl Noise {
    /// The same for all cells.
    #[must_use]
    pub fn constant(deviation: f32) -> Self {
        Self { at: vec![0.0], deviations: vec![deviation], is_of_residuals: false }
    }

    /// The noise of cells by their repeats; `None` if no cell has two.
    ///
    /// # Shapes
    ///
    /// - `predicted`: `[cells]`
    /// - `repeats`: `[cells][repeats]`
    #[must_use]
    pub fn of_repeats(predicted: &[f32], repeats: &[Vec<f64>]) -> Option<Self> {
        let squares = |values: &Vec<f64>| {
            let mean = mean(values)?;
            let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
            Some((values.iter().map(|value| (value - mean).powi(2)).sum(), number(freedom)))
        };
        let known = predicted.iter().zip(repeats).filter_map(|(predicted, values)| Some((*predicted, squares(values)?)));
        Self::grouped(known.collect(), false)
    }

    /// The noise of cells by how far each is from what a model predicts of it that has not seen it: of cells that have one training each.
    /// It holds the errors of the model, too, and so is an upper bound. `None` of nothing.
    ///
    /// # Shapes
    ///
    /// - `predicted`, `targets`: `[cells]`
    #[must_use]
    pub fn of_residuals(predicted: &[f32], targets: &[f32]) -> Option<Self> {
        let residual = |(predicted, target): (&f32, &f32)| (*predicted, (f64::from(target - predicted).powi(2), 1.0));
        Self::grouped(predicted.iter().zip(targets).map(residual).collect(), true)
    }

    /// Pools squares and their degrees of freedom over groups of cells of about the same prediction.
    #[expect(clippy::cast_possible_truncation, reason = "noise needs no more than seven digits")]
    fn grouped(mut cells: Vec<(f32, (f64, f64))>, is_of_residuals: bool) -> Option<Self> {
        cells.sort_by(|one, other| one.0.total_cmp(&other.0));
        let groups = (cells.len() / FEWEST_CELLS).clamp(1, MOST_GROUPS);
        let group = |place: usize| {
            let of = &cells[place * cells.len() / groups..(place + 1) * cells.len() / groups];
            let predicted = of.iter().map(|(predicted, _)| f64::from(*predicted)).sum::<f64>() / number(of.len());
            let (squares, freedom) =
                of.iter().fold((0.0, 0.0), |(squares, freedom), (_, own)| (squares + own.0, freedom + own.1));
            (predicted as f32, (squares / freedom).sqrt() as f32)
        };
        let (at, deviations) = (0..groups).filter(|_| !cells.is_empty()).map(group).unzip();
        let noise = Self { at, deviations, is_of_residuals };
        (!noise.at.is_empty()).then_some(noise)
    }

    /// The standard deviation of a training of a cell of which so much is predicted.
    #[must_use]
    pub fn deviation(&self, predicted: f32) -> f32 {
        let above = self.at.partition_point(|at| *at <= predicted);
        let (Some(low), Some(high)) = (above.checked_sub(1), self.at.get(above)) else {
            return self.deviations[above.min(self.at.len() - 1)];
        };
        let share = (predicted - self.at[low]) / (high - self.at[low]);
        self.deviations[low] + share * (self.deviations[above] - self.deviations[low])
    }

    /// The smallest and the largest deviation.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        let of = |choose: fn(f32, f32) -> f32| self.deviations.iter().copied().reduce(choose).unwrap_or_default();
        (of(f32::min), of(f32::max))
    }

    /// Whether it holds the errors of the model, too, as no cell has two repeats.
    #[must_use]
    pub const fn is_of_residuals(&self) -> bool {
        self.is_of_residuals
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::unit::Seed;

    /// Cells predicted at 0 to 1 whose repeats have a deviation of .01 + .04 × (1 − prediction).
    fn repeated() -> (Vec<f32>, Vec<Vec<f64>>) {
        let mut rng = Seed(5).rng();
        let predicted: Vec<f32> = (0..1_000_u16).map(|cell| f32::from(cell) / 999.0).collect();
        let mut uniform = |deviation: f64| deviation * 12_f64.sqrt() * (rng.random::<f64>() - 0.5);
        let repeats = predicted.iter().map(|predicted| {
            let predicted = f64::from(*predicted);
            (0..3).map(|_| predicted + uniform(0.01 + 0.04 * (1.0 - predicted))).collect()
        });
        let repeats = repeats.collect();
        (predicted, repeats)
    }

    #[test]
    fn noise_is_told_apart_by_what_is_predicted() {
        let (predicted, repeats) = repeated();
        let noise = Noise::of_repeats(&predicted, &repeats).unwrap();
        for place in 0..=20_u8 {
            let at = f32::from(place) / 20.0;
            let (found, expected) = (noise.deviation(at), 0.01 + 0.04 * (1.0 - at));
            assert!((found / expected - 1.0).abs() < 0.2, "{found} at {at}, expected {expected}");
        }
        assert!((noise.deviation(-9.0) - noise.range().1).abs() < 1e-9 && !noise.is_of_residuals());
        let one: Vec<Vec<f64>> = repeats.iter().map(|values| values[..1].to_vec()).collect();
        assert_eq!(Noise::of_repeats(&predicted, &one), None);
    }

    #[test]
    fn of_one_training_each_the_residuals_are_the_noise() {
        let (predicted, repeats) = repeated();
        #[expect(clippy::cast_possible_truncation, reason = "targets of a test")]
        let targets: Vec<f32> = repeats.iter().map(|values| values[0] as f32).collect();
        let noise = Noise::of_residuals(&predicted, &targets).unwrap();
        assert!(noise.is_of_residuals());
        assert!((noise.deviation(0.5) / 0.03 - 1.0).abs() < 0.25 && (noise.deviation(0.02) / 0.05 - 1.0).abs() < 0.25);
    }

    #[test]
    fn a_noise_is_read_as_a_curve_or_as_the_one_number_of_older_files() {
        let (predicted, repeats) = repeated();
        let noise = Noise::of_repeats(&predicted, &repeats).unwrap();
        let text = serde_json::to_string(&noise).unwrap();
        assert_eq!(serde_json::from_str::<Noise>(&text).unwrap(), noise);
        let constant: Noise = serde_json::from_str("0.0125").unwrap();
        assert_eq!(constant, Noise::constant(0.0125));
        assert!([-1.0, 0.0, 0.9].iter().all(|at| (constant.deviation(*at) - 0.0125).abs() < 1e-9));
        for broken in [
            r#"{"at": [0.1], "deviations": [], "is_of_residuals": false}"#,
            r#"{"at": [0.2, 0.1], "deviations": [0.1, 0.1], "is_of_residuals": false}"#,
            r#"{"at": [0.2], "deviations": [-0.1], "is_of_residuals": false}"#,
        ] {
            assert!(serde_json::from_str::<Noise>(broken).is_err(), "{broken}");
        }
    }
}
