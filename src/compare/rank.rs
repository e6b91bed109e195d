//! Algorithms ranked over several tasks: Friedman's test, and the critical difference of mean ranks.

use serde::Serialize;

use super::significance::Test;
use crate::statistics::distribution::{chi_squared_survival, f_survival, range_quantile, range_survival};
use crate::statistics::{average_ranks, number};

/// Of fewer tasks no critical difference is worth drawing.
pub const FEWEST_TASKS: usize = 5;
/// The level at which differences are called significant.
pub const LEVEL: f64 = 0.05;

/// How algorithms rank over several tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranks {
    /// The mean rank of each algorithm, 1 for one that is always the best; equal ones share theirs.
    pub mean_ranks: Vec<f64>,
    /// How many tasks there are.
    pub tasks: usize,
    /// Friedman's χ², corrected for ties.
    pub friedman: Test,
    /// Iman and Davenport's F, which is less timid; `None` if the tasks agree wholly, when it is infinite.
    pub iman_davenport: Option<Test>,
}

/// Ranks algorithms on tasks; the smallest score is the best.
///
/// `None` of fewer than two tasks or algorithms, for scores that are not finite, and if all algorithms are equal on every task.
///
/// # Shapes
///
/// - `scores`: `[tasks][algorithms]`
///
/// # Panics
///
/// Panics if the tasks differ in their number of algorithms.
///
/// # Source
///
/// Friedman, JASA 32, 1937; Iman & Davenport, Communications in Statistics A9(6), 1980; Demšar, "Statistical comparisons of
/// classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2.
#[must_use]
pub fn rank(scores: &[Vec<f64>]) -> Option<Ranks> {
    let algorithms = scores.first()?.len();
    assert!(scores.iter().all(|task| task.len() == algorithms), "every task has every algorithm");
    if scores.len() < 2 || algorithms < 2 {
        return None;
    }
    let ranks: Vec<Vec<f64>> = scores.iter().map(|task| average_ranks(task)).collect::<Option<_>>()?;
    let (n, k) = (number(scores.len()), number(algorithms));
    let mean_ranks: Vec<f64> = (0..algorithms).map(|index| ranks.iter().map(|task| task[index]).sum::<f64>() / n).collect();
    let middle = f64::midpoint(k, 1.0);
    let between: f64 = mean_ranks.iter().map(|rank| (rank - middle).powi(2)).sum::<f64>() * n * n;
    // Without ties this is n k (k² − 1) / 12, and the statistic is the one of the textbooks.
    let within: f64 = ranks.iter().flatten().map(|rank| (rank - middle).powi(2)).sum();
    if within <= 0.0 {
        return None;
    }
    let statistic = (k - 1.0) * between / within;
    let friedman = Test { statistic, p_value: chi_squared_survival(statistic, k - 1.0) };
    let rest = n * (k - 1.0) - statistic;
    let iman_davenport = (rest > 1e-9).then(|| {
        let statistic = (n - 1.0) * statistic / rest;
        Test { statistic, p_value: f_survival(statistic, k - 1.0, (k - 1.0) * (n - 1.0)) }
    });
    Some(Ranks { mean_ranks, tasks: scores.len(), friedman, iman_davenport })
}

impl Ranks {
    /// The difference of mean ranks from which on two algorithms differ at the level of 0.05; `None` of fewer than
    /// [`FEWEST_TASKS`].
    ///
    /// # Source
    ///
    /// Nemenyi, 1963, as in Demšar, 2006, section 3.2.2: q √(k (k + 1) / 6 N), where q is the quantile of the studentized range
    /// divided by √2.
    #[must_use]
    pub fn critical_difference(&self) -> Option<f64> {
        let q = range_quantile(LEVEL, self.algorithms()) / std::f64::consts::SQRT_2;
        (self.tasks >= FEWEST_TASKS).then(|| q * self.standard_error())
    }

