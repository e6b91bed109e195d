//! Runs every algorithm many times on every task, side by side.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use cpu_time::ThreadTime;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::outcome::Outcome;
use super::plan::{Competitor, Plan, Task};
use super::run_log::{LoggedRun, RunLog};
use super::{Error, GroundTruth};
use crate::oracle::Oracle;
use crate::search::{self, History};
use crate::statistics::mean;
use crate::unit::{Seconds, Seed};

/// A finished run of one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The task, by its place in the plan.
    pub task: usize,
    /// The algorithm, by its place in the plan.
    pub competitor: usize,
    /// The number of the run, from 0.
    pub run: u32,
    /// Its seed.
    pub seed: Seed,
    /// The outcome.
    pub outcome: Outcome,
}

impl Run {
    /// Returns the regret of the last incumbent.
    #[must_use]
    pub fn final_regret(&self) -> Option<f64> {
        self.outcome.steps.last().map(|step| step.regret)
    }
}

/// The processor time of an algorithm itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overhead {
    /// The task, by its place in the plan.
    pub task: usize,
    /// The algorithm, by its place in the plan.
    pub competitor: usize,
    /// The processor time of a run in the mean: proposing, learning and looking up what the trainings gave, but no training.
    pub mean: Seconds,
    /// That of the run that took longest.
    pub longest: Seconds,
}

/// All runs of a plan.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The runs by task, algorithm and number.
    pub runs: Vec<Run>,
    /// What the algorithms took, by task and algorithm. Unlike everything else it depends on the machine.
    pub overheads: Vec<Overhead>,
}

/// Runs every algorithm as often as planned on every task, on as many threads as the pool has.
///
/// Finished runs are kept in `file` and not run again, so that a comparison that was stopped goes on, and one that has been made
/// grows by runs, algorithms or tasks. The runs depend on the plan and the answers of the oracles only: not on the number of
/// threads, nor on what was kept. `oracle` starts one for each run, from the place of the task and the run's seed. `finished`
/// hears of each run, also of those kept.
///
/// # Shapes
///
/// - `truths`: `[tasks]`
///
/// # Errors
///
/// [`Error`] for a plan without runs, algorithms that do not fit, a search that fails, or a file that is not this comparison's.
/// [`Error::Failed`] comes last: the other runs are finished and kept.
///
/// # Panics
///
/// Panics if there is not one truth for each task.
pub fn run<O: Oracle>(
    plan: &Plan,
    oracle: impl Fn(usize, Seed) -> O + Sync,
    truths: &[&GroundTruth<'_>],
    file: &Path,
    finished: impl Fn() + Sync,
) -> Result<Finished, Error> {
    assert_eq!(plan.tasks.len(), truths.len(), "every task has its truth");
    plan.check()?;
    let (kept, known) = RunLog::open(file, &plan.conditions())?;
    let mut known: FxHashMap<(String, String, u32), LoggedRun> =
        known.into_iter().map(|run| ((run.task.clone(), run.competitor.clone(), run.run), run)).collect();
    let tasks: Vec<String> = plan.tasks.iter().map(Task::conditions).collect();
    let competitors: Vec<String> = plan.competitors.iter().map(Competitor::identity).collect();
    let mut done = Vec::new();
    let mut missing = Vec::new();
    for run in 0..plan.runs {
        for (task, competitor) in (0..tasks.len()).flat_map(|task| (0..competitors.len()).map(move |one| (task, one))) {
            match known.remove(&(tasks[task].clone(), competitors[competitor].clone(), run)) {
                Some(kept) => done.push((task, competitor, kept)),
                None => missing.push((task, competitor, run)),
            }
        }
    }
    for _ in &done {
        finished();
    }
    // A program outside that fails costs its own run only.
    let failures = Mutex::new(Vec::new());
    let search = |(task, competitor, run): (usize, usize, u32)| {
        let seed = plan.seed_of(&plan.tasks[task], &plan.competitors[competitor], run);
        let mut oracle = oracle(task, seed);
        let started = ThreadTime::now();
        let history = match search_once(plan, task, competitor, seed, &mut oracle) {
            Err(Error::Search { name, task, source }) if matches!(*source, search::Error::Searcher { .. }) => {
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(Error::Search { name, task, source });
                return Ok(None);
            }
            history => history?,
        };
        let took = Seconds(started.elapsed().as_secs_f64());
        let (task_name, competitor_name) = (tasks[task].clone(), competitors[competitor].clone());
        let outcome = Outcome::new(&history, truths[task])?;
        let new = LoggedRun { task: task_name, competitor: competitor_name, run, took, outcome };
        kept.append(&new)?;
        finished();
        Ok(Some((task, competitor, new)))
    };
    done.extend(side_by_side(&missing, search)?.into_iter().flatten());
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = failures.len();
    if let Some(first) = failures.into_iter().next() {
        return Err(Error::Failed { failed, of: missing.len(), first: Box::new(first) });
    }
    Ok(Finished::new(plan, done))
}

/// Does jobs on as many threads as the pool has: each thread takes the next job when it is done with one.
///
/// A job that itself would work on all threads has its own one only: so it takes no other job in while it waits, and the time of
/// its thread is its time.
fn side_by_side<J: Copy + Sync, D: Send>(jobs: &[J], work: impl Fn(J) -> Result<D, Error> + Sync) -> Result<Vec<D>, Error> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::with_capacity(jobs.len())));
    let work_through = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(*job);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *done, result) {
                (Ok(all), Ok(one)) => all.push(one),
                (Ok(_), Err(error)) => *done = Err(error),
                (Err(_), _) => {}
            }
            if done.is_err() {
                return;
            }
        }
    };
    let threads = rayon::current_num_threads().min(jobs.len());
    let alone = || rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| Error::File(io::Error::other(error)));
    let pools: Vec<_> = (0..threads).map(|_| alone()).collect::<Result<_, _>>()?;
    thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(work_through));
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Finished {
    fn new(plan: &Plan, mut kept: Vec<(usize, usize, LoggedRun)>) -> Self {
        kept.sort_by_key(|(task, competitor, kept)| (*task, *competitor, kept.run));
        let overhead = |kept: &[(usize, usize, LoggedRun)]| {
            let took: Vec<f64> = kept.iter().map(|(_, _, kept)| kept.took.0).collect();
            let longest = Seconds(took.iter().copied().fold(0.0, f64::max));
            Overhead { task: kept[0].0, competitor: kept[0].1, mean: Seconds(mean(&took).unwrap_or(0.0)), longest }
        };
        let overheads = kept.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)).map(overhead).collect();
        let run = |(task, competitor, kept): (usize, usize, LoggedRun)| {
            let seed = plan.seed_of(&plan.tasks[task], &plan.competitors[competitor], kept.run);
            Run { task, competitor, run: kept.run, seed, outcome: kept.outcome }
        };
        Self { runs: kept.into_iter().map(run).collect(), overheads }
    }
}

