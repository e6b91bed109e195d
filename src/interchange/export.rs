//! The rows of a benchmark in formats that other programs read, batch by batch: memory does not grow with the rows.
//!
//! A new format is one variant of [`Format`] and one arm of `write`. The official format has a module of its own.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int32Array, ListArray, RecordBatch, RecordBatchWriter, StringArray};
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::ipc::writer::FileWriter;
use arrow::{csv, json};
use parquet::arrow::ArrowWriter;
use rustc_hash::FxHashMap;

use super::Error;
use crate::table::merge_scan::{Sorted, labels};
use crate::table::writer::{IDENTITY_KEY, VERSION_KEY, compacted_properties};
use crate::table::{Benchmark, FORMAT_VERSION, Part};

/// A format that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header. Lists are JSON text, null is an empty field, types are lost.
    Csv,
    /// A JSON object a line. Numbers that are not finite are null.
    JsonLines,
    /// One Parquet file, as a compacted benchmark has it. Nothing is lost.
    Parquet,
    /// An Arrow IPC file, also called Feather 2. Nothing is lost.
    Arrow,
}

/// Writes the rows of a part, sorted by key, each key once, and returns how many.
///
/// `progress` is called after every batch with the number of rows that are written, and the total.
///
/// # Errors
///
/// [`Error::NoRows`] if there are none, before anything is written, [`Error::File`] if `out` does not take them,
/// [`Error::Export`] if the format cannot hold them, and as [`read`](crate::table::read) for
/// the first damaged file, but hashes are not compared with the cells.
///
/// # Example
///
/// ```
/// use nasbench::interchange::export;
/// use nasbench::table::{Benchmark, Part};
///
/// let benchmark = Benchmark::open("tests/data/tiny-benchmark")?;
/// let mut text = Vec::new();
/// let rows = export::export(&benchmark, Part::Recorded, export::Format::JsonLines, &mut text, &mut |_, _| {})?;
/// assert_eq!(String::from_utf8(text)?.lines().count() as u64, rows);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(
    benchmark: &Benchmark,
    part: Part,
    format: Format,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, Error> {
    let mut sink = Sink { out, error: None };
    let written = write(benchmark, part, format, &mut sink, progress);
    match sink.error {
        Some(error) => Err(error.into()),
        None => written,
    }
}

fn write(
    benchmark: &Benchmark,
    part: Part,
    format: Format,
    out: &mut Sink<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, Error> {
    let rows = Sorted::open_all(benchmark, part)?;
    let total = rows.rows();
    if total == 0 {
        return Err(Error::NoRows { folder: benchmark.folder().to_owned(), part });
    }
    let form = Form::new(benchmark, part, rows.columns(), format)?;
    let schema = SchemaRef::clone(&form.schema);
    let broken = |source| Error::Export { source };
    match format {
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new().with_header(true).build(&mut *out);
            // The header is there without any row, too.
            writer.write(&RecordBatch::new_empty(schema)).map_err(broken)?;
            copy(rows, &form, writer, progress)?;
        }
        Format::JsonLines => {
            let buffer = io::BufWriter::new(&mut *out);
            let writer: json::LineDelimitedWriter<_> = json::WriterBuilder::new().with_explicit_nulls(true).build(buffer);
            copy(rows, &form, writer, progress)?;
        }
        Format::Parquet => {
            let properties = Some(compacted_properties(benchmark.identity()));
            let writer = ArrowWriter::try_new(&mut *out, schema, properties).map_err(|error| broken(error.into()))?;
            copy(rows, &form, writer, progress)?;
        }
        Format::Arrow => {
            let metadata = [(VERSION_KEY, FORMAT_VERSION.to_string()), (IDENTITY_KEY, benchmark.identity().to_string())];
            let metadata: HashMap<_, _> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
            let schema = schema.as_ref().clone().with_metadata(metadata);
            let writer = FileWriter::try_new(io::BufWriter::new(&mut *out), &schema).map_err(broken)?;
            copy(rows, &form, writer, progress)?;
        }
    }
    out.flush()?;
    Ok(total)
}

/// Writes rows in their form. What buffers hold is written when they are dropped; where that fails, the sink says so.
fn copy(rows: Sorted, form: &Form, mut writer: impl RecordBatchWriter, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
    let broken = |source| Error::Export { source };
    let (mut written, total) = (0, rows.rows());
    for batch in rows {
        let batch = batch?;
        writer.write(&form.apply(&batch)).map_err(broken)?;
        written += batch.num_rows() as u64;
        progress(written, total);
    }
    writer.close().map_err(broken)
}

