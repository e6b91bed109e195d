//! NSGA-III: survival of the best fronts, and among equals of those near reference directions with few others.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{offspring, tournament};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::{ReferenceDirections, even_directions};
use crate::search::multi::{Algorithm, Individual, Variation};

pub(super) const ENTRY: Entry = Entry {
    name: "nsga-3",
    about: "ranks of dominance and reference directions with few others decide who lives",
    source: "Deb & Jain, IEEE TEC 18(4), 2014",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, Nsga3::new),
};

/// The options of NSGA-III.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of individuals, and of children of a generation. There are at most as many reference directions: with three
    /// objectives 91 for 92 individuals as in the paper.
    pub population_size: usize,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 92, remove_duplicates: true }
    }
}

/// NSGA-III.
///
/// # Source
///
/// Deb & Jain, IEEE TEC 18(4), 2014; parents with constraints: Jain & Deb, part II of the same.
#[derive(Debug)]
pub(crate) struct Nsga3<V: Variation> {
    variation: V,
    options: Options,
    directions: ReferenceDirections,
    population: Vec<Individual<V::Solution>>,
}

impl<V: Variation> Nsga3<V> {
    /// Creates the algorithm for a number of objectives.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, objectives: usize, options: Options) -> Result<Self, Error> {
        let size = options.population_size;
        check_option(ENTRY.name, "objectives", &objectives, objectives >= 2, "at least 2")?;
        check_size(ENTRY.name, "population_size", size)?;
        check_option(ENTRY.name, "population_size", &size, size >= objectives, "at least the number of objectives")?;
        let directions = ReferenceDirections::new(even_directions(objectives, size));
        Ok(Self { variation, options, directions, population: Vec::new() })
    }
}

impl<V: Variation> Algorithm<V::Solution> for Nsga3<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let size = (self.options.population_size, self.options.remove_duplicates);
        let violation = |index: usize| self.population[index].violation;
        offspring(&self.variation, &self.population, size, rng, |rng| {
            tournament(self.population.len(), rng, |one, other| violation(one).total_cmp(&violation(other)))
        })
    }

    fn select(&mut self, mut measured: Vec<Individual<V::Solution>>, rng: &mut SearchRng) {
        measured.append(&mut self.population);
        self.population = self.directions.select(measured, self.options.population_size, rng);
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        &self.population
    }
}
