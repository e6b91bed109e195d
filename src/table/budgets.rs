//! Rank correlations between a smaller and a larger budget.

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
