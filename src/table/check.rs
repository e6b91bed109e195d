//! Checks a benchmark: every file, every value, and that no row is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;
use rayon::prelude::*;

use super::column::Misfit;
use super::reader::{Group, Reader};
use super::row_digests::{Step, Watch};
use super::{Benchmark, Error, FIRST_VERIFIED_REPEAT, Key, Part, Record, Revisions, STATUSES, Source, Status, checksum, schema};
use crate::space::ModuleHash;
use crate::unit::Epochs;

/// Rows that are read at once.
const BATCH: usize = 2_048;
/// The first of many that are listed.
const LISTED: usize = 5;

/// The rows that a benchmark should have: every cell at every budget in every repeat. What is `None` is implied by the rows.
#[derive(Clone, Debug, Default)]
pub struct Promise {
    /// The hashes of the cells.
    pub cells: Option<Vec<ModuleHash>>,
    /// The budgets.
    pub budgets: Option<Vec<Epochs>>,
    /// The number of repeats, counted from 0.
    pub repeats: Option<u16>,
}

/// A count of things, and the first few of them.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The number of all.
    pub count: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Listed<T> {
    fn add(&mut self, thing: impl FnOnce() -> T) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(thing());
        }
    }
}

/// A damaged file.
#[derive(Debug)]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// The error, which names the file, too.
    pub problem: Error,
}

/// The rows that were promised: every one of `cells` at every one of `budgets` in every one of `repeats`.
#[derive(Clone, Debug, Default)]
pub struct Promised {
    /// The number of cells.
    pub cells: u64,
    /// The budgets.
    pub budgets: Vec<Epochs>,
    /// The repeats.
    pub repeats: Vec<u16>,
}

impl Promised {
    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.cells * self.budgets.len() as u64 * self.repeats.len() as u64
    }
}

/// The result of checking a part.
#[derive(Debug, Default)]
pub struct Findings {
    /// The number of files, the damaged ones included.
    pub files: usize,
    /// The number of files without a checksum, as older versions wrote them.
    pub unsummed: usize,
    /// The damaged files. Their rows are not counted.
    pub damaged: Vec<Damaged>,
    /// The number of rows of each status; a row that is there twice counts twice.
    pub statuses: BTreeMap<&'static str, u64>,
    /// The different keys.
    pub keys: u64,
    /// Keys with two rows, and the files of the two, which may be one.
    pub repeated: Listed<(Key, [PathBuf; 2])>,
    /// The rows that should be there; none for the verified part.
    pub promised: Promised,
    /// The rows that are missing.
    pub missing: Listed<Key>,
    /// The number of keys beyond the promised ones, which is no fault.
    pub beyond: u64,
    /// The revisions of the numerics that trained the rows of the files that are not damaged.
    pub revisions: Revisions,
}

impl Findings {
    /// Returns whether the part has no fault.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.damaged.is_empty() && self.repeated.count == 0 && self.missing.count == 0
    }

    /// Returns the number of rows that were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.statuses.values().sum()
    }
}

/// A key, whether its training failed, and the position of its file among all.
type KeyInFile = (Key, bool, usize);

