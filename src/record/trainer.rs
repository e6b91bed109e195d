//! The training of one task, and the row that it makes.

use std::cmp::Reverse;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Assignment, Task, panic_text};
use crate::engine::{self, Device};
use crate::space::Cell;
use crate::table::{Record, Status, Telemetry};
use crate::train::{self, Checkpoint, Data, Group, Progress, Protocol, Run, Trained, Training};
use crate::unit::{Epochs, Flops, Seed};

/// The time of training that a killed process loses at most.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
/// The most models whose memory is computed before a recording.
const MODELS_CHECKED: usize = 1_000;

/// Trains tasks for a [`Recorder`](super::Recorder).
#[derive(Clone, Copy, Debug)]
pub struct Trainer<'a> {
    /// How to train; resolved.
    pub protocol: &'a Protocol,
    /// What to train on.
    pub data: &'a Data,
    /// Where to train.
    pub device: Device,
}

impl Trainer<'_> {
    /// Trains the model of an assignment, from its checkpoint if there is one. A long training saves one each minute, and any
    /// training when it is to stop; then the result is `None`.
    ///
    /// A GPU that fails in the middle gets a second chance; then the processor trains the model, as the row says. If that
    /// fails, too, the row says that the training failed, and nothing else.
    ///
    /// # Errors
    ///
    /// As [`Training::run`], but for a device that fails in the middle.
    pub fn train(&self, assignment: &Assignment<'_>) -> Result<Option<Record>, train::Error> {
        self.train_by(assignment.task, |device| {
            let training = self.training(assignment.task, device);
            let run = || go_on(start(&training, assignment.checkpoint)?, assignment);
            match device {
                // A panic there is a bug.
                Device::Cpu | Device::Reference => run(),
                // The drivers of GPUs panic where they cannot go on.
                Device::Gpu { .. } | Device::Cuda { .. } => catch_unwind(AssertUnwindSafe(run))
                    .unwrap_or_else(|panic| Err(engine::Error::Failed { device, reason: panic_text(&*panic) }.into())),
            }
        })
    }

    /// Returns whether some of the tasks are to be trained in groups, as stacks on a GPU.
    #[must_use]
    pub fn has_groups(&self, tasks: &[Task]) -> bool {
        let is_gpu = matches!(self.device, Device::Gpu { .. });
        is_gpu && tasks.iter().any(|task| Group::suits(&self.training(task, self.device)))
    }

    /// Returns how many of the first tasks are a group; 0 if the first one is to be trained by itself.
    #[must_use]
    pub fn group_size(&self, tasks: &[Task]) -> usize {
        if !matches!(self.device, Device::Gpu { .. }) {
            return 0;
        }
        let trainings: Vec<_> = tasks.iter().take(Group::MOST).map(|task| self.training(task, self.device)).collect();
        // What is wrong with a task is said when it is trained.
        Group::fit(&trainings).unwrap_or(0)
    }

    /// Trains the models of a group: at once, if that is more than one or the first could be one of a group.
    ///
    /// A GPU that fails in the middle gets a second chance; then each model is trained by itself. If the device has too little memory, the
    /// halves of the group are trained one after the other, and `tell` is told so.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn train_group(&self, assignments: &[Assignment<'_>], tell: &dyn Fn(&str)) -> Result<Option<Vec<Record>>, train::Error> {
        if self.group_size(&[*assignments[0].task]) > 0 {
            for _ in 0..2 {
                match self.train_stack(assignments) {
                    Err(train::Error::Engine(engine::Error::Failed { reason, .. })) => {
                        tell(&format!("`{}` failed with {} models: {reason}", self.device, assignments.len()));
                    }
                    Err(error) if error.is_too_large() && assignments.len() > 1 => {
                        let (one, other) = assignments.split_at(assignments.len() / 2);
                        tell(&format!("{error}: {} models are trained at a time now", one.len().max(other.len())));
                        let Some(mut records) = self.train_group(one, tell)? else { return Ok(None) };
                        let Some(rest) = self.train_group(other, tell)? else { return Ok(None) };
                        records.extend(rest);
                        return Ok(Some(records));
                    }
                    Err(error) if error.is_too_large() => break,
                    result => return result,
                }
            }
        }
        assignments.iter().map(|assignment| self.train(assignment)).collect()
    }

    fn train_stack(&self, assignments: &[Assignment<'_>]) -> Result<Option<Vec<Record>>, train::Error> {
        let trainings: Vec<_> = assignments.iter().map(|one| self.training(one.task, self.device)).collect();
        let trained = catch_unwind(AssertUnwindSafe(|| go_on_together(&trainings, assignments)))
            .unwrap_or_else(|panic| Err(engine::Error::Failed { device: self.device, reason: panic_text(&*panic) }.into()))?;
        let record = |(trained, assignment): (Trained, &Assignment<'_>)| {
            let operations = self.operations(assignment.task, trained.cost.flops);
            let numerics = Some(format!("{} in stacks", self.device.numerics()));
            Record { numerics, ..row(assignment.task, self.device, operations, trained) }
        };
        Ok(trained.map(|trained| trained.into_iter().zip(assignments).map(record).collect()))
    }

    /// Trains the model of a row once more, from the seed of the row.
    ///
    /// # Errors
    ///
    /// As [`Training::run`].
    ///
    /// # Panics
    ///
    /// Panics if the row has no seed.
    pub fn train_again(&self, record: &Record) -> Result<Record, train::Error> {
        let Record { cell, hash, epochs, repeat, flops, .. } = *record;
        let seed = record.seed.expect("a row with a seed");
        let task = Task { cell, hash, epochs, repeat, seed, work: flops };
        let trained = self.training(&task, self.device).run(&mut |_| {})?;
        let operations = self.operations(&task, trained.cost.flops);
        Ok(Record { seed: Some(seed), ..row(&task, self.device, operations, trained) })
    }

    /// Returns an error if the cells that are trained at a time take more memory than is available.
    ///
    /// They should come with the most work first, and more work takes more memory: only the first ones are looked at, as each
    /// training is checked again when it starts.
    ///
    /// # Errors
    ///
    /// [`train::Error::Memory`] with the memory that the largest of them take together.
    pub fn check_memory<'c>(&self, cells: impl IntoIterator<Item = &'c Cell>, workers: NonZeroUsize) -> Result<(), train::Error> {
        let Self { protocol, data, device } = *self;
        // Neither budget nor seed change the memory.
        let training = |cell| Training { cell, epochs: Epochs(1), seed: Seed(0), protocol, data, device };
        // What cannot be compiled fails with its reason when it is trained.
        let needed = |cell| training(cell).memory().unwrap_or(0);
        let dearest = cells.into_iter().take(MODELS_CHECKED);
        let mut largest: Vec<_> = dearest.map(|cell| (needed(cell), cell)).collect();
        largest.sort_by_key(|(needed, _)| Reverse(*needed));
        let at_a_time = largest.iter().take(workers.get()).filter(|(needed, _)| *needed > 0);
        train::check_memory(&at_a_time.map(|(_, cell)| training(cell)).collect::<Vec<_>>())
    }

    fn train_by(
        &self,
        task: &Task,
        mut attempt: impl FnMut(Device) -> Result<Option<Trained>, train::Error>,
    ) -> Result<Option<Record>, train::Error> {
        let devices: &[_] = match self.device {
            Device::Gpu { .. } | Device::Cuda { .. } => &[self.device, self.device, Device::Cpu],
            Device::Cpu | Device::Reference => &[self.device],
        };
        for device in devices {
            match attempt(*device) {
                Err(train::Error::Engine(engine::Error::Failed { .. })) => {}
                result => {
                    return Ok(result?.map(|trained| row(task, *device, self.operations(task, trained.cost.flops), trained)));
                }
            }
        }
        let cost = self.training(task, self.device).cost()?;
        Ok(Some(Record {
            parameters: cost.parameters,
            flops: cost.flops,
            status: Status::Failed,
            device: Some(self.device.description()),
            numerics: Some(self.device.numerics()),
            training_operations: Some(self.operations(task, cost.flops)),
            ..Record::blank(task.cell, task.epochs, task.repeat)
        }))
    }

    /// Returns the operations of a training whose network takes `of_pass` for a forward pass.
    fn operations(&self, task: &Task, of_pass: Flops) -> Flops {
        Flops(of_pass.0.saturating_mul(self.protocol.passes(task.epochs)))
    }

    fn training<'a>(&'a self, task: &'a Task, device: Device) -> Training<'a> {
        let Self { protocol, data, .. } = *self;
        Training { cell: &task.cell, epochs: task.epochs, seed: task.seed, protocol, data, device }
    }
}

