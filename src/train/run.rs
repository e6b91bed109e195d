//! The loop: one model, trained and measured.

use std::time::Instant;

use cpu_time::ThreadTime;

use super::{Curves, Error, Evaluation, Protocol, Trained};
use crate::dataset::{self, Batch, Dataset, Normalisation, shuffled};
use crate::engine::{Device, Model, StepReport};
use crate::network::Plan;
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// The images of a protocol, ready for training.
#[derive(Debug)]
pub struct Data {
    dataset: Dataset,
    normalisation: Normalisation,
}

impl Data {
    /// Selects the images that a protocol uses.
    ///
    /// # Errors
    ///
    /// [`Error::Dataset`] if the data set has fewer images than the protocol uses.
    pub fn select(protocol: &Protocol, dataset: &Dataset) -> Result<Self, Error> {
        let dataset = protocol.select(dataset)?;
        let normalisation = Normalisation::of(dataset.train());
        Ok(Self { dataset, normalisation })
    }

    /// The images in use.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}

/// A training to be done: everything that its result depends on.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The cell of the network.
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

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps of the optimizer taken so far.
    pub steps: usize,
    /// Steps to be taken in all.
    pub of: usize,
}

impl Training<'_> {
    /// Trains a model. The same training gives the same accuracies, bit for bit, on one kind of CPU.
    ///
    /// `observe` is told after each step how far it is.
    ///
    /// # Errors
    ///
    /// [`Error`] if the network cannot be built, the budget makes no step, or the device fails. A training that diverges
    /// is no error.
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn run(&self, observe: &mut dyn FnMut(Progress)) -> Result<Trained, Error> {
        let clock = Clock::start(self.device);
        let skeleton = self.protocol.skeleton().expect("the protocol is resolved");
        let plan = Plan::compile(self.cell, &skeleton)?;
        let cost = plan.cost();
        let model = Model::new(plan, self.protocol.update, self.seed.derive("weights"), self.device)?;
        let mut run = Run::new(self, model)?;
        let curve = self.protocol.images.curve;
        let start = run.evaluate(curve)?;
        let (mut halfway, mut end) = (None, None);
        while run.step < run.steps && run.train_step()? {
            observe(Progress { steps: run.step, of: run.steps });
            if run.step == run.steps.div_ceil(2) {
                halfway = Some(run.evaluate(usize::MAX)?);
            }
            if run.step == run.steps {
                end = Some(run.evaluate(usize::MAX)?);
            }
            run.close_epoch()?;
        }
        let without = Evaluation { training_time: run.training_time, ..Evaluation::default() };
        Ok(Trained {
            cost,
            start,
            halfway: halfway.unwrap_or(without),
            end: end.unwrap_or(without),
            images_per_second: run.images_per_second(),
            curves: run.curves,
            total_time: clock.elapsed(),
        })
    }
}

/// A training on its way.
struct Run<'a> {
    training: &'a Training<'a>,
    model: Model,
    stream: Stream,
    batch: Batch,
    augmentation: rand_chacha::ChaCha8Rng,
    step: usize,
    steps: usize,
    epoch: EpochTotals,
    curves: Curves,
    training_time: Seconds,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct EpochTotals {
    steps: usize,
    loss: f64,
    correct: usize,
    gradient_norm: f64,
}

impl<'a> Run<'a> {
    fn new(training: &'a Training<'a>, model: Model) -> Result<Self, Error> {
        let (images, batch) = (training.protocol.images.train, training.protocol.batch_size);
        let steps = usize::from(training.epochs.0) * images / batch;
        if steps == 0 {
            return Err(Error::NoStep { epochs: training.epochs, images, batch });
        }
        Ok(Self {
            training,
            model,
            stream: Stream::new(images, training.seed.derive("batches")),
            batch: Batch::new(training.data.dataset.shape(), batch),
            augmentation: training.seed.derive("augmentation").rng(),
            step: 0,
            steps,
            epoch: EpochTotals::default(),
            curves: Curves::default(),
            training_time: Seconds::default(),
        })
    }

