//! From bytes to the numbers that a network sees: every channel with mean 0 and standard deviation 1.

use super::{Error, ImageShape, Images};

/// What is subtracted from each channel, and what the rest is divided by.
///
/// # Shapes
///
/// One mean and one deviation per channel.
///
/// # Units
///
/// Pixel values, 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Normalisation {
    /// Makes a normalisation of given means and deviations.
    ///
    /// # Errors
    ///
    /// [`Error::Normalisation`] unless there is one finite mean and one finite, positive deviation per channel.
    pub fn new(mean: Vec<f32>, deviation: Vec<f32>) -> Result<Self, Error> {
        let means = mean.iter().all(|mean| mean.is_finite());
        let deviations = deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0);
        if means && deviations && mean.len() == deviation.len() && !mean.is_empty() {
            Ok(Self { mean, deviation })
        } else {
            Err(Error::Normalisation { mean, deviation })
        }
    }

    /// Measures the images that models are trained on. The deviation is the population's; for a channel of one single value it
    /// is taken to be 1, so that such a channel becomes 0.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the measures are kept as the network's numbers")]
    pub fn measure(images: &Images) -> Self {
        let (mean, deviation) = (0..images.shape().channels)
            .map(|channel| {
                let (mean, deviation) = moments(images, channel);
                (mean as f32, if deviation > 0.0 { deviation as f32 } else { 1.0 })
            })
            .unzip();
        Self { mean, deviation }
    }

    /// The mean of each channel.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each channel: finite and positive.
    #[must_use]
    pub fn deviation(&self) -> &[f32] {
        &self.deviation
    }

    /// Normalises one image.
    ///
    /// # Shapes
    ///
    /// - `pixels`, `out`: `[channels, height, width]` of `shape`
    ///
    /// # Panics
    ///
    /// Panics if `pixels` or `out` has another shape, or the normalisation another number of channels.
    pub fn apply(&self, pixels: &[u8], shape: ImageShape, out: &mut [f32]) {
        assert_eq!(self.mean.len(), shape.channels, "the normalisation is of images with as many channels");
        assert_eq!((pixels.len(), out.len()), (shape.values(), shape.values()), "pixels and output have the shape");
        let planes = pixels.chunks_exact(shape.plane()).zip(out.chunks_exact_mut(shape.plane()));
        for ((from, to), (&mean, &deviation)) in planes.zip(self.mean.iter().zip(&self.deviation)) {
            for (value, &pixel) in to.iter_mut().zip(from) {
                *value = (f32::from(pixel) - mean) / deviation;
            }
        }
    }
}

/// The mean and the standard deviation of one channel; both 0 without images. The sums are exact.
#[expect(clippy::cast_precision_loss, reason = "one rounding each of an exact sum")]
fn moments(images: &Images, channel: usize) -> (f64, f64) {
    let plane = images.shape().plane();
    let (mut n, mut sum, mut squares) = (0_u128, 0_u128, 0_u128);
    for values in images.all_pixels().chunks_exact(plane).skip(channel).step_by(images.shape().channels) {
        n += values.len() as u128;
        sum += u128::from(values.iter().map(|&value| u64::from(value)).sum::<u64>());
        squares += u128::from(values.iter().map(|&value| u64::from(value).pow(2)).sum::<u64>());
    }
    if n == 0 {
        return (0.0, 0.0);
    }
    let spread = (n * squares - sum * sum) as f64;
    (sum as f64 / n as f64, spread.sqrt() / n as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 2, height: 1, width: 2 };

    fn applied(normalisation: &Normalisation, images: &Images) -> Vec<f32> {
        let values = images.shape().values();
        let mut out = vec![f32::NAN; images.len() * values];
        for (i, out) in out.chunks_exact_mut(values).enumerate() {
            normalisation.apply(images.pixels(i), images.shape(), out);
        }
        out
    }

    #[test]
    fn each_channel_is_measured_on_its_own() {
        let images = Images::new(SHAPE, vec![1, 3, 10, 10, 5, 7, 10, 50], vec![0, 0]).unwrap();
        let normalisation = Normalisation::measure(&images);
        assert_eq!(normalisation.mean(), [4.0, 20.0]);
        assert_eq!(normalisation.deviation(), [5.0_f32.sqrt(), 300.0_f32.sqrt()]);
        let expected = [-3.0, -1.0].map(|x: f32| x / 5.0_f32.sqrt());
        assert_eq!(applied(&normalisation, &images)[..2], expected);
    }

    #[test]
    fn a_channel_of_one_value_becomes_zero() {
        let images = Images::new(SHAPE, vec![9, 9, 0, 255], vec![0]).unwrap();
        assert_eq!(applied(&Normalisation::measure(&images), &images), [0.0, 0.0, -1.0, 1.0]);
    }

    #[test]
    fn no_images_have_a_normalisation_that_changes_nothing() {
        let normalisation = Normalisation::measure(&Images::new(SHAPE, vec![], vec![]).unwrap());
        assert_eq!((normalisation.mean(), normalisation.deviation()), (&[0.0, 0.0][..], &[1.0, 1.0][..]));
    }

    #[test]
    fn figures_that_cannot_be_divided_by_are_refused() {
        assert!(Normalisation::new(vec![125.31], vec![62.99]).is_ok());
        for (mean, deviation) in [(vec![], vec![]), (vec![1.0], vec![]), (vec![1.0], vec![0.0]), (vec![f32::NAN], vec![1.0])] {
            assert!(matches!(Normalisation::new(mean, deviation), Err(Error::Normalisation { .. })));
        }
        assert_eq!(
            Normalisation::new(vec![1.5], vec![0.0]).unwrap_err().to_string(),
            "[1.5] and [0.0] are no means and positive deviations, expected one of each per channel"
        );
    }

    proptest! {
        #[test]
        fn normalised_images_have_mean_zero_and_deviation_one_or_zero(
            pixels in proptest::collection::vec(any::<u8>(), 4..200),
        ) {
            let n = pixels.len() / SHAPE.values();
            let images = Images::new(SHAPE, pixels[..n * SHAPE.values()].to_vec(), vec![0; n]).unwrap();
            let out = applied(&Normalisation::measure(&images), &images);
            for channel in 0..2 {
                let values: Vec<f64> =
                    out.chunks(2).skip(channel).step_by(2).flatten().map(|&x| f64::from(x)).collect();
                let count = f64::from(u32::try_from(values.len()).unwrap());
                let mean = values.iter().sum::<f64>() / count;
                let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                prop_assert!(mean.abs() < 1e-3, "mean {}", mean);
                prop_assert!((variance - 1.0).abs() < 1e-3 || values.iter().all(|&x| x == 0.0), "variance {}", variance);
            }
        }
    }
}
