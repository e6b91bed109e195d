//! The trials of searches, as a Parquet file that stands beside a benchmark.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array};

use super::Error;
use super::writer::{begins_with, cell_columns, write_batch};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// One trial of one search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialRow<'a> {
    /// The algorithm that proposed it.
    pub algorithm: &'a str,
    /// What answered: `surrogate:random-forest` predicts, it does not measure.
    pub oracle: &'a str,
    /// The seed of the search.
    pub seed: Seed,
    /// The position in the search, from 1.
    pub evaluation: u32,
    /// What was asked.
    pub cell: Cell,
    /// At which budget.
    pub epochs: Epochs,
    /// What the oracle said; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// What the oracle said it costs; `None` if it does not know.
    pub training_time: Option<Seconds>,
}

/// Whether a file holds trials, as [`write_trials`] writes them. A file that cannot be read does not.
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
    let texts = |value: fn(&TrialRow<'_>) -> String| -> ArrayRef {
        Arc::new(trials.iter().map(|trial| Some(value(trial))).collect::<StringArray>())
    };
    let cells: Vec<Cell> = trials.iter().map(|trial| trial.cell).collect();
    let [hashes, adjacencies, operations] = cell_columns(&cells);
    let fraction = |trial: &TrialRow<'_>| trial.validation_accuracy.map(Accuracy::fraction);
    let columns: [(&str, ArrayRef); 10] = [
        ("algorithm", texts(|trial| trial.algorithm.to_owned())),
        ("oracle", texts(|trial| trial.oracle.to_owned())),
        ("search_seed", Arc::new(trials.iter().map(|trial| trial.seed.0).collect::<UInt64Array>())),
        ("evaluation", Arc::new(trials.iter().map(|trial| trial.evaluation).collect::<UInt32Array>())),
        hashes,
        adjacencies,
        operations,
        ("epochs", Arc::new(trials.iter().map(|trial| trial.epochs.0).collect::<UInt16Array>())),
        ("validation_accuracy", Arc::new(trials.iter().map(fraction).collect::<Float32Array>())),
        ("training_time", Arc::new(trials.iter().map(|trial| trial.training_time.map(|time| time.0)).collect::<Float64Array>())),
    ];
    let nullable = ["validation_accuracy", "training_time"];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, nullable.contains(&name))));
    write_batch(file, &batch.expect("columns of one length"))
}
