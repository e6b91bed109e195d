//! `nasbench search`: one search, against records, models or real training.

pub(super) mod cost;
mod landing;
pub(super) mod models;
pub(super) mod source;
mod target;

use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context as _, bail};
use nasbench::objective::{Goals, nearest_in_words};
use nasbench::search::external::EXTERNAL;
use nasbench::search::{self, Budget, Entry, History, Redraws, Returns, Setup, Trial};
use nasbench::space::Cell;
use nasbench::table::{holds_trials, write_trials};
use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};
use nasbench::{front, report};
use serde_json::Value;

use super::format::{Format, Table};
use super::outputs::check_replaceable;
use super::{Global, external, goals, note, signals};
use cost::Cost;
use landing::Landing;
use target::Target;

const HELP: &str = "\
The oracle of `--on` is the folder of a benchmark, which answers each query with a recorded repeat of the cell, and the search pays the
cost of that training, computed from its operations or measured (`--cost`); a model file of `nasbench run` or `nasbench fit`, which
answers for every cell; or the word `train`, which trains every queried cell. No search sees a test accuracy.

A benchmark that lacks some cells of its space, at one of the budgets that the algorithm uses, is a pool: the search draws, mutates
and proposes within the recorded cells. A draw outside is repeated; after 256 such draws any recorded cell is taken.

With `train`, the trials are written to the file of `--out` as they finish: they are kept if the search is stopped by Ctrl-C or
killed.

The budget is a number of full trainings, as in `200evals`, where shorter trainings count in proportion to their epochs, or the
total cost, as in `3000s`. A training that starts before the budget is spent is finished and counted in full.

With `--duplicates never` no cell is queried twice at one budget of epochs; with `--duplicates average` a cell that is queried again
returns the mean of its answers. The rule is the same for all algorithms.

The same oracle, algorithm, options, budget and seed give the same search. `nasbench list algorithms` shows the algorithms with
their options and defaults.

Examples:
  nasbench search --on nasbench-run/benchmark --algorithm regularized-evolution --budget 200evals
  nasbench search --on nb101 --algorithm hyperband --budget 100000s --seed 3 --out hyperband.parquet
  nasbench search --on nb101 --algorithm random --set sampler=uniform --budget 50evals --epochs 36
  nasbench search --on forest.json --algorithm regularized-evolution --budget 1000evals --noise
  nasbench search --on train --protocol quick --algorithm local-search --budget 60s";

/// Search for a good cell with one algorithm, and report the run.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: target::Arguments,

    /// The algorithm: a name of `nasbench list algorithms`.
    #[arg(long, value_name = "NAME", required_unless_present = "external", conflicts_with = "external")]
    algorithm: Option<String>,

    /// Another program instead of an algorithm, in any language: it reads and writes lines of JSON, as in `--external 'python3 search.py'`.
    /// `--set timeout=5` are the seconds that it has for each answer.
    #[arg(long, value_name = "COMMAND")]
    external: Option<String>,

    /// An option of the algorithm, as in `--set population_size=50`; repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Budget of the search: full trainings, as in `200evals`, or simulated seconds, as in `3000s`. A training that starts before it is
    /// spent is finished and counted in full.
    #[arg(long, value_name = "Nevals|Ns")]
    budget: Spending,

    #[command(flatten)]
    goals: goals::Arguments,

    /// The answer to a cell that is queried again.
    #[arg(long, value_enum, default_value_t, value_name = "RULE")]
    duplicates: Duplicates,

    /// Cost of a training of a benchmark [default: `computed` if it was recorded, `measured` if it was imported].
    #[arg(long, value_enum, value_name = "RULE")]
    cost: Option<Cost>,

    /// The cell that the search returns: `best-seen`, the cell with the best observed value; `top-k-mean`, the cell with the best mean
    /// among the 10 best observed, with a tenth of the budget reserved to query them again, or as in `top-k-mean:k=5:share=0.2`;
    /// `posterior`, the cell with the highest prediction of a random forest fitted on the observed values.
    #[arg(long, default_value_t, value_name = "RULE")]
    returns: Returns,

    /// Seed of all random numbers of the search.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// The full training budget [default: the largest one of the oracle]; multi-fidelity algorithms use smaller ones, too.
    #[arg(long, value_name = "E", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,

    /// Write all trials to this Parquet file; existing trials are replaced.
    #[arg(long, value_name = "FILE.parquet")]
    out: Option<PathBuf>,

    /// Overwrite a file of `--out` that no search wrote.
    #[arg(long, requires = "out")]
    force: bool,

    /// Format of the trajectory; only `table` draws the winner.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The answer to a cell that is queried again at the same budget of epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Duplicates {
    /// The answer of another training, as in the paper of the algorithm
    #[default]
    Published,
    /// No answer: a draw of a queried cell is repeated, after 256 draws any other cell is taken, and the search ends when all cells were
    /// queried; trainings run one after another
    Never,
    /// The mean of all answers so far, each paid for; a benchmark shows a repeat again after all were shown
    Average,
}

