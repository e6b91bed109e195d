//! Runs every algorithm many times, side by side.

use std::path::Path;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kept::{Kept, KeptRun};
use super::{Error, Truth};
use crate::oracle::Oracle;
use crate::search::{self, Budget, Entry, History, Setup};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// An algorithm with its options.
#[derive(Clone, Debug)]
pub struct Contestant {
    entry: &'static Entry,
    given: serde_json::Map<String, Value>,
}

impl Contestant {
    /// Takes an algorithm with some options, a JSON object; the rest have their defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the options are no object. Whether they fit is known when the comparison begins.
    pub fn new(entry: &'static Entry, options: &Value) -> Result<Self, Error> {
        match options {
            Value::Object(given) => Ok(Self { entry, given: given.clone() }),
            _ => Err(Error::Options { algorithm: entry.name, found: options.clone() }),
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The algorithm, and the options that were given: `random`, or `random (sampler=uniform)`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.given.is_empty() {
            return self.entry.name.to_owned();
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let given: Vec<_> = self.given.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
        format!("{} ({})", self.entry.name, given.join(", "))
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

    /// What makes two contestants the same, however their options were given.
    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.entry.name, self.options())
    }

    fn setup(&self, setup: &Setup) -> Setup {
        Setup { options: Value::Object(self.given.clone()), ..setup.clone() }
    }
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The algorithms, each with its options.
    pub contestants: Vec<Contestant>,
    /// Where to search, and with which budgets of epochs; its options are not used.
    pub setup: Setup,
    /// How often each algorithm is run.
    pub runs: u32,
    /// What a run may spend.
    pub budget: Budget,
    /// The source of all random numbers.
    pub seed: Seed,
    /// What answers, in words that change when the answers do, as the identity of a benchmark with its number of rows.
    pub oracle: String,
}

impl Plan {
    /// The seed of a run: with it, `nasbench search` repeats the run alone.
    ///
    /// Runs share no seed, neither of one algorithm nor across them, so that the results are independent of each other, as the
    /// tests of [`Summary`](super::Summary) assume.
    #[must_use]
    pub fn seed_of(&self, contestant: &Contestant, run: u32) -> Seed {
        self.seed.derive(&format!("run {run} of {}", contestant.identity()))
    }

    /// What must be the same for a kept run to stand for a new one. The number of runs and the other algorithms do not matter.
    fn conditions(&self) -> String {
        json!({
            "tool_version": env!("CARGO_PKG_VERSION"),
            "oracle": self.oracle,
            "space": format!("{:?}", self.setup.space),
            "epochs": self.setup.epochs,
            "budgets": self.setup.budgets,
            "budget": format!("{:?}", self.budget),
            "seed": self.seed,
        })
        .to_string()
    }

    fn check(&self) -> Result<(), Error> {
        if self.contestants.is_empty() || self.runs == 0 {
            return Err(Error::Nothing { contestants: self.contestants.len(), runs: self.runs });
        }
        for (place, contestant) in self.contestants.iter().enumerate() {
            let is_same = |other: &Contestant| other.identity() == contestant.identity();
            if self.contestants[..place].iter().any(is_same) {
                return Err(Error::Twice { name: contestant.name() });
            }
            (contestant.entry.build)(&contestant.setup(&self.setup))
                .map_err(|source| Error::Search { name: contestant.name(), source })?;
        }
        Ok(())
    }
}

/// A moment of a run at which its incumbent changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How many trials there had been, this one included.
    pub trial: u32,
    /// What they had cost: full trainings, shorter ones counting by their epochs.
    pub evaluations: f64,
    /// What they had cost in simulated time.
    pub time: Seconds,
    /// The new incumbent: the best cell by what the search saw.
    pub cell: Cell,
    /// The budget at which the search saw it.
    pub epochs: Epochs,
    /// What the search saw; `None` if the training diverged, as only the first incumbent of a run can.
    pub validation_accuracy: Option<Accuracy>,
    /// How far the cell truly is from the best one at the full budget; no search sees it.
    pub regret: f64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) trials: u32,
    pub(super) evaluations: f64,
    pub(super) time: Seconds,
    pub(super) steps: Vec<Step>,
}

/// A finished run of one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The algorithm, by its place in the plan.
    pub contestant: usize,
    /// The number of the run, from 0.
    pub run: u32,
    /// Its seed.
    pub seed: Seed,
    /// How many trials it had.
    pub trials: u32,
    /// What they cost: full trainings, shorter ones counting by their epochs.
    pub evaluations: f64,
    /// What they cost in simulated time.
    pub time: Seconds,
    /// The incumbents, in order; never none.
    pub steps: Vec<Step>,
}

