//! Writing records to Parquet files, each whole or not at all.

use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, SchemaRef};
use fs_err as fs;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::checksum::{self, Summed};
use super::column::{ADJACENCY, COLUMNS, HASH, OPERATIONS};
use super::{Error, FORMAT_VERSION, Identity, Record, schema};
use crate::file::replace;
use crate::space::Cell;

/// The key of the format version in the metadata of a file.
pub(crate) const VERSION_KEY: &str = "nasbench.format_version";
/// The key of the benchmark's identity in the metadata of a file.
pub(crate) const IDENTITY_KEY: &str = "nasbench.identity";

/// Records that are turned into arrays at once.
const BATCH: usize = 8_192;
/// The rows of a group of a compacted file.
const GROUP: usize = 131_072;
/// The rows of a page of a compacted file.
const PAGE: usize = 16_384;
/// The longest dictionary of a column in a group: a value of eight bytes for every row.
const DICTIONARY_BYTES: usize = 8 * GROUP;
/// Columns of single precision whose values hardly repeat. Accuracies do: they are counts of a few thousand images.
const HARDLY_REPEATING: [&str; 6] =
    ["curve_train_loss", "curve_gradient_norm", "curve_images_per_second", "images_per_second", "macro_roc_auc", "macro_f1"];

/// Writes records to a Parquet file, in their order.
///
/// The file appears whole or not at all, whatever happens meanwhile; one that was there under the name is replaced.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
pub fn write(file: &Path, records: &[Record], identity: Identity) -> Result<(), Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    replace(file, |open| {
        let mut summed = Summed::new(open);
        let columns = schema::of_records(records);
        let properties = Some(properties(identity));
        let mut writer = ArrowWriter::try_new(&mut summed, SchemaRef::clone(&columns), properties).map_err(broken)?;
        for batch in records.chunks(BATCH) {
            writer.write(&schema::to_batch_with(batch, &columns)).map_err(broken)?;
        }
        writer.append_key_value_metadata(checksum::entry());
        writer.close().map_err(broken)?;
        Ok(summed.finish()?)
    })
}

pub(crate) fn properties(identity: Identity) -> WriterProperties {
    metadata(identity).build()
}

fn metadata(identity: Identity) -> WriterPropertiesBuilder {
    let metadata = [(VERSION_KEY, FORMAT_VERSION.to_string()), (IDENTITY_KEY, identity.to_string())];
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("nasbench ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).into()))
}

/// How a compacted file is written: rows sorted by key, so that a point look-up reads one page of each column it needs.
///
/// Values have no encoding but the plain one and that with a dictionary, which every reader knows: fastparquet reads neither
/// `DELTA_BYTE_ARRAY` nor `BYTE_STREAM_SPLIT`, with which a file would be 7 % smaller. Hashes are sorted, and the page index finds
/// one. Times, losses and norms have random digits, and wide numbers repeat in neighbours, if at all: a dictionary of them would
/// take more space than they do. Everything else has few different values.
pub(crate) fn compacted_properties(identity: Identity) -> WriterProperties {
    let mut builder = metadata(identity)
        .set_compression(zstd(6))
        .set_max_row_group_row_count(Some(GROUP))
        .set_data_page_row_count_limit(PAGE)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(sorting_columns()));
    for column in COLUMNS {
        let path = || match column.data_type() {
            DataType::List(item) => ColumnPath::from([column.name, "list", item.name()].map(ToOwned::to_owned).to_vec()),
            _ => ColumnPath::from(column.name),
        };
        let is_wide = matches!(column.data_type(), DataType::Float64 | DataType::UInt32 | DataType::UInt64);
        if is_wide || column.name == HASH || HARDLY_REPEATING.contains(&column.name) {
            builder = builder.set_column_dictionary_enabled(path(), false).set_column_encoding(path(), Encoding::PLAIN);
        }
    }
    builder.set_column_statistics_enabled(ColumnPath::from(HASH), EnabledStatistics::Page).build()
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).expect("a level that zstd has"))
}

