//! Correlations with their intervals, and what is left of them when others are taken out.

use crate::compare::Estimate;
use crate::statistics::{average_ranks, mean, number, pearson, spearman};

/// The quantile of the normal distribution of a two-sided interval of 95 %.
pub(super) const NORMAL_95: f64 = 1.959_963_984_540_054;
/// A column whose rest after the columns before it is smaller than this share of it says nothing new.
const NOTHING_NEW: f64 = 1e-9;

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
    Some(fisher(value, (1.0 + value.powi(2) / 2.0) / degrees_of_freedom(x.len(), 3)?))
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
    Some(fisher(pearson(x, y)?, 1.0 / degrees_of_freedom(x.len(), 3)?))
}

/// Spearman's correlation of what is left of both lists when the ranks of other columns are taken out of theirs, with its interval of
/// 95 %; `None` where nothing is left.
///
/// # Shapes
///
/// - `x`, `y`: `[n]`
/// - `columns`: `[columns][n]`
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Kendall, "Partial rank correlation", Biometrika 32, 1942, as the correlation of the residuals of the ranks; each column that is
/// taken out costs one pair in the interval.
#[must_use]
pub fn partial_spearman(x: &[f64], y: &[f64], columns: &[Vec<f64>]) -> Option<Estimate> {
    let basis = Basis::of_ranks(columns)?;
    let rest = |values: &[f64]| {
        let ranks = centred_ranks(values)?;
        let rest = basis.rest_of(&ranks);
        (squares(&rest) > NOTHING_NEW * squares(&ranks)).then_some(rest)
    };
    let value = pearson(&rest(x)?, &rest(y)?)?;
    Some(fisher(value, (1.0 + value.powi(2) / 2.0) / degrees_of_freedom(x.len(), 3 + basis.0.len())?))
}

/// The share of the variance of the ranks of `y` that the ranks of some columns tell together by least squares, with its interval of
/// 95 %, both adjusted for the number of columns; `None` where there are too few values.
///
/// # Shapes
///
/// - `y`: `[n]`
/// - `columns`: `[columns][n]`
///
/// # Panics
///
/// Panics if the lists differ in length.
///
/// # Source
///
/// Ezekiel, Methods of correlation analysis, 1930 (the adjustment); Olkin & Finn, "Correlations redux", Psychological Bulletin 118, 1995
/// (the variance).
#[must_use]
pub fn explained_by_ranks(y: &[f64], columns: &[Vec<f64>]) -> Option<Estimate> {
    let basis = Basis::of_ranks(columns)?;
    let ranks = centred_ranks(y)?;
    if squares(&ranks) <= 0.0 {
        return None;
    }
    let (n, used) = (number(y.len()), number(basis.0.len()));
    let left = degrees_of_freedom(y.len(), basis.0.len() + 1)?;
    let share = 1.0 - squares(&basis.rest_of(&ranks)) / squares(&ranks);
    let adjusted = 1.0 - (1.0 - share) * (n - 1.0) / left;
    let variance = 4.0 * share * (1.0 - share).powi(2) * (n - used - 1.0).powi(2) / ((n.powi(2) - 1.0) * (n + 3.0));
    let reach = NORMAL_95 * variance.sqrt();
    Some(Estimate { value: adjusted.max(0.0), low: (adjusted - reach).max(0.0), high: (adjusted + reach).clamp(0.0, 1.0) })
}

/// Returns the degrees of freedom that are left of `n` values, or `None` if there are none.
fn degrees_of_freedom(n: usize, used: usize) -> Option<f64> {
    n.checked_sub(used).filter(|left| *left > 0).map(number)
}

/// The interval of a correlation by Fisher's transform, whose variance is given.
fn fisher(value: f64, variance: f64) -> Estimate {
    // Of a perfect correlation the transform is infinite, and so are its bounds, which lie at the correlation itself.
    let (center, reach) = (value.atanh(), NORMAL_95 * variance.sqrt());
    Estimate { value, low: (center - reach).tanh(), high: (center + reach).tanh() }
}

/// The ranks of values, less their mean; `None` if a value is not finite.
fn centred_ranks(values: &[f64]) -> Option<Vec<f64>> {
    let ranks = average_ranks(values)?;
    let center = mean(&ranks)?;
    Some(ranks.into_iter().map(|rank| rank - center).collect())
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value.powi(2)).sum()
}

