//! Cells: what may be searched, exactly as NAS-Bench-101 has it. No tensor and no file comes in here.
//!
//! A [`Spec`] is a labelled graph as written down; pruning makes it a [`Cell`]; a [`Space`] says which cells count, lists
//! them, draws them and encodes them. A new operation is one variant and one entry in `operation.rs`.
//!
//! ```
//! use nasbench::space::{Space, Spec};
//!
//! let names = ["input", "conv3x3-bn-relu", "output"];
//! let cell = Spec::from_matrix(&[[0, 1, 0], [0, 0, 1], [0, 0, 0]], &names)?.prune()?;
//! assert_eq!(Space::nas_bench_101().check(cell)?, cell);
//! # Ok::<(), nasbench::space::Error>(())
//! ```

mod cell;
mod distance;
mod edit;
mod encoding;
mod enumerate;
mod fingerprint;
#[cfg(test)]
mod fixture;
mod hash;
mod index;
mod isomorphs;
mod md5;
mod mutate;
mod operation;
pub mod parse;
pub mod prefix;
mod sample;
mod spec;
mod walk;

pub use cell::{Architecture, Cell};
pub use distance::distance;
pub use encoding::{ENCODINGS, Encoding};
pub use enumerate::Enumeration;
pub use hash::ModuleHash;
pub use mutate::{MUTATIONS, Mutation};
pub use operation::{INPUT, OPERATIONS, OUTPUT, OpSpec, Operation, Operator};
pub use parse::RawGraph;
pub use prefix::HashPrefix;
pub(crate) use sample::with_unused_vertices;
pub use sample::{SAMPLERS, Sampler};
pub use spec::{CAPACITY, Spec};

/// What is wrong with a cell or a space.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The hash that was given with a graph is that of another cell.
    #[error("the hash of the cell is {found}, and {given} was given with it")]
    OtherHash {
        /// The hash that was given.
        given: ModuleHash,
        /// The hash of the graph.
        found: ModuleHash,
    },
    /// A row of the matrix has another length than there are rows.
    #[error("row {row} of the matrix has {found} values, expected {expected}: it is not square")]
    NotSquare {
        /// The row, from 0.
        row: usize,
        /// The number of rows.
        expected: usize,
        /// The number of values in this row.
        found: usize,
    },
    /// There are more or fewer operations than vertices.
    #[error("{found} operations for {expected} vertices")]
    OperationCount {
        /// The number of vertices.
        expected: usize,
        /// The number of operations.
        found: usize,
    },
    /// A value of the matrix is neither 0 nor 1.
    #[error("the matrix holds {found} at row {row}, column {column}: expected 0 or 1")]
    NotBinary {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        found: u8,
    },
    /// An edge does not lead from a lower to a higher vertex.
    #[error("the matrix has an edge at row {row}, column {column}: it is not upper triangular")]
    NotUpperTriangular {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// The input does not reach the output.
    #[error("the cell is disconnected: no path leads from the input to the output")]
    Disconnected,
    /// There are more vertices than the space allows.
    #[error("the cell has {found} vertices, expected at most {limit}")]
    TooManyVertices {
        /// The limit of the space.
        limit: usize,
        /// The vertices of the cell.
        found: usize,
    },
    /// A graph needs an input and an output.
    #[error("the matrix has {found} vertices, expected at least 2")]
    TooFewVertices {
        /// The vertices given.
        found: usize,
    },
    /// There are more edges than the space allows.
    #[error("the cell has {found} edges, expected at most {limit}")]
    TooManyEdges {
        /// The limit of the space.
        limit: usize,
        /// The edges of the cell.
        found: usize,
    },
    /// The first or the last operation is not the input or the output.
    #[error("the operation of vertex {vertex} is `{found}`, expected `{expected}`")]
    EndOperation {
        /// The vertex, from 0.
        vertex: usize,
        /// `input` or `output`.
        expected: &'static str,
        /// The name given.
        found: String,
    },
    /// No space has this name.
    #[error("unknown space `{name}` (known: {}; or the path of a TOML file)", SPACES.iter().map(|space| space.name).collect::<Vec<_>>().join(", "))]
    UnknownSpace {
        /// The name given.
        name: String,
    },
    /// No operation has this name.
    #[error("unknown operation `{name}` (known: {})", names(known))]
    UnknownOperation {
        /// The name given.
        name: String,
        /// The operations that it could have named.
        known: Vec<Operation>,
    },
    /// The operation is one that the space does not have.
    #[error("the cell has the operation `{operation}`, which is not one of the space (those are {})", names(operations))]
    ForeignOperation {
        /// The operation of the cell.
        operation: Operation,
        /// The operations of the space.
        operations: Vec<Operation>,
    },
    /// A space with such a limit cannot be enumerated or sampled.
    #[error("a space of at most {found} vertices, expected 2 to {MOST_VERTICES}")]
    VertexLimit {
        /// The limit given.
        found: usize,
    },
    /// No cell can have this number of edges.
    #[error("a space of at most {found} edges, expected 1 to {MOST_EDGES}")]
    EdgeLimit {
        /// The limit given.
        found: usize,
    },
    /// A space needs an operation.
    #[error("a space without operations, expected some of {}", names(&Operation::ALL))]
    NoOperations,
    /// A space has more cells than a list of them can hold.
    #[error("the space has {labelled} labelled cells, too many to list: expected at most {limit}")]
    TooLarge {
        /// The labelled cells, isomorphic ones included.
        labelled: u64,
        /// The most that are listed.
        limit: u64,
    },
}