/// Returns the key, which the rows of a compacted file are sorted by.
fn sorting_columns() -> Vec<SortingColumn> {
    let position = |name: &str| COLUMNS.iter().position(|column| column.name == name).expect("a column of the key");
    [HASH, "epochs", "repeat"]
        .map(|name| SortingColumn {
            column_idx: i32::try_from(position(name)).expect("there are few columns"),
            descending: false,
            nulls_first: false,
        })
        .into()
}

/// Writes rows that are sorted by key as a compacted file, which appears whole or not at all.
///
/// The file has the columns of a benchmark. `group` makes what a group of rows is gathered from, and `gather` the values of a
/// column for some rows of that group:
/// only one group is in memory, and its columns are encoded on all cores. `progress` is called with the number of rows that are written.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
///
/// # Panics
///
/// Panics unless `gather` returns as many values as it was asked for.
pub(crate) fn write_compacted<G: Sync>(
    file: &Path,
    identity: Identity,
    rows: usize,
    group: impl Fn(Range<usize>) -> G,
    gather: impl Fn(&G, &Field, Range<usize>) -> ArrayRef + Sync,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    replace(file, |open| write_rows(open, identity, &schema::schema(), rows, |range| Ok(group(range)), gather, progress))
}

/// Writes rows as [`write_compacted`] does, to a file that is open already and with any columns; `group` may fail.
///
/// # Errors
///
/// As [`write_compacted`], and what `group` says.
///
/// # Panics
///
/// As [`write_compacted`].
pub(crate) fn write_rows<G: Sync>(
    open: &mut fs::File,
    identity: Identity,
    fields: &SchemaRef,
    rows: usize,
    mut group: impl FnMut(Range<usize>) -> Result<G, Error>,
    gather: impl Fn(&G, &Field, Range<usize>) -> ArrayRef + Sync,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let file = open.path().to_owned();
    let broken = |source: ParquetError| Error::Parquet { file: file.clone(), source };
    let mut summed = Summed::new(open);
    let buffer = BufWriter::with_capacity(1 << 20, &mut summed);
    let properties = Some(compacted_properties(identity));
    let writer = ArrowWriter::try_new(buffer, SchemaRef::clone(fields), properties).map_err(broken)?;
    let (mut writer, columns) = writer.into_serialized_writer().map_err(broken)?;
    for (index, start) in (0..rows).step_by(GROUP).enumerate() {
        let count = GROUP.min(rows - start);
        let values = group(start..start + count)?;
        let encode = |(mut column, field): (ArrowColumnWriter, &Arc<Field>)| {
            for first in (0..count).step_by(PAGE) {
                let array = gather(&values, field, first..count.min(first + PAGE));
                for leaf in compute_leaves(field, &array)? {
                    column.write(&leaf)?;
                }
            }
            column.close()
        };
        let columns = columns.create_column_writers(index).map_err(broken)?;
        let chunks: Vec<_> = columns.into_par_iter().zip(&fields.fields()[..]).map(encode).collect();
        let mut group = writer.next_row_group().map_err(broken)?;
        for chunk in chunks {
            chunk.and_then(|chunk| chunk.append_to_row_group(&mut group)).map_err(broken)?;
        }
        group.close().map_err(broken)?;
        progress((start + count) as u64);
    }
    writer.append_key_value_metadata(checksum::entry());
    writer.close().map_err(broken)?;
    Ok(summed.finish()?)
}

/// Cells as columns: their hashes, matrices and operations.
pub(super) fn cell_columns(cells: &[Cell]) -> [(&'static str, ArrayRef); 3] {
    [
        (HASH, texts(&Cell::hashes(cells), ToString::to_string)),
        (ADJACENCY, texts(cells, |cell| cell.adjacency_text())),
        (OPERATIONS, texts(cells, |cell| cell.operations_text())),
    ]
}

/// Returns a column with a text of each row.
pub(super) fn texts<R>(rows: &[R], text: impl Fn(&R) -> String) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(text(row))).collect::<StringArray>())
}

/// Writes columns to a Parquet file that appears whole or not at all; `nullable` are the names of those that may have no value.
pub(super) fn write_columns<const N: usize>(
    file: &Path,
    columns: [(&'static str, ArrayRef); N],
    nullable: &[&str],
) -> Result<(), Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, nullable.contains(&name))));
    let batch = batch.expect("columns of one length");
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    replace(file, |open| {
        let mut writer = ArrowWriter::try_new(open, batch.schema(), Some(properties)).map_err(broken)?;
        writer.write(&batch).map_err(broken)?;
        writer.close().map(drop).map_err(broken)
    })
}

