//! The order of an epoch, and the images of one step as a network sees them.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Augmentation, ImageShape, Images, Normalisation};

/// Draws an order in which to see `n` images, each once.
///
/// # Panics
///
/// Panics for more than `u32::MAX` images.
#[must_use]
pub fn shuffled(n: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let n = u32::try_from(n).expect("there are fewer than 2^32 images");
    let mut order: Vec<u32> = (0..n).collect();
    order.shuffle(rng);
    order
}

/// Images as a network sees them, and their labels. Filling it again allocates nothing unless it grows.
#[derive(Clone, Debug)]
pub struct Batch {
    shape: ImageShape,
    values: Vec<f32>,
    labels: Vec<u8>,
    image: Vec<f32>,
}

impl Batch {
    /// Makes an empty batch with room for `capacity` images.
    #[must_use]
    pub fn new(shape: ImageShape, capacity: usize) -> Self {
        let values = Vec::with_capacity(capacity * shape.values());
        Self { shape, values, labels: Vec::with_capacity(capacity), image: vec![0.0; shape.values()] }
    }

    /// Replaces the batch by the images at `indices`, normalised, in their order.
    ///
    /// # Panics
    ///
    /// Panics if the images or the normalisation are of another shape, or an index is beyond the images.
    pub fn fill(&mut self, images: &Images, indices: &[u32], normalisation: &Normalisation) {
        assert_eq!(images.shape(), self.shape, "a batch is filled with images of its shape");
        self.labels.clear();
        self.labels.extend(indices.iter().map(|&i| images.label(i as usize)));
        let values = self.shape.values();
        self.values.resize(indices.len() * values, 0.0);
        for (&i, out) in indices.iter().zip(self.values.chunks_exact_mut(values)) {
            normalisation.apply(images.pixels(i as usize), self.shape, out);
        }
    }

    /// Varies each image in turn.
    pub fn augment(&mut self, augmentation: Augmentation, rng: &mut ChaCha8Rng) {
        if augmentation.is_none() {
            return;
        }
        for out in self.values.chunks_exact_mut(self.shape.values()) {
            self.image.copy_from_slice(out);
            augmentation.apply(&self.image, self.shape, rng, out);
        }
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

    /// The values of all images: `[n, channels, height, width]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The labels of all images: `[n]`.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unit::Seed;

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 1, width: 2 };

    /// Image `i` is `[2i, 2i + 1]` and has label `i`.
    fn images() -> Images {
        Images::new(SHAPE, (0..20).collect(), (0..10).collect()).unwrap()
    }

    fn halved() -> Normalisation {
        Normalisation::new(vec![0.0], vec![2.0]).unwrap()
    }

    #[test]
    fn a_batch_holds_the_images_in_the_order_asked() {
        let mut batch = Batch::new(SHAPE, 2);
        assert!(batch.is_empty());
        batch.fill(&images(), &[7, 2, 7], &halved());
        assert_eq!((batch.len(), batch.labels()), (3, &[7, 2, 7][..]));
        assert_eq!(batch.values(), [7.0, 7.5, 2.0, 2.5, 7.0, 7.5]);
    }

    #[test]
    fn nothing_is_left_of_the_last_filling() {
        let mut batch = Batch::new(SHAPE, 3);
        batch.fill(&images(), &[7, 2, 7], &halved());
        batch.fill(&images(), &[1], &halved());
        assert_eq!((batch.values(), batch.labels()), (&[1.0, 1.5][..], &[1][..]));
    }

    #[test]
    fn filling_within_the_capacity_allocates_nothing() {
        let mut batch = Batch::new(SHAPE, 4);
        let before = (batch.values.as_ptr(), batch.labels.as_ptr());
        batch.fill(&images(), &[7, 2, 7, 1], &halved());
        batch.augment(Augmentation { padding: 1, flip: true }, &mut Seed(1).rng());
        assert_eq!((batch.values.as_ptr(), batch.labels.as_ptr()), before);
    }

    #[test]
    fn each_image_of_a_batch_is_varied_on_its_own() {
        let mut batch = Batch::new(SHAPE, 10);
        batch.fill(&images(), &[3; 10], &halved());
        batch.augment(Augmentation { padding: 0, flip: true }, &mut Seed(1).rng());
        let mirrored = batch.values().chunks(2).filter(|image| *image == [3.5, 3.0]).count();
        let kept = batch.values().chunks(2).filter(|image| *image == [3.0, 3.5]).count();
        assert!(mirrored > 0 && kept > 0 && mirrored + kept == 10, "{mirrored} mirrored, {kept} kept");
    }

    #[test]
    fn the_order_of_an_epoch_is_the_seeds() {
        let order = |seed| shuffled(100, &mut Seed(seed).rng());
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    proptest! {
        #[test]
        fn an_epoch_sees_each_image_once(n in 0..300_usize, seed in any::<u64>()) {
            let mut order = shuffled(n, &mut Seed(seed).rng());
            order.sort_unstable();
            prop_assert!(order.iter().enumerate().all(|(i, &index)| i == index as usize));
            prop_assert_eq!(order.len(), n);
        }
    }
}
