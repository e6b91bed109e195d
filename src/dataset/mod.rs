//! Images, their labels and their splits: what models are trained on, validated on and tested on.
//!
//! A new data set is ONE file with an `ENTRY`, one `mod` line and one line of [`DATASETS`]. A new file format is one file
//! beside [`idx`]; one that people bring their own images in has an `ENTRY`, too ([`ImageSource::Own`]). Pixels stay bytes up to [`Batch::fill`], which makes them the numbers that a network sees.
//!
//! ```
//! use nasbench::dataset;
//!
//! let images = dataset::find("fashion-14")?.load(None)?;
//! assert_eq!((images.shape().to_string().as_str(), images.train().len()), ("1 × 14 × 14", 6_000));
//! # Ok::<(), dataset::Error>(())
//! ```

mod augment;
mod batch;
mod cifar;
mod cifar_10;
mod error;
mod fashion_14;
mod fashion_clutter;
mod fashion_mnist;
mod folder;
pub mod idx;
mod images;
mod mnist;
mod npy;
mod npz;
mod picture;
mod preprocess;
mod split;

use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub use augment::{Augmentation, Draw};
pub use batch::{Batch, shuffled};
pub use error::Error;
pub use images::{ImageShape, Images};
pub use preprocess::Normalisation;

/// Every data set, in the order in which they are listed.
pub const DATASETS: &[Entry] =
    &[fashion_14::ENTRY, fashion_clutter::ENTRY, fashion_mnist::ENTRY, mnist::ENTRY, cifar_10::ENTRY, npz::ENTRY, folder::ENTRY];

/// The most bytes of pixels, or of labels, that are read of one's own images.
const LIMIT: u64 = 1 << 31;

/// A data set that can be loaded by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name, in kebab case.
    pub name: &'static str,
    /// One line that says what is in it.
    pub about: &'static str,
    /// Who published it, and where.
    pub source: &'static str,
    /// Where the images are, and what is known of them.
    pub place: ImageSource,
}

/// Where the images of a data set are.
#[derive(Clone, Copy, Debug)]
pub enum ImageSource {
    /// In the program itself.
    Embedded {
        /// What they are.
        contents: Contents,
        /// Unpacks them.
        load: fn(&Entry, &Contents) -> Result<Dataset, Error>,
    },
    /// In a folder that the caller names.
    Folder {
        /// What they are.
        contents: Contents,
        /// The files that must be there; `[.gz]` at the end says that a packed file will do.
        files: &'static [&'static str],
        /// The folders in the caller's folder in which other programs keep the files.
        inside: &'static [&'static str],
        /// Where these files can be had.
        origin: &'static str,
        /// Reads them.
        load: fn(&Entry, &Contents, &Path) -> Result<Dataset, Error>,
    },
    /// In a file or folder of the caller's own, which alone says what they are.
    Own {
        /// What the caller names: `FILE.npz`.
        path: &'static str,
        /// Reads it.
        load: fn(&Entry, &Path) -> Result<Dataset, Error>,
    },
}

/// What is known of a data set before it is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    /// The shape of each image.
    pub shape: ImageShape,
    /// The names of the classes, by label.
    pub classes: &'static [&'static str],
    /// How many images each split has.
    pub sizes: Sizes,
}

impl Entry {
    /// Loads the data set, from `path` if it is not embedded: the folder of its files, or the file or folder of one's own.
    ///
    /// # Errors
    ///
    /// [`Error::DataDir`] if a path is missing or of no use; otherwise what
    /// is wrong with the files.
    pub fn load(&self, path: Option<&Path>) -> Result<Dataset, Error> {
        let name = self.name;
        match (self.place, path) {
            (ImageSource::Embedded { contents, load }, None) => load(self, &contents),
            (ImageSource::Folder { contents, load, .. }, Some(folder)) => load(self, &contents, folder),
            (ImageSource::Own { load, .. }, Some(path)) => load(self, path),
            (ImageSource::Embedded { .. }, Some(folder)) => {
                let found = format!("is part of the program and reads no folder, found `{}`", folder.display());
                Err(Error::DataDir { name, problem: format!("{found}\nhint: leave out `--data-dir`") })
            }
            (ImageSource::Folder { files, origin, .. }, None) => {
                let problem = format!("needs a folder (`--data-dir`) with {}\nhint: {origin}", error::quoted(files));
                Err(Error::DataDir { name, problem })
            }
            (ImageSource::Own { path, .. }, None) => {
                Err(Error::DataDir { name, problem: format!("needs images of your own: `--data-dir {path}`") })
            }
        }
    }

