//! The ε-constraint method: the first objective under a bound on each other one. It finds all of a front, whatever its shape.

use serde::{Deserialize, Serialize};

use crate::search::scalarised::{Common, Scalarisation, Scalarised};
use crate::search::{Entry, Error, Setup, check_option, defaults_of};
use crate::space::{Mutation, Sampler};

pub(super) const ENTRY: Entry = Entry {
    name: "epsilon-constraint",
    about: "mutates what has the best first objective under bounds on the others, which go through the range of the \
            front so far",
    source: "Haimes, Lasdon & Wismer, IEEE Transactions on Systems, Man, and Cybernetics 1(3), 1971",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

/// The options of `epsilon-constraint`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The bounds of each objective, from its best value on the front so far to its worst.
    pub levels: usize,
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
        Self { levels: 10, startup, tournament_size, sampler, mutation }
    }
}

#[derive(Debug)]
struct EpsilonConstraint {
    levels: usize,
    /// The objectives that have bounds: all but the first.
    bounded: u32,
}

impl Scalarisation for EpsilonConstraint {
    fn problems(&self) -> usize {
        self.levels.pow(self.bounded)
    }

    fn key(&self, problem: usize, scaled: &[f64]) -> Vec<f64> {
        let Some((first, others)) = scaled.split_first() else { return Vec::new() };
        // The digits of the problem's number are the levels of the bounds.
        let mut rest = problem;
        let mut violation = 0.0;
        for value in others {
            #[expect(clippy::cast_precision_loss, reason = "a few levels")]
            let bound = (rest % self.levels) as f64 / (self.levels - 1).max(1) as f64;
            rest /= self.levels;
            violation += (value - bound).max(0.0);
        }
        // The others at the end: of cells with one first value, what another one dominates is no solution.
        [violation, *first].into_iter().chain(others.iter().copied()).collect()
    }
}

/// The maximum number of problems: one mutant of each is made at once.
const MOST_PROBLEMS: usize = 10_000;

fn build(setup: &Setup) -> Result<Scalarised<EpsilonConstraint>, Error> {
    let Options { levels, startup, tournament_size, sampler, mutation } = setup.options(ENTRY.name)?;
    let bounded = u32::try_from(setup.goals.objectives().len() - 1).unwrap_or(u32::MAX);
    let is_few = levels > 0 && levels.checked_pow(bounded).is_some_and(|problems| problems <= MOST_PROBLEMS);
    check_option(ENTRY.name, "levels", &levels, is_few, "at least 1, and no more than 10000 problems for all objectives")?;
    let common = Common { startup, tournament_size, sampler, mutation };
    Scalarised::new(ENTRY.name, setup, common, EpsilonConstraint { levels, bounded })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::scalarised::tests::{Bundled, bundled, solved};

    #[test]
    fn the_bounds_of_the_problems_go_through_the_range() {
        let method = EpsilonConstraint { levels: 3, bounded: 2 };
        assert_eq!(method.problems(), 9);
        // Bounds 0.5 and 1 are those of problem 1 + 2 · 3.
        let key = |problem, values: [f64; 3]| method.key(problem, &values);
        assert_eq!(key(7, [0.25, 0.5, 1.0]), [0.0, 0.25, 0.5, 1.0]);
        assert_eq!(key(7, [0.25, 0.75, 1.5])[..2], [0.75, 0.25]);
        assert_eq!(key(0, [0.25, 0.75, 1.5])[..2], [2.25, 0.25]);
    }

    #[test]
    fn solved_exactly_it_finds_the_whole_front_of_the_bundled_table() {
        let Bundled { points, front, ranges } = bundled();
        // A bound for each number of parameters.
        let method = EpsilonConstraint { levels: ranges[1] + 1, bounded: 1 };
        assert_eq!(solved(&method, &points), front);
    }
}
