//! What can be counted of a cell as a graph, in numbers that mean the same for cells of every size.
//!
//! A surrogate is fitted on small cells and scores larger ones, so no number here depends on how many vertices there may be or
//! how they are numbered: counts of operations, edges by what they connect, paths from the input to the output by their length
//! and by the operations on them, depth, width and degrees. A new count is one line of [`COUNTS`].

use super::Encoding;
use crate::space::spec::CAPACITY;
use crate::space::{Cell, OPERATIONS};

pub(super) const ENTRY: Encoding = Encoding {
    name: "statistics",
    about: "counts of the graph: operations, edges by what they connect, depth, width, degrees, paths by length and operations",
    source: "depth, width and operations as in Ying et al., ICML 2019, section 3; the rest is counted alike",
    is_invariant: true,
    width: |_| COUNTS.len(),
    columns: |_| COUNTS.iter().map(|(name, _)| (*name).to_owned()).collect(),
    encode: |_, cell, row| {
        let facts = Facts::of(*cell);
        for (value, (_, count)) in row.iter_mut().zip(COUNTS) {
            *value = count(&facts);
        }
    },
};

type Count = fn(&Facts) -> f32;

/// How many kinds of operation there are.
const KINDS: usize = OPERATIONS.len();
/// Where an edge begins or ends besides the operations: the input, or the output.
const END: usize = KINDS;
/// Paths at least this long share a count.
const LONGEST_COUNTED: usize = 6;
/// Paths with at least this many of an operation share a count.
const MOST_COUNTED: usize = 3;

/// Every count, in the order of its column. The kinds of operation are their labels: 0 is conv3x3,
/// 1 conv1x1, 2 maxpool3x3.
const COUNTS: &[(&str, Count)] = &[
    ("conv3x3", |facts| facts.operations[0].into()),
    ("conv1x1", |facts| facts.operations[1].into()),
    ("maxpool3x3", |facts| facts.operations[2].into()),
    ("avgpool3x3", |facts| facts.operations[3].into()),
    ("identity", |facts| facts.operations[4].into()),
    ("edges", |facts| facts.edges.iter().flatten().sum::<u16>().into()),
    ("joins", |facts| facts.joins.into()),
    ("input_degree", |facts| facts.edges[END].iter().sum::<u16>().into()),
    ("output_degree", |facts| facts.edges.iter().map(|to| to[END]).sum::<u16>().into()),
    ("residual_projection", |facts| facts.edges[END][END].into()),
    ("depth", |facts| facts.longest.into()),
    ("shortest_path", |facts| facts.shortest.into()),
    ("width", |facts| facts.width.into()),
    ("edges_input_to_conv3x3", |facts| facts.edges[END][0].into()),
    ("edges_input_to_conv1x1", |facts| facts.edges[END][1].into()),
    ("edges_input_to_maxpool3x3", |facts| facts.edges[END][2].into()),
    ("edges_conv3x3_to_conv3x3", |facts| facts.edges[0][0].into()),
    ("edges_conv3x3_to_conv1x1", |facts| facts.edges[0][1].into()),
    ("edges_conv3x3_to_maxpool3x3", |facts| facts.edges[0][2].into()),
    ("edges_conv1x1_to_conv3x3", |facts| facts.edges[1][0].into()),
    ("edges_conv1x1_to_conv1x1", |facts| facts.edges[1][1].into()),
    ("edges_conv1x1_to_maxpool3x3", |facts| facts.edges[1][2].into()),
    ("edges_maxpool3x3_to_conv3x3", |facts| facts.edges[2][0].into()),
    ("edges_maxpool3x3_to_conv1x1", |facts| facts.edges[2][1].into()),
    ("edges_maxpool3x3_to_maxpool3x3", |facts| facts.edges[2][2].into()),
    ("edges_conv3x3_to_output", |facts| facts.edges[0][END].into()),
    ("edges_conv1x1_to_output", |facts| facts.edges[1][END].into()),
    ("edges_maxpool3x3_to_output", |facts| facts.edges[2][END].into()),
    ("paths", |facts| facts.paths.into()),
    ("paths_of_length_1", |facts| facts.by_length[1].into()),
    ("paths_of_length_2", |facts| facts.by_length[2].into()),
    ("paths_of_length_3", |facts| facts.by_length[3].into()),
    ("paths_of_length_4", |facts| facts.by_length[4].into()),
    ("paths_of_length_5", |facts| facts.by_length[5].into()),
    ("paths_of_length_6_or_more", |facts| facts.by_length[6].into()),
    ("paths_with_0_conv3x3", |facts| facts.by_operation[0][0].into()),
    ("paths_with_1_conv3x3", |facts| facts.by_operation[0][1].into()),
    ("paths_with_2_conv3x3", |facts| facts.by_operation[0][2].into()),
    ("paths_with_3_conv3x3_or_more", |facts| facts.by_operation[0][3].into()),
    ("paths_with_0_conv1x1", |facts| facts.by_operation[1][0].into()),
    ("paths_with_1_conv1x1", |facts| facts.by_operation[1][1].into()),
    ("paths_with_2_conv1x1", |facts| facts.by_operation[1][2].into()),
    ("paths_with_3_conv1x1_or_more", |facts| facts.by_operation[1][3].into()),
    ("paths_with_0_maxpool3x3", |facts| facts.by_operation[2][0].into()),
    ("paths_with_1_maxpool3x3", |facts| facts.by_operation[2][1].into()),
    ("paths_with_2_maxpool3x3", |facts| facts.by_operation[2][2].into()),
    ("paths_with_3_maxpool3x3_or_more", |facts| facts.by_operation[2][3].into()),
    ("most_conv3x3_on_a_path", |facts| facts.most[0].into()),
    ("most_conv1x1_on_a_path", |facts| facts.most[1].into()),
    ("most_maxpool3x3_on_a_path", |facts| facts.most[2].into()),
    ("fewest_conv3x3_on_a_path", |facts| facts.fewest[0].into()),
    ("fewest_conv1x1_on_a_path", |facts| facts.fewest[1].into()),
    ("fewest_maxpool3x3_on_a_path", |facts| facts.fewest[2].into()),
    ("mean_conv3x3_on_a_path", |facts| facts.per_path(facts.on_paths[0])),
    ("mean_conv1x1_on_a_path", |facts| facts.per_path(facts.on_paths[1])),
    ("mean_maxpool3x3_on_a_path", |facts| facts.per_path(facts.on_paths[2])),
    ("mean_path_length", |facts| facts.per_path(facts.length_of_paths)),
];

/// What the counts are read from.
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
    fn of(cell: Cell) -> Self {
        let mut facts = Self {
            operations: [0; KINDS],
            edges: [[0; KINDS + 1]; KINDS + 1],
            joins: 0,
            width: 0,
            longest: 0,
            shortest: u16::MAX,
            paths: 0,
            by_length: [0; LONGEST_COUNTED + 1],
            by_operation: [[0; MOST_COUNTED + 1]; KINDS],
            most: [0; KINDS],
            fewest: [u16::MAX; KINDS],
            on_paths: [0; KINDS],
            length_of_paths: 0,
        };
        facts.count_vertices(cell);
        facts.follow(cell, 0, Path::default());
        facts
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
        let mut row = vec![f32::NAN; COUNTS.len()];
        ENTRY.encode(&space(7), &[cell], &mut row).unwrap();
        row
    }

    fn count(cell: Cell, name: &str) -> f32 {
        encoded(cell)[COUNTS.iter().position(|(known, _)| *known == name).unwrap()]
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
