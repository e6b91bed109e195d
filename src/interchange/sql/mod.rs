//! SQL over a benchmark: polars plans and answers, this file hands it the tables and says in our words what is wrong.
//!
//! A new table is one line in `tables`. What polars would answer wrongly is refused or rewritten in `statement.rs`.

mod arithmetic;
mod error;
mod grouping;
mod naming;
mod rows;
mod statement;
#[cfg(test)]
mod tests;
mod window;

use std::any::Any;

use polars::prelude::{AnyValue, DataType, LazyFrame, PlSmallStr, PolarsError, PolarsResult, SchemaRef, TimeUnit};
use polars::sql::SQLContext;
use serde_json::{Number, Value};

use self::arithmetic::{BEYOND, checked};
pub use self::error::Error;
use self::rows::{Rows, table_error};
use self::statement::{Question, question};
use crate::engine::panic_text;
use crate::table::{Benchmark, Part, Timestamp, columns};
use crate::unit::shortest_decimal;

/// The name of the table with the rows that searches and surrogates see.
const RECORDS: &str = "records";
/// The name of the table with the rows of verification.
const VERIFIED: &str = "verified";

/// The stack of the thread that answers; only what is used of it is ever taken.
const STACK: usize = 256 << 20;

/// The answer to a query: rows under named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows: a value for each column.
    ///
    /// Null stands for null and for a number that is not finite, which JSON lacks. Lists are arrays, moments texts as in
    /// RFC 3339. Single-precision numbers have their own shortest digits: 0.1 is 0.1 and not 0.10000000149011612.
    pub rows: Vec<Vec<Value>>,
}

/// Answers a query in SQL.
///
/// The tables are `records`, the rows that searches and surrogates see, and `verified`, those of verification, if there are
/// any; their columns are those of [`columns`], and each key stands in them once. Only the columns that a query
/// names are read. Nothing is written, whatever the query says.
///
/// Whole numbers are signed and have 64 bits, and others have double precision, whatever the files have; only `seed` uses all 64
/// bits without a sign, and has 128. A sum, difference or product of whole numbers beyond 64 bits is an error. A computed column
/// without a name has its text as its name, as in `count(*)`. Sums and means in floating point
/// are rounded to 15 digits, so that equal ones are equal. Nulls come last in both
/// directions of `order by`. `describe records` answers with the columns, `show tables` with the tables.
///
/// There is no limit to the memory that an answer takes: the caller must know that a join of all rows with all rows fits.
///
/// # Errors
///
/// [`Error::UnknownTable`] or [`Error::UnknownColumn`] if it names what is not there, [`Error::NotAQuery`] if it is no query,
/// [`Error::Sql`] if it cannot be understood or answered, and as [`read`](crate::table::read) for the first damaged file.
///
/// # Example
///
/// ```
/// use nasbench::interchange::sql;
/// use nasbench::table::Benchmark;
///
/// let benchmark = Benchmark::open("tests/data/tiny-benchmark")?;
/// let frame = sql::query(&benchmark, "select vertices, count(*) as models from records group by vertices order by vertices")?;
/// assert_eq!(frame.columns, ["vertices", "models"]);
/// assert_eq!(frame.rows[0][0], 2);
/// # Ok::<(), nasbench::interchange::sql::Error>(())
/// ```
pub fn query(benchmark: &Benchmark, sql: &str) -> Result<Frame, Error> {
    let (frame, _) = answer(benchmark, sql, usize::MAX)?;
    Ok(frame)
}

/// Answers a query in SQL as [`query`] does, with at most `most` rows, and returns their total number, too.
///
/// # Errors
///
/// As [`query`].
pub fn query_first(benchmark: &Benchmark, sql: &str, most: usize) -> Result<(Frame, usize), Error> {
    answer(benchmark, sql, most)
}

fn answer(benchmark: &Benchmark, sql: &str, most: usize) -> Result<(Frame, usize), Error> {
    // A thread of its own: the parser and polars recurse into deep queries, and polars panics on some that it should refuse.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sql".to_owned()).stack_size(STACK);
        let answering = thread.spawn_scoped(scope, || match question(sql)? {
            Question::Rows(sql) => {
                let tables = tables(benchmark)?;
                collect(&tables, &sql, most).map_err(|error| explain(error, &tables))
            }
            Question::Columns { table } => describe(&tables(benchmark)?, &table, most),
        })?;
        answering.join().unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    })
}

/// A table and the names of its columns.
struct Table {
    name: &'static str,
    frame: LazyFrame,
    /// The columns that queries see.
    columns: SchemaRef,
}

fn tables(benchmark: &Benchmark) -> Result<Vec<Table>, Error> {
    let table = |name, part| {
        let rows = Rows::open(benchmark, part)?;
        let broken = |error: PolarsError| Error::Sql { problem: problem(&error) };
        Ok::<_, Error>(Table { name, columns: rows.schema().map_err(broken)?, frame: rows.scan().map_err(broken)? })
    };
    let mut tables = vec![table(RECORDS, Part::Recorded)?];
    if !benchmark.files(Part::Verified)?.is_empty() {
        tables.push(table(VERIFIED, Part::Verified)?);
    }
    Ok(tables)
}

