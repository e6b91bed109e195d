//! Cells that differ only in the numbering of their vertices: how many there are, and which one of them is stored.

use super::spec::{CAPACITY, edge_bit};
use super::{Cell, Operation, Spec};

impl Cell {
    /// Returns the cell of the same hash that the official enumeration lists first: the one that is stored, trained and predicted.
    ///
    /// The numbering of the vertices decides which vertices get the channels that do not divide evenly, so isomorphic cells differ
    /// in their networks. Whatever is said of a hash is said of this cell. All cells of a hash have as many vertices, so it is the one
    /// with the lowest edge mask, and among those the one whose operations come first in lexicographic order.
    ///
    /// It is found by trying the numberings that the edges allow, at most 120 for 7 vertices, without listing the space: in a
    /// fraction of a microsecond.
    ///
    /// ```
    /// use nasbench::space::Cell;
    ///
    /// let cell = Cell::from_texts("0110000100010000", "input,maxpool3x3,conv3x3-bn-relu,output")?;
    /// let stored = Cell::from_texts("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output")?;
    /// assert_eq!((cell.representative(), stored.representative()), (stored, stored));
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    #[must_use]
    pub fn representative(&self) -> Self {
        Numberings::new(self).first()
    }

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

/// The numberings of a cell's vertices that its edges allow, of which the first in the order of the enumeration is sought.
struct Numberings {
    /// The interior vertices.
    interior: usize,
    /// The interior vertices that each interior vertex feeds, a bit for each.
    successors: [u16; CAPACITY],
    /// Whether each vertex feeds the output, and whether the input feeds it.
    feeds_output: [bool; CAPACITY],
    has_input: [bool; CAPACITY],
    operations: [Operation; CAPACITY],
    /// The first numbering so far: its edges, then its operations.
    best: (u64, u32),
}

/// A numbering whose last positions are filled, down to some position.
#[derive(Clone, Copy)]
struct Partial {
    edges: u64,
    /// The labels of the operations, that of the first vertex in the highest bits.
    operations: u32,
    placed: u16,
    /// The position of each vertex that is placed.
    positions: [u8; CAPACITY],
}

/// Bits of an operation's label.
const LABEL_BITS: usize = 3;

impl Numberings {
    fn new(cell: &Cell) -> Self {
        let (last, interior) = (cell.vertices() - 1, cell.vertices() - 2);
        let mut found = Self {
            interior,
            successors: [0; CAPACITY],
            feeds_output: [false; CAPACITY],
            has_input: [false; CAPACITY],
            operations: [Operation::Conv3x3; CAPACITY],
            best: (u64::MAX, u32::MAX),
        };
        for (x, y) in cell.edges() {
            if x == 0 {
                found.has_input[y] = true;
            } else if y == last {
                found.feeds_output[x] = true;
            } else {
                found.successors[x] |= 1 << y;
            }
        }
        for (vertex, operation) in (1..).zip(cell.operations()) {
            found.operations[vertex] = operation;
        }
        found
    }

    fn first(mut self) -> Cell {
        let output = self.interior + 1;
        let edges = if self.has_input[output] { edge_bit(0, output) } else { 0 };
        self.place(self.interior, &Partial { edges, operations: 0, placed: 0, positions: [0; CAPACITY] });
        let (edges, labels) = self.best;
        let operation = |position: usize| Operation::ALL[(labels >> (LABEL_BITS * (CAPACITY - position)) & 0b111) as usize];
        let operations: [Operation; CAPACITY] = std::array::from_fn(|place| operation((place + 1).min(CAPACITY)));
        Cell::from_pruned(Spec::from_bits(edges, &operations[..self.interior]))
    }

