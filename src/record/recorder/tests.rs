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
fn train(assignment: &Assignment<'_>) -> Result<Option<Record>, Infallible> {
    Ok(Some(fixture::trained(assignment.task)))
}

fn record_all(benchmark: &Benchmark, tasks: &[Task], number: usize) -> usize {
    Recorder::open(benchmark, Part::Recorded).unwrap().record(tasks, workers(number), |_, _| {}, train).unwrap()
}

/// Returns whether a benchmark holds the results of tasks, each once, and nothing that only a recorder needs.
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
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    recorder.rows_per_shard = 5;
    recorder.record(&tasks, workers(2), |_, _| {}, train).unwrap();
    drop(recorder);
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
    let train = |assignment: &Assignment<'_>| {
        assignment.report(0.5);
        train(assignment)
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
    assert!(matches!(Recorder::open(&benchmark, Part::Recorded), Err(Error::Locked { .. })));
    Recorder::open(&benchmark, Part::Verified).unwrap();
}

#[test]
fn a_failed_training_is_named_and_costs_nothing_that_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 2);
    let failing = |&Assignment { task, .. }: &Assignment<'_>| {
        if task.key() == tasks[9].key() { Err(io::Error::other("out of memory")) } else { Ok(Some(fixture::trained(task))) }
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
    let panicking = |assignment: &Assignment<'_>| {
        assert!(assignment.task.key() != tasks[9].key(), "a bug");
        train(assignment)
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
    let removing = |&Assignment { task, .. }: &Assignment<'_>| {
        if task.key() == tasks[3].key() {
            fs::remove_dir_all(benchmark.folder().join("journals"))?;
        }
        Ok::<_, io::Error>(Some(fixture::trained(task)))
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
    let confused = |_: &Assignment<'_>| Ok::<_, Infallible>(Some(fixture::trained(&tasks[1])));
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    let error = recorder.record(&tasks[..1], workers(1), |_, _| {}, confused).unwrap_err();
    assert_eq!(error.to_string(), format!("the training of {} returned a record of {}", tasks[0], tasks[1]));
}

/// Returns a journal as a worker leaves it that is killed after some records.
fn leave_journal(benchmark: &Benchmark, worker: usize, tasks: &[Task]) -> std::path::PathBuf {
    let mut journal = Journal::create(shard::journal_path(benchmark, Part::Recorded, Share::WHOLE, worker)).unwrap();
    for task in tasks {
        journal.append(&[Record { seed: Some(task.seed), ..fixture::trained(task) }]).unwrap();
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
        let kept = journal::read(&file).unwrap().records.len();
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
fn a_damaged_journal_costs_the_damaged_record_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    let journal = leave_journal(&benchmark, 0, &tasks[..3]);
    let mut bytes = fs::read(&journal).unwrap();
    bytes[20] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    let message = recorder.damaged()[0].error.to_string();
    assert!(message.contains("worker-0.journal` is damaged: expected a record at byte 0"), "{message}");
    assert_eq!(recorder.recorded().len(), 2);
    drop(recorder);
    let aside = benchmark.folder().join("damaged");
    assert_eq!(fs::read(aside.join("worker-0.journal")).unwrap(), bytes);
    fs::remove_dir_all(aside).unwrap();
    assert_eq!(record_all(&benchmark, &tasks, 2), 12);
    assert_complete(&benchmark, &tasks);
}

#[test]
fn a_damaged_shard_is_set_aside_and_recorded_again() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    record_all(&benchmark, &tasks[..6], 1);
    record_all(&benchmark, &tasks[..9], 1);
    let shard = files(&benchmark)[0].clone();
    let mut bytes = fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&shard, &bytes).unwrap();
    let recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    assert_eq!(recorder.recorded().len(), 3);
    assert_eq!(recorder.damaged()[0].file, shard);
    drop(recorder);
    let aside = benchmark.folder().join("damaged");
    assert_eq!(fs::read(aside.join(shard.file_name().unwrap())).unwrap(), bytes);
    fs::remove_dir_all(aside).unwrap();
    assert_eq!(record_all(&benchmark, &tasks, 2), 11);
    assert_complete(&benchmark, &tasks);
}

#[test]
fn shares_are_recorded_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 2);
    let trained: usize = thread::scope(|scope| {
        let record = |index| {
            let mut recorder = Recorder::open_share(&benchmark, Part::Recorded, Share::new(index, 3).unwrap()).unwrap();
            recorder.record(&tasks, workers(2), |_, _| {}, train).unwrap()
        };
        let handles: Vec<_> = (0..3).map(|index| scope.spawn(move || record(index))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum()
    });
    assert_eq!(trained, tasks.len());
    assert_complete(&benchmark, &tasks);
}

