//! The IDX format of MNIST: a magic number, the dimensions, the bytes; packed by gzip or not.
//!
//! A header is believed only as far as the bytes bear it out: memory grows with what is read, never with what is promised.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use fs_err::File;

use super::{Contents, Dataset, Entry, Error, ImageShape, Images};
use crate::file::Unpacked;

/// The files of a data set that is distributed as MNIST is.
pub(super) const FILES: &[&str] = &[TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte[.gz]";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte[.gz]";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte[.gz]";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte[.gz]";

/// The most values that are read from one file.
const LIMIT: u64 = 1 << 30;
/// The magic number of unsigned bytes, to which the number of dimensions is added.
const UNSIGNED_BYTES: u32 = 0x0800;

/// Reads a file of grey images and the file of their labels, each packed by gzip or not.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::Unpack`] if the bytes cannot be had; [`Error::File`] if a file is no whole IDX file, or the labels
/// do not fit the images and `classes`.
///
/// # Source
///
/// LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats".
pub fn read(images: &Path, labels: &Path, classes: usize) -> Result<Images, Error> {
    let open = |path| File::open(path).map(BufReader::new);
    parse((images, open(images)?), (labels, open(labels)?), classes)
}

/// Reads images and labels from anywhere; the paths are what errors call them.
pub(super) fn parse(images: (&Path, impl BufRead), labels: (&Path, impl BufRead), classes: usize) -> Result<Images, Error> {
    let ([n, height, width], pixels) = array(images.0, images.1)?;
    let ([label_count], label_values) = array(labels.0, labels.1)?;
    if label_count != n {
        return Err(Error::file(labels.0, format!("holds {label_count} labels, expected {n}: one for each image")));
    }
    let images = Images::new(ImageShape { channels: 1, height, width }, pixels, label_values)?;
    match images.label_beyond(classes) {
        Some((image, found)) => Err(super::wrong_label(labels.0, image, found, classes)),
        None => Ok(images),
    }
}

/// Loads a data set that is distributed as MNIST is: the first images of its training file are trained on, the others
/// are the validation images.
pub(super) fn load_folder(entry: &Entry, contents: &Contents, folder: &Path) -> Result<Dataset, Error> {
    let load = |images: &str, labels: &str, expected: usize| {
        let path = entry.locate(folder, images)?;
        let images = read(&path, &entry.locate(folder, labels)?, contents.classes.len())?;
        if images.shape() != contents.shape {
            return Err(Error::file(path, format!("holds images of {}, expected {}", images.shape(), contents.shape)));
        }
        if images.len() != expected {
            return Err(Error::file(path, format!("holds {} images, expected {expected}", images.len())));
        }
        Ok(images)
    };
    let sizes = contents.sizes;
    let training = load(TRAIN_IMAGES, TRAIN_LABELS, sizes.train + sizes.validation)?;
    let test = load(TEST_IMAGES, TEST_LABELS, sizes.test)?;
    let (train, validation) = training.split_at(sizes.train);
    contents.dataset(entry.name, train, validation, test)
}

/// Reads `D` dimensions and their bytes, unpacking them if need be.
fn array<const D: usize>(path: &Path, source: impl BufRead) -> Result<([usize; D], Vec<u8>), Error> {
    let mut source = Unpacked::new(source)?;
    let is_packed = source.is_packed();
    let unreadable = |source: io::Error| {
        if is_packed { Error::Unpack { path: path.to_owned(), source } } else { Error::Read(source) }
    };
    let header_length = 4 + 4 * D as u64;
    let mut bytes = Vec::new();
    source.by_ref().take(header_length).read_to_end(&mut bytes).map_err(&unreadable)?;
    let dimensions = header(path, &bytes)?;
    let values = checked_product(&dimensions).ok_or_else(|| {
        let found = dimensions.map(|dimension| dimension.to_string()).join(" × ");
        Error::file(path, format!("speaks of {found} values, expected 1 to {LIMIT} in all"))
    })?;
    bytes.clear();
    // One byte more than there should be: this finds trailing bytes, and lets gzip check its sum at the end.
    source.take(values + 1).read_to_end(&mut bytes).map_err(&unreadable)?;
    super::check_length(path, header_length + bytes.len() as u64, header_length + values)?;
    Ok((dimensions, bytes))
}

/// Reads the magic number and `D` dimensions.
fn header<const D: usize>(path: &Path, bytes: &[u8]) -> Result<[usize; D], Error> {
    let numbers: Vec<u32> = bytes.as_chunks().0.iter().map(|&four: &[u8; 4]| u32::from_be_bytes(four)).collect();
    let expected_magic = UNSIGNED_BYTES + u32::try_from(D).expect("arrays have few dimensions");
    match numbers[..] {
        [found, ..] if found != expected_magic => {
            Err(Error::file(path, format!("begins with {found:#010x}, expected {expected_magic:#010x}")))
        }
        [_, ref dimensions @ ..] if dimensions.len() == D => Ok(std::array::from_fn(|i| dimensions[i] as usize)),
        _ => Err(Error::file(path, format!("ends after {} bytes (unpacked), expected {}", bytes.len(), 4 + 4 * D))),
    }
}

/// The number of values, if there are any and not more than the limit.
fn checked_product(dimensions: &[usize]) -> Option<u64> {
    let product = dimensions.iter().try_fold(1_u64, |product, &dimension| product.checked_mul(dimension as u64))?;
    (1..=LIMIT).contains(&product).then_some(product)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::{ImageSource, Sizes, mnist};

    fn file(magic: u32, dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let header = [magic].into_iter().chain(dimensions.iter().copied()).flat_map(u32::to_be_bytes);
        header.chain(values.iter().copied()).collect()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Two images of 1 × 3 pixels.
    fn images() -> Vec<u8> {
        file(0x803, &[2, 1, 3], &[1, 2, 3, 4, 5, 6])
    }

    fn labels() -> Vec<u8> {
        file(0x801, &[2], &[1, 0])
    }

    fn parsed(images: &[u8], labels: &[u8]) -> Result<Images, Error> {
        parse((Path::new("images"), images), (Path::new("labels"), labels), 2)
    }

    #[track_caller]
    fn assert_message(images: &[u8], labels: &[u8], message: &str) {
        assert_eq!(parsed(images, labels).unwrap_err().to_string(), message);
    }

    #[test]
    fn images_and_labels_are_read_packed_or_not() {
        let plain = parsed(&images(), &labels()).unwrap();
        assert_eq!((plain.shape().to_string().as_str(), plain.labels()), ("1 × 1 × 3", &[1, 0][..]));
        assert_eq!(plain.pixels(1), [4, 5, 6]);
        assert_eq!(parsed(&packed(&images()), &packed(&labels())).unwrap(), plain);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        assert_message(&labels(), &labels(), "`images` begins with 0x00000801, expected 0x00000803");
        assert_message(&images(), b"PK\x03\x04", "`labels` begins with 0x504b0304, expected 0x00000801");
    }

    #[test]
    fn a_file_that_ends_early_is_refused() {
        let images = images();
        assert_message(&[], &labels(), "`images` ends after 0 bytes (unpacked), expected 16");
        assert_message(&images[..15], &labels(), "`images` ends after 15 bytes (unpacked), expected 16");
        assert_message(&images[..21], &labels(), "`images` ends after 21 bytes (unpacked), expected 22");
        assert_message(&packed(&images[..21]), &labels(), "`images` ends after 21 bytes (unpacked), expected 22");
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let longer = [images(), vec![0]].concat();
        assert_message(&longer, &labels(), "`images` goes on after its 22 bytes (unpacked)");
        assert_message(&packed(&longer), &labels(), "`images` goes on after its 22 bytes (unpacked)");
        assert_message(&[packed(&images()), vec![0]].concat(), &labels(), "could not unpack `images`");
    }

    #[test]
    fn a_damaged_gzip_file_is_refused() {
        let whole = packed(&images());
        for end in 2..whole.len() {
            assert_message(&whole[..end], &labels(), "could not unpack `images`");
        }
        let mut wrong_sum = whole;
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert_message(&wrong_sum, &labels(), "could not unpack `images`");
    }

    #[test]
    fn a_boastful_header_is_refused_before_anything_is_read() {
        let boast = file(0x803, &[u32::MAX; 3], &[]);
        let message = "`images` speaks of 4294967295 × 4294967295 × 4294967295 values, expected 1 to 1073741824 in all";
        assert_message(&boast, &labels(), message);
        let none = file(0x803, &[2, 0, 3], &[]);
        assert_message(&none, &labels(), "`images` speaks of 2 × 0 × 3 values, expected 1 to 1073741824 in all");
        let gigabyte = file(0x803, &[1 << 20, 32, 32], &[7]);
        assert_message(&gigabyte, &labels(), "`images` ends after 17 bytes (unpacked), expected 1073741840");
    }

    #[test]
    fn labels_must_fit_the_images_and_the_classes() {
        let one = file(0x801, &[1], &[1]);
        assert_message(&images(), &one, "`labels` holds 1 labels, expected 2: one for each image");
        let beyond = file(0x801, &[2], &[1, 2]);
        assert_message(&images(), &beyond, "`labels` gives image 1 label 2, expected less than 2");
    }

    #[test]
    fn a_missing_or_unreadable_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&folder.path().join("none"), folder.path(), 2).unwrap_err();
        assert_eq!(error.to_string(), "could not read the images");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(folder.path().join("none").to_str().unwrap()), "{cause}");
        assert!(matches!(read(folder.path(), folder.path(), 2), Err(Error::Read(_))));
    }

    const CONTENTS: Contents = Contents {
        shape: ImageShape { channels: 1, height: 1, width: 3 },
        sizes: Sizes { train: 1, validation: 1, test: 2 },
        ..mnist::CONTENTS
    };

    fn entry(contents: Contents) -> Entry {
        Entry {
            place: ImageSource::Folder {
                contents,
                files: FILES,
                inside: &["MNIST/raw"],
                origin: "https://example.org",
                load: load_folder,
            },
            ..mnist::ENTRY
        }
    }

    #[test]
    fn the_last_training_images_are_the_validation_images() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).unwrap();
        write("train-images-idx3-ubyte", &images());
        write("train-labels-idx1-ubyte.gz", &packed(&labels()));
        write("t10k-images-idx3-ubyte.gz", &packed(&images()));
        write("t10k-labels-idx1-ubyte", &labels());
        let dataset = entry(CONTENTS).load(Some(folder.path())).unwrap();
        assert_eq!((dataset.name(), dataset.sizes()), ("mnist", CONTENTS.sizes));
        assert_eq!((dataset.train().labels(), dataset.train().pixels(0)), (&[1][..], &[1, 2, 3][..]));
        assert_eq!((dataset.validation().labels(), dataset.validation().pixels(0)), (&[0][..], &[4, 5, 6][..]));

        let images_path = folder.path().join("train-images-idx3-ubyte");
        let message = |contents: Contents| entry(contents).load(Some(folder.path())).unwrap_err().to_string();
        assert_eq!(
            message(Contents { shape: mnist::CONTENTS.shape, ..CONTENTS }),
            format!("`{}` holds images of 1 × 1 × 3, expected 1 × 28 × 28", images_path.display())
        );
        assert_eq!(
            message(Contents { sizes: mnist::CONTENTS.sizes, ..CONTENTS }),
            format!("`{}` holds 2 images, expected 60000", images_path.display())
        );
    }

    #[test]
    fn the_files_have_other_common_names_and_places() {
        let read = |folder: &str, names: [&str; 4]| {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(folder);
            fs_err::create_dir_all(&folder).unwrap();
            for (name, bytes) in names.into_iter().zip([images(), labels(), images(), labels()]) {
                fs_err::write(
                    folder.join(name),
                    if Path::new(name).extension().is_some_and(|extension| extension == "gz") { packed(&bytes) } else { bytes },
                )
                .unwrap();
            }
            entry(CONTENTS).load(Some(root.path())).unwrap()
        };
        let usual =
            read("", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]);
        let pointed =
            ["train-images.idx3-ubyte", "train-labels.idx1-ubyte.gz", "t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte"];
        assert_eq!(read("", pointed), usual);
        assert_eq!(read("MNIST/raw", pointed), usual);
    }

    #[test]
    fn a_folder_without_the_files_says_which_one_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            entry(CONTENTS).load(Some(folder.path())).unwrap_err().to_string(),
            format!("`{}` holds no `train-images-idx3-ubyte[.gz]`\nhint: https://example.org", folder.path().display())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_images_or_an_error(
            images in proptest::collection::vec(any::<u8>(), 0..64),
            labels in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = parsed(&images, &labels);
            let _ = parsed(&[&[0x1f, 0x8b, 8, 0][..], &images].concat(), &labels);
            let _ = parsed(&packed(&images), &packed(&labels));
        }

        #[test]
        fn any_header_is_met_by_its_bytes_or_an_error(
            dimensions in proptest::array::uniform3(0..5_u32),
            values in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let labels = file(0x801, &dimensions[..1], &vec![0; dimensions[0] as usize]);
            let result = parsed(&file(0x803, &dimensions, &values), &labels);
            let product = dimensions.iter().product::<u32>() as usize;
            prop_assert_eq!(result.is_ok(), product > 0 && product == values.len());
        }

        #[test]
        fn one_changed_byte_never_panics(at in 0..22_usize, value in any::<u8>()) {
            let mut bytes = images();
            bytes[at] = value;
            let _ = parsed(&bytes, &labels());
            let mut bytes = packed(&images());
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = parsed(&bytes, &labels());
        }
    }
}