/// Starts a training, or goes on from its checkpoint. One that does not fit, as of another processor, counts for nothing.
fn start<'a>(training: &Training<'a>, checkpoint: &Path) -> Result<Run<'a>, train::Error> {
    let saved = if checkpoint.exists() { Checkpoint::read(checkpoint).ok() } else { None };
    match saved.map(|saved| training.resume(&saved)) {
        Some(Ok(run)) => Ok(run),
        Some(Err(error @ (train::Error::Memory { .. } | train::Error::Engine(_)))) => Err(error),
        Some(Err(_)) | None => training.start(),
    }
}

/// Trains to the end, or until the recording is to stop.
fn go_on(mut run: Run<'_>, assignment: &Assignment<'_>) -> Result<Option<Trained>, train::Error> {
    let save = |run: &Run<'_>| {
        fs_err::create_dir_all(assignment.checkpoint.parent().expect("a checkpoint lies in a folder"))?;
        run.checkpoint()?.write(assignment.checkpoint)
    };
    let mut saved = Instant::now();
    while let Some(Progress { steps, of, .. }) = run.advance()? {
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
        assignment.report(steps as f64 / of as f64);
        if assignment.is_to_stop() && steps < of {
            save(&run)?;
            return Ok(None);
        }
        if saved.elapsed() >= CHECKPOINT_EVERY {
            save(&run)?;
            saved = Instant::now();
        }
    }
    Ok(Some(run.finish().0))
}

