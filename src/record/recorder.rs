//! Workers that train what is not recorded yet.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use fs_err as fs;

use super::journal::Journal;
use super::lock::Lock;
use super::{Error, Task, panic_text, shard};
use crate::file::sync_folder;
use crate::table::{Benchmark, Key, Part, Record, Source, Timestamp};

/// The rows after which a journal is rolled into a shard.
const ROWS_PER_SHARD: usize = 512;

/// What a worker tells whoever watches.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A training began.
    Started(&'a Task),
    /// A training got on: the fraction of it that is done, 0 to 1.
    Progressed(&'a Task, f64),
    /// A model is trained, and its record on the disk.
    Finished(&'a Record),
}

/// Records one part of a benchmark. While it lives, no other recorder can have that part.
#[derive(Debug)]
pub struct Recorder<'a> {
    benchmark: &'a Benchmark,
    part: Part,
    recorded: HashSet<Key>,
    rows_per_shard: usize,
    _lock: Lock,
}

impl<'a> Recorder<'a> {
    /// Takes a part of a benchmark, and brings in what a killed recorder left.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another recorder has it, [`Error::Damaged`] or [`Error::Payload`] for a journal that no killed
    /// recorder would leave, [`Error::Table`] or [`Error::File`] if the benchmark cannot be read or written.
    pub fn open(benchmark: &'a Benchmark, part: Part) -> Result<Self, Error> {
        let folder = benchmark.part(part);
        if part == Part::Verified && !fs::exists(&folder)? {
            fs::create_dir(&folder)?;
            sync_folder(benchmark.folder())?;
        }
        let lock = Lock::take(&folder)?;
        let keys = benchmark.read(part)?.iter().map(Record::key).collect();
        let mut recorder = Self { benchmark, part, recorded: keys, rows_per_shard: ROWS_PER_SHARD, _lock: lock };
        recorder.roll()?;
        Ok(recorder)
    }

    /// The keys of all rows that this part has.
    #[must_use]
    pub const fn recorded(&self) -> &HashSet<Key> {
        &self.recorded
    }

    /// Those of the tasks that are not recorded yet, each key once, in their order.
    #[must_use]
    pub fn remaining(&self, tasks: &[Task]) -> Vec<Task> {
        let mut seen = self.recorded.clone();
        tasks.iter().filter(|task| seen.insert(task.key())).copied().collect()
    }

    /// Trains those of the tasks that are not recorded yet, and returns how many those were.
    ///
    /// Each of the workers takes the next task, in their order, until there are none. `train` trains it; it may report the
    /// fraction that is done. Of its record the recorder itself sets seed, source, wall time and moment. `observe` is told
    /// by which worker what happened, and must be quick: the worker waits for it.
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
        train: impl Fn(&Task, &dyn Fn(f64)) -> Result<Record, E> + Sync,
    ) -> Result<usize, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let remaining = self.remaining(tasks);
        let queue = Queue::new(&remaining);
        let run = |worker: usize, task: &Task| {
            observe(worker, Event::Started(task));
            let started = Instant::now();
            let result = train(task, &|fraction| observe(worker, Event::Progressed(task, fraction)));
            let record = result.map_err(|source| Error::Training { task: *task, source: source.into() })?;
            self.completed(record, task, started)
        };
        let tell = |worker: usize, record: &Record| observe(worker, Event::Finished(record));
        let worked = self.work_off(&queue, workers, &run, &tell);
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

    /// One worker: takes tasks until there are none or one went wrong.
    fn work(&self, worker: usize, queue: &Queue<'_>, run: &Run<'_>, tell: &Tell<'_>) -> Result<(), Error> {
        let attempt = || {
            let mut journal = self.start_journal(worker)?;
            while let Some(task) = queue.take() {
                let step = || {
                    let record = run(worker, task)?;
                    journal.append(&record)?;
                    note(&queue.finished, [record.key()]);
                    tell(worker, &record);
                    Ok(())
                };
                let caught = catch_unwind(AssertUnwindSafe(step));
                caught.unwrap_or_else(|panic| Err(Error::Panicked { task: *task, message: panic_text(&*panic) }))?;
                if journal.rows() >= self.rows_per_shard {
                    let keys = shard::roll(self.benchmark, self.part, &[journal.close()], self.rows_per_shard, &self.recorded)?;
                    note(&queue.landed, keys);
                    journal = self.start_journal(worker)?;
                }
            }
            Ok(())
        };
        attempt().inspect_err(|_| queue.stop())
    }

    fn start_journal(&self, worker: usize) -> Result<Journal, Error> {
        Journal::create(shard::journal_path(self.benchmark, self.part, worker))
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

    /// Brings all journals in.
    fn roll(&mut self) -> Result<(), Error> {
        let journals = shard::journals(self.benchmark, self.part)?;
        let keys = shard::roll(self.benchmark, self.part, &journals, self.rows_per_shard, &self.recorded)?;
        self.recorded.extend(keys);
        shard::tidy(self.benchmark, self.part)
    }
}

/// Trains a task and completes its record.
type Run<'a> = dyn Fn(usize, &Task) -> Result<Record, Error> + Sync + 'a;
/// Tells whoever watches of a finished record.
type Tell<'a> = dyn Fn(usize, &Record) + Sync + 'a;

/// Tasks that workers take, each once, and what became of them.
struct Queue<'a> {
    tasks: &'a [Task],
    next: AtomicUsize,
    stopped: AtomicBool,
    /// Those that stand in a journal or did.
    finished: Mutex<Vec<Key>>,
    /// Those that stand in a shard already.
    landed: Mutex<Vec<Key>>,
}

