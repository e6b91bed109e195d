//! How much is to be expected of a cell that a model is unsure about.

use crate::statistics::distribution::{normal_density, normal_survival};

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
    ((best - mean) * normal_survival(-z) + deviation * normal_density(z)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_improvement_is_the_known_one() {
        // `gp_rbf_ei_min` of the known answers.
        let cases = [
            (0.340_482_223_813_239_95, 0.170_552_618_399_082_6, 3.542_855_330_184_108_5e-5),
            (0.229_372_457_388_098_64, 0.539_936_700_941_540_1, 0.065_452_011_844_916_25),
        ];
        for (mean, deviation, expected) in cases {
            let found = expected_improvement(mean, deviation, -0.2);
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} and {expected}");
        }
        assert!((expected_improvement(0.25, 0.0, 0.75) - 0.5).abs() < 1e-15);
        assert!(expected_improvement(0.75, 0.0, 0.25).abs() < 1e-15);
    }
}
