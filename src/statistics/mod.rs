//! Numbers about lists of numbers: means, quantiles, ranks, correlations, errors.
//!
//! Whatever is undefined (too few values, a constant list in a correlation, a value that is not finite) is `None`: no
//! function here answers with NaN. A new statistic is one function, with its formula or its source in its documentation.

pub(crate) mod distribution;
pub mod eigen;
mod interval;
mod known_mean;

pub use interval::{Estimate, RankCorrelation, kendall_interval, pearson_interval, spearman_interval};
pub(crate) use interval::{NORMAL_95, degrees_of_freedom};
pub(crate) use known_mean::KnownMean;

/// A count as a number; exact below 2^53.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of values are far below 2^53")]
pub(crate) const fn number(count: usize) -> f64 {
    count as f64
}

fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] - pair[1] == 0.0)
}

/// Two lists between which a correlation is defined.
fn can_correlate(x: &[f64], y: &[f64]) -> bool {
    assert_eq!(x.len(), y.len(), "paired lists have one length");
    x.len() >= 2 && all_finite(x) && all_finite(y) && !is_constant(x) && !is_constant(y)
}

/// The arithmetic mean; `None` of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / number(values.len());
    mean.is_finite().then_some(mean)
}

/// The sample standard deviation, with n − 1 below the line; `None` of fewer than two values.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() < 2 {
        return None;
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / number(values.len() - 1)).sqrt()).filter(|deviation| deviation.is_finite())
}

/// The standard deviation within groups, pooled: the root of the mean of their sample variances.
///
/// Groups of fewer than two values say nothing of it; `None` if all are so.
pub fn pooled_deviation<G: AsRef<[f64]>>(groups: impl IntoIterator<Item = G>) -> Option<f64> {
    let variances = groups.into_iter().filter_map(|group| Some(standard_deviation(group.as_ref())?.powi(2)));
    mean(&variances.collect::<Vec<_>>()).map(f64::sqrt)
}

/// The quantile at `fraction` (0.5 is the median), linear between the two values nearest to it.
///
/// `None` of nothing, or for a fraction outside 0..=1.
///
/// # Source
///
/// Hyndman & Fan, "Sample quantiles in statistical packages", 1996, definition 7: what NumPy and R do unasked.
#[must_use]
pub fn quantile(values: &[f64], fraction: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, fraction)
}

/// Returns the [`quantile`] of values that are sorted, ascending.
#[must_use]
pub(crate) fn quantile_of_sorted(sorted: &[f64], fraction: f64) -> Option<f64> {
    if sorted.is_empty() || !all_finite(sorted) || !(0.0..=1.0).contains(&fraction) {
        return None;
    }
    let position = fraction * number(sorted.len() - 1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position within the list")]
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (position - number(below)) * (sorted[above] - sorted[below]))
}

/// The ranks from 1, equal values sharing the mean of their ranks; `None` if a value is not finite.
#[must_use]
pub fn average_ranks(values: &[f64]) -> Option<Vec<f64>> {
    if !all_finite(values) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|a, b| is_constant(&[values[*a], values[*b]])) {
        let end = start + tied.len();
        for index in tied {
            ranks[*index] = number(start + 1 + end) / 2.0;
        }
        start = end;
    }
    Some(ranks)
}

/// Returns the positions with the highest values, one in `one_in`, rounded up; of equal ones the first. In no order.
pub(crate) fn best_of(mut places: Vec<usize>, values: &[f64], one_in: usize) -> Vec<usize> {
    let best = places.len().div_ceil(one_in);
    if best < places.len() {
        places.select_nth_unstable_by(best, |a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        places.truncate(best);
    }
    places
}

/// Pearson's linear correlation; `None` if it is undefined.
///
/// # Panics
///
/// Panics if the lists differ in length.
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    if !can_correlate(x, y) {
        return None;
    }
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    let correlation = xy / (xx.sqrt() * yy.sqrt());
    correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0))
}

/// Spearman's rank correlation: Pearson's of the average ranks; `None` if it is undefined.
///
/// # Panics
///
/// Panics if the lists differ in length.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "paired lists have one length");
    pearson(&average_ranks(x)?, &average_ranks(y)?)
}

/// Kendall's rank correlation with ties accounted for (τ-b), in O(n log n); `None` if it is undefined.
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Example
///
/// ```
/// use nasbench::statistics::kendall_tau_b;
///
/// assert_eq!(kendall_tau_b(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), Some(1.0));
/// assert_eq!(kendall_tau_b(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), None);
/// ```
///
/// # Source
///
/// Knight, "A computer method for calculating Kendall's tau with ungrouped data", 1966: the discordant pairs are the
/// exchanges of a merge sort by `y` of what is sorted by `x`.
#[must_use]
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Option<f64> {
    if !can_correlate(x, y) {
        return None;
    }
    // Ranks instead of values: equal values become the very same bits, so that one total order serves sorts and ties.
    let mut pairs: Vec<(f64, f64)> = average_ranks(x)?.into_iter().zip(average_ranks(y)?).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x = tied_pairs(pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()).map(<[_]>::len));
    let tied_both = tied_pairs(pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).is_eq()).map(<[_]>::len));
    let mut by_y: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let discordant = sort_counting_exchanges(&mut by_y, &mut vec![0.0; pairs.len()]);
    let tied_y = tied_pairs(by_y.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(<[_]>::len));

    let all = tied_pairs(std::iter::once(pairs.len()));
    let surplus = number(all + tied_both) - number(tied_x + tied_y + 2 * discordant);
    Some((surplus / number(all - tied_x).sqrt() / number(all - tied_y).sqrt()).clamp(-1.0, 1.0))
}

