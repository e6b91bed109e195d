//! Merging of benchmarks with one identity.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::row_digests::{self, Watch};
use super::{Benchmark, Error, Imported, Part};
use crate::file::sync_folder;

/// The result of merging.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The new benchmark.
    pub benchmark: Benchmark,
    /// Its rows that searches and surrogates see.
    pub rows: u64,
    /// Its rows of verification.
    pub verified: u64,
    /// The number of rows that were in more than one file, with the same result, and were taken once.
    pub repeated: u64,
}

/// Makes a new, compacted benchmark of the rows of others, whose operations, data, protocol and seed are the same.
///
/// A key that stands in several is taken once, of the first of them, if the results are the same; see
/// [`Record::is_same_result`](super::Record::is_same_result). Nothing of the others is changed. The folder appears whole or
/// not at all: it is written under a temporary name beside it, and read back. Memory holds the keys, and some hundreds of
/// megabytes of rows.
///
/// # Errors
///
/// [`Error::AnotherBenchmark`] for the first that is comparable with the first one no more, [`Error::Conflict`] if two rows
/// of one key have different results, [`Error::NotEmpty`] or [`Error::NotAFolder`] if something lies where the new one
/// should be, and as [`compact`](super::compact()).
///
/// # Panics
///
/// Panics if `sources` is empty.
pub fn merge(sources: &[Benchmark], out: &Path, watch: Watch<'_>) -> Result<Merged, Error> {
    let (first, others) = sources.split_first().expect("there is something to merge");
    if let Some(other) = others.iter().find(|other| other.identity() != first.identity()) {
        let differences = first.manifest().differences(other.manifest());
        return Err(Error::AnotherBenchmark { folder: other.folder().to_owned(), differences });
    }
    Benchmark::check_vacant(out)?;
    let work = work_folder(out)?;
    if fs::exists(&work)? {
        // A killed process left it.
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let merged = write(sources, &work, watch).and_then(|counts| appear(&work, out).map(|()| counts));
    let [(rows, repeated), (verified, repeated_too)] = merged.inspect_err(|_| {
        // It is of no use, but leaving it does no harm either.
        let _ = fs::remove_dir_all(&work);
    })?;
    Ok(Merged { benchmark: Benchmark::open(out)?, rows, verified, repeated: repeated + repeated_too })
}

/// Returns the folder beside the new one in which that is made.
fn work_folder(out: &Path) -> Result<PathBuf, Error> {
    let Some(name) = out.file_name() else {
        let message = format!("`{}` names no folder", out.display());
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message).into());
    };
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".tmp");
    Ok(out.with_file_name(hidden))
}

/// Writes the rows of both parts, then what makes the folder a benchmark. Returns for each part the rows, and how many stood
/// twice.
fn write(sources: &[Benchmark], folder: &Path, watch: Watch<'_>) -> Result<[(u64, u64); 2], Error> {
    let [first, ..] = sources else { unreachable!("there is something to merge") };
    let mut imported: Vec<Imported> = Vec::new();
    for file in sources.iter().flat_map(Benchmark::imported) {
        if !imported.contains(file) {
            imported.push(file.clone());
        }
    }
    let new = first.write_description(folder, imported)?;
    let mut counts = [(0, 0); 2];
    for (count, part) in counts.iter_mut().zip([Part::Recorded, Part::Verified]) {
        let files = sources.iter().map(|source| source.files(part)).collect::<Result<Vec<_>, _>>()?.concat();
        let mut entries = row_digests::digest_rows(&files, first.identity(), watch)?;
        let repeated = row_digests::keep_one_of_each_key(&mut entries, &files, first.identity())?;
        *count = (entries.len() as u64, repeated);
        if !entries.is_empty() {
            fs::create_dir_all(new.part(part))?;
            row_digests::write(&new.compacted(part), &files, first.identity(), entries, watch)?;
        }
    }
    sync_folder(folder)?;
    Ok(counts)
}

