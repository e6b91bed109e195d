//! Cells and metrics as NASLib holds those of NAS-Bench-101, in JSON instead of a pickle.
//!
//! The file is one object with the two dicts of its `NASBench`: `fixed_statistics` by hash, and `computed_statistics` by hash and epochs, whose
//! keys are texts in JSON. A value that is not known is null.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Error;
use crate::table::{Benchmark, Part, Repeat, Status, Stop, Table};
use crate::unit::{Accuracy, Epochs};

/// The name of what does not depend on a training.
const FIXED: &str = "fixed_statistics";
/// The name of what trainings reached.
const COMPUTED: &str = "computed_statistics";

/// Writes the recorded cells of a benchmark, and returns how many there are. Trainings that failed are left out.
///
/// # Errors
///
/// [`Error::NoRows`] if nothing is recorded, [`Error::File`] if `out` does not take it, and as [`Benchmark::table`].
///
/// # Source
///
/// `naslib/utils/nb101_api.py` of NASLib, whose pickle holds the same two dicts.
pub fn export(benchmark: &Benchmark, out: &mut dyn Write) -> Result<u64, Error> {
    let table = benchmark.table()?;
    if table.is_empty() {
        return Err(Error::NoRows { folder: benchmark.folder().to_owned(), part: Part::Recorded });
    }
    // A cell at a time: the whole of a large table would not fit the memory as values.
    for (name, value) in [(FIXED, fixed as fn(&Table, usize) -> Value), (COMPUTED, computed)] {
        write!(out, "{}\"{name}\":{{", if name == FIXED { "{" } else { ",\n" })?;
        for (index, hash) in table.hashes().iter().enumerate() {
            write!(out, "{}\n\"{hash}\":{}", if index == 0 { "" } else { "," }, value(&table, index))?;
        }
        write!(out, "}}")?;
    }
    writeln!(out, "}}")?;
    out.flush()?;
    Ok(table.len() as u64)
}

fn fixed(table: &Table, index: usize) -> Value {
    let answer = table.budgets().iter().find_map(|epochs| table.answer(index, *epochs, Repeat::Mean).ok());
    let Some(official) = answer.map(|answer| answer.official(Stop::Final)) else { return json!({}) };
    json!({
        "module_adjacency": official.module_adjacency,
        "module_operations": official.module_operations,
        "trainable_parameters": official.trainable_parameters,
    })
}

fn computed(table: &Table, index: usize) -> Value {
    let of_budget = |epochs: &Epochs| {
        let rows = table.repeats(index, *epochs).iter().filter(|row| row.status() != Status::Failed);
        let repeats: Vec<Value> = rows.filter_map(|row| repeat(table, index, *epochs, row.repeat())).collect();
        (!repeats.is_empty()).then(|| (epochs.0.to_string(), Value::Array(repeats)))
    };
    Value::Object(table.budgets().iter().filter_map(of_budget).collect())
}

fn repeat(table: &Table, index: usize, epochs: Epochs, repeat: u16) -> Option<Value> {
    let answer = table.answer(index, epochs, Repeat::One(repeat)).ok()?;
    let mut values = Map::new();
    for stop in [Stop::Halfway, Stop::Final] {
        let official = answer.official(stop);
        let mut put = |name: &str, value: Value| values.insert(format!("{}_{name}", stop.name()), value);
        put("training_time", json!(official.training_time));
        put("train_accuracy", json!(official.train_accuracy.map(Accuracy::decimal)));
        put("validation_accuracy", json!(official.validation_accuracy.map(Accuracy::decimal)));
        put("test_accuracy", json!(official.test_accuracy.map(Accuracy::decimal)));
    }
    Some(Value::Object(values))
}

/// What NASLib holds of a cell besides its metrics.
#[derive(Deserialize)]
struct Fixed {
    module_adjacency: Value,
    module_operations: Value,
    #[serde(default)]
    trainable_parameters: Value,
}

/// The end of a training. That of its half is not read: [`Record`](crate::table::Record)s of other programs have none.
#[derive(Default, Deserialize)]
#[serde(default)]
struct End {
    #[serde(rename = "final_training_time")]
    time: Value,
    #[serde(rename = "final_train_accuracy")]
    train: Value,
    #[serde(rename = "final_validation_accuracy")]
    validation: Value,
    #[serde(rename = "final_test_accuracy")]
    test: Value,
}