/// As [`start`] and [`go_on`], of a group. It saves checkpoints only when the recording is to stop.
fn go_on_together(trainings: &[Training<'_>], assignments: &[Assignment<'_>]) -> Result<Option<Vec<Trained>>, train::Error> {
    let saved: Result<Vec<_>, _> = assignments.iter().map(|assignment| Checkpoint::read(assignment.checkpoint)).collect();
    let mut group = match saved.map(|saved| Group::resume(trainings, &saved)) {
        Ok(Ok(group)) => group,
        Ok(Err(error @ train::Error::Engine(_))) => return Err(error),
        Ok(Err(_)) | Err(_) => Group::start(trainings)?,
    };
    while let Some(fraction) = group.advance()? {
        for assignment in assignments {
            assignment.report(fraction);
        }
        if assignments[0].is_to_stop() && fraction < 1.0 {
            for (checkpoint, assignment) in group.checkpoints()?.iter().zip(assignments) {
                fs_err::create_dir_all(assignment.checkpoint.parent().expect("a checkpoint lies in a folder"))?;
                checkpoint.write(assignment.checkpoint)?;
            }
            return Ok(None);
        }
    }
    Ok(Some(group.finish()))
}

fn row(task: &Task, device: Device, operations: Flops, trained: Trained) -> Record {
    Record {
        parameters: trained.cost.parameters,
        flops: trained.cost.flops,
        status: if trained.is_diverged() { Status::Diverged } else { Status::Ok },
        start: trained.start,
        halfway: trained.halfway,
        end: trained.end,
        total_time: trained.total_time,
        telemetry: Telemetry {
            images_per_second: trained.images_per_second,
            peak_memory: Some(trained.peak_memory),
            macro_roc_auc: trained.figures.and_then(|figures| figures.validation.macro_roc_auc),
            macro_f1: trained.figures.map(|figures| figures.validation.macro_f1),
        },
        curves: trained.curves,
        device: Some(device.description()),
        numerics: Some(device.numerics()),
        training_operations: Some(operations),
        ..Record::blank(task.cell, task.epochs, task.repeat)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset;
    use crate::record::fixture;

    /// Returns a task of a real protocol, trained as the attempts say; also returns the devices that were tried.
    fn trained(device: Device, succeeds: impl Fn(usize, Device) -> bool) -> (Result<Record, train::Error>, Vec<Device>) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");
        let dataset = dataset::find("fashion-14").unwrap().load(None).unwrap();
        let protocol = Protocol::find(file).unwrap().resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        let trainer = Trainer { protocol: &protocol, data: &data, device };
        let folder = tempfile::tempdir().unwrap();
        let task = fixture::tasks(&fixture::benchmark(Path::new(folder.path())), 1)[0];
        let mut tried = Vec::new();
        let result = trainer.train_by(&task, |device| {
            tried.push(device);
            if succeeds(tried.len(), device) {
                return trainer.training(&task, Device::Cpu).run(&mut |_| {}).map(Some);
            }
            Err(engine::Error::Failed { device, reason: "it was unplugged".to_owned() }.into())
        });
        (result.map(|record| record.expect("no training was broken off")), tried)
    }

    #[test]
    fn a_gpu_that_fails_once_gets_a_second_chance() {
        let gpu = Device::Gpu { index: Some(1) };
        let (record, tried) = trained(gpu, |attempt, _| attempt == 2);
        let record = record.unwrap();
        assert_eq!((tried, record.status, record.device.as_deref()), (vec![gpu; 2], Status::Ok, Some("gpu:1")));
        assert!(record.telemetry.peak_memory.is_some() && record.telemetry.macro_f1.is_some());
        let passes = Protocol::find(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap().passes(record.epochs);
        assert_eq!(record.training_operations, Some(Flops(record.flops.0 * passes)));
    }

    #[test]
    fn what_a_dead_gpu_was_to_train_the_processor_trains() {
        let gpu = Device::Gpu { index: None };
        let (record, tried) = trained(gpu, |_, device| device == Device::Cpu);
        let record = record.unwrap();
        assert_eq!((tried, record.status), (vec![gpu, gpu, Device::Cpu], Status::Ok));
        assert!(record.device.unwrap().starts_with("cpu"));
    }

    #[test]
    fn a_model_that_no_device_can_train_is_recorded_as_failed() {
        for device in [Device::Cpu, Device::Gpu { index: None }] {
            let record = trained(device, |_, _| false).0.unwrap();
            assert_eq!((record.status, record.end.validation_accuracy), (Status::Failed, None));
            assert!(record.parameters.0 > 0 && record.check().is_ok());
            assert!(record.training_operations.is_some());
        }
    }

    #[test]
    #[cfg(feature = "gpu")]
    fn a_group_that_the_device_cannot_hold_is_trained_in_parts() {
        use crate::record::Recorder;
        use crate::table::Part;

        let device = Device::Gpu { index: None };
        if device.check().is_err() {
            return println!("skipped: no GPU adapter was found");
        }
        let dataset = dataset::find("fashion-14").unwrap().load(None).unwrap();
        let mut protocol = Protocol::find(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap();
        // So large that a software adapter, which addresses 128 MiB at once, cannot hold 14 models.
        (protocol.batch_size, protocol.network.stem_channels) = (100, 32);
        let protocol = protocol.resolve(&dataset).unwrap();
        let data = Data::select(&protocol, &dataset).unwrap();
        let trainer = Trainer { protocol: &protocol, data: &data, device };
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let mut tasks = fixture::tasks(&benchmark, 2);
        tasks.retain(|task| task.epochs == Epochs(1));
        let fitting = trainer.group_size(&tasks);
        assert!(fitting > 0 && trainer.has_groups(&tasks));
        let notes = std::sync::Mutex::new(Vec::new());
        let tell = |note: &str| notes.lock().unwrap().push(note.to_owned());
        let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        let train = |group: &[Assignment<'_>]| trainer.train_group(group, &tell);
        let count = recorder.record_groups(&tasks, NonZeroUsize::MIN, |_, _| {}, <[Task]>::len, train).unwrap();
        let notes = notes.into_inner().unwrap();
        assert_eq!((count, notes.is_empty()), (14, fitting == 14), "{notes:?}");
        assert!(notes.iter().all(|note| note.contains("models are trained at a time now")), "{notes:?}");
        drop(recorder);
        let records = benchmark.records().unwrap();
        assert!(records.iter().all(|record| record.status == Status::Ok && record.device.as_deref() == Some("gpu")));
    }
}
