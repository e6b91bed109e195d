//! How many labelled cells are one and the same, counted without listing them.

use super::Cell;
use super::spec::CAPACITY;

impl Cell {
    /// Counts the labelled cells that differ from this one only in the numbering of their vertices, itself included.
    ///
    /// These are the orders of the vertices that the edges allow, divided by those that change nothing. It is also how many
    /// times the enumeration of labelled cells meets the hash of this cell.
    ///
    /// ```
    /// use nasbench::space::Cell;
    ///
    /// let parallel = Cell::from_texts("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output")?;
    /// assert_eq!(parallel.isomorphs(), 2);
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    #[must_use]
    pub fn isomorphs(&self) -> usize {
        orders(self) / symmetries(self)
    }
}

/// The orders in which every vertex comes after those that feed it.
fn orders(cell: &Cell) -> usize {
    let interior = cell.vertices() - 2;
    let needs: [usize; CAPACITY] = std::array::from_fn(|vertex| {
        if vertex < interior { cell.predecessors(vertex + 1).filter(|x| *x > 0).fold(0, |set, x| set | 1 << (x - 1)) } else { 0 }
    });
    // Of each set of interior vertices: the orders in which exactly they come first.
    let mut ways = [0; 1 << (CAPACITY - 2)];
    ways[0] = 1;
    for set in 0..(1 << interior) - 1_usize {
        for vertex in (0..interior).filter(|vertex| set >> vertex & 1 == 0 && needs[*vertex] & !set == 0) {
            ways[set | 1 << vertex] += ways[set];
        }
    }
    ways[(1 << interior) - 1]
}

/// The ways to map the cell onto itself.
fn symmetries(cell: &Cell) -> usize {
    fn go_on(cell: &Cell, images: &mut [usize; CAPACITY], vertex: usize) -> usize {
        let last = cell.vertices() - 1;
        if vertex == last {
            return 1;
        }
        let mut found = 0;
        for image in 1..last {
            let fits = cell.operation(image) == cell.operation(vertex)
                && cell.has_edge(image, last) == cell.has_edge(vertex, last)
                && (0..vertex).all(|x| {
                    images[x] != image
                        && cell.has_edge(images[x], image) == cell.has_edge(x, vertex)
                        && !cell.has_edge(image, images[x])
                });
            if fits {
                images[vertex] = image;
                found += go_on(cell, images, vertex + 1);
            }
        }
        found
    }
    go_on(cell, &mut [0; CAPACITY], 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::space::fixture::{cell, space};
    use crate::space::{OPERATIONS, Operation};

    fn agrees_with_the_enumeration(space: crate::space::Space) {
        let mut met: HashMap<_, usize> = HashMap::new();
        space.labelled_cells().for_each(|cell| *met.entry(cell.hash()).or_default() += 1);
        for cell in space.labelled_cells() {
            assert_eq!(cell.isomorphs(), met[&cell.hash()], "{cell}");
        }
    }

    #[test]
    fn they_are_as_many_as_the_enumeration_meets() {
        agrees_with_the_enumeration(space(5));
        agrees_with_the_enumeration(space(4).with_operations(OPERATIONS).unwrap());
    }

    #[test]
    fn equal_branches_count_once() {
        use Operation::{Conv1x1, Conv3x3};
        let edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)];
        assert_eq!(cell(&edges, &[Conv3x3; 3]).isomorphs(), 1);
        assert_eq!(cell(&edges, &[Conv3x3, Conv1x1, Conv3x3]).isomorphs(), 3);
        let wide: Vec<_> = (1..8).flat_map(|vertex| [(0, vertex), (vertex, 8)]).collect();
        assert_eq!(cell(&wide, &[Conv3x3; 7]).isomorphs(), 1);
    }
}
