//! A benchmark as a blackbox of Syne Tune: a folder that `syne_tune.blackbox_repository.blackbox_tabular.deserialize` reads.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use fs_err as fs;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use super::Error;
use crate::file::replace;
use crate::space::{Operation, Space};
use crate::table::{Benchmark, Repeat, Status, Table};
use crate::unit::{Accuracy, Epochs};

/// What is recorded of each training, in the order of the files.
const OBJECTIVES: [&str; 5] = ["validation_error", "test_error", "train_error", "training_time", "elapsed_time"];
/// The name of the fidelity.
const FIDELITY: &str = "epochs";

/// What a blackbox holds of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blackbox {
    /// The cells that have all budgets.
    pub cells: usize,
    /// The cells that lack a budget or have fewer repeats, which are left out.
    pub left_out: usize,
    /// The repeats of each cell at each budget: as many as all have.
    pub repeats: usize,
}

/// Writes a benchmark as a blackbox into a folder, which is made if it is missing. Each cell is a row of an edge or none for each two of seven
/// vertices, and an operation for each vertex between the input and the output; vertices that a cell lacks have no edges and the first
/// operation. A training that diverged has the error of chance, an accuracy or a time that is not known is NaN. `elapsed_time` is what all
/// budgets up to one take together, since each is trained anew.
///
/// # Errors
///
/// [`Error::File`] if the folder cannot be written, [`Error::NoRows`] if no cell has all budgets, and as [`Benchmark::table`].
///
/// # Source
///
/// Salinas et al., "Syne Tune: a library for large scale hyperparameter tuning and reproducible research", AutoML 2022; the folder is that of
/// version 0.16.
pub fn export(benchmark: &Benchmark, out: &Path) -> Result<Blackbox, Error> {
    let table = benchmark.table()?;
    let budgets: Vec<Epochs> = table.budgets().to_vec();
    let usable = |index: usize, epochs: Epochs| {
        let rows = table.repeats(index, epochs);
        rows.iter().filter(|row| row.status() != Status::Failed).count()
    };
    let complete: Vec<usize> =
        (0..table.len()).filter(|index| budgets.iter().all(|epochs| usable(*index, *epochs) > 0)).collect();
    let repeats = complete.iter().flat_map(|index| budgets.iter().map(|epochs| usable(*index, *epochs))).min().unwrap_or(0);
    if repeats == 0 {
        return Err(Error::NoRows { folder: benchmark.folder().to_owned(), part: crate::table::Part::Recorded });
    }
    fs::create_dir_all(out)?;
    let space = Space::nas_bench_101();
    write_hyperparameters(&table, &complete, &space, &out.join("hyperparameters.parquet"))?;
    let shape = [1, complete.len(), repeats, budgets.len(), OBJECTIVES.len()];
    let values = complete.iter().flat_map(|index| values_of(&table, *index, &budgets, repeats));
    write_array(&out.join("objectives_evaluations.npy"), "<f4", &shape, values.flat_map(f32::to_le_bytes))?;
    let fidelities = budgets.iter().flat_map(|epochs| i64::from(epochs.0).to_le_bytes());
    write_array(&out.join("fidelities_values.npy"), "<i8", &[budgets.len()], fidelities)?;
    let bounds = [budgets.first(), budgets.last()].map(|epochs| epochs.map_or(1, |epochs| epochs.0));
    let categories: Vec<&str> = space.operations().map(Operation::name).collect();
    let configurations: Map<String, Value> = genes(&space)
        .map(|gene| (gene.clone(), categorical(&if gene.starts_with("edge") { json!([0, 1]) } else { json!(categories) })))
        .collect();
    let fidelity = json!({ FIDELITY: { "domain_cls": "Integer", "domain_kwargs": { "lower": bounds[0], "upper": bounds[1] } } });
    let metadata =
        json!({ "objectives_names": OBJECTIVES, "task_names": [benchmark.name()], "identity": benchmark.identity().to_string() });
    for (file, value) in
        [("configspace.json", Value::Object(configurations)), ("fidelityspace.json", fidelity), ("metadata.json", metadata)]
    {
        replace(&out.join(file), |open| Ok::<_, Error>(write!(open, "{value}")?))?;
    }
    Ok(Blackbox { cells: complete.len(), left_out: table.len() - complete.len(), repeats })
}

fn categorical(categories: &Value) -> Value {
    json!({ "domain_cls": "Categorical", "domain_kwargs": { "categories": categories } })
}

/// The names of the columns: an edge for each two vertices, and the operations of those between the ends.
fn genes(space: &Space) -> impl Iterator<Item = String> {
    let vertices = space.max_vertices();
    let edges = (1..vertices).flat_map(|y| (0..y).map(move |x| format!("edge_{x}_{y}")));
    edges.chain((1..vertices - 1).map(|vertex| format!("op_{vertex}")))
}

