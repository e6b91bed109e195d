//! Exporting a benchmark as an official file.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, UInt16Type, UInt32Type};

use super::model::{Model, Writer};
use crate::file::replace;
use crate::interchange::Error;
use crate::table::column::{ADJACENCY, EVALUATIONS, HASH, OPERATIONS, STATUS};
use crate::table::merge_scan::Sorted;
use crate::table::status_scan::statuses;
use crate::table::{Benchmark, Part, Status};
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Parameters, Seconds};

/// The result of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The records of the file.
    pub written: u64,
    /// The rows that the format cannot represent.
    pub left_out: u64,
    /// The columns that those rows lack, and how many rows lack each.
    pub lacking: BTreeMap<&'static str, u64>,
    /// The trainings that diverged, for which the format has no mark.
    pub diverged: u64,
    /// How many of those are among the written records.
    pub diverged_written: u64,
}

impl Exported {
    /// Returns a line about what was left out and why; `None` if nothing was.
    #[must_use]
    pub fn left_out_text(&self) -> Option<String> {
        let lacking: Vec<_> = self.lacking.iter().map(|(column, rows)| format!("{column} ({rows})")).collect();
        (self.left_out > 0).then(|| format!("left out: {} rows, which lack {}", self.left_out, lacking.join(", ")))
    }

    /// Returns a line about trainings that diverged; `None` if none did.
    #[must_use]
    pub fn diverged_text(&self) -> Option<String> {
        let (diverged, written) = (self.diverged, self.diverged_written);
        let fate = match (diverged - written, diverged) {
            (0, _) => "what they measured stands like that of all others".to_owned(),
            (1, 1) => "it is left out".to_owned(),
            (left_out, all) if left_out == all => "they are left out".to_owned(),
            (left_out, _) => format!("{left_out} of them are left out and {written} stand like all others"),
        };
        let trainings = if diverged == 1 { "training" } else { "trainings" };
        (diverged > 0).then(|| {
            format!(
                "{diverged} {trainings} diverged: the official format has no mark for that, so {fate}; a mean over its records is over \
                what is written"
            )
        })
    }
}

/// Writes the recorded rows of a benchmark as a file that the original program reads.
///
/// The records stand in the order of their key: hash, epochs, repeat. What the format has no words for is lost: seeds,
/// curves, telemetry and provenance. Rows without an accuracy, as those of trainings that diverged, have no official form
/// and are left out, and so are rows of verification. The paths of checkpoints are empty; half of an odd budget is written
/// as it is, with its fraction. `progress` is called with the number of rows that are done, and the total.
///
/// # Errors
///
/// [`Error::Table`] or [`Error::File`] if a file cannot be read or written, or a column is not right,
/// [`Error::NoRows`] if there is no row, [`Error::NothingOfficial`] if the format has words for none.
/// A file that was there under the name is then as it was.
pub fn export(benchmark: &Benchmark, file: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Exported, Error> {
    let mut exported = Exported::default();
    replace(file, |open| -> Result<(), Error> {
        let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, open));
        let rows = Sorted::open(benchmark, Part::Recorded, &[&COLUMNS[..], EVALUATIONS.as_flattened()].concat())?;
        let (mut done, total) = (0, rows.rows());
        for batch in rows {
            let batch = batch?;
            write(&batch, &mut writer, &mut exported)?;
            done += batch.num_rows() as u64;
            progress(done, total);
        }
        writer.finish()?.flush()?;
        match exported.written {
            0 if exported.left_out == 0 => Err(Error::NoRows { folder: benchmark.folder().to_owned(), part: Part::Recorded }),
            0 => Err(Error::NothingOfficial { rows: exported.left_out, lacking: exported.lacking.keys().copied().collect() }),
            _ => Ok(()),
        }
    })?;
    Ok(exported)
}

/// The columns that are read beside those of the evaluations.
const COLUMNS: [&str; 7] = [HASH, ADJACENCY, OPERATIONS, "epochs", PARAMETERS, TOTAL_TIME, STATUS];
const PARAMETERS: &str = "trainable_parameters";
const TOTAL_TIME: &str = "total_time";

/// Writes the rows of a batch, and counts them.
fn write(batch: &RecordBatch, writer: &mut Writer<impl std::io::Write>, exported: &mut Exported) -> Result<(), Error> {
    let [hashes, adjacencies, operations] = [HASH, ADJACENCY, OPERATIONS].map(|name| batch[name].as_string::<i32>());
    let epochs = batch["epochs"].as_primitive::<UInt16Type>();
    let parameters = batch[PARAMETERS].as_primitive::<UInt32Type>();
    let total_time = batch[TOTAL_TIME].as_primitive::<Float64Type>();
    let [start, halfway, end] = EVALUATIONS.map(|names| evaluations(batch, names));
    for (row, status) in statuses(batch).enumerate() {
        let model = Model {
            hash: hashes.value(row),
            epochs: Epochs(epochs.value(row)),
            adjacency: adjacencies.value(row),
            operations: operations.value(row),
            evaluations: [start[row], halfway[row], end[row]],
            parameters: Parameters(parameters.value(row)),
            total_time: Seconds(total_time.value(row)),
            checkpoint: None,
        };
        let has_diverged = u64::from(status == Status::Diverged);
        exported.diverged += has_diverged;
        if writer.write(&model)? {
            exported.written += 1;
            exported.diverged_written += has_diverged;
            continue;
        }
        exported.left_out += 1;
        for column in model.lacking() {
            *exported.lacking.entry(column).or_default() += 1;
        }
    }
    Ok(())
}

/// One evaluation of every row of a batch.
fn evaluations(batch: &RecordBatch, [time, accuracies @ ..]: [&str; 4]) -> Vec<Evaluation> {
    let times = batch[time].as_primitive::<Float64Type>();
    let [train, validation, test] = accuracies.map(|name| batch[name].as_primitive::<Float32Type>());
    let accuracy = |found: Option<f32>| found.and_then(Accuracy::from_fraction);
    let rows = times.values().iter().zip(train).zip(validation).zip(test);
    rows.map(|(((time, train), validation), test)| Evaluation {
        training_time: Seconds(*time),
        train_accuracy: accuracy(train),
        validation_accuracy: accuracy(validation),
        test_accuracy: accuracy(test),
    })
    .collect()
}
