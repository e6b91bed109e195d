//! The array format of NumPy: a magic string, a header that is a Python dictionary, the values.
//!
//! A header is believed only as far as the bytes bear it out: memory grows with what is read, never with what is promised.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::{Error, LIMIT};

/// What every array begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read; NumPy itself warns of any beyond 10,000 bytes.
const LONGEST_HEADER: u64 = 1 << 16;
/// The most letters of a header that an error shows.
const SHOWN: usize = 120;

/// An array whose header is read and whose values are not yet.
#[derive(Debug)]
pub(super) struct Array<'a, R> {
    path: &'a Path,
    name: &'a str,
    dtype: String,
    shape: Vec<usize>,
    reader: R,
}

/// The dictionary of a header.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// An integer type, as in `<i8`.
#[derive(Clone, Copy, Debug)]
struct Integer {
    is_big_endian: bool,
    is_signed: bool,
    bytes: usize,
}

impl<'a, R: Read> Array<'a, R> {
    /// Reads the header of an array; `path` and `name` are what errors call it.
    ///
    /// # Errors
    ///
    /// [`Error::Unpack`] if the bytes cannot be had, [`Error::Array`] if they are no array that we read.
    ///
    /// # Source
    ///
    /// NumPy, "NPY format", versions 1.0 to 3.0, <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
    pub(super) fn open(path: &'a Path, name: &'a str, mut reader: R) -> Result<Self, Error> {
        let text = header_text(path, name, &mut reader)?;
        let wrong = |property, expected: &str, found: String| array_error(path, name, property, expected, &found);
        let Some(Header { descr: dtype, fortran_order, shape }) = Header::parse(&text) else {
            let expected = "a dictionary of `descr` (one type), `fortran_order` and `shape`";
            return Err(wrong("header", expected, text.trim().chars().take(SHOWN).collect()));
        };
        if fortran_order && shape.len() > 1 {
            let expected = "`False`: `numpy.ascontiguousarray` puts an array into the order of C";
            return Err(wrong("fortran_order", expected, "True".to_owned()));
        }
        Ok(Self { path, name, dtype, shape, reader })
    }

    /// The dimensions, outermost first.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Makes the error of an unexpected shape.
    pub(super) fn wrong_shape(&self, expected: &str) -> Error {
        self.wrong("shape", expected, &printed(&self.shape))
    }

    /// Returns an error unless the values are unsigned bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if the values are of another type.
    pub(super) fn check_bytes(&self) -> Result<(), Error> {
        let is_byte = |integer: Integer| integer.bytes == 1 && !integer.is_signed;
        if Integer::parse(&self.dtype).is_some_and(is_byte) {
            return Ok(());
        }
        Err(self.wrong("dtype", "`|u1`: bytes, 0 to 255", &self.dtype))
    }

    /// Reads the values of an array of bytes.
    ///
    /// # Errors
    ///
    /// As [`check_bytes`](Self::check_bytes) and for an array that ends early, goes on, or is too large.
    pub(super) fn bytes(self) -> Result<Vec<u8>, Error> {
        self.check_bytes()?;
        self.values(1)
    }

    /// Reads labels of any type of integers.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if the values are of another type, end early, go on, are too many, or one is no byte.
    pub(super) fn labels(self) -> Result<Vec<u8>, Error> {
        let Some(integer) = Integer::parse(&self.dtype) else {
            return Err(self.wrong("dtype", "integers of 1, 2, 4 or 8 bytes, as `<i8` or `|u1`", &self.dtype));
        };
        let (path, name) = (self.path, self.name);
        let bytes = self.values(integer.bytes)?;
        let label = |(image, bytes)| {
            let found = integer.value(bytes);
            let problem = || format!("gives image {image} label {found}, expected 0 to 255");
            u8::try_from(found).map_err(|_| Error::Array { path: path.to_owned(), array: name.to_owned(), problem: problem() })
        };
        bytes.chunks_exact(integer.bytes).enumerate().map(label).collect()
    }

    /// Reads all values of `bytes_each` bytes each.
    fn values(mut self, bytes_each: usize) -> Result<Vec<u8>, Error> {
        let dimensions = self.shape.iter().chain([&bytes_each]);
        let product = dimensions.copied().try_fold(1_u64, |product, dimension| product.checked_mul(dimension as u64));
        let Some(expected) = product.filter(|product| (1..=LIMIT).contains(product)) else {
            return Err(self.wrong_shape(&format!("1 to {LIMIT} bytes of values in all")));
        };
        let mut values = Vec::new();
        // One byte more than there should be: this finds trailing bytes, and lets the archive check its sum at the end.
        let read = self.reader.by_ref().take(expected + 1).read_to_end(&mut values);
        read.map_err(|source| Error::Unpack { path: self.path.to_owned(), source })?;
        let found = values.len() as u64;
        if found == expected {
            return Ok(values);
        }
        let found = if found > expected { format!("more than {expected} bytes") } else { format!("{found} bytes") };
        Err(self.wrong("length", &format!("{expected} bytes of values"), &found))
    }