fn search_once(plan: &Plan, task: usize, competitor: usize, seed: Seed, oracle: &mut dyn Oracle) -> Result<History, Error> {
    let (task, competitor) = (&plan.tasks[task], &plan.competitors[competitor]);
    let setup = competitor.setup(&task.setup, plan.duplicates, plan.returns);
    search::run(competitor.entry, &setup, oracle, plan.budget, seed).map_err(|source| competitor.failed(task, source))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use serde_json::json;

    use super::*;
    use crate::compare::tests::fixture;
    use crate::compare::{GroundTruth, Judging, Summary};
    use crate::search::external::EXTERNAL;
    use crate::search::{Budget, Duplicates, Returns, Setup};
    use crate::table::{Status, Table, TableOracle};
    use crate::train::Evaluation;
    use crate::unit::Epochs;

    /// Runs a plan, and counts the searches that were made for it.
    fn run_on(threads: usize, plan: &Plan, file: &Path) -> (Result<Vec<Run>, Error>, u32) {
        let (table, _) = fixture::table();
        let truth = |task: &Task| GroundTruth::of_table(&table, &task.setup, Judging::All).unwrap();
        let truths: Vec<_> = plan.tasks.iter().map(truth).collect();
        let truths: Vec<_> = truths.iter().collect();
        let searches = AtomicU32::new(0);
        let oracle = |_, seed| {
            searches.fetch_add(1, Ordering::Relaxed);
            TableOracle::new(&table, seed)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let finished = pool.install(|| run(plan, oracle, &truths, file, || {}));
        if let Ok(finished) = &finished {
            let places: Vec<_> = finished.overheads.iter().map(|one| (one.task, one.competitor)).collect();
            let all = (0..plan.tasks.len()).flat_map(|task| (0..plan.competitors.len()).map(move |one| (task, one)));
            assert_eq!(places, all.collect::<Vec<_>>());
            assert!(finished.overheads.iter().all(|one| one.mean <= one.longest && one.longest.0 > 0.0));
        }
        (finished.map(|finished| finished.runs), searches.into_inner())
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
        let order: Vec<_> = one.iter().map(|run| (run.competitor, run.run)).collect();
        assert_eq!(order, (0..3).flat_map(|competitor| (0..6).map(move |run| (competitor, run))).collect::<Vec<_>>());
        let other = Plan { seed: Seed(8), ..plan };
        assert_ne!(run_on(1, &other, &folder.path().join("other")).0.unwrap(), one);
    }

    #[test]
    fn trainings_that_diverged_leave_every_number_a_number() {
        let (mut records, cells) = fixture::records();
        let rows_of_a_cell = records.len() / cells.len();
        for (place, of_cell) in records.chunks_mut(rows_of_a_cell).enumerate() {
            // Of every third cell one repeat, of every ninth all.
            for record in of_cell.iter_mut().filter(|record| place % 9 == 0 || place % 3 == 0 && record.repeat == 0) {
                record.status = Status::Diverged;
                record.end = Evaluation { training_time: record.end.training_time, ..Evaluation::default() };
            }
        }
        let table = Table::from_records(&records);
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let worth = |place: usize| truth.score(&records[place * rows_of_a_cell].cell).unwrap();
        assert!((worth(0) - 0.1).abs() < 1e-12, "all repeats diverged: chance");
        assert!((0.5..0.7).contains(&worth(3)), "one of three did: {}", worth(3));
        assert_eq!(truth.divergence.diverged, 3 * cells.len().div_ceil(9) + cells.len().div_ceil(3) - cells.len().div_ceil(9));

        let plan = fixture::plan(&["random", "regularized-evolution", "hyperband", "smac", "tpe", "pnas"], 4);
        let folder = tempfile::tempdir().unwrap();
        let oracle = |_, seed| TableOracle::new(&table, seed);
        let finished = run(&plan, oracle, &[&truth], &folder.path().join("runs"), || {}).unwrap();
        let steps = || finished.runs.iter().flat_map(|run| &run.outcome.steps);
        assert!(steps().all(|step| (0.0..=truth.best()).contains(&step.regret)));
        assert!(steps().any(|step| step.validation_accuracy.is_none()), "no search began with a training that diverged");
        let summary = Summary::new(&plan, &finished.runs, &[&truth]);
        let mut means = summary.tasks[0].algorithms.iter().map(|algorithm| algorithm.interquartile_mean.unwrap().value);
        assert!(means.all(|mean| (0.0..0.5).contains(&mean)), "{summary:?}");
    }

    #[test]
    fn a_search_that_uses_threads_itself_is_the_same_on_any_number_too() {
        let folder = tempfile::tempdir().unwrap();
        let options = json!({ "startup": 4, "batch": 4, "candidates": 8, "training_epochs": 2 });
        let bananas = Competitor::new(search::find("bananas").unwrap(), &options).unwrap();
        let plan = Plan { competitors: vec![bananas], ..fixture::plan(&[], 4) };
        let [one, three] = [1, 3].map(|threads| run_on(threads, &plan, &folder.path().join(threads.to_string())).0.unwrap());
        assert_eq!(one, three);
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
        let more = Plan { tasks: vec![fixture::task(36), fixture::task(108)], ..large };
        let (grown, searches) = run_on(2, &more, &file);
        assert_eq!(searches, 15);
        let order = |runs: &[Run]| runs.iter().map(|run| (run.task, run.competitor, run.run)).collect::<Vec<_>>();
        let all = (0..2).flat_map(|task| (0..3).flat_map(move |one| (0..5).map(move |run| (task, one, run))));
        assert_eq!(order(&grown.unwrap()), all.collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_ends_it_all() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { budget: Budget::SimulatedTime(Seconds(0.5)), ..fixture::plan(&["random"], 50) };
        for threads in [1, 3] {
            let (runs, searches) = run_on(threads, &plan, &folder.path().join(threads.to_string()));
            assert_eq!(runs.unwrap_err().to_string(), "could not run `random` on `toy at 108 epochs`");
            assert!(searches as usize <= threads);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_outside_is_started_once_for_each_run_and_named_as_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let plan = |options: serde_json::Value| {
            let mine = Competitor::new(&EXTERNAL, &options).unwrap().named("mine".to_owned());
            Plan { competitors: vec![mine], ..fixture::plan(&[], 3) }
        };
        let failing = format!("echo one >> '{}'; exit 3", starts.display());
        let file = folder.path().join("runs");
        let error = run_on(2, &plan(json!({ "command": ["sh", "-c", failing] })), &file).0.unwrap_err();
        let Error::Failed { failed: 3, of: 3, first } = error else { panic!("{error}") };
        let Error::Search { name, source, .. } = *first else { panic!("{first}") };
        assert_eq!((name.as_str(), source.to_string().as_str()), ("mine", "`mine` cannot go on"));
        assert_eq!(fs_err::read_to_string(&starts).unwrap().lines().count(), 3);
        assert!(!file.exists(), "no run is finished");
        let error = run_on(1, &plan(json!({ "command": ["sh"], "timeout": 0 })), &file).0.unwrap_err();
        let Error::Search { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "`mine` has timeout = 0, expected more than 0 seconds, and at most 1e9");
    }

    #[test]
    fn a_run_is_what_its_seed_makes_of_the_search_alone() {
        let folder = tempfile::tempdir().unwrap();
        let plan = fixture::plan(&["successive-halving"], 2);
        let runs = run_on(1, &plan, &folder.path().join("runs")).0.unwrap();
        let (table, _) = fixture::table();
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        for run in runs {
            let entry = plan.competitors[0].entry();
            let history =
                search::run(entry, &plan.tasks[0].setup, &mut TableOracle::new(&table, run.seed), plan.budget, run.seed).unwrap();
            let steps: Vec<_> = run.outcome.steps.iter().map(|step| (step.trial as usize - 1, step.cell)).collect();
            assert_eq!(steps, history.incumbents().iter().map(|(at, trial)| (*at, trial.cell())).collect::<Vec<_>>());
            // Trainings of 4 and 12 epochs are paid for like any other.
            let epochs: u32 = history.trials.iter().map(|trial| u32::from(trial.candidate.epochs.0)).sum();
            assert!((run.outcome.evaluations - f64::from(epochs) / 108.0).abs() < 1e-9);
            let time: f64 = history.trials.iter().map(|trial| trial.measurement.training_time.unwrap().0).sum();
            assert!((run.outcome.time.unwrap().0 - time).abs() < 1e-9);
            assert!(history.trials.iter().any(|trial| trial.candidate.epochs < Epochs(108)));
            assert_eq!(run.outcome.distinct_cells.map(|cells| cells as usize), Some(history.distinct_cells()));
            assert!(history.distinct_cells() < history.trials.len(), "winners are trained again with more epochs");
            for step in &run.outcome.steps {
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
        let nothing = "0 runs of 0 algorithms on 1 tasks, expected at least 1 of each";
        assert_eq!(message(&Plan { competitors: Vec::new(), runs: 0, ..plan.clone() }), nothing);
        let too_many = message(&Plan { runs: u32::MAX, ..plan.clone() });
        assert!(too_many.starts_with("4294967295 runs of "), "{too_many}");
        assert!(too_many.ends_with(" tasks, expected at most 10000000 in all"), "{too_many}");
        let nothing = "2 runs of 1 algorithms on 0 tasks, expected at least 1 of each";
        assert_eq!(message(&Plan { tasks: Vec::new(), ..plan.clone() }), nothing);
        let same = Task { name: "other".to_owned(), ..fixture::task(108) };
        let twice = "`toy at 108 epochs` and `other` are the same task: expected each once";
        assert_eq!(message(&Plan { tasks: vec![fixture::task(108), same], ..plan.clone() }), twice);
        let entry = search::find("random").unwrap();
        let default = (entry.defaults)();
        let twice = vec![plan.competitors[0].clone(), Competitor::new(entry, &default).unwrap()];
        assert!(message(&Plan { competitors: twice, ..plan.clone() }).contains("is compared with itself"));
        let unknown = vec![Competitor::new(entry, &json!({ "temperature": 3 })).unwrap()];
        assert_eq!(
            message(&Plan { competitors: unknown, ..plan }),
            "could not run `random (temperature=3)` on `toy at 108 epochs`"
        );
        assert!(!file.exists());
        assert!(matches!(Competitor::new(entry, &json!([1])), Err(Error::Options { algorithm: "random", .. })));
    }

    #[test]
    fn the_rule_of_duplicates_is_that_of_all_searches_and_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        let budget = Budget::Evaluations(150);
        let plan = Plan { duplicates: Duplicates::Never, budget, ..fixture::plan(&["random", "tpe", "smac"], 2) };
        // The 91 cells of the space are fewer than the budget pays for: all are asked for, once each.
        let runs = run_on(2, &plan, &file).0.unwrap();
        assert!(runs.iter().all(|run| (run.outcome.trials, run.outcome.distinct_cells) == (91, Some(91))), "{runs:?}");
        assert_eq!(run_on(1, &plan, &file).1, 0);
        let published = Plan { duplicates: Duplicates::Published, ..plan };
        let error = run_on(1, &published, &file).0.unwrap_err().to_string();
        assert!(error.contains("and duplicates never, expected a budget of 150evals, seed 7 and version"), "{error}");
        let runs = run_on(2, &published, &folder.path().join("published")).0.unwrap();
        assert!(runs[..4].iter().all(|run| run.outcome.trials == 150 && run.outcome.distinct_cells.unwrap() < 91), "{runs:?}");
    }

    #[test]
    fn what_is_returned_is_the_last_incumbent_and_costs_what_it_costs() {
        let folder = tempfile::tempdir().unwrap();
        let plan = fixture::plan(&["random", "hyperband"], 3);
        let of = |returns: Returns| {
            let (runs, _) = run_on(2, &Plan { returns, ..plan.clone() }, &folder.path().join(returns.to_string()));
            runs.unwrap()
        };
        let seen = of(Returns::BestSeen);
        let posterior = of(Returns::Posterior);
        let again = of(Returns::TopKMean { k: 3, share: 0.3 });
        for ((seen, posterior), again) in seen.iter().zip(&posterior).zip(&again) {
            assert_eq!(
                (seen.outcome.trials, seen.outcome.evaluations.to_bits()),
                (posterior.outcome.trials, posterior.outcome.evaluations.to_bits())
            );
            assert!((20.0..21.0).contains(&again.outcome.evaluations), "{again:?}");
            assert_eq!(again.outcome.steps.last().map(|step| step.trial), Some(again.outcome.trials), "it is known at the end");
            // Until the kept part of the budget is touched, both are the same search.
            let before =
                |run: &Run| run.outcome.steps.iter().copied().filter(|step| step.evaluations <= 14.0).collect::<Vec<_>>();
            assert_eq!(before(seen), before(again)[..before(seen).len()]);
        }
        assert_ne!(seen, posterior);
        let other = Plan { returns: Returns::Posterior, ..plan };
        let error = run_on(1, &other, &folder.path().join("best-seen")).0.unwrap_err().to_string();
        assert!(error.contains("expected a budget of 20evals, seed 7 and version 0.1.0 and returns posterior"), "{error}");
    }

    #[test]
    fn what_changes_the_answers_is_run_again_or_is_another_comparison() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        let plan = fixture::plan(&["random"], 1);
        let typo = Plan { budget: Budget::SimulatedTime(Seconds(0.5)), ..plan.clone() };
        assert!(matches!(run_on(1, &typo, &file).0, Err(Error::Search { .. })));
        // What failed before its first run is finished is in nobody's way.
        run_on(1, &plan, &file).0.unwrap();
        for other in [Plan { seed: Seed(99), ..plan.clone() }, Plan { budget: Budget::Evaluations(7), ..plan.clone() }] {
            assert!(matches!(run_on(1, &other, &file).0, Err(Error::OtherConditions { .. })));
        }
        let task = fixture::task(108);
        let others = [
            Task { oracle: "another table".to_owned(), ..task.clone() },
            Task { cost: Some("computed".to_owned()), ..task.clone() },
            Task { setup: Setup::new(fixture::space(), Epochs(108)), ..task },
        ];
        for other in others {
            assert_eq!(run_on(1, &Plan { tasks: vec![other], ..plan.clone() }, &file).1, 1);
        }
        assert_eq!(run_on(1, &plan, &file).1, 0);
    }
}
