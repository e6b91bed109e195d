//! Reading an official file in large blocks, without holding more than one of them.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use fs_err as fs;
use sha2::{Digest as _, Sha256};

use super::Problem;
use super::frame::{self, Frame};
use crate::file::Unpacked;
use crate::hex;
use crate::interchange::Error;

/// The bytes that are read at once: some ten thousand records, many times the longest that is taken.
const BLOCK: usize = 8 << 20;

/// A file that is being read, unpacked if need be.
pub(super) struct Source {
    input: Box<dyn Read>,
    file: PathBuf,
    is_packed: bool,
    length: u64,
    buffer: Vec<u8>,
    /// What of the buffer holds bytes of the file that were not taken yet.
    filled: Range<usize>,
    /// The bytes that came after those, at the end of the buffer: they are not digested yet.
    fresh: Range<usize>,
    digest: Sha256,
    /// Where in the file `filled` starts.
    offset: u64,
    is_ended: bool,
}

/// The records of one block.
pub(super) struct Block<'a> {
    /// Where in the file the first of them starts.
    pub(super) offset: u64,
    pub(super) frames: Vec<Frame<'a>>,
    /// What is wrong with the record after the last of them. Nothing more can be read then.
    pub(super) broken: Option<Problem>,
    bytes: &'a [u8],
    digest: &'a mut Sha256,
}

impl Block<'_> {
    /// Digests the bytes of the block while something else is done with its records.
    pub(super) fn digest_beside<T: Send>(&mut self, work: impl FnOnce(&[Frame<'_>]) -> T + Send) -> T {
        let Self { frames, bytes, digest, .. } = self;
        rayon::join(|| work(frames), || digest.update(bytes)).0
    }
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be opened, [`Error::NotAFile`] if it is a folder.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Self::open_at(path, 0)
    }

    /// Starts in the middle, where a record starts; the bytes of a packed file are counted unpacked.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(super) fn open_at(path: &Path, offset: u64) -> Result<Self, Error> {
        let mut file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let mut unpacked = Unpacked::open(path)?;
        let is_packed = unpacked.is_packed();
        let (input, length): (Box<dyn Read>, u64) = if is_packed {
            // The last four bytes are the length of what is in it; it is right for files below 4 GiB.
            let mut length = [0; 4];
            file.seek(SeekFrom::End(-4))?;
            file.read_exact(&mut length)?;
            let skipped = io::copy(&mut unpacked.by_ref().take(offset), &mut io::sink());
            skipped.map_err(Error::of_reading(path, is_packed))?;
            (Box::new(unpacked), u32::from_le_bytes(length).into())
        } else {
            file.seek(SeekFrom::Start(offset))?;
            (Box::new(file), metadata.len())
        };
        let (buffer, digest) = (vec![0; BLOCK], Sha256::new());
        let file = path.to_owned();
        Ok(Self { input, file, is_packed, length, buffer, filled: 0..0, fresh: 0..0, digest, offset, is_ended: false })
    }

    /// Takes the next records; `None` when all bytes were taken.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read.
    pub(super) fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        self.fill()?;
        if self.filled.is_empty() {
            return Ok(None);
        }
        let (offset, start) = (self.offset, self.filled.start);
        let mut frames = Vec::new();
        let mut taken = start;
        let broken = loop {
            let rest = &self.buffer[taken..self.filled.end];
            match Frame::take(rest) {
                Ok(Some(frame)) => {
                    taken += frame.length();
                    frames.push(frame);
                }
                Ok(None) if self.is_ended && !rest.is_empty() => break Some(frame::truncated(rest)),
                Ok(None) => break None,
                Err(problem) => break Some(problem),
            }
        };
        self.offset += (taken - start) as u64;
        self.filled.start = taken;
        Ok(Some(Block { offset, frames, broken, bytes: &self.buffer[self.fresh.clone()], digest: &mut self.digest }))
    }

    /// Moves what is left to the front and reads until the buffer is full or the file ends.
    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.copy_within(self.filled.clone(), 0);
        let left = self.filled.len();
        let mut end = left;
        while !self.is_ended && end < self.buffer.len() {
            let read = self.input.read(&mut self.buffer[end..]).map_err(Error::of_reading(&self.file, self.is_packed))?;
            self.is_ended = read == 0;
            end += read;
        }
        (self.filled, self.fresh) = (0..end, left..end);
        Ok(())
    }

    /// Reads what is left of the file, and returns the length of the whole and its sha256.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read.
    pub(super) fn finish(mut self) -> Result<(u64, String), Error> {
        let mut bytes = self.offset + self.filled.len() as u64;
        loop {
            let read = self.input.read(&mut self.buffer).map_err(Error::of_reading(&self.file, self.is_packed))?;
            if read == 0 {
                return Ok((bytes, hex::print(&self.digest.finalize())));
            }
            bytes += read as u64;
            self.digest.update(&self.buffer[..read]);
        }
    }

    /// Returns the length of the file, unpacked, as far as the system and the file know it.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the payloads of a file, and its digest.
    fn read(path: &Path) -> (Vec<usize>, u64, String) {
        let mut source = Source::open(path).unwrap();
        let mut lengths = Vec::new();
        while let Some(mut block) = source.next_block().unwrap() {
            lengths.extend(block.digest_beside(|frames| frames.iter().map(Frame::length).collect::<Vec<_>>()));
            if block.broken.is_some() {
                break;
            }
        }
        let (bytes, sha256) = source.finish().unwrap();
        (lengths, bytes, sha256)
    }

    #[test]
    fn records_that_lie_across_blocks_are_whole_and_every_byte_is_digested_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.tfrecord");
        let mut bytes = Vec::new();
        // Some 22 MB: three blocks.
        for i in 0..25 {
            frame::write(&mut bytes, &vec![i; 900_000 + usize::from(i)]).unwrap();
        }
        fs::write(&path, &bytes).unwrap();
        let expected: Vec<_> = (0..25).map(|i| 900_016 + i).collect();
        let sha256 = hex::print(&Sha256::digest(&bytes));
        assert_eq!(read(&path), (expected.clone(), bytes.len() as u64, sha256));
        // Damaged in the middle: the rest is digested all the same.
        bytes[900_016 + 3] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path), (expected[..1].to_vec(), bytes.len() as u64, hex::print(&Sha256::digest(&bytes))));
    }
}
