//! The trials of searches, as a Parquet file that stands beside a benchmark.

use std::path::Path;

use arrow::datatypes::{Float32Type, Float64Type, UInt16Type, UInt32Type, UInt64Type};

use super::Error;
use super::column::primitive;
use super::writer::{begins_with, cell_columns, texts, write_columns};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// One trial of one search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialRow<'a> {
    /// The algorithm that proposed it.
    pub algorithm: &'a str,
    /// The oracle that answered: `surrogate:random-forest` predicts, it does not measure.
    pub oracle: &'a str,
    /// The seed of the search.
    pub seed: Seed,
    /// The position in the search, from 1.
    pub evaluation: u32,
    /// The cell.
    pub cell: Cell,
    /// The budget.
    pub epochs: Epochs,
    /// The answer of the oracle; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// The cost by the oracle; `None` if it is unknown.
    pub training_time: Option<Seconds>,
}

/// Returns whether a file holds trials, as [`write_trials`] writes them. A file that cannot be read does not.
#[must_use]
pub fn holds_trials(file: &Path) -> bool {
    begins_with(file, &["algorithm", "oracle", "search_seed", "evaluation"])
}

/// Writes trials to a Parquet file, in their order; one that was there is replaced.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
///
/// # Panics
///
/// Never: the columns have one length.
pub fn write_trials(file: &Path, trials: &[TrialRow<'_>]) -> Result<(), Error> {
    let cells: Vec<Cell> = trials.iter().map(|trial| trial.cell).collect();
    let [hashes, adjacencies, operations] = cell_columns(&cells);
    let columns = [
        ("algorithm", texts(trials, |trial| trial.algorithm.to_owned())),
        ("oracle", texts(trials, |trial| trial.oracle.to_owned())),
        ("search_seed", primitive::<UInt64Type, _>(trials, |trial| Some(trial.seed.0))),
        ("evaluation", primitive::<UInt32Type, _>(trials, |trial| Some(trial.evaluation))),
        hashes,
        adjacencies,
        operations,
        ("epochs", primitive::<UInt16Type, _>(trials, |trial| Some(trial.epochs.0))),
        ("validation_accuracy", primitive::<Float32Type, _>(trials, |trial| trial.validation_accuracy.map(Accuracy::fraction))),
        ("training_time", primitive::<Float64Type, _>(trials, |trial| trial.training_time.map(|time| time.0))),
    ];
    write_columns(file, columns, &["validation_accuracy", "training_time"])
}
