//! Rows that [`export`](crate::table::export) wrote, read back as the records that they were.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow::array::builder::{Float32Builder, ListBuilder};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::{csv, json};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::{ignored, is_exported};
use super::kind::Kind;
use super::rows::{separator, start};
use crate::table::column::COLUMNS;
use crate::table::export::{Format, form_of};
use crate::table::{Error, Record, schema};

/// Rows of a batch.
const BATCH: usize = 8_192;

/// Records, and the names of the columns that were not read.
type Read = (Vec<Record>, Vec<String>);

/// Reads the rows of a text under a header that has every column; `kept` are columns of numbers that are none of ours.
///
/// # Errors
///
/// [`Error::Rows`] if a value is not of the type of its column, and as [`read`](crate::table::read).
pub(super) fn read_text(bytes: &[u8], kind: Kind, header: &[String], kept: &[&str], file: &Path) -> Result<Read, Error> {
    let broken = |source| Error::Rows { file: file.to_owned(), source };
    let start = start(bytes);
    let unread = ignored(header, |position| is_known(&header[position], kept));
    let records = if kind == Kind::Json {
        let fields = header.iter().filter(|name| is_known(name, kept)).map(|name| text_field(name, kept, Format::JsonLines));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let reader = json::ReaderBuilder::new(schema).with_batch_size(BATCH).build(&bytes[start..]).map_err(broken)?;
        records(reader, kept, file)?
    } else {
        let (separator, start) = separator(bytes, start);
        let fields = header.iter().map(|name| text_field(name, kept, Format::Csv));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let reader = csv::ReaderBuilder::new(schema).with_header(true).with_delimiter(separator).with_batch_size(BATCH);
        records(reader.build(&bytes[start..]).map_err(broken)?, kept, file)?
    };
    Ok((records, unread))
}

/// Reads the rows of a Parquet file.
///
/// # Errors
///
/// [`Error::Parquet`] if it is no whole one, [`Error::Foreign`] if another program wrote it, and as [`read`](crate::table::read).
pub(super) fn read_parquet(file: &Path, kept: &[&str]) -> Result<Read, Error> {
    let broken = |source| Error::Parquet { file: file.to_owned(), source };
    let open = fs_err::File::open(file)?.into_parts().0;
    let builder = ParquetRecordBatchReaderBuilder::<File>::try_new(open).map_err(broken)?;
    let unread = check_columns(builder.schema(), kept, file, "a Parquet file")?;
    Ok((records(builder.with_batch_size(BATCH).build().map_err(broken)?, kept, file)?, unread))
}

/// Reads the rows of an Arrow file.
///
/// # Errors
///
/// [`Error::Rows`] if it is no whole one, [`Error::Foreign`] if another program wrote it, and as [`read`](crate::table::read).
pub(super) fn read_arrow(bytes: Vec<u8>, file: &Path, kept: &[&str]) -> Result<Read, Error> {
    let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|source| Error::Rows { file: file.to_owned(), source })?;
    let unread = check_columns(&reader.schema(), kept, file, "an Arrow file")?;
    Ok((records(reader, kept, file)?, unread))
}

/// Refuses a file that lacks our columns. Returns the names of those that are not read.
fn check_columns(found: &SchemaRef, kept: &[&str], file: &Path, what: &str) -> Result<Vec<String>, Error> {
    let header: Vec<_> = found.fields().iter().map(|field| field.name().clone()).collect();
    if !is_exported(&header) {
        let hint = "write its rows as CSV, whose columns `--column` names";
        let (what, hint) = (format!("{what} that another program wrote"), hint.to_owned());
        return Err(Error::Foreign { file: file.to_owned(), what, hint });
    }
    Ok(ignored(&header, |position| is_known(&header[position], kept) || schema::is_extra(found.field(position))))
}

/// Whether a column is one of ours, or one that is kept.
fn is_known(name: &str, kept: &[&str]) -> bool {
    kept.contains(&name) || COLUMNS.iter().any(|column| column.name == name)
}

/// A column of a text: labels are texts there, and what is not read is one, too.
fn text_field(name: &str, kept: &[&str], format: Format) -> Field {
    if kept.contains(&name) {
        return schema::extra_field(name);
    }
    match COLUMNS.iter().find(|column| column.name == name).map(|column| form_of(&column.field(), format)) {
        Some(field) if matches!(field.data_type(), DataType::Dictionary(..)) => field.with_data_type(DataType::Utf8),
        Some(field) => field,
        None => Field::new(name, DataType::Utf8, true),
    }
}

/// Makes records of the batches of a file of any format.
pub(in crate::table) fn records(
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    kept: &[&str],
    file: &Path,
) -> Result<Vec<Record>, Error> {
    let broken = |source| Error::Rows { file: file.to_owned(), source };
    let mut found = Vec::new();
    for batch in batches {
        let batch = batch.map_err(broken)?;
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for column in COLUMNS {
            let Some(array) = batch.column_by_name(column.name) else { continue };
            // A value that is missing is named by whoever makes the records.
            fields.push(column.field().with_nullable(true));
            arrays.push(as_stored(array, &column.data_type()).map_err(broken)?);
        }
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if schema::is_extra(field) || kept.contains(&field.name().as_str()) {
                fields.push(schema::extra_field(field.name()));
                arrays.push(cast(array, &DataType::Float64).map_err(broken)?);
            }
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)?;
        found.append(&mut schema::from_batch(&batch, file, found.len())?);
    }
    Ok(found)
}

/// A column of an export with the type that it has in a benchmark.
fn as_stored(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match data_type {
        DataType::List(_) if *array.data_type() == DataType::Utf8 => lists_of_texts(array.as_string()),
        DataType::List(_) => Ok(Arc::new(without_nulls(array.as_list_opt().ok_or_else(|| other_type(array, data_type))?))),
        DataType::Timestamp(..) => {
            let moments = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| other_type(array, data_type))?;
            Ok(Arc::new(moments.clone().with_timezone("UTC")))
        }
        other => cast(array, other),
    }
}

fn other_type(array: &ArrayRef, expected: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!("expected {expected}, found {}", array.data_type()))
}

/// Lists of numbers from JSON text. Null stands for a number that is not finite: it becomes none.
fn lists_of_texts(texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    let mut lists = ListBuilder::new(Float32Builder::new());
    for text in texts {
        let numbers = text.map(serde_json::from_str::<Vec<Option<f32>>>).transpose();
        let numbers = numbers.map_err(|error| ArrowError::ParseError(error.to_string()))?;
        lists.append_option(numbers.map(|numbers| numbers.into_iter().map(|number| Some(number.unwrap_or(f32::NAN)))));
    }
    Ok(Arc::new(lists.finish()))
}

/// The same lists with null, which stands for a number that is not finite, as no number.
fn without_nulls(lists: &ListArray) -> ListArray {
    let numbers = |list: ArrayRef| -> Vec<Option<f32>> {
        list.as_primitive::<Float32Type>().iter().map(|number| Some(number.unwrap_or(f32::NAN))).collect()
    };
    ListArray::from_iter_primitive::<Float32Type, _, _>(lists.iter().map(|list| list.map(numbers)))
}
