//! The summary of a comparison: the result of each algorithm, and the difference of any two.

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::aggregate::Aggregate;
use super::curve::{self, AnytimePoint, ExpectedRunningTime, Path};
use super::found::FoundFronts;
use super::hypervolume::{ExactFront, FrontScale};
use super::interval::interquartile_mean_interval;
use super::judging::Judging;
use super::pair::{Pair, every_two, many_to_one};
use super::plan::{Competitor, Plan, Task};
use super::run::Run;
use super::significance::mann_whitney;
use super::truth::{GroundTruth, Score};
use crate::search::{Budget, Duplicates, MOST_REDRAWS, Redraws, Returns};
use crate::statistics::{Estimate, mean, number, quantile};
use crate::table::{BetweenBudgets, Divergence, Incumbent};

/// The shares of the cells that may count as the top.
pub const GOALS: [f64; 5] = [0.001, 0.005, 0.01, 0.05, 0.1];
/// The cells that a search is to find: the smallest of [`GOALS`] whose least cell is no nearer to the best one than the floor, so that a
/// search can tell it from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// The share of the cells.
    pub share: f64,
    /// The regret of the least of them.
    pub regret: f64,
}

impl Goal {
    /// The first of some goals, from the smallest share on, that lies above the floor; the last one if none does.
    fn above(floor: f64, goals: [Self; GOALS.len()]) -> Self {
        goals.into_iter().find(|goal| goal.regret >= floor).unwrap_or(goals[GOALS.len() - 1])
    }
}

/// How many points a curve has.
const POINTS: usize = 101;

/// The summary of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The tasks, in the order of the plan.
    pub tasks: Vec<OnTask>,
    /// All tasks together; `None` of one.
    pub across: Option<Aggregate>,
    /// What searches got for a cell that they asked for again.
    pub duplicates: Duplicates,
    /// Which of the cells that they asked for searches returned.
    pub returns: Returns,
}

/// The results on one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnTask {
    /// What people call the task.
    pub name: String,
    /// What cells are judged by.
    pub judged_by: Score,
    /// What makes that doubtful, in a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
    /// The score of the best cell.
    pub best: f64,
    /// The limits that a cell must keep to count, as they are typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// The exact front, where searches have several objectives: then a regret is the part of its hypervolume that a search lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<FrontScale>,
    /// Which repeats searches are shown, and cells are judged by.
    pub judging: Judging,
    /// The interquartile mean regret of asking for every cell once and taking the one that looked best: an algorithm below it was lucky.
    /// `None` where a search sees the truth itself.
    pub floor: Option<Estimate>,
    /// The score of the best cell with the noise of its trainings removed; `None` where nothing is noisy or the noise is not known.
    pub optimum: Option<Estimate>,
    /// The number of trainings that the score of a cell is the mean of: the fewest and the most. `None` if it is no mean.
    pub repeats: Option<(usize, usize)>,
    /// Whether those means are shrunk, as cells have unequally many repeats to judge by.
    pub is_shrunk: bool,
    /// How many of the trainings of the cells at the full budget diverged; each counts as an accuracy of chance.
    pub divergence: Divergence,
    /// The pool in words, where the table lacks cells of the space. `None` if it has all.
    pub pool: Option<String>,
    /// Which cells count as the top.
    pub goal: Goal,
    /// The regret of the median cell.
    pub middle: f64,
    /// How well one training at a smaller budget ranks the cells of a larger one.
    pub budgets: Vec<BetweenBudgets>,
    /// The algorithms, in the order of the plan.
    pub algorithms: Vec<AlgorithmResult>,
    /// Every two of them.
    pub pairs: Vec<Pair>,
    /// Each other algorithm against the baseline, which is the second one of each pair; nothing without a baseline.
    pub against_baseline: Vec<Pair>,
}

