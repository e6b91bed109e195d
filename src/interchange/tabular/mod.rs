//! Records from files of other programs, and from what [`export`](super::export) wrote: CSV, JSON, Parquet and Arrow.
//!
//! What a file is, its bytes say ([`Kind`]). The columns of CSV and JSON are those that a person names ([`Columns`]).

mod columns;
mod exported;
mod kind;
mod lines;
mod rows;
mod values;

use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Error, LeftOut, naslib};
use crate::file::{Unpacked, mark_length};
use crate::hex;
use crate::network::{Skeleton, count};
use crate::space::{Operation, Space};
use crate::table::{self, Benchmark, Dataset, FIRST_VERIFIED_REPEAT, Imported, Key, Manifest, Record, Status, operations, write};
use crate::train::Protocol;
use crate::unit::Parameters;

pub use columns::Columns;
pub use kind::Kind;
pub use values::Ignored;

#[cfg(test)]
pub(super) use exported::records as exported_records;

use columns::Positions;
use lines::{Line, Repeats};
use rows::Rows;
use values::Values;

/// The most edges of a cell in a file: all that 7 vertices can have.
const MOST_EDGES: usize = 21;
/// Larger files are refused before they fill the memory.
const MOST_BYTES: u64 = 1 << 31;
/// Records of verification start later; more repeats than this are a mistake.
const MOST_REPEATS: u16 = FIRST_VERIFIED_REPEAT - 1;

/// What a column may hold, and the name that it has unless another one is given: that which `nasbench query` prints.
///
/// Each of [`MEASURED`], and [`STATUS`], may also be of one budget, as in `validation_accuracy@108`, in a file with one row for
/// each cell.
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
    (STATUS, "status"),
];

/// Other names by which a field is found where its usual name is not there: those of cells as JSON, and those of a benchmark.
const SYNONYMS: &[(&str, &str)] = &[
    ("hash", "hash"),
    ("adjacency", "adjacency"),
    ("adjacency", "matrix"),
    ("operations", "operations"),
    ("operations", "ops"),
    ("training_time", "final_training_time"),
    ("train_accuracy", "final_train_accuracy"),
    (VALIDATION, "final_validation_accuracy"),
    ("test_accuracy", "final_test_accuracy"),
];

/// The fields that are measured, and so belong to a budget.
pub const MEASURED: &[&str] = &["training_time", "train_accuracy", VALIDATION, "test_accuracy"];

/// The field that says how a training ended: `ok`, `diverged` or `failed`.
pub const STATUS: &str = "status";

/// What a column of numbers is named for that is none of [`FIELDS`] and becomes an extra column of the benchmark.
pub const KEEP: &str = "keep";

/// The column in which `nasbench query` says that its values are of half of a training.
const STOP: &str = "stop";

/// The field of what a training reached.
const VALIDATION: &str = "validation_accuracy";

/// Returns whether a field belongs to a training, and so to a budget.
fn of_a_training(field: &str) -> bool {
    field == STATUS || MEASURED.contains(&field)
}

/// The contents of a file.
#[derive(Debug, Default)]
pub struct Contents {
    /// The records, sorted by key.
    pub records: Vec<Record>,
    /// The columns that were not read.
    pub ignored: Vec<Ignored>,
    /// The number of rows that are means over repeats, each of which counts as one repeat.
    pub means: u64,
    /// Records that state another number of parameters than the network of their cell has; they keep their own.
    pub recounted: Option<Recounted>,
    /// The records that an import left out because of an error.
    pub left_out: LeftOut,
}

/// Records that state another number of parameters than the network of their cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recounted {
    /// The number of all.
    pub records: u64,
    /// The first of them.
    pub first: Key,
    /// What it states.
    pub stated: Parameters,
    /// What its network has.
    pub counted: Parameters,
}

/// How a file is to be read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    file: &'a Path,
    columns: &'a Columns,
    skeleton: &'a Skeleton,
    /// Whether rows that are not right are left out, instead of ending the reading.
    keep_going: bool,
}

impl<'a> Reading<'a> {
    /// Returns the names of the columns that are kept.
    fn kept(&self) -> Vec<&'a str> {
        self.columns.kept().collect()
    }
}

