//! SMAC: a random forest says what to expect of a cell and how sure that is; the most promising one is measured.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::acquisition::expected_improvement;
use crate::search::archive::Archive;
use crate::search::forest::Forest;
use crate::search::genes::{Genes, Genome};
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Sampler, Spec};

pub(super) const ENTRY: Entry = Entry {
    name: "smac",
    about: "a random forest over edges and operations; measures the cell of the highest expected improvement, or a random one",
    source: "Hutter, Hoos & Leyton-Brown, LION 2011; 5 trees, one training per cell and a third at random as in Ying et al., \
             ICML 2019, S2.2",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Smac::new(setup)?)),
};

/// A climb takes no more steps.
const MOST_STEPS: usize = 50;

/// The options of `smac`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Random cells to begin with.
    pub startup: usize,
    /// The trees of the forest.
    pub trees: usize,
    /// The share of cells that are drawn at random whatever the forest says.
    pub random_fraction: f64,
    /// How many of the best measured cells the climb to a high expected improvement starts from.
    pub starts: usize,
    /// How many random cells are looked at besides.
    pub candidates: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self { startup: 10, trees: 5, random_fraction: 0.33, starts: 10, candidates: 500, sampler: Sampler::Official }
    }
}

#[derive(Debug)]
struct Smac {
    region: Region,
    options: Options,
    genome: Genome,
    seen: Archive,
    observed: Vec<(Genes, f32)>,
    started: usize,
}

impl Smac {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { startup, trees, random_fraction, starts, candidates, .. } = options;
        check_option(ENTRY.name, "startup", &startup, startup > 0, "at least 1")?;
        check_option(ENTRY.name, "trees", &trees, (1..=1_000).contains(&trees), "1 to 1000")?;
        check_option(ENTRY.name, "random_fraction", &random_fraction, (0.0..=1.0).contains(&random_fraction), "0 to 1")?;
        check_option(ENTRY.name, "starts", &starts, starts <= 10_000, "at most 10000")?;
        let is_count = candidates <= 1_000_000 && candidates + starts > 0;
        check_option(ENTRY.name, "candidates", &candidates, is_count, "at most 1000000, and some where there are no starts")?;
        Ok(Self {
            region: setup.region(),
            options,
            genome: Genome::new(&setup.space),
            seen: Archive::default(),
            observed: Vec::new(),
            started: 0,
        })
    }

    /// The new cell of the highest expected improvement that was met.
    fn promising(&mut self, rng: &mut SearchRng) -> Option<Spec> {
        let forest = Forest::fit(&self.genome, &self.observed, self.options.trees, rng);
        let best = self.observed.iter().map(|(_, loss)| *loss).fold(f32::INFINITY, f32::min);
        let improvement = |spec: Spec| {
            let prediction = forest.predict(&self.genome.of_spec(spec));
            expected_improvement(prediction.mean, prediction.variance.sqrt(), best.into())
        };
        let mut met: Vec<(f64, Spec)> = Vec::new();
        for _ in 0..self.options.candidates {
            let spec = self.region.draw(self.options.sampler, rng);
            met.push((improvement(spec), spec));
        }
        for start in self.best_measured() {
            let mut here = (improvement(start), start);
            for _ in 0..MOST_STEPS {
                let first = met.len();
                met.extend(self.region.neighbours(here.1).map(|neighbour| (improvement(neighbour), neighbour)));
                let highest = met[first..].iter().copied().max_by(|one, other| one.0.total_cmp(&other.0));
                match highest {
                    Some(next) if next.0 > here.0 => here = next,
                    _ => break,
                }
            }
        }
        met.sort_by(|one, other| other.0.total_cmp(&one.0));
        met.into_iter().map(|(_, spec)| spec).find(|spec| self.seen.insert(*spec))
    }

    /// The best cells so far, the best first.
    fn best_measured(&self) -> Vec<Spec> {
        let mut order: Vec<_> = self.observed.iter().collect();
        order.sort_by(|one, other| one.1.total_cmp(&other.1));
        order.into_iter().take(self.options.starts).map(|(genes, _)| self.genome.spec(genes)).collect()
    }
}

impl Searcher for Smac {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let mut asked = Vec::new();
        let missing = self.options.startup - self.started;
        if missing > 0 {
            for _ in 0..missing.min(room) {
                asked.extend(self.seen.draw(&self.region, self.options.sampler, rng));
            }
            self.started += missing.min(room);
        }
        if asked.is_empty() {
            let is_random = self.observed.is_empty() || rng.random_range(0.0..1.0) < self.options.random_fraction;
            let promising = if is_random { None } else { self.promising(rng) };
            let proposed = promising.or_else(|| self.seen.draw(&self.region, self.options.sampler, rng));
            asked.extend(proposed);
        }
        Ok(self.region.candidates(&asked))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        let observed = trials.iter().map(|trial| (self.genome.of_spec(trial.candidate.spec()), trial.loss()));
        self.observed.extend(observed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    #[test]
    fn it_proposes_the_cell_of_the_highest_expected_improvement_among_all() {
        // In a space of 91 cells the random ones are nearly all: none that is new may be better than the one proposed.
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let mut setup = Setup::new(space, Epochs(4));
        setup.options = serde_json::json!({ "random_fraction": 0.0, "candidates": 3_000 });
        let mut search = Smac::new(&setup).unwrap();
        let mut rng = Seed(1).rng();
        for step in 0_u8..30 {
            let mut before = rng.clone();
            // Whether the cell is to be a random one is drawn first.
            before.random_range(0.0..1.0_f64);
            let (observed, is_fitted) = (search.observed.clone(), search.started == 10);
            let asked = search.ask(1, &mut rng).unwrap();
            if is_fitted {
                let forest = Forest::fit(&search.genome, &observed, 5, &mut before);
                let best = observed.iter().map(|(_, loss)| *loss).fold(f32::INFINITY, f32::min);
                let improvement = |spec: Spec| {
                    let prediction = forest.predict(&search.genome.of_spec(spec));
                    expected_improvement(prediction.mean, prediction.variance.sqrt(), best.into())
                };
                let chosen = improvement(asked[0].spec());
                let mut other = Seed(9).rng();
                for _ in 0..500 {
                    let spec = search.options.sampler.draw(&space, &mut other);
                    assert!(search.seen.contains(spec) || improvement(spec) <= chosen + 0.005, "step {step}");
                }
            }
            let accuracy = f32::from(u8::try_from(asked[0].architecture.edge_count()).unwrap()) / 10.0;
            tell(&mut search, &asked, |_| accuracy);
        }
    }

    #[test]
    fn no_cell_is_asked_twice_and_a_small_space_ends() {
        let space = Space::nas_bench_101().with_max_vertices(3).unwrap();
        let mut search = Smac::new(&Setup::new(space, Epochs(4))).unwrap();
        let mut rng = Seed(2).rng();
        let mut cells = std::collections::HashSet::new();
        loop {
            let asked = search.ask(3, &mut rng).unwrap();
            if asked.is_empty() {
                break;
            }
            assert!(asked.iter().all(|candidate| cells.insert(candidate.architecture.fingerprint())));
            tell(&mut search, &asked, |place| place / 10.0);
        }
        assert_eq!(cells.len(), 7);
    }
}
