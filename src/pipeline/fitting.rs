//! The stage that fits: a forest and a support vector regression of the accuracy, a forest of the training time, a judge;
//! and what cross-validation says of them.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::recorded::Measured;
use crate::network::{Size, Skeleton};
use crate::report::{Judge, Prediction, Spread, SurrogateQuality, Surrogates};
use crate::space::{Cell, ModuleHash, Space};
use crate::surrogate::features::{READABLE, STANDARD};
use crate::surrogate::quality::{self, Summary, cross_validate, cross_validate_judge, cross_validate_scores};
use crate::surrogate::store::StoredJudge;
use crate::surrogate::{self, Features, FittedRange, Model, Noise, Quantity, Rows, SURROGATES, Target, judge};
use crate::table::Identity;
use crate::unit::{Accuracy, Epochs, Seed};

/// The surrogate that searches ask.
const ORACLE: &str = "random-forest";
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

/// What the models learn from: one row per cell that has an accuracy.
struct Lesson {
    cells: Vec<Cell>,
    hashes: Vec<ModuleHash>,
    features: Features,
    rows: Rows,
    /// What the judge sees, whose rules a person reads.
    readable: Features,
    readable_rows: Rows,
    accuracies: Vec<f32>,
    /// The accuracies that these are the means of.
    repeats: Vec<Vec<f64>>,
    times: Vec<f32>,
}

impl Lesson {
    fn of(recorded: &[Measured], skeleton: Skeleton, space: &Space) -> Result<Self, Error> {
        let learned: Vec<_> = recorded
            .iter()
            .filter_map(|measured| Some((measured, measured.row.validation?.fraction(), measured.training_time?.0)))
            .collect();
        let cells: Vec<_> = learned.iter().map(|(measured, ..)| measured.row.cell).collect();
        #[expect(clippy::cast_possible_truncation, reason = "a prediction needs no more than seven digits")]
        let times = learned.iter().map(|(.., time)| *time as f32).collect();
        let features = |encodings: &[&str]| Ok::<_, Error>(Features::new(encodings, space)?.with_skeleton(skeleton));
        let (features, readable) = (features(STANDARD)?, features(READABLE)?);
        Ok(Self {
            hashes: learned.iter().map(|(measured, ..)| measured.hash).collect(),
            rows: features.rows(&cells)?,
            readable_rows: readable.rows(&cells)?,
            features,
            readable,
            accuracies: learned.iter().map(|(_, accuracy, _)| *accuracy).collect(),
            repeats: learned
                .iter()
                .map(|(measured, ..)| measured.judged.iter().map(|accuracy| accuracy.fraction().into()).collect())
                .collect(),
            times,
            cells,
        })
    }

    fn folds(&self) -> usize {
        FOLDS.min(self.cells.len())
    }
}

