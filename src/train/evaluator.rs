//! What is measured of a model on the images of a protocol.

use serde::{Deserialize, Serialize};

use super::{Data, Error, Protocol, Quality};
use crate::dataset::{Batch, Images};
use crate::engine::Model;
use crate::unit::Accuracy;

/// How good a trained model is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// On as many of the images trained on as the protocol says.
    pub train_accuracy: Accuracy,
    /// On the images by which searches choose.
    pub validation: Quality,
    /// On the images that a search never sees.
    pub test: Quality,
}

/// Shows images to models, batch by batch.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    protocol: &'a Protocol,
    data: &'a Data,
    batch: Batch,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(protocol: &'a Protocol, data: &'a Data) -> Self {
        Self { protocol, data, batch: Batch::new(data.dataset().shape(), protocol.batch_size) }
    }

    /// The batch, to be filled with other images between evaluations.
    pub(super) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// All figures, each on all images that the protocol uses for it.
    pub(super) fn figures(&mut self, model: &mut Model) -> Result<Figures, Error> {
        let (images, dataset) = (self.protocol.images, self.data.dataset());
        Ok(Figures {
            train_accuracy: self.accuracy(model, dataset.train(), images.train_accuracy)?,
            validation: self.quality(model, dataset.validation(), images.validation)?,
            test: self.quality(model, dataset.test(), images.test)?,
        })
    }

    /// The accuracy on the first `count` images.
    pub(super) fn accuracy(&mut self, model: &mut Model, images: &Images, count: usize) -> Result<Accuracy, Error> {
        let count = count.min(images.len());
        let mut correct = 0;
        self.show(images, count, |batch| {
            correct += model.count_correct(batch.values(), batch.labels())?;
            Ok(())
        })?;
        Ok(Accuracy::from_counts(correct, count).expect("an evaluation has images"))
    }

    /// Everything that logits tell on the first `count` images.
    fn quality(&mut self, model: &mut Model, images: &Images, count: usize) -> Result<Quality, Error> {
        let count = count.min(images.len());
        let mut logits = Vec::new();
        self.show(images, count, |batch| {
            logits.extend(model.logits(batch.values(), batch.len())?);
            Ok(())
        })?;
        Ok(Quality::measure(&logits, &images.labels()[..count]))
    }

    fn show(&mut self, images: &Images, count: usize, mut look: impl FnMut(&Batch) -> Result<(), Error>) -> Result<(), Error> {
        let indices: Vec<u32> = (0..).take(count).collect();
        for part in indices.chunks(self.protocol.batch_size) {
            self.batch.fill(images, part, self.data.normalisation());
            look(&self.batch)?;
        }
        Ok(())
    }
}
