//! The columns of a row: each with its name, its type, and how a record gives its value and takes it back.
//!
//! A new column is one entry of [`COLUMNS`]. What an entry refuses to take back is a damaged or foreign file.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, ListArray, PrimitiveArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int32Type, TimeUnit, TimestampMicrosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use super::Error;
use super::record::{Record, SOURCES, STATUSES, Source, Status, Timestamp};
use crate::space::ModuleHash;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};

/// Reads the value of a record; `None` is written as null.
type Give<T> = fn(&Record) -> Option<T>;
/// Puts a value into a record, or says what was expected.
type Take<T> = fn(&mut Record, T) -> Result<(), String>;

/// One column of a row.
pub(crate) struct Column {
    /// The name in every file.
    pub(crate) name: &'static str,
    nullable: bool,
    access: Access,
    unit: &'static str,
    about: &'static str,
}

/// What a column of a benchmark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDescription {
    /// The name in every file, and in SQL.
    pub name: &'static str,
    /// Whether a row may have no value.
    pub is_nullable: bool,
    /// The unit of the values; empty if they have none.
    pub unit: &'static str,
    /// What the values mean.
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
    Text(Give<String>, Take<String>),
    /// A text of which there are few different ones.
    Label(Give<String>, Take<String>),
    UInt8(Give<u8>, Take<u8>),
    UInt16(Give<u16>, Take<u16>),
    UInt32(Give<u32>, Take<u32>),
    UInt64(Give<u64>, Take<u64>),
    Float32(Give<f32>, Take<f32>),
    Float64(Give<f64>, Take<f64>),
    /// A list of numbers; an empty one is written as null.
    Curve(fn(&Record) -> &Vec<f32>, fn(&mut Record) -> &mut Vec<f32>),
    /// A moment in UTC.
    Moment(Give<i64>, Take<i64>),
}

/// A value that a column cannot have.
pub(crate) struct Misfit {
    /// The row of the batch, from 0.
    pub(crate) row: usize,
    /// What would be right.
    pub(crate) expected: String,
    /// The value.
    pub(crate) found: String,
}

use Access::{Curve, Float32, Float64, Label, Moment, Text, UInt8, UInt16, UInt32, UInt64};

