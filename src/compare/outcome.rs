//! The outcome of a run, as it is logged.

use serde::{Deserialize, Serialize};

use super::{Error, Followed, GroundTruth};
use crate::search::{History, Redraws, Trial};
use crate::space::Cell;
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
    /// The cells of the front that the search saw at its end, if it had several objectives; none if an earlier version made the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<Cell>,
    /// What was drawn outside the pool of a table that lacks cells, or was not to be asked for twice.
    pub redraws: Redraws,
}

impl Outcome {
    /// Judges a search by the ground truth.
    ///
    /// # Errors
    ///
    /// As [`ExactFront::follow`](super::ExactFront::follow), for several objectives.
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
        let (steps, front): (Vec<_>, _) = if let Some(front) = &truth.front {
            let Followed { steps, archive } = front.follow(&history.trials)?;
            (steps.into_iter().map(|(at, lack)| step((at, history.trials[at], lack))).collect(), archive)
        } else {
            let regret = |(at, trial): (usize, Trial)| step((at, trial, truth.regret(&trial.candidate.architecture)));
            (history.incumbents().into_iter().map(regret).collect(), Vec::new())
        };
        let distinct_cells = Some(count(history.distinct_cells()));
        Ok(Self { trials: count(spent.len()), distinct_cells, evaluations, time, steps, front, redraws: history.redraws })
    }
}
