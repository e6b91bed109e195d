//! Where a walk from the output back to the input leads that takes each way with equal chance.
//!
//! The output of a cell is a sum or a concatenation of what comes in, so an operation counts by how much of the result goes
//! through it: what a count of vertices or of paths does not tell.

use super::{Encoding, number};
use crate::space::spec::CAPACITY;
use crate::space::{Cell, OPERATIONS, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "walks",
    about: "visits of each operation, and steps between each two, of a random walk from the output back to the input",
    source: "our own: the expected visits of an absorbing Markov chain, Kemeny & Snell, 1960, chapter 3",
    is_invariant: true,
    width,
    columns,
    encode,
};

fn width(space: &Space) -> usize {
    let kinds = space.operation_count();
    2 * kinds + 1 + (kinds + 1) * (kinds + 1)
}

fn columns(space: &Space) -> Vec<String> {
    let names = || space.operations().map(|operation| operation.spec().short_name);
    let visits = names().map(|name| format!("walk_visits_{name}"));
    let most = names().map(|name| format!("walk_most_visits_of_one_{name}"));
    let length = std::iter::once("walk_operations".to_owned());
    let from = std::iter::once("input").chain(names());
    let steps = from.flat_map(|from| names().chain(["output"]).map(move |to| format!("walk_steps_{from}_to_{to}")));
    visits.chain(most).chain(length).chain(steps).collect()
}

/// Chances are counted in whole parts of the product of all numbers of ways, which every chance is: so sums are exact, and do
/// not depend on how the vertices are numbered.
fn encode(space: &Space, cell: &Cell, row: &mut [f32]) {
    let kinds = space.operation_count();
    let last = cell.vertices() - 1;
    let mut ways = [1; CAPACITY];
    for (y, ways) in ways.iter_mut().enumerate().take(last + 1).skip(1) {
        *ways = cell.predecessors(y).count();
    }
    let whole: usize = ways.iter().product();
    // The parts of the walks that come through each vertex.
    let mut parts = [0; CAPACITY];
    parts[last] = whole;
    let mut visits = [0; OPERATIONS.len()];
    let mut most = [0; OPERATIONS.len()];
    let mut steps = [[0; OPERATIONS.len() + 1]; OPERATIONS.len() + 1];
    for y in (1..=last).rev() {
        let to = cell.operation(y).map_or(kinds, |operation| space.position(operation));
        if to < kinds {
            visits[to] += parts[y];
            most[to] = parts[y].max(most[to]);
        }
        let step = parts[y] / ways[y];
        for x in cell.predecessors(y) {
            parts[x] += step;
            steps[cell.operation(x).map_or(0, |operation| space.position(operation) + 1)][to] += step;
        }
    }
    let length = visits.iter().sum();
    let steps = steps[..=kinds].iter().flat_map(|to| &to[..=kinds]);
    let counted = visits[..kinds].iter().chain(&most[..kinds]).chain([&length]).chain(steps);
    for (value, parts) in row.iter_mut().zip(counted) {
        *value = number(*parts) / number(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv3x3, MaxPool3x3};
    use crate::space::fixture::{cell, space};

    #[test]
    fn a_walk_takes_every_way_with_equal_chance() {
        // Half of the walks go 3-0, the others 3-2, and then half of those by the convolution.
        let cell = cell(&[(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)], &[Conv3x3, MaxPool3x3]);
        let mut row = vec![f32::NAN; width(&space(4))];
        ENTRY.encode(&space(4), &[cell], &mut row).unwrap();
        let found: Vec<_> = columns(&space(4)).into_iter().zip(row).filter(|(_, value)| *value > 0.0).collect();
        let expected = [
            ("walk_visits_conv3x3", 0.25),
            ("walk_visits_maxpool3x3", 0.5),
            ("walk_most_visits_of_one_conv3x3", 0.25),
            ("walk_most_visits_of_one_maxpool3x3", 0.5),
            ("walk_operations", 0.75),
            ("walk_steps_input_to_conv3x3", 0.25),
            ("walk_steps_input_to_maxpool3x3", 0.25),
            ("walk_steps_input_to_output", 0.5),
            ("walk_steps_conv3x3_to_maxpool3x3", 0.25),
            ("walk_steps_maxpool3x3_to_output", 0.5),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