/// Every column, in the order of the files.
pub(crate) const COLUMNS: &[Column] = &[
    required(HASH, Text(|r| Some(r.hash.to_string()), |r, text| check_hash(r.hash, &text)))
        .about("", "the official hash of the cell, in hexadecimal digits: equal for cells that differ in their numbering only"),
    required(ADJACENCY, Text(|r| Some(r.cell.adjacency_text()), |r, text| same(&text, &r.cell.adjacency_text())))
        .about("", "the matrix of the cell that was trained, row by row: 1 where an edge leads from the row to the column"),
    required(OPERATIONS, Text(|r| Some(r.cell.operations_text()), |r, text| same(&text, &r.cell.operations_text())))
        .about("", "the operations of its vertices in the same order, from input to output, with commas between"),
    required("vertices", UInt8(|r| Some(small(r.cell.vertices())), |r, n| same(&n, &small(r.cell.vertices()))))
        .about("", "the vertices of the cell, with input and output"),
    required("edges", UInt8(|r| Some(small(r.cell.edge_count())), |r, n| same(&n, &small(r.cell.edge_count()))))
        .about("", "the edges of the cell"),
    required("epochs", UInt16(|r| Some(r.epochs.0), |r, n| put(&mut r.epochs, Epochs(n))))
        .about("epochs", "the training budget: each budget is a training of its own"),
    required("repeat", UInt16(|r| Some(r.repeat), |r, n| put(&mut r.repeat, n)))
        .about("", "the number of the training among those of the cell at the budget, from 0; of verification from 100"),
    optional("seed", UInt64(|r| r.seed.map(|seed| seed.0), |r, n| put(&mut r.seed, Some(Seed(n)))))
        .about("", "the seed of the training, 64 bits without a sign; null in imported rows"),
    required("trainable_parameters", UInt32(|r| Some(r.parameters.0), |r, n| put(&mut r.parameters, Parameters(n))))
        .about("", "the trainable parameters of the network"),
    required("flops", UInt64(|r| Some(r.flops.0), |r, n| put(&mut r.flops, Flops(n))))
        .about("operations", "floating-point operations of one forward pass of one image, two for a multiply-add; 0 if unknown"),
    required("start_training_time", Float64(|r| Some(r.start.training_time.0), |r, x| put_time(&mut r.start.training_time, x)))
        .about("seconds", "what the training had cost before the first step: 0"),
    optional(
        "start_train_accuracy",
        Float32(|r| fraction(r.start.train_accuracy), |r, x| put_accuracy(&mut r.start.train_accuracy, x)),
    )
    .about("fraction", "the accuracy on the training images before the first step"),
    optional(
        "start_validation_accuracy",
        Float32(|r| fraction(r.start.validation_accuracy), |r, x| put_accuracy(&mut r.start.validation_accuracy, x)),
    )
    .about("fraction", "the accuracy on the validation images before the first step"),
    optional(
        "start_test_accuracy",
        Float32(|r| fraction(r.start.test_accuracy), |r, x| put_accuracy(&mut r.start.test_accuracy, x)),
    )
    .about("fraction", "the accuracy on the test images before the first step"),
    required(
        "halfway_training_time",
        Float64(|r| Some(r.halfway.training_time.0), |r, x| put_time(&mut r.halfway.training_time, x)),
    )
    .about("seconds", "what the training had cost after half of the epochs; 0 if nobody measured it"),
    optional(
        "halfway_train_accuracy",
        Float32(|r| fraction(r.halfway.train_accuracy), |r, x| put_accuracy(&mut r.halfway.train_accuracy, x)),
    )
    .about("fraction", "the accuracy on the training images after half of the epochs"),
    optional(
        "halfway_validation_accuracy",
        Float32(|r| fraction(r.halfway.validation_accuracy), |r, x| put_accuracy(&mut r.halfway.validation_accuracy, x)),
    )
    .about("fraction", "the accuracy on the validation images after half of the epochs"),
    optional(
        "halfway_test_accuracy",
        Float32(|r| fraction(r.halfway.test_accuracy), |r, x| put_accuracy(&mut r.halfway.test_accuracy, x)),
    )
    .about("fraction", "the accuracy on the test images after half of the epochs"),
    required("final_training_time", Float64(|r| Some(r.end.training_time.0), |r, x| put_time(&mut r.end.training_time, x)))
        .about("seconds", "what the training cost, which searches pay; 0 if nobody measured it"),
    optional(
        "final_train_accuracy",
        Float32(|r| fraction(r.end.train_accuracy), |r, x| put_accuracy(&mut r.end.train_accuracy, x)),
    )
    .about("fraction", "the accuracy on the training images at the end of the training"),
    optional(
        "final_validation_accuracy",
        Float32(|r| fraction(r.end.validation_accuracy), |r, x| put_accuracy(&mut r.end.validation_accuracy, x)),
    )
    .about("fraction", "the accuracy on the validation images at the end of the training"),
    optional("final_test_accuracy", Float32(|r| fraction(r.end.test_accuracy), |r, x| put_accuracy(&mut r.end.test_accuracy, x)))
        .about("fraction", "the accuracy on the test images at the end of the training"),
    required("total_time", Float64(|r| Some(r.total_time.0), |r, x| put_time(&mut r.total_time, x)))
        .about("seconds", "what the training and its evaluations took; 0 if nobody measured it"),
    optional("wall_time", Float64(|r| r.wall_time.map(|time| time.0), |r, x| put_time(r.wall_time.get_or_insert_default(), x)))
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
    optional(
        "images_per_second",
        Float32(|r| r.telemetry.images_per_second, |r, x| put(&mut r.telemetry.images_per_second, Some(x))),
    )
    .about("images/second", "images trained on in a second, over the whole training"),
    optional("peak_memory", UInt64(|r| r.telemetry.peak_memory, |r, n| put(&mut r.telemetry.peak_memory, Some(n))))
        .about("bytes", "the memory that the model took with a batch"),
    optional("macro_roc_auc", Float32(|r| r.telemetry.macro_roc_auc, |r, x| put(&mut r.telemetry.macro_roc_auc, Some(x))))
        .about("fraction", "the area under the ROC curve on the validation images, averaged over classes"),
    optional("macro_f1", Float32(|r| r.telemetry.macro_f1, |r, x| put(&mut r.telemetry.macro_f1, Some(x))))
        .about("fraction", "the F1 measure on the validation images, averaged over classes"),
    required(
        "status",
        Label(|r| Some(r.status.name().to_owned()), |r, text| put_one_of(&mut r.status, STATUSES, Status::name, &text)),
    )
    .about("", "how the training ended: ok, diverged (its loss stopped being a number) or failed"),
    required(
        "source",
        Label(|r| Some(r.source.name().to_owned()), |r, text| put_one_of(&mut r.source, SOURCES, Source::name, &text)),
    )
    .about("", "where the row comes from: recorded, verified or imported"),
    optional("device", Label(|r| r.device.clone(), |r, text| put(&mut r.device, Some(text))))
        .about("", "what trained the model, such as the name of a processor"),
    optional("recorded_at", Moment(|r| r.recorded_at.map(|moment| moment.0), |r, n| put(&mut r.recorded_at, Some(Timestamp(n)))))
        .about("UTC", "when the training ended"),
    required("tool_version", Label(|r| Some(r.tool_version.clone()), |r, text| put(&mut r.tool_version, text)))
        .about("", "the version of the program that wrote the row"),
    optional("numerics", Label(|r| r.numerics.clone(), |r, text| put(&mut r.numerics, Some(text))))
        .about("", "the revision of the numerics and the vector instructions: with one such text trainings repeat bit for bit"),
    optional(
        "training_operations",
        UInt64(|r| r.training_operations.map(|flops| flops.0), |r, n| put(&mut r.training_operations, Some(Flops(n)))),
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

/// The column of a name that the list has.
pub(crate) fn column(name: &str) -> &'static Column {
    COLUMNS.iter().find(|column| column.name == name).expect("a name of the list")
}

const fn required(name: &'static str, access: Access) -> Column {
    Column { name, nullable: false, access, unit: "", about: "" }
}

const fn optional(name: &'static str, access: Access) -> Column {
    Column { name, nullable: true, access, unit: "", about: "" }
}

#[expect(clippy::unnecessary_wraps, reason = "it is the simplest of the ways to take a value back, which may fail")]
fn put<T>(place: &mut T, value: T) -> Result<(), String> {
    *place = value;
    Ok(())
}

fn put_time(place: &mut Seconds, seconds: f64) -> Result<(), String> {
    if !(seconds.is_finite() && seconds >= 0.0) {
        return Err("seconds, 0 or more".to_owned());
    }
    put(place, Seconds(seconds))
}

fn put_accuracy(place: &mut Option<Accuracy>, fraction: f32) -> Result<(), String> {
    let accuracy = Accuracy::from_fraction(fraction).ok_or("a fraction from 0 to 1")?;
    put(place, Some(accuracy))
}

fn put_one_of<T: Copy>(place: &mut T, known: &[T], name: fn(T) -> &'static str, text: &str) -> Result<(), String> {
    let found = known.iter().copied().find(|one| name(*one) == text);
    let list = || known.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
    put(place, found.ok_or_else(|| format!("one of {}", list()))?)
}

/// Passes a value that the cell of the record implies.
fn same<T: PartialEq + Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{expected:?}, as the cell has it")) }
}

