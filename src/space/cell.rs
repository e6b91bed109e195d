//! A cell: a pruned graph of operations, the thing that is trained, looked up and searched.

use std::fmt;
use std::ops::Deref;

use super::hash::{self, ModuleHash};
use super::{Error, Spec};

/// A cell: a [`Spec`] that is pruned and connected, so that nothing downstream checks it again.
///
/// It reads like a spec, through [`Deref`]. Two equal cells are the same labelled graph; isomorphic cells share a
/// [`hash`](Self::hash).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(Spec);

impl Cell {
    /// Wraps a spec of which every vertex is on a path from the input to the output.
    pub(super) fn of_pruned(spec: Spec) -> Self {
        Self(spec)
    }

    /// Reads the two texts of a record and prunes them.
    ///
    /// # Errors
    ///
    /// As [`Spec::from_texts`] and [`Spec::prune`].
    pub fn from_texts(adjacency: &str, operations: &str) -> Result<Self, Error> {
        Spec::from_texts(adjacency, operations)?.prune()
    }

    /// The graph as a spec.
    #[must_use]
    pub const fn spec(self) -> Spec {
        self.0
    }

    /// The official hash: equal for cells that differ only in the numbering of their vertices.
    #[must_use]
    pub fn hash(&self) -> ModuleHash {
        hash::of(self)
    }
}

impl Deref for Cell {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.0
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.0)
    }
}
