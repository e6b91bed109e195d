//! The lexicographic order: the first objective decides, within a tolerance the next one. It looks for one point of a front.

use serde::{Deserialize, Serialize};

use crate::search::scalarised::{Common, Scalarisation, Scalarised};
use crate::search::{Entry, Error, Setup, check_option, defaults_of};
use crate::space::{Mutation, Sampler};

pub(super) const ENTRY: Entry = Entry {
    name: "lexicographic",
    about: "mutates what has the best first objective; of those within a tolerance what has the best second one, and so \
            on; looks for one point of a front",
    source: "Fishburn, Management Science 20(11), 1974",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

/// The options of `lexicographic`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How far from the best one values count as equal, as a part of the range of the front so far.
    pub tolerance: f64,
    /// Random cells to begin with.
    pub startup: usize,
    /// How many trials compete to be the parent of the next one.
    pub tournament_size: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// How a cell is changed.
    pub mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        let Common { startup, tournament_size, sampler, mutation } = Common::default();
        Self { tolerance: 0.05, startup, tournament_size, sampler, mutation }
    }
}

#[derive(Debug)]
struct Lexicographic {
    tolerance: f64,
}

impl Scalarisation for Lexicographic {
    fn problems(&self) -> usize {
        1
    }

    fn key(&self, _: usize, scaled: &[f64]) -> Vec<f64> {
        // The best value is 0, and all within the tolerance count as it; the values themselves decide among what is equal then.
        let rounded = scaled.iter().map(|value| if *value <= self.tolerance { 0.0 } else { *value });
        rounded.chain(scaled.iter().rev().copied()).collect()
    }
}

fn build(setup: &Setup) -> Result<Scalarised<Lexicographic>, Error> {
    let Options { tolerance, startup, tournament_size, sampler, mutation } = setup.options(ENTRY.name)?;
    check_option(ENTRY.name, "tolerance", &tolerance, tolerance >= 0.0, "0 or more")?;
    Scalarised::new(ENTRY.name, setup, Common { startup, tournament_size, sampler, mutation }, Lexicographic { tolerance })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tolerance_sorts_by_all_and_a_great_one_by_the_last() {
        let points = [[0.2, 0.0], [0.0, 0.9], [0.1, 0.1]];
        let order = |tolerance: f64| {
            let method = Lexicographic { tolerance };
            let mut order: Vec<_> = (0..3).collect();
            order.sort_by(|one, other| {
                let [one, other] = [one, other].map(|place: &usize| method.key(0, &points[*place]));
                one.partial_cmp(&other).unwrap()
            });
            order
        };
        assert_eq!((order(0.0), order(f64::INFINITY), order(0.1)), (vec![1, 2, 0], vec![0, 2, 1], vec![2, 1, 0]));
    }
}
