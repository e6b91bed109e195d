//! What the tests of this floor share.

use rand::seq::IteratorRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Cell, Operation, Sampler, Space, Spec};
use crate::unit::Seed;

/// The space of NAS-Bench-101 with fewer vertices.
pub(super) fn space(max_vertices: usize) -> Space {
    Space::nas_bench_101().with_max_vertices(max_vertices).unwrap()
}

/// All cells of at most so many vertices.
pub(super) fn cells(max_vertices: usize) -> Vec<Cell> {
    space(max_vertices).cells().unwrap()
}

/// A cell of the whole space, as the official sampler draws it.
pub(super) fn drawn(seed: u64) -> Cell {
    let space = Space::nas_bench_101();
    space.cell(&Sampler::Official.draw(&space, &mut Seed(seed).rng())).unwrap()
}

/// A cell of its edges and its operations.
pub(super) fn cell(edges: &[(usize, usize)], operations: &[Operation]) -> Cell {
    Spec::from_bits(edges.iter().fold(0, |bits, (x, y)| bits | 1 << (x + y * (y - 1) / 2)), operations).prune().unwrap()
}

/// The same graph with its vertices in another order that its edges allow.
pub(super) fn renumbered(cell: Cell, rng: &mut ChaCha8Rng) -> Cell {
    let last = cell.vertices() - 1;
    let mut order = vec![0];
    while order.len() < last {
        let ready = (1..last).filter(|y| !order.contains(y) && cell.predecessors(*y).all(|x| order.contains(&x)));
        order.push(ready.choose(rng).unwrap());
    }
    order.push(last);
    let pairs = (0..=last).flat_map(|y| (0..y).map(move |x| (x, y)));
    let edges: Vec<_> = pairs.filter(|(x, y)| cell.has_edge(order[*x], order[*y])).collect();
    let operations: Vec<_> = order.iter().filter_map(|vertex| cell.operation(*vertex)).collect();
    self::cell(&edges, &operations)
}
