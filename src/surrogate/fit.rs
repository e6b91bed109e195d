//! Fits a model on what a table says of its cells: the surrogate, its noise, and beside an accuracy the training time.

use super::quality::cross_validate;
use super::rule_classifier::{self, RuleClassifier};
use super::store::StoredClassifier;
use super::{Entry, Error, Features, FittedRange, Model, Noise, Prediction, Quantity, Rows, Target, TrainingSet};
use crate::table::Table;
use crate::unit::Seed;

/// The parts of the cells, each of which is predicted by a fit on the others, where residuals are the noise.
const FOLDS: usize = 5;

/// How a model is fitted.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// The surrogate.
    pub surrogate: &'static Entry,
    /// What it sees of a cell.
    pub features: Features,
    /// The identity of the benchmark, or of the file, that the table was read from.
    pub benchmark: Option<String>,
    /// The source of every random number.
    pub seed: Seed,
}

impl Model {
    /// Fits a model on some cells of a table. A model of the accuracy holds one of the training time of the same cells, if that was
    /// recorded. With `warm`, what the same cells reached at a smaller budget is one more feature; the model of the time does without.
    ///
    /// Also returns the rows of features that the model was fitted on, as [`features`](Self::features) makes them.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit); [`Error::UnknownCell`] if `warm` lacks one of the cells.
    pub fn fit_on(
        table: &Table,
        set: &TrainingSet,
        warm: Option<&TrainingSet>,
        options: &FitOptions,
    ) -> Result<(Self, Rows), Error> {
        let FitOptions { surrogate, features, benchmark, seed } = options;
        let of_cells = features.rows(&set.cells)?;
        let (seen, rows) = match warm {
            None => (features.clone(), of_cells.clone()),
            Some(warm) => {
                let values = warm.choose(&set.hashes)?;
                (features.clone().with_warm(warm.target), of_cells.with_column(&values.values)?)
            }
        };
        let mut model = set.fit(surrogate, &seen, &rows, *seed)?;
        if set.target.quantity == Quantity::ValidationAccuracy {
            let times = TrainingSet::new(table, Target { quantity: Quantity::TrainingTime, ..set.target });
            match times.and_then(|times| times.choose(&set.hashes)) {
                Err(Error::NothingToLearn { .. } | Error::UnknownCell { .. }) => {}
                times => model = model.with_time(times?.fit(surrogate, features, &of_cells, *seed)?)?,
            }
        }
        model.benchmark.clone_from(benchmark);
        Ok((model, rows))
    }
}

impl TrainingSet {
    /// Fits a surrogate on the rows of features of these cells, with the noise of their repeats. Of accuracies without a second training
    /// of any cell, the noise is that of the residuals of a cross-validation, which is an upper bound.
    ///
    /// # Errors
    ///
    /// As [`Model::fit`].
    pub fn fit(&self, surrogate: &Entry, features: &Features, rows: &Rows, seed: Seed) -> Result<Model, Error> {
        let seed = seed.derive(surrogate.name);
        let mut model = Model::fit(surrogate, self.target, features, rows, &self.cells, &self.values, seed)?;
        model.noise = match Noise::of_repeats(&means(&model.predict(rows)?), &self.repeats) {
            None if self.target.quantity == Quantity::ValidationAccuracy => {
                let targets = (Quantity::ValidationAccuracy, self.values.as_slice());
                match cross_validate(surrogate, rows, &self.hashes, targets, FOLDS, seed.derive("noise")) {
                    Ok(quality) => Noise::of_residuals(&means(&quality.predictions), &self.values),
                    Err(Error::Folds { .. } | Error::TooFewRows { .. }) => None,
                    Err(error) => return Err(error),
                }
            }
            noise => noise,
        };
        Ok(model)
    }
}

fn means(predictions: &[Prediction]) -> Vec<f32> {
    predictions.iter().map(|prediction| prediction.mean).collect()
}

impl StoredClassifier {
    /// Fits the rules that tell the [promising](rule_classifier::PROMISING) cells by their accuracy.
    ///
    /// # Errors
    ///
    /// As [`RuleClassifier::fit`].
    pub fn fit(set: &TrainingSet, features: Features, rows: &Rows) -> Result<Self, Error> {
        let promising = rule_classifier::best(&set.values, rule_classifier::PROMISING)?;
        let classifier = RuleClassifier::fit(rows, features.names(), &promising)?;
        let (training_cells, fitted_range) = (set.hashes.clone(), FittedRange::new(&set.cells));
        Ok(Self { classifier, target: set.target, features, training_cells, fitted_range })
    }
}
