//! What is wrong with a data set or its files.

use std::path::PathBuf;

use super::{DATASETS, ImageShape};

/// What is wrong with a data set or its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No data set has this name.
    #[error("unknown data set `{name}` (known: {})", known_datasets())]
    UnknownDataset {
        /// The name given.
        name: String,
    },
    /// A path was named for a data set that reads none, or none for one that needs it.
    #[error("data set `{name}` {problem}")]
    DataDir {
        /// The data set.
        name: &'static str,
        /// What is needed or not read, and where the files can be had.
        problem: String,
    },
    /// A file could not be read; the cause names it.
    #[error("could not read the images")]
    Read(#[from] std::io::Error),
    /// A file that begins as a gzip file does is no whole one.
    #[error("could not unpack `{}`", .path.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file or folder is not what it should be.
    #[error("`{}` {problem}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file is no archive of arrays.
    #[error("could not read `{}` as an .npz archive", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: zip::result::ZipError,
    },
    /// An array is not what it should be.
    #[error("array `{array}` of `{}` {problem}", .path.display())]
    Array {
        /// The archive.
        path: PathBuf,
        /// The array.
        array: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// An image could not be decoded.
    #[error("could not decode `{}`: {reason}", .path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// The images take more memory than is meant for them.
    #[error("the images up to `{}` have {found} pixel values, expected at most {limit}", .path.display())]
    TooManyPixels {
        /// The first that is too much.
        path: PathBuf,
        /// The most pixel values.
        limit: u64,
        /// Those of the images up to this one.
        found: u64,
    },
    /// There is nothing to tell apart.
    #[error("the images of `{dataset}` have {found} class, expected at least 2")]
    OneClass {
        /// The data set.
        dataset: String,
        /// The number of classes.
        found: usize,
    },
    /// There are fewer images than splits need.
    #[error(
        "{found} images are too few to part {splits} split{} from, expected at least {expected}: 20 % for each split that is made",
        if *.splits == 1 { "" } else { "s" }
    )]
    TooFewToSplit {
        /// How many splits are made.
        splits: usize,
        /// The fewest images.
        expected: usize,
        /// The images that there are.
        found: usize,
    },
    /// A shape leaves no room for a pixel.
    #[error("images of {shape}: expected at least one channel, row and column")]
    EmptyShape {
        /// The shape.
        shape: ImageShape,
    },
    /// The pixels do not make up the images.
    #[error("{found} pixel values for {images} images of {shape}")]
    PixelCount {
        /// The shape of each image.
        shape: ImageShape,
        /// The number of labels, and so of images.
        images: usize,
        /// The number of pixel values.
        found: usize,
    },
    /// A split has no images.
    #[error("the {split} split has no images")]
    EmptySplit {
        /// `training`, `validation` or `test`.
        split: &'static str,
    },
    /// The images of a split have another shape than the training images.
    #[error("the images of the {split} split are {found}, expected {expected}")]
    SplitShape {
        /// `validation` or `test`.
        split: &'static str,
        /// The shape of the training images.
        expected: ImageShape,
        /// The shape of this split's images.
        found: ImageShape,
    },
    /// A split has a label of no class.
    #[error("image {image} of the {split} split has label {found}, expected less than {classes}")]
    SplitLabel {
        /// `training`, `validation` or `test`.
        split: &'static str,
        /// The image, from 0.
        image: usize,
        /// The number of classes.
        classes: usize,
        /// The label.
        found: u8,
    },
    /// A normalisation has other than one mean and one positive deviation per channel.
    #[error("{mean:?} and {deviation:?} are no means and positive deviations, expected one of each per channel")]
    Normalisation {
        /// The means given.
        mean: Vec<f32>,
        /// The deviations given.
        deviation: Vec<f32>,
    },
}

impl Error {
    /// Makes an error of a file or folder; `problem` follows its path in the message.
    pub(super) fn file(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), problem: problem.into() }
    }
}

fn known_datasets() -> String {
    DATASETS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

/// The names in backticks, separated by commas.
pub(super) fn quoted(files: &[impl AsRef<str>]) -> String {
    files.iter().map(|file| format!("`{}`", file.as_ref())).collect::<Vec<_>>().join(", ")
}
