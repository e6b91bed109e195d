//! The columns of a row: each with its name, its type, and how a record gives its value and takes it back.
//!
//! A new column is one entry of [`COLUMNS`]. [`Column::check`] says which values a file cannot have.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, ListArray, PrimitiveArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int32Type, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

use super::Error;
use super::record::{Record, SOURCES, STATUSES, Source, Status, Timestamp};
use crate::space::Spec;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};

/// Reads the value of a record; `None` is written as null.
type Give<T> = fn(&Record) -> Option<T>;
/// Puts a value that was checked into a record.
type Put<T> = fn(&mut Record, T);

/// One column of a row.
pub(crate) struct Column {
    /// The name in every file.
    pub(crate) name: &'static str,
    nullable: bool,
    access: Access,
    unit: &'static str,
    about: &'static str,
}

/// A description of a column of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDescription {
    /// The name in every file, and in SQL.
    pub name: &'static str,
    /// Whether a row may have no value.
    pub is_nullable: bool,
    /// The unit of the values; empty if they have none.
    pub unit: &'static str,
    /// The meaning of the values.
    pub about: &'static str,
}

/// Describes every column of a benchmark, in the order of the files.
///
/// # Example
///
/// ```
/// use nasbench::table::columns;
///
/// let flops = columns().into_iter().find(|column| column.name == "flops").unwrap();
/// assert_eq!((flops.unit, flops.is_nullable), ("operations", false));
/// ```
#[must_use]
pub fn columns() -> Vec<ColumnDescription> {
    let description = |column: &Column| ColumnDescription {
        name: column.name,
        is_nullable: column.nullable,
        unit: column.unit,
        about: column.about,
    };
    COLUMNS.iter().map(description).collect()
}

