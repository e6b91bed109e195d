//! Cells as rows of numbers.

use super::{Space, Spec};

impl Space {
    /// The names of the columns of [`encode_adjacency`](Self::encode_adjacency).
    #[must_use]
    pub fn adjacency_columns(&self) -> Vec<String> {
        let vertices = self.max_vertices();
        let edges = (1..vertices).flat_map(|y| (0..y).map(move |x| format!("edge_{x}_{y}")));
        let operations = (1..vertices - 1)
            .flat_map(|vertex| self.operations().map(move |operation| format!("operation_{vertex}_{operation}")));
        edges.chain(operations).collect()
    }

    /// Writes the adjacency encoding of a spec: one column for each possible edge, then one-hot operations.
    ///
    /// The output of a smaller cell stands at its own last vertex; columns of vertices that it lacks are 0.
    ///
    /// # Shapes
    ///
    /// - `row`: `[width]`, as many as [`adjacency_columns`](Self::adjacency_columns) (36 for 7 vertices)
    ///
    /// # Panics
    ///
    /// Panics if the row has another width or the spec more vertices than the space.
    pub fn encode_adjacency(&self, spec: &Spec, row: &mut [f32]) {
        let vertices = self.max_vertices();
        let possible_edges = vertices * (vertices - 1) / 2;
        assert_eq!(row.len(), possible_edges + (vertices - 2) * self.operation_count(), "the width of the row");
        assert!(spec.vertices() <= vertices, "a spec within the space");
        row.fill(0.0);
        for (bit, value) in row[..possible_edges].iter_mut().enumerate() {
            *value = f32::from(u8::from(spec.edge_bits() >> bit & 1 == 1));
        }
        for (vertex, operation) in spec.operations().enumerate() {
            row[possible_edges + vertex * self.operation_count() + self.position(operation)] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{INPUT, OUTPUT};

    #[test]
    fn a_row_says_which_edges_and_operations_there_are() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let spec = Spec::from_matrix(&[[0, 1, 1], [0, 0, 1], [0, 0, 0]], &[INPUT, "maxpool3x3", OUTPUT]).unwrap();
        let columns = space.adjacency_columns();
        let mut row = vec![9.0; columns.len()];
        space.encode_adjacency(&spec, &mut row);
        let set: Vec<_> = columns.iter().zip(&row).filter(|(_, value)| **value > 0.5).map(|(name, _)| name.as_str()).collect();
        assert_eq!(set, ["edge_0_1", "edge_0_2", "edge_1_2", "operation_1_maxpool3x3"]);
        assert!(row.iter().all(|value| [0.0_f32, 1.0].map(f32::to_bits).contains(&value.to_bits())));
    }

    #[test]
    fn no_two_cells_share_a_row() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let mut row = vec![0.0; space.adjacency_columns().len()];
        let mut rows: Vec<_> = space
            .cells()
            .unwrap()
            .iter()
            .map(|cell| {
                space.encode_adjacency(cell, &mut row);
                row.iter().map(|value| *value > 0.5).collect::<Vec<_>>()
            })
            .collect();
        rows.sort();
        rows.dedup();
        assert_eq!(rows.len(), 91);
    }
}
