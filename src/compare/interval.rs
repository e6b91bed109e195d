//! Means that one lucky run does not move, and how sure they are.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::statistics::{Estimate, mean, number};

/// How often results are drawn again for an interval.
pub const RESAMPLES: usize = 2_000;

/// The mean of the middle half: the lowest and the highest quarter are left out, rounded down. `None` of nothing, or if a value
/// is not finite.
///
/// # Source
///
/// Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, section 4.3.
#[must_use]
pub fn interquartile_mean(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.iter().all(|value| value.is_finite()).then(|| middle_mean(&values)).flatten()
}

/// The mean of the middle half of sorted values.
fn middle_mean(sorted: &[f64]) -> Option<f64> {
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// The interquartile mean over all runs of all tasks, with its interval by the stratified bootstrap: runs are drawn again
/// within each task.
///
/// `None` if a task has no run, or a value is not finite.
///
/// # Shapes
///
/// - `tasks`: `[tasks][runs]`
///
/// # Source
///
/// Agarwal et al., NeurIPS 2021, section 4.2; the bounds are the percentiles of Efron, Annals of Statistics 7(1), 1979.
#[must_use]
pub fn interquartile_mean_interval(tasks: &[&[f64]], rng: &mut ChaCha8Rng) -> Option<Estimate> {
    Resampled::new(tasks, rng)?.estimate()
}

/// The interquartile mean over all runs of all tasks, and what it would have been of other runs.
#[derive(Clone, Debug)]
pub struct Resampled {
    value: f64,
    drawn: Vec<f64>,
}

impl Resampled {
    /// Draws the runs again within each task, as [`interquartile_mean_interval`].
    ///
    /// `None` if a task has no run, or a value is not finite.
    ///
    /// # Shapes
    ///
    /// - `tasks`: `[tasks][runs]`
    #[must_use]
    pub fn new(tasks: &[&[f64]], rng: &mut ChaCha8Rng) -> Option<Self> {
        let value = interquartile_mean(&tasks.concat())?;
        if tasks.iter().any(|runs| runs.is_empty()) {
            return None;
        }
        let mut drawn = Vec::new();
        let resample = |_| {
            drawn.clear();
            for runs in tasks {
                drawn.extend((0..runs.len()).map(|_| runs[rng.random_range(0..runs.len())]));
            }
            drawn.sort_unstable_by(f64::total_cmp);
            middle_mean(&drawn)
        };
        Some(Self { value, drawn: (0..RESAMPLES).filter_map(resample).collect() })
    }

    /// The mean with its interval.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        Estimate::of_resamples(self.value, &self.drawn)
    }

    /// How much larger another mean is, with its interval by the bootstrap. The runs of both must be independent of each other and drawn
    /// with generators of their own.
    ///
    /// # Source
    ///
    /// Efron & Tibshirani, An introduction to the bootstrap, 1993, section 8.3: the two-sample problem.
    #[must_use]
    pub fn below(&self, other: &Self) -> Option<Estimate> {
        let differences: Vec<f64> = self.drawn.iter().zip(&other.drawn).map(|(own, other)| other - own).collect();
        Estimate::of_resamples(other.value - self.value, &differences)
    }
}

/// The probability that a value of `x` is larger than one of `y` on a task drawn at random, equal ones counting half, with its
/// interval by the stratified bootstrap.
///
/// `None` if a task has no run, or a value is not finite.
///
/// # Shapes
///
/// - `x`, `y`: `[tasks][runs]`, with the same tasks
///
/// # Panics
///
/// Panics if `x` and `y` differ in their number of tasks.
///
/// # Source
///
/// Agarwal et al., NeurIPS 2021, section 4.3: the mean over tasks of the Mann-Whitney statistic divided by the number of pairs.
#[must_use]
pub fn probability_larger_interval(x: &[&[f64]], y: &[&[f64]], rng: &mut ChaCha8Rng) -> Option<Estimate> {
    assert_eq!(x.len(), y.len(), "both have the same tasks");
    let tasks: Vec<Contest> = x.iter().zip(y).map(|(x, y)| Contest::new(x, y)).collect::<Option<_>>()?;
    let mean_of = |shares: Vec<f64>| mean(&shares);
    let value = mean_of(tasks.iter().map(Contest::share).collect())?;
    let resample = |_| mean_of(tasks.iter().map(|task| task.resampled_share(rng)).collect());
    Estimate::of_resamples(value, &(0..RESAMPLES).filter_map(resample).collect::<Vec<_>>())
}

