//! A solution and what was measured of it.

use std::borrow::Borrow;

use crate::search::multi::front::dominates;

/// A solution and what was measured of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Individual<S> {
    /// The solution.
    pub(crate) solution: S,
    /// Its objectives, all finite and all minimised.
    pub(crate) objectives: Vec<f64>,
    /// The sum of its constraint violations; 0 if it is feasible.
    pub(crate) violation: f64,
}

impl<S> AsRef<[f64]> for Individual<S> {
    fn as_ref(&self) -> &[f64] {
        &self.objectives
    }
}

impl<S> Individual<S> {
    /// Creates a feasible individual.
    #[cfg(test)]
    pub(crate) const fn feasible(solution: S, objectives: Vec<f64>) -> Self {
        Self { solution, objectives, violation: 0.0 }
    }

    /// Returns whether no constraint is violated.
    #[must_use]
    pub(crate) fn is_feasible(&self) -> bool {
        self.violation <= 0.0
    }

    /// Returns whether it constraint-dominates another individual.
    ///
    /// The one with the smaller violation does, and between equal violations the one that dominates in the objectives. So a
    /// feasible individual dominates every infeasible one.
    ///
    /// # Source
    ///
    /// Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002,
    /// section VI.A. There an infeasible one dominates by its violation alone, also where that is equal.
    #[must_use]
    pub(crate) fn dominates(&self, other: &Self) -> bool {
        match self.violation.total_cmp(&other.violation) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => dominates(&self.objectives, &other.objectives),
            std::cmp::Ordering::Greater => false,
        }
    }
}

/// Returns the rank of each individual of a population: 1 + the number of those that dominate it.
///
/// # Shapes
///
/// Returns `[population.len()]`, in the order of the population.
///
/// # Source
///
/// Fonseca & Fleming, "Genetic algorithms for multiobjective optimization", ICGA 1993, section 3.
#[must_use]
pub(crate) fn domination_ranks<S, I: Borrow<Individual<S>>>(population: &[I]) -> Vec<usize> {
    let dominators = |one: &Individual<S>| population.iter().filter(|other| (*other).borrow().dominates(one)).count();
    population.iter().map(|individual| 1 + dominators(individual.borrow())).collect()
}

/// Takes the individuals at some indices out of a population, in the order of the indices, which differ from each other.
pub(crate) fn pick<S>(population: Vec<Individual<S>>, indices: &[usize]) -> Vec<Individual<S>> {
    let mut slots: Vec<_> = population.into_iter().map(Some).collect();
    indices.iter().filter_map(|index| slots[*index].take()).collect()
}

/// The least and the greatest value of each objective.
///
/// # Shapes
///
/// Both are `[objectives]`; empty if there are no points.
pub(crate) fn bounds<P: AsRef<[f64]>>(points: &[P]) -> (Vec<f64>, Vec<f64>) {
    let Some(first) = points.first() else { return (Vec::new(), Vec::new()) };
    let (mut least, mut greatest) = (first.as_ref().to_vec(), first.as_ref().to_vec());
    for point in points {
        for (objective, value) in point.as_ref().iter().enumerate() {
            least[objective] = least[objective].min(*value);
            greatest[objective] = greatest[objective].max(*value);
        }
    }
    (least, greatest)
}

/// Scales points so that each objective goes from 0 to 1; an objective that all have in common becomes 0.
///
/// # Shapes
///
/// Returns `[points.len()][objectives]`.
pub(crate) fn normalised<P: AsRef<[f64]>>(points: &[P]) -> Vec<Vec<f64>> {
    let (least, greatest) = bounds(points);
    let scale = |(objective, value): (usize, &f64)| {
        let range = greatest[objective] - least[objective];
        if range > 0.0 { (value - least[objective]) / range } else { 0.0 }
    };
    points.iter().map(|point| point.as_ref().iter().enumerate().map(scale).collect()).collect()
}

/// The Euclidean distance of two points.
pub(crate) fn distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_violation_dominates_before_the_objectives_do() {
        let feasible = Individual::feasible((), vec![9.0, 9.0]);
        let slight = Individual { solution: (), objectives: vec![1.0, 1.0], violation: 0.1 };
        let gross = Individual { violation: 2.0, objectives: vec![0.0, 0.0], ..slight };
        assert!(feasible.dominates(&slight) && slight.dominates(&gross) && !gross.dominates(&feasible));
        assert!(!slight.dominates(&slight));
    }

    #[test]
    fn a_rank_counts_the_dominators() {
        let points = [[1.0, 5.0], [2.0, 3.0], [2.0, 4.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0], [2.0, 3.0]];
        let population: Vec<_> = points.iter().map(|point| Individual::feasible((), point.to_vec())).collect();
        // By hand: (2, 4) is dominated by both (2, 3); (4, 4) by those, (2, 4) and (3, 3); (5, 5) by all others.
        assert_eq!(domination_ranks(&population), [1, 1, 3, 3, 5, 7, 1]);
    }
}
