//! The stage that trains: it makes the tasks, says how much work they are, and has them recorded. A recording of its own
//! is this stage alone.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Error, Event, Observe, Run};
use crate::dataset::Dataset;
use crate::engine::Device;
use crate::network::{self, Skeleton};
use crate::record::{self, Recorder, Task, Trainer};
use crate::space::{Cell, Space};
use crate::statistics::number;
use crate::table::{self, Benchmark, Manifest, Part, Record};
use crate::train::{self, Data, Protocol};
use crate::unit::{Epochs, Flops, Seed};

pub use crate::record::{Order, Share};

/// The work of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// All models, the recorded ones included.
    pub models: usize,
    /// Those of them that are recorded already.
    pub recorded: usize,
    /// The work of the rest, in operations.
    pub work: f64,
}

/// The share of one model in a workload.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    /// The work, in operations.
    pub work: f64,
    /// The images that it is trained on, summed over the epochs.
    pub images: f64,
}

/// The settings of a recording.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    /// The folder of the benchmark: created if it is missing, continued if it exists.
    pub folder: PathBuf,
    /// The images.
    pub dataset: Dataset,
    /// How to train, with the budgets and the repeats to be recorded.
    pub protocol: Protocol,
    /// The cells.
    pub space: Space,
    /// If given, only these cells of the space are recorded. Records of other cells stay.
    pub only: Option<Vec<Cell>>,
    /// The source of every random number.
    pub seed: Seed,
    /// The device that trains.
    pub device: Device,
    /// The number of models that are trained at a time, one thread each.
    pub workers: NonZeroUsize,
    /// The share of the cells that this process takes.
    pub share: Share,
    /// The order of the trainings.
    pub order: Order,
    /// Whether models that could not be trained are tried again.
    pub retry_failed: bool,
    /// Ends the recording soon after it is set, with a checkpoint of each model in training.
    pub stop: Option<&'a AtomicBool>,
}

impl Recording<'_> {
    pub(super) fn sources(&self) -> Result<Sources, Error> {
        Sources::prepare(&self.dataset, &self.protocol)
    }

    /// Creates the benchmark, or opens it if it exists.
    pub(super) fn open(&self, sources: &Sources) -> Result<Benchmark, Error> {
        Ok(Benchmark::create_or_open(&self.folder, &sources.manifest(&self.space, self.seed))?)
    }

    /// The cells that are to be trained, isomorphic ones among them or not.
    ///
    /// # Errors
    ///
    /// [`space::Error`](crate::space::Error) if the space has too many.
    pub fn cells(&self) -> Result<Vec<Cell>, Error> {
        Ok(match &self.only {
            Some(cells) => cells.clone(),
            None => self.space.cells()?,
        })
    }
}

/// The result of a recording.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The benchmark.
    pub benchmark: Benchmark,
    /// The models of the share.
    pub models: usize,
    /// Those that had been recorded before.
    pub before: usize,
    /// Those that were trained now.
    pub trained: usize,
}

impl Recorded {
    /// The models that are still to be trained.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.models - self.before - self.trained
    }
}

/// Creates the benchmark of a recording, or opens it if it exists.
///
/// # Errors
///
/// [`Error`] if the protocol or the images do not fit, or the folder holds something else.
pub fn create(recording: &Recording<'_>) -> Result<Benchmark, Error> {
    recording.open(&recording.sources()?)
}

/// Trains and records the models that are not recorded yet.
///
/// # Errors
///
/// [`Error`] if the protocol, the images or the device do not fit, the folder holds another benchmark or somebody else records
/// the same cells, or a model cannot be trained. What was recorded until then stays.
pub fn record(recording: &Recording<'_>, observe: Observe<'_>) -> Result<Recorded, Error> {
    let Recording { folder, protocol, device, workers, share, order, retry_failed, stop, .. } = recording;
    device.check().map_err(train::Error::from)?;
    let sources = recording.sources()?;
    observe(Event::Stage("enumerate"));
    let cells = recording.cells()?;
    record::check_size(cells.len(), protocol.budgets.len(), protocol.repeats.into())?;
    if !folder.exists() {
        // What cannot be trained leaves no folder behind.
        let trainer = Trainer { protocol: &sources.protocol, data: &sources.data, device: *device };
        trainer.check_memory(sources.dearest_first(&cells), *workers)?;
    }
    let benchmark = recording.open(&sources)?;
    let mut tasks = sources.plan(&benchmark, &cells, &protocol.budgets, 0..protocol.repeats);
    tasks.retain(|task| share.holds(&task.hash));
    order.arrange(&mut tasks);
    let mut recorder = Recorder::open_share(&benchmark, Part::Recorded, *share)?;
    if let Some(stop) = stop {
        recorder = recorder.stopped_by(stop);
    }
    if *retry_failed {
        let failed = recorder.retry_failed();
        observe(Event::Note(&format!("{failed} models that could not be trained are tried again")));
    }
    let trained = sources.record(&mut recorder, &tasks, *device, *workers, observe)?;
    let there = tasks.iter().filter(|task| recorder.recorded().contains(&task.key())).count();
    drop(recorder);
    Ok(Recorded { benchmark, models: tasks.len(), before: there - trained, trained })
}