    fn wrong(&self, property: &str, expected: &str, found: &str) -> Error {
        array_error(self.path, self.name, property, expected, found)
    }
}

fn array_error(path: &Path, name: &str, property: &str, expected: &str, found: &str) -> Error {
    let problem = format!("has the {property} `{found}`, expected {expected}");
    Error::Array { path: path.to_owned(), array: name.to_owned(), problem }
}

/// Reads the magic string, the version, the length of the header and the header.
fn header_text(path: &Path, name: &str, reader: &mut impl Read) -> Result<String, Error> {
    let wrong = |property, expected: &str, found: String| array_error(path, name, property, expected, &found);
    let mut next = |count: u64| {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(count).read_to_end(&mut bytes);
        read.map_err(|source| Error::Unpack { path: path.to_owned(), source }).map(|_| bytes)
    };
    let start = next(MAGIC.len() as u64 + 2)?;
    let version = match start.strip_prefix(MAGIC) {
        Some(&[major @ 1..=3, 0]) => major,
        Some(&[major, minor]) => return Err(wrong("format version", "1.0 to 3.0", format!("{major}.{minor}"))),
        _ => return Err(wrong("beginning", &MAGIC.escape_ascii().to_string(), start.escape_ascii().to_string())),
    };
    let length = next(if version == 1 { 2 } else { 4 })?;
    let expected = length.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    if expected > LONGEST_HEADER {
        return Err(wrong("length of the header", &format!("at most {LONGEST_HEADER} bytes"), format!("{expected} bytes")));
    }
    let header = next(expected)?;
    if (header.len() as u64) < expected {
        let found = format!("{} bytes", header.len());
        return Err(wrong("length of the header", &format!("{expected} bytes"), found));
    }
    // Versions 1 and 2 are Latin-1, but what we read of them is ASCII.
    Ok(String::from_utf8_lossy(&header).into_owned())
}

/// A shape as Python prints it.
fn printed(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

impl Integer {
    fn parse(dtype: &str) -> Option<Self> {
        let mut letters = dtype.chars();
        let is_big_endian = match letters.next()? {
            '<' | '|' => false,
            '>' => true,
            _ => return None,
        };
        let is_signed = match letters.next()? {
            'i' => true,
            'u' => false,
            _ => return None,
        };
        let bytes = letters.as_str().parse().ok().filter(|bytes| [1, 2, 4, 8].contains(bytes))?;
        Some(Self { is_big_endian, is_signed, bytes })
    }

    fn value(self, bytes: &[u8]) -> i128 {
        let join = |sum: i128, &byte: &u8| sum << 8 | i128::from(byte);
        let value = if self.is_big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) };
        let values = 1_i128 << (8 * self.bytes);
        if self.is_signed && value >= values / 2 { value - values } else { value }
    }
}

