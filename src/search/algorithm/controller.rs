//! A recurrent controller: an LSTM that writes a cell choice by choice, and is pushed towards what was rewarded.

use serde::{Deserialize, Serialize};

use super::reinforce::Baseline;
use crate::search::generations::{Generations, Strategy};
use crate::search::genes::{Chances, Genes, Genome, MOST, draw_by_chance};
use crate::search::recurrent::{Adam, Network, Step};
use crate::search::{Entry, Error, SearchRng, Setup, check_option, count, defaults_of};
use crate::space::Spec;

pub(super) const ENTRY: Entry = Entry {
    name: "controller",
    about: "an LSTM that writes the edges and then the operations, each depending on those before it; trained by the policy gradient or, with \
            `method=ppo`, by clipped steps; a cell outside the space has the reward 0 and is not evaluated",
    source: "Zoph & Le, ICLR 2017; Schulman et al., arXiv:1707.06347, for the clipped steps; sizes and rates of Zoph et al., CVPR 2018, \
             and of Pham et al., ICML 2018",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Generations::new(setup, Controller::new(setup)?))),
};

/// How a controller learns from a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One step along the policy gradient.
    Reinforce,
    /// Several steps, in which a choice that has become much more or much less likely does not count.
    Ppo,
}

/// The options of `controller`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How it learns.
    pub method: Method,
    /// Number of units of the LSTM, and of numbers of each choice's embedding.
    pub hidden: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
    /// The weight of the entropy of the choices, which keeps them open.
    pub entropy: f64,
    /// How much of the baseline, a moving average of the rewards, stays at each batch.
    pub momentum: f64,
    /// The cells of a batch.
    pub batch_size: usize,
    /// PPO: the steps for each batch.
    pub steps: usize,
    /// PPO: by which part the likelihood of a choice may change.
    pub clip: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::Reinforce,
            hidden: 100,
            learning_rate: 3.5e-4,
            entropy: 1e-5,
            momentum: 0.95,
            batch_size: 8,
            steps: 5,
            clip: 0.2,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let check = |option, found: &dyn std::fmt::Display, is_fine, expected| {
            check_option(ENTRY.name, option, &found, is_fine, expected)
        };
        check("hidden", &self.hidden, (1..=1_000).contains(&self.hidden), "1 to 1000")?;
        check(
            "learning_rate",
            &self.learning_rate,
            self.learning_rate > 0.0 && self.learning_rate <= 1.0,
            "more than 0, at most 1",
        )?;
        check("entropy", &self.entropy, (0.0..=1.0).contains(&self.entropy), "0 to 1")?;
        check("momentum", &self.momentum, (0.0..1.0).contains(&self.momentum), "0 or more, below 1")?;
        check("batch_size", &self.batch_size, (1..=100_000).contains(&self.batch_size), "1 to 100000")?;
        check("steps", &self.steps, (1..=1_000).contains(&self.steps), "1 to 1000")?;
        check("clip", &self.clip, self.clip > 0.0 && self.clip < 1.0, "more than 0, below 1")
    }
}

struct Controller {
    genome: Genome,
    options: Options,
    /// None before the first draw: its first weights are drawn.
    policy: Option<(Network, Adam)>,
    baseline: Baseline,
}

impl Controller {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        options.check()?;
        Ok(Self { genome: Genome::new(&setup.space), options, policy: None, baseline: Baseline::new() })
    }
}

/// What a batch says of its choices: the cells, by how much each was better than expected, and, for PPO, how likely each choice was.
struct Batch {
    cells: Vec<Genes>,
    advantages: Vec<f64>,
    likelihoods: Vec<Vec<f64>>,
}

impl Batch {
    /// The gradient of what is minimised by the scores of the choices of a step: −advantage · ratio · log-likelihood, less the entropy.
    fn score_gradients(&self, cell: usize, at: usize, step: &Step, choice: u8, options: &Options) -> Chances {
        let (advantage, likely) = (self.advantages[cell], step.chances[usize::from(choice)]);
        let weight = match options.method {
            Method::Reinforce => advantage,
            Method::Ppo => {
                let ratio = likely / self.likelihoods[cell][at];
                let is_clipped = if advantage > 0.0 { ratio > 1.0 + options.clip } else { ratio < 1.0 - options.clip };
                if is_clipped { 0.0 } else { advantage * ratio }
            }
        };
        let entropy = entropy(&step.chances);
        let scale = 1.0 / count(self.cells.len());
        std::array::from_fn(|value| {
            let chance = step.chances[value];
            if chance == 0.0 {
                return 0.0;
            }
            let is_chosen = f64::from(u8::from(value == usize::from(choice)));
            scale * (options.entropy * chance * (chance.ln() + entropy) - weight * (is_chosen - chance))
        })
    }

