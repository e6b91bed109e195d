//! Journals become immutable Parquet shards.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Error, journal};
use crate::file::sync_folder;
use crate::table::{self, Benchmark, Key, Part, Record, Timestamp};

const JOURNALS_FOLDER: &str = "journals";
const EXTENSION: &str = "journal";

/// The path of a worker's journal.
pub(super) fn journal_path(benchmark: &Benchmark, part: Part, worker: usize) -> PathBuf {
    journals_folder(benchmark, part).join(format!("worker-{worker}.{EXTENSION}"))
}

fn journals_folder(benchmark: &Benchmark, part: Part) -> PathBuf {
    benchmark.part(part).join(JOURNALS_FOLDER)
}

/// Lists the journals of a part by name.
pub(super) fn journals(benchmark: &Benchmark, part: Part) -> Result<Vec<PathBuf>, Error> {
    let mut files = list(&journals_folder(benchmark, part))?;
    files.retain(|file| file.extension() == Some(OsStr::new(EXTENSION)));
    Ok(files)
}

/// Writes the records of journals to shards of at most so many rows, sorted by key, and removes the journals only then.
///
/// Keys that are `known` to stand in a shard already are left out: a process was killed before it removed the journal.
/// Returns the keys that were written.
///
/// # Errors
///
/// As [`journal::read`] and [`table::write`]. The journals are then still there.
pub(super) fn roll(
    benchmark: &Benchmark,
    part: Part,
    journals: &[PathBuf],
    rows_per_shard: usize,
    known: &HashSet<Key>,
) -> Result<Vec<Key>, Error> {
    let mut records = Vec::new();
    for file in journals {
        records.append(&mut journal::read(file)?);
    }
    records.retain(|record| !known.contains(&record.key()));
    records.sort_by_key(Record::key);
    records.dedup_by_key(|record| record.key());
    write_shards(benchmark, part, &records, rows_per_shard)?;
    for file in journals {
        fs::remove_file(file)?;
    }
    let folder = journals_folder(benchmark, part);
    if !journals.is_empty() {
        sync_folder(&folder)?;
    }
    Ok(records.iter().map(Record::key).collect())
}

fn write_shards(benchmark: &Benchmark, part: Part, records: &[Record], rows_per_shard: usize) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    let folder = benchmark.shards(part);
    fs::create_dir_all(&folder)?;
    sync_folder(&benchmark.part(part))?;
    for rows in records.chunks(rows_per_shard) {
        table::write(&folder.join(shard_name(rows)), rows, benchmark.identity())?;
    }
    Ok(())
}

/// A name that sorts by the moment and that no other shard has: no two shards are written of the same keys in one moment.
fn shard_name(records: &[Record]) -> String {
    let mut sum = crc32fast::Hasher::new();
    for record in records {
        sum.update(record.key().to_string().as_bytes());
    }
    format!("{:016}-{:08x}.parquet", Timestamp::now().0, sum.finalize())
}

/// Removes what a killed process left half written among the shards, and the folder of the journals if it is empty.
pub(super) fn tidy(benchmark: &Benchmark, part: Part) -> Result<(), Error> {
    for file in list(&benchmark.shards(part))? {
        if file.extension() == Some(OsStr::new("tmp")) {
            fs::remove_file(file)?;
        }
    }
    match fs::remove_dir(journals_folder(benchmark, part)) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => Err(error.into()),
        _ => Ok(()),
    }
}

/// The paths of a folder, sorted; none if it is not there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Error>>()?;
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::record::journal::Journal;

    #[test]
    fn journals_become_sorted_shards_of_limited_length() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let records: Vec<_> = fixture::tasks(&benchmark, 2).iter().take(5).map(fixture::trained).collect();
        for (worker, rows) in [(0, &records[3..]), (1, &records[..4])] {
            let mut journal = Journal::create(journal_path(&benchmark, Part::Recorded, worker)).unwrap();
            for record in rows {
                journal.append(record).unwrap();
            }
        }
        let files = journals(&benchmark, Part::Recorded).unwrap();
        assert_eq!(files.len(), 2);
        let keys = roll(&benchmark, Part::Recorded, &files, 2, &HashSet::from([records[0].key()])).unwrap();
        assert!(keys.is_sorted() && keys.len() == 4 && !keys.contains(&records[0].key()));
        let shards = list(&benchmark.shards(Part::Recorded)).unwrap();
        let rows: Vec<_> = shards.iter().map(|shard| table::read(shard, benchmark.identity()).unwrap().len()).collect();
        assert_eq!(rows, [2, 2]);
        assert_eq!(journals(&benchmark, Part::Recorded).unwrap(), Vec::<PathBuf>::new());
    }
}
