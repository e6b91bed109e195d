//! The mean of a random forest and of gradient boosting, which knows where it is uncertain.
//!
//! Over all cells boosting alone ranks better (on published records of NAS-Bench-101 by .006 to .012 of Kendall's τ from 100 to
//! 4,236 cells), among the best tenth of them the mean of both does (by .004 to .017). `nasbench assess` measures either.

use serde::{Deserialize, Serialize};

use super::boosting::Boosting;
use super::entry::restore;
use super::forest::Forest;
use super::{Entry, Error, Prediction, Rows, Surrogate};
use crate::unit::Seed;

/// The ensemble of the list: half of each. The parts are those of [`forest`](super::forest) and
/// [`boosting`](super::boosting) with their parameters.
pub(super) const ENTRY: Entry = Entry {
    name: "ensemble",
    about: "the mean of `random-forest` and `gradient-boosting`; the spread is that of both together",
    source: "Breiman, Stacked regressions, 1996, with equal weights",
    most_rows: None,
    fit: |rows, targets, seed| Ok(Box::new(Ensemble::fit(rows, targets, seed)?)),
    restore: restore::<Ensemble>,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ensemble {
    forest: Forest,
    boosting: Boosting,
}

impl Ensemble {
    fn fit(rows: &Rows, targets: &[f32], seed: Seed) -> Result<Self, Error> {
        let (forest, boosting) = rayon::join(|| Forest::fit(rows, targets, seed), || Boosting::fit(rows, targets, seed));
        Ok(Self { forest: forest?, boosting })
    }
}

impl Surrogate for Ensemble {
    fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        let (forest, boosting) = (self.forest.predict(rows)?, self.boosting.predict(rows)?);
        Ok(forest.into_iter().zip(boosting).map(|(forest, boosting)| mixed(forest, boosting)).collect())
    }

    fn shapley(&self, row: &[f32], background: &Rows) -> Result<Option<Vec<f64>>, Error> {
        let parts = (self.forest.shapley(row, background)?, self.boosting.shapley(row, background)?);
        let (Some(forest), Some(boosting)) = parts else { return Ok(None) };
        Ok(Some(forest.into_iter().zip(boosting).map(|(forest, boosting)| f64::midpoint(forest, boosting)).collect()))
    }

    fn parameters(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.forest.0.width() == self.boosting.trees.width() {
            Ok(())
        } else {
            Err("the two parts are of rows of different widths")
        }
    }
}

/// The mean, and the standard deviation of a number that is from one part or from the other with equal chances.
fn mixed(forest: Prediction, boosting: Prediction) -> Prediction {
    let half_apart = (forest.mean - boosting.mean) / 2.0;
    let std = forest.std.unwrap_or_default();
    Prediction { mean: f32::midpoint(forest.mean, boosting.mean), std: Some((std * std / 2.0 + half_apart * half_apart).sqrt()) }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::super::tests::synthetic;
    use super::*;

    #[test]
    fn an_ensemble_is_the_mean_of_its_parts() {
        let (rows, targets) = synthetic(80, Seed(1));
        let predict = |name| find(name).unwrap().fit(&rows, &targets, Seed(2)).unwrap().predict(&rows).unwrap();
        let (forest, boosting) = (predict("random-forest"), predict("gradient-boosting"));
        for ((both, forest), boosting) in predict("ensemble").into_iter().zip(forest).zip(boosting) {
            assert!((2.0 * both.mean - forest.mean - boosting.mean).abs() < 1e-5);
            assert!(both.std.unwrap() >= (forest.mean - boosting.mean).abs() / 2.0);
        }
    }

    #[test]
    fn parts_that_disagree_are_uncertain_though_each_is_sure() {
        let part = |mean, std| Prediction { mean, std };
        assert_eq!(mixed(part(0.2, Some(0.0)), part(0.4, None)).std, Some(0.1));
    }
}
