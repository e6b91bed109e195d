//! Means of few values with their uncertainty, and the difference of two of them.

use super::distribution::student_quantile;
use super::{Estimate, mean, number, standard_deviation};

/// A mean, the variance of that mean, and the degrees of freedom by which it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KnownMean {
    pub(crate) value: f64,
    pub(crate) variance: f64,
    pub(crate) freedom: f64,
}

impl KnownMean {
    /// Returns the mean of values of which nothing else is known; `None` of fewer than two.
    pub(crate) fn from_values(values: &[f64]) -> Option<Self> {
        let variance = standard_deviation(values)?.powi(2) / number(values.len());
        Some(Self { value: mean(values)?, variance, freedom: number(values.len() - 1) })
    }

    /// Pools the standard deviations of some groups, given with the number of values in each: returns 0 with the variance of one value.
    /// `None` without a group of two values.
    pub(crate) fn pooled(groups: impl IntoIterator<Item = (f64, usize)>) -> Option<Self> {
        let (mut squares, mut freedom) = (0.0, 0.0);
        for (deviation, values) in groups {
            squares += deviation.powi(2) * number(values - 1);
            freedom += number(values - 1);
        }
        (freedom > 0.0).then_some(Self { value: 0.0, variance: squares / freedom, freedom })
    }

    /// Returns how far this mean lies above another one.
    ///
    /// # Source
    ///
    /// Welch, "The generalization of 'Student's' problem when several different population variances are involved", Biometrika 34, 1947;
    /// the degrees of freedom by Satterthwaite, Biometrics Bulletin 2, 1946.
    pub(crate) fn less(self, other: Self) -> Self {
        let variance = self.variance + other.variance;
        let parts = self.variance.powi(2) / self.freedom + other.variance.powi(2) / other.freedom;
        let freedom = if parts > 0.0 { variance.powi(2) / parts } else { self.freedom.min(other.freedom) };
        Self { value: self.value - other.value, variance, freedom }
    }

    /// Returns the value with its confidence interval.
    pub(crate) fn interval(self, confidence: f64) -> Estimate {
        let reach = student_quantile(confidence, self.freedom) * self.variance.sqrt();
        Estimate { value: self.value, low: self.value - reach, high: self.value + reach }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-3, "{found}, expected {expected}");
    }

    #[test]
    fn two_means_differ_as_welch_says() {
        // scipy.stats.ttest_ind([1, 2, 3, 4, 5], [2, 8, 4, 12], equal_var=False).confidence_interval(0.95)
        let [one, other] =
            [[1.0, 2.0, 3.0, 4.0, 5.0].as_slice(), &[2.0, 8.0, 4.0, 12.0]].map(|values| KnownMean::from_values(values).unwrap());
        let difference = other.less(one);
        near(difference.value, 3.5);
        near(difference.freedom, 3.613);
        // With three degrees of freedom instead of 3.6.
        let reach = 3.182_446 * (0.5_f64 + 19.666_667 / 4.0).sqrt();
        near(difference.interval(0.95).high, 3.5 + reach);
        assert_eq!(KnownMean::from_values(&[1.0]), None);
        let exact = KnownMean::from_values(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!(exact.less(exact).interval(0.95), Estimate { value: 0.0, low: 0.0, high: 0.0 });
    }
}