impl Run {
    /// The regret of the last incumbent.
    #[must_use]
    pub fn final_regret(&self) -> Option<f64> {
        self.steps.last().map(|step| step.regret)
    }
}

/// Runs every algorithm as often as planned, on all threads of the pool, and returns the runs by algorithm and number.
///
/// Finished runs are kept in `file` and not run again, so that a comparison that was stopped goes on, and one that has been made
/// grows by runs or algorithms. The results depend on the plan and the answers of the oracles only: not on the number of threads,
/// nor on what was kept. `oracle` starts one for each run, from the run's seed. `finished` hears of each run, also of those kept.
///
/// # Errors
///
/// [`Error`] for a plan without runs, algorithms that do not fit, a search that fails, or a file that is not this comparison's.
pub fn run<O: Oracle>(
    plan: &Plan,
    oracle: impl Fn(Seed) -> O + Sync,
    truth: &impl Truth,
    file: &Path,
    finished: impl Fn() + Sync,
) -> Result<Vec<Run>, Error> {
    plan.check()?;
    let (kept, known) = Kept::open(file, &plan.conditions())?;
    let mut known: FxHashMap<(String, u32), Outcome> =
        known.into_iter().map(|run| ((run.contestant, run.run), run.outcome)).collect();
    let identities: Vec<String> = plan.contestants.iter().map(Contestant::identity).collect();
    let mut tasks = Vec::new();
    for run in 0..plan.runs {
        for (contestant, identity) in identities.iter().enumerate() {
            tasks.push((contestant, run, known.remove(&(identity.clone(), run))));
        }
    }
    let finish = |(contestant, run, outcome): (usize, u32, Option<Outcome>)| {
        let seed = plan.seed_of(&plan.contestants[contestant], run);
        let outcome = if let Some(outcome) = outcome {
            outcome
        } else {
            let outcome = search_once(plan, &plan.contestants[contestant], seed, &mut oracle(seed), truth)?;
            let new = KeptRun { contestant: identities[contestant].clone(), run, outcome };
            kept.append(&new)?;
            new.outcome
        };
        finished();
        let Outcome { trials, evaluations, time, steps } = outcome;
        Ok(Run { contestant, run, seed, trials, evaluations, time, steps })
    };
    // One run takes milliseconds, one of another algorithm seconds: they are handed out one by one.
    let mut runs: Vec<Run> = tasks.into_par_iter().with_max_len(1).map(finish).collect::<Result<_, Error>>()?;
    runs.sort_by_key(|run| (run.contestant, run.run));
    Ok(runs)
}

fn search_once(
    plan: &Plan,
    contestant: &Contestant,
    seed: Seed,
    oracle: &mut dyn Oracle,
    truth: &impl Truth,
) -> Result<Outcome, Error> {
    let history = search::run(contestant.entry, &contestant.setup(&plan.setup), oracle, plan.budget, seed)
        .map_err(|source| Error::Search { name: contestant.name(), source })?;
    Ok(outcome(&history, truth))
}

