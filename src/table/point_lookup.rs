//! Finding the rows of some cells without reading the rest: the footer and the page index say where they can be.

use std::ops::Range;
use std::path::Path;

use arrow::array::AsArray;
use fs_err as fs;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMask, PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::column::HASH;
use super::reader::{Group, Reader};
use super::{Benchmark, Error, Identity, Part, Record, schema};
use crate::space::ModuleHash;

impl Benchmark {
    /// Reads the rows of one cell that searches and surrogates may see, sorted by epochs and repeat; none if it has none.
    ///
    /// Of a compacted file only the footer, the page index and a page or two of each column are read, so that the first
    /// look-up takes milliseconds. Who looks up thousands of cells opens a [`table`](Self::table).
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for what is read.
    pub fn look_up(&self, hash: ModuleHash) -> Result<Vec<Record>, Error> {
        self.look_up_all(&[hash])
    }

    /// Reads the rows of some cells, sorted by key, as [`look_up`](Self::look_up) does.
    ///
    /// # Errors
    ///
    /// As [`look_up`](Self::look_up).
    pub fn look_up_all(&self, hashes: &[ModuleHash]) -> Result<Vec<Record>, Error> {
        let mut texts: Vec<_> = hashes.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut records = Vec::new();
        for file in self.files(Part::Recorded)? {
            records.append(&mut look_up(&file, self.identity(), &texts)?);
        }
        Record::keep_one_of_each_key(&mut records);
        Ok(records)
    }
}

/// Reads the records of a file with one of some hashes, whose texts are sorted.
fn look_up(file: &Path, identity: Identity, texts: &[String]) -> Result<Vec<Record>, Error> {
    let mut reader = Reader::open_all(file, identity)?;
    let hash_column = reader.metadata.parquet_schema().columns().iter().position(|leaf| leaf.name() == HASH);
    let hash_column = hash_column.expect("its type was checked");
    let may_hold = |group: &Group| {
        let statistics = reader.metadata.metadata().row_group(group.index).column(hash_column).statistics();
        let range = statistics.and_then(|statistics| statistics.min_bytes_opt().zip(statistics.max_bytes_opt()));
        range.is_none_or(|(least, most)| is_any_within(texts, least, most))
    };
    let groups: Vec<_> = reader.groups().into_iter().filter(may_hold).collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let open = fs::File::open(file)?.into_file();
    reader.metadata = with_page_index(&open, &reader.metadata, &groups, hash_column).map_err(|source| reader.broken(source))?;
    let hashes = reader.clone().with_columns(&schema::with_names(&[HASH]))?;
    let mut records = Vec::new();
    for group in groups {
        let selection = |rows: &[Range<usize>]| RowSelection::from_consecutive_ranges(rows.iter().cloned(), group.rows);
        let pages = pages(&reader.metadata, &group, hash_column, texts);
        let mut rows = Vec::new();
        let mut numbers = pages.iter().cloned().flatten();
        for batch in hashes.selected(Some(&group), selection(&pages))? {
            let (_, batch) = batch?;
            let is_asked = |hash: &str| texts.binary_search_by(|text| text.as_str().cmp(hash)).is_ok();
            let numbered = batch[HASH].as_string::<i32>().iter().zip(&mut numbers);
            rows.extend(numbered.filter(|(hash, _)| hash.is_some_and(is_asked)).map(|(_, row)| row));
        }
        if rows.is_empty() {
            continue;
        }
        let ranges: Vec<_> = rows.iter().map(|row| *row..row + 1).collect();
        // Batches count only the rows that were read.
        let in_file = |error: Error| match error {
            Error::Value { file, row, column, expected, found } => {
                Error::Value { file, row: group.first + rows[row - group.first], column, expected, found }
            }
            other => other,
        };
        for batch in reader.selected(Some(&group), selection(&ranges))? {
            let found = batch.and_then(|(first, batch)| schema::from_batch(&batch, file, first));
            records.append(&mut found.map_err(in_file)?);
        }
    }
    Ok(records)
}

/// Reads the page index of some row groups: where pages start for all columns, what they hold for that of the hashes.
fn with_page_index(
    file: &std::fs::File,
    stated: &ArrowReaderMetadata,
    groups: &[Group],
    hash_column: usize,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let groups = || groups.iter().map(|group| group.index);
    let mut reader = ParquetMetaDataReader::new_with_metadata(stated.metadata().as_ref().clone())
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_column_index_mask(ColumnChunkMask::row_groups_and_columns(groups(), [hash_column]))
        .with_offset_index_mask(ColumnChunkMask::row_groups(groups()));
    reader.read_page_indexes(file)?;
    ArrowReaderMetadata::try_new(reader.finish()?.into(), ArrowReaderOptions::new())
}

