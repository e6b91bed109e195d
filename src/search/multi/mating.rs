//! How parents are chosen, and children that are not copies.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::search::SearchRng;
use rand::RngExt as _;

use crate::search::multi::{Individual, Variation};

/// How many times a copy is bred again, and then how many times a solution is drawn instead.
const ATTEMPTS: usize = 100;

/// Returns the index of the better of two that are drawn at random out of `n`; of equals the one that was drawn first.
///
/// # Panics
///
/// If `n` is 0.
pub(crate) fn tournament(n: usize, rng: &mut SearchRng, compare: impl Fn(usize, usize) -> Ordering) -> usize {
    let one = rng.random_range(0..n);
    let other = rng.random_range(0..n);
    if compare(other, one) == Ordering::Less { other } else { one }
}

/// Returns an index with a chance in proportion to its weight.
///
/// # Panics
///
/// If there are no weights.
pub(crate) fn roulette(weights: &[f64], rng: &mut SearchRng) -> usize {
    let mut left = rng.random_range(0.0..1.0) * weights.iter().sum::<f64>();
    let last = weights.len().checked_sub(1).expect("a roulette has fields");
    for (index, weight) in weights[..last].iter().enumerate() {
        if left < *weight {
            return index;
        }
        left -= weight;
    }
    last
}

/// The solutions that need not be measured again.
#[derive(Debug)]
pub(crate) struct Known {
    keys: HashSet<u64>,
    is_used: bool,
}

impl Known {
    /// Without `is_used`, every solution counts as new.
    pub(crate) fn new(keys: impl IntoIterator<Item = u64>, is_used: bool) -> Self {
        Self { keys: if is_used { keys.into_iter().collect() } else { HashSet::new() }, is_used }
    }

    pub(crate) fn of<V: Variation>(variation: &V, population: &[Individual<V::Solution>], is_used: bool) -> Self {
        Self::new(population.iter().map(|individual| variation.key(&individual.solution)), is_used)
    }

    /// Notes a solution; returns whether it is new.
    pub(crate) fn insert<V: Variation>(&mut self, variation: &V, solution: &V::Solution) -> bool {
        !self.is_used || self.keys.insert(variation.key(solution))
    }

    /// Breeds until the child is new, then draws until it is; where nearly all of a space is known, the last draw is a copy.
    pub(crate) fn breed_new<V: Variation>(
        &mut self,
        variation: &V,
        rng: &mut SearchRng,
        mut breed: impl FnMut(&mut SearchRng) -> V::Solution,
    ) -> V::Solution {
        for _ in 0..ATTEMPTS {
            let child = breed(rng);
            if self.insert(variation, &child) {
                return child;
            }
        }
        self.draw_new(variation, rng)
    }

    /// Draws until the solution is new; where nearly all of a space is known, the last draw is a copy.
    pub(crate) fn draw_new<V: Variation>(&mut self, variation: &V, rng: &mut SearchRng) -> V::Solution {
        for _ in 0..ATTEMPTS {
            let solution = variation.draw(rng);
            if self.insert(variation, &solution) {
                return solution;
            }
        }
        variation.draw(rng)
    }
}

/// Breeds the children of a population; the first generation is drawn.
///
/// With `remove_duplicates`, no child is a copy of another or of one of the population.
pub(crate) fn offspring<V: Variation>(
    variation: &V,
    population: &[Individual<V::Solution>],
    (count, remove_duplicates): (usize, bool),
    rng: &mut SearchRng,
    parent: impl Fn(&mut SearchRng) -> usize,
) -> Vec<V::Solution> {
    let mut known = Known::of(variation, population, remove_duplicates);
    let mut child = |rng: &mut SearchRng| {
        if population.is_empty() {
            return known.draw_new(variation, rng);
        }
        known.breed_new(variation, rng, |rng| {
            let parents = [(); 2].map(|()| &population[parent(rng)].solution);
            variation.breed(parents, rng)
        })
    };
    (0..count).map(|_| child(rng)).collect()
}
