//! Labelled images as bytes.

use std::fmt;
use std::sync::Arc;

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
#[derive(Clone)]
pub struct Images {
    shape: ImageShape,
    /// How many of the images below these are: the first ones.
    len: usize,
    pixels: Arc<Vec<u8>>,
    labels: Arc<Vec<u8>>,
}

impl PartialEq for Images {
    fn eq(&self, other: &Self) -> bool {
        (self.shape, self.labels(), self.all_pixels()) == (other.shape, other.labels(), other.all_pixels())
    }
}

impl Eq for Images {}

impl Images {
    /// Makes images of pixels and labels.
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
        Ok(Self::from_parts(shape, pixels, labels))
    }

    fn from_parts(shape: ImageShape, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        Self { shape, len: labels.len(), pixels: Arc::new(pixels), labels: Arc::new(labels) }
    }

    /// The shape of each image.
    #[must_use]
    pub const fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The number of images.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no images.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of memory that pixels and labels take, those included that [`take`](Self::take) left out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.pixels.len() + self.labels.len()) as u64
    }

    /// The pixels of image `i`: `[channels, height, width]`.
    ///
    /// # Panics
    ///
    /// Panics if there is no image `i`.
    #[must_use]
    pub fn pixels(&self, i: usize) -> &[u8] {
        let values = self.shape.values();
        &self.all_pixels()[i * values..][..values]
    }

    /// The label of image `i`.
    ///
    /// # Panics
    ///
    /// Panics if there is no image `i`.
    #[must_use]
    pub fn label(&self, i: usize) -> u8 {
        self.labels()[i]
    }

    /// The pixels of all images: `[n, channels, height, width]`.
    #[must_use]
    pub fn all_pixels(&self) -> &[u8] {
        &self.pixels[..self.len * self.shape.values()]
    }

    /// The labels of all images: `[n]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels[..self.len]
    }

    /// The first `n` images, or all if there are fewer. They are shared, not copied.
    #[must_use]
    pub fn take(&self, n: usize) -> Self {
        Self { len: n.min(self.len), ..self.clone() }
    }

    /// Parts the first `n` images, or all if there are fewer, from the others.
    pub(super) fn split_at(self, n: usize) -> (Self, Self) {
        let (shape, n) = (self.shape, n.min(self.len));
        let (mut pixels, mut labels) = (Arc::unwrap_or_clone(self.pixels), Arc::unwrap_or_clone(self.labels));
        pixels.truncate(self.len * shape.values());
        labels.truncate(self.len);
        let rest = Self::from_parts(shape, pixels.split_off(n * shape.values()), labels.split_off(n));
        (Self::from_parts(shape, pixels, labels), rest)
    }

    /// Copies the images at `order`, in that order.
    pub(super) fn reordered(&self, order: impl Iterator<Item = u32>) -> Self {
        let (mut pixels, mut labels) = (Vec::with_capacity(self.all_pixels().len()), Vec::with_capacity(self.len));
        for image in order {
            pixels.extend_from_slice(self.pixels(image as usize));
            labels.push(self.label(image as usize));
        }
        Self::from_parts(self.shape, pixels, labels)
    }

    /// The first image whose label is not below `classes`, and that label.
    pub(super) fn label_beyond(&self, classes: usize) -> Option<(usize, u8)> {
        let image = self.labels().iter().position(|&label| usize::from(label) >= classes)?;
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
    fn the_first_images_are_taken_without_a_copy_and_look_like_one() {
        let images = three();
        let two = images.take(2);
        assert_eq!(two, Images::new(SHAPE, (0..8).collect(), vec![5, 6]).unwrap());
        assert_eq!((two.len(), two.labels(), two.all_pixels().len()), (2, &[5, 6][..], 8));
        assert!(std::ptr::eq(two.all_pixels().as_ptr(), images.all_pixels().as_ptr()));
        assert_eq!((two.bytes(), images.bytes()), (15, 15));
        assert_eq!(two.label_beyond(6), Some((1, 6)));
        assert_eq!(two.label_beyond(7), None);
        let (first, second) = two.split_at(1);
        assert_eq!((first.labels(), second.labels()), (&[5][..], &[6][..]));
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
