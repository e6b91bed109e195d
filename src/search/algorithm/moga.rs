//! MOGA: fitness by the number of dominators, shared among individuals that are near each other.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, defaults_of};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

use crate::search::multi::individual::{distance, normalised};
use crate::search::multi::mating::offspring;
use crate::search::multi::options::check_size;
use crate::search::multi::{Algorithm, Individual, Variation, count, domination_ranks};

pub(super) const ENTRY: Entry = Entry {
    name: "moga",
    about: "fitness by the number of dominators, shared among those that lie near each other",
    source: "Fonseca & Fleming, ICGA 1993",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| Moga::new(cells, options)),
};

/// The options of MOGA.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of individuals of a generation.
    pub population_size: usize,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, remove_duplicates: true }
    }
}

/// MOGA. The children replace their parents: it is not elitist.
///
/// # Source
///
/// Fonseca & Fleming, "Genetic algorithms for multiobjective optimization: formulation, discussion and generalization", ICGA
/// 1993. The sharing is in the objectives, divided by their range in the population.
#[derive(Debug)]
pub(crate) struct Moga<V: Variation> {
    variation: V,
    options: Options,
    population: Vec<Individual<V::Solution>>,
}

impl<V: Variation> Moga<V> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "population_size", options.population_size)?;
        Ok(Self { variation, options, population: Vec::new() })
    }
}

impl<V: Variation> Algorithm<V::Solution> for Moga<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let size = (self.options.population_size, self.options.remove_duplicates);
        let fitness = shared_fitness(&self.population);
        let parents = RefCell::new(Vec::new());
        offspring(&self.variation, &self.population, size, rng, |rng| {
            let mut parents = parents.borrow_mut();
            if parents.is_empty() {
                *parents = universal_sampling(&fitness, 2 * self.options.population_size, rng);
            }
            parents.pop().expect("a sample has two parents for each child")
        })
    }

    fn select(&mut self, measured: Vec<Individual<V::Solution>>, _: &mut SearchRng) {
        self.population = measured;
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        &self.population
    }
}

/// The fitness of each individual: linear in its place by rank, the mean of all of its rank, divided among those nearby.
///
/// The fitness of all of a rank together stays the same when it is shared.
fn shared_fitness<S>(population: &[Individual<S>]) -> Vec<f64> {
    let n = population.len();
    let ranks = domination_ranks(population);
    let points = normalised(population);
    let radius = sharing_radius(n, points.first().map_or(0, Vec::len));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|index| ranks[*index]);
    let mut fitness = vec![0.0; n];
    let mut better = 0;
    for group in order.chunk_by(|one, other| ranks[*one] == ranks[*other]) {
        // The individual at the place i has the fitness n − i.
        let average = count(n - better) - count(group.len() - 1) / 2.0;
        better += group.len();
        let near = |one: usize| -> f64 {
            let closeness = |other: &usize| (1.0 - distance(&points[one], &points[*other]) / radius).max(0.0);
            group.iter().map(closeness).sum()
        };
        let shares: Vec<f64> = group.iter().map(|index| 1.0 / near(*index)).collect();
        let total = average * count(group.len()) / shares.iter().sum::<f64>();
        for (index, share) in group.iter().zip(shares) {
            fitness[*index] = share * total;
        }
    }
    fitness
}

/// The radius at which `n` niches cover the largest front in objectives that go from 0 to 1.
///
/// It solves n σ^(m − 1) = ((1 + σ)^m − 1) / σ; with two objectives σ = 2 / (n − 1).
///
/// # Source
///
/// Fonseca & Fleming, ICGA 1993, section 4.
fn sharing_radius(n: usize, objectives: usize) -> f64 {
    if objectives < 2 || n < 3 {
        return 1.0;
    }
    let grown = |radius: f64, times: usize| (0..times).fold(1.0, |power, _| power * (1.0 + radius));
    let power = |radius: f64| (0..objectives).fold(1.0, |power, _| power * radius);
    let (mut low, mut high) = (0.0, 2.0);
    for _ in 0..60 {
        let radius = f64::midpoint(low, high);
        if count(n) * power(radius) < grown(radius, objectives) - 1.0 { low = radius } else { high = radius }
    }
    f64::midpoint(low, high)
}

/// Draws indices whose numbers are in proportion to their fitness, up to rounding; in random order.
///
/// # Source
///
/// Baker, "Reducing bias and inefficiency in the selection algorithm", ICGA 1987.
fn universal_sampling(fitness: &[f64], draws: usize, rng: &mut SearchRng) -> Vec<usize> {
    let step = fitness.iter().sum::<f64>() / count(draws);
    let mut pointer = rng.random_range(0.0..1.0) * step;
    let (mut index, mut below) = (0, fitness[0]);
    let mut chosen = Vec::with_capacity(draws);
    for _ in 0..draws {
        while below < pointer && index + 1 < fitness.len() {
            index += 1;
            below += fitness[index];
        }
        chosen.push(index);
        pointer += step;
    }
    chosen.shuffle(rng);
    chosen
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn population(points: &[[f64; 2]]) -> Vec<Individual<()>> {
        points.iter().map(|point| Individual::feasible((), point.to_vec())).collect()
    }

    #[test]
    fn the_radius_is_that_of_the_formula() {
        assert!((sharing_radius(100, 2) - 2.0 / 99.0).abs() < 1e-12);
        let radius = sharing_radius(50, 3);
        assert!((50.0 * radius.powi(3) - ((1.0 + radius).powi(3) - 1.0)).abs() < 1e-9);
    }

    #[test]
    fn the_fitness_is_that_by_hand() {
        // Ranks 1, 1, 1, 4: the first three share the places with the fitness 4, 3, 2 evenly, as they are far apart.
        let fitness = shared_fitness(&population(&[[0.0, 2.0], [1.0, 1.0], [2.0, 0.0], [3.0, 3.0]]));
        // σ = 2/3, and the neighbours' distance is √2/3 in objectives of the range 3: closeness 1 − √2/2.
        let closeness = 1.0 - 0.5_f64.sqrt();
        let shares = [1.0 / (1.0 + closeness), 1.0 / (1.0 + 2.0 * closeness), 1.0 / (1.0 + closeness)];
        let total: f64 = shares.iter().sum();
        for (found, share) in fitness.iter().zip(shares) {
            assert!((found - 9.0 * share / total).abs() < 1e-12, "{found}");
        }
        assert!((fitness[3] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn universal_sampling_draws_in_proportion() {
        let mut rng = SearchRng::seed_from_u64(1);
        let drawn = universal_sampling(&[1.0, 2.0, 5.0], 80, &mut rng);
        let counts = [0, 1, 2].map(|index| drawn.iter().filter(|other| **other == index).count());
        assert_eq!(counts, [10, 20, 50]);
    }
}
