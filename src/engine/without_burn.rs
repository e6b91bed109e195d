//! What `burn/` is in a build without the cargo feature `burn`: an engine of which there is no model.

use super::{Device, Error, Settings, State, StepReport};
use crate::network::Plan;
use crate::unit::Seed;

#[derive(Debug)]
pub(super) enum Model {}

impl Model {
    pub(super) fn new(_: Plan, _: Settings, _: Seed, device: Device) -> Result<Self, Error> {
        open(device)
    }

    pub(super) const fn step(&mut self, _: &[f32], _: &[u8], _: f64) -> Result<StepReport, Error> {
        match *self {}
    }

    pub(super) const fn count_correct(&self, _: &[f32], _: &[u8]) -> Result<usize, Error> {
        match *self {}
    }

    pub(super) const fn logits(&self, _: &[f32], _: usize) -> Result<Vec<f32>, Error> {
        match *self {}
    }

    pub(super) const fn parameters(&self) -> Result<Vec<Vec<f32>>, Error> {
        match *self {}
    }

    pub(super) const fn state(&self) -> Result<State, Error> {
        match *self {}
    }

    pub(super) const fn restore(&mut self, _: &State) -> Result<(), Error> {
        match *self {}
    }

    pub(super) const fn bytes(_: &Plan, _: usize) -> u64 {
        0
    }
}

/// Finds no device.
pub(super) const fn open(device: Device) -> Result<Model, Error> {
    Err(Error::NotBuilt { device })
}

/// Lists no device.
pub(super) const fn adapters(_: Device) -> Vec<String> {
    Vec::new()
}