/// Reads the records of a file: a row for each training, or one for each cell with columns for its budgets.
///
/// A file may be CSV with commas, semicolons or tabs, JSON (objects, one after the other, in a list or by the hashes of their cells), what
/// [NASLib](super::naslib) holds, or what
/// [`export`](super::export) wrote in any format; each may be packed by gzip. A cell is its matrix and its operations, as
/// [`RawGraph::from_matrix`](crate::space::RawGraph::from_matrix) reads them. An empty field is no value, and neither is a training
/// time of 0. How a training ended its [status](STATUS) says; where that is empty or not there, a training whose validation accuracy
/// is empty though other values of it are there counts as [`Status::Failed`]. The
/// repeats of a cell at a budget are numbered in their order unless a column does; a mean over repeats counts as one. A hash is
/// compared with that of the cell. Parameters are counted in the network of `skeleton` unless a column has them.
///
/// # Errors
///
/// As [`Kind::detect`] for what is no table; [`Error::Unreadable`] for a text that is none; [`Error::Columns`]; [`Error::CsvValue`] for
/// the first value that cannot be right: no cell, an accuracy that is not a fraction, a number that is none; [`Error::RepeatedKey`] and
/// [`Error::NoRecords`].
pub fn read_table(file: &Path, columns: &Columns, skeleton: &Skeleton) -> Result<Contents, Error> {
    read(&Reading { file, columns, skeleton, keep_going: false }).map(|(contents, _)| contents)
}

/// Reads the records of a file, and says which it is.
fn read(reading: &Reading<'_>) -> Result<(Contents, Imported), Error> {
    let file = reading.file;
    let kind = Kind::detect(file)?;
    let bytes = bytes(file)?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let mut imported =
        Imported { file: name, bytes: bytes.len() as u64, records: 0, sha256: hex::print(&Sha256::digest(&bytes)) };
    let mut contents = match kind {
        Kind::Official => {
            let (what, hint) = (kind.name().to_owned(), "`nasbench import` makes a benchmark of it".to_owned());
            return Err(Error::Foreign { file: file.to_owned(), what, hint });
        }
        Kind::Arrow => exported::read_arrow(reading, bytes)?,
        Kind::Parquet if Unpacked::open(file)?.is_packed() => {
            let (what, hint) = ("a Parquet file packed by gzip".to_owned(), "`gzip -d FILE` unpacks it".to_owned());
            return Err(Error::Foreign { file: file.to_owned(), what, hint });
        }
        Kind::Parquet => exported::read_parquet(reading)?,
        Kind::Delimited | Kind::Json => text_contents(reading, kind, bytes)?,
    };
    sort_and_check(reading, &mut contents)?;
    imported.records = contents.records.len() as u64;
    Ok((contents, imported))
}

/// Reads a text: an export, or rows with columns that a person named.
fn text_contents(reading: &Reading<'_>, kind: Kind, mut bytes: Vec<u8>) -> Result<Contents, Error> {
    let file = reading.file;
    let mut header = rows::header(&bytes, kind, file)?;
    if kind == Kind::Json
        && let Some(flat) = naslib::rows(&bytes[mark_length(&bytes)..], &header).map_err(|source| Error::unread(file, source))?
    {
        bytes = flat;
        header = rows::header(&bytes, kind, file)?;
    }
    columns::check_unique(&header, file)?;
    if columns::is_exported(&header) {
        return exported::read_text(reading, &bytes, kind, &header);
    }
    let mut rows = Rows::open(bytes, kind, reading.keep_going, file)?;
    let header = std::mem::take(&mut rows.header);
    let positions = Positions::new(reading.columns, &header, file)?;
    let space = Space::nas_bench_101().with_max_edges(MOST_EDGES).and_then(|space| space.with_operations(&Operation::ALL));
    let space = space.expect("limits of a space");
    let unread: Vec<usize> = (0..header.len()).filter(|position| !positions.is_read(*position)).collect();
    let mut values = vec![Values::default(); unread.len()];
    let (mut contents, mut repeats) = (Contents::default(), Repeats::new());
    loop {
        let (number, row) = match rows.next(file) {
            Ok(None) => break,
            Ok(Some(row)) => row,
            Err(error) => {
                contents.left_out.add_or_stop(error, reading.keep_going)?;
                continue;
            }
        };
        for (values, position) in values.iter_mut().zip(&unread) {
            values.take(row.get(*position).unwrap_or_default());
        }
        let line = Line { row: &row, number, unit: rows.unit, file, header: &header, positions: &positions };
        match line.records(&space, reading.skeleton, &repeats) {
            Err(error) => contents.left_out.add_or_stop(error, reading.keep_going)?,
            Ok(mut records) => {
                contents.means += u64::from(line.is_mean());
                for record in &records {
                    let next = repeats.entry((record.hash, record.epochs)).or_default();
                    *next = next.saturating_add(1);
                }
                contents.records.append(&mut records);
            }
        }
    }
    let ignored = unread.iter().zip(values).map(|(position, values)| Ignored::new(&header, *position, values));
    contents.ignored = ignored.collect();
    Ok(contents)
}

