//! Operations on recorded shards while no recorder works.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::lock::Lock;
use super::{Error, shard};
use crate::file::sync_folder;
use crate::table::{self, Benchmark, Compacted, Part, Step};

/// A callback for the progress of a long operation: the part, the step, the amount that is done, and the total.
pub type Watch<'a> = &'a (dyn Fn(Part, Step, u64, u64) + Sync);

/// Compacts both parts of a benchmark, as [`table::compact()`] does, and brings in what a killed recorder left before.
///
/// Says of each part that there is what came of it; `None` if there was nothing to do.
///
/// # Errors
///
/// [`Error::Locked`] while somebody records, [`Error::Damaged`] or [`Error::Payload`] for a journal that no killed recorder
/// would leave, and [`Error::Table`] as [`table::compact()`].
pub fn compact(benchmark: &Benchmark, watch: Watch<'_>) -> Result<Vec<(Part, Option<Compacted>)>, Error> {
    let parts = parts(benchmark)?;
    let _locks = take(benchmark, &parts)?;
    let mut compacted = Vec::new();
    for part in parts {
        for (share, journals) in shard::all_journals(benchmark, part)? {
            // What stands in a shard already is the same row, or one that failed; compacting takes the newest.
            shard::roll(benchmark, part, share, &journals, shard::ROWS, &|_| false)?;
        }
        shard::tidy(benchmark, part)?;
        compacted.push((part, table::compact(benchmark, part, &|step, done, all| watch(part, step, done, all))?));
    }
    Ok(compacted)
}

/// Lists the journals of both parts: somebody records, or was killed, and their rows stand in no table yet.
///
/// # Errors
///
/// [`Error::File`] if a folder cannot be read.
pub fn journals(benchmark: &Benchmark) -> Result<Vec<PathBuf>, Error> {
    let parts = [Part::Recorded, Part::Verified];
    let mut journals = Vec::new();
    for part in parts {
        journals.extend(shard::all_journals(benchmark, part)?.into_values().flatten());
    }
    Ok(journals)
}

/// Moves shards of a part into the folder `damaged` beside them, and says where they are now. Recording again trains what
/// stood in them.
///
/// # Errors
///
/// [`Error::Locked`] while somebody records, [`Error::File`] if they cannot be moved.
pub fn set_aside(benchmark: &Benchmark, part: Part, shards: &[&Path]) -> Result<Vec<PathBuf>, Error> {
    let _lock = Lock::take(&benchmark.part(part))?;
    let moved = shards.iter().map(|shard| shard::set_aside(benchmark, part, shard)).collect::<Result<_, _>>()?;
    sync_folder(&benchmark.shards(part))?;
    Ok(moved)
}

/// Returns the parts that have a folder.
fn parts(benchmark: &Benchmark) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for part in [Part::Recorded, Part::Verified] {
        if fs::exists(benchmark.part(part))? {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn take(benchmark: &Benchmark, parts: &[Part]) -> Result<Vec<Lock>, Error> {
    parts.iter().map(|part| Lock::take(&benchmark.part(*part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::Journal;
    use crate::record::{Assignment, Recorder, Share, fixture};
    use crate::table::Record;

    fn compacted(benchmark: &Benchmark) -> Result<Vec<(Part, Option<Compacted>)>, Error> {
        compact(benchmark, &|_, _, _, _| {})
    }

    /// Returns a benchmark with shards, and a journal that holds rows of a shard and rows of its own.
    fn killed(folder: &Path) -> (Benchmark, Vec<Record>) {
        let benchmark = fixture::benchmark(folder);
        let tasks = fixture::tasks(&benchmark, 2);
        let mut records: Vec<_> = tasks.iter().map(|task| Record { seed: Some(task.seed), ..fixture::trained(task) }).collect();
        let write = |rows: &[Record], worker| {
            let mut journal = Journal::create(shard::journal_path(&benchmark, Part::Recorded, Share::WHOLE, worker)).unwrap();
            for record in rows {
                journal.append(std::slice::from_ref(record)).unwrap();
            }
            journal.close()
        };
        let first = write(&records[..9], 0);
        shard::roll(&benchmark, Part::Recorded, Share::WHOLE, &[first], 4, &|_| false).unwrap();
        write(&records[6..], 1);
        records.sort_by_key(Record::key);
        (benchmark, records)
    }

    #[test]
    fn what_a_killed_recorder_left_is_brought_in_and_compacted() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, records) = killed(folder.path());
        assert_eq!(journals(&benchmark).unwrap().len(), 1);
        let done = compacted(&benchmark).unwrap();
        let [(Part::Recorded, Some(found))] = done.as_slice() else { panic!("{done:?}") };
        assert_eq!((found.rows, found.repeated), (28, 3));
        assert_eq!(benchmark.records().unwrap(), records);
        assert!(journals(&benchmark).unwrap().is_empty() && !benchmark.shards(Part::Recorded).exists());
        assert_eq!(compacted(&benchmark).unwrap(), [(Part::Recorded, None)]);
    }

    #[test]
    fn nothing_is_compacted_or_moved_while_somebody_records() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, _) = killed(folder.path());
        let recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
        let message = compacted(&benchmark).unwrap_err().to_string();
        assert!(message.contains("is in the hands of process"), "{message}");
        let shard = fs::read_dir(benchmark.shards(Part::Recorded)).unwrap().next().unwrap().unwrap().path();
        assert!(matches!(set_aside(&benchmark, Part::Recorded, &[&shard]), Err(Error::Locked { .. })));
        drop(recorder);
        assert_eq!(compacted(&benchmark).unwrap().len(), 1);
    }

    #[test]
    fn what_is_set_aside_is_kept_and_recorded_again() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, records) = killed(folder.path());
        let tasks = fixture::tasks(&benchmark, 2);
        for time in 0..2 {
            let mut shards: Vec<_> =
                fs::read_dir(benchmark.shards(Part::Recorded)).unwrap().map(|entry| entry.unwrap().path()).collect();
            shards.sort();
            let name = shards[0].with_file_name("a.parquet");
            fs::rename(&shards[0], &name).unwrap();
            let moved = set_aside(&benchmark, Part::Recorded, &[&name]).unwrap();
            let expected = if time == 0 { "damaged/a.parquet" } else { "damaged/a.parquet.2" };
            assert!(moved[0].ends_with(expected) && moved[0].exists(), "{moved:?}");
            let mut recorder = Recorder::open(&benchmark, Part::Recorded).unwrap();
            let workers = std::num::NonZeroUsize::MIN;
            let train = |assignment: &Assignment<'_>| Ok::<_, std::convert::Infallible>(Some(fixture::trained(assignment.task)));
            assert!(recorder.record(&tasks, workers, |_, _| {}, train).unwrap() > 0);
        }
        let found = benchmark.records().unwrap();
        assert!(found.len() == 28 && found.iter().zip(&records).all(|(found, record)| found.is_same_result(record)));
    }
}
