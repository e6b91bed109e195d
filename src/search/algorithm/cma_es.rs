//! CMA-ES: draws vectors from a normal distribution whose mean, width and shape follow the better ones.

use serde::{Deserialize, Serialize};

use crate::search::generations::{Generations, Strategy};
use crate::search::vectors::Vectors;
use crate::search::{Entry, Error, SearchRng, Setup, check_option, count, defaults_of};
use crate::space::Spec;
use crate::statistics::distribution::standard_normal;
use crate::statistics::eigen::symmetric_eigen;

pub(super) const ENTRY: Entry = Entry {
    name: "cma-es",
    about: "draws a number for each edge and operation from a normal distribution, which moves, widens and turns to where the better \
            cells are; a draw outside the space counts as a cell of loss 1 and is not evaluated",
    source: "Hansen & Ostermeier, Evolutionary Computation 9(2), 2001; defaults of Hansen, arXiv:1604.00772, without negative weights; \
             the encoding of Ying et al., ICML 2019, S3",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Generations::new(setup, CmaEs::new(setup)?))),
};

/// The options of `cma-es`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The cells of a generation: 4 + ⌊3 ln n⌋ for the n = 27 numbers of the whole space.
    pub population_size: usize,
    /// The standard deviation to begin with; the numbers that differ are from 0 to 1.
    pub sigma: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 13, sigma: 0.3 }
    }
}

/// What does not change during a search.
#[derive(Clone, Debug, PartialEq)]
struct Constants {
    size: usize,
    /// The weights of the better half, the best first; their sum is 1.
    weights: Vec<f64>,
    /// 1 / Σ weights².
    mu_eff: f64,
    c_1: f64,
    c_mu: f64,
    c_c: f64,
    c_sigma: f64,
    damping: f64,
    /// The mean length of a standard normal vector.
    mean_length: f64,
}

impl Constants {
    /// The defaults for vectors of `n` numbers.
    fn new(n: usize, size: usize) -> Self {
        let n = count(n);
        let mu = size / 2;
        let raw: Vec<f64> = (1..=mu).map(|rank| (0.5 * count(size + 1)).ln() - count(rank).ln()).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|weight| weight / sum).collect();
        let mu_eff = weights.iter().map(|weight| weight * weight).sum::<f64>().recip();
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        let c_mu = (2.0 * (0.25 + mu_eff + mu_eff.recip() - 2.0) / ((n + 2.0).powi(2) + mu_eff)).min(1.0 - c_1);
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 3.0);
        let damping = 1.0 + c_sigma + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0);
        let mean_length = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        Self { size, weights, mu_eff, c_1, c_mu, c_c, c_sigma, damping, mean_length }
    }
}

/// The normal distribution that is searched with.
#[derive(Clone, Debug)]
struct Distribution {
    constants: Constants,
    mean: Vec<f64>,
    sigma: f64,
    /// `[n, n]`.
    covariance: Vec<f64>,
    /// The principal axes of the covariance, `[n, n]`, one in each row, and the standard deviation along each.
    axes: (Vec<f64>, Vec<f64>),
    path_sigma: Vec<f64>,
    path: Vec<f64>,
    generations: i32,
}

impl Distribution {
    fn new(mean: Vec<f64>, sigma: f64, size: usize) -> Self {
        let n = mean.len();
        let identity: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
        Self {
            constants: Constants::new(n, size),
            mean,
            sigma,
            covariance: identity.clone(),
            axes: (identity, vec![1.0; n]),
            path_sigma: vec![0.0; n],
            path: vec![0.0; n],
            generations: 0,
        }
    }

    fn draw(&self, rng: &mut SearchRng) -> Vec<f64> {
        let mut point = self.mean.clone();
        for (axis, deviation) in self.axes.0.chunks_exact(point.len()).zip(&self.axes.1) {
            let along = self.sigma * deviation * standard_normal(rng);
            add(&mut point, along, axis);
        }
        point
    }

    /// Learns from a generation, the best first.
    fn update(&mut self, generation: &[Vec<f64>]) {
        let Constants { mu_eff, c_1, c_mu, c_c, c_sigma, .. } = self.constants;
        let n = self.mean.len();
        let better = generation.iter().zip(&self.constants.weights);
        let steps: Vec<(Vec<f64>, f64)> = better
            .map(|(point, weight)| (point.iter().zip(&self.mean).map(|(one, mean)| (one - mean) / self.sigma).collect(), *weight))
            .collect();
        let mut step = vec![0.0; n];
        for (one, weight) in &steps {
            add(&mut step, *weight, one);
        }
        add(&mut self.mean, self.sigma, &step);

        self.path_sigma.iter_mut().for_each(|entry| *entry *= 1.0 - c_sigma);
        let rate = (c_sigma * (2.0 - c_sigma) * mu_eff).sqrt();
        for (axis, deviation) in self.axes.0.chunks_exact(n).zip(&self.axes.1) {
            let along: f64 = axis.iter().zip(&step).map(|(axis, step)| axis * step).sum();
            add(&mut self.path_sigma, rate * along / deviation, axis);
        }
        self.generations = self.generations.saturating_add(1);
        let length = self.path_sigma.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        let grown = (1.0 - (1.0 - c_sigma).powi(self.generations.saturating_mul(2))).sqrt();
        let is_short = length / grown < (1.4 + 2.0 / count(n + 1)) * self.constants.mean_length;

        self.path.iter_mut().for_each(|entry| *entry *= 1.0 - c_c);
        if is_short {
            add(&mut self.path, (c_c * (2.0 - c_c) * mu_eff).sqrt(), &step);
        }
        let missing = if is_short { 0.0 } else { c_1 * c_c * (2.0 - c_c) };
        self.covariance.iter_mut().for_each(|entry| *entry *= 1.0 - c_1 - c_mu + missing);
        add_square(&mut self.covariance, c_1, &self.path);
        for (one, weight) in &steps {
            add_square(&mut self.covariance, c_mu * weight, one);
        }
        self.sigma *= (c_sigma / self.constants.damping * (length / self.constants.mean_length - 1.0)).exp();

        let (variances, axes) = symmetric_eigen(&self.covariance, n);
        // Rounding may make the smallest variance negative.
        self.axes = (axes, variances.iter().map(|variance| variance.max(f64::MIN_POSITIVE).sqrt()).collect());
    }
}

