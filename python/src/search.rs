//! Searches: ours on any oracle, one written in Python in our loop, and ours in a loop of Python's.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use nasbench::network::Skeleton;
use nasbench::oracle::{Candidate, Measurement, Oracle};
use nasbench::search::{self, ALGORITHMS, Budget, Duplicates, Entry, Error, Returns, SearchRng, conformance};
use nasbench::space;
use nasbench::surrogate::SurrogateOracle;
use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::benchmark::{Benchmark, goals, python_of};
use crate::cell::{Cell, given};
use crate::error::{Kind, Raise as _, raised, said};
use crate::model::Model;
use crate::space::Space;
use crate::watch::{Watch, Watched, detached, own_threads};

/// What a search is made for.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Setup {
    /// Where to search.
    #[pyo3(get)]
    space: Space,
    /// The full budget of a training.
    #[pyo3(get)]
    epochs: u16,
    /// The budgets that can be asked for, ascending.
    #[pyo3(get)]
    budgets: Vec<u16>,
    /// The names of the objectives.
    #[pyo3(get)]
    objectives: Vec<&'static str>,
    /// The recorded cells, if some of the space are missing.
    #[pyo3(get)]
    cells: Option<Vec<Cell>>,
    /// What an answer to a repeated question is: "published", "average", or "never" if no cell may be asked for twice.
    #[pyo3(get)]
    duplicates: &'static str,
}

impl Setup {
    fn new(setup: &search::Setup) -> Self {
        Self {
            space: Space(setup.space),
            epochs: setup.epochs.0,
            budgets: setup.budgets.iter().map(|epochs| epochs.0).collect(),
            objectives: setup.goals.objectives().iter().map(|objective| objective.name).collect(),
            cells: setup.pool.as_ref().map(|pool| pool.cells().iter().map(|cell| Cell(*cell)).collect()),
            duplicates: match setup.duplicates {
                Duplicates::Never => "never",
                Duplicates::Average => "average",
                Duplicates::Published => "published",
            },
        }
    }
}

/// A cell that was measured.
#[pyclass(module = "nasbench", frozen, from_py_object)]
#[derive(Clone, Copy)]
pub(crate) struct Trial(pub(crate) search::Trial);

#[pymethods]
impl Trial {
    /// The cell.
    #[getter]
    fn cell(&self) -> Cell {
        Cell(self.0.candidate.architecture)
    }

    /// The budget of its training.
    #[getter]
    fn epochs(&self) -> u16 {
        self.0.candidate.epochs.0
    }

    /// The validation accuracy that was seen, a fraction; None if the training diverged.
    #[getter]
    fn validation_accuracy(&self) -> Option<f64> {
        self.0.measurement.validation_accuracy.map(Accuracy::decimal)
    }

    /// What the training cost in seconds, if that is known.
    #[getter]
    fn training_time(&self) -> Option<f64> {
        self.0.measurement.training_time.map(|time| time.0)
    }

    /// By how much it breaks the limits, in parts of their bounds.
    #[getter]
    fn violation(&self) -> f32 {
        self.0.violation
    }

    fn __repr__(&self) -> String {
        let accuracy = self.validation_accuracy().map_or_else(|| "None".to_owned(), |accuracy| accuracy.to_string());
        format!("Trial(cell={}, epochs={}, validation_accuracy={accuracy})", self.0.candidate.architecture.hash(), self.epochs())
    }
}

/// The trials of a search.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct History {
    history: search::History,
    goals: nasbench::objective::Goals,
}

#[pymethods]
impl History {
    /// The trials, in their order.
    #[getter]
    fn trials(&self) -> Vec<Trial> {
        self.history.trials.iter().copied().map(Trial).collect()
    }

    /// The best cells so far, each with the number of trials until then.
    #[getter]
    fn incumbents(&self) -> Vec<(usize, Trial)> {
        self.history.incumbents().into_iter().map(|(place, trial)| (place + 1, Trial(trial))).collect()
    }

