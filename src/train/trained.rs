//! What a training comes to.

use serde::{Deserialize, Serialize};

use super::Figures;
use crate::network::Cost;
use crate::unit::{Accuracy, Seconds};

/// A finished training.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// What the network costs.
    pub cost: Cost,
    /// Before the first step, on as many images of each part as the curve uses: an untrained network guesses.
    pub start: Evaluation,
    /// After half of the steps.
    pub halfway: Evaluation,
    /// After the last step; without accuracies if the training diverged.
    pub end: Evaluation,
    /// Everything that was measured after the last step; `None` if the training diverged.
    pub figures: Option<Figures>,
    /// One value per finished epoch.
    pub curves: Curves,
    /// The time of the steps and the evaluations together, on the clock of `training_time`.
    pub total_time: Seconds,
    /// Training images per second of the training steps; `None` if they took less than a millisecond.
    pub images_per_second: Option<f32>,
    /// The bytes of memory that the model and its batch took, as announced before the start.
    pub peak_memory: u64,
}

impl Trained {
    /// Whether the loss stopped being a number.
    #[must_use]
    pub fn is_diverged(&self) -> bool {
        self.end.validation_accuracy.is_none()
    }
}

/// What was measured at one moment of a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What the training had cost by then; of a training that ended before, what it had cost when it ended. 0 halfway or at the end
    /// of a record stands for a time that nobody measured: see [`Seconds::measured`].
    pub training_time: Seconds,
    /// The accuracy on the images trained on.
    pub train_accuracy: Option<Accuracy>,
    /// The accuracy by which searches choose.
    pub validation_accuracy: Option<Accuracy>,
    /// The accuracy that a search never sees.
    pub test_accuracy: Option<Accuracy>,
}

/// One value per epoch each; empty where the source has none.
///
/// Two curves are equal if their values are, and `NaN` equals `NaN`: two trainings that diverged alike are the same.
///
/// # Shapes
///
/// - each: `[epochs]`, or shorter for a training that ended before
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Curves {
    /// The mean loss of the training steps.
    pub train_loss: Vec<f32>,
    /// The accuracy on the images trained on, as a fraction.
    pub train_accuracy: Vec<f32>,
    /// The accuracy on the validation images, as a fraction.
    pub validation_accuracy: Vec<f32>,
    /// The learning rate of the last step.
    pub learning_rate: Vec<f32>,
    /// The mean norm of the gradient.
    pub gradient_norm: Vec<f32>,
    /// Images trained on in a second of the training steps.
    pub images_per_second: Vec<f32>,
}

impl Curves {
    /// The curves without that which depends on the clock.
    #[must_use]
    pub fn untimed(&self) -> Self {
        Self { images_per_second: Vec::new(), ..self.clone() }
    }
}

impl PartialEq for Curves {
    fn eq(&self, other: &Self) -> bool {
        let all = |curves: &Self| {
            [
                &curves.train_loss,
                &curves.train_accuracy,
                &curves.validation_accuracy,
                &curves.learning_rate,
                &curves.gradient_norm,
                &curves.images_per_second,
            ]
            .map(|curve| curve.iter().map(|value| if value.is_nan() { None } else { Some(*value) }).collect::<Vec<_>>())
        };
        all(self) == all(other)
    }
}