/// Remembers why the last write failed, which the writers of the formats wrap in errors of their own.
struct Sink<'a> {
    out: &'a mut (dyn Write + Send),
    error: Option<io::Error>,
}

impl Sink<'_> {
    fn remember<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error = Some(error);
            }
            kind.into()
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.remember(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.remember(result)
    }
}

/// What a format does to the columns before they are written.
struct Form {
    format: Format,
    schema: SchemaRef,
    /// All labels of each column of labels, for a format in which every batch has the same.
    labels: FxHashMap<String, ArrayRef>,
}

impl Form {
    fn new(benchmark: &Benchmark, part: Part, columns: &SchemaRef, format: Format) -> Result<Self, Error> {
        let is_label = |field: &&Arc<Field>| matches!(field.data_type(), DataType::Dictionary(..));
        let labels = if format == Format::Arrow {
            let names: Vec<_> = columns.fields().iter().filter(is_label).map(|field| field.name().as_str()).collect();
            labels(benchmark, part, &names)?
        } else {
            FxHashMap::default()
        };
        let fields = columns.fields().iter().map(|field| form_of(field, format)).collect::<Vec<_>>();
        Ok(Self { format, schema: Arc::new(Schema::new(fields)), labels })
    }

    fn apply(&self, batch: &RecordBatch) -> RecordBatch {
        let arrays = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, array)| {
            match (field.data_type(), self.format) {
                (DataType::List(_), Format::Csv) => Arc::new(as_json(array.as_list())),
                (DataType::Timestamp(..), Format::Csv | Format::JsonLines) => {
                    Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(ZONE)) as ArrayRef
                }
                (DataType::Dictionary(..), Format::Arrow) => {
                    Arc::new(relabelled(array.as_dictionary(), &self.labels[field.name()]))
                }
                _ => ArrayRef::clone(array),
            }
        });
        RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays.collect()).expect("each column has the type of its form")
    }
}

/// The zone UTC as arrow knows it without a database of zones.
const ZONE: &str = "+00:00";

