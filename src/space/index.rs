//! The index of one cell in the official enumeration, counted without listing the space.

use super::spec::edge_bit;
use super::{Cell, Error, MOST_VERTICES, Space};

impl Space {
    /// Returns the index that the [`Enumeration`](super::Enumeration) gives to a cell, counted without listing the cells.
    ///
    /// The classes before a cell are those of smaller graphs, which are counted and not listed: of a graph that no renumbering gives a
    /// lower edge mask, as many as there are labellings that its symmetries tell apart (Burnside's lemma). It takes milliseconds,
    /// however many operations the space has.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::space::Space;
    ///
    /// let space = Space::nas_bench_101().with_max_vertices(5)?;
    /// let enumeration = space.enumerate()?;
    /// assert_eq!(space.index_of(enumeration.cells()[1_000])?, 1_000);
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    pub fn index_of(&self, cell: Cell) -> Result<usize, Error> {
        let first = self.representative(cell)?;
        let (vertices, kinds) = (first.vertices(), self.operation_count());
        let smaller: usize = (2..vertices).map(|vertices| self.classes_below(vertices, u64::MAX)).sum();
        let positions: Vec<_> = first.operations().map(|operation| self.position(operation)).collect();
        let code = positions.iter().fold(0, |code, position| code * kinds + position);
        let symmetries = Graph::new(vertices, first.edge_bits()).symmetries().unwrap_or_default();
        let is_first = |code: &usize| symmetries.iter().all(|symmetry| symmetry.moved(*code, kinds) >= *code);
        Ok(smaller + self.classes_below(vertices, first.edge_bits()) + (0..code).filter(is_first).count())
    }

    /// Counts the classes of isomorphic cells whose first one has `vertices` vertices and an edge mask below a limit.
    fn classes_below(&self, vertices: usize, limit: u64) -> usize {
        let mut count = 0;
        self.visit_graphs(vertices, 1, 0, limit, &mut |edges| {
            if let Some(symmetries) = Graph::new(vertices, edges).symmetries() {
                let fixed = |symmetry: &Symmetry| self.operation_count().pow(symmetry.cycles());
                count += symmetries.iter().map(fixed).sum::<usize>() / symmetries.len();
            }
        });
        count
    }

    /// Visits the edge masks below a limit of graphs in which every vertex has an edge on either side, column by column.
    fn visit_graphs(&self, vertices: usize, column: usize, edges: u64, limit: u64, visit: &mut impl FnMut(u64)) {
        if column == vertices {
            if super::enumerate::is_full(vertices, edges) && edges < limit {
                visit(edges);
            }
            return;
        }
        // Every further column has an edge at least.
        let room = (self.max_edges + 1 + column).saturating_sub(vertices);
        for from in 1..1_u64 << column {
            let edges = edges | from << (column * (column - 1) / 2);
            if edges.count_ones() as usize <= room {
                self.visit_graphs(vertices, column + 1, edges, limit, visit);
            }
        }
    }
}

/// A graph without operations.
struct Graph {
    vertices: usize,
    edges: u64,
    /// The predecessors of each vertex, a bit for each.
    predecessors: [u64; MOST_VERTICES],
}

/// A renumbering of the interior vertices that leaves the edges as they are: for each the other one.
#[derive(Clone, Copy)]
struct Symmetry {
    interior: usize,
    images: [usize; MOST_VERTICES],
}

impl Symmetry {
    /// The number of its cycles.
    fn cycles(&self) -> u32 {
        let mut seen = 0_u32;
        let mut cycles = 0;
        for start in 0..self.interior {
            cycles += u32::from(seen >> start & 1 == 0);
            let mut at = start;
            while seen >> at & 1 == 0 {
                seen |= 1 << at;
                at = self.images[at];
            }
        }
        cycles
    }

