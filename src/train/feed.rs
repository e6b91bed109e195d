//! The batches that a training sees, one after the other.

use rand_chacha::ChaCha8Rng;

use super::{Data, Protocol, Training};
#[cfg(feature = "gpu")]
use crate::dataset::Draw;
use crate::dataset::{Batch, shuffled};
#[cfg(feature = "gpu")]
use crate::engine::Pick;
use crate::unit::Seed;

/// Returns the batches of a training, in line or prepared ahead.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    source: Source<'a>,
    ahead: Option<Ahead<'a>>,
    /// Whether the next batch is prepared while the device trains on the one at hand.
    ///
    /// So it is on a GPU, which leaves the processor idle. A processor trains a model on each of its cores: none is left to
    /// prepare batches, and what preparing takes is a part of what its training costs.
    pub(super) is_ahead: bool,
}

/// A batch drawn before its turn.
#[derive(Debug)]
struct Ahead<'a> {
    batch: Batch,
    /// What it was drawn from, as it was before: a checkpoint does not know of the batch.
    before: Source<'a>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(training: &Training<'a>) -> Self {
        Self { source: Source::new(training), ahead: None, is_ahead: training.device.is_gpu() }
    }

    /// Replaces a batch by the next one, and does with it what is to be done.
    pub(super) fn next<T>(&mut self, batch: &mut Batch, work: impl FnOnce(&Batch) -> T) -> T {
        let spare = self.ahead.take().map(|ahead| std::mem::replace(batch, ahead.batch));
        if spare.is_none() {
            self.source.fill(batch);
        }
        if !self.is_ahead {
            return work(batch);
        }
        let (before, mut next) = (self.source.clone(), spare.unwrap_or_else(|| batch.clone()));
        let done = std::thread::scope(|scope| {
            scope.spawn(|| self.source.fill(&mut next));
            work(batch)
        });
        self.ahead = Some(Ahead { batch: next, before });
        done
    }

    /// What the next batch is drawn from, as if none were prepared ahead.
    pub(super) fn source(&self) -> &Source<'a> {
        self.ahead.as_ref().map_or(&self.source, |ahead| &ahead.before)
    }

    /// What the first batch is drawn from, to be moved to another position.
    pub(super) fn source_mut(&mut self) -> &mut Source<'a> {
        &mut self.source
    }
}

/// Draws batches: which images, in which order, and how each is varied.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    protocol: &'a Protocol,
    data: &'a Data,
    pub(super) stream: Stream,
    pub(super) augmentation: ChaCha8Rng,
}

impl<'a> Source<'a> {
    pub(super) fn new(training: &Training<'a>) -> Self {
        let Training { protocol, data, seed, .. } = *training;
        let stream = Stream::new(protocol.images.train, seed.derive("batches"));
        Self { protocol, data, stream, augmentation: seed.derive("augmentation").rng() }
    }

    fn fill(&mut self, batch: &mut Batch) {
        let indices = self.stream.next(self.protocol.batch_size);
        batch.fill(self.data.dataset().train(), &indices, self.data.normalisation());
        batch.augment(self.protocol.augmentation, &mut self.augmentation);
    }
}

#[cfg(feature = "gpu")]
impl Source<'_> {
    /// The images of the next batch and how each is varied: what [`fill`](Self::fill) makes a batch of.
    pub(super) fn picks(&mut self) -> impl Iterator<Item = Pick> {
        let (augmentation, indices) = (self.protocol.augmentation, self.stream.next(self.protocol.batch_size));
        indices.into_iter().map(move |image| {
            let is_none = augmentation.is_none();
            Pick { image, draw: if is_none { Draw::default() } else { augmentation.draw(&mut self.augmentation) } }
        })
    }
}

/// The images in the order in which they are trained on: one shuffled epoch after the other, without a gap between.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    images: usize,
    pub(super) rng: ChaCha8Rng,
    pub(super) waiting: Vec<u32>,
}

impl Stream {
    fn new(images: usize, seed: Seed) -> Self {
        Self { images, rng: seed.rng(), waiting: Vec::new() }
    }

    fn next(&mut self, count: usize) -> Vec<u32> {
        while self.waiting.len() < count {
            self.waiting.extend(shuffled(self.images, &mut self.rng));
        }
        self.waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Augmentation;
    use crate::engine::Device;
    use crate::train::fixture::{Setting, tiny};

    #[test]
    fn a_stream_shows_every_image_once_in_each_epoch() {
        let mut stream = Stream::new(7, Seed(3));
        let mut seen: Vec<u32> = (0..7).flat_map(|_| stream.next(3)).collect();
        assert_eq!(seen.len(), 21);
        for epoch in seen.chunks_mut(7) {
            epoch.sort_unstable();
            assert!(epoch.iter().copied().eq(0..7));
        }
    }

    #[test]
    fn batches_prepared_ahead_are_those_prepared_in_line_and_leave_no_trace() {
        let mut protocol = tiny();
        protocol.augmentation = Augmentation { padding: 2, flip: true };
        let setting = Setting::new(protocol);
        let training = setting.training(3, 1, Device::Reference);
        let mut feeds = [false, true].map(|is_ahead| Feed { is_ahead, ..Feed::new(&training) });
        let mut batches = [0, 1].map(|_| Batch::new(setting.data.dataset().shape(), 20));
        for step in 0..13 {
            let pairs = feeds.iter_mut().zip(&mut batches);
            let values = |batch: &Batch| (batch.values().to_vec(), batch.labels().to_vec());
            let seen: Vec<_> = pairs.map(|(feed, batch)| feed.next(batch, values)).collect();
            assert_eq!(seen[0], seen[1], "step {step}");
            let [in_line, ahead] = feeds.each_ref().map(Feed::source);
            assert_eq!(in_line.stream.waiting, ahead.stream.waiting, "step {step}");
            assert_eq!((&in_line.stream.rng, &in_line.augmentation), (&ahead.stream.rng, &ahead.augmentation), "step {step}");
            // An evaluation shows other images in the same batch.
            for batch in &mut batches {
                batch.fill(setting.data.dataset().test(), &[3], setting.data.normalisation());
            }
        }
        assert!(feeds[0].ahead.is_none() && feeds[1].ahead.is_some());
    }
}
