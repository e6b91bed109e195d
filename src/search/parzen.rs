//! Parzen estimators of a number: where the cells of a group have it, as a mixture of normal distributions.

use std::f64::consts::{PI, SQRT_2};

use super::SearchRng;
use crate::statistics::distribution::standard_normal;
use rand::RngExt as _;

use super::count;

/// The number of the latest cells that count in full; older ones count less, the oldest hardly.
pub(super) const REMEMBERED: usize = 25;
/// A deviation is never below the width of the range divided by this.
const NARROWEST: f64 = 100.0;

/// Returns the weight of a cell by its place among `cells`: the older ones count less, along a straight line from 1 / cells to 1.
pub(super) fn weight(place: usize, cells: usize) -> f64 {
    let old = cells.saturating_sub(REMEMBERED);
    match old {
        _ if place >= old => 1.0,
        1 => 1.0 / count(cells),
        _ => {
            let first = 1.0 / count(cells);
            first + (1.0 - first) * count(place) / count(old - 1)
        }
    }
}

/// The values that a number can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether it is rounded to a whole number.
    pub(super) is_whole: bool,
}

impl Range {
    /// Any value, each with the same chance before it is rounded.
    pub(super) fn draw(self, rng: &mut SearchRng) -> f64 {
        self.rounded(rng.random_range(self.low..self.high))
    }

    fn rounded(self, value: f64) -> f64 {
        if self.is_whole { value.round() } else { value }
    }
}

/// A normal distribution around each value that was seen, as wide as the gaps beside it, and a wide one around the middle of
/// the range, all cut off at its ends.
///
/// # Source
///
/// Bergstra et al., NeurIPS 2011, section 4; widths and weights as in the program hyperopt.
#[derive(Clone, Debug)]
pub(super) struct Parzen {
    range: Range,
    kernels: Vec<Kernel>,
    /// The share of the distributions that lies within the range.
    inside: f64,
}

#[derive(Clone, Copy, Debug)]
struct Kernel {
    weight: f64,
    mean: f64,
    deviation: f64,
}

impl Kernel {
    fn density(self, value: f64) -> f64 {
        let z = (value - self.mean) / self.deviation;
        self.weight * (-0.5 * z * z).exp() / (self.deviation * (2.0 * PI).sqrt())
    }

    fn between(self, low: f64, high: f64) -> f64 {
        let below = |value: f64| 0.5 * libm::erfc((self.mean - value) / (self.deviation * SQRT_2));
        self.weight * (below(high) - below(low))
    }
}

impl Parzen {
    /// The estimator of values in the order in which they were seen; the wide distribution counts `prior_weight` of them.
    pub(super) fn new(range: Range, values: &[f64], prior_weight: f64) -> Self {
        let width = range.high - range.low;
        let prior = Kernel { weight: prior_weight, mean: f64::midpoint(range.low, range.high), deviation: width };
        let kernel = |(place, mean): (usize, &f64)| Kernel { weight: weight(place, values.len()), mean: *mean, deviation: width };
        let mut kernels: Vec<_> = values.iter().enumerate().map(kernel).collect();
        kernels.sort_by(|one, other| one.mean.total_cmp(&other.mean));
        let middle = kernels.partition_point(|kernel| kernel.mean < prior.mean);
        kernels.insert(middle, prior);
        let narrowest = width / NARROWEST.min(1.0 + count(kernels.len()));
        let gaps: Vec<f64> = kernels.windows(2).map(|two| two[1].mean - two[0].mean).collect();
        for (place, kernel) in kernels.iter_mut().enumerate().filter(|(place, _)| *place != middle) {
            let beside = [place.checked_sub(1).and_then(|before| gaps.get(before)), gaps.get(place)];
            let widest = beside.into_iter().flatten().copied().fold(0.0, f64::max);
            // The gap to the middle alone would say too much of where a single value may lie.
            kernel.deviation = if values.len() == 1 { width / 2.0 } else { widest.clamp(narrowest, width) };
        }
        let sum: f64 = kernels.iter().map(|kernel| kernel.weight).sum();
        for kernel in &mut kernels {
            kernel.weight /= sum;
        }
        let inside = kernels.iter().map(|kernel| kernel.between(range.low, range.high)).sum();
        Self { range, kernels, inside }
    }

    /// Draws a value.
    pub(super) fn draw(&self, rng: &mut SearchRng) -> f64 {
        let Range { low, high, .. } = self.range;
        loop {
            let mut left = rng.random_range(0.0..1.0);
            let chosen = self.kernels.iter().find(|kernel| {
                left -= kernel.weight;
                left < 0.0
            });
            let Some(Kernel { mean, deviation, .. }) = chosen.or(self.kernels.last()) else { return low };
            let value = mean + deviation * standard_normal(rng);
            if (low..high).contains(&value) {
                return self.range.rounded(value);
            }
        }
    }

