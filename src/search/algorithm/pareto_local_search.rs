//! Pareto local search: measures all neighbours of one non-dominated solution after the other.

use std::collections::HashSet;

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::Known;
use crate::search::multi::survival::GridArchive;
use crate::search::multi::{Algorithm, Individual, Neighbourhood};

pub(super) const ENTRY: Entry = Entry {
    name: "pareto-local-search",
    about: "all neighbours of one cell of the front after the other",
    source: "Paquete, Chiarandini & Stützle, Metaheuristics for Multiobjective Optimisation, 2004",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| ParetoLocalSearch::new(cells, options)),
};

/// The options of Pareto local search.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many solutions are drawn at the start, and again when no neighbour is left.
    pub initial_size: usize,
    /// Whether a neighbour that was measured before is left out.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { initial_size: 10, remove_duplicates: true }
    }
}

/// Pareto local search. It keeps every non-dominated individual.
///
/// # Source
///
/// Paquete, Chiarandini & Stützle, "Pareto local optimum sets in the biobjective traveling salesman problem", Metaheuristics for
/// Multiobjective Optimisation, 2004. Where that ends, in a Pareto local optimum set, ours goes on from new random solutions.
#[derive(Debug)]
pub(crate) struct ParetoLocalSearch<V: Neighbourhood> {
    variation: V,
    options: Options,
    known: Known,
    archive: GridArchive<V::Solution>,
    /// The keys of the solutions whose neighbours were proposed.
    explored: HashSet<u64>,
}

impl<V: Neighbourhood> ParetoLocalSearch<V> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, options: Options) -> Result<Self, Error> {
        check_option(ENTRY.name, "initial_size", &options.initial_size, options.initial_size > 0, "at least 1")?;
        let known = Known::new([], options.remove_duplicates);
        Ok(Self { variation, options, known, archive: GridArchive::unlimited(), explored: HashSet::new() })
    }
}

impl<V: Neighbourhood> Algorithm<V::Solution> for ParetoLocalSearch<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let mut unexplored: Vec<&V::Solution> = self.archive.members().iter().map(|member| &member.solution).collect();
        unexplored.retain(|solution| !self.explored.contains(&self.variation.key(solution)));
        while !unexplored.is_empty() {
            let solution = unexplored.swap_remove(rng.random_range(0..unexplored.len()));
            self.explored.insert(self.variation.key(solution));
            let mut neighbours = self.variation.neighbours(solution);
            neighbours.retain(|neighbour| self.known.insert(&self.variation, neighbour));
            if !neighbours.is_empty() {
                return neighbours;
            }
        }
        (0..self.options.initial_size).map(|_| self.known.draw_new(&self.variation, rng)).collect()
    }

    fn select(&mut self, measured: Vec<Individual<V::Solution>>, rng: &mut SearchRng) {
        for individual in measured {
            self.archive.offer(individual, rng);
        }
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        self.archive.members()
    }
}