    /// The p-values of Nemenyi's test between all algorithms; `None` of fewer than [`FEWEST_TASKS`].
    ///
    /// # Shapes
    ///
    /// - returns: `[algorithms][algorithms]`, symmetric, with 1 on the diagonal
    #[must_use]
    pub fn nemenyi(&self) -> Option<Vec<Vec<f64>>> {
        let scale = std::f64::consts::SQRT_2 / self.standard_error();
        let p_value = |a: &f64, b: &f64| range_survival((a - b).abs() * scale, self.algorithms());
        let row = |a: &f64| self.mean_ranks.iter().map(|b| p_value(a, b)).collect();
        (self.tasks >= FEWEST_TASKS).then(|| self.mean_ranks.iter().map(row).collect())
    }

    fn algorithms(&self) -> u32 {
        u32::try_from(self.mean_ranks.len()).unwrap_or(u32::MAX)
    }

    fn standard_error(&self) -> f64 {
        let k = number(self.mean_ranks.len());
        (k * (k + 1.0) / (6.0 * number(self.tasks))).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Vec<Vec<f64>> {
        vec![
            vec![0.012, 0.008, 0.007, 0.009],
            vec![0.02, 0.015, 0.016, 0.018],
            vec![0.031, 0.022, 0.02, 0.027],
            vec![0.008, 0.0081, 0.006, 0.007],
            vec![0.045, 0.03, 0.033, 0.036],
            vec![0.016, 0.012, 0.01, 0.011],
        ]
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found}, expected {expected}");
    }

    #[test]
    fn ranks_and_tests_are_what_scipy_says() {
        let ranks = rank(&scores()).unwrap();
        for (found, expected) in ranks.mean_ranks.iter().zip([23.0 / 6.0, 13.0 / 6.0, 8.0 / 6.0, 16.0 / 6.0]) {
            near(*found, expected, 1e-12);
        }
        near(ranks.friedman.statistic, 11.8, 1e-12);
        near(ranks.friedman.p_value, 0.008_100_641_874_962_363, 1e-12);
        near(ranks.iman_davenport.unwrap().statistic, 9.516_129_032_258_09, 1e-10);
    }

    #[test]
    fn nemenyi_says_what_scikit_posthocs_says() {
        let ranks = rank(&scores()).unwrap();
        near(ranks.critical_difference().unwrap(), 1.914_843_226_590_237_3, 1e-9);
        let expected = [
            [1.0, 0.113_581, 0.004_426, 0.398_631],
            [0.113_581, 1.0, 0.678_388, 0.908_132],
            [0.004_426, 0.678_388, 1.0, 0.278_639],
            [0.398_631, 0.908_132, 0.278_639, 1.0],
        ];
        for (found, expected) in ranks.nemenyi().unwrap().iter().flatten().zip(expected.iter().flatten()) {
            near(*found, *expected, 1e-6);
        }
    }

    #[test]
    fn few_tasks_have_no_critical_difference() {
        let ranks = rank(&scores()[..4]).unwrap();
        assert_eq!((ranks.critical_difference(), ranks.nemenyi()), (None, None));
        assert!(rank(&scores()[..5]).unwrap().critical_difference().is_some());
    }

    #[test]
    fn ties_make_the_statistic_what_the_corrected_textbook_formula_makes_it() {
        // Ranks 1.5 1.5 3 and 1 2 3: Σ R² = 2.5² + 3.5² + 6² = 54.5, χ² = (54.5 / 2 − 24) / (1 − 6 / 48) = 3.25 / 0.875.
        let ranks = rank(&[vec![1.0, 1.0, 2.0], vec![1.0, 2.0, 3.0]]).unwrap();
        near(ranks.friedman.statistic, 3.25 / 0.875, 1e-12);
    }

    #[test]
    fn tasks_that_agree_wholly_leave_no_chance() {
        let ranks = rank(&vec![vec![1.0, 2.0, 3.0]; 6]).unwrap();
        near(ranks.friedman.statistic, 12.0, 1e-12);
        assert_eq!(ranks.iman_davenport, None);
    }

    #[test]
    fn what_cannot_be_ranked_is_none() {
        assert_eq!(rank(&[]), None);
        assert_eq!(rank(&[vec![1.0, 2.0]]), None);
        assert_eq!(rank(&[vec![1.0], vec![2.0]]), None);
        assert_eq!(rank(&[vec![1.0, 1.0], vec![2.0, 2.0]]), None);
        assert_eq!(rank(&[vec![1.0, f64::NAN], vec![2.0, 2.0]]), None);
    }
}
