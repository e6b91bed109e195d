//! Oracles: how good is this cell at this budget?
//!
//! A table, a surrogate and real training are all oracles, so N searches and M oracles cost N + M files. A measurement
//! holds no test accuracy: a search cannot leak what it cannot see.

use std::ops::ControlFlow;

use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds};

/// A cell and the budget at which to measure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// What to measure.
    pub cell: Cell,
    /// The training budget.
    pub epochs: Epochs,
}

/// The answer of an oracle to a proposal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The final validation accuracy; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// The cost of the training, measured or predicted; `None` if it is not known.
    pub training_time: Option<Seconds>,
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

/// An event while proposals are measured. Positions count the proposals of an oracle from 0, in the order asked.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A part of a measurement is done: a fraction.
    Progressed(usize, f64),
    /// A measurement is finished.
    Finished(usize, Proposal, Measurement),
}

/// A callback for events, from many threads at once. A break ends the measurements as soon as possible, with [`Interrupted`].
pub type Observe<'a> = &'a (dyn Fn(Event) -> ControlFlow<()> + Sync);

/// The cause of an [`Error`] where the observer ended the measurements.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Measures cells. It takes many at once, so that a forest scores a batch and trainings run side by side.
pub trait Oracle {
    /// Measures the proposals, in their order.
    ///
    /// # Errors
    ///
    /// [`Error`] for the first proposal that could not be measured; a training that diverged is no error.
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, Error>;
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
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, Error> {
        let measurements = self.oracle.measure(proposals)?;
        for (proposal, measurement) in proposals.iter().zip(&measurements) {
            let told = (self.observe)(Event::Finished(self.measured, *proposal, *measurement));
            self.measured += 1;
            if told.is_break() {
                return Err(Error { cell: proposal.cell, epochs: proposal.epochs, source: Box::new(Interrupted) });
            }
        }
        Ok(measurements)
    }
}

impl<O: Oracle + ?Sized> Oracle for Box<O> {
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, Error> {
        (**self).measure(proposals)
    }
}
