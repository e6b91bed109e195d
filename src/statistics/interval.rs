//! Correlations with the bounds between which they lie.

use rayon::join;
use serde::Serialize;

use super::{best_of, kendall_tau_b, number, pearson, quantile, spearman};

/// The quantile of the normal distribution of a two-sided interval of 95 %.
pub(crate) const NORMAL_95: f64 = 1.959_963_984_540_054;
/// The best tenth is one cell in ten.
const BEST: usize = 10;

/// A value, and the bounds between which it lies with a confidence of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The value itself.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Estimate {
    /// A value with the bounds of the middle 95 % of what resampling gave; `None` if that gave nothing.
    pub(crate) fn of_resamples(value: f64, resampled: &[f64]) -> Option<Self> {
        Some(Self { value, low: quantile(resampled, 0.025)?, high: quantile(resampled, 0.975)? })
    }

    /// A correlation with its interval by Fisher's transform, whose variance is given.
    pub(crate) fn of_correlation(value: f64, variance: f64) -> Self {
        // Of a perfect correlation the transform is infinite, and so are its bounds, which lie at the correlation itself.
        let (center, reach) = (value.atanh(), NORMAL_95 * variance.sqrt());
        Self { value, low: (center - reach).tanh(), high: (center + reach).tanh() }
    }
}

/// How well one number ranks the cells of another. What cannot be had, as of three cells, is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RankCorrelation {
    /// The cells that have both numbers.
    pub cells: usize,
    /// Spearman's rank correlation over all cells.
    pub spearman: Option<Estimate>,
    /// Spearman's rank correlation among the best tenth of the cells, by the number that is to be told.
    pub spearman_of_best: Option<Estimate>,
    /// Kendall's τ-b over all cells.
    pub kendall_tau_b: Option<Estimate>,
}

impl RankCorrelation {
    /// How well `x` ranks the cells of `y`. Cells that lack one of the two are left out.
    ///
    /// # Shapes
    ///
    /// - `x`, `y`: `[cells]`, NaN where there is none
    ///
    /// # Panics
    ///
    /// Panics if the lists differ in length.
    #[must_use]
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        assert_eq!(x.len(), y.len(), "paired lists have one length");
        let all: Vec<usize> = (0..x.len()).filter(|place| x[*place].is_finite() && y[*place].is_finite()).collect();
        let best = best_of(all.clone(), y, BEST);
        let picked = |values: &[f64], places: &[usize]| places.iter().map(|place| values[*place]).collect::<Vec<_>>();
        let [(all_x, all_y), (best_x, best_y)] = [&all, &best].map(|places| (picked(x, places), picked(y, places)));
        let (spearman, kendall_tau_b) = join(|| spearman_interval(&all_x, &all_y), || kendall_interval(&all_x, &all_y));
        Self { cells: all.len(), spearman, spearman_of_best: spearman_interval(&best_x, &best_y), kendall_tau_b }
    }
}

/// Spearman's correlation with its interval of 95 %; `None` of fewer than four pairs, or where one list is constant.
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Bonett & Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations", Psychometrika 65, 2000:
/// Fisher's transform with the variance (1 + r²/2) / (n − 3).
#[must_use]
pub fn spearman_interval(x: &[f64], y: &[f64]) -> Option<Estimate> {
    let value = spearman(x, y)?;
    Some(Estimate::of_correlation(value, (1.0 + value.powi(2) / 2.0) / degrees_of_freedom(x.len(), 3)?))
}

/// Kendall's τ-b with its interval of 95 %; `None` of fewer than five pairs, or where one list is constant.
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Bonett & Wright, Psychometrika 65, 2000: Fisher's transform with the variance .437 / (n − 4).
#[must_use]
pub fn kendall_interval(x: &[f64], y: &[f64]) -> Option<Estimate> {
    Some(Estimate::of_correlation(kendall_tau_b(x, y)?, 0.437 / degrees_of_freedom(x.len(), 4)?))
}

/// Pearson's correlation with its interval of 95 %; `None` of fewer than four pairs, or where one list is constant.
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Fisher, "On the probable error of a coefficient of correlation", Metron 1, 1921: the variance of the transform is 1 / (n − 3).
#[must_use]
pub fn pearson_interval(x: &[f64], y: &[f64]) -> Option<Estimate> {
    Some(Estimate::of_correlation(pearson(x, y)?, 1.0 / degrees_of_freedom(x.len(), 3)?))
}

/// Returns the degrees of freedom that are left of `n` values, or `None` if there are none.
pub(crate) fn degrees_of_freedom(n: usize, used: usize) -> Option<f64> {
    n.checked_sub(used).filter(|left| *left > 0).map(number)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::super::distribution::standard_normal;
    use super::*;

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // Two normal variables with a correlation of .6: Spearman's is 6/π · asin(.3), Kendall's 2/π · asin(.6).
        let (rho, runs, n) = (0.6_f64, 2_000_u64, 40);
        let pi = std::f64::consts::PI;
        let truths = [6.0 / pi * (rho / 2.0).asin(), rho, 2.0 / pi * rho.asin()];
        let holds = |seed: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut normal = || standard_normal(&mut rng);
            let (x, y): (Vec<f64>, Vec<f64>) = (0..n)
                .map(|_| {
                    let x = normal();
                    (x, rho * x + (1.0 - rho * rho).sqrt() * normal())
                })
                .unzip();
            let found = [spearman_interval, pearson_interval, kendall_interval].map(|interval| interval(&x, &y).unwrap());
            std::array::from_fn::<_, 3, _>(|which| (found[which].low..=found[which].high).contains(&truths[which]))
        };
        let held: Vec<[bool; 3]> = (0..runs).map(holds).collect();
        for which in 0..3 {
            let share = number(held.iter().filter(|held| held[which]).count()) / number(held.len());
            assert!((0.935..0.965).contains(&share), "{which}: {share}");
        }
    }

    #[test]
    fn too_few_values_have_no_interval() {
        let [x, y] = [[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]];
        assert!(spearman_interval(&x[..3], &y[..3]).is_none() && pearson_interval(&x[..3], &y[..3]).is_none());
        assert!(kendall_interval(&x, &y).is_none());
        let perfect = spearman_interval(&x, &x).unwrap();
        assert!((perfect.low - 1.0).abs() < 1e-9, "{perfect:?}");
    }

    #[test]
    fn cells_are_ranked_over_all_and_among_the_best() {
        let cells: Vec<f64> = (0..1_000_u16).map(f64::from).collect();
        let none = [f64::NAN; 5];
        // The best tenth is turned around.
        let turned = |cell: &f64| if *cell < 900.0 { *cell } else { 1_899.0 - cell };
        let before = [cells.iter().map(turned).collect::<Vec<_>>(), none.to_vec()].concat();
        let after = [cells, none.to_vec()].concat();
        let found = RankCorrelation::new(&before, &after);
        assert_eq!(found.cells, 1_000);
        // Two ranks that change places by d each way cost 6 Σ d² / (n³ − n), and 4,950 of 499,500 pairs are discordant.
        let squares: f64 = (0..100_u8).map(|place| (99.0 - 2.0 * f64::from(place)).powi(2)).sum();
        assert!((found.spearman.unwrap().value - (1.0 - 6.0 * squares / (1e9 - 1e3))).abs() < 1e-9);
        assert!((found.kendall_tau_b.unwrap().value - (1.0 - 2.0 * 4_950.0 / 499_500.0)).abs() < 1e-9);
        assert!((found.spearman_of_best.unwrap().value + 1.0).abs() < 1e-9);
    }
}