/// Reads every byte of a part and lists its faults.
///
/// Of every file: its sum, if it states one; that it is whole and of this benchmark; every value, the hash computed again
/// of matrix and operations, the seed of what the benchmark is. Of all files: that no key stands twice, and that every row
/// is there that `promise` names, or, without it, every cell that there is at every budget, in every repeat that at least half as many
/// trainings have as the commonest one.
/// Of rows of verification nothing is promised: any cell may have been verified.
///
/// Whatever is wrong with a file, the others are read. Memory holds the keys.
///
/// # Errors
///
/// [`Error::File`] if the folder cannot be read. What is wrong with a file is no error but a finding.
pub fn check(benchmark: &Benchmark, part: Part, promise: &Promise, watch: Watch<'_>) -> Result<Findings, Error> {
    let mut files = benchmark.files(part)?;
    files.reverse();
    let lengths: Vec<u64> = files.iter().map(|file| fs::metadata(file).map_or(0, |metadata| metadata.len())).collect();
    let (total, done) = (lengths.iter().sum(), AtomicU64::new(0));
    let check_file = |(index, file): (usize, &PathBuf)| {
        FileCheck { benchmark, part, file, index }.run(lengths[index], &|bytes| {
            watch(Step::Reading, done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
        })
    };
    let outcomes: Vec<_> = files.par_iter().enumerate().map(check_file).collect();
    let mut findings = Findings { files: files.len(), ..Findings::default() };
    for status in STATUSES {
        findings.statuses.insert(status.name(), 0);
    }
    let mut keys = Vec::new();
    for (file, outcome) in files.iter().zip(outcomes) {
        match outcome {
            Ok(FileRows { keys: mut of_file, statuses, revisions, is_summed }) => {
                keys.append(&mut of_file);
                findings.unsummed += usize::from(!is_summed);
                for (status, count) in STATUSES.iter().zip(statuses) {
                    *findings.statuses.entry(status.name()).or_default() += count;
                }
                findings.revisions.add(&revisions);
            }
            Err(problem) => findings.damaged.push(Damaged { file: file.clone(), problem }),
        }
    }
    keys.par_sort_unstable();
    // A training that failed may have been done again: its row counts no more.
    for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0 && !pair[1].1) {
        findings.repeated.add(|| (pair[0].0, [pair[0].2, pair[1].2].map(|file| files[file].clone())));
    }
    keys.dedup_by_key(|key| key.0);
    findings.keys = keys.len() as u64;
    if part == Part::Recorded {
        compare(&keys, promise, &mut findings);
    }
    Ok(findings)
}

/// Compares the keys that there are, sorted, with those that should be.
fn compare(keys: &[KeyInFile], promise: &Promise, findings: &mut Findings) {
    let keys = || keys.iter().map(|(key, ..)| *key);
    let sorted = |mut hashes: Vec<ModuleHash>| {
        hashes.par_sort_unstable();
        hashes.dedup();
        hashes
    };
    let cells = promise.cells.clone().map_or_else(|| sorted(keys().map(|key| key.hash).collect()), sorted);
    let budgets = promise.budgets.clone().map(|budgets| budgets.into_iter().collect::<BTreeSet<_>>().into_iter().collect());
    let budgets: Vec<Epochs> =
        budgets.unwrap_or_else(|| keys().map(|key| key.epochs).collect::<BTreeSet<_>>().into_iter().collect());
    let repeats = promise.repeats.map_or_else(|| implied_repeats(keys()), |repeats| (0..repeats).collect());
    let mut there = keys().peekable();
    let mut found = 0;
    for &hash in &cells {
        for &epochs in &budgets {
            for &repeat in &repeats {
                let key = Key { hash, epochs, repeat };
                while there.next_if(|other| *other < key).is_some() {}
                if there.next_if_eq(&key).is_some() {
                    found += 1;
                } else {
                    findings.missing.add(|| key);
                }
            }
        }
    }
    findings.beyond = findings.keys - found;
    findings.promised = Promised { cells: cells.len() as u64, budgets, repeats };
}

/// Returns the repeats that rows imply for every cell at every budget: those that at least half as many trainings have as the commonest
/// one. Others are of cells that were chosen to be trained more often.
fn implied_repeats(keys: impl Iterator<Item = Key>) -> Vec<u16> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key.repeat).or_insert(0_u64) += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    counts.into_iter().filter(|(_, count)| 2 * count >= most).map(|(repeat, _)| repeat).collect()
}

/// One file to be checked.
struct FileCheck<'a> {
    benchmark: &'a Benchmark,
    part: Part,
    file: &'a Path,
    index: usize,
}

/// What a file that is in order holds.
#[derive(Default)]
struct FileRows {
    keys: Vec<KeyInFile>,
    /// As many as [`STATUSES`].
    statuses: [u64; STATUSES.len()],
    revisions: Revisions,
    is_summed: bool,
}

