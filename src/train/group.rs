//! A group of trainings of one budget, as one stack on a GPU.

use std::time::Instant;

use super::feed::Source;
use super::tally::Tally;
use super::{Checkpoint, Data, Error, Evaluation, Figures, Protocol, Quality, Trained, Training};
use crate::dataset::Images;
use crate::engine::{Pictures, Stack, State};
use crate::network::{Cost, Plan};
use crate::unit::{Accuracy, Flops, Seconds};

/// The operations of a forward pass with which a network fills a GPU alone; burn has faster kernels for such.
const LARGE: Flops = Flops(100_000_000);

/// The parts of the data set, in the order in which the stack has them.
const TRAIN: usize = 0;
const VALIDATION: usize = 1;
const TEST: usize = 2;

/// Trainings that differ in cell and seed alone, in training at once.
///
/// Each comes to what it would come to in a group of its own, bit for bit. The time of the group is shared among them by the
/// operations of their networks.
#[derive(Debug)]
pub struct Group<'a> {
    trainings: Vec<Training<'a>>,
    protocol: &'a Protocol,
    data: &'a Data,
    costs: Vec<Cost>,
    stack: Stack,
    sources: Vec<Source<'a>>,
    tallies: Vec<Tally>,
    step: usize,
    steps: usize,
    /// Epochs with a point in the curves.
    closed: usize,
    started: Instant,
    /// The start of the steps whose reports are not read yet.
    since: Instant,
}

impl<'a> Group<'a> {
    /// The most models of a group: so many fill any GPU, and a process that is killed loses one group.
    pub const MOST: usize = 512;

