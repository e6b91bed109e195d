//! What is compared: algorithms with their options, tasks, and how often and how far each is run.

use serde_json::{Value, json};

use super::conditions::Conditions;
use super::{Error, Judging, set_up};
use crate::search::{self, Budget, Duplicates, Entry, Returns, Setup};
use crate::surrogate::Model;
use crate::table::{Costs, Table};
use crate::unit::{Epochs, Seed};

/// An algorithm with its options.
#[derive(Clone, Debug)]
pub struct Competitor {
    pub(super) entry: &'static Entry,
    given: serde_json::Map<String, Value>,
    label: Option<String>,
}

/// Two are equal if they run the same search, however their options were given.
impl PartialEq for Competitor {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Competitor {
    /// Takes an algorithm with some options, a JSON object; the rest have their defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the options are no object. Whether they fit is known when the comparison begins.
    pub fn new(entry: &'static Entry, options: &Value) -> Result<Self, Error> {
        match options {
            Value::Object(given) => Ok(Self { entry, given: given.clone(), label: None }),
            _ => Err(Error::Options { algorithm: entry.name, found: options.clone() }),
        }
    }

    /// The same with a name of its own, as a search in another program has.
    #[must_use]
    pub fn named(self, label: String) -> Self {
        Self { label: Some(label), ..self }
    }

    /// The algorithm.
    #[must_use]
    pub const fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// Its own name, or the algorithm and the options that were given: `random`, or `random (sampler=uniform)`.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(label) = &self.label {
            return label.clone();
        }
        if self.given.is_empty() {
            return self.entry.name.to_owned();
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let given: Vec<_> = self.given.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
        format!("{} ({})", self.entry.name, given.join(", "))
    }

    /// The name of the algorithm, whatever its options; its own name if it has one.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.label.as_deref().unwrap_or(self.entry.name)
    }

    /// All options with their values.
    #[must_use]
    pub fn options(&self) -> Value {
        let mut options = (self.entry.defaults)();
        if let Value::Object(options) = &mut options {
            options.extend(self.given.clone());
        }
        options
    }

    /// Whether an option has another value than its default.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.options() != (self.entry.defaults)()
    }

    /// The error of a search that failed.
    pub(super) fn failed(&self, task: &Task, source: search::Error) -> Error {
        let source = Box::new(source.named(self.algorithm()));
        Error::Search { name: self.name(), task: task.name.clone(), source }
    }

    /// What makes two competitors the same, however their options were given.
    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.entry.name, self.options())
    }

    pub(super) fn setup(&self, setup: &Setup, duplicates: Duplicates, returns: Returns) -> Setup {
        Setup { options: Value::Object(self.given.clone()), duplicates, returns, ..setup.clone() }
    }
}

/// What every algorithm is run on.
#[derive(Clone, Debug)]
pub struct Task {
    /// What people call it.
    pub name: String,
    /// Where to search, and with which budgets of epochs; its options and rules are not used.
    pub setup: Setup,
    /// What answers, in words that change when the answers do, as the identity of a benchmark with its number of rows.
    pub oracle: String,
    /// What the answers were made from: the identity of the benchmark, of the table itself or of the one that a model was fitted on.
    /// Tasks of one benchmark are not independent of each other. `None` if it is not known.
    pub benchmark: Option<String>,
    /// How costs are computed, in words; `None` if they are those of the oracle itself, as measured or predicted seconds. The same searches
    /// are run whatever trainings cost, and are compared at other moments.
    pub cost: Option<String>,
}

impl Task {
    /// The task of searching a table at a budget, or at the largest one. `benchmark` is the identity of the benchmark that the table was
    /// read from, `folder` what people call it.
    ///
    /// # Errors
    ///
    /// As [`Setup::on_table`].
    pub fn on_table(
        table: &Table,
        (folder, benchmark): (&str, &str),
        epochs: Option<Epochs>,
        algorithms: &[&Entry],
        judging: Judging,
        costs: Option<&Costs>,
    ) -> Result<Self, search::Error> {
        let setup = set_up(table, epochs, algorithms, judging)?;
        let epochs = setup.epochs;
        // A benchmark may grow and keep its identity, but then its answers change.
        let shown = judging.shown(epochs).map_or_else(String::new, |(_, most)| format!(", repeats below {most} shown"));
        let oracle = format!("benchmark {benchmark} with {} rows{shown}", table.row_count());
        let (name, benchmark) = (name_of(folder, epochs), Some(benchmark.to_owned()));
        Ok(Self { name, setup, oracle, benchmark, cost: costs.map(Costs::in_words) })
    }

