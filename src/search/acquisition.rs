//! How much is to be expected of a cell that a model is unsure about.

use std::f64::consts::{PI, SQRT_2};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// The expected improvement over the best loss so far of a cell whose loss is normal.
///
/// # Source
///
/// Jones et al., Journal of Global Optimization 13, 1998.
pub(super) fn expected_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    if deviation <= 0.0 {
        return (best - mean).max(0.0);
    }
    let z = (best - mean) / deviation;
    let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    ((best - mean) * 0.5 * complementary_error(-z / SQRT_2) + deviation * density).max(0.0)
}

/// The complementary error function, to seven digits: Press et al., Numerical Recipes, 6.2.
fn complementary_error(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let exponent = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let value = t * (exponent - x * x).exp();
    if x >= 0.0 { value } else { 2.0 - value }
}

/// A number of the normal distribution around 0 with a deviation of 1: Box & Muller, 1958.
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random_range(0.0..1.0_f64)).ln()).sqrt();
    radius * (2.0 * PI * rng.random_range(0.0..1.0)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    #[test]
    fn the_expected_improvement_is_the_known_one() {
        // `gp_rbf_ei_min` of the known answers.
        let cases = [
            (0.340_482_223_813_239_95, 0.170_552_618_399_082_6, 3.542_855_330_184_108_5e-5),
            (0.229_372_457_388_098_64, 0.539_936_700_941_540_1, 0.065_452_011_844_916_25),
        ];
        for (mean, deviation, expected) in cases {
            let found = expected_improvement(mean, deviation, -0.2);
            assert!((found / expected - 1.0).abs() < 1e-5, "{found} and {expected}");
        }
        assert!((expected_improvement(0.25, 0.0, 0.75) - 0.5).abs() < 1e-15);
        assert!(expected_improvement(0.75, 0.0, 0.25).abs() < 1e-15);
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut rng = Seed(1).rng();
        let numbers: Vec<_> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = crate::statistics::mean(&numbers).unwrap();
        let deviation = crate::statistics::standard_deviation(&numbers).unwrap();
        assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    }
}
