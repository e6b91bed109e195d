//! The progress of the recorders of a benchmark, for other processes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::lock::{self, Holder};
use super::{Error, Event, Share, Task, shard};
use crate::space::Cell;
use crate::table::{Benchmark, Key, Part, Record, Status, Timestamp};
use crate::unit::{Accuracy, Seconds};

/// The time between two looks at a recording.
const EVERY: Duration = Duration::from_secs(1);
const EXTENSION: &str = "activity";

/// The progress of one recorder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// The id of its process.
    pub process: u32,
    /// The machine that it runs on, if that is known.
    pub host: Option<String>,
    /// The share that it records.
    pub share: Share,
    /// The time of its start.
    pub started_at: Timestamp,
    /// The time of the last update.
    pub updated_at: Timestamp,
    /// The models that its command asks for.
    pub models: usize,
    /// Those of them that were there before it began.
    pub recorded: usize,
    /// Those that it trained.
    pub finished: usize,
    /// Those of them whose loss stopped being a number.
    pub diverged: usize,
    /// Those of them that could not be trained.
    pub failed: usize,
    /// The operations of all that was not there when it began.
    pub work: f64,
    /// The operations of what it trained, parts of models included.
    pub worked: f64,
    /// The best model that it trained, of the largest budget so far.
    pub best: Option<Best>,
    /// The model that each worker trains, or each model of its group.
    pub workers: Vec<Option<AtWork>>,
}

/// A trained model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its task.
    pub key: Key,
    /// Its cell.
    pub cell: Cell,
    /// Its final validation accuracy.
    pub validation_accuracy: Accuracy,
}

impl Best {
    /// Returns the better of two: of the larger budget, then of the higher accuracy; of equals this one.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        let rank = |best: &Self| (best.key.epochs, best.validation_accuracy.fraction());
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// A model in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtWork {
    /// Its task.
    pub key: Key,
    /// The fraction that is done.
    pub fraction: f64,
    /// The operations of all of it.
    pub work: f64,
    /// The time of its start.
    pub since: Timestamp,
}

impl Activity {
    fn new(share: Share, models: usize, remaining: &[Task], workers: usize) -> Self {
        let now = Timestamp::now();
        Self {
            process: std::process::id(),
            host: lock::host(),
            share,
            started_at: now,
            updated_at: now,
            models,
            recorded: models - remaining.len(),
            finished: 0,
            diverged: 0,
            failed: 0,
            work: remaining.iter().map(|task| task.work.to_f64()).sum(),
            worked: 0.0,
            best: None,
            workers: vec![None; workers],
        }
    }

    /// Returns the seconds that it has been recording.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "microseconds of years are below 2^52")]
    pub fn elapsed(&self) -> Seconds {
        Seconds((self.updated_at.0 - self.started_at.0).max(0) as f64 / 1e6)
    }

    /// Returns the operations done, those of models in training included.
    #[must_use]
    pub fn done(&self) -> f64 {
        self.worked + self.workers.iter().flatten().map(|at| at.fraction * at.work).sum::<f64>()
    }

    /// Returns the models that it trains in an hour.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn models_per_hour(&self) -> f64 {
        self.elapsed().rate_of(3600.0 * self.finished as f64).unwrap_or(0.0)
    }

    /// Returns the estimated remaining time; `None` before anything is known.
    #[must_use]
    pub fn remaining(&self) -> Option<Seconds> {
        let (done, elapsed) = (self.done(), self.elapsed().0);
        (done > 0.0 && elapsed > 0.0).then(|| Seconds((self.work - done).max(0.0) * elapsed / done))
    }

    fn observe(&mut self, worker: usize, event: Event<'_>) {
        // A group has more models in training than there are workers.
        if worker >= self.workers.len() {
            self.workers.resize(worker + 1, None);
        }
        match event {
            Event::Started(task) => {
                let at = AtWork { key: task.key(), fraction: 0.0, work: task.work.to_f64(), since: Timestamp::now() };
                self.workers[worker] = Some(at);
            }
            Event::Progressed(_, fraction) => {
                if let Some(at) = &mut self.workers[worker] {
                    at.fraction = fraction;
                }
            }
            Event::Finished(record) => {
                self.worked += self.workers[worker].take().map_or(0.0, |at| at.work);
                self.finished += 1;
                self.diverged += usize::from(record.status == Status::Diverged);
                self.failed += usize::from(record.status == Status::Failed);
                self.compare(record);
            }
        }
    }

    fn compare(&mut self, record: &Record) {
        let Some(validation_accuracy) = record.end.validation_accuracy else { return };
        let new = Best { key: record.key(), cell: record.cell, validation_accuracy };
        self.best = Some(self.best.map_or(new, |best| best.better(new)));
    }
}

