//! Every cell of a space, once, in the official order, under a number of its own.

use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Cell, Error, ModuleHash, Operation, Space, Spec, fingerprint, hash};

/// The most labelled cells that are listed: they take about 40 bytes each while they are.
const MOST_LABELLED: u64 = 50_000_000;
/// Stands for no graph.
const NONE: u32 = u32::MAX;

impl Space {
    /// Lists the cells of the space with their hashes: see [`Enumeration`].
    ///
    /// All 423,624 cells of NAS-Bench-101 take about a second.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a space of more than 50 million labelled cells.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::space::Space;
    ///
    /// let enumeration = Space::nas_bench_101().with_max_vertices(5)?.enumerate()?;
    /// assert_eq!(enumeration.len(), 2_532);
    /// let cell = enumeration.cells()[1_000];
    /// assert_eq!(enumeration.index_of(&cell), Some(1_000));
    /// assert_eq!(enumeration.index_of_hash(cell.hash()), Some(1_000));
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    pub fn enumerate(&self) -> Result<Enumeration, Error> {
        let mut found = Enumeration::without_hashes(*self)?;
        found.hashes = hash::hash_all(&found.cells);
        Ok(found)
    }

    /// Lists the cells: one for each hash, and of isomorphic cells the one that the official enumeration meets first.
    ///
    /// Fewer vertices come first, then lower edge masks, then operations in lexicographic order, so that the cells of a
    /// smaller space are a prefix of a larger one's.
    ///
    /// # Errors
    ///
    /// As [`enumerate`](Self::enumerate).
    pub fn cells(&self) -> Result<Vec<Cell>, Error> {
        Ok(Enumeration::without_hashes(*self)?.cells)
    }

    /// Counts all labelled cells, isomorphic ones included.
    #[must_use]
    pub fn labelled_count(&self) -> u64 {
        (2..=self.max_vertices).map(|vertices| self.graphs(vertices).count() as u64 * self.labellings(vertices) as u64).sum()
    }

    /// Walks through all labelled cells, isomorphic ones included, in the official order.
    pub fn labelled_cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let space = *self;
        (2..=space.max_vertices).flat_map(move |vertices| {
            let labellings = space.labellings(vertices);
            space.graphs(vertices).flat_map(move |edges| (0..labellings).map(move |code| space.labelled(vertices, edges, code)))
        })
    }

    /// Finds what the official enumeration would store for a cell: the first one with its hash.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn representative(&self, cell: Cell) -> Result<Cell, Error> {
        Ok(self.check(cell)?.representative())
    }

    /// The edge masks of graphs of `vertices` vertices in which every vertex but the last has an out-edge and every vertex but
    /// the first an in-edge, ascending.
    fn graphs(&self, vertices: usize) -> impl Iterator<Item = u64> + use<> {
        let max_edges = self.max_edges;
        (0..1_u64 << (vertices * (vertices - 1) / 2))
            .filter(move |edges| edges.count_ones() as usize <= max_edges)
            .filter(move |edges| is_full(vertices, *edges))
    }

    /// In how many ways the interior vertices may be labelled.
    fn labellings(&self, vertices: usize) -> usize {
        (2..vertices).fold(1, |count, _| count * self.operation_count())
    }

    /// A graph with the operations of a code.
    fn labelled(&self, vertices: usize, edges: u64, code: usize) -> Cell {
        Cell::from_pruned(Spec::from_bits(edges, &self.decoded(vertices, code)[..vertices - 2]))
    }

    /// The operations of a code: their positions are its digits, the last interior vertex's changing fastest.
    fn decoded(&self, vertices: usize, mut code: usize) -> [Operation; super::MOST_VERTICES - 2] {
        let kinds = self.operation_count();
        let mut operations = [Operation::Conv3x3; super::MOST_VERTICES - 2];
        for operation in operations[..vertices - 2].iter_mut().rev() {
            *operation = self.operations().nth(code % kinds).expect("a digit below the number of operations");
            code /= kinds;
        }
        operations
    }

    /// The code of a cell's operations, which must be those of the space: see [`decoded`](Self::decoded).
    fn code(&self, cell: Cell) -> usize {
        cell.operations().fold(0, |code, operation| code * self.operation_count() + self.position(operation))
    }
}

/// Whether every vertex but the last has an out-edge and every vertex but the first an in-edge.
pub(super) fn is_full(vertices: usize, edges: u64) -> bool {
    let mut feeding = 0;
    for y in 1..vertices {
        let fed_by = edges >> (y * (y - 1) / 2) & ((1 << y) - 1);
        if fed_by == 0 {
            return false;
        }
        feeding |= fed_by;
    }
    feeding == (1 << (vertices - 1)) - 1
}

