//! What `group.rs` is in a build without the cargo feature `gpu`: no training can be one of a group.

use super::{Checkpoint, Error, Trained, Training};
use crate::engine;

/// Trainings that differ in cell and seed alone, in training at once: there are none in this build.
#[derive(Debug)]
pub enum Group {}

impl Group {
    /// The most models of a group.
    pub const MOST: usize = 0;

    /// How many of the first trainings can be a group: none.
    ///
    /// # Errors
    ///
    /// Never.
    pub const fn fit(_: &[Training<'_>]) -> Result<usize, Error> {
        Ok(0)
    }

    /// Returns whether a training can be one of a group: it cannot.
    #[must_use]
    pub const fn suits(_: &Training<'_>) -> bool {
        false
    }

    /// Builds no models.
    ///
    /// # Errors
    ///
    /// Always: [`engine::Error::NotBuilt`].
    ///
    /// # Panics
    ///
    /// Panics if there are no trainings.
    pub fn start(trainings: &[Training<'_>]) -> Result<Self, Error> {
        Err(engine::Error::NotBuilt { device: trainings[0].device }.into())
    }

    /// Resumes no training.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn resume(trainings: &[Training<'_>], _: &[Checkpoint]) -> Result<Self, Error> {
        Self::start(trainings)
    }

    /// Makes no checkpoint: there is no such group.
    ///
    /// # Errors
    ///
    /// Never.
    pub const fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, Error> {
        match *self {}
    }

    /// Takes no step: there is no such group.
    ///
    /// # Errors
    ///
    /// Never.
    pub const fn advance(&mut self) -> Result<Option<f64>, Error> {
        match *self {}
    }

    /// What the trainings came to: there is no such group.
    #[must_use]
    pub const fn finish(self) -> Vec<Trained> {
        match self {}
    }
}
