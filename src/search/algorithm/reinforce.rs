//! REINFORCE: a policy that chooses each edge and each operation on its own, and is pushed towards what was rewarded.

use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::genes::{CHOICES, Chances, Genes, Genome, MOST, draw_by_chance, softmax};
use crate::search::pool::{MOST_REDRAWS, Region};
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "reinforce",
    about: "policy gradient on a logit for each choice of each edge and operation; the baseline is a moving average",
    source: "Williams, Machine Learning 8, 1992; the softmax policy of Ying et al., ICML 2019, S2.2, learning rate 0.5",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Reinforce::new(setup)?)),
};

/// The number of draws outside the space after which the search ends.
const MOST_DRAWS: usize = 100_000;
/// Rewards up to this do not change the policy.
const LEAST_REWARD: f64 = 0.001;

/// The options of `reinforce`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The learning rate of the policy.
    pub learning_rate: f64,
    /// How much of the baseline stays at each step.
    pub momentum: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { learning_rate: 0.5, momentum: 0.9 }
    }
}

/// The reward of a cell is its validation accuracy. What lies outside the space is drawn again and teaches nothing; neither
/// does a training that diverged.
#[derive(Debug)]
struct Reinforce {
    region: Region,
    epochs: Epochs,
    options: Options,
    genome: Genome,
    logits: [Chances; MOST],
    /// The chances that the logits give.
    policy: [Chances; MOST],
    baseline: Baseline,
}

impl Reinforce {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { learning_rate, momentum } = options;
        let is_rate = learning_rate > 0.0 && learning_rate <= 1_000.0;
        check_option(ENTRY.name, "learning_rate", &learning_rate, is_rate, "more than 0, at most 1000")?;
        check_option(ENTRY.name, "momentum", &momentum, (0.0..1.0).contains(&momentum), "0 or more, below 1")?;
        let genome = Genome::new(&setup.space);
        let logits = [[0.0; CHOICES]; MOST];
        let mut policy = logits;
        for (gene, chances) in policy[..genome.len()].iter_mut().enumerate() {
            *chances = softmax(&logits[gene], genome.choices(gene));
        }
        Ok(Self { region: setup.region(), epochs: setup.epochs, options, genome, logits, policy, baseline: Baseline::new() })
    }

    fn reward(&mut self, genes: &Genes, reward: f64) {
        let advantage = reward - self.baseline.update(reward, self.options.momentum);
        for (gene, drawn) in genes.iter().enumerate().take(self.genome.len()) {
            let (chances, choices) = (&mut self.policy[gene], self.genome.choices(gene));
            let gradient = gradient(chances, (*drawn).into(), advantage);
            for (logit, slope) in self.logits[gene][..choices].iter_mut().zip(gradient) {
                *logit += self.options.learning_rate * slope;
            }
            *chances = softmax(&self.logits[gene], choices);
        }
    }
}

/// The gradient of the expected reward by the logits: advantage · (one-hot − chances).
fn gradient(chances: &Chances, drawn: usize, advantage: f64) -> Chances {
    std::array::from_fn(|value| advantage * (f64::from(u8::from(value == drawn)) - chances[value]))
}

/// A moving average of the rewards, without the bias of its start at 0.
#[derive(Debug)]
pub(super) struct Baseline {
    average: f64,
    /// The weight of the start that is left.
    bias: f64,
}

impl Baseline {
    pub(super) const fn new() -> Self {
        Self { average: 0.0, bias: 1.0 }
    }

    /// Adds a reward, and returns the average.
    pub(super) fn update(&mut self, reward: f64, momentum: f64) -> f64 {
        self.average = momentum * self.average + (1.0 - momentum) * reward;
        self.bias *= momentum;
        self.average / (1.0 - self.bias)
    }
}

impl Searcher for Reinforce {
    fn ask(&mut self, _: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let mut outside = 0;
        let mut genes = [0; MOST];
        for _ in 0..MOST_DRAWS {
            for (gene, chances) in self.policy[..self.genome.len()].iter().enumerate() {
                genes[gene] = draw_by_chance(chances, self.genome.choices(gene), rng);
            }
            let mut spec = self.genome.spec(&genes);
            outside += usize::from(self.region.is_redrawn(&spec));
            if outside == MOST_REDRAWS {
                spec = self.region.any(rng);
            }
            if let Some(architecture) = self.region.cell(&spec) {
                return Ok(vec![Candidate { architecture, spec: Some(spec), epochs: self.epochs }]);
            }
        }
        Ok(Vec::new())
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            let reward = 1.0 - f64::from(trial.loss());
            if reward > LEAST_REWARD {
                self.reward(&self.genome.of_spec(trial.candidate.spec()), reward);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::Seed;

    fn reinforce() -> Reinforce {
        Reinforce::new(&Setup::new(Space::nas_bench_101(), Epochs(108))).unwrap()
    }

    fn step(search: &mut Reinforce, rng: &mut SearchRng, accuracy: impl Fn(&Candidate) -> f32) {
        let candidates = search.ask(1, rng).unwrap();
        let accuracy = accuracy(&candidates[0]);
        tell(search, &candidates, |_| accuracy);
    }

    #[test]
    fn the_gradient_is_the_known_one() {
        // `reinforce_logit_grad` of the known answers.
        let found = gradient(&[0.2, 0.3, 0.5, 0.0, 0.0], 1, 0.4);
        for (found, expected) in found.into_iter().zip([-0.08, 0.28, -0.2]) {
            assert!((found - expected).abs() < 1e-15, "{found} and {expected}");
        }
    }

    #[test]
    fn the_first_reward_and_a_constant_one_change_nothing() {
        let mut search = reinforce();
        let mut rng = Seed(1).rng();
        for _ in 0..50 {
            step(&mut search, &mut rng, |_| 0.7);
            assert!(search.logits.iter().flatten().all(|logit| logit.abs() < 1e-13), "{:?}", search.logits);
        }
    }

    #[test]
    fn a_choice_that_is_rewarded_becomes_likely() {
        let mut search = reinforce();
        let mut rng = Seed(2).rng();
        for _ in 0..600 {
            let share = |cell: &crate::space::Cell| {
                let good = cell.operations().filter(|operation| operation.label() == 0).count();
                f32::from(u8::try_from(good).unwrap()) / 5.0
            };
            step(&mut search, &mut rng, |candidate| 0.1 + 0.8 * share(&candidate.architecture));
        }
        let chances: Vec<_> = search.policy[21..26].iter().map(|values| values[0]).collect();
        assert!(chances.iter().filter(|chance| **chance > 0.9).count() >= 4, "{chances:?}");
    }

    #[test]
    fn trainings_that_diverge_teach_nothing() {
        let mut search = reinforce();
        let mut rng = Seed(3).rng();
        for _ in 0..5 {
            step(&mut search, &mut rng, |_| f32::NAN);
        }
        assert!(search.logits.iter().flatten().all(|logit| *logit == 0.0));
        assert!((search.baseline.bias - 1.0).abs() < f64::EPSILON);
    }
}