    /// What is known of the images before they are loaded; `None` if they are the caller's own.
    #[must_use]
    pub const fn contents(&self) -> Option<&Contents> {
        match &self.place {
            ImageSource::Embedded { contents, .. } | ImageSource::Folder { contents, .. } => Some(contents),
            ImageSource::Own { .. } => None,
        }
    }

    /// What [`load`](Self::load) wants the path of; `None` if the images are part of the program.
    #[must_use]
    pub const fn wanted_path(&self) -> Option<&'static str> {
        match self.place {
            ImageSource::Embedded { .. } => None,
            ImageSource::Folder { .. } => Some("DIR"),
            ImageSource::Own { path, .. } => Some(path),
        }
    }

    /// Finds a file in a folder, or in one of the folders inside of it; packed or not if the file's name ends in `[.gz]`. Some copies
    /// of the files have a point where the published name has a dash: `train-images.idx3-ubyte`.
    fn locate(&self, folder: &Path, file: &str) -> Result<PathBuf, Error> {
        let (plain, ends) = file.strip_suffix("[.gz]").map_or((file, &[""][..]), |plain| (plain, &["", ".gz"][..]));
        let ImageSource::Folder { inside, origin, .. } = self.place else { unreachable!("only folders hold files by name") };
        let folders = std::iter::once(folder.to_owned()).chain(inside.iter().map(|inner| folder.join(inner)));
        let names = [plain.to_owned(), plain.replacen("-idx", ".idx", 1)];
        let names: Vec<_> = names.iter().flat_map(|name| ends.iter().map(move |end| format!("{name}{end}"))).collect();
        let mut candidates = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        let missing = || Error::file(folder, format!("holds no `{file}`\nhint: {origin}"));
        candidates.find(|path| path.is_file()).ok_or_else(missing)
    }
}

impl Contents {
    /// Makes a data set of three splits, with these classes.
    fn dataset(&self, name: &str, train: Images, validation: Images, test: Images) -> Result<Dataset, Error> {
        let classes = self.classes.iter().map(|&class| class.to_owned()).collect();
        Dataset::new(name, classes, train, validation, test)
    }
}

/// Checks that a file is exactly as long as it should be once it is unpacked.
fn check_length(path: &Path, found: u64, expected: u64) -> Result<(), Error> {
    match found.cmp(&expected) {
        Ordering::Less => Err(Error::file(path, format!("ends after {found} bytes (unpacked), expected {expected}"))),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Error::file(path, format!("goes on after its {expected} bytes (unpacked)"))),
    }
}

fn wrong_label(path: &Path, image: usize, found: u8, classes: usize) -> Error {
    Error::file(path, format!("gives image {image} label {found}, expected less than {classes}"))
}

/// Finds a data set by its name.
///
/// # Errors
///
/// [`Error::UnknownDataset`] with the names that are known.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    DATASETS.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownDataset { name: name.to_owned() })
}

/// How many images each split has. Prints as `6000 + 4000 + 4000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The images that models are trained on.
    pub train: usize,
    /// The images that searches see the accuracy of.
    pub validation: usize,
    /// The images that only verification and reports see the accuracy of.
    pub test: usize,
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} + {}", self.train, self.validation, self.test)
    }
}

/// Three splits of images with one shape and one list of classes.
///
/// No split is empty and every label has a class, so nothing downstream checks it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    name: String,
    classes: Vec<String>,
    train: Images,
    validation: Images,
    test: Images,
}