/// The result of an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlgorithmResult {
    /// The algorithm, with the options that were given.
    pub name: String,
    /// All its options.
    pub options: Value,
    /// The paper that describes it.
    pub source: &'static str,
    /// How many runs there are.
    pub runs: usize,
    /// The mean number of trials of a run.
    pub trials: f64,
    /// The mean number of different cells among them; `None` if an earlier version made some of the runs.
    pub distinct_cells: Option<f64>,
    /// What a run spent in the mean, in full trainings.
    pub evaluations: f64,
    /// What a run spent in the mean, in simulated seconds; `None` if nobody knows what its trainings cost.
    pub simulated_seconds: Option<f64>,
    /// The interquartile mean of the final regrets, with its interval.
    pub interquartile_mean: Option<Estimate>,
    /// The mean of the final regrets.
    pub mean: Option<f64>,
    /// The median of the final regrets.
    pub median: Option<f64>,
    /// The final regrets, ascending, each with the share of runs that ended with at most it.
    pub distribution: Vec<(f64, f64)>,
    /// The regret over evaluations.
    pub by_evaluations: Vec<AnytimePoint>,
    /// The regret over simulated seconds; empty if nobody knows what the trainings cost.
    pub by_time: Vec<AnytimePoint>,
    /// After how many evaluations the incumbent was one of the top cells.
    pub goal_by_evaluations: ExpectedRunningTime,
    /// After how many simulated seconds the incumbent was one of the top cells; `None` if nobody knows what the trainings cost.
    pub goal_by_time: Option<ExpectedRunningTime>,
    /// What all runs drew outside the pool of a table that lacks cells, or was not to be asked for twice.
    pub redraws: Redraws,
    /// The fronts that the runs found, where searches have several objectives; `None` if an earlier version made some of the runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fronts: Option<FoundFronts>,
}

impl Summary {
    /// Summarises the runs of a plan.
    ///
    /// The same runs give the same summary, on any number of threads.
    ///
    /// # Shapes
    ///
    /// - `truths`: `[tasks]`
    ///
    /// # Panics
    ///
    /// Panics if there is not one truth for each task.
    #[must_use]
    pub fn new(plan: &Plan, runs: &[Run], truths: &[&GroundTruth<'_>]) -> Self {
        assert_eq!(plan.tasks.len(), truths.len(), "every task has its truth");
        let runs_of = |task: usize, competitor: usize| -> Vec<&Run> {
            runs.iter().filter(|run| (run.task, run.competitor) == (task, competitor)).collect()
        };
        let by_algorithm = |task| -> Vec<Vec<&Run>> { (0..plan.competitors.len()).map(|one| runs_of(task, one)).collect() };
        let by_task: Vec<_> = (0..plan.tasks.len()).map(by_algorithm).collect();
        let tasks: Vec<_> =
            plan.tasks.iter().zip(&by_task).zip(truths).map(|((task, runs), truth)| on_task(plan, task, runs, truth)).collect();
        let middles: Vec<f64> = tasks.iter().map(|task| task.middle).collect();
        let regrets: Vec<Vec<Vec<f64>>> =
            by_task.iter().map(|runs| runs.iter().map(|runs| final_regrets(runs)).collect()).collect();
        let across = if tasks.len() > 1 { Aggregate::new(plan, &regrets, &middles) } else { None };
        Self { tasks, across, duplicates: plan.duplicates, returns: plan.returns }
    }

    /// What keeps the comparison honest, in words: a paragraph for each kind of task, and one for each task whose truth is doubtful.
    #[must_use]
    pub fn leakage(&self) -> Vec<String> {
        let mut said = Vec::new();
        for task in &self.tasks {
            let text = task.judged_by.leakage(task.judging, self.duplicates, self.returns, task.front.is_some());
            if !said.contains(&text) {
                said.push(text);
            }
        }
        said.extend(self.caveats());
        said
    }

    /// What makes the truths of tasks doubtful: a sentence for each such task.
    pub fn caveats(&self) -> impl Iterator<Item = String> {
        self.tasks.iter().filter_map(|task| Some(format!("{}: {}.", task.name, task.caveat.as_ref()?)))
    }
}

impl OnTask {
    /// Returns what a regret is a percentage of.
    #[must_use]
    pub const fn regret_unit(&self) -> &'static str {
        if self.front.is_some() { "percent of the exact front's hypervolume" } else { "percentage points" }
    }

