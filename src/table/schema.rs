//! Rows as arrow sees them: the schema, and records to batches and back.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::slice;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};

use super::column::{ADJACENCY, COLUMNS, Column, Misfit, OPERATIONS, column, find};
use super::{Error, Number, Record};
use crate::space::{self, Cell};
use crate::unit::Epochs;

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(COLUMNS.iter().map(Column::field).collect::<Vec<_>>())));

/// Returns the schema of every file of a benchmark; behind these columns a file may have extra ones, which were imported.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The columns in which two recordings of one task may differ: see [`Record::is_same_result`].
const CIRCUMSTANCES: &[&str] = &[
    "start_training_time",
    "halfway_training_time",
    "final_training_time",
    "total_time",
    "wall_time",
    "curve_images_per_second",
    "images_per_second",
    "peak_memory",
    "source",
    "device",
    "recorded_at",
    "tool_version",
    "numerics",
    "training_operations",
];

/// Returns whether a column is one in which two recordings of one task may differ.
pub(super) fn is_circumstance(name: &str) -> bool {
    CIRCUMSTANCES.contains(&name)
}

impl Record {
    /// Returns whether two recordings of one task came to the same: equal but for times, memory and provenance.
    #[must_use]
    pub fn is_same_result(&self, other: &Self) -> bool {
        let is_same = |column: &Column| column.gather(slice::from_ref(self)) == column.gather(slice::from_ref(other));
        self.extra == other.extra && COLUMNS.iter().filter(|column| !is_circumstance(column.name)).all(is_same)
    }
}

/// The key with which the metadata of an extra column says that it is one: then it is no column of another version.
const EXTRA_KEY: &str = "nasbench.extra";

/// Returns an extra column: whole numbers or decimal ones, some of them null.
pub(crate) fn extra_field(name: &str, data_type: DataType) -> Field {
    let metadata = HashMap::from([(EXTRA_KEY.to_owned(), "true".to_owned())]);
    Field::new(name, data_type, true).with_metadata(metadata)
}

/// Returns whether a column is an extra one.
pub(crate) fn is_extra(field: &Field) -> bool {
    field.metadata().contains_key(EXTRA_KEY) && extra_type(field.data_type()).as_ref() == Some(field.data_type())
}

/// Returns the type of the extra column that keeps the values of a column; `None` if they are no numbers.
pub(crate) fn extra_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        number if number.is_integer() => Some(DataType::Int64),
        number if number.is_floating() => Some(DataType::Float64),
        _ => None,
    }
}

/// Returns the schema with extra columns behind all others, sorted by name. One that is decimal anywhere is decimal.
pub(crate) fn with_extra<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> SchemaRef {
    let mut extra: BTreeMap<&str, DataType> = BTreeMap::new();
    for (name, data_type) in columns {
        let found = extra.entry(name).or_insert(DataType::Int64);
        if data_type == DataType::Float64 {
            *found = data_type;
        }
    }
    if extra.is_empty() {
        return schema();
    }
    let fields = COLUMNS.iter().map(Column::field).chain(extra.into_iter().map(|(name, of)| extra_field(name, of)));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the schema with the extra columns of some files.
pub(crate) fn with_extra_of<'a>(files: impl IntoIterator<Item = &'a Schema>) -> SchemaRef {
    let extra = files.into_iter().flat_map(extra_fields);
    with_extra(extra.map(|field| (field.name().as_str(), field.data_type().clone())))
}

/// Returns the schema with the extra columns that some records have.
pub(crate) fn of_records(records: &[Record]) -> SchemaRef {
    let data_type = |number: &Number| if matches!(number, Number::Whole(_)) { DataType::Int64 } else { DataType::Float64 };
    with_extra(records.iter().flat_map(|record| &record.extra).map(|(name, number)| (name.as_str(), data_type(number))))
}

/// Returns the extra columns of a schema.
fn extra_fields(schema: &Schema) -> impl Iterator<Item = &Field> {
    schema.fields().iter().map(AsRef::as_ref).filter(|field| is_extra(field))
}