impl Dataset {
    /// Makes a data set of three splits.
    ///
    /// # Errors
    ///
    /// [`Error::EmptySplit`], [`Error::SplitShape`] or [`Error::SplitLabel`] for the first split that does not fit.
    pub fn new(name: &str, classes: Vec<String>, train: Images, validation: Images, test: Images) -> Result<Self, Error> {
        let expected = train.shape();
        for (split, images) in [("training", &train), ("validation", &validation), ("test", &test)] {
            if images.is_empty() {
                return Err(Error::EmptySplit { split });
            }
            if images.shape() != expected {
                return Err(Error::SplitShape { split, expected, found: images.shape() });
            }
            if let Some((image, found)) = images.label_beyond(classes.len()) {
                return Err(Error::SplitLabel { split, image, classes: classes.len(), found });
            }
        }
        Ok(Self { name: name.to_owned(), classes, train, validation, test })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the classes, by label.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The shape of every image.
    #[must_use]
    pub const fn shape(&self) -> ImageShape {
        self.train.shape()
    }

    /// The images that models are trained on.
    #[must_use]
    pub const fn train(&self) -> &Images {
        &self.train
    }

    /// The images that searches see the accuracy of.
    #[must_use]
    pub const fn validation(&self) -> &Images {
        &self.validation
    }

    /// The images that only verification and reports see the accuracy of.
    #[must_use]
    pub const fn test(&self) -> &Images {
        &self.test
    }

    /// How many images each split has.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes { train: self.train.len(), validation: self.validation.len(), test: self.test.len() }
    }

    /// Keeps the first images of each split, at most as many as `sizes` says.
    ///
    /// # Errors
    ///
    /// [`Error::EmptySplit`] if a split would be left without images.
    pub fn take(&self, sizes: Sizes) -> Result<Self, Error> {
        Self::new(
            &self.name,
            self.classes.clone(),
            self.train.take(sizes.train),
            self.validation.take(sizes.validation),
            self.test.take(sizes.test),
        )
    }

