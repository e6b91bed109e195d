//! Rows that [`export`](crate::interchange::export) wrote, read back as the records that they were.

use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::builder::{Float32Builder, ListBuilder};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::{csv, json};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::is_exported;
use super::kind::Kind;
use super::rows::{Rows, objects, separator};
use super::values::{Ignored, Values};
use super::{Contents, Reading};
use crate::file::mark_length;
use crate::interchange::Error;
use crate::interchange::export::{Format, form_of};
use crate::table::column::COLUMNS;
use crate::table::{self, Record, schema};

/// Rows of a batch.
const BATCH: usize = 8_192;
/// What arrow says before it says that a text is wrong.
const PARSER: &str = "Parser error: ";

/// Reads the rows of a text under a header that has every column.
///
/// # Errors
///
/// [`Error::Unreadable`] if a value is not of the type of its column, and as [`read`](crate::table::read).
pub(super) fn read_text(reading: &Reading<'_>, bytes: &[u8], kind: Kind, header: &[String]) -> Result<Contents, Error> {
    reading.columns.refuse_named(reading.file)?;
    let kept = &reading.kept();
    let values = if header.iter().all(|name| is_ours(name)) {
        vec![Values::default(); header.len()]
    } else {
        values(bytes, kind, header.len(), reading.file)?
    };
    let unread = (0..header.len()).filter(|position| !is_known(&header[*position], kept));
    let ignored = unread.map(|position| Ignored::new(header, position, values[position])).collect();
    let mut contents = Contents { ignored, ..Contents::default() };
    let fields = header.iter().zip(&values).map(|(name, values)| {
        let format = if kind == Kind::Json { Format::JsonLines } else { Format::Csv };
        text_field(name, kept.contains(&name.as_str()).then_some(*values), format)
    });
    // JSON names its columns in each row, so that those that are not read can be left out.
    let fields = fields.filter(|field| kind != Kind::Json || is_known(field.name(), kept));
    let text = Text::cut(bytes, kind, Arc::new(Schema::new(fields.collect::<Vec<_>>())), reading.file)?;
    let read = |rows: Range<usize>| text.records(rows, kept, reading.file);
    match read(0..text.rows.len()) {
        Ok(records) => contents.records = records,
        Err(error) if !reading.keep_going => return Err(error),
        Err(_) => salvage(0..text.rows.len(), &read, &mut contents),
    }
    Ok(contents)
}

/// What the values of each column of a text are.
fn values(bytes: &[u8], kind: Kind, columns: usize, file: &Path) -> Result<Vec<Values>, Error> {
    let mut values = vec![Values::default(); columns];
    let mut rows = Rows::open(bytes.to_vec(), kind, true, file)?;
    loop {
        match rows.next(file) {
            Ok(None) => return Ok(values),
            Ok(Some((_, row))) => values.iter_mut().zip(&row).for_each(|(values, text)| values.take(text)),
            // Whoever reads the row says what is wrong with it.
            Err(_) => {}
        }
    }
}

/// A text that is cut into its rows.
struct Text<'a> {
    kind: Kind,
    schema: SchemaRef,
    separator: u8,
    header: &'a [u8],
    rows: Vec<&'a [u8]>,
}

impl<'a> Text<'a> {
    fn cut(bytes: &'a [u8], kind: Kind, schema: SchemaRef, file: &Path) -> Result<Self, Error> {
        let start = mark_length(bytes);
        if kind == Kind::Json {
            let rows = objects(&bytes[start..], file)?.into_iter().map(str::as_bytes).collect();
            return Ok(Self { kind, schema, separator: b',', header: &[], rows });
        }
        let (separator, start) = separator(bytes, start);
        let text = &bytes[start..];
        let mut reader = ::csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text);
        let mut starts = Vec::new();
        for row in reader.byte_records() {
            let row = row.map_err(|source| Error::unread(file, source))?;
            starts.extend(row.position().and_then(|position| usize::try_from(position.byte()).ok()));
        }
        let header = &text[..starts.first().copied().unwrap_or(text.len())];
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let rows = starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect();
        Ok(Self { kind, schema, separator, header, rows })
    }

    /// Returns the records of some of the rows.
    fn records(&self, rows: Range<usize>, kept: &[&str], file: &Path) -> Result<Vec<Record>, Error> {
        let broken = |source| Error::unread_rows(file, source);
        let schema = SchemaRef::clone(&self.schema);
        if self.kind == Kind::Json {
            let text = self.rows[rows].join(&b'\n');
            let reader = json::ReaderBuilder::new(schema).with_batch_size(BATCH).build(&text[..]).map_err(broken)?;
            return records(reader, kept, file);
        }
        let text = [self.header, &self.rows[rows].concat()].concat();
        let reader = csv::ReaderBuilder::new(schema).with_header(true).with_delimiter(self.separator).with_batch_size(BATCH);
        let batches = reader.build(&text[..]).map_err(broken)?.map(|batch| batch.map_err(in_line_of_file));
        records(batches, kept, file)
    }
}