#[test]
fn whoever_comes_next_brings_in_what_a_killed_share_left() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    let share = Share::new(1, 2).unwrap();
    let own: Vec<_> = tasks.iter().filter(|task| share.holds(&task.hash)).take(2).collect();
    let mut journal = Journal::create(shard::journal_path(&benchmark, Part::Recorded, share, 0)).unwrap();
    for task in &own {
        journal.append(&[Record { seed: Some(task.seed), ..fixture::trained(task) }]).unwrap();
    }
    fs::write(benchmark.folder().join("journals/1-of-2.claim"), "process 4294967295\n").unwrap();
    let other = Recorder::open_share(&benchmark, Part::Recorded, Share::new(0, 2).unwrap()).unwrap();
    assert!(own.iter().all(|task| other.recorded().contains(&task.key())));
    drop(other);
    record_all(&benchmark, &tasks, 2);
    assert_complete(&benchmark, &tasks);
}

#[test]
fn a_model_that_failed_is_trained_again_if_asked_and_its_new_row_counts() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    let failing = |assignment: &Assignment<'_>| {
        let record = fixture::trained(assignment.task);
        let is_unlucky = assignment.task.key() == tasks[4].key();
        let status = if is_unlucky { Status::Failed } else { Status::Ok };
        Ok::<_, Infallible>(Some(Record { status, ..record }))
    };
    Recorder::open(&benchmark, Part::Recorded).unwrap().record(&tasks, workers(2), |_, _| {}, failing).unwrap();
    assert_eq!(record_all(&benchmark, &tasks, 2), 0);
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    assert_eq!(recorder.retry_failed(), 1);
    // Killed after the new row stood in the journal.
    drop(recorder);
    leave_journal(&benchmark, 0, &tasks[4..5]);
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    assert_eq!(recorder.retry_failed(), 0);
    drop(recorder);
    let records = benchmark.records().unwrap();
    assert_eq!(records.len(), tasks.len());
    assert!(records.iter().all(|record| record.status == Status::Ok));
}

#[test]
fn a_recording_that_is_told_to_stop_leaves_its_checkpoints_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    let stop = AtomicBool::new(false);
    let breaking = |assignment: &Assignment<'_>| {
        if assignment.task.key() == tasks[5].key() {
            stop.store(true, Ordering::Relaxed);
            assert!(assignment.is_to_stop());
            fs::create_dir_all(assignment.checkpoint.parent().unwrap())?;
            fs::write(assignment.checkpoint, "half of it")?;
            return Ok(None);
        }
        Ok::<_, io::Error>(Some(fixture::trained(assignment.task)))
    };
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap().stopped_by(&stop);
    assert_eq!(recorder.record(&tasks, workers(1), |_, _| {}, breaking).unwrap(), 5);
    drop(recorder);
    let continuing = |assignment: &Assignment<'_>| {
        let is_broken_off = assignment.task.key() == tasks[5].key();
        assert_eq!(assignment.checkpoint.exists(), is_broken_off);
        train(assignment)
    };
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    assert_eq!(recorder.record(&tasks, workers(2), |_, _| {}, continuing).unwrap(), 9);
    drop(recorder);
    assert_complete(&benchmark, &tasks);
}

#[test]
fn the_models_of_a_group_are_recorded_together() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 2);
    let (groups, finished) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    // As many as there are of the budget, 5 at most; what is less than one is one.
    let size = |tasks: &[Task]| tasks.iter().take(5).take_while(|task| task.epochs == tasks[0].epochs).count() / 5 * 5;
    let train = |assignments: &[Assignment<'_>]| {
        assert!(finished.lock().unwrap().len() == groups.lock().unwrap().iter().sum::<usize>(), "no row before its group");
        groups.lock().unwrap().push(assignments.len());
        for assignment in assignments {
            assignment.report(0.5);
        }
        Ok::<_, Infallible>(Some(assignments.iter().map(|assignment| fixture::trained(assignment.task)).collect()))
    };
    let observe = |worker, event: Event<'_>| match event {
        Event::Progressed(task, _) => assert!(tasks.contains(task)),
        Event::Finished(_) => finished.lock().unwrap().push(worker),
        Event::Started(_) => {}
    };
    let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
    assert_eq!(recorder.record_groups(&tasks, workers(1), observe, size, train).unwrap(), 28);
    drop(recorder);
    assert_eq!(groups.into_inner().unwrap(), [5, 5, 1, 1, 1, 1, 5, 5, 1, 1, 1, 1]);
    assert_eq!(finished.into_inner().unwrap()[..7], [0, 1, 2, 3, 4, 0, 1]);
    assert_complete(&benchmark, &tasks);
}

#[test]
fn whoever_watches_from_outside_sees_what_is_going_on() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = fixture::benchmark(folder.path());
    let tasks = fixture::tasks(&benchmark, 1);
    let seen = Mutex::new(Vec::new());
    let looking = |assignment: &Assignment<'_>| {
        seen.lock().unwrap().push(crate::record::activities(&benchmark, Part::Recorded).unwrap());
        train(assignment)
    };
    Recorder::open(&benchmark, Part::Recorded).unwrap().record(&tasks, workers(1), |_, _| {}, looking).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().all(|activities| activities.len() == 1 && activities[0].models == tasks.len()));
    assert_eq!(crate::record::activities(&benchmark, Part::Recorded).unwrap(), []);
}