/// The type of a column, and the way from a record and back.
enum Access {
    /// A text that the cell implies, and how a message names it.
    OfCell(fn(&Record) -> String, fn(&String) -> String),
    /// A count that the cell implies.
    CountOfCell(fn(&Spec) -> usize),
    /// A text of which there are few different ones, and those that it can be; any if there are none.
    Label(fn(&Record) -> Option<&str>, fn(&mut Record, &str), fn() -> Vec<&'static str>),
    UInt16(Give<u16>, Put<u16>),
    UInt32(Give<u32>, Put<u32>),
    UInt64(Give<u64>, Put<u64>),
    Float32(Give<f32>, Put<f32>),
    /// Seconds, 0 or more.
    Time(Give<Seconds>, Put<Seconds>),
    /// A fraction from 0 to 1.
    Fraction(fn(&Record) -> Option<Accuracy>, fn(&mut Record) -> &mut Option<Accuracy>),
    /// A list of numbers; an empty one is written as null.
    Curve(fn(&Record) -> &Vec<f32>, fn(&mut Record) -> &mut Vec<f32>),
    /// A moment in UTC.
    Moment(Give<i64>, Put<i64>),
}

/// A value that a column cannot have.
pub(crate) struct Misfit {
    /// The row of the batch, from 0.
    pub(crate) row: usize,
    /// The valid values.
    pub(crate) expected: String,
    /// The value.
    pub(crate) found: String,
}

impl Misfit {
    /// Returns the error about the value in a file; `first` is the row of the file with which the batch starts.
    pub(crate) fn in_file(self, column: &'static str, file: &Path, first: usize) -> Error {
        let Self { row, expected, found } = self;
        Error::Value { file: file.to_owned(), row: first + row, column, expected, found }
    }
}

use Access::{CountOfCell, Curve, Float32, Fraction, Label, Moment, OfCell, Time, UInt16, UInt32, UInt64};

/// Every column, in the order of the files.
pub(crate) const COLUMNS: &[Column] = &[
    required(HASH, OfCell(|r| r.hash.to_string(), |hash| format!("{hash}, the hash of the cell")))
        .about("", "the official hash of the cell, in hexadecimal digits: equal for cells that differ in their numbering only"),
    required(ADJACENCY, OfCell(|r| r.cell.adjacency_text(), as_the_cell))
        .about("", "the matrix of the cell that was trained, row by row: 1 where an edge leads from the row to the column"),
    required(OPERATIONS, OfCell(|r| r.cell.operations_text(), as_the_cell))
        .about("", "the operations of its vertices in the same order, from input to output, with commas between"),
    required("vertices", CountOfCell(Spec::vertices)).about("", "the vertices of the cell, with input and output"),
    required("edges", CountOfCell(Spec::edge_count)).about("", "the edges of the cell"),
    required("epochs", UInt16(|r| Some(r.epochs.0), |r, n| r.epochs = Epochs(n)))
        .about("epochs", "the training budget: each budget is a training of its own"),
    required("repeat", UInt16(|r| Some(r.repeat), |r, n| r.repeat = n))
        .about("", "the number of the training among those of the cell at the budget, from 0; of verification from 100"),
    optional("seed", UInt64(|r| r.seed.map(|seed| seed.0), |r, n| r.seed = Some(Seed(n))))
        .about("", "the seed of the training, 64 bits without a sign; null in imported rows"),
    required("trainable_parameters", UInt32(|r| Some(r.parameters.0), |r, n| r.parameters = Parameters(n)))
        .about("", "the trainable parameters of the network"),
    required("flops", UInt64(|r| Some(r.flops.0), |r, n| r.flops = Flops(n)))
        .about("operations", "floating-point operations of one forward pass of one image, two for a multiply-add; 0 if unknown"),
    required("start_training_time", Time(|r| Some(r.start.training_time), |r, x| r.start.training_time = x))
        .about("seconds", "what the training had cost before the first step: 0"),
    optional("start_train_accuracy", Fraction(|r| r.start.train_accuracy, |r| &mut r.start.train_accuracy))
        .about("fraction", "the accuracy on the training images before the first step"),
    optional("start_validation_accuracy", Fraction(|r| r.start.validation_accuracy, |r| &mut r.start.validation_accuracy))
        .about("fraction", "the accuracy on the validation images before the first step"),
    optional("start_test_accuracy", Fraction(|r| r.start.test_accuracy, |r| &mut r.start.test_accuracy))
        .about("fraction", "the accuracy on the test images before the first step"),
    required("halfway_training_time", Time(|r| Some(r.halfway.training_time), |r, x| r.halfway.training_time = x))
        .about("seconds", "what the training had cost after half of the epochs; 0 if nobody measured it"),
    optional("halfway_train_accuracy", Fraction(|r| r.halfway.train_accuracy, |r| &mut r.halfway.train_accuracy))
        .about("fraction", "the accuracy on the training images after half of the epochs"),
    optional("halfway_validation_accuracy", Fraction(|r| r.halfway.validation_accuracy, |r| &mut r.halfway.validation_accuracy))
        .about("fraction", "the accuracy on the validation images after half of the epochs"),
    optional("halfway_test_accuracy", Fraction(|r| r.halfway.test_accuracy, |r| &mut r.halfway.test_accuracy))
        .about("fraction", "the accuracy on the test images after half of the epochs"),
    required("final_training_time", Time(|r| Some(r.end.training_time), |r, x| r.end.training_time = x))
        .about("seconds", "what the training cost, which searches pay; 0 if nobody measured it"),
    optional("final_train_accuracy", Fraction(|r| r.end.train_accuracy, |r| &mut r.end.train_accuracy))
        .about("fraction", "the accuracy on the training images at the end of the training"),
    optional("final_validation_accuracy", Fraction(|r| r.end.validation_accuracy, |r| &mut r.end.validation_accuracy))
        .about("fraction", "the accuracy on the validation images at the end of the training"),
    optional("final_test_accuracy", Fraction(|r| r.end.test_accuracy, |r| &mut r.end.test_accuracy))
        .about("fraction", "the accuracy on the test images at the end of the training"),
    required("total_time", Time(|r| Some(r.total_time), |r, x| r.total_time = x))
        .about("seconds", "what the training and its evaluations took; 0 if nobody measured it"),
    optional("wall_time", Time(|r| r.wall_time, |r, x| r.wall_time = Some(x)))
        .about("seconds", "what the whole task took by the clock"),
    optional("curve_train_loss", Curve(|r| &r.curves.train_loss, |r| &mut r.curves.train_loss))
        .about("", "the mean training loss of each epoch"),
    optional("curve_train_accuracy", Curve(|r| &r.curves.train_accuracy, |r| &mut r.curves.train_accuracy))
        .about("fraction", "the accuracy on the training images of each epoch"),
    optional("curve_validation_accuracy", Curve(|r| &r.curves.validation_accuracy, |r| &mut r.curves.validation_accuracy))
        .about("fraction", "the accuracy on the validation images after each epoch"),
    optional("curve_learning_rate", Curve(|r| &r.curves.learning_rate, |r| &mut r.curves.learning_rate))
        .about("", "the learning rate at the end of each epoch"),
    optional("curve_gradient_norm", Curve(|r| &r.curves.gradient_norm, |r| &mut r.curves.gradient_norm))
        .about("", "the mean norm of the gradient in each epoch"),
    optional("curve_images_per_second", Curve(|r| &r.curves.images_per_second, |r| &mut r.curves.images_per_second))
        .about("images/second", "how fast each epoch was trained"),
    optional("images_per_second", Float32(|r| r.telemetry.images_per_second, |r, x| r.telemetry.images_per_second = Some(x)))
        .about("images/second", "images trained on in a second, over the whole training"),
    optional("peak_memory", UInt64(|r| r.telemetry.peak_memory, |r, n| r.telemetry.peak_memory = Some(n)))
        .about("bytes", "the memory that the model took with a batch"),
    optional("macro_roc_auc", Float32(|r| r.telemetry.macro_roc_auc, |r, x| r.telemetry.macro_roc_auc = Some(x)))
        .about("fraction", "the area under the ROC curve on the validation images, averaged over classes"),
    optional("macro_f1", Float32(|r| r.telemetry.macro_f1, |r, x| r.telemetry.macro_f1 = Some(x)))
        .about("fraction", "the F1 measure on the validation images, averaged over classes"),
    required(
        "status",
        Label(
            |r| Some(r.status.name()),
            |r, text| r.status = Status::from_name(text).expect("a known label"),
            || STATUSES.iter().map(|status| status.name()).collect(),
        ),
    )
    .about("", "how the training ended: ok, diverged (its loss stopped being a number) or failed"),
    required(
        "source",
        Label(
            |r| Some(r.source.name()),
            |r, text| r.source = Source::from_name(text).expect("a known label"),
            || SOURCES.iter().map(|source| source.name()).collect(),
        ),
    )
    .about("", "where the row comes from: recorded, verified or imported"),
    optional("device", Label(|r| r.device.as_deref(), |r, text| r.device = Some(text.to_owned()), Vec::new))
        .about("", "what trained the model, such as the name of a processor"),
    optional("recorded_at", Moment(|r| r.recorded_at.map(|moment| moment.0), |r, n| r.recorded_at = Some(Timestamp(n))))
        .about("UTC", "when the training ended"),
    required("tool_version", Label(|r| Some(&r.tool_version), |r, text| text.clone_into(&mut r.tool_version), Vec::new))
        .about("", "the version of the program that wrote the row"),
    optional("numerics", Label(|r| r.numerics.as_deref(), |r, text| r.numerics = Some(text.to_owned()), Vec::new))
        .about("", "the revision of the numerics and the vector instructions: with one such text trainings repeat bit for bit"),
    optional(
        "training_operations",
        UInt64(|r| r.training_operations.map(|flops| flops.0), |r, n| r.training_operations = Some(Flops(n))),
    )
    .about(
        "operations",
        "what the training and its evaluations cost, each step counted as three forward passes: a cost that does not drift",
    ),
];

/// The name of the column with the official hash.
pub(crate) const HASH: &str = "module_hash";
/// The name of the column with the matrix of the cell.
pub(crate) const ADJACENCY: &str = "module_adjacency";
/// The name of the column with the operations of the cell.
pub(crate) const OPERATIONS: &str = "module_operations";
/// The name of the column that says how a training ended.
pub(crate) const STATUS: &str = "status";

/// The columns of the evaluations at the start, halfway and at the end: the time, then train, validation and test accuracy.
pub(crate) const EVALUATIONS: [[&str; 4]; 3] = [
    ["start_training_time", "start_train_accuracy", "start_validation_accuracy", "start_test_accuracy"],
    ["halfway_training_time", "halfway_train_accuracy", "halfway_validation_accuracy", "halfway_test_accuracy"],
    ["final_training_time", "final_train_accuracy", "final_validation_accuracy", "final_test_accuracy"],
];

/// Returns the column of a name that the list has.
pub(crate) fn column(name: &str) -> &'static Column {
    find(name).expect("a name of the list")
}

