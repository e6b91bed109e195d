//! Rank correlations between a smaller and a larger budget.

use rayon::prelude::*;
use serde::Serialize;

use crate::statistics::RankCorrelation;
use crate::unit::Epochs;

/// How well a smaller budget ranks the cells of a larger one, as a search of several budgets meets it: one training of each cell against
/// the mean of its trainings at the larger budget, by final validation accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BetweenBudgets {
    /// The smaller budget, which is to tell the other.
    pub smaller: Epochs,
    /// The larger budget.
    pub larger: Epochs,
    /// How well it does.
    #[serde(flatten)]
    pub correlation: RankCorrelation,
}

/// What cells reach at a budget. All budgets have the cells in one order; NaN where a cell was not trained.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) epochs: Epochs,
    /// One training of each cell.
    pub(crate) one: Vec<f64>,
    /// The mean of each cell.
    pub(crate) mean: Vec<f64>,
}

impl BetweenBudgets {
    /// Each smaller budget against each larger one, of budgets in ascending order.
    pub(crate) fn all(budgets: &[Reached]) -> Vec<Self> {
        let pairs: Vec<_> = (0..budgets.len()).flat_map(|larger| (0..larger).map(move |smaller| (smaller, larger))).collect();
        let of = |(smaller, larger): (usize, usize)| {
            let (smaller, larger) = (&budgets[smaller], &budgets[larger]);
            let correlation = RankCorrelation::new(&smaller.one, &larger.mean);
            Self { smaller: smaller.epochs, larger: larger.epochs, correlation }
        };
        pairs.into_par_iter().map(of).collect()
    }
}
