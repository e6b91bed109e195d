//! IBEA: survival by a binary quality indicator.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{offspring, tournament};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::{Fitness, Indicator, IndicatorSettings, select_by_indicator};
use crate::search::multi::{Algorithm, Individual, Variation};

pub(super) const ENTRY: Entry = Entry {
    name: "ibea",
    about: "what loses least of a quality indicator when it dies, dies first: additive epsilon or hypervolume",
    source: "Zitzler & Künzli, PPSN VIII, 2004",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| Ibea::new(cells, options)),
};

/// The options of IBEA, by default those of the paper.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of individuals, and of children of a generation.
    pub population_size: usize,
    /// The quality indicator.
    pub indicator: Indicator,
    /// The scale of the indicator's values, as a fraction of the greatest of them.
    pub kappa: f64,
    /// The bound of the hypervolume in each objective, where the population goes from 0 to 1.
    pub reference: f64,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, indicator: Indicator::AdditiveEpsilon, kappa: 0.05, reference: 2.0, remove_duplicates: true }
    }
}

impl Options {
    const fn settings(&self) -> IndicatorSettings {
        IndicatorSettings { indicator: self.indicator, kappa: self.kappa, reference: self.reference }
    }
}

/// IBEA, the adaptive version: objectives and indicator values are scaled to their ranges.
///
/// # Source
///
/// Zitzler & Künzli, "Indicator-based selection in multiobjective search", PPSN VIII, 2004.
#[derive(Debug)]
pub(crate) struct Ibea<V: Variation> {
    variation: V,
    options: Options,
    population: Vec<Individual<V::Solution>>,
    fitness: Vec<f64>,
}

impl<V: Variation> Ibea<V> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, options: Options) -> Result<Self, Error> {
        let Options { population_size, kappa, reference, .. } = options;
        check_size(ENTRY.name, "population_size", population_size)?;
        check_option(ENTRY.name, "kappa", &kappa, kappa.is_finite() && kappa > 0.0, "more than 0")?;
        check_option(ENTRY.name, "reference", &reference, reference.is_finite() && reference >= 1.0, "at least 1")?;
        Ok(Self { variation, options, population: Vec::new(), fitness: Vec::new() })
    }
}

impl<V: Variation> Algorithm<V::Solution> for Ibea<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let size = (self.options.population_size, self.options.remove_duplicates);
        let violation = |index: usize| self.population[index].violation;
        offspring(&self.variation, &self.population, size, rng, |rng| {
            tournament(self.population.len(), rng, |one, other| {
                let by_violation = violation(one).total_cmp(&violation(other));
                by_violation.then(self.fitness[other].total_cmp(&self.fitness[one]))
            })
        })
    }

    fn select(&mut self, mut measured: Vec<Individual<V::Solution>>, _: &mut SearchRng) {
        measured.append(&mut self.population);
        self.population = select_by_indicator(measured, self.options.population_size, self.options.settings());
        self.fitness = Fitness::new(&self.population, self.options.settings()).values().to_vec();
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        &self.population
    }
}
