//! Two algorithms side by side: every two of them, and each one against a baseline.

use rayon::prelude::*;
use serde::Serialize;

use super::interval::probability_larger_interval;
use super::plan::Plan;
use super::significance::holm;
use crate::statistics::Estimate;

/// How two algorithms differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The first one, by its place among the algorithms.
    pub first: usize,
    /// The second one.
    pub second: usize,
    /// The probability that a run of the first one ends better than one of the second, equal ones counting half.
    pub probability: Option<Estimate>,
    /// Cliff's delta: 1 if every run of the first one ends better, −1 if every one ends worse.
    pub cliffs_delta: Option<f64>,
    /// On one task: the p-value of the Mann-Whitney test of the final regrets. Aggregate tasks: that of Wilcoxon's signed-rank test of
    /// what the algorithms reached on each benchmark; `None` if there is only one. 1 if all are equal.
    pub p_value: Option<f64>,
    /// The same, corrected by Holm's procedure for the number of pairs in its list.
    pub corrected_p_value: Option<f64>,
    /// Aggregate two to four benchmarks, which are too few to be ranked: how much lower the interquartile mean of the normalised regrets
    /// of the first one is, with its interval by the bootstrap on runs.
    pub lower_by: Option<Estimate>,
}

impl Pair {
    /// Compares the runs of two algorithms on some tasks by their regrets: `[tasks][runs]` of each. `on` names the tasks in the seed.
    pub(super) fn new(
        plan: &Plan,
        (first, second): (usize, usize),
        on: &str,
        regrets: [&[&[f64]]; 2],
        p_value: Option<f64>,
        lower_by: Option<Estimate>,
    ) -> Self {
        let [one, other] = [first, second].map(|place| plan.competitors[place].identity());
        let mut rng = plan.seed.derive(&format!("interval of {one} against {other} on {on}")).rng();
        // The smaller regret wins, so what counts is how often that of the other one is larger.
        let probability = probability_larger_interval(regrets[1], regrets[0], &mut rng);
        let cliffs_delta = probability.map(|probability| 2.0 * probability.value - 1.0);
        Self { first, second, probability, cliffs_delta, p_value, corrected_p_value: p_value, lower_by }
    }

    /// The same difference, seen from the second one.
    fn turned(&self) -> Self {
        let turn = |estimate: Estimate, whole: f64| Estimate {
            value: whole - estimate.value,
            low: whole - estimate.high,
            high: whole - estimate.low,
        };
        Self {
            first: self.second,
            second: self.first,
            probability: self.probability.map(|estimate| turn(estimate, 1.0)),
            cliffs_delta: self.cliffs_delta.map(|delta| 0.0 - delta),
            lower_by: self.lower_by.map(|estimate| turn(estimate, 0.0)),
            ..self.clone()
        }
    }
}

/// Does something with every two of some algorithms, and corrects the p-values for their number.
pub(super) fn every_two(algorithms: usize, pair: impl Fn((usize, usize)) -> Pair + Send + Sync) -> Vec<Pair> {
    let places: Vec<(usize, usize)> =
        (0..algorithms).flat_map(|first| (first + 1..algorithms).map(move |second| (first, second))).collect();
    let mut pairs: Vec<Pair> = places.into_par_iter().map(pair).collect();
    correct(&mut pairs);
    pairs
}

/// Each other algorithm, as the first one, against a baseline, with p-values corrected for their number alone: fewer questions are
/// asked than with [`every_two`], so each has more power. Nothing without a baseline.
///
/// # Source
///
/// Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2: where methods are compared
/// with a control, the correction is for k − 1 tests.
pub(super) fn many_to_one(pairs: &[Pair], baseline: Option<usize>) -> Vec<Pair> {
    let against = pairs.iter().filter_map(|pair| match baseline? {
        baseline if pair.second == baseline => Some(pair.clone()),
        baseline if pair.first == baseline => Some(pair.turned()),
        _ => None,
    });
    let mut against: Vec<Pair> = against.collect();
    correct(&mut against);
    against
}

/// Corrects the p-values of a list for its length.
fn correct(pairs: &mut [Pair]) {
    let known: Vec<f64> = pairs.iter().filter_map(|pair| pair.p_value).collect();
    let mut corrected = holm(&known).into_iter();
    for pair in pairs {
        pair.corrected_p_value = pair.p_value.and_then(|_| corrected.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of four algorithms with these p-values, in their order.
    fn pairs(p_values: [Option<f64>; 6]) -> Vec<Pair> {
        every_two(4, |(first, second)| {
            let places = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
            let p_value = p_values[places.iter().position(|place| *place == (first, second)).unwrap()];
            let probability = Some(Estimate { value: 0.75, low: 0.5, high: 0.875 });
            let lower_by = Some(Estimate { value: 0.25, low: -0.5, high: 1.0 });
            Pair { first, second, probability, cliffs_delta: Some(0.5), p_value, corrected_p_value: None, lower_by }
        })
    }

    #[test]
    fn a_baseline_is_corrected_for_its_own_tests_only() {
        let pairs = pairs([0.01, 0.02, 0.5, 0.03, 0.04, 0.9].map(Some));
        let corrected = |pairs: &[Pair]| pairs.iter().map(|pair| pair.corrected_p_value.unwrap()).collect::<Vec<_>>();
        // Holm by hand: the smallest of six times 6, the next times 5 and so on, never falling.
        for (found, expected) in corrected(&pairs).into_iter().zip([0.06, 0.1, 1.0, 0.12, 0.12, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
        let against = many_to_one(&pairs, Some(1));
        assert_eq!(against.iter().map(|pair| (pair.first, pair.second)).collect::<Vec<_>>(), [(0, 1), (2, 1), (3, 1)]);
        for (found, expected) in corrected(&against).into_iter().zip([0.03, 0.06, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
        assert_eq!(many_to_one(&pairs, None), []);
    }

    #[test]
    fn a_difference_is_turned_with_its_interval() {
        let against = many_to_one(&pairs([Some(0.5); 6]), Some(1));
        let [same, turned, _] = &against[..] else { panic!("{against:?}") };
        assert_eq!(same.probability, Some(Estimate { value: 0.75, low: 0.5, high: 0.875 }));
        assert_eq!(turned.probability, Some(Estimate { value: 0.25, low: 0.125, high: 0.5 }));
        assert_eq!(turned.lower_by, Some(Estimate { value: -0.25, low: -1.0, high: 0.5 }));
        assert_eq!((same.cliffs_delta, turned.cliffs_delta), (Some(0.5), Some(-0.5)));
    }

    #[test]
    fn pairs_that_were_not_tested_have_no_p_value() {
        let pairs = pairs([None; 6]);
        assert!(pairs.iter().chain(&many_to_one(&pairs, Some(0))).all(|pair| pair.corrected_p_value.is_none()));
    }
}
