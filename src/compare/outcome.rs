//! What a run came to, as it is kept.

use serde::{Deserialize, Serialize};

use super::Truth;
use crate::search::{History, Redraws, Trial};
use crate::table::Incumbent;
use crate::unit::Seconds;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) trials: u32,
    /// `None` of runs that an earlier version made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) distinct_cells: Option<u32>,
    pub(super) evaluations: f64,
    pub(super) time: Option<Seconds>,
    pub(super) steps: Vec<Incumbent>,
    pub(super) redraws: Redraws,
}

impl Outcome {
    /// Judges what a search did.
    pub(super) fn of(history: &History, truth: &impl Truth) -> Self {
        let spent: Vec<_> = history.spent().collect();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let step = |(position, trial): (usize, Trial)| Incumbent {
            trial: count(position + 1),
            evaluations: spent[position].0,
            time: spent[position].1,
            cell: trial.cell(),
            epochs: trial.proposal.epochs,
            validation_accuracy: trial.measurement.validation_accuracy,
            regret: truth.regret(&trial.proposal.cell),
        };
        let (evaluations, time) = spent.last().copied().unwrap_or_default();
        let steps = history.incumbents().into_iter().map(step).collect();
        let distinct_cells = Some(count(history.distinct_cells()));
        Self { trials: count(spent.len()), distinct_cells, evaluations, time, steps, redraws: history.redraws }
    }
}
