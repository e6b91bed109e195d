//! Benchmarks: look-ups, tables, SQL, fronts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::array::AsArray as _;
use arrow::datatypes::UInt16Type;
use nasbench::compare::ExactFront;
use nasbench::interchange::{official, sql};
use nasbench::objective::{self, Goals};
use nasbench::space::{self, HashPrefix, ModuleHash, prefix};
use nasbench::table::{self, Answer, Official, Part, Repeat, SHIPPED, Stop, Table};
use nasbench::unit::{Accuracy, Epochs, Seed};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrow_stream::Arrow;
use crate::cell::{Cell, given};
use crate::error::{Kind, Raise as _, raised, said};
use crate::watch::{Watch, detached};

/// The process that first asked in SQL; 0 before.
static SQL_OWNER: AtomicU32 = AtomicU32::new(0);

/// A benchmark: recorded trainings of cells.
///
/// Look-ups, models and searches read it when they first need it, and not again: rows that are recorded later are seen by one that is opened
/// later. `table`, `sql` and `info` read its files as they are. Threads may share it.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Benchmark {
    folder: PathBuf,
    /// None once it is closed.
    open: Mutex<Option<Arc<Open>>>,
}

/// An open benchmark.
pub(crate) struct Open {
    pub(crate) benchmark: table::Benchmark,
    table: OnceLock<Arc<Table>>,
}

impl Open {
    pub(crate) fn table(&self, py: Python<'_>) -> PyResult<Arc<Table>> {
        if let Some(table) = self.table.get() {
            return Ok(Arc::clone(table));
        }
        let read = detached(py, || self.benchmark.table())?.raise(Kind::Benchmark)?;
        Ok(Arc::clone(self.table.get_or_init(|| Arc::new(read))))
    }
}

impl Benchmark {
    /// What is open, or the exception that it is closed.
    pub(crate) fn opened(&self) -> PyResult<Arc<Open>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.ok_or_else(|| said(Kind::Benchmark, format!("the benchmark `{}` is closed", self.folder.display())))
    }

    pub(crate) fn table_of(&self, py: Python<'_>) -> PyResult<Arc<Table>> {
        self.opened()?.table(py)
    }

    /// The index of a cell in the table: of a hash, its first digits, or what is a cell.
    fn index(&self, table: &Table, cell: &Bound<'_, PyAny>) -> PyResult<usize> {
        if let Ok(text) = cell.cast::<PyString>() {
            let prefix: HashPrefix = text.to_str()?.parse().map_err(|error: prefix::Error| raised(Kind::Cell, &error))?;
            let hash: ModuleHash = prefix.find(table.hashes().iter().copied(), "recorded").raise(Kind::NotRecorded)?;
            let missing = || table::Error::NotRecorded { hash, epochs: None };
            return table.index_of_hash(hash).ok_or_else(missing).raise(Kind::NotRecorded);
        }
        let cell = given(cell, &space::Space::nas_bench_101())?;
        let missing = || table::Error::NotRecorded { hash: cell.hash(), epochs: None };
        table.index_of(&cell).ok_or_else(missing).raise(Kind::NotRecorded)
    }
}