/// Keeps the activity of this process, and writes it down now and then.
pub(super) struct Reporter {
    file: PathBuf,
    state: Mutex<(Activity, Option<Instant>)>,
}

impl Reporter {
    pub(super) fn new(
        benchmark: &Benchmark,
        part: Part,
        share: Share,
        models: usize,
        remaining: &[Task],
        workers: usize,
    ) -> Self {
        let file = activity_path(&shard::journals_folder(benchmark, part), share);
        let reporter = Self { file, state: Mutex::new((Activity::new(share, models, remaining, workers), None)) };
        reporter.write();
        reporter
    }

    pub(super) fn observe(&self, worker: usize, event: Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (activity, written) = &mut *state;
        activity.observe(worker, event);
        if written.is_none_or(|written| written.elapsed() >= EVERY) {
            drop(state);
            self.write();
        }
    }

    /// Writes the activity. A recording goes on where that fails: it is only for those who watch.
    pub(super) fn write(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (activity, written) = &mut *state;
        activity.updated_at = Timestamp::now();
        let text = serde_json::to_string(activity).expect("an activity is plain data");
        let temporary = self.file.with_extension("activity-tmp");
        // Readers never see half a file; after a crash nobody needs it, so that it is not synchronised.
        let _ = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &self.file));
        *written = Some(Instant::now());
    }
}

fn activity_path(journals: &Path, share: Share) -> PathBuf {
    journals.join(format!("{}.{EXTENSION}", share.stem()))
}

/// Returns the progress of the recorders of a part that are alive.
///
/// # Errors
///
/// [`Error::File`] if the folder cannot be read.
pub fn activities(benchmark: &Benchmark, part: Part) -> Result<Vec<Activity>, Error> {
    let journals = shard::journals_folder(benchmark, part);
    let mut activities = Vec::new();
    for (share, claim) in lock::claims(&journals)? {
        if Holder::of_held(&claim)?.is_none() {
            continue;
        }
        // A recorder that has just begun has not written it yet, and one that ends has removed it.
        let text = fs::read_to_string(activity_path(&journals, share)).ok();
        activities.extend(text.and_then(|text| serde_json::from_str::<Activity>(&text).ok()));
    }
    activities.sort_by_key(|activity| activity.share.to_string());
    Ok(activities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::unit::Epochs;

    #[test]
    fn an_activity_counts_what_is_finished_and_parts_of_what_is_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let mut activity = Activity::new(Share::WHOLE, 20, &tasks, 2);
        // 7 cells at 2 epochs and 7 at 1.
        assert_eq!((activity.recorded, activity.work, activity.remaining()), (6, 21.0, None));
        activity.observe(0, Event::Started(&tasks[0]));
        activity.observe(1, Event::Started(&tasks[1]));
        activity.observe(1, Event::Progressed(&tasks[1], 0.5));
        activity.observe(0, Event::Finished(&fixture::trained(&tasks[0])));
        assert_eq!((activity.finished, activity.done()), (1, 3.0));
        activity.updated_at = Timestamp(activity.started_at.0 + 6_000_000);
        assert_eq!(activity.remaining(), Some(Seconds(36.0)));
        let text = serde_json::to_string(&activity).unwrap();
        assert_eq!(serde_json::from_str::<Activity>(&text).unwrap(), activity);
    }

    #[test]
    fn the_best_is_that_of_the_largest_budget() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let mut activity = Activity::new(Share::WHOLE, 14, &tasks, 1);
        let record = |task: &Task, fraction| {
            let mut record = fixture::trained(task);
            record.end.validation_accuracy = Accuracy::from_fraction(fraction);
            record
        };
        let small = tasks.iter().find(|task| task.epochs == Epochs(1)).unwrap();
        for (task, fraction) in [(small, 0.9), (&tasks[0], 0.5), (&tasks[1], 0.6), (small, 0.95)] {
            activity.compare(&record(task, fraction));
        }
        assert_eq!(activity.best.unwrap().key, tasks[1].key());
    }
}
