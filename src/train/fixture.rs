//! A training that takes milliseconds, for the tests of this floor.

use super::{Data, Images, PROTOCOLS, Protocol, Run, Training};
use crate::dataset::{self, Dataset};
use crate::engine::Device;
use crate::space::Cell;
use crate::unit::{Epochs, Seed};

/// The images of the tests.
pub(super) fn dataset() -> Dataset {
    dataset::find("fashion-14").unwrap().load(None).unwrap()
}

/// The quick protocol on so few images that a training takes milliseconds.
///
/// 90 images make four batches of 20 and a half, so epochs end inside of steps.
pub(super) fn tiny() -> Protocol {
    let mut protocol = PROTOCOLS[0].build();
    protocol.images = Images { train: 90, validation: 60, test: 60, train_accuracy: 30, curve: 30 };
    protocol.batch_size = 20;
    protocol.network.stem_channels = 4;
    protocol
}

/// The same, but its loss stops being a number.
pub(super) fn diverging() -> Protocol {
    let mut protocol = tiny();
    protocol.learning_rate.peak = 1e30;
    protocol
}

/// Trains until the end.
pub(super) fn to_the_end<'a>(training: &Training<'a>) -> Run<'a> {
    let mut run = training.start().unwrap();
    while run.advance().unwrap().is_some() {}
    run
}

/// A cell with a convolution and a pooling.
pub(super) fn cell() -> Cell {
    Cell::from_texts("0110001000010000", "input,conv3x3-bn-relu,maxpool3x3,output").unwrap()
}

/// All that a training refers to.
pub(super) struct Setting {
    pub(super) cell: Cell,
    pub(super) protocol: Protocol,
    pub(super) data: Data,
}

impl Setting {
    pub(super) fn new(protocol: Protocol) -> Self {
        let dataset = dataset();
        let protocol = protocol.resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        Self { cell: cell(), protocol, data }
    }

    pub(super) fn training(&self, epochs: u16, seed: u64, device: Device) -> Training<'_> {
        let Self { cell, protocol, data } = self;
        Training { cell, epochs: Epochs(epochs), seed: Seed(seed), protocol, data, device }
    }
}