fn outcome(history: &History, truth: &impl Truth) -> Outcome {
    let spent: Vec<_> = history.spent().collect();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let step = |(position, trial): (usize, search::Trial)| Step {
        trial: count(position + 1),
        evaluations: spent[position].0,
        time: spent[position].1,
        cell: trial.proposal.cell,
        epochs: trial.proposal.epochs,
        validation_accuracy: trial.measurement.validation_accuracy,
        regret: truth.regret(&trial.proposal.cell),
    };
    let (evaluations, time) = spent.last().copied().unwrap_or_default();
    let steps = history.incumbents().into_iter().map(step).collect();
    Outcome { trials: count(spent.len()), evaluations, time, steps }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::compare::{TableTruth, fixture};
    use crate::table::TableOracle;

    /// Runs a plan, and counts the searches that were made for it.
    fn run_on(threads: usize, plan: &Plan, file: &Path) -> (Result<Vec<Run>, Error>, u32) {
        let (table, _) = fixture::table();
        let truth = TableTruth::new(&table, &fixture::space(), Epochs(108)).unwrap();
        let searches = AtomicU32::new(0);
        let oracle = |seed| {
            searches.fetch_add(1, Ordering::Relaxed);
            TableOracle::new(&table, seed)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let runs = pool.install(|| run(plan, oracle, &truth, file, || {}));
        (runs, searches.into_inner())
    }

    #[test]
    fn the_runs_are_the_same_on_any_number_of_threads() {
        let folder = tempfile::tempdir().unwrap();
        let plan = fixture::plan(&["random", "regularized-evolution", "hyperband"], 6);
        let [one, three] = [1, 3].map(|threads| {
            let (runs, searches) = run_on(threads, &plan, &folder.path().join(threads.to_string()));
            assert_eq!(searches, 18);
            runs.unwrap()
        });
        assert_eq!(one, three);
        let order: Vec<_> = one.iter().map(|run| (run.contestant, run.run)).collect();
        assert_eq!(order, (0..3).flat_map(|contestant| (0..6).map(move |run| (contestant, run))).collect::<Vec<_>>());
        let other = Plan { seed: Seed(8), ..plan };
        assert_ne!(run_on(1, &other, &folder.path().join("other")).0.unwrap(), one);
    }

    #[test]
    fn no_finished_run_is_run_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        let small = fixture::plan(&["random", "hyperband"], 3);
        let large = fixture::plan(&["hyperband", "local-search", "random"], 5);
        let (first, searches) = run_on(2, &small, &file);
        assert_eq!(searches, 6);
        let (again, searches) = run_on(2, &small, &file);
        assert_eq!((again.unwrap(), searches), (first.unwrap(), 0));
        let (grown, searches) = run_on(2, &large, &file);
        assert_eq!(searches, 15 - 6);
        let (fresh, _) = run_on(1, &large, &folder.path().join("fresh"));
        assert_eq!(grown.unwrap(), fresh.unwrap());
    }

    #[test]
    fn a_run_is_what_its_seed_makes_of_the_search_alone() {
        let folder = tempfile::tempdir().unwrap();
        let plan = fixture::plan(&["successive-halving"], 2);
        let runs = run_on(1, &plan, &folder.path().join("runs")).0.unwrap();
        let (table, _) = fixture::table();
        let truth = TableTruth::new(&table, &fixture::space(), Epochs(108)).unwrap();
        for run in runs {
            let entry = plan.contestants[0].entry();
            let history =
                search::run(entry, &plan.setup, &mut TableOracle::new(&table, run.seed), plan.budget, run.seed).unwrap();
            let steps: Vec<_> = run.steps.iter().map(|step| (step.trial as usize - 1, step.cell)).collect();
            assert_eq!(steps, history.incumbents().iter().map(|(at, trial)| (*at, trial.proposal.cell)).collect::<Vec<_>>());
            // Trainings of 4 and 12 epochs are paid for like any other.
            let epochs: u32 = history.trials.iter().map(|trial| u32::from(trial.proposal.epochs.0)).sum();
            assert!((run.evaluations - f64::from(epochs) / 108.0).abs() < 1e-9);
            let time: f64 = history.trials.iter().map(|trial| trial.measurement.training_time.0).sum();
            assert!((run.time.0 - time).abs() < 1e-9);
            assert!(history.trials.iter().any(|trial| trial.proposal.epochs < Epochs(108)));
            for step in &run.steps {
                assert!((step.regret - truth.regret(&step.cell)).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn plans_that_cannot_be_run_are_refused_before_any_search() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        let message = |plan: &Plan| {
            let (runs, searches) = run_on(1, plan, &file);
            assert_eq!(searches, 0);
            runs.unwrap_err().to_string()
        };
        let plan = fixture::plan(&["random"], 2);
        let nothing = "0 algorithms with 2 runs each, expected at least 1 of both";
        assert_eq!(message(&Plan { contestants: Vec::new(), ..plan.clone() }), nothing);
        assert_eq!(message(&Plan { runs: 0, ..plan.clone() }), "1 algorithms with 0 runs each, expected at least 1 of both");
        let entry = search::find("random").unwrap();
        let default = (entry.defaults)();
        let twice = vec![plan.contestants[0].clone(), Contestant::new(entry, &default).unwrap()];
        assert!(message(&Plan { contestants: twice, ..plan.clone() }).contains("is compared with itself"));
        let unknown = vec![Contestant::new(entry, &json!({ "temperature": 3 })).unwrap()];
        assert_eq!(message(&Plan { contestants: unknown, ..plan }), "could not run `random (temperature=3)`");
        assert!(!file.exists());
        assert!(matches!(Contestant::new(entry, &json!([1])), Err(Error::Options { algorithm: "random", .. })));
    }

    #[test]
    fn what_changes_the_answers_is_another_comparison() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        let plan = fixture::plan(&["random"], 1);
        run_on(1, &plan, &file).0.unwrap();
        let others = [
            Plan { seed: Seed(99), ..plan.clone() },
            Plan { oracle: "another table".to_owned(), ..plan.clone() },
            Plan { budget: Budget::Evaluations(7), ..plan.clone() },
            Plan { setup: Setup::new(fixture::space(), Epochs(108)), ..plan },
        ];
        for other in others {
            assert!(matches!(run_on(1, &other, &file).0, Err(Error::OtherConditions { .. })));
        }
    }
}
