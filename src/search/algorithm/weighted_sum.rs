//! The weighted sum: problems whose weights are spread evenly. It finds those points of a front only that lie on its convex hull.

use serde::{Deserialize, Serialize};

use crate::front::{das_dennis, weighted_sum};
use crate::search::scalarised::{Common, Scalarisation, Scalarised};
use crate::search::{Entry, Error, Setup, check_option, defaults_of};
use crate::space::{Mutation, Sampler};

pub(super) const ENTRY: Entry = Entry {
    name: "weighted-sum",
    about: "mutates what is best by weighted sums, whose weights are spread evenly; finds the supported points of a \
            front only",
    source: "Zadeh, IEEE Transactions on Automatic Control 8(1), 1963; weights of Das & Dennis, SIAM Journal on Optimization 8(3), 1998",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(build(setup)?)),
};

/// The options of `weighted-sum`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The steps of each weight from 0 to 1.
    pub divisions: u32,
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
        Self { divisions: 10, startup, tournament_size, sampler, mutation }
    }
}

/// The weights of each problem.
#[derive(Debug)]
struct WeightedSum(Vec<Vec<f64>>);

impl Scalarisation for WeightedSum {
    fn problems(&self) -> usize {
        self.0.len()
    }

    fn key(&self, problem: usize, scaled: &[f64]) -> Vec<f64> {
        // Where nothing keeps the limits there is no scale.
        if scaled.is_empty() { Vec::new() } else { vec![weighted_sum(scaled, &self.0[problem])] }
    }
}

fn build(setup: &Setup) -> Result<Scalarised<WeightedSum>, Error> {
    let Options { divisions, startup, tournament_size, sampler, mutation } = setup.options(ENTRY.name)?;
    check_option(ENTRY.name, "divisions", &divisions, (1..=1_000).contains(&divisions), "1 to 1000")?;
    let weights = das_dennis(setup.goals.objectives().len(), divisions)
        .map_err(|source| Error::Searcher { algorithm: ENTRY.name.to_owned(), source: source.into() })?;
    Scalarised::new(ENTRY.name, setup, Common { startup, tournament_size, sampler, mutation }, WeightedSum(weights))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::front::supported;
    use crate::search::scalarised::tests::{Bundled, bundled, solved};

    #[test]
    fn solved_exactly_it_finds_supported_points_of_the_bundled_table_only() {
        let Bundled { points, front, .. } = bundled();
        let on_the_hull: BTreeSet<usize> = supported(&points).unwrap().into_iter().collect();
        assert!(on_the_hull.is_subset(&front) && on_the_hull.len() < front.len());
        // Without the ends of the simplex: a weight of 0 does not tell what differs in one objective alone.
        let mut weights = das_dennis(2, 2_000).unwrap();
        weights.retain(|weights| weights.iter().all(|weight| *weight > 0.0));
        let found = solved(&WeightedSum(weights), &points);
        assert!(found.is_subset(&on_the_hull), "{found:?} and {on_the_hull:?}");
        assert!(2 * found.len() > on_the_hull.len(), "{} of {}", found.len(), on_the_hull.len());
    }
}
