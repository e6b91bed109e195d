//! Which cells are neighbours: the steps that lead from one cell to the next through the whole space.
//!
//! An edit of a cell's own matrix never adds a vertex, so it cannot lead from a small cell to a large one. A *step* can. It
//! does one of these, and every vertex is on a path from the input to the output before it and after it:
//!
//! - it flips one edge, in any numbering of the vertices;
//! - it changes one operation;
//! - it adds an interior vertex with one edge in and one edge out, beside what is there or in place of the edge between the
//!   same two vertices; or it takes such a vertex away, in either way.
//!
//! Each step has its way back, and steps connect every space, whatever its limits: in a cell of more than two vertices an edge
//! can be left out or a vertex of one edge in and one edge out be taken away, until the cell of two vertices is left. (If each
//! edge were the only one of its end, so would be all edges after a vertex that branches, up to the output, where its branches
//! must meet; and without branches the cell is a chain.)

use rustc_hash::FxHashSet;

use super::spec::{CAPACITY, edge_bit, ones};
use super::{Cell, Operation, Space, Spec};

const INPUT: usize = 0;
const OUTPUT: usize = 1;

impl Space {
    /// Lists the cells of the space that are one step from a cell, each class of isomorphic cells once.
    ///
    /// A step flips an edge, changes an operation, or adds or takes away a vertex that has one edge in and one edge out,
    /// beside what is there or on an edge; no vertex dangles before or after it. So two neighbours are at
    /// [`distance`](super::distance) 1, 3 or 4. To be a neighbour is mutual, and every cell of a space is reached from every
    /// other one.
    ///
    /// The order is fixed; the cells are labelled as the step leaves them.
    ///
    /// ```
    /// use nasbench::space::{Cell, Space};
    ///
    /// let space = Space::nas_bench_101();
    /// let smallest = Cell::from_texts("0100", "input,output")?;
    /// // A vertex of each operation, beside the edge from the input to the output or in its place.
    /// assert_eq!(space.distinct_neighbours(&smallest).len(), 6);
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    #[must_use]
    pub fn distinct_neighbours(&self, cell: &Cell) -> Vec<Cell> {
        let mut neighbours = Vec::new();
        let mut seen = FxHashSet::default();
        Draft::new(cell).for_each_step(self, |neighbour| {
            if self.check(neighbour).is_ok() && seen.insert(neighbour.fingerprint()) {
                neighbours.push(neighbour);
            }
        });
        neighbours
    }
}

/// A cell taken apart: the input is vertex 0, the output vertex 1, the others follow in any order.
#[derive(Clone, Copy)]
struct Draft {
    vertices: usize,
    /// The vertices that each vertex feeds, a bit for each.
    successors: [u16; CAPACITY],
    /// The vertices that feed each vertex.
    predecessors: [u16; CAPACITY],
    operations: [Operation; CAPACITY],
}

impl Draft {
    fn new(cell: &Cell) -> Self {
        let vertices = cell.vertices();
        let name = |vertex: usize| match vertex {
            0 => INPUT,
            _ if vertex + 1 == vertices => OUTPUT,
            _ => vertex + 1,
        };
        let mut draft =
            Self { vertices, successors: [0; CAPACITY], predecessors: [0; CAPACITY], operations: [Operation::Conv3x3; CAPACITY] };
        for (x, y) in cell.edges() {
            draft.flip(name(x), name(y));
        }
        for (position, operation) in cell.operations().enumerate() {
            draft.operations[position + 2] = operation;
        }
        draft
    }

    const fn flip(&mut self, x: usize, y: usize) {
        self.successors[x] ^= 1 << y;
        self.predecessors[y] ^= 1 << x;
    }

    const fn has_edge(&self, x: usize, y: usize) -> bool {
        self.successors[x] >> y & 1 == 1
    }

    fn edge_count(&self) -> usize {
        self.successors[..self.vertices].iter().map(|successors| successors.count_ones() as usize).sum()
    }