    /// The trial of the cell that the search returns; None without a trial.
    #[getter]
    fn best(&self) -> Option<Trial> {
        self.history.incumbents().last().map(|(_, trial)| Trial(*trial))
    }

    /// The front of what the search saw: pairs of a cell and its values.
    fn front<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Cell, Bound<'py, PyDict>)>> {
        let one = |(values, trial): (Vec<f64>, search::Trial)| {
            let named = PyDict::new(py);
            for (objective, value) in self.goals.objectives().iter().zip(values) {
                named.set_item(objective.name, objective.minimised(value))?;
            }
            Ok((Cell(trial.cell()), named))
        };
        self.history.front(&self.goals).raise(Kind::Search)?.into_iter().map(one).collect()
    }

    fn __len__(&self) -> usize {
        self.history.trials.len()
    }

    /// The best cells so far as a table with their drawings.
    fn _repr_html_(&self) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let row = |(place, trial): (usize, search::Trial)| {
            let accuracy = trial.measurement.validation_accuracy;
            let accuracy =
                accuracy.map_or_else(|| "diverged".to_owned(), |accuracy| format!("{:.2} %", 100.0 * accuracy.decimal()));
            let cell = trial.cell();
            let (hash, drawing) = (cell.hash(), nasbench::report::svg_of(cell));
            let epochs = trial.candidate.epochs.0;
            format!(
                "<tr><td>{}</td><td>{accuracy}</td><td>{epochs}</td><td><code>{hash}</code></td><td>{drawing}</td></tr>",
                place + 1
            )
        };
        let rows: String = self.history.incumbents().into_iter().map(row).collect();
        let count = self.history.trials.len();
        format!(
            "<table><caption>{count} trials of {}: the best so far</caption><tr><th>trial</th><th>validation accuracy</th>\
            <th>epochs</th><th>cell</th><th></th></tr>{rows}</table>",
            escaped(&self.history.algorithm)
        )
    }

    fn __repr__(&self) -> String {
        format!("<{} trials of {}>", self.history.trials.len(), self.history.algorithm)
    }
}

/// The algorithms, with their options, defaults and sources.
#[pyfunction]
pub(crate) fn algorithms(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let described = ALGORITHMS
        .iter()
        .map(|entry| json!({ "name": entry.name, "about": entry.about, "source": entry.source, "options": (entry.defaults)() }));
    python_of(py, &described.collect())
}

/// What makes searchers of Python, by the keys under which a set-up names them.
static MAKERS: LazyLock<Mutex<HashMap<String, Py<PyAny>>>> = LazyLock::new(Mutex::default);

/// The key of what is held to the promises of searches, which tries its defaults, too.
static CHECKED: Mutex<String> = Mutex::new(String::new());

/// The options of a search in Python.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    class: String,
}

/// A search in Python: its option `class` is a key of the makers.
pub(crate) static PYTHON: Entry = Entry {
    name: "python",
    about: "a search in Python",
    source: "the class itself",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: || json!({ "class": *CHECKED.lock().unwrap_or_else(PoisonError::into_inner) }),
    build: |setup| Ok(Box::new(Written::new(setup)?)),
};

/// Keeps what makes a searcher; returns its name and the options that name it.
pub(crate) fn keep(py: Python<'_>, maker: &Bound<'_, PyAny>) -> PyResult<(String, Value)> {
    let (name, key): (String, String) = py.import("nasbench._searcher")?.getattr("identity")?.call1((maker,))?.extract()?;
    MAKERS.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), maker.clone().unbind());
    Ok((name, json!({ "class": key })))
}

/// A searcher that is written in Python.
#[derive(Debug)]
struct Written {
    searcher: Py<PyAny>,
    setup: search::Setup,
    /// Python's generator of random numbers, seeded by ours.
    rng: Option<Py<PyAny>>,
}

