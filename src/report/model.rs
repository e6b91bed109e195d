//! The parts of a [`Report`](super::Report): results of other modules as they are, and what a run adds.

use std::collections::HashSet;

use crate::dataset::Sizes;
use crate::engine::Device;
use crate::print;
use crate::search::{History, Trial};
use crate::space::Cell;
use crate::statistics::Estimate;
use crate::surrogate::quality::{ClassifierQuality, Quality, Summary};
use crate::surrogate::rule_classifier::RuleClassifier;
use crate::table::{BetweenBudgets, Dataset, Timestamp};
use crate::train::Protocol;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};
use crate::verify::{Role, Verification, Verified};

/// What was run, on which data and machine, and how long it took.
#[derive(Clone, Debug)]
pub struct Header {
    /// The heading of the page.
    pub title: String,
    /// The command line that repeats the run.
    pub command: String,
    /// The source of every random number of the run.
    pub seed: Seed,
    /// The data set as used.
    pub dataset: Dataset,
    /// The number of images of each split.
    pub images: Sizes,
    /// How cells are trained.
    pub protocol: Protocol,
    /// The device that trained.
    pub device: Device,
    /// The model of the processor; `None` where the system does not tell.
    pub processor: Option<&'static str>,
    /// The number of cores.
    pub cores: usize,
    /// When the run started.
    pub started: Timestamp,
    /// The stages of the run, in order.
    pub stages: Vec<Stage>,
}

/// One stage of the run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name: `enumerate`, `train and record`, `fit`, …
    pub name: String,
    /// The time that it took.
    pub wall: Seconds,
}

/// The cells trained for the benchmark.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Which cells were trained, in words: `all cells of at most 4 vertices`.
    pub space: String,
    /// The largest budget, at which the accuracies of `cells` were reached; `None` if nothing was recorded.
    pub budget: Option<Epochs>,
    /// The cells, in any order.
    pub cells: Vec<RecordedCell>,
    /// The rows of the table, by budget.
    pub rows: Vec<RowCount>,
    /// How well two trainings of the same cell agree, by budget.
    pub repeats: Vec<RepeatAgreement>,
    /// How well a small budget ranks the cells as a larger one does.
    pub budgets: Vec<BetweenBudgets>,
}

/// A trained cell.
#[derive(Clone, Debug)]
pub struct RecordedCell {
    /// The cell.
    pub cell: Cell,
    /// Its trainable parameters in the protocol's network.
    pub parameters: Parameters,
    /// The cost of one image in the protocol's network.
    pub flops: Flops,
    /// The final validation accuracy of each repeat at the largest budget; `None` where the training diverged.
    pub repeats: Vec<Option<Accuracy>>,
    /// The mean final validation accuracy over the repeats; `None` if there is none.
    pub validation: Option<Accuracy>,
    /// The mean final test accuracy over the repeats; `None` if there is none.
    pub test: Option<Accuracy>,
}

/// The number of trainings of one budget by how they ended.
#[derive(Clone, Copy, Debug)]
pub struct RowCount {
    /// The budget.
    pub epochs: Epochs,
    /// Trainings that reached their end.
    pub ok: usize,
    /// Trainings whose loss was not finite.
    pub diverged: usize,
    /// Trainings that could not be done.
    pub failed: usize,
}

impl RowCount {
    /// All rows of the budget.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.ok + self.diverged + self.failed
    }
}

/// How well two trainings of the same cell agree at one budget.
#[derive(Clone, Copy, Debug)]
pub struct RepeatAgreement {
    /// The budget.
    pub epochs: Epochs,
    /// The cells compared.
    pub cells: usize,
    /// The linear correlation between repeat 0 and repeat 1.
    pub pearson: Option<Estimate>,
    /// The rank correlation between repeat 0 and repeat 1.
    pub spearman: Option<Estimate>,
    /// The standard deviation of one training around its cell's mean, as a fraction.
    pub noise: Option<f64>,
}

