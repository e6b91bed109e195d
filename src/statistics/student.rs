//! Means of few values: Student's t, and how far two means lie apart.

use super::{Estimate, mean, number, standard_deviation};

/// The quantile of Student's t of a two-sided interval: the value that its absolute value stays below with the probability `confidence`.
/// Degrees of freedom are rounded down, to 1 at least, which makes intervals wider.
///
/// # Source
///
/// Abramowitz & Stegun, Handbook of mathematical functions, 26.7.3 and 26.7.4: the probability is a finite sum of powers of the cosine
/// of the angle whose tangent is t / √ν; it is inverted by bisection.
#[must_use]
pub(crate) fn student_quantile(confidence: f64, freedom: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; above it is a normal distribution")]
    let freedom = freedom.clamp(1.0, 10_000.0) as u32;
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if below(middle, freedom) < confidence { low = middle } else { high = middle }
    }
    low.tan() * f64::from(freedom).sqrt()
}

/// The probability that |t| is below √ν times the tangent of an angle.
fn below(angle: f64, freedom: u32) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    // The sum over every second power of the cosine, each term made of the one before.
    let sum = |first: f64, from: u32| {
        let (mut term, mut sum) = (first, first);
        for power in (from..freedom - 1).step_by(2) {
            term *= cosine * cosine * f64::from(power) / f64::from(power + 1);
            sum += term;
        }
        sum
    };
    match freedom {
        1 => angle * std::f64::consts::FRAC_2_PI,
        _ if freedom % 2 == 1 => std::f64::consts::FRAC_2_PI * (angle + sine * sum(cosine, 2)),
        _ => sine * sum(1.0, 1),
    }
}

/// A mean, the variance of that mean, and the degrees of freedom by which it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KnownMean {
    pub(crate) value: f64,
    pub(crate) variance: f64,
    pub(crate) freedom: f64,
}

impl KnownMean {
    /// The mean of values of which nothing else is known; `None` of fewer than two.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let variance = standard_deviation(values)?.powi(2) / number(values.len());
        Some(Self { value: mean(values)?, variance, freedom: number(values.len() - 1) })
    }

    /// How far this mean lies above another one.
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

    /// The value with its bounds, between which it lies with a probability of `confidence`.
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
    fn quantiles_are_those_of_the_tables() {
        for (freedom, ninety, ninety_five) in [
            (1.0, 6.314, 12.706),
            (2.0, 2.920, 4.303),
            (3.0, 2.353, 3.182),
            (4.0, 2.132, 2.776),
            (9.0, 1.833, 2.262),
            (30.0, 1.697, 2.042),
        ] {
            near(student_quantile(0.90, freedom), ninety);
            near(student_quantile(0.95, freedom), ninety_five);
        }
        near(student_quantile(0.95, 1e9), 1.960);
        near(student_quantile(0.95, 4.9), 2.776);
        near(student_quantile(0.95, 0.5), 12.706);
    }

    #[test]
    fn two_means_differ_as_welch_says() {
        // scipy.stats.ttest_ind([1, 2, 3, 4, 5], [2, 8, 4, 12], equal_var=False).confidence_interval(0.95)
        let [one, other] =
            [[1.0, 2.0, 3.0, 4.0, 5.0].as_slice(), &[2.0, 8.0, 4.0, 12.0]].map(|values| KnownMean::of(values).unwrap());
        let difference = other.less(one);
        near(difference.value, 3.5);
        near(difference.freedom, 3.613);
        // With three degrees of freedom instead of 3.6.
        let reach = 3.182_446 * (0.5_f64 + 19.666_667 / 4.0).sqrt();
        near(difference.interval(0.95).high, 3.5 + reach);
        assert_eq!(KnownMean::of(&[1.0]), None);
        let exact = KnownMean::of(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!(exact.less(exact).interval(0.95), Estimate { value: 0.0, low: 0.0, high: 0.0 });
    }
}
