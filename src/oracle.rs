//! The question that everything here answers: how good is this cell at this budget?
//!
//! A table, a surrogate and real training are all oracles, so N searches and M oracles cost N + M files. A measurement
//! holds no test accuracy: a search cannot leak what it cannot see.

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

/// What an oracle says of a proposal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The final validation accuracy; `None` if the training diverged.
    pub validation_accuracy: Option<Accuracy>,
    /// What the training cost, measured or predicted; `None` if nobody knows.
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

/// Measures cells. It takes many at once, so that a forest scores a batch and trainings run side by side.
pub trait Oracle {
    /// Measures the proposals, in their order.
    ///
    /// # Errors
    ///
    /// [`Error`] for the first proposal that could not be measured; a training that diverged is no error.
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, Error>;
}

impl<O: Oracle + ?Sized> Oracle for Box<O> {
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, Error> {
        (**self).measure(proposals)
    }
}
