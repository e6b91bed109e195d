//! The hypervolume of many objectives, by sampling.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::dominance::covers;
use super::error::{Error, check};
use super::hypervolume::is_inside;

/// A sampled number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate itself, without bias.
    pub value: f64,
    /// The standard deviation of `value` over repetitions.
    pub standard_error: f64,
}

/// Estimates the hypervolume from points drawn uniformly between the best values of `points` and the reference point.
///
/// It takes O(samples · n · objectives), whatever the number of objectives. Points that are not better than the reference point
/// in every objective add nothing, as in [`hypervolume`](super::hypervolume).
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `reference`: `[objectives]`
///
/// # Errors
///
/// Returns an error if there are no samples, a point has another length than the reference point, or a value is not finite.
///
/// # Source
///
/// Bader & Zitzler, "HypE: an algorithm for fast hypervolume-based many-objective optimization", 2011. The standard error is
/// that of a share, with one more hit and one more miss counted (Laplace's rule of succession), so that it is above 0 even if all
/// samples hit.
pub fn hypervolume_monte_carlo<P: AsRef<[f64]>>(
    points: &[P],
    reference: &[f64],
    samples: u32,
    rng: &mut ChaCha8Rng,
) -> Result<Estimate, Error> {
    if samples == 0 {
        return Err(Error::Argument { name: "the number of samples", expected: "at least 1", found: 0.0 });
    }
    check("reference point", &[reference], reference.len())?;
    check("point", points, reference.len())?;
    let points: Vec<&[f64]> = points.iter().map(AsRef::as_ref).filter(|point| is_inside(point, reference)).collect();
    let ideal = points.iter().fold(reference.to_vec(), |mut ideal, point| {
        ideal.iter_mut().zip(*point).for_each(|(ideal, value)| *ideal = ideal.min(*value));
        ideal
    });
    let volume: f64 = reference.iter().zip(&ideal).map(|(reference, ideal)| reference - ideal).product();
    let mut sample = ideal.clone();
    let mut hits = 0_u32;
    for _ in 0..samples {
        for (value, (ideal, reference)) in sample.iter_mut().zip(ideal.iter().zip(reference)) {
            *value = ideal + rng.random_range(0.0..1.0) * (reference - ideal);
        }
        hits += u32::from(points.iter().any(|point| covers(point, &sample)));
    }
    let (hits, samples) = (f64::from(hits), f64::from(samples));
    let share = (hits + 1.0) / (samples + 2.0);
    Ok(Estimate { value: volume * hits / samples, standard_error: volume * (share * (1.0 - share) / samples).sqrt() })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::hypervolume;
    use super::*;

    fn sampled<P: AsRef<[f64]>>(points: &[P], reference: &[f64], samples: u32, seed: u64) -> Estimate {
        hypervolume_monte_carlo(points, reference, samples, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap()
    }

    #[test]
    fn many_objectives_have_an_estimate() {
        // Two boxes with one side of 2 and nine of 1, which share a box of volume 1.
        let low = |objective: usize| std::array::from_fn::<f64, 10, _>(|index| if index == objective { 0.0 } else { 1.0 });
        let found = sampled(&[low(0), low(1)], &[2.0; 10], 20_000, 1);
        assert!((found.value - 3.0).abs() < 4.0 * found.standard_error && found.standard_error < 0.02, "{found:?}");
        assert_eq!(found, sampled(&[low(0), low(1)], &[2.0; 10], 20_000, 1));
        assert_ne!(found.value.to_bits(), sampled(&[low(0), low(1)], &[2.0; 10], 20_000, 2).value.to_bits());
    }

    #[test]
    fn nothing_inside_has_no_volume_and_no_samples_no_estimate() {
        assert_eq!(sampled(&[[3.0, 0.0]], &[2.0; 2], 10, 1), Estimate { value: 0.0, standard_error: 0.0 });
        // A point behind the reference point does not widen the box.
        let points = [[0.0, 0.5], [0.5, 0.0], [-9.0, 1.0]];
        assert_eq!(sampled(&points, &[1.0; 2], 100, 1), sampled(&points[..2], &[1.0; 2], 100, 1));
        let none = hypervolume_monte_carlo(&[[0.0]], &[1.0], 0, &mut ChaCha8Rng::seed_from_u64(1)).unwrap_err();
        assert_eq!(none.to_string(), "the number of samples is `0`, expected at least 1");
    }

    #[test]
    fn samples_that_all_miss_leave_an_error() {
        let thin = [[0.0, 1.0 - 1e-9], [1.0 - 1e-9, 0.0]];
        let found = sampled(&thin, &[1.0; 2], 10, 1);
        assert!(found.value.abs() < 1e-12 && found.standard_error > 0.01, "{found:?}");
    }

    #[test]
    fn the_standard_error_is_the_deviation_over_seeds() {
        let points = [[0.0, 0.5], [0.5, 0.0]];
        let values: Vec<f64> = (0..400).map(|seed| sampled(&points, &[1.0; 2], 100, seed).value).collect();
        let deviation = (values.iter().map(|value| (value - 0.75).powi(2)).sum::<f64>() / 400.0).sqrt();
        assert!((deviation / sampled(&points, &[1.0; 2], 100, 0).standard_error - 1.0).abs() < 0.15, "{deviation}");
    }

    #[test]
    fn the_exact_volume_is_within_four_standard_errors() {
        for seed in 0..64 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let objectives = rng.random_range(2..6);
            let mut point = || (0..objectives).map(|_| rng.random_range(0.0..1.2)).collect::<Vec<f64>>();
            let points: Vec<_> = (0..=seed % 12).map(|_| point()).collect();
            let reference = vec![1.0; objectives];
            let found = sampled(&points, &reference, 2_000, seed);
            let exact = hypervolume(&points, &reference).unwrap();
            assert!((found.value - exact).abs() <= 4.0 * found.standard_error, "{seed}: {found:?}, exact {exact}");
        }
    }
}
