//! The loop: one model, trained and measured.

use std::time::Instant;

use cpu_time::ThreadTime;

use super::evaluator::Evaluator;
use super::feed::{Feed, Source};
use super::tally::Tally;
use super::training::Training;
use super::{Checkpoint, Curves, Error, Evaluation, Protocol, Trained, memory};
use crate::dataset::Batch;
use crate::engine::{Device, Model, StepReport};
use crate::network::{Cost, Plan};
use crate::unit::Seconds;

/// How far a training is, and what its last step found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps of the optimizer taken so far.
    pub steps: usize,
    /// Steps to be taken in all.
    pub of: usize,
    /// The mean cross-entropy of the last batch, in nats.
    pub loss: f32,
    /// The learning rate of the last step.
    pub learning_rate: f64,
}

impl<'a> Training<'a> {
    /// Trains a model. The same training gives the same accuracies, bit for bit, on one kind of CPU.
    ///
    /// `observe` is called with the progress after each step.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and [`Error::Engine`] if the device fails. A training that diverges is no error.
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn run(&self, observe: &mut dyn FnMut(Progress)) -> Result<Trained, Error> {
        let mut run = self.start()?;
        while let Some(progress) = run.advance()? {
            observe(progress);
        }
        Ok(run.finish().0)
    }

    /// Builds the model and measures it untrained.
    ///
    /// # Errors
    ///
    /// [`Error`] if the network cannot be built, the budget makes no step, the memory does not suffice or the device fails.
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn start(&self) -> Result<Run<'a>, Error> {
        let mut run = Run::new(self, self.plan()?)?;
        run.tally.start = run.evaluate(self.protocol.images.curve)?;
        Ok(run)
    }

    /// Resumes a training from a checkpoint: from there everything but times is as if there had been no break, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherTraining`] if the checkpoint is of another training, [`Error::Impossible`] if it is one that no training
    /// makes; otherwise as [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// Panics if the protocol is not resolved.
    pub fn resume(&self, checkpoint: &Checkpoint) -> Result<Run<'a>, Error> {
        let mut source = Source::new(self);
        let state = checkpoint.restore(self, &mut source)?;
        let mut run = Run::new(self, self.plan()?)?;
        run.model.restore(&state)?;
        run.tally = checkpoint.position.tally.clone();
        *run.feed.source_mut() = source;
        Ok(run)
    }
}

/// A training on its way. It may be left at any time; a [`Checkpoint`] made before goes on from there.
#[derive(Debug)]
pub struct Run<'a> {
    training: Training<'a>,
    cost: Cost,
    memory: u64,
    model: Model,
    evaluator: Evaluator<'a>,
    pub(super) feed: Feed<'a>,
    steps: usize,
    tally: Tally,
    clock: Clock,
}

impl<'a> Run<'a> {
    fn new(training: &Training<'a>, plan: Plan) -> Result<Self, Error> {
        let clock = Clock::start(training.device);
        let (steps, batch) = (training.steps()?, training.protocol.batch_size);
        let (cost, memory) = (plan.cost(), training.memory_of(&plan));
        memory::check_one(training.device, training.needed(&plan), batch)?;
        let mut model = Model::new(plan, training.protocol.update, training.seed.derive("weights"), training.device)?;
        model.reserve(batch);
        Ok(Self {
            training: *training,
            cost,
            memory,
            model,
            evaluator: Evaluator::new(training.protocol, training.data),
            feed: Feed::new(training),
            steps,
            tally: Tally::default(),
            clock,
        })
    }

    /// Takes the next step, and measures what is due after it. `None` if the training is over.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the device fails; then the run is of no more use.
    pub fn advance(&mut self) -> Result<Option<Progress>, Error> {
        if self.tally.step == self.steps || self.tally.diverged {
            return Ok(None);
        }
        let rate = self.training.protocol.learning_rate.learning_rate(self.tally.step, self.steps);
        let report = self.train_step(rate)?;
        self.tally.add(&report);
        if self.tally.diverged {
            return Ok(None);
        }
        if self.tally.step == self.steps.div_ceil(2) {
            self.tally.halfway = Some(self.evaluate(usize::MAX)?);
        }
        if self.tally.step == self.steps {
            let figures = self.evaluator.figures(&mut self.model)?;
            self.tally.end(figures);
        }
        self.close_epoch(rate)?;
        Ok(Some(Progress { steps: self.tally.step, of: self.steps, loss: report.loss, learning_rate: rate }))
    }