impl FileCheck<'_> {
    fn run(&self, length: u64, progress: &(dyn Fn(u64) + Sync)) -> Result<FileRows, Error> {
        let is_summed = checksum::check(self.file)?;
        let reader = Reader::open_all(self.file, self.benchmark.identity())?;
        let check_group = |group: &Group| {
            let rows_of_group = self.check_group(&reader, group)?;
            progress(reader.share(group, length));
            Ok(rows_of_group)
        };
        let checked: Vec<Result<FileRows, Error>> = reader.groups().par_iter().map(check_group).collect();
        let mut all = FileRows { is_summed, ..FileRows::default() };
        for group in checked {
            let FileRows { keys, statuses, revisions, .. } = group?;
            all.keys.extend(keys);
            all.statuses.iter_mut().zip(statuses).for_each(|(all, count)| *all += count);
            all.revisions.add(&revisions);
        }
        Ok(all)
    }

    fn check_group(&self, reader: &Reader, group: &Group) -> Result<FileRows, Error> {
        let mut rows = FileRows::default();
        let says_numerics = self.benchmark.manifest().seed.is_some();
        for batch in reader.group(group, BATCH)? {
            let (first, batch) = batch?;
            let records = schema::from_batch(&batch, self.file, first)?;
            for (row, record) in records.iter().enumerate() {
                if let Some((column, expected, found)) = self.suspect(record) {
                    return Err(Misfit { row, expected, found }.in_file(column, self.file, first));
                }
                rows.keys.push((record.key(), record.status == Status::Failed, self.index));
                for (status, count) in STATUSES.iter().zip(&mut rows.statuses) {
                    *count += u64::from(record.status == *status);
                }
            }
            let numerics = records.iter().filter(|_| says_numerics).map(|record| (record.numerics.as_deref(), 1));
            rows.revisions.add(&Revisions::count(numerics));
        }
        Ok(rows)
    }

    /// What of a record cannot be right, beyond what every reader checks.
    fn suspect(&self, record: &Record) -> Option<Suspicion> {
        self.suspect_origin(record).or_else(|| suspect_figures(record)).or_else(|| suspect_curves(record))
    }

    /// Cell, repeat, seed and source must be such as this part of this benchmark has.
    fn suspect_origin(&self, record: &Record) -> Option<Suspicion> {
        let manifest = self.benchmark.manifest();
        let text = record.cell.operations_text();
        let inner = text.split(',').filter(|name| !matches!(*name, "input" | "output"));
        if let Some(name) = { inner }.find(|name| !manifest.operations.contains_key(*name)) {
            let known = manifest.operations.keys().cloned().collect::<Vec<_>>().join(", ");
            return Some(suspicion("module_operations", format!("operations of the benchmark ({known})"), format!("{name:?}")));
        }
        let is_verified = record.repeat >= FIRST_VERIFIED_REPEAT;
        let imported = record.source == Source::Imported;
        if is_verified != (self.part == Part::Verified) && !imported {
            let expected = match self.part {
                Part::Verified => format!("{FIRST_VERIFIED_REPEAT} or more, as rows of verification have"),
                Part::Recorded => format!("less than {FIRST_VERIFIED_REPEAT}, with which verification starts"),
            };
            return Some(suspicion("repeat", expected, record.repeat.to_string()));
        }
        // Without a base seed, as in an import of rows that were recorded elsewhere, nothing says what their seeds should be.
        let seed = manifest.seed.map(|_| self.benchmark.training_seed(record.hash, record.epochs, record.repeat));
        if let Some(seed) = seed
            && record.seed != Some(seed)
            && !(imported && record.seed.is_none())
        {
            let found = record.seed.map_or_else(|| "none".to_owned(), |seed| seed.0.to_string());
            return Some(suspicion("seed", format!("{}, the seed of this training", seed.0), found));
        }
        None
    }
}

