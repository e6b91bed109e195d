//! An error of a query in SQL.

use std::io;

use crate::table;

/// An error of a query in SQL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The thread that answers could not be started.
    #[error(transparent)]
    Thread(#[from] io::Error),
    /// Something is wrong with the benchmark.
    #[error(transparent)]
    Table(#[from] table::Error),
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
        /// The cause.
        problem: String,
    },
}