    /// How many of the first trainings can be a group: all of one budget, of small networks, in buffers that the device can address.
    /// 0 if the first one is to train by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the first network cannot be built, [`Error::Engine`] if there is no such device.
    pub fn fit(trainings: &[Training<'_>]) -> Result<usize, Error> {
        let Some(first) = trainings.first() else { return Ok(0) };
        let mut plans = Vec::new();
        for training in trainings.iter().take(Self::MOST).take_while(|training| training.epochs == first.epochs) {
            match training.plan() {
                Ok(plan) if plan.cost().flops <= LARGE => plans.push(plan),
                Err(error) if plans.is_empty() => return Err(error),
                _ => break,
            }
        }
        let largest = Stack::largest_buffer(first.device)?;
        let parts = parts(first.data);
        Ok(Stack::fit(&plans, first.protocol.batch_size, pictures(first.data, &parts), u64::MAX, largest))
    }

    /// Returns whether a training can be one of a group: its network is a small one.
    #[must_use]
    pub fn suits(training: &Training<'_>) -> bool {
        training.cost().is_ok_and(|cost| cost.flops <= LARGE)
    }

    /// Builds the models of a group and measures them untrained.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] or [`Error::NoStep`] if a model cannot be trained, [`Error::Engine`] if the device cannot hold them or fails.
    ///
    /// # Panics
    ///
    /// Panics if there are no trainings, or the protocol is not resolved.
    pub fn start(trainings: &[Training<'a>]) -> Result<Self, Error> {
        let mut group = Self::new(trainings)?;
        let measured = group.evaluate(group.protocol.images.curve)?;
        group.tallies.iter_mut().zip(measured).for_each(|(tally, measured)| tally.start = measured);
        group.since = Instant::now();
        Ok(group)
    }

    /// Resumes a group from a checkpoint of each of its trainings, all made at one moment.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`Error::AnotherTraining`] or [`Error::Impossible`] if a checkpoint is not one of its training, or
    /// not of the moment of the others.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn resume(trainings: &[Training<'a>], checkpoints: &[Checkpoint]) -> Result<Self, Error> {
        let mut sources: Vec<_> = trainings.iter().map(Source::new).collect();
        let restore = |((training, checkpoint), source): ((&Training<'_>, &Checkpoint), &mut Source<'_>)| {
            checkpoint.restore(training, source)
        };
        let states = trainings.iter().zip(checkpoints).zip(&mut sources).map(restore).collect::<Result<Vec<_>, _>>()?;
        let tallies: Vec<_> = checkpoints.iter().map(|checkpoint| checkpoint.position.tally.clone()).collect();
        let step = tallies.iter().map(|tally| tally.step).max().unwrap_or(0);
        if let Some(other) = tallies.iter().find(|tally| tally.step != step && !tally.diverged) {
            return Err(Error::Impossible { steps: other.step });
        }
        let closed = tallies.iter().map(|tally| tally.curves.train_loss.len()).max().unwrap_or(0);
        let mut group = Self { sources, tallies, step, closed, ..Self::new(trainings)? };
        group.stack.restore(&states)?;
        Ok(group)
    }

    /// Makes a checkpoint of each training: see [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the device fails.
    pub fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, Error> {
        self.settle()?;
        let states = self.stack.states()?;
        let checkpoint = |(number, state): (usize, State)| {
            let tally = Tally { total_time: self.total_time(number), ..self.tallies[number].clone() };
            Checkpoint::new(&self.trainings[number], &state, &self.sources[number], tally)
        };
        Ok(states.into_iter().enumerate().map(checkpoint).collect())
    }

    fn new(trainings: &[Training<'a>]) -> Result<Self, Error> {
        let started = Instant::now();
        let Training { protocol, data, device, .. } = trainings[0];
        let steps = trainings[0].steps()?;
        let plans = trainings.iter().map(Training::plan).collect::<Result<Vec<Plan>, _>>()?;
        let seeds: Vec<_> = trainings.iter().map(|training| training.seed.derive("weights")).collect();
        let parts = parts(data);
        let stack = Stack::new(&plans, &seeds, protocol.update, protocol.batch_size, pictures(data, &parts), device)?;
        let now = Instant::now();
        Ok(Self {
            trainings: trainings.to_vec(),
            protocol,
            data,
            costs: plans.iter().map(Plan::cost).collect(),
            stack,
            sources: trainings.iter().map(Source::new).collect(),
            tallies: trainings.iter().map(|_| Tally::default()).collect(),
            step: 0,
            steps,
            closed: 0,
            started,
            since: now,
        })
    }

    /// Takes the next step of all models, and measures what is due after it, as [`Run::advance`](super::Run::advance) does. Returns the
    /// fraction that is done; `None` if it was all done, or every model has diverged.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the device fails; then the group is of no more use.
    pub fn advance(&mut self) -> Result<Option<f64>, Error> {
        if self.step == self.steps || self.tallies.iter().all(|tally| tally.diverged) {
            return Ok(None);
        }
        self.advance_one()?;
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
        Ok(Some(self.step as f64 / self.steps as f64))
    }

    fn advance_one(&mut self) -> Result<(), Error> {
        let rate = self.protocol.learning_rate.learning_rate(self.step, self.steps);
        let picks: Vec<_> = self.sources.iter_mut().flat_map(Source::picks).collect();
        self.stack.step(&picks, self.protocol.augmentation.padding, rate)?;
        self.step += 1;
        let (is_halfway, is_end) = (self.step == self.steps.div_ceil(2), self.step == self.steps);
        let (batch, images) = (self.protocol.batch_size, self.protocol.images);
        let ends_epoch = self.step * batch / images.train > self.closed || is_end;
        if !is_halfway && !ends_epoch {
            return Ok(());
        }
        self.settle()?;
        if is_halfway {
            let measured = self.evaluate(usize::MAX)?;
            self.going_on().zip(measured).for_each(|(tally, measured)| {
                if let Some(tally) = tally {
                    tally.halfway = Some(measured);
                }
            });
        }
        if is_end {
            let figures = self.figures()?;
            self.going_on().zip(figures).for_each(|(tally, figures)| {
                if let Some(tally) = tally {
                    tally.end(figures);
                }
            });
        }
        if ends_epoch {
            self.closed += 1;
            let accuracies = self.accuracies(VALIDATION, self.data.dataset().validation(), images.curve)?;
            self.going_on().zip(accuracies).for_each(|(tally, accuracy)| {
                if let Some(tally) = tally {
                    tally.close_epoch(accuracy, rate, batch);
                }
            });
        }
        self.since = Instant::now();
        Ok(())
    }

    /// The tallies of all models, `None` for those that have diverged.
    fn going_on(&mut self) -> impl Iterator<Item = Option<&mut Tally>> {
        self.tallies.iter_mut().map(|tally| if tally.diverged { None } else { Some(tally) })
    }

    /// Reads what the steps found, and shares out the time that they took.
    fn settle(&mut self) -> Result<(), Error> {
        let reports = self.stack.reports()?;
        let elapsed = std::mem::replace(&mut self.since, Instant::now()).elapsed().as_secs_f64();
        for number in 0..self.tallies.len() {
            let share = self.share(number);
            let tally = &mut self.tallies[number];
            if !tally.diverged {
                tally.add_time(Seconds(elapsed * share));
            }
            for report in reports.iter().map(|reports| reports[number]) {
                if !tally.diverged {
                    tally.add(&report);
                }
            }
        }
        Ok(())
    }

    /// The share of a model in the operations of all.
    fn share(&self, number: usize) -> f64 {
        let total: f64 = self.costs.iter().map(|cost| cost.flops.to_f64()).sum();
        self.costs[number].flops.to_f64() / total
    }

    /// The accuracies on the images of the protocol, on at most `most` of each part.
    fn evaluate(&mut self, most: usize) -> Result<Vec<Evaluation>, Error> {
        let (images, dataset) = (self.protocol.images, self.data.dataset());
        let train = self.accuracies(TRAIN, dataset.train(), images.train_accuracy.min(most))?;
        let validation = self.accuracies(VALIDATION, dataset.validation(), images.validation.min(most))?;
        let test = self.accuracies(TEST, dataset.test(), images.test.min(most))?;
        let measured = |(number, tally): (usize, &Tally)| Evaluation {
            training_time: tally.training_time,
            train_accuracy: Some(train[number]),
            validation_accuracy: Some(validation[number]),
            test_accuracy: Some(test[number]),
        };
        Ok(self.tallies.iter().enumerate().map(measured).collect())
    }

    /// The accuracy of each model on the first `count` images of a part.
    fn accuracies(&mut self, part: usize, images: &Images, count: usize) -> Result<Vec<Accuracy>, Error> {
        let count = count.min(images.len());
        let accuracy = |correct| Accuracy::from_counts(correct, count).expect("an evaluation has images");
        Ok(self.stack.count_correct(part, count)?.into_iter().map(accuracy).collect())
    }

    fn figures(&mut self) -> Result<Vec<Figures>, Error> {
        let (images, dataset) = (self.protocol.images, self.data.dataset());
        let train = self.accuracies(TRAIN, dataset.train(), images.train_accuracy)?;
        let validation = self.qualities(VALIDATION, dataset.validation(), images.validation)?;
        let test = self.qualities(TEST, dataset.test(), images.test)?;
        let of_parts = train.into_iter().zip(validation).zip(test);
        Ok(of_parts.map(|((train_accuracy, validation), test)| Figures { train_accuracy, validation, test }).collect())
    }

    fn qualities(&mut self, part: usize, images: &Images, count: usize) -> Result<Vec<Quality>, Error> {
        let labels = &images.labels()[..count.min(images.len())];
        let logits = self.stack.logits(part, labels.len())?;
        Ok(logits.into_iter().map(|logits| Quality::measure(&logits, labels)).collect())
    }

    fn total_time(&self, number: usize) -> Seconds {
        Seconds(self.tallies[number].total_time.0 + self.started.elapsed().as_secs_f64() * self.share(number))
    }

    /// What the trainings came to.
    #[must_use]
    pub fn finish(self) -> Vec<Trained> {
        let (batch, memory) = (self.protocol.batch_size, self.stack.allocated() / self.costs.len() as u64);
        let times: Vec<_> = (0..self.costs.len()).map(|number| self.total_time(number)).collect();
        let of_models = self.tallies.into_iter().zip(self.costs).zip(times);
        of_models.map(|((tally, cost), time)| tally.finish(cost, time, batch, memory)).collect()
    }
}

fn parts(data: &Data) -> [&Images; 3] {
    [data.dataset().train(), data.dataset().validation(), data.dataset().test()]
}

fn pictures<'a>(data: &'a Data, parts: &'a [&'a Images]) -> Pictures<'a> {
    Pictures { parts, normalisation: data.normalisation() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Augmentation;
    use crate::engine::{self, Device};
    use crate::space::Space;
    use crate::train::fixture::{Setting, diverging, tiny};
    use crate::unit::Seed;

    const DEVICE: Device = Device::Gpu { index: None };

    fn train(trainings: &[Training<'_>]) -> Option<Vec<Trained>> {
        match Group::start(trainings) {
            Ok(group) => Some(to_the_end(group)),
            Err(Error::Engine(engine::Error::NoDevice { .. })) => {
                println!("skipped: no GPU adapter was found");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn to_the_end(mut group: Group<'_>) -> Vec<Trained> {
        while group.advance().unwrap().is_some() {}
        group.finish()
    }

    /// What does not depend on the clock.
    fn untimed(trained: &Trained) -> (Vec<Option<Accuracy>>, Option<Figures>, super::super::Curves) {
        let of = |at: Evaluation| [at.train_accuracy, at.validation_accuracy, at.test_accuracy];
        let accuracies = [trained.start, trained.halfway, trained.end].into_iter().flat_map(of).collect();
        (accuracies, trained.figures, trained.curves.untimed())
    }

    #[test]
    fn a_group_comes_to_what_each_model_comes_to_alone_and_learns_as_on_a_processor() {
        let protocol = Protocol { augmentation: Augmentation { padding: 1, flip: true }, ..tiny() };
        let setting = Setting::new(protocol);
        let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let training = |(seed, cell)| Training { cell, seed: Seed(seed), ..setting.training(2, 1, DEVICE) };
        let trainings: Vec<_> = (0..).zip(&cells).map(training).collect();
        let Some(group) = train(&trainings) else { return };
        for (training, trained) in trainings.iter().zip(&group) {
            assert_eq!(untimed(&train(&[*training]).unwrap()[0]), untimed(trained));
            let on_processor = Training { device: Device::Cpu, ..*training }.run(&mut |_| {}).unwrap();
            let [expected, found] = [&on_processor, trained].map(|trained| trained.curves.train_loss[0]);
            assert!((found / expected - 1.0).abs() < 0.01, "{}: {found}, expected {expected}", training.cell);
            assert_eq!(on_processor.start.validation_accuracy, trained.start.validation_accuracy);
            assert_eq!(on_processor.curves.learning_rate, trained.curves.learning_rate);
            assert!(
                trained.figures.unwrap().test.loss.unwrap() < 2.6 && trained.end.training_time > trained.halfway.training_time
            );
        }
    }

    #[test]
    fn a_model_that_diverges_is_one_that_diverged() {
        let setting = Setting::new(diverging());
        let Some(trained) = train(&[setting.training(3, 1, DEVICE)]) else { return };
        assert!(trained[0].is_diverged() && trained[0].curves.train_loss.len() < 3);
        assert!(trained[0].start.validation_accuracy.is_some());
    }

    #[test]
    fn a_group_is_of_one_budget_and_of_small_networks() {
        let mut protocol = tiny();
        let setting = Setting::new(protocol.clone());
        let mut trainings = [1, 1, 1, 2].map(|epochs| setting.training(epochs, 1, DEVICE)).to_vec();
        match Group::fit(&trainings) {
            Err(Error::Engine(engine::Error::NoDevice { .. })) => return println!("skipped: no GPU adapter was found"),
            fitting => assert_eq!(fitting.unwrap(), 3),
        }
        assert_eq!(Group::fit(&[]).unwrap(), 0);
        protocol.network.stem_channels = 256;
        let large = Setting::new(protocol);
        trainings[1] = large.training(1, 1, DEVICE);
        assert_eq!((Group::fit(&trainings).unwrap(), Group::fit(&trainings[1..]).unwrap()), (1, 0));
    }

    #[test]
    fn a_resumed_group_comes_to_what_one_without_a_break_comes_to() {
        let setting = Setting::new(Protocol { augmentation: Augmentation { padding: 1, flip: true }, ..tiny() });
        let trainings = [1, 2].map(|seed| setting.training(2, seed, DEVICE));
        let Some(expected) = train(&trainings) else { return };
        let mut group = Group::start(&trainings).unwrap();
        for steps in 1..6 {
            assert!(group.advance().unwrap().is_some());
            let checkpoints = group.checkpoints().unwrap();
            assert!(checkpoints.iter().all(|checkpoint| checkpoint.steps() == steps));
            let resumed = to_the_end(Group::resume(&trainings, &checkpoints).unwrap());
            assert!(resumed.iter().zip(&expected).all(|(found, expected)| untimed(found) == untimed(expected)), "{steps}");
        }
        let one = group.checkpoints().unwrap().remove(0);
        group.advance().unwrap();
        let other = group.checkpoints().unwrap().remove(1);
        assert!(matches!(Group::resume(&trainings, &[one, other]), Err(Error::Impossible { .. })));
    }
}
