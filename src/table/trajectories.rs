//! The incumbents of many searches, as a Parquet file.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array};
use serde::{Deserialize, Serialize};

use super::Error;
use super::writer::{begins_with, cell_columns, write_batch};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// A moment of a search at which its incumbent changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incumbent {
    /// How many trials there had been, this one included.
    pub trial: u32,
    /// What they had cost: full trainings, shorter ones counting by their epochs.
    pub evaluations: f64,
    /// What they had cost in simulated time; `None` if nobody knows.
    pub time: Option<Seconds>,
    /// The new incumbent: the best cell by what the search saw.
    pub cell: Cell,
    /// The budget at which the search saw it.
    pub epochs: Epochs,
    /// What the search saw; `None` if the training diverged, as only the first incumbent of a run can.
    pub validation_accuracy: Option<Accuracy>,
    /// How far the cell truly is from the best one at the full budget; no search sees it.
    pub regret: f64,
}

/// An incumbent, and of which run it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryRow<'a> {
    /// What was searched.
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
    /// What the whole run cost, in full trainings.
    pub all_evaluations: f64,
    /// What the whole run cost, in simulated time; `None` if nobody knows.
    pub all_time: Option<Seconds>,
}

/// Whether a file holds trajectories, as [`write_trajectories`] writes them. A file that cannot be read does not.
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
    let texts = |value: fn(&TrajectoryRow<'_>) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(value(row))).collect::<StringArray>())
    };
    let numbers =
        |value: fn(&TrajectoryRow<'_>) -> f64| -> ArrayRef { Arc::new(rows.iter().map(value).collect::<Float64Array>()) };
    let times = |value: fn(&TrajectoryRow<'_>) -> Option<Seconds>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| value(row).map(|time| time.0)).collect::<Float64Array>())
    };
    let counts = |value: fn(&TrajectoryRow<'_>) -> u32| -> ArrayRef { Arc::new(rows.iter().map(value).collect::<UInt32Array>()) };
    let cells: Vec<Cell> = rows.iter().map(|row| row.incumbent.cell).collect();
    let [hashes, adjacencies, operations] = cell_columns(&cells);
    let fraction = |row: &TrajectoryRow<'_>| row.incumbent.validation_accuracy.map(Accuracy::fraction);
    let columns: [(&str, ArrayRef); 16] = [
        ("task", texts(|row| row.task.to_owned())),
        ("algorithm", texts(|row| row.algorithm.to_owned())),
        ("options", texts(|row| row.options.to_owned())),
        ("run", counts(|row| row.run)),
        ("search_seed", Arc::new(rows.iter().map(|row| row.seed.0).collect::<UInt64Array>())),
        ("trial", counts(|row| row.incumbent.trial)),
        ("evaluations", numbers(|row| row.incumbent.evaluations)),
        ("simulated_seconds", times(|row| row.incumbent.time)),
        hashes,
        adjacencies,
        operations,
        ("epochs", Arc::new(rows.iter().map(|row| row.incumbent.epochs.0).collect::<UInt16Array>())),
        ("validation_accuracy", Arc::new(rows.iter().map(fraction).collect::<Float32Array>())),
        ("regret", numbers(|row| row.incumbent.regret)),
        ("run_evaluations", numbers(|row| row.all_evaluations)),
        ("run_simulated_seconds", times(|row| row.all_time)),
    ];
    let nullable = ["validation_accuracy", "simulated_seconds", "run_simulated_seconds"];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, nullable.contains(&name))));
    write_batch(file, &batch.expect("columns of one length"))
}
