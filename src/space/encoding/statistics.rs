//! What can be counted of a cell as a graph, in numbers that mean the same for cells of every size.
//!
//! A surrogate is fitted on small cells and scores larger ones, so no number here depends on how many vertices there may be or
//! how they are numbered: counts of operations, edges by what they connect, paths from the input to the output by their length
//! and by the operations on them, depth, width and degrees. A new count is one line of [`Facts::each`].

use std::fmt::Arguments;

use super::Encoding;
use crate::space::spec::CAPACITY;
use crate::space::{Cell, OPERATIONS, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "statistics",
    about: "counts of the graph: operations, edges by what they connect, depth, width, degrees, paths by length and operations",
    source: "depth, width and operations as in Ying et al., ICML 2019, section 3; the rest is counted alike",
    is_invariant: true,
    width: |space| {
        let mut width = 0;
        Facts::default().each(space, |_, _| width += 1);
        width
    },
    columns,
    encode: |space, cell, row| {
        let mut values = row.iter_mut();
        Facts::new(*cell).each(space, |_, count| *values.next().expect("a value for each column") = count);
    },
};

fn columns(space: &Space) -> Vec<String> {
    let mut names = Vec::new();
    Facts::default().each(space, |name, _| names.push(name.to_string()));
    names
}

/// How many kinds of operation there are.
const KINDS: usize = OPERATIONS.len();
/// Where an edge begins or ends besides the operations: the input, or the output.
const END: usize = KINDS;
/// Paths at least this long share a count.
const LONGEST_COUNTED: usize = 6;
/// Paths with at least this many of an operation share a count.
const MOST_COUNTED: usize = 3;

/// What the counts are read from. The kinds of operation are their labels.
#[derive(Default)]
struct Facts {
    /// Vertices by operation.
    operations: [u16; KINDS],
    /// Edges by what they leave (an operation or the input) and what they enter (an operation or the output).
    edges: [[u16; KINDS + 1]; KINDS + 1],
    /// Interior vertices that add two inputs or more.
    joins: u16,
    /// Most vertices that are equally far from the input.
    width: u16,
    longest: u16,
    shortest: u16,
    paths: u16,
    by_length: [u16; LONGEST_COUNTED + 1],
    by_operation: [[u16; MOST_COUNTED + 1]; KINDS],
    most: [u16; KINDS],
    fewest: [u16; KINDS],
    /// Operations on all paths together.
    on_paths: [u16; KINDS],
    length_of_paths: u16,
}

/// A path from the input to some vertex.
#[derive(Clone, Copy, Default)]
struct Path {
    length: u16,
    operations: [u16; KINDS],
}

impl Facts {
    fn new(cell: Cell) -> Self {
        let mut facts = Self { shortest: u16::MAX, fewest: [u16::MAX; KINDS], ..Self::default() };
        facts.count_vertices(cell);
        facts.follow(cell, 0, Path::default());
        facts
    }

    /// Calls `put` with the name of each column and its count, in the order of the columns.
    fn each(&self, space: &Space, mut put: impl FnMut(Arguments, f32)) {
        let kinds = || space.operations().map(|operation| (usize::from(operation.label()), operation.spec().short_name));
        // Of all operations, so that this part of the row is the same in every space.
        for (spec, count) in OPERATIONS.iter().zip(self.operations) {
            put(format_args!("{}", spec.short_name), count.into());
        }
        put(format_args!("edges"), self.edges.iter().flatten().sum::<u16>().into());
        put(format_args!("joins"), self.joins.into());
        put(format_args!("input_degree"), self.edges[END].iter().sum::<u16>().into());
        put(format_args!("output_degree"), self.edges.iter().map(|to| to[END]).sum::<u16>().into());
        put(format_args!("residual_projection"), self.edges[END][END].into());
        put(format_args!("depth"), self.longest.into());
        put(format_args!("shortest_path"), self.shortest.into());
        put(format_args!("width"), self.width.into());
        for (from, from_name) in std::iter::once((END, "input")).chain(kinds()) {
            kinds().for_each(|(to, name)| put(format_args!("edges_{from_name}_to_{name}"), self.edges[from][to].into()));
        }
        kinds().for_each(|(kind, name)| put(format_args!("edges_{name}_to_output"), self.edges[kind][END].into()));
        put(format_args!("paths"), self.paths.into());
        for (length, count) in self.by_length.iter().enumerate().skip(1) {
            let or_more = if length == LONGEST_COUNTED { "_or_more" } else { "" };
            put(format_args!("paths_of_length_{length}{or_more}"), (*count).into());
        }
        for (kind, name) in kinds() {
            for (times, count) in self.by_operation[kind].into_iter().enumerate() {
                let or_more = if times == MOST_COUNTED { "_or_more" } else { "" };
                put(format_args!("paths_with_{times}_{name}{or_more}"), count.into());
            }
        }
        kinds().for_each(|(kind, name)| put(format_args!("most_{name}_on_a_path"), self.most[kind].into()));
        kinds().for_each(|(kind, name)| put(format_args!("fewest_{name}_on_a_path"), self.fewest[kind].into()));
        kinds().for_each(|(kind, name)| put(format_args!("mean_{name}_on_a_path"), self.per_path(self.on_paths[kind])));
        put(format_args!("mean_path_length"), self.per_path(self.length_of_paths));
    }

