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
    /// The data set is not part of the program and no folder was named.
    #[error("data set `{name}` needs a folder (`--data-dir`) with {}\nhint: {origin}", quoted(.files))]
    NeedsFolder {
        /// The data set.
        name: &'static str,
        /// The files that the folder must hold.
        files: &'static [&'static str],
        /// Where they can be had.
        origin: &'static str,
    },
    /// The images are the caller's own, but no file or folder was named.
    #[error("data set `{name}` needs images of your own: `--data-dir {path}`")]
    NeedsPath {
        /// The data set.
        name: &'static str,
        /// What to name: `FILE.npz`.
        path: &'static str,
    },
    /// The data set is part of the program, but a folder was named.
    #[error(
        "data set `{name}` is part of the program and reads no folder, found `{}`\nhint: leave out `--data-dir`",
        .folder.display()
    )]
    Embedded {
        /// The data set.
        name: &'static str,
        /// The folder given.
        folder: PathBuf,
    },
    /// The folder lacks a file.
    #[error("`{}` holds no `{file}`\nhint: {origin}", .folder.display())]
    MissingFile {
        /// The folder.
        folder: PathBuf,
        /// The file; `[.gz]` at its end says that a packed one will do.
        file: String,
        /// Where it can be had.
        origin: &'static str,
    },
    /// CIFAR-10 is there in a form that is not read.
    #[error(
        "`{}` is {found}: expected the binary version\n\
         hint: `tar -xzf` unpacks the binary version, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        .path.display()
    )]
    OtherVersion {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        found: &'static str,
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
    /// A file is of another kind.
    #[error("`{}` begins with {found:#010x}, expected {expected:#010x}", .path.display())]
    MagicNumber {
        /// The file.
        path: PathBuf,
        /// The number that such files begin with.
        expected: u32,
        /// The number that this file begins with.
        found: u32,
    },
    /// A header speaks of no values at all, or of more than we read.
    #[error("`{}` speaks of {found} values, expected 1 to {limit} in all", .path.display())]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// The most values that are read from one file.
        limit: u64,
        /// The dimensions of the header, outermost first.
        found: String,
    },
    /// A file ends before its last value.
    #[error("`{}` ends after {found} bytes (unpacked), expected {expected}", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The bytes that there should be.
        expected: u64,
        /// The bytes that there are.
        found: u64,
    },
    /// A file goes on after its last value.
    #[error("`{}` goes on after its {expected} bytes (unpacked)", .path.display())]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// The bytes that there should be.
        expected: u64,
    },
    /// A file of labels is not as long as the file of images.
    #[error("`{}` holds {found} labels, expected {expected}: one for each image", .path.display())]
    LabelCount {
        /// The file of labels.
        path: PathBuf,
        /// The number of images.
        expected: usize,
        /// The number of labels.
        found: usize,
    },
    /// A file has a label that stands for no class.
    #[error("`{}` gives image {image} label {found}, expected less than {classes}", .path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// The image, from 0.
        image: usize,
        /// The number of classes.
        classes: usize,
        /// The label.
        found: u8,
    },
    /// A file holds images of another size than the data set has.
    #[error("`{}` holds images of {found}, expected {expected}", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape of the data set's images.
        expected: ImageShape,
        /// The shape of this file's images.
        found: ImageShape,
    },
    /// A file holds more or fewer images than the data set has.
    #[error("`{}` holds {found} images, expected {expected}", .path.display())]
    ImageCount {
        /// The file.
        path: PathBuf,
        /// The number of images that the data set has.
        expected: usize,
        /// The number of images in this file.
        found: usize,
    },
    /// A file is no archive of arrays.
    #[error("could not read `{}` as an .npz archive", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: zip::result::ZipError,
    },
    /// An archive lacks an array.
    #[error("`{}` holds no array `{array}`, found: {}", .path.display(), quoted(.found))]
    MissingArray {
        /// The archive.
        path: PathBuf,
        /// The array.
        array: String,
        /// The files in the archive.
        found: Vec<String>,
    },
    /// An archive holds images with and without splits, or one split under two names.
    #[error(
        "`{}` holds the arrays `{}` and `{}`, expected one of them{}",
        .path.display(), .arrays[0], .arrays[1], .why
    )]
    TwoArrays {
        /// The archive.
        path: PathBuf,
        /// The arrays.
        arrays: [String; 2],
        /// Why not both.
        why: &'static str,
    },
    /// An archive holds an array that nobody would read.
    #[error(
        "`{}` holds an array `{array}` that is not read, expected `x` and `y`, alone or with one of {} behind",
        .path.display(), quoted(.ends)
    )]
    UnknownArray {
        /// The archive.
        path: PathBuf,
        /// The array, or another file.
        array: String,
        /// What the names of arrays end with that are read.
        ends: Vec<&'static str>,
    },
    /// An array is of another kind.
    #[error("array `{array}` of `{}` has the {property} `{found}`, expected {expected}", .path.display())]
    Array {
        /// The archive.
        path: PathBuf,
        /// The array.
        array: String,
        /// What of it is wrong: `dtype`, `shape` and so on.
        property: &'static str,
        /// What makes sense.
        expected: String,
        /// What the array has.
        found: String,
    },
    /// An array has a label that is no byte.
    #[error("array `{array}` of `{}` gives image {image} label {found}, expected 0 to 255", .path.display())]
    ArrayLabel {
        /// The archive.
        path: PathBuf,
        /// The array.
        array: String,
        /// The image, from 0.
        image: usize,
        /// The label.
        found: i128,
    },
    /// An array of labels is not as long as the array of images.
    #[error(
        "`{}` holds {} images in `{}` and {} labels in `{}`, expected as many",
        .path.display(), .found[0], .arrays[0], .found[1], .arrays[1]
    )]
    ArrayLength {
        /// The archive.
        path: PathBuf,
        /// The array of images and that of labels.
        arrays: [String; 2],
        /// Their lengths.
        found: [usize; 2],
    },
    /// A folder holds no class folders, only one, or too many.
    #[error("`{}` holds {found} class folders, expected 2 to {limit}", .folder.display())]
    ClassFolders {
        /// The folder.
        folder: PathBuf,
        /// The most classes.
        limit: usize,
        /// The number of folders in it.
        found: usize,
    },
    /// A folder with splits holds something beside them.
    #[error(
        "`{}` is no split, expected `train`, `validation` (or `valid`, `val`, `dev`) and `test`: without `train` beside it, it is a class",
        .folder.display()
    )]
    SplitFolder {
        /// What is beside the splits.
        folder: PathBuf,
    },
    /// A folder holds one split under two names.
    #[error("`{}` and `{}` are one split, expected one of them", .folders[0].display(), .folders[1].display())]
    TwoFolders {
        /// The two folders.
        folders: [PathBuf; 2],
    },
    /// An image lies where none is read: beside the folders of the classes.
    #[error("`{}` lies in no folder of a class: expected a folder for each class", .path.display())]
    StrayImage {
        /// The image.
        path: PathBuf,
    },
    /// A table, of labels for example, lies beside the folders of the classes.
    #[error("`{}` is not read: the folder of an image is its class", .path.display())]
    StrayTable {
        /// The table.
        path: PathBuf,
    },
    /// A class has no training images.
    #[error("`{}` is a class without training images: `train` holds no `{class}`", .folder.display())]
    UntrainedClass {
        /// Its folder in another split.
        folder: PathBuf,
        /// The class.
        class: String,
    },
    /// A label stands for no training image.
    #[error(
        "`{}` has labels up to {greatest}, and `{array}` holds no {label}: expected training images of every class\n\
         hint: labels count from 0, without gaps",
        .path.display()
    )]
    UntrainedLabel {
        /// The archive.
        path: PathBuf,
        /// The array of the training labels.
        array: String,
        /// The label that is not there.
        label: usize,
        /// The greatest label of all splits.
        greatest: usize,
    },
    /// A folder of a class is empty.
    #[error("`{}` holds no PNG or JPEG file", .folder.display())]
    EmptyFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file among the images is none.
    #[error("`{}` is no image, expected a name that ends in `.png`, `.jpg` or `.jpeg`", .path.display())]
    NoImage {
        /// The file.
        path: PathBuf,
    },
    /// An image could not be decoded.
    #[error("could not decode `{}`: {reason}", .path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// An image has other colours than we read.
    #[error("`{}` has {found}, expected grey or red, green and blue", .path.display())]
    Colours {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        found: String,
    },
    /// An image has another size than the first.
    #[error("`{}` is {found}, expected {expected} as `{}`: channels × height × width", .path.display(), .first.display())]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// The first image.
        first: PathBuf,
        /// Its shape.
        expected: ImageShape,
        /// The shape of this image.
        found: ImageShape,
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
    /// A split has a label that stands for no class.
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

fn known_datasets() -> String {
    DATASETS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

fn quoted(files: &[impl AsRef<str>]) -> String {
    files.iter().map(|file| format!("`{}`", file.as_ref())).collect::<Vec<_>>().join(", ")
}