impl Written {
    fn new(setup: &search::Setup) -> Result<Self, Error> {
        Python::attach(|py| {
            let options = |source| Error::Options { algorithm: PYTHON.name.to_owned(), source };
            let Options { class: key } = Options::deserialize(&setup.options).map_err(options)?;
            let maker = MAKERS.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(|maker| maker.clone_ref(py));
            let maker = maker.ok_or_else(|| failed(said(Kind::Search, format!("no class `{key}` is known"))))?;
            let build = || py.import("nasbench._searcher")?.getattr("build")?.call1((maker, Setup::new(setup)));
            Ok(Self { searcher: build().map_err(failed)?.unbind(), setup: setup.clone(), rng: None })
        })
    }

    fn candidate(&self, proposed: &Bound<'_, PyAny>) -> PyResult<Candidate> {
        let with_epochs = proposed.extract::<(Bound<'_, PyAny>, u16)>();
        let (cell, epochs) = match with_epochs {
            Ok((cell, epochs)) => (cell, Epochs(epochs)),
            Err(_) => (proposed.clone(), self.setup.epochs),
        };
        if !self.setup.budgets.contains(&epochs) {
            let known: Vec<_> = self.setup.budgets.iter().map(ToString::to_string).collect();
            return Err(said(Kind::Search, format!("{epochs} epochs were asked for, expected one of {}", known.join(", "))));
        }
        let cell = given(&cell, &self.setup.space)?;
        if !self.setup.holds(&cell) {
            return Err(said(Kind::Search, format!("`{cell}` is not recorded, expected one of the recorded cells")));
        }
        Ok(Candidate::new(cell, epochs))
    }
}

fn failed(error: PyErr) -> Error {
    Error::Searcher { algorithm: PYTHON.name.to_owned(), source: error.into() }
}

impl search::Searcher for Written {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        use rand_core::Rng as _;
        let seed = if self.rng.is_none() { Some(rng.next_u64()) } else { None };
        Python::attach(|py| {
            if let Some(seed) = seed {
                self.rng = Some(py.import("random")?.getattr("Random")?.call1((seed,))?.unbind());
            }
            let asked = self.searcher.bind(py).call_method1("ask", (room, self.rng.as_ref().map(|rng| rng.bind(py))))?;
            asked.try_iter()?.map(|proposed| self.candidate(&proposed?)).collect::<PyResult<Vec<_>>>()
        })
        .map_err(failed)
    }

    fn tell(&mut self, trials: &[search::Trial]) -> Result<(), Error> {
        Python::attach(|py| {
            // What Ctrl-C asks for is heard between two questions.
            py.check_signals()?;
            let trials: Vec<Trial> = trials.iter().copied().map(Trial).collect();
            self.searcher.bind(py).call_method1("tell", (trials,)).map(drop)
        })
        .map_err(failed)
    }
}

/// An exception of Python that ended a search is raised as it was; other errors as ours.
pub(crate) fn search_error(error: Error) -> PyErr {
    match error {
        Error::Searcher { algorithm, source } => match source.downcast::<PyErr>() {
            Ok(exception) => *exception,
            Err(source) => raised(Kind::Search, &Error::Searcher { algorithm, source }),
        },
        error => raised(Kind::Search, &error),
    }
}

/// A budget: a number of full trainings, or a text as on the command line, "200evals" or "3000s".
pub(crate) fn budget(given: &Bound<'_, PyAny>) -> PyResult<Budget> {
    if let Ok(evaluations) = given.extract::<usize>() {
        return Ok(Budget::Evaluations(evaluations));
    }
    let text: String = given.extract()?;
    let evaluations = text.strip_suffix("evals").and_then(|number| number.parse().ok()).map(Budget::Evaluations);
    let seconds =
        || text.strip_suffix('s').and_then(|number| number.parse().ok()).map(|time| Budget::SimulatedTime(Seconds(time)));
    let wrong = || PyValueError::new_err(format!("the budget is '{text}', expected a number, or as in '200evals' or '3000s'"));
    evaluations.or_else(seconds).ok_or_else(wrong)
}

