//! A benchmark on disk: its rows, its columns, its files, and what makes two of them comparable.
//!
//! A [`Benchmark`] is a folder with `benchmark.toml` and Parquet files. One row, a [`Record`], is one trained model. A new
//! column is one field of [`Record`] and one entry of the list in `column.rs`. Every Parquet file of ours is written here.

mod benchmark;
mod check;
mod column;
mod compact;
mod cost;
mod dense;
pub mod export;
#[cfg(test)]
mod fixture;
mod judged;
mod left_out;
mod look_up;
mod manifest;
mod merge;
mod numerics;
pub mod official;
mod oracle;
mod outcomes;
mod reader;
mod record;
mod schema;
mod shipped;
mod sorted;
pub mod sql;
mod sum;
mod summary;
mod survey;
pub mod text;
mod trajectories;
mod trials;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use crate::space::ModuleHash;
use crate::unit::Epochs;

pub use benchmark::{Benchmark, FIRST_VERIFIED_REPEAT, Part};
pub use check::{Damaged, Findings, Listed, Promise, Promised, check};
pub use column::{ColumnDescription, columns};
pub use compact::{Compacted, compact};
pub use cost::Costs;
pub use dense::{Answer, Mean, Means, Official, RANKINGS, Ranking, Repeat, Row, Stop, Table};
pub use judged::{DEFAULT_CLASSES, Divergence, chance, judged, judged_records, mean_accuracy};
pub use left_out::LeftOut;
pub use manifest::{Dataset, Difference, FORMAT_VERSION, Identity, Imported, Manifest, operations};
pub use merge::{Merged, merge};
pub use numerics::Revisions;
pub use oracle::TableOracle;
pub use outcomes::outcomes;
pub use reader::read;
pub use record::{Key, Number, Record, SOURCES, STATUSES, Source, Status, Telemetry, Timestamp};
pub use schema::schema;
pub use shipped::SHIPPED;
pub use summary::{
    BestCell, BetweenBudgets, BudgetCount, BySize, Failure, Noise, Provenance, Range, RepeatNoise, Summary, VerticesCount,
    WithinBudget,
};
pub use survey::{Step, Watch};
pub use trajectories::{Incumbent, TrajectoryRow, holds_trajectories, write_trajectories};
pub use trials::{TrialRow, holds_trials, write_trials};
pub use writer::write;

use official::Problem;

