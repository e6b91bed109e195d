//! The rows of a part as batches of columns, sorted by key, each key once, never all of them in memory.
//!
//! One file that is sorted already, as a compacted benchmark has it, is read from front to back. Otherwise the keys of all
//! files are sorted, and every batch is gathered from wherever its rows stand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, interleave_record_batch};
use arrow::datatypes::{Int32Type, SchemaRef};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::reader::{Batches, ROWS, Reader};
use super::status_scan::{COLUMNS, rows};
use super::{Benchmark, Error, Identity, Key, Part, reader, schema};

/// Rows that are gathered first. What they take tells how many fit into memory the next time.
const FIRST: usize = 32_768;
/// The bytes that gathered rows may take: to gather some costs a look into every file, so that they should be many.
const MEMORY: usize = 512 << 20;
/// Files that are read by one thread.
const TOGETHER: usize = 64;

/// The rows of a part in the order of their keys, batch by batch.
pub(crate) struct Sorted {
    files: Vec<PathBuf>,
    identity: Identity,
    columns: SchemaRef,
    rows: u64,
    order: Order,
}

/// How the rows come into order.
enum Order {
    /// They stand in order in one file.
    AsRead(Box<Batches>),
    /// They stand here and there.
    Gathered(Gathering),
}

/// Where the row of a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowLocation {
    pub(crate) key: Key,
    /// The position of the file among all.
    pub(crate) file: u32,
    /// The row of the file.
    pub(crate) row: u32,
}

/// Rows on their way into order.
struct Gathering {
    locations: Vec<RowLocation>,
    /// So many have been gathered.
    done: usize,
    /// How many are gathered at once.
    at_once: usize,
    memory: usize,
    chunk: Chunk,
}

/// Rows that were gathered and not given yet.
#[derive(Default)]
struct Chunk {
    parts: Vec<RecordBatch>,
    /// For each row in order: in which part it stands, and where in that.
    indices: Vec<(usize, usize)>,
    given: usize,
}

impl Sorted {
    /// Opens the rows of a part. Of rows with one key that is kept which [`Benchmark::read`] keeps.
    ///
    /// `columns` are names of columns of [`schema`](super::schema), in its order.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for the first damaged file, but hashes are not compared with the cells.
    pub(crate) fn open(benchmark: &Benchmark, part: Part, columns: &[&str]) -> Result<Self, Error> {
        Self::open_columns(benchmark, part, schema::with_names(columns))
    }

    /// Opens the rows of a part as [`open`](Self::open) does, with all columns that there are, the extra ones among them.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_all(benchmark: &Benchmark, part: Part) -> Result<Self, Error> {
        let columns = reader::columns(&benchmark.files(part)?, benchmark.identity())?;
        Self::open_columns(benchmark, part, columns)
    }

    /// Opens the rows of a part as [`open`](Self::open) does, with columns of a schema.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_columns(benchmark: &Benchmark, part: Part, columns: SchemaRef) -> Result<Self, Error> {
        let identity = benchmark.identity();
        let files = benchmark.files(part)?;
        if let [file] = files.as_slice()
            && let Some(rows) = rows_in_order(file, identity)?
        {
            let batches = Reader::open(file, identity, &columns)?.batches()?;
            return Ok(Self { identity, columns, rows, order: Order::AsRead(Box::new(batches)), files });
        }
        let of_file = |(index, file): (usize, &PathBuf)| {
            let (mut locations, index) = (Vec::new(), u32::try_from(index).expect("a folder has fewer than 2^32 files"));
            for_each_key(file, identity, |key, yields, row| locations.push((yields, RowLocation { key, file: index, row })))?;
            Ok(locations)
        };
        // Collected twice, so that the error is that of the first damaged file.
        let locations: Vec<Result<Vec<_>, Error>> = files.par_iter().enumerate().map(of_file).collect();
        let mut locations = locations.into_iter().collect::<Result<Vec<_>, Error>>()?.concat();
        locations.par_sort_unstable_by_key(|(yields, location)| (location.key, *yields, *location));
        let mut locations: Vec<_> = locations.into_iter().map(|(_, location)| location).collect();
        locations.dedup_by_key(|location| location.key);
        Ok(Self::of_locations(files, identity, locations, columns))
    }

    /// Gathers the rows at some locations, in their order.
    pub(crate) fn of_locations(files: Vec<PathBuf>, identity: Identity, locations: Vec<RowLocation>, columns: SchemaRef) -> Self {
        let rows = locations.len() as u64;
        let gathering = Gathering { locations, done: 0, at_once: FIRST, memory: MEMORY, chunk: Chunk::default() };
        Self { files, identity, columns, rows, order: Order::Gathered(gathering) }
    }

    /// Returns the columns of every batch.
    pub(crate) const fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Returns the number of rows, those included that were given already.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        match &mut self.order {
            Order::AsRead(batches) => Ok(batches.next().transpose()?.map(|(_, batch)| batch)),
            Order::Gathered(gathering) => gathering.next_batch(&self.files, self.identity, &self.columns),
        }
    }
}

