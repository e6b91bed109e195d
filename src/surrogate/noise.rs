//! The noise of trainings around the mean of their cell, as a function of the prediction: with it a model is a surrogate benchmark.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::statistics::distribution::standard_normal;
use crate::statistics::{mean, number, quantile_of_sorted};

/// The most groups of cells, by what is predicted of them.
const MOST_GROUPS: usize = 20;
/// The fewest cells of a group, but for a single one.
const FEWEST_CELLS: usize = 25;
/// The quantiles that are kept of a group: these and one.
const QUANTILES: u8 = 40;

/// How far a training lies from the mean of its cell, as a function of the predicted mean: good cells mostly vary less than bad ones,
/// and trainings fall far below their mean more often than they rise far above it.
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
    /// The standard deviation in each group.
    deviations: Vec<f32>,
    /// Quantiles of the distances in each group, at equal steps from the least to the largest; none of a normal distribution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<Vec<f32>>,
    /// Whether these are of residuals, which hold the errors of the model, too, and not of repeats.
    is_of_residuals: bool,
}

/// The forms in a file: one number for all cells, as older versions wrote it, or a curve.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Constant(f32),
    Curve {
        at: Vec<f32>,
        deviations: Vec<f32>,
        #[serde(default)]
        quantiles: Vec<Vec<f32>>,
        is_of_residuals: bool,
    },
}

impl TryFrom<Stored> for Noise {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let noise = match stored {
            Stored::Constant(deviation) => Self::constant(deviation),
            Stored::Curve { at, deviations, quantiles, is_of_residuals } => Self { at, deviations, quantiles, is_of_residuals },
        };
        let is_curve = !noise.at.is_empty() && noise.at.len() == noise.deviations.len() && noise.at.is_sorted();
        let is_noise = |deviation: &f32| deviation.is_finite() && *deviation >= 0.0;
        let length = noise.quantiles.first().map_or(0, Vec::len);
        let is_distribution = |group: &Vec<f32>| group.len() == length && length > 1 && group.is_sorted() && group[0].is_finite();
        let are_quantiles = noise.quantiles.is_empty() || noise.quantiles.len() == noise.at.len();
        let is_fine =
            is_curve && noise.deviations.iter().all(is_noise) && are_quantiles && noise.quantiles.iter().all(is_distribution);
        is_fine.then_some(noise).ok_or("a noise is one deviation, or as many as ascending predictions, each with its quantiles")
    }
}

impl Noise {
    /// Makes a normal distribution, the same for all cells.
    #[must_use]
    pub fn constant(deviation: f32) -> Self {
        Self { at: vec![0.0], deviations: vec![deviation], quantiles: Vec::new(), is_of_residuals: false }
    }

    /// Measures the noise of cells by their repeats; `None` if no cell has two.
    ///
    /// # Shapes
    ///
    /// - `predicted`: `[cells]`
    /// - `repeats`: `[cells][repeats]`
    #[must_use]
    pub fn of_repeats(predicted: &[f32], repeats: &[Vec<f64>]) -> Option<Self> {
        let distances = |values: &Vec<f64>| {
            let (mean, count) = (mean(values)?, number(values.len()));
            // The mean lies nearer to its own trainings than the truth does.
            (count > 1.0).then(|| values.iter().map(|value| (value - mean) * (count / (count - 1.0)).sqrt()).collect::<Vec<_>>())
        };
        let known = predicted.iter().zip(repeats).filter_map(|(predicted, values)| Some((*predicted, distances(values)?)));
        Self::grouped(known.collect(), false)
    }

    /// Measures the noise of cells by how far each is from what a model predicts of it that has not seen it: of cells that have one training each.
    /// It holds the errors of the model, too, and so is an upper bound. `None` of nothing.
    ///
    /// # Shapes
    ///
    /// - `predicted`, `targets`: `[cells]`
    #[must_use]
    pub fn of_residuals(predicted: &[f32], targets: &[f32]) -> Option<Self> {
        let residual = |(predicted, target): (&f32, &f32)| (*predicted, vec![f64::from(target - predicted)]);
        Self::grouped(predicted.iter().zip(targets).map(residual).collect(), true)
    }