    /// Describes of how many trainings the score of a cell is the mean; `None` if it is no mean.
    #[must_use]
    pub fn mean_of(&self) -> Option<String> {
        let (fewest, most) = self.repeats?;
        let unseen = if self.judging == Judging::All { "" } else { "unseen " };
        let shrunk = if self.is_shrunk { ", shrunk" } else { "" };
        Some(match (fewest, most) {
            (1, 1) => format!("of one {unseen}repeat"),
            _ if fewest == most => format!("means of {most} {unseen}repeats"),
            _ => format!("means of {fewest} to {most} {unseen}repeats{shrunk}"),
        })
    }

    /// What whoever reads the results must know of the table, in words: which cells it lacks, and what diverged.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let drawn = |again: fn(Redraws) -> u64| {
            let of_algorithm = |standing: &AlgorithmResult| {
                let mean = |count: u64| {
                    format!("{:.1}", number(usize::try_from(count).unwrap_or(usize::MAX)) / number(standing.runs.max(1)))
                };
                format!("{} {} and {}", standing.name, mean(again(standing.redraws)), mean(standing.redraws.uniform))
            };
            self.algorithms.iter().map(of_algorithm).collect::<Vec<_>>().join("; ")
        };
        if !self.limits.is_empty() {
            remarks.push(format!(
                "Only cells with {} count: what breaks a limit is worse than any cell that keeps all, and of two that break some the one \
                 that breaks them less is better: by the sum of what is beyond each bound, as a part of that bound (Deb's rules).",
                self.limits.join(" and ")
            ));
        }
        if self.is_shrunk {
            remarks.push(
                "The cells have unequally many repeats to judge by: each mean is moved to where the true score lies on average, given the \
                 scores of all cells and the noise of a repeat (empirical Bayes), so that a lucky single repeat counts for what it tells."
                    .to_owned(),
            );
        }
        if let Some(pool) = &self.pool {
            remarks.push(format!(
                "The benchmark is a pool of {pool}. The searches stay within them: what they draw outside is drawn again, and after \
                 {MOST_REDRAWS} such draws any recorded cell is taken. Draws outside and cells taken so, in a run on average: {}.",
                drawn(|redraws| redraws.outside)
            ));
        }
        if self.algorithms.iter().any(|standing| standing.redraws.duplicates > 0) {
            remarks.push(format!(
                "No search asked for a cell twice at one budget of epochs: a draw of a cell asked for before was drawn again, and after \
                 {MOST_REDRAWS} such draws any other cell was taken. Draws of such cells and cells taken so, in a run on average: {}.",
                drawn(|redraws| redraws.duplicates)
            ));
        }
        let Divergence { diverged, trainings } = self.divergence;
        if diverged > 0 {
            remarks.push(format!(
                "{diverged} of the {trainings} trainings of these cells at the full budget diverged ({:.2} %): each counts as an accuracy of \
                 chance.",
                100.0 * self.divergence.rate()
            ));
        }
        remarks
    }
}

fn on_task(plan: &Plan, task: &Task, by_algorithm: &[Vec<&Run>], truth: &GroundTruth<'_>) -> OnTask {
    let floor = interquartile_mean_interval(&[&truth.floor], &mut plan.seed.derive("intervals of the floor").rng());
    let goal = Goal::above(
        floor.map_or(0.0, |floor| floor.value),
        GOALS.map(|share| Goal { share, regret: truth.regret_within(share) }),
    );
    let pairs = pairs(plan, task, by_algorithm);
    let each = plan.competitors.par_iter().zip(by_algorithm);
    OnTask {
        name: task.name.clone(),
        judged_by: truth.judged_by,
        caveat: truth.caveat.clone(),
        best: truth.best(),
        limits: task.setup.goals.limits().iter().map(ToString::to_string).collect(),
        front: truth.front.as_ref().map(ExactFront::scale),
        judging: truth.judging,
        optimum: truth.optimum,
        floor,
        repeats: truth.repeats,
        is_shrunk: truth.is_shrunk,
        divergence: truth.divergence,
        pool: task.setup.pool.as_ref().map(ToString::to_string),
        goal,
        middle: truth.regret_within(0.5),
        budgets: truth.agreements(&task.setup.budgets),
        algorithms: each.map(|(one, runs)| standing(plan, task, one, runs, (goal.regret, truth))).collect(),
        against_baseline: many_to_one(&pairs, plan.baseline),
        pairs,
    }
}

