//! MOEA/D: one subproblem for each weight vector, and parents from subproblems nearby.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::front::{fronts, penalty_boundary_intersection, tchebycheff};
use crate::search::multi::individual::{bounds, distance};
use crate::search::multi::mating::Known;
use crate::search::multi::options::{check_probability, check_size};
use crate::search::multi::survival::even_directions;
use crate::search::multi::{Algorithm, Individual, Variation};

pub(super) const ENTRY: Entry = Entry {
    name: "moea-d",
    about: "one problem of a single number for each of many weights, whose neighbours share their parents and children",
    source: "Zhang & Li, IEEE TEC 11(6), 2007; neighbours 20 and rate 0.9 as in pymoo",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, MoeaD::new),
};

/// What a subproblem minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decomposition {
    /// The greatest weighted distance from the ideal point.
    Tchebycheff,
    /// The distance along the weight vector plus `theta` times that from it.
    PenaltyBoundaryIntersection,
}

/// The options of MOEA/D, by default those of pymoo, but for the normalisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The most subproblems: as many even weight vectors as fit.
    pub population_size: usize,
    /// T: number of subproblems that count as near, itself included.
    pub neighbours: usize,
    /// δ: the chance that both parents are from the neighbours, not from the whole population.
    pub neighbour_mating_rate: f64,
    /// What a subproblem minimises.
    pub decomposition: Decomposition,
    /// θ of the penalty boundary intersection.
    pub theta: f64,
    /// The most neighbours that a child replaces. The paper replaces all; Li & Zhang (IEEE TEC 13(2), 2009) at most 2.
    pub most_replaced: usize,
    /// Whether objectives are divided by their range on the front of the population, as objectives with different units need.
    pub normalise: bool,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            population_size: 100,
            neighbours: 20,
            neighbour_mating_rate: 0.9,
            decomposition: Decomposition::Tchebycheff,
            theta: 5.0,
            most_replaced: 20,
            normalise: true,
            remove_duplicates: true,
        }
    }
}

/// A weight of 0 would make a subproblem blind to an objective.
const LEAST_WEIGHT: f64 = 1e-6;

/// MOEA/D. A batch is one child, which replaces neighbours at once.
///
/// # Source
///
/// Zhang & Li, "MOEA/D: a multiobjective evolutionary algorithm based on decomposition", IEEE TEC 11(6), 2007; parents from the
/// whole population at times, and subproblems in random order: Li & Zhang, IEEE TEC 13(2), 2009. A smaller violation wins
/// before the subproblem's value does.
#[derive(Debug)]
pub(crate) struct MoeaD<V: Variation> {
    variation: V,
    options: Options,
    /// `[subproblems][objectives]`
    weights: Vec<Vec<f64>>,
    /// The nearest subproblems of each one, itself first.
    neighbours: Vec<Vec<usize>>,
    /// One individual for each subproblem, and its key.
    population: Vec<Individual<V::Solution>>,
    keys: Vec<u64>,
    ideal: Vec<f64>,
    /// What the objectives are divided by.
    ranges: Vec<f64>,
    /// The subproblems that are still to have a child in this generation; the last one has the next.
    order: Vec<usize>,
}