    /// Tries every vertex at a position whose successors all have later ones.
    fn place(&mut self, position: usize, partial: &Partial) {
        if position == 0 {
            self.best = self.best.min((partial.edges, partial.operations));
            return;
        }
        for vertex in 1..=self.interior {
            if partial.placed >> vertex & 1 == 1 || self.successors[vertex] & !partial.placed != 0 {
                continue;
            }
            let next = self.with(partial, vertex, position);
            // The edges into the output are the highest bits, and those from here on will not change.
            let settled = position + self.interior * (self.interior + 1) / 2;
            if next.edges >> settled <= self.best.0 >> settled {
                self.place(position - 1, &next);
            }
        }
    }

    fn with(&self, partial: &Partial, vertex: usize, position: usize) -> Partial {
        let mut next = *partial;
        next.placed |= 1 << vertex;
        #[expect(clippy::cast_possible_truncation, reason = "a position is below the capacity")]
        let place = position as u8;
        next.positions[vertex] = place;
        next.operations |= u32::from(self.operations[vertex].label()) << (LABEL_BITS * (CAPACITY - position));
        if self.feeds_output[vertex] {
            next.edges |= edge_bit(position, self.interior + 1);
        }
        if self.has_input[vertex] {
            next.edges |= edge_bit(0, position);
        }
        let mut successors = self.successors[vertex];
        while successors != 0 {
            next.edges |= edge_bit(position, next.positions[successors.trailing_zeros() as usize].into());
            successors &= successors - 1;
        }
        next
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

    use crate::space::fixture::{cell, cells, renumbered, space};
    use crate::space::{Cell, Operation, Space, Spec};
    use crate::unit::Seed;

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
        agrees_with_the_enumeration(space(4).with_operations(&Operation::ALL).unwrap());
    }

    /// Asserts that the representative of every labelled cell is the first of its hash.
    fn assert_first_of_each_hash(space: Space) {
        let mut first: HashMap<_, Cell> = HashMap::new();
        for cell in space.labelled_cells() {
            let expected = *first.entry(cell.hash()).or_insert(cell);
            assert_eq!(cell.representative(), expected, "{cell}");
        }
    }

    #[test]
    fn the_representative_is_the_cell_that_the_enumeration_lists_first() {
        assert_first_of_each_hash(space(5));
        assert_first_of_each_hash(space(4).with_operations(&Operation::ALL).unwrap());
        let enumeration = space(6).enumerate().unwrap();
        for cell in space(6).labelled_cells() {
            let index = enumeration.index_of(&cell).unwrap();
            assert_eq!(cell.representative(), enumeration.cells()[index], "{cell}");
        }
    }

    /// Every labelled cell of NAS-Bench-101, all 1,293,208 of them: `cargo test --release -- --ignored representative`.
    #[test]
    #[ignore = "takes a minute"]
    fn the_representatives_of_the_whole_space_are_those_that_are_stored() {
        let enumeration = Space::nas_bench_101().enumerate().unwrap();
        assert_eq!(enumeration.len(), 423_624);
        // Cells of one representative are isomorphic, so those of one hash are if they have one representative.
        for cell in Space::nas_bench_101().labelled_cells() {
            let index = enumeration.index_of(&cell).unwrap();
            assert_eq!(cell.representative(), enumeration.cells()[index], "{cell}");
        }
    }

    #[test]
    fn a_cell_as_large_as_a_spec_may_be_has_one_representative() {
        let mut rng = Seed(3).rng();
        let wide: Vec<_> = (1..8).flat_map(|vertex| [(0, vertex), (vertex, 8)]).chain([(2, 5), (1, 7)]).collect();
        let operations: Vec<_> = Operation::ALL.into_iter().cycle().take(7).collect();
        let cell = cell(&wide, &operations);
        for _ in 0..20 {
            let other = renumbered(cell, &mut rng);
            assert_eq!(other.representative(), cell.representative());
            assert_eq!(other.representative().hash(), cell.hash());
        }
        let full = Spec::from_bits((1 << 36) - 1, &operations).prune().unwrap();
        assert_eq!(full.representative(), full);
        assert_eq!(cells(2)[0].representative(), cells(2)[0]);
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
