//! The initial weights of a model, drawn by our own generator so that every engine starts from the same numbers.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::network::{Plan, Step};
use crate::unit::Seed;

/// The standard deviation of a normal distribution cut off at two: dividing by it gives the wanted one again.
const TRUNCATED_DEVIATION: f32 = 0.879_625_6;

/// Draws the parameters of a plan, step by step, each array flat and row-major: see [`Step::parameters`].
///
/// # Source
///
/// As the published program of NAS-Bench-101: kernels by variance scaling over the inputs (a normal distribution cut off
/// at two standard deviations, variance 1/inputs), the matrix by Glorot & Bengio, AISTATS 2010 (uniform).
#[must_use]
pub fn initial(plan: &Plan, seed: Seed) -> Vec<Vec<f32>> {
    let mut rng = seed.rng();
    let parameters = plan.steps().iter().flat_map(Step::parameters);
    parameters.map(|(name, shape)| draw(name, &shape, &mut rng)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "channel counts are far below 2^24")]
fn draw(name: &str, shape: &[usize], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let count = 0..shape.iter().product();
    match (name, shape) {
        ("kernel", [_, of_output @ ..]) => {
            let fan_in: usize = of_output.iter().product();
            let deviation = (1.0 / fan_in as f32).sqrt() / TRUNCATED_DEVIATION;
            count.map(|_| deviation * truncated_normal(rng)).collect()
        }
        ("matrix", [from, to]) => {
            let limit = (6.0 / (from + to) as f32).sqrt();
            count.map(|_| rng.random_range(-limit..limit)).collect()
        }
        ("scale", _) => vec![1.0; count.end],
        _ => vec![0.0; count.end],
    }
}

/// A standard normal number between −2 and 2, by Marsaglia's polar method.
fn truncated_normal(rng: &mut ChaCha8Rng) -> f32 {
    loop {
        let (u, v) = (rng.random_range(-1.0..1.0_f32), rng.random_range(-1.0..1.0_f32));
        let square = u * u + v * v;
        if square > 0.0 && square < 1.0 {
            let normal = u * (-2.0 * square.ln() / square).sqrt();
            if normal.abs() <= 2.0 {
                return normal;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Skeleton;
    use crate::space::Cell;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "16,384 weights")]
    fn weights_have_the_wanted_spread_and_count() {
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let plan = Plan::compile(&cell, &Skeleton::nas_bench_101()).unwrap();
        let weights = initial(&plan, Seed(1));
        assert_eq!(weights.iter().map(Vec::len).sum::<usize>(), plan.cost().parameters.0 as usize);
        let projection = &weights[3];
        assert_eq!(projection.len(), 128 * 128);
        let variance = projection.iter().map(|w| w * w).sum::<f32>() / projection.len() as f32;
        assert!((variance * 128.0 - 1.0).abs() < 0.05, "variance {variance}");
        assert_eq!(weights, initial(&plan, Seed(1)));
        assert_ne!(weights, initial(&plan, Seed(2)));
    }
}
