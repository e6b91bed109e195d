//! Importing official files: read in blocks, checked on all cores, kept in compact rows, written as one sorted table.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use arrow::datatypes::Field;
use rayon::prelude::*;

use super::Problem;
use super::column;
use super::frame::Frame;
use super::payload::{Payload, Scratch};
use super::rows::{Row, Rows, Surplus};
use super::source::{Block, Source};
use crate::interchange::{Error, LeftOut};
use crate::space::Space;
use crate::table::column::column as stored_column;
use crate::table::writer::write_compacted;
use crate::table::{Benchmark, Dataset, Imported, Manifest, Part, operations};
use crate::train::PROTOCOLS;
use crate::unit::Epochs;

/// The step of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It reads the files, counted in bytes.
    Reading,
    /// It writes the table, counted in rows.
    Writing,
}

/// A callback for the progress of an import: the step, the amount that is done, and the total.
pub type Progress<'a> = &'a mut dyn FnMut(Step, u64, u64);

/// The result of an import.
#[derive(Debug)]
pub struct Summary {
    /// The benchmark that it made.
    pub benchmark: Benchmark,
    /// The records that it holds.
    pub records: u64,
    /// The different cells that they are of.
    pub cells: u64,
    /// The budgets, and how many records each has.
    pub budgets: BTreeMap<Epochs, u64>,
    /// The fewest and the most repeats of a cell at a budget.
    pub repeats: RangeInclusive<u16>,
    /// The bytes of all files that were read.
    pub source_bytes: u64,
    /// The bytes of the table that was written.
    pub bytes: u64,
    /// Records whose matrix is not the first one of their hash, but isomorphic to it: they stand under the first one.
    pub isomorphic: u64,
    /// Records that state another number of parameters than the official network of their cell has; they keep their own.
    pub recounted: u64,
    /// Records with an accuracy that single precision does not hold to the last bit.
    pub rounded: u64,
    /// Records and rests of files that were left out.
    pub left_out: LeftOut,
}

/// Makes a benchmark of official files, which are taken in their order.
///
/// A file that is packed by gzip is read as the one that is in it. Both checksums of each record are checked, and its hash is computed
/// again. The repeat of a record is its place among those of its cell and budget. With `keep_going`, records that are not right are left
/// out instead of ending the import; after a damaged length nobody knows where the next record starts, so that the rest of that file is
/// left out, too.
///
/// # Errors
///
/// [`NotEmpty`](crate::table::Error::NotEmpty) if anything lies in the folder, [`Error::File`] or [`Error::NotAFile`] for a file that
/// cannot be read, [`Error::NoRecords`] if there is no record to import, [`Error::GivenTwice`] if two of the files are one, and, unless
/// it keeps going, [`Error::WithinAnother`] if one of them holds another, as the two of the release do, and [`Error::Record`] for the
/// first record that is not right. Nothing is left in the folder then.
pub fn import(files: &[PathBuf], out: &Path, keep_going: bool, progress: Progress<'_>) -> Result<Summary, Error> {
    Benchmark::check_vacant(out)?;
    let mut import = Import { keep_going, ..Import::default() };
    let mut total = 0;
    let mut seen = Vec::new();
    for file in files {
        total += Source::open(file)?.length();
        let whole = fs_err::canonicalize(file)?;
        if let Some(first) = seen.iter().position(|other| *other == whole) {
            return Err(Error::GivenTwice { file: files[first].clone() });
        }
        seen.push(whole);
    }
    for file in files {
        import.read(file, total, progress)?;
    }
    let order = import.sort()?;
    if order.is_empty() {
        return Err(Error::NoRecords { file: files.first().cloned().unwrap_or_default() });
    }
    import.write(out, &order, progress)
}