    fn count_vertices(&mut self, cell: Cell) {
        for (x, y) in cell.edges() {
            self.edges[kind(cell, x)][kind(cell, y)] += 1;
        }
        let mut distance = [0; CAPACITY];
        let mut at_distance = [0; CAPACITY];
        for vertex in 1..cell.vertices() - 1 {
            self.operations[kind(cell, vertex)] += 1;
            self.joins += u16::from(cell.predecessors(vertex).nth(1).is_some());
            distance[vertex] = cell.predecessors(vertex).map(|x| distance[x] + 1).max().unwrap_or(0);
            at_distance[distance[vertex]] += 1;
        }
        self.width = at_distance.into_iter().max().unwrap_or(0);
    }

    /// Walks every path that goes on from `vertex`.
    fn follow(&mut self, cell: Cell, vertex: usize, path: Path) {
        if vertex + 1 == cell.vertices() {
            return self.count_path(path);
        }
        for next in cell.successors(vertex) {
            let mut longer = Path { length: path.length + 1, ..path };
            if let Some(operation) = cell.operation(next) {
                longer.operations[usize::from(operation.label())] += 1;
            }
            self.follow(cell, next, longer);
        }
    }

    fn count_path(&mut self, path: Path) {
        self.paths += 1;
        self.longest = self.longest.max(path.length);
        self.shortest = self.shortest.min(path.length);
        self.length_of_paths += path.length;
        self.by_length[usize::from(path.length).min(LONGEST_COUNTED)] += 1;
        for (kind, times) in path.operations.into_iter().enumerate() {
            self.by_operation[kind][usize::from(times).min(MOST_COUNTED)] += 1;
            self.most[kind] = self.most[kind].max(times);
            self.fewest[kind] = self.fewest[kind].min(times);
            self.on_paths[kind] += times;
        }
    }

    fn per_path(&self, total: u16) -> f32 {
        f32::from(total) / f32::from(self.paths)
    }
}

/// The label of a vertex's operation, or [`END`].
fn kind(cell: Cell, vertex: usize) -> usize {
    cell.operation(vertex).map_or(END, |operation| operation.label().into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::space::Operation::{Conv3x3, MaxPool3x3};
    use crate::space::fixture::{cell, cells, space};

    fn encoded(cell: Cell) -> Vec<f32> {
        let mut row = vec![f32::NAN; ENTRY.width(&space(7))];
        ENTRY.encode(&space(7), &[cell], &mut row).unwrap();
        row
    }

    fn count(cell: Cell, name: &str) -> f32 {
        encoded(cell)[columns(&space(7)).iter().position(|known| known == name).unwrap()]
    }

    #[test]
    fn a_residual_cell_reads_as_a_person_would_count_it() {
        let edges = [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4), (0, 4), (1, 3)];
        let cell = cell(&edges, &[Conv3x3, Conv3x3, MaxPool3x3]);
        let expected = [
            ("conv3x3", 2.0),
            ("maxpool3x3", 1.0),
            ("edges", 7.0),
            ("joins", 1.0),
            ("input_degree", 3.0),
            ("output_degree", 3.0),
            ("residual_projection", 1.0),
            ("depth", 3.0),
            ("shortest_path", 1.0),
            ("width", 2.0),
            ("edges_conv3x3_to_conv3x3", 1.0),
            ("edges_conv3x3_to_maxpool3x3", 1.0),
            ("paths", 4.0),
            ("paths_of_length_3", 2.0),
            ("paths_with_0_conv3x3", 2.0),
            ("paths_with_2_conv3x3", 1.0),
            ("most_conv3x3_on_a_path", 2.0),
            ("fewest_maxpool3x3_on_a_path", 0.0),
            ("mean_conv3x3_on_a_path", 0.75),
            ("mean_path_length", 2.25),
        ];
        for (name, value) in expected {
            assert!((count(cell, name) - value).abs() < 1e-6, "{name} is {}, expected {value}", count(cell, name));
        }
    }

    #[test]
    fn the_smallest_cell_has_finite_counts() {
        let cell = cell(&[(0, 1)], &[]);
        assert!(encoded(cell).iter().all(|value| value.is_finite()));
        assert!(count(cell, "residual_projection") > 0.0);
    }

    #[test]
    fn nearly_every_small_cell_has_a_row_of_its_own() {
        for (vertices, expected) in [(4, 91), (5, 2_514)] {
            let rows: HashSet<Vec<u32>> =
                cells(vertices).iter().map(|cell| encoded(*cell).into_iter().map(f32::to_bits).collect()).collect();
            assert_eq!(rows.len(), expected);
        }
    }
}