/// Fits, assesses and saves the models, which keep the identity of the benchmark.
pub(super) fn fit(
    recorded: &[Measured],
    skeleton: Skeleton,
    space: &Space,
    epochs: Epochs,
    seed: Seed,
    (folder, benchmark): (&Path, Identity),
) -> Result<Fitted, Error> {
    let lesson = Lesson::of(recorded, skeleton, space)?;
    let ended_well = recorded.iter().filter(|measured| measured.row.repeats.iter().any(Option::is_some)).count();
    if ended_well < FOLDS {
        return Err(Error::TooFewAccuracies { found: ended_well, cells: recorded.len(), expected: FOLDS });
    }
    fs_err::create_dir_all(folder)?;
    let target = |quantity| Target { quantity, epochs };
    let fit = |name: &str, quantity, values: &[f32]| -> Result<Model, Error> {
        let Lesson { features, rows, cells, .. } = &lesson;
        Ok(Model::fit(surrogate::find(name)?, target(quantity), features, rows, cells, values, seed.derive(name))?)
    };
    let time = Arc::new(fit(ORACLE, Quantity::TrainingTime, &lesson.times)?);
    // A file with both models answers a search by itself.
    let fit_accuracy = |name: &str| -> Result<Model, Error> {
        let model = fit(name, Quantity::ValidationAccuracy, &lesson.accuracies)?;
        let predicted: Vec<f32> = model.predict(&lesson.rows)?.iter().map(|prediction| prediction.mean).collect();
        let model = model
            .with_noise(Noise::of_repeats(&predicted, &lesson.repeats))
            .with_benchmark(Some(benchmark.to_string()))
            .with_time(time.clone())?;
        model.save(&folder.join(format!("{name}.json")))?;
        Ok(model)
    };
    let mut quality =
        Surrogates { validation: format!("{} folds, grouped by cell hash", lesson.folds()), ..Surrogates::default() };
    for entry in SURROGATES.iter().filter(|entry| entry.name != ORACLE) {
        fit_accuracy(entry.name)?;
    }
    for entry in SURROGATES {
        let accuracies = (Quantity::ValidationAccuracy, lesson.accuracies.as_slice());
        let assessed = cross_validate(entry, &lesson.rows, &lesson.hashes, accuracies, lesson.folds(), seed.derive("folds"))?;
        if entry.name == ORACLE {
            quality.held_out = held_out(&lesson, &assessed.predictions);
        }
        quality.models.push(summarised(entry.name, &assessed));
    }
    for size in [Size::Flops, Size::Parameters] {
        let sizes = size.measure_all(&lesson.cells);
        let accuracies = (Quantity::ValidationAccuracy, lesson.accuracies.as_slice());
        let assessed = cross_validate_scores(&sizes, &lesson.hashes, accuracies, lesson.folds(), seed.derive("folds"))?;
        quality.sizes.push(summarised(size.name(), &assessed));
    }
    quality.judge = judge_cells(&lesson, target(Quantity::ValidationAccuracy), seed, folder)?;
    let accuracy = fit_accuracy(ORACLE)?;
    Ok(Fitted { accuracy: Arc::new(accuracy), time, quality })
}

fn held_out(lesson: &Lesson, predictions: &[surrogate::Prediction]) -> Vec<Prediction> {
    let pairs = lesson.cells.iter().zip(&lesson.accuracies).zip(predictions);
    let beside = |((cell, measured), prediction): ((&Cell, &f32), &surrogate::Prediction)| {
        Some(Prediction { cell: *cell, predicted: accuracy(prediction.mean)?, measured: accuracy(*measured)? })
    };
    pairs.filter_map(beside).collect()
}

fn summarised(name: &str, assessed: &quality::Quality) -> SurrogateQuality {
    let spread =
        |summary: Option<Summary>| summary.map(|Summary { mean, standard_deviation: deviation, .. }| Spread { mean, deviation });
    SurrogateQuality {
        name: name.to_owned(),
        kendall: spread(assessed.kendall_tau),
        spearman: spread(assessed.spearman),
        r_squared: spread(assessed.r_squared),
        rmse: spread(assessed.rmse),
        top5_regret: spread(assessed.top_regret),
    }
}

/// Fits and assesses the judge; `None` if the cells, or those of some fold, cannot be told apart.
fn judge_cells(lesson: &Lesson, target: Target, seed: Seed, folder: &Path) -> Result<Option<Judge>, Error> {
    let (names, rows) = (lesson.readable.names(), &lesson.readable_rows);
    let attempt = || {
        let promising = judge::best(&lesson.accuracies, judge::PROMISING)?;
        let judge = judge::Judge::fit(rows, names, &promising)?;
        let quality = cross_validate_judge(rows, names, &lesson.hashes, &promising, lesson.folds(), seed.derive("folds"))?;
        Ok((judge, quality))
    };
    let (judge, quality) = match attempt() {
        Ok(judged) => judged,
        Err(surrogate::Error::OneClass { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (features, training_cells) = (lesson.readable.clone(), lesson.hashes.clone());
    let fitted_range = FittedRange::of(&lesson.cells);
    let stored = StoredJudge { judge, target, features, training_cells, fitted_range };
    stored.save(&folder.join(format!("{}.json", judge::NAME)))?;
    Ok(Some(Judge {
        question: format!("Is this cell among the best {:.0} %?", judge::PROMISING * 100.0),
        rules: stored.judge.to_string(),
        precision: quality.precision(),
        recall: quality.recall(),
        base_rate: quality.base_rate().unwrap_or_default(),
    }))
}