fn collect(tables: &[Table], sql: &str, most: usize) -> PolarsResult<(Frame, usize)> {
    let mut context = SQLContext::new();
    for table in tables {
        context.register(table.name, table.frame.clone());
    }
    let whole = checked(context.execute(sql)?)?;
    let first = whole.head(Some(most));
    let mut rows = vec![Vec::with_capacity(first.width()); first.height()];
    for column in first.columns() {
        for (row, value) in rows.iter_mut().zip(column.as_materialized_series().iter()) {
            row.push(value_of(&value));
        }
    }
    let columns = first.get_column_names().into_iter().map(ToString::to_string).collect();
    Ok((Frame { columns, rows }, whole.height()))
}

/// Answers which columns a table has.
fn describe(tables: &[Table], name: &str, most: usize) -> Result<(Frame, usize), Error> {
    let table = tables.iter().find(|table| table.name == name).ok_or_else(|| unknown_table(name, tables))?;
    let documented = columns();
    let row = |(name, seen): (&PlSmallStr, &DataType)| {
        let documented = documented.iter().find(|column| column.name == name.as_str());
        vec![
            name.as_str().into(),
            type_name(seen).into(),
            documented.is_none_or(|column| column.is_nullable).into(),
            documented.map_or("", |column| column.unit).into(),
            documented.map_or("a column that was kept when its table was imported", |column| column.about).into(),
        ]
    };
    let columns = ["column", "type", "nullable", "unit", "about"].map(ToOwned::to_owned).into();
    let rows = table.columns.iter().take(most).map(row).collect();
    Ok((Frame { columns, rows }, table.columns.len()))
}

/// What SQL calls a type.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int128 => "hugeint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::String => "varchar".to_owned(),
        DataType::Datetime(..) => "timestamp".to_owned(),
        DataType::List(inner) => format!("{}[]", type_name(inner)),
        other => other.to_string(),
    }
}

fn value_of(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(truth) => (*truth).into(),
        // What is computed beyond 64 bits was refused, so that only a cast of a text has no such number.
        whole if whole.is_integer() => {
            let number = whole.extract::<i128>().and_then(Number::from_i128);
            number.map_or_else(|| whole.to_string().into(), Value::Number)
        }
        AnyValue::Float32(number) => Number::from_f64(shortest_decimal(*number)).into(),
        AnyValue::Float64(number) => Number::from_f64(*number).into(),
        AnyValue::Datetime(since, unit, zone) => moment(*since, *unit, zone.is_some()).into(),
        AnyValue::DatetimeOwned(since, unit, zone) => moment(*since, *unit, zone.is_some()).into(),
        AnyValue::List(values) => values.iter().map(|value| value_of(&value)).collect(),
        other => other.get_str().map_or_else(|| other.to_string(), ToOwned::to_owned).into(),
    }
}

fn moment(since: i64, unit: TimeUnit, has_zone: bool) -> String {
    let microseconds = match unit {
        TimeUnit::Nanoseconds => since.div_euclid(1_000),
        TimeUnit::Microseconds => since,
        TimeUnit::Milliseconds => since.saturating_mul(1_000),
    };
    let text = Timestamp(microseconds).to_string();
    if has_zone { text } else { text.trim_end_matches('Z').to_owned() }
}

/// Says in our words what polars says.
fn explain(error: PolarsError, tables: &[Table]) -> Error {
    let innermost = match innermost(error) {
        PolarsError::IO { error, .. } => return table_error(error),
        other => other,
    };
    let said = innermost.to_string();
    let column = match innermost {
        PolarsError::ColumnNotFound(_) | PolarsError::SchemaFieldNotFound(_) => between(&said, "\"", "\""),
        _ => between(&said, "no column named '", "' found in table"),
    };
    if let Some(column) = column {
        return Error::UnknownColumn { column: column.to_owned(), known: known_columns(tables) };
    }
    if let Some(table) = between(&said, "relation '", "' was not found") {
        return unknown_table(table, tables);
    }
    if let Some(column) = between(&said, "duplicate output name '", "'") {
        return Error::Sql {
            problem: format!("two columns of the answer have the name `{column}`: name each of them with `as`"),
        };
    }
    Error::Sql { problem: problem(&innermost) }
}

fn innermost(mut error: PolarsError) -> PolarsError {
    while let PolarsError::Context { error: inner, .. } | PolarsError::ExprContext { error: inner, .. } = error {
        error = *inner;
    }
    error
}

/// Returns the first sentence of what polars says, in the style of our messages.
fn problem(error: &PolarsError) -> String {
    let said = error.to_string();
    if said.contains("polars-big-idx") {
        return format!("a step of the query has more than {} rows, which is more than can be counted", u32::MAX);
    }
    sentence(&said)
}

/// Returns the first sentence of a message, in the style of ours.
fn sentence(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence).trim_end_matches(['.', ':']);
    let sentence = sentence.strip_prefix("sql parser error: ").unwrap_or(sentence);
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}

fn unknown_table(name: &str, tables: &[Table]) -> Error {
    Error::UnknownTable { table: name.to_owned(), known: tables.iter().map(|table| table.name).collect() }
}

/// Returns the text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// Returns the columns of all tables, which are the same for each.
fn known_columns(tables: &[Table]) -> Vec<String> {
    tables.first().map(|table| table.columns.iter_names().map(ToString::to_string).collect()).unwrap_or_default()
}

/// What a panic said, in one line. polars wraps an error of ours into one where it filters the rows of a file.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic_text(panic);
    let problem = match between(&text, BEYOND[0], BEYOND[1]) {
        Some(what) => format!("{}{what}{}", BEYOND[0], BEYOND[1]),
        None => format!("polars cannot do this, and ended with `{}`", text.lines().next().unwrap_or_default()),
    };
    Error::Sql { problem }
}
