//! PESA-II: parents are taken from the boxes of the archive's grid that hold few individuals.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{offspring, tournament};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::GridArchive;
use crate::search::multi::{Algorithm, Individual, Variation};

pub(super) const ENTRY: Entry = Entry {
    name: "pesa-2",
    about: "an archive in a grid; parents are of boxes with few others",
    source: "Corne, Jerram, Knowles & Oates, GECCO 2001",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| Pesa2::new(cells, options)),
};

/// The options of PESA-II, by default those of Platypus.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of children of a generation.
    pub population_size: usize,
    /// Number of individuals that the archive keeps.
    pub archive_size: usize,
    /// Number of divisions of each objective's range.
    pub divisions: usize,
    /// Whether a child that equals another individual is bred again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 100, archive_size: 100, divisions: 8, remove_duplicates: true }
    }
}

/// PESA-II.
///
/// # Source
///
/// Corne, Jerram, Knowles & Oates, "PESA-II: region-based selection in evolutionary multiobjective optimization", GECCO 2001.
#[derive(Debug)]
pub(crate) struct Pesa2<V: Variation> {
    variation: V,
    options: Options,
    archive: GridArchive<V::Solution>,
}

impl<V: Variation> Pesa2<V> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(variation: V, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "population_size", options.population_size)?;
        check_size(ENTRY.name, "archive_size", options.archive_size)?;
        check_option(ENTRY.name, "divisions", &options.divisions, options.divisions > 0, "at least 1")?;
        let archive = GridArchive::new(options.archive_size, options.divisions);
        Ok(Self { variation, options, archive })
    }
}

impl<V: Variation> Algorithm<V::Solution> for Pesa2<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        let size = (self.options.population_size, self.options.remove_duplicates);
        let boxes = self.archive.boxes();
        offspring(&self.variation, self.archive.members(), size, rng, |rng| choose_parent(&boxes, rng))
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

/// Returns the index of a random individual of the emptier of two random boxes: boxes compete, not individuals.
fn choose_parent(boxes: &[Vec<usize>], rng: &mut SearchRng) -> usize {
    let chosen = tournament(boxes.len(), rng, |one, other| boxes[one].len().cmp(&boxes[other].len()));
    boxes[chosen][rng.random_range(0..boxes[chosen].len())]
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_parent_is_from_the_emptier_of_two_boxes() {
        let mut rng = SearchRng::seed_from_u64(1);
        let boxes = [(1..10).collect(), vec![0]];
        let lone = (0..2_000).filter(|_| choose_parent(&boxes, &mut rng) == 0).count();
        // It wins unless the other box is drawn twice.
        assert!((1_440..1_560).contains(&lone), "{lone}");
    }
}
