//! Regularized evolution: tournaments choose the parents, age decides who dies.

pub use crate::search::evolution::Options;
use crate::search::evolution::{Death, Evolution};
use crate::search::{Entry, Error, Setup, defaults_of};

pub(super) const ENTRY: Entry = Entry {
    name: "regularized-evolution",
    about: "mutates the winners of small tournaments and lets the oldest die; unlike in the published programs \
            a mutant is never the same cell as its parent; a budget below population_size is random search",
    source: "Real et al., AAAI 2019; population 100, tournaments of 10 and one edit as in Ying et al., ICML 2019, S2.2",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

fn build(setup: &Setup) -> Result<Evolution, Error> {
    Evolution::new(ENTRY.name, setup, setup.options(ENTRY.name)?, Death::Oldest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Searcher as _;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn evolution(population_size: usize, tournament_size: usize) -> Evolution {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": population_size, "tournament_size": tournament_size });
        build(&setup).unwrap()
    }

    #[test]
    fn the_population_keeps_its_size_and_the_oldest_dies() {
        let mut evolution = evolution(10, 3);
        let mut rng = Seed(1).rng();
        let candidates = evolution.ask(100, &mut rng).unwrap();
        assert_eq!(candidates.len(), 10);
        tell(&mut evolution, &candidates, |place| 0.9 - place / 100.0);
        for _ in 0..25 {
            let before: Vec<_> = evolution.alive().copied().collect();
            let candidates = evolution.ask(100, &mut rng).unwrap();
            assert_eq!(candidates.len(), 1);
            tell(&mut evolution, &candidates, |_| 0.5);
            let after: Vec<_> = evolution.alive().copied().collect();
            assert_eq!(before[1..], after[..9], "all but the oldest stay, in their order");
            assert_eq!(after[9].spec.prune().unwrap(), candidates[0].architecture);
        }
    }

    #[test]
    fn a_tournament_of_everyone_picks_the_best() {
        let mut evolution = evolution(10, 10);
        let mut rng = Seed(2).rng();
        let candidates = evolution.ask(100, &mut rng).unwrap();
        tell(&mut evolution, &candidates, |place| 0.9 - place / 100.0);
        let best = evolution.alive().next().unwrap().spec;
        for _ in 0..20 {
            let child = evolution.child(&mut rng).unwrap();
            assert!(evolution.region.neighbours(best).any(|neighbour| neighbour == child));
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": 5, "tournament_size": 6 });
        let message = build(&setup).unwrap_err().to_string();
        assert_eq!(message, "`regularized-evolution` has tournament_size = 6, expected 1 to population_size");
    }
}