/// Opens the folder of a benchmark, or the bundled one.
#[pyfunction]
#[pyo3(signature = (path=None))]
pub(crate) fn open(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Benchmark> {
    let is_bundled = |path: &PathBuf| [SHIPPED, "bundled"].iter().any(|name| path.as_os_str() == *name) && !path.exists();
    let opened = py.detach(|| match path.filter(|path| !is_bundled(path)) {
        Some(path) => table::Benchmark::open(path),
        None => table::Benchmark::shipped(),
    });
    let benchmark = opened.raise(Kind::Benchmark)?;
    let folder = benchmark.folder().to_owned();
    Ok(Benchmark { folder, open: Mutex::new(Some(Arc::new(Open { benchmark, table: OnceLock::new() }))) })
}

/// Imports an official file into a new folder. `progress` is called with the bytes that are read and those of the file.
#[pyfunction]
#[pyo3(signature = (file, out, progress=None))]
pub(crate) fn import_official(py: Python<'_>, file: PathBuf, out: PathBuf, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let watch = Watch::new(py, progress)?;
    let imported = watch.run(py, || {
        let mut last = 0;
        let mut told = |_, done: u64, all: u64| {
            // A call of Python for each percent.
            if done >= last + all / 100 {
                last = done;
                watch.tell(done, all);
            }
        };
        official::import(&[file], &out, false, &mut told).map(drop)
    });
    imported?.raise(Kind::Benchmark)
}

#[pymethods]
impl Benchmark {
    /// The folder.
    #[getter]
    fn path(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Lets go of all that was read. Whatever is asked afterwards is an error, but what was answered stays.
    fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.opened().is_err()
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.opened()?;
        Ok(slf)
    }

    fn __exit__(&self, _class: &Bound<'_, PyAny>, _exception: &Bound<'_, PyAny>, _traceback: &Bound<'_, PyAny>) {
        self.close();
    }

    /// What makes the records comparable with those of another benchmark, as 64 hex digits.
    #[getter]
    fn identity(&self) -> PyResult<String> {
        Ok(self.opened()?.benchmark.identity().to_string())
    }

    /// The budgets in epochs, ascending.
    #[getter]
    fn epochs(&self, py: Python<'_>) -> PyResult<Vec<u16>> {
        let open = self.opened()?;
        if let Some(table) = open.table.get() {
            return Ok(table.budgets().iter().map(|epochs| epochs.0).collect());
        }
        // One column is read in milliseconds, also of a table that takes a second as a whole.
        let (_, batches) = detached(py, || open.benchmark.batches(Part::Recorded, Some(&["epochs"])))?.raise(Kind::Benchmark)?;
        let mut found = BTreeSet::new();
        let mut last = None;
        for batch in &batches {
            let column = batch.column(0).as_primitive_opt::<UInt16Type>();
            let column = column.ok_or_else(|| said(Kind::Benchmark, "the column `epochs` has another type".to_owned()))?;
            for epochs in column.values().iter().copied().filter(|epochs| last.replace(*epochs) != Some(*epochs)) {
                found.insert(epochs);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The recorded cells.
    fn cells(&self, py: Python<'_>) -> PyResult<Vec<Cell>> {
        Ok(self.table_of(py)?.cells().iter().map(|cell| Cell(*cell)).collect())
    }

    /// The hashes of the recorded cells.
    fn hashes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.table_of(py)?.hashes().iter().map(ToString::to_string).collect())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.table_of(py)?.len())
    }

    fn __contains__(&self, py: Python<'_>, cell: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.index(&*self.table_of(py)?, cell).is_ok())
    }

    /// Looks up what a cell reached, under the names of the official program. `repeat` is "mean", "random" (with `seed` always the same
    /// one), "all" for a list, or a number; without `epochs` it is the largest budget.
    #[pyo3(signature = (cell, epochs=None, repeat=None, stop_halfway=false, seed=0))]
    fn query<'py>(
        &self,
        py: Python<'py>,
        cell: &Bound<'py, PyAny>,
        epochs: Option<u16>,
        repeat: Option<&Bound<'py, PyAny>>,
        stop_halfway: bool,
        seed: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let table = self.table_of(py)?;
        let epochs = epochs.map(Epochs).or_else(|| table.budgets().last().copied()).unwrap_or_default();
        table.check_budget(epochs).raise(Kind::NotRecorded)?;
        let index = self.index(&table, cell)?;
        let stop = if stop_halfway { Stop::Halfway } else { Stop::Final };
        let word = repeat.map(|repeat| repeat.extract::<String>());
        let answer = |repeat| table.answer(index, epochs, repeat).raise(Kind::NotRecorded);
        match (repeat, word) {
            (None, _) => Ok(official_dict(py, &answer(Repeat::Mean)?, stop)?.into_any()),
            (_, Some(Ok(word))) => match word.as_str() {
                "mean" => Ok(official_dict(py, &answer(Repeat::Mean)?, stop)?.into_any()),
                "random" => Ok(official_dict(py, &answer(Repeat::Drawn(Seed(seed)))?, stop)?.into_any()),
                "all" => {
                    let all = PyList::empty(py);
                    for row in table.repeats(index, epochs) {
                        all.append(official_dict(py, &answer(Repeat::One(row.repeat()))?, stop)?)?;
                    }
                    Ok(all.into_any())
                }
                _ => Err(PyValueError::new_err(format!("repeat is '{word}', expected 'mean', 'random', 'all' or a number"))),
            },
            (Some(number), _) => Ok(official_dict(py, &answer(Repeat::One(number.extract()?))?, stop)?.into_any()),
        }
    }

    /// One repeat under the names of the official program: that with the number which `choose` draws of their number.
    fn _drawn<'py>(
        &self,
        py: Python<'py>,
        cell: &Bound<'py, PyAny>,
        epochs: u16,
        stop_halfway: bool,
        choose: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let table = self.table_of(py)?;
        let index = self.index(&table, cell)?;
        let rows = table.repeats(index, Epochs(epochs));
        if rows.is_empty() {
            let missing = table::Error::NotRecorded { hash: table.hashes()[index], epochs: Some(Epochs(epochs)) };
            return Err(raised(Kind::NotRecorded, &missing));
        }
        let place: usize = choose.call1((rows.len(),))?.extract()?;
        let row = rows.get(place).ok_or_else(|| PyValueError::new_err("a repeat was drawn that is none"))?;
        let answer = table.answer(index, Epochs(epochs), Repeat::One(row.repeat())).raise(Kind::NotRecorded)?;
        official_dict(py, &answer, if stop_halfway { Stop::Halfway } else { Stop::Final })
    }

    /// All that is recorded of a cell, as the official program gives it: fixed and computed statistics.
    fn _metrics<'py>(&self, py: Python<'py>, cell: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        let table = self.table_of(py)?;
        let index = self.index(&table, cell)?;
        let computed = PyDict::new(py);
        let mut fixed = None;
        for epochs in table.budgets() {
            let repeats = PyList::empty(py);
            for row in table.repeats(index, *epochs) {
                let answer = table.answer(index, *epochs, Repeat::One(row.repeat())).raise(Kind::NotRecorded)?;
                let one = PyDict::new(py);
                for stop in [Stop::Halfway, Stop::Final] {
                    let official = answer.official(stop);
                    let name = |what: &str| format!("{}_{what}", stop.name());
                    one.set_item(name("training_time"), official.training_time.map(|time| time.0))?;
                    one.set_item(name("train_accuracy"), official.train_accuracy.map(|value| value.decimal()))?;
                    one.set_item(name("validation_accuracy"), official.validation_accuracy.map(|value| value.decimal()))?;
                    one.set_item(name("test_accuracy"), official.test_accuracy.map(|value| value.decimal()))?;
                }
                repeats.append(one)?;
                fixed.get_or_insert(answer);
            }
            computed.set_item(epochs.0, repeats)?;
        }
        let answer = fixed.ok_or_else(|| said(Kind::NotRecorded, "nothing is recorded of the cell".to_owned()))?;
        let fixed = fixed_dict(py, &answer.official(Stop::Final))?;
        Ok((fixed, computed))
    }

    /// All rows, or some columns of them, as an Arrow table.
    #[pyo3(signature = (columns=None))]
    fn table(&self, py: Python<'_>, columns: Option<Vec<String>>) -> PyResult<Arrow> {
        let names: Option<Vec<&str>> = columns.as_ref().map(|names| names.iter().map(String::as_str).collect());
        if names.as_ref().is_some_and(Vec::is_empty) {
            return Err(PyValueError::new_err("`columns` is empty, expected the name of a column or more, or None for all"));
        }
        let open = self.opened()?;
        let read = detached(py, || open.benchmark.batches(Part::Recorded, names.as_deref()))?;
        let (schema, batches) = read.raise(Kind::Benchmark)?;
        Ok(Arrow { schema, batches })
    }

    /// Answers a query in SQL over the tables `records` and `verified`, as an Arrow table; its rows are dicts.
    fn sql(&self, py: Python<'_>, query: &str) -> PyResult<Arrow> {
        let open = self.opened()?;
        let own = std::process::id();
        let owner = SQL_OWNER.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed).unwrap_or_else(|owner| owner);
        if owner != 0 && owner != own {
            let problem = "this process was forked from one that had asked in SQL, and has not its threads: \
                start it with the method 'spawn', or ask in SQL only after the fork";
            return Err(said(Kind::Benchmark, problem.to_owned()));
        }
        let frame = detached(py, || sql::query(&open.benchmark, query))?.raise(Kind::Benchmark)?;
        Arrow::of_frame(&frame)
    }

    /// Describes the benchmark: ranges, correlations, noise, and where the numbers come from.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let open = self.opened()?;
        let summary = detached(py, || open.benchmark.summary())?.raise(Kind::Benchmark)?;
        python_of(py, &serde_json::to_value(&summary).map_err(|error| said(Kind::Benchmark, error.to_string()))?)
    }

    /// Writes the records in a format that other programs read: csv, jsonl, parquet, arrow, croissant, card, naslib, syne-tune (a folder) or
    /// tfrecord. A file that is there is replaced.
    #[pyo3(signature = (path, format, progress=None))]
    fn export(&self, py: Python<'_>, path: PathBuf, format: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        crate::files::written(py, &self.opened()?.benchmark, &path, format, progress)
    }

    /// The exact Pareto front of objectives: pairs of a cell and its values.
    #[pyo3(signature = (objectives, limits=Vec::new(), epochs=None))]
    fn front<'py>(
        &self,
        py: Python<'py>,
        objectives: Vec<String>,
        limits: Vec<String>,
        epochs: Option<u16>,
    ) -> PyResult<Vec<(Cell, Bound<'py, PyDict>)>> {
        let open = self.opened()?;
        let table = open.table(py)?;
        let goals = goals(&objectives, &limits, open.benchmark.skeleton().raise(Kind::Benchmark)?)?;
        let epochs = epochs.map(Epochs).or_else(|| table.budgets().last().copied()).unwrap_or_default();
        let measured = detached(py, || table.measurements(epochs))?.raise(Kind::NotRecorded)?;
        let front = detached(py, || ExactFront::new(&measured, goals))?.raise(Kind::Search)?;
        let one = |(cell, values): &(space::Cell, Vec<f64>)| {
            let named = PyDict::new(py);
            for (objective, value) in front.goals.objectives().iter().zip(values) {
                named.set_item(objective.name, objective.minimised(*value))?;
            }
            Ok((Cell(*cell), named))
        };
        front.cells.iter().map(one).collect()
    }

    fn __repr__(&self) -> String {
        format!("nasbench.open('{}')", self.folder.display())
    }
}