/// Returns a column as a format has it.
pub(super) fn form_of(field: &Field, format: Format) -> Field {
    let data_type = match (field.data_type(), format) {
        (DataType::List(_), Format::Csv) => DataType::Utf8,
        (DataType::Timestamp(unit, _), Format::Csv | Format::JsonLines) => DataType::Timestamp(*unit, Some(ZONE.into())),
        (other, _) => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// Lists of numbers as JSON text; a number that is not finite is null.
fn as_json(lists: &ListArray) -> StringArray {
    let text = |list: ArrayRef| {
        let numbers = list.as_primitive::<Float32Type>().values();
        serde_json::to_string::<[f32]>(numbers).expect("numbers have a form in JSON")
    };
    lists.iter().map(|list| list.map(text)).collect()
}

/// Returns the same column with other keys: those of a list that holds every label.
fn relabelled(column: &DictionaryArray<Int32Type>, all: &ArrayRef) -> DictionaryArray<Int32Type> {
    let (old, texts) = (column.values().as_string::<i32>(), all.as_string::<i32>());
    let position = |label: &str| (0..).zip(texts).find(|(_, text)| *text == Some(label)).map(|(key, _)| key);
    let keys: Vec<Option<i32>> = old.iter().map(|label| position(label?)).collect();
    let renamed = |row: usize| keys[column.key(row)?];
    let renamed: Int32Array = (0..column.keys().len()).map(renamed).collect();
    DictionaryArray::try_new(renamed, ArrayRef::clone(all)).expect("each key is the position of a label")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow::ipc::reader::FileReader;

    use super::*;
    use crate::interchange::tabular::exported_records;
    use crate::table::fixture::{benchmark, records, with_divergence};
    use crate::table::{Record, read, schema};

    fn exported(benchmark: &Benchmark, format: Format) -> Vec<u8> {
        let mut file = Vec::new();
        let mut told = Vec::new();
        let rows = export(benchmark, Part::Recorded, format, &mut file, &mut |done, all| told.push((done, all))).unwrap();
        assert_eq!(rows, benchmark.records().unwrap().len() as u64);
        assert_eq!(told.last().copied(), Some((rows, rows)));
        file
    }

    /// Returns the schema with which a text is read back: texts for labels, and for lists if the format has none.
    fn text_schema(format: Format) -> SchemaRef {
        let ours = schema();
        let fields = ours.fields().iter().map(|field| {
            let field = form_of(field, format);
            if matches!(field.data_type(), DataType::Dictionary(..)) { field.with_data_type(DataType::Utf8) } else { field }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Records of batches that were read back.
    fn records_of(batches: impl IntoIterator<Item = RecordBatch>) -> Vec<Record> {
        exported_records(batches.into_iter().map(Ok), &[], Path::new("exported")).unwrap()
    }

    #[test]
    fn every_format_reads_back_as_the_records() {
        let folder = tempfile::tempdir().unwrap();
        // Two files, so that their rows are mixed and their labels differ.
        let (even, odd): (Vec<_>, Vec<_>) = records().into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
        let shards = [even, odd].map(|part| part.into_iter().map(|(_, record)| record).collect());
        let benchmark = benchmark(folder.path(), &[], &shards);

        let text = exported(&benchmark, Format::Csv);
        let reader = csv::ReaderBuilder::new(text_schema(Format::Csv)).with_header(true).build(text.as_slice()).unwrap();
        assert_eq!(records_of(reader.map(Result::unwrap)), records());

        let text = exported(&benchmark, Format::JsonLines);
        let reader = json::ReaderBuilder::new(text_schema(Format::JsonLines)).build(text.as_slice()).unwrap();
        assert_eq!(records_of(reader.map(Result::unwrap)), records());

        let file = folder.path().join("exported.parquet");
        fs_err::write(&file, exported(&benchmark, Format::Parquet)).unwrap();
        assert_eq!(read(&file, benchmark.identity()).unwrap(), records());

        let reader = FileReader::try_new(io::Cursor::new(exported(&benchmark, Format::Arrow)), None).unwrap();
        assert_eq!(reader.schema().metadata()[IDENTITY_KEY], benchmark.identity().to_string());
        assert_eq!(records_of(reader.map(Result::unwrap)), records());
    }

    #[test]
    fn numbers_that_are_not_finite_survive_where_they_can() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let benchmark = benchmark(folder.path(), &all, &[]);
        let reader = FileReader::try_new(io::Cursor::new(exported(&benchmark, Format::Arrow)), None).unwrap();
        assert_eq!(records_of(reader.map(Result::unwrap)), all);
        let text = String::from_utf8(exported(&benchmark, Format::Csv)).unwrap();
        assert!(text.contains("\"[1.0,null,null]\""), "{text}");
        let text = String::from_utf8(exported(&benchmark, Format::JsonLines)).unwrap();
        let row: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(row["curve_train_loss"], serde_json::json!([1.0, null, null]));
    }

    #[test]
    fn texts_are_what_people_expect() {
        let folder = tempfile::tempdir().unwrap();
        let text = String::from_utf8(exported(&benchmark(folder.path(), &records(), &[]), Format::Csv)).unwrap();
        assert!(text.starts_with("module_hash,module_adjacency,module_operations,vertices,edges,epochs,repeat,seed,"), "{text}");
        for part in
            ["18446744073709551611", "2026-11-21T23:15:02.123456Z", "\"a \"\"fast\"\" processor, 4\"", "\"[0.1,1e-8,3.4e+38]\""]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_part_without_rows_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &[], &[]);
        for format in [Format::Csv, Format::JsonLines, Format::Parquet, Format::Arrow] {
            for (part, what) in [(Part::Recorded, "rows yet"), (Part::Verified, "rows of verification")] {
                let mut file = Vec::new();
                let error = export(&benchmark, part, format, &mut file, &mut |_, _| {}).unwrap_err();
                assert_eq!(error.to_string(), format!("`{}` has no {what}", folder.path().display()));
                assert_eq!(file, b"");
            }
        }
    }

    #[test]
    fn what_does_not_take_the_rows_says_why() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &records(), &[]);
        for format in [Format::Csv, Format::JsonLines, Format::Parquet, Format::Arrow] {
            let error = export(&benchmark, Part::Recorded, format, &mut Full, &mut |_, _| {}).unwrap_err();
            assert!(matches!(&error, Error::File(cause) if cause.to_string() == "the disk is full"), "{format:?}: {error:?}");
        }
    }
}
