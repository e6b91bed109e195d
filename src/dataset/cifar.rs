//! The binary format of CIFAR-10: records of one label and the red, green and blue plane of 32 × 32 pixels.
//!
//! The format has no header: how many records a file holds is known beforehand.

use std::io::Read;
use std::path::{Path, PathBuf};

use fs_err::File;

use super::{Error, ImageShape, Images};

/// The shape of each image.
pub(super) const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// The bytes of one label and one image.
const RECORD: usize = 1 + SHAPE.values();

/// Reads files of `records` images each, one after the other.
///
/// # Errors
///
/// [`Error::Read`] if the bytes cannot be had, [`Error::File`] if there are other than `records` images or a label is not below
/// `classes`.
///
/// # Source
///
/// Krizhevsky, "The CIFAR-10 dataset", section "Binary version".
pub(super) fn read(paths: &[PathBuf], records: usize, classes: usize) -> Result<Images, Error> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        append(path, File::open(path)?, records, classes, (&mut pixels, &mut labels))?;
    }
    Images::new(SHAPE, pixels, labels)
}

/// Appends the pixels and the labels of one file.
fn append(
    path: &Path,
    source: impl Read,
    records: usize,
    classes: usize,
    (pixels, labels): (&mut Vec<u8>, &mut Vec<u8>),
) -> Result<(), Error> {
    let expected = (records * RECORD) as u64;
    let mut bytes = Vec::new();
    // One byte more than there should be: this finds trailing bytes.
    source.take(expected + 1).read_to_end(&mut bytes)?;
    let found = bytes.len() as u64;
    super::check_length(path, found, expected)?;
    for (image, record) in bytes.chunks_exact(RECORD).enumerate() {
        if usize::from(record[0]) >= classes {
            return Err(super::wrong_label(path, image, record[0], classes));
        }
        labels.push(record[0]);
        pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(bytes: &[u8], records: usize) -> Result<Images, Error> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        append(Path::new("batch"), bytes, records, 10, (&mut pixels, &mut labels))?;
        Images::new(SHAPE, pixels, labels)
    }

    fn record(label: u8) -> Vec<u8> {
        let mut bytes = vec![label];
        bytes.extend([7, 8, 9].iter().flat_map(|&value| [value; 1_024]));
        bytes
    }

    #[test]
    fn a_record_is_a_label_and_three_planes() {
        let images = parsed(&[record(3), record(9)].concat(), 2).unwrap();
        assert_eq!((images.labels(), images.shape()), (&[3, 9][..], SHAPE));
        assert_eq!([0, 1_024, 2_048].map(|i| images.pixels(1)[i]), [7, 8, 9]);
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let message = |bytes: &[u8]| parsed(bytes, 2).unwrap_err().to_string();
        assert_eq!(message(&record(3)), "`batch` ends after 3073 bytes (unpacked), expected 6146");
        assert_eq!(message(&[record(3), record(9), vec![1]].concat()), "`batch` goes on after its 6146 bytes (unpacked)");
    }

    #[test]
    fn a_label_without_a_class_is_refused() {
        let message = parsed(&[record(3), record(10)].concat(), 2).unwrap_err().to_string();
        assert_eq!(message, "`batch` gives image 1 label 10, expected less than 10");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_are_images_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..2 * RECORD),
            records in 0..3_usize,
        ) {
            let _ = parsed(&bytes, records);
        }
    }
}
