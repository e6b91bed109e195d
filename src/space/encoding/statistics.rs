//! What can be counted of a cell as a graph.

use super::{Encoding, number};
use crate::space::spec::CAPACITY;
use crate::space::{Cell, OPERATIONS, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "statistics",
    about: "counts of the graph: vertices, edges, depth, width, degrees, paths by length, operations",
    source: "depth, width and operations as in Ying et al., ICML 2019, section 3; the rest is counted alike",
    is_invariant: true,
    width: |space| COUNTS.len() + space.max_vertices() - 1 + 2 * space.operation_count(),
    columns,
    encode,
};

type Count = fn(&Facts) -> f32;

/// The counts that every space has.
const COUNTS: [(&str, Count); 14] = [
    ("vertices", |facts| number(facts.vertices)),
    ("edges", |facts| number(facts.edges)),
    ("depth", |facts| number(facts.depth)),
    ("shortest_path", |facts| number(facts.shortest)),
    ("width", |facts| number(facts.width)),
    ("input_degree", |facts| number(facts.degree_out[0])),
    ("output_degree", |facts| number(facts.degree_in[facts.vertices - 1])),
    ("most_edges_in", |facts| number(facts.degree_in[1..facts.vertices - 1].iter().copied().max().unwrap_or(0))),
    ("most_edges_out", |facts| number(facts.degree_out[1..facts.vertices - 1].iter().copied().max().unwrap_or(0))),
    ("joins", |facts| number(facts.degree_in[1..facts.vertices - 1].iter().filter(|degree| **degree > 1).count())),
    ("forks", |facts| number(facts.degree_out[1..facts.vertices - 1].iter().filter(|degree| **degree > 1).count())),
    ("input_to_output", |facts| number(facts.paths[1])),
    ("paths", |facts| number(facts.paths.iter().sum())),
    ("mean_path_length", |facts| {
        let steps: usize = facts.paths.iter().enumerate().map(|(length, paths)| length * paths).sum();
        number(steps) / number(facts.paths.iter().sum())
    }),
];

fn columns(space: &Space) -> Vec<String> {
    let counts = COUNTS.iter().map(|(name, _)| (*name).to_owned());
    let paths = (1..space.max_vertices()).map(|length| format!("paths_of_length_{length}"));
    let vertices = space.operations().map(|operation| format!("vertices_{operation}"));
    let most = space.operations().map(|operation| format!("most_{operation}_on_a_path"));
    counts.chain(paths).chain(vertices).chain(most).collect()
}

fn encode(space: &Space, cell: &Cell, row: &mut [f32]) {
    let facts = Facts::of(cell);
    let counts = COUNTS.iter().map(|(_, count)| count(&facts));
    let paths = (1..space.max_vertices()).map(|length| number(facts.paths[length]));
    let vertices = space.operations().map(|operation| number(facts.operations[usize::from(operation.label())]));
    let most = space.operations().map(|operation| number(facts.most[usize::from(operation.label())]));
    for (value, count) in row.iter_mut().zip(counts.chain(paths).chain(vertices).chain(most)) {
        *value = count;
    }
}

/// What the counts are read from.
struct Facts {
    vertices: usize,
    edges: usize,
    /// Edges of the longest and of the shortest path from the input to the output.
    depth: usize,
    shortest: usize,
    /// Most interior vertices that are equally far from the input, by the longest path.
    width: usize,
    degree_in: [usize; CAPACITY],
    degree_out: [usize; CAPACITY],
    /// Paths from the input to the output by their number of edges.
    paths: [usize; CAPACITY],
    /// Vertices of each operation.
    operations: [usize; OPERATIONS.len()],
    /// Most vertices of each operation on one path.
    most: [usize; OPERATIONS.len()],
}

impl Facts {
    fn of(cell: &Cell) -> Self {
        let vertices = cell.vertices();
        let last = vertices - 1;
        let mut degree_in = [0; CAPACITY];
        let mut degree_out = [0; CAPACITY];
        let mut far = [0; CAPACITY];
        // Of each vertex: the paths from the input to it by their length, and most of each operation on one.
        let mut paths = [[0; CAPACITY]; CAPACITY];
        let mut most = [[0; OPERATIONS.len()]; CAPACITY];
        let mut operations = [0; OPERATIONS.len()];
        paths[0][0] = 1;
        for y in 1..vertices {
            for x in cell.predecessors(y) {
                degree_in[y] += 1;
                degree_out[x] += 1;
                far[y] = far[y].max(far[x] + 1);
                for length in 1..CAPACITY {
                    paths[y][length] += paths[x][length - 1];
                }
                let through = most[x];
                most[y].iter_mut().zip(through).for_each(|(most, through)| *most = through.max(*most));
            }
            if let Some(operation) = cell.operation(y) {
                most[y][usize::from(operation.label())] += 1;
                operations[usize::from(operation.label())] += 1;
            }
        }
        let mut equally_far = [0; CAPACITY];
        far[1..last].iter().for_each(|distance| equally_far[*distance] += 1);
        Self {
            vertices,
            edges: cell.edge_count(),
            depth: far[last],
            shortest: paths[last].iter().position(|paths| *paths > 0).unwrap_or(0),
            width: equally_far.into_iter().max().unwrap_or(0),
            degree_in,
            degree_out,
            paths: paths[last],
            operations,
            most: most[last],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv3x3, MaxPool3x3};
    use crate::space::fixture::{cell, space};

    #[test]
    fn a_residual_cell_reads_as_a_person_would_count_it() {
        let edges = [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4), (0, 4), (1, 3)];
        let cell = cell(&edges, &[Conv3x3, Conv3x3, MaxPool3x3]);
        let mut row = vec![f32::NAN; ENTRY.width(&space(5))];
        ENTRY.encode(&space(5), &[cell], &mut row).unwrap();
        let found: Vec<_> = ENTRY.columns(&space(5)).into_iter().zip(row).collect();
        let expected = [
            ("vertices", 5.0),
            ("edges", 7.0),
            ("depth", 3.0),
            ("shortest_path", 1.0),
            ("width", 2.0),
            ("input_degree", 3.0),
            ("output_degree", 3.0),
            ("most_edges_in", 2.0),
            ("most_edges_out", 2.0),
            ("joins", 1.0),
            ("forks", 1.0),
            ("input_to_output", 1.0),
            ("paths", 4.0),
            ("mean_path_length", 2.25),
            ("paths_of_length_1", 1.0),
            ("paths_of_length_2", 1.0),
            ("paths_of_length_3", 2.0),
            ("paths_of_length_4", 0.0),
            ("vertices_conv3x3-bn-relu", 2.0),
            ("vertices_conv1x1-bn-relu", 0.0),
            ("vertices_maxpool3x3", 1.0),
            ("most_conv3x3-bn-relu_on_a_path", 2.0),
            ("most_conv1x1-bn-relu_on_a_path", 0.0),
            ("most_maxpool3x3_on_a_path", 1.0),
        ];
        assert_eq!(found, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