    /// Pools distances over groups of cells of about the same prediction.
    #[expect(clippy::cast_possible_truncation, reason = "noise needs no more than seven digits")]
    fn grouped(mut cells: Vec<(f32, Vec<f64>)>, is_of_residuals: bool) -> Option<Self> {
        cells.sort_by(|one, other| one.0.total_cmp(&other.0));
        let groups = (cells.len() / FEWEST_CELLS).clamp(1, MOST_GROUPS);
        let mut noise = Self { at: Vec::new(), deviations: Vec::new(), quantiles: Vec::new(), is_of_residuals };
        for place in (0..groups).filter(|_| !cells.is_empty()) {
            let of = &cells[place * cells.len() / groups..(place + 1) * cells.len() / groups];
            let predicted = of.iter().map(|(predicted, _)| f64::from(*predicted)).sum::<f64>() / number(of.len());
            // What is stretched above is as spread as the truth, so that each distance counts.
            let mut distances: Vec<f64> = of.iter().flat_map(|(_, distances)| distances).copied().collect();
            let squares = distances.iter().map(|distance| distance.powi(2)).sum::<f64>();
            distances.sort_by(f64::total_cmp);
            let level =
                |step: u8| quantile_of_sorted(&distances, f64::from(step) / f64::from(QUANTILES)).unwrap_or_default() as f32;
            noise.at.push(predicted as f32);
            noise.deviations.push((squares / number(distances.len())).sqrt() as f32);
            noise.quantiles.push((0..=QUANTILES).map(level).collect());
        }
        (!noise.at.is_empty()).then_some(noise)
    }

    /// The groups beside a prediction, the lower one first, and how near it is to the upper one, from 0 to 1.
    fn beside(&self, predicted: f32) -> (usize, usize, f32) {
        let above = self.at.partition_point(|at| *at <= predicted);
        let (Some(low), Some(high)) = (above.checked_sub(1), self.at.get(above)) else {
            let nearest = above.min(self.at.len() - 1);
            return (nearest, nearest, 0.0);
        };
        (low, above, (predicted - self.at[low]) / (high - self.at[low]))
    }

    /// Returns the standard deviation of a training of a cell with a predicted value.
    #[must_use]
    pub fn deviation(&self, predicted: f32) -> f32 {
        let (low, high, share) = self.beside(predicted);
        self.deviations[low] + share * (self.deviations[high] - self.deviations[low])
    }

    /// Draws the distance of a training from the mean of a cell with a predicted value, from the distances that were measured.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among few quantiles")]
    pub fn draw(&self, predicted: f32, rng: &mut ChaCha8Rng) -> f32 {
        let Some(first) = self.quantiles.first() else {
            return self.deviation(predicted) * standard_normal(rng) as f32;
        };
        let steps = first.len() - 1;
        let at = rng.random_range(0.0..1.0_f64) * number(steps);
        let (step, between) = ((at as usize).min(steps - 1), at.fract() as f32);
        let of_group = |group: usize| {
            let quantiles = &self.quantiles[group];
            quantiles[step] + between * (quantiles[step + 1] - quantiles[step])
        };
        let (low, high, share) = self.beside(predicted);
        of_group(low) + share * (of_group(high) - of_group(low))
    }

    /// Returns the smallest and the largest deviation.
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
    fn draws_are_spread_as_what_was_measured_and_no_farther() {
        // Of ten trainings of a cell nine are a little above its mean and one falls far below it.
        let mut rng = Seed(7).rng();
        let predicted: Vec<f32> = (0..200_u16).map(|cell| 0.8 + f32::from(cell) / 2_000.0).collect();
        let targets: Vec<f32> =
            predicted.iter().enumerate().map(|(cell, mean)| if cell % 10 == 0 { mean - 0.45 } else { mean + 0.05 }).collect();
        let noise = Noise::of_residuals(&predicted, &targets).unwrap();
        let drawn: Vec<f32> = (0..4_000).map(|_| noise.draw(0.85, &mut rng)).collect();
        assert!(drawn.iter().all(|distance| (-0.451..=0.051).contains(distance)), "a normal distribution would reach .45 above");
        let share = number(drawn.iter().filter(|distance| **distance < -0.2).count()) / number(drawn.len());
        assert!((share - 0.1).abs() < 0.04, "{share}");
        let squares = drawn.iter().map(|distance| f64::from(*distance).powi(2)).sum::<f64>() / number(drawn.len());
        assert!((squares.sqrt() / f64::from(noise.deviation(0.85)) - 1.0).abs() < 0.2, "{}", squares.sqrt());
        let constant = Noise::constant(0.01);
        let drawn: Vec<f64> = (0..4_000).map(|_| constant.draw(0.5, &mut rng).into()).collect();
        assert!((crate::statistics::standard_deviation(&drawn).unwrap() / 0.01 - 1.0).abs() < 0.05);
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
            r#"{"at": [0.2], "deviations": [0.1], "quantiles": [[0.1, 0.0]], "is_of_residuals": false}"#,
        ] {
            assert!(serde_json::from_str::<Noise>(broken).is_err(), "{broken}");
        }
    }
}
