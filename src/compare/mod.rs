//! Compares search algorithms: many runs of each on one task or several, judged by what no search may see.
//!
//! [`run()`] owns the runs, [`GroundTruth`] knows how good the cells truly are, and [`Summary`] says how the algorithms differ, and
//! how sure that is. A new statistic is one function, with its source in its documentation, and one field of the summary.

mod aggregate;
mod checklist;
mod cluster;
mod conditions;
mod curve;
mod deconvolution;
mod evoxbench;
mod found;
mod hypervolume;
mod interval;
mod judging;
mod noise;
mod outcome;
mod pair;
mod plan;
mod problem;
mod rank;
mod run;
mod run_log;
mod significance;
mod summary;
#[cfg(test)]
mod tests;
mod truth;

pub use aggregate::{Aggregate, OverallResult};
pub use checklist::{Item, checklist};
pub use cluster::Clusters;
pub use curve::{AnytimePoint, ExpectedRunningTime, Path, anytime, distribution, logarithmic_grid, reached, value_at};
pub use deconvolution::{Deconvolved, NoisyMean};
pub use evoxbench::evoxbench;
pub use found::{Attainment, FoundFronts};
pub use hypervolume::{ExactFront, Followed, FrontScale, REFERENCE};
pub use interval::{RESAMPLES, Resampled, interquartile_mean, interquartile_mean_interval, probability_larger_interval};
pub use judging::Judging;
pub use outcome::Outcome;
pub use pair::Pair;
pub use plan::{Competitor, Plan, Task};
pub use problem::{PROBLEMS, Problem, Published};
pub use rank::{FEWEST_TASKS, LEVEL, Ranks, rank};
pub use run::{Finished, Overhead, Run, run};
pub use significance::{Test, cliffs_delta, holm, mann_whitney, probability_larger, wilcoxon_signed_rank};
pub use summary::{AlgorithmResult, GOALS, Goal, OnTask, Summary};
pub use truth::{GroundTruth, Score, full_budget, set_up};

use std::io;
use std::path::PathBuf;

use crate::front::{self, MAX_EXACT_OBJECTIVES};
use crate::objective::{self, BrokenLimit, nearest_in_words};
use crate::search;
use crate::space::Cell;
use crate::surrogate;
use crate::unit::Epochs;

/// An error of a comparison.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to compare.
    #[error("{runs} runs of {competitors} algorithms on {tasks} tasks, expected at least 1 of each")]
    Nothing {
        /// How many algorithms there are.
        competitors: usize,
        /// How many tasks there are.
        tasks: usize,
        /// How many runs each has.
        runs: u32,
    },
    /// There are more runs than can be kept.
    #[error("{runs} runs of {competitors} algorithms on {tasks} tasks, expected at most {most} in all")]
    TooManyRuns {
        /// How many algorithms there are.
        competitors: usize,
        /// How many tasks there are.
        tasks: usize,
        /// How many runs each has.
        runs: u32,
        /// The most that all may have together.
        most: u64,
    },
    /// One algorithm was named twice with the same options.
    #[error("`{name}` is compared with itself: expected each algorithm once, or with other options")]
    Twice {
        /// Its name, with its options.
        name: String,
    },
    /// One task was given twice.
    #[error("`{first}` and `{second}` are the same task: expected each once")]
    TaskTwice {
        /// Its name.
        first: String,
        /// Its other name.
        second: String,
    },
    /// The options of an algorithm are no JSON object.
    #[error("the options of `{algorithm}` are `{found}`, expected a JSON object")]
    Options {
        /// The algorithm.
        algorithm: &'static str,
        /// What was given.
        found: serde_json::Value,
    },
    /// A search failed.
    #[error("could not run `{name}` on `{task}`")]
    Search {
        /// The algorithm, with its options.
        name: String,
        /// The task.
        task: String,
        /// Why not.
        source: Box<search::Error>,
    },
    /// Searches could not go on, as a program outside that ended; all others are finished and kept.
    #[error("{failed} of {of} runs failed; the others are kept, and the same command runs only these again")]
    Failed {
        /// How many.
        failed: usize,
        /// How many were to be made.
        of: usize,
        /// What the first one met.
        #[source]
        first: Box<Self>,
    },
    /// No cell has a score.
    #[error("no cell of the space has a test accuracy at {epochs} epochs, expected some to tell the regret by")]
    NoTruth {
        /// The budget.
        epochs: Epochs,
    },
    /// No cell keeps the limits.
    #[error("no cell keeps the limits{}", nearest.as_ref().map_or_else(String::new, |(cell, broken)| nearest_in_words(cell, broken)))]
    Limits {
        /// The cell that comes nearest, and the limits that it breaks.
        nearest: Option<(Cell, Vec<BrokenLimit>)>,
    },
    /// What a cell is worth is not known.
    #[error(transparent)]
    Objective(#[from] objective::Error),
    /// There are more objectives than an exact hypervolume can have.
    #[error(
        "an exact hypervolume of {found} objectives takes too long, expected at most {MAX_EXACT_OBJECTIVES}\n\
         hint: `--hypervolume monte-carlo` estimates it"
    )]
    ExactHypervolume {
        /// How many there are.
        found: usize,
    },
    /// The whole front lies beyond the reference point of a scale that was given.
    #[error(
        "none of the {cells} cells of the exact front is better than the reference point {reference} in each objective: the front has no \
         hypervolume on the scale of this problem, which is for another benchmark"
    )]
    NoHypervolume {
        /// The cells of the front.
        cells: usize,
        /// The reference point in each objective.
        reference: f64,
    },
    /// There is no front.
    #[error(transparent)]
    Front(#[from] front::Error),
    /// A model cannot judge the cells.
    #[error("could not predict what the cells are worth")]
    Model(#[from] surrogate::Error),
    /// A file holds something else than finished runs.
    #[error("`{}` is no file of finished runs of this version\nhint: another `--out` leaves it alone; delete it to begin anew", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// A file holds the runs of another comparison.
    #[error(
        "`{}` holds runs with {found}, expected {expected}\nhint: another `--out` keeps both comparisons; delete the file to begin anew",
        file.display()
    )]
    OtherConditions {
        /// The file.
        file: PathBuf,
        /// The conditions asked for, in words.
        expected: String,
        /// Those of the runs in the file.
        found: String,
    },
    /// Another process runs the same comparison.
    #[error("`{}` is in use by another process", file.display())]
    Locked {
        /// The file of its finished runs.
        file: PathBuf,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
}
