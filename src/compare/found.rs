//! The fronts that the runs of an algorithm found, by what cells are judged by.

use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::ExactFront;
use super::interval::interquartile_mean_interval;
use crate::front::{additive_epsilon, attainment, inverted_generational_distance_plus};
use crate::space::Cell;
use crate::statistics::{Estimate, mean, standard_deviation};

/// How far a set of points is from the true front; `None` of nothing.
type Indicator = fn(&[Vec<f64>], &[Vec<f64>]) -> Option<f64>;

/// The shares of the runs whose attainment surfaces are drawn.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// How near the fronts that an algorithm found are to the exact one.
///
/// # Units
///
/// All but the surfaces are on the scale of hypervolumes, where the exact front reaches from 0 to 1 in each objective unless another
/// scale is given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundFronts {
    /// The mean of the hypervolumes.
    pub hypervolume: f64,
    /// Their standard deviation; `None` of one run.
    pub hypervolume_deviation: Option<f64>,
    /// The IGD+, the mean distance of the exact front to what was found: its interquartile mean. `None` if some run found nothing.
    pub igd_plus: Option<Estimate>,
    /// The additive ε, the largest distance: its interquartile mean. `None` if some run found nothing.
    pub epsilon: Option<Estimate>,
    /// What a quarter, a half and three quarters of the runs attain; only of two objectives.
    pub attainment: Vec<Attainment>,
}

/// What a share of the runs attains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attainment {
    /// The share.
    pub share: f64,
    /// The corners of the staircase, as searches minimise the values, the first one ascending.
    pub corners: Vec<[f64; 2]>,
}

impl FoundFronts {
    /// Judges the cells of the fronts that runs saw at their ends; `None` without a run, or if nobody kept those cells.
    ///
    /// # Shapes
    ///
    /// - `runs`: `[runs]` of cells
    /// - `lacks`: `[runs]`, the part of the exact front's hypervolume that each lacks
    pub(super) fn new(exact: &ExactFront, runs: &[&[Cell]], lacks: &[f64], rng: &mut ChaCha8Rng) -> Option<Self> {
        // A run that saw a front of nothing lacks all of it.
        let is_kept = runs.iter().zip(lacks).all(|(run, lack)| !run.is_empty() || *lack >= 1.0);
        if runs.is_empty() || !is_kept {
            return None;
        }
        let hypervolumes: Vec<f64> = lacks.iter().map(|lack| (1.0 - lack) * exact.hypervolume).collect();
        let found: Vec<Vec<&[f64]>> = runs.iter().map(|run| exact.values_of(*run)).collect();
        let scaled: Vec<Vec<Vec<f64>>> = found.iter().map(|run| exact.scaled(run)).collect();
        let truth = exact.scaled(&exact.cells.iter().map(|(_, values)| values).collect::<Vec<_>>());
        let mut estimate = |indicator: Indicator| {
            let values: Vec<f64> = scaled.iter().map(|run| indicator(run, &truth)).collect::<Option<_>>()?;
            interquartile_mean_interval(&[&values], rng)
        };
        let igd_plus = estimate(|run, truth| inverted_generational_distance_plus(run, truth).ok());
        let epsilon = estimate(|run, truth| additive_epsilon(run, truth).ok());
        let surface = |share: f64| Some(Attainment { share, corners: attainment(&found, share).ok()? });
        let is_plane = exact.goals.objectives().len() == 2;
        Some(Self {
            hypervolume: mean(&hypervolumes)?,
            hypervolume_deviation: standard_deviation(&hypervolumes),
            igd_plus,
            epsilon,
            attainment: if is_plane { SHARES.into_iter().filter_map(surface).collect() } else { Vec::new() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::hypervolume::tests::front;
    use crate::unit::Seed;

    #[test]
    fn fronts_are_as_near_as_a_person_measures() {
        let (exact, cells) = front([0.5, 0.75, 0.875], &[]);
        let (exact, cells) = (exact.unwrap(), cells.iter().map(|(cell, _)| *cell).collect::<Vec<_>>());
        let of = |runs: &[&[Cell]]| {
            let lacks: Vec<f64> = runs.iter().map(|run| exact.lack(run.iter().map(Cell::fingerprint)).unwrap()).collect();
            FoundFronts::new(&exact, runs, &lacks, &mut Seed(1).rng())
        };
        let whole = of(&[&cells, &cells]).unwrap();
        let zero = Some(Estimate { value: 0.0, low: 0.0, high: 0.0 });
        assert_eq!((whole.igd_plus, whole.epsilon), (zero, zero));
        assert!((whole.hypervolume - exact.hypervolume).abs() < 1e-12 && whole.hypervolume_deviation == Some(0.0));
        // Scaled: the errors are 1, 1/3 and 0, the parameters 0, p and 1; the middle one alone stands for the others.
        let p = exact.scaled(&exact.values_of([&cells[1]]))[0][1];
        let middle = of(&[&cells[1..2]]).unwrap();
        assert!((middle.igd_plus.unwrap().value - (p + 1.0 / 3.0) / 3.0).abs() < 1e-12, "{middle:?}");
        assert!((middle.epsilon.unwrap().value - p.max(1.0 / 3.0)).abs() < 1e-12);
        // Half of two runs attain what one of them does, three quarters what both do.
        let [smallest, largest] = [0, 2].map(|place| exact.values_of([&cells[place]])[0]);
        let both = of(&[&cells[..1], &cells[2..]]).unwrap();
        let corners: Vec<_> = both.attainment.iter().map(|surface| surface.corners.clone()).collect();
        let either = vec![[largest[0], largest[1]], [smallest[0], smallest[1]]];
        assert_eq!(corners, [either.clone(), either, vec![[smallest[0], largest[1]]]]);
        // A run that found nothing has no distance, and one whose cells nobody kept no front.
        assert_eq!(of(&[&cells, &[]]).unwrap().igd_plus, None);
        assert_eq!(FoundFronts::new(&exact, &[&[]], &[0.5], &mut Seed(1).rng()), None);
    }
}