pub(crate) fn duplicates(name: &str) -> PyResult<Duplicates> {
    match name {
        "published" => Ok(Duplicates::Published),
        "never" => Ok(Duplicates::Never),
        "average" => Ok(Duplicates::Average),
        _ => Err(PyValueError::new_err(format!("duplicates is '{name}', expected 'published', 'never' or 'average'"))),
    }
}

pub(crate) fn returns(text: &str) -> PyResult<Returns> {
    text.parse().map_err(|error: String| PyValueError::new_err(error))
}

/// Options as JSON.
pub(crate) fn options(py: Python<'_>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Value> {
    let Some(given) = given else { return Ok(json!({})) };
    let text: String = py.import("json")?.getattr("dumps")?.call1((given,))?.extract()?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// An algorithm of the list by its name, or a search in Python: a class, or what makes one.
pub(crate) fn entry(
    py: Python<'_>,
    algorithm: &Bound<'_, PyAny>,
    given: Option<&Bound<'_, PyDict>>,
) -> PyResult<(&'static Entry, String, Value)> {
    if let Ok(name) = algorithm.extract::<String>() {
        return Ok((search::find(&name).raise(Kind::Search)?, name, options(py, given)?));
    }
    if given.is_some_and(|given| !given.is_empty()) {
        return Err(PyTypeError::new_err("options are for algorithms by name; a class of your own has them in its constructor"));
    }
    let (name, options) = keep(py, algorithm)?;
    Ok((&PYTHON, name, options))
}

/// Searches a benchmark or a model.
#[pyfunction]
#[pyo3(name = "search", signature = (algorithm, on=None, budget=None, seed=0, epochs=None, objectives=None, limits=Vec::new(), duplicates="published", returns="best-seen", progress=None, **options))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn search_once(
    py: Python<'_>,
    algorithm: &Bound<'_, PyAny>,
    on: Option<&Bound<'_, PyAny>>,
    budget: Option<&Bound<'_, PyAny>>,
    seed: u64,
    epochs: Option<u16>,
    objectives: Option<Vec<String>>,
    limits: Vec<String>,
    duplicates: &str,
    returns: &str,
    progress: Option<&Bound<'_, PyAny>>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<History> {
    let (entry, name, options) = entry(py, algorithm, options)?;
    let budget = budget.map_or(Ok(Budget::Evaluations(100)), self::budget)?;
    let objectives = objectives.unwrap_or_else(|| vec!["error".to_owned()]);
    let (duplicates, returns) = (self::duplicates(duplicates)?, self::returns(returns)?);
    let seed = Seed(seed);
    let bundled;
    let on = match on {
        Some(on) => on,
        None => {
            bundled = Bound::new(py, crate::benchmark::open(py, None)?)?.into_any();
            &bundled
        }
    };
    let goals = |skeleton: Skeleton| goals(&objectives, &limits, skeleton);
    let watch = Watch::new(py, progress)?;
    let all = match budget {
        Budget::Evaluations(evaluations) => evaluations as u64,
        Budget::SimulatedTime(_) => 0,
    };
    let searched = |setup: &search::Setup, oracle: &mut dyn Oracle| {
        let mut searcher = entry.searcher(setup)?;
        search::run_searcher(&name, searcher.as_mut(), setup, oracle, budget, seed)
    };
    let is_ours = entry.name != PYTHON.name;
    if let Ok(benchmark) = on.cast::<Benchmark>() {
        let benchmark = benchmark.get().opened()?;
        let table = benchmark.table(py)?;
        let goals = goals(benchmark.benchmark.skeleton().raise(Kind::Benchmark)?)?;
        let setup = detached(py, || search::Setup::on_table(&table, epochs.map(Epochs), &[entry], |_| true))?;
        let setup = setup.raise(Kind::Search)?;
        let setup = search::Setup { options, goals: goals.clone(), duplicates, returns, ..setup };
        let work = || searched(&setup, &mut Watched::new(setup.oracle_on(&table, seed), &watch, Some(all)));
        let history = if is_ours { watch.run(py, work) } else { watch.run_here(py, work) };
        return Ok(History { history: history?.map_err(search_error)?, goals });
    }
    let model = on.cast::<Model>().map_err(|_| PyTypeError::new_err("`on` is neither a Benchmark nor a Model"))?.get();
    let goals = goals(*model.0.features.skeleton())?;
    let setup = search::Setup::new(model.space(), model.0.target.epochs).with_budgets(&[model.0.target.epochs]);
    let setup = search::Setup { options, goals: goals.clone(), duplicates, returns, ..setup };
    let oracle = SurrogateOracle::new().with_accuracy(std::sync::Arc::clone(&model.0)).raise(Kind::Model)?;
    let work = || searched(&setup, &mut Watched::new(oracle, &watch, Some(all)));
    let history = if is_ours { watch.run(py, work) } else { watch.run_here(py, work) };
    Ok(History { history: history?.map_err(search_error)?, goals })
}