/// What is wrong with a benchmark or one of its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// A file is no whole Parquet file, or could not be written as one.
    #[error("could not read or write `{}` as Parquet", file.display())]
    Parquet {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: ParquetError,
    },
    /// A file lacks a column, or has it with another type.
    #[error("`{}`, column `{column}`: expected {expected}, found {found}", file.display())]
    Column {
        /// The file.
        file: PathBuf,
        /// The column.
        column: &'static str,
        /// The type it should have.
        expected: String,
        /// The type it has, or `no such column`.
        found: String,
    },
    /// A file holds a column of another version, which would be lost if it were written anew.
    #[error("`{}` has a column `{column}` that this version does not know", file.display())]
    StrangeColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
    },
    /// The bytes of a file are not those that were written.
    #[error("`{}` is damaged: it states the sum {stated}, its bytes have {found}", file.display())]
    Sum {
        /// The file.
        file: PathBuf,
        /// The sum that it states.
        stated: String,
        /// The sum of its bytes.
        found: String,
    },
    /// The disk does not give back what it took.
    #[error("`{}`, row {row}: what was read back is not what was written", file.display())]
    ReadBack {
        /// The file.
        file: PathBuf,
        /// The row, from 0.
        row: usize,
    },
    /// Two rows of one key say different things.
    #[error("{key} stands in `{}` and in `{}` with different results: {}", files[0].display(), files[1].display(), differences.join("; "))]
    Conflict {
        /// The key.
        key: Box<Key>,
        /// The file of the first row, and that of the other.
        files: Box<[PathBuf; 2]>,
        /// What each column that differs has there and here.
        differences: Vec<String>,
    },
    /// A value cannot be right.
    #[error("`{}`, row {row}, column `{column}`: expected {expected}, found {found}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The row, from 0.
        row: usize,
        /// The column.
        column: &'static str,
        /// What would be right.
        expected: String,
        /// The value.
        found: String,
    },
    /// A record was to be written that no reader would accept.
    #[error("{key}, column `{column}`: expected {expected}, found {found}")]
    Unwritable {
        /// The row.
        key: Box<Key>,
        /// The column.
        column: &'static str,
        /// What would be right.
        expected: String,
        /// The value.
        found: String,
    },
    /// Nothing was trained at a budget.
    #[error("nothing was trained for {found} epochs (known: {})", listed(known))]
    UnknownBudget {
        /// The budget asked for.
        found: Epochs,
        /// The budgets of the table.
        known: Vec<Epochs>,
    },
    /// No cell has a value in the column by which cells are to be ranked.
    #[error("no cell has a `{column}` at {epochs} epochs (there is: {})", known.join(", "))]
    NoValues {
        /// The column.
        column: &'static str,
        /// The budget.
        epochs: Epochs,
        /// The columns in which some cell has a value.
        known: Vec<&'static str>,
    },
    /// Nobody measured what the trainings of a budget took.
    #[error("no training time is known at {epochs} epochs")]
    NoTimes {
        /// The budget.
        epochs: Epochs,
    },
    /// A cell was not trained, or not at a budget.
    #[error("cell {hash} is not recorded{}", epochs.map_or_else(String::new, |epochs| format!(" at {epochs} epochs")))]
    NotRecorded {
        /// The hash of the cell.
        hash: ModuleHash,
        /// The budget, if the cell was trained at others.
        epochs: Option<Epochs>,
    },
    /// A cell has no such repeat.
    #[error("cell {hash} has no repeat {found} at {epochs} epochs (known: {})", listed(known))]
    UnknownRepeat {
        /// The hash of the cell.
        hash: ModuleHash,
        /// The budget.
        epochs: Epochs,
        /// The repeat asked for.
        found: u16,
        /// The repeats that there are.
        known: Vec<u16>,
    },
    /// A file holds rows of another benchmark.
    #[error("`{}` holds rows of another benchmark: expected identity {expected}, found {found}", file.display())]
    ForeignRows {
        /// The file.
        file: PathBuf,
        /// The identity of the benchmark in whose folder it lies.
        expected: Identity,
        /// The identity that the file states, or `none`.
        found: String,
    },
    /// A folder holds no benchmark.
    #[error("`{}` holds no benchmark: there is no `benchmark.toml`", folder.display())]
    NoBenchmark {
        /// The folder.
        folder: PathBuf,
    },
    /// A benchmark cannot be created where something else lies.
    #[error("`{}` holds something else (`{found}`) and no benchmark: expected an empty or a new folder", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The name of something in it.
        found: String,
    },
    /// A benchmark is imported into a new folder only.
    #[error("`{}` is not empty: expected an empty or a new folder", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A record of an official file is not right.
    #[error("`{}`, record {record} at byte {offset}", file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// The number of the record, from 1.
        record: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        source: Box<Problem>,
    },
    /// An official file has no record, or none that is right.
    #[error("`{}` holds no record to import", file.display())]
    NoRecords {
        /// The file.
        file: PathBuf,
    },
    /// Two of the files to import are one.
    #[error("`{}` is given twice", file.display())]
    GivenTwice {
        /// The file.
        file: PathBuf,
    },
    /// One of the files to import holds another one.
    #[error(
        "every record of `{}` is in `{}`, too\nhint: import `{}` alone",
        file.display(), other.display(), other.display()
    )]
    WithinAnother {
        /// The file.
        file: PathBuf,
        /// The file that holds all of it.
        other: PathBuf,
    },
    /// A packed file is no whole one.
    #[error("could not unpack `{}`", file.display())]
    Unpack {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing to export.
    #[error("`{}` has no rows{}", folder.display(), if *part == Part::Verified { " of verification" } else { " yet" })]
    NoRows {
        /// The folder of the benchmark.
        folder: PathBuf,
        /// The part of it that is empty.
        part: Part,
    },
    /// The official format cannot hold any row.
    #[error(
        "the official format has words for none of the {rows} rows: they lack {}\nhint: the other formats have",
        lacking.join(", ")
    )]
    NothingOfficial {
        /// The number of rows.
        rows: u64,
        /// The columns that are null in one of them or more.
        lacking: Vec<&'static str>,
    },
    /// There are more records than can be counted in 32 bits.
    #[error("`{}` holds more records than an import can take: expected at most {}", file.display(), u32::MAX)]
    TooManyRecords {
        /// The file with the first one that is too many.
        file: PathBuf,
    },
    /// A folder lies where a file should be.
    #[error("`{}` is a folder: expected a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file lies where the folder should be.
    #[error("`{}` is a file: expected a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder holds a benchmark whose records are not comparable with those to be recorded.
    #[error("`{}` holds another benchmark: {}", folder.display(), manifest::listed(differences))]
    AnotherBenchmark {
        /// The folder.
        folder: PathBuf,
        /// In what the two differ.
        differences: Vec<Difference>,
    },
    /// The file has a format that this version does not read.
    #[error("`{}` has format version {found}: expected {expected}", file.display(), expected = FORMAT_VERSION)]
    FormatVersion {
        /// The file.
        file: PathBuf,
        /// The version that the file states, or `none`.
        found: String,
    },
    /// `benchmark.toml` is not what this program writes.
    #[error("could not understand `{}`", file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: Box<toml::de::Error>,
    },
    /// The contents of `benchmark.toml` do not fit the identity that it states.
    #[error("`{}` was changed after it was written: it states identity {stated}, its contents have {found}", file.display())]
    Altered {
        /// The file.
        file: PathBuf,
        /// The identity that it states.
        stated: Identity,
        /// The identity of its contents.
        found: Identity,
    },
    /// A query names a table that there is not.
    #[error("unknown table `{table}` (known: {})", known.join(", "))]
    UnknownTable {
        /// The name.
        table: String,
        /// The tables that there are.
        known: Vec<&'static str>,
    },
    /// A query names a column that there is not.
    #[error("unknown column `{column}` (known: {})", known.join(", "))]
    UnknownColumn {
        /// The name.
        column: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// A statement asks for more than an answer.
    #[error("a benchmark is only read: expected a statement that starts with one of {}, found `{found}`", expected.join(", "))]
    NotAQuery {
        /// The words with which a query begins.
        expected: &'static [&'static str],
        /// The word with which the statement begins.
        found: String,
    },
    /// A query cannot be understood or answered.
    #[error("{problem}")]
    Sql {
        /// Why not.
        problem: String,
    },
    /// A format cannot hold the rows.
    #[error("could not write the rows in this format")]
    Export {
        /// Why not.
        source: arrow::error::ArrowError,
    },
    /// A file is no CSV, or a row of it has too few or too many fields.
    #[error("could not read `{}`", file.display())]
    Csv {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: csv::Error,
    },
    /// A column of a table was named that cannot be.
    #[error(
        "`{found}` names no column: expected FIELD=NAME with one of {}, or with a budget one of {}, {}, as in `{}@108=NAME`\n\
         hint: `{}=NAME` keeps another column of numbers",
        text::FIELDS.iter().map(|(field, _)| *field).collect::<Vec<_>>().join(", "),
        text::MEASURED.join(", "),
        text::STATUS,
        text::MEASURED[2],
        text::KEEP
    )]
    UnknownField {
        /// What was given.
        found: String,
    },
    /// A text is no JSON, or no rows in JSON.
    #[error("could not read `{}`", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Why not, with line and column.
        source: serde_json::Error,
    },
    /// A value of an exported file is not of the type of its column, or the file is no whole one.
    #[error("could not read the rows of `{}`", file.display())]
    Rows {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: arrow::error::ArrowError,
    },
    /// A file is something else than what is read.
    #[error("`{}` is {what}\nhint: {hint}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        what: String,
        /// What to do with it.
        hint: String,
    },
    /// A row of verification is to be imported, which belongs to a benchmark that was recorded.
    #[error("`{}` holds a row of verification, {key}: expected repeats below {FIRST_VERIFIED_REPEAT}", file.display())]
    VerifiedRow {
        /// The file.
        file: PathBuf,
        /// What the row is of.
        key: Box<Key>,
    },
    /// A table has two columns of one name.
    #[error(
        "`{}` has two columns `{column}`, number {} and number {}\nhint: give one of them another name, or take it out",
        file.display(), positions[0], positions[1]
    )]
    RepeatedColumn {
        /// The file.
        file: PathBuf,
        /// The name.
        column: String,
        /// Where the two are, from 1.
        positions: [usize; 2],
    },
    /// One column was named for two fields.
    #[error("the column `{column}` is named for `{}` and for `{}`: expected one of them", fields[0], fields[1])]
    SharedColumn {
        /// The column.
        column: String,
        /// The two fields.
        fields: [&'static str; 2],
    },
    /// A column is to be kept under a name that every benchmark has.
    #[error("a column cannot be kept as `{column}`, which every benchmark has: expected another name")]
    KnownColumn {
        /// The name.
        column: String,
    },
    /// A field of a CSV file was named twice.
    #[error("the column of `{field}` is named twice")]
    RepeatedField {
        /// The field.
        field: &'static str,
    },
    /// A CSV file lacks a column.
    #[error("`{}` has no column `{column}` (known: {}){}", file.display(), known.join(", "), text::naming(*field))]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// What the column holds, if nobody named it.
        field: Option<&'static str>,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// A value of a CSV file cannot be right.
    #[error("`{}`, {unit} {line}, column `{column}`: expected {expected}, found {found}", file.display())]
    CsvValue {
        /// The file.
        file: PathBuf,
        /// What a row is called: `line`, or `object` in JSON.
        unit: &'static str,
        /// The row, from 1; in CSV the header is one.
        line: u64,
        /// The column.
        column: String,
        /// What would be right.
        expected: String,
        /// The value.
        found: String,
    },
    /// Two rows of a CSV file are of one training.
    #[error("`{}` has two rows of {key}", file.display())]
    RepeatedKey {
        /// The file.
        file: PathBuf,
        /// What both are of.
        key: Box<Key>,
    },
    /// A file is longer than can be read into memory.
    #[error("`{}` has {found} bytes: expected at most {expected}", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most bytes.
        expected: u64,
        /// Its bytes.
        found: u64,
    },
    /// Nothing says which network the cells stand in.
    #[error("{what} does not say what the images are and how wide the network is")]
    NoNetwork {
        /// What should say it.
        what: String,
    },
    /// A protocol has no form in TOML.
    #[error("could not write the protocol as TOML")]
    Protocol {
        /// Why not.
        source: toml::ser::Error,
    },
}

impl Error {
    /// What an error of reading a file means: if the file is packed, it is one of the unpacking and does not name the file.
    fn of_reading(file: &Path, is_packed: bool) -> impl Fn(io::Error) -> Self {
        move |source| if is_packed { Self::Unpack { file: file.to_owned(), source } } else { Self::File(source) }
    }

    /// Whether the error says that the contents of a file are not what was written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Parquet { .. } | Self::Sum { .. } | Self::Column { .. } | Self::Value { .. })
    }
}

fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