impl Gathering {
    fn next_batch(&mut self, files: &[PathBuf], identity: Identity, columns: &SchemaRef) -> Result<Option<RecordBatch>, Error> {
        if self.chunk.given == self.chunk.indices.len() {
            self.chunk = Chunk::default();
            let locations = &self.locations[self.done..self.locations.len().min(self.done + self.at_once)];
            if locations.is_empty() {
                return Ok(None);
            }
            self.chunk = gather(locations, files, identity, columns)?;
            self.done += locations.len();
            let bytes = self.chunk.parts.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
            self.at_once = (self.memory / (bytes / locations.len()).max(1)).max(ROWS);
        }
        let Chunk { parts, indices, given } = &mut self.chunk;
        let rows = &indices[*given..indices.len().min(*given + ROWS)];
        *given += rows.len();
        let parts: Vec<_> = parts.iter().collect();
        let batch = interleave_record_batch(&parts, rows);
        batch.map(Some).map_err(|source| Error::Parquet { file: files[0].clone(), source: source.into() })
    }
}

impl Iterator for Sorted {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// Reads the rows at some locations from their files.
fn gather(locations: &[RowLocation], files: &[PathBuf], identity: Identity, columns: &SchemaRef) -> Result<Chunk, Error> {
    let mut by_location: Vec<usize> = (0..locations.len()).collect();
    by_location.par_sort_unstable_by_key(|index| (locations[*index].file, locations[*index].row));
    let by_file: Vec<_> = by_location.chunk_by(|a, b| locations[*a].file == locations[*b].file).collect();
    let read_files = |of_files: &[&[usize]]| -> Result<Vec<RecordBatch>, Error> {
        let together = |batches: &[RecordBatch]| {
            concat_batches(columns, batches).expect("the batches have these columns, and are no longer than an array may be")
        };
        // Batches are too short to be kept apart.
        let (mut parts, mut short, mut rows_of_short) = (Vec::new(), Vec::new(), 0);
        for of_file in of_files {
            let file = &files[locations[of_file[0]].file as usize];
            let rows = of_file.iter().map(|index| locations[*index].row as usize);
            for batch in Reader::open(file, identity, columns)?.selected(None, selection(rows))? {
                let (_, batch) = batch?;
                rows_of_short += batch.num_rows();
                short.push(batch);
                if rows_of_short >= ROWS {
                    parts.push(together(&std::mem::take(&mut short)));
                    rows_of_short = 0;
                }
            }
        }
        if rows_of_short > 0 {
            parts.push(together(&short));
        }
        Ok(parts)
    };
    let parts = by_file.par_chunks(TOGETHER).map(read_files).collect::<Vec<_>>();
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let mut indices = vec![(0, 0); locations.len()];
    let positions = parts.iter().enumerate().flat_map(|(part, batch)| (0..batch.num_rows()).map(move |row| (part, row)));
    for (index, position) in by_location.iter().zip(positions) {
        indices[*index] = position;
    }
    Ok(Chunk { parts, indices, given: 0 })
}

/// Reads the row at a location, all columns of it.
///
/// # Errors
///
/// As [`Sorted::open`].
pub(crate) fn row_at(location: RowLocation, files: &[PathBuf], identity: Identity) -> Result<RecordBatch, Error> {
    let columns = reader::columns(files, identity)?;
    let chunk = gather(&[location], files, identity, &columns)?;
    Ok(chunk.parts.into_iter().next().expect("a location has a part"))
}

/// Returns the rows of a file, given in ascending order, as Parquet wants to be told.
fn selection(rows: impl Iterator<Item = usize>) -> RowSelection {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut next = 0;
    for row in rows {
        match selectors.last_mut() {
            Some(last) if row == next => last.row_count += 1,
            _ => selectors.extend([RowSelector::skip(row - next), RowSelector::select(1)]),
        }
        next = row + 1;
    }
    selectors.into()
}

/// Counts the rows of a file if their keys ascend, none standing twice.
fn rows_in_order(file: &Path, identity: Identity) -> Result<Option<u64>, Error> {
    let (mut last, mut rows, mut ascending) = (None, 0_u64, true);
    for_each_key(file, identity, |key, _, _| {
        ascending &= last < Some(key);
        last = Some(key);
        rows += 1;
    })?;
    Ok(ascending.then_some(rows))
}

/// Reads the key of every row of a file, and whether it yields to others of its key.
fn for_each_key(file: &Path, identity: Identity, mut take: impl FnMut(Key, bool, u32)) -> Result<(), Error> {
    for batch in Reader::open(file, identity, &schema::with_names(&COLUMNS))?.batches()? {
        let (first, batch) = batch?;
        for (row, (key, status)) in (first..).zip(rows(&batch, file, first)?) {
            take(key, status.yields(), u32::try_from(row).expect("a file has fewer than 2^32 rows"));
        }
    }
    Ok(())
}

/// Returns the labels that a part uses in each of some columns, in the order in which they appear.
///
/// # Errors
///
/// As [`Sorted::open`].
pub(crate) fn labels(benchmark: &Benchmark, part: Part, names: &[&str]) -> Result<FxHashMap<String, ArrayRef>, Error> {
    let columns = schema::with_names(names);
    let mut labels: Vec<Vec<String>> = vec![Vec::new(); columns.fields().len()];
    for file in benchmark.files(part)?.into_iter().rev() {
        for batch in Reader::open(&file, benchmark.identity(), &columns)?.batches()? {
            let (_, batch) = batch?;
            for (known, column) in labels.iter_mut().zip(batch.columns()) {
                for label in column.as_dictionary::<Int32Type>().values().as_string::<i32>().iter().flatten() {
                    if !known.iter().any(|known| known == label) {
                        known.push(label.to_owned());
                    }
                }
            }
        }
    }
    let fields = columns.fields().iter();
    Ok(fields
        .zip(labels)
        .map(|(field, labels)| (field.name().clone(), Arc::new(StringArray::from(labels)) as ArrayRef))
        .collect())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::UInt16Type;
    use fs_err as fs;

    use super::*;
    use crate::table::fixture::{benchmark, records, with_divergence};
    use crate::table::{Record, write};

    fn every_column() -> Vec<&'static str> {
        crate::table::column::COLUMNS.iter().map(|column| column.name).collect()
    }

