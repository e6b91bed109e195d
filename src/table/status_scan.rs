//! The keys and statuses of the rows of a file, which a recording reads to find out what is recorded.

use std::path::Path;

use arrow::array::{Array, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, UInt16Type};

use super::column::{HASH, Misfit, STATUS};
use super::reader::Reader;
use super::{Error, Identity, Key, Status, schema};
use crate::space::ModuleHash;
use crate::unit::Epochs;

/// The columns of [`rows`].
pub(super) const COLUMNS: [&str; 4] = [HASH, "epochs", "repeat", STATUS];

/// Reads the key and the status of every row of a file. Damage of other columns is not noticed.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn outcomes(file: &Path, identity: Identity) -> Result<Vec<(Key, Status)>, Error> {
    let mut outcomes = Vec::new();
    for batch in Reader::open(file, identity, &schema::with_names(&COLUMNS))?.batches()? {
        let (first, batch) = batch?;
        outcomes.append(&mut rows(&batch, file, first)?);
    }
    Ok(outcomes)
}

/// Returns the keys of a batch that has their columns, with the outcomes.
///
/// `first` is the row of the file with which the batch starts.
///
/// # Errors
///
/// [`Error::Value`] for the first hash that is none.
pub(crate) fn rows(batch: &RecordBatch, file: &Path, first: usize) -> Result<Vec<(Key, Status)>, Error> {
    let hashes = batch[HASH].as_string::<i32>();
    let [epochs, repeats] = ["epochs", "repeat"].map(|column| batch[column].as_primitive::<UInt16Type>().values());
    let row = |(row, status): (usize, Status)| {
        let text = hashes.value(row);
        let misfit = || Misfit { row, expected: "32 hex digits".to_owned(), found: format!("{text:?}") };
        let hash = ModuleHash::from_hex(text).ok_or_else(|| misfit().in_file(HASH, file, first))?;
        Ok((Key { hash, epochs: Epochs(epochs[row]), repeat: repeats[row] }, status))
    };
    statuses(batch).enumerate().map(row).collect()
}

/// Returns the column `status` of a batch that was checked, row by row.
pub(crate) fn statuses(batch: &RecordBatch) -> impl Iterator<Item = Status> {
    let labels = batch[STATUS].as_dictionary::<Int32Type>();
    let texts = labels.values().as_string::<i32>();
    // What no row uses may be anything.
    let known: Vec<_> = texts.iter().map(|text| text.and_then(Status::from_name).unwrap_or(Status::Failed)).collect();
    labels.keys_iter().map(move |key| key.map_or(Status::Failed, |key| known[key]))
}

/// Returns the texts of a column of labels, each with the number of its rows; `None` is that of the rows without one.
pub(crate) fn count_labels(labels: &DictionaryArray<Int32Type>) -> Vec<(Option<&str>, u64)> {
    let texts = labels.values().as_string::<i32>();
    let mut counts: Vec<_> = texts.iter().map(|text| (text, 0)).chain([(None, 0)]).collect();
    for key in labels.keys_iter() {
        counts[key.unwrap_or(texts.len())].1 += 1;
    }
    counts
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
