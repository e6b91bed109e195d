//! The distributions that tests ask for their tails: normal, χ², F, Student's t, and the studentized range.

use std::f64::consts::{PI, SQRT_2};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF as _, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_ur;

/// The probability that a standard normal number is larger than `z`.
pub(crate) fn normal_survival(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// The density of the standard normal distribution at `z`.
pub(crate) fn normal_density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * PI).sqrt()
}

/// The probability that a χ² number with `degrees` degrees of freedom is larger than `x`.
pub(crate) fn chi_squared_survival(x: f64, degrees: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_ur(degrees / 2.0, x / 2.0) }
}

/// The probability that an F number with `above` and `below` degrees of freedom is larger than `x`.
pub(crate) fn f_survival(x: f64, above: f64, below: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { beta_reg(below / 2.0, above / 2.0, below / (below + above * x)) }
}

/// The probability that the range of `count` standard normal numbers is larger than `range`.
///
/// This is the studentized range of infinitely many degrees of freedom.
///
/// # Source
///
/// 1 − k ∫ φ(z) (Φ(z) − Φ(z − q))^(k − 1) dz: the largest of the k numbers is z, all others lie in the q below it. The
/// trapezoidal rule has an error below 1e-14 here, as the integrand is smooth and vanishes at both ends.
pub(crate) fn range_survival(range: f64, count: u32) -> f64 {
    const STEPS_PER_UNIT: f64 = 32.0;
    if range <= 0.0 || count < 2 {
        return 1.0;
    }
    let others = i32::try_from(count - 1).unwrap_or(i32::MAX);
    let sum: f64 = (-288..=288)
        .map(|step| {
            let z = f64::from(step) / STEPS_PER_UNIT;
            normal_density(z) * (normal_survival(z - range) - normal_survival(z)).powi(others)
        })
        .sum();
    (1.0 - f64::from(count) * sum / STEPS_PER_UNIT).clamp(0.0, 1.0)
}

/// The range that the range of `count` standard normal numbers exceeds with a probability.
pub(crate) fn range_quantile(probability: f64, count: u32) -> f64 {
    let (mut low, mut high) = (0.0, 100.0);
    // After 60 halvings the bounds are neighbours.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if range_survival(middle, count) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The quantile of Student's t of a two-sided interval: the value that its absolute value stays below with the probability `confidence`.
/// Degrees of freedom are rounded down, to 1 at least, which makes intervals wider.
#[must_use]
pub(crate) fn student_quantile(confidence: f64, freedom: f64) -> f64 {
    // Above it is a normal distribution to six digits.
    let freedom = freedom.floor().clamp(1.0, 10_000.0);
    StudentsT::new(0.0, 1.0, freedom).expect("at least one degree").inverse_cdf(f64::midpoint(1.0, confidence))
}

/// A number of the normal distribution around 0 with a deviation of 1.
///
/// # Source
///
/// Box & Muller, "A note on the generation of random normal deviates", 1958.
pub(crate) fn standard_normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random_range(0.0..1.0_f64)).ln()).sqrt();
    radius * (2.0 * PI * rng.random_range(0.0..1.0)).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn tails_with_a_closed_form_have_it() {
        near(normal_survival(0.0), 0.5);
        near(normal_survival(1.959_963_984_540_054), 0.025);
        for x in [0.1, 1.0, 3.0, 20.0] {
            // With 2 degrees of freedom the χ² distribution is exponential, with 1 it is that of a squared normal number.
            near(chi_squared_survival(x, 2.0), (-x / 2.0_f64).exp());
            near(chi_squared_survival(x, 1.0), 2.0 * normal_survival(x.sqrt()));
            // With 2 degrees above the line the F distribution is a power, and F of (a, b) is 1 / F of (b, a).
            near(f_survival(x, 2.0, 10.0), (1.0 + x / 5.0).powi(-5));
            near(f_survival(x, 10.0, 2.0), 1.0 - (1.0 + 1.0 / x / 5.0).powi(-5));
            // The range of two normal numbers is the absolute value of their difference.
            near(range_survival(x, 2), 2.0 * normal_survival(x / SQRT_2));
        }
    }

    #[test]
    fn the_whole_distribution_lies_above_0() {
        for x in [0.0, -1.0] {
            near(chi_squared_survival(x, 3.0), 1.0);
            near(f_survival(x, 3.0, 15.0), 1.0);
            near(range_survival(x, 4), 1.0);
        }
    }

    #[test]
    fn a_quantile_is_exceeded_with_its_probability() {
        for count in [2, 4, 8, 20] {
            near(range_survival(range_quantile(0.05, count), count), 0.05);
        }
        // Demšar, JMLR 7, 2006, table 5 (a): q at 0.05 for 2 to 10 classifiers; some of its last digits are one too low or high.
        let table = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164];
        for (count, q) in (2..).zip(table) {
            assert!((range_quantile(0.05, count) / SQRT_2 - q).abs() < 1e-3, "{count}");
        }
    }

    fn about(found: f64, expected: f64) {
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
            about(student_quantile(0.90, freedom), ninety);
            about(student_quantile(0.95, freedom), ninety_five);
        }
        about(student_quantile(0.95, 1e9), 1.960);
        about(student_quantile(0.95, 4.9), 2.776);
        about(student_quantile(0.95, 0.5), 12.706);
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let numbers: Vec<_> = (0..20_000).map(|_| standard_normal(&mut rng)).collect();
        let mean = crate::statistics::mean(&numbers).unwrap();
        let deviation = crate::statistics::standard_deviation(&numbers).unwrap();
        assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    }
}