/// Sorts the records, refuses those that no benchmark can have, and looks at what they have in common.
fn sort_and_check(reading: &Reading<'_>, contents: &mut Contents) -> Result<(), Error> {
    let file = || reading.file.to_owned();
    let mut records = std::mem::take(&mut contents.records);
    // Of rows with one key the first in the file stays first.
    records.sort_by_key(Record::key);
    for record in records {
        let key = record.key();
        let problem = if contents.records.last().is_some_and(|last| last.key() == key) {
            Error::RepeatedKey { file: file(), key: Box::new(key) }
        } else if record.repeat > MOST_REPEATS {
            Error::VerifiedRow { file: file(), key: Box::new(key) }
        } else {
            contents.records.push(record);
            continue;
        };
        contents.left_out.add_or_stop(problem, reading.keep_going)?;
    }
    if contents.records.is_empty() {
        let mut problems = contents.left_out.listed.drain(..);
        return Err(problems.next().unwrap_or_else(|| Error::NoRecords { file: file() }));
    }
    values::level(&mut contents.records);
    contents.recounted = recounted(&contents.records, reading.skeleton);
    Ok(())
}

/// Counts the parameters of every cell again.
fn recounted(records: &[Record], skeleton: &Skeleton) -> Option<Recounted> {
    let mut found: Option<Recounted> = None;
    for of_one_cell in records.chunk_by(|one, next| one.cell == next.cell) {
        let Ok((counted, _)) = count(&of_one_cell[0].cell, skeleton) else { continue };
        // Of a training that failed before it started nobody knows it.
        let is_unknown = |record: &Record| record.status == Status::Failed && record.parameters == Parameters(0);
        for record in of_one_cell.iter().filter(|record| record.parameters != counted && !is_unknown(record)) {
            let first = Recounted { records: 0, first: record.key(), stated: record.parameters, counted };
            found.get_or_insert(first).records += 1;
        }
    }
    found
}

/// Returns the bytes of a file, unpacked if it is packed by gzip.
fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    let too_long = |found| Error::TooLong { file: file.to_owned(), expected: MOST_BYTES, found };
    let length = fs_err::metadata(file)?.len();
    if length > MOST_BYTES {
        return Err(too_long(length));
    }
    let unpacked = Unpacked::open(file)?;
    let broken = Error::of_reading(file, unpacked.is_packed());
    let mut bytes = Vec::new();
    let found = unpacked.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(broken)? as u64;
    if found > MOST_BYTES { Err(too_long(found)) } else { Ok(bytes) }
}

/// Makes a benchmark of a file: as [`read_table`], in a new folder. Returns the benchmark and what the file holds.
///
/// With `keep_going`, rows that are not right are left out and counted instead of ending the import.
///
/// # Errors
///
/// As [`read_table`], with `keep_going` only for what is wrong with the whole file or with every row;
/// [`NotEmpty`](table::Error::NotEmpty) if anything lies in the folder, [`NoNetwork`](table::Error::NoNetwork) if the protocol leaves
/// open what the images are.
///
/// # Panics
///
/// Never: the operations are those of the list.
pub fn import_table(
    file: &Path,
    columns: &Columns,
    protocol: &Protocol,
    dataset: &str,
    keep_going: bool,
    out: &Path,
) -> Result<(Benchmark, Contents), Error> {
    Benchmark::check_vacant(out)?;
    let skeleton =
        protocol.skeleton().ok_or_else(|| table::Error::NoNetwork { what: format!("the protocol `{}`", protocol.name) })?;
    let (contents, imported) = read(&Reading { file, columns, skeleton: &skeleton, keep_going })?;
    let records = &contents.records;
    let used = |operation: &Operation| records.iter().any(|record| record.cell.operations().any(|other| other == *operation));
    let official: Vec<_> = Space::nas_bench_101().operations().collect();
    let known: Vec<_> = Operation::ALL.into_iter().filter(|operation| official.contains(operation) || used(operation)).collect();
    let manifest = Manifest {
        seed: None,
        dataset: Dataset { name: dataset.to_owned(), sha256: None },
        operations: operations(&Space::nas_bench_101().with_operations(&known).expect("operations of the list")),
        protocol: protocol.identity(),
    };
    let benchmark = Benchmark::import(out, &manifest, vec![imported], |path, identity| write(path, records, identity))?;
    Ok((benchmark, contents))
}

#[cfg(test)]
mod tests;