/// Returns the error of a value in a text, with the number of its line counted from 1: arrow counts them from 0.
fn in_line_of_file(error: ArrowError) -> ArrowError {
    const AT: &str = " at line ";
    let ArrowError::ParseError(text) = &error else { return error };
    let Some((before, rest)) = text.rsplit_once(AT) else { return error };
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    match rest[..digits].parse::<u64>() {
        Ok(line) => ArrowError::ParseError(format!("{before}{AT}{}{}", line + 1, &rest[digits..])),
        Err(_) => error,
    }
}

/// Reads rows that cannot be read together in halves, so that only those are left out that are not right.
fn salvage(rows: Range<usize>, read: &dyn Fn(Range<usize>) -> Result<Vec<Record>, Error>, contents: &mut Contents) {
    match read(rows.clone()) {
        Ok(mut records) => contents.records.append(&mut records),
        Err(error) if rows.len() <= 1 => contents.left_out.add(in_row(error, rows.start)),
        Err(_) => {
            let middle = rows.start + rows.len() / 2;
            salvage(rows.start..middle, read, contents);
            salvage(middle..rows.end, read, contents);
        }
    }
}

/// Returns the error of a row that was read alone, with its number in the file.
fn in_row(error: Error, number: usize) -> Error {
    match error {
        Error::Table(table::Error::Value { file, row, column, expected, found }) => {
            table::Error::Value { file, row: number + row, column, expected, found }.into()
        }
        Error::Unreadable { file, source, .. } => {
            // The line is that of a text of this row alone.
            let text = source.to_string().replace(" for line 2", "");
            let text = text.trim_start_matches(PARSER);
            let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
            Error::unread_rows(&file, ArrowError::ParseError(format!("row {number}: {text}")))
        }
        other => other,
    }
}

/// Reads the rows of a Parquet file.
///
/// # Errors
///
/// [`table::Error::Parquet`] if it is no whole one, [`Error::Foreign`] if another program wrote it, and as [`read`](crate::table::read).
pub(super) fn read_parquet(reading: &Reading<'_>) -> Result<Contents, Error> {
    let broken = |source| table::Error::Parquet { file: reading.file.to_owned(), source };
    let open = fs_err::File::open(reading.file)?.into_parts().0;
    let builder = ParquetRecordBatchReaderBuilder::<File>::try_new(open).map_err(broken)?;
    let ignored = check_columns(builder.schema(), reading, "a Parquet file")?;
    of_batches(reading, builder.with_batch_size(BATCH).build().map_err(broken)?, ignored)
}

/// Reads the rows of an Arrow file.
///
/// # Errors
///
/// [`Error::Unreadable`] if it is no whole one, [`Error::Foreign`] if another program wrote it, and as [`read`](crate::table::read).
pub(super) fn read_arrow(reading: &Reading<'_>, bytes: Vec<u8>) -> Result<Contents, Error> {
    let broken = |source| Error::unread_rows(reading.file, source);
    let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
    let ignored = check_columns(&reader.schema(), reading, "an Arrow file")?;
    of_batches(reading, reader, ignored)
}