/// Returns the manifest of the official release: what is known of it. Which images of CIFAR-10 it used, and its seeds, is not.
pub(super) fn manifest() -> Manifest {
    let protocol = PROTOCOLS.iter().find(|entry| entry.name == "nas-bench-101").expect("the official protocol is a preset");
    Manifest {
        seed: None,
        dataset: Dataset { name: "cifar-10".to_owned(), sha256: None },
        operations: operations(&Space::nas_bench_101()),
        protocol: protocol.build().identity(),
    }
}

/// An import on its way.
#[derive(Default)]
struct Import<'a> {
    keep_going: bool,
    rows: Rows,
    /// Records that were seen, those that were left out included.
    seen: u32,
    files: Vec<&'a Path>,
    imported: Vec<Imported>,
    blocks: Vec<Start>,
    source_bytes: u64,
    left_out: LeftOut,
}

/// Where a block starts: from there a record is found again when a message must name it.
struct Start {
    /// The position of the file among all.
    file: usize,
    offset: u64,
    /// The number of its first record in the file, from 1.
    record: u64,
    /// The ordinal of its first record.
    ordinal: u32,
}

impl<'a> Import<'a> {
    /// Takes a problem: the end of the import, unless it keeps going.
    fn refuse(&mut self, error: Error) -> Result<(), Error> {
        self.left_out.add_or_stop(error, self.keep_going)
    }

    /// Reads a whole file.
    fn read(&mut self, file: &'a Path, total: u64, progress: Progress<'_>) -> Result<(), Error> {
        let mut source = Source::open(file)?;
        let rows = self.rows.records.len();
        let mut record = 1;
        while let Some(block) = source.next_block()? {
            self.blocks.push(Start { file: self.files.len(), offset: block.offset, record, ordinal: self.seen });
            record += block.frames.len() as u64;
            let is_broken = block.broken.is_some();
            let end = self.take(file, block)?;
            progress(Step::Reading, self.source_bytes + end, total);
            if is_broken {
                break;
            }
        }
        let (bytes, sha256) = source.finish()?;
        if bytes == 0 {
            self.refuse(Error::NoRecords { file: file.to_owned() })?;
        }
        self.source_bytes += bytes;
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let records = (self.rows.records.len() - rows) as u64;
        self.imported.push(Imported { file: name, bytes, records, sha256 });
        self.files.push(file);
        Ok(())
    }