impl<V: Variation> MoeaD<V> {
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
        let mut weights = even_directions(objectives, size);
        let fits = (2..=weights.len()).contains(&options.neighbours);
        check_option(ENTRY.name, "neighbours", &options.neighbours, fits, "2 to the number of weight vectors")?;
        check_probability(ENTRY.name, "neighbour_mating_rate", options.neighbour_mating_rate)?;
        check_option(ENTRY.name, "theta", &options.theta, options.theta.is_finite() && options.theta >= 0.0, "at least 0")?;
        check_option(ENTRY.name, "most_replaced", &options.most_replaced, options.most_replaced > 0, "at least 1")?;
        for weight in weights.iter_mut().flatten() {
            *weight = weight.max(LEAST_WEIGHT);
        }
        let nearest = |one: &Vec<f64>| {
            let mut others: Vec<usize> = (0..weights.len()).collect();
            others.sort_by(|a, b| distance(one, &weights[*a]).total_cmp(&distance(one, &weights[*b])));
            others.truncate(options.neighbours);
            others
        };
        let neighbours = weights.iter().map(nearest).collect();
        let (ideal, ranges) = (vec![f64::INFINITY; objectives], vec![1.0; objectives]);
        let (population, keys, order) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { variation, options, weights, neighbours, population, keys, ideal, ranges, order })
    }

    /// The least value ever seen of each objective.
    #[cfg(test)]
    pub(crate) fn ideal(&self) -> &[f64] {
        &self.ideal
    }

    /// The subproblem whose child is bred next or being measured.
    fn subproblem(&self) -> usize {
        self.order.last().copied().expect("a subproblem is chosen before a child is bred")
    }

    /// The value of a subproblem for an individual.
    fn value(&self, subproblem: usize, individual: &Individual<V::Solution>) -> f64 {
        let distances = individual.objectives.iter().zip(&self.ideal).map(|(value, ideal)| value - ideal);
        let scaled: Vec<f64> = distances.zip(&self.ranges).map(|(value, range)| value / range).collect();
        let (weights, origin) = (&self.weights[subproblem], vec![0.0; scaled.len()]);
        match self.options.decomposition {
            Decomposition::Tchebycheff => tchebycheff(&scaled, weights, &origin),
            Decomposition::PenaltyBoundaryIntersection => {
                penalty_boundary_intersection(&scaled, weights, &origin, self.options.theta)
            }
        }
    }

    /// Divides objectives by their range on the front of the population, from now on.
    fn update_ranges(&mut self) {
        let front = fronts(&self.population).swap_remove(0);
        let points: Vec<&[f64]> = front.iter().map(|index| self.population[*index].as_ref()).collect();
        let (_, greatest) = bounds(&points);
        for (range, (greatest, ideal)) in self.ranges.iter_mut().zip(greatest.iter().zip(&self.ideal)) {
            // A front that is flat in an objective tells nothing of its range.
            if self.options.normalise && greatest > ideal {
                *range = greatest - ideal;
            }
        }
    }

    fn update_ideal(&mut self, individual: &Individual<V::Solution>) {
        for (ideal, value) in self.ideal.iter_mut().zip(&individual.objectives) {
            *ideal = ideal.min(*value);
        }
    }

    /// Puts a child in the place of the neighbours that it is better than.
    fn replace(&mut self, child: &Individual<V::Solution>, rng: &mut SearchRng) {
        let key = self.variation.key(&child.solution);
        let mut neighbours = self.neighbours[self.subproblem()].clone();
        if self.options.most_replaced < neighbours.len() {
            neighbours.shuffle(rng);
        }
        let mut replaced = 0;
        for subproblem in neighbours {
            let current = &self.population[subproblem];
            let by_value = || self.value(subproblem, child).total_cmp(&self.value(subproblem, current));
            if child.violation.total_cmp(&current.violation).then_with(by_value).is_lt() {
                self.population[subproblem] = child.clone();
                self.keys[subproblem] = key;
                replaced += 1;
                if replaced == self.options.most_replaced {
                    break;
                }
            }
        }
    }
}

impl<V: Variation> Algorithm<V::Solution> for MoeaD<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let mut known = Known::new(self.keys.iter().copied(), self.options.remove_duplicates);
        if self.population.is_empty() {
            return self.weights.iter().map(|_| known.draw_new(&self.variation, rng)).collect();
        }
        if self.order.is_empty() {
            self.update_ranges();
            self.order = (0..self.weights.len()).collect();
            self.order.shuffle(rng);
        }
        let everyone = self.population.len();
        let near = &self.neighbours[self.subproblem()];
        let child = known.breed_new(&self.variation, rng, |rng| {
            let is_near = rng.random_range(0.0..1.0) < self.options.neighbour_mating_rate;
            let n = if is_near { near.len() } else { everyone };
            // Two different ones.
            let one = rng.random_range(0..n);
            let other = (one + rng.random_range(1..n)) % n;
            let parents = [one, other].map(|index| if is_near { near[index] } else { index });
            self.variation.breed(parents.map(|index| &self.population[index].solution), rng)
        });
        vec![child]
    }

    fn select(&mut self, measured: Vec<Individual<V::Solution>>, rng: &mut SearchRng) {
        for individual in &measured {
            self.update_ideal(individual);
        }
        if self.population.is_empty() {
            self.keys = measured.iter().map(|individual| self.variation.key(&individual.solution)).collect();
            self.population = measured;
        } else {
            for child in &measured {
                self.replace(child, rng);
            }
            self.order.pop();
        }
    }

    fn population(&self) -> &[Individual<V::Solution>] {
        &self.population
    }
}