/// What cannot be right of a row: the column, what would be right, and the value.
type Suspicion = (&'static str, String, String);

fn suspicion(column: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Suspicion {
    (column, expected.into(), found.into())
}

/// Numbers that are measured once.
fn suspect_figures(record: &Record) -> Option<Suspicion> {
    let telemetry = record.telemetry;
    let ranges: [(&str, Option<f32>, RangeInclusive<f32>, &str); 3] = [
        ("images_per_second", telemetry.images_per_second, 0.0..=f32::MAX, "a number, 0 or more"),
        ("macro_roc_auc", telemetry.macro_roc_auc, 0.0..=1.0, "a number from 0 to 1"),
        ("macro_f1", telemetry.macro_f1, 0.0..=1.0, "a number from 0 to 1"),
    ];
    for (column, value, range, expected) in ranges {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            return Some(suspicion(column, expected, value.to_string()));
        }
    }
    let is_measured = record.end.validation_accuracy.is_some();
    if record.status == Status::Ok && !is_measured {
        return Some(suspicion("final_validation_accuracy", "an accuracy, as the status is `ok`", "null"));
    }
    (record.epochs == Epochs(0)).then(|| suspicion("epochs", "1 or more", "0"))
}

/// Numbers that are measured in every epoch.
fn suspect_curves(record: &Record) -> Option<Suspicion> {
    let curves = &record.curves;
    let any = f32::NEG_INFINITY..=f32::INFINITY;
    let all = [
        ("curve_train_loss", &curves.train_loss, any.clone()),
        ("curve_train_accuracy", &curves.train_accuracy, 0.0..=1.0),
        ("curve_validation_accuracy", &curves.validation_accuracy, 0.0..=1.0),
        ("curve_learning_rate", &curves.learning_rate, 0.0..=f32::MAX),
        ("curve_gradient_norm", &curves.gradient_norm, 0.0..=f32::INFINITY),
        ("curve_images_per_second", &curves.images_per_second, 0.0..=f32::INFINITY),
    ];
    for (column, curve, range) in all {
        // A training that diverged stopped early, with numbers that are none.
        let is_long_enough = curve.is_empty() || curve.len() == usize::from(record.epochs.0) || record.status != Status::Ok;
        if !is_long_enough || curve.len() > usize::from(record.epochs.0) {
            return Some(suspicion(column, format!("a value for each of {} epochs", record.epochs), curve.len().to_string()));
        }
        let is_right = |value: &&f32| range.contains(value) || (value.is_nan() && record.status != Status::Ok);
        if let Some(value) = curve.iter().find(|value| !is_right(value)) {
            let expected =
                if range == any { "numbers".to_owned() } else { format!("numbers from {} to {}", range.start(), range.end()) };
            return Some(suspicion(column, expected, value.to_string()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Cell, Space};
    use crate::table::fixture::new_benchmark;
    use crate::table::{compact, read, write};
    use crate::train::Curves;
    use crate::unit::{Accuracy, Seed};

    /// What a test does to a record.
    type Change<'a> = &'a dyn Fn(&mut Record);

    /// Seven cells at two budgets in two repeats, as they would be recorded.
    fn recorded(benchmark: &Benchmark) -> Vec<Record> {
        let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let mut records = Vec::new();
        for cell in cells {
            for (epochs, repeat) in [(1, 0), (1, 1), (3, 0), (3, 1)] {
                records.push(record(benchmark, cell, epochs, repeat));
            }
        }
        records
    }

    fn record(benchmark: &Benchmark, cell: Cell, epochs: u16, repeat: u16) -> Record {
        let blank = Record::blank(cell, Epochs(epochs), repeat);
        let mut record = Record { seed: Some(benchmark.training_seed(blank.hash, blank.epochs, repeat)), ..blank };
        record.end.validation_accuracy = Accuracy::from_fraction(0.5);
        record.curves = Curves { train_loss: vec![1.0; usize::from(epochs)], ..Curves::default() };
        record
    }

    /// Returns a benchmark of three shards of these rows.
    fn benchmark(folder: &Path) -> (Benchmark, Vec<Record>) {
        let benchmark = new_benchmark(folder);
        let all = recorded(&benchmark);
        for (index, rows) in all.chunks(10).enumerate() {
            write(&shard(&benchmark, index), rows, benchmark.identity()).unwrap();
        }
        (benchmark, all)
    }

    fn shard(benchmark: &Benchmark, index: usize) -> PathBuf {
        benchmark.shards(Part::Recorded).join(format!("{index}.parquet"))
    }

    fn checked(benchmark: &Benchmark, promise: &Promise) -> Findings {
        check(benchmark, Part::Recorded, promise, &|_, _, _| {}).unwrap()
    }

    #[test]
    fn a_benchmark_in_order_has_nothing_wrong_compacted_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, _) = benchmark(folder.path());
        for files in [3, 1] {
            let findings = checked(&benchmark, &Promise::default());
            assert!(findings.is_ok(), "{findings:?}");
            assert_eq!((findings.files, findings.unsummed, findings.rows(), findings.keys), (files, 0, 28, 28));
            assert_eq!(findings.statuses, BTreeMap::from([("ok", 28), ("diverged", 0), ("failed", 0)]));
            assert_eq!((findings.promised.rows(), findings.beyond), (28, 0));
            compact(&benchmark, Part::Recorded, &|_, _, _| {}).unwrap();
        }
    }

    #[test]
    fn recorded_and_verified_rows_of_a_real_benchmark_are_in_order() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let findings = checked(&benchmark, &Promise::default());
        assert!(findings.is_ok() && findings.keys == 364 && findings.unsummed == 1, "{findings:?}");
        let findings = check(&benchmark, Part::Verified, &Promise::default(), &|_, _, _| {}).unwrap();
        assert!(findings.is_ok() && findings.keys == 33 && findings.promised.rows() == 0, "{findings:?}");
    }

    #[test]
    fn a_row_that_is_missing_is_named_by_what_the_others_imply_or_by_what_was_promised() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, all) = benchmark(folder.path());
        write(&shard(&benchmark, 0), &all[1..10], benchmark.identity()).unwrap();
        let findings = checked(&benchmark, &Promise::default());
        assert_eq!((findings.missing.count, &findings.missing.first), (1, &vec![all[0].key()]));
        assert!(!findings.is_ok());
        let cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        let promise =
            Promise { cells: Some(Cell::hashes(&cells)), budgets: Some(vec![Epochs(3), Epochs(1), Epochs(9)]), repeats: Some(1) };
        let findings = checked(&benchmark, &promise);
        assert_eq!((findings.promised.cells, findings.promised.rows()), (91, 273));
        // Seven cells at two budgets are there, but for the one that was left out.
        assert_eq!((findings.missing.count, findings.missing.first.len(), findings.beyond), (273 - 13, 5, 14));
    }

    #[test]
    fn cells_that_were_trained_more_often_than_the_others_promise_nothing_of_these() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, all) = benchmark(folder.path());
        let more: Vec<_> = (2..15).map(|repeat| record(&benchmark, all[0].cell, 3, repeat)).collect();
        write(&shard(&benchmark, 3), &more, benchmark.identity()).unwrap();
        let findings = checked(&benchmark, &Promise::default());
        assert!(findings.is_ok(), "{findings:?}");
        assert_eq!((findings.promised.repeats.as_slice(), findings.beyond), (&[0, 1][..], 13));
        let all_of_them = Promise { repeats: Some(15), ..Promise::default() };
        assert_eq!(checked(&benchmark, &all_of_them).missing.count, 7 * 2 * 13 - 13);
    }

    #[test]
    fn a_key_that_stands_twice_is_named_with_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, all) = benchmark(folder.path());
        write(&shard(&benchmark, 5), &all[3..5], benchmark.identity()).unwrap();
        let findings = checked(&benchmark, &Promise::default());
        assert_eq!((findings.repeated.count, findings.rows(), findings.keys), (2, 30, 28));
        let (key, files) = &findings.repeated.first[0];
        assert!(*key == all[3].key() || *key == all[4].key());
        assert_eq!(*files, [shard(&benchmark, 0), shard(&benchmark, 5)]);
        assert!(!findings.is_ok());
    }

    #[test]
    fn every_damaged_file_is_named_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (benchmark, _) = benchmark(folder.path());
        let whole = fs::read(shard(&benchmark, 0)).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(shard(&benchmark, 0), flipped).unwrap();
        fs::write(shard(&benchmark, 3), &whole[..whole.len() / 2]).unwrap();
        fs::create_dir(shard(&benchmark, 4)).unwrap();
        let findings = checked(&benchmark, &Promise::default());
        assert_eq!((findings.files, findings.keys), (5, 18));
        let damaged: Vec<_> = findings.damaged.iter().map(|damaged| damaged.file.clone()).collect();
        assert_eq!(damaged, [0, 3, 4].map(|index| shard(&benchmark, index)));
        for damaged in &findings.damaged {
            assert!(damaged.problem.to_string().contains(damaged.file.to_str().unwrap()), "{}", damaged.problem);
        }
    }

    #[test]
    fn any_flipped_bit_of_a_shard_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = new_benchmark(folder.path());
        let all = recorded(&benchmark);
        let file = shard(&benchmark, 0);
        write(&file, &all[..3], benchmark.identity()).unwrap();
        let whole = fs::read(&file).unwrap();
        for byte in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << (byte % 8);
            fs::write(&file, bytes).unwrap();
            let findings = checked(&benchmark, &Promise::default());
            // Where the bit hides the sum, the rows are those that were written.
            let is_found = !findings.damaged.is_empty();
            assert!(
                is_found || (findings.unsummed == 1 && read(&file, benchmark.identity()).unwrap() == all[..3]),
                "byte {byte}"
            );
        }
    }

    #[test]
    fn a_value_that_cannot_be_right_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = new_benchmark(folder.path());
        let right = recorded(&benchmark).swap_remove(2);
        let changed = |change: Change<'_>| {
            let mut record = right.clone();
            change(&mut record);
            write(&shard(&benchmark, 0), &[right.clone(), record], benchmark.identity()).unwrap();
            let mut findings = checked(&benchmark, &Promise::default());
            findings.damaged.pop().map(|damaged| damaged.problem.to_string()).unwrap_or_default()
        };
        let seed = right.seed.unwrap().0;
        let cases: [(Change<'_>, String); 9] = [
            (&|r| r.seed = Some(Seed(5)), format!("column `seed`: expected {seed}, the seed of this training, found 5")),
            (&|r| r.seed = None, format!("column `seed`: expected {seed}, the seed of this training, found none")),
            (
                &|r| r.repeat = 100,
                "column `repeat`: expected less than 100, with which verification starts, found 100".to_owned(),
            ),
            (
                &|r| r.end.validation_accuracy = None,
                "column `final_validation_accuracy`: expected an accuracy, as the status is `ok`, found null".to_owned(),
            ),
            (&|r| r.telemetry.macro_f1 = Some(1.5), "column `macro_f1`: expected a number from 0 to 1, found 1.5".to_owned()),
            (
                &|r| r.telemetry.images_per_second = Some(f32::NAN),
                "column `images_per_second`: expected a number, 0 or more, found NaN".to_owned(),
            ),
            (
                &|r| r.curves.train_loss = vec![1.0; 2],
                "column `curve_train_loss`: expected a value for each of 3 epochs, found 2".to_owned(),
            ),
            (&|r| r.curves.train_loss[1] = f32::NAN, "column `curve_train_loss`: expected numbers, found NaN".to_owned()),
            (
                &|r| r.curves.validation_accuracy = vec![0.5, 2.0, 0.5],
                "column `curve_validation_accuracy`: expected numbers from 0 to 1, found 2".to_owned(),
            ),
        ];
        for (change, expected) in cases {
            let message = changed(change);
            assert!(message.ends_with(&format!("0.parquet`, row 1, {expected}")), "{message}");
        }
        assert!(!changed(&|record| record.repeat = 1).is_empty(), "the seed is that of another repeat");
        let diverged: Change<'_> = &|record| {
            record.status = Status::Diverged;
            record.end.validation_accuracy = None;
            record.curves.train_loss = vec![f32::NAN];
        };
        assert_eq!(changed(diverged), "");
    }
}
