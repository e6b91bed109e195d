//! How many edits lie between two cells, however their vertices are numbered.

use super::spec::CAPACITY;
use super::{Cell, OPERATIONS};

/// The most interior vertices that a cell has room for.
const INTERIOR: usize = CAPACITY - 2;
/// The bits of the edges from the input and to the output in a mask of positions.
const FROM_INPUT: u32 = 1 << INTERIOR;
const TO_OUTPUT: u32 = 1 << (INTERIOR + 1);
/// The shift of the bits of backward edges above those of forward edges.
const BACK: u32 = 16;

/// Counts the fewest edits that make one cell of the other, up to the numbering of the vertices.
///
/// An edit flips an edge, changes the operation of a vertex, or adds or removes an interior vertex without edges. The cells
/// between need not be connected. It is a metric: 0 exactly for isomorphic cells, the same both ways, and never longer than
/// the way through a third cell.
///
/// Exact: a branch and bound over all matchings of the interior vertices, in a few microseconds, some 45 nodes for two cells of 7 vertices.
///
/// ```
/// use nasbench::space::{Cell, distance};
///
/// let one = Cell::from_texts("010001000", "input,maxpool3x3,output")?;
/// let other = Cell::from_texts("011001000", "input,conv3x3-bn-relu,output")?;
/// assert_eq!(distance(&one, &other), 2);
/// # Ok::<(), nasbench::space::Error>(())
/// ```
///
/// # Source
///
/// Ying et al., ICML 2019, section 4, measure locality by such a distance; theirs is between padded matrices.
#[must_use]
pub fn distance(a: &Cell, b: &Cell) -> usize {
    if a == b {
        return 0;
    }
    let (large, small) = if a.vertices() >= b.vertices() { (a, b) } else { (b, a) };
    let mut search = Search::new(large, small);
    let ends = |cell: &Cell| cell.has_edge(0, cell.vertices() - 1);
    let between_ends = u32::from(ends(large) != ends(small));
    let start = search.start(small, between_ends);
    search.place(0, &start);
    search.best as usize
}

/// What both cells are, laid out for placing the vertices of one onto those of the other.
struct Search {
    /// Interior vertices of the larger cell.
    count: usize,
    /// Of each interior vertex of the larger cell: the edges from earlier ones, from the input and to the output.
    edges: [u32; INTERIOR],
    /// The label of its operation.
    labels: [u8; INTERIOR],
    /// Edges of the larger cell that touch this or a later vertex.
    edges_from: [u32; INTERIOR + 1],
    /// Operations of this and the later vertices, four bits for each label.
    operations_from: [u32; INTERIOR + 1],
    /// The label of each vertex to place; no label for those that only pad the smaller cell.
    placed_labels: [u8; INTERIOR],
    /// Between two vertices to place: bit 0 for an edge from the first, bit [`BACK`] for one to the first.
    between: [[u32; INTERIOR]; INTERIOR],
    /// The fewest edits found.
    best: u32,
}

/// Which vertices are placed, and what that has cost.
#[derive(Clone, Copy)]
struct State {
    cost: u32,
    free: u32,
    /// Of each vertex to place: its edges with those placed, by their positions.
    edges: [u32; INTERIOR],
    /// Edges of the smaller cell that touch a free vertex.
    edges_left: u32,
    /// Operations of the free vertices, four bits for each label.
    operations_left: u32,
}

/// No operation has this label.
const PADDING: u8 = u8::MAX;

/// One of an operation, where four bits count each label.
const fn one(label: u8) -> u32 {
    if label == PADDING { 0 } else { 1 << (4 * label) }
}

impl Search {
    fn new(large: &Cell, small: &Cell) -> Self {
        const { assert!(4 * OPERATIONS.len() <= 32 && INTERIOR < 16) };
        let count = large.vertices() - 2;
        let mut search = Self {
            count,
            edges: [0; INTERIOR],
            labels: [PADDING; INTERIOR],
            edges_from: [0; INTERIOR + 1],
            operations_from: [0; INTERIOR + 1],
            placed_labels: [PADDING; INTERIOR],
            between: [[0; INTERIOR]; INTERIOR],
            best: u32::MAX,
        };
        for (position, operation) in large.operations().enumerate() {
            search.labels[position] = operation.label();
            search.edges[position] = ends(large, position + 1);
        }
        for (position, operation) in small.operations().enumerate() {
            search.placed_labels[position] = operation.label();
        }
        for (x, y) in large.edges().filter(|(x, y)| *x > 0 && *y <= count) {
            search.edges[y - 1] |= 1 << (x - 1);
        }
        for (x, y) in small.edges().filter(|(x, y)| *x > 0 && *y + 1 < small.vertices()) {
            search.between[x - 1][y - 1] |= 1;
            search.between[y - 1][x - 1] |= 1 << BACK;
        }
        for position in (0..count).rev() {
            search.edges_from[position] = search.edges_from[position + 1] + search.edges[position].count_ones();
            search.operations_from[position] = search.operations_from[position + 1] + one(search.labels[position]);
        }
        search
    }

