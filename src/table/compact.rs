//! Compacting: many shards become one sorted, indexed file, which is read back before a shard is removed.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::row_digests::{self, Entry, Watch};
use super::{Benchmark, Error, Part};
use crate::file::{remove_if_there, sync_folder, temporary_name};

/// The result of compacting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The rows of the compacted file.
    pub rows: u64,
    /// The number of shards that were removed.
    pub shards: usize,
    /// The number of rows that were in a second file, too, and are left out.
    pub repeated: u64,
    /// The bytes that shards and an older compacted file took.
    pub bytes_before: u64,
    /// The bytes that the compacted file takes.
    pub bytes: u64,
}

/// Writes all shards of a part, and an older compacted file, into one compacted file; `None` if there is no shard.
///
/// The file is written under a temporary name, and read back: every value of every row must be that of its shard. Only then
/// does it appear, and only when it is on the disk are the shards removed. A process that is killed at any moment loses
/// nothing; what it left is brought to an end the next time. A key that stands twice, as after a crash, is taken once; of
/// a training that failed and was done again the row of the second.
///
/// The disk holds the rows twice meanwhile. Memory holds the keys, and some hundreds of megabytes of rows.
///
/// Nobody may record into the part at the same time; see [`record::compact`](crate::record::compact).
///
/// # Errors
///
/// [`Error::Conflict`] if two rows of one key have different results, [`Error::Sum`] or [`Error::StrangeColumn`] or as
/// [`read`](super::read) for the first file that is damaged or of another version, [`Error::File`] or [`Error::Parquet`] if
/// the disk does not take the rows, [`Error::ReadBack`] if it does not give them back. No shard is removed then.
pub fn compact(benchmark: &Benchmark, part: Part, watch: Watch<'_>) -> Result<Option<Compacted>, Error> {
    let target = benchmark.compacted(part);
    let files = benchmark.files(part)?;
    let shards: Vec<&PathBuf> = files.iter().filter(|file| **file != target).collect();
    if shards.is_empty() {
        tidy(&target, &benchmark.shards(part))?;
        return Ok(None);
    }
    let bytes_before = size(files.iter())?;
    let mut entries = row_digests::digest_rows(&files, benchmark.identity(), watch)?;
    let repeated = row_digests::keep_one_of_each_key(&mut entries, &files, benchmark.identity())?;
    let rows = entries.len() as u64;
    // The older compacted file is the last one: if it holds every row already, it stays.
    if files.last() != Some(&target) || !is_whole(&entries, files.len() - 1) {
        row_digests::write(&target, &files, benchmark.identity(), entries, watch)?;
    }
    remove(&shards, &benchmark.shards(part))?;
    tidy(&target, &benchmark.shards(part))?;
    Ok(Some(Compacted { rows, shards: shards.len(), repeated, bytes_before, bytes: size([&target].into_iter())? }))
}

/// Returns whether one of the files holds every row already, in order: a process was killed before it removed the shards.
fn is_whole(entries: &[Entry], file: usize) -> bool {
    (0..).zip(entries).all(|(row, entry)| entry.location.file as usize == file && entry.location.row == row)
}

fn remove(shards: &[&PathBuf], folder: &Path) -> Result<(), Error> {
    for shard in shards {
        fs::remove_file(shard)?;
    }
    Ok(sync_folder(folder)?)
}

/// Removes the folder of the shards, and what a killed process left half written.
fn tidy(target: &Path, shards: &Path) -> Result<(), Error> {
    // A folder in which something lies stays.
    let _ = fs::remove_dir(shards);
    let name = target.file_name().expect("the compacted file has a name");
    Ok(remove_if_there(&target.with_file_name(temporary_name(name)))?)
}