fn names(operations: &[Operation]) -> String {
    operations.iter().map(|operation| operation.name()).collect::<Vec<_>>().join(", ")
}

/// The most vertices that a space may have: with more, listing its graphs takes hours.
const MOST_VERTICES: usize = 7;
/// As many edges as [`MOST_VERTICES`] can have.
const MOST_EDGES: usize = MOST_VERTICES * (MOST_VERTICES - 1) / 2;

/// A space that has a name.
#[derive(Debug)]
pub struct Entry {
    /// The name to give to `--space`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Makes it.
    pub build: fn() -> Space,
}

/// Every space that has a name.
pub const SPACES: &[Entry] = &[
    Entry {
        name: "nas-bench-101",
        about: "3 operations, at most 7 vertices and 9 edges: 423,624 cells",
        build: Space::nas_bench_101,
    },
    Entry { name: "nas-bench-mini", about: "the same with at most 6 vertices: 64,542 cells", build: Space::nas_bench_mini },
];

/// Which cells count: their operations, and the limits of vertices and edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The bit of each operation's label.
    operations: u8,
    max_vertices: usize,
    max_edges: usize,
}

impl Space {
    /// The space of NAS-Bench-101: three operations, at most 7 vertices and 9 edges, 423,624 cells.
    #[must_use]
    pub const fn nas_bench_101() -> Self {
        Self { operations: 0b111, max_vertices: 7, max_edges: 9 }
    }

    /// The part of [`nas_bench_101`](Self::nas_bench_101) with at most 6 vertices: 64,542 cells.
    #[must_use]
    pub const fn nas_bench_mini() -> Self {
        Self { max_vertices: 6, ..Self::nas_bench_101() }
    }

    /// The same space with at most `max_vertices` vertices, the input and the output among them.
    ///
    /// # Errors
    ///
    /// [`Error::VertexLimit`] for fewer than 2 or more than 7.
    pub const fn with_max_vertices(self, max_vertices: usize) -> Result<Self, Error> {
        if max_vertices < 2 || max_vertices > MOST_VERTICES {
            return Err(Error::VertexLimit { found: max_vertices });
        }
        Ok(Self { max_vertices, ..self })
    }

