//! Random search: a baseline.

use crate::search::SearchRng;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::Known;
use crate::search::multi::survival::GridArchive;
use crate::search::multi::{Algorithm, Individual, Variation};

/// The options of random search.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Whether a solution that was drawn before is drawn again.
    pub(crate) remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { remove_duplicates: true }
    }
}

/// How many solutions are drawn at once. It changes nothing else.
const BATCH: usize = 100;

/// Random search. It keeps every non-dominated individual.
#[derive(Debug)]
pub(crate) struct Random<V: Variation> {
    variation: V,
    known: Known,
    archive: GridArchive<V::Solution>,
}

impl<V: Variation> Random<V> {
    /// Creates the algorithm.
    pub(crate) fn new(variation: V, options: &Options) -> Self {
        Self { variation, known: Known::new([], options.remove_duplicates), archive: GridArchive::unlimited() }
    }
}

impl<V: Variation> Algorithm<V::Solution> for Random<V> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<V::Solution> {
        (0..BATCH).map(|_| self.known.draw_new(&self.variation, rng)).collect()
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
