//! What files hold, row by row, without holding the rows: a key and two digests each.
//!
//! By the digest of every value a file that was written is found equal to those it was made of; by the digest of the
//! result alone two rows of one key are told apart from a training that was recorded twice.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, SchemaRef};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use fs_err as fs;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::merge_scan::{RowLocation, Sorted, row_at};
use super::reader::{self, Group, Reader};
use super::schema::is_circumstance;
use super::{Error, Identity, checksum, status_scan, writer};
use crate::file::replace;

/// Rows that are read at once.
const BATCH: usize = 2_048;
/// The longest value in a message, in letters.
const LONGEST: usize = 60;

/// The step of a long operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It reads the files: the progress is in bytes.
    Reading,
    /// It writes the new file: the progress is in rows.
    Writing,
    /// It reads the new file back and compares it with what was read: the progress is in rows.
    Comparing,
}

/// A callback for the progress of a long operation: the step, the amount that is done, and the total.
pub type Watch<'a> = &'a (dyn Fn(Step, u64, u64) + Sync);

/// A digest of all values of a row: the first 16 bytes of a sha256. Two rows that differ have two.
pub(super) type RowDigest = [u8; 16];

/// A row of one of some files.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) location: RowLocation,
    pub(super) row: RowDigest,
    /// A digest of what two recordings of one task share.
    result: [u8; 8],
    /// Whether another row of its key takes its place.
    yields: bool,
}