/// The cells of a space, once each, with a dense index that never changes.
///
/// The index counts in the official order, so that a smaller space's cells have the same index in a larger one's. The cell
/// of a class of isomorphic cells is the one that the official enumeration meets first, as in the official records.
///
/// Every pruned cell is one of the labelled ones (1,293,208 in NAS-Bench-101), whose classes are kept: [`index_of`](Self::index_of)
/// reads two tables and computes no hash.
#[derive(Debug)]
pub struct Enumeration {
    space: Space,
    /// The first cell of each class of isomorphic cells.
    cells: Vec<Cell>,
    /// The class of each labelled cell.
    of_labelled: Vec<u32>,
    /// For each number of vertices and each edge mask the first labelled cell of that graph, or [`NONE`].
    first_labelled: Vec<Vec<u32>>,
    hashes: Vec<ModuleHash>,
    /// The cells in the order of their hashes.
    by_hash: OnceLock<Vec<u32>>,
    /// How many labelled cells each class has.
    isomorphs: OnceLock<Vec<u16>>,
}

impl Enumeration {
    /// Finds the classes of isomorphic cells.
    fn without_hashes(space: Space) -> Result<Self, Error> {
        let labelled = space.labelled_count();
        if labelled > MOST_LABELLED {
            return Err(Error::TooLarge { labelled, limit: MOST_LABELLED });
        }
        let mut found = Self {
            space,
            cells: Vec::new(),
            of_labelled: Vec::new(),
            first_labelled: vec![Vec::new(); 2],
            hashes: Vec::new(),
            by_hash: OnceLock::new(),
            isomorphs: OnceLock::new(),
        };
        let mut known = FxHashMap::default();
        for vertices in 2..=space.max_vertices {
            found.add(vertices, &mut known);
        }
        Ok(found)
    }

    /// Adds the cells of `vertices` vertices.
    fn add(&mut self, vertices: usize, known: &mut FxHashMap<u64, u32>) {
        let space = self.space;
        let graphs: Vec<_> = space.graphs(vertices).collect();
        let labellings = space.labellings(vertices);
        let of_vertex = |place: usize| (0..labellings).map(|code| space.decoded(vertices, code)[place]).collect();
        let operations: Vec<Vec<_>> = (0..vertices - 2).map(of_vertex).collect();
        let of_graph = |edges: &u64| fingerprint::all_labellings(space.labelled(vertices, *edges, 0).spec(), &operations);
        let fingerprints: Vec<u64> = graphs.par_iter().flat_map_iter(of_graph).collect();
        let mut first_labelled = vec![NONE; 1 << (vertices * (vertices - 1) / 2)];
        for (edges, fingerprints) in graphs.iter().zip(fingerprints.chunks(labellings)) {
            first_labelled[place(*edges)] = small(self.of_labelled.len());
            for (code, fingerprint) in fingerprints.iter().enumerate() {
                let class = *known.entry(*fingerprint).or_insert_with(|| {
                    self.cells.push(space.labelled(vertices, *edges, code));
                    small(self.cells.len() - 1)
                });
                self.of_labelled.push(class);
            }
        }
        self.first_labelled.push(first_labelled);
    }
}

/// A number of labelled cells, of which there are at most [`MOST_LABELLED`].
fn small(count: usize) -> u32 {
    u32::try_from(count).expect("the number of labelled cells was checked")
}

/// An edge mask as an index.
fn place(edges: u64) -> usize {
    usize::try_from(edges).expect("a mask of at most 21 edges")
}

impl Enumeration {
    /// The space.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// How many cells there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "every space has the cell of two vertices")]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many labelled cells there are, isomorphic ones included.
    #[must_use]
    pub const fn labelled(&self) -> usize {
        self.of_labelled.len()
    }

    /// The cells in the order of their index.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The hashes of the [`cells`](Self::cells).
    #[must_use]
    pub fn hashes(&self) -> &[ModuleHash] {
        &self.hashes
    }

    /// The index of the class of a cell; `None` if the space does not have it.
    #[must_use]
    pub fn index_of(&self, cell: &Cell) -> Option<usize> {
        if self.space.check(*cell).is_err() {
            return None;
        }
        let first = self.first_labelled[cell.vertices()][place(cell.edge_bits())];
        Some(self.of_labelled[first as usize + self.space.code(*cell)] as usize)
    }

    /// The index of the cell with a hash; `None` if the space does not have it.
    #[must_use]
    pub fn index_of_hash(&self, hash: ModuleHash) -> Option<usize> {
        let by_hash = self.by_hash();
        let found = by_hash.binary_search_by_key(&hash, |index| self.hashes[*index as usize]).ok()?;
        Some(by_hash[found] as usize)
    }

