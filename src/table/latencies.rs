//! How long forward passes of cells take, as a Parquet file that stands beside a benchmark.

use std::path::Path;

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, UInt32Type};
use fs_err as fs;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::column::{ADJACENCY, HASH, OPERATIONS, primitive};
use super::writer::{begins_with, cell_columns, texts, write_columns};
use super::{Error, Identity};
use crate::objective::{Latencies, Latency};
use crate::space::Cell;
use crate::unit::Seconds;

/// The name of the file in the folder of a benchmark.
pub const LATENCY_FILE: &str = "latency.parquet";

/// The columns of times: the medians, and the fastest and slowest round.
const TIMES: [&str; 6] =
    ["latency", "latency_fastest", "latency_slowest", "batch_latency", "batch_latency_fastest", "batch_latency_slowest"];
/// The identity of the benchmark, in each row.
const BENCHMARK: &str = "benchmark";
const DEVICE: &str = "device";

/// How long forward passes of a cell take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyRow {
    /// The cell.
    pub cell: Cell,
    /// The medians over the rounds.
    pub median: Latency,
    /// Those of the fastest round.
    pub fastest: Latency,
    /// Those of the slowest round.
    pub slowest: Latency,
}

/// Returns whether a file holds latencies, as [`write_latencies`] writes them. A file that cannot be read does not.
#[must_use]
pub fn holds_latencies(file: &Path) -> bool {
    begins_with(file, &[BENCHMARK, DEVICE, "batch_size"])
}

/// Writes latencies to a Parquet file, in their order; one that was there is replaced. They belong to the network of a benchmark, and were
/// measured on a device, with batches of a size.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
///
/// # Panics
///
/// Never: the columns have one length.
pub fn write_latencies(
    file: &Path,
    benchmark: Identity,
    (device, batch_size): (&str, u32),
    rows: &[LatencyRow],
) -> Result<(), Error> {
    let cells: Vec<Cell> = rows.iter().map(|row| row.cell).collect();
    let [hashes, adjacencies, operations] = cell_columns(&cells);
    let time = |time: fn(&LatencyRow) -> Seconds| primitive::<Float64Type, _>(rows, |row| Some(time(row).0));
    let columns = [
        (BENCHMARK, texts(rows, |_| benchmark.to_string())),
        (DEVICE, texts(rows, |_| device.to_owned())),
        ("batch_size", primitive::<UInt32Type, _>(rows, |_| Some(batch_size))),
        hashes,
        adjacencies,
        operations,
        (TIMES[0], time(|row| row.median.one)),
        (TIMES[1], time(|row| row.fastest.one)),
        (TIMES[2], time(|row| row.slowest.one)),
        (TIMES[3], time(|row| row.median.in_batch)),
        (TIMES[4], time(|row| row.fastest.in_batch)),
        (TIMES[5], time(|row| row.slowest.in_batch)),
    ];
    write_columns(file, columns, &[])
}

