//! Images of one's own as NumPy arrays in one archive, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! Either `x` and `y`, or `x_train`, `y_train` and, if they are there, `x_validation`, `y_validation`, `x_test` and `y_test`, in
//! upper or lower case; `valid`, `val` and `dev` are `validation`. Another array is refused: nobody would read it. Images are
//! bytes, `[n, height, width]` or `[n, height, width, channels]`; labels are integers from 0 to 255, `[n]` or `[n, 1]`. There
//! are as many classes as the greatest label says, and each has training images.

use std::io::{BufReader, Read, Seek};
use std::path::Path;

use fs_err::File;
use zip::ZipArchive;

use super::error::quoted;
use super::npy::Array;
use super::split::Parts;
use super::{Dataset, Entry, Error, ImageShape, ImageSource, Images};

pub(super) const ENTRY: Entry = Entry {
    name: "npz",
    about: "your own: NumPy arrays `x`, `y` in one archive, or `x_train`, `y_train`, `x_validation` and so on",
    source: "yours; the format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html",
    place: ImageSource::Own { path: "FILE.npz", load },
};

/// The most channels of an image: this finds arrays with the channels in front.
const MOST_CHANNELS: usize = 4;

/// What the names of arrays end with, all names of a split side by side; the first is the usual one.
type Ends = &'static [&'static str];

/// Of images without splits.
const WHOLE: Ends = &[""];
const TRAIN: Ends = &["_train"];
const VALIDATION: Ends = &["_validation", "_valid", "_val", "_dev"];
const TEST: Ends = &["_test"];

fn load(entry: &Entry, path: &Path) -> Result<Dataset, Error> {
    parse(entry.name, path, BufReader::new(File::open(path)?))
}

/// Reads an archive from anywhere; the path is what errors call it.
fn parse(name: &str, path: &Path, source: impl Read + Seek) -> Result<Dataset, Error> {
    let archive = ZipArchive::new(source).map_err(|source| Error::Archive { path: path.to_owned(), source })?;
    let files = archive.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let mut archive = Archive { path, files, zip: archive };
    let (whole, train) = (archive.find(WHOLE)?, archive.find(TRAIN)?);
    if let (Some([whole, _]), Some([train, _])) = (&whole, &train) {
        return Err(two_arrays(path, [whole, train], "with splits or without"));
    }
    let train = whole.or(train).unwrap_or_else(|| ["x_train", "y_train"].map(ToOwned::to_owned));
    let (validation, test) = (archive.find(VALIDATION)?, archive.find(TEST)?);
    let known = [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten().flatten().cloned().collect::<Vec<_>>();
    let labels = train[1].clone();
    if archive.holds(&train[0]) || archive.holds(&labels) {
        archive.refuse_others(&known)?;
    }
    let train = archive.images(train)?;
    let mut part = |names: Option<[String; 2]>| names.map(|names| archive.images(names)).transpose();
    let parts = Parts { train, validation: part(validation)?, test: part(test)? };
    let classes = parts.label_count();
    let is_there = |label: &usize| parts.train.labels().iter().any(|there| usize::from(*there) == *label);
    if let Some(label) = (0..classes).find(|label| !is_there(label)) {
        let (greatest, hint) = (classes - 1, "labels count from 0, without gaps");
        let problem =
            format!("has labels up to {greatest}, and `{labels}` holds no {label}: expected training images of every class");
        return Err(Error::file(path, format!("{problem}\nhint: {hint}")));
    }
    parts.dataset(name, (0..classes).map(|label| label.to_string()).collect())
}

fn two_arrays(path: &Path, [one, other]: [&String; 2], why: &str) -> Error {
    Error::file(path, format!("holds the arrays `{one}` and `{other}`, expected one of them: {why}"))
}

struct Archive<'a, S> {
    path: &'a Path,
    /// The names of the files in it.
    files: Vec<String>,
    zip: ZipArchive<S>,
}

