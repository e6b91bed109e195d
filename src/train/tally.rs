//! What a training came to so far.

use serde::{Deserialize, Serialize};

use super::{Curves, Evaluation, Figures, Trained};
use crate::engine::StepReport;
use crate::network::Cost;
use crate::unit::{Accuracy, Seconds};

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

impl Tally {
    /// Takes in what the next step found; a loss or a norm that is no number ends the training.
    pub(super) fn add(&mut self, report: &StepReport) {
        self.diverged = !report.loss.is_finite() || !report.gradient_norm.is_finite();
        if !self.diverged {
            self.step += 1;
            self.epoch.add(report);
        }
    }

    /// Adds time of training steps.
    pub(super) fn add_time(&mut self, elapsed: Seconds) {
        self.training_time += elapsed;
        self.epoch.training_time += elapsed;
    }

    /// Sets what was measured after the last step.
    pub(super) fn end(&mut self, figures: Figures) {
        self.figures = Some(figures);
        self.end = Some(Evaluation {
            training_time: self.training_time,
            train_accuracy: Some(figures.train_accuracy),
            validation_accuracy: Some(figures.validation.accuracy),
            test_accuracy: Some(figures.test.accuracy),
        });
    }

    /// Adds a point to the curves; `accuracy` is that on validation images, `rate` the learning rate of the last step.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "means of single-precision numbers")]
    pub(super) fn close_epoch(&mut self, accuracy: Accuracy, rate: f64, batch_size: usize) {
        let totals = std::mem::take(&mut self.epoch);
        let curves = &mut self.curves;
        curves.train_loss.push((totals.loss / totals.steps as f64) as f32);
        curves.train_accuracy.push(totals.correct as f32 / (totals.steps * batch_size) as f32);
        curves.validation_accuracy.push(accuracy.fraction());
        curves.learning_rate.push(rate as f32);
        curves.gradient_norm.push((totals.gradient_norm / totals.steps as f64) as f32);
        curves.images_per_second.push(rate_of(totals.steps * batch_size, totals.training_time));
    }

    /// What the training came to.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rate to be read by people")]
    pub(super) fn finish(self, cost: Cost, total_time: Seconds, batch_size: usize, peak_memory: u64) -> Trained {
        let images_per_second = self.training_time.rate_of((self.step * batch_size) as f64).map(|rate| rate as f32);
        let Self { start, halfway, end, figures, curves, training_time, .. } = self;
        let without = Evaluation { training_time, ..Evaluation::default() };
        let (halfway, end) = (halfway.unwrap_or(without), end.unwrap_or(without));
        Trained { cost, start, halfway, end, figures, curves, total_time, images_per_second, peak_memory }
    }
}

/// Images per second.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rate to be read by people")]
fn rate_of(images: usize, time: Seconds) -> f32 {
    (images as f64 / time.0.max(f64::MIN_POSITIVE)) as f32
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