    /// How many epochs are finished.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.tally.curves.train_loss.len()
    }

    /// What was measured so far, one value per finished epoch.
    #[must_use]
    pub const fn curves(&self) -> &Curves {
        &self.tally.curves
    }

    /// How many steps were taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.tally.step
    }

    /// Makes a checkpoint of everything that the training needs to be resumed.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the device fails.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let tally = Tally { total_time: self.total_time(), ..self.tally.clone() };
        Ok(Checkpoint::new(&self.training, &self.model.state()?, self.feed.source(), tally))
    }

    /// What the training came to, and its model.
    #[must_use]
    pub fn finish(self) -> (Trained, Model) {
        let total_time = self.total_time();
        let trained = self.tally.finish(self.cost, total_time, self.training.protocol.batch_size, self.memory);
        (trained, self.model)
    }

    fn train_step(&mut self, rate: f64) -> Result<StepReport, Error> {
        let clock = Clock::start(self.training.device);
        let step = |batch: &Batch| self.model.step(batch.values(), batch.labels(), rate);
        let report = self.feed.next(self.evaluator.batch(), step)?;
        self.tally.add_time(clock.elapsed());
        Ok(report)
    }

    /// Adds a point to the curves if the last step was the last one of an epoch.
    fn close_epoch(&mut self, rate: f64) -> Result<(), Error> {
        let Protocol { batch_size, images, .. } = self.training.protocol;
        let finished = self.tally.step * batch_size / images.train;
        if finished <= self.tally.curves.train_loss.len() && self.tally.step < self.steps {
            return Ok(());
        }
        let validation = self.training.data.dataset().validation();
        let accuracy = self.evaluator.accuracy(&mut self.model, validation, images.curve)?;
        self.tally.close_epoch(accuracy, rate, *batch_size);
        Ok(())
    }

    /// The accuracies on the images of the protocol, on at most `most` of each part.
    fn evaluate(&mut self, most: usize) -> Result<Evaluation, Error> {
        let (images, dataset) = (self.training.protocol.images, self.training.data.dataset());
        let mut measure = |part, count: usize| self.evaluator.accuracy(&mut self.model, part, count.min(most)).map(Some);
        Ok(Evaluation {
            training_time: self.tally.training_time,
            train_accuracy: measure(dataset.train(), images.train_accuracy)?,
            validation_accuracy: measure(dataset.validation(), images.validation)?,
            test_accuracy: measure(dataset.test(), images.test)?,
        })
    }

    fn total_time(&self) -> Seconds {
        let mut total = self.tally.total_time;
        total += self.clock.elapsed();
        total
    }
}

/// Measures what a training pays for.
#[derive(Debug)]
enum Clock {
    Thread(ThreadTime),
    Wall(Instant),
}

