//! The splits of one's own images: taken as they are given, made where they are not.
//!
//! A protocol uses the first images of each split, so each is put in an order in which every prefix is as balanced as the
//! whole. Order and splits depend on the images alone, never on the seed of a run: runs with different seeds are tested on the
//! same images.

use super::{Dataset, Error, Images, shuffled};
use crate::unit::Seed;

/// A split that is not given gets one in `SHARE` of the training images.
const SHARE: usize = 5;
/// Where the order of the images comes from.
const SEED: Seed = Seed(0);

/// The splits that are there.
#[derive(Debug)]
pub(super) struct Parts {
    /// The training images, and those that the missing splits are made of.
    pub train: Images,
    /// The validation images, if they are given.
    pub validation: Option<Images>,
    /// The test images, if they are given.
    pub test: Option<Images>,
}

impl Parts {
    /// One more than the greatest label.
    pub(super) fn label_count(&self) -> usize {
        let parts = [Some(&self.train), self.validation.as_ref(), self.test.as_ref()];
        let labels = parts.into_iter().flatten().flat_map(Images::labels);
        labels.max().map_or(0, |&label| usize::from(label) + 1)
    }

    /// Makes the missing splits, and puts all together.
    ///
    /// # Errors
    ///
    /// [`Error::OneClass`] if there is nothing to tell apart, [`Error::TooFewToSplit`] if a split that is made would be empty;
    /// otherwise as [`Dataset::new`].
    pub(super) fn dataset(self, name: &str, classes: Vec<String>) -> Result<Dataset, Error> {
        if classes.len() < 2 {
            return Err(Error::OneClass { dataset: name.to_owned(), found: classes.len() });
        }
        let missing = [&self.validation, &self.test].into_iter().filter(|part| part.is_none()).count();
        let share = self.train.len() / SHARE;
        if missing > 0 && share == 0 {
            return Err(Error::TooFewToSplit { splits: missing, expected: SHARE, found: self.train.len() });
        }
        let train = balanced(&self.train, "train");
        let (train, test) = part(train, self.test, share, "test");
        let (train, validation) = part(train, self.validation, share, "validation");
        Dataset::new(name, classes, train, validation, test)
    }
}

/// Parts a split from the training images, unless it is given; returns those that are left, and the split.
fn part(train: Images, given: Option<Images>, share: usize, purpose: &str) -> (Images, Images) {
    if let Some(images) = given {
        return (train, balanced(&images, purpose));
    }
    let rest = train.len() - share;
    train.split_at(rest)
}

/// Reorders images so that every stretch has as much of each class as the whole, as nearly as whole images allow.
///
/// The images of each class are shuffled and spread evenly: image `i` of `m` gets the position `(i + ½) / m`.
fn balanced(images: &Images, purpose: &str) -> Images {
    let mut counts = [0_u64; 256];
    for &label in images.labels() {
        counts[usize::from(label)] += 1;
    }
    let mut seen = [0_u64; 256];
    let mut order: Vec<_> = shuffled(images.len(), &mut SEED.derive("own images").derive(purpose).rng())
        .into_iter()
        .map(|image| {
            let label = images.label(image as usize);
            let class = usize::from(label);
            seen[class] += 1;
            // Parts of 2^-32; there are at most 2^31 images, as each has a byte.
            let position = ((2 * seen[class] - 1) << 31) / counts[class];
            (position, label, image)
        })
        .collect();
    order.sort_unstable();
    images.reordered(order.into_iter().map(|(_, _, image)| image))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::{ImageShape, Sizes};

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 1, width: 2 };

    /// Image `i` holds `i` and its label.
    fn images(labels: &[u8]) -> Images {
        let pixels = (0..=255).cycle().zip(labels).flat_map(|(i, &label)| [i, label]).collect();
        Images::new(SHAPE, pixels, labels.to_vec()).unwrap()
    }

    fn dataset(train: &[u8], validation: Option<&[u8]>, test: Option<&[u8]>) -> Result<Dataset, Error> {
        let parts = Parts { train: images(train), validation: validation.map(images), test: test.map(images) };
        let classes = (0..parts.label_count()).map(|label| label.to_string()).collect();
        parts.dataset("own", classes)
    }

    fn first_pixels(images: &Images) -> Vec<u8> {
        (0..images.len()).map(|i| images.pixels(i)[0]).collect()
    }

    #[test]
    fn a_fifth_is_made_of_each_split_that_is_not_given() {
        let sizes = |validation, test| dataset(&[0, 1].repeat(25), validation, test).unwrap().sizes();
        assert_eq!(sizes(None, None), Sizes { train: 30, validation: 10, test: 10 });
        assert_eq!(sizes(None, Some(&[0, 1, 1])), Sizes { train: 40, validation: 10, test: 3 });
        assert_eq!(sizes(Some(&[0]), Some(&[1, 1])), Sizes { train: 50, validation: 1, test: 2 });
    }

    #[test]
    fn sorted_labels_become_balanced_splits_with_balanced_beginnings() {
        let sorted: Vec<u8> = [vec![0; 60], vec![1; 30], vec![2; 10]].concat();
        let dataset = dataset(&sorted, None, None).unwrap();
        for (split, size) in [(dataset.train(), 60), (dataset.validation(), 20), (dataset.test(), 20)] {
            assert_eq!(split.len(), size);
            for ten in split.labels().chunks(10) {
                let mut ten = ten.to_vec();
                ten.sort_unstable();
                assert_eq!(ten, [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]);
            }
        }
        let train = first_pixels(dataset.train());
        assert!(!train.is_sorted(), "the images of a class are shuffled");
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        let message = |labels: &[u8]| dataset(labels, None, Some(&[0])).unwrap_err().to_string();
        assert_eq!(
            message(&[0, 1, 1, 0]),
            "4 images are too few to part 1 split from, expected at least 5: 20 % for each split that is made"
        );
        assert_eq!(message(&[0; 9]), "the images of `own` have 1 class, expected at least 2");
        assert!(dataset(&[0, 1], Some(&[1]), Some(&[0])).is_ok());
    }

    proptest! {
        #[test]
        fn every_image_is_in_one_split_with_its_label(labels in proptest::collection::vec(0..4_u8, 5..200)) {
            prop_assume!(labels.iter().any(|&label| label > 0));
            let dataset = dataset(&labels, None, None).unwrap();
            let mut seen = Vec::new();
            for split in [dataset.train(), dataset.validation(), dataset.test()] {
                for i in 0..split.len() {
                    prop_assert_eq!(split.pixels(i)[1], split.label(i));
                    seen.push((split.pixels(i)[0], split.label(i)));
                }
            }
            seen.sort_unstable();
            let expected: Vec<_> = (0..=255).zip(labels.iter().copied()).collect();
            prop_assert_eq!(seen, expected);
            prop_assert_eq!(dataset.test().len(), labels.len() / 5);
        }
    }
}
