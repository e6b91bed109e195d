//! Which models a file holds, and how each of them ended: what a recording must know of what is there.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, UInt16Type};

use super::column::HASH;
use super::{Error, Identity, Key, STATUSES, Status, reader, schema};
use crate::space::ModuleHash;
use crate::unit::Epochs;

const ROWS: usize = 8_192;
const COLUMNS: [&str; 4] = [HASH, "epochs", "repeat", "status"];

/// Reads the keys of a file with their outcomes, and no more of it: damage elsewhere in the file is not noticed.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn outcomes(file: &Path, identity: Identity) -> Result<Vec<(Key, Status)>, Error> {
    let mut outcomes = Vec::new();
    for batch in reader::batches(file, identity, ROWS, &COLUMNS)?.1 {
        let batch = batch.map_err(|source| Error::Parquet { file: file.to_owned(), source: source.into() })?;
        let column = |name| schema::column(&batch, name, file);
        let hashes = column(HASH)?.as_string::<i32>();
        let epochs = column("epochs")?.as_primitive::<UInt16Type>();
        let repeats = column("repeat")?.as_primitive::<UInt16Type>();
        let statuses = column("status")?.as_dictionary::<Int32Type>();
        let names = statuses.values().as_string::<i32>();
        let first = outcomes.len();
        for row in 0..batch.num_rows() {
            let wrong = |column, expected: &str, found: &str| Error::Value {
                file: file.to_owned(),
                row: first + row,
                column,
                expected: expected.to_owned(),
                found: format!("{found:?}"),
            };
            let text = hashes.value(row);
            let hash = ModuleHash::from_hex(text).ok_or_else(|| wrong(HASH, "32 hex digits", text))?;
            let name = statuses.key(row).map_or("", |key| names.value(key));
            let status = STATUSES.iter().copied().find(|status| status.name() == name);
            let status = status.ok_or_else(|| wrong("status", "the name of a status", name))?;
            outcomes.push((Key { hash, epochs: Epochs(epochs.value(row)), repeat: repeats.value(row) }, status));
        }
    }
    Ok(outcomes)
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