    /// Whether an edge is neither the last one out of its source nor the last one into its target.
    const fn can_spare(&self, x: usize, y: usize) -> bool {
        self.successors[x].count_ones() > 1 && self.predecessors[y].count_ones() > 1
    }

    /// The vertices from which each vertex can be reached, a bit for each, itself included.
    fn ancestors(&self) -> [u16; CAPACITY] {
        let mut ancestors = std::array::from_fn(|vertex| 1 << vertex);
        for vertex in self.order() {
            for x in ones(self.predecessors[vertex].into()) {
                ancestors[vertex] |= ancestors[x];
            }
        }
        ancestors
    }

    /// The vertices in an order in which each comes after those that feed it, the input first and the output last.
    fn order(&self) -> impl Iterator<Item = usize> {
        let draft = *self;
        let mut left = (1_u16 << draft.vertices) - 1;
        std::iter::from_fn(move || {
            let ready = |vertex: &usize| draft.predecessors[*vertex] & left == 0 && (*vertex != OUTPUT || left == 1 << OUTPUT);
            let next = ones(left.into()).find(ready)?;
            left &= !(1 << next);
            Some(next)
        })
    }

    fn cell(&self) -> Cell {
        let mut places = [0; CAPACITY];
        let mut operations = [Operation::Conv3x3; CAPACITY];
        let mut edges = 0;
        for (place, vertex) in self.order().enumerate() {
            places[vertex] = place;
            operations[place] = self.operations[vertex];
            for x in ones(self.predecessors[vertex].into()) {
                edges |= edge_bit(places[x], place);
            }
        }
        Cell::from_pruned(Spec::from_bits(edges, &operations[1..self.vertices - 1]))
    }

    /// Calls `visit` for the cell after each step, those of too many vertices or edges left out.
    fn for_each_step(&self, space: &Space, mut visit: impl FnMut(Cell)) {
        let ancestors = self.ancestors();
        let room = space.max_edges().saturating_sub(self.edge_count());
        for y in 1..self.vertices {
            for x in (0..self.vertices).filter(|x| *x != OUTPUT && ancestors[*x] >> y & 1 == 0) {
                self.steps_between(x, y, space, room, &mut visit);
            }
        }
        for vertex in 2..self.vertices {
            for operation in space.operations().filter(|operation| *operation != self.operations[vertex]) {
                let mut changed = *self;
                changed.operations[vertex] = operation;
                visit(changed.cell());
            }
            self.steps_without(vertex, &mut visit);
        }
    }

    /// The steps that flip the edge from `x` to `y`, or add a vertex between them.
    fn steps_between(&self, x: usize, y: usize, space: &Space, room: usize, visit: &mut impl FnMut(Cell)) {
        let mut flipped = *self;
        flipped.flip(x, y);
        let has_edge = self.has_edge(x, y);
        if if has_edge { self.can_spare(x, y) } else { room >= 1 } {
            visit(flipped.cell());
        }
        if self.vertices >= space.max_vertices() {
            return;
        }
        for operation in space.operations() {
            if room >= 2 {
                visit(self.with_vertex(x, y, operation).cell());
            }
            if has_edge && room >= 1 {
                visit(flipped.with_vertex(x, y, operation).cell());
            }
        }
    }

    fn with_vertex(mut self, x: usize, y: usize, operation: Operation) -> Self {
        let vertex = self.vertices;
        self.vertices += 1;
        self.operations[vertex] = operation;
        self.flip(x, vertex);
        self.flip(vertex, y);
        self
    }

    /// The steps that take away an interior vertex, if it has one edge in and one edge out.
    fn steps_without(&self, vertex: usize, visit: &mut impl FnMut(Cell)) {
        if self.predecessors[vertex].count_ones() != 1 || self.successors[vertex].count_ones() != 1 {
            return;
        }
        let (x, y) = (self.predecessors[vertex].trailing_zeros() as usize, self.successors[vertex].trailing_zeros() as usize);
        let mut without = *self;
        without.remove(vertex, x, y);
        let renamed = |name: usize| if name == without.vertices { vertex } else { name };
        let (x, y) = (renamed(x), renamed(y));
        if without.successors[x] != 0 && without.predecessors[y] != 0 {
            visit(without.cell());
        }
        if !without.has_edge(x, y) {
            without.flip(x, y);
            visit(without.cell());
        }
    }

