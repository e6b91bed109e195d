//! Cells: what may be searched, exactly as NAS-Bench-101 has it. No tensor and no file comes in here.
//!
//! A [`Spec`] is a labelled graph as written down; pruning makes it a [`Cell`]; a [`Space`] says which cells count, lists
//! them, draws them and encodes them. A new operation is one variant and one line in `operation.rs`.
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
mod encoding;
mod enumerate;
mod hash;
mod mutate;
mod operation;
mod sample;
mod spec;

pub use cell::Cell;
pub use hash::ModuleHash;
pub use operation::{INPUT, OPERATIONS, OUTPUT, Operation};
pub use sample::Sampler;
pub use spec::{CAPACITY, Spec};

/// What is wrong with a cell or a space.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// No operation has this name.
    #[error("unknown operation `{name}` (known: {})", known_operations())]
    UnknownOperation {
        /// The name given.
        name: String,
    },
    /// A space with such a limit cannot be enumerated or sampled.
    #[error("a space of at most {found} vertices, expected 2 to 7")]
    VertexLimit {
        /// The limit given.
        found: usize,
    },
}

fn known_operations() -> String {
    OPERATIONS.iter().map(|operation| operation.name()).collect::<Vec<_>>().join(", ")
}

/// The limits within which cells count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    max_vertices: usize,
    max_edges: usize,
}

impl Space {
    /// The space of NAS-Bench-101: at most 7 vertices and 9 edges, 423,624 cells.
    #[must_use]
    pub const fn nas_bench_101() -> Self {
        Self { max_vertices: 7, max_edges: 9 }
    }

    /// The same space with at most `max_vertices` vertices, the input and the output among them.
    ///
    /// # Errors
    ///
    /// [`Error::VertexLimit`] for fewer than 2 or more than 7.
    pub fn with_max_vertices(self, max_vertices: usize) -> Result<Self, Error> {
        if !(2..=7).contains(&max_vertices) {
            return Err(Error::VertexLimit { found: max_vertices });
        }
        Ok(Self { max_vertices, ..self })
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

    /// Passes a cell that lies within the limits.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyVertices`] or [`Error::TooManyEdges`].
    pub const fn check(&self, cell: Cell) -> Result<Cell, Error> {
        let (vertices, edges) = (cell.spec().vertices(), cell.spec().edge_count());
        if vertices > self.max_vertices {
            return Err(Error::TooManyVertices { limit: self.max_vertices, found: vertices });
        }
        if edges > self.max_edges {
            return Err(Error::TooManyEdges { limit: self.max_edges, found: edges });
        }
        Ok(cell)
    }

    /// Prunes a spec and checks the cell that remains, in the order in which the official program checks.
    ///
    /// # Errors
    ///
    /// As [`Spec::prune`] and [`check`](Self::check).
    pub fn cell(&self, spec: &Spec) -> Result<Cell, Error> {
        self.check(spec.prune()?)
    }
}
