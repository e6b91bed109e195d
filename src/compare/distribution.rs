//! The distributions that tests ask for their tails: normal, χ², F, and the studentized range.

use std::f64::consts::{PI, SQRT_2};

/// More steps than any series or fraction here takes at the sizes that occur.
const MOST_STEPS: u32 = 10_000;
const PRECISION: f64 = 1e-15;
/// In place of a zero in a denominator.
const TINY: f64 = 1e-300;

/// The probability that a standard normal number is larger than `z`.
pub(super) fn normal_survival(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// The probability that a χ² number of so many degrees of freedom is larger than `x`.
pub(super) fn chi_squared_survival(x: f64, degrees: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { upper_gamma(degrees / 2.0, x / 2.0) }
}

/// The probability that an F number of so many degrees of freedom, above and below the line, is larger than `x`.
pub(super) fn f_survival(x: f64, above: f64, below: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { incomplete_beta(below / (below + above * x), below / 2.0, above / 2.0) }
}

/// The probability that the range of `count` standard normal numbers is larger than `range`.
///
/// This is the studentized range of infinitely many degrees of freedom.
///
/// # Source
///
/// 1 − k ∫ φ(z) (Φ(z) − Φ(z − q))^(k − 1) dz: the largest of the k numbers is z, all others lie in the q below it. The
/// trapezoidal rule has an error below 1e-14 here, as the integrand is smooth and vanishes at both ends.
pub(super) fn range_survival(range: f64, count: u32) -> f64 {
    const STEPS_PER_UNIT: f64 = 32.0;
    if range <= 0.0 || count < 2 {
        return 1.0;
    }
    let others = i32::try_from(count - 1).unwrap_or(i32::MAX);
    let sum: f64 = (-288..=288)
        .map(|step| {
            let z = f64::from(step) / STEPS_PER_UNIT;
            let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
            density * (normal_survival(z - range) - normal_survival(z)).powi(others)
        })
        .sum();
    (1.0 - f64::from(count) * sum / STEPS_PER_UNIT).clamp(0.0, 1.0)
}

/// The range that the range of `count` standard normal numbers exceeds with a probability.
pub(super) fn range_quantile(probability: f64, count: u32) -> f64 {
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

/// The regularised upper incomplete gamma function Q(a, x) of `x` above 0.
///
/// # Source
///
/// Press et al., "Numerical recipes", 3rd edition, section 6.2: the series below a + 1, Lentz's continued fraction above.
fn upper_gamma(a: f64, x: f64) -> f64 {
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for step in 1..MOST_STEPS {
            term *= x / (a + f64::from(step));
            sum += term;
            if term < sum * PRECISION {
                break;
            }
        }
        return (1.0 - scale * sum).clamp(0.0, 1.0);
    }
    let mut b = x + 1.0 - a;
    let mut above = 1.0 / TINY;
    let mut below = 1.0 / b;
    let mut fraction = below;
    for step in (1..MOST_STEPS).map(f64::from) {
        let factor = step * (a - step);
        b += 2.0;
        below = 1.0 / away_from_zero(factor * below + b);
        above = away_from_zero(b + factor / above);
        fraction *= above * below;
        if (above * below - 1.0).abs() < PRECISION {
            break;
        }
    }
    (scale * fraction).clamp(0.0, 1.0)
}

/// The regularised incomplete beta function of `x` from 0 to 1.
///
/// # Source
///
/// Press et al., "Numerical recipes", 3rd edition, section 6.4.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let scale = (libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on one side of the mean only.
    let value = if x < (a + 1.0) / (a + b + 2.0) {
        scale * beta_fraction(x, a, b) / a
    } else {
        1.0 - scale * beta_fraction(1.0 - x, b, a) / b
    };
    value.clamp(0.0, 1.0)
}

/// Lentz's continued fraction of the incomplete beta function.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut above = 1.0;
    let mut below = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = below;
    for step in (1..MOST_STEPS).map(f64::from) {
        let even = step * (b - step) * x / ((a + 2.0 * step - 1.0) * (a + 2.0 * step));
        let odd = -(a + step) * (a + b + step) * x / ((a + 2.0 * step) * (a + 2.0 * step + 1.0));
        for factor in [even, odd] {
            below = 1.0 / away_from_zero(1.0 + factor * below);
            above = away_from_zero(1.0 + factor / above);
            fraction *= above * below;
        }
        if (above * below - 1.0).abs() < PRECISION {
            break;
        }
    }
    fraction
}

fn away_from_zero(number: f64) -> f64 {
    if number.abs() < TINY { TINY } else { number }
}

#[cfg(test)]
mod tests {
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
}
