//! The hypervolume of many objectives, by sampling.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::dominance::covers;
use super::error::{Error, check};
use super::hypervolume::is_inside;

/// A hypervolume that is known by points drawn within it, and of which shares can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledHypervolume {
    /// The estimate, without bias.
    pub value: f64,
    /// The standard deviation of `value` over repetitions.
    pub standard_error: f64,
    /// The points, each with its weight.
    samples: Vec<(Vec<f64>, f64)>,
}

impl SampledHypervolume {
    /// Draws points that `points` dominate and that are better than the reference point.
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
    /// Karp & Luby, "Monte-Carlo algorithms for enumeration and reliability problems", FOCS 1983: a box is drawn by its volume, then a point
    /// of it, which counts as one over the number of boxes that hold it. The standard error is that of the mean of these counts, with the
    /// most and the least that they can be counted once more, so that it is above 0 even if all samples are equal.
    pub fn new<P: AsRef<[f64]>>(points: &[P], reference: &[f64], samples: u32, rng: &mut ChaCha8Rng) -> Result<Self, Error> {
        if samples == 0 {
            return Err(Error::Argument { name: "the number of samples", expected: "at least 1", found: 0.0 });
        }
        check("reference point", &[reference], reference.len())?;
        check("point", points, reference.len())?;
        let boxes: Vec<&[f64]> = points.iter().map(AsRef::as_ref).filter(|point| is_inside(point, reference)).collect();
        // The volumes of the boxes, added up.
        let mut volume = 0.0;
        let ends: Vec<f64> = boxes
            .iter()
            .map(|point| {
                volume += point.iter().zip(reference).map(|(value, reference)| reference - value).product::<f64>();
                volume
            })
            .collect();
        if boxes.is_empty() {
            return Ok(Self { value: 0.0, standard_error: 0.0, samples: Vec::new() });
        }
        let mut draw = || {
            let place = rng.random_range(0.0..volume);
            let corner = boxes[ends.partition_point(|end| *end <= place).min(boxes.len() - 1)];
            let within = |(value, reference): (&f64, &f64)| value + rng.random_range(0.0..1.0) * (reference - value);
            let sample: Vec<f64> = corner.iter().zip(reference).map(within).collect();
            // Rounding can leave no box that holds the sample.
            let holding = boxes.iter().filter(|point| covers(point, &sample)).count().max(1);
            (sample, 1.0 / count(holding))
        };
        let samples: Vec<(Vec<f64>, f64)> = (0..samples).map(|_| draw()).collect();
        let weights = || samples.iter().map(|(_, weight)| *weight);
        let mean = weights().sum::<f64>() / count(samples.len());
        let bounds = [1.0, 1.0 / count(boxes.len())];
        let all = count(samples.len() + bounds.len());
        let middle = weights().chain(bounds).sum::<f64>() / all;
        let variance = weights().chain(bounds).map(|weight| (weight - middle).powi(2)).sum::<f64>() / (all - 1.0);
        Ok(Self { value: volume * mean, standard_error: volume * (variance / count(samples.len())).sqrt(), samples })
    }

    /// Returns the share of the hypervolume that some points dominate; 0 of nothing.
    ///
    /// # Shapes
    ///
    /// - `points`: `[n, objectives]`
    ///
    /// # Panics
    ///
    /// Panics if a point has another length than those before.
    #[must_use]
    pub fn share<P: AsRef<[f64]>>(&self, points: &[P]) -> f64 {
        let is_dominated = |sample: &[f64]| points.iter().any(|point| covers(point.as_ref(), sample));
        let all: f64 = self.samples.iter().map(|(_, weight)| weight).sum();
        let dominated = self.samples.iter().filter(|(sample, _)| is_dominated(sample)).map(|(_, weight)| weight).sum::<f64>();
        if all > 0.0 { dominated / all } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples and points are far below 2^53")]
const fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::hypervolume;
    use super::*;

    fn sampled<P: AsRef<[f64]>>(points: &[P], reference: &[f64], samples: u32, seed: u64) -> SampledHypervolume {
        SampledHypervolume::new(points, reference, samples, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap()
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
        let nothing = sampled(&[[3.0, 0.0]], &[2.0; 2], 10, 1);
        assert_eq!((nothing.value, nothing.standard_error, nothing.share(&[[0.0, 0.0]])), (0.0, 0.0, 0.0));
        // A point behind the reference point does not widen the box.
        let points = [[0.0, 0.5], [0.5, 0.0], [-9.0, 1.0]];
        assert_eq!(sampled(&points, &[1.0; 2], 100, 1), sampled(&points[..2], &[1.0; 2], 100, 1));
        let none = SampledHypervolume::new(&[[0.0]], &[1.0], 0, &mut ChaCha8Rng::seed_from_u64(1)).unwrap_err();
        assert_eq!(none.to_string(), "the number of samples is `0`, expected at least 1");
    }

    #[test]
    fn one_box_is_known_exactly_and_thin_ones_as_well_as_thick_ones() {
        let one = sampled(&[[0.5, 0.5]], &[1.0; 2], 10, 1);
        assert_eq!((one.value, one.standard_error), (0.25, 0.0));
        let thin = [[0.0, 1.0 - 1e-9], [1.0 - 1e-9, 0.0]];
        let found = sampled(&thin, &[1.0; 2], 1_000, 1);
        assert!((found.value / 2e-9 - 1.0).abs() < 1e-3 && found.standard_error > 0.0, "{found:?}");
    }

    #[test]
    fn shares_are_those_of_exact_volumes() {
        let points = [[0.0, 0.75], [0.25, 0.5], [0.5, 0.25], [0.75, 0.0]];
        let found = sampled(&points, &[1.0; 2], 10_000, 3);
        let all = hypervolume(&points, &[1.0; 2]).unwrap();
        for part in [&points[..0], &points[..1], &points[1..3], &points] {
            let exact = hypervolume(part, &[1.0; 2]).unwrap() / all;
            assert!((found.share(part) - exact).abs() < 0.02, "{} and {exact}", found.share(part));
        }
        assert!((found.share(&points) - 1.0).abs() < 1e-12);
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