/// Returns the bytes that files take.
pub(super) fn size<'a>(mut files: impl Iterator<Item = &'a PathBuf>) -> Result<u64, Error> {
    files.try_fold(0, |bytes, file| Ok(bytes + fs::metadata(file)?.len()))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use arrow::array::{ArrayRef, Float32Array, RecordBatch};
    use arrow::datatypes::Schema;

    use super::*;
    use crate::table::fixture::{benchmark, records, with_divergence};
    use crate::table::row_digests::Step;
    use crate::table::{Record, read, write};
    use crate::unit::{Accuracy, Seconds};

    fn compacted(benchmark: &Benchmark) -> Result<Option<Compacted>, Error> {
        compact(benchmark, Part::Recorded, &|_, _, _| {})
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Records in three shards, out of order.
    fn shards(all: &[Record]) -> Vec<Vec<Record>> {
        (0..3).map(|first| all.iter().skip(first).step_by(3).rev().cloned().collect()).collect()
    }

    #[test]
    fn shards_become_one_file_in_order_and_the_rows_stay_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let benchmark = benchmark(folder.path(), &[], &shards(&all));
        let found = compacted(&benchmark).unwrap().unwrap();
        assert_eq!((found.rows, found.shards, found.repeated), (12, 3, 0));
        assert_eq!(read(&folder.path().join("records.parquet"), benchmark.identity()).unwrap(), all);
        assert_eq!(names(folder.path()), ["benchmark.toml", "records.parquet"]);
        // A process that was killed between the last shard and their folder leaves it empty.
        fs::create_dir(benchmark.shards(Part::Recorded)).unwrap();
        assert_eq!(compacted(&benchmark).unwrap(), None);
        assert_eq!(names(folder.path()), ["benchmark.toml", "records.parquet"]);
        assert_eq!(benchmark.records().unwrap(), all);
    }

    #[test]
    fn an_older_compacted_file_is_brought_in_and_the_newer_row_of_a_key_counts() {
        let folder = tempfile::tempdir().unwrap();
        let all = records();
        let again = Record { total_time: Seconds(77.0), ..all[3].clone() };
        let benchmark = benchmark(folder.path(), &all[..5], &[vec![again.clone()], all[5..].to_vec()]);
        let found = compacted(&benchmark).unwrap().unwrap();
        assert_eq!((found.rows, found.shards, found.repeated), (12, 2, 1));
        assert_eq!(benchmark.records().unwrap(), [&all[..3], &[again], &all[4..]].concat());
    }

    /// What each way of reading a benchmark says of the rows of one key: their version and status.
    fn every_reader(benchmark: &Benchmark, key: crate::table::Key) -> Vec<(String, String)> {
        let of = |record: &Record| (record.tool_version.clone(), record.status.name().to_owned());
        let read = benchmark.records().unwrap();
        let found = benchmark.look_up(key.hash).unwrap();
        let mut sorted = Vec::new();
        for batch in crate::table::merge_scan::Sorted::open_all(benchmark, Part::Recorded).unwrap() {
            sorted.append(&mut crate::table::schema::from_batch(&batch.unwrap(), Path::new("a"), 0).unwrap());
        }
        let mut said: Vec<_> = [read, found, sorted]
            .iter()
            .map(|records| records.iter().find(|record| record.key() == key).map(of).unwrap())
            .collect();
        let table = benchmark.table().unwrap();
        let index = table.hashes().iter().position(|hash| *hash == key.hash).unwrap();
        let row = table.repeats(index, key.epochs).iter().find(|row| row.repeat() == key.repeat).unwrap();
        said.push((said[0].0.clone(), row.status().name().to_owned()));
        said
    }

    #[test]
    fn of_the_rows_of_one_key_every_reader_takes_the_newest_that_did_not_fail() {
        let folder = tempfile::tempdir().unwrap();
        let all = records();
        let version = |record: &Record, version: &str| Record { tool_version: version.to_owned(), ..record.clone() };
        let failed = |record: &Record| Record {
            status: crate::table::Status::Failed,
            end: crate::train::Evaluation::default(),
            ..version(record, "failed later")
        };
        // The first key failed when it was trained again, the second was trained twice, the third failed at first.
        let [first, second, third] = [&all[0], &all[2], &all[3]];
        let older = vec![version(first, "old"), version(second, "old"), failed(third)];
        let newer = vec![failed(first), version(second, "new"), version(third, "new")];
        let benchmark = benchmark(folder.path(), &[], &[older, newer]);
        let expected = [(first, "old"), (second, "new"), (third, "new")];
        for is_compacted in [false, true] {
            for (record, version) in expected {
                let right = (version.to_owned(), "ok".to_owned());
                assert_eq!(every_reader(&benchmark, record.key()), vec![right; 4], "{is_compacted}");
            }
            if !is_compacted {
                assert_eq!(compacted(&benchmark).unwrap().unwrap().repeated, 3);
            }
        }
    }

    #[test]
    fn two_results_of_one_key_are_refused_with_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let all = records();
        let mut other = Record { total_time: Seconds(77.0), ..all[3].clone() };
        other.end.test_accuracy = Accuracy::from_fraction(0.125);
        let benchmark = benchmark(folder.path(), &[], &[all.clone(), vec![other]]);
        let message = compacted(&benchmark).unwrap_err().to_string();
        assert!(message.starts_with(&all[3].key().to_string()), "{message}");
        assert!(message.contains("0000.parquet` and in `") && message.contains("0001.parquet`"), "{message}");
        assert!(message.contains("`final_test_accuracy` is ") && message.ends_with(" there and 0.125 here"), "{message}");
        assert!(!message.contains("total_time"), "{message}");
        assert_eq!(names(&benchmark.shards(Part::Recorded)).len(), 2);
    }

    /// Returns a benchmark with an older compacted file, a shard, and what killed processes leave.
    fn killed(folder: &Path) -> (Benchmark, Vec<Record>) {
        let all = with_divergence(records());
        let benchmark = benchmark(folder, &all[..4], &shards(&all[4..]));
        fs::write(folder.join(".records.parquet.tmp"), "PAR1 half a fi").unwrap();
        (benchmark, all)
    }

    #[test]
    fn a_process_that_stops_anywhere_loses_nothing_and_the_next_one_finishes() {
        // It is stopped at every point at which it says how far it is.
        for stop in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let (benchmark, all) = killed(folder.path());
            let seen = Mutex::new(0);
            let watch = |_: Step, _, _| {
                let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *seen += 1;
                assert!(*seen <= stop, "stopped");
            };
            let ended = catch_unwind(AssertUnwindSafe(|| compact(&benchmark, Part::Recorded, &watch))).is_ok();
            assert_eq!(benchmark.records().unwrap(), all);
            compacted(&benchmark).unwrap();
            assert_eq!(benchmark.records().unwrap(), all);
            assert_eq!(names(folder.path()), ["benchmark.toml", "records.parquet"]);
            if ended {
                assert!(stop >= 5, "it says how far it is");
                return;
            }
        }
    }

    #[test]
    fn shards_that_a_killed_process_did_not_remove_go_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let benchmark = benchmark(folder.path(), &all, &shards(&all)[1..]);
        let file = folder.path().join("records.parquet");
        let before = fs::read(&file).unwrap();
        let wrote = AtomicBool::new(false);
        let watch = |step, _, _| {
            wrote.fetch_or(step == Step::Writing, Ordering::Relaxed);
        };
        assert_eq!(compact(&benchmark, Part::Recorded, &watch).unwrap().unwrap().repeated, 8);
        assert!(!wrote.into_inner(), "the file holds every row already");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(names(folder.path()), ["benchmark.toml", "records.parquet"]);
    }

    #[test]
    fn a_damaged_shard_is_named_and_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &[], &shards(&records()));
        let file = benchmark.shards(Part::Recorded).join("0001.parquet");
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 4;
        fs::write(&file, bytes).unwrap();
        let message = compacted(&benchmark).unwrap_err().to_string();
        assert!(message.contains("0001.parquet` is damaged"), "{message}");
        assert_eq!(names(&benchmark.shards(Part::Recorded)).len(), 3);
        assert_eq!(names(folder.path()), ["benchmark.toml", "shards"]);
    }

    #[test]
    fn a_column_of_another_version_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &[], &[records()]);
        let whole = crate::table::schema::to_batch(&records());
        let mut fields: Vec<_> = whole.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(arrow::datatypes::Field::new("energy", arrow::datatypes::DataType::Float32, true));
        let mut columns = whole.columns().to_vec();
        columns.push(std::sync::Arc::new(Float32Array::from(vec![1.0; 12])) as ArrayRef);
        let batch = RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), columns).unwrap();
        let file = benchmark.shards(Part::Recorded).join("0001.parquet");
        let open = fs::File::create(&file).unwrap();
        let properties = crate::table::writer::properties(benchmark.identity());
        let mut writer = parquet::arrow::ArrowWriter::try_new(open, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(benchmark.records().unwrap(), records());
        let message = compacted(&benchmark).unwrap_err().to_string();
        assert!(message.ends_with("has a column `energy` that this version does not know"), "{message}");
    }

    #[test]
    fn a_part_without_shards_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &records(), &[]);
        write(&folder.path().join(".records.parquet.tmp"), &[], benchmark.identity()).unwrap();
        assert_eq!(compacted(&benchmark).unwrap(), None);
        assert_eq!(compact(&benchmark, Part::Verified, &|_, _, _| {}).unwrap(), None);
        assert_eq!(names(folder.path()), ["benchmark.toml", "records.parquet"]);
    }
}
