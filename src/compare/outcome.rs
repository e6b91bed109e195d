//! The outcome of a run, as it is logged.

use serde::{Deserialize, Serialize};

use super::{Error, GroundTruth};
use crate::search::{History, Redraws, Trial};
use crate::table::Incumbent;
use crate::unit::Seconds;

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The number of trials.
    pub trials: u32,
    /// The number of different cells among them; `None` if an earlier version made the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_cells: Option<u32>,
    /// The cost in full trainings, shorter ones counting by their epochs.
    pub evaluations: f64,
    /// The cost in simulated time; `None` if it is not known.
    pub time: Option<Seconds>,
    /// The incumbents, in order; never none.
    pub steps: Vec<Incumbent>,
    /// What was drawn outside the pool of a table that lacks cells, or was not to be asked for twice.
    pub redraws: Redraws,
}

impl Outcome {
    /// Judges a search by the ground truth.
    ///
    /// # Errors
    ///
    /// As [`ExactFront::steps`](super::ExactFront::steps), for several objectives.
    pub(super) fn new(history: &History, truth: &GroundTruth<'_>) -> Result<Self, Error> {
        let spent: Vec<_> = history.spent().collect();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let step = |(position, trial, regret): (usize, Trial, f64)| Incumbent {
            trial: count(position + 1),
            evaluations: spent[position].0,
            time: spent[position].1,
            cell: trial.cell(),
            epochs: trial.candidate.epochs,
            validation_accuracy: trial.measurement.validation_accuracy,
            regret,
        };
        let (evaluations, time) = spent.last().copied().unwrap_or_default();
        let incumbents: Vec<(usize, Trial, f64)> = if let Some(front) = &truth.front {
            front.steps(&history.trials)?.into_iter().map(|(at, lack)| (at, history.trials[at], lack)).collect()
        } else {
            let regret = |(at, trial): (usize, Trial)| (at, trial, truth.regret(&trial.candidate.architecture));
            history.incumbents().into_iter().map(regret).collect()
        };
        let steps = incumbents.into_iter().map(step).collect();
        let distinct_cells = Some(count(history.distinct_cells()));
        Ok(Self { trials: count(spent.len()), distinct_cells, evaluations, time, steps, redraws: history.redraws })
    }
}
