//! Cells and what they reached, read from a CSV file whose columns a person names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Benchmark, Dataset, Error, Imported, Manifest, Record, Source, Status, operations, write};
use crate::hex;
use crate::network::{Skeleton, count};
use crate::space::{Cell, INPUT, ModuleHash, OPERATIONS, OUTPUT, Operation, Sketch, Space};
use crate::train::Protocol;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds};

/// The most edges of a cell in a file: all that 7 vertices can have.
const MOST_EDGES: usize = 21;
/// Larger files are refused before they fill the memory.
const MOST_BYTES: u64 = 1 << 31;
/// Records of verification start later; more repeats than this are a mistake.
const MOST_REPEATS: u16 = super::FIRST_VERIFIED_REPEAT - 1;

/// What a column may hold, and the name that it has unless another one is given: that which `nasbench query` prints.
///
/// Each of [`MEASURED`] may also be of one budget, as in `validation_accuracy@108`, in a file with one row for each cell.
pub const FIELDS: &[(&str, &str)] = &[
    ("hash", "module_hash"),
    ("adjacency", "module_adjacency"),
    ("operations", "module_operations"),
    ("parameters", "trainable_parameters"),
    ("epochs", "epochs"),
    ("repeat", "repeat"),
    ("training_time", "training_time"),
    ("train_accuracy", "train_accuracy"),
    ("validation_accuracy", "validation_accuracy"),
    ("test_accuracy", "test_accuracy"),
];

/// The fields that are measured, and so belong to a budget.
pub const MEASURED: &[&str] = &["training_time", "train_accuracy", VALIDATION, "test_accuracy"];

/// The field of what a training reached.
const VALIDATION: &str = "validation_accuracy";

/// Which column of a CSV file holds what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Field, budget and the name of the column.
    named: Vec<(&'static str, Option<Epochs>, String)>,
}

impl Columns {
    /// Reads a name as it is typed: `validation_accuracy@108=val_acc_108`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownField`] if the field is none of [`FIELDS`], or has a budget though it is not measured;
    /// [`Error::RepeatedField`] if it was named before.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::table::text::Columns;
    ///
    /// let columns = Columns::default().with("operations=ops")?.with("validation_accuracy@108=val_acc_108")?;
    /// assert!(columns.with("operations=labels").is_err());
    /// # Ok::<(), nasbench::table::Error>(())
    /// ```
    pub fn with(mut self, text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownField { found: text.to_owned() };
        let (field, name) = text.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        let (field, epochs) = match field.split_once('@') {
            Some((field, epochs)) => (field, Some(Epochs(epochs.parse().ok().filter(|epochs| *epochs > 0).ok_or_else(unknown)?))),
            None => (field, None),
        };
        let known = FIELDS.iter().find(|(known, _)| *known == field && (epochs.is_none() || MEASURED.contains(known)));
        let field = known.ok_or_else(unknown)?.0;
        if self.named.iter().any(|(other, budget, _)| (*other, *budget) == (field, epochs)) {
            return Err(Error::RepeatedField { field });
        }
        self.named.push((field, epochs, name.to_owned()));
        Ok(self)
    }
}

