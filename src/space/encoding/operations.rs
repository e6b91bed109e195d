//! The operation of each vertex, without the edges.

use super::Encoding;
use crate::space::{Cell, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "operations",
    about: "one column for each interior vertex and operation, 1 where it stands there",
    source: "the operations of the matrix encoding in Ying et al., ICML 2019",
    is_invariant: false,
    width,
    columns: |space| columns(space).collect(),
    encode,
};

pub(super) fn width(space: &Space) -> usize {
    (space.max_vertices() - 2) * space.operation_count()
}

pub(super) fn columns(space: &Space) -> impl Iterator<Item = String> {
    let operations = space.operations();
    (1..space.max_vertices() - 1)
        .flat_map(move |vertex| operations.clone().map(move |operation| format!("operation_{vertex}_{operation}")))
}

/// Vertices that a smaller cell lacks have no operation.
pub(super) fn encode(space: &Space, cell: &Cell, row: &mut [f32]) {
    for (vertex, operation) in cell.operations().enumerate() {
        row[vertex * space.operation_count() + space.position(operation)] = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv1x1, Conv3x3};
    use crate::space::fixture::{cell, space};

    #[test]
    fn each_vertex_has_one_operation_and_missing_ones_none() {
        let cell = cell(&[(0, 1), (1, 2), (2, 3)], &[Conv1x1, Conv3x3]);
        let mut row = vec![9.0; ENTRY.width(&space(5))];
        ENTRY.encode(&space(5), &[cell], &mut row).unwrap();
        assert_eq!(row, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(ENTRY.columns(&space(5))[1], "operation_1_conv1x1-bn-relu");
    }
}
