//! What a training came to so far.

use serde::{Deserialize, Serialize};

use super::{Curves, Evaluation, Figures};
use crate::engine::StepReport;
use crate::unit::Seconds;

/// What a training came to so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    pub(super) step: usize,
    /// Whether the loss stopped being a number, which ends the training.
    pub(super) diverged: bool,
    pub(super) start: Evaluation,
    pub(super) halfway: Option<Evaluation>,
    pub(super) end: Option<Evaluation>,
    pub(super) figures: Option<Figures>,
    pub(super) curves: Curves,
    pub(super) epoch: EpochTotals,
    pub(super) training_time: Seconds,
    /// Of the sessions before this one.
    pub(super) total_time: Seconds,
}

/// Sums over the steps of an epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EpochTotals {
    pub(super) steps: usize,
    pub(super) loss: f64,
    pub(super) correct: usize,
    pub(super) gradient_norm: f64,
    pub(super) training_time: Seconds,
}

impl EpochTotals {
    /// Adds a step.
    pub(super) fn add(&mut self, report: &StepReport) {
        self.steps += 1;
        self.loss += f64::from(report.loss);
        self.correct += report.correct;
        self.gradient_norm += f64::from(report.gradient_norm);
    }
}