    /// Makes one step of the policy.
    fn follow(&self, (network, adam): &mut (Network, Adam), options: &Options) {
        let mut gradients = network.zeros();
        for (index, genes) in self.cells.iter().enumerate() {
            let steps = network.unroll(|gene, _| genes[gene]);
            let by_score = |at: usize, step: &Step| self.score_gradients(index, at, step, genes[at], options);
            network.add_gradients(&steps, by_score, &mut gradients);
        }
        adam.step(network.weights_mut(), &gradients, options.learning_rate);
    }
}

fn entropy(chances: &Chances) -> f64 {
    -chances.iter().filter(|chance| **chance > 0.0).map(|chance| chance * chance.ln()).sum::<f64>()
}

impl Strategy for Controller {
    type Point = Genes;

    fn size(&self) -> usize {
        self.options.batch_size
    }

    fn draw(&mut self, _: &[Genes], rng: &mut SearchRng) -> Genes {
        let (network, _) = self.policy.get_or_insert_with(|| {
            let network = Network::new(&self.genome, self.options.hidden, rng);
            let adam = Adam::new(&network);
            (network, adam)
        });
        let mut genes = [0; MOST];
        network.unroll(|gene, chances| {
            genes[gene] = draw_by_chance(chances, self.genome.choices(gene), rng);
            genes[gene]
        });
        genes
    }

    fn spec(&self, genes: &Genes) -> Spec {
        self.genome.spec(genes)
    }

    fn point(&self, spec: Spec, _: &mut SearchRng) -> Genes {
        self.genome.of_spec(spec)
    }