/// A question to a searcher on its thread, and where its answer goes.
enum Request {
    Ask(usize, Sender<Result<Vec<Candidate>, Error>>),
    Tell(Vec<search::Trial>, Sender<Result<(), Error>>),
}

/// One of our searches, for a loop of one's own: `ask` says what to measure, `tell` takes what was measured.
///
/// It lives on a thread of its own, so that any thread may ask it; but a process that is forked has not that thread.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Searcher {
    requests: Mutex<Sender<Request>>,
    asked: Mutex<Vec<Candidate>>,
    process: u32,
}

impl Searcher {
    /// Asks the thread.
    fn answer<T: Send>(&self, py: Python<'_>, request: impl FnOnce(Sender<Result<T, Error>>) -> Request) -> PyResult<T> {
        if self.process != std::process::id() {
            let problem = "the searcher was made before the process was forked: make it in the process that asks it";
            return Err(said(Kind::Search, problem.to_owned()));
        }
        let (sender, answer) = channel();
        let sent = self.requests.lock().unwrap_or_else(PoisonError::into_inner).send(request(sender));
        let answered = py.detach(move || sent.ok().and_then(|()| answer.recv().ok()));
        answered
            .ok_or_else(|| said(Kind::Search, "the searcher has ended by a fault of its own".to_owned()))?
            .map_err(search_error)
    }
}

#[pymethods]
impl Searcher {
    /// Makes a searcher of an algorithm of `nasbench.algorithms()` with some options.
    #[new]
    #[pyo3(signature = (algorithm, space=None, epochs=108, budgets=None, seed=0, **options))]
    fn new(
        py: Python<'_>,
        algorithm: &str,
        space: Option<&Space>,
        epochs: u16,
        budgets: Option<Vec<u16>>,
        seed: u64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let entry = search::find(algorithm).raise(Kind::Search)?;
        let space = space.map_or_else(space::Space::nas_bench_101, |space| space.0);
        let budgets: Vec<Epochs> = budgets.into_iter().flatten().map(Epochs).collect();
        let options = self::options(py, options)?;
        let setup = search::Setup { options, ..search::Setup::new(space, Epochs(epochs)).with_budgets(&budgets) };
        let mut rng = Seed(seed).derive(algorithm).rng();
        let (requests, heard) = channel();
        let (made, is_made) = channel();
        let threads = own_threads()?;
        let answer = move || {
            let mut searcher = match entry.searcher(&setup) {
                Ok(searcher) => searcher,
                Err(error) => return drop(made.send(Err(error))),
            };
            let _ = made.send(Ok(()));
            for request in heard {
                // Who asked may have left.
                match request {
                    Request::Ask(room, answer) => drop(answer.send(searcher.ask(room, &mut rng))),
                    Request::Tell(trials, answer) => drop(answer.send(searcher.tell(&trials))),
                }
            }
        };
        let serve = move || match threads {
            Some(threads) => threads.install(answer),
            None => answer(),
        };
        thread::Builder::new().name("searcher".to_owned()).spawn(serve).raise(Kind::Search)?;
        let made = py.detach(move || is_made.recv()).unwrap_or(Ok(()));
        made.raise(Kind::Search)?;
        Ok(Self { requests: Mutex::new(requests), asked: Mutex::default(), process: std::process::id() })
    }