/// Returns the column of a name; `None` if the list does not have it.
pub(crate) fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.name == name)
}

const fn required(name: &'static str, access: Access) -> Column {
    Column { name, nullable: false, access, unit: "", about: "" }
}

const fn optional(name: &'static str, access: Access) -> Column {
    Column { name, nullable: true, access, unit: "", about: "" }
}

/// What is expected instead of a value that is not the one of the cell.
fn as_the_cell<T: Debug>(implied: &T) -> String {
    format!("{implied:?}, as the cell has it")
}

/// Returns a count of vertices or edges as its column holds it.
pub(crate) fn small(count: usize) -> u8 {
    u8::try_from(count).expect("a cell has at most 9 vertices and 36 edges")
}

impl Column {
    /// Says what the values mean, and in which unit they are.
    const fn about(mut self, unit: &'static str, about: &'static str) -> Self {
        (self.unit, self.about) = (unit, about);
        self
    }

    /// Returns the column as arrow describes it.
    pub(crate) fn field(&self) -> Field {
        Field::new(self.name, self.data_type(), self.nullable)
    }

    /// Returns the type of the column.
    pub(crate) fn data_type(&self) -> DataType {
        match self.access {
            OfCell(..) => DataType::Utf8,
            Label(..) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            CountOfCell(..) => DataType::UInt8,
            UInt16(..) => DataType::UInt16,
            UInt32(..) => DataType::UInt32,
            UInt64(..) => DataType::UInt64,
            Float32(..) | Fraction(..) => DataType::Float32,
            Time(..) => DataType::Float64,
            Curve(..) => DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true))),
            Moment(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Returns an error unless a file has the column with its type, or lacks it and may; `None` stands for a file that lacks it.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] if it is another type, or the column must be there.
    pub(crate) fn check_type(&self, found: Option<&DataType>, file: &Path) -> Result<(), Error> {
        let expected = self.data_type();
        if found.map_or(self.nullable, |found| *found == expected) {
            return Ok(());
        }
        let found = found.map_or_else(|| "no such column".to_owned(), ToString::to_string);
        Err(Error::Column { file: file.to_owned(), column: self.name, expected: expected.to_string(), found })
    }

    /// Gathers the values of records.
    ///
    /// # Shapes
    ///
    /// - returns: `[records]`
    pub(crate) fn gather(&self, records: &[Record]) -> ArrayRef {
        match self.access {
            OfCell(text, _) => Arc::new(records.iter().map(|record| Some(text(record))).collect::<StringArray>()),
            CountOfCell(count) => primitive::<UInt8Type, _>(records, |record| Some(small(count(&record.cell)))),
            Label(give, ..) => Arc::new(records.iter().map(give).collect::<DictionaryArray<Int32Type>>()),
            UInt16(give, _) => primitive::<UInt16Type, _>(records, give),
            UInt32(give, _) => primitive::<UInt32Type, _>(records, give),
            UInt64(give, _) => primitive::<UInt64Type, _>(records, give),
            Float32(give, _) => primitive::<Float32Type, _>(records, give),
            Time(give, _) => primitive::<Float64Type, _>(records, |record| give(record).map(|time| time.0)),
            Fraction(give, _) => primitive::<Float32Type, _>(records, |record| give(record).map(Accuracy::fraction)),
            Curve(of, _) => {
                let values = |record| {
                    let curve: &Vec<f32> = of(record);
                    (!curve.is_empty()).then(|| curve.iter().copied().map(Some))
                };
                Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(records.iter().map(values)))
            }
            Moment(give, _) => Arc::new(records.iter().map(give).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        }
    }

    /// Finds the first value of an array that the column cannot have, whatever the cell: a null where there must be a value, a time
    /// below 0, no fraction, an unknown label, null in a list.
    pub(crate) fn check(&self, array: &dyn Array) -> Result<(), Misfit> {
        let missing = array.nulls().filter(|nulls| !self.nullable && nulls.null_count() > 0);
        if let Some(row) = missing.and_then(|nulls| (0..array.len()).find(|row| nulls.is_null(*row))) {
            return Err(Misfit { row, expected: "a value".to_owned(), found: "null".to_owned() });
        }
        match self.access {
            Time(..) => {
                let is_time = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
                all::<Float64Type>(array, is_time, "seconds, 0 or more")
            }
            Fraction(..) => {
                all::<Float32Type>(array, |fraction| Accuracy::from_fraction(fraction).is_some(), "a fraction from 0 to 1")
            }
            Label(.., names) => {
                let labels = array.as_dictionary::<Int32Type>();
                let (texts, names) = (labels.values().as_string::<i32>(), names());
                let is_unknown = |key: usize| !names.is_empty() && !names.contains(&texts.value(key));
                let wrong: Vec<_> = (0..texts.len()).filter(|key| is_unknown(*key)).collect();
                if wrong.is_empty() {
                    return Ok(());
                }
                let is_wrong = |row: &usize| labels.key(*row).is_some_and(|key| wrong.contains(&key));
                let misfit = |row| {
                    let found = labels.key(row).map_or("", |key| texts.value(key));
                    Misfit { row, expected: format!("one of {}", names.join(", ")), found: format!("{found:?}") }
                };
                (0..labels.len()).find(is_wrong).map(misfit).map_or(Ok(()), Err)
            }
            Curve(..) => {
                let has_null = |list: Option<ArrayRef>| list.is_some_and(|list| list.null_count() > 0);
                let row = array.as_list::<i32>().iter().position(has_null);
                let misfit = |row| Misfit { row, expected: "numbers".to_owned(), found: "null among them".to_owned() };
                row.map_or(Ok(()), |row| Err(misfit(row)))
            }
            _ => Ok(()),
        }
    }

    /// Puts the values of an array that was [checked](Self::check) into records.
    ///
    /// # Shapes
    ///
    /// - `array`: `[records]`
    ///
    /// # Errors
    ///
    /// [`Misfit`] for the first value that the cell of its record does not have.
    pub(crate) fn scatter(&self, array: &dyn Array, records: &mut [Record]) -> Result<(), Misfit> {
        match self.access {
            OfCell(implied, expected) => {
                let texts = array.as_string::<i32>();
                // Other programs write hashes with capital letters.
                let is_same = |found: &String, implied: &String| found.eq_ignore_ascii_case(implied);
                return compare(records, |row| texts.value(row).to_owned(), implied, is_same, expected);
            }
            CountOfCell(count) => {
                let counts = array.as_primitive::<UInt8Type>();
                return compare(records, |row| counts.value(row), |record| small(count(&record.cell)), u8::eq, as_the_cell);
            }
            Label(_, put, _) => {
                let labels = array.as_dictionary::<Int32Type>();
                let texts = labels.values().as_string::<i32>();
                let keyed = records.iter_mut().enumerate().filter_map(|(row, record)| Some((labels.key(row)?, record)));
                keyed.for_each(|(key, record)| put(record, texts.value(key)));
            }
            UInt16(_, put) => fill::<UInt16Type>(array, records, put),
            UInt32(_, put) => fill::<UInt32Type>(array, records, put),
            UInt64(_, put) => fill::<UInt64Type>(array, records, put),
            Float32(_, put) => fill::<Float32Type>(array, records, put),
            Time(_, put) => fill::<Float64Type>(array, records, |record, seconds| put(record, Seconds(seconds))),
            Fraction(_, of) => fill::<Float32Type>(array, records, |record, value| *of(record) = Accuracy::from_fraction(value)),
            Moment(_, put) => fill::<TimestampMicrosecondType>(array, records, put),
            Curve(_, of) => {
                for (record, list) in records.iter_mut().zip(array.as_list::<i32>().iter()) {
                    *of(record) = list.map_or_else(Vec::new, |list| list.as_primitive::<Float32Type>().values().to_vec());
                }
            }
        }
        Ok(())
    }
}

