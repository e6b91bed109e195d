//! Hyperband: successive halving from every budget on, since nobody knows how far a small one can be trusted.

use serde::{Deserialize, Serialize};

use crate::search::brackets::{Brackets, RandomBrackets, Sizes};
use crate::search::{Entry, Error, Setup, defaults_of};
use crate::space::Sampler;

pub(super) const ENTRY: Entry = Entry {
    name: "hyperband",
    about: "successive halving in turn from each budget on; each rung is trained anew",
    source: "Li et al., JMLR 18(185), 2018; brackets as in HpBandSter and Ying et al., ICML 2019, or of the paper (`li-2018`)",
    uses_small_budgets: true,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

/// The options of `hyperband`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// One in `eta` cells goes on to the next rung.
    pub eta: usize,
    /// The rule of how many cells start in each bracket.
    pub brackets: Sizes,
    /// How random cells are drawn.
    pub sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self { eta: 3, brackets: Sizes::Hpbandster, sampler: Sampler::Official }
    }
}

fn build(setup: &Setup) -> Result<RandomBrackets, Error> {
    let Options { eta, brackets, sampler } = setup.options(ENTRY.name)?;
    let brackets = Brackets::new(ENTRY.name, setup, eta, brackets)?;
    Ok(RandomBrackets { region: setup.region(), sampler, brackets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Candidate;
    use crate::search::Searcher as _;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    #[test]
    fn the_brackets_follow_each_other_and_begin_again() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108)).with_budgets(&[4, 12, 36].map(Epochs));
        let mut rungs = |brackets: &str| {
            setup.options = serde_json::json!({ "brackets": brackets });
            let mut search = build(&setup).unwrap();
            let mut rng = Seed(1).rng();
            let next = |_| {
                let candidates = search.ask(1_000, &mut rng).unwrap();
                tell(&mut search, &candidates, |place| place / 100.0);
                (candidates[0].epochs.0, candidates.len())
            };
            (0..11).map(next).collect::<Vec<_>>()
        };
        let first = [(4, 27), (12, 9), (36, 3), (108, 1)];
        let last = [(36, 6), (108, 2), (108, 4), (4, 27)];
        let expected: Vec<_> = first.into_iter().chain([(12, 9), (36, 3), (108, 1)]).chain(last).collect();
        assert_eq!(rungs("hpbandster"), expected);
        let expected: Vec<_> = first.into_iter().chain([(12, 12), (36, 4), (108, 1)]).chain(last).collect();
        assert_eq!(rungs("li-2018"), expected);
    }

    #[test]
    fn of_one_budget_it_is_random_search() {
        let setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        let mut search = build(&setup).unwrap();
        let candidates = search.ask(10, &mut Seed(1).rng()).unwrap();
        let drawn = Sampler::Official.draw(&setup.space, &mut Seed(1).rng());
        assert_eq!(candidates, [Candidate::of_spec(drawn, Epochs(108))]);
    }
}
