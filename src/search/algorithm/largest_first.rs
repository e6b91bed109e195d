//! Largest first: the baseline that learns nothing. Where size decides, an algorithm that does not beat it found out nothing.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::network::{Skeleton, count};
use crate::oracle::Proposal;
use crate::search::{Entry, Error, Searcher, Setup, Trial, defaults_of};
use crate::space::{Cell, Operation};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "largest-first",
    about: "every cell once, the largest first, by FLOPs, parameters, depth or the number of 3×3 convolutions: what size alone finds",
    source: "a baseline; zero-cost proxies are judged against it, as by White et al., \"A deeper look at zero-cost proxies\", ICLR blog 2022",
    uses_small_budgets: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(LargestFirst::new(setup)?)),
};

/// The most proposals at once, so that an oracle can work on many.
const BATCH: usize = 64;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    by: Size,
}

/// What a cell is large by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Size {
    /// The operations of a forward pass through the network of NAS-Bench-101.
    #[default]
    Flops,
    /// The trainable parameters of that network.
    Parameters,
    /// The edges of the longest path.
    Depth,
    /// The number of 3×3 convolutions.
    Conv3x3,
}

impl Size {
    fn measure(self, cell: &Cell) -> u64 {
        match self {
            // A cell that cannot be built is the smallest.
            Self::Flops => count(cell, &Skeleton::nas_bench_101()).map_or(0, |(_, flops)| flops.0),
            Self::Parameters => count(cell, &Skeleton::nas_bench_101()).map_or(0, |(parameters, _)| parameters.0.into()),
            Self::Depth => depth(cell),
            Self::Conv3x3 => cell.operations().filter(|operation| *operation == Operation::Conv3x3).count() as u64,
        }
    }
}

/// The edges of the longest path from the input to the output.
fn depth(cell: &Cell) -> u64 {
    let mut longest = vec![0; cell.vertices()];
    for y in 1..cell.vertices() {
        longest[y] = (0..y).filter(|x| cell.has_edge(*x, y)).map(|x| longest[x] + 1).max().unwrap_or(0);
    }
    longest[cell.vertices() - 1]
}

#[derive(Debug)]
struct LargestFirst {
    /// The cells not proposed yet, the largest last.
    left: Vec<Cell>,
    epochs: Epochs,
}

impl LargestFirst {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let Options { by } = setup.options(ENTRY.name)?;
        let mut left = setup.space.cells()?;
        left.retain(|cell| setup.holds(cell));
        // Of equals the later one in the official order comes last, and so first.
        left.sort_by_cached_key(|cell| by.measure(cell));
        Ok(Self { left, epochs: setup.epochs })
    }
}

impl Searcher for LargestFirst {
    fn ask(&mut self, room: usize, _: &mut ChaCha8Rng) -> Vec<Proposal> {
        let count = room.min(BATCH).min(self.left.len());
        self.left
            .split_off(self.left.len() - count)
            .into_iter()
            .rev()
            .map(|cell| Proposal { cell, epochs: self.epochs })
            .collect()
    }

    fn tell(&mut self, _: &[Trial]) {}
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;
    use crate::search::pool::Pool;
    use crate::space::Space;
    use crate::unit::Seed;

    fn order(setup: &Setup, by: &str) -> Vec<Cell> {
        let setup = Setup { options: serde_json::json!({ "by": by }), ..setup.clone() };
        let mut search = LargestFirst::new(&setup).unwrap();
        let mut asked = Vec::new();
        loop {
            let some = search.ask(100, &mut Seed(1).rng());
            if some.is_empty() {
                return asked.into_iter().map(|proposal: Proposal| proposal.cell).collect();
            }
            asked.extend(some);
        }
    }

    #[test]
    fn every_cell_comes_once_the_largest_first() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let setup = Setup::new(space, Epochs(4));
        for (by, size) in
            [("flops", Size::Flops), ("parameters", Size::Parameters), ("depth", Size::Depth), ("conv3x3", Size::Conv3x3)]
        {
            let cells = order(&setup, by);
            assert_eq!(cells.len(), 91, "{by}");
            assert!(cells.is_sorted_by_key(|cell| Reverse(size.measure(cell))), "{by}");
        }
        // A chain of two 3×3 convolutions and nothing beside it has most of all four.
        assert_eq!(order(&setup, "conv3x3")[0].operations().filter(|operation| *operation == Operation::Conv3x3).count(), 2);
        assert_eq!(depth(&order(&setup, "depth")[0]), 3);
    }

    #[test]
    fn in_a_pool_only_its_cells_come() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let some: Vec<_> = space.cells().unwrap().into_iter().step_by(10).collect();
        let setup = Setup { pool: Some(Pool::new(some.clone(), Some(91))), ..Setup::new(space, Epochs(4)) };
        let cells = order(&setup, "flops");
        assert!(cells.len() == some.len() && cells.iter().all(|cell| some.contains(cell)));
    }
}