/// A budget with the fields that are measured at it, and the places of their columns.
type Measurements = (Epochs, Vec<(&'static str, usize)>);

/// Where each thing stands in a row.
struct Places {
    single: HashMap<&'static str, usize>,
    budgets: Vec<Measurements>,
}

impl Places {
    fn of(columns: &Columns, header: &csv::StringRecord, file: &Path) -> Result<Self, Error> {
        let find = |name: &str| header.iter().position(|column| column.trim() == name);
        let missing = |name: &str| Error::MissingColumn {
            file: file.to_owned(),
            column: name.to_owned(),
            known: header.iter().map(|column| column.trim().to_owned()).collect(),
        };
        let mut places = Self { single: HashMap::new(), budgets: Vec::new() };
        for (field, epochs, name) in &columns.named {
            let place = find(name).ok_or_else(|| missing(name))?;
            match epochs {
                None => drop(places.single.insert(field, place)),
                Some(epochs) => match places.budgets.iter_mut().find(|(budget, _)| budget == epochs) {
                    Some((_, fields)) => fields.push((field, place)),
                    None => places.budgets.push((*epochs, vec![(field, place)])),
                },
            }
        }
        for (field, usual) in FIELDS {
            let is_named = columns.named.iter().any(|(named, ..)| named == field);
            if let Some(place) = find(usual).filter(|_| !is_named) {
                places.single.insert(field, place);
            }
        }
        for (field, usual) in FIELDS.iter().filter(|(field, _)| ["adjacency", "operations"].contains(field)) {
            if !places.single.contains_key(field) {
                return Err(missing(usual));
            }
        }
        let has_measured = MEASURED.iter().any(|field| places.single.contains_key(field));
        if has_measured && !places.single.contains_key("epochs") {
            return Err(missing("epochs"));
        }
        if !has_measured && places.budgets.is_empty() {
            return Err(missing("validation_accuracy"));
        }
        Ok(places)
    }
}

/// Reads the records of a CSV file: a row for each training, or one for each cell with columns for its budgets.
///
/// A cell is its matrix, row-major digits or JSON, and its operations with commas or blanks between, by their full or short names
/// (`conv3x3`). An empty field is no value, and neither is a training time of 0; a training whose validation accuracy is empty though
/// other values of it are there counts as [`Status::Failed`]. The repeats of a cell at a budget are numbered in their order unless a column does. A
/// hash is compared with that of the cell. Parameters are counted in the network of `skeleton` unless a column has them.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Csv`] for what is no CSV file, [`Error::MissingColumn`], and [`Error::CsvValue`] for the first value
/// that cannot be right: no cell, an accuracy that is not a fraction, a number that is none.
///
/// # Panics
///
/// Never: the limits are those that a space may have.
pub fn read_csv(file: &Path, columns: &Columns, skeleton: &Skeleton) -> Result<Vec<Record>, Error> {
    let bytes = bytes(file)?;
    let broken = |source: csv::Error| Error::Csv { file: file.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes.as_slice());
    let places = Places::of(columns, reader.headers().map_err(broken)?, file)?;
    let header = reader.headers().map_err(broken)?.clone();
    let space = Space::nas_bench_101().with_max_edges(MOST_EDGES).and_then(|space| space.with_operations(OPERATIONS));
    let space = space.expect("limits of a space");
    let mut records = Vec::new();
    let mut repeats: HashMap<(ModuleHash, Epochs), u16> = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let row = Line { row: &row, file, header: &header, places: &places };
        let cell = row.cell(&space)?;
        let hash = row.hash(cell)?;
        let (parameters, flops) = row.cost(cell, skeleton)?;
        for (epochs, measured) in row.measurements()? {
            let next = repeats.entry((hash, epochs)).or_default();
            let repeat = row.repeat()?.unwrap_or(*next);
            *next = next.saturating_add(1);
            if repeat > MOST_REPEATS {
                let expected = format!("at most {MOST_REPEATS}, and fewer repeats of a cell");
                return Err(row.wrong("repeat", &expected, &repeat.to_string()));
            }
            let mut record =
                Record { parameters, flops, source: Source::Imported, ..Record::blank_with_hash(hash, cell, epochs, repeat) };
            let names_accuracy = measured.iter().any(|(field, _)| *field == VALIDATION);
            for (field, place) in measured {
                row.measure(field, place, &mut record)?;
            }
            if names_accuracy && record.end.validation_accuracy.is_none() {
                record.status = Status::Failed;
            }
            record.total_time = record.end.training_time;
            records.push(record);
        }
    }
    if records.is_empty() {
        return Err(Error::NoRecords { file: file.to_owned() });
    }
    records.sort_by_key(Record::key);
    if let Some(pair) = records.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
        return Err(Error::RepeatedKey { file: file.to_owned(), key: Box::new(pair[0].key()) });
    }
    Ok(records)
}

fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    // Opened first: that says it best if the file is not there.
    let metadata = fs_err::File::open(file)?.metadata()?;
    if metadata.is_dir() {
        return Err(Error::NotAFile { path: file.to_owned() });
    }
    if metadata.len() > MOST_BYTES {
        return Err(Error::TooLong { file: file.to_owned(), expected: MOST_BYTES, found: metadata.len() });
    }
    Ok(fs_err::read(file)?)
}

