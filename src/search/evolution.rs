//! The population that the forms of evolution share: tournaments choose the parents, a rule chooses who dies.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::pool::Region;
use super::{Error, SearchRng, Searcher, Setup, Trial, check_option};
use crate::oracle::Candidate;
use crate::space::{Mutation, Sampler, Spec};

/// The options of every form of evolution.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many are alive.
    pub population_size: usize,
    /// How many of them compete to be a parent.
    pub tournament_size: usize,
    /// How the first ones are drawn.
    pub sampler: Sampler,
    /// How a parent is changed.
    pub mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, tournament_size: 10, sampler: Sampler::Official, mutation: Mutation::OneEdit }
    }
}

impl Options {
    pub(super) fn check(&self, algorithm: &'static str) -> Result<(), Error> {
        let Self { population_size: population, tournament_size: tournament, .. } = *self;
        check_option(algorithm, "population_size", &population, population > 0, "at least 1")?;
        let fits = (1..=population).contains(&tournament);
        check_option(algorithm, "tournament_size", &tournament, fits, "1 to population_size")
    }
}

/// A spec and the loss of its cell.
///
/// The population keeps specs, not cells: what pruning removes is the material of later mutations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Individual {
    pub(super) spec: Spec,
    pub(super) loss: f32,
}

impl Individual {
    /// What was measured.
    pub(super) fn from_trial(trial: &Trial) -> Self {
        Self { spec: trial.candidate.spec(), loss: trial.loss() }
    }
}

/// The rule of which individual dies when a child is born into a full population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// The one that has lived longest, however good it is.
    Oldest,
    /// The worst one, of equals the oldest; it may be the child itself.
    Worst,
}

/// The steady-state evolution of a population: one child at a time.
#[derive(Debug)]
pub(super) struct Evolution {
    pub(super) region: Region,
    pub(super) options: Options,
    death: Death,
    /// In the order of birth, from `eldest` on and around.
    population: Vec<Individual>,
    eldest: usize,
}

impl Evolution {
    pub(super) fn new(algorithm: &'static str, setup: &Setup, options: Options, death: Death) -> Result<Self, Error> {
        options.check(algorithm)?;
        Ok(Self { region: setup.region(), options, death, population: Vec::new(), eldest: 0 })
    }

    /// Those alive, the oldest first.
    #[cfg(test)]
    pub(super) fn alive(&self) -> impl Iterator<Item = &Individual> {
        self.population[self.eldest..].iter().chain(&self.population[..self.eldest])
    }

    /// The best of a random part of the population; of equals that which was drawn first.
    pub(super) fn parent(&self, rng: &mut SearchRng) -> Option<Spec> {
        tournament(&self.population, self.options.tournament_size, rng).map(|individual| individual.spec)
    }

    /// A mutant of a winner of a tournament.
    pub(super) fn child(&self, rng: &mut SearchRng) -> Option<Spec> {
        self.region.mutate(self.options.mutation, self.parent(rng)?, rng)
    }

    /// Returns whether the first individuals are still to be drawn.
    fn is_growing(&self) -> bool {
        self.population.len() < self.options.population_size
    }

    /// Proposes the first ones, and then what `breed` makes of the population.
    pub(super) fn ask_with(
        &mut self,
        room: usize,
        rng: &mut SearchRng,
        breed: impl FnOnce(&Self, &mut SearchRng) -> Option<Spec>,
    ) -> Vec<Candidate> {
        let asked: Vec<Spec> = if self.is_growing() {
            let missing = self.options.population_size - self.population.len();
            (0..missing.min(room)).map(|_| self.region.draw(self.options.sampler, rng)).collect()
        } else {
            breed(self, rng).into_iter().collect()
        };
        self.region.candidates(&asked)
    }

    fn admit(&mut self, individual: Individual) {
        if self.is_growing() {
            self.population.push(individual);
            return;
        }
        match self.death {
            Death::Oldest => {
                self.population[self.eldest] = individual;
                self.eldest = (self.eldest + 1) % self.population.len();
            }
            Death::Worst => {
                let losses = self.population.iter().map(|individual| individual.loss).enumerate();
                let worst = losses.reduce(|worst, other| if other.1 > worst.1 { other } else { worst });
                if let Some((place, _)) = worst.filter(|(_, loss)| *loss >= individual.loss) {
                    self.population.remove(place);
                    self.population.push(individual);
                }
            }
        }
    }
}

impl Searcher for Evolution {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        Ok(self.ask_with(room, rng, Self::child))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            self.admit(Individual::from_trial(trial));
        }
        Ok(())
    }
}

/// Tournaments up to so large remember who was drawn in a list that is searched through.
const SMALL: usize = 32;

/// The best of `size` different individuals drawn at random; of equals that which was drawn first.
pub(super) fn tournament<'a>(population: &'a [Individual], size: usize, rng: &mut SearchRng) -> Option<&'a Individual> {
    let better = |best: &'a Individual, other: &'a Individual| if other.loss < best.loss { other } else { best };
    if size >= population.len() {
        return population.iter().reduce(better);
    }
    if size > SMALL {
        let drawn = rand::seq::index::sample(rng, population.len(), size);
        return drawn.into_iter().map(|index| &population[index]).reduce(better);
    }
    let mut drawn = [usize::MAX; SMALL];
    let mut best: Option<&Individual> = None;
    for place in 0..size {
        let index = loop {
            let index = rng.random_range(0..population.len());
            if !drawn[..place].contains(&index) {
                break index;
            }
        };
        drawn[place] = index;
        let next = &population[index];
        best = Some(best.map_or(next, |best| better(best, next)));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    #[test]
    fn a_tournament_draws_different_ones_with_equal_chances() {
        let spec = Spec::from_bits(1, &[]);
        let population: Vec<_> = (0..40_u8).map(|loss| Individual { spec, loss: loss.into() }).collect();
        let mut rng = Seed(1).rng();
        for size in [1, 3, 33, 39, 40] {
            let mean = (0..4_000).map(|_| tournament(&population, size, &mut rng).unwrap().loss).sum::<f32>() / 4_000.0;
            // The mean lowest of k different numbers from 0 to n − 1 is (n − k) / (k + 1).
            #[expect(clippy::cast_precision_loss, reason = "small sizes")]
            let expected = (40 - size) as f32 / (size + 1) as f32;
            assert!((mean - expected).abs() < 0.6, "{size}: {mean} and {expected}");
        }
    }
}