/// Reads the latencies of the network of a benchmark.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if it cannot be read, [`Error::Column`] or [`Error::Value`] if it is not what [`write_latencies`]
/// writes, [`Error::ForeignRows`] if they are of another benchmark.
pub fn read_latencies(file: &Path, benchmark: Identity) -> Result<Latencies, Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    let open = fs::File::open(file)?.into_file();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(open).and_then(ParquetRecordBatchReaderBuilder::build).map_err(broken)?;
    let mut latencies = Latencies::default();
    let mut first = 0;
    for batch in reader {
        let batch = batch.map_err(|error| broken(error.into()))?;
        let at = |row: usize| (file, first + row);
        let identities = column(&batch, BENCHMARK, &DataType::Utf8, file)?.as_string::<i32>();
        let [hashes, adjacencies, operations] =
            [HASH, ADJACENCY, OPERATIONS].map(|name| column(&batch, name, &DataType::Utf8, file));
        let [hashes, adjacencies, operations] = [hashes?, adjacencies?, operations?].map(arrow::array::AsArray::as_string::<i32>);
        let times = |name| Ok::<_, Error>(column(&batch, name, &DataType::Float64, file)?.as_primitive::<Float64Type>());
        let (one, in_batch) = (times(TIMES[0])?, times(TIMES[3])?);
        for row in 0..batch.num_rows() {
            if identities.value(row) != benchmark.to_string() {
                let (expected, found) = (benchmark, identities.value(row).to_owned());
                return Err(Error::ForeignRows { file: file.to_owned(), expected, found });
            }
            let texts = (adjacencies.value(row), operations.value(row));
            let cell = Cell::from_texts(texts.0, texts.1)
                .map_err(|error| value(at(row), ADJACENCY, "a cell", format!("`{}` and `{}` ({error})", texts.0, texts.1)))?;
            if cell.hash().to_string() != hashes.value(row) {
                return Err(value(at(row), HASH, &format!("`{}`, the hash of the cell", cell.hash()), hashes.value(row)));
            }
            let time = |name: &'static str, time: f64| {
                let is_time = time.is_finite() && time > 0.0;
                if is_time { Ok(Seconds(time)) } else { Err(value(at(row), name, "seconds above 0", time.to_string())) }
            };
            let latency = Latency { one: time(TIMES[0], one.value(row))?, in_batch: time(TIMES[3], in_batch.value(row))? };
            latencies.insert(cell.fingerprint(), latency);
        }
        first += batch.num_rows();
    }
    Ok(latencies)
}

/// Returns a column, which must have this type and no nulls.
fn column<'a>(batch: &'a RecordBatch, name: &'static str, expected: &DataType, file: &Path) -> Result<&'a dyn Array, Error> {
    let wrong = |found: String| Error::Column { file: file.to_owned(), column: name, expected: expected.to_string(), found };
    let array = batch.column_by_name(name).ok_or_else(|| wrong("no such column".to_owned()))?;
    match array.data_type() {
        found if found != expected => Err(wrong(found.to_string())),
        _ if array.null_count() > 0 => Err(wrong(format!("{} nulls", array.null_count()))),
        _ => Ok(array.as_ref()),
    }
}

fn value((file, row): (&Path, usize), column: &'static str, expected: &str, found: impl Into<String>) -> Error {
    Error::Value { file: file.to_owned(), row, column, expected: expected.to_owned(), found: found.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(digit: char) -> Identity {
        Identity::from_hex(&digit.to_string().repeat(64)).unwrap()
    }

    fn row(adjacency: &str, operations: &str, seconds: f64) -> LatencyRow {
        let latency = |factor: f64| Latency { one: Seconds(factor * seconds), in_batch: Seconds(factor * seconds / 4.0) };
        let cell = Cell::from_texts(adjacency, operations).unwrap();
        LatencyRow { cell, median: latency(1.0), fastest: latency(0.5), slowest: latency(2.0) }
    }

    #[test]
    fn what_is_written_is_read_back_for_its_own_benchmark_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(LATENCY_FILE);
        assert!(!holds_latencies(&file));
        let rows = [row("0100", "input,output", 0.5), row("010001000", "input,maxpool3x3,output", 0.25)];
        write_latencies(&file, identity('a'), ("cpu", 64), &rows).unwrap();
        assert!(holds_latencies(&file));
        let found = read_latencies(&file, identity('a')).unwrap();
        assert_eq!(found.len(), 2);
        assert!(rows.iter().all(|row| found[&row.cell.fingerprint()] == row.median));
        assert!(matches!(read_latencies(&file, identity('b')), Err(Error::ForeignRows { .. })));
    }

    #[test]
    fn another_file_and_a_time_that_is_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(LATENCY_FILE);
        write_latencies(&file, identity('a'), ("cpu", 64), &[row("0100", "input,output", f64::NAN)]).unwrap();
        let message = read_latencies(&file, identity('a')).unwrap_err().to_string();
        assert!(message.ends_with("row 0, column `latency`: expected seconds above 0, found NaN"), "{message}");
        super::super::write_trials(&file, &[]).unwrap();
        assert!(!holds_latencies(&file) && read_latencies(&file, identity('a')).unwrap().is_empty());
        fs::write(&file, "nothing").unwrap();
        assert!(matches!(read_latencies(&file, identity('a')), Err(Error::Parquet { .. })));
    }
}