    fn start(&self, small: &Cell, cost: u32) -> State {
        let mut edges = [0; INTERIOR];
        for vertex in 1..small.vertices() - 1 {
            edges[vertex - 1] = ends(small, vertex);
        }
        let between_ends = u32::from(small.has_edge(0, small.vertices() - 1));
        #[expect(clippy::cast_possible_truncation, reason = "at most 36 edges")]
        let edges_left = small.edge_count() as u32 - between_ends;
        let operations_left = self.placed_labels.iter().map(|label| one(*label)).sum();
        State { cost, free: (1 << self.count) - 1, edges, edges_left, operations_left }
    }

    /// Places a vertex at `position` in every way that may still be the best, the cheapest way first.
    fn place(&mut self, position: usize, state: &State) {
        if position == self.count {
            self.best = self.best.min(state.cost);
            return;
        }
        let mut ways = [(0, 0); INTERIOR];
        let mut found = 0;
        let mut padded = false;
        let mut free = state.free;
        while free != 0 {
            let vertex = free.trailing_zeros() as usize;
            free &= free - 1;
            // All padding is alike: one of it stands for the rest.
            if self.placed_labels[vertex] == PADDING && std::mem::replace(&mut padded, true) {
                continue;
            }
            let differs = self.placed_labels[vertex] != self.labels[position];
            let cost = u32::from(differs) + (state.edges[vertex] ^ self.edges[position]).count_ones();
            ways[found] = (cost, vertex);
            found += 1;
        }
        ways[..found].sort_by_key(|(cost, _)| *cost);
        for (cost, vertex) in ways.into_iter().take(found) {
            let next = self.placed(position, state, vertex, cost);
            if next.cost + self.at_least(position + 1, &next) < self.best {
                self.place(position + 1, &next);
            }
        }
    }

    fn placed(&self, position: usize, state: &State, vertex: usize, cost: u32) -> State {
        let mut next = *state;
        next.cost += cost;
        next.free &= !(1 << vertex);
        next.edges_left -= state.edges[vertex].count_ones();
        next.operations_left -= one(self.placed_labels[vertex]);
        for (edges, between) in next.edges.iter_mut().zip(&self.between[vertex]) {
            *edges |= between << position;
        }
        next
    }

