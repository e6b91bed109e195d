//! How numbers print: percentages with two decimals, thousands apart, a dash where there is nothing.

use crate::space::ModuleHash;
use crate::statistics::Estimate;
use crate::unit::{Accuracy, Epochs, Flops};

use super::Spread;

/// What stands where there is no value.
pub(super) const NOTHING: &str = "–";

/// A fraction as a percentage with two decimals, without the sign.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.2}", fraction * 100.0)
}

/// An accuracy as a percentage with two decimals, without the sign.
pub(super) fn accuracy(accuracy: Option<Accuracy>) -> String {
    accuracy.map_or_else(nothing, |accuracy| percent(accuracy.fraction().into()))
}

/// A difference of fractions in percentage points, with its sign.
pub(super) fn points(difference: Option<f64>) -> String {
    // Adding zero turns −0 into 0.
    difference.map_or_else(nothing, |difference| format!("{:+.2}", (difference * 1e4).round() / 100.0 + 0.0).replace('-', "−"))
}

/// A correlation or another plain number with three decimals.
pub(super) fn plain(value: Option<f64>) -> String {
    value.map_or_else(nothing, |value| format!("{value:.3}").replace('-', "−"))
}

/// A value with its bounds.
pub(super) fn interval(estimate: Option<Estimate>, text: fn(f64) -> String) -> String {
    estimate.map_or_else(nothing, |Estimate { value, low, high }| format!("{} [{}, {}]", text(value), text(low), text(high)))
}

/// A correlation with its bounds, with three decimals.
pub(super) fn correlation(estimate: Option<Estimate>) -> String {
    interval(estimate, |value| plain(Some(value)))
}

/// A mean and its deviation with three decimals.
pub(super) fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(nothing, |spread| with_deviation(&plain(Some(spread.mean)), spread.deviation.map(|d| format!("{d:.3}"))))
}

/// A mean and its deviation, both fractions, as percentages.
pub(super) fn percent_spread(spread: Option<Spread>) -> String {
    spread.map_or_else(nothing, |spread| with_deviation(&percent(spread.mean), spread.deviation.map(percent)))
}

/// A mean and its deviation as they are.
pub(super) fn with_deviation(mean: &str, deviation: Option<String>) -> String {
    deviation.map_or_else(|| mean.to_owned(), |deviation| format!("{mean} ± {deviation}"))
}

/// A count with its thousands apart.
pub(super) fn thousands(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(u64::MAX).to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// Floating-point operations in millions.
#[expect(clippy::cast_precision_loss, reason = "two decimals are printed")]
pub(super) fn millions(flops: Flops) -> String {
    format!("{:.2}", flops.0 as f64 / 1e6)
}

/// The first eight digits of a hash: enough to tell the cells of a run apart.
pub(super) fn short(hash: ModuleHash) -> String {
    hash.to_string()[..8].to_owned()
}

/// A count and its noun in the right number.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

/// A budget in words.
pub(super) fn budget(epochs: Epochs) -> String {
    counted(epochs.0.into(), "epoch")
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts of a report are far below 2^53")]
pub(super) const fn real(count: usize) -> f64 {
    count as f64
}

pub(super) fn nothing() -> String {
    NOTHING.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_a_person_would_write_them() {
        assert_eq!(percent(0.863_14), "86.31");
        assert_eq!(points(Some(0.0052)), "+0.52");
        assert_eq!(points(Some(-0.0052)), "−0.52");
        assert_eq!(points(Some(-0.000_001)), "+0.00");
        assert_eq!(plain(Some(-0.25)), "−0.250");
        assert_eq!(plain(None), "–");
        assert_eq!([0_u64, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(2_532, "cell"), "2,532 cells");
        assert_eq!(spread(Some(Spread { mean: 0.5, deviation: Some(0.25) })), "0.500 ± 0.250");
        assert_eq!(percent_spread(Some(Spread { mean: 0.5, deviation: None })), "50.00");
    }
}
