//! Largest first: the baseline that learns nothing. Where size decides, an algorithm that does not beat it found out nothing.

use serde::{Deserialize, Serialize};

use crate::network::Size;
use crate::oracle::Candidate;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, defaults_of};
use crate::space::Cell;
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "largest-first",
    about: "every cell once, the largest first, by FLOPs, parameters, depth or the number of 3×3 convolutions: what size alone finds",
    source: "a baseline; zero-cost proxies are judged against it, as by White et al., \"A deeper look at zero-cost proxies\", ICLR blog 2022",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(LargestFirst::new(setup)?)),
};

/// The most candidates at once, so that an oracle can work on many.
const BATCH: usize = 64;

/// The options of `largest-first`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What the largest have most of.
    pub by: Size,
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
    fn ask(&mut self, room: usize, _: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let count = room.min(BATCH).min(self.left.len());
        let next = self.left.split_off(self.left.len() - count).into_iter().rev();
        Ok(next.map(|cell| Candidate::new(cell, self.epochs)).collect())
    }

    fn tell(&mut self, _: &[Trial]) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;
    use crate::network::SIZES;
    use crate::search::pool::Pool;
    use crate::space::{Operation, Space};
    use crate::unit::Seed;

    fn order(setup: &Setup, by: &str) -> Vec<Cell> {
        let setup = Setup { options: serde_json::json!({ "by": by }), ..setup.clone() };
        let mut search = LargestFirst::new(&setup).unwrap();
        let mut asked = Vec::new();
        loop {
            let some = search.ask(100, &mut Seed(1).rng()).unwrap();
            if some.is_empty() {
                return asked.into_iter().map(|candidate: Candidate| candidate.architecture).collect();
            }
            asked.extend(some);
        }
    }

    #[test]
    fn every_cell_comes_once_the_largest_first() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let setup = Setup::new(space, Epochs(4));
        for size in SIZES {
            let cells = order(&setup, size.name());
            assert_eq!(cells.len(), 91, "{size}");
            assert!(cells.is_sorted_by_key(|cell| Reverse(size.measure(cell))), "{size}");
        }
        // A chain of two 3×3 convolutions and nothing beside it has most of all four.
        assert_eq!(order(&setup, "conv3x3")[0].operations().filter(|operation| *operation == Operation::Conv3x3).count(), 2);
        assert_eq!(Size::Depth.measure(&order(&setup, "depth")[0]), 3);
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
