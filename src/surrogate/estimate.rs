//! The prediction of a model for a cell with its error bars.

use super::{Coverage, Model, Prediction, Quantity};
use crate::space::Cell;

/// The prediction of a model for a cell with its error bars, in the unit of its targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value expected.
    pub mean: f32,
    /// The standard deviation of its error.
    pub deviation: f32,
    /// The prediction interval of 90 %.
    pub interval_90: [f32; 2],
    /// The prediction interval of 95 %.
    pub interval_95: [f32; 2],
    /// Whether the cell is larger or smaller than all of the fit: how sure the model is can hardly be said then, and its error bars
    /// are widened if held-out sizes tell how far.
    pub is_outside: bool,
}

impl Model {
    /// Adds error bars to predictions.
    ///
    /// # Shapes
    ///
    /// - `cells`, `predictions`: `[n]`
    /// - returns: `[n]`
    #[must_use]
    pub fn estimates(&self, cells: &[Cell], predictions: &[Prediction]) -> Vec<Estimate> {
        cells.iter().zip(predictions).map(|(cell, prediction)| self.estimate(cell, prediction)).collect()
    }

    fn estimate(&self, cell: &Cell, prediction: &Prediction) -> Estimate {
        let mean = prediction.mean;
        let is_outside = !self.fitted_range.contains(cell);
        let growth = self.widening.filter(|_| is_outside).unwrap_or(1.0);
        // No accuracy is outside 0 to 1, and no time is negative.
        let most = if self.target.quantity == Quantity::ValidationAccuracy { 1.0 } else { f32::MAX };
        let interval = |coverage| {
            let ends = self.calibration.interval(prediction, coverage);
            ends.map(|end| (mean + growth * (end - mean)).clamp(0.0, most))
        };
        Estimate {
            mean,
            deviation: growth * self.calibration.deviation(prediction),
            interval_90: interval(Coverage::Ninety),
            interval_95: interval(Coverage::NinetyFive),
            is_outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::features;
    use super::super::{SURROGATES, Target};
    use super::*;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    #[test]
    fn cells_of_other_sizes_are_marked_and_no_interval_leaves_what_is_possible() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let fitted: Vec<_> = five[..91].to_vec();
        let rows = features().rows(&fitted).unwrap();
        let values: Vec<f32> = rows.iter().map(|row| (0.5 + 0.05 * row[0] - 0.04 * row[1]).clamp(0.0, 1.0)).collect();
        for quantity in [Quantity::ValidationAccuracy, Quantity::TrainingTime] {
            let target = Target { quantity, epochs: Epochs(4) };
            let model = Model::fit(&SURROGATES[0], target, &features(), &rows, &fitted, &values, Seed(1)).unwrap();
            let estimates = model.estimates(&five, &model.predict_all(&five).unwrap());
            assert!(estimates.iter().zip(&five).all(|(estimate, cell)| estimate.is_outside == (cell.vertices() == 5)));
            assert_eq!(model.widening, None, "7 cells of at most 3 vertices tell nothing");
            for Estimate { mean, deviation, interval_90: [low, high], interval_95: [lowest, highest], .. } in estimates {
                assert!(0.0 <= lowest && lowest <= low && low <= mean && mean <= high && high <= highest && deviation >= 0.0);
                assert!(highest <= 1.0 || quantity == Quantity::TrainingTime);
            }
        }
    }

    #[test]
    fn error_bars_outside_the_fitted_range_are_widened_and_those_within_are_not() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let sample: Vec<_> = five[..91].iter().chain(five[91..].iter().step_by(25)).copied().collect();
        let rows = features().rows(&sample).unwrap();
        // Seconds: cells of five vertices take many more than smaller ones tell.
        let seconds = |cell: &Cell| 500.0 + 10.0 * f32::from(u8::try_from(cell.edge_count()).unwrap());
        let values: Vec<f32> = sample.iter().map(|cell| if cell.vertices() == 5 { 900.0 } else { seconds(cell) }).collect();
        let target = Target { quantity: Quantity::TrainingTime, epochs: Epochs(4) };
        let model = Model::fit(&SURROGATES[0], target, &features(), &rows, &sample, &values, Seed(1)).unwrap();
        let growth = model.widening.unwrap();
        assert!(growth > 1.5, "{growth}");
        let six =
            Cell::from_texts("010000001000000100000010000001000000", "input,maxpool3x3,maxpool3x3,maxpool3x3,maxpool3x3,output");
        for (cell, expected) in [(five[90], 1.0), (six.unwrap(), growth)] {
            let prediction = model.predict_all(&[cell]).unwrap()[0];
            let found = model.estimates(&[cell], &[prediction])[0];
            let [_, high] = model.calibration.interval(&prediction, Coverage::Ninety);
            let ratios = [
                found.deviation / model.calibration.deviation(&prediction),
                (found.interval_90[1] - found.mean) / (high - found.mean),
            ];
            assert!(ratios.iter().all(|ratio| (ratio / expected - 1.0).abs() < 1e-3), "{cell}: {ratios:?}, expected {expected}");
        }
    }
}