/// Returns the schema of some columns, in the order of the files.
pub(crate) fn with_names(names: &[&str]) -> SchemaRef {
    let fields = COLUMNS.iter().filter(|column| names.contains(&column.name)).map(Column::field);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Picks the columns of a schema out of a batch, whose types were checked; others are left out. A nullable one that is not there is null.
///
/// `first` is the row of the file with which the batch starts.
///
/// # Errors
///
/// [`Error::Value`] for the first value that cannot be right.
pub(crate) fn project(batch: &RecordBatch, columns: &SchemaRef, file: &Path, first: usize) -> Result<RecordBatch, Error> {
    let array = |field: &Arc<Field>| {
        let nothing = || new_null_array(field.data_type(), batch.num_rows());
        let Some(array) = batch.column_by_name(field.name()) else { return Ok(nothing()) };
        match find(field.name()) {
            Some(column) => {
                column.check(array).map_err(|misfit| misfit.in_file(column.name, file, first))?;
                Ok(ArrayRef::clone(array))
            }
            // Whole in this file, it may be decimal in another one.
            None => Ok(cast(array, field.data_type()).unwrap_or_else(|_| nothing())),
        }
    };
    let arrays = columns.fields().iter().map(array).collect::<Result<_, Error>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(SchemaRef::clone(columns), arrays, &rows).expect("the columns make the schema"))
}

/// Makes a batch of records with all columns that they have.
#[cfg(test)]
pub(crate) fn to_batch(records: &[Record]) -> RecordBatch {
    to_batch_with(records, &of_records(records))
}

/// Makes a batch of records with the columns of a schema, which has every column of ours.
pub(crate) fn to_batch_with(records: &[Record], columns: &SchemaRef) -> RecordBatch {
    let extra = extra_fields(columns).map(|field| -> ArrayRef {
        let numbers = records.iter().map(|record| record.extra.get(field.name()).copied());
        let whole = |number| if let Number::Whole(number) = number { Some(number) } else { None };
        match field.data_type() {
            DataType::Int64 => Arc::new(numbers.map(|number| number.and_then(whole)).collect::<Int64Array>()),
            _ => Arc::new(numbers.map(|number| number.map(Number::to_decimal)).collect::<Float64Array>()),
        }
    });
    let arrays = COLUMNS.iter().map(|column| column.gather(records)).chain(extra).collect();
    RecordBatch::try_new(SchemaRef::clone(columns), arrays).expect("the columns make the schema")
}

/// Makes records of a batch. Columns that this version does not know are left out; nullable ones that a file of an older
/// version lacks are null.
///
/// `first` is the row of the file with which the batch starts.
///
/// # Errors
///
/// [`Error::Column`] or [`Error::Value`] for the first column or value that cannot be right.
pub(crate) fn from_batch(batch: &RecordBatch, file: &Path, first: usize) -> Result<Vec<Record>, Error> {
    let mut records = blank_records(batch, file, first)?;
    for column in COLUMNS {
        let array = batch.column_by_name(column.name);
        column.check_type(array.map(Array::data_type), file)?;
        let Some(array) = array else { continue };
        let put = column.check(array).and_then(|()| column.scatter(array, &mut records));
        put.map_err(|misfit| misfit.in_file(column.name, file, first))?;
    }
    for field in extra_fields(batch.schema_ref()) {
        let array = &batch[field.name().as_str()];
        let numbers: Vec<Option<Number>> = match array.as_primitive_opt::<Int64Type>() {
            Some(whole) => whole.iter().map(|number| number.map(Number::Whole)).collect(),
            None => array.as_primitive::<Float64Type>().iter().map(|number| number.map(Number::Decimal)).collect(),
        };
        for (record, number) in records.iter_mut().zip(numbers) {
            record.extra.extend(number.map(|number| (field.name().clone(), number)));
        }
    }
    Ok(records)
}

