//! How algorithms compare over several tasks.

use rayon::prelude::*;
use serde::Serialize;

use super::cluster::Clusters;
use super::interval::{Resampled, interquartile_mean, interquartile_mean_interval};
use super::pair::{Pair, every_two, many_to_one};
use super::plan::Plan;
use super::rank::{FEWEST_TASKS, LEVEL, Ranks, rank};
use super::significance::wilcoxon_signed_rank;
use crate::statistics::{Estimate, mean, number};

/// How algorithms compare over several tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aggregate {
    /// The algorithms, in the order of the plan.
    pub algorithms: Vec<OverallResult>,
    /// Which tasks are of one benchmark. The tests over tasks take each cluster as one task.
    pub clusters: Clusters,
    /// How they rank by the interquartile means of their final regrets on each benchmark; `None` if all are equal on every one, or
    /// there is only one.
    pub ranks: Option<Ranks>,
    /// From which difference of mean ranks on two algorithms differ at the level of 0.05; `None` of fewer than five benchmarks.
    pub critical_difference: Option<f64>,
    /// The p-values of Nemenyi's test between all algorithms; `None` of fewer than five benchmarks.
    ///
    /// # Shapes
    ///
    /// - `[algorithms][algorithms]`
    pub nemenyi: Option<Vec<Vec<f64>>>,
    /// Every two of them.
    pub pairs: Vec<Pair>,
    /// Each other algorithm against the baseline, which is the second one of each pair; nothing without a baseline.
    pub against_baseline: Vec<Pair>,
    /// The least p-value, corrected, that the signed-rank test can have with this number of benchmarks and pairs.
    pub least_p_value: f64,
}

/// How an algorithm did over all tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverallResult {
    /// The algorithm, with the options that were given.
    pub name: String,
    /// The interquartile mean of the final regrets of all runs of all tasks, each divided by the regret of the task's median cell:
    /// 0 is the best cell, 1 the median one.
    pub normalised_regret: Option<Estimate>,
    /// Its mean rank; 1 is that of one that is the best on every benchmark. `None` without ranks.
    pub mean_rank: Option<f64>,
}