/// Columns of length 1 that are orthogonal to each other.
struct Basis(Vec<Vec<f64>>);

impl Basis {
    /// That of the ranks of some columns, by the modified Gram-Schmidt process; a column that says nothing new adds nothing.
    fn of_ranks(columns: &[Vec<f64>]) -> Option<Self> {
        let mut basis = Self(Vec::new());
        for column in columns {
            let ranks = centred_ranks(column)?;
            let rest = basis.rest_of(&ranks);
            let length = squares(&rest);
            if length > NOTHING_NEW * squares(&ranks) {
                basis.0.push(rest.into_iter().map(|value| value / length.sqrt()).collect());
            }
        }
        Some(basis)
    }

    /// What is left of values when their projections are taken out.
    fn rest_of(&self, values: &[f64]) -> Vec<f64> {
        let mut rest = values.to_vec();
        for direction in &self.0 {
            let share: f64 = rest.iter().zip(direction).map(|(value, direction)| value * direction).sum();
            rest.iter_mut().zip(direction).for_each(|(value, direction)| *value -= share * direction);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::unit::Seed;

    const X: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    const Y: [f64; 8] = [2.0, 1.0, 4.0, 3.0, 7.0, 5.0, 8.0, 6.0];
    const Z: [f64; 8] = [1.0, 3.0, 2.0, 4.0, 6.0, 5.0, 8.0, 7.0];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }

    #[test]
    fn a_partial_correlation_of_three_is_that_of_the_formula() {
        let [xy, xz, yz] = [(&X, &Y), (&X, &Z), (&Y, &Z)].map(|(one, other)| spearman(one, other).unwrap());
        let expected = (xy - xz * yz) / ((1.0 - xz.powi(2)) * (1.0 - yz.powi(2))).sqrt();
        near(partial_spearman(&X, &Y, &[Z.to_vec()]).unwrap().value, expected);
        // The same column twice takes out nothing more, and takes no more off the number of pairs.
        let [once, twice] = [vec![Z.to_vec()], vec![Z.to_vec(); 2]].map(|columns| partial_spearman(&X, &Y, &columns).unwrap());
        near(once.low, twice.low);
        assert!(partial_spearman(&X, &Y, &[X.to_vec()]).is_none(), "nothing is left of the first list");
    }

    #[test]
    fn the_share_that_one_column_tells_is_its_squared_correlation_adjusted() {
        let share = spearman(&X, &Y).unwrap().powi(2);
        near(explained_by_ranks(&Y, &[X.to_vec()]).unwrap().value, 1.0 - (1.0 - share) * 7.0 / 6.0);
        near(explained_by_ranks(&Y, &[Y.to_vec(), X.to_vec()]).unwrap().value, 1.0);
        assert!(explained_by_ranks(&[1.0; 8], &[X.to_vec()]).is_none());
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // Two normal variables with a correlation of .6: Spearman's is 6/π · asin(.3).
        let (rho, runs, n) = (0.6_f64, 2_000_u64, 40);
        let truth = 6.0 / std::f64::consts::PI * (rho / 2.0).asin();
        let holds = |seed: u64| {
            let mut rng = Seed(seed).rng();
            let mut normal =
                || (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos();
            let (x, y): (Vec<f64>, Vec<f64>) = (0..n)
                .map(|_| {
                    let x = normal();
                    (x, rho * x + (1.0 - rho * rho).sqrt() * normal())
                })
                .unzip();
            let [spearman, pearson] = [spearman_interval(&x, &y).unwrap(), pearson_interval(&x, &y).unwrap()];
            [(spearman, truth), (pearson, rho)].map(|(estimate, truth)| (estimate.low..=estimate.high).contains(&truth))
        };
        let held: Vec<[bool; 2]> = (0..runs).map(holds).collect();
        for which in [0, 1] {
            let share = number(held.iter().filter(|held| held[which]).count()) / number(held.len());
            assert!((0.935..0.965).contains(&share), "{which}: {share}");
        }
    }

    #[test]
    fn too_few_values_have_no_interval() {
        assert!(spearman_interval(&X[..3], &Y[..3]).is_none() && pearson_interval(&X[..3], &Y[..3]).is_none());
        let perfect = spearman_interval(&X, &X).unwrap();
        near(perfect.low, 1.0);
    }
}
