//! NSGA-II: survival of the best fronts, and among equals of the least crowded.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, defaults_of};
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{offspring, tournament};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::{Standing, select_by_rank_and_crowding, standings};
use crate::search::multi::{Algorithm, Individual, Variation};

pub(super) const ENTRY: Entry = Entry {
    name: "nsga-2",
    about: "ranks of dominance and crowding decide who lives, tournaments of two who is a parent",
    source: "Deb, Pratap, Agarwal & Meyarivan, IEEE TEC 6(2), 2002; population 100 as in pymoo",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| Nsga2::new(cells, options)),
};

/// The options of NSGA-II, by default those of pymoo.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of individuals, and of children of a generation.
    pub population_size: usize,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, remove_duplicates: true }
    }
}

/// NSGA-II.
///
/// # Source
///
/// Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002. A
/// crossing has one child, so that a generation takes as many pairs of parents as it has children.
#[derive(Debug)]
pub(crate) struct Nsga2<V: Variation> {
    variation: V,
    options: Options,
    population: Vec<Individual<V::Solution>>,
    standings: Vec<Standing>,
}

impl<V: Variation> Nsga2<V> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "population_size", options.population_size)?;
        Ok(Self { variation, options, population: Vec::new(), standings: Vec::new() })
    }
}

impl<V: Variation> Algorithm<V::Solution> for Nsga2<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let size = (self.options.population_size, self.options.remove_duplicates);
        offspring(&self.variation, &self.population, size, rng, |rng| {
            tournament(self.population.len(), rng, |one, other| self.standings[one].compare(&self.standings[other]))
        })
    }

    fn select(&mut self, mut measured: Vec<Individual<V::Solution>>, _: &mut SearchRng) {
        measured.append(&mut self.population);
        self.population = select_by_rank_and_crowding(measured, self.options.population_size);
        self.standings = standings(&self.population);
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        &self.population
    }
}
