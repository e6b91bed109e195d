//! The errors of a record of an official file.

use std::path::PathBuf;

use super::frame;
use crate::space::{self, ModuleHash};

/// An error of a record of an official file. The file, the record and the byte are named by whoever holds it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file ends within the record.
    #[error("the file ends in the {at}, after {found} bytes of the record")]
    Truncated {
        /// In which part of the record.
        at: &'static str,
        /// The bytes that there are of it.
        found: usize,
    },
    /// The length of the record is damaged, so that nobody knows where the next one starts.
    #[error("the checksum of its length is {stated:08x}, its length has {found:08x}: the rest of the file cannot be read")]
    LengthChecksum {
        /// The checksum in the file.
        stated: u32,
        /// The checksum of what is in the file.
        found: u32,
    },
    /// The payload of the record is damaged.
    #[error("the checksum of its payload is {stated:08x}, its payload has {found:08x}")]
    PayloadChecksum {
        /// The checksum in the file.
        stated: u32,
        /// The checksum of what is in the file.
        found: u32,
    },
    /// The record is too long to be one.
    #[error("the record is {found} bytes long, expected at most {}", frame::LONGEST)]
    TooLong {
        /// The length.
        found: u64,
    },
    /// The payload is no JSON.
    #[error("the record is no JSON")]
    Json(#[from] serde_json::Error),
    /// The payload is JSON, but no list.
    #[error("the record is {found}, expected a list of 5 fields")]
    NotAList {
        /// A description of it.
        found: String,
    },
    /// The list has more or fewer fields than a record.
    #[error("the record has {found} fields, expected 5: hash, epochs, adjacency, operations and metrics")]
    FieldCount {
        /// The number.
        found: usize,
    },
    /// A field holds something else than it should.
    #[error("the field `{field}` is {found}, expected {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The value, or how long it is.
        found: String,
    },
    /// The matrix does not fit the operations.
    #[error("the matrix has {found} digits, expected {expected} for {operations} operations")]
    MatrixSize {
        /// The operations, the input and the output included.
        operations: usize,
        /// The digits of a matrix with this number of vertices.
        expected: usize,
        /// The digits that there are.
        found: usize,
    },
    /// The matrix and the operations make no cell of NAS-Bench-101.
    #[error(transparent)]
    Cell(#[from] space::Error),
    /// The matrix has vertices that no path from the input to the output visits.
    #[error("the matrix has {found} vertices of which {expected} lie between input and output: expected a pruned one")]
    Unpruned {
        /// The vertices that pruning leaves.
        expected: usize,
        /// The vertices that there are.
        found: usize,
    },
    /// The record states a hash that its cell does not have.
    #[error("the record states hash {stated}, its cell has {computed}")]
    Hash {
        /// The hash in the record.
        stated: ModuleHash,
        /// The hash of its matrix and operations.
        computed: ModuleHash,
    },
    /// The metrics are not base64.
    #[error("the metrics are not base64")]
    Base64(#[from] base64::DecodeError),
    /// The metrics are base64, but of no protobuf.
    #[error("the metrics are no protobuf of `ModelMetrics`")]
    Protobuf(#[from] prost::DecodeError),
    /// A model is evaluated at the start, halfway and at the end.
    #[error("the metrics hold {found} evaluations, expected 3: start, halfway and end")]
    EvaluationCount {
        /// The number.
        found: usize,
    },
    /// The evaluations are not in the order of their epochs.
    #[error("the evaluations are of epochs {}, {} and {}, expected ascending ones from 0", found[0], found[1], found[2])]
    EvaluationOrder {
        /// Their epochs.
        found: [f64; 3],
    },
    /// The metrics lack a number.
    #[error("the metrics lack `{field}`")]
    Missing {
        /// The name of the number, with the evaluation that it belongs to.
        field: String,
    },
    /// A number of the metrics cannot be right.
    #[error("`{field}` is {found}, expected {expected}")]
    Number {
        /// The name of the number, with the evaluation that it belongs to.
        field: String,
        /// The valid values.
        expected: &'static str,
        /// The number.
        found: f64,
    },
    /// Two records say bit by bit the same, times included: one of them is a copy.
    #[error("duplicate repeat: a copy of record {record} at byte {offset} of `{}`", file.display())]
    DuplicateRepeat {
        /// The file of the other record.
        file: PathBuf,
        /// Its number, from 1.
        record: u64,
        /// Where it starts.
        offset: u64,
    },
    /// There are more repeats of a cell at a budget than keys for them.
    #[error("repeat {} of cell {hash} at {epochs} epochs, expected at most {limit}", limit + 1)]
    TooManyRepeats {
        /// The cell.
        hash: ModuleHash,
        /// The budget.
        epochs: u16,
        /// The most that there can be.
        limit: u16,
    },
}