fn write_hyperparameters(table: &Table, cells: &[usize], space: &Space, file: &Path) -> Result<(), Error> {
    let vertices = space.max_vertices();
    let first = space.operations().next().map_or("", Operation::name);
    let specs: Vec<_> = cells.iter().map(|index| table.cells()[*index].padded(vertices)).collect();
    let edges = (1..vertices).flat_map(|y| (0..y).map(move |x| (x, y))).map(|(x, y)| {
        let of_cells = specs.iter().map(|spec| Some(i64::from(spec.has_edge(x, y)))).collect::<Int64Array>();
        (format!("edge_{x}_{y}"), Arc::new(of_cells) as ArrayRef)
    });
    let operations = (1..vertices - 1).map(|vertex| {
        let of_cells =
            specs.iter().map(|spec| Some(spec.operation(vertex).map_or(first, Operation::name))).collect::<StringArray>();
        (format!("op_{vertex}"), Arc::new(of_cells) as ArrayRef)
    });
    let batch = RecordBatch::try_from_iter(edges.chain(operations)).expect("columns of one length");
    let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default())).build();
    let broken = |source| Error::Table(crate::table::Error::Parquet { file: file.to_owned(), source });
    replace(file, |open| {
        let mut writer = ArrowWriter::try_new(open, batch.schema(), Some(properties)).map_err(broken)?;
        writer.write(&batch).map_err(broken)?;
        writer.close().map(drop).map_err(broken)
    })
}

/// The objectives of the repeats of a cell, budget by budget.
#[expect(clippy::cast_possible_truncation, reason = "single precision, as the format has it")]
fn values_of(table: &Table, index: usize, budgets: &[Epochs], repeats: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(repeats * budgets.len() * OBJECTIVES.len());
    for repeat in 0..repeats {
        let mut elapsed = 0.0;
        for epochs in budgets {
            let rows = table.repeats(index, *epochs).iter().filter(|row| row.status() != Status::Failed);
            let number = rows.map(crate::table::Row::repeat).nth(repeat).unwrap_or_default();
            let end =
                table.answer(index, *epochs, Repeat::One(number)).map(|answer| answer.official(crate::table::Stop::Final)).ok();
            let diverged = end.as_ref().is_some_and(|end| end.validation_accuracy.is_none());
            let error = |accuracy: Option<Accuracy>| match accuracy {
                Some(accuracy) => 1.0 - accuracy.decimal(),
                None if diverged => 1.0 - table.chance(),
                None => f64::NAN,
            };
            let time = end.as_ref().and_then(|end| end.training_time).map_or(f64::NAN, |time| time.0);
            elapsed += time;
            let of = |choose: fn(&crate::table::Official) -> Option<Accuracy>| error(end.as_ref().and_then(choose));
            let [validation, test, train] =
                [of(|end| end.validation_accuracy), of(|end| end.test_accuracy), of(|end| end.train_accuracy)];
            values.extend([validation, test, train, time, elapsed].map(|value| value as f32));
        }
    }
    values
}

/// Writes an array as NumPy has it, in version 1.0 of its format.
fn write_array(file: &Path, kind: &str, shape: &[usize], bytes: impl Iterator<Item = u8>) -> Result<(), Error> {
    const ALIGNMENT: usize = 64;
    const BEFORE: usize = 10;
    let lengths = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({lengths},), }}");
    let length = (BEFORE + header.len() + 1).next_multiple_of(ALIGNMENT) - BEFORE;
    header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a short header");
    replace(file, |open| {
        open.write_all(b"\x93NUMPY\x01\x00")?;
        open.write_all(&length.to_le_bytes())?;
        open.write_all(header.as_bytes())?;
        open.write_all(&bytes.collect::<Vec<u8>>())?;
        Ok::<_, Error>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blackbox_has_the_values_of_the_table() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let table = benchmark.table().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("box");
        let found = export(&benchmark, &out).unwrap();
        assert_eq!((found.cells, found.left_out), (91, 0));
        let bytes = fs::read(out.join("objectives_evaluations.npy")).unwrap();
        let values = 91 * found.repeats * table.budgets().len() * OBJECTIVES.len();
        let (header, numbers) = bytes.split_at(bytes.len() - 4 * values);
        assert_eq!((header.len() % 64, &header[..6]), (0, b"\x93NUMPY".as_slice()));
        let text = String::from_utf8_lossy(&header[10..]).into_owned();
        let shape = format!("'shape': (1,91,{},{},5,), }}", found.repeats, table.budgets().len());
        assert!(text.contains(&shape) && text.ends_with('\n'), "{text}");
        // The first cell, repeat 0 at the largest budget.
        let at = (table.budgets().len() - 1) * OBJECTIVES.len() * 4;
        let error = f32::from_le_bytes(numbers[at..at + 4].try_into().unwrap());
        let largest = *table.budgets().last().unwrap();
        let expected = table.answer(0, largest, Repeat::One(table.repeats(0, largest)[0].repeat())).unwrap();
        let expected = 1.0 - expected.end.validation_accuracy.unwrap().value;
        assert!((f64::from(error) - expected).abs() < 1e-6, "{error} and {expected}");
        let space: Value = serde_json::from_slice(&fs::read(out.join("configspace.json")).unwrap()).unwrap();
        assert_eq!(space.as_object().unwrap().len(), 26);
        assert_eq!(space["edge_0_1"], categorical(&json!([0, 1])));
        let metadata: Value = serde_json::from_slice(&fs::read(out.join("metadata.json")).unwrap()).unwrap();
        assert_eq!(metadata["task_names"], json!(["tiny-benchmark"]));
    }
}
