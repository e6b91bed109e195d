//! The stage that fits: a forest and a support vector regression of the accuracy, a forest of the training time, a judge;
//! and what cross-validation says of them.

use std::path::Path;
use std::sync::Arc;

use super::recorded::Measured;
use super::{Costs, Error};
use crate::report::{Judge, Prediction, Spread, SurrogateQuality, Surrogates};
use crate::space::{Cell, ModuleHash};
use crate::surrogate::quality::{self, Summary, cross_validate, cross_validate_judge};
use crate::surrogate::store::StoredJudge;
use crate::surrogate::{self, Model, Quantity, Rows, SURROGATES, Target, features, judge};
use crate::unit::{Accuracy, Epochs, Seed};

/// The surrogate that searches ask.
const ORACLE: &str = "random-forest";
/// The parts of a cross-validation, if there are as many cells.
const FOLDS: usize = 5;
/// The share of cells that the judge is to find.
const PROMISING: f64 = 0.2;

/// The fitted models.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) accuracy: Arc<Model>,
    pub(super) time: Arc<Model>,
    pub(super) quality: Surrogates,
}

impl Fitted {
    /// The accuracies that are expected of cells, in their order.
    pub(super) fn predict(&self, cells: &[Cell], costs: &Costs) -> Result<Vec<Option<Accuracy>>, Error> {
        let predictions = self.accuracy.predict(&rows_of(cells, costs))?;
        Ok(predictions.into_iter().map(|prediction| accuracy(prediction.mean)).collect())
    }
}

fn accuracy(predicted: f32) -> Option<Accuracy> {
    Accuracy::from_fraction(predicted.clamp(0.0, 1.0))
}

fn rows_of<'a>(cells: impl IntoIterator<Item = &'a Cell>, costs: &Costs) -> Rows {
    let costed: Vec<_> = cells.into_iter().map(|cell| costs.get(cell)).collect();
    features::rows(costed.iter().map(|(cell, cost)| (cell, *cost)))
}

/// What the models learn from: one row per cell that has an accuracy.
struct Lesson {
    cells: Vec<Cell>,
    hashes: Vec<ModuleHash>,
    rows: Rows,
    accuracies: Vec<f32>,
    times: Vec<f32>,
}

impl Lesson {
    fn of(recorded: &[Measured], costs: &Costs) -> Self {
        let learned: Vec<_> = recorded
            .iter()
            .filter_map(|measured| Some((measured, measured.row.validation?.fraction(), measured.training_time?.0)))
            .collect();
        let cells: Vec<_> = learned.iter().map(|(measured, ..)| measured.row.cell).collect();
        #[expect(clippy::cast_possible_truncation, reason = "a prediction needs no more than seven digits")]
        let times = learned.iter().map(|(.., time)| *time as f32).collect();
        Self {
            hashes: learned.iter().map(|(measured, ..)| measured.hash).collect(),
            rows: rows_of(&cells, costs),
            accuracies: learned.iter().map(|(_, accuracy, _)| *accuracy).collect(),
            times,
            cells,
        }
    }

    fn folds(&self) -> usize {
        FOLDS.min(self.cells.len())
    }
}

/// Fits, assesses and saves the models.
pub(super) fn fit(recorded: &[Measured], costs: &Costs, epochs: Epochs, seed: Seed, folder: &Path) -> Result<Fitted, Error> {
    let lesson = Lesson::of(recorded, costs);
    if lesson.cells.len() < FOLDS {
        return Err(Error::TooFewAccuracies { found: lesson.cells.len(), cells: recorded.len(), expected: FOLDS });
    }
    fs_err::create_dir_all(folder)?;
    let target = |quantity| Target { quantity, epochs };
    let fit = |name: &str, quantity, values: &[f32]| -> Result<Model, Error> {
        let model = Model::fit(surrogate::find(name)?, target(quantity), &lesson.rows, values, seed.derive(name))?;
        model.save(&folder.join(format!("{name}-{}.json", quantity_name(quantity))))?;
        Ok(model)
    };
    let mut quality =
        Surrogates { validation: format!("{} folds, grouped by cell hash", lesson.folds()), ..Surrogates::default() };
    for entry in SURROGATES.iter().filter(|entry| entry.name != ORACLE) {
        fit(entry.name, Quantity::ValidationAccuracy, &lesson.accuracies)?;
    }
    for entry in SURROGATES {
        let assessed =
            cross_validate(entry, &lesson.rows, &lesson.hashes, &lesson.accuracies, lesson.folds(), seed.derive("folds"))?;
        if entry.name == ORACLE {
            quality.held_out = held_out(&lesson, &assessed.predictions);
        }
        quality.models.push(summarised(entry.name, &assessed));
    }
    quality.judge = judge_cells(&lesson, target(Quantity::ValidationAccuracy), seed, folder)?;
    let accuracy = fit(ORACLE, Quantity::ValidationAccuracy, &lesson.accuracies)?;
    let time = fit(ORACLE, Quantity::TrainingTime, &lesson.times)?;
    Ok(Fitted { accuracy: Arc::new(accuracy), time: Arc::new(time), quality })
}

const fn quantity_name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::ValidationAccuracy => "validation-accuracy",
        Quantity::TrainingTime => "training-time",
    }
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
    let names = features::feature_names();
    let attempt = || {
        let promising = judge::best(&lesson.accuracies, PROMISING)?;
        let judge = judge::Judge::fit(&lesson.rows, names, &promising)?;
        let quality =
            cross_validate_judge(&lesson.rows, names, &lesson.hashes, &promising, lesson.folds(), seed.derive("folds"))?;
        Ok((judge, quality))
    };
    let (judge, quality) = match attempt() {
        Ok(judged) => judged,
        Err(surrogate::Error::OneClass { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stored = StoredJudge { judge, target, training_rows: lesson.cells.len() };
    stored.save(&folder.join(format!("{}.json", judge::NAME)))?;
    Ok(Some(Judge {
        question: format!("Is this cell among the best {:.0} %?", PROMISING * 100.0),
        rules: stored.judge.to_string(),
        precision: quality.precision(),
        recall: quality.recall(),
        base_rate: quality.base_rate().unwrap_or_default(),
    }))
}