    /// The task of searching models. `identity` changes when the answers do, `file` is what people call the models.
    #[must_use]
    pub fn on_models(accuracy: &Model, setup: Setup, file: &str, identity: String) -> Self {
        let (name, benchmark) = (name_of(file, setup.epochs), accuracy.benchmark.clone());
        Self { name, setup, oracle: identity, benchmark, cost: None }
    }

    /// What must be the same for a run to be kept.
    pub(super) fn conditions(&self) -> String {
        self.cost.as_ref().map_or_else(|| self.identity(), |cost| format!("{} {cost}", self.identity()))
    }

    /// What makes two tasks the same, whatever they are called.
    pub(super) fn identity(&self) -> String {
        let Setup { space, epochs, budgets, goals, pool, .. } = &self.setup;
        let mut identity = json!({ "oracle": self.oracle, "space": format!("{space:?}"), "epochs": epochs, "budgets": budgets });
        // Without them a task is that of before.
        if goals.objectives().len() > 1 {
            identity["objectives"] = goals.objectives().iter().map(|objective| objective.name).collect();
        }
        if !goals.limits().is_empty() {
            identity["limits"] = goals.limits().iter().map(ToString::to_string).collect();
        }
        if let Some(scale) = goals.scale() {
            identity["scale"] = json!([scale.ideal, scale.nadir, scale.reference]);
        }
        if goals.is_hypervolume_sampled() {
            identity["hypervolume"] = json!("sampled");
        }
        if let Some(digest) = goals.digest_of_latencies() {
            identity["latencies"] = json!(digest);
        }
        if let Some(pool) = pool {
            identity["pool"] = json!({ "cells": pool.len(), "digest": pool.digest() });
        }
        identity.to_string()
    }
}

fn name_of(oracle: &str, epochs: Epochs) -> String {
    format!("{oracle} at {epochs} epoch{}", if epochs.0 == 1 { "" } else { "s" })
}

/// The most runs of a comparison: all of them are in memory in the end.
const MOST_RUNS: u64 = 10_000_000;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The algorithms, each with its options.
    pub competitors: Vec<Competitor>,
    /// The algorithm that every other one is tested against, by its place among them. The runs do not depend on it.
    pub baseline: Option<usize>,
    /// What they are run on.
    pub tasks: Vec<Task>,
    /// How often each algorithm is run on each task.
    pub runs: u32,
    /// What a run may spend.
    pub budget: Budget,
    /// What a search gets for a cell that it asks for again.
    pub duplicates: Duplicates,
    /// Which of the cells that it asked for a search returns.
    pub returns: Returns,
    /// The source of all random numbers.
    pub seed: Seed,
}

impl Plan {
    /// The seed of a run: with it, `nasbench search` repeats the run alone.
    ///
    /// Runs share no seed, neither of one algorithm nor across algorithms and tasks, so that the results are independent of each
    /// other, as the tests of [`Summary`](super::Summary) assume.
    #[must_use]
    pub fn seed_of(&self, task: &Task, competitor: &Competitor, run: u32) -> Seed {
        self.seed.derive(&format!("run {run} of {} on {}", competitor.identity(), task.identity()))
    }

    /// What must be the same for all runs of a file. The number of runs, the algorithms and the tasks may grow.
    pub(super) fn conditions(&self) -> Conditions {
        let (budget, tool_version) = (self.budget.to_string(), env!("CARGO_PKG_VERSION").to_owned());
        Conditions { budget, seed: self.seed, tool_version, duplicates: self.duplicates, returns: self.returns }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.competitors.is_empty() || self.tasks.is_empty() || self.runs == 0 {
            let (competitors, tasks) = (self.competitors.len(), self.tasks.len());
            return Err(Error::Nothing { competitors, tasks, runs: self.runs });
        }
        let (competitors, tasks, runs) = (self.competitors.len(), self.tasks.len(), self.runs);
        if u64::from(runs).saturating_mul((competitors * tasks) as u64) > MOST_RUNS {
            return Err(Error::TooManyRuns { competitors, tasks, runs, most: MOST_RUNS });
        }
        for (place, task) in self.tasks.iter().enumerate() {
            if let Some(first) = self.tasks[..place].iter().find(|other| other.identity() == task.identity()) {
                return Err(Error::TaskTwice { first: first.name.clone(), second: task.name.clone() });
            }
        }
        for (place, competitor) in self.competitors.iter().enumerate() {
            if self.competitors[..place].contains(competitor) {
                return Err(Error::Twice { name: competitor.name() });
            }
            for task in &self.tasks {
                let setup = competitor.setup(&task.setup, self.duplicates, self.returns);
                competitor.entry.searcher(&setup).map_err(|source| competitor.failed(task, source))?;
            }
        }
        Ok(())
    }
}