/// Returns whether a Parquet file begins with some columns. Another file, or none, does not.
pub(crate) fn begins_with(file: &Path, columns: &[&str]) -> bool {
    let Ok(reader) =
        fs::File::open(file).map_err(ParquetError::from).and_then(|open| SerializedFileReader::new(open.into_file()))
    else {
        return false;
    };
    let found = reader.metadata().file_metadata().schema_descr().columns();
    found.len() >= columns.len() && found.iter().zip(columns).all(|(column, name)| column.name() == *name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use parquet::file::page_index::column_index::ColumnIndexMetaData;
    use parquet::file::serialized_reader::ReadOptionsBuilder;

    use super::*;
    use crate::table::column::column;
    use crate::unit::Epochs;

    fn identity() -> Identity {
        Identity::from_hex(&"5a".repeat(32)).unwrap()
    }

    fn record() -> Record {
        Record::blank(Cell::from_texts("0100", "input,output").unwrap(), Epochs(1), 0)
    }

    #[test]
    fn nothing_but_the_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.parquet"), &[record()], identity()).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a.parquet"]);
    }

    #[test]
    fn a_failed_attempt_leaves_the_old_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        fs::write(&file, "old").unwrap();
        replace(&file, |open| {
            open.write_all(b"ne")?;
            Err(Error::File(std::io::Error::other("the disk is full")))
        })
        .unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let message = write(Path::new("/dev/null/a.parquet"), &[record()], identity()).unwrap_err().to_string();
        assert!(message.contains("/dev/null/.a.parquet.tmp"), "{message}");
    }

    #[test]
    fn a_compacted_file_reads_back_and_has_an_index_of_its_pages() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("records.parquet");
        let mut records: Vec<_> = (0..40_000).map(|i| Record { repeat: i, ..record() }).collect();
        records[7].curves.train_loss = vec![0.5, f32::NAN];
        records[8].device = Some("a device".to_owned());
        let mut steps = Vec::new();
        let group = |rows: Range<usize>| &records[rows];
        let gather = |records: &&[Record], field: &Field, rows: Range<usize>| column(field.name()).gather(&records[rows]);
        write_compacted(&file, identity(), records.len(), group, gather, &mut |rows| steps.push(rows)).unwrap();
        assert_eq!(steps, [40_000]);
        assert_eq!(super::super::read(&file, identity()).unwrap(), records);
        let options = ReadOptionsBuilder::new().with_page_index().build();
        let reader = SerializedFileReader::new_with_options(fs::File::open(&file).unwrap().into_file(), options).unwrap();
        let metadata = reader.metadata();
        let index = metadata.page_index().unwrap();
        for column in 0..metadata.row_group(0).num_columns() {
            let pages = index.page_locations(0, column).expect("every column says where its pages are");
            assert!(pages.iter().map(|page| page.first_row_index).eq([0, 16_384, 32_768]), "pages of column {column}");
        }
        assert!(matches!(index.column_index(0, 0), Some(ColumnIndexMetaData::BYTE_ARRAY(_))), "hashes can be found by page");
        assert_eq!(metadata.row_group(0).sorting_columns().unwrap().len(), 3);
        for chunk in metadata.row_group(0).columns() {
            let name = chunk.column_path().parts()[0].as_str();
            let has_dictionary = chunk.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY);
            assert!(!(has_dictionary && HARDLY_REPEATING.contains(&name)), "{name} hardly repeats, as a curve neither");
            assert!(has_dictionary || name != "final_test_accuracy");
            let known = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
            assert!(chunk.encodings().all(|encoding| known.contains(&encoding)), "every reader knows the encodings of {name}");
        }
    }

    #[test]
    fn the_same_records_make_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| {
            let file = folder.path().join(name);
            write(&file, &[record(), record()], identity()).unwrap();
            fs::read(&file).unwrap()
        });
        assert_eq!(one, two);
    }
}