/// Returns a column with a number of each row.
pub(super) fn primitive<T: ArrowPrimitiveType, R>(rows: &[R], give: impl Fn(&R) -> Option<T::Native>) -> ArrayRef {
    Arc::new(rows.iter().map(give).collect::<PrimitiveArray<T>>())
}

/// Returns an error for the first number that is not right.
fn all<T: ArrowPrimitiveType>(array: &dyn Array, is_right: impl Fn(T::Native) -> bool, expected: &str) -> Result<(), Misfit> {
    let array = array.as_primitive::<T>();
    // Most arrays have no wrong value, not even one that a null hides.
    if array.values().iter().all(|value| is_right(*value)) {
        return Ok(());
    }
    let wrong =
        array.iter().enumerate().find_map(|(row, value)| value.filter(|value| !is_right(*value)).map(|value| (row, value)));
    let misfit = |(row, value)| Misfit { row, expected: expected.to_owned(), found: format!("{value:?}") };
    wrong.map(misfit).map_or(Ok(()), Err)
}

/// Returns an error for the first value that is not the one that the cell implies.
fn compare<T: Debug>(
    records: &[Record],
    found: impl Fn(usize) -> T,
    implied: impl Fn(&Record) -> T,
    is_same: impl Fn(&T, &T) -> bool,
    expected: impl Fn(&T) -> String,
) -> Result<(), Misfit> {
    for (row, record) in records.iter().enumerate() {
        let (found, implied) = (found(row), implied(record));
        if !is_same(&found, &implied) {
            return Err(Misfit { row, expected: expected(&implied), found: format!("{found:?}") });
        }
    }
    Ok(())
}

/// Puts every number that is not null into its record.
fn fill<T: ArrowPrimitiveType>(array: &dyn Array, records: &mut [Record], put: impl Fn(&mut Record, T::Native)) {
    for (record, value) in records.iter_mut().zip(array.as_primitive::<T>()) {
        if let Some(value) = value {
            put(record, value);
        }
    }
}
