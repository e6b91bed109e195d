//! Non-regularized evolution: as regularized evolution, but the worst dies, whatever its age.

pub use crate::search::evolution::Options;
use crate::search::evolution::{Death, Evolution};
use crate::search::{Entry, Error, Setup, defaults_of};

pub(super) const ENTRY: Entry = Entry {
    name: "non-regularized-evolution",
    about: "mutates the winners of small tournaments and lets the worst die; unlike in the published programs \
            a mutant is never the same cell as its parent; a budget below population_size is random search",
    source: "Real et al., AAAI 2019, and Ying et al., ICML 2019, whose population 100, tournaments of 10 and one edit it has",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

fn build(setup: &Setup) -> Result<Evolution, Error> {
    Evolution::new(ENTRY.name, setup, setup.options(ENTRY.name)?, Death::Worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Searcher as _;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    #[test]
    fn the_best_are_never_lost() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": 10, "tournament_size": 2 });
        let mut evolution = build(&setup).unwrap();
        let mut rng = Seed(3).rng();
        let mut losses = Vec::new();
        for step in 0_u16..60 {
            let candidates = evolution.ask(7, &mut rng).unwrap();
            // Numbers that jump about, so that children are better and worse.
            let accuracy = |place: f32| (place + f32::from(step)).mul_add(0.618, 0.0).fract();
            losses.extend(tell(&mut evolution, &candidates, accuracy));
            losses.sort_by(f32::total_cmp);
            losses.truncate(10);
            let mut alive: Vec<_> = evolution.alive().map(|individual| individual.loss).collect();
            alive.sort_by(f32::total_cmp);
            assert_eq!(alive, losses, "after {step} steps the best of all are alive");
        }
    }

    #[test]
    fn of_equals_the_oldest_dies() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": 3, "tournament_size": 1 });
        let mut evolution = build(&setup).unwrap();
        let mut rng = Seed(4).rng();
        let candidates = evolution.ask(3, &mut rng).unwrap();
        tell(&mut evolution, &candidates, |_| 0.5);
        let child = evolution.ask(3, &mut rng).unwrap();
        tell(&mut evolution, &child, |_| 0.5);
        let cells: Vec<_> = evolution.alive().map(|individual| individual.spec.prune().unwrap()).collect();
        assert_eq!(cells, [candidates[1].architecture, candidates[2].architecture, child[0].architecture]);
    }
}
