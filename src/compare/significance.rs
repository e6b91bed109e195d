//! Whether two lists of results differ by more than chance, and by how much.
//!
//! Whatever is undefined (nothing to compare, a value that is not finite) is `None`.

use serde::Serialize;

use crate::statistics::distribution::normal_survival;
use crate::statistics::{average_ranks, number};

/// The most pairs for which the signed-rank test counts every assignment of signs: their number is exact below 2^53.
const MOST_EXACT_PAIRS: usize = 50;
/// The most pairs of one value each for which all orders of two lists are counted.
const MOST_EXACT_ORDERS: usize = 400;

/// The result of a two-sided test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Test {
    /// The statistic, as the paper of the test defines it.
    pub statistic: f64,
    /// How probable a statistic at least as extreme is if there is no difference.
    pub p_value: f64,
}

/// Wilcoxon's signed-rank test of paired results, two-sided. Pairs without a difference are left out.
///
/// The statistic is the smaller one of the two sums of ranks. Up to 50 pairs every assignment of signs is counted, ties
/// included; beyond, the normal approximation serves, with its variance corrected for ties.
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1(6), 1945; Demšar, "Statistical comparisons of
/// classifiers over multiple data sets", JMLR 7, 2006, section 3.1.3.
#[must_use]
pub fn wilcoxon_signed_rank(x: &[f64], y: &[f64]) -> Option<Test> {
    assert_eq!(x.len(), y.len(), "paired lists have one length");
    let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).filter(|difference| *difference != 0.0).collect();
    if differences.is_empty() {
        return None;
    }
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = average_ranks(&sizes)?;
    let all: f64 = ranks.iter().sum();
    let above: f64 = ranks.iter().zip(&differences).filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank).sum();
    let statistic = above.min(all - above);
    let p_value = if ranks.len() <= MOST_EXACT_PAIRS {
        2.0 * signed_ranks_at_most(statistic, &ranks)
    } else {
        let variance = ranks.iter().map(|rank| rank * rank).sum::<f64>() / 4.0;
        2.0 * normal_survival((all / 2.0 - statistic) / variance.sqrt())
    };
    Some(Test { statistic, p_value: p_value.min(1.0) })
}