fn appear(work: &Path, out: &Path) -> Result<(), Error> {
    if fs::exists(out)? {
        fs::remove_dir(out)?;
    }
    fs::rename(work, out)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(sync_folder(parent.unwrap_or(Path::new(".")))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::{benchmark, new_benchmark, records};
    use crate::table::{Record, write as write_file};
    use crate::unit::{Accuracy, Seconds};

    fn merged(sources: &[Benchmark], out: &Path) -> Result<Merged, Error> {
        merge(sources, out, &|_, _, _| {})
    }

    /// Returns a benchmark in a folder of its own.
    fn holding(folder: &Path, name: &str, compacted: &[Record], shards: &[Vec<Record>]) -> Benchmark {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        benchmark(&folder, compacted, shards)
    }

    fn verified(benchmark: &Benchmark, repeat: u16) -> Record {
        let folder = benchmark.shards(Part::Verified);
        fs::create_dir_all(&folder).unwrap();
        let record = Record { repeat, ..records().remove(2) };
        write_file(&folder.join("1.parquet"), std::slice::from_ref(&record), benchmark.identity()).unwrap();
        record
    }

    #[test]
    fn rows_of_both_parts_come_together_each_key_once() {
        let folder = tempfile::tempdir().unwrap();
        let all = records();
        let again = Record { total_time: Seconds(77.0), ..all[6].clone() };
        let one = holding(folder.path(), "one", &all[..4], &[all[4..7].to_vec()]);
        let other = holding(folder.path(), "other", &[], &[[&[again], &all[7..]].concat()]);
        let checks = [verified(&one, 100), verified(&other, 101)];
        let out = folder.path().join("out");
        let found = merged(&[one.clone(), other], &out).unwrap();
        assert_eq!((found.rows, found.verified, found.repeated), (12, 2, 1));
        assert_eq!(found.benchmark.identity(), one.identity());
        assert_eq!(found.benchmark.records().unwrap(), all);
        assert_eq!(found.benchmark.verified().unwrap(), checks);
        assert_eq!(one.records().unwrap(), all[..7]);
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 3, "nothing is left beside the folders");
    }

    #[test]
    fn two_results_of_one_key_are_refused_with_both_folders() {
        let folder = tempfile::tempdir().unwrap();
        let mut other = records();
        other[3].end.validation_accuracy = Accuracy::from_fraction(0.125);
        let sources =
            [holding(folder.path(), "one", &records(), &[]), holding(folder.path(), "other", &[], &[other[2..4].to_vec()])];
        let out = folder.path().join("out");
        let message = merged(&sources, &out).unwrap_err().to_string();
        assert!(message.starts_with(&other[3].key().to_string()), "{message}");
        assert!(message.contains("one/records.parquet` and in `") && message.contains("other/shards/0000.parquet`"), "{message}");
        assert!(message.ends_with("there and 0.125 here"), "{message}");
        assert!(!out.exists() && fs::read_dir(folder.path()).unwrap().count() == 2);
    }

    #[test]
    fn another_benchmark_is_refused_with_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [holding(folder.path(), "one", &records(), &[]), new_benchmark(&folder.path().join("other"))];
        let message = merged(&sources, &folder.path().join("out")).unwrap_err().to_string();
        assert!(message.contains("other` holds another benchmark: ") && message.contains("`seed` is 1, expected 0"), "{message}");
    }

    #[test]
    fn nothing_is_overwritten_and_what_a_killed_process_left_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let one = holding(folder.path(), "one", &records(), &[]);
        let message = merged(std::slice::from_ref(&one), one.folder()).unwrap_err().to_string();
        assert!(message.ends_with("one` is not empty: expected an empty or a new folder"), "{message}");
        fs::create_dir_all(folder.path().join(".out.tmp/verified")).unwrap();
        fs::write(folder.path().join(".out.tmp/verified/.records.parquet.tmp"), "half a fi").unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        let found = merged(&[one.clone(), one], &folder.path().join("out")).unwrap();
        assert_eq!((found.rows, found.repeated), (12, 12));
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 2);
        assert!(!folder.path().join(".out.tmp").exists());
        assert!(merged(&[found.benchmark], Path::new("..")).unwrap_err().to_string().contains("`..`"));
    }
}
