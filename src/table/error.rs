//! The errors of a benchmark and its files.

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

use super::{Difference, FORMAT_VERSION, Identity, Key, manifest};
use crate::space::ModuleHash;
use crate::unit::Epochs;

/// An error of a benchmark or one of its files.
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
        /// The cause.
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
    /// No column has this name.
    #[error("unknown column `{column}` (known: {})", known.join(", "))]
    NoColumn {
        /// The name.
        column: String,
        /// The columns that there are.
        known: Vec<String>,
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
        /// The valid values.
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
        /// The valid values.
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
    /// No training time is known at a budget.
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
        /// The cause.
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
    /// Nothing says which network the cells stand in.
    #[error("{what} does not say what the images are and how wide the network is")]
    NoNetwork {
        /// What should say it.
        what: String,
    },
    /// A protocol has no form in TOML.
    #[error("could not write the protocol as TOML")]
    Protocol {
        /// The cause.
        source: toml::ser::Error,
    },
}

impl Error {
    /// Returns whether the error says that the contents of a file are not what was written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Parquet { .. } | Self::Sum { .. } | Self::Column { .. } | Self::Value { .. })
    }
}

fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
