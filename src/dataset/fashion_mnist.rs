//! Fashion-MNIST: articles of clothing, 28 × 28, grey.
//!
//! The last 10,000 of the 60,000 training images are the validation images.

use super::{Contents, Entry, ImageShape, ImageSource, Sizes, idx};

pub(super) const ENTRY: Entry = Entry {
    name: "fashion-mnist",
    about: "articles of clothing, 28 × 28, grey; validation: the last 10,000 of the 60,000 training images",
    source: "Xiao, Rasul & Vollgraf, Fashion-MNIST, 2017, https://github.com/zalandoresearch/fashion-mnist",
    place: ImageSource::Folder {
        contents: CONTENTS,
        files: idx::FILES,
        // As torchvision keeps them.
        inside: &["FashionMNIST/raw", "raw"],
        origin: "Debian's package `dataset-fashion-mnist` has them in `/usr/share/datasets/fashion-mnist`; \
                 otherwise https://github.com/zalandoresearch/fashion-mnist",
        load: idx::load_folder,
    },
};

const CONTENTS: Contents = Contents {
    shape: ImageShape { channels: 1, height: 28, width: 28 },
    classes: CLASSES,
    sizes: Sizes { train: 50_000, validation: 10_000, test: 10_000 },
};

/// The classes, as their authors name them.
pub(super) const CLASSES: &[&str] =
    &["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
