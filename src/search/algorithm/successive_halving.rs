//! Successive halving: many cells get little training, the best of them more.

use serde::{Deserialize, Serialize};

use crate::search::brackets::{Brackets, RandomBrackets, Sizes};
use crate::search::{Entry, Error, Setup, defaults_of};
use crate::space::Sampler;

pub(super) const ENTRY: Entry = Entry {
    name: "successive-halving",
    about: "trains many random cells shortly and goes on with the best, over and over; each rung is trained anew",
    source: "Jamieson & Talwalkar, AISTATS 2016; 27, 9, 3, 1 cells at four budgets, as the first bracket of Hyperband",
    uses_small_budgets: true,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

/// The options of `successive-halving`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// One in `eta` cells goes on to the next rung.
    pub eta: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self { eta: 3, sampler: Sampler::Official }
    }
}

fn build(setup: &Setup) -> Result<RandomBrackets, Error> {
    let Options { eta, sampler } = setup.options(ENTRY.name)?;
    let brackets = Brackets::new(ENTRY.name, setup, eta, Sizes::Hpbandster)?.widest();
    Ok(RandomBrackets { region: setup.region(), sampler, brackets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Searcher as _;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    #[test]
    fn the_best_third_of_each_rung_goes_on_however_much_is_asked_at_once() {
        let setup = Setup::new(Space::nas_bench_101(), Epochs(108)).with_budgets(&[4, 12, 36].map(Epochs));
        for room in [1, 5, 100] {
            let mut search = build(&setup).unwrap();
            let mut rng = Seed(1).rng();
            let mut survivors = Vec::new();
            for (epochs, size) in [(4, 27), (12, 9), (36, 3), (108, 1), (4, 27)] {
                let mut reached = Vec::new();
                while reached.len() < size {
                    let candidates = search.ask(room, &mut rng).unwrap();
                    assert!(!candidates.is_empty() && candidates.len() <= room);
                    let first = f32::from(u16::try_from(reached.len()).unwrap());
                    let losses = tell(&mut search, &candidates, |place| (0.618 * (first + place)).fract());
                    assert!(candidates.iter().all(|candidate| candidate.epochs == Epochs(epochs)));
                    reached.extend(candidates.iter().map(|candidate| candidate.architecture).zip(losses));
                }
                assert_eq!(reached.len(), size);
                if epochs > 4 {
                    let cells: Vec<_> = reached.iter().map(|(cell, _)| *cell).collect();
                    assert_eq!(cells, survivors[..size]);
                }
                reached.sort_by(|one, other| one.1.total_cmp(&other.1));
                survivors = reached.into_iter().map(|(cell, _)| cell).collect();
            }
        }
    }
}
