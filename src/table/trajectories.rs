//! The incumbents of many searches, as a Parquet file.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array};

use super::Error;
use super::writer::write_batch;
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// A moment of a search at which its incumbent changed.
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
    /// How many trials there had been, this one included.
    pub trial: u32,
    /// What they had cost, in full trainings.
    pub evaluations: f64,
    /// What they had cost, in simulated time.
    pub time: Seconds,
    /// The new incumbent.
    pub cell: Cell,
    /// The budget at which the search saw it.
    pub epochs: Epochs,
    /// What the search saw; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// How far the incumbent truly is from the best cell.
    pub regret: f64,
    /// What the whole run cost, in full trainings.
    pub all_evaluations: f64,
    /// What the whole run cost, in simulated time.
    pub all_time: Seconds,
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
    let counts = |value: fn(&TrajectoryRow<'_>) -> u32| -> ArrayRef { Arc::new(rows.iter().map(value).collect::<UInt32Array>()) };
    let cells: Vec<Cell> = rows.iter().map(|row| row.cell).collect();
    let hashes: StringArray = Cell::hashes(&cells).iter().map(|hash| Some(hash.to_string())).collect();
    let fraction = |row: &TrajectoryRow<'_>| row.validation_accuracy.map(Accuracy::fraction);
    let columns: [(&str, ArrayRef); 16] = [
        ("task", texts(|row| row.task.to_owned())),
        ("algorithm", texts(|row| row.algorithm.to_owned())),
        ("options", texts(|row| row.options.to_owned())),
        ("run", counts(|row| row.run)),
        ("search_seed", Arc::new(rows.iter().map(|row| row.seed.0).collect::<UInt64Array>())),
        ("trial", counts(|row| row.trial)),
        ("evaluations", numbers(|row| row.evaluations)),
        ("simulated_seconds", numbers(|row| row.time.0)),
        ("module_hash", Arc::new(hashes)),
        ("module_adjacency", texts(|row| row.cell.adjacency_text())),
        ("module_operations", texts(|row| row.cell.operations_text())),
        ("epochs", Arc::new(rows.iter().map(|row| row.epochs.0).collect::<UInt16Array>())),
        ("validation_accuracy", Arc::new(rows.iter().map(fraction).collect::<Float32Array>())),
        ("regret", numbers(|row| row.regret)),
        ("run_evaluations", numbers(|row| row.all_evaluations)),
        ("run_simulated_seconds", numbers(|row| row.all_time.0)),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, name == "validation_accuracy")));
    write_batch(file, &batch.expect("columns of one length"))
}
