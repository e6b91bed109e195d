//! Survival by the fitness that a binary quality indicator gives.

use serde::{Deserialize, Serialize};

use super::select_feasible_first;
use crate::search::multi::Individual;
use crate::search::multi::individual::normalised;

/// How much worse a point is than another: negative only if it dominates the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Indicator {
    /// The least number to subtract from each objective of the one so that it weakly dominates the other.
    AdditiveEpsilon,
    /// The volume that the other dominates and the one does not; if the one dominates, minus the difference of the volumes.
    Hypervolume,
}

impl Indicator {
    /// Compares two points whose objectives are between 0 and 1; `reference` bounds the volume in each objective.
    fn value(self, one: &[f64], other: &[f64], reference: f64) -> f64 {
        let pairs = || one.iter().zip(other);
        match self {
            Self::AdditiveEpsilon => pairs().map(|(one, other)| one - other).fold(f64::NEG_INFINITY, f64::max),
            Self::Hypervolume => {
                let volume = |point: &[f64]| point.iter().map(|value| reference - value).product::<f64>();
                let is_dominator = pairs().all(|(one, other)| one <= other);
                // The volume that both dominate. A dominator's own includes all of the other's.
                let shared: f64 = pairs().map(|(one, other)| reference - one.max(*other)).product();
                if is_dominator { volume(other) - volume(one) } else { volume(other) - shared }
            }
        }
    }
}

/// The settings of the fitness by an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct IndicatorSettings {
    /// The indicator.
    pub(crate) indicator: Indicator,
    /// The scale of the indicator's values, as a fraction of the greatest of them.
    pub(crate) kappa: f64,
    /// The bound of the volume in each normalised objective, above 1. Only the hypervolume uses it.
    pub(crate) reference: f64,
}

/// The fitness of each of some points, the larger the better; it is updated when one of them is removed.
///
/// The fitness of `x` is the sum over all other `y` of −exp(−I(y, x) / (c κ)), where c is the greatest |I| and the objectives
/// are normalised to the range of the points.
///
/// # Source
///
/// Zitzler & Künzli, "Indicator-based selection in multiobjective search", PPSN VIII, 2004: the adaptive version.
#[derive(Clone, Debug)]
pub(crate) struct Fitness {
    values: Vec<f64>,
    /// What each point (row) takes from the fitness of each other (column).
    losses: Vec<f64>,
}

impl Fitness {
    /// Computes the fitness of points, `[n][objectives]`.
    #[must_use]
    pub(crate) fn new<P: AsRef<[f64]>>(points: &[P], settings: IndicatorSettings) -> Self {
        let (points, n) = (normalised(points), points.len());
        let pairs = points.iter().flat_map(|one| points.iter().map(move |other| (one, other)));
        let mut losses: Vec<f64> = pairs.map(|(one, other)| settings.indicator.value(one, other, settings.reference)).collect();
        let greatest = losses.iter().map(|value| value.abs()).fold(0.0, f64::max);
        // Where all points are equal, each indicator value is 0 whatever it is divided by.
        let scale = settings.kappa * if greatest > 0.0 { greatest } else { 1.0 };
        for value in &mut losses {
            *value = (-*value / scale).exp();
        }
        let mut values = vec![0.0; n];
        for (row, losses) in losses.chunks_exact(n.max(1)).enumerate() {
            for (column, (value, loss)) in values.iter_mut().zip(losses).enumerate() {
                *value -= if column == row { 0.0 } else { *loss };
            }
        }
        Self { values, losses }
    }

    /// Returns the fitness of each point, `[n]`; of those removed, no meaningful number.
    #[must_use]
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Gives back to the others what a point has taken from them.
    fn remove(&mut self, point: usize) {
        let n = self.values.len();
        for (value, loss) in self.values.iter_mut().zip(&self.losses[point * n..][..n]) {
            *value += loss;
        }
    }

    /// Removes the worst point again and again until `keep` are left; returns those, ascending.
    #[must_use]
    pub(crate) fn into_best(mut self, keep: usize) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.values.len()).collect();
        while left.len() > keep {
            let compare = |one: &usize, other: &usize| self.values[left[*one]].total_cmp(&self.values[left[*other]]);
            let Some(worst) = (0..left.len()).min_by(compare) else { break };
            self.remove(left.remove(worst));
        }
        left
    }
}

/// Keeps those that are left when the individual with the worst fitness is removed again and again.
#[must_use]
pub(crate) fn select_by_indicator<S>(
    population: Vec<Individual<S>>,
    keep: usize,
    settings: IndicatorSettings,
) -> Vec<Individual<S>> {
    select_feasible_first(population, keep, |feasible| Fitness::new(feasible, settings).into_best(keep))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: [[f64; 2]; 5] = [[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5]];
    const EPSILON: IndicatorSettings = IndicatorSettings { indicator: Indicator::AdditiveEpsilon, kappa: 0.05, reference: 2.0 };

    #[test]
    fn the_fitness_has_the_known_values() {
        let expected = [
            -0.006_783_654_892_322_076_5,
            -0.006_921_565_640_505_015_5,
            -0.115_166_315_489_268_5,
            -0.008_148_512_629_704_816,
            -0.108_520_883_430_910_87,
        ];
        for (found, expected) in Fitness::new(&FRONT, EPSILON).values().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} and {expected}");
        }
    }

    #[test]
    fn the_scale_is_the_greatest_indicator_value() {
        let scaled: Vec<_> = FRONT.iter().map(|[x, y]| [x * 1e6, y * 1e-3]).collect();
        for (found, expected) in Fitness::new(&scaled, EPSILON).values().iter().zip(Fitness::new(&FRONT, EPSILON).values()) {
            assert!((found - expected).abs() < 1e-12);
        }
        let settings = IndicatorSettings { indicator: Indicator::Hypervolume, kappa: 1.0, reference: 1.0 };
        let fitness = Fitness::new(&[[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], settings);
        // Only the one in the middle dominates a volume: 0.25, which is c. So I is 1 in units of c against it, else 0.
        let expected = [-2.0, -2.0 * (-1.0_f64).exp(), -2.0];
        for (found, expected) in fitness.values().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        }
    }

    #[test]
    fn a_dominated_point_is_removed_first() {
        for indicator in [Indicator::AdditiveEpsilon, Indicator::Hypervolume] {
            let points: Vec<_> = FRONT.into_iter().chain([[3.0, 4.0], [5.0, 5.0]]).collect();
            let settings = IndicatorSettings { indicator, ..EPSILON };
            assert_eq!(Fitness::new(&points, settings).into_best(5), [0, 1, 2, 3, 4], "{indicator:?}");
        }
    }

    #[test]
    fn a_removal_gives_the_fitness_of_the_points_left() {
        let points: Vec<_> = FRONT.into_iter().chain([[3.0, 1.5]]).collect();
        let mut fitness = Fitness::new(&points, EPSILON);
        fitness.remove(5);
        // The range of the objectives and the greatest indicator value are those of the others.
        for (found, expected) in fitness.values().iter().zip(Fitness::new(&FRONT, EPSILON).values()) {
            assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        }
    }
}