/// Two lists of results, each value by its place among all distinct values, so that winning pairs are counted in one pass.
struct Contest {
    x: Vec<usize>,
    y: Vec<usize>,
    places: usize,
}

impl Contest {
    fn new(x: &[f64], y: &[f64]) -> Option<Self> {
        let mut all = [x, y].concat();
        if x.is_empty() || y.is_empty() || !all.iter().all(|value| value.is_finite()) {
            return None;
        }
        all.sort_unstable_by(f64::total_cmp);
        all.dedup();
        let places = |values: &[f64]| values.iter().map(|value| all.partition_point(|other| other < value)).collect();
        Some(Self { x: places(x), y: places(y), places: all.len() })
    }

    fn share(&self) -> f64 {
        self.share_of(self.x.iter().copied(), self.y.iter().copied())
    }

    fn resampled_share(&self, rng: &mut ChaCha8Rng) -> f64 {
        let mut draw =
            |places: &[usize]| -> Vec<usize> { (0..places.len()).map(|_| places[rng.random_range(0..places.len())]).collect() };
        let (x, y) = (draw(&self.x), draw(&self.y));
        self.share_of(x.into_iter(), y.into_iter())
    }

    fn share_of(&self, x: impl Iterator<Item = usize>, y: impl Iterator<Item = usize>) -> f64 {
        let mut counts = vec![[0_usize; 2]; self.places];
        x.for_each(|place| counts[place][0] += 1);
        y.for_each(|place| counts[place][1] += 1);
        let (mut twice_won, mut below) = (0, 0);
        for [own, other] in counts {
            twice_won += own * (2 * below + other);
            below += other;
        }
        number(twice_won) / 2.0 / number(self.x.len() * self.y.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::significance::probability_larger;
    use crate::unit::Seed;

    const RUNS: [[f64; 3]; 4] = [[0.1, 0.9, 0.5], [0.2, 0.8, 0.55], [0.3, 0.7, 0.4], [0.25, 1.2, 0.6]];

    /// The runs of each task.
    fn tasks() -> [[f64; 4]; 3] {
        [0, 1, 2].map(|task| RUNS.map(|run| run[task]))
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn the_interquartile_mean_is_what_rliable_says() {
        near(interquartile_mean(&RUNS.concat()).unwrap(), 0.508_333_333_333_333_3);
        near(interquartile_mean(&[1.0, 2.0, 6.0]).unwrap(), 3.0);
        near(interquartile_mean(&[-100.0, 1.0, 3.0, 100.0]).unwrap(), 2.0);
        assert_eq!(interquartile_mean(&[]), None);
        assert_eq!(interquartile_mean(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn an_interval_holds_its_value_and_is_drawn_within_tasks() {
        let tasks = tasks();
        let tasks: Vec<&[f64]> = tasks.iter().map(<[f64; 4]>::as_slice).collect();
        let estimate = interquartile_mean_interval(&tasks, &mut Seed(0).rng()).unwrap();
        near(estimate.value, 0.508_333_333_333_333_3);
        assert!(estimate.low < estimate.value && estimate.value < estimate.high, "{estimate:?}");
        assert_eq!(interquartile_mean_interval(&tasks, &mut Seed(0).rng()), Some(estimate));

        // Runs that are equal within each task leave nothing to draw.
        let constant: [&[f64]; 2] = [&[1.0; 8], &[3.0; 8]];
        let estimate = interquartile_mean_interval(&constant, &mut Seed(0).rng());
        assert_eq!(estimate, Some(Estimate { value: 2.0, low: 2.0, high: 2.0 }));
        assert_eq!(interquartile_mean_interval(&[&[1.0], &[]], &mut Seed(0).rng()), None);
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_promise() {
        let mut rng = Seed(3).rng();
        let mut held = 0;
        for _ in 0..200 {
            // The middle half of uniform numbers has the mean 0.5.
            let runs: Vec<f64> = (0..100).map(|_| rng.random_range(0.0..1.0)).collect();
            let estimate = interquartile_mean_interval(&[&runs], &mut rng).unwrap();
            held += u32::from(estimate.low <= 0.5 && 0.5 <= estimate.high);
        }
        assert!((180..=198).contains(&held), "{held} of 200");
    }

    #[test]
    fn a_probability_is_the_share_of_pairs_won() {
        let x = [0.94, 0.932, 0.938, 0.941, 0.929];
        let y = [0.93, 0.931, 0.928, 0.935, 0.933];
        let estimate = probability_larger_interval(&[&x], &[&y], &mut Seed(0).rng()).unwrap();
        near(estimate.value, 0.76);
        assert!(estimate.low < 0.76 && 0.76 < estimate.high, "{estimate:?}");
        let tied = [1.0, 2.0, 2.0, 3.0];
        let share = probability_larger_interval(&[&tied, &x], &[&[2.0, 2.0], &y], &mut Seed(0).rng()).unwrap().value;
        near(share, f64::midpoint(probability_larger(&tied, &[2.0, 2.0]).unwrap(), 0.76));
        assert_eq!(probability_larger_interval(&[&[]], &[&y], &mut Seed(0).rng()), None);
        assert_eq!(probability_larger_interval(&[], &[], &mut Seed(0).rng()), None);
    }

    #[test]
    fn a_difference_of_means_has_the_noise_of_both() {
        let mut rng = Seed(5).rng();
        let runs: Vec<f64> = (0..60).map(|_| rng.random_range(0.0..1.0)).collect();
        let above: Vec<f64> = runs.iter().map(|run| run + 0.125).collect();
        let drawn = |runs: &[f64], seed| Resampled::new(&[runs], &mut Seed(seed).rng()).unwrap();
        let [own, other] = [drawn(&runs, 6), drawn(&above, 7)];
        let (estimate, difference) = (own.estimate().unwrap(), own.below(&other).unwrap());
        near(difference.value, 0.125);
        // Of two independent means of one variance the difference has twice the variance: intervals √2 times as wide.
        let ratio = (difference.high - difference.low) / (estimate.high - estimate.low);
        assert!((ratio - std::f64::consts::SQRT_2).abs() < 0.15, "{ratio}");
        assert_eq!(interquartile_mean_interval(&[&runs], &mut Seed(6).rng()), Some(estimate));
        assert!(Resampled::new(&[&[1.0], &[]], &mut Seed(6).rng()).is_none());
    }

    #[test]
    fn intervals_of_differences_hold_them_as_often_as_they_promise() {
        let mut rng = Seed(8).rng();
        let mut held = 0;
        for _ in 0..100 {
            let mut runs = |from: f64| -> Vec<f64> { (0..40).map(|_| from + rng.random_range(0.0..1.0)).collect() };
            let (better, worse) = (runs(0.0), runs(0.25));
            let resampled = |runs: &[f64], seed| Resampled::new(&[&runs[..20], &runs[20..]], &mut Seed(seed).rng()).unwrap();
            let difference = resampled(&better, 9).below(&resampled(&worse, 10)).unwrap();
            held += u32::from(difference.low <= 0.25 && 0.25 <= difference.high);
        }
        assert!((88..=99).contains(&held), "{held} of 100");
    }
}
