//! Labelled images as bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// The shape of one image. Prints as `1 × 14 × 14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// The number of rows.
    pub height: usize,
    /// The number of columns.
    pub width: usize,
}

impl ImageShape {
    /// The number of values of one channel.
    #[must_use]
    pub const fn plane(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// The number of values of one image.
    #[must_use]
    pub const fn values(self) -> usize {
        self.channels.saturating_mul(self.plane())
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}

/// Images of one shape, each with a label.
///
/// # Shapes
///
/// Pixels are `[n, channels, height, width]`, row-major; labels are `[n]`.
///
/// # Units
///
/// Pixels are 0 (dark) to 255.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    shape: ImageShape,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// Puts pixels and labels together.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[n, channels, height, width]`
    /// - `labels`: `[n]`
    ///
    /// # Errors
    ///
    /// [`Error::EmptyShape`] if an image would have no pixel, [`Error::PixelCount`] if there are more or fewer pixel values
    /// than the labels ask for.
    pub fn new(shape: ImageShape, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, Error> {
        if shape.values() == 0 {
            return Err(Error::EmptyShape { shape });
        }
        if labels.len().checked_mul(shape.values()) != Some(pixels.len()) {
            return Err(Error::PixelCount { shape, images: labels.len(), found: pixels.len() });
        }
        Ok(Self { shape, pixels, labels })
    }

    /// The shape of each image.
    #[must_use]
    pub const fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of image `i`: `[channels, height, width]`.
    ///
    /// # Panics
    ///
    /// Panics if there is no image `i`.
    #[must_use]
    pub fn pixels(&self, i: usize) -> &[u8] {
        let values = self.shape.values();
        &self.pixels[i * values..][..values]
    }

    /// The label of image `i`.
    ///
    /// # Panics
    ///
    /// Panics if there is no image `i`.
    #[must_use]
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }

    /// The pixels of all images: `[n, channels, height, width]`.
    #[must_use]
    pub fn all_pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The labels of all images: `[n]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Copies the first `n` images, or all if there are fewer.
    #[must_use]
    pub fn take(&self, n: usize) -> Self {
        let n = n.min(self.len());
        let pixels = self.pixels[..n * self.shape.values()].to_vec();
        Self { shape: self.shape, pixels, labels: self.labels[..n].to_vec() }
    }

    /// Parts the first `n` images, or all if there are fewer, from the others.
    pub(super) fn split_at(mut self, n: usize) -> (Self, Self) {
        let n = n.min(self.len());
        let pixels = self.pixels.split_off(n * self.shape.values());
        let labels = self.labels.split_off(n);
        let shape = self.shape;
        (self, Self { shape, pixels, labels })
    }

    /// Copies the images at `order`, in that order.
    pub(super) fn reordered(&self, order: impl Iterator<Item = u32>) -> Self {
        let mut copy =
            Self { shape: self.shape, pixels: Vec::with_capacity(self.pixels.len()), labels: Vec::with_capacity(self.len()) };
        for image in order {
            copy.pixels.extend_from_slice(self.pixels(image as usize));
            copy.labels.push(self.label(image as usize));
        }
        copy
    }

    /// The first image whose label is not below `classes`, and that label.
    pub(super) fn label_beyond(&self, classes: usize) -> Option<(usize, u8)> {
        let image = self.labels.iter().position(|&label| usize::from(label) >= classes)?;
        Some((image, self.labels[image]))
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Images({} of {})", self.len(), self.shape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 2, height: 1, width: 2 };

    fn three() -> Images {
        Images::new(SHAPE, (0..12).collect(), vec![5, 6, 7]).unwrap()
    }

    #[test]
    fn pixels_and_labels_belong_together() {
        let images = three();
        assert_eq!((images.len(), images.pixels(1), images.label(1)), (3, &[4, 5, 6, 7][..], 6));
        assert_eq!(format!("{images:?}"), "Images(3 of 2 × 1 × 2)");
    }

    #[test]
    fn a_wrong_number_of_pixels_is_refused() {
        let message = Images::new(SHAPE, vec![0; 11], vec![0; 3]).unwrap_err().to_string();
        assert_eq!(message, "11 pixel values for 3 images of 2 × 1 × 2");
    }

    #[test]
    fn an_image_has_at_least_one_pixel() {
        let message = Images::new(ImageShape { width: 0, ..SHAPE }, vec![], vec![]).unwrap_err().to_string();
        assert_eq!(message, "images of 2 × 1 × 0: expected at least one channel, row and column");
    }

    #[test]
    fn a_shape_too_large_to_count_is_refused() {
        let shape = ImageShape { channels: usize::MAX, height: usize::MAX, width: 2 };
        assert!(matches!(Images::new(shape, vec![0; 2], vec![0; 2]), Err(Error::PixelCount { .. })));
    }

    #[test]
    fn taking_more_than_there_are_takes_all() {
        assert_eq!(three().take(9), three());
    }

    #[test]
    fn images_take_their_pixels_and_labels_to_another_place() {
        let reordered = three().reordered([2, 0].into_iter());
        assert_eq!((reordered.labels(), reordered.pixels(0)), (&[7, 5][..], &[8, 9, 10, 11][..]));
    }

    proptest! {
        #[test]
        fn a_prefix_and_the_rest_are_the_whole(n in 0..5_usize) {
            let whole = three();
            let (first, second) = three().split_at(n);
            prop_assert_eq!(&first, &whole.take(n));
            prop_assert_eq!([first.all_pixels(), second.all_pixels()].concat(), whole.all_pixels());
            prop_assert_eq!([first.labels(), second.labels()].concat(), whole.labels());
        }
    }
}
