//! MNIST: handwritten digits, 28 × 28, grey.
//!
//! The last 10,000 of the 60,000 training images are the validation images.

use super::{Contents, Entry, ImageShape, ImageSource, Sizes, idx};

pub(super) const ENTRY: Entry = Entry {
    name: "mnist",
    about: "handwritten digits, 28 × 28, grey; validation: the last 10,000 of the 60,000 training images",
    source: "LeCun, Cortes & Burges, The MNIST database of handwritten digits, http://yann.lecun.com/exdb/mnist/",
    place: ImageSource::Folder {
        contents: CONTENTS,
        files: idx::FILES,
        // As torchvision keeps them.
        inside: &["MNIST/raw", "raw"],
        origin: "http://yann.lecun.com/exdb/mnist/, or its copy https://ossci-datasets.s3.amazonaws.com/mnist/",
        load: idx::load_folder,
    },
};

pub(super) const CONTENTS: Contents = Contents {
    shape: ImageShape { channels: 1, height: 28, width: 28 },
    classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    sizes: Sizes { train: 50_000, validation: 10_000, test: 10_000 },
};
