//! Real trainings: of one cell, of all cells of a space, and the whole pipeline.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nasbench::dataset::{self, Dataset};
use nasbench::engine::Device;
use nasbench::pipeline::{self, Event, Job, Recording};
use nasbench::record::{Order, Share};
use nasbench::train::{Data, Progress, Protocol, SavedModel, Training};
use nasbench::unit::{Epochs, Seed};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use crate::benchmark::{Benchmark, open, python_of};
use crate::cell::given;
use crate::error::{Kind, Raise as _, raised, said};
use crate::space::Space;
use crate::watch::{Watch, detached};

/// What is trained on, and how.
fn prepared(name: &str, data_dir: Option<PathBuf>, protocol: &str, device: &str) -> PyResult<(Dataset, Protocol, Device)> {
    let dataset = dataset::find(name).and_then(|entry| entry.load(data_dir.as_deref())).raise(Kind::Training)?;
    let protocol = Protocol::find(protocol).raise(Kind::Training)?;
    let device: Device = device.parse().map_err(|error: nasbench::engine::Error| raised(Kind::Training, &error))?;
    device.check().raise(Kind::Training)?;
    Ok((dataset, protocol, device))
}

fn workers_or_cores(workers: Option<NonZeroUsize>) -> NonZeroUsize {
    workers.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Tells of each finished model, and of all that are to be trained: recorded ones, and in a run later those that are verified.
fn models_counted(watch: &Watch) -> impl Fn(Event<'_>) + Sync {
    let all = AtomicU64::new(0);
    move |event: Event<'_>| match event {
        Event::Workload(workload) => {
            all.fetch_add((workload.models - workload.recorded) as u64, Ordering::Relaxed);
        }
        Event::Model { event: nasbench::record::Event::Finished(_), .. } => watch.add(1, all.load(Ordering::Relaxed)),
        _ => {}
    }
}

/// Trains a cell for real, and returns what it reached. `progress` is called with the steps that are done and those of the whole training;
/// `save` is a file for the model.
#[pyfunction]
#[pyo3(signature = (cell, epochs=None, dataset="fashion-14", data_dir=None, protocol="quick", seed=0, device="cpu", save=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn train<'py>(
    py: Python<'py>,
    cell: &Bound<'py, PyAny>,
    epochs: Option<u16>,
    dataset: &str,
    data_dir: Option<PathBuf>,
    protocol: &str,
    seed: u64,
    device: &str,
    save: Option<PathBuf>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let cell = given(cell, &nasbench::space::Space::nas_bench_101())?;
    let (dataset, protocol, device) = detached(py, || prepared(dataset, data_dir, protocol, device))??;
    let protocol = protocol.resolve(&dataset).raise(Kind::Training)?;
    let data = detached(py, || Data::select(&protocol, &dataset))?.raise(Kind::Training)?;
    let epochs = epochs.map(Epochs).or_else(|| protocol.budgets.last().copied()).unwrap_or_default();
    let training = Training { cell: &cell, epochs, seed: Seed(seed), protocol: &protocol, data: &data, device };
    let watch = Watch::new(py, progress)?;
    let trained = watch.run(py, || {
        let mut run = training.start()?;
        while let Some(Progress { steps, of, .. }) = run.advance()? {
            // A call of Python for each percent.
            if steps == of || steps % (of / 100).max(1) == 0 {
                watch.tell(steps as u64, of as u64);
            }
            if watch.is_stopped() {
                return Ok(None);
            }
        }
        let (trained, model) = run.finish();
        if let (Some(file), false) = (&save, trained.is_diverged()) {
            SavedModel::new(&training, &trained, &model)?.write(file)?;
        }
        Ok::<_, nasbench::train::Error>(Some(trained))
    });
    let trained = trained?.raise(Kind::Training)?.ok_or_else(|| said(Kind::Training, "the training was stopped".to_owned()))?;
    let end = trained.end;
    let decimal = |accuracy: Option<nasbench::unit::Accuracy>| accuracy.map(nasbench::unit::Accuracy::decimal);
    let reached = json!({
        "module_hash": cell.hash().to_string(),
        "epochs": epochs.0,
        "seed": seed,
        "trainable_parameters": trained.cost.parameters.0,
        "flops": trained.cost.flops.0,
        "diverged": trained.is_diverged(),
        "training_time": end.training_time.0,
        "train_accuracy": decimal(end.train_accuracy),
        "validation_accuracy": decimal(end.validation_accuracy),
        "test_accuracy": decimal(end.test_accuracy),
        "curve_validation_accuracy": trained.curves.validation_accuracy,
        "curve_train_loss": trained.curves.train_loss,
    });
    python_of(py, &reached)
}