/// How many pairs lie within groups of these sizes.
fn tied_pairs(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.map(|size| size * (size - 1) / 2).sum()
}

/// Merge-sorts and counts how many pairs stood in the wrong order.
fn sort_counting_exchanges(values: &mut [f64], merged: &mut [f64]) -> usize {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let mut exchanges = sort_counting_exchanges(&mut values[..middle], &mut merged[..middle])
        + sort_counting_exchanges(&mut values[middle..], &mut merged[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in merged.iter_mut() {
        let take_right = left == middle || (right < values.len() && values[right] < values[left]);
        if take_right {
            *slot = values[right];
            right += 1;
            exchanges += middle - left;
        } else {
            *slot = values[left];
            left += 1;
        }
    }
    values.copy_from_slice(merged);
    exchanges
}

/// The share of the variance of `truth` that `predicted` explains: 1 is perfect, 0 as good as the mean, below 0 worse.
///
/// `None` if the truth is constant.
///
/// # Panics
///
/// Panics if the lists differ in length.
#[must_use]
pub fn r_squared(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    assert_eq!(truth.len(), predicted.len(), "paired lists have one length");
    if truth.len() < 2 || !all_finite(truth) || is_constant(truth) {
        return None;
    }
    let mean = mean(truth)?;
    let around_mean: f64 = truth.iter().map(|value| (value - mean).powi(2)).sum();
    let residual: f64 = truth.iter().zip(predicted).map(|(truth, predicted)| (truth - predicted).powi(2)).sum();
    Some(1.0 - residual / around_mean).filter(|share| share.is_finite())
}

/// The root of the mean squared error; `None` of nothing.
///
/// # Panics
///
/// Panics if the lists differ in length.
#[must_use]
pub fn rmse(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    assert_eq!(truth.len(), predicted.len(), "paired lists have one length");
    let squares: Vec<f64> = truth.iter().zip(predicted).map(|(truth, predicted)| (truth - predicted).powi(2)).collect();
    mean(&squares).map(f64::sqrt)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const X: [f64; 6] = [1.0, 2.0, 2.0, 3.0, 5.0, 4.0];
    const Y: [f64; 6] = [1.0, 3.0, 2.0, 3.0, 4.0, 5.0];

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn correlations_with_ties_are_what_scipy_says() {
        assert!(near(kendall_tau_b(&X, &Y), 0.785_714_285_714_285_8));
        assert!(near(spearman(&X, &Y), 0.897_058_823_529_411_8));
        assert!(near(pearson(&X, &Y), 0.864_692_030_547_470_5));
    }

    #[test]
    fn what_is_undefined_is_none() {
        for correlation in [pearson, spearman, kendall_tau_b, r_squared] {
            assert_eq!(correlation(&[], &[]), None);
            assert_eq!(correlation(&[1.0], &[2.0]), None);
            assert_eq!(correlation(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]), None);
            assert_eq!(correlation(&[0.0, -0.0], &[1.0, 2.0]), None);
            assert_eq!(correlation(&[1.0, f64::NAN, 3.0], &[1.0, 2.0, 3.0]), None);
        }
        assert_eq!(kendall_tau_b(&X, &[0.3; 6]), None);
        assert_eq!((mean(&[]), standard_deviation(&[1.0]), quantile(&[], 0.5), rmse(&[], &[])), (None, None, None, None));
        assert_eq!(quantile(&[1.0], 1.5), None);
        assert_eq!(mean(&[1.0, f64::INFINITY]), None);
        assert_eq!(average_ranks(&[f64::NAN]), None);
    }

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(average_ranks(&X), Some(vec![1.0, 2.5, 2.5, 4.0, 6.0, 5.0]));
        assert_eq!(average_ranks(&[0.0, -0.0]), Some(vec![1.5, 1.5]));
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.0), Some(1.0));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), Some(4.0));
        assert!(near(quantile(&[10.0, 20.0, 30.0], 0.9), 28.0));
    }

    #[test]
    fn spread_and_errors_are_what_a_person_computes() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert!(near(standard_deviation(&[1.0, 2.0, 6.0]), 7.0_f64.sqrt()));
        assert_eq!(rmse(&[0.0, 0.0], &[3.0, -3.0]), Some(3.0));
        assert_eq!(r_squared(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), Some(1.0));
        assert_eq!(r_squared(&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]), Some(0.0));
    }

    /// Every pair by itself.
    fn naive_tau_b(x: &[f64], y: &[f64]) -> Option<f64> {
        let (mut surplus, mut untied_x, mut untied_y) = (0.0, 0.0_f64, 0.0_f64);
        let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
        for i in 0..x.len() {
            for j in 0..i {
                let (dx, dy) = (sign(x[i], x[j]), sign(y[i], y[j]));
                surplus += dx * dy;
                untied_x += dx.abs();
                untied_y += dy.abs();
            }
        }
        (untied_x > 0.0 && untied_y > 0.0).then(|| surplus / (untied_x.sqrt() * untied_y.sqrt()))
    }

    proptest! {
        #[test]
        fn tau_is_what_all_pairs_say(pairs in prop::collection::vec((-6_i8..6, -6_i8..6), 0..60)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(x, y)| (f64::from(*x) / 3.0, f64::from(*y) * 7.0)).unzip();
            match (kendall_tau_b(&x, &y), naive_tau_b(&x, &y)) {
                (Some(fast), Some(naive)) => prop_assert!((fast - naive).abs() < 1e-12, "{} and {}", fast, naive),
                (fast, naive) => prop_assert_eq!(fast, naive),
            }
        }
    }
}
