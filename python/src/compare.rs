//! Comparisons of searches.

use std::path::PathBuf;

use nasbench::compare::{self, Competitor, GroundTruth, Judging, Plan, Summary, Task};
use nasbench::report;
use nasbench::search;
use nasbench::table::Costs;
use nasbench::unit::{Epochs, Seed};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::benchmark::{Benchmark, goals, python_of};
use crate::error::{Kind, Raise as _, raised, said};
use crate::search::{budget, duplicates, entry, returns, search_error};
use crate::watch::{Watch, Watched, detached};

/// A finished comparison.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Comparison {
    summary: serde_json::Value,
    text: String,
    page: String,
}

#[pymethods]
impl Comparison {
    /// Everything as dicts and lists, as `comparison.json` of the program has it.
    #[getter]
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python_of(py, &self.summary)
    }

    /// Writes the page with its plots to a file.
    fn write(&self, path: PathBuf) -> PyResult<()> {
        std::fs::write(&path, &self.page)
            .map_err(|error| said(Kind::Search, format!("could not write `{}`: {error}", path.display())))
    }

    /// The page in a frame of its own, so that its style is not that of the notebook.
    fn _repr_html_(&self) -> String {
        let escaped = self.page.replace('&', "&amp;").replace('"', "&quot;");
        format!("<iframe srcdoc=\"{escaped}\" style=\"width:100%;height:48em;border:0\" sandbox=\"allow-scripts\"></iframe>")
    }

    /// The page with its plots, as `write` writes it.
    #[getter]
    fn page(&self) -> &str {
        &self.page
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> &str {
        &self.text
    }
}

/// Runs several algorithms many times each on a benchmark: names, pairs of a name and a dict of options, or classes of one's own.
#[pyfunction]
#[pyo3(name = "compare", signature = (algorithms, on=None, budget=None, runs=100, seed=0, epochs=None, objectives=None, limits=Vec::new(), duplicates="published", returns="best-seen", truth="unseen", progress=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn compare_all(
    py: Python<'_>,
    algorithms: Vec<Bound<'_, PyAny>>,
    on: Option<&Bound<'_, Benchmark>>,
    budget: Option<&Bound<'_, PyAny>>,
    runs: u32,
    seed: u64,
    epochs: Option<u16>,
    objectives: Option<Vec<String>>,
    limits: Vec<String>,
    duplicates: &str,
    returns: &str,
    truth: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Comparison> {
    let on = match on {
        Some(on) => on.get().opened()?,
        None => crate::benchmark::open(py, None)?.opened()?,
    };
    let competitors = algorithms.iter().map(|algorithm| competitor(py, algorithm)).collect::<PyResult<Vec<_>>>()?;
    let table = on.table(py)?;
    let full = compare::full_budget(&table, epochs.map(Epochs));
    let judging = match truth {
        "unseen" => detached(py, || Judging::unseen(&table, full))?,
        "all" => Judging::All,
        _ => return Err(pyo3::exceptions::PyValueError::new_err(format!("truth is '{truth}', expected 'unseen' or 'all'"))),
    };
    let costs =
        if on.benchmark.manifest().seed.is_some() { detached(py, || Costs::compute(&on.benchmark, &table).ok())? } else { None };
    let entries: Vec<_> = competitors.iter().map(Competitor::entry).collect();
    let (folder, identity) = (on.benchmark.folder().display().to_string(), on.benchmark.identity().to_string());
    let task = || Task::on_table(&table, (&folder, &identity), epochs.map(Epochs), &entries, judging, costs.as_ref());
    let task = detached(py, task)?.raise(Kind::Search)?;
    let objectives = objectives.unwrap_or_else(|| vec!["error".to_owned()]);
    let goals = goals(&objectives, &limits, on.benchmark.skeleton().raise(Kind::Benchmark)?)?;
    let task = Task { setup: search::Setup { goals, ..task.setup }, ..task };
    let (duplicates, returns) = (self::duplicates(duplicates)?, self::returns(returns)?);
    let budget = budget.map_or(Ok(search::Budget::Evaluations(100)), self::budget)?;
    let baseline = competitors.iter().position(|competitor| competitor.name() == "random");
    let plan = Plan { competitors, baseline, tasks: vec![task], runs, budget, duplicates, returns, seed: Seed(seed) };
    let folder = tempfile::tempdir().map_err(|error| raised(Kind::Search, &error))?;
    let watch = Watch::new(py, progress)?;
    let all = u64::from(runs) * plan.competitors.len() as u64;
    let finished = || watch.add(1, all);
    let compared = watch.run(py, || {
        let truth = GroundTruth::of_table(&table, &plan.tasks[0].setup, judging)?;
        let rules = search::Setup { duplicates, returns, ..plan.tasks[0].setup.clone() };
        let shown = judging.shown(rules.epochs);
        let oracle = |_, seed| Watched::new(rules.oracle_on(&table, seed).showing(shown).costing(costs.as_ref()), &watch, None);
        let runs = compare::run(&plan, oracle, &[&truth], &folder.path().join("runs"), finished)?;
        Ok(Summary::new(&plan, &runs.runs, &[&truth]))
    })?;
    let summary = compared.map_err(error)?;
    let checklist = compare::checklist(&plan, &summary, &[budget]);
    let page = report::Comparison {
        title: format!("{} searches on {}", plan.competitors.len(), plan.tasks[0].name),
        setting: vec![("runs of each".to_owned(), runs.to_string()), ("budget of a run".to_owned(), budget.to_string())],
        summaries: vec![(budget.to_string(), &summary)],
        checklist: &checklist,
        command: "nasbench.compare(…)".to_owned(),
    };
    let (text, page) = (page.text(), page.page());
    let summary = serde_json::to_value(&summary).map_err(|error| said(Kind::Search, error.to_string()))?;
    Ok(Comparison { summary, text, page })
}

/// An exception of Python that ended a run is raised as it was.
fn error(error: compare::Error) -> PyErr {
    match error {
        compare::Error::Failed { first, .. } => self::error(*first),
        compare::Error::Search { source, .. } if matches!(*source, search::Error::Searcher { .. }) => search_error(*source),
        error => raised(Kind::Search, &error),
    }
}

fn competitor(py: Python<'_>, algorithm: &Bound<'_, PyAny>) -> PyResult<Competitor> {
    if let Ok((name, options)) = algorithm.extract::<(String, Bound<'_, PyAny>)>() {
        // A name of one's own for a class, or options for a name of ours.
        if let Ok(options) = options.cast::<PyDict>() {
            let options = crate::search::options(py, Some(options))?;
            return Competitor::new(search::find(&name).raise(Kind::Search)?, &options).raise(Kind::Search);
        }
        let (entry, _, options) = entry(py, &options, None)?;
        return Ok(Competitor::new(entry, &options).raise(Kind::Search)?.named(name));
    }
    let (entry, name, options) = entry(py, algorithm, None)?;
    let competitor = Competitor::new(entry, &options).raise(Kind::Search)?;
    Ok(if entry.name == "python" { competitor.named(name) } else { competitor })
}