/// Passes the text of the hash that was computed of the cell.
fn check_hash(computed: ModuleHash, text: &str) -> Result<(), String> {
    if ModuleHash::from_hex(text) == Some(computed) { Ok(()) } else { Err(format!("{computed}, the hash of the cell")) }
}

fn fraction(accuracy: Option<Accuracy>) -> Option<f32> {
    accuracy.map(Accuracy::fraction)
}

/// A count of vertices or edges as its column holds it.
fn small(count: usize) -> u8 {
    u8::try_from(count).expect("a cell has at most 9 vertices and 36 edges")
}

impl Column {
    /// Says what the values mean, and in which unit they are.
    const fn about(mut self, unit: &'static str, about: &'static str) -> Self {
        (self.unit, self.about) = (unit, about);
        self
    }

    /// Whether a row may have no value, and a file of an older version no such column.
    pub(crate) const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// The column as arrow describes it.
    pub(crate) fn field(&self) -> Field {
        Field::new(self.name, self.data_type(), self.nullable)
    }

    /// The type of the column.
    pub(crate) fn data_type(&self) -> DataType {
        match self.access {
            Text(..) => DataType::Utf8,
            Label(..) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            UInt8(..) => DataType::UInt8,
            UInt16(..) => DataType::UInt16,
            UInt32(..) => DataType::UInt32,
            UInt64(..) => DataType::UInt64,
            Float32(..) => DataType::Float32,
            Float64(..) => DataType::Float64,
            Curve(..) => DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true))),
            Moment(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Passes the type that the column has in a file; `None` if the file lacks it.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] if it is another one.
    pub(crate) fn check_type(&self, found: Option<&DataType>, file: &Path) -> Result<(), Error> {
        let expected = self.data_type();
        if found == Some(&expected) {
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
            Text(give, _) => Arc::new(records.iter().map(give).collect::<StringArray>()),
            Label(give, _) => {
                let labels: Vec<_> = records.iter().map(give).collect();
                Arc::new(labels.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
            }
            UInt8(give, _) => primitive::<UInt8Type>(records, give),
            UInt16(give, _) => primitive::<UInt16Type>(records, give),
            UInt32(give, _) => primitive::<UInt32Type>(records, give),
            UInt64(give, _) => primitive::<UInt64Type>(records, give),
            Float32(give, _) => primitive::<Float32Type>(records, give),
            Float64(give, _) => primitive::<Float64Type>(records, give),
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

    /// Puts the values of an array of this column's type into records.
    ///
    /// # Shapes
    ///
    /// - `array`: `[records]`
    ///
    /// # Errors
    ///
    /// [`Misfit`] for the first value that cannot be right.
    pub(crate) fn scatter(&self, array: &dyn Array, records: &mut [Record]) -> Result<(), Misfit> {
        match self.access {
            Text(_, take) => {
                let texts = array.as_string::<i32>();
                self.fill(array, records, |row| texts.value(row).to_owned(), take)
            }
            Label(_, take) => {
                let labels = array.as_dictionary::<Int32Type>();
                let texts = labels.values().as_string::<i32>();
                let text = |row| labels.key(row).map_or_else(String::new, |key| texts.value(key).to_owned());
                self.fill(array, records, text, take)
            }
            UInt8(_, take) => self.fill_primitive::<UInt8Type>(array, records, take),
            UInt16(_, take) => self.fill_primitive::<UInt16Type>(array, records, take),
            UInt32(_, take) => self.fill_primitive::<UInt32Type>(array, records, take),
            UInt64(_, take) => self.fill_primitive::<UInt64Type>(array, records, take),
            Float32(_, take) => self.fill_primitive::<Float32Type>(array, records, take),
            Float64(_, take) => self.fill_primitive::<Float64Type>(array, records, take),
            Moment(_, take) => self.fill_primitive::<TimestampMicrosecondType>(array, records, take),
            Curve(_, place) => fill_curve(array.as_list(), records, place),
        }
    }

    fn fill_primitive<T: ArrowPrimitiveType>(
        &self,
        array: &dyn Array,
        records: &mut [Record],
        take: Take<T::Native>,
    ) -> Result<(), Misfit> {
        let values = array.as_primitive::<T>();
        self.fill(array, records, |row| values.value(row), take)
    }

    /// Puts every value that is not null into its record.
    fn fill<T: Debug>(
        &self,
        array: &dyn Array,
        records: &mut [Record],
        value: impl Fn(usize) -> T,
        take: Take<T>,
    ) -> Result<(), Misfit> {
        for (row, record) in records.iter_mut().enumerate() {
            if array.is_null(row) {
                if !self.nullable {
                    return Err(Misfit { row, expected: "a value".to_owned(), found: "null".to_owned() });
                }
                continue;
            }
            let misfit = |expected| Misfit { row, expected, found: format!("{:?}", value(row)) };
            take(record, value(row)).map_err(misfit)?;
        }
        Ok(())
    }
}

fn primitive<T: ArrowPrimitiveType>(records: &[Record], give: Give<T::Native>) -> ArrayRef {
    Arc::new(records.iter().map(give).collect::<PrimitiveArray<T>>())
}

fn fill_curve(lists: &ListArray, records: &mut [Record], place: fn(&mut Record) -> &mut Vec<f32>) -> Result<(), Misfit> {
    for (row, record) in records.iter_mut().enumerate().filter(|(row, _)| !lists.is_null(*row)) {
        let list = lists.value(row);
        if list.null_count() > 0 {
            return Err(Misfit { row, expected: "numbers".to_owned(), found: "null among them".to_owned() });
        }
        *place(record) = list.as_primitive::<Float32Type>().values().to_vec();
    }
    Ok(())
}