impl Clock {
    fn start(device: Device) -> Self {
        if device.is_gpu() { Self::Wall(Instant::now()) } else { Self::Thread(ThreadTime::now()) }
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
    use crate::dataset::{Dataset, ImageShape, Images};
    use crate::train::Data;
    use crate::train::fixture::{Setting, diverging, tiny};
    use crate::unit::Accuracy;

    fn train(protocol: &Protocol, epochs: u16, seed: u64) -> Trained {
        let setting = Setting::new(protocol.clone());
        let mut steps = Vec::new();
        let trained = setting.training(epochs, seed, Device::Cpu).run(&mut |progress| steps.push(progress.steps)).unwrap();
        assert!(steps.iter().copied().eq(1..=steps.len()));
        trained
    }

    fn accuracies(trained: &Trained) -> [Option<Accuracy>; 3] {
        [trained.end.train_accuracy, trained.end.validation_accuracy, trained.end.test_accuracy]
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let (one, two) = (train(&tiny(), 2, 1), train(&tiny(), 2, 1));
        assert_eq!((accuracies(&one), one.curves.untimed()), (accuracies(&two), two.curves.untimed()));
        assert_ne!(one.curves.untimed(), train(&tiny(), 2, 2).curves.untimed());
    }

    #[test]
    fn a_training_learns_and_has_a_point_of_its_curves_for_each_epoch() {
        // 90 images make four batches of 20 and a half, so epochs end inside of steps.
        let trained = train(&tiny(), 5, 1);
        let Curves { train_loss, train_accuracy, validation_accuracy, learning_rate, gradient_norm, images_per_second } =
            &trained.curves;
        for curve in [train_loss, train_accuracy, validation_accuracy, learning_rate, gradient_norm, images_per_second] {
            assert_eq!(curve.len(), 5);
        }
        assert!(train_loss[4] < train_loss[0] && learning_rate.is_sorted_by(|a, b| a > b));
        assert!(!trained.is_diverged() && trained.end.training_time > trained.halfway.training_time);
    }

    #[test]
    fn a_loss_that_is_no_number_ends_the_training() {
        let trained = train(&diverging(), 3, 1);
        assert!(trained.is_diverged() && trained.curves.train_loss.len() < 3);
        assert!(trained.start.validation_accuracy.is_some());
    }

    #[test]
    fn the_last_evaluation_tells_more_than_accuracies() {
        let trained = train(&tiny(), 5, 1);
        let figures = trained.figures.unwrap();
        assert_eq!(trained.end.validation_accuracy, Some(figures.validation.accuracy));
        assert_eq!(trained.end.test_accuracy, Some(figures.test.accuracy));
        for quality in [figures.validation, figures.test] {
            // A model that guesses has ln 10 = 2.3, 0.5 and about 0.1.
            assert!(
                quality.loss.unwrap() < 2.2 && quality.macro_roc_auc.unwrap() > 0.6 && quality.macro_f1 > 0.12,
                "{quality:?}"
            );
        }
        assert!(trained.peak_memory > 100_000);
    }

    #[test]
    fn a_budget_without_a_step_is_refused() {
        let mut protocol = tiny();
        protocol.images = crate::train::Images { train: 10, train_accuracy: 10, ..protocol.images };
        let message = Setting::new(protocol).training(1, 1, Device::Cpu).run(&mut |_| {}).unwrap_err().to_string();
        assert_eq!(message, "1 epochs of 10 images make no batch of 20");
    }

    #[test]
    fn the_images_of_a_large_data_set_are_announced_but_not_needed_again() {
        let setting = Setting::new(tiny());
        let training = setting.training(1, 1, Device::Cpu);
        let plan = training.plan().unwrap();
        assert_eq!(training.memory().unwrap(), training.needed(&plan));
        let shape = ImageShape { channels: 1, height: 5_000, width: 5_000 };
        let images = Images::new(shape, vec![0; shape.values()], vec![0]).unwrap();
        let dataset = Dataset::new("large", vec!["0".to_owned(), "1".to_owned()], images.clone(), images.clone(), images);
        let protocol = Protocol {
            batch_size: 1,
            images: crate::train::Images { train: 1, validation: 1, test: 1, train_accuracy: 1, curve: 1 },
            ..tiny()
        };
        let dataset = dataset.unwrap();
        let protocol = protocol.resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        let training = Training { protocol: &protocol, data: &data, ..training };
        let plan = training.plan().unwrap();
        assert_eq!(training.memory().unwrap(), training.needed(&plan) + 3 * (25_000_000 + 1) - (16 << 20));
    }

    #[test]
    fn a_training_that_does_not_fit_is_refused_before_it_starts() {
        let mut protocol = tiny();
        protocol.images.train = 6_000;
        protocol.batch_size = 6_000;
        protocol.network.stem_channels = 2_048;
        let setting = Setting::new(protocol);
        for device in [Device::Cpu, Device::Reference] {
            let training = setting.training(1, 1, device);
            assert!(training.memory().unwrap() > 1 << 37);
            let error = training.start().unwrap_err();
            assert!(matches!(error, Error::Memory { needed, models: 1, batch: 6_000, .. } if needed > 1 << 37), "{error}");
        }
    }
}