/// How well the surrogates predict cells they have not seen.
#[derive(Clone, Debug, Default)]
pub struct Surrogates {
    /// The kind of cross-validation, in words: `5 folds, grouped by cell hash`.
    pub validation: String,
    /// The models by name, and how good they are on held-out cells; the first one is asked.
    pub models: Vec<(&'static str, Quality)>,
    /// The same of the sizes of the cells, with nothing fitted.
    pub sizes: Vec<(&'static str, Quality)>,
    /// The predictions of the forest for each recorded cell while the cell was held out.
    pub held_out: Vec<Prediction>,
    /// The tree whose rules a person can read, and how good it is on held-out cells.
    pub judge: Option<(RuleClassifier, ClassifierQuality)>,
    /// How many of the searched cells are of other sizes than those of the fit, in words; `None` if none is.
    pub outside: Option<String>,
}

/// The predicted and the measured accuracy of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Prediction {
    /// The cell.
    pub cell: Cell,
    /// The validation accuracy that the surrogate expects.
    pub predicted: Accuracy,
    /// The mean validation accuracy that was measured.
    pub measured: Accuracy,
}

/// One run of one search algorithm on the surrogate.
#[derive(Clone, Debug)]
pub struct SearchRun {
    /// Its trials.
    pub history: History,
    /// What the algorithm does, in one line.
    pub about: &'static str,
    /// The time that it took.
    pub wall: Seconds,
}

/// A point of a search: from this evaluation on, `cell` was the best one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The evaluation, counted from 1.
    pub(super) evaluation: usize,
    pub(super) cell: Cell,
    /// The accuracy that the surrogate predicts of it.
    pub(super) predicted: Accuracy,
}

impl SearchRun {
    /// The evaluations at which the best predicted accuracy rose, ascending.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |(position, trial): (usize, Trial)| {
            let predicted = trial.measurement.validation_accuracy?;
            Some(Step { evaluation: position + 1, cell: trial.cell(), predicted })
        };
        self.history.incumbents().into_iter().filter_map(step).collect()
    }

    /// The number of different cells that it asked about.
    pub(super) fn distinct_cells(&self) -> usize {
        self.history.trials.iter().map(|trial| trial.candidate.architecture.fingerprint()).collect::<HashSet<_>>().len()
    }
}

/// Prints a measure over folds, its mean and its deviation as `text` has them.
pub(super) fn over_folds(measure: Option<Summary>, text: fn(f64) -> String) -> String {
    measure.map_or_else(print::nothing, |measure| mean_and_deviation(&text(measure.mean), measure.standard_deviation.map(text)))
}

/// Joins a mean and its deviation, if there is one.
pub(super) fn mean_and_deviation(mean: &str, deviation: Option<String>) -> String {
    deviation.map_or_else(|| mean.to_owned(), |deviation| format!("{mean} ± {deviation}"))
}

impl Records {
    /// The recorded cells that have an accuracy, the best first; of equals the smaller, then the lower hash.
    pub(super) fn ranked(&self) -> Vec<(&RecordedCell, Accuracy)> {
        let mut ranked: Vec<_> = self.cells.iter().filter_map(|cell| Some((cell, cell.validation?))).collect();
        ranked.sort_by_cached_key(|(cell, validation)| {
            (std::cmp::Reverse(validation.fraction().to_bits()), cell.parameters, cell.cell.hash())
        });
        ranked
    }

    /// The best recorded cell.
    pub(super) fn best(&self) -> Option<(&RecordedCell, Accuracy)> {
        self.ranked().into_iter().next()
    }

    /// All rows of all budgets.
    pub(super) fn row_count(&self) -> usize {
        self.rows.iter().map(RowCount::total).sum()
    }
}

impl Verification {
    /// The cells of a role, the best measured first; cells without a measurement last.
    pub(super) fn of_role(&self, role: Role) -> Vec<&Verified> {
        let mut cells: Vec<_> = self.cells.iter().filter(|verified| verified.role == role).collect();
        cells.sort_by_key(|verified| std::cmp::Reverse(verified.measured.map(|accuracy| accuracy.fraction().to_bits())));
        cells
    }
}