    /// The code of a labelling of the renumbered vertices: its digits are the operations, those of the last vertex change fastest.
    fn moved(&self, mut code: usize, kinds: usize) -> usize {
        let mut digits = [0; MOST_VERTICES];
        for place in (0..self.interior).rev() {
            digits[self.images[place]] = code % kinds;
            code /= kinds;
        }
        digits[..self.interior].iter().fold(0, |code, digit| code * kinds + digit)
    }
}

impl Graph {
    fn new(vertices: usize, edges: u64) -> Self {
        let column = |y: usize| edges >> (y * y.saturating_sub(1) / 2) & ((1 << y) - 1);
        Self { vertices, edges, predecessors: std::array::from_fn(|y| if y < vertices { column(y) } else { 0 }) }
    }

    /// The symmetries; `None` if another numbering of the vertices has a lower edge mask.
    fn symmetries(&self) -> Option<Vec<Symmetry>> {
        let mut found = Vec::new();
        let is_lowest = self.place(1, 1, 0, &[0; MOST_VERTICES], &mut found);
        is_lowest.then_some(found)
    }

    /// Gives the next number to every vertex whose predecessors have theirs. `false` as soon as an edge mask is lower than the graph's.
    fn place(&self, number: usize, placed: u64, edges: u64, images: &[usize; MOST_VERTICES], found: &mut Vec<Symmetry>) -> bool {
        let last = self.vertices - 1;
        if number == last {
            let into = (0..last).filter(|x| self.predecessors[last] >> x & 1 == 1);
            let edges = into.fold(edges, |edges, x| edges | edge_bit(if x == 0 { 0 } else { images[x - 1] + 1 }, last));
            if edges == self.edges {
                found.push(Symmetry { interior: last - 1, images: *images });
            }
            return edges >= self.edges;
        }
        (1..last).filter(|vertex| placed >> vertex & 1 == 0 && self.predecessors[*vertex] & !placed == 0).all(|vertex| {
            let from = (0..vertex).filter(|x| self.predecessors[vertex] >> x & 1 == 1);
            let edges = from.fold(edges, |edges, x| edges | edge_bit(if x == 0 { 0 } else { images[x - 1] + 1 }, number));
            let mut images = *images;
            images[vertex - 1] = number - 1;
            self.place(number + 1, placed | 1 << vertex, edges, &images, found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation;
    use crate::space::fixture::space;

    /// Checks every labelled cell of a space, or some of many.
    fn agrees_with_the_enumeration(space: Space, step: usize) {
        let enumeration = space.enumerate().unwrap();
        for cell in space.labelled_cells().step_by(step) {
            assert_eq!(space.index_of(cell).ok(), enumeration.index_of(&cell), "{cell}");
        }
        let last = enumeration.cells()[enumeration.len() - 1];
        assert_eq!(space.index_of(last).unwrap(), enumeration.len() - 1);
    }

    #[test]
    fn an_index_is_that_of_the_enumeration() {
        agrees_with_the_enumeration(space(5), 1);
        agrees_with_the_enumeration(space(5).with_max_edges(5).unwrap(), 1);
        agrees_with_the_enumeration(space(4).with_operations(&Operation::ALL).unwrap(), 1);
        agrees_with_the_enumeration(space(5).with_operations(&Operation::ALL[1..3]).unwrap(), 1);
        agrees_with_the_enumeration(space(6), 997);
    }

    #[test]
    fn the_last_cell_of_nas_bench_101_has_the_published_number_before_it() {
        let count = |space: Space| (2..=7).map(|vertices| space.classes_below(vertices, u64::MAX)).sum::<usize>();
        assert_eq!(count(Space::nas_bench_101()), 423_624);
    }

    #[test]
    fn a_cell_of_another_space_has_no_index() {
        let cell = space(5).cells().unwrap()[2_000];
        assert_eq!(space(4).index_of(cell).unwrap_err().to_string(), "the cell has 5 vertices, expected at most 4");
    }
}
