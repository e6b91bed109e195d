//! The stage that fits: a forest and a support vector regression of the accuracy, a forest of the training time, a judge;
//! and what cross-validation says of them.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::recorded::Measured;
use crate::network::{Size, Skeleton};
use crate::report::{Prediction, Surrogates};
use crate::space::{Cell, Space};
use crate::surrogate::features::{READABLE, STANDARD};
use crate::surrogate::quality::{ClassifierQuality, cross_validate, cross_validate_classifier, cross_validate_scores};
use crate::surrogate::rule_classifier::RuleClassifier;
use crate::surrogate::store::StoredClassifier;
use crate::surrogate::{self, Entry, Features, Model, Quantity, SURROGATES, Target, TrainingSet, rule_classifier};
use crate::table::{Identity, Table};
use crate::unit::{Accuracy, Epochs, Seed};

/// The surrogate that searches ask.
pub(super) const ORACLE: &str = "random-forest";
/// The parts of a cross-validation, if there are as many cells.
const FOLDS: usize = 5;

/// The fitted models.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) accuracy: Arc<Model>,
    pub(super) time: Arc<Model>,
    pub(super) quality: Surrogates,
}

impl Fitted {
    /// The accuracies that are expected of cells, in their order.
    pub(super) fn predict(&self, cells: &[Cell]) -> Result<Vec<Option<Accuracy>>, Error> {
        let predictions = self.accuracy.predict_all(cells)?;
        Ok(predictions.into_iter().map(|prediction| accuracy(prediction.mean)).collect())
    }
}

fn accuracy(predicted: f32) -> Option<Accuracy> {
    Accuracy::from_fraction(predicted.clamp(0.0, 1.0))
}

/// Fits, assesses and saves the models, which keep the identity of the benchmark.
pub(super) fn fit(
    recorded: &[Measured],
    table: &Table,
    skeleton: Skeleton,
    space: &Space,
    epochs: Epochs,
    seed: Seed,
    (folder, benchmark): (&Path, Identity),
) -> Result<Fitted, Error> {
    let ended_well = recorded.iter().filter(|measured| measured.row.repeats.iter().any(Option::is_some)).count();
    if ended_well < FOLDS {
        return Err(Error::TooFewAccuracies { found: ended_well, cells: recorded.len(), expected: FOLDS });
    }
    let learned: Vec<_> = recorded
        .iter()
        .filter(|measured| measured.row.validation.is_some() && measured.training_time.is_some())
        .map(|measured| measured.hash)
        .collect();
    let training_set = |quantity| TrainingSet::new(table, Target { quantity, epochs })?.choose(&learned);
    let (accuracies, times) = (training_set(Quantity::ValidationAccuracy)?, training_set(Quantity::TrainingTime)?);
    let features = |encodings| Ok::<_, Error>(Features::new(encodings, space)?.with_skeleton(skeleton));
    let (features, readable) = (features(STANDARD)?, features(READABLE)?);
    let rows = features.rows(&accuracies.cells)?;
    fs_err::create_dir_all(folder)?;
    let time = Arc::new(times.fit(surrogate::find(ORACLE)?, &features, &rows, seed)?);
    // A file with both models answers a search by itself.
    let fit_accuracy = |entry: &Entry| -> Result<Model, Error> {
        let mut model = accuracies.fit(entry, &features, &rows, seed)?;
        model.benchmark = Some(benchmark.to_string());
        let model = model.with_time(time.clone())?;
        model.save(&folder.join(format!("{}.json", entry.name)))?;
        Ok(model)
    };
    let folds = Folds { count: FOLDS.min(learned.len()), set: &accuracies, seed: seed.derive("folds") };
    let mut quality = Surrogates { validation: format!("{} folds, grouped by cell hash", folds.count), ..Surrogates::default() };
    for entry in SURROGATES.iter().filter(|entry| entry.name != ORACLE) {
        fit_accuracy(entry)?;
    }
    let targets = (Quantity::ValidationAccuracy, accuracies.values.as_slice());
    for entry in SURROGATES {
        let assessed = cross_validate(entry, &rows, &accuracies.hashes, targets, folds.count, folds.seed)?;
        if entry.name == ORACLE {
            quality.held_out = held_out(&accuracies, &assessed.predictions);
        }
        quality.models.push((entry.name, assessed));
    }
    for size in [Size::Flops, Size::Parameters] {
        let sizes = size.measure_all(&accuracies.cells);
        let assessed = cross_validate_scores(&sizes, &accuracies.hashes, targets, folds.count, folds.seed)?;
        quality.sizes.push((size.name(), assessed));
    }
    quality.judge = judge_cells(&folds, &readable, folder)?;
    let accuracy = fit_accuracy(surrogate::find(ORACLE)?)?;
    Ok(Fitted { accuracy: Arc::new(accuracy), time, quality })
}

/// A cross-validation of models of some cells.
struct Folds<'a> {
    count: usize,
    set: &'a TrainingSet,
    seed: Seed,
}

fn held_out(set: &TrainingSet, predictions: &[surrogate::Prediction]) -> Vec<Prediction> {
    let pairs = set.cells.iter().zip(&set.values).zip(predictions);
    let beside = |((cell, measured), prediction): ((&Cell, &f32), &surrogate::Prediction)| {
        Some(Prediction { cell: *cell, predicted: accuracy(prediction.mean)?, measured: accuracy(*measured)? })
    };
    pairs.filter_map(beside).collect()
}

/// Fits, saves and assesses the judge; `None` if the cells, or those of some fold, cannot be told apart.
fn judge_cells(folds: &Folds, features: &Features, folder: &Path) -> Result<Option<(RuleClassifier, ClassifierQuality)>, Error> {
    let Folds { set, .. } = folds;
    let rows = features.rows(&set.cells)?;
    let attempt = || {
        let promising = rule_classifier::best(&set.values, rule_classifier::PROMISING)?;
        let quality = cross_validate_classifier(&rows, features.names(), &set.hashes, &promising, folds.count, folds.seed)?;
        Ok((StoredClassifier::fit(set, features.clone(), &rows)?, quality))
    };
    let (stored, quality) = match attempt() {
        Ok(judged) => judged,
        Err(surrogate::Error::OneClass { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    stored.save(&folder.join(format!("{}.json", rule_classifier::NAME)))?;
    Ok(Some((stored.classifier, quality)))
}
