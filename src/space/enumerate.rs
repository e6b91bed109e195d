//! Every cell of a space, once, in the official order.

use std::collections::HashSet;

use super::{Cell, Error, Operation, Space, Spec};

impl Space {
    /// Lists the cells: one for each hash, and of isomorphic cells the one that the official enumeration meets first.
    ///
    /// Fewer vertices come first, then lower edge masks, then operations in lexicographic order, so that the cells of a
    /// smaller space are a prefix of a larger one's.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut seen = HashSet::new();
        self.labelled_cells().filter(|cell| seen.insert(cell.hash())).collect()
    }

    /// Walks through all labelled cells, isomorphic ones included, in the official order.
    pub fn labelled_cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let space = *self;
        (2..=space.max_vertices).flat_map(move |vertices| {
            (0..1_u64 << (vertices * (vertices - 1) / 2))
                .filter(move |edges| edges.count_ones() as usize <= space.max_edges)
                .filter(move |edges| is_full(vertices, *edges))
                .flat_map(move |edges| space.labellings(vertices - 2).map(move |operations| Spec::from_bits(edges, &operations)))
                .map(Cell::of_pruned)
        })
    }

    /// Finds what the official enumeration would store for a cell: the first one with its hash.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    ///
    /// # Panics
    ///
    /// Never: the enumeration holds every cell within the limits.
    pub fn representative(&self, cell: Cell) -> Result<Cell, Error> {
        self.check(cell)?;
        let hash = cell.hash();
        let same_size = |other: &Cell| other.vertices() == cell.vertices() && other.edge_count() == cell.edge_count();
        let first = self.labelled_cells().filter(same_size).find(|other| other.hash() == hash);
        Ok(first.expect("the enumeration holds every cell within the limits"))
    }

    /// All lists of operations of a length, the last place changing fastest.
    fn labellings(&self, length: usize) -> impl Iterator<Item = Vec<Operation>> + use<> {
        let known: Vec<_> = self.operations().collect();
        let kinds = known.len();
        let count = (0..length).fold(1, |count, _| count * kinds);
        (0..count).map(move |code| {
            let digits = (0..length).rev().scan(code, |rest, _| {
                let digit = *rest % kinds;
                *rest /= kinds;
                Some(known[digit])
            });
            let mut operations: Vec<_> = digits.collect();
            operations.reverse();
            operations
        })
    }
}

/// Whether every vertex but the last has an out-edge and every vertex but the first an in-edge.
fn is_full(vertices: usize, edges: u64) -> bool {
    let spec = Spec::from_bits(edges, &vec![Operation::Conv3x3; vertices - 2]);
    (1..vertices).all(|y| spec.predecessors(y).next().is_some()) && (0..vertices - 1).all(|x| spec.successors(x).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(max_vertices: usize) -> Space {
        Space::nas_bench_101().with_max_vertices(max_vertices).unwrap()
    }

    #[test]
    fn the_space_has_the_published_number_of_cells() {
        for (max_vertices, unique, labelled) in [(2, 1, 1), (3, 7, 7), (4, 91, 97), (5, 2_532, 3_364)] {
            assert_eq!(space(max_vertices).cells().len(), unique);
            assert_eq!(space(max_vertices).labelled_cells().count(), labelled);
        }
    }

    #[test]
    fn a_smaller_space_comes_first_in_a_larger_one() {
        assert!(space(5).cells().starts_with(&space(4).cells()));
    }

    #[test]
    fn every_listed_cell_is_its_own_representative() {
        let space = space(4);
        for cell in space.cells() {
            assert_eq!(space.representative(cell).unwrap(), cell);
        }
    }

    #[test]
    fn operations_come_in_lexicographic_order() {
        use Operation::{Conv1x1, Conv3x3, MaxPool3x3};
        let pairs: Vec<_> = space(4).labellings(2).collect();
        assert_eq!(pairs.len(), 9);
        assert_eq!(pairs[..4], [[Conv3x3, Conv3x3], [Conv3x3, Conv1x1], [Conv3x3, MaxPool3x3], [Conv1x1, Conv3x3]]);
    }
}