fn add(sum: &mut [f64], factor: f64, vector: &[f64]) {
    for (entry, other) in sum.iter_mut().zip(vector) {
        *entry += factor * other;
    }
}

/// Adds the product of a vector with itself to a matrix.
fn add_square(matrix: &mut [f64], factor: f64, vector: &[f64]) {
    for (row, entry) in matrix.chunks_exact_mut(vector.len()).zip(vector) {
        add(row, factor * entry, vector);
    }
}

struct CmaEs {
    vectors: Vectors,
    distribution: Distribution,
}

impl CmaEs {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let Options { population_size, sigma } = setup.options(ENTRY.name)?;
        let vectors = Vectors::new(&setup.space);
        check_option(
            ENTRY.name,
            "population_size",
            &population_size,
            (4..=1_000_000).contains(&population_size),
            "4 to 1000000",
        )?;
        check_option(ENTRY.name, "sigma", &sigma, sigma > 0.0 && sigma <= 1_000.0, "more than 0, at most 1000")?;
        let distribution = Distribution::new(vec![0.5; vectors.len()], sigma, population_size);
        Ok(Self { vectors, distribution })
    }
}

impl Strategy for CmaEs {
    type Point = Vec<f64>;

    fn size(&self) -> usize {
        self.distribution.constants.size
    }

    fn draw(&mut self, _: &[Vec<f64>], rng: &mut SearchRng) -> Vec<f64> {
        self.distribution.draw(rng)
    }

    fn spec(&self, point: &Vec<f64>) -> Spec {
        self.vectors.spec(point)
    }

    fn point(&self, spec: Spec, rng: &mut SearchRng) -> Vec<f64> {
        self.vectors.draw_of(spec, rng)
    }

    fn learn(&mut self, mut generation: Vec<(Vec<f64>, f64)>) {
        generation.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        self.distribution.update(&generation.into_iter().map(|(point, _)| point).collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    #[test]
    fn the_constants_are_the_known_ones() {
        // `cma_defaults_n10` and `cma_defaults_n26` of the known answers.
        let known = [
            (
                10,
                10,
                5,
                [
                    3.167_299_281_410_7,
                    0.015_283_824_524_751_7,
                    0.023_551_776_650_417_4,
                    0.294_990_383_035_622,
                    0.319_614_252_910_633,
                    1.319_614_252_910_633,
                ],
            ),
            (
                26,
                13,
                6,
                [
                    3.980_869_172_953_99,
                    0.002_669_261_654_610_4,
                    0.006_299_824_507_927_9,
                    0.137_038_213_809_249,
                    0.181_343_588_660_138,
                    1.181_343_588_660_138,
                ],
            ),
        ];
        for (n, size, mu, expected) in known {
            let Constants { weights, mu_eff, c_1, c_mu, c_c, c_sigma, damping, .. } = Constants::new(n, size);
            assert_eq!(weights.len(), mu);
            for (found, expected) in [mu_eff, c_1, c_mu, c_c, c_sigma, damping].into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-13, "{found} and {expected}");
            }
        }
    }

    /// Minimises a function of ten numbers, and returns the evaluations until it is below 1e-9.
    fn evaluations(seed: u64, function: impl Fn(&[f64]) -> f64) -> usize {
        let mut rng = Seed(seed).rng();
        let mut distribution = Distribution::new(vec![0.1; 10], 0.1, 10);
        for generation in 1..1_000 {
            let mut points: Vec<_> = (0..10).map(|_| distribution.draw(&mut rng)).collect();
            points.sort_by(|one, other| function(one).total_cmp(&function(other)));
            if function(&points[0]) < 1e-9 {
                return 10 * generation;
            }
            distribution.update(&points);
        }
        usize::MAX
    }

    fn rosenbrock(x: &[f64]) -> f64 {
        x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2)).sum()
    }

    #[test]
    fn rosenbrocks_function_is_solved_with_the_published_effort() {
        let mut found: Vec<_> = (0..11).map(|seed| evaluations(seed, rosenbrock)).collect();
        found.sort_unstable();
        // `cma_rosenbrock10` of the known answers: 4,330 to 6,720, a median of 5,120, where worse points count with negative weights.
        assert!((4_330..=6_720).contains(&found[5]), "{found:?}");
    }

    #[test]
    fn only_the_order_of_the_values_counts() {
        let by_order = evaluations(3, |x| x.iter().map(|x| x * x).sum());
        let cubed = evaluations(3, |x| x.iter().map(|x| x * x).sum::<f64>().powi(3) * 1e18);
        assert_eq!(by_order, cubed);
    }
}
