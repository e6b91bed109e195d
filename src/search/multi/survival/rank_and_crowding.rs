//! Survival by non-dominated fronts, and within the last of them by the crowding distance.

use std::cmp::Ordering;

use super::select_feasible_first;
use crate::search::multi::Individual;
use crate::search::multi::front::{crowding, fronts};

/// How an individual compares to the others of its population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The sum of its constraint violations.
    pub(crate) violation: f64,
    /// The index of its front.
    pub(crate) rank: usize,
    /// The crowding distance within the front.
    pub(crate) crowding: f64,
}

impl Standing {
    /// Orders standings, the better first: the smaller violation, then the better front, then the larger distance.
    ///
    /// # Source
    ///
    /// Deb, Pratap, Agarwal & Meyarivan, IEEE TEC 6(2), 2002, sections III.B and VI.A.
    #[must_use]
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let by_violation = self.violation.total_cmp(&other.violation);
        by_violation.then(self.rank.cmp(&other.rank)).then(other.crowding.total_cmp(&self.crowding))
    }
}

/// Returns the standing of each individual, in the order of the population.
#[must_use]
pub(crate) fn standings<S>(population: &[Individual<S>]) -> Vec<Standing> {
    let mut standings: Vec<_> =
        population.iter().map(|one| Standing { violation: one.violation, rank: 0, crowding: 0.0 }).collect();
    for (rank, front) in fronts(population).iter().enumerate() {
        for (index, crowding) in front.iter().zip(crowding_of(population, front)) {
            standings[*index] = Standing { rank, crowding, ..standings[*index] };
        }
    }
    standings
}

/// Keeps the best fronts; of the first that does not fit as a whole, those with the largest crowding distances.
///
/// # Source
///
/// Deb, Pratap, Agarwal & Meyarivan, IEEE TEC 6(2), 2002, section III.C.
#[must_use]
pub(crate) fn select_by_rank_and_crowding<S>(population: Vec<Individual<S>>, keep: usize) -> Vec<Individual<S>> {
    select_feasible_first(population, keep, |feasible| {
        let mut chosen = Vec::with_capacity(keep);
        for front in fronts(feasible) {
            let room = keep - chosen.len();
            if front.len() <= room {
                chosen.extend(front);
                continue;
            }
            let mut crowded: Vec<_> = crowding_of(feasible, &front).into_iter().zip(front).collect();
            crowded.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            chosen.extend(crowded[..room].iter().map(|(_, index)| *index));
            break;
        }
        chosen
    })
}

fn crowding_of<S>(population: &[Individual<S>], front: &[usize]) -> Vec<f64> {
    let points: Vec<&[f64]> = front.iter().map(|index| population[*index].as_ref()).collect();
    crowding(&points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_front_keeps_its_least_crowded_ones() {
        let points = [[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5], [6.0, 6.0]];
        let population: Vec<_> =
            points.iter().enumerate().map(|(name, point)| Individual::feasible(name, point.to_vec())).collect();
        let kept = |keep| -> Vec<usize> {
            select_by_rank_and_crowding(population.clone(), keep).iter().map(|one| one.solution).collect()
        };
        assert_eq!(kept(5), [0, 1, 2, 3, 4]);
        // The distances are infinite, 1.056, 0.944, 0.944, infinite.
        assert_eq!(kept(3), [0, 4, 1]);
    }

    #[test]
    fn the_feasible_survive_before_the_others() {
        let point = |solution: usize, violation: f64| Individual { solution, objectives: vec![-violation, 0.0], violation };
        let population = vec![point(0, 2.0), point(1, 0.0), point(2, 1.0), point(3, 3.0)];
        let kept: Vec<_> = select_by_rank_and_crowding(population, 3).iter().map(|one| one.solution).collect();
        assert_eq!(kept, [1, 2, 0]);
    }
}
