//! Journals become immutable Parquet shards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Damage, Error, Share, journal};
use crate::file::{list, sync_folder};
use crate::table::{self, Benchmark, Key, Part, Record, Status, Timestamp};

/// The folder of a part in which recorders keep what is theirs while they work.
pub(super) const JOURNALS_FOLDER: &str = "journals";
/// The rows after which a journal is rolled into a shard.
pub(super) const ROWS: usize = 512;

const DAMAGED_FOLDER: &str = "damaged";
const CHECKPOINTS_FOLDER: &str = "checkpoints";
const EXTENSION: &str = "journal";

/// Returns the path of a worker's journal.
pub(super) fn journal_path(benchmark: &Benchmark, part: Part, share: Share, worker: usize) -> PathBuf {
    let prefix = share.file_name().map_or_else(String::new, |name| format!("{name}."));
    journals_folder(benchmark, part).join(format!("{prefix}worker-{worker}.{EXTENSION}"))
}

pub(super) fn journals_folder(benchmark: &Benchmark, part: Part) -> PathBuf {
    benchmark.part(part).join(JOURNALS_FOLDER)
}

/// Lists the journals of a share by name.
pub(super) fn journals(benchmark: &Benchmark, part: Part, share: Share) -> Result<Vec<PathBuf>, Error> {
    Ok(all_journals(benchmark, part)?.remove(&share).unwrap_or_default())
}

/// Lists the journals of all shares by name.
pub(super) fn all_journals(benchmark: &Benchmark, part: Part) -> Result<BTreeMap<Share, Vec<PathBuf>>, Error> {
    let mut journals: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in list(&journals_folder(benchmark, part))? {
        if file.extension() == Some(OsStr::new(EXTENSION)) {
            let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let prefix = name.split_once('.').map_or("", |(prefix, _)| prefix);
            journals.entry(Share::from_file_name(prefix).unwrap_or(Share::WHOLE)).or_default().push(file);
        }
    }
    Ok(journals)
}

/// The result of rolling journals into shards.
#[derive(Debug, Default)]
pub(super) struct Rolled {
    /// What was written.
    pub(super) outcomes: Vec<(Key, Status)>,
    /// The journals that were damaged. Their whole records were written, too, and they lie among the damaged files.
    pub(super) damaged: Vec<Damage>,
}

/// Writes the records of journals to shards of at most `rows_per_shard` rows, sorted by key, and removes the journals only then.
///
/// Keys that are known to stand in a shard already are left out: a process was killed before it removed the journal.
///
/// # Errors
///
/// As [`journal::read`] and [`table::write`]. The journals are then still there.
pub(super) fn roll(
    benchmark: &Benchmark,
    part: Part,
    share: Share,
    journals: &[PathBuf],
    rows_per_shard: usize,
    is_known: &dyn Fn(&Key) -> bool,
) -> Result<Rolled, Error> {
    let mut rolled = Rolled::default();
    let mut records = Vec::new();
    for file in journals {
        let mut contents = journal::read(file)?;
        records.append(&mut contents.records);
        if let Some(error) = contents.damage {
            rolled.damaged.push(Damage { file: file.clone(), error });
        }
    }
    records.retain(|record| !is_known(&record.key()));
    records.sort_by_key(Record::key);
    records.dedup_by_key(|record| record.key());
    write_shards(benchmark, part, share, &records, rows_per_shard)?;
    for Damage { file, .. } in &rolled.damaged {
        set_aside(benchmark, part, file)?;
    }
    for file in journals.iter().filter(|file| rolled.damaged.iter().all(|damage| damage.file != **file)) {
        fs::remove_file(file)?;
    }
    let folder = journals_folder(benchmark, part);
    if !journals.is_empty() {
        sync_folder(&folder)?;
    }
    rolled.outcomes = records.iter().map(|record| (record.key(), record.status)).collect();
    Ok(rolled)
}

fn write_shards(benchmark: &Benchmark, part: Part, share: Share, records: &[Record], rows_per_shard: usize) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    let folder = benchmark.shards(part);
    fs::create_dir_all(&folder)?;
    sync_folder(&benchmark.part(part))?;
    for rows in records.chunks(rows_per_shard) {
        table::write(&folder.join(shard_name(&folder, share, rows)?), rows, benchmark.identity())?;
    }
    Ok(())
}

/// Returns a name that no other shard has and that sorts behind all that are there, even if the clock was set back: no two shards
/// are written of the same keys in one moment.
fn shard_name(folder: &Path, share: Share, records: &[Record]) -> Result<String, Error> {
    let moment = |file: &PathBuf| file.file_stem()?.to_str()?.split('-').next()?.parse::<i64>().ok();
    let newest = list(folder)?.iter().filter_map(moment).max();
    let moment = newest.map_or(0, |newest| newest + 1).max(Timestamp::now().0);
    let mut sum = crc32fast::Hasher::new();
    for record in records {
        sum.update(record.key().to_string().as_bytes());
    }
    let share = share.file_name().map_or_else(String::new, |name| format!("-{name}"));
    Ok(format!("{moment:016}-{:08x}{share}.parquet", sum.finalize()))
}

