//! An archive of non-dominated individuals that a grid in the objectives keeps apart.

use crate::search::SearchRng;
use rand::RngExt as _;

use crate::search::multi::individual::bounds;
use crate::search::multi::{Individual, count};

/// Mutually non-dominated individuals, at most `capacity`. Of equal objectives only the first one is kept.
///
/// # Source
///
/// Knowles & Corne, "Approximating the nondominated front using the Pareto archived evolution strategy", Evolutionary
/// Computation 8(2), 2000. The grid spans the archive, as it is at each use of it.
#[derive(Clone, Debug)]
pub(crate) struct GridArchive<S> {
    capacity: usize,
    divisions: usize,
    members: Vec<Individual<S>>,
}

impl<S> GridArchive<S> {
    /// Creates an empty archive whose grid divides the range of each objective into `divisions` parts.
    #[must_use]
    pub(crate) const fn new(capacity: usize, divisions: usize) -> Self {
        Self { capacity, divisions, members: Vec::new() }
    }

    /// Creates an empty archive that keeps every non-dominated individual.
    #[must_use]
    pub(crate) const fn unlimited() -> Self {
        Self::new(usize::MAX, 1)
    }

    /// Returns the individuals.
    #[must_use]
    pub(crate) fn members(&self) -> &[Individual<S>] {
        &self.members
    }

    /// Adds an individual unless one of the archive is at least as good, and removes those that it dominates.
    ///
    /// If they are too many then, a random one of the boxes with the most individuals is removed.
    pub(crate) fn offer(&mut self, candidate: Individual<S>, rng: &mut SearchRng) {
        let is_equal = |one: &Individual<S>| one.objectives == candidate.objectives && one.violation <= candidate.violation;
        if self.members.iter().any(|member| member.dominates(&candidate) || is_equal(member)) {
            return;
        }
        self.members.retain(|member| !candidate.dominates(member));
        self.members.push(candidate);
        if self.members.len() > self.capacity {
            let boxes = self.boxes();
            let most = boxes.iter().map(Vec::len).max().unwrap_or_default();
            let crowded: Vec<usize> = boxes.into_iter().filter(|group| group.len() == most).flatten().collect();
            self.members.remove(crowded[rng.random_range(0..crowded.len())]);
        }
    }

    /// Returns the indices of the individuals in each box of the grid that is not empty.
    #[must_use]
    pub(crate) fn boxes(&self) -> Vec<Vec<usize>> {
        let (least, greatest) = bounds(&self.members);
        let mut places: Vec<(u64, usize)> =
            self.members.iter().enumerate().map(|(index, member)| (self.place(member, &least, &greatest), index)).collect();
        places.sort_unstable();
        let groups = places.chunk_by(|one, other| one.0 == other.0);
        groups.map(|group| group.iter().map(|(_, index)| *index).collect()).collect()
    }

    /// The number of the box of an individual.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a division is a small number")]
    fn place(&self, individual: &Individual<S>, least: &[f64], greatest: &[f64]) -> u64 {
        let mut place = 0_u64;
        for ((value, least), greatest) in individual.objectives.iter().zip(least).zip(greatest) {
            let range = greatest - least;
            let part = if range > 0.0 { (value - least) / range } else { 0.0 };
            let division = ((part * count(self.divisions)) as usize).min(self.divisions - 1);
            // The numbers of boxes of very many objectives wrap around; a few boxes count as one then.
            place = place.wrapping_mul(self.divisions as u64).wrapping_add(division as u64);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn an_archive_is_bounded_and_mutually_non_dominated() {
        let mut rng = SearchRng::seed_from_u64(1);
        let mut archive = GridArchive::new(20, 8);
        for solution in 0..2_000 {
            let (x, y) = (rng.random_range(0.0..1.0_f64), rng.random_range(0.0..1.0));
            archive.offer(Individual::feasible(solution, vec![x, (1.0 - x.sqrt()).max(0.0) + y * y]), &mut rng);
            let members = archive.members();
            assert!(members.len() <= 20);
            assert!(members.iter().all(|one| members.iter().all(|other| !one.dominates(other))));
        }
        assert_eq!(archive.members().len(), 20);
    }

    #[test]
    fn one_of_the_fullest_box_is_removed() {
        for seed in 0..20 {
            let mut rng = SearchRng::seed_from_u64(seed);
            let mut archive = GridArchive::new(5, 4);
            for x in [0.0, 0.3, 0.6, 0.85, 1.0, 0.92] {
                archive.offer(Individual::feasible((), vec![x, 1.0 - x]), &mut rng);
            }
            // The last box holds 0.85, 0.92 and 1; each other one holds one.
            let lone = archive.members().iter().filter(|member| member.objectives[0] < 0.7).count();
            assert_eq!(lone, 3);
            assert_eq!(archive.boxes().iter().map(Vec::len).max(), Some(2));
        }
    }

    #[test]
    fn equal_objectives_are_kept_once_and_the_infeasible_give_way() {
        let mut rng = SearchRng::seed_from_u64(1);
        let mut archive = GridArchive::unlimited();
        archive.offer(Individual { solution: 0, objectives: vec![0.0, 0.0], violation: 1.0 }, &mut rng);
        archive.offer(Individual::feasible(1, vec![1.0, 2.0]), &mut rng);
        archive.offer(Individual::feasible(2, vec![1.0, 2.0]), &mut rng);
        archive.offer(Individual::feasible(3, vec![2.0, 1.0]), &mut rng);
        let solutions: Vec<_> = archive.members().iter().map(|member| member.solution).collect();
        assert_eq!(solutions, [1, 3]);
    }
}