    /// The indices of the cells in the order of their hashes, the order of the records of a benchmark.
    #[must_use]
    pub fn by_hash(&self) -> &[u32] {
        self.by_hash.get_or_init(|| {
            let mut by_hash: Vec<_> = (0..small(self.len())).collect();
            by_hash.par_sort_unstable_by_key(|index| self.hashes[*index as usize]);
            by_hash
        })
    }

    /// How many labelled cells are isomorphic to the cell of an index, itself included.
    ///
    /// # Panics
    ///
    /// Panics if there is no such index.
    #[must_use]
    pub fn isomorphs(&self, index: usize) -> usize {
        let counts = self.isomorphs.get_or_init(|| {
            let mut counts = vec![0; self.len()];
            self.of_labelled.iter().for_each(|class| counts[*class as usize] += 1);
            counts
        });
        counts[index].into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Operation, Sampler};
    use crate::unit::Seed;

    fn space(max_vertices: usize) -> Space {
        Space::nas_bench_101().with_max_vertices(max_vertices).unwrap()
    }

    #[test]
    fn the_space_has_the_published_number_of_cells() {
        for (max_vertices, unique, labelled) in [(2, 1, 1), (3, 7, 7), (4, 91, 97), (5, 2_532, 3_364), (6, 64_542, 128_509)] {
            assert_eq!(space(max_vertices).cells().unwrap().len(), unique);
            assert_eq!(space(max_vertices).labelled_count(), labelled);
        }
    }

    #[test]
    fn a_smaller_space_comes_first_in_a_larger_one() {
        assert!(space(5).cells().unwrap().starts_with(&space(4).cells().unwrap()));
    }

    #[test]
    fn what_stands_for_a_class_is_the_first_with_its_hash() {
        let enumeration = space(4).enumerate().unwrap();
        let mut hashes: Vec<ModuleHash> = Vec::new();
        for cell in space(4).labelled_cells() {
            let hash = cell.hash();
            if !hashes.contains(&hash) {
                assert_eq!(enumeration.cells()[hashes.len()], cell);
                hashes.push(hash);
            }
            let index = enumeration.index_of(&cell).unwrap();
            assert_eq!((enumeration.hashes()[index], enumeration.index_of_hash(hash)), (hash, Some(index)));
            assert_eq!(space(4).representative(cell).unwrap(), enumeration.cells()[index]);
        }
        assert_eq!(hashes, enumeration.hashes());
        let isomorphs: usize = (0..enumeration.len()).map(|index| enumeration.isomorphs(index)).sum();
        assert_eq!(isomorphs, enumeration.labelled());
    }

    #[test]
    fn a_space_of_five_operations_lists_them_all() {
        let space = space(4).with_operations(&Operation::ALL).unwrap();
        let enumeration = space.enumerate().unwrap();
        // Graphs of 2, 3 and 4 vertices: 1, 2 and 10.
        assert_eq!(enumeration.labelled(), 1 + 2 * 5 + 10 * 25);
        assert_eq!(space.labelled_count(), 261);
        let one = space.with_operations(&Operation::ALL[3..4]).unwrap().enumerate().unwrap();
        assert!(one.cells().iter().all(|cell| enumeration.index_of(cell).is_some()));
    }

    #[test]
    fn a_space_that_no_memory_holds_is_refused_with_its_size() {
        let vast = space(7).with_max_edges(21).unwrap().with_operations(&Operation::ALL).unwrap();
        let message = vast.enumerate().unwrap_err().to_string();
        assert!(message.ends_with("labelled cells, too many to list: expected at most 50000000"), "{message}");
    }

    #[test]
    fn operations_come_in_lexicographic_order() {
        use Operation::{Conv1x1, Conv3x3, MaxPool3x3};
        let pairs: Vec<Vec<_>> = (0..9).map(|code| space(4).labelled(4, 0b101_011, code).operations().collect()).collect();
        assert_eq!(pairs[..4], [[Conv3x3, Conv3x3], [Conv3x3, Conv1x1], [Conv3x3, MaxPool3x3], [Conv1x1, Conv3x3]]);
    }

    proptest! {
        #[test]
        fn every_drawn_cell_has_an_index(seed: u64) {
            let enumeration = space(5).enumerate().unwrap();
            let cell = space(5).cell(&Sampler::Official.draw(&space(5), &mut Seed(seed).rng())).unwrap();
            let index = enumeration.index_of(&cell).unwrap();
            prop_assert_eq!(enumeration.cells()[index].hash(), cell.hash());
        }
    }
}
