//! BANANAS: an ensemble of perceptrons on the paths of a cell chooses among mutants of the best cells.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::archive::Archive;
use crate::search::evolution::Individual;
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{ENCODINGS, Encoding, Mutation, Sampler, Spec};
use crate::statistics::distribution::standard_normal;
use crate::surrogate::perceptron::{Ensemble, Estimate, Sparse, Training, encoded};

pub(super) const ENTRY: Entry = Entry {
    name: "bananas",
    about: "an ensemble of 5 perceptrons on the paths of a cell chooses 10 of 100 mutants of the best, by independent Thompson \
            sampling",
    source: "White et al., BANANAS, AAAI 2021, and the program naszilla, whose defaults it has",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Bananas::new(setup)?)),
};

/// Where their mutants are known, up to this many times `parents` of the best cells are mutated.
const PATIENCE: usize = 5;

/// The acquisition function of the mean and the standard deviation; the candidates of the lowest values are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exploration {
    /// A number drawn from the normal distribution of each: independent Thompson sampling.
    Thompson,
    /// The mean less half the standard deviation.
    ConfidenceBound,
    /// The mean.
    Greedy,
}

impl Exploration {
    fn number(self, Estimate { mean, std }: Estimate, rng: &mut SearchRng) -> f64 {
        match self {
            Self::Thompson => mean + std * standard_normal(rng),
            Self::ConfidenceBound => mean - 0.5 * std,
            Self::Greedy => mean,
        }
    }
}

/// The options of `bananas`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Random cells to begin with.
    pub startup: usize,
    /// Cells that are measured before the ensemble is fitted again.
    pub batch: usize,
    /// The perceptrons of the ensemble.
    pub ensemble: usize,
    /// Passes over the measured cells when a network is fitted.
    pub training_epochs: usize,
    /// The learning rate of the fit.
    pub learning_rate: f64,
    /// How a cell becomes numbers.
    pub encoding: String,
    /// New mutants among which to choose.
    pub candidates: usize,
    /// How many of the best cells are mutated.
    pub parents: usize,
    /// How predictions of the ensemble are weighed.
    pub exploration: Exploration,
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// How a cell is changed.
    pub mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            startup: 10,
            batch: 10,
            ensemble: 5,
            training_epochs: 150,
            learning_rate: 0.01,
            encoding: "path-40".to_owned(),
            candidates: 100,
            parents: 1,
            exploration: Exploration::Thompson,
            sampler: Sampler::Official,
            mutation: Mutation::Naszilla,
        }
    }
}

impl Options {
    fn check(&self) -> Result<&'static Encoding, Error> {
        let counts: [(&'static str, usize); 6] = [
            ("startup", self.startup),
            ("batch", self.batch),
            ("ensemble", self.ensemble),
            ("training_epochs", self.training_epochs),
            ("candidates", self.candidates),
            ("parents", self.parents),
        ];
        for (option, found) in counts {
            check_option(ENTRY.name, option, &found, (1..=100_000).contains(&found), "1 to 100000")?;
        }
        let is_rate = self.learning_rate > 0.0 && self.learning_rate <= 1.0;
        check_option(ENTRY.name, "learning_rate", &self.learning_rate, is_rate, "more than 0, at most 1")?;
        let encoding = ENCODINGS.iter().find(|encoding| encoding.name == self.encoding);
        encoding.ok_or_else(|| Error::Option {
            algorithm: ENTRY.name.to_owned(),
            option: "encoding",
            found: self.encoding.clone(),
            expected: "an encoding of `nasbench list encodings` that needs the cell alone",
        })
    }
}

#[derive(Debug)]
struct Bananas {
    region: Region,
    options: Options,
    encoding: &'static Encoding,
    seen: Archive,
    measured: Vec<Individual>,
    rows: Vec<Sparse>,
    /// Cells that are chosen, but not proposed yet.
    waiting: VecDeque<Spec>,
}

