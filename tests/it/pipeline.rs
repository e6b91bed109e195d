//! The main job on a tiny space: everything is there, and giving it again trains nothing.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nasbench::dataset;
use nasbench::engine::Device;
use nasbench::pipeline::{self, Error, Event, Job, Workload};
use nasbench::record;
use nasbench::report::Report;
use nasbench::space::Space;
use nasbench::table::{Benchmark, Record};
use nasbench::train::Protocol;
use nasbench::unit::Seed;

/// A protocol that trains a model in milliseconds.
pub(crate) const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");

/// A model file without the model of the time in it: times of training are measured, and differ.
fn without_times(file: &Path) -> serde_json::Value {
    let mut model: serde_json::Value = serde_json::from_slice(&fs_err::read(file).unwrap()).unwrap();
    model.as_object_mut().unwrap().remove("time");
    model
}

fn job(out: &Path, workers: usize) -> Job {
    Job {
        out: out.to_owned(),
        dataset: dataset::find("fashion-14").unwrap().load(None).unwrap(),
        protocol: Protocol::find(TINY).unwrap(),
        space: Space::nas_bench_101().with_max_vertices(3).unwrap(),
        device: Device::Cpu,
        workers: NonZeroUsize::new(workers).unwrap(),
        seed: Seed(1),
        command: "nasbench run".to_owned(),
        stop: None,
    }
}

/// Runs a job; also returns how much it had to train.
fn run(job: &Job) -> (Report, Vec<Workload>) {
    let workloads = Mutex::new(Vec::new());
    let report = pipeline::run(job, &|event| {
        if let Event::Workload(workload) = event {
            workloads.lock().unwrap().push(workload);
        }
    });
    (report.unwrap(), workloads.into_inner().unwrap())
}

pub(crate) fn assert_same(one: &[Record], other: &[Record]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert!(one.is_same_result(other), "{} differs", one.key());
    }
}

#[test]
fn the_whole_job_runs_and_continues_and_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("one");
    let (report, workloads) = run(&job(&out, 1));
    assert!(workloads.iter().all(|workload| workload.recorded == 0));
    let benchmark = Benchmark::open(out.join("benchmark")).unwrap();
    let (records, verified) = (benchmark.records().unwrap(), benchmark.verified().unwrap());
    assert_eq!(records.len(), 7 * 2 * 2);
    // One cell may be there twice, as a winner that is one of the largest, and the best of the winners is trained on.
    let retrained: HashSet<_> = report.verification.cells.iter().map(|verified| verified.cell.representative()).collect();
    assert_eq!(verified.len(), retrained.len() * 3 + 3);
    assert_eq!(report.verification.chosen.unwrap().seeds, 3);
    assert_eq!(report.verification.differences.len(), 4);
    assert!(verified.iter().all(|record| record.repeat >= 100));
    assert!(records.iter().all(|record| record.curves.validation_accuracy.len() == usize::from(record.epochs.0)));
    let telemetry = |record: &Record| record.telemetry;
    assert!(
        records
            .iter()
            .map(telemetry)
            .all(|one| one.peak_memory.is_some() && one.macro_roc_auc.is_some() && one.macro_f1.is_some())
    );
    for file in ["report.html", "models/random-forest.json", "models/svr.json"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    // A space of 91 cells is scored whole.
    assert_eq!((report.scored, report.searches.len(), out.join("trials").exists()), (Some(91), 0, false));

    let (again, workloads) = run(&job(&out, 2));
    assert!(workloads.iter().all(|workload| workload.recorded == workload.models), "a second run trains nothing");
    assert_eq!(again.verification.rank_correlation.all, report.verification.rank_correlation.all);

    let other = folder.path().join("two");
    run(&job(&other, 2));
    let benchmark = Benchmark::open(other.join("benchmark")).unwrap();
    assert_same(&records, &benchmark.records().unwrap());
    assert_same(&verified, &benchmark.verified().unwrap());
    for model in fs_err::read_dir(out.join("models")).unwrap() {
        let model = model.unwrap();
        let twin = other.join("models").join(model.file_name());
        assert!(without_times(&model.path()) == without_times(&twin), "{:?} differs", model.file_name());
    }
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("thesis.tex"), "precious").unwrap();
    let error = pipeline::run(&job(folder.path(), 1), &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Occupied { .. }), "{error}");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_with_another_benchmark_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Job { protocol: Protocol { repeats: 1, ..Protocol::find(TINY).unwrap() }, ..job(folder.path(), 2) };
    run(&first);
    let manifest = || fs_err::read(folder.path().join("benchmark/benchmark.toml")).unwrap();
    let before = manifest();
    let error = pipeline::run(&Job { seed: Seed(2), ..first.clone() }, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("`seed` is 1, expected 2"), "{error}");
    assert_eq!(manifest(), before);
    // More repeats are the same benchmark, grown.
    let (_, workloads) = run(&job(folder.path(), 2));
    assert_eq!((workloads[0].models, workloads[0].recorded), (7 * 2 * 2, 7 * 2));
}

#[test]
fn a_run_that_is_stopped_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Job { stop: Some(Arc::clone(&stop)), ..job(folder.path(), 1) };
    let finished = AtomicUsize::new(0);
    let error = pipeline::run(&stopped, &|event| {
        if matches!(event, Event::Model { event: record::Event::Finished(_), .. })
            && finished.fetch_add(1, Ordering::Relaxed) == 2
        {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert!(matches!(error, Err(Error::Stopped)), "{:?}", error.map(|report| report.text()));
    let (_, workloads) = run(&job(folder.path(), 1));
    assert!(workloads[0].recorded >= 3, "{}", workloads[0].recorded);
}

#[test]
fn a_run_that_does_not_fit_in_memory_is_refused_before_it_trains() {
    let folder = tempfile::tempdir().unwrap();
    let mut greedy = job(folder.path(), 2);
    greedy.protocol.network.stem_channels = 2_048;
    (greedy.protocol.images.train, greedy.protocol.batch_size) = (6_000, 6_000);
    let message = pipeline::run(&greedy, &|_| {}).unwrap_err().to_string();
    assert!(message.starts_with("2 trainings at a time with batches of 6000 take "), "{message}");
    assert_eq!(Benchmark::open(folder.path().join("benchmark")).unwrap().records().unwrap(), []);
}