impl Duplicates {
    pub(super) const fn rule(self) -> search::Duplicates {
        match self {
            Self::Published => search::Duplicates::Published,
            Self::Never => search::Duplicates::Never,
            Self::Average => search::Duplicates::Average,
        }
    }
}

/// A budget as it is typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spending(pub(super) Budget);

impl FromStr for Spending {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected full trainings, as in `200evals`, or seconds, as in `3000s`".to_owned();
        if let Some(number) = text.strip_suffix("evals") {
            return match number.parse() {
                Ok(0) => Err("a budget of 0 evaluations is smaller than one training".to_owned()),
                Ok(evaluations) => Ok(Self(Budget::Evaluations(evaluations))),
                Err(_) => match number.parse::<f64>() {
                    Ok(part) if part > 0.0 && part < 1.0 => {
                        Err(format!("a budget of {part} evaluations is smaller than one training"))
                    }
                    _ => Err(expected()),
                },
            };
        }
        let seconds = text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok());
        match seconds.filter(|seconds| *seconds > 0.0 && seconds.is_finite()) {
            Some(seconds) => Ok(Self(Budget::SimulatedTime(Seconds(seconds)))),
            None => Err(expected()),
        }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    if let Some(file) = &arguments.out {
        check_replaceable(file, "the trials of a search", arguments.force, holds_trials)?;
    }
    let options = options(&arguments.set)?;
    let (entry, options) = match (&arguments.algorithm, &arguments.external) {
        (Some(name), _) => (search::find(name).context("could not choose the algorithm")?, options),
        (None, command) => (&EXTERNAL, external::options(command.as_deref().unwrap_or_default(), options)?),
    };
    let budget = arguments.budget.0;
    let is_of_time = matches!(budget, Budget::SimulatedTime(_));
    let cost = (arguments.cost, is_of_time && !global.quiet);
    let target = Target::open(&arguments.target, arguments.epochs.map(Epochs), entry, cost)?;
    let (duplicates, returns) = (arguments.duplicates.rule(), arguments.returns);
    let (folder, benchmark) = target.benchmark();
    let goals = arguments.goals.goals(target.skeleton()?, folder, benchmark, returns)?;
    let setup = Setup { options, duplicates, returns, goals, ..target.setup().clone() };
    // Options that do not fit are told before anything is trained.
    entry.searcher(&setup).context("could not set up the search")?;
    target.check_budget(budget, entry.budgets(&setup))?;
    if !global.quiet {
        notes(entry, &target, &setup);
    }
    let started = Instant::now();
    let history = search_with(arguments, entry, &target, &setup, global)?;
    let wall = started.elapsed();
    if let Some(file) = &arguments.out {
        let name = target.name();
        write_trials(file, &history.rows(&name)).context("could not write the trials")?;
    }
    if setup.goals.objectives().len() > 1 {
        print_front(&history, entry, &setup, arguments.format)?;
    } else {
        print(&history, entry, &target, arguments.format)?;
    }
    if !global.quiet {
        let cells: Vec<_> = history.ranking().iter().map(Trial::cell).collect();
        if let Some(outside) = target.fitted_range().and_then(|range| range.outside(&cells)) {
            note(format_args!("note: {outside}"));
        }
        if let Some(nearest) = nearest_to_limits(&history, &setup.goals)? {
            note(format_args!("note: no cell of this search keeps the limits{nearest}"));
        }
        if history.is_short_of(budget) {
            let (name, trials) = (entry.name, history.trials.len());
            note(format_args!(
                "note: `{name}` ended after {trials} trials, before its budget of {budget}: it had nothing more to ask"
            ));
        }
        if let Some(redrawn) = redrawn(history.redraws) {
            note(format_args!("note: {redrawn}"));
        }
        note(format_args!("searched in {:.3} s", wall.as_secs_f64()));
    }
    Ok(())
}

/// Says which cell comes nearest to the limits, if none keeps them.
fn nearest_to_limits(history: &History, goals: &Goals) -> anyhow::Result<Option<String>> {
    let nearest = history.trials.iter().min_by(|one, other| one.violation.total_cmp(&other.violation));
    let Some(Trial { candidate, measurement, .. }) = nearest.filter(|trial| trial.violation > 0.0) else { return Ok(None) };
    let cell = &candidate.architecture;
    Ok(Some(nearest_in_words(cell, &goals.broken(cell, measurement)?)))
}

