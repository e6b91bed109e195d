//! Correlations with their intervals, and what is left of them when others are taken out.

use crate::statistics::{Estimate, NORMAL_95, average_ranks, degrees_of_freedom, mean, number, pearson};

/// A column whose rest after the columns before it is smaller than this share of it says nothing new.
const NOTHING_NEW: f64 = 1e-9;

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
    Some(Estimate::of_correlation(value, (1.0 + value.powi(2) / 2.0) / degrees_of_freedom(x.len(), 3 + basis.0.len())?))
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
    use super::*;
    use crate::statistics::spearman;

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
}