/// Trains all cells of a space, or some, and records them in a folder. A recording that was stopped goes on. `progress` is called after each
/// model with the number of models that are recorded by this call.
#[pyfunction]
#[pyo3(signature = (path, space=None, cells=None, epochs=None, repeats=None, dataset="fashion-14", data_dir=None, protocol="quick", seed=0, device="cpu", workers=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn record(
    py: Python<'_>,
    path: PathBuf,
    space: Option<&Space>,
    cells: Option<Vec<Bound<'_, PyAny>>>,
    epochs: Option<Vec<u16>>,
    repeats: Option<u16>,
    dataset: &str,
    data_dir: Option<PathBuf>,
    protocol: &str,
    seed: u64,
    device: &str,
    workers: Option<NonZeroUsize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Benchmark> {
    let space = space.map_or_else(nasbench::space::Space::nas_bench_101, |space| space.0);
    let only = cells.map(|cells| cells.iter().map(|cell| given(cell, &space)).collect::<PyResult<Vec<_>>>()).transpose()?;
    let (dataset, mut protocol, device) = detached(py, || prepared(dataset, data_dir, protocol, device))??;
    if let Some(epochs) = epochs {
        protocol.budgets = epochs.into_iter().map(Epochs).collect();
        protocol.budgets.sort_unstable();
        protocol.budgets.dedup();
    }
    protocol.repeats = repeats.unwrap_or(protocol.repeats);
    let watch = Watch::new(py, progress)?;
    let folder = path.clone();
    let recording = Recording {
        folder: path,
        dataset,
        protocol,
        space,
        only,
        seed: Seed(seed),
        device,
        workers: workers_or_cores(workers),
        share: Share::new(0, 1).expect("the whole of one"),
        order: Order::Cost,
        retry_failed: false,
        stop: Some(watch.stop()),
    };
    watch.run(py, || pipeline::record(&recording, &models_counted(&watch)))?.raise(Kind::Training)?;
    open(py, Some(folder))
}

/// Does it all on a small scale: trains and records a space, fits surrogates, searches, verifies the winners, and writes `report.html` into
/// the folder. Returns the report as text.
#[pyfunction]
#[pyo3(signature = (out, max_vertices=4, dataset="fashion-14", data_dir=None, protocol="quick", seed=0, device="cpu", workers=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn run(
    py: Python<'_>,
    out: PathBuf,
    max_vertices: usize,
    dataset: &str,
    data_dir: Option<PathBuf>,
    protocol: &str,
    seed: u64,
    device: &str,
    workers: Option<NonZeroUsize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (dataset, protocol, device) = detached(py, || prepared(dataset, data_dir, protocol, device))??;
    let space = nasbench::space::Space::nas_bench_101().with_max_vertices(max_vertices).raise(Kind::Cell)?;
    let workers = workers_or_cores(workers);
    let command = "nasbench.run(…)".to_owned();
    let watch = Watch::new(py, progress)?;
    let stop = Some(Arc::clone(watch.stop()));
    let job = Job { out, dataset, protocol, space, device, workers, seed: Seed(seed), command, stop };
    let report = watch.run(py, || pipeline::run(&job, &models_counted(&watch)))?.raise(Kind::Training)?;
    Ok(report.text())
}

/// Writes test images of its data set and the logits of a saved model to a file, to check other programs.
#[pyfunction]
#[pyo3(signature = (model, out, images=100, data_dir=None))]
pub(crate) fn _answers(py: Python<'_>, model: PathBuf, out: PathBuf, images: usize, data_dir: Option<PathBuf>) -> PyResult<()> {
    let model = SavedModel::read(&model).raise(Kind::Model)?;
    let dataset = dataset::find(&model.card().dataset).and_then(|entry| entry.load(data_dir.as_deref())).raise(Kind::Training)?;
    detached(py, || model.write_answers(&out, &dataset, images, Device::Cpu))?.raise(Kind::Model)
}

/// The data sets of `nasbench list`: dicts with the keys `name` and `about`.
#[pyfunction]
pub(crate) fn datasets(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let described = |entry: &dataset::Entry| {
        let one = PyDict::new(py);
        one.set_item("name", entry.name)?;
        one.set_item("about", entry.about)?;
        Ok(one)
    };
    dataset::DATASETS.iter().map(described).collect()
}
