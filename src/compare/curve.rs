//! How results unfold: anytime curves, distributions, and when a goal is reached.

use serde::Serialize;

use crate::statistics::{mean, number, quantile, standard_deviation};

/// The value of one run as it spends: after spending `.0` it is `.1`, until the next point. Ascending in what is spent.
pub type Path = Vec<(f64, f64)>;

/// The value of a run after it has spent so much; `None` before its first one.
#[must_use]
pub fn value_at(path: &[(f64, f64)], spent: f64) -> Option<f64> {
    let after = path.partition_point(|(at, _)| *at <= spent);
    Some(path[after.checked_sub(1)?].1)
}

/// What many runs had reached when each had spent the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnytimePoint {
    /// What was spent.
    pub spent: f64,
    /// The mean.
    pub mean: f64,
    /// How far the mean itself may be off: its standard error, 0 of one run.
    pub standard_error: f64,
    /// A quarter of the runs is below.
    pub lower_quartile: f64,
    /// Half of the runs are below.
    pub median: f64,
    /// A quarter of the runs is above.
    pub upper_quartile: f64,
}

/// The anytime curve of many runs at the points of a grid.
///
/// A point is left out until every run has a first value: a mean over the quick ones only would flatter. A run that stopped
/// early keeps its last value.
#[must_use]
pub fn anytime(paths: &[Path], grid: &[f64]) -> Vec<AnytimePoint> {
    let band = |spent: &f64| {
        let values: Vec<f64> = paths.iter().map(|path| value_at(path, *spent)).collect::<Option<_>>()?;
        Some(AnytimePoint {
            spent: *spent,
            mean: mean(&values)?,
            standard_error: standard_deviation(&values).map_or(0.0, |deviation| deviation / number(values.len()).sqrt()),
            lower_quartile: quantile(&values, 0.25)?,
            median: quantile(&values, 0.5)?,
            upper_quartile: quantile(&values, 0.75)?,
        })
    };
    grid.iter().filter_map(band).collect()
}

/// Points from `low` to `high`, each the same number of times the one before; only `high` unless `low` is above 0 and below it.
#[must_use]
pub fn logarithmic_grid(low: f64, high: f64, points: usize) -> Vec<f64> {
    if !(low > 0.0 && low < high && high.is_finite()) || points < 2 {
        return vec![high];
    }
    let step = (high / low).ln() / number(points - 1);
    let mut grid: Vec<f64> = (0..points - 1).map(|point| low * (step * number(point)).exp()).collect();
    grid.push(high);
    grid
}

/// The distribution of some values: each distinct one, ascending, with the share of values that are at most as large.
#[must_use]
pub fn distribution(values: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for (place, value) in sorted.iter().enumerate() {
        let share = number(place + 1) / number(sorted.len());
        match steps.last_mut() {
            Some(last) if last.0 - value == 0.0 => last.1 = share,
            _ => steps.push((*value, share)),
        }
    }
    steps
}

/// When the runs reached a goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ExpectedRunningTime {
    /// How many runs there are.
    pub runs: usize,
    /// How many of them reached it.
    pub reached: usize,
    /// What the median run had spent when it did; `None` if half of the runs or more never did.
    pub median: Option<f64>,
    /// What reaching it costs if a run that failed is followed by another: all that was spent until a run reached it or ended,
    /// for each run that did. `None` if none did.
    pub expected: Option<f64>,
}

/// Says when runs reached a goal: a value of at most `goal`.
///
/// Each run comes with all that it spent.
///
/// # Source
///
/// Hansen et al., "COCO: a platform for comparing continuous optimizers in a black-box setting", Optimization Methods and
/// Software 36(1), 2021, section 4.2: the expected running time.
#[must_use]
pub fn reached(runs: &[(Path, f64)], goal: f64) -> ExpectedRunningTime {
    let first = |path: &Path| path.iter().find(|(_, value)| *value <= goal).map(|(spent, _)| *spent);
    let mut times: Vec<f64> = runs.iter().filter_map(|(path, _)| first(path)).collect();
    times.sort_unstable_by(f64::total_cmp);
    let spent: f64 = runs.iter().map(|(path, all)| first(path).unwrap_or(*all)).sum();
    // The lower one of two middle runs: the upper one may never have reached it.
    let median = (2 * times.len() > runs.len()).then(|| times[(runs.len() - 1) / 2]);
    let expected = (!times.is_empty()).then(|| spent / number(times.len()));
    ExpectedRunningTime { runs: runs.len(), reached: times.len(), median, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lasts_until_the_next_one() {
        let path = vec![(1.0, 0.5), (3.0, 0.2)];
        let values = [0.9, 1.0, 2.9, 3.0, 100.0].map(|spent| value_at(&path, spent));
        assert_eq!(values, [None, Some(0.5), Some(0.5), Some(0.2), Some(0.2)]);
        assert_eq!(value_at(&[], 1.0), None);
    }

    #[test]
    fn a_curve_begins_when_every_run_has_a_value() {
        let paths = [vec![(1.0, 0.4), (4.0, 0.1)], vec![(2.0, 0.2)]];
        let curve = anytime(&paths, &[1.0, 2.0, 4.0]);
        assert_eq!(curve.iter().map(|band| band.spent).collect::<Vec<_>>(), [2.0, 4.0]);
        assert!((curve[0].mean - 0.3).abs() < 1e-12 && (curve[1].mean - 0.15).abs() < 1e-12);
        assert!((curve[0].standard_error - 0.1).abs() < 1e-12);
        assert!((curve[0].lower_quartile - 0.25).abs() < 1e-12 && (curve[0].upper_quartile - 0.35).abs() < 1e-12);
        assert!((curve[0].median - 0.3).abs() < 1e-12);
        assert!(anytime(&[], &[1.0]).is_empty());
    }

    #[test]
    fn a_grid_ends_where_it_is_told_to() {
        let grid = logarithmic_grid(1.0, 100.0, 5);
        for (found, expected) in grid.iter().zip([1.0, 10.0_f64.sqrt(), 10.0, 1000.0_f64.sqrt(), 100.0]) {
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
        assert_eq!(grid.len(), 5);
        for (low, high, points) in [(0.0, 7.0, 5), (7.0, 7.0, 5), (9.0, 7.0, 5), (1.0, 7.0, 1), (f64::NAN, 7.0, 5)] {
            assert_eq!(logarithmic_grid(low, high, points), [7.0]);
        }
    }

    #[test]
    fn a_distribution_rises_by_the_share_of_each_value() {
        assert_eq!(distribution(&[3.0, 1.0, 3.0, 2.0]), [(1.0, 0.25), (2.0, 0.5), (3.0, 1.0)]);
        assert_eq!(distribution(&[]), []);
    }

    #[test]
    fn runs_that_fail_are_paid_for_too() {
        let path = |at: f64| vec![(1.0, 0.5), (at, 0.1)];
        let runs = [(path(4.0), 10.0), (path(2.0), 10.0), (vec![(1.0, 0.5)], 12.0)];
        let expected = ExpectedRunningTime { runs: 3, reached: 2, median: Some(4.0), expected: Some(9.0) };
        assert_eq!(reached(&runs, 0.1), expected);
        assert_eq!(reached(&runs[1..], 0.1), ExpectedRunningTime { runs: 2, reached: 1, median: None, expected: Some(14.0) });
        assert_eq!(reached(&runs, 0.05), ExpectedRunningTime { runs: 3, reached: 0, median: None, expected: None });
    }
}
