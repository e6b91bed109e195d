//! Regularized evolution: tournaments choose the parents, age decides who dies.

use std::collections::VecDeque;

use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::oracle::Proposal;
use crate::search::{Entry, Error, Searcher, Setup, Trial, defaults_of};
use crate::space::{Mutation, Sampler, Space, Spec};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "regularized-evolution",
    about: "mutates the winners of small tournaments and lets the oldest die",
    source: "Real et al., AAAI 2019; population 100, tournaments of 10 and one edit as in Ying et al., ICML 2019, S2.2",
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(RegularizedEvolution::new(setup)?)),
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    population_size: usize,
    tournament_size: usize,
    sampler: Sampler,
    mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, tournament_size: 10, sampler: Sampler::Official, mutation: Mutation::OneEdit }
    }
}

/// A spec and what was measured of its cell.
///
/// The population keeps specs, not cells: what pruning removes is the material of later mutations.
#[derive(Clone, Copy, Debug)]
struct Individual {
    spec: Spec,
    loss: f32,
}

#[derive(Debug)]
struct RegularizedEvolution {
    space: Space,
    epochs: Epochs,
    options: Options,
    population: VecDeque<Individual>,
    asked: Vec<Spec>,
}

impl RegularizedEvolution {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let refuse = |option, found: usize, expected| {
            Err(Error::Option { algorithm: ENTRY.name, option, found: found.to_string(), expected })
        };
        if options.population_size == 0 {
            return refuse("population_size", 0, "at least 1");
        }
        if !(1..=options.population_size).contains(&options.tournament_size) {
            return refuse("tournament_size", options.tournament_size, "1 to population_size");
        }
        Ok(Self { space: setup.space, epochs: setup.epochs, options, population: VecDeque::new(), asked: Vec::new() })
    }

    /// A mutant of the best of a random part of the population.
    fn child(&self, rng: &mut ChaCha8Rng) -> Option<Spec> {
        let population: Vec<_> = self.population.iter().collect();
        let tournament = population.sample(rng, self.options.tournament_size);
        let parent = tournament.min_by(|a, b| a.loss.total_cmp(&b.loss))?;
        self.options.mutation.mutate(&self.space, parent.spec, rng)
    }
}

impl Searcher for RegularizedEvolution {
    fn ask(&mut self, room: usize, rng: &mut ChaCha8Rng) -> Vec<Proposal> {
        let missing = self.options.population_size - self.population.len();
        self.asked = if missing > 0 {
            (0..missing.min(room)).map(|_| self.options.sampler.draw(&self.space, rng)).collect()
        } else {
            self.child(rng).into_iter().collect()
        };
        let propose = |spec: &Spec| Proposal { cell: spec.prune().expect("the population is connected"), epochs: self.epochs };
        self.asked.iter().map(propose).collect()
    }

    fn tell(&mut self, trials: &[Trial]) {
        for (spec, trial) in self.asked.drain(..).zip(trials) {
            if self.population.len() == self.options.population_size {
                self.population.pop_front();
            }
            self.population.push_back(Individual { spec, loss: trial.loss() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Measurement;
    use crate::unit::{Accuracy, Seconds, Seed};

    fn evolution(population_size: usize, tournament_size: usize) -> RegularizedEvolution {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": population_size, "tournament_size": tournament_size });
        RegularizedEvolution::new(&setup).unwrap()
    }

    /// Answers with a fitness that falls with the position asked: the first is the best.
    fn tell_falling(evolution: &mut RegularizedEvolution, proposals: &[Proposal], first: f32) {
        let trials: Vec<_> = proposals
            .iter()
            .zip((0_u16..).map(|position| first - f32::from(position) / 1_000.0))
            .map(|(proposal, fraction)| Trial {
                proposal: *proposal,
                measurement: Measurement { validation_accuracy: Accuracy::from_fraction(fraction), training_time: Seconds(1.0) },
            })
            .collect();
        evolution.tell(&trials);
    }

    #[test]
    fn the_population_keeps_its_size_and_the_oldest_dies() {
        let mut evolution = evolution(10, 3);
        let mut rng = Seed(1).rng();
        let proposals = evolution.ask(100, &mut rng);
        assert_eq!(proposals.len(), 10);
        tell_falling(&mut evolution, &proposals, 0.9);
        for _ in 0..5 {
            let oldest = evolution.population[1].spec;
            let proposals = evolution.ask(100, &mut rng);
            assert_eq!(proposals.len(), 1);
            tell_falling(&mut evolution, &proposals, 0.5);
            assert_eq!(evolution.population.len(), 10);
            assert_eq!(evolution.population[0].spec, oldest);
        }
    }

    #[test]
    fn a_tournament_of_everyone_picks_the_best() {
        let mut evolution = evolution(10, 10);
        let mut rng = Seed(2).rng();
        let proposals = evolution.ask(100, &mut rng);
        tell_falling(&mut evolution, &proposals, 0.9);
        let best = evolution.population[0].spec;
        for _ in 0..20 {
            let child = evolution.child(&mut rng).unwrap();
            assert!(evolution.space.neighbours(best).any(|neighbour| neighbour == child));
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = serde_json::json!({ "population_size": 5, "tournament_size": 6 });
        let message = RegularizedEvolution::new(&setup).unwrap_err().to_string();
        assert_eq!(message, "`regularized-evolution` has tournament_size = 6, expected 1 to population_size");
    }
}
