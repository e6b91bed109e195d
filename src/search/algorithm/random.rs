//! Random search: the baseline that every algorithm must beat.

use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::archive::Archive;
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, defaults_of};
use crate::space::Sampler;
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "random",
    about: "random cells, as a sampler draws them: independent ones, or with replacement=false each cell once",
    source: "Bergstra & Bengio, JMLR 13, 2012; in this space: Ying et al., ICML 2019, supplement S2",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Random::new(setup)?)),
};

/// The most candidates at once, so that an oracle can work on many.
const BATCH: usize = 64;

/// The options of `random`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// Whether a cell may be drawn again. The default is not written down: runs of before this option are those of today.
    #[serde(skip_serializing_if = "is_default")]
    pub replacement: bool,
}

const fn is_default(replacement: &bool) -> bool {
    *replacement
}

impl Default for Options {
    fn default() -> Self {
        Self { sampler: Sampler::default(), replacement: true }
    }
}

#[derive(Debug)]
struct Random {
    region: Region,
    epochs: Epochs,
    sampler: Sampler,
    /// What was drawn, if nothing may be drawn again.
    seen: Option<Archive>,
}

impl Random {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let Options { sampler, replacement } = setup.options(ENTRY.name)?;
        let seen = (!replacement).then(Archive::default);
        Ok(Self { region: setup.region(), epochs: setup.epochs, sampler, seen })
    }
}

impl Searcher for Random {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let draw = |_| {
            let spec = match &mut self.seen {
                Some(seen) => seen.draw(&self.region, self.sampler, rng)?,
                None => self.region.draw(self.sampler, rng),
            };
            let cell = spec.prune().expect("a sampler draws connected specs");
            Some(Candidate::new(cell, self.epochs))
        };
        Ok((0..room.min(BATCH)).map_while(draw).collect())
    }

    fn tell(&mut self, _: &[Trial]) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::count;
    use crate::space::Space;
    use crate::unit::Seed;

    /// The mean number of edges of what a sampler's random search proposes.
    fn mean_edges(sampler: Sampler) -> f64 {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        setup.options = serde_json::json!({ "sampler": sampler });
        let mut search = Random::new(&setup).unwrap();
        let mut rng = Seed(1).rng();
        let candidates: Vec<_> = (0..50).flat_map(|_| search.ask(100, &mut rng).unwrap()).collect();
        assert_eq!(candidates.len(), 50 * BATCH);
        let edges: usize = candidates.iter().map(|candidate| candidate.architecture.edge_count()).sum();
        count(edges) / count(candidates.len())
    }

    #[test]
    fn without_replacement_every_cell_comes_once() {
        let mut setup = Setup::new(Space::nas_bench_101().with_max_vertices(4).unwrap(), Epochs(4));
        setup.options = serde_json::json!({ "sampler": "uniform", "replacement": false });
        let mut search = Random::new(&setup).unwrap();
        let mut rng = Seed(1).rng();
        let asked: Vec<_> = (0..3)
            .flat_map(|_| search.ask(64, &mut rng).unwrap())
            .map(|candidate| candidate.architecture.fingerprint())
            .collect();
        assert_eq!(asked.len(), 91);
        assert_eq!(asked.iter().collect::<std::collections::BTreeSet<_>>().len(), 91);
    }

    #[test]
    fn the_three_samplers_are_three_baselines() {
        let [official, strict, uniform] = [Sampler::Official, Sampler::Strict, Sampler::Uniform].map(mean_edges);
        // Nearly all cells have 9 edges; matrices of at most 9 edges lose some to pruning, and those of more lose more.
        assert!(uniform > 8.5 && strict < official && official < uniform, "{official} {strict} {uniform}");
    }
}