    /// How probable a value is: the density, or of a whole number its chance.
    pub(super) fn density(&self, value: f64) -> f64 {
        let Range { low, high, is_whole } = self.range;
        let of = |kernel: &Kernel| {
            if is_whole { kernel.between((value - 0.5).max(low), (value + 0.5).min(high)) } else { kernel.density(value) }
        };
        self.kernels.iter().map(of).sum::<f64>() / self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    const UNIT: Range = Range { low: 0.0, high: 1.0, is_whole: false };
    const DIGIT: Range = Range { low: 0.0, high: 9.0, is_whole: true };

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
            "{found:?}, not {expected:?}"
        );
    }

    #[test]
    fn weights_are_those_of_optuna_and_hyperopt() {
        // `default_weights(n)` of optuna 5.0.0, equal to `linear_forgetting_weights(n, 25)` of hyperopt 0.3.0: the first of
        // them; the others are 1.
        let firsts: [(usize, &[f64]); 5] = [
            (1, &[1.0]),
            (25, &[1.0, 1.0]),
            (26, &[1.0 / 26.0, 1.0]),
            (27, &[1.0 / 27.0, 1.0, 1.0]),
            (30, &[1.0 / 30.0, 0.275, 0.516_666_666_666_666_7, 0.758_333_333_333_333_3, 1.0, 1.0]),
        ];
        for (cells, expected) in firsts {
            near(&(0..expected.len()).map(|place| weight(place, cells)).collect::<Vec<_>>(), expected);
        }
        near(&[(0..60).map(|place| weight(place, 60)).sum()], &[42.791_666_666_666_67]);
    }

    #[test]
    fn densities_are_those_of_hyperopt() {
        // `adaptive_parzen_normal` and `GMM1_lpdf` of hyperopt 0.3.0, at 0, 0.25, 0.5 and 0.99.
        let thirty: Vec<f64> = (0..30_u8).map(|place| (f64::from(place) * 0.37) % 1.0).collect();
        let known: [(&[f64], [f64; 4]); 5] = [
            (&[], [0.919_410_845_399_188_7, 1.009_775_269_339_784_8, 1.041_828_977_196_953_8, 0.923_973_211_624_544_8]),
            (&[0.7], [0.633_826_888_189_487_6, 0.893_885_668_058_763_2, 1.104_646_201_496_387_8, 1.000_250_130_158_573]),
            (&[0.3], [0.990_854_679_924_846_7, 1.148_512_323_075_951_7, 1.104_646_201_496_387_8, 0.643_738_879_496_577_3]),
            (
                &[0.9, 0.15, 0.3, 0.8, 0.2, 0.55],
                [0.633_300_364_621_929_2, 1.499_060_698_218_988_7, 0.742_493_568_396_466_2, 0.768_084_364_151_250_7],
            ),
            (&thirty, [0.392_934_376_023_649_06, 1.022_232_751_512_396_3, 1.033_057_410_311_792_4, 0.850_010_106_352_428_4]),
        ];
        for (values, expected) in known {
            let estimator = Parzen::new(UNIT, values, 1.0);
            near(&[0.0, 0.25, 0.5, 0.99].map(|value| estimator.density(value)), &expected);
        }
        let digits = Parzen::new(DIGIT, &[9.0, 7.0, 9.0, 2.0, 8.0], 1.0);
        let chances: Vec<f64> = (0..10_u8).map(|digit| digits.density(digit.into())).collect();
        let expected = [
            0.022_572_922_983_930_77,
            0.052_682_899_997_690_09,
            0.059_742_974_171_849_8,
            0.062_972_249_209_357_7,
            0.064_562_154_694_367_84,
            0.071_319_004_843_718_64,
            0.100_680_128_012_302_6,
            0.171_768_596_348_200_66,
            0.255_226_965_844_798_5,
            0.138_472_103_893_783_34,
        ];
        near(&chances, &expected);
        near(&[chances.iter().sum()], &[1.0]);
    }

    #[test]
    fn values_are_drawn_as_often_as_the_densities_say() {
        let mut rng = Seed(1).rng();
        let digits = Parzen::new(DIGIT, &[9.0, 7.0, 9.0, 2.0, 8.0], 1.0);
        let mut drawn = [0_u32; 10];
        for _ in 0..20_000 {
            let value = digits.draw(&mut rng);
            let digit = (0..10_u8).find(|digit| (f64::from(*digit) - value).abs() < 1e-9).unwrap();
            drawn[usize::from(digit)] += 1;
        }
        for (digit, drawn) in (0..10_u8).zip(drawn) {
            let share = f64::from(drawn) / 20_000.0;
            assert!((share - digits.density(digit.into())).abs() < 0.015, "{digit}: {share}");
        }
        let unit = Parzen::new(UNIT, &[0.9, 0.8, 0.95], 1.0);
        let mean = (0..20_000).map(|_| unit.draw(&mut rng)).sum::<f64>() / 20_000.0;
        let places = || (0..1_000_u16).map(|place| (f64::from(place) + 0.5) / 1_000.0);
        let expected = places().map(|place| place * unit.density(place)).sum::<f64>() / 1_000.0;
        assert!((mean - expected).abs() < 0.01, "{mean} and {expected}");
    }
}
