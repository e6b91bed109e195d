//! A cell: a pruned graph of operations, the thing that is trained, looked up and searched.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::hash::{self, ModuleHash};
use super::spec::edge_bit;
use super::{Error, Operation, Spec};

/// A cell: a [`Spec`] that is pruned and connected, so that nothing downstream checks it again.
///
/// It reads like a spec, through [`Deref`]. Two equal cells are the same labelled graph; isomorphic cells share a
/// [`hash`](Self::hash). It is serialized as the two texts of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Spec", into = "Spec")]
pub struct Cell(Spec);

/// What a search asks about and an oracle measures. The only space so far is that of cells.
pub type Architecture = Cell;

impl Cell {
    /// Wraps a spec of which every vertex is on a path from the input to the output.
    pub(super) fn from_pruned(spec: Spec) -> Self {
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

    /// The graph as a spec of more vertices, of which those before the output are on no edge.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer than it has, or more than a spec can have.
    pub(crate) fn padded(self, vertices: usize) -> Spec {
        let own = self.vertices();
        assert!(own <= vertices, "a cell keeps its vertices");
        let place = |vertex: usize| if vertex + 1 == own { vertices - 1 } else { vertex };
        let edges = self.edges().fold(0, |bits, (x, y)| bits | edge_bit(place(x), place(y)));
        let unused = self.operations().next().unwrap_or(Operation::Conv3x3);
        let operations: Vec<_> = self.operations().chain(std::iter::repeat(unused)).take(vertices - 2).collect();
        Spec::from_bits(edges, &operations)
    }

    /// The official hash: equal for cells that differ only in the numbering of their vertices.
    #[must_use]
    pub fn hash(&self) -> ModuleHash {
        hash::hash(self)
    }

    /// The official hashes of many cells: on all cores, and on each many times as fast as one after the other.
    ///
    /// # Shapes
    ///
    /// - returns: as many as `cells`, in their order
    #[must_use]
    pub fn hashes(cells: &[Self]) -> Vec<ModuleHash> {
        hash::hash_all(cells)
    }
}

impl TryFrom<Spec> for Cell {
    type Error = Error;

    fn try_from(spec: Spec) -> Result<Self, Error> {
        spec.prune()
    }
}

impl From<Cell> for Spec {
    fn from(cell: Cell) -> Self {
        cell.0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_cell_is_pruned_to_the_same_cell() {
        for text in [("0100", "input,output"), ("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output")] {
            let cell = Cell::from_texts(text.0, text.1).unwrap();
            for vertices in cell.vertices()..=7 {
                let spec = cell.padded(vertices);
                assert_eq!((spec.vertices(), spec.edge_count()), (vertices, cell.edge_count()));
                assert_eq!(spec.prune().unwrap(), cell);
            }
        }
    }

    #[test]
    fn a_cell_is_serialized_as_its_two_texts() {
        let cell = Cell::from_texts("010001000", "input,maxpool3x3,output").unwrap();
        let text = r#"{"adjacency":"010001000","operations":"input,maxpool3x3,output"}"#;
        assert_eq!(serde_json::to_string(&cell).unwrap(), text);
        assert_eq!(serde_json::from_str::<Cell>(text).unwrap(), cell);
        let broken = serde_json::from_str::<Cell>(&text.replace("maxpool3x3", "maxpool")).unwrap_err();
        assert!(broken.to_string().starts_with("unknown operation `maxpool`"), "{broken}");
    }
}
