//! The matrix and the operations, as they are numbered.

use super::{Encoding, number, operations};
use crate::space::{Cell, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "adjacency",
    about: "one column for each possible edge, then the operations as in `operations`",
    source: "Ying et al., ICML 2019; \"one-hot adjacency\" in White et al., NeurIPS 2020",
    is_invariant: false,
    width: |space| possible_edges(space) + operations::width(space),
    columns: |space| edge_columns(space).chain(operations::columns(space)).collect(),
    encode: |space, cell, row| {
        let (edges, rest) = row.split_at_mut(possible_edges(space));
        encode_edges(cell, edges);
        operations::encode(space, cell, rest);
    },
};

pub(super) const CATEGORICAL: Encoding = Encoding {
    name: "adjacency-categorical",
    about: "one column for each possible edge, then one for each operation: its number from 1, 0 for no vertex",
    source: "the configuration space of the NAS-Bench-101 program, Ying et al., ICML 2019",
    is_invariant: false,
    width: |space| possible_edges(space) + space.max_vertices() - 2,
    columns: |space| {
        let operations = (1..space.max_vertices() - 1).map(|vertex| format!("operation_{vertex}"));
        edge_columns(space).chain(operations).collect()
    },
    encode: |space, cell, row| {
        let (edges, rest) = row.split_at_mut(possible_edges(space));
        encode_edges(cell, edges);
        for (value, operation) in rest.iter_mut().zip(cell.operations()) {
            *value = number(space.position(operation) + 1);
        }
    },
};

const fn possible_edges(space: &Space) -> usize {
    space.max_vertices() * (space.max_vertices() - 1) / 2
}

fn edge_columns(space: &Space) -> impl Iterator<Item = String> {
    (1..space.max_vertices()).flat_map(|y| (0..y).map(move |x| format!("edge_{x}_{y}")))
}

/// The output of a smaller cell is its own last vertex; columns of vertices that it lacks stay 0.
fn encode_edges(cell: &Cell, row: &mut [f32]) {
    for (bit, value) in row.iter_mut().enumerate() {
        *value = number(usize::from(cell.edge_bits() >> bit & 1 == 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation;
    use crate::space::fixture::{cell, space};

    #[test]
    fn a_row_says_which_edges_and_operations_there_are() {
        let cell = cell(&[(0, 1), (0, 2), (1, 2)], &[Operation::MaxPool3x3]);
        let set = |encoding: &Encoding| {
            let mut row = vec![9.0; encoding.width(&space(4))];
            encoding.encode(&space(4), &[cell], &mut row).unwrap();
            let columns = encoding.columns(&space(4)).into_iter().zip(row).filter(|(_, value)| *value > 0.5);
            columns.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(set(&ENTRY), ["edge_0_1=1", "edge_0_2=1", "edge_1_2=1", "operation_1_maxpool3x3=1"]);
        assert_eq!(set(&CATEGORICAL), ["edge_0_1=1", "edge_0_2=1", "edge_1_2=1", "operation_1=3"]);
    }
}
