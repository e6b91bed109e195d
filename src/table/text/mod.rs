//! Records from files of other programs, and from what [`export`](super::export) wrote: CSV, JSON, Parquet and Arrow.
//!
//! What a file is, its bytes say ([`Kind`]). The columns of CSV and JSON are those that a person names ([`Columns`]).

mod columns;
mod exported;
mod kind;
mod lines;
mod rows;

use std::collections::HashMap;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{Benchmark, Dataset, Error, Imported, Manifest, Record, Source, Status, operations, write};
use crate::hex;
use crate::network::Skeleton;
use crate::space::{ModuleHash, OPERATIONS, Operation, Space};
use crate::train::Protocol;
use crate::unit::Epochs;

pub use columns::Columns;
pub use kind::Kind;

#[cfg(test)]
pub(super) use exported::records as exported_records;

use columns::Positions;
use lines::Line;
use rows::Rows;

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

/// What a column of numbers is named for that is none of [`FIELDS`] and becomes an extra column of the benchmark.
pub const KEEP: &str = "keep";

/// The field of what a training reached.
const VALIDATION: &str = "validation_accuracy";

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The records, sorted by key.
    pub records: Vec<Record>,
    /// The names of the columns that were not read.
    pub ignored: Vec<String>,
    /// How many of the rows are means over repeats, each of which counts as one repeat.
    pub means: u64,
}

/// Reads the records of a file: a row for each training, or one for each cell with columns for its budgets.
///
/// A file may be CSV with commas, semicolons or tabs, JSON (objects, one after the other or in a list), or what
/// [`export`](super::export) wrote in any format; each may be packed by gzip. A cell is its matrix and its operations, as
/// [`Sketch::from_matrix`](crate::space::Sketch::from_matrix) reads them. An empty field is no value, and neither is a training
/// time of 0; a training whose validation accuracy is empty though other values of it are there counts as [`Status::Failed`]. The
/// repeats of a cell at a budget are numbered in their order unless a column does; a mean over repeats counts as one. A hash is
/// compared with that of the cell. Parameters are counted in the network of `skeleton` unless a column has them.
///
/// # Errors
///
/// As [`Kind::of`] for what is no table; [`Error::Csv`] or [`Error::Json`] for a text that is none; [`Error::RepeatedColumn`] and
/// [`Error::MissingColumn`]; [`Error::CsvValue`] for the first value that cannot be right: no cell, an accuracy that is not a
/// fraction, a number that is none; [`Error::RepeatedKey`] and [`Error::NoRecords`].
pub fn read_table(file: &Path, columns: &Columns, skeleton: &Skeleton) -> Result<Contents, Error> {
    read_bytes(file, columns, skeleton).map(|(contents, _)| contents)
}

/// Reads the records of a file, and says which it is.
fn read_bytes(file: &Path, columns: &Columns, skeleton: &Skeleton) -> Result<(Contents, Imported), Error> {
    let kind = Kind::of(file)?;
    let bytes = bytes(file)?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let mut imported =
        Imported { file: name, bytes: bytes.len() as u64, records: 0, sha256: hex::print(&Sha256::digest(&bytes)) };
    let mut contents = match kind {
        Kind::Official => {
            let (what, hint) = (kind.name().to_owned(), "`nasbench import` makes a benchmark of it".to_owned());
            return Err(Error::Foreign { file: file.to_owned(), what, hint });
        }
        Kind::Parquet | Kind::Arrow => exported_contents(kind, bytes, columns, file)?,
        Kind::Delimited | Kind::Json => text_contents(kind, bytes, columns, skeleton, file)?,
    };
    let records = &mut contents.records;
    if records.is_empty() {
        return Err(Error::NoRecords { file: file.to_owned() });
    }
    records.sort_by_key(Record::key);
    if let Some(pair) = records.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
        return Err(Error::RepeatedKey { file: file.to_owned(), key: Box::new(pair[0].key()) });
    }
    if let Some(verified) = records.iter().find(|record| record.repeat > MOST_REPEATS) {
        return Err(Error::VerifiedRow { file: file.to_owned(), key: Box::new(verified.key()) });
    }
    imported.records = records.len() as u64;
    Ok((contents, imported))
}

/// Reads what an export wrote in a format that says which columns it has.
fn exported_contents(kind: Kind, bytes: Vec<u8>, columns: &Columns, file: &Path) -> Result<Contents, Error> {
    let kept: Vec<_> = columns.kept().collect();
    let (records, ignored) = match kind {
        Kind::Arrow => exported::read_arrow(bytes, file, &kept)?,
        _ if is_packed(&fs_err::read(file)?) => {
            let (what, hint) = ("a Parquet file packed by gzip".to_owned(), "`gzip -d FILE` unpacks it".to_owned());
            return Err(Error::Foreign { file: file.to_owned(), what, hint });
        }
        _ => exported::read_parquet(file, &kept)?,
    };
    Ok(Contents { records, ignored, means: 0 })
}