/// Makes a benchmark of a CSV file: as [`read_csv`], in a new folder. Returns the benchmark and its records.
///
/// # Errors
///
/// As [`read_csv`]; [`Error::NotEmpty`] if anything lies in the folder, [`Error::NoNetwork`] if the protocol leaves open what the
/// images are.
///
/// # Panics
///
/// Never: the operations are those of the list.
pub fn import_csv(
    file: &Path,
    columns: &Columns,
    protocol: &Protocol,
    dataset: &str,
    out: &Path,
) -> Result<(Benchmark, Vec<Record>), Error> {
    Benchmark::check_vacant(out)?;
    let skeleton = protocol.skeleton().ok_or_else(|| Error::NoNetwork { what: format!("the protocol `{}`", protocol.name) })?;
    let bytes = bytes(file)?;
    let records = read_csv(file, columns, &skeleton)?;
    let used = |operation: &Operation| records.iter().any(|record| record.cell.operations().any(|other| other == *operation));
    let official: Vec<_> = Space::nas_bench_101().operations().collect();
    let known: Vec<_> = OPERATIONS.iter().copied().filter(|operation| official.contains(operation) || used(operation)).collect();
    let manifest = Manifest {
        seed: None,
        dataset: Dataset { name: dataset.to_owned(), sha256: None },
        operations: operations(&Space::nas_bench_101().with_operations(&known).expect("operations of the list")),
        protocol: protocol.identity(),
    };
    let imported = Imported {
        file: file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        bytes: bytes.len() as u64,
        records: records.len() as u64,
        sha256: hex::print(&Sha256::digest(&bytes)),
    };
    let benchmark = Benchmark::import(out, &manifest, vec![imported], |path, identity| write(path, &records, identity))?;
    Ok((benchmark, records))
}

/// A row with what is known of it.
struct Line<'a> {
    row: &'a csv::StringRecord,
    file: &'a Path,
    header: &'a csv::StringRecord,
    places: &'a Places,
}