/// The protocol and the images that models are trained with.
pub(super) struct Sources {
    pub(super) protocol: Protocol,
    pub(super) data: Data,
    pub(super) skeleton: Skeleton,
}

impl Sources {
    pub(super) fn prepare(dataset: &Dataset, protocol: &Protocol) -> Result<Self, Error> {
        let protocol = protocol.clone().resolve(dataset)?;
        let skeleton = protocol.skeleton().expect("the protocol is resolved");
        let data = Data::select(&protocol, dataset)?;
        Ok(Self { protocol, data, skeleton })
    }

    /// Returns the manifest of a benchmark that is recorded with these.
    pub(super) fn manifest(&self, space: &Space, seed: Seed) -> Manifest {
        let dataset = self.data.dataset();
        Manifest {
            seed: Some(seed),
            dataset: table::Dataset { name: dataset.name().to_owned(), sha256: Some(dataset.sha256()) },
            operations: table::operations(space),
            protocol: self.protocol.identity(),
        }
    }

    /// Returns the operations of training a cell; 0 for a cell that cannot be compiled, which fails with its reason when it is trained.
    pub(super) fn work(&self, cell: &Cell, epochs: Epochs) -> Flops {
        let flops = network::count(cell, &self.skeleton).map_or(0, |(_, flops)| flops.0);
        Flops(flops.saturating_mul(self.protocol.passes(epochs)))
    }

    fn dearest_first<'c>(&self, cells: &'c [Cell]) -> Vec<&'c Cell> {
        let mut sorted: Vec<_> = cells.iter().collect();
        sorted.sort_by_cached_key(|cell| Reverse(self.work(cell, Epochs(1)).0));
        sorted
    }

    /// The tasks of a recording, the most expensive first.
    pub(super) fn plan(&self, benchmark: &Benchmark, cells: &[Cell], budgets: &[Epochs], repeats: Range<u16>) -> Vec<Task> {
        record::plan(benchmark, cells, budgets, repeats, |cell, epochs| self.work(cell, epochs))
    }

    /// Trains those of the tasks that are not recorded yet; returns how many.
    pub(super) fn record(
        &self,
        recorder: &mut Recorder<'_>,
        tasks: &[Task],
        device: Device,
        workers: NonZeroUsize,
        observe: Observe<'_>,
    ) -> Result<usize, Error> {
        for damage in recorder.damaged() {
            observe(Event::Damaged(damage));
        }
        let remaining = recorder.remaining(tasks);
        observe(Event::Workload(Workload {
            models: tasks.len(),
            recorded: tasks.len() - remaining.len(),
            work: remaining.iter().map(|task| self.portion(task.work, task.epochs).work).sum(),
        }));
        let trainer = Trainer { protocol: &self.protocol, data: &self.data, device };
        let mut seen = HashSet::new();
        trainer.check_memory(remaining.iter().filter(|task| seen.insert(task.hash)).map(|task| &task.cell), workers)?;
        let tell = |worker: usize, event: record::Event<'_>| {
            let portion = match event {
                record::Event::Started(task) | record::Event::Progressed(task, _) => self.portion(task.work, task.epochs),
                record::Event::Finished(record) => self.portion(self.work(&record.cell, record.epochs), record.epochs),
            };
            observe(Event::Model { worker, portion, event });
        };
        if trainer.has_groups(&remaining) {
            // One worker hands the device as many models as it can hold.
            let train = |group: &[record::Assignment<'_>]| trainer.train_group(group, &|note| observe(Event::Note(note)));
            let size = |tasks: &[Task]| trainer.group_size(tasks);
            return Ok(recorder.record_groups(tasks, NonZeroUsize::MIN, tell, size, train)?);
        }
        Ok(recorder.record(tasks, workers, tell, |assignment| trainer.train(assignment))?)
    }

    fn portion(&self, work: Flops, epochs: Epochs) -> Portion {
        Portion { work: work.to_f64(), images: f64::from(epochs.0) * number(self.protocol.images.train) }
    }
}

impl Run<'_> {
    /// Trains and records what is not recorded yet. Returns all rows of these cells, budgets and repeats, and how many rows the part
    /// had before.
    pub(super) fn record(
        &self,
        part: Part,
        cells: &[Cell],
        budgets: &[Epochs],
        repeats: Range<u16>,
        observe: Observe<'_>,
    ) -> Result<(Vec<Record>, usize), Error> {
        let tasks = self.sources.plan(&self.benchmark, cells, budgets, repeats);
        let mut recorder = Recorder::open(&self.benchmark, part)?;
        let before = recorder.recorded().len();
        if let Some(stop) = &self.job.stop {
            recorder = recorder.stopped_by(stop);
        }
        self.sources.record(&mut recorder, &tasks, self.job.device, self.job.workers, observe)?;
        if self.job.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Error::Stopped);
        }
        let wanted: HashSet<_> = tasks.iter().map(Task::key).collect();
        let mut records = self.benchmark.read(part)?;
        records.retain(|record| wanted.contains(&record.key()));
        Ok((records, before))
    }
}
