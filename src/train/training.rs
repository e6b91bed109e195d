//! A training to be done, and what it takes.

use super::{Data, Error, Protocol};
use crate::engine::{Device, Model};
use crate::network::{self, Cost, Plan, Skeleton};
use crate::space::Cell;
use crate::unit::{Epochs, Seed};

/// A training to be done: everything that its result depends on.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The cell of the network: whatever its numbering, its [`representative`](Cell::representative) is trained.
    pub cell: &'a Cell,
    /// The budget.
    pub epochs: Epochs,
    /// The source of the initial weights, the order of the images and their variation.
    pub seed: Seed,
    /// How to train; resolved.
    pub protocol: &'a Protocol,
    /// What to train on.
    pub data: &'a Data,
    /// Where to train.
    pub device: Device,
}

/// What a program takes that trains: its code, the images of a small data set, what the allocator keeps. Measured, and rounded up.
const PROGRAM: u64 = 64 << 20;
/// The bytes of images that a data set is small with.
const SMALL: u64 = 16 << 20;

impl Training<'_> {
    /// The bytes of memory that the training takes: the model with a batch, the batch itself (on a GPU the next one, too), the images
    /// and the program around them.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the network cannot be built.
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn memory(&self) -> Result<u64, Error> {
        Ok(self.memory_of(&self.plan()?))
    }

    /// What the network costs.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the network cannot be built.
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn cost(&self) -> Result<Cost, Error> {
        Ok(network::cost(self.cell, &self.skeleton())?)
    }

    /// The steps of the optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::NoStep`] if there are none.
    pub(super) fn steps(&self) -> Result<usize, Error> {
        let (epochs, images, batch) = (self.epochs, self.protocol.images.train, self.protocol.batch_size);
        let steps = usize::from(epochs.0) * images / batch;
        if steps == 0 { Err(Error::NoStep { epochs, images, batch }) } else { Ok(steps) }
    }

    pub(super) fn memory_of(&self, plan: &Plan) -> u64 {
        self.needed(plan).saturating_add(self.data.bytes().saturating_sub(SMALL))
    }

    /// What it takes beside the images, which are there already.
    pub(super) fn needed(&self, plan: &Plan) -> u64 {
        let batch = self.protocol.batch_size;
        let batches = if self.device.is_gpu() { 2 } else { 1 };
        let of_batch = (batch as u64).saturating_mul(batches * 4 * plan.skeleton().image.values() as u64);
        Model::bytes(plan, batch, self.device).saturating_add(of_batch).saturating_add(PROGRAM)
    }

    /// The plan of the network.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        Ok(Plan::compile(self.cell, &self.skeleton())?)
    }

    fn skeleton(&self) -> Skeleton {
        self.protocol.skeleton().expect("the protocol is resolved")
    }
}