#[derive(Deserialize)]
struct Statistics {
    fixed_statistics: BTreeMap<String, Fixed>,
    computed_statistics: BTreeMap<String, BTreeMap<String, Vec<End>>>,
}

/// Returns what NASLib holds, or a dict with an object for each cell, as objects one after the other, which [`tabular`](super::tabular) reads;
/// `None` of other JSON.
///
/// # Errors
///
/// What is wrong with a file that has the two dicts of NASLib.
pub(super) fn rows(bytes: &[u8], header: &[String]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    if [FIXED, COMPUTED].iter().all(|name| header.iter().any(|key| key == name)) {
        return flattened(serde_json::from_slice(bytes)?).map(Some);
    }
    let is_hash = |key: &String| key.len() == 32 && key.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !header.first().is_some_and(is_hash) {
        return Ok(None);
    }
    let cells: BTreeMap<String, Map<String, Value>> = serde_json::from_slice(bytes)?;
    let mut text = Vec::new();
    for (hash, mut cell) in cells {
        cell.entry("module_hash").or_insert_with(|| hash.into());
        serde_json::to_writer(&mut text, &cell)?;
        text.push(b'\n');
    }
    Ok(Some(text))
}

fn flattened(Statistics { fixed_statistics, computed_statistics }: Statistics) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::new();
    for (hash, budgets) in &computed_statistics {
        let Some(fixed) = fixed_statistics.get(hash) else {
            return Err(serde::de::Error::custom(format!("`{COMPUTED}` has `{hash}`, and `{FIXED}` has not")));
        };
        for (epochs, repeats) in budgets {
            for (repeat, end) in repeats.iter().enumerate() {
                let row = json!({
                    "module_hash": hash,
                    "module_adjacency": fixed.module_adjacency,
                    "module_operations": fixed.module_operations,
                    "trainable_parameters": fixed.trainable_parameters,
                    "epochs": epochs,
                    "repeat": repeat,
                    "training_time": end.time,
                    "train_accuracy": end.train,
                    "validation_accuracy": end.validation,
                    "test_accuracy": end.test,
                });
                serde_json::to_writer(&mut text, &row)?;
                text.push(b'\n');
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interchange::tabular::{Columns, read_table};

    #[test]
    fn what_is_exported_is_read_again() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("naslib.json");
        let mut text = Vec::new();
        assert_eq!(export(&benchmark, &mut text).unwrap(), 91);
        fs_err::write(&file, &text).unwrap();
        let read = read_table(&file, &Columns::default(), &benchmark.skeleton().unwrap()).unwrap();
        let table = benchmark.table().unwrap();
        let rows = (0..table.len()).flat_map(|index| table.budgets().iter().map(move |epochs| (index, epochs)));
        let rows: usize = rows.map(|(index, epochs)| table.repeats(index, *epochs).len()).sum();
        assert_eq!(read.records.len(), rows);
        for record in &read.records {
            let index = table.index_of_hash(record.hash).unwrap();
            // The repeats of the table are numbered from 0, as a list is.
            let answer = table.answer(index, record.epochs, Repeat::One(record.repeat)).unwrap().official(Stop::Final);
            assert_eq!(
                (record.end.validation_accuracy, record.end.test_accuracy),
                (answer.validation_accuracy, answer.test_accuracy)
            );
            assert_eq!((record.cell, record.parameters), (table.cells()[index], answer.trainable_parameters));
        }
    }

    #[test]
    fn a_dict_of_cells_is_read_and_other_json_is_left_as_it_is() {
        let text = br#"{"043721b9c7fe8c5fad811d47d83132ec":{"matrix":[[0,1],[0,0]],"ops":["input","output"],"epochs":4,"validation_accuracy":0.5}}"#;
        let hash = "043721b9c7fe8c5fad811d47d83132ec".to_owned();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cells.json");
        fs_err::write(&file, text).unwrap();
        let read = read_table(&file, &Columns::default(), &crate::network::Skeleton::nas_bench_101()).unwrap();
        assert_eq!((read.records.len(), read.records[0].hash.to_string()), (1, hash));
        assert!(rows(br#"{"matrix":[]}"#, &["matrix".to_owned()]).unwrap().is_none());
        let torn = br#"{"fixed_statistics":{},"computed_statistics":{"a":{"4":[{}]}}}"#;
        let header = [FIXED, COMPUTED].map(ToOwned::to_owned);
        assert!(rows(torn, &header).unwrap_err().to_string().contains("`fixed_statistics` has not"));
    }
}
