//! Fashion-14: the embedded data set, 14,000 images of Fashion-MNIST at half its width and height.
//!
//! `data/fashion-14/README.md` says how it was made; `scripts/make_fashion14.rs` makes it again. Each ten images in a row
//! show each class once, so that a prefix of whole tens is as balanced as the whole.

use std::path::Path;

use super::{Contents, Dataset, Entry, Error, ImageShape, ImageSource, Images, Sizes, fashion_mnist, idx};

pub(super) const ENTRY: Entry = Entry {
    name: "fashion-14",
    about: "14,000 images of Fashion-MNIST, averaged to 14 × 14; part of the program",
    source: "made from Xiao, Rasul & Vollgraf, Fashion-MNIST, 2017, https://github.com/zalandoresearch/fashion-mnist",
    place: ImageSource::Embedded { contents: CONTENTS, load },
};

const CONTENTS: Contents = Contents {
    shape: ImageShape { channels: 1, height: 14, width: 14 },
    classes: fashion_mnist::CLASSES,
    sizes: Sizes { train: 6_000, validation: 4_000, test: 4_000 },
};

/// A file's path in the repository and what is in it.
pub(super) type File = (&'static str, &'static [u8]);

const TRAIN: [File; 2] = [
    ("data/fashion-14/train-images-idx3-ubyte.gz", include_bytes!("../../data/fashion-14/train-images-idx3-ubyte.gz")),
    ("data/fashion-14/train-labels-idx1-ubyte.gz", include_bytes!("../../data/fashion-14/train-labels-idx1-ubyte.gz")),
];

const VALIDATION: [File; 2] = [
    ("data/fashion-14/validation-images-idx3-ubyte.gz", include_bytes!("../../data/fashion-14/validation-images-idx3-ubyte.gz")),
    ("data/fashion-14/validation-labels-idx1-ubyte.gz", include_bytes!("../../data/fashion-14/validation-labels-idx1-ubyte.gz")),
];

const TEST: [File; 2] = [
    ("data/fashion-14/test-images-idx3-ubyte.gz", include_bytes!("../../data/fashion-14/test-images-idx3-ubyte.gz")),
    ("data/fashion-14/test-labels-idx1-ubyte.gz", include_bytes!("../../data/fashion-14/test-labels-idx1-ubyte.gz")),
];

fn load(entry: &Entry, contents: &Contents) -> Result<Dataset, Error> {
    contents.dataset(entry.name, unpack(TRAIN)?, unpack(VALIDATION)?, unpack(TEST)?)
}

/// Unpacks embedded images and their labels.
pub(super) fn unpack([images, labels]: [File; 2]) -> Result<Images, Error> {
    idx::parse((Path::new(images.0), images.1), (Path::new(labels.0), labels.1), CONTENTS.classes.len())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn dataset() -> Dataset {
        ENTRY.load(None).unwrap()
    }

    #[test]
    fn the_data_are_the_published_data() {
        assert_eq!(dataset().sha256(), "e5da4b9c4979a4ed9c4e938db42117c9f3200e4880d302a55fbcb4a9dcc0dd82");
    }

    #[test]
    fn each_ten_images_in_a_row_show_each_class_once() {
        let dataset = dataset();
        for images in [dataset.train(), dataset.validation(), dataset.test()] {
            for ten in images.labels().chunks(10) {
                assert_eq!(ten.iter().collect::<HashSet<_>>().len(), 10, "{ten:?}");
            }
        }
    }

    #[test]
    fn no_image_stands_twice_in_a_split_or_in_two() {
        let dataset = dataset();
        let distinct = |images: &Images| -> HashSet<Vec<u8>> {
            images.all_pixels().chunks(images.shape().values()).map(<[u8]>::to_vec).collect()
        };
        let (train, validation, test) = (distinct(dataset.train()), distinct(dataset.validation()), distinct(dataset.test()));
        assert_eq!((train.len(), validation.len(), test.len()), (6_000, 4_000, 4_000));
        assert_eq!(train.intersection(&validation).count(), 0);
        assert_eq!(train.intersection(&test).count(), 0);
        assert_eq!(validation.intersection(&test).count(), 0);
    }

    #[test]
    fn the_images_use_the_whole_range_of_a_byte() {
        let dataset = dataset();
        let pixels = dataset.train().all_pixels();
        assert_eq!((pixels.iter().min(), pixels.iter().max()), (Some(&0), Some(&255)));
    }
}