impl<S: Read + Seek> Archive<'_, S> {
    fn holds(&self, array: &str) -> bool {
        self.files.contains(&file_name(array))
    }

    /// The names of the images and the labels of a split; `None` if neither is there.
    fn find(&self, ends: Ends) -> Result<Option<[String; 2]>, Error> {
        let find = |letter: &str| {
            let names = ends.iter().map(|end| file_name(&format!("{letter}{end}")));
            let is_one = |file: &&String| names.clone().any(|name| name.eq_ignore_ascii_case(file));
            let mut found = self.files.iter().filter(is_one).map(|file| file[..file.len() - EXTENSION.len()].to_owned());
            match (found.next(), found.next()) {
                (Some(one), Some(other)) => Err(two_arrays(self.path, [&one, &other], "both are of one split")),
                (first, _) => Ok(first),
            }
        };
        Ok(match (find("x")?, find("y")?) {
            (None, None) => None,
            (Some(x), Some(y)) => Some([x, y]),
            // The other one is asked for under the name that goes with the one that is there.
            (Some(x), None) => Some([x.clone(), format!("y{}", &x[1..])]),
            (None, Some(y)) => Some([format!("x{}", &y[1..]), y]),
        })
    }

    /// Returns an error for an array that would not be read.
    fn refuse_others(&self, known: &[String]) -> Result<(), Error> {
        let is_known = |file: &&String| known.iter().any(|name| file_name(name) == **file);
        match self.files.iter().find(|file| !is_known(file)) {
            None => Ok(()),
            Some(file) => {
                let (array, ends) = (file.strip_suffix(EXTENSION).unwrap_or(file), quoted(&[TRAIN, VALIDATION, TEST].concat()));
                let expected = format!("`x` and `y`, alone or with one of {ends} behind");
                Err(Error::file(self.path, format!("holds an array `{array}` that is not read, expected {expected}")))
            }
        }
    }

    /// Reads an array of images and that of their labels.
    fn images(&mut self, [x, y]: [String; 2]) -> Result<Images, Error> {
        let path = self.path;
        let array = self.open(&y)?;
        if !matches!(array.shape(), [_] | [_, 1]) {
            return Err(array.wrong_shape("(n,) or (n, 1): one label for each image"));
        }
        let labels = array.labels()?;
        let array = self.open(&x)?;
        array.check_bytes()?;
        let (n, height, width, channels) = match *array.shape() {
            [n, height, width] => (n, height, width, 1),
            [n, height, width, channels] if channels <= MOST_CHANNELS => (n, height, width, channels),
            _ => {
                return Err(
                    array.wrong_shape(&format!("(n, height, width) or (n, height, width, 1 to {MOST_CHANNELS} channels)"))
                );
            }
        };
        if n != labels.len() {
            let (images, labels) = (n, labels.len());
            return Err(Error::file(
                path,
                format!("holds {images} images in `{x}` and {labels} labels in `{y}`, expected as many"),
            ));
        }
        let pixels = array.bytes()?;
        let shape = ImageShape { channels, height, width };
        Images::new(shape, channels_first(pixels, shape), labels)
    }

    /// Finds an array and reads its header.
    fn open<'b>(&'b mut self, name: &'b str) -> Result<Array<'b, impl Read + 'b>, Error> {
        let path = self.path;
        let Some(index) = self.zip.index_for_name(&file_name(name)) else {
            return Err(Error::file(path, format!("holds no array `{name}`, found: {}", quoted(&self.files))));
        };
        let file = self.zip.by_index(index).map_err(|source| Error::Archive { path: path.to_owned(), source })?;
        Array::open(path, name, file)
    }
}

/// What the name of an array ends with in an archive.
const EXTENSION: &str = ".npy";

/// The name under which an archive holds an array.
fn file_name(array: &str) -> String {
    format!("{array}{EXTENSION}")
}