impl Aggregate {
    /// Sums up the final regrets of the runs.
    ///
    /// `None` if the median cell of a task is as good as the best one, or an algorithm has no run.
    ///
    /// # Shapes
    ///
    /// - `regrets`: `[tasks][algorithms][runs]`
    /// - `middles`: `[tasks]`, the regret of the median cell
    ///
    /// # Source
    ///
    /// The measures of Agarwal et al., NeurIPS 2021, over the runs of all tasks; the tests of Demšar, JMLR 7, 2006, over the benchmarks.
    /// Of few benchmarks those tests have no power: there the bootstrap over the runs says how much two algorithms differ.
    pub(super) fn new(plan: &Plan, regrets: &[Vec<Vec<f64>>], middles: &[f64]) -> Option<Self> {
        if middles.iter().any(|middle| *middle <= 0.0) {
            return None;
        }
        let count = plan.competitors.len();
        // Divided, so that the sizes of differences on two tasks can be compared.
        let scores: Vec<Vec<f64>> = regrets
            .iter()
            .zip(middles)
            .map(|(task, middle)| task.iter().map(|runs| Some(interquartile_mean(runs)? / middle)).collect::<Option<_>>())
            .collect::<Option<_>>()?;
        let clusters = Clusters::new(&plan.tasks);
        let scores: Vec<Vec<f64>> = clusters.tasks.iter().map(|tasks| mean_scores(&scores, tasks)).collect();
        let ranks = rank(&scores);
        let normalised = |algorithm: usize| -> Vec<Vec<f64>> {
            let of_task = |(task, middle): (&Vec<Vec<f64>>, &f64)| task[algorithm].iter().map(|regret| regret / middle).collect();
            regrets.iter().zip(middles).map(of_task).collect()
        };
        // A generator for each: runs share no seed, so that those of one number have nothing in common.
        let resample = |algorithm: usize| {
            let name = format!("bootstrap of {} on all tasks", plan.competitors[algorithm].identity());
            Resampled::new(&slices(&normalised(algorithm)), &mut plan.seed.derive(&name).rng())
        };
        let few = if scores.len() < FEWEST_TASKS { 0..count } else { 0..0 };
        let resampled: Vec<_> = few.into_par_iter().map(resample).collect();
        let place = |algorithm: usize| {
            let competitor = &plan.competitors[algorithm];
            let mut rng = plan.seed.derive(&format!("interval of {} on all tasks", competitor.identity())).rng();
            OverallResult {
                name: competitor.name(),
                normalised_regret: interquartile_mean_interval(&slices(&normalised(algorithm)), &mut rng),
                mean_rank: ranks.as_ref().map(|ranks| ranks.mean_ranks[algorithm]),
            }
        };
        let pair = |(first, second): (usize, usize)| {
            let [x, y] = [first, second].map(|algorithm| scores.iter().map(|cluster| cluster[algorithm]).collect::<Vec<_>>());
            let p_value = (scores.len() > 1).then(|| wilcoxon_signed_rank(&x, &y).map_or(1.0, |test| test.p_value));
            let [one, other] = [first, second].map(|algorithm| resampled.get(algorithm)?.as_ref());
            let lower_by = one.zip(other).and_then(|(one, other)| one.below(other));
            let [x, y] =
                [first, second].map(|algorithm| regrets.iter().map(|task| task[algorithm].as_slice()).collect::<Vec<_>>());
            Pair::new(plan, (first, second), "all tasks", [&x, &y], p_value, lower_by)
        };
        let pairs = every_two(count, pair);
        Some(Self {
            algorithms: (0..count).map(place).collect(),
            critical_difference: ranks.as_ref().and_then(Ranks::critical_difference),
            nemenyi: ranks.as_ref().and_then(Ranks::nemenyi),
            least_p_value: least_p_value(scores.len(), pairs.len()),
            against_baseline: many_to_one(&pairs, plan.baseline),
            pairs,
            ranks,
            clusters,
        })
    }

    /// What a reader must know before the p-values are believed, in sentences; none if there is nothing.
    #[must_use]
    pub fn caveats(&self) -> Vec<String> {
        let mut caveats: Vec<String> = self.clusters.caveat().into_iter().collect();
        if self.clusters.len() > 1 && !self.pairs.is_empty() && self.least_p_value > LEVEL {
            let least = self.least_p_value;
            caveats.push(format!(
                "So few benchmarks cannot tell any two apart: the least corrected p-value that the signed-rank test can have here is {least:.3}, \
                 above the level of {LEVEL}."
            ));
        }
        caveats
    }
}

/// What each algorithm reached on some tasks, in the mean.
///
/// # Shapes
///
/// - `scores`: `[tasks][algorithms]`
/// - returns: `[algorithms]`
fn mean_scores(scores: &[Vec<f64>], tasks: &[usize]) -> Vec<f64> {
    let of_algorithm = |algorithm: usize| mean(&tasks.iter().map(|task| scores[*task][algorithm]).collect::<Vec<_>>());
    (0..scores[tasks[0]].len()).map(|algorithm| of_algorithm(algorithm).expect("regrets are finite")).collect()
}

/// Returns the p-value of the signed-rank test if one of two algorithms is better on every task, corrected for the number of pairs.
fn least_p_value(tasks: usize, pairs: usize) -> f64 {
    let (better, worse): (Vec<f64>, Vec<f64>) = (0..tasks).map(|task| (0.0, number(task + 1))).unzip();
    let least = wilcoxon_signed_rank(&better, &worse).map_or(1.0, |test| test.p_value);
    (least * number(pairs.max(1))).min(1.0)
}