/// Reads a text: an export, or rows with columns that a person named.
fn text_contents(kind: Kind, bytes: Vec<u8>, columns: &Columns, skeleton: &Skeleton, file: &Path) -> Result<Contents, Error> {
    let header = rows::header(&bytes, kind, file)?;
    columns::check_unique(&header, file)?;
    if columns::is_exported(&header) {
        let kept: Vec<_> = columns.kept().collect();
        let (records, ignored) = exported::read_text(&bytes, kind, &header, &kept, file)?;
        return Ok(Contents { records, ignored, means: 0 });
    }
    let mut rows = Rows::open(bytes, kind, file)?;
    let header = std::mem::take(&mut rows.header);
    let positions = Positions::new(columns, &header, file)?;
    let space = Space::nas_bench_101().with_max_edges(MOST_EDGES).and_then(|space| space.with_operations(OPERATIONS));
    let space = space.expect("limits of a space");
    let ignored = columns::ignored(&header, |position| positions.is_read(position));
    let mut contents = Contents { ignored, ..Contents::default() };
    let mut repeats: HashMap<(ModuleHash, Epochs), u16> = HashMap::new();
    while let Some((number, row)) = rows.next(file)? {
        let line = Line { row: &row, number, unit: rows.unit, file, header: &header, positions: &positions };
        take(&line, &space, skeleton, &mut repeats, &mut contents)?;
    }
    Ok(contents)
}

/// Takes the records of a row.
fn take(
    line: &Line<'_>,
    space: &Space,
    skeleton: &Skeleton,
    repeats: &mut HashMap<(ModuleHash, Epochs), u16>,
    contents: &mut Contents,
) -> Result<(), Error> {
    let cell = line.cell(space)?;
    let hash = line.hash(cell)?;
    let (parameters, flops) = line.cost(cell, skeleton)?;
    contents.means += u64::from(line.is_mean());
    for (epochs, measured) in line.measurements()? {
        let next = repeats.entry((hash, epochs)).or_default();
        let repeat = line.repeat()?.unwrap_or(*next);
        *next = next.saturating_add(1);
        if repeat > MOST_REPEATS {
            let expected = format!("at most {MOST_REPEATS}, and fewer repeats of a cell");
            return Err(line.wrong("repeat", &expected, &repeat.to_string()));
        }
        let mut record =
            Record { parameters, flops, source: Source::Imported, ..Record::blank_with_hash(hash, cell, epochs, repeat) };
        let names_accuracy = measured.iter().any(|(field, _)| *field == VALIDATION);
        for (field, position) in measured {
            line.measure(field, position, &mut record)?;
        }
        line.keep(&mut record)?;
        if names_accuracy && record.end.validation_accuracy.is_none() {
            record.status = Status::Failed;
        }
        record.total_time = record.end.training_time;
        contents.records.push(record);
    }
    Ok(())
}

/// The bytes of a file, unpacked if it is packed by gzip.
fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    let mut open = fs_err::File::open(file)?;
    let too_long = |found| Error::TooLong { file: file.to_owned(), expected: MOST_BYTES, found };
    let length = open.metadata()?.len();
    if length > MOST_BYTES {
        return Err(too_long(length));
    }
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes)?;
    if !is_packed(&bytes) {
        return Ok(bytes);
    }
    open.rewind()?;
    bytes.clear();
    let read = MultiGzDecoder::new(BufReader::new(open)).take(MOST_BYTES + 1).read_to_end(&mut bytes);
    let found = read.map_err(|source| Error::Unpack { file: file.to_owned(), source })? as u64;
    if found > MOST_BYTES { Err(too_long(found)) } else { Ok(bytes) }
}

/// Whether bytes are those of a file packed by gzip.
fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(kind::GZIP)
}

/// Makes a benchmark of a file: as [`read_table`], in a new folder. Returns the benchmark and what the file holds.
///
/// # Errors
///
/// As [`read_table`]; [`Error::NotEmpty`] if anything lies in the folder, [`Error::NoNetwork`] if the protocol leaves open what
/// the images are.
///
/// # Panics
///
/// Never: the operations are those of the list.
pub fn import_table(
    file: &Path,
    columns: &Columns,
    protocol: &Protocol,
    dataset: &str,
    out: &Path,
) -> Result<(Benchmark, Contents), Error> {
    Benchmark::check_vacant(out)?;
    let skeleton = protocol.skeleton().ok_or_else(|| Error::NoNetwork { what: format!("the protocol `{}`", protocol.name) })?;
    let (contents, imported) = read_bytes(file, columns, &skeleton)?;
    let records = &contents.records;
    let used = |operation: &Operation| records.iter().any(|record| record.cell.operations().any(|other| other == *operation));
    let official: Vec<_> = Space::nas_bench_101().operations().collect();
    let known: Vec<_> = OPERATIONS.iter().copied().filter(|operation| official.contains(operation) || used(operation)).collect();
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
