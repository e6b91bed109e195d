//! The operations before and after each operation.

use super::Encoding;
use crate::space::{Cell, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "triples",
    about: "counts of two edges in a row by the operations that they connect",
    source: "our own: the paths of length 2 around each vertex, as in the subgraph counts of Ru et al., NAS-BOWL, ICLR 2021",
    is_invariant: true,
    width: |space| (space.operation_count() + 1) * space.operation_count() * (space.operation_count() + 1),
    columns,
    encode,
};

fn columns(space: &Space) -> Vec<String> {
    let names = || space.operations().map(|operation| operation.spec().short_name);
    let before = std::iter::once("input").chain(names());
    let pairs = before.flat_map(|before| names().map(move |middle| (before, middle)));
    let triples = |(before, middle)| names().chain(["output"]).map(move |after| format!("triple_{before}_{middle}_{after}"));
    pairs.flat_map(triples).collect()
}

fn encode(space: &Space, cell: &Cell, row: &mut [f32]) {
    let kinds = space.operation_count();
    for (middle, operation) in cell.operations().enumerate().map(|(place, operation)| (place + 1, operation)) {
        for x in cell.predecessors(middle) {
            let before = cell.operation(x).map_or(0, |operation| space.position(operation) + 1);
            for y in cell.successors(middle) {
                let after = cell.operation(y).map_or(kinds, |operation| space.position(operation));
                row[(before * kinds + space.position(operation)) * (kinds + 1) + after] += 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv3x3, MaxPool3x3};
    use crate::space::fixture::{cell, space};

    #[test]
    fn every_two_edges_in_a_row_count() {
        let cell = cell(&[(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)], &[Conv3x3, MaxPool3x3]);
        let mut row = vec![f32::NAN; ENTRY.width(&space(4))];
        ENTRY.encode(&space(4), &[cell], &mut row).unwrap();
        let found: Vec<_> = columns(&space(4)).into_iter().zip(row).filter(|(_, value)| *value > 0.0).collect();
        let expected = ["triple_input_conv3x3_maxpool3x3", "triple_input_maxpool3x3_output", "triple_conv3x3_maxpool3x3_output"];
        assert_eq!(found, expected.map(|name| (name.to_owned(), 1.0)));
    }
}