    /// Takes one step; false if the loss was not finite, which ends the training.
    fn train_step(&mut self) -> Result<bool, Error> {
        let Protocol { batch_size, learning_rate, augmentation, .. } = self.training.protocol;
        let (data, device) = (self.training.data, self.training.device);
        let indices = self.stream.next(*batch_size);
        let clock = Clock::start(device);
        self.batch.fill(data.dataset.train(), &indices, &data.normalisation);
        self.batch.augment(*augmentation, &mut self.augmentation);
        let rate = learning_rate.learning_rate(self.step, self.steps);
        let StepReport { loss, correct, gradient_norm } = self.model.step(self.batch.values(), self.batch.labels(), rate)?;
        self.training_time += clock.elapsed();
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Ok(false);
        }
        self.step += 1;
        self.epoch.steps += 1;
        self.epoch.loss += f64::from(loss);
        self.epoch.correct += correct;
        self.epoch.gradient_norm += f64::from(gradient_norm);
        Ok(true)
    }

    /// Adds a point to the curves if the last step was the last one of an epoch.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "means of single-precision numbers")]
    fn close_epoch(&mut self) -> Result<(), Error> {
        let Protocol { batch_size, images, learning_rate, .. } = self.training.protocol;
        let finished = self.step * batch_size / images.train;
        if finished <= self.curves.train_loss.len() && self.step < self.steps {
            return Ok(());
        }
        let totals = std::mem::take(&mut self.epoch);
        let accuracy = self.measure(self.training.data.dataset.validation(), images.curve)?;
        self.curves.train_loss.push((totals.loss / totals.steps as f64) as f32);
        self.curves.train_accuracy.push(totals.correct as f32 / (totals.steps * batch_size) as f32);
        self.curves.validation_accuracy.push(accuracy.fraction());
        self.curves.learning_rate.push(learning_rate.learning_rate(self.step - 1, self.steps) as f32);
        self.curves.gradient_norm.push((totals.gradient_norm / totals.steps as f64) as f32);
        Ok(())
    }

    /// The accuracies on the images of the protocol, on at most so many of each part.
    fn evaluate(&mut self, most: usize) -> Result<Evaluation, Error> {
        let images = self.training.protocol.images;
        let dataset = &self.training.data.dataset;
        Ok(Evaluation {
            training_time: self.training_time,
            train_accuracy: Some(self.measure(dataset.train(), images.train_accuracy.min(most))?),
            validation_accuracy: Some(self.measure(dataset.validation(), images.validation.min(most))?),
            test_accuracy: Some(self.measure(dataset.test(), images.test.min(most))?),
        })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rate to be read by people")]
    fn images_per_second(&self) -> f32 {
        let images = (self.step * self.training.protocol.batch_size) as f64;
        (images / self.training_time.0.max(f64::MIN_POSITIVE)) as f32
    }

    /// The accuracy on the first `count` images.
    fn measure(&mut self, images: &dataset::Images, count: usize) -> Result<Accuracy, Error> {
        let count = count.min(images.len());
        let mut correct = 0;
        let indices: Vec<u32> = (0..).take(count).collect();
        for part in indices.chunks(self.training.protocol.batch_size) {
            self.batch.fill(images, part, &self.training.data.normalisation);
            correct += self.model.count_correct(self.batch.values(), self.batch.labels())?;
        }
        Ok(Accuracy::from_counts(correct, count).expect("an evaluation has images"))
    }
}

/// The images in the order in which they are trained on: one shuffled epoch after the other, without a gap between.
struct Stream {
    images: usize,
    rng: rand_chacha::ChaCha8Rng,
    waiting: Vec<u32>,
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

/// Measures what a training pays for.
enum Clock {
    Thread(ThreadTime),
    Wall(Instant),
}

impl Clock {
    fn start(device: Device) -> Self {
        match device {
            Device::Cpu | Device::Reference => Self::Thread(ThreadTime::now()),
            Device::Gpu { .. } => Self::Wall(Instant::now()),
        }
    }

    fn elapsed(&self) -> Seconds {
        match self {
            Self::Thread(start) => start.elapsed().into(),
            Self::Wall(start) => start.elapsed().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::PROTOCOLS;

    /// The quick protocol on so few images that a training takes milliseconds.
    fn tiny() -> Protocol {
        let mut protocol = (PROTOCOLS[0].build)();
        protocol.images = crate::train::Images { train: 90, validation: 60, test: 60, train_accuracy: 30, curve: 30 };
        protocol.batch_size = 20;
        protocol.network.stem_channels = 4;
        protocol
    }

    fn train(protocol: &Protocol, epochs: u16, seed: u64) -> Trained {
        let dataset = dataset::find("fashion-14").unwrap().load(None).unwrap();
        let protocol = protocol.clone().resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        let cell = Cell::from_texts("0110001000010000", "input,conv3x3-bn-relu,maxpool3x3,output").unwrap();
        let training = Training {
            cell: &cell,
            epochs: Epochs(epochs),
            seed: Seed(seed),
            protocol: &protocol,
            data: &data,
            device: Device::Cpu,
        };
        let mut steps = Vec::new();
        let trained = training.run(&mut |progress| steps.push(progress.steps)).unwrap();
        assert!(steps.iter().copied().eq(1..=steps.len()));
        trained
    }

    fn accuracies(trained: &Trained) -> [Option<Accuracy>; 3] {
        [trained.end.train_accuracy, trained.end.validation_accuracy, trained.end.test_accuracy]
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let (one, two) = (train(&tiny(), 2, 1), train(&tiny(), 2, 1));
        assert_eq!((accuracies(&one), &one.curves), (accuracies(&two), &two.curves));
        assert_ne!(one.curves, train(&tiny(), 2, 2).curves);
    }

    #[test]
    fn a_training_learns_and_has_a_point_of_its_curves_for_each_epoch() {
        // 90 images make four batches of 20 and a half, so epochs end inside of steps.
        let trained = train(&tiny(), 5, 1);
        let Curves { train_loss, train_accuracy, validation_accuracy, learning_rate, gradient_norm } = &trained.curves;
        for curve in [train_loss, train_accuracy, validation_accuracy, learning_rate, gradient_norm] {
            assert_eq!(curve.len(), 5);
        }
        assert!(train_loss[4] < train_loss[0] && learning_rate.is_sorted_by(|a, b| a > b));
        assert!(!trained.is_diverged() && trained.end.training_time > trained.halfway.training_time);
    }

    #[test]
    fn a_loss_that_is_no_number_ends_the_training() {
        let mut protocol = tiny();
        protocol.learning_rate.peak = 1e30;
        let trained = train(&protocol, 3, 1);
        assert!(trained.is_diverged() && trained.curves.train_loss.len() < 3);
        assert!(trained.start.validation_accuracy.is_some());
    }

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
    fn a_budget_without_a_step_is_refused() {
        let mut protocol = tiny();
        protocol.images = crate::train::Images { train: 10, train_accuracy: 10, ..protocol.images };
        let dataset = dataset::find("fashion-14").unwrap().load(None).unwrap();
        let protocol = protocol.resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let training =
            Training { cell: &cell, epochs: Epochs(1), seed: Seed(1), protocol: &protocol, data: &data, device: Device::Cpu };
        let message = training.run(&mut |_| {}).unwrap_err().to_string();
        assert_eq!(message, "1 epochs of 10 images make no batch of 20");
    }
}