/// Reads the rows of the batches of a file.
fn of_batches(
    reading: &Reading<'_>,
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    ignored: Vec<Ignored>,
) -> Result<Contents, Error> {
    let (kept, file) = (&reading.kept(), reading.file);
    let mut contents = Contents { ignored, ..Contents::default() };
    if !reading.keep_going {
        contents.records = records(batches, kept, file)?;
        return Ok(contents);
    }
    let mut first = 0;
    for batch in batches {
        let batch = batch.map_err(|source| Error::unread_rows(file, source))?;
        let read = |rows: Range<usize>| records([Ok(batch.slice(rows.start - first, rows.len()))], kept, file);
        salvage(first..first + batch.num_rows(), &read, &mut contents);
        first += batch.num_rows();
    }
    Ok(contents)
}

/// Returns the columns that are not read, or an error if the file lacks columns of a benchmark.
fn check_columns(found: &SchemaRef, reading: &Reading<'_>, what: &str) -> Result<Vec<Ignored>, Error> {
    let header: Vec<_> = found.fields().iter().map(|field| field.name().clone()).collect();
    if !is_exported(&header) {
        let hint = "write its rows as CSV, whose columns `--column` names";
        let (what, hint) = (format!("{what} that another program wrote"), hint.to_owned());
        return Err(Error::Foreign { file: reading.file.to_owned(), what, hint });
    }
    reading.columns.refuse_named(reading.file)?;
    let kept = reading.kept();
    let is_read = |position: usize| is_known(&header[position], &kept) || schema::is_extra(found.field(position));
    let unread = (0..header.len()).filter(|position| !is_read(*position));
    let ignored = |position: usize| Ignored::new(&header, position, Values::of_type(found.field(position).data_type()));
    Ok(unread.map(ignored).collect())
}

/// Returns whether a column is one of ours, or one that is kept.
fn is_known(name: &str, kept: &[&str]) -> bool {
    kept.contains(&name) || is_ours(name)
}

fn is_ours(name: &str) -> bool {
    COLUMNS.iter().any(|column| column.name == name)
}

/// Returns a column of a text: labels are texts there, and what is not read is one, too. One that is kept comes with its values.
fn text_field(name: &str, kept: Option<Values>, format: Format) -> Field {
    if let Some(values) = kept {
        return schema::extra_field(name, values.extra_type());
    }
    match COLUMNS.iter().find(|column| column.name == name).map(|column| form_of(&column.field(), format)) {
        Some(field) if matches!(field.data_type(), DataType::Dictionary(..)) => field.with_data_type(DataType::Utf8),
        Some(field) => field,
        None => Field::new(name, DataType::Utf8, true),
    }
}

/// Makes records of the batches of a file of any format.
pub(in crate::interchange) fn records(
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    kept: &[&str],
    file: &Path,
) -> Result<Vec<Record>, Error> {
    let broken = |source| Error::unread_rows(file, source);
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
                let no_numbers = || {
                    let (name, found) = (field.name(), field.data_type());
                    ArrowError::CastError(format!("column `{name}`: expected numbers, as the column is kept, found {found}"))
                };
                let data_type = schema::extra_type(field.data_type()).ok_or_else(|| broken(no_numbers()))?;
                arrays.push(converted(array, &data_type).map_err(broken)?);
                fields.push(schema::extra_field(field.name(), data_type));
            }
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)?;
        found.append(&mut schema::from_batch(&batch, file, found.len())?);
    }
    Ok(found)
}

/// Returns the same values in another type. One that has no form there is an error, not null.
fn converted(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, data_type, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Returns a column of an export with the type that it has in a benchmark.
fn as_stored(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match data_type {
        DataType::List(_) if *array.data_type() == DataType::Utf8 => lists_of_texts(array.as_string()),
        DataType::List(_) => Ok(Arc::new(without_nulls(array.as_list_opt().ok_or_else(|| other_type(array, data_type))?))),
        DataType::Timestamp(..) => {
            let moments = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| other_type(array, data_type))?;
            Ok(Arc::new(moments.clone().with_timezone("UTC")))
        }
        other => converted(array, other),
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

/// Returns the same lists with null, which stands for a number that is not finite, as no number.
fn without_nulls(lists: &ListArray) -> ListArray {
    let numbers = |list: ArrayRef| -> Vec<Option<f32>> {
        list.as_primitive::<Float32Type>().iter().map(|number| Some(number.unwrap_or(f32::NAN))).collect()
    };
    ListArray::from_iter_primitive::<Float32Type, _, _>(lists.iter().map(|list| list.map(numbers)))
}