    /// What the vertices from `position` on cost at least: the edges and the operations that one side has more of.
    fn at_least(&self, position: usize, state: &State) -> u32 {
        let mut shared = 0;
        let (mut here, mut there) = (self.operations_from[position], state.operations_left);
        while here != 0 && there != 0 {
            shared += (here & 15).min(there & 15);
            (here, there) = (here >> 4, there >> 4);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most seven vertices")]
        let left = (self.count - position) as u32;
        left - shared + self.edges_from[position].abs_diff(state.edges_left)
    }
}

/// The edges of a vertex with the input and the output.
fn ends(cell: &Cell, vertex: usize) -> u32 {
    let from_input = if cell.has_edge(0, vertex) { FROM_INPUT } else { 0 };
    let to_output = if cell.has_edge(vertex, cell.vertices() - 1) { TO_OUTPUT } else { 0 };
    from_input | to_output
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::fixture::{cell, cells, drawn, renumbered};
    use crate::space::{Operation, Spec};
    use crate::unit::Seed;

    /// All orders of the numbers below `count`.
    fn orders(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let insert = |order: &Vec<usize>, at: usize| {
            let mut longer = order.clone();
            longer.insert(at, count - 1);
            longer
        };
        orders(count - 1).iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
    }

    /// The distance by trying all matchings, with no cleverness at all.
    fn by_force(a: &Cell, b: &Cell) -> usize {
        let (large, small) = if a.vertices() >= b.vertices() { (a, b) } else { (b, a) };
        let count = large.vertices() - 2;
        let edits = |order: &Vec<usize>| {
            let image = |vertex: usize| match vertex {
                0 => Some(0),
                _ if vertex > count => Some(small.vertices() - 1),
                _ => Some(order[vertex - 1] + 1).filter(|image| image + 1 < small.vertices()),
            };
            let labels = (1..=count)
                .filter(|vertex| large.operation(*vertex) != image(*vertex).and_then(|image| small.operation(image)))
                .count();
            let pairs = (0..count + 2).flat_map(|x| (0..count + 2).map(move |y| (x, y)));
            let there = |x, y| image(x).zip(image(y)).is_some_and(|(x, y)| small.has_edge(x, y));
            labels + pairs.filter(|(x, y)| large.has_edge(*x, *y) != there(*x, *y)).count()
        };
        orders(count).iter().map(edits).min().unwrap()
    }

    #[test]
    fn known_distances() {
        use Operation::{Conv1x1, Conv3x3, MaxPool3x3};
        let short = cell(&[(0, 1)], &[]);
        let long = cell(&[(0, 1), (1, 2)], &[Conv3x3]);
        // A vertex and its two edges are added, and the edge past it is taken away.
        assert_eq!(distance(&short, &long), 4);
        let diamond = cell(&[(0, 1), (0, 2), (1, 3), (2, 3)], &[Conv3x3, MaxPool3x3]);
        let turned = cell(&[(0, 1), (0, 2), (1, 3), (2, 3)], &[MaxPool3x3, Conv3x3]);
        assert_eq!(distance(&diamond, &turned), 0);
        assert_eq!(distance(&diamond, &long), 3);
        let chain = |operations: &[Operation; 3]| cell(&[(0, 1), (1, 2), (2, 3), (3, 4)], operations);
        assert_eq!(distance(&chain(&[Conv3x3, Conv1x1, MaxPool3x3]), &chain(&[Conv3x3, Conv1x1, Conv1x1])), 1);
        assert_eq!(distance(&chain(&[Conv3x3, Conv1x1, MaxPool3x3]), &chain(&[MaxPool3x3, Conv3x3, Conv1x1])), 3);
    }

    #[test]
    fn it_is_a_metric_on_small_cells() {
        let cells = cells(4);
        let table: Vec<Vec<_>> = cells.iter().map(|a| cells.iter().map(|b| distance(a, b)).collect()).collect();
        for (i, a) in cells.iter().enumerate() {
            for (j, b) in cells.iter().enumerate() {
                assert_eq!(table[i][j], by_force(a, b), "{a} and {b}");
                assert_eq!(table[i][j], table[j][i]);
                assert_eq!(table[i][j] == 0, i == j);
                for (k, from_here) in table[j].iter().enumerate() {
                    assert!(table[i][k] <= table[i][j] + from_here);
                }
            }
        }
    }

    #[test]
    fn cells_of_different_hashes_lie_apart() {
        let cells = cells(5);
        for (i, a) in cells.iter().enumerate().skip(91).step_by(17) {
            for (j, b) in cells.iter().enumerate() {
                assert_eq!(distance(a, b) == 0, i == j, "{a} and {b}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_what_trying_all_matchings_finds(one: u64, other: u64) {
            let (a, b) = (drawn(one), drawn(other));
            prop_assert_eq!(distance(&a, &b), by_force(&a, &b));
        }

        #[test]
        fn the_numbering_of_the_vertices_does_not_count(one: u64, other: u64, third: u64) {
            let mut rng = Seed(third).rng();
            let (a, b, c) = (drawn(one), drawn(other), drawn(third));
            prop_assert_eq!(distance(&a, &renumbered(a, &mut rng)), 0);
            prop_assert_eq!(distance(&a, &b), distance(&renumbered(b, &mut rng), &renumbered(a, &mut rng)));
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c));
            prop_assert_eq!(distance(&a, &b) == 0, a.hash() == b.hash());
        }

        #[test]
        fn edits_are_never_fewer_than_the_distance(seed: u64, flips in proptest::collection::vec((0_usize..6, 1_usize..7), 1..5)) {
            let cell = drawn(seed);
            let mut spec: Spec = cell.spec();
            let mut edits = 0;
            for (x, y) in flips {
                if x < y && y < cell.vertices() {
                    spec = spec.with_flipped_edge(x, y);
                    edits += 1;
                }
            }
            // What pruning takes away is taken away by edits, too: only whole graphs are compared.
            if let Some(edited) = spec.prune().ok().filter(|edited| edited.vertices() == cell.vertices()) {
                prop_assert!(distance(&cell, &edited) <= edits);
            }
        }
    }
}