impl Line<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        self.places.single.get(field).and_then(|place| self.at(*place))
    }

    /// The text at a place; `None` if there is none.
    fn at(&self, place: usize) -> Option<&str> {
        self.row.get(place).map(str::trim).filter(|text| !text.is_empty())
    }

    fn wrong(&self, field: &str, expected: &str, found: &str) -> Error {
        let column = self.places.single.get(field).map_or(field, |place| self.header.get(*place).unwrap_or(field));
        self.wrong_in(column, expected, found)
    }

    fn wrong_in(&self, column: &str, expected: &str, found: &str) -> Error {
        let line = self.row.position().map_or(0, csv::Position::line);
        let (column, expected, found) = (column.to_owned(), expected.to_owned(), found.to_owned());
        Error::CsvValue { file: PathBuf::from(self.file), line, column, expected, found }
    }

    fn cell(&self, space: &Space) -> Result<Cell, Error> {
        let (matrix, names) = (self.text("adjacency").unwrap_or_default(), self.text("operations").unwrap_or_default());
        let words: Vec<&str> = names.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let is_known = |word: &&str| [INPUT, OUTPUT].contains(word) || Operation::from_name(word).is_ok();
        if let Some(word) = words.iter().find(|word| !is_known(word)) {
            let known: Vec<_> = OPERATIONS.iter().map(|operation| operation.name()).collect();
            return Err(self.wrong("operations", &format!("operations ({})", known.join(", ")), word));
        }
        let no_cell = |error: &dyn std::fmt::Display| {
            self.wrong("adjacency", &format!("a cell ({error})"), &format!("{matrix} with {names}"))
        };
        let sketch = Sketch::from_matrix(matrix, &words.join(",")).map_err(|error| no_cell(&error))?;
        sketch.cell(space).map_err(|error| no_cell(&error))
    }

    fn hash(&self, cell: Cell) -> Result<ModuleHash, Error> {
        let hash = cell.hash();
        match self.text("hash") {
            Some(stated) if ModuleHash::from_hex(stated) != Some(hash) => {
                Err(self.wrong("hash", &format!("{hash}, that of the cell"), stated))
            }
            _ => Ok(hash),
        }
    }

    fn cost(&self, cell: Cell, skeleton: &Skeleton) -> Result<(Parameters, Flops), Error> {
        let counted = count(&cell, skeleton);
        let (parameters, flops) =
            counted.map_err(|error| self.wrong("adjacency", "a cell that has a network", &error.to_string()))?;
        let Some(stated) = self.text("parameters") else { return Ok((parameters, flops)) };
        let parameters = stated.parse().map_err(|_| self.wrong("parameters", "a whole number", stated))?;
        Ok((Parameters(parameters), flops))
    }

    fn repeat(&self) -> Result<Option<u16>, Error> {
        let Some(text) = self.text("repeat") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong("repeat", "the number of a repeat, from 0", text))
    }

    /// The budgets of the row with their fields; budgets of which nothing is known are left out.
    fn measurements(&self) -> Result<Vec<Measurements>, Error> {
        let mut found = Vec::new();
        let single: Vec<_> = MEASURED.iter().filter_map(|field| Some((*field, *self.places.single.get(field)?))).collect();
        if !single.is_empty() {
            let text = self.text("epochs").unwrap_or_default();
            let epochs = text.parse().ok().filter(|epochs| *epochs > 0);
            let epochs = epochs.ok_or_else(|| self.wrong("epochs", "a number of epochs, at least 1", text))?;
            found.push((Epochs(epochs), single));
        }
        found.extend(self.places.budgets.iter().cloned());
        found.retain(|(_, fields)| fields.iter().any(|(_, place)| self.at(*place).is_some()));
        Ok(found)
    }

    fn measure(&self, field: &str, place: usize, record: &mut Record) -> Result<(), Error> {
        let Some(text) = self.at(place) else { return Ok(()) };
        let column = self.header.get(place).unwrap_or(field);
        if field == "training_time" {
            let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
            record.end.training_time = Seconds(seconds.ok_or_else(|| self.wrong_in(column, "seconds, 0 or more", text))?);
            return Ok(());
        }
        let accuracy = text.parse().ok().and_then(Accuracy::from_fraction);
        let accuracy = Some(accuracy.ok_or_else(|| self.wrong_in(column, "an accuracy as a fraction, 0 to 1", text))?);
        match field {
            "train_accuracy" => record.end.train_accuracy = accuracy,
            VALIDATION => record.end.validation_accuracy = accuracy,
            _ => record.end.test_accuracy = accuracy,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    fn read(text: &str, columns: &Columns) -> Result<Vec<Record>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cells.csv");
        fs_err::write(&file, text).unwrap();
        read_csv(&file, columns, &Skeleton::nas_bench_101())
    }

    fn message(text: &str, columns: &Columns) -> String {
        let message = read(text, columns).unwrap_err().to_string();
        message[message.find("cells.csv").unwrap()..].to_owned()
    }

    fn wide() -> Columns {
        let names = ["adjacency=matrix", "operations=ops", "validation_accuracy@4=val_4", "validation_accuracy@108=val_108"];
        names.into_iter().try_fold(Columns::default(), Columns::with).unwrap().with("training_time@108=seconds").unwrap()
    }

    #[test]
    fn a_row_for_each_cell_has_its_budgets_in_columns() {
        let text = "matrix,ops,val_4,val_108,seconds\n\
                    010001000,input conv3x3 output,0.25,0.75,100.5\n\
                    \"[[0,1],[0,0]]\",\"input,output\",0.5,,\n";
        let records = read(text, &wide()).unwrap();
        assert_eq!(records.len(), 3, "an empty field is no training");
        let table = Table::from_records(&records);
        let cell = Cell::from_texts("010001000", "input,conv3x3-bn-relu,output").unwrap();
        let index = table.index_of(&cell).unwrap();
        assert_eq!(table.parameters(index), count(&cell, &Skeleton::nas_bench_101()).unwrap().0);
        let last = table.rows(index)[1].at(crate::table::Stop::Final);
        assert_eq!((last.validation_accuracy, last.training_time), (Accuracy::from_fraction(0.75), Seconds(100.5)));
    }

    #[test]
    fn what_a_row_leaves_empty_is_not_known() {
        let text = "matrix,ops,val_4,val_108,seconds\n0100,input output,0.5,,7\n010001000,input conv3x3 output,0.5,0.9,0\n";
        let records = read(text, &wide()).unwrap();
        let of = |vertices: usize, epochs| {
            let has_key = |record: &&Record| record.cell.vertices() == vertices && record.epochs == Epochs(epochs);
            let record = records.iter().find(has_key).unwrap();
            (record.status, record.end.training_time.measured())
        };
        assert_eq!((of(2, 4), of(2, 108)), ((Status::Ok, None), (Status::Failed, Some(Seconds(7.0)))));
        assert_eq!(of(3, 108), (Status::Ok, None));
        let only_times = Columns::default().with("adjacency=matrix").and_then(|columns| columns.with("operations=ops")).unwrap();
        let only_times = only_times.with("training_time@4=seconds").unwrap();
        assert_eq!(read(text, &only_times).unwrap()[0].status, Status::Ok);
    }

    #[test]
    fn a_row_for_each_training_has_the_names_that_a_query_prints() {
        let text = "module_hash,epochs,repeat,trainable_parameters,validation_accuracy,module_adjacency,module_operations\n\
                    043721b9c7fe8c5fad811d47d83132ec,12,,7,0.5,0100,\"input,output\"\n\
                    043721b9c7fe8c5fad811d47d83132ec,12,,7,0.6,0100,\"input,output\"\n";
        let records = read(text, &Columns::default()).unwrap();
        assert_eq!(records.iter().map(|record| record.repeat).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(records[0].parameters, Parameters(7));
        let other = text.replace("043721b9c7fe8c5fad811d47d83132ec,12", "143721b9c7fe8c5fad811d47d83132ec,12");
        let expected = "line 2, column `module_hash`: expected 043721b9c7fe8c5fad811d47d83132ec, that of the cell, found 143721";
        assert!(message(&other, &Columns::default()).contains(expected), "{}", message(&other, &Columns::default()));
        let copied = text.replace("12,,7", "12,1,7");
        assert!(matches!(read(&copied, &Columns::default()), Err(Error::RepeatedKey { .. })));
        assert!(message(&text.replace("12,,7", "12,mean,7"), &Columns::default()).contains("expected the number of a repeat"));
        assert!(message(&text.replace("12,,7", "12,100,7"), &Columns::default()).contains("expected at most 99"));
        assert!(message(&text.replace("ec,12", "ec,0"), &Columns::default()).contains("column `epochs`"));
    }

    #[test]
    fn what_cannot_be_right_is_named_with_its_line_and_column() {
        let header = "matrix,ops,val_4,val_108,seconds\n";
        let of = |row: &str| message(&format!("{header}0100,input output,0.5,0.5,1\n{row}\n"), &wide());
        let expected = "cells.csv`, line 3, column `val_108`: expected an accuracy as a fraction, 0 to 1, found NaN";
        assert_eq!(of("0100,input output,0.5,NaN,1"), expected);
        assert!(of("0100,input output,94.1,0.5,1").contains("column `val_4`: expected an accuracy as a fraction"));
        assert!(of("0100,input output,0.5,0.5,inf").contains("column `seconds`: expected seconds, 0 or more, found inf"));
        assert!(of("010,input output,0.5,0.5,1").contains("column `matrix`: expected a cell ("));
        assert!(of("0100,input output output,0.5,0.5,1").contains("column `matrix`: expected a cell ("));
        let unknown = of("010001000,input conv9x9 output,0.5,0.5,1");
        assert!(unknown.contains("column `ops`: expected operations (") && unknown.ends_with("found conv9x9"), "{unknown}");
        assert_eq!(of("0100,input output"), "cells.csv`");
    }

    #[test]
    fn columns_that_are_not_there_are_named() {
        let missing = message("module_adjacency,ops,val\n", &Columns::default());
        assert_eq!(missing, "cells.csv` has no column `module_operations` (known: module_adjacency, ops, val)");
        let columns = Columns::default().with("operations=ops").unwrap();
        assert!(message("module_adjacency,ops,val\n", &columns).contains("no column `validation_accuracy`"));
        let header = "module_adjacency,ops,validation_accuracy\n";
        assert!(message(header, &columns).contains("no column `epochs`"));
        assert!(matches!(read("matrix,ops,val_4,val_108,seconds\n", &wide()), Err(Error::NoRecords { .. })));
        for wrong in ["", "operations", "operations=", "colour=red", "operations@4=ops", "test_accuracy@0=a", "test_accuracy@x=a"]
        {
            assert!(matches!(Columns::default().with(wrong), Err(Error::UnknownField { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_benchmark_is_made_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("cells.csv"), folder.path().join("bench"));
        fs_err::write(&file, "matrix,ops,val_4,val_108,seconds\n0100,input output,0.5,0.6,7\n").unwrap();
        let protocol = Protocol::find("nas-bench-101").unwrap();
        let (benchmark, records) = import_csv(&file, &wide(), &protocol, "cifar-10", &out).unwrap();
        assert_eq!(benchmark.records().unwrap(), records);
        assert_eq!(benchmark.skeleton().unwrap(), Skeleton::nas_bench_101());
        assert_eq!(benchmark.imported()[0].records, 2);
        assert!(matches!(import_csv(&file, &wide(), &protocol, "cifar-10", &out), Err(Error::NotEmpty { .. })));
        let open = Protocol::find("quick").unwrap();
        let other = folder.path().join("other");
        assert!(matches!(import_csv(&file, &wide(), &open, "any", &other), Err(Error::NoNetwork { .. })));
        assert!(!other.exists());
    }
}