impl<'a> Queue<'a> {
    fn new(tasks: &'a [Task]) -> Self {
        let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { tasks, next, stopped, finished: Mutex::default(), landed: Mutex::default() }
    }

    fn take(&self) -> Option<&'a Task> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed))
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
mod tests {
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::record::{fixture, journal};
    use crate::table;

    fn workers(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "a training may fail")]
    fn train(task: &Task, _: &dyn Fn(f64)) -> Result<Record, Infallible> {
        Ok(fixture::trained(task))
    }

    fn record_all(benchmark: &Benchmark, tasks: &[Task], number: usize) -> usize {
        Recorder::open(benchmark, Part::Recorded).unwrap().record(tasks, workers(number), |_, _| {}, train).unwrap()
    }

    /// Whether a benchmark holds the results of tasks, each once, and nothing that only a recorder needs.
    fn assert_complete(benchmark: &Benchmark, tasks: &[Task]) {
        let records = benchmark.records().unwrap();
        let mut expected: Vec<_> = tasks.iter().map(|task| Record { seed: Some(task.seed), ..fixture::trained(task) }).collect();
        expected.sort_by_key(Record::key);
        assert_eq!(records.len(), expected.len());
        assert!(records.iter().zip(&expected).all(|(record, expected)| record.is_same_result(expected)));
        assert_eq!(names(benchmark.folder()), ["LOCK", "benchmark.toml", "shards"]);
        let shards: usize = files(benchmark).iter().map(|file| table::read(file, benchmark.identity()).unwrap().len()).sum();
        assert_eq!(shards, expected.len(), "no row stands twice in the shards");
    }