/// Returns the rows of the pages of a row group that may hold one of the hashes: all rows if the file does not say.
fn pages(metadata: &ArrowReaderMetadata, group: &Group, hash_column: usize, texts: &[String]) -> Vec<Range<usize>> {
    let index = metadata.metadata().page_index_for_row_group(group.index);
    let all = || std::iter::once(0..group.rows).collect();
    let (Some(ColumnIndexMetaData::BYTE_ARRAY(values)), Some(offsets)) =
        (index.column_index(hash_column), index.offset_index(hash_column))
    else {
        return all();
    };
    let starts: Vec<_> = offsets.page_locations().iter().map(|page| usize::try_from(page.first_row_index).unwrap_or(0)).collect();
    let is_in_order = starts.is_sorted() && starts.last().is_none_or(|last| *last <= group.rows);
    if !is_in_order || values.num_pages() != starts.len() as u64 {
        return all();
    }
    let ends = starts.iter().skip(1).copied().chain([group.rows]);
    let pages = starts.iter().copied().zip(ends).enumerate();
    let may_hold = |page: usize| {
        values.min_value(page).zip(values.max_value(page)).is_some_and(|(least, most)| is_any_within(texts, least, most))
    };
    pages.filter(|(page, _)| may_hold(*page)).map(|(_, (start, end))| start..end).collect()
}

/// Returns whether one of some sorted texts lies between two.
fn is_any_within(texts: &[String], least: &[u8], most: &[u8]) -> bool {
    let next = texts.partition_point(|text| text.as_bytes() < least);
    texts.get(next).is_some_and(|text| text.as_bytes() <= most)
}

#[cfg(test)]
mod tests {
    use fs_err as fs;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::EnabledStatistics;

    use super::*;
    use crate::space::{Cell, Space};
    use crate::table::fixture::new_benchmark;
    use crate::table::{write, writer};
    use crate::unit::Epochs;

    fn cells() -> Vec<Cell> {
        Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap()
    }

    /// Writes a file of many small row groups and pages.
    fn write_in_pages(file: &Path, records: &[Record], identity: Identity, statistics: EnabledStatistics) {
        let properties = writer::properties(identity)
            .into_builder()
            .set_max_row_group_row_count(Some(100))
            .set_data_page_row_count_limit(7)
            .set_write_batch_size(7)
            .set_statistics_enabled(statistics)
            .build();
        let batch = schema::to_batch(records);
        let mut writer = ArrowWriter::try_new(fs::File::create(file).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn a_look_up_finds_what_reading_everything_finds() {
        for statistics in [EnabledStatistics::Page, EnabledStatistics::Chunk, EnabledStatistics::None] {
            let folder = tempfile::tempdir().unwrap();
            let benchmark = new_benchmark(folder.path());
            let cells = cells();
            let mut records: Vec<_> = cells[..80]
                .iter()
                .flat_map(|cell| [4, 12].into_iter().flat_map(move |epochs| (0..3).map(move |repeat| (epochs, repeat, *cell))))
                .map(|(epochs, repeat, cell)| Record::blank(cell, Epochs(epochs), repeat))
                .collect();
            records.sort_by_key(Record::order);
            write_in_pages(&folder.path().join("records.parquet"), &records, benchmark.identity(), statistics);
            // A shard that is not sorted, with rows that stand twice.
            let shard: Vec<_> =
                [(79, 1), (0, 3), (80, 0), (0, 4)].map(|(cell, repeat)| Record::blank(cells[cell], Epochs(4), repeat)).into();
            write(&benchmark.shards(Part::Recorded).join("1.parquet"), &shard, benchmark.identity()).unwrap();

            let all = benchmark.records().unwrap();
            for cell in &cells {
                let expected: Vec<_> = all.iter().filter(|record| record.hash == cell.hash()).cloned().collect();
                assert_eq!(benchmark.look_up(cell.hash()).unwrap(), expected);
            }
            let some: Vec<_> = [3, 80, 3, 85, 44].map(|cell| cells[cell].hash()).into();
            let expected: Vec<_> = all.iter().filter(|record| some.contains(&record.hash)).cloned().collect();
            assert_eq!(benchmark.look_up_all(&some).unwrap(), expected);
        }
    }

    #[test]
    fn a_damaged_row_is_named_with_its_place_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = new_benchmark(folder.path());
        let mut records: Vec<_> =
            cells().into_iter().flat_map(|cell| (0..3).map(move |repeat| Record::blank(cell, Epochs(4), repeat))).collect();
        records.sort_by_key(Record::order);
        let (place, hash) = (202, records[202].hash);
        records[place].end.training_time.0 = -1.0;
        write_in_pages(&folder.path().join("records.parquet"), &records, benchmark.identity(), EnabledStatistics::Page);
        let message = benchmark.look_up(hash).unwrap_err().to_string();
        assert!(message.ends_with("row 202, column `final_training_time`: expected seconds, 0 or more, found -1.0"), "{message}");
        assert_eq!(benchmark.look_up(records[0].hash).unwrap().len(), 3);
    }

    #[test]
    fn a_benchmark_without_rows_has_none_of_any_cell() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(new_benchmark(folder.path()).look_up(cells()[0].hash()).unwrap(), []);
    }
}