    /// Takes the records of a block. Returns where in the file the block ends.
    fn take(&mut self, file: &Path, mut block: Block<'_>) -> Result<u64, Error> {
        let payloads: Vec<Result<Payload, Box<Problem>>> = block.digest_beside(|frames| {
            let read = |scratch: &mut Scratch, frame: &Frame<'_>| {
                frame.payload().and_then(|payload| Payload::read(payload, scratch)).map_err(Box::new)
            };
            frames.par_iter().with_min_len(256).map_init(Scratch::default, read).collect()
        });
        self.rows.learn(payloads.iter().flatten());
        let mut offset = block.offset;
        let mut record = self.blocks.last().expect("a block was started").record;
        for (payload, frame) in payloads.into_iter().zip(&block.frames) {
            let ordinal = self.seen;
            self.seen = self.seen.checked_add(1).ok_or_else(|| Error::TooManyRecords { file: file.to_owned() })?;
            let added = payload.and_then(|payload| self.rows.add(&payload, ordinal).map_err(Box::new));
            if let Err(source) = added {
                self.refuse(Error::Record { file: file.to_owned(), record, offset, source })?;
            }
            offset += frame.length() as u64;
            record += 1;
        }
        if let Some(problem) = block.broken {
            self.refuse(Error::Record { file: file.to_owned(), record, offset, source: Box::new(problem) })?;
        }
        Ok(offset)
    }

    /// Sorts the rows by key. Copies of others, and repeats that have no key, are refused.
    fn sort(&mut self) -> Result<Vec<u32>, Error> {
        let mut surplus = Vec::new();
        let order = self.rows.sort(|ordinal, reason| surplus.push((ordinal, reason)));
        if !self.keep_going {
            self.refuse_whole_copies(&surplus)?;
        }
        for (ordinal, reason) in surplus {
            let (at, record, offset) = self.locate(ordinal)?;
            let problem = match reason {
                Surplus::CopyOf(other) => {
                    let (other, record, offset) = self.locate(other)?;
                    Problem::DuplicateRepeat { file: self.files[other].to_owned(), record, offset }
                }
                Surplus::TooMany(problem) => *problem,
            };
            self.imported[at].records -= 1;
            self.refuse(Error::Record { file: self.files[at].to_owned(), record, offset, source: Box::new(problem) })?;
        }
        Ok(order)
    }

    /// Returns an error if one file holds the other, as with the two of the release: that says more than their first common record.
    fn refuse_whole_copies(&self, surplus: &[(u32, Surplus)]) -> Result<(), Error> {
        let file_of = |ordinal: u32| self.blocks[self.blocks.partition_point(|start| start.ordinal <= ordinal) - 1].file;
        let mut copies: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for (ordinal, reason) in surplus {
            if let Surplus::CopyOf(other) = reason {
                *copies.entry((file_of(*ordinal), file_of(*other))).or_default() += 1;
            }
        }
        for ((later, earlier), count) in copies.into_iter().filter(|((later, earlier), _)| later != earlier) {
            for (file, other) in [(later, earlier), (earlier, later)] {
                if count == self.imported[file].records {
                    let [file, other] = [file, other].map(|index| self.files[index].to_owned());
                    return Err(Error::WithinAnother { file, other });
                }
            }
        }
        Ok(())
    }

    /// Finds a record again: the position of its file, its number in it, and where it starts.
    fn locate(&self, ordinal: u32) -> Result<(usize, u64, u64), Error> {
        let start = &self.blocks[self.blocks.partition_point(|start| start.ordinal <= ordinal) - 1];
        let position = ordinal - start.ordinal;
        let mut source = Source::open_at(self.files[start.file], start.offset)?;
        let frames = source.next_block()?.map_or_else(Vec::new, |block| block.frames);
        let before = frames.iter().take(position as usize).map(|frame| frame.length() as u64).sum::<u64>();
        Ok((start.file, start.record + u64::from(position), start.offset + before))
    }

    /// Writes the table and says what it holds.
    fn write(self, out: &Path, order: &[u32], progress: Progress<'_>) -> Result<Summary, Error> {
        let Rows { records: rows, cells, isomorphic, recounted, rounded, .. } = self.rows;
        let group = |range: Range<usize>| order[range].iter().map(|i| rows[*i as usize]).collect::<Vec<Row>>();
        let gather = |group: &Vec<Row>, field: &Field, range: Range<usize>| {
            column::gather(stored_column(field.name()), &group[range], &cells)
        };
        let total = order.len() as u64;
        let benchmark = Benchmark::import(out, &manifest(), self.imported, |file, identity| {
            write_compacted(file, identity, order.len(), group, gather, &mut |rows| progress(Step::Writing, rows, total))
        })?;
        let mut budgets = BTreeMap::new();
        let (mut fewest, mut most) = (u16::MAX, 0);
        for (position, i) in order.iter().enumerate() {
            let Row { epochs, repeat, .. } = rows[*i as usize];
            *budgets.entry(Epochs(epochs)).or_insert(0) += 1;
            if order.get(position + 1).is_none_or(|next| rows[*next as usize].repeat == 0) {
                (fewest, most) = (fewest.min(repeat + 1), most.max(repeat + 1));
            }
        }
        let bytes =
            benchmark.files(Part::Recorded)?.iter().map(|file| Ok(fs_err::metadata(file)?.len())).sum::<Result<_, Error>>()?;
        Ok(Summary {
            records: total,
            cells: cells.len() as u64,
            budgets,
            repeats: fewest..=most,
            source_bytes: self.source_bytes,
            bytes,
            isomorphic,
            recounted,
            rounded,
            left_out: self.left_out,
            benchmark,
        })
    }
}