    /// Digests the data as used, as 64 hex digits: of the three splits in turn the number of images, channels, rows and
    /// columns (64 bits each, little-endian), the labels and the pixels. Names are left out.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut sha256 = Sha256::new();
        for images in [&self.train, &self.validation, &self.test] {
            let ImageShape { channels, height, width } = images.shape();
            for number in [images.len(), channels, height, width] {
                sha256.update((number as u64).to_le_bytes());
            }
            sha256.update(images.labels());
            sha256.update(images.all_pixels());
        }
        crate::hex::print(&sha256.finalize())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 1, width: 2 };

    fn images(labels: &[u8]) -> Images {
        let pixels = labels.iter().flat_map(|&label| [label, 9]).collect();
        Images::new(SHAPE, pixels, labels.to_vec()).unwrap()
    }

    fn small() -> Dataset {
        let classes = vec!["coat".to_owned(), "boot".to_owned()];
        Dataset::new("small", classes, images(&[0, 1, 1]), images(&[1, 0]), images(&[0])).unwrap()
    }

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let names: HashSet<_> = DATASETS.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), DATASETS.len());
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(names.iter().all(|name| !name.is_empty() && name.chars().all(fits)));
    }

    #[test]
    fn entries_describe_themselves() {
        for entry in DATASETS {
            assert!(!entry.about.is_empty() && !entry.about.ends_with('.'), "{}", entry.name);
            assert!(entry.source.contains("http"), "{} has no address", entry.name);
            if let Some(Contents { shape, classes, sizes }) = entry.contents() {
                assert_eq!(classes.iter().collect::<HashSet<_>>().len(), classes.len(), "{} names a class twice", entry.name);
                assert!(classes.len() > 1 && shape.values() > 0, "{}", entry.name);
                assert!(sizes.train > 0 && sizes.validation > 0 && sizes.test > 0, "{}", entry.name);
            }
            if let ImageSource::Folder { files, origin, .. } = entry.place {
                assert!(!files.is_empty() && origin.contains("http"), "{}", entry.name);
            }
        }
    }

    #[test]
    fn embedded_sets_are_what_their_entry_says() {
        for entry in DATASETS.iter().filter(|entry| entry.wanted_path().is_none()) {
            let dataset = entry.load(None).unwrap();
            let contents = entry.contents().unwrap();
            assert_eq!((dataset.name(), dataset.shape(), dataset.sizes()), (entry.name, contents.shape, contents.sizes));
            assert_eq!(dataset.classes(), contents.classes);
        }
    }

    #[test]
    fn a_name_finds_its_entry_and_an_unknown_one_lists_the_known() {
        for entry in DATASETS {
            assert_eq!(find(entry.name).unwrap().name, entry.name);
        }
        assert_eq!(
            find("cifar").unwrap_err().to_string(),
            "unknown data set `cifar` (known: fashion-14, fashion-clutter, fashion-mnist, mnist, cifar-10, npz, folder)"
        );
    }

    #[test]
    fn a_missing_folder_says_what_it_should_hold_and_where_that_is_had() {
        assert_eq!(
            find("fashion-mnist").unwrap().load(None).unwrap_err().to_string(),
            "data set `fashion-mnist` needs a folder (`--data-dir`) with `train-images-idx3-ubyte[.gz]`, \
             `train-labels-idx1-ubyte[.gz]`, `t10k-images-idx3-ubyte[.gz]`, `t10k-labels-idx1-ubyte[.gz]`\n\
             hint: Debian's package `dataset-fashion-mnist` has them in `/usr/share/datasets/fashion-mnist`; \
             otherwise https://github.com/zalandoresearch/fashion-mnist"
        );
    }

    #[test]
    fn images_of_ones_own_need_a_path() {
        let message = |name| find(name).unwrap().load(None).unwrap_err().to_string();
        assert_eq!(message("npz"), "data set `npz` needs images of your own: `--data-dir FILE.npz`");
        assert_eq!(message("folder"), "data set `folder` needs images of your own: `--data-dir DIR`");
    }

    #[test]
    fn an_embedded_set_refuses_a_folder() {
        assert_eq!(
            find("fashion-14").unwrap().load(Some(Path::new("/data"))).unwrap_err().to_string(),
            "data set `fashion-14` is part of the program and reads no folder, found `/data`\n\
             hint: leave out `--data-dir`"
        );
    }

    #[test]
    fn a_data_set_refuses_splits_that_do_not_fit() {
        let new = |validation, test| Dataset::new("x", vec!["coat".into()], images(&[0, 0]), validation, test);
        let message = |result: Result<Dataset, Error>| result.unwrap_err().to_string();
        assert_eq!(message(new(images(&[]), images(&[0]))), "the validation split has no images");
        assert_eq!(message(new(images(&[0]), images(&[0, 1]))), "image 1 of the test split has label 1, expected less than 1");
        let wide = Images::new(ImageShape { width: 3, ..SHAPE }, vec![0; 3], vec![0]).unwrap();
        assert_eq!(message(new(wide, images(&[0]))), "the images of the validation split are 1 × 1 × 3, expected 1 × 1 × 2");
    }

    #[test]
    fn the_digest_covers_labels_pixels_shapes_and_splits() {
        let digest = small().sha256();
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, Dataset { name: "another".into(), ..small() }.sha256());
        let tall = ImageShape { height: 2, width: 1, ..SHAPE };
        let others = [
            Dataset { train: images(&[0, 1, 0]), ..small() },
            Dataset { test: Images::new(SHAPE, vec![0, 8], vec![0]).unwrap(), ..small() },
            Dataset { test: Images::new(tall, vec![0, 9], vec![0]).unwrap(), ..small() },
            Dataset { train: images(&[0, 1]), validation: images(&[1, 1, 0]), ..small() },
        ];
        for other in others {
            assert_ne!(digest, other.sha256(), "{other:?}");
        }
    }

    #[test]
    fn taking_keeps_the_first_images_of_each_split() {
        let sizes = Sizes { train: 2, validation: 5, test: 1 };
        let taken = small().take(sizes).unwrap();
        assert_eq!((taken.train().labels(), taken.validation().len(), taken.test().len()), (&[0, 1][..], 2, 1));
        assert!(matches!(small().take(Sizes { test: 0, ..sizes }), Err(Error::EmptySplit { split: "test" })));
    }
}