fn slices(lists: &[Vec<f64>]) -> Vec<&[f64]> {
    lists.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::fixture;

    /// Three algorithms on some tasks: the first one is always the best, the others take turns.
    fn regrets(tasks: usize) -> Vec<Vec<Vec<f64>>> {
        let runs = |level: u8| (0..8_u8).map(|run| f64::from(level) + f64::from(run) / 16.0).collect::<Vec<_>>();
        let task = |number: usize| if number.is_multiple_of(2) { [0, 1, 2].map(runs) } else { [0, 2, 1].map(runs) };
        (0..tasks).map(|number| task(number).to_vec()).collect()
    }

    fn across(tasks: usize) -> Aggregate {
        let tasks = fixture::independent_tasks(tasks);
        let plan = Plan { tasks, ..fixture::plan(&["random", "genetic", "local-search"], 8) };
        Aggregate::new(&plan, &regrets(plan.tasks.len()), &vec![2.0; plan.tasks.len()]).unwrap()
    }

    #[test]
    fn six_tasks_have_ranks_and_a_critical_difference() {
        let across = across(6);
        let ranks: Vec<_> = across.algorithms.iter().map(|place| place.mean_rank).collect();
        assert_eq!(ranks, [Some(1.0), Some(2.5), Some(2.5)]);
        // Demšar, 2006, table 5: 2.343 for three algorithms; √(3 · 4 / (6 · 6)) = √(1 / 3).
        assert!((across.critical_difference.unwrap() - 2.343 / 3.0_f64.sqrt()).abs() < 1e-3);
        let nemenyi = across.nemenyi.unwrap();
        assert!(nemenyi[0][1] < 0.05 && (nemenyi[1][2] - 1.0).abs() < 1e-12);
        // All six tasks are won: the exact signed-rank test has 2 / 2^6, of three pairs.
        assert!((across.pairs[0].p_value.unwrap() - 0.031_25).abs() < 1e-12);
        assert!((across.pairs[0].corrected_p_value.unwrap() - 0.093_75).abs() < 1e-12);
        // Against the baseline, there are two pairs; and every run of the others ends worse.
        let [genetic, local] = &across.against_baseline[..] else { panic!("{:?}", across.against_baseline) };
        assert_eq!([(genetic.first, genetic.second), (local.first, local.second)], [(1, 0), (2, 0)]);
        assert!((genetic.corrected_p_value.unwrap() - 0.062_5).abs() < 1e-12);
        assert_eq!(genetic.probability.map(|estimate| estimate.value), Some(0.0));
        let wins: Vec<_> = across.pairs.iter().map(|pair| pair.probability.unwrap().value).collect();
        assert_eq!(wins, [1.0, 1.0, 0.5]);
        let best = across.algorithms[0].normalised_regret.unwrap();
        // The middle half of 0 to 7 sixteenths, of a median cell of 2.
        assert!((best.value - 3.5 / 16.0 / 2.0).abs() < 1e-12 && best.low < best.value && best.value < best.high);
    }

    #[test]
    fn the_size_of_a_difference_is_that_of_the_divided_regrets() {
        let plan = Plan { tasks: fixture::independent_tasks(4), ..fixture::plan(&["random", "genetic"], 1) };
        // The first one is a little better on three tasks and, by the undivided regrets, much worse on a task of large regrets.
        let regrets: Vec<Vec<Vec<f64>>> = [[0.1, 0.2], [0.1, 0.25], [0.1, 0.3], [8.0, 7.0]]
            .iter()
            .map(|task| task.iter().map(|one| vec![*one]).collect())
            .collect();
        let p_value = |middles| Aggregate::new(&plan, &regrets, middles).unwrap().pairs[0].p_value.unwrap();
        // Signed ranks 1, 2, 3 against 4; divided by a hundred, the last one is the smallest: 2, 3, 4 against 1.
        assert!((p_value(&[1.0, 1.0, 1.0, 1.0]) - 0.875).abs() < 1e-12);
        assert!((p_value(&[1.0, 1.0, 1.0, 100.0]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn what_no_result_could_show_is_said() {
        let six = across(6);
        assert!((six.least_p_value - 3.0 / 32.0).abs() < 1e-12);
        assert!(six.caveats()[0].contains("can have here is 0.094, above the level of 0.05"), "{:?}", six.caveats());
        assert_eq!(across(7).caveats().len(), 0);
    }

    #[test]
    fn tasks_of_one_benchmark_are_not_tested_as_independent_ones() {
        let mut plan =
            Plan { tasks: vec![fixture::task(36), fixture::task(108)], ..fixture::plan(&["random", "genetic", "smac"], 8) };
        let one = Aggregate::new(&plan, &regrets(2), &[1.0; 2]).unwrap();
        assert_eq!((&one.ranks, one.critical_difference, &one.nemenyi), (&None, None, &None));
        assert!(one.algorithms.iter().all(|place| place.mean_rank.is_none() && place.normalised_regret.is_some()));
        assert!(one.pairs.iter().all(|pair| pair.p_value.is_none() && pair.corrected_p_value.is_none()));
        assert!(one.pairs.iter().all(|pair| pair.probability.is_some() && pair.lower_by.is_some()));
        let [caveat] = &one.caveats()[..] else { panic!("{:?}", one.caveats()) };
        assert!(caveat.starts_with("All 2 tasks are made from one benchmark"), "{caveat}");

        // Ten tasks of five benchmarks are five observations: on each benchmark the last two algorithms took turns, so that they tie.
        plan.tasks = (0..10).map(|task| fixture::independent_tasks(5)[task / 2].clone()).collect();
        let five = Aggregate::new(&plan, &regrets(10), &[1.0; 10]).unwrap();
        let ranks = five.ranks.as_ref().unwrap();
        assert_eq!((ranks.tasks, ranks.mean_ranks.as_slice()), (5, &[1.0, 2.5, 2.5][..]));
        // All five are won: 2 / 2^5. Ten independent tasks would have given 2 / 2^10.
        assert!((five.pairs[0].p_value.unwrap() - 0.062_5).abs() < 1e-12);
        assert!(five.caveats()[0].starts_with("The 10 tasks are made from 5 benchmarks."));
    }

    #[test]
    fn few_tasks_have_no_critical_difference() {
        let across = across(4);
        assert_eq!((across.critical_difference, across.nemenyi), (None, None));
        assert!(across.ranks.is_some());
    }

    #[test]
    fn few_tasks_have_the_bootstrap_on_runs() {
        let across = self::across(4);
        let lower_by: Vec<_> = across.pairs.iter().map(|pair| pair.lower_by.unwrap()).collect();
        // The first one has 0 to 7 sixteenths on all tasks; the others have 1 or 2 more in turns, so that their middle halves lie 1.5 above
        // it; and the median cells have 2.
        for (found, expected) in lower_by.iter().zip([0.75, 0.75, 0.0]) {
            assert!((found.value - expected).abs() < 1e-12, "{found:?}");
            assert!(found.low <= found.value && found.value <= found.high);
        }
        assert!(lower_by[0].low > 0.0 && lower_by[2].low < 0.0 && lower_by[2].high > 0.0, "{lower_by:?}");
        assert!(self::across(5).pairs.iter().all(|pair| pair.lower_by.is_none()));
    }

    #[test]
    fn a_task_without_a_bad_half_cannot_be_normalised() {
        let plan = fixture::plan(&["random", "genetic", "local-search"], 8);
        assert_eq!(Aggregate::new(&plan, &regrets(2), &[1.0, 0.0]), None);
        assert_eq!(Aggregate::new(&plan, &[vec![Vec::new(); 3], vec![Vec::new(); 3]], &[1.0, 1.0]), None);
    }
}