fn final_regrets(runs: &[&Run]) -> Vec<f64> {
    runs.iter().filter_map(|run| run.final_regret()).collect()
}

fn standing(
    plan: &Plan,
    task: &Task,
    competitor: &Competitor,
    runs: &[&Run],
    (goal, truth): (f64, &GroundTruth<'_>),
) -> AlgorithmResult {
    let regrets = final_regrets(runs);
    let mean_of = |value: fn(&Run) -> f64| mean(&runs.iter().map(|run| value(run)).collect::<Vec<_>>()).unwrap_or(0.0);
    let mut rng = plan.seed.derive(&format!("interval of {} on {}", competitor.identity(), task.identity())).rng();
    let limits = match plan.budget {
        Budget::Evaluations(evaluations) => (u32::try_from(evaluations).ok().map(f64::from), None),
        Budget::SimulatedTime(time) => (None, Some(time.0)),
    };
    let by_evaluations = paths(runs, |step| Some(step.evaluations), |run| Some(run.outcome.evaluations)).unwrap_or_default();
    let by_time = paths(runs, |step| Some(step.time?.0), |run| Some(run.outcome.time?.0));
    let mut redraws = Redraws::default();
    for run in runs {
        redraws += run.outcome.redraws;
    }
    let distinct: Option<Vec<f64>> = runs.iter().map(|run| run.outcome.distinct_cells.map(f64::from)).collect();
    let times: Option<Vec<f64>> = runs.iter().map(|run| Some(run.outcome.time?.0)).collect();
    let found: Vec<_> = runs.iter().map(|run| run.outcome.front.as_slice()).collect();
    AlgorithmResult {
        name: competitor.name(),
        options: competitor.options(),
        source: competitor.entry().source,
        runs: runs.len(),
        trials: mean_of(|run| f64::from(run.outcome.trials)),
        distinct_cells: distinct.and_then(|distinct| mean(&distinct)),
        evaluations: mean_of(|run| run.outcome.evaluations),
        simulated_seconds: times.and_then(|times| mean(&times)),
        interquartile_mean: interquartile_mean_interval(&[&regrets], &mut rng),
        mean: mean(&regrets),
        median: quantile(&regrets, 0.5),
        distribution: curve::distribution(&regrets),
        by_evaluations: bands(&by_evaluations, limits.0),
        by_time: by_time.as_ref().map_or_else(Vec::new, |runs| bands(runs, limits.1)),
        goal_by_evaluations: curve::reached(&by_evaluations, goal),
        goal_by_time: by_time.map(|runs| curve::reached(&runs, goal)),
        redraws,
        fronts: truth.front.as_ref().and_then(|front| FoundFronts::new(front, &found, &regrets, &mut rng)),
    }
}

/// The regret of each run over what it spent, with all that it spent; `None` if that is not known of one of them.
fn paths(runs: &[&Run], at: fn(&Incumbent) -> Option<f64>, all: fn(&Run) -> Option<f64>) -> Option<Vec<(Path, f64)>> {
    let path = |run: &Run| run.outcome.steps.iter().map(|step| Some((at(step)?, step.regret))).collect::<Option<_>>();
    runs.iter().map(|run| Some((path(run)?, all(run)?))).collect()
}

/// The curve up to the limit; without one, up to what the median run spent.
fn bands(runs: &[(Path, f64)], limit: Option<f64>) -> Vec<AnytimePoint> {
    let spent: Vec<f64> = runs.iter().map(|(_, spent)| *spent).collect();
    let first = runs.iter().filter_map(|(path, _)| path.first()).map(|(at, _)| *at).fold(0.0, f64::max);
    let Some(last) = limit.or_else(|| quantile(&spent, 0.5)) else {
        return Vec::new();
    };
    let paths: Vec<Path> = runs.iter().map(|(path, _)| path.clone()).collect();
    curve::anytime(&paths, &curve::logarithmic_grid(first, last, POINTS))
}

fn pairs(plan: &Plan, task: &Task, by_algorithm: &[Vec<&Run>]) -> Vec<Pair> {
    let regrets: Vec<Vec<f64>> = by_algorithm.iter().map(|runs| final_regrets(runs)).collect();
    let on = task.identity();
    let pair = |(first, second): (usize, usize)| {
        let [one, other] = [first, second].map(|place| regrets[place].as_slice());
        let p_value = Some(mann_whitney(one, other).map_or(1.0, |test| test.p_value));
        Pair::new(plan, (first, second), &on, [&[one], &[other]], p_value, None)
    };
    every_two(regrets.len(), pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::fixture;
    use crate::compare::{GroundTruth, Outcome, run};
    use crate::table::TableOracle;
    use crate::unit::{Epochs, Seconds};

    fn summary(plan: &Plan) -> (Summary, Vec<Run>) {
        let (table, _) = fixture::table();
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let truths: Vec<_> = plan.tasks.iter().map(|_| &truth).collect();
        let oracle = |_, seed| TableOracle::new(&table, seed);
        let runs = run(plan, oracle, &truths, &folder.path().join("runs"), || {}).unwrap().runs;
        (Summary::new(plan, &runs, &truths), runs)
    }

    #[test]
    fn no_goal_lies_within_the_noise() {
        let goals = std::array::from_fn(|place| Goal { share: GOALS[place], regret: [0.0, 0.001, 0.002, 0.006, 0.01][place] });
        for (place, floor) in [0.0, 0.001, 0.0015, 0.005, 0.5].into_iter().enumerate() {
            assert_eq!(Goal::above(floor, goals), goals[place]);
        }
    }

    #[test]
    fn every_algorithm_and_every_pair_is_summed_up() {
        let plan = fixture::plan(&["random", "regularized-evolution", "hyperband"], 12);
        let (Summary { tasks, across, .. }, runs) = summary(&plan);
        assert_eq!((tasks.len(), across), (1, None));
        let summary = &tasks[0];
        assert_eq!((summary.name.as_str(), summary.budgets.len()), ("toy at 108 epochs", 6));
        assert!(0.0 <= summary.goal.regret && summary.goal.regret < summary.middle);
        let names: Vec<_> = summary.algorithms.iter().map(|standing| standing.name.as_str()).collect();
        assert_eq!(names, ["random", "regularized-evolution", "hyperband"]);
        let places: Vec<_> = summary.pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(places, [(0, 1), (0, 2), (1, 2)]);
        for (place, standing) in summary.algorithms.iter().enumerate() {
            let regrets: Vec<f64> = runs.iter().filter(|run| run.competitor == place).filter_map(Run::final_regret).collect();
            assert_eq!((standing.runs, standing.median), (12, quantile(&regrets, 0.5)));
            let estimate = standing.interquartile_mean.unwrap();
            assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
            assert_eq!(standing.distribution.last().map(|(_, share)| *share), Some(1.0));
            let end = standing.by_evaluations.last().unwrap();
            assert!((end.spent - 20.0).abs() < 1e-9 && (end.median - standing.median.unwrap()).abs() < 0.02);
            assert!(standing.by_evaluations[0].mean >= end.mean - 0.02);
            assert_eq!(standing.goal_by_time.unwrap().reached, standing.goal_by_evaluations.reached);
        }
        for pair in &summary.pairs {
            let (p_value, corrected) = (pair.p_value.unwrap(), pair.corrected_p_value.unwrap());
            assert!(p_value <= corrected && corrected <= 1.0);
        }
        // Random search is the baseline: the second one of each pair.
        let against: Vec<_> = summary.against_baseline.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(against, [(1, 0), (2, 0)]);
    }

    #[test]
    fn the_one_with_the_smaller_regrets_is_the_better_one() {
        let plan = fixture::plan(&["random", "local-search"], 40);
        let run = |competitor: usize, number: u32, regret: f64| {
            let cell = fixture::space().cells().unwrap()[0];
            let step = Incumbent {
                trial: 1,
                evaluations: 1.0,
                time: Some(Seconds(5.0)),
                cell,
                epochs: Epochs(108),
                validation_accuracy: None,
                regret,
            };
            let seed = plan.seed_of(&plan.tasks[0], &plan.competitors[competitor], number);
            let outcome = Outcome {
                trials: 1,
                distinct_cells: Some(1),
                evaluations: 1.0,
                time: Some(Seconds(5.0)),
                steps: vec![step],
                front: Vec::new(),
                redraws: Redraws { outside: 5, uniform: 1, ..Redraws::default() },
            };
            Run { task: 0, competitor, run: number, seed, outcome }
        };
        let better = (0..40).map(|number| run(0, number, f64::from(number) / 1_024.0));
        let worse = (0..40).map(|number| run(1, number, f64::from(number + 30) / 1_024.0));
        let runs: Vec<Run> = better.chain(worse).collect();
        let (table, _) = fixture::table();
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let summary = &Summary::new(&plan, &runs, &[&truth]).tasks[0];
        assert_eq!((summary.mean_of().as_deref(), summary.remarks().len()), (Some("means of 3 repeats"), 0));
        let remarks = OnTask {
            pool: Some("90 recorded cells".to_owned()),
            divergence: Divergence { diverged: 3, trainings: 270 },
            ..summary.clone()
        };
        let [pool, diverged] = &remarks.remarks()[..] else { panic!("{:?}", remarks.remarks()) };
        assert!(pool.ends_with("in a run on average: random 5.0 and 1.0; local-search 5.0 and 1.0."), "{pool}");
        assert!(diverged.starts_with("3 of the 270 trainings of these cells at the full budget diverged (1.11 %)"), "{diverged}");
        let mut never = summary.clone();
        never.algorithms[1].redraws = Redraws { outside: 0, duplicates: 50, uniform: 10 };
        let [redrawn] = &never.remarks()[..] else { panic!("{:?}", never.remarks()) };
        assert!(redrawn.ends_with("in a run on average: random 0.0 and 1.0; local-search 1.2 and 0.2."), "{redrawn}");
        let pair = &summary.pairs[0];
        // Of 1,600 pairs the first one loses 45 and ties 10.
        let probability = pair.probability.unwrap();
        assert!((probability.value - 1_550.0 / 1_600.0).abs() < 1e-12, "{}", probability.value);
        assert!((pair.cliffs_delta.unwrap() - 0.9375).abs() < 1e-12);
        assert!(pair.p_value.unwrap() < 1e-9 && probability.low > 0.9);
        let goal = summary.algorithms[0].goal_by_time.unwrap();
        assert_eq!((goal.runs, goal.reached), (40, 1));
    }

    #[test]
    fn trainings_of_unknown_cost_have_no_curve_over_time() {
        let plan = fixture::plan(&["random"], 4);
        let (_, mut runs) = summary(&plan);
        runs[1].outcome.steps.iter_mut().for_each(|step| step.time = None);
        runs[1].outcome.time = None;
        let (table, _) = fixture::table();
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let standing = &Summary::new(&plan, &runs, &[&truth]).tasks[0].algorithms[0];
        assert_eq!((standing.simulated_seconds, standing.by_time.len(), standing.goal_by_time), (None, 0, None));
        assert!(!standing.by_evaluations.is_empty() && standing.goal_by_evaluations.runs == 4);
    }

    #[test]
    fn the_summary_is_the_same_on_any_number_of_threads() {
        let plan = Plan { tasks: vec![fixture::task(108), fixture::task(36)], ..fixture::plan(&["random", "genetic"], 8) };
        let [one, three] = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            serde_json::to_string(&pool.install(|| summary(&plan).0)).unwrap()
        });
        assert_eq!(one, three);
    }
}
