//! What a model says of a cell, and how sure it is.

use super::{Coverage, Model, Prediction, Quantity};
use crate::space::Cell;

/// What a model says of a cell, and how sure it is, in the unit of its targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value expected.
    pub mean: f32,
    /// The standard deviation of its error.
    pub deviation: f32,
    /// What the cell reaches with a chance of 90 %.
    pub interval_90: [f32; 2],
    /// What the cell reaches with a chance of 95 %.
    pub interval_95: [f32; 2],
    /// Whether the cell is larger or smaller than all of the fit: how sure the model is can hardly be said then, and its error bars
    /// are widened if held-out sizes tell how far.
    pub is_outside: bool,
}

impl Model {
    /// Says how sure the model is of its predictions.
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
        let is_outside = !self.fitted_range().contains(cell);
        let growth = self.widening().filter(|_| is_outside).unwrap_or(1.0);
        // No accuracy is outside 0 to 1, and no time is negative.
        let most = if self.target().quantity == Quantity::ValidationAccuracy { 1.0 } else { f32::MAX };
        let interval = |coverage| {
            let ends = self.calibration().interval(prediction, coverage);
            ends.map(|end| (mean + growth * (end - mean)).clamp(0.0, most))
        };
        Estimate {
            mean,
            deviation: growth * self.calibration().deviation(prediction),
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
    fn cells_of_other_sizes_are_marked_and_their_error_bars_are_widened() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let fitted: Vec<_> = five[..91].to_vec();
        let rows = features().rows(&fitted).unwrap();
        let values: Vec<f32> = rows.iter().map(|row| (0.5 + 0.05 * row[0] - 0.04 * row[1]).clamp(0.0, 1.0)).collect();
        for quantity in [Quantity::ValidationAccuracy, Quantity::TrainingTime] {
            let target = Target { quantity, epochs: Epochs(4) };
            let model = Model::fit(&SURROGATES[0], target, &features(), &rows, &fitted, &values, Seed(1)).unwrap();
            let estimates = model.estimates(&five, &model.predict_all(&five).unwrap());
            assert!(estimates.iter().zip(&five).all(|(estimate, cell)| estimate.is_outside == (cell.vertices() == 5)));
            assert_eq!(model.widening(), None, "7 cells of at most 3 vertices tell nothing");
            for Estimate { mean, deviation, interval_90: [low, high], interval_95: [lowest, highest], .. } in estimates {
                assert!(0.0 <= lowest && lowest <= low && low <= mean && mean <= high && high <= highest && deviation >= 0.0);
                assert!(highest <= 1.0 || quantity == Quantity::TrainingTime);
            }
        }
    }
}
