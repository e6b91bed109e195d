//! The errors of imports and exports.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

use super::official::Problem;
use crate::table::{self, FIRST_VERIFIED_REPEAT, Key, Part};

/// An error of an import or an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// Something is wrong with the benchmark, or with rows of one.
    #[error(transparent)]
    Table(#[from] table::Error),
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
    /// There is nothing to export.
    #[error("`{}` has no rows{}", folder.display(), if *part == Part::Verified { " of verification" } else { " yet" })]
    NoRows {
        /// The folder of the benchmark.
        folder: PathBuf,
        /// The part of it that is empty.
        part: Part,
    },
    /// The official format cannot represent any row.
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
    /// A format cannot hold the rows.
    #[error("could not write the rows in this format")]
    Export {
        /// The cause.
        source: arrow::error::ArrowError,
    },
    /// A file is not what it seems to be: no whole packed file, no CSV, no JSON, or rows with values of other types.
    #[error("could not {step} `{}`", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What could not be done: `read`, `unpack` or `read the rows of`.
        step: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is something else than what is read.
    #[error("`{}` is {what}\nhint: {hint}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// A description of it.
        what: String,
        /// A hint what to do.
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
    /// The columns of a table are not named as they must be: one is missing, or stands for two things, or has the name of another.
    #[error("{problem}")]
    Columns {
        /// What is wrong, and what to do.
        problem: String,
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
        /// The valid values.
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
}

impl Error {
    /// Returns the error of a text that is not what it seems to be.
    pub(super) fn unread(file: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable { file: file.to_owned(), step: "read", source: source.into() }
    }

    /// Returns the error of rows whose values do not have the types of their columns.
    pub(super) fn unread_rows(file: &Path, source: ArrowError) -> Self {
        Self::Unreadable { file: file.to_owned(), step: "read the rows of", source: source.into() }
    }

    /// What an error of reading a file means: if the file is packed, it is one of the unpacking and does not name the file.
    pub(super) fn of_reading(file: &Path, is_packed: bool) -> impl Fn(io::Error) -> Self {
        move |source| {
            if is_packed {
                Self::Unreadable { file: file.to_owned(), step: "unpack", source: source.into() }
            } else {
                source.into()
            }
        }
    }
}
