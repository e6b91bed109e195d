//! The incumbents of many searches, as a Parquet file.

use std::path::Path;

use arrow::datatypes::{Float32Type, Float64Type, UInt16Type, UInt32Type, UInt64Type};
use serde::{Deserialize, Serialize};

use super::Error;
use super::column::primitive;
use super::writer::{begins_with, cell_columns, texts, write_columns};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// A change of the incumbent of a search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incumbent {
    /// The number of trials up to this one.
    pub trial: u32,
    /// The cost of these trials in full trainings; shorter ones count by their epochs.
    pub evaluations: f64,
    /// The cost of these trials in simulated time; `None` if it is unknown.
    pub time: Option<Seconds>,
    /// The new incumbent: the best cell that the search observed.
    pub cell: Cell,
    /// The budget at which the search observed it.
    pub epochs: Epochs,
    /// The observed accuracy; `None` if the training diverged, as only the first incumbent of a run can.
    pub validation_accuracy: Option<Accuracy>,
    /// The true distance to the best cell at the full budget, which no search sees.
    pub regret: f64,
}

/// An incumbent with its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryRow<'a> {
    /// The search task.
    pub task: &'a str,
    /// The algorithm.
    pub algorithm: &'a str,
    /// All its options, as JSON.
    pub options: &'a str,
    /// The number of the run, from 0.
    pub run: u32,
    /// The seed of the search.
    pub seed: Seed,
    /// The incumbent.
    pub incumbent: &'a Incumbent,
    /// The cost of the whole run in full trainings.
    pub all_evaluations: f64,
    /// The cost of the whole run in simulated time; `None` if it is unknown.
    pub all_time: Option<Seconds>,
}

/// Returns whether a file holds trajectories, as [`write_trajectories`] writes them. A file that cannot be read does not.
#[must_use]
pub fn holds_trajectories(file: &Path) -> bool {
    begins_with(file, &["task", "algorithm", "options", "run"])
}

/// Writes trajectories to a Parquet file, in their order; one that was there is replaced.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
///
/// # Panics
///
/// Never: the columns have one length.
pub fn write_trajectories(file: &Path, rows: &[TrajectoryRow<'_>]) -> Result<(), Error> {
    let cells: Vec<Cell> = rows.iter().map(|row| row.incumbent.cell).collect();
    let [hashes, adjacencies, operations] = cell_columns(&cells);
    let columns = [
        ("task", texts(rows, |row| row.task.to_owned())),
        ("algorithm", texts(rows, |row| row.algorithm.to_owned())),
        ("options", texts(rows, |row| row.options.to_owned())),
        ("run", primitive::<UInt32Type, _>(rows, |row| Some(row.run))),
        ("search_seed", primitive::<UInt64Type, _>(rows, |row| Some(row.seed.0))),
        ("trial", primitive::<UInt32Type, _>(rows, |row| Some(row.incumbent.trial))),
        ("evaluations", primitive::<Float64Type, _>(rows, |row| Some(row.incumbent.evaluations))),
        ("simulated_seconds", primitive::<Float64Type, _>(rows, |row| row.incumbent.time.map(|time| time.0))),
        hashes,
        adjacencies,
        operations,
        ("epochs", primitive::<UInt16Type, _>(rows, |row| Some(row.incumbent.epochs.0))),
        (
            "validation_accuracy",
            primitive::<Float32Type, _>(rows, |row| row.incumbent.validation_accuracy.map(Accuracy::fraction)),
        ),
        ("regret", primitive::<Float64Type, _>(rows, |row| Some(row.incumbent.regret))),
        ("run_evaluations", primitive::<Float64Type, _>(rows, |row| Some(row.all_evaluations))),
        ("run_simulated_seconds", primitive::<Float64Type, _>(rows, |row| row.all_time.map(|time| time.0))),
    ];
    write_columns(file, columns, &["validation_accuracy", "simulated_seconds", "run_simulated_seconds"])
}