    fn files(benchmark: &Benchmark) -> Vec<std::path::PathBuf> {
        let folder = benchmark.shards(Part::Recorded);
        names(&folder).iter().map(|name| folder.join(name)).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_number_of_workers_does_not_matter() {
        let [one, three] = [1, 3].map(|number| {
            let folder = tempfile::tempdir().unwrap();
            let benchmark = fixture::benchmark(folder.path());
            let tasks = fixture::tasks(&benchmark, 2);
            assert_eq!(record_all(&benchmark, &tasks, number), 28);
            assert_complete(&benchmark, &tasks);
            files(&benchmark).iter().map(|file| table::read(file, benchmark.identity()).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(one.len(), 1);
        assert_eq!(three.len(), 1);
        assert!(one[0].iter().zip(&three[0]).all(|(one, other)| one.is_same_result(other)));
        assert!(one[0].iter().all(|record| record.recorded_at.is_some() && record.wall_time.is_some()));
    }

    #[test]
    fn what_is_recorded_is_not_trained_again() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 2);
        assert_eq!(record_all(&benchmark, &tasks[..10], 2), 10);
        assert_eq!(record_all(&benchmark, &tasks, 2), 18);
        assert_eq!(record_all(&benchmark, &tasks, 2), 0);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn long_journals_are_rolled_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 2);
        let mut recorder = Recorder { rows_per_shard: 5, ..Recorder::open(&benchmark, Part::Recorded).unwrap() };
        recorder.record(&tasks, workers(2), |_, _| {}, train).unwrap();
        assert!(files(&benchmark).len() >= 6);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn verified_rows_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let mut recorder = Recorder::open(&benchmark, Part::Verified).unwrap();
        recorder.record(&tasks, workers(2), |_, _| {}, train).unwrap();
        assert_eq!(benchmark.records().unwrap(), []);
        let verified = benchmark.verified().unwrap();
        assert!(verified.len() == tasks.len() && verified.iter().all(|record| record.source == Source::Verified));
    }

    #[test]
    fn whoever_watches_is_told_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = &fixture::tasks(&benchmark, 1)[..2];
        let told = Mutex::new(Vec::new());
        let observe = |worker, event: Event<'_>| {
            let text = match event {
                Event::Started(task) => format!("{worker} started {task}"),
                Event::Progressed(task, fraction) => format!("{worker} did {fraction} of {task}"),
                Event::Finished(record) => format!("{worker} finished {}", record.key()),
            };
            told.lock().unwrap().push(text);
        };
        let train = |task: &Task, progress: &dyn Fn(f64)| {
            progress(0.5);
            Ok::<_, Infallible>(fixture::trained(task))
        };
        Recorder::open(&benchmark, Part::Recorded).unwrap().record(tasks, workers(1), observe, train).unwrap();
        let expected = tasks.iter().flat_map(|task| ["started", "did 0.5 of", "finished"].map(|what| format!("0 {what} {task}")));
        assert_eq!(told.into_inner().unwrap(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_second_recorder_of_a_part_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let _recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        assert!(matches!(Recorder::open(&benchmark, Part::Recorded), Err(Error::Locked { process: Some(_), .. })));
        Recorder::open(&benchmark, Part::Verified).unwrap();
    }

    #[test]
    fn a_failed_training_is_named_and_costs_nothing_that_was_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 2);
        let failing = |task: &Task, _: &dyn Fn(f64)| {
            if task.key() == tasks[9].key() { Err(io::Error::other("out of memory")) } else { Ok(fixture::trained(task)) }
        };
        for number in [1, 2] {
            let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
            let error = recorder.record(&tasks, workers(number), |_, _| {}, failing).unwrap_err();
            assert_eq!(error.to_string(), format!("could not train {}", tasks[9]));
            assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "out of memory");
            let rows = benchmark.records().unwrap().len();
            assert!(rows >= 8 && rows < tasks.len(), "{rows} recorded");
            assert_eq!(recorder.remaining(&tasks).len(), tasks.len() - rows);
        }
        record_all(&benchmark, &tasks, 2);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn a_panic_of_one_worker_costs_nothing_that_was_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 2);
        let panicking = |task: &Task, _: &dyn Fn(f64)| {
            assert!(task.key() != tasks[9].key(), "a bug");
            Ok::<_, Infallible>(fixture::trained(task))
        };
        let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        let error = recorder.record(&tasks, workers(2), |_, _| {}, panicking).unwrap_err();
        assert_eq!(error.to_string(), format!("the training of {} panicked: a bug", tasks[9]));
        assert!(benchmark.records().unwrap().len() >= 8);
        drop(recorder);
        record_all(&benchmark, &tasks, 2);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn journals_removed_meanwhile_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let removing = |task: &Task, _: &dyn Fn(f64)| {
            if task.key() == tasks[3].key() {
                fs::remove_dir_all(benchmark.folder().join("journals"))?;
            }
            Ok::<_, io::Error>(fixture::trained(task))
        };
        let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        let message = recorder.record(&tasks, workers(1), |_, _| {}, removing).unwrap_err().to_string();
        assert_eq!(
            message,
            format!("14 finished records are gone from `{}`: its journals were removed", benchmark.folder().display())
        );
        drop(recorder);
        record_all(&benchmark, &tasks, 2);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn a_benchmark_that_was_removed_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        fs::remove_dir_all(benchmark.folder()).unwrap();
        for part in [Part::Recorded, Part::Verified] {
            let message = Recorder::open(&benchmark, part).unwrap_err().to_string();
            assert!(message.contains(benchmark.folder().to_str().unwrap()), "{message}");
            assert!(!benchmark.folder().exists());
        }
    }

    #[test]
    fn the_record_of_another_task_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let confused = |_: &Task, _: &dyn Fn(f64)| Ok::<_, Infallible>(fixture::trained(&tasks[1]));
        let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        let error = recorder.record(&tasks[..1], workers(1), |_, _| {}, confused).unwrap_err();
        assert_eq!(error.to_string(), format!("the training of {} returned a record of {}", tasks[0], tasks[1]));
    }

    /// A journal as a worker leaves it that is killed after some records.
    fn leave_journal(benchmark: &Benchmark, worker: usize, tasks: &[Task]) -> std::path::PathBuf {
        let mut journal = Journal::create(shard::journal_path(benchmark, Part::Recorded, worker)).unwrap();
        for task in tasks {
            journal.append(&Record { seed: Some(task.seed), ..fixture::trained(task) }).unwrap();
        }
        journal.close()
    }

    #[test]
    fn a_recorder_killed_while_training_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        record_all(&benchmark, &tasks[..3], 1);
        leave_journal(&benchmark, 0, &tasks[3..6]);
        leave_journal(&benchmark, 1, &tasks[6..8]);
        leave_journal(&benchmark, 2, &[]);
        assert_eq!(Recorder::open(&benchmark, Part::Recorded).unwrap().recorded().len(), 8);
        assert_eq!(record_all(&benchmark, &tasks, 2), 6);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn a_recorder_killed_while_appending_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let source = fixture::benchmark(folder.path());
        let tasks = &fixture::tasks(&source, 1)[..3];
        let whole = fs::read(leave_journal(&source, 0, tasks)).unwrap();
        for length in (0..=whole.len()).step_by(151).chain([whole.len()]) {
            let folder = tempfile::tempdir().unwrap();
            let benchmark = fixture::benchmark(folder.path());
            let file = leave_journal(&benchmark, 0, &[]);
            fs::write(&file, &whole[..length]).unwrap();
            let kept = journal::read(&file).unwrap().len();
            assert_eq!(record_all(&benchmark, tasks, 2), 3 - kept, "torn at byte {length}");
            assert_complete(&benchmark, tasks);
        }
    }

    #[test]
    fn a_recorder_killed_while_writing_a_shard_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        leave_journal(&benchmark, 0, &tasks[..3]);
        fs::create_dir_all(benchmark.shards(Part::Recorded)).unwrap();
        fs::write(benchmark.shards(Part::Recorded).join(".0-ab.parquet.tmp"), "PAR1 and then noth").unwrap();
        assert_eq!(record_all(&benchmark, &tasks, 2), 11);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn a_recorder_killed_between_shard_and_journal_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let tasks = fixture::tasks(&benchmark, 1);
        let journal = leave_journal(&benchmark, 0, &tasks[..3]);
        let bytes = fs::read(&journal).unwrap();
        Recorder::open(&benchmark, Part::Recorded).unwrap();
        assert!(!journal.exists() && files(&benchmark).len() == 1);
        fs::create_dir_all(journal.parent().unwrap()).unwrap();
        fs::write(&journal, bytes).unwrap();
        assert_eq!(record_all(&benchmark, &tasks, 2), 11);
        assert_complete(&benchmark, &tasks);
    }

    #[test]
    fn a_damaged_journal_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let journal = leave_journal(&benchmark, 0, &fixture::tasks(&benchmark, 1)[..3]);
        let mut bytes = fs::read(&journal).unwrap();
        bytes[20] ^= 1;
        fs::write(&journal, &bytes).unwrap();
        let message = Recorder::open(&benchmark, Part::Recorded).unwrap_err().to_string();
        assert!(message.contains("worker-0.journal` is damaged: expected a record at byte 0"), "{message}");
        assert_eq!(fs::read(&journal).unwrap(), bytes);
    }
}
