//! Which models a file holds, and how each of them ended: what a recording must know of what is there.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, UInt16Type};

use super::column::HASH;
use super::reader::Scan;
use super::{Error, Identity, Key, STATUSES, Status, schema};
use crate::space::ModuleHash;
use crate::unit::Epochs;

const COLUMNS: [&str; 4] = [HASH, "epochs", "repeat", STATUS];
const STATUS: &str = "status";

/// Reads the keys of a file with their outcomes, and no more of it: damage elsewhere in the file is not noticed.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn outcomes(file: &Path, identity: Identity) -> Result<Vec<(Key, Status)>, Error> {
    let mut outcomes = Vec::new();
    for batch in Scan::open(file, identity, schema::of(&COLUMNS), None)? {
        let (first, batch) = batch?;
        outcomes.append(&mut rows(&batch, file, first)?);
    }
    Ok(outcomes)
}

/// The keys of a batch that has their columns, with the outcomes.
///
/// `first` is the row of the file with which the batch starts.
///
/// # Errors
///
/// [`Error::Value`] for the first hash or status that is none.
pub(crate) fn rows(batch: &RecordBatch, file: &Path, first: usize) -> Result<Vec<(Key, Status)>, Error> {
    let hashes = batch[HASH].as_string::<i32>();
    let numbers = |column: &str| -> &[u16] { batch[column].as_primitive::<UInt16Type>().values() };
    let row = |(row, ((epochs, repeat), name)): (usize, ((&u16, &u16), &str))| {
        let text = hashes.value(row);
        let hash = ModuleHash::from_hex(text).ok_or_else(|| wrong(file, first + row, HASH, "32 hex digits", text))?;
        let status = STATUSES.iter().copied().find(|status| status.name() == name);
        let status = status.ok_or_else(|| wrong(file, first + row, STATUS, "the name of a status", name))?;
        Ok((Key { hash, epochs: Epochs(*epochs), repeat: *repeat }, status))
    };
    numbers("epochs").iter().zip(numbers("repeat")).zip(status_names(batch)).enumerate().map(row).collect()
}

/// The names in the column `status` of a batch that has it, row by row.
pub(crate) fn status_names(batch: &RecordBatch) -> impl Iterator<Item = &str> {
    let statuses = batch[STATUS].as_dictionary::<Int32Type>();
    let names = statuses.values().as_string::<i32>();
    (0..batch.num_rows()).map(|row| statuses.key(row).map_or("", |key| names.value(key)))
}

fn wrong(file: &Path, row: usize, column: &'static str, expected: &str, found: &str) -> Error {
    let (expected, found) = (expected.to_owned(), format!("{found:?}"));
    Error::Value { file: file.to_owned(), row, column, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Record, fixture, write};

    #[test]
    fn the_outcomes_are_those_of_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.parquet");
        let mut records = fixture::records();
        records[1].status = Status::Failed;
        let identity = Identity::from_hex(&"5a".repeat(32)).unwrap();
        write(&file, &records, identity).unwrap();
        let expected: Vec<_> = records.iter().map(|record| (Record::key(record), record.status)).collect();
        assert_eq!(outcomes(&file, identity).unwrap(), expected);
    }
}