/// Runs the search; the trials are saved if it ends before its budget is spent.
fn search_with(
    arguments: &Arguments,
    entry: &'static Entry,
    target: &Target,
    setup: &Setup,
    global: &Global,
) -> anyhow::Result<History> {
    let landing = Landing {
        algorithm: entry.name,
        oracle: target.name(),
        seed: Seed(arguments.seed),
        epochs: setup.epochs,
        budget: arguments.budget.0,
        out: arguments.out.clone(),
        stop: signals::stop()?,
        bar: (target.is_training() && !global.quiet).then(landing::bar),
        state: Mutex::default(),
    };
    let observe = |event| landing.observe(event);
    let mut oracle = target.oracle(landing.seed, &observe, setup);
    let searched = search::run(entry, setup, oracle.as_mut(), landing.budget, landing.seed);
    landing.bar.iter().for_each(indicatif::ProgressBar::finish_and_clear);
    let error = match searched {
        Ok(history) => return Ok(history),
        Err(error) => error,
    };
    let trials = landing.save().context("could not write the trials")?;
    let kept = arguments.out.as_ref().filter(|_| trials > 0);
    let kept = kept.map(|file| format!("the {trials} finished trials are in `{}`", file.display()));
    if landing.stop.load(Ordering::Relaxed) {
        bail!("stopped by a signal: {}", kept.unwrap_or_else(|| format!("{trials} trials had finished")));
    }
    let could_not = kept.map_or_else(|| "could not search".to_owned(), |kept| format!("could not search ({kept})"));
    Err(anyhow::Error::from(error).context(could_not))
}

/// Notes what an algorithm lacks, and the pool.
fn notes(entry: &Entry, target: &Target, setup: &Setup) {
    if entry.misses_small_budgets(setup) {
        note(without_small_budgets(entry.name, &target.on(), setup.epochs));
    }
    if let Some(pool) = &setup.pool {
        note(format_args!("note: `{}` is a pool of {pool}: the search stays within them", target.on()));
    }
}

/// Notes draws outside the recorded cells of a pool, and repeated draws, if there were any.
pub(super) fn redrawn(redraws: Redraws) -> Option<String> {
    let Redraws { outside, duplicates, uniform } = redraws;
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let (any, other) = if duplicates > 0 { ("any other", "and ") } else { ("any recorded", "") };
    let taken = if uniform > 0 { format!("; {} {any} cell was taken instead", times(uniform)) } else { String::new() };
    let outside = (outside > 0).then(|| format!("{} a cell outside the recorded ones", times(outside)));
    let before = (duplicates > 0).then(|| format!("{} a cell asked for before", times(duplicates)));
    let drawn: Vec<_> = outside.into_iter().chain(before).collect();
    (!drawn.is_empty()).then(|| format!("{} was drawn and drawn again{taken}", drawn.join(&format!(" {other}"))))
}

/// Notes that a multi-fidelity search has one budget.
pub(super) fn without_small_budgets(algorithm: &str, on: &str, epochs: Epochs) -> String {
    format!(
        "note: `{algorithm}` is made for many budgets of epochs, and `{on}` has none below {epochs}: it searches with that one only"
    )
}

/// Reads `--set key=value`: values are JSON, or else text.
pub(super) fn options(set: &[String]) -> anyhow::Result<Value> {
    let mut options = serde_json::Map::new();
    for text in set {
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            bail!("`--set {text}` sets nothing: expected `--set KEY=VALUE`");
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        if options.insert(key.to_owned(), value).is_some() {
            bail!("`--set` gives `{key}` twice");
        }
    }
    Ok(options.into())
}

/// Prints the front of what the search saw, and names its knee.
fn print_front(history: &History, entry: &Entry, setup: &Setup, format: Format) -> anyhow::Result<()> {
    let front = history.front(&setup.goals)?;
    let objectives = setup.goals.objectives();
    let names: Vec<_> = objectives.iter().map(|objective| objective.name).collect();
    let mut columns = names.clone();
    columns.push("module_hash");
    let mut table = Table::new(&columns, &["module_adjacency", "module_operations", "epochs"]);
    for (values, trial) in &front {
        let cell = trial.cell();
        let values = objectives.iter().zip(values).map(|(objective, value)| goals::printed(objective, *value));
        let cell_columns = [cell.hash().to_string(), cell.adjacency_text(), cell.operations_text()].map(Value::from);
        table.push(values.chain(cell_columns).chain([trial.candidate.epochs.0.into()]).collect::<Vec<_>>());
    }
    let mut out = std::io::stdout().lock();
    table.print(format, &mut out)?;
    if format != Format::Table {
        return Ok(());
    }
    let (trials, cells) = (history.trials.len(), history.distinct_cells());
    writeln!(out, "\n{}: {trials} trials of {cells} cells, {} of them on the front", entry.name, front.len())?;
    let points: Vec<&[f64]> = front.iter().map(|(values, _)| values.as_slice()).collect();
    if let Ok(knee) = front::knee(&points) {
        let cell = front[knee].1.cell();
        writeln!(out, "\nThe knee of the front, where it bends most:\n\n{}", report::text_of(cell).trim_end())?;
    }
    Ok(())
}