    /// What to measure next: at most `room` pairs of a cell and its epochs; none if the search is over.
    #[pyo3(signature = (room=1))]
    fn ask(&self, py: Python<'_>, room: usize) -> PyResult<Vec<(Cell, u16)>> {
        let waiting = self.asked.lock().unwrap_or_else(PoisonError::into_inner).len();
        if waiting > 0 {
            return Err(said(Kind::Search, format!("{waiting} cells were asked for and not told yet")));
        }
        let asked = self.answer(py, |answer| Request::Ask(room, answer))?;
        let pairs = asked.iter().map(|candidate| (Cell(candidate.architecture), candidate.epochs.0)).collect();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        Ok(pairs)
    }

    /// Takes what was measured of the cells of the last `ask`, in their order: accuracies as fractions, None where a training diverged; and
    /// the seconds of the trainings, if they are known. What is missing at the end was not measured.
    #[pyo3(signature = (accuracies, times=None))]
    fn tell(&self, py: Python<'_>, accuracies: Vec<Option<f32>>, times: Option<Vec<Option<f64>>>) -> PyResult<()> {
        let trials = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let trials = trials(&asked, &accuracies, times.as_deref())?;
            asked.clear();
            trials
        };
        self.answer(py, |answer| Request::Tell(trials, answer))
    }
}

/// What was asked with what was measured.
fn trials(asked: &[Candidate], accuracies: &[Option<f32>], times: Option<&[Option<f64>]>) -> PyResult<Vec<search::Trial>> {
    if accuracies.len() > asked.len() || times.is_some_and(|times| times.len() != accuracies.len()) {
        let (found, asked) = (accuracies.len(), asked.len());
        let problem = format!("{found} accuracies were told of {asked} cells, each with its time if there are times");
        return Err(said(Kind::Search, problem));
    }
    let mut trials = Vec::with_capacity(accuracies.len());
    for (place, (candidate, accuracy)) in asked.iter().zip(accuracies).enumerate() {
        let fraction = match accuracy {
            None => None,
            Some(value) => Some(Accuracy::from_fraction(*value).ok_or_else(|| {
                PyValueError::new_err(format!("the accuracy {value} is no fraction, expected 0 to 1, or None"))
            })?),
        };
        let time = times.and_then(|times| times[place]);
        if let Some(time) = time.filter(|time| !time.is_finite() || *time < 0.0) {
            return Err(PyValueError::new_err(format!("the time {time} is none, expected seconds, 0 or more, or None")));
        }
        trials.push(search::Trial::new(*candidate, Measurement::new(fraction, time.map(Seconds))));
    }
    Ok(trials)
}

/// Holds a searcher to what every one promises: it repeats itself with a seed, keeps its budget and its space, and does not look at its room.
#[pyfunction]
pub(crate) fn check_searcher(py: Python<'_>, maker: &Bound<'_, PyAny>) -> PyResult<()> {
    let (_, options) = keep(py, maker)?;
    options["class"].as_str().unwrap_or_default().clone_into(&mut CHECKED.lock().unwrap_or_else(PoisonError::into_inner));
    let checked = Watch::new(py, None)?.run_here(py, || conformance::check(&PYTHON, &options))?;
    checked.map_err(|violation| said(Kind::Search, violation.to_string()))
}