impl Bananas {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let encoding = options.check()?;
        Ok(Self {
            region: setup.region(),
            options,
            encoding,
            seen: Archive::default(),
            measured: Vec::new(),
            rows: Vec::new(),
            waiting: VecDeque::new(),
        })
    }

    fn encoded(&self, spec: Spec) -> Sparse {
        encoded(self.encoding, self.region.space(), spec.prune().expect("specs are connected"))
    }

    /// Chooses the next batch.
    fn choose(&mut self, rng: &mut SearchRng) {
        if self.measured.is_empty() {
            for _ in 0..self.options.startup {
                self.waiting.extend(self.seen.draw(&self.region, self.options.sampler, rng));
            }
            return;
        }
        let candidates = self.mutants(rng);
        let Options { ensemble: members, training_epochs: epochs, learning_rate, .. } = self.options;
        let losses: Vec<_> = self.measured.iter().map(|individual| individual.loss).collect();
        let training = Training { members, epochs, learning_rate };
        let ensemble = Ensemble::fit(self.encoding.width(self.region.space()), &self.rows, &losses, training, rng);
        let number = |spec: Spec| self.options.exploration.number(ensemble.predict(&self.encoded(spec)), rng);
        let numbers: Vec<_> = candidates.iter().copied().map(number).collect();
        let mut order: Vec<_> = (0..candidates.len()).collect();
        order.sort_by(|one, other| numbers[*one].total_cmp(&numbers[*other]));
        let chosen: Vec<_> = order.into_iter().take(self.options.batch).map(|place| candidates[place]).collect();
        self.waiting.extend(chosen.into_iter().filter(|spec| self.seen.insert(*spec)));
        // Where the best have no new mutants left, the search goes on at random.
        if self.waiting.is_empty() {
            self.waiting.extend(self.seen.draw(&self.region, self.options.sampler, rng));
        }
    }

    /// New mutants of the best cells, each once.
    fn mutants(&self, rng: &mut SearchRng) -> Vec<Spec> {
        let Options { candidates, parents, mutation, .. } = self.options;
        let mut best: Vec<_> = self.measured.iter().collect();
        best.sort_by(|one, other| one.loss.total_cmp(&other.loss));
        let mut met = Archive::default();
        let mut mutants = Vec::new();
        for parent in best.into_iter().take(parents.saturating_mul(PATIENCE)) {
            for _ in 0..candidates.div_ceil(parents) {
                let mutant = self.region.mutate(mutation, parent.spec, rng);
                mutants.extend(mutant.filter(|mutant| !self.seen.contains(*mutant) && met.insert(*mutant)));
                if mutants.len() == candidates {
                    return mutants;
                }
            }
        }
        mutants
    }
}

impl Searcher for Bananas {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        if self.waiting.is_empty() {
            self.choose(rng);
        }
        let next: Vec<_> = self.waiting.drain(..room.min(self.waiting.len())).collect();
        Ok(self.region.candidates(&next))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            self.rows.push(self.encoded(trial.candidate.spec()));
            self.measured.push(Individual::from_trial(trial));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn bananas(options: serde_json::Value) -> Bananas {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        setup.options = options;
        Bananas::new(&setup).unwrap()
    }

    #[test]
    fn without_doubt_thompson_sampling_is_greedy() {
        let mut rng = Seed(1).rng();
        let sure = Estimate { mean: 0.25, std: 0.0 };
        for exploration in [Exploration::Thompson, Exploration::ConfidenceBound, Exploration::Greedy] {
            assert!((exploration.number(sure, &mut rng) - 0.25).abs() < 1e-15);
        }
        let unsure = Estimate { mean: 0.25, std: 0.1 };
        assert!((Exploration::ConfidenceBound.number(unsure, &mut rng) - 0.2).abs() < 1e-15);
        let drawn: Vec<_> = (0..10_000).map(|_| Exploration::Thompson.number(unsure, &mut rng)).collect();
        assert!((crate::statistics::mean(&drawn).unwrap() - 0.25).abs() < 0.005);
        assert!((crate::statistics::standard_deviation(&drawn).unwrap() - 0.1).abs() < 0.005);
    }

    #[test]
    fn ten_random_cells_are_followed_by_batches_of_ten_new_mutants_of_the_best() {
        let mut search = bananas(serde_json::json!({ "training_epochs": 3 }));
        let mut rng = Seed(2).rng();
        let mut cells = std::collections::HashSet::new();
        for batch in 0_u8..5 {
            let asked = search.ask(100, &mut rng).unwrap();
            assert_eq!(asked.len(), 10);
            assert!(asked.iter().all(|candidate| cells.insert(candidate.architecture.fingerprint())));
            if batch > 0 {
                let mut best = search.measured.clone();
                best.sort_by(|one, other| one.loss.total_cmp(&other.loss));
                let flips = |spec: &Spec, best: &Individual| (spec.edge_bits() ^ best.spec.edge_bits()).count_ones();
                let is_near = |spec: &Spec| best[..PATIENCE].iter().any(|best| flips(spec, best) <= 6);
                assert!(asked.iter().all(|candidate| is_near(&candidate.spec())), "one flip is expected");
            }
            tell(&mut search, &asked, |place| (place + f32::from(batch)) / 20.0);
        }
        assert_eq!(search.rows.len(), 50);
    }

    #[test]
    fn an_encoding_that_there_is_not_is_refused() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        setup.options = serde_json::json!({ "encoding": "gnn" });
        let message = Bananas::new(&setup).unwrap_err().to_string();
        assert!(message.starts_with("`bananas` has encoding = gnn, expected an encoding"), "{message}");
    }
}