/// Objectives and limits by their names.
pub(crate) fn goals(objectives: &[String], limits: &[String], skeleton: nasbench::network::Skeleton) -> PyResult<Goals> {
    let objectives = objectives.iter().map(|name| objective::find(name)).collect::<Result<Vec<_>, _>>().raise(Kind::Search)?;
    let limits = limits.iter().map(|limit| limit.parse()).collect::<Result<Vec<_>, objective::Error>>().raise(Kind::Search)?;
    Goals::new(objectives, limits, skeleton).raise(Kind::Search)
}

/// What does not depend on a training, under the names of the official program.
fn fixed_dict<'py>(py: Python<'py>, official: &Official) -> PyResult<Bound<'py, PyDict>> {
    let rows = official.module_adjacency.iter().map(|row| PyList::new(py, row.iter().copied().map(u32::from)));
    let operations = official.module_operations.iter().map(|name| match *name {
        // Names that Python has already are not made again: a look-up takes a few microseconds in all.
        "input" => intern!(py, "input").clone(),
        "output" => intern!(py, "output").clone(),
        "conv3x3-bn-relu" => intern!(py, "conv3x3-bn-relu").clone(),
        "conv1x1-bn-relu" => intern!(py, "conv1x1-bn-relu").clone(),
        "maxpool3x3" => intern!(py, "maxpool3x3").clone(),
        other => PyString::intern(py, other),
    });
    let fixed = PyDict::new(py);
    fixed.set_item(intern!(py, "module_adjacency"), PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)?)?;
    fixed.set_item(intern!(py, "module_operations"), PyList::new(py, operations.collect::<Vec<_>>())?)?;
    fixed.set_item(intern!(py, "trainable_parameters"), official.trainable_parameters.0)?;
    Ok(fixed)
}

fn official_dict<'py>(py: Python<'py>, answer: &Answer, stop: Stop) -> PyResult<Bound<'py, PyDict>> {
    let official = answer.official(stop);
    let answered = fixed_dict(py, &official)?;
    let decimal = |accuracy: Option<Accuracy>| accuracy.map(Accuracy::decimal);
    answered.set_item(intern!(py, "training_time"), official.training_time.map(|time| time.0))?;
    answered.set_item(intern!(py, "train_accuracy"), decimal(official.train_accuracy))?;
    answered.set_item(intern!(py, "validation_accuracy"), decimal(official.validation_accuracy))?;
    answered.set_item(intern!(py, "test_accuracy"), decimal(official.test_accuracy))?;
    Ok(answered)
}

/// A JSON value as Python's own.
pub(crate) fn python_of<'py>(py: Python<'py>, value: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.getattr("loads")?.call1((value.to_string(),))
}