impl Header {
    /// Reads a dictionary of Python by way of JSON; `None` if it is another kind of dictionary, or none.
    fn parse(text: &str) -> Option<Self> {
        let mut json: String = text.split_whitespace().collect();
        // The last two: Python ends lists with a comma.
        let pairs = [("'", "\""), ("(", "["), (")", "]"), ("True", "true"), ("False", "false"), (",]", "]"), (",}", "}")];
        for (python, other) in pairs {
            json = json.replace(python, other);
        }
        serde_json::from_str(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of version 1.0.
    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), values].concat()
    }

    fn header(dtype: &str, shape: &str) -> String {
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}   \n")
    }

    fn open(bytes: &[u8]) -> Result<Array<'_, &[u8]>, Error> {
        Array::open(Path::new("mine.npz"), "y", bytes)
    }

    fn labels(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        open(bytes).and_then(Array::labels)
    }

    #[track_caller]
    fn assert_message(bytes: &[u8], message: &str) {
        assert_eq!(labels(bytes).unwrap_err().to_string(), message);
    }

    #[test]
    fn labels_are_integers_of_any_width_sign_and_byte_order() {
        for (dtype, values) in [
            ("|u1", &[1, 255][..]),
            ("<i2", &[1, 0, 255, 0]),
            (">i2", &[0, 1, 0, 255]),
            ("<u4", &[1, 0, 0, 0, 255, 0, 0, 0]),
            (">u8", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255]),
        ] {
            assert_eq!(labels(&file(&header(dtype, "(2,)"), values)).unwrap(), [1, 255], "{dtype}");
        }
    }

    #[test]
    fn a_label_that_is_no_byte_is_named() {
        let message = |dtype: &str, bytes: &[u8]| labels(&file(&header(dtype, "(1,)"), bytes)).unwrap_err().to_string();
        assert_eq!(message("|i1", &[255]), "array `y` of `mine.npz` gives image 0 label -1, expected 0 to 255");
        assert_eq!(message("<u2", &[0, 1]), "array `y` of `mine.npz` gives image 0 label 256, expected 0 to 255");
        let least = "array `y` of `mine.npz` gives image 0 label -9223372036854775808, expected 0 to 255";
        assert_eq!(message("<i8", &[0, 0, 0, 0, 0, 0, 0, 128]), least);
    }

    #[test]
    fn versions_one_to_three_are_read_and_their_keys_in_any_order() {
        let text = r#"{"shape": (1, 2), "descr": "|u1", "fortran_order": False}"#;
        for version in [2, 3] {
            let length = u32::try_from(text.len()).unwrap().to_le_bytes();
            let bytes = [MAGIC, &[version, 0], &length, text.as_bytes(), &[3, 4]].concat();
            let array = open(&bytes).unwrap();
            assert_eq!(array.shape(), [1, 2]);
            assert_eq!(array.bytes().unwrap(), [3, 4]);
        }
        assert_message(&[MAGIC, &[4, 0]].concat(), "array `y` of `mine.npz` has the format version `4.0`, expected 1.0 to 3.0");
    }

    #[test]
    fn what_is_no_array_is_refused() {
        assert_message(b"PK\x03\x04", r"array `y` of `mine.npz` has the beginning `PK\x03\x04`, expected \x93NUMPY");
        let structured = "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }";
        assert_message(
            &file(structured, &[]),
            &format!(
                "array `y` of `mine.npz` has the header `{structured}`, \
                 expected a dictionary of `descr` (one type), `fortran_order` and `shape`"
            ),
        );
        assert_message(
            &file(&header("<f4", "(1,)"), &[0; 4]),
            "array `y` of `mine.npz` has the dtype `<f4`, expected integers of 1, 2, 4 or 8 bytes, as `<i8` or `|u1`",
        );
        let wide = file(&header("<i8", "(1,)"), &[0; 8]);
        assert_eq!(
            open(&wide).unwrap().bytes().unwrap_err().to_string(),
            "array `y` of `mine.npz` has the dtype `<i8`, expected `|u1`: bytes, 0 to 255"
        );
    }

    #[test]
    fn the_order_of_fortran_is_refused_where_it_means_something() {
        let fortran = |shape| header("|u1", shape).replace("False", "True");
        assert_message(
            &file(&fortran("(1, 2)"), &[0; 2]),
            "array `y` of `mine.npz` has the fortran_order `True`, \
             expected `False`: `numpy.ascontiguousarray` puts an array into the order of C",
        );
        assert_eq!(labels(&file(&fortran("(2,)"), &[5, 6])).unwrap(), [5, 6]);
    }

    #[test]
    fn an_array_of_another_length_is_refused() {
        let array = |values: &[u8]| file(&header("<i2", "(2,)"), values);
        assert_message(&array(&[0; 3]), "array `y` of `mine.npz` has the length `3 bytes`, expected 4 bytes of values");
        assert_message(&array(&[0; 5]), "array `y` of `mine.npz` has the length `more than 4 bytes`, expected 4 bytes of values");
        let cut = &array(&[])[..30];
        assert_message(cut, "array `y` of `mine.npz` has the length of the header `20 bytes`, expected 61 bytes");
    }

    #[test]
    fn a_boastful_header_is_refused_before_anything_is_read() {
        let bytes = file(&header("|u1", "(4294967295, 4294967295, 4294967295)"), &[]);
        let shape = "(4294967295, 4294967295, 4294967295)";
        assert_message(
            &bytes,
            &format!("array `y` of `mine.npz` has the shape `{shape}`, expected 1 to 2147483648 bytes of values in all"),
        );
        let long = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes()].concat();
        assert_message(
            &long,
            "array `y` of `mine.npz` has the length of the header `4294967295 bytes`, expected at most 65536 bytes",
        );
        let none = file(&header("|u1", "(0,)"), &[]);
        assert_message(&none, "array `y` of `mine.npz` has the shape `(0,)`, expected 1 to 2147483648 bytes of values in all");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_array_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            text in "[{}()',:0-9 a-z_TF|<>-]{0,80}",
        ) {
            let _ = labels(&bytes);
            let _ = labels(&[MAGIC, &bytes].concat());
            let _ = labels(&file(&text, &bytes));
        }

        #[test]
        fn one_changed_byte_never_panics(at in 0..80_usize, value in any::<u8>()) {
            let mut bytes = file(&header("<i2", "(2, 3)"), &[0; 12]);
            bytes[at] = value;
            let _ = labels(&bytes);
            if let Ok(array) = open(&bytes) {
                let _ = array.bytes();
            }
        }

        #[test]
        fn a_header_reads_back(shape in proptest::collection::vec(any::<usize>(), 0..5), fortran_order in any::<bool>()) {
            let truth = if fortran_order { "True" } else { "False" };
            let text = format!("{{'descr': '<u2', 'fortran_order': {truth}, 'shape': {}, }}", printed(&shape));
            let expected = Header { descr: "<u2".to_owned(), fortran_order, shape };
            prop_assert_eq!(Header::parse(&text), Some(expected));
        }
    }
}