    /// Returns the rows that come, as records.
    fn sorted(benchmark: &Benchmark) -> Vec<Record> {
        let sorted = Sorted::open(benchmark, Part::Recorded, &every_column()).unwrap();
        let rows = sorted.rows();
        let found: Vec<_> = sorted.flat_map(|batch| schema::from_batch(&batch.unwrap(), Path::new("a"), 0).unwrap()).collect();
        assert_eq!(found.len() as u64, rows);
        found
    }

    fn is_as_read(benchmark: &Benchmark) -> bool {
        matches!(Sorted::open(benchmark, Part::Recorded, &COLUMNS).unwrap().order, Order::AsRead(_))
    }

    #[test]
    fn one_file_in_order_is_read_from_front_to_back() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let benchmark = benchmark(folder.path(), &all, &[]);
        assert!(is_as_read(&benchmark));
        assert_eq!(sorted(&benchmark), all);
    }

    #[test]
    fn rows_of_many_files_come_in_order_and_the_newest_of_each_key() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let mut other = all[3].clone();
        other.tool_version = "another".to_owned();
        let shards: Vec<Vec<Record>> = vec![
            all.iter().skip(1).step_by(3).cloned().collect(),
            all.iter().skip(2).step_by(3).cloned().chain([other.clone()]).collect(),
            vec![other.clone()],
        ];
        let benchmark = benchmark(folder.path(), &all.iter().step_by(3).cloned().collect::<Vec<_>>(), &shards);
        assert!(!is_as_read(&benchmark));
        let newest: Vec<_> = all.iter().map(|record| if record.key() == other.key() { &other } else { record }).collect();
        assert_eq!(sorted(&benchmark).iter().collect::<Vec<_>>(), newest);
        assert_eq!(sorted(&benchmark), benchmark.records().unwrap());
    }

    #[test]
    fn rows_that_do_not_fit_into_memory_at_once_come_in_order_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let one = records().remove(0);
        let records = (0..20_000_u16).rev().map(|repeat| Record { repeat, ..one.clone() }).collect::<Vec<_>>();
        let shards = records.chunks(3_000).map(<[_]>::to_vec).collect::<Vec<_>>();
        let benchmark = benchmark(folder.path(), &[], &shards);
        let mut sorted = Sorted::open(&benchmark, Part::Recorded, &every_column()).unwrap();
        let Order::Gathered(gathering) = &mut sorted.order else { panic!("the rows stand here and there") };
        (gathering.memory, gathering.at_once) = (1, 100);
        let mut repeats = Vec::new();
        for batch in sorted {
            repeats.extend_from_slice(batch.unwrap()["repeat"].as_primitive::<UInt16Type>().values());
        }
        assert!(repeats.into_iter().eq(0..20_000));
    }

    #[test]
    fn one_file_out_of_order_is_put_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut reversed = records();
        reversed.reverse();
        reversed.push(reversed[4].clone());
        let benchmark = benchmark(folder.path(), &reversed, &[]);
        assert!(!is_as_read(&benchmark));
        assert_eq!(sorted(&benchmark), records());
    }

    #[test]
    fn a_part_without_files_has_no_rows() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(sorted(&benchmark(folder.path(), &[], &[])), []);
    }

    #[test]
    fn labels_are_those_of_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (records()[..1].to_vec(), records()[1..].to_vec());
        let labels = labels(&benchmark(folder.path(), &[], &[one, two]), Part::Recorded, &["source", "device"]).unwrap();
        assert_eq!(labels["source"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["recorded", "imported"]);
        assert_eq!(labels["device"].len(), 2);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &records(), &[]);
        let open = || Sorted::open(&benchmark, Part::Recorded, &COLUMNS).map(drop).unwrap_err().to_string();
        let file = folder.path().join("records.parquet");
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert!(open().contains("records.parquet` as Parquet"), "{}", open());
        write(&file, &records(), Identity::from_hex(&"0".repeat(64)).unwrap()).unwrap();
        assert!(open().contains("holds rows of another benchmark"), "{}", open());
    }
}
