//! The checksum of a file of ours, which is stored in the file itself, so that any change of its bytes is noticed.
//!
//! Parquet has a place for the sums of pages, but the library that writes our files leaves it empty. So the footer holds,
//! under `nasbench.crc32`, eight hex digits: the CRC-32 of all bytes of the file, these digits as zeros. Other programs pass
//! over it.

use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use fs_err as fs;
use parquet::file::metadata::KeyValue;
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::hex;

const KEY: &str = "nasbench.crc32";
const NO_DIGITS: &str = "00000000";
/// How Parquet joins key and value: a text of eight bytes follows.
const JOINT: [u8; 2] = [0x18, 0x08];
/// The end of a file, in which the digits stand: behind them are a name and a byte or two for each column.
const TAIL: usize = 1 << 16;

/// Computes the SHA-256 of the bytes of a file, as hex digits.
///
/// # Errors
///
/// An [`io::Error`] that names the file if it cannot be read.
pub fn sha256(file: &Path) -> io::Result<String> {
    let (mut digest, mut open) = (Sha256::new(), BufReader::with_capacity(1 << 20, fs::File::open(file)?));
    loop {
        let bytes = open.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hex::print(&digest.finalize()));
        }
        let length = bytes.len();
        digest.update(bytes);
        open.consume(length);
    }
}

/// What the footer must hold, written last, so that [`Summed::finish`] finds a place for the digits.
pub(super) fn entry() -> KeyValue {
    KeyValue::new(KEY.to_owned(), NO_DIGITS.to_owned())
}

/// A file that sums what is written to it.
pub(super) struct Summed<'a> {
    file: &'a mut fs::File,
    sum: crc32fast::Hasher,
    length: u64,
    tail: Vec<u8>,
}

impl<'a> Summed<'a> {
    /// Starts with an empty file.
    pub(super) fn new(file: &'a mut fs::File) -> Self {
        Self { file, sum: crc32fast::Hasher::new(), length: 0, tail: Vec::new() }
    }

    /// Puts the sum into the footer, when all of it is written.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the disk does not take it.
    ///
    /// # Panics
    ///
    /// Panics unless the footer holds [`entry`].
    pub(super) fn finish(self) -> io::Result<()> {
        let start = digits(&self.tail).expect("the footer holds the entry");
        let start = self.length - (self.tail.len() - start) as u64;
        self.file.seek(SeekFrom::Start(start))?;
        self.file.write_all(format!("{:08x}", self.sum.finalize()).as_bytes())
    }
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.length += written as u64;
        self.tail.extend_from_slice(&bytes[written.saturating_sub(TAIL)..written]);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Compares the bytes of a file with the sum that it states; `false` if it states none, as files of older versions.
///
/// # Errors
///
/// [`Error::Sum`] if they differ, [`Error::File`] if it cannot be read.
pub(super) fn check(file: &Path) -> Result<bool, Error> {
    let mut open = fs::File::open(file)?;
    let tail_start = open.metadata()?.len().saturating_sub(TAIL as u64);
    open.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    (&mut open).take(TAIL as u64).read_to_end(&mut tail)?;
    let Some(start) = digits(&tail) else { return Ok(false) };
    let stated = String::from_utf8_lossy(&tail[start..start + NO_DIGITS.len()]).into_owned();
    let mut sum = crc32fast::Hasher::new();
    open.rewind()?;
    add(&mut sum, (&mut open).take(tail_start + start as u64))?;
    sum.update(NO_DIGITS.as_bytes());
    open.seek(SeekFrom::Start(tail_start + (start + NO_DIGITS.len()) as u64))?;
    add(&mut sum, &mut open)?;
    let found = format!("{:08x}", sum.finalize());
    if stated == found { Ok(true) } else { Err(Error::Sum { file: file.to_owned(), stated, found }) }
}

/// Returns where in the last bytes of a file its digits start.
fn digits(tail: &[u8]) -> Option<usize> {
    let mark = [KEY.as_bytes(), &JOINT].concat();
    let start = tail.windows(mark.len() + NO_DIGITS.len()).rposition(|bytes| bytes.starts_with(&mark))?;
    Some(start + mark.len())
}

fn add(sum: &mut crc32fast::Hasher, mut bytes: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => sum.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::{benchmark, records};
    use crate::table::{read, write};

    #[test]
    fn any_flipped_bit_of_a_file_is_found_unless_it_hides_the_sum() {
        let folder = tempfile::tempdir().unwrap();
        let identity = benchmark(folder.path(), &[], &[]).identity();
        let file = folder.path().join("a.parquet");
        write(&file, &records(), identity).unwrap();
        assert!(check(&file).unwrap());
        let whole = fs::read(&file).unwrap();
        let mark = digits(&whole).unwrap() - KEY.len() - JOINT.len();
        for byte in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << (byte % 8);
            fs::write(&file, &bytes).unwrap();
            match check(&file) {
                Err(Error::Sum { stated, found, .. }) => assert_ne!(stated, found),
                Ok(false) => assert!((mark..mark + KEY.len() + JOINT.len()).contains(&byte), "byte {byte}"),
                other => panic!("byte {byte}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_file_of_an_older_version_has_no_sum_and_is_read() {
        let file = Path::new("tests/data/tiny-benchmark/shards/1.parquet");
        assert!(!check(file).unwrap());
        let benchmark = crate::table::Benchmark::open("tests/data/tiny-benchmark").unwrap();
        assert_eq!(read(file, benchmark.identity()).unwrap().len(), 364);
    }

    #[test]
    fn a_file_that_is_cut_or_no_file_of_ours_has_no_sum() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        for bytes in [b"".as_slice(), b"nasbench.crc32\x18\x080000000", &vec![7; 200_000]] {
            fs::write(&file, bytes).unwrap();
            assert!(!check(&file).unwrap());
        }
        assert!(matches!(check(&folder.path().join("b")), Err(Error::File(_))));
    }
}