/// The share of all assignments of signs in which the positive ranks sum to at most `statistic`.
fn signed_ranks_at_most(statistic: f64, ranks: &[f64]) -> f64 {
    // Shared ranks are whole or half numbers, so twice them are whole.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks of at most 50 values")]
    let doubled = |rank: f64| (2.0 * rank) as usize;
    let ranks: Vec<usize> = ranks.iter().map(|rank| doubled(*rank)).collect();
    let mut ways = vec![0.0; ranks.iter().sum::<usize>() + 1];
    ways[0] = 1.0;
    for rank in &ranks {
        for sum in (*rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let all: f64 = ways.iter().sum();
    ways[..=doubled(statistic)].iter().sum::<f64>() / all
}

/// The Mann-Whitney U test of independent results, two-sided.
///
/// The statistic is U of `x`: how many pairs have the larger value in `x`, equal ones counting half. Short lists without ties
/// (up to 400 pairs) are tested by counting all orders; otherwise the normal approximation serves, with its variance
/// corrected for ties and with the correction for continuity. `None` if all values are equal.
///
/// # Source
///
/// Mann & Whitney, "On a test of whether one of two random variables is stochastically larger than the other", Annals of
/// Mathematical Statistics 18(1), 1947.
#[must_use]
pub fn mann_whitney(x: &[f64], y: &[f64]) -> Option<Test> {
    let statistic = u_statistic(x, y)?;
    let sizes = tie_sizes(x, y);
    let pairs = number(x.len()) * number(y.len());
    let larger = statistic.max(pairs - statistic);
    let p_value = if sizes.iter().all(|size| *size == 1) && x.len() * y.len() <= MOST_EXACT_ORDERS {
        2.0 * orders_at_least(larger, x.len(), y.len())
    } else {
        let all = number(x.len() + y.len());
        let tied: f64 = sizes.iter().map(|size| number(*size)).map(|size| size.powi(3) - size).sum();
        let variance = pairs / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
        if variance <= 0.0 {
            return None;
        }
        2.0 * normal_survival((larger - pairs / 2.0 - 0.5) / variance.sqrt())
    };
    Some(Test { statistic, p_value: p_value.min(1.0) })
}

/// How many pairs have the larger value in `x`, equal ones counting half.
fn u_statistic(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let ranks = average_ranks(&[x, y].concat())?;
    let own = number(x.len());
    Some(ranks[..x.len()].iter().sum::<f64>() - own * (own + 1.0) / 2.0)
}

/// How often each value occurs.
fn tie_sizes(x: &[f64], y: &[f64]) -> Vec<usize> {
    let mut all = [x, y].concat();
    all.sort_by(f64::total_cmp);
    all.chunk_by(|a, b| b - a == 0.0).map(<[_]>::len).collect()
}

/// The share of all orders of `n` and `m` distinct values in which U is at least `statistic`.
///
/// The numbers of orders by U are the coefficients of the product of (1 − q^(m + i)) / (1 − q^i) over i = 1..=n.
fn orders_at_least(statistic: f64, n: usize, m: usize) -> f64 {
    let mut orders = vec![0.0; n * m + 1];
    orders[0] = 1.0;
    for i in 1..=n {
        for u in (m + i..orders.len()).rev() {
            orders[u] -= orders[u - m - i];
        }
        for u in i..orders.len() {
            orders[u] += orders[u - i];
        }
    }
    let all: f64 = orders.iter().sum();
    orders.iter().enumerate().filter(|(u, _)| number(*u) >= statistic).map(|(_, orders)| orders).sum::<f64>() / all
}

/// The probability that a value of `x` is larger than one of `y`, equal ones counting half: 0.5 is no difference.
///
/// # Source
///
/// Vargha & Delaney, "A critique and improvement of the CL common language effect size statistics", JEBS 25(2), 2000: their
/// A12. Agarwal et al., NeurIPS 2021, call it the probability of improvement.
#[must_use]
pub fn probability_larger(x: &[f64], y: &[f64]) -> Option<f64> {
    Some(u_statistic(x, y)? / (number(x.len()) * number(y.len())))
}

/// Cliff's delta: by how much larger values in `x` outweigh larger ones in `y`, from −1 to 1; 0 is no difference.
///
/// # Source
///
/// Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions", Psychological Bulletin 114(3), 1993. It is
/// twice [`probability_larger`], less 1.
#[must_use]
pub fn cliffs_delta(x: &[f64], y: &[f64]) -> Option<f64> {
    Some(2.0 * probability_larger(x, y)? - 1.0)
}

/// The p-values of several tests, corrected so that the chance of any false alarm among them stays what each one's was.
///
/// # Source
///
/// Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2), 1979.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, index) in order.into_iter().enumerate() {
        largest = largest.max(p_values[index] * number(p_values.len() - place)).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIRED: ([f64; 6], [f64; 6]) = ([0.012, 0.02, 0.031, 0.008, 0.045, 0.016], [0.007, 0.016, 0.02, 0.006, 0.033, 0.01]);
    const X: [f64; 5] = [0.94, 0.932, 0.938, 0.941, 0.929];
    const Y: [f64; 5] = [0.93, 0.931, 0.928, 0.935, 0.933];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn the_signed_rank_test_says_what_scipy_says() {
        assert_eq!(wilcoxon_signed_rank(&PAIRED.0, &PAIRED.1), Some(Test { statistic: 0.0, p_value: 0.031_25 }));
        assert_eq!(wilcoxon_signed_rank(&PAIRED.1, &PAIRED.0), Some(Test { statistic: 0.0, p_value: 0.031_25 }));
    }

    #[test]
    fn mann_whitney_says_what_scipy_says() {
        let test = mann_whitney(&X, &Y).unwrap();
        near(test.statistic, 19.0);
        near(test.p_value, 2.0 / 9.0);
        near(mann_whitney(&Y, &X).unwrap().p_value, 2.0 / 9.0);
    }

    #[test]
    fn effect_sizes_count_the_pairs_won() {
        near(probability_larger(&X, &Y).unwrap(), 0.76);
        near(cliffs_delta(&X, &Y).unwrap(), 0.52);
        assert_eq!(probability_larger(&[1.0, 2.0], &[1.0, 2.0]), Some(0.5));
        assert_eq!(cliffs_delta(&[3.0], &[1.0, 2.0]), Some(1.0));
    }

    #[test]
    fn holm_corrects_the_smallest_most() {
        for (found, expected) in holm(&[0.001, 0.02, 0.03, 0.2]).into_iter().zip([0.004, 0.06, 0.06, 0.2]) {
            near(found, expected);
        }
        for (found, expected) in holm(&[0.2, 0.03, 0.001, 0.02]).into_iter().zip([0.2, 0.06, 0.004, 0.06]) {
            near(found, expected);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    #[test]
    fn what_cannot_be_tested_is_none() {
        assert_eq!(wilcoxon_signed_rank(&X, &X), None);
        assert_eq!(wilcoxon_signed_rank(&[], &[]), None);
        assert_eq!(wilcoxon_signed_rank(&[f64::NAN], &[1.0]), None);
        assert_eq!(mann_whitney(&[], &X), None);
        assert_eq!(mann_whitney(&[f64::INFINITY], &X), None);
        assert_eq!(mann_whitney(&[1.0; 30], &[1.0; 30]), None);
        assert_eq!(cliffs_delta(&X, &[]), None);
    }

    #[test]
    fn ties_are_counted_exactly_too() {
        // Ranks 1.5, 1.5, 3 with signs -, +, +: of the 8 assignments 3 have a sum of at most 1.5 (0, 1.5, 1.5).
        let test = wilcoxon_signed_rank(&[-1.0, 1.0, 2.0], &[0.0; 3]).unwrap();
        near(test.statistic, 1.5);
        near(test.p_value, 0.75);
    }

    #[test]
    fn the_approximations_agree_with_the_counts_where_they_meet() {
        let places = || (1..=51_u32).map(f64::from);
        let signed: Vec<f64> = places().map(|place| if place % 3.0 < 0.5 { -place } else { place }).collect();
        let test = wilcoxon_signed_rank(&signed, &[0.0; 51]).unwrap();
        let exact = 2.0 * signed_ranks_at_most(test.statistic, &places().collect::<Vec<_>>());
        assert!(0.04 < exact && (exact - test.p_value).abs() < 1e-3, "{exact} and {}", test.p_value);

        let x: Vec<f64> = places().take(21).map(|place| 1.3 * place + 1.0).collect();
        let y: Vec<f64> = places().take(20).map(|place| place + 0.05).collect();
        let test = mann_whitney(&x, &y).unwrap();
        let exact = 2.0 * orders_at_least(test.statistic, 21, 20);
        assert!(0.01 < exact && (exact - test.p_value).abs() < 3e-3, "{exact} and {}", test.p_value);
    }

    proptest! {
        #[test]
        fn the_probability_is_what_all_pairs_say(
            x in prop::collection::vec(-5_i8..5, 1..30), y in prop::collection::vec(-5_i8..5, 1..30),
        ) {
            let [x, y] = [x, y].map(|values| values.into_iter().map(f64::from).collect::<Vec<_>>());
            let won = |x: f64, y: f64| if x > y { 1.0 } else if x < y { 0.0 } else { 0.5 };
            let all: f64 = x.iter().flat_map(|x| y.iter().map(move |y| won(*x, *y))).sum();
            let expected = all / number(x.len() * y.len());
            prop_assert!((probability_larger(&x, &y).unwrap() - expected).abs() < 1e-12);
            if let Some(test) = mann_whitney(&x, &y) {
                prop_assert!((0.0..=1.0).contains(&test.p_value));
            }
        }
    }
}