    /// Removes a vertex between `x` and `y`; the last one takes its name.
    fn remove(&mut self, vertex: usize, x: usize, y: usize) {
        self.flip(x, vertex);
        self.flip(vertex, y);
        self.vertices -= 1;
        let last = self.vertices;
        if last == vertex {
            return;
        }
        self.operations[vertex] = self.operations[last];
        for y in ones(self.successors[last].into()) {
            self.flip(last, y);
            self.flip(vertex, y);
        }
        for x in ones(self.predecessors[last].into()) {
            self.flip(x, last);
            self.flip(x, vertex);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::space::fixture::{cells, drawn, renumbered, space};
    use crate::space::{Operation, distance};
    use crate::unit::Seed;

    /// The neighbours of each cell of a space, by position.
    fn graph(space: &Space) -> Vec<Vec<usize>> {
        let cells = space.cells().unwrap();
        let index: HashMap<_, _> = cells.iter().enumerate().map(|(index, cell)| (cell.hash(), index)).collect();
        cells.iter().map(|cell| space.distinct_neighbours(cell).iter().map(|other| index[&other.hash()]).collect()).collect()
    }

    fn assert_connected(space: &Space) {
        let graph = graph(space);
        let mut reached = vec![false; graph.len()];
        let mut open = vec![0];
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(&graph[index]);
            }
        }
        assert!(reached.iter().all(|reached| *reached), "{space:?} is not connected");
    }

    #[test]
    fn steps_connect_every_space() {
        assert_connected(&space(2));
        assert_connected(&space(4));
        assert_connected(&space(5));
        for max_edges in 1..=6 {
            assert_connected(&space(5).with_max_edges(max_edges).unwrap());
        }
        assert_connected(&space(4).with_operations(&Operation::ALL).unwrap());
        assert_connected(&space(5).with_operations(&Operation::ALL[4..]).unwrap());
    }

    #[test]
    fn neighbours_are_mutual_and_never_the_cell_itself() {
        for space in [space(5), space(5).with_max_edges(5).unwrap()] {
            let graph = graph(&space);
            for (index, neighbours) in graph.iter().enumerate() {
                assert!(neighbours.iter().all(|other| *other != index && graph[*other].contains(&index)));
                let distinct: FxHashSet<_> = neighbours.iter().collect();
                assert_eq!(distinct.len(), neighbours.len());
            }
        }
    }

    #[test]
    fn all_cells_one_edit_away_are_neighbours_and_no_neighbour_is_far() {
        let graph = graph(&space(4));
        let cells = cells(4);
        for (a, neighbours) in cells.iter().zip(&graph) {
            for (index, b) in cells.iter().enumerate() {
                let edits = distance(a, b);
                assert!(edits != 1 || neighbours.contains(&index), "{a} and {b}");
                assert!([1, 3, 4].contains(&edits) || !neighbours.contains(&index), "{a} and {b}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_numbering_of_the_vertices_does_not_count(seed: u64) {
            let space = Space::nas_bench_101();
            let cell = drawn(seed);
            let hashes = |cell: &Cell| {
                let mut hashes: Vec<_> = space.distinct_neighbours(cell).iter().map(Cell::hash).collect();
                hashes.sort();
                hashes
            };
            prop_assert_eq!(hashes(&cell), hashes(&renumbered(cell, &mut Seed(seed).rng())));
        }

        #[test]
        fn neighbours_lie_in_the_space_and_near(seed: u64) {
            let space = Space::nas_bench_101();
            let cell = drawn(seed);
            for neighbour in space.distinct_neighbours(&cell) {
                prop_assert!(space.check(neighbour).is_ok());
                prop_assert_eq!(neighbour.spec().prune().unwrap(), neighbour);
                prop_assert!([1, 3, 4].contains(&distance(&cell, &neighbour)));
            }
        }
    }
}