    /// The same space with at most `max_edges` edges.
    ///
    /// # Errors
    ///
    /// [`Error::EdgeLimit`] for none or more than 21, which are those of 7 vertices.
    pub const fn with_max_edges(self, max_edges: usize) -> Result<Self, Error> {
        if max_edges == 0 || max_edges > MOST_EDGES {
            return Err(Error::EdgeLimit { found: max_edges });
        }
        Ok(Self { max_edges, ..self })
    }

    /// The same space with other operations; their order does not count.
    ///
    /// # Errors
    ///
    /// [`Error::NoOperations`] for an empty list.
    pub fn with_operations(self, operations: &[Operation]) -> Result<Self, Error> {
        if operations.is_empty() {
            return Err(Error::NoOperations);
        }
        Ok(Self { operations: operations.iter().fold(0, |bits, operation| bits | 1 << operation.label()), ..self })
    }

    /// The operations, in the order of their labels.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + Clone + use<> {
        let space = *self;
        Operation::ALL.into_iter().filter(move |operation| space.has_operation(*operation))
    }

    /// How many operations there are.
    #[must_use]
    pub const fn operation_count(&self) -> usize {
        self.operations.count_ones() as usize
    }

    /// Whether an operation is one of the space's.
    #[must_use]
    pub const fn has_operation(&self, operation: Operation) -> bool {
        self.operations >> operation.label() & 1 == 1
    }

    /// The position of an operation among those of the space.
    const fn position(&self, operation: Operation) -> usize {
        (self.operations & ((1 << operation.label()) - 1)).count_ones() as usize
    }

    /// The most vertices that a cell may have.
    #[must_use]
    pub const fn max_vertices(&self) -> usize {
        self.max_vertices
    }

    /// The most edges that a cell may have.
    #[must_use]
    pub const fn max_edges(&self) -> usize {
        self.max_edges
    }

    /// Returns an error unless the cell is in the space; checks in the order of the official program.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyVertices`], [`Error::TooManyEdges`] or [`Error::ForeignOperation`].
    pub fn check(&self, cell: Cell) -> Result<Cell, Error> {
        let (vertices, edges) = (cell.vertices(), cell.edge_count());
        if vertices > self.max_vertices {
            return Err(Error::TooManyVertices { limit: self.max_vertices, found: vertices });
        }
        if edges > self.max_edges {
            return Err(Error::TooManyEdges { limit: self.max_edges, found: edges });
        }
        if let Some(operation) = cell.operations().find(|operation| !self.has_operation(*operation)) {
            return Err(Error::ForeignOperation { operation, operations: self.operations().collect() });
        }
        Ok(cell)
    }

    /// Prunes a spec and checks the cell that remains.
    ///
    /// # Errors
    ///
    /// As [`Spec::prune`] and [`check`](Self::check).
    pub fn cell(&self, spec: &Spec) -> Result<Cell, Error> {
        self.check(spec.prune()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_make_no_space_are_refused() {
        let space = Space::nas_bench_101();
        let message = |result: Result<Space, Error>| result.unwrap_err().to_string();
        assert_eq!(message(space.with_max_vertices(8)), "a space of at most 8 vertices, expected 2 to 7");
        assert_eq!(message(space.with_max_edges(0)), "a space of at most 0 edges, expected 1 to 21");
        assert!(message(space.with_operations(&[])).starts_with("a space without operations, expected some of conv3x3-bn-relu"));
    }

    #[test]
    fn a_cell_with_an_operation_of_another_space_is_refused() {
        let cell = Cell::from_texts("010001000", "input,identity,output").unwrap();
        let message = Space::nas_bench_101().check(cell).unwrap_err().to_string();
        assert_eq!(
            message,
            "the cell has the operation `identity`, which is not one of the space \
            (those are conv3x3-bn-relu, conv1x1-bn-relu, maxpool3x3)"
        );
        let all = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        assert_eq!(all.check(cell).unwrap(), cell);
        assert_eq!(all.operation_count(), 5);
    }
}
