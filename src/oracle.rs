//! Oracles: how good is this cell at this budget?
//!
//! A table, a surrogate and real training are all oracles, so N searches and M oracles cost N + M files. A measurement
//! holds no test accuracy: a search cannot leak what it cannot see.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::space::{Architecture, Cell, Spec};
use crate::unit::{Accuracy, Epochs, Seconds};

/// An architecture and the budget at which to measure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// What to measure.
    pub architecture: Architecture,
    /// The form in which the search has it, with the vertices that lie on no path from input to output; `None` if it is the
    /// architecture itself. Oracles do not look at it.
    pub spec: Option<Spec>,
    /// The training budget.
    pub epochs: Epochs,
}

impl Candidate {
    /// A candidate whose form is the architecture itself.
    #[must_use]
    pub const fn new(architecture: Architecture, epochs: Epochs) -> Self {
        Self { architecture, spec: None, epochs }
    }

    /// A candidate in the form that a search has it.
    ///
    /// # Panics
    ///
    /// Panics if its input is not connected to its output.
    #[must_use]
    pub fn of_spec(spec: Spec, epochs: Epochs) -> Self {
        let architecture = spec.prune().expect("a search asks for connected specs");
        Self { architecture, spec: Some(spec), epochs }
    }

    /// Returns the form in which the search has it.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.spec.unwrap_or_else(|| self.architecture.spec())
    }
}

/// The answer of an oracle to a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The final validation accuracy; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// The cost of the training, measured or predicted; `None` if it is not known.
    pub training_time: Option<Seconds>,
    /// The share of the weights that end near zero; only a training tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_sparsity: Option<f32>,
}

impl Measurement {
    /// What a table or a model knows: an accuracy and a time.
    #[must_use]
    pub const fn new(validation_accuracy: Option<Accuracy>, training_time: Option<Seconds>) -> Self {
        Self { validation_accuracy, training_time, weight_sparsity: None }
    }
}

/// An oracle could not answer.
#[derive(Debug, thiserror::Error)]
#[error("could not measure {cell} at {epochs} epochs")]
pub struct Error {
    /// The cell in question.
    pub cell: Cell,
    /// The budget in question.
    pub epochs: Epochs,
    /// Why not.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// An event while candidates are measured. Positions count the candidates of an oracle from 0, in the order asked.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A part of a measurement is done: a fraction.
    Progressed(usize, f64),
    /// A measurement is finished.
    Finished(usize, Candidate, Measurement),
}

/// A callback for events, from many threads at once. A break ends the measurements as soon as possible, with [`Interrupted`].
pub type Observe<'a> = &'a (dyn Fn(Event) -> ControlFlow<()> + Sync);

/// The cause of an [`Error`] where the observer ended the measurements.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Measures cells. It takes many at once, so that a forest scores a batch and trainings run side by side.
pub trait Oracle {
    /// Measures the candidates, in their order.
    ///
    /// # Errors
    ///
    /// [`Error`] for the first candidate that could not be measured; a training that diverged is no error.
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, Error>;

    /// Whether it trains what it measures. Trainings that were asked for at once begin at once, and all of them count, also beyond the end
    /// of a budget; of recorded and predicted ones those beyond it were never asked for.
    fn is_training(&self) -> bool {
        false
    }
}

/// An oracle whose measurements are observed.
pub struct Observed<'a, O> {
    oracle: O,
    observe: Observe<'a>,
    measured: usize,
}

impl<'a, O: Oracle> Observed<'a, O> {
    /// Watches an oracle.
    #[must_use]
    pub const fn new(oracle: O, observe: Observe<'a>) -> Self {
        Self { oracle, observe, measured: 0 }
    }
}

impl<O: std::fmt::Debug> std::fmt::Debug for Observed<'_, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").field("oracle", &self.oracle).field("measured", &self.measured).finish_non_exhaustive()
    }
}

impl<O: Oracle> Oracle for Observed<'_, O> {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, Error> {
        let measurements = self.oracle.measure(candidates)?;
        for (candidate, measurement) in candidates.iter().zip(&measurements) {
            let told = (self.observe)(Event::Finished(self.measured, *candidate, *measurement));
            self.measured += 1;
            if told.is_break() {
                return Err(Error { cell: candidate.architecture, epochs: candidate.epochs, source: Box::new(Interrupted) });
            }
        }
        Ok(measurements)
    }

    fn is_training(&self) -> bool {
        self.oracle.is_training()
    }
}

impl<O: Oracle + ?Sized> Oracle for Box<O> {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, Error> {
        (**self).measure(candidates)
    }

    fn is_training(&self) -> bool {
        (**self).is_training()
    }
}
