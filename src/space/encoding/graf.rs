//! What each subset of the operations connects: GRAF's features of a cell whose operations are on the vertices.

use super::{Encoding, number};
use crate::space::spec::CAPACITY;
use crate::space::{Cell, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "graf",
    about: "counts of operations, and within every subset of them the least and the greatest path length and the degrees",
    source: "Kadlecová et al., Surprisingly Strong Performance Prediction with Neural Graph Features (GRAF), ICML 2024",
    is_invariant: true,
    width: |space| space.operation_count() + (1 << space.operation_count()) * MEASURES.len(),
    columns,
    encode,
};

/// What is measured of the graph that a subset of the operations leaves: the input, the output, and the vertices of the subset.
const MEASURES: [&str; 7] = [
    "least_path_length",
    "greatest_path_length",
    "input_out_degree",
    "output_in_degree",
    "greatest_in_degree",
    "greatest_out_degree",
    "edges",
];
/// The least path length where no path is left: longer than any.
const NO_PATH: usize = CAPACITY;

fn columns(space: &Space) -> Vec<String> {
    let names: Vec<_> = space.operations().map(|operation| operation.spec().short_name).collect();
    let counts = names.iter().map(|name| format!("graf_{name}"));
    let subsets = (0..1_usize << names.len()).map(|subset| {
        let members: Vec<_> =
            names.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1).map(|(_, name)| *name).collect();
        if members.is_empty() { "none".to_owned() } else { members.join("+") }
    });
    let measured = subsets.flat_map(|subset| MEASURES.map(|measure| format!("graf_{measure}_{subset}")));
    counts.chain(measured).collect()
}

fn encode(space: &Space, cell: &Cell, row: &mut [f32]) {
    let (counts, measured) = row.split_at_mut(space.operation_count());
    for operation in cell.operations() {
        counts[space.position(operation)] += 1.0;
    }
    for (subset, values) in measured.chunks_exact_mut(MEASURES.len()).enumerate() {
        let is_left = |vertex: usize| cell.operation(vertex).is_none_or(|operation| subset >> space.position(operation) & 1 == 1);
        for (value, measure) in values.iter_mut().zip(measure(*cell, is_left)) {
            *value = number(measure);
        }
    }
}

/// The [`MEASURES`] of the vertices that are left.
fn measure(cell: Cell, is_left: impl Fn(usize) -> bool) -> [usize; MEASURES.len()] {
    let output = cell.vertices() - 1;
    let (mut incoming, mut outgoing) = ([0; CAPACITY], [0; CAPACITY]);
    // The least and the greatest number of edges from the input; none where no path leads.
    let mut lengths: [Option<(usize, usize)>; CAPACITY] = [None; CAPACITY];
    lengths[0] = Some((0, 0));
    for y in (1..=output).filter(|y| is_left(*y)) {
        for x in cell.predecessors(y).filter(|x| is_left(*x)) {
            incoming[y] += 1;
            outgoing[x] += 1;
            if let Some((least, greatest)) = lengths[x] {
                let (known_least, known_greatest) = lengths[y].unwrap_or((NO_PATH, 0));
                lengths[y] = Some((known_least.min(least + 1), known_greatest.max(greatest + 1)));
            }
        }
    }
    let (least, greatest) = lengths[output].unwrap_or((NO_PATH, 0));
    let most = |degrees: &[usize]| degrees[1..output].iter().copied().max().unwrap_or(0);
    [least, greatest, outgoing[0], incoming[output], most(&incoming), most(&outgoing), incoming.iter().sum()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv3x3, MaxPool3x3};
    use crate::space::fixture::{cell, space};

    /// The measures of a subset by the name of its operations.
    fn measures(cell: Cell, subset: &str) -> [f32; MEASURES.len()] {
        let space = space(7);
        let mut row = vec![f32::NAN; ENTRY.width(&space)];
        ENTRY.encode(&space, &[cell], &mut row).unwrap();
        let columns = columns(&space);
        MEASURES.map(|measure| {
            let name = format!("graf_{measure}_{subset}");
            row[columns.iter().position(|column| *column == name).expect("a column of this name")]
        })
    }

    #[test]
    fn a_residual_cell_is_measured_within_each_subset_as_by_hand() {
        // Input 0, 3x3 convolutions 1 and 2, pooling 3, output 4.
        let edges = [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4), (0, 4), (1, 3)];
        let cell = cell(&edges, &[Conv3x3, Conv3x3, MaxPool3x3]);
        let expected: [(_, [f32; 7]); 5] = [
            ("none", [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]),
            ("conv3x3", [1.0, 3.0, 2.0, 2.0, 1.0, 1.0, 4.0]),
            ("conv1x1", [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]),
            ("maxpool3x3", [1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 3.0]),
            ("conv3x3+maxpool3x3", [1.0, 3.0, 3.0, 3.0, 2.0, 2.0, 7.0]),
        ];
        for (subset, values) in expected {
            assert_eq!(measures(cell, subset).map(f32::to_bits), values.map(f32::to_bits), "{subset}");
        }
    }

    #[test]
    fn a_chain_has_a_path_only_where_all_its_operations_are_left() {
        let chain = cell(&[(0, 1), (1, 2), (2, 3)], &[MaxPool3x3, Conv3x3]);
        let expected: [(_, [f32; 7]); 4] = [
            ("none", [9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            ("conv3x3", [9.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
            ("maxpool3x3", [9.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
            ("conv3x3+maxpool3x3", [3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 3.0]),
        ];
        for (subset, values) in expected {
            assert_eq!(measures(chain, subset).map(f32::to_bits), values.map(f32::to_bits), "{subset}");
        }
    }
}