/// Reorders images from channels last to channels first.
pub(super) fn channels_first(mut pixels: Vec<u8>, shape: ImageShape) -> Vec<u8> {
    if shape.channels == 1 {
        return pixels;
    }
    let mut copy = Vec::with_capacity(shape.values());
    for image in pixels.chunks_exact_mut(shape.values()) {
        copy.clear();
        copy.extend_from_slice(image);
        for (channel, plane) in image.chunks_exact_mut(shape.plane()).enumerate() {
            for (value, from) in plane.iter_mut().zip(copy.iter().skip(channel).step_by(shape.channels)) {
                *value = *from;
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::dataset::Sizes;

    const WHOLE_FILE: &[u8] = include_bytes!("../../tests/data/own/whole.npz");
    const SPLITS_FILE: &[u8] = include_bytes!("../../tests/data/own/splits.npz");

    fn parsed(bytes: &[u8]) -> Result<Dataset, Error> {
        parse("npz", Path::new("mine.npz"), Cursor::new(bytes))
    }

    fn array(dtype: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
    }

    fn archive(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in arrays {
            writer.start_file(file_name(name), SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_label_without_training_images_is_refused() {
        let images = |n: u8| array("|u1", &format!("({n}, 1, 1)"), &vec![7; n.into()]);
        let labels = |labels: &[u8]| array("|u1", &format!("({},)", labels.len()), labels);
        let gap = archive(&[("x", images(10)), ("y", labels(&[0, 2, 0, 2, 0, 2, 0, 2, 0, 2]))]);
        let hint = "hint: labels count from 0, without gaps";
        let message = "`mine.npz` has labels up to 2, and `y` holds no 1: expected training images of every class";
        assert_message(&gap, &format!("{message}\n{hint}"));
        let train = [("x_train", images(2)), ("y_train", labels(&[0, 1]))];
        let shifted = [&train[..], &[("x_test", images(1)), ("y_test", labels(&[3]))]].concat();
        let message = "`mine.npz` has labels up to 3, and `y_train` holds no 2: expected training images of every class";
        assert_message(&archive(&shifted), &format!("{message}\n{hint}"));
    }

    #[track_caller]
    fn assert_message(bytes: &[u8], message: &str) {
        assert_eq!(parsed(bytes).unwrap_err().to_string(), message);
    }

    /// The images of a split, each as its first pixel and its label.
    fn seen(images: &Images) -> Vec<(u8, u8)> {
        let mut seen: Vec<_> = (0..images.len()).map(|i| (images.pixels(i)[0], images.label(i))).collect();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn a_compressed_file_of_numpy_is_read_and_split() {
        let dataset = parsed(WHOLE_FILE).unwrap();
        assert_eq!((dataset.name(), dataset.classes()), ("npz", &["0".to_owned(), "1".to_owned()][..]));
        assert_eq!(dataset.shape(), ImageShape { channels: 1, height: 4, width: 5 });
        assert_eq!(dataset.sizes(), Sizes { train: 6, validation: 2, test: 2 });
        let all: Vec<_> = [dataset.train(), dataset.validation(), dataset.test()].into_iter().flat_map(seen).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(0, 0), (1, 0), (2, 1), (3, 0), (4, 0), (5, 1), (6, 0), (7, 0), (8, 1), (9, 0)]);
        let first = dataset.train().pixels(0);
        assert!(first.iter().copied().eq(first[0]..first[0] + 20), "{first:?}");
        assert_eq!(dataset, parsed(WHOLE_FILE).unwrap());
    }

    #[test]
    fn a_stored_file_of_numpy_keeps_its_splits_and_its_colours() {
        let dataset = parsed(SPLITS_FILE).unwrap();
        assert_eq!(dataset.shape(), ImageShape { channels: 3, height: 4, width: 5 });
        assert_eq!(dataset.classes().len(), 3);
        assert_eq!(seen(dataset.train()), [(0, 0), (1, 1), (2, 2), (3, 1)]);
        assert_eq!((seen(dataset.validation()), seen(dataset.test())), (vec![(0, 2), (1, 0)], vec![(0, 1), (1, 0), (2, 2)]));
        let pixels = dataset.test().pixels(0);
        let first = pixels[0];
        assert_eq!([pixels[19], pixels[20], pixels[39], pixels[40], pixels[59]], [19, 100, 119, 200, 219].map(|x| x + first));
    }

    #[test]
    fn a_file_of_ones_own_is_named_when_it_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.npz");
        let error = ENTRY.load(Some(&path)).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("mine.npz"));
        fs_err::write(&path, "x,y\n1,2\n").unwrap();
        let error = ENTRY.load(Some(&path)).unwrap_err();
        assert_eq!(error.to_string(), format!("could not read `{}` as an .npz archive", path.display()));
        fs_err::write(&path, WHOLE_FILE).unwrap();
        assert_eq!(ENTRY.load(Some(&path)).unwrap(), parsed(WHOLE_FILE).unwrap());
    }

    #[test]
    fn a_missing_array_is_told_which_there_are() {
        let x = array("|u1", "(1, 1, 1)", &[0]);
        assert_message(&archive(&[("images", x.clone())]), "`mine.npz` holds no array `y_train`, found: `images.npy`");
        assert_message(&archive(&[("x", x.clone())]), "`mine.npz` holds no array `y`, found: `x.npy`");
        let both = archive(&[("x", x.clone()), ("x_train", x)]);
        assert_message(&both, "`mine.npz` holds the arrays `x` and `x_train`, expected one of them: with splits or without");
    }

    #[test]
    fn a_split_has_all_its_usual_names() {
        let images = |n: u8| array("|u1", &format!("({n}, 1, 1)"), &vec![7; n.into()]);
        let labels = |labels: &[u8]| array("|u1", &format!("({},)", labels.len()), labels);
        let train = [("x_train", images(2)), ("y_train", labels(&[0, 1])), ("x_test", images(2)), ("y_test", labels(&[1, 1]))];
        let with = |x: &'static str, y: &'static str| archive(&[&train[..], &[(x, images(3)), (y, labels(&[0, 1, 1]))]].concat());
        let expected = parsed(&with("x_validation", "y_validation")).unwrap();
        assert_eq!(expected.sizes(), Sizes { train: 2, validation: 3, test: 2 });
        for (x, y) in [("x_val", "y_val"), ("x_valid", "y_valid"), ("x_dev", "y_dev"), ("X_val", "y_val"), ("X_VALID", "Y_val")] {
            assert_eq!(parsed(&with(x, y)).unwrap(), expected, "{x}");
        }
        let upper = archive(&[("X_train", images(10)), ("y_train", labels(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]))]);
        assert_eq!(parsed(&upper).unwrap().sizes(), Sizes { train: 6, validation: 2, test: 2 });
    }

    #[test]
    fn an_array_that_nobody_reads_is_refused_by_name() {
        let images = |n: u8| array("|u1", &format!("({n}, 1, 1)"), &vec![7; n.into()]);
        let labels = |labels: &[u8]| array("|u1", &format!("({},)", labels.len()), labels);
        let train = [("x_train", images(2)), ("y_train", labels(&[0, 1]))];
        let with = |more: &[(&'static str, Vec<u8>)]| archive(&[&train[..], more].concat());
        let end = "expected `x` and `y`, alone or with one of `_train`, `_validation`, `_valid`, `_val`, `_dev`, `_test` behind";
        for name in ["x_holdout", "y_extra", "names"] {
            let message = format!("`mine.npz` holds an array `{name}` that is not read, {end}");
            assert_message(&with(&[(name, images(2))]), &message);
        }
        let both = with(&[("x_val", images(2)), ("y_val", labels(&[0, 1])), ("x_validation", images(2))]);
        let message = "`mine.npz` holds the arrays `x_val` and `x_validation`, expected one of them: both are of one split";
        assert_message(&both, message);
        let found = "found: `x_train.npy`, `y_train.npy`, `x_val.npy`";
        assert_message(&with(&[("x_val", images(2))]), &format!("`mine.npz` holds no array `y_val`, {found}"));
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let of = |x: Vec<u8>, y: Vec<u8>| archive(&[("x", x), ("y", y)]);
        let y = || array("|u1", "(2,)", &[0, 1]);
        assert_message(
            &of(array("<f4", "(2, 1, 1)", &[0; 8]), y()),
            "array `x` of `mine.npz` has the dtype `<f4`, expected `|u1`: bytes, 0 to 255",
        );
        assert_message(
            &of(array("|u1", "(2, 3, 1, 32)", &[0; 192]), y()),
            "array `x` of `mine.npz` has the shape `(2, 3, 1, 32)`, \
             expected (n, height, width) or (n, height, width, 1 to 4 channels)",
        );
        assert_message(
            &of(array("|u1", "(3, 1, 1)", &[0; 3]), y()),
            "`mine.npz` holds 3 images in `x` and 2 labels in `y`, expected as many",
        );
        assert_message(
            &of(array("|u1", "(2, 1, 1)", &[0; 2]), array("|u1", "(2, 2)", &[1, 0, 0, 1])),
            "array `y` of `mine.npz` has the shape `(2, 2)`, expected (n,) or (n, 1): one label for each image",
        );
        let five = array("|u1", "(5, 1, 1)", &[0; 5]);
        assert_message(&of(five, array("|u1", "(5,)", &[0; 5])), "the images of `npz` have 1 class, expected at least 2");
        assert_message(
            &of(array("|u1", "(2, 1, 1)", &[0; 2]), y()),
            "2 images are too few to part 2 splits from, expected at least 5: 20 % for each split that is made",
        );
    }

    #[test]
    fn damaged_values_do_not_pass() {
        let end = WHOLE_FILE.len();
        let refused = (0..end).filter(|&at| {
            let mut bytes = WHOLE_FILE.to_vec();
            bytes[at] ^= 0x55;
            let result = parsed(&bytes);
            // Dates, permissions and the like may change; no pixel or label does.
            assert!(result.as_ref().map_or(true, |dataset| *dataset == parsed(WHOLE_FILE).unwrap()), "byte {at}");
            result.is_err()
        });
        assert!(refused.count() > end / 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_data_set_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parsed(&bytes);
            let _ = parsed(&archive(&[("x", bytes.clone()), ("y", array("|u1", "(1,)", &[0]))]));
            let _ = parsed(&archive(&[("x", array("|u1", "(1, 1, 1)", &[0])), ("y", bytes)]));
        }

        #[test]
        fn a_changed_or_cut_archive_never_panics(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            for file in [WHOLE_FILE, SPLITS_FILE] {
                let mut bytes = file.to_vec();
                for (at, value) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *value;
                }
                let _ = parsed(&bytes);
                let _ = parsed(&file[..end.index(file.len())]);
            }
        }
    }
}