/// Returns the records of a batch of which only the cell is known: every other column is checked against it or filled in.
fn blank_records<'a>(batch: &'a RecordBatch, file: &Path, first: usize) -> Result<Vec<Record>, Error> {
    let texts = |name: &str| {
        let array = batch.column_by_name(name);
        column(name).check_type(array.map(Array::data_type), file)?;
        Ok::<_, Error>(array.expect("it must be there").as_string::<i32>())
    };
    let (adjacencies, operations) = (texts(ADJACENCY)?, texts(OPERATIONS)?);
    let mut cells: Vec<Cell> = Vec::new();
    let mut cell_of_row = Vec::with_capacity(batch.num_rows());
    let mut last = None;
    for row in 0..batch.num_rows() {
        let text = |texts: &'a StringArray| if texts.is_null(row) { "" } else { texts.value(row) };
        let texts = (text(adjacencies), text(operations));
        // Rows of one cell mostly stand together.
        if last != Some(texts) {
            let (adjacency, operations) = texts;
            let misfit = |problem: space::Error| Misfit {
                row,
                expected: "a cell".to_owned(),
                found: format!("`{adjacency}` with `{operations}`: {problem}"),
            };
            let cell = Cell::from_texts(adjacency, operations).map_err(misfit);
            cells.push(cell.map_err(|misfit| misfit.in_file(ADJACENCY, file, first))?);
            last = Some(texts);
        }
        cell_of_row.push(cells.len() - 1);
    }
    let hashes = Cell::hashes(&cells);
    let blank = |index: usize| Record::blank_with_hash(hashes[index], cells[index], Epochs(0), 0);
    Ok(cell_of_row.into_iter().map(blank).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, UInt8Array};

    use super::*;
    use crate::table::Status;

    fn record() -> Record {
        Record::blank(Cell::from_texts("010001000", "input,maxpool3x3,output").unwrap(), Epochs(4), 0)
    }

    /// Returns the message about a batch of three records in which one column is replaced.
    fn message_with(column: &str, array: ArrayRef) -> String {
        let batch = to_batch(&[record(), record(), record()]);
        let mut columns = batch.columns().to_vec();
        let index = schema().index_of(column).unwrap();
        let mut fields: Vec<_> = schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields[index] = fields[index].clone().with_data_type(array.data_type().clone()).with_nullable(true);
        columns[index] = array;
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        from_batch(&batch, Path::new("a.parquet"), 10).unwrap_err().to_string()
    }

    #[test]
    fn names_of_columns_are_unique() {
        let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len());
    }

    #[test]
    fn the_columns_are_those_that_are_documented() {
        let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        let documented = "module_hash module_adjacency module_operations vertices edges epochs repeat seed trainable_parameters \
            flops start_training_time start_train_accuracy start_validation_accuracy start_test_accuracy halfway_training_time \
            halfway_train_accuracy halfway_validation_accuracy halfway_test_accuracy final_training_time final_train_accuracy \
            final_validation_accuracy final_test_accuracy total_time wall_time curve_train_loss curve_train_accuracy \
            curve_validation_accuracy curve_learning_rate curve_gradient_norm curve_images_per_second images_per_second peak_memory \
            macro_roc_auc macro_f1 status source device recorded_at tool_version numerics training_operations";
        assert_eq!(names, documented.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn what_a_source_lacks_is_null() {
        let batch = to_batch(&[record()]);
        let nulls: Vec<_> = COLUMNS.iter().filter(|column| batch[column.name].is_null(0)).map(|column| column.name).collect();
        let lacking = "seed start_train_accuracy start_validation_accuracy start_test_accuracy halfway_train_accuracy \
            halfway_validation_accuracy halfway_test_accuracy final_train_accuracy final_validation_accuracy final_test_accuracy \
            wall_time curve_train_loss curve_train_accuracy curve_validation_accuracy curve_learning_rate curve_gradient_norm \
            curve_images_per_second images_per_second peak_memory macro_roc_auc macro_f1 device recorded_at numerics training_operations";
        assert_eq!(nulls, lacking.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn every_status_reads_back() {
        let records: Vec<_> = crate::table::STATUSES.iter().map(|status| Record { status: *status, ..record() }).collect();
        assert_eq!(from_batch(&to_batch(&records), Path::new("a.parquet"), 0).unwrap(), records);
        assert_eq!(records[1].status, Status::Diverged);
    }

    #[test]
    fn a_value_that_cannot_be_right_is_named_with_file_row_and_column() {
        let hash = record().hash.to_string();
        let hashes = StringArray::from(vec![hash.as_str(), hash.as_str(), "28cfc7874f6d200472e1a9dcd8650aa0"]);
        assert_eq!(
            message_with("module_hash", Arc::new(hashes)),
            format!(
                "`a.parquet`, row 12, column `module_hash`: expected {hash}, the hash of the cell, \
                found \"28cfc7874f6d200472e1a9dcd8650aa0\""
            )
        );
        let accuracies = Float32Array::from(vec![None, Some(1.5), None]);
        assert_eq!(
            message_with("final_test_accuracy", Arc::new(accuracies)),
            "`a.parquet`, row 11, column `final_test_accuracy`: expected a fraction from 0 to 1, found 1.5"
        );
        let labels =
            vec!["ok", "ok", "perfect"].into_iter().collect::<arrow::array::DictionaryArray<arrow::datatypes::Int32Type>>();
        assert_eq!(
            message_with("status", Arc::new(labels)),
            "`a.parquet`, row 12, column `status`: expected one of ok, diverged, failed, found \"perfect\""
        );
        let edges = UInt8Array::from(vec![Some(2), None, Some(2)]);
        assert_eq!(message_with("edges", Arc::new(edges)), "`a.parquet`, row 11, column `edges`: expected a value, found null");
        let adjacencies = StringArray::from(vec!["010001000", "000000000", "010001000"]);
        assert_eq!(
            message_with("module_adjacency", Arc::new(adjacencies)),
            "`a.parquet`, row 11, column `module_adjacency`: expected a cell, found `000000000` with `input,maxpool3x3,output`: \
            the cell is disconnected: no path leads from the input to the output"
        );
    }

    #[test]
    fn a_nullable_column_that_a_file_lacks_is_null() {
        let whole = Record { device: Some("a device".to_owned()), ..record() };
        let batch = to_batch(std::slice::from_ref(&whole));
        let required: Vec<_> = (0..COLUMNS.len()).filter(|index| !COLUMNS[*index].field().is_nullable()).collect();
        let batch = batch.project(&required).unwrap();
        assert_eq!(from_batch(&batch, Path::new("a.parquet"), 0).unwrap(), [record()]);
        assert_eq!(project(&batch, &schema(), Path::new("a.parquet"), 0).unwrap(), to_batch(&[record()]));
    }

    #[test]
    fn an_extra_column_is_whole_unless_it_is_decimal_anywhere() {
        let of = |number: Number| Record { extra: BTreeMap::from([("energy".to_owned(), number)]), ..record() };
        let (whole, decimal) = (of(Number::Whole(1 << 60 | 1)), of(Number::Decimal(0.5)));
        let batch = to_batch(std::slice::from_ref(&whole));
        assert_eq!(batch["energy"].data_type(), &DataType::Int64);
        assert_eq!(from_batch(&batch, Path::new("a.parquet"), 0).unwrap(), [whole]);
        let both = of_records(&[of(Number::Whole(3)), decimal.clone()]);
        assert_eq!(both.field_with_name("energy").unwrap().data_type(), &DataType::Float64);
        let batch = project(&to_batch(&[of(Number::Whole(3)), record()]), &both, Path::new("a.parquet"), 0).unwrap();
        assert_eq!(from_batch(&batch, Path::new("a.parquet"), 0).unwrap(), [of(Number::Decimal(3.0)), record()]);
    }

    #[test]
    fn a_column_of_another_type_is_named() {
        let numbers = Float32Array::from(vec![1.0, 2.0, 3.0]);
        assert_eq!(message_with("epochs", Arc::new(numbers)), "`a.parquet`, column `epochs`: expected UInt16, found Float32");
        let batch = to_batch(&[record()]).project(&[0]).unwrap();
        let message = from_batch(&batch, Path::new("a.parquet"), 0).unwrap_err().to_string();
        assert_eq!(message, "`a.parquet`, column `module_adjacency`: expected Utf8, found no such column");
    }
}
