//! Workers that train what is not recorded yet.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fs_err as fs;

use super::activity::Reporter;
use super::journal::Journal;
use super::lock::{self, Claim, Lock};
use super::shard::{self, Rolled};
use super::{Error, Share, Task, panic_text};
use crate::file::{remove_if_there, sync_folder};
use crate::table::{self, Benchmark, Key, Part, Record, Source, Status, Timestamp};

/// How often, and after which pause, a recorder that ends tries to have the folder alone.
const ATTEMPTS: usize = 5;
const MOMENT: Duration = Duration::from_millis(10);

/// An event of a recording.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A training began.
    Started(&'a Task),
    /// A training got on: the fraction of it that is done, 0 to 1.
    Progressed(&'a Task, f64),
    /// A model is trained, and its record on the disk.
    Finished(&'a Record),
}

/// A file that does not hold what was written. It lies in the folder `damaged` beside; what it held is not recorded, except for
/// the whole records of a journal.
#[derive(Debug)]
pub struct Damage {
    /// Where it was.
    pub file: PathBuf,
    /// What is wrong with it.
    pub error: Error,
}

/// A task that a worker trains.
pub struct Assignment<'a> {
    /// What is to be trained.
    pub task: &'a Task,
    /// Where a checkpoint of the training belongs, and may lie already. It is removed when the model is recorded.
    pub checkpoint: &'a Path,
    /// Its position in its group.
    number: usize,
    report: &'a dyn Fn(usize, f64),
    stop: Option<&'a AtomicBool>,
}

impl Assignment<'_> {
    /// Reports the fraction that is done, 0 to 1.
    pub fn report(&self, fraction: f64) {
        (self.report)(self.number, fraction);
    }

    /// Returns whether the recording is to end now: the training saves a checkpoint and is broken off.
    #[must_use]
    pub fn is_to_stop(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// Records one share of one part of a benchmark. While it lives, no other recorder can have a cell of it.
#[derive(Debug)]
pub struct Recorder<'a> {
    benchmark: &'a Benchmark,
    part: Part,
    share: Share,
    recorded: HashSet<Key>,
    /// Those of them that could not be trained.
    failed: HashSet<Key>,
    damaged: Vec<Damage>,
    rows_per_shard: usize,
    stop: Option<&'a AtomicBool>,
    /// There until the recorder is dropped.
    claim: Option<Claim>,
}

impl<'a> Recorder<'a> {
    /// Takes all of a part of a benchmark; see [`open_share`](Self::open_share).
    ///
    /// # Errors
    ///
    /// As [`open_share`](Self::open_share).
    pub fn open(benchmark: &'a Benchmark, part: Part) -> Result<Self, Error> {
        Self::open_share(benchmark, part, Share::WHOLE)
    }

    /// Takes a share of a part of a benchmark, and brings in what killed recorders left, those of other shares included.
    ///
    /// Shards that are damaged are set aside: what they held is to be trained again.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another recorder has cells of the share, [`Error::Payload`] for a journal of another version,
    /// [`Error::Table`] or [`Error::File`] if the benchmark cannot be read or written.
    pub fn open_share(benchmark: &'a Benchmark, part: Part, share: Share) -> Result<Self, Error> {
        let folder = benchmark.part(part);
        if part == Part::Verified && !fs::exists(&folder)? {
            fs::create_dir(&folder)?;
            sync_folder(benchmark.folder())?;
        }
        let claim = Claim::take(&folder, &shard::journals_folder(benchmark, part), share)?;
        let mut recorder = Self {
            benchmark,
            part,
            share,
            recorded: HashSet::new(),
            failed: HashSet::new(),
            damaged: Vec::new(),
            rows_per_shard: shard::ROWS,
            stop: None,
            claim: Some(claim),
        };
        recorder.take_stock()?;
        recorder.roll()?;
        recorder.roll_for_the_dead()?;
        Ok(recorder)
    }

    /// Ends recordings soon after a flag is set: trainings at hand are broken off, with a checkpoint.
    #[must_use]
    pub const fn stopped_by(mut self, stop: &'a AtomicBool) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Returns the keys of all rows that this part has, those of other shares included.
    #[must_use]
    pub const fn recorded(&self) -> &HashSet<Key> {
        &self.recorded
    }

    /// Returns the files that were damaged, and are set aside.
    #[must_use]
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// Takes the models that could not be trained for not recorded, so that they are tried again; returns how many those are.
    /// The new row of such a model counts, not the old one.
    pub fn retry_failed(&mut self) -> usize {
        let failed = std::mem::take(&mut self.failed);
        failed.iter().filter(|key| self.recorded.remove(key)).count()
    }

    /// Those of the tasks that are of this share and not recorded yet, each key once, in their order.
    #[must_use]
    pub fn remaining(&self, tasks: &[Task]) -> Vec<Task> {
        let mut seen = HashSet::new();
        let is_due = |task: &&Task| self.share.holds(&task.hash) && !self.recorded.contains(&task.key());
        tasks.iter().filter(is_due).filter(|task| seen.insert(task.key())).copied().collect()
    }

    /// Trains those of the tasks that are of this share and not recorded yet, and returns how many were.
    ///
    /// Each of the workers takes the next task, in their order, until there are none. `train` trains it; `None` says that it was
    /// broken off because the recording is to [stop](Self::stopped_by). Of its record the recorder itself sets seed, source,
    /// wall time and moment. `observe` is called with the worker and the event, and must be quick: the worker waits for it.
    ///
    /// Which rows there are in the end, and their order, does not depend on the number of workers.
    ///
    /// # Errors
    ///
    /// [`Error::Training`], [`Error::Panicked`] or [`Error::AnotherRecord`] for a training that went wrong, [`Error::Table`]
    /// or [`Error::File`] if a record cannot be written, [`Error::Lost`] if somebody removed journals. The other workers
    /// finish the task at hand, and what was recorded stays.
    pub fn record<E>(
        &mut self,
        tasks: &[Task],
        workers: NonZeroUsize,
        observe: impl Fn(usize, Event<'_>) + Sync,
        train: impl Fn(&Assignment<'_>) -> Result<Option<Record>, E> + Sync,
    ) -> Result<usize, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let alone = |assignments: &[Assignment<'_>]| train(&assignments[0]).map(|record| record.map(|record| vec![record]));
        self.record_groups(tasks, workers, observe, |_| 1, alone)
    }

    /// As [`record`](Self::record), but a worker takes several tasks at a time, whose rows reach the disk together.
    ///
    /// `size` says of the tasks that are left how many of the first ones are a group: at least 1 are. `train` returns a record for
    /// each. The models of a group are observed as if each had a worker of its own, from the number of their worker on.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    ///
    /// # Panics
    ///
    /// Never: that `train` returned too few records is an error, [`Error::Panicked`].
    pub fn record_groups<E>(
        &mut self,
        tasks: &[Task],
        workers: NonZeroUsize,
        observe: impl Fn(usize, Event<'_>) + Sync,
        size: impl Fn(&[Task]) -> usize + Sync,
        train: impl Fn(&[Assignment<'_>]) -> Result<Option<Vec<Record>>, E> + Sync,
    ) -> Result<usize, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let remaining = self.remaining(tasks);
        let models = tasks.iter().filter(|task| self.share.holds(&task.hash)).count();
        let reporter = Reporter::new(self.benchmark, self.part, self.share, models, &remaining, workers.get());
        let observe = |worker: usize, event: Event<'_>| {
            reporter.observe(worker, event);
            observe(worker, event);
        };
        let queue = Queue::new(&remaining, &size, self.stop);
        let run = |worker: usize, group: &[Task]| {
            group.iter().enumerate().for_each(|(number, task)| observe(worker + number, Event::Started(task)));
            let started = Instant::now();
            let path = |task: &Task| shard::checkpoint_path(self.benchmark, self.part, &task.key());
            let checkpoints: Vec<_> = group.iter().map(path).collect();
            let report = |number, fraction| observe(worker + number, Event::Progressed(&group[number], fraction));
            let numbered = group.iter().zip(&checkpoints).enumerate();
            let assignments: Vec<_> = numbered
                .map(|(number, (task, checkpoint))| Assignment { task, checkpoint, number, report: &report, stop: self.stop })
                .collect();
            let result = train(&assignments);
            let records = result.map_err(|source| Error::Training { task: group[0], source: source.into() })?;
            let completed = |records: Vec<Record>| {
                assert_eq!(records.len(), group.len(), "a record for each task of a group");
                records.into_iter().zip(group).map(|(record, task)| self.completed(record, task, started)).collect()
            };
            records.map(completed).transpose()
        };
        let tell = |worker: usize, record: &Record| observe(worker, Event::Finished(record));
        let worked = self.work_off(&queue, workers, &run, &tell);
        reporter.write();
        // What was finished becomes a shard whatever happened; what cannot stays in the journals until the next time.
        let rolled = self.roll();
        let Queue { finished, landed, .. } = queue;
        self.recorded.extend(contents(landed));
        worked.and(rolled)?;
        let finished = contents(finished);
        let lost = finished.iter().filter(|key| !self.recorded.contains(key)).count();
        if lost > 0 {
            return Err(Error::Lost { folder: self.benchmark.part(self.part), rows: lost });
        }
        Ok(finished.len())
    }

    /// Lets workers empty a queue.
    fn work_off(&self, queue: &Queue<'_>, workers: NonZeroUsize, run: &Run<'_>, tell: &Tell<'_>) -> Result<(), Error> {
        let workers = workers.get().min(queue.tasks.len());
        let results: Vec<Result<(), Error>> = thread::scope(|scope| {
            let start = |worker| {
                let name = format!("worker-{worker}");
                let handle = thread::Builder::new().name(name).spawn_scoped(scope, move || self.work(worker, queue, run, tell));
                handle.inspect_err(|_| queue.stop())
            };
            let handles: Vec<_> = (0..workers).map(start).collect();
            handles.into_iter().map(|handle| handle?.join().expect("a worker catches panics")).collect()
        });
        results.into_iter().collect()
    }

    /// One worker: takes groups of tasks until there are none or one went wrong.
    fn work(&self, worker: usize, queue: &Queue<'_>, run: &Run<'_>, tell: &Tell<'_>) -> Result<(), Error> {
        let attempt = || {
            let mut journal = self.start_journal(worker)?;
            while let Some(group) = queue.take() {
                let step = || {
                    let Some(records) = run(worker, group)? else {
                        queue.stop();
                        return Ok(());
                    };
                    journal.append(&records)?;
                    note(&queue.finished, records.iter().map(Record::key));
                    group.iter().try_for_each(|task| self.forget_checkpoint(task))?;
                    records.iter().enumerate().for_each(|(number, record)| tell(worker + number, record));
                    Ok(())
                };
                let caught = catch_unwind(AssertUnwindSafe(step));
                caught.unwrap_or_else(|panic| Err(Error::Panicked { task: group[0], message: panic_text(&*panic) }))?;
                if journal.rows() >= self.rows_per_shard {
                    let rolled = self.roll_journals(self.share, &[journal.close()])?;
                    note(&queue.landed, rolled.outcomes.into_iter().map(|(key, _)| key));
                    journal = self.start_journal(worker)?;
                }
            }
            Ok(())
        };
        attempt().inspect_err(|_| queue.stop())
    }

    fn start_journal(&self, worker: usize) -> Result<Journal, Error> {
        Journal::create(shard::journal_path(self.benchmark, self.part, self.share, worker))
    }

    /// Removes the checkpoint of a model that is recorded; most have none.
    fn forget_checkpoint(&self, task: &Task) -> Result<(), Error> {
        Ok(remove_if_there(&shard::checkpoint_path(self.benchmark, self.part, &task.key()))?)
    }

    /// Checks that a record is that of its task, and sets what the recorder knows.
    fn completed(&self, record: Record, task: &Task, started: Instant) -> Result<Record, Error> {
        if record.key() != task.key() || record.cell != task.cell {
            return Err(Error::AnotherRecord { task: *task, found: Box::new(record.key()) });
        }
        let source = match self.part {
            Part::Recorded => Source::Recorded,
            Part::Verified => Source::Verified,
        };
        Ok(Record {
            seed: Some(task.seed),
            source,
            wall_time: Some(started.elapsed().into()),
            recorded_at: Some(Timestamp::now()),
            ..record
        })
    }

    /// Learns what is recorded. The shards of this share are read in full, so that damage shows before anything is built on them.
    fn take_stock(&mut self) -> Result<(), Error> {
        let identity = self.benchmark.identity();
        for file in self.benchmark.files(self.part)? {
            let outcomes = if shard::is_of_share(&file, self.share) {
                table::read(&file, identity).map(|records| records.iter().map(|record| (record.key(), record.status)).collect())
            } else {
                table::outcomes(&file, identity)
            };
            let outcomes: Vec<_> = match outcomes {
                // Somebody else's shard is for somebody else to set aside.
                Err(error) if error.is_damage() && (self.share == Share::WHOLE || shard::is_of_share(&file, self.share)) => {
                    shard::set_aside(self.benchmark, self.part, &file)?;
                    self.damaged.push(Damage { file, error: error.into() });
                    continue;
                }
                outcomes => outcomes?,
            };
            for (key, status) in outcomes {
                // The newest rows come first.
                if !status.yields() {
                    self.recorded.insert(key);
                    self.failed.remove(&key);
                } else if self.recorded.insert(key) {
                    self.failed.insert(key);
                }
            }
        }
        Ok(())
    }

    /// Brings in the journals of this share.
    fn roll(&mut self) -> Result<(), Error> {
        self.roll_share(self.share)
    }

    /// Brings in the journals of recorders of other shares that are no more.
    fn roll_for_the_dead(&mut self) -> Result<(), Error> {
        for (share, claim) in lock::claims(&shard::journals_folder(self.benchmark, self.part))? {
            if share != self.share
                && let Some(_held) = Claim::of_dead(&claim)?
            {
                self.roll_share(share)?;
            }
        }
        Ok(())
    }

    fn roll_share(&mut self, share: Share) -> Result<(), Error> {
        let journals = shard::journals(self.benchmark, self.part, share)?;
        let Rolled { outcomes, damaged } = self.roll_journals(share, &journals)?;
        for (key, status) in outcomes {
            self.recorded.insert(key);
            if status == Status::Failed {
                self.failed.insert(key)
            } else {
                self.failed.remove(&key)
            };
        }
        self.damaged.extend(damaged);
        Ok(())
    }

    fn roll_journals(&self, share: Share, journals: &[PathBuf]) -> Result<Rolled, Error> {
        // A model that failed and was trained again has a row in a shard, and a newer one in the journal.
        let is_known = |key: &Key| self.recorded.contains(key) && !self.failed.contains(key);
        shard::roll(self.benchmark, self.part, share, journals, self.rows_per_shard, &is_known)
    }
}

impl Drop for Recorder<'_> {
    /// Tidies up if nobody else records. Where that fails, the next recorder does it.
    fn drop(&mut self) {
        self.claim = None;
        // A program that another thread starts has a copy of our locks for a moment, until it runs.
        for _ in 0..ATTEMPTS {
            if let Ok(_alone) = Lock::take(&self.benchmark.part(self.part)) {
                let _ = shard::tidy(self.benchmark, self.part);
                return;
            }
            thread::sleep(MOMENT);
        }
    }
}

/// Trains the tasks of a group and completes their records; `None` if it was broken off.
type Run<'a> = dyn Fn(usize, &[Task]) -> Result<Option<Vec<Record>>, Error> + Sync + 'a;
/// Reports a finished record.
type Tell<'a> = dyn Fn(usize, &Record) + Sync + 'a;

/// Tasks that workers take, each once, and what became of them.
struct Queue<'a> {
    tasks: &'a [Task],
    /// How many of the first of some tasks are a group.
    size: &'a (dyn Fn(&[Task]) -> usize + Sync),
    next: Mutex<usize>,
    stopped: AtomicBool,
    stop: Option<&'a AtomicBool>,
    /// Those that stand in a journal or did.
    finished: Mutex<Vec<Key>>,
    /// Those that stand in a shard already.
    landed: Mutex<Vec<Key>>,
}

impl<'a> Queue<'a> {
    fn new(tasks: &'a [Task], size: &'a (dyn Fn(&[Task]) -> usize + Sync), stop: Option<&'a AtomicBool>) -> Self {
        let (next, stopped) = (Mutex::new(0), AtomicBool::new(false));
        Self { tasks, size, next, stopped, stop, finished: Mutex::default(), landed: Mutex::default() }
    }

    fn take(&self) -> Option<&'a [Task]> {
        if self.stopped.load(Ordering::Relaxed) || self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return None;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let left = &self.tasks[*next..];
        if left.is_empty() {
            return None;
        }
        let group = &left[..(self.size)(left).clamp(1, left.len())];
        *next += group.len();
        Some(group)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn note(list: &Mutex<Vec<Key>>, keys: impl IntoIterator<Item = Key>) {
    list.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
}

fn contents(list: Mutex<Vec<Key>>) -> Vec<Key> {
    list.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