/// Prints the incumbents, and draws the last one.
fn print(history: &History, entry: &Entry, target: &Target, format: Format) -> anyhow::Result<()> {
    let incumbents = history.incumbents();
    let spent: Vec<_> = history.spent().collect();
    let columns = ["trial", "evaluations", "simulated_seconds", "epochs", "validation_accuracy", "module_hash"];
    let mut table = Table::new(&columns, &["module_adjacency", "module_operations", "outside_fitted_range"]);
    let is_outside = |cell: &Cell| target.fitted_range().map(|range| !range.contains(cell));
    for (position, trial) in &incumbents {
        let (evaluations, time) = spent[*position];
        let cell = trial.cell();
        table.push([
            Value::from(position + 1),
            evaluations.into(),
            time.map(|time| time.0).into(),
            trial.candidate.epochs.0.into(),
            trial.measurement.validation_accuracy.map(Accuracy::decimal).into(),
            cell.hash().to_string().into(),
            cell.adjacency_text().into(),
            cell.operations_text().into(),
            is_outside(&cell).into(),
        ]);
    }
    let mut out = std::io::stdout().lock();
    table.print(format, &mut out)?;
    let (Some((_, winner)), Some((evaluations, time)), Format::Table) = (incumbents.last(), spent.last(), format) else {
        return Ok(());
    };
    let cell = winner.cell();
    let cells = history.distinct_cells();
    let time = time.map_or_else(|| "of unknown cost".to_owned(), |time| format!("{time} simulated"));
    writeln!(out, "\n{}: {} trials of {cells} cells, {evaluations:.2} evaluations, {time}", entry.name, spent.len())?;
    writeln!(out, "\n{}", report::text_of(cell).trim_end())?;
    writeln!(out)?;
    let mut lines =
        vec![("hash", cell.hash().to_string()), ("adjacency", cell.adjacency_text()), ("operations", cell.operations_text())];
    let seen =
        winner.measurement.validation_accuracy.map_or_else(|| "none: it diverged".to_owned(), |accuracy| accuracy.to_string());
    lines.push(("validation", format!("{seen} in the search, at {} epochs", winner.candidate.epochs)));
    if let Some(range) = target.fitted_range().filter(|range| !range.contains(&cell)) {
        lines.push(("outside", format!("the model was fitted on cells of {range}, and extrapolates here")));
    }
    lines.extend(target.truth(cell, winner.candidate.epochs).map(|truth| ("recorded", truth)));
    for (name, value) in lines {
        writeln!(out, "{name:<12}{value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_full_trainings_or_seconds() {
        let parsed = |text: &str| text.parse::<Spending>().map(|spending| spending.0);
        assert_eq!(parsed("200evals"), Ok(Budget::Evaluations(200)));
        assert_eq!(parsed("1.5s"), Ok(Budget::SimulatedTime(Seconds(1.5))));
        assert!(parsed("0.5evals").unwrap_err().contains("smaller than one training"));
        for text in ["", "s", "200", "-3s", "0s", "NaNs", "infs", "1e999s", "-1evals", "2 evals", "evals"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn redraws_are_said_in_words() {
        let said = |outside, duplicates, uniform| redrawn(Redraws { outside, duplicates, uniform });
        assert_eq!(said(0, 0, 0), None);
        let outside =
            "3 times a cell outside the recorded ones was drawn and drawn again; once any recorded cell was taken instead";
        assert_eq!(said(3, 0, 1).as_deref(), Some(outside));
        let both = "once a cell outside the recorded ones and 2 times a cell asked for before was drawn and drawn again";
        assert_eq!(said(1, 2, 0).as_deref(), Some(both));
        let before = "2 times a cell asked for before was drawn and drawn again; once any other cell was taken instead";
        assert_eq!(said(0, 2, 1).as_deref(), Some(before));
    }

    #[test]
    fn values_of_options_are_json_or_text() {
        let given = ["sampler=uniform", "population_size=50", "crossover_rate=0.5"].map(ToOwned::to_owned);
        let expected = serde_json::json!({ "sampler": "uniform", "population_size": 50, "crossover_rate": 0.5 });
        assert_eq!(options(&given).unwrap(), expected);
        assert!(options(&["sampler".to_owned()]).is_err());
        assert!(options(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
    }
}