    fn learn(&mut self, generation: Vec<(Genes, f64)>) {
        let Some(policy) = &mut self.policy else { return };
        let rewards: Vec<f64> = generation.iter().map(|(_, loss)| (1.0 - loss).max(0.0)).collect();
        let expected = self.baseline.update(rewards.iter().sum::<f64>() / count(rewards.len()), self.options.momentum);
        let is_ppo = self.options.method == Method::Ppo;
        let likelihoods = |(genes, _): &(Genes, f64)| {
            let steps = policy.0.unroll(|gene, _| genes[gene]);
            steps.iter().zip(genes).map(|(step, choice)| step.chances[usize::from(*choice)]).collect()
        };
        let batch = Batch {
            likelihoods: generation.iter().filter(|_| is_ppo).map(likelihoods).collect(),
            cells: generation.into_iter().map(|(genes, _)| genes).collect(),
            advantages: rewards.iter().map(|reward| reward - expected).collect(),
        };
        for _ in 0..if is_ppo { self.options.steps } else { 1 } {
            batch.follow(policy, &self.options);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn controller(max_vertices: usize, options: serde_json::Value) -> Controller {
        let mut setup = Setup::new(Space::nas_bench_101().with_max_vertices(max_vertices).unwrap(), Epochs(108));
        setup.options = options;
        Controller::new(&setup).unwrap()
    }

    /// The chances of each choice of a cell.
    fn chances(search: &Controller, genes: &Genes) -> Vec<Chances> {
        let network = &search.policy.as_ref().unwrap().0;
        network.unroll(|gene, _| genes[gene]).iter().map(|step| step.chances).collect()
    }

    #[test]
    fn every_choice_is_as_likely_as_another_at_first() {
        let mut search = controller(7, serde_json::json!({ "hidden": 7 }));
        let genes = search.draw(&[], &mut Seed(1).rng());
        for (gene, chances) in chances(&search, &genes).iter().enumerate() {
            let choices = search.genome.choices(gene);
            assert!(chances[..choices].iter().all(|chance| (chance - 1.0 / count(choices)).abs() < 1e-15));
            assert!(chances[choices..].iter().all(|chance| *chance == 0.0));
        }
    }

    #[test]
    fn both_methods_learn_a_bandit_of_two_choices() {
        for method in ["reinforce", "ppo"] {
            // Three vertices have three edges and one operation: the first edge and the operation are rewarded.
            let options = serde_json::json!({ "hidden": 8, "learning_rate": 0.02, "method": method });
            let mut search = controller(3, options);
            let mut rng = Seed(2).rng();
            let mut entropies = Vec::new();
            for _ in 0..150 {
                let drawn: Vec<Genes> = (0..8).map(|_| search.draw(&[], &mut rng)).collect();
                entropies.push(entropy(&chances(&search, &drawn[0])[0]));
                let reward = |genes: &Genes| 0.5 * f64::from(u8::from(genes[0] == 1)) + 0.5 * f64::from(u8::from(genes[3] == 2));
                search.learn(drawn.into_iter().map(|genes| (genes, 1.0 - reward(&genes))).collect());
            }
            let mut best = [0; MOST];
            (best[0], best[3]) = (1, 2);
            let found = chances(&search, &best);
            assert!(found[0][1] > 0.95 && found[3][2] > 0.95, "{method}: {found:?}");
            assert!(entropies[0] > 0.6 && entropies[149] < 0.2, "{method}: {entropies:?}");
        }
    }

    /// What a batch minimises, without the moving average.
    fn objective(network: &Network, batch: &Batch, options: &Options) -> f64 {
        let of_cell = |(index, genes): (usize, &Genes)| -> f64 {
            let steps = network.unroll(|gene, _| genes[gene]);
            let of_step = |(at, step): (usize, &Step)| {
                let (likely, advantage) = (step.chances[usize::from(genes[at])], batch.advantages[index]);
                let gain = match options.method {
                    Method::Reinforce => advantage * likely.ln(),
                    Method::Ppo => {
                        let ratio = likely / batch.likelihoods[index][at];
                        (ratio * advantage).min(ratio.clamp(1.0 - options.clip, 1.0 + options.clip) * advantage)
                    }
                };
                -gain - options.entropy * entropy(&step.chances)
            };
            steps.iter().enumerate().map(of_step).sum()
        };
        batch.cells.iter().enumerate().map(of_cell).sum::<f64>() / count(batch.cells.len())
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        for method in ["reinforce", "ppo"] {
            let mut search = controller(4, serde_json::json!({ "hidden": 5, "entropy": 0.3, "method": method }));
            let mut rng = Seed(3).rng();
            let cells: Vec<Genes> = (0..3).map(|_| search.draw(&[], &mut rng)).collect();
            let (mut network, _) = search.policy.take().unwrap();
            // The heads begin with 0, behind which nothing could be seen.
            network.weights_mut().iter_mut().for_each(|weight| *weight += rand::RngExt::random_range(&mut rng, -0.5..0.5));
            let old = |genes: &Genes| -> Vec<f64> {
                let steps = network.unroll(|gene, _| genes[gene]);
                // Some ratios are 1, some beyond the clip.
                let factors = [1.0, 1.3, 0.7];
                steps
                    .iter()
                    .zip(genes)
                    .enumerate()
                    .map(|(at, (step, choice))| step.chances[usize::from(*choice)] * factors[at % 3])
                    .collect()
            };
            let likelihoods = cells.iter().map(old).collect();
            let batch = Batch { cells, advantages: vec![0.4, -0.7, 0.1], likelihoods };
            let mut gradients = network.zeros();
            for (index, genes) in batch.cells.iter().enumerate() {
                let steps = network.unroll(|gene, _| genes[gene]);
                let by_score = |at: usize, step: &Step| batch.score_gradients(index, at, step, genes[at], &search.options);
                network.add_gradients(&steps, by_score, &mut gradients);
            }
            for (at, found) in gradients.iter().enumerate() {
                let mut moved = |by: f64| {
                    network.weights_mut()[at] += by;
                    let value = objective(&network, &batch, &search.options);
                    network.weights_mut()[at] -= by;
                    value
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((found - expected).abs() < 1e-7, "{method}: weight {at}: {found} and {expected}");
            }
        }
    }
}