/// Returns whether a shard is of this share by its name; what was compacted or merged is of none.
pub(super) fn is_of_share(file: &Path, share: Share) -> bool {
    let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let mut parts = name.splitn(3, '-');
    let is_shard = parts.next().is_some_and(|moment| moment.parse::<i64>().is_ok()) && parts.next().is_some();
    is_shard && parts.next().map_or(Some(Share::WHOLE), Share::from_file_name) == Some(share)
}

/// Moves a damaged file among the damaged ones; nothing is thrown away.
pub(super) fn set_aside(benchmark: &Benchmark, part: Part, file: &Path) -> Result<PathBuf, Error> {
    let folder = benchmark.part(part).join(DAMAGED_FOLDER);
    fs::create_dir_all(&folder)?;
    let name = file.file_name().expect("a file has a name");
    let free = |number: u32| {
        let mut name = name.to_owned();
        if number > 1 {
            name.push(format!(".{number}"));
        }
        folder.join(name)
    };
    let path = (1..u32::MAX).map(free).find(|path| !path.exists()).expect("there are fewer than 2^32 files");
    fs::rename(file, &path)?;
    sync_folder(&folder)?;
    Ok(path)
}

/// Removes what only recorders need: what killed processes left half written among the shards, who recorded, what they were
/// at. Only for whoever has the folder alone.
pub(super) fn tidy(benchmark: &Benchmark, part: Part) -> Result<(), Error> {
    for file in list(&benchmark.shards(part))? {
        if file.extension() == Some(OsStr::new("tmp")) {
            fs::remove_file(file)?;
        }
    }
    let folder = journals_folder(benchmark, part);
    for file in list(&folder)? {
        if file.extension() != Some(OsStr::new(EXTENSION)) {
            fs::remove_file(file)?;
        }
    }
    for folder in [folder, benchmark.part(part).join(CHECKPOINTS_FOLDER)] {
        match fs::remove_dir(folder) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Returns where the checkpoint of a training lies. The folder may not be there yet.
pub(super) fn checkpoint_path(benchmark: &Benchmark, part: Part, key: &Key) -> PathBuf {
    let Key { hash, epochs, repeat } = key;
    benchmark.part(part).join(CHECKPOINTS_FOLDER).join(format!("{hash}-{epochs}-{repeat}.checkpoint"))
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
            let mut journal = Journal::create(journal_path(&benchmark, Part::Recorded, Share::WHOLE, worker)).unwrap();
            for record in rows {
                journal.append(std::slice::from_ref(record)).unwrap();
            }
        }
        let files = journals(&benchmark, Part::Recorded, Share::WHOLE).unwrap();
        assert_eq!(files.len(), 2);
        let is_known = |key: &Key| *key == records[0].key();
        let rolled = roll(&benchmark, Part::Recorded, Share::WHOLE, &files, 2, &is_known).unwrap();
        let keys: Vec<_> = rolled.outcomes.into_iter().map(|(key, _)| key).collect();
        assert!(keys.is_sorted() && keys.len() == 4 && !keys.contains(&records[0].key()));
        let shards = list(&benchmark.shards(Part::Recorded)).unwrap();
        let rows: Vec<_> = shards.iter().map(|shard| table::read(shard, benchmark.identity()).unwrap().len()).collect();
        assert_eq!(rows, [2, 2]);
        assert_eq!(journals(&benchmark, Part::Recorded, Share::WHOLE).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_older_shard() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let record = fixture::trained(&fixture::tasks(&benchmark, 1)[0]);
        let far = 8_000_000_000_000_000_i64;
        fs::write(folder.path().join(format!("{far:016}-00000000.parquet")), "").unwrap();
        let name = shard_name(folder.path(), Share::new(3, 8).unwrap(), &[record]).unwrap();
        assert!(name.starts_with("8000000000000001-") && name.ends_with("-3-of-8.parquet"), "{name}");
    }

    #[test]
    fn shards_and_journals_tell_by_their_names_whose_they_are() {
        let share = Share::new(3, 8).unwrap();
        for (name, of_share, of_all) in [
            ("0123-00ab-3-of-8.parquet", true, false),
            ("0123-00ab-2-of-8.parquet", false, false),
            ("0123-00ab.parquet", false, true),
            ("records.parquet", false, false),
        ] {
            let file = Path::new(name);
            assert_eq!((is_of_share(file, share), is_of_share(file, Share::WHOLE)), (of_share, of_all), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        for (share, worker) in [(share, 1), (Share::WHOLE, 2)] {
            let path = journal_path(&benchmark, Part::Recorded, share, worker);
            Journal::create(path.clone()).unwrap();
            assert_eq!(journals(&benchmark, Part::Recorded, share).unwrap(), [path]);
        }
    }
}
