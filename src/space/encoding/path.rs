//! Which paths lead from the input to the output, each told by the operations on it.

use super::Encoding;
use crate::space::{Cell, Operation, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "path",
    about: "one column for each sequence of operations, 1 where a path from the input to the output has it",
    source: "White et al., BANANAS, AAAI 2021",
    is_invariant: true,
    width,
    columns: |space| columns(space, width(space)),
    encode: |space, cell, row| follow(space, cell, 0, Walk::new(), row),
};

pub(super) const TRUNCATED: Encoding = Encoding {
    name: "path-40",
    about: "the first 40 columns of `path`: the short paths, which most cells have",
    source: "White et al., BANANAS, AAAI 2021",
    is_invariant: true,
    width: truncated_width,
    columns: |space| columns(space, truncated_width(space)),
    encode: |space, cell, row| follow(space, cell, 0, Walk::new(), row),
};

/// All sequences from none to as many operations as there are interior vertices: (3⁶ − 1)/2 = 364 of NAS-Bench-101.
fn width(space: &Space) -> usize {
    (0..=space.max_vertices() - 2).map(|length| power(space, length)).sum()
}

fn truncated_width(space: &Space) -> usize {
    width(space).min(40)
}

/// How many sequences of a length there are.
fn power(space: &Space, length: usize) -> usize {
    (0..length).fold(1, |count, _| count * space.operation_count())
}

/// Shorter sequences come first, those of a length in lexicographic order.
fn columns(space: &Space, width: usize) -> Vec<String> {
    let operations: Vec<_> = space.operations().collect();
    let name = |length: usize, code: usize| {
        let digit = |place: usize| operations[code / power(space, length - 1 - place) % operations.len()];
        (0..length).map(digit).fold("path".to_owned(), |name, operation: Operation| format!("{name}_{operation}"))
    };
    let names = (0..=space.max_vertices() - 2).flat_map(|length| (0..power(space, length)).map(move |code| (length, code)));
    names.take(width).map(|(length, code)| name(length, code)).collect()
}

/// The operations on the way so far, as the column that a path which ended here would have.
#[derive(Clone, Copy)]
struct Walk {
    /// The first column of this length.
    first: usize,
    /// The columns of this length.
    count: usize,
    /// The position among them.
    code: usize,
}

impl Walk {
    const fn new() -> Self {
        Self { first: 0, count: 1, code: 0 }
    }

    fn through(self, space: &Space, operation: Operation) -> Self {
        let kinds = space.operation_count();
        Self { first: self.first + self.count, count: self.count * kinds, code: self.code * kinds + space.position(operation) }
    }
}

/// Marks every path that goes on from a vertex, as far as the row has its column.
fn follow(space: &Space, cell: &Cell, vertex: usize, walk: Walk, row: &mut [f32]) {
    if walk.first >= row.len() {
        return;
    }
    if vertex + 1 == cell.vertices() {
        if let Some(value) = row.get_mut(walk.first + walk.code) {
            *value = 1.0;
        }
        return;
    }
    for next in cell.successors(vertex) {
        let walk = cell.operation(next).map_or(walk, |operation| walk.through(space, operation));
        follow(space, cell, next, walk, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv1x1, Conv3x3, MaxPool3x3};
    use crate::space::fixture::cell;

    /// The names of the columns that are set.
    fn set(encoding: &Encoding, cell: Cell) -> Vec<(usize, String)> {
        let space = Space::nas_bench_101();
        let mut row = vec![9.0; encoding.width(&space)];
        encoding.encode(&space, &[cell], &mut row).unwrap();
        let columns = encoding.columns(&space).into_iter().enumerate();
        columns.zip(row).filter(|(_, value)| *value > 0.5).map(|(column, _)| column).collect()
    }

    #[test]
    fn a_cell_of_one_path_sets_one_column() {
        assert_eq!(set(&ENTRY, cell(&[(0, 1)], &[])), [(0, "path".to_owned())]);
        assert_eq!(set(&ENTRY, cell(&[(0, 1), (1, 2)], &[Conv1x1])), [(2, "path_conv1x1-bn-relu".to_owned())]);
        let chain = cell(&[(0, 1), (1, 2), (2, 3)], &[MaxPool3x3, Conv3x3]);
        // 1 + 3 shorter sequences, then pairs: the seventh begins with the third operation.
        assert_eq!(set(&ENTRY, chain), [(10, "path_maxpool3x3_conv3x3-bn-relu".to_owned())]);
        let longest = cell(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)], &[MaxPool3x3; 5]);
        assert_eq!(set(&ENTRY, longest)[0].0, 363);
    }

    #[test]
    fn equal_paths_count_once() {
        let residual = cell(&[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)], &[Conv3x3, Conv3x3]);
        let columns: Vec<_> = set(&ENTRY, residual).into_iter().map(|(column, _)| column).collect();
        assert_eq!(columns, [0, 1]);
    }

    #[test]
    fn the_truncated_encoding_is_the_beginning_of_the_whole_one() {
        let space = Space::nas_bench_101();
        assert_eq!(ENTRY.columns(&space)[..40], TRUNCATED.columns(&space));
        for seed in 0..50 {
            let cell = crate::space::fixture::drawn(seed);
            let whole: Vec<_> = set(&ENTRY, cell).into_iter().filter(|(column, _)| *column < 40).collect();
            assert_eq!(set(&TRUNCATED, cell), whole);
        }
    }
}
