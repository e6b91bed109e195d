//! Real vectors between 0 and 1, and the problems ZDT1 to ZDT3 and DTLZ2 on them.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::search::SearchRng;
use rand::RngExt as _;

use crate::search::multi::{Flight, Pull, Variation, count};

/// Simulated binary crossover and polynomial mutation, between bounds.
#[derive(Clone, Debug)]
pub(super) struct Reals {
    pub(super) variables: usize,
    /// The chance that parents are crossed at all; each variable is then with the chance 0.5.
    pub(super) crossover_rate: f64,
    /// Whether only variables whose value is larger in the second parent are crossed, as in Platypus 1.4. As a second child keeps
    /// all values that are smaller than those of the other parent, half of the children drift to 0: the optimum of ZDT.
    pub(super) is_one_sided: bool,
    pub(super) crossover_eta: f64,
    /// The chance that a solution is mutated; each variable is then with the chance 1 / variables.
    pub(super) mutation_rate: f64,
}

impl Reals {
    /// The operators of pymoo's NSGA-II.
    pub(super) const fn new(variables: usize) -> Self {
        Self { variables, crossover_rate: 0.9, is_one_sided: false, crossover_eta: 15.0, mutation_rate: 0.9 }
    }
}

const MUTATION_ETA: f64 = 20.0;

impl Variation for Reals {
    type Solution = Vec<f64>;

    fn draw(&self, rng: &mut SearchRng) -> Vec<f64> {
        (0..self.variables).map(|_| rng.random_range(0.0..1.0)).collect()
    }

    /// Deb & Agrawal, "Simulated binary crossover for continuous search space", Complex Systems 9, 1995.
    fn cross(&self, [one, other]: [&Vec<f64>; 2], rng: &mut SearchRng) -> Vec<f64> {
        let mut child = one.clone();
        if rng.random_range(0.0..1.0) >= self.crossover_rate {
            return child;
        }
        let is_second_child = rng.random_range(0.0..1.0) < 0.5;
        for (value, (one, other)) in child.iter_mut().zip(one.iter().zip(other)) {
            let (low, high) = (one.min(*other), one.max(*other));
            if rng.random_range(0.0..1.0) >= 0.5 || high - low < 1e-14 {
                continue;
            }
            if self.is_one_sided && is_second_child != (one > other) {
                continue;
            }
            let is_lower = rng.random_range(0.0..1.0) < 0.5;
            let to_bound = if is_lower { low } else { 1.0 - high };
            let beta = 1.0 + 2.0 * to_bound / (high - low);
            let alpha = 2.0 - beta.powf(-(self.crossover_eta + 1.0));
            let u = rng.random_range(0.0..1.0_f64) * alpha;
            let base = if u <= 1.0 { u } else { 1.0 / (2.0 - u) };
            let spread = base.powf(1.0 / (self.crossover_eta + 1.0));
            let side = if is_lower { -spread } else { spread };
            *value = (0.5 * (low + high + side * (high - low))).clamp(0.0, 1.0);
        }
        child
    }

    /// Deb & Goyal, "A combined genetic adaptive search (GeneAS) for engineering design", Computer Science and Informatics 26, 1996.
    fn mutate(&self, solution: &Vec<f64>, rng: &mut SearchRng) -> Vec<f64> {
        let mut mutant = solution.clone();
        if rng.random_range(0.0..1.0) >= self.mutation_rate {
            return mutant;
        }
        for value in &mut mutant {
            if rng.random_range(0.0..1.0) >= 1.0 / count(self.variables) {
                continue;
            }
            let u = rng.random_range(0.0..1.0_f64);
            let step = if u < 0.5 {
                (2.0 * u + (1.0 - 2.0 * u) * (1.0 - *value).powf(MUTATION_ETA + 1.0)).powf(1.0 / (MUTATION_ETA + 1.0)) - 1.0
            } else {
                1.0 - (2.0 - 2.0 * u + (2.0 * u - 1.0) * value.powf(MUTATION_ETA + 1.0)).powf(1.0 / (MUTATION_ETA + 1.0))
            };
            *value = (*value + step).clamp(0.0, 1.0);
        }
        mutant
    }

    fn key(&self, solution: &Vec<f64>) -> u64 {
        solution.iter().fold(0, |key: u64, value| (key.rotate_left(5) ^ value.to_bits()).wrapping_mul(0x517c_c1b7_2722_0a95))
    }
}

impl Flight for Reals {
    type Velocity = Vec<f64>;

    fn rest(&self) -> Vec<f64> {
        vec![0.0; self.variables]
    }

    fn fly(
        &self,
        velocity: &mut Vec<f64>,
        position: &Vec<f64>,
        attractors: [&Vec<f64>; 2],
        pull: Pull,
        _: &mut SearchRng,
    ) -> Vec<f64> {
        let mut moved = position.clone();
        for (variable, value) in moved.iter_mut().enumerate() {
            velocity[variable] *= pull.inertia;
            for (attractor, strength) in attractors.into_iter().zip(pull.strengths) {
                velocity[variable] += strength * (attractor[variable] - position[variable]);
            }
            *value += velocity[variable];
            if !(0.0..=1.0).contains(value) {
                *value = value.clamp(0.0, 1.0);
                velocity[variable] *= -1.0;
            }
        }
        moved
    }
}

/// Zitzler, Deb & Thiele, "Comparison of multiobjective evolutionary algorithms", Evolutionary Computation 8(2), 2000: with 30
/// variables, number 1 to 3.
pub(super) fn zdt(number: usize, x: &[f64]) -> Vec<f64> {
    let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / count(x.len() - 1);
    let ratio = x[0] / g;
    let h = match number {
        1 => 1.0 - ratio.sqrt(),
        2 => 1.0 - ratio * ratio,
        _ => 1.0 - ratio.sqrt() - ratio * (10.0 * PI * x[0]).sin(),
    };
    vec![x[0], g * h]
}

/// Deb, Thiele, Laumanns & Zitzler, "Scalable multi-objective optimization test problems", CEC 2002: DTLZ2 with 3 objectives.
pub(super) fn dtlz2(x: &[f64]) -> Vec<f64> {
    let radius = 1.0 + x[2..].iter().map(|value| (value - 0.5).powi(2)).sum::<f64>();
    let (a, b) = (x[0] * FRAC_PI_2, x[1] * FRAC_PI_2);
    vec![radius * a.cos() * b.cos(), radius * a.cos() * b.sin(), radius * a.sin()]
}