/// Computes the digests of every row of some files, whose checksums are checked first.
///
/// # Errors
///
/// [`Error::Sum`] for a damaged file, [`Error::StrangeColumn`] for one with columns of another version, and as
/// [`read`](super::read), but hashes are not compared with the cells.
pub(super) fn digest_rows(files: &[PathBuf], identity: Identity, watch: Watch<'_>) -> Result<Vec<Entry>, Error> {
    let lengths = files.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<Result<Vec<_>, Error>>()?;
    let (total, done) = (lengths.iter().sum(), AtomicU64::new(0));
    // Damage is named before anything of a file is believed.
    first_error(files.par_iter().map(|file| checksum::check(file).map(drop)).collect())?;
    let columns = reader::columns(files, identity)?;
    let entries = Mutex::new(Vec::new());
    let digest_file = |(index, file): (usize, &PathBuf)| {
        let position = u32::try_from(index).expect("there are fewer than 2^32 files");
        let reader = Reader::open(file, identity, &columns)?;
        reader.refuse_strange_columns()?;
        let digest_group = |group: &Group| {
            let found = digest_group(&reader, group, position)?;
            entries.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
            let bytes = reader.share(group, lengths[index]);
            watch(Step::Reading, done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
            Ok(())
        };
        first_error(reader.groups().par_iter().map(digest_group).collect())
    };
    first_error(files.par_iter().enumerate().map(digest_file).collect())?;
    Ok(entries.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the first error in the order of the work, whichever came first.
fn first_error(results: Vec<Result<(), Error>>) -> Result<(), Error> {
    results.into_iter().collect()
}

fn digest_group(reader: &Reader, group: &Group, position: u32) -> Result<Vec<Entry>, Error> {
    let digester = Digester::new(reader.columns());
    let mut entries = Vec::with_capacity(group.rows.min(1 << 20));
    for batch in reader.group(group, BATCH)? {
        let (first, batch) = batch?;
        let rows = status_scan::rows(&batch, reader.file(), first)?.into_iter().zip(digester.digests(&batch));
        for (row, ((key, status), (digest, result))) in (first..).zip(rows) {
            let row = u32::try_from(row).expect("a file has fewer than 2^32 rows");
            entries.push(Entry {
                location: RowLocation { key, file: position, row },
                row: digest,
                result,
                yields: status.yields(),
            });
        }
    }
    Ok(entries)
}

/// Digests rows, the same on every machine and of whichever file they are.
struct Digester {
    /// Of the columns of the result, and of the others.
    converters: [RowConverter; 2],
}

impl Digester {
    /// Makes one for rows with these columns.
    fn new(columns: &SchemaRef) -> Self {
        let converter = |of_circumstances: bool| {
            let columns = columns.fields().iter().filter(|field| is_circumstance(field.name()) == of_circumstances);
            let fields = columns.map(|field| SortField::new(field.data_type().clone())).collect();
            RowConverter::new(fields).expect("every type of a column has an order")
        };
        Self { converters: [false, true].map(converter) }
    }

    /// Returns the digests of all values, and of the result alone.
    ///
    /// # Shapes
    ///
    /// - `batch`: `[rows]`, all columns
    /// - returns: `[rows]`
    fn digests(&self, batch: &RecordBatch) -> Vec<(RowDigest, [u8; 8])> {
        let rows = |of_circumstances: bool| {
            let columns = batch.schema_ref().fields().iter().zip(batch.columns());
            let columns = columns.filter(|(field, _)| is_circumstance(field.name()) == of_circumstances);
            let columns: Vec<ArrayRef> = columns.map(|(_, array)| ArrayRef::clone(array)).collect();
            self.converters[usize::from(of_circumstances)].convert_columns(&columns).expect("the columns have their types")
        };
        let [results, circumstances] = [false, true].map(rows);
        let digest = |row: usize| {
            let result = results.row(row);
            let mut digest = Sha256::new();
            digest.update((result.data().len() as u64).to_le_bytes());
            digest.update(result.data());
            let of_result = digest.clone().finalize();
            digest.update(circumstances.row(row).data());
            let whole = digest.finalize();
            (first_bytes(&whole), first_bytes(&of_result))
        };
        (0..batch.num_rows()).map(digest).collect()
    }
}

fn first_bytes<const N: usize>(digest: &[u8]) -> [u8; N] {
    *digest.first_chunk().expect("a digest is 32 bytes long")
}

/// Sorts entries by key and keeps one of each: that of the file that comes first, of those whose training did not fail if there are
/// any. Where the same row stands in several files, the last of them has it. Returns how many were left out.
///
/// # Errors
///
/// [`Error::Conflict`] if two rows of one key have different results.
pub(super) fn keep_one_of_each_key(entries: &mut Vec<Entry>, files: &[PathBuf], identity: Identity) -> Result<u64, Error> {
    entries.par_sort_unstable_by_key(|entry| (entry.location.key, entry.yields, entry.location));
    let mut kept = Vec::with_capacity(entries.len());
    for of_one_key in entries.chunk_by(|one, next| one.location.key == next.location.key) {
        let first = &of_one_key[0];
        let is_other = |other: &&Entry| other.result != first.result && other.yields == first.yields;
        if let Some(other) = of_one_key.iter().find(is_other) {
            return Err(conflict(first.location, other.location, files, identity)?);
        }
        kept.push(*of_one_key.iter().rev().find(|entry| entry.row == first.row).expect("it is there itself"));
    }
    let left_out = entries.len() - kept.len();
    *entries = kept;
    Ok(left_out as u64)
}

/// Says in what two rows of one key differ.
fn conflict(one: RowLocation, other: RowLocation, files: &[PathBuf], identity: Identity) -> Result<Error, Error> {
    // The file that comes first in the alphabet is the older one, if both are shards.
    let (one, other) = if files[one.file as usize] <= files[other.file as usize] { (one, other) } else { (other, one) };
    let (first, second) = (row_at(one, files, identity)?, row_at(other, files, identity)?);
    let text = |batch: &RecordBatch, column: &str| {
        let text = array_value_to_string(&batch[column], 0).unwrap_or_else(|error| error.to_string());
        let text = if text.is_empty() { "none".to_owned() } else { text };
        if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
    };
    let columns = first.schema();
    let names = columns.fields().iter().filter(|field| !is_circumstance(field.name())).map(|field| field.name().as_str());
    let differing = names.filter(|name| first[*name].as_ref() != second[*name].as_ref());
    let differences =
        differing.map(|name| format!("`{name}` is {} there and {} here", text(&first, name), text(&second, name))).collect();
    let files = [one, other].map(|location| files[location.file as usize].clone());
    Ok(Error::Conflict { key: Box::new(one.key), files: Box::new(files), differences })
}

/// Writes rows as a compacted file, reads it back, and lets it appear only if it holds what was digested.
///
/// `entries` are sorted by key, each key once.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it or a file cannot be read any more,
/// [`Error::ReadBack`] if a row came back as another one.
pub(super) fn write(
    file: &Path,
    files: &[PathBuf],
    identity: Identity,
    entries: Vec<Entry>,
    watch: Watch<'_>,
) -> Result<(), Error> {
    let locations: Vec<_> = entries.iter().map(|entry| entry.location).collect();
    let digests: Vec<_> = entries.iter().map(|entry| entry.row).collect();
    drop(entries);
    let total = digests.len() as u64;
    let columns = reader::columns(files, identity)?;
    replace(file, |open| {
        let sorted = Sorted::of_locations(files.to_vec(), identity, locations, SchemaRef::clone(&columns));
        let mut rows = Rows { sorted, columns: SchemaRef::clone(&columns), left: None };
        let gather = |batch: &RecordBatch, field: &Field, range: Range<usize>| {
            batch[field.name().as_str()].slice(range.start, range.len())
        };
        let mut progress = |done| watch(Step::Writing, done, total);
        writer::write_rows(open, identity, &columns, digests.len(), |range| rows.take(range.len()), gather, &mut progress)?;
        drop(rows);
        open.sync_all()?;
        verify(open.path(), identity, &columns, &digests, watch)
    })
}

/// Batches of any length cut into such as are asked for.
struct Rows {
    sorted: Sorted,
    columns: SchemaRef,
    left: Option<RecordBatch>,
}

impl Rows {
    fn take(&mut self, rows: usize) -> Result<RecordBatch, Error> {
        let mut parts = Vec::new();
        let mut missing = rows;
        while missing > 0 {
            let batch = match self.left.take() {
                Some(batch) => batch,
                None => self.sorted.next().expect("there is a row for each location")?,
            };
            let wanted = batch.num_rows().min(missing);
            parts.push(batch.slice(0, wanted));
            missing -= wanted;
            self.left = (wanted < batch.num_rows()).then(|| batch.slice(wanted, batch.num_rows() - wanted));
        }
        Ok(concat_batches(&self.columns, &parts).expect("a group of rows is no longer than an array may be"))
    }
}

/// Reads a file and compares its rows with their digests.
///
/// # Errors
///
/// [`Error::ReadBack`] for the first row that differs, [`Error::Sum`], and as [`read`](super::read) if it cannot be read.
fn verify(file: &Path, identity: Identity, columns: &SchemaRef, digests: &[RowDigest], watch: Watch<'_>) -> Result<(), Error> {
    let differs = |row| Error::ReadBack { file: file.to_owned(), row };
    checksum::check(file)?;
    let reader = Reader::open(file, identity, columns)?;
    if reader.rows() != digests.len() {
        return Err(differs(reader.rows().min(digests.len())));
    }
    let done = AtomicU64::new(0);
    let verify_group = |group: &Group| {
        let digester = Digester::new(columns);
        for batch in reader.group(group, BATCH)? {
            let (first, batch) = batch?;
            let expected = digests.get(first..first + batch.num_rows()).ok_or_else(|| differs(first))?;
            let found = digester.digests(&batch);
            if let Some(row) = found.iter().zip(expected).position(|((found, _), expected)| found != expected) {
                return Err(differs(first + row));
            }
        }
        let rows = group.rows as u64;
        watch(Step::Comparing, done.fetch_add(rows, Ordering::Relaxed) + rows, digests.len() as u64);
        Ok(())
    };
    first_error(reader.groups().par_iter().map(verify_group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::{benchmark, records, with_divergence};
    use crate::table::schema::{from_batch, to_batch};
    use crate::table::{Number, Record, Telemetry, Timestamp};
    use crate::unit::{Accuracy, Seconds, Seed};

    fn digests(records: &[Record]) -> Vec<(RowDigest, [u8; 8])> {
        let batch = to_batch(records);
        Digester::new(batch.schema_ref()).digests(&batch)
    }

    #[test]
    fn the_digest_of_a_row_does_not_depend_on_its_neighbours() {
        let all = with_divergence(records());
        let alone: Vec<_> = all.iter().flat_map(|record| digests(std::slice::from_ref(record))).collect();
        assert_eq!(digests(&all), alone);
        let mut rows: Vec<_> = alone.iter().map(|(row, _)| row).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), all.len());
    }

    /// Records that differ from one in one column each.
    fn changed() -> (Record, Vec<Record>) {
        let one = with_divergence(records()).remove(0);
        let mut others = vec![one.clone(); 14];
        others[0].seed = Some(Seed(5));
        others[1].flops.0 += 1;
        others[2].start.training_time = Seconds(9.0);
        others[3].end.test_accuracy = Accuracy::from_fraction(0.125);
        others[4].total_time = Seconds(9.0);
        others[5].curves.train_loss[1] = f32::INFINITY;
        others[6].curves.images_per_second = vec![5.0];
        others[7].telemetry = Telemetry { peak_memory: Some(5), ..one.telemetry };
        others[8].telemetry = Telemetry { macro_f1: Some(0.5), ..one.telemetry };
        others[9].status = crate::table::Status::Ok;
        others[10].device = None;
        others[11].recorded_at = Some(Timestamp(5));
        others[12].wall_time = None;
        others[13].extra.insert("energy".to_owned(), Number::Decimal(2.5));
        (one, others)
    }

    #[test]
    fn results_are_the_same_where_two_recordings_are() {
        let (one, others) = changed();
        let columns = crate::table::schema::of_records(&others);
        let digest = |record: &Record| {
            let batch = crate::table::schema::to_batch_with(std::slice::from_ref(record), &columns);
            Digester::new(&columns).digests(&batch)[0]
        };
        let (row, result) = digest(&one);
        for other in others {
            let (other_row, other_result) = digest(&other);
            assert_ne!(row, other_row);
            assert_eq!(result == other_result, one.is_same_result(&other), "{other:?}");
        }
    }

    #[test]
    fn whatever_is_left_out_of_a_result_is_a_column_of_circumstances() {
        let (one, other) = (&records()[0], &records()[1]);
        let (from, to) = (to_batch(std::slice::from_ref(other)), to_batch(std::slice::from_ref(one)));
        let all = crate::table::schema();
        assert!(all.fields().iter().filter(|field| is_circumstance(field.name())).count() > 5);
        for (index, field) in all.fields().iter().enumerate().filter(|(_, field)| is_circumstance(field.name())) {
            let mut columns = to.columns().to_vec();
            columns[index] = ArrayRef::clone(from.column(index));
            let mixed = RecordBatch::try_new(crate::table::schema(), columns).unwrap();
            let mixed = from_batch(&mixed, Path::new("a"), 0).unwrap().remove(0);
            assert!(one.is_same_result(&mixed), "{}", field.name());
        }
    }

    #[test]
    fn a_file_that_holds_another_row_than_was_digested_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &records(), &[]);
        let file = folder.path().join("records.parquet");
        let mut expected: Vec<_> = digests(&records()).into_iter().map(|(row, _)| row).collect();
        let columns = crate::table::schema();
        let verified = |digests: &[RowDigest]| verify(&file, benchmark.identity(), &columns, digests, &|_, _, _| {});
        verified(&expected).unwrap();
        assert!(matches!(verified(&expected[1..]), Err(Error::ReadBack { row: 11, .. })));
        expected[7][3] ^= 1;
        let message = verified(&expected).unwrap_err().to_string();
        assert!(message.ends_with("records.parquet`, row 7: what was read back is not what was written"), "{message}");
    }
}
