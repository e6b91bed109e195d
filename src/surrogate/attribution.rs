//! What the features of cells add to the predictions of a model: Shapley values and partial dependence.

use rand::seq::index;
use rayon::prelude::*;
use serde::Serialize;

use super::{Error, Model, Rows};
use crate::space::Cell;
use crate::statistics::{mean, quantile};
use crate::unit::Seed;

/// The cells whose predictions are explained, and those that they are explained against: drawn if there are more.
const EXPLAINED: usize = 200;
const BACKGROUND: usize = 50;
/// The quantiles of a feature at which its dependence is given.
const QUANTILES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// What a feature adds to the predictions of a model, in their unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribution {
    /// The feature.
    pub feature: String,
    /// The mean absolute Shapley value over the explained cells.
    pub mean_absolute: f64,
    /// Partial dependence: some values of the feature, ascending, and the mean prediction of the background cells if all had it.
    pub dependence: Vec<(f32, f64)>,
}

/// Explains the predictions of a model by its features; those that add most are first.
///
/// Of features that say nearly the same each has a part of what they add together.
///
/// # Errors
///
/// [`Error::NoTrees`] of a model that is not made of trees, and as [`Features::rows`](super::Features::rows).
///
/// # Source
///
/// Shapley values: Lundberg & Lee, NeurIPS 2017; partial dependence: Friedman, Annals of Statistics 29, 2001, section 8.2.
pub fn attributions(model: &Model, cells: &[Cell], seed: Seed) -> Result<Vec<Attribution>, Error> {
    let draw = |purpose: &str, most: usize| -> Result<Rows, Error> {
        let mut drawn = index::sample(&mut seed.derive(purpose).rng(), cells.len(), most.min(cells.len())).into_vec();
        drawn.sort_unstable();
        model.features.rows(&drawn.into_iter().map(|index| cells[index]).collect::<Vec<_>>())
    };
    let (explained, background) = (draw("explained cells", EXPLAINED)?, draw("background cells", BACKGROUND)?);
    let rows: Vec<&[f32]> = explained.iter().collect();
    let values = rows.into_par_iter().map(|row| model.shapley(row, &background)).collect::<Result<Vec<_>, Error>>()?;
    let attribution = |(column, feature): (usize, &String)| {
        let sizes: Vec<f64> = values.iter().map(|values| values[column].abs()).collect();
        let found: Vec<f64> = explained.column(column).map(f64::from).collect();
        let mut at: Vec<f64> = QUANTILES.iter().filter_map(|share| quantile(&found, *share)).collect();
        at.dedup();
        let depend = |value: f64| -> Result<(f32, f64), Error> {
            #[expect(clippy::cast_possible_truncation, reason = "features have single precision")]
            let value = value as f32;
            let mut changed = background.clone();
            for row in 0..changed.len() {
                changed.values[row * changed.width + column] = value;
            }
            let predicted: Vec<f64> = model.predict(&changed)?.iter().map(|prediction| prediction.mean.into()).collect();
            Ok((value, mean(&predicted).unwrap_or_default()))
        };
        let dependence = at.into_iter().map(depend).collect::<Result<_, Error>>()?;
        Ok(Attribution { feature: feature.clone(), mean_absolute: mean(&sizes).unwrap_or_default(), dependence })
    };
    let mut all = model.features.names().par_iter().enumerate().map(attribution).collect::<Result<Vec<_>, Error>>()?;
    all.sort_by(|one, other| other.mean_absolute.total_cmp(&one.mean_absolute));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::surrogate::{Features, FitOptions, Quantity, Target, TrainingSet, find};
    use crate::table::Benchmark;
    use crate::unit::Epochs;

    fn model(name: &str) -> (Model, Vec<Cell>) {
        let table = Benchmark::open("tests/data/tiny-benchmark").unwrap().table().unwrap();
        let set = TrainingSet::new(&table, Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(2) }).unwrap();
        let features = Features::new(&["cost".to_owned()], &Space::nas_bench_101()).unwrap();
        let options = FitOptions { surrogate: find(name).unwrap(), features, benchmark: None, seed: Seed(1) };
        (Model::fit_on(&table, &set, None, &options).unwrap().0, table.cells().to_vec())
    }

    #[test]
    fn what_adds_most_is_first_and_each_row_is_explained_to_the_end() {
        for name in ["gradient-boosting", "random-forest", "ensemble"] {
            let (model, cells) = model(name);
            let found = attributions(&model, &cells, Seed(2)).unwrap();
            assert_eq!(found.len(), model.features.names().len());
            assert!(found.is_sorted_by(|one, other| one.mean_absolute >= other.mean_absolute) && found[0].mean_absolute > 0.0);
            assert!(found.iter().all(|one| one.dependence.is_sorted_by(|one, other| one.0 < other.0)), "{found:?}");
            let rows = model.features.rows(&cells).unwrap();
            let predicted: Vec<f64> = model.predict(&rows).unwrap().iter().map(|prediction| prediction.mean.into()).collect();
            let added: f64 = model.shapley(rows.row(7), &rows).unwrap().iter().sum();
            assert!((added - (predicted[7] - mean(&predicted).unwrap())).abs() < 1e-5, "{name}");
        }
    }

    #[test]
    fn a_model_without_trees_is_refused_by_name() {
        let (model, cells) = model("svr");
        let message = attributions(&model, &cells, Seed(2)).unwrap_err().to_string();
        assert!(message.starts_with("`svr` is not made of trees"), "{message}");
    }
}
