//! The parts of a report: plain values, filled in by the pipeline.

use crate::print;
use crate::space::{Cell, Operation};
use crate::statistics::Estimate;
use crate::table::BetweenBudgets;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};
use crate::verify::{Role, Verification, Verified};

/// What was run, on which data and machine, and how long it took.
#[derive(Clone, Debug)]
pub struct Header {
    /// The heading of the page.
    pub title: String,
    /// The command line that repeats the run.
    pub command: String,
    /// Where all random numbers of the run start.
    pub seed: Seed,
    /// The images.
    pub dataset: DataSet,
    /// How cells are trained.
    pub protocol: Protocol,
    /// What computed.
    pub machine: Machine,
    /// The version of this tool.
    pub tool_version: String,
    /// When the run started, as it shall be printed.
    pub started: String,
    /// The stages of the run, in order.
    pub stages: Vec<Stage>,
}

/// The images of a run.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// The name, as in the registry.
    pub name: String,
    /// Images to train on.
    pub train_images: usize,
    /// Images that validation accuracies are measured on.
    pub validation_images: usize,
    /// Images that test accuracies are measured on.
    pub test_images: usize,
    /// The digest of the data set as used, in hex.
    pub sha256: String,
}

/// How cells are trained.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// The name, as in the registry.
    pub name: String,
    /// What it says, as pairs of a name and a value.
    pub lines: Vec<(String, String)>,
}

/// What computed.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The device that trained, as in the registry.
    pub device: String,
    /// The model of the processor; `None` where the system does not tell.
    pub cpu: Option<String>,
    /// The cores used.
    pub cores: usize,
}

/// One stage of the run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name: `enumerate`, `train and record`, `fit`, …
    pub name: String,
    /// How long it took.
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

/// How many trainings of one budget ended how.
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
    /// How the measures were taken, in words: `5 folds, grouped by cell hash`.
    pub validation: String,
    /// The models; the first one is asked.
    pub models: Vec<SurrogateQuality>,
    /// What the sizes of the cells say of the same cells with nothing fitted.
    pub sizes: Vec<SurrogateQuality>,
    /// What the forest said of each recorded cell while the cell was held out.
    pub held_out: Vec<Prediction>,
    /// The tree that a person can read.
    pub judge: Option<Judge>,
    /// How many of the searched cells are of other sizes than those of the fit, in words; `None` if none is.
    pub outside: Option<String>,
}

/// The measures of one surrogate on held-out cells; `None` where a measure is not defined.
#[derive(Clone, Debug)]
pub struct SurrogateQuality {
    /// The name, as in the registry.
    pub name: String,
    /// Kendall's rank correlation.
    pub kendall: Option<Spread>,
    /// Spearman's rank correlation.
    pub spearman: Option<Spread>,
    /// The coefficient of determination.
    pub r_squared: Option<Spread>,
    /// The root mean squared error, as a fraction.
    pub rmse: Option<Spread>,
    /// How far the best of the five cells predicted best stays behind the best cell, as a fraction.
    pub top5_regret: Option<Spread>,
}

/// A mean over folds or seeds and how far the values lie from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation; `None` of a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    /// With three decimals.
    pub(super) fn plain(spread: Option<Self>) -> String {
        Self::text(spread, |value| print::plain(Some(value)), |deviation| format!("{deviation:.3}"))
    }

    /// Of fractions, as percentages.
    pub(super) fn percent(spread: Option<Self>) -> String {
        Self::text(spread, print::percent, print::percent)
    }

    fn text(spread: Option<Self>, mean: fn(f64) -> String, deviation: fn(f64) -> String) -> String {
        spread.map_or_else(print::nothing, |spread| with_deviation(&mean(spread.mean), spread.deviation.map(deviation)))
    }
}

/// A mean and its deviation as they are.
pub(super) fn with_deviation(mean: &str, deviation: Option<String>) -> String {
    deviation.map_or_else(|| mean.to_owned(), |deviation| format!("{mean} ± {deviation}"))
}

/// What was predicted of a cell and what was measured.
#[derive(Clone, Copy, Debug)]
pub struct Prediction {
    /// The cell.
    pub cell: Cell,
    /// The validation accuracy that the surrogate expects.
    pub predicted: Accuracy,
    /// The mean validation accuracy that was measured.
    pub measured: Accuracy,
}

/// A tree that says whether a cell is promising, in rules that a person can read.
#[derive(Clone, Debug)]
pub struct Judge {
    /// What it decides, in words: `is the cell among the best 20 %?`
    pub question: String,
    /// The rules, one a line, as they shall be printed.
    pub rules: String,
    /// Of the held-out cells that it calls promising, the fraction that is.
    pub precision: Option<f64>,
    /// Of the held-out cells that are promising, the fraction that it calls so.
    pub recall: Option<f64>,
    /// The fraction of all cells that is promising: the precision of guessing.
    pub base_rate: f64,
}

/// One run of one search algorithm.
#[derive(Clone, Debug)]
pub struct SearchRun {
    /// The name, as in the registry.
    pub name: String,
    /// What the algorithm does, in one line.
    pub about: String,
    /// The evaluations at which the best predicted accuracy rose, ascending.
    pub trajectory: Vec<Step>,
    /// How often the surrogate was asked.
    pub evaluations: usize,
    /// How many different cells it was asked about.
    pub distinct_cells: usize,
    /// How long the run took.
    pub wall: Seconds,
    /// The cell predicted best; `None` if the run found none.
    pub best: Option<Cell>,
}

/// A point of a trajectory: from this evaluation on, `best` was the best accuracy seen.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The evaluation, counted from 1.
    pub evaluation: usize,
    /// The best predicted accuracy so far.
    pub best: Accuracy,
}

/// Which kinds of operations a cell has: what the plots colour cells by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Makeup {
    /// At least one 3×3 convolution.
    Conv3x3,
    /// Convolutions, all of them 1×1.
    Conv1x1,
    /// No convolution of its own.
    NoConvolution,
}

impl Makeup {
    pub(super) const ALL: [Self; 3] = [Self::Conv3x3, Self::Conv1x1, Self::NoConvolution];

    pub(super) fn of(cell: Cell) -> Self {
        let has = |wanted| cell.operations().any(|operation| operation == wanted);
        if has(Operation::Conv3x3) {
            Self::Conv3x3
        } else if has(Operation::Conv1x1) {
            Self::Conv1x1
        } else {
            Self::NoConvolution
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Conv3x3 => "with a 3×3 convolution",
            Self::Conv1x1 => "with 1×1 convolutions only",
            Self::NoConvolution => "without a convolution",
        }
    }
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
