//! SQL over a benchmark: polars plans and answers, this file hands it the tables and says in our words what is wrong.
//!
//! A new table is one line in `tables`.

use std::any::Any;
use std::path::PathBuf;

use polars::io::HiveOptions;
use polars::prelude::{
    AnyValue, LazyFrame, PlRefPath, PolarsError, PolarsResult, ScanArgsParquet, ScanSources, TimeUnit, UniqueKeepStrategy,
    by_name,
};
use polars::sql::SQLContext;
use serde_json::{Number, Value};

use super::reader;
use super::writer::no_rows;
use super::{Benchmark, Error, Part, Timestamp};

/// The name of the table with the rows that searches and surrogates see.
const RECORDS: &str = "records";
/// The name of the table with the rows of verification.
const VERIFIED: &str = "verified";
/// What makes a row unique.
const KEY: [&str; 3] = ["module_hash", "epochs", "repeat"];

/// The longest query, in bytes: deeper nesting than fits into so many would not fit onto a stack.
const LONGEST: usize = 16_384;
/// The stack of the thread that answers; only what is used of it is ever taken.
const STACK: usize = 256 << 20;

/// The words with which what only reads begins.
const QUERIES: &[&str] = &["select", "with", "from", "values", "explain", "show"];

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
/// any; their columns are those of [`schema`](super::schema), and each key stands in them once. Only the columns that a query
/// names are read. Nothing is written, whatever the query says.
///
/// # Errors
///
/// [`Error::UnknownTable`] or [`Error::UnknownColumn`] if it names what is not there, [`Error::NotAQuery`] if it is no query,
/// [`Error::Sql`] if it cannot be understood or answered, and as [`read`](super::read) for the first damaged file.
///
/// # Example
///
/// ```
/// use nasbench::table::{Benchmark, sql};
///
/// let benchmark = Benchmark::open("tests/data/tiny-benchmark")?;
/// let frame = sql::query(&benchmark, "select vertices, count(*) as models from records group by vertices order by vertices")?;
/// assert_eq!(frame.columns, ["vertices", "models"]);
/// assert_eq!(frame.rows[0][0], 2);
/// # Ok::<(), nasbench::table::Error>(())
/// ```
pub fn query(benchmark: &Benchmark, sql: &str) -> Result<Frame, Error> {
    let (columns, rows, _) = answer(benchmark, sql, usize::MAX)?;
    Ok(Frame { columns, rows })
}

/// Answers a query in SQL as [`query`] does, with at most so many rows, and says how many there are.
///
/// # Errors
///
/// As [`query`].
pub fn query_first(benchmark: &Benchmark, sql: &str, most: usize) -> Result<(Frame, usize), Error> {
    let (columns, rows, total) = answer(benchmark, sql, most)?;
    Ok((Frame { columns, rows }, total))
}

type Answer = (Vec<String>, Vec<Vec<Value>>, usize);

fn answer(benchmark: &Benchmark, sql: &str, most: usize) -> Result<Answer, Error> {
    check(sql)?;
    let tables = tables(benchmark)?;
    // A thread of its own: polars recurses into deep queries, and panics on some that it should refuse.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sql".to_owned()).stack_size(STACK);
        let answering = thread.spawn_scoped(scope, || collect(&tables, sql, most))?;
        match answering.join() {
            Ok(answer) => answer.map_err(|error| explain(error, &tables)),
            Err(panic) => Err(Error::Sql { problem: panic_text(panic.as_ref()) }),
        }
    })
}

/// Refuses what is no query, before polars looks at it.
fn check(sql: &str) -> Result<(), Error> {
    if sql.len() > LONGEST {
        return Err(Error::Sql { problem: format!("expected at most {LONGEST} bytes, found {}", sql.len()) });
    }
    let text = without_comments(sql).trim_start_matches(['(', ' ', '\t', '\r', '\n']);
    let word: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if QUERIES.iter().any(|query| word.eq_ignore_ascii_case(query)) {
        return Ok(());
    }
    let found = if word.is_empty() { sql.trim().chars().take(20).collect() } else { word };
    Err(Error::NotAQuery { expected: QUERIES, found })
}

/// The text behind the comments with which it starts.
fn without_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let end = if rest.starts_with("--") {
            rest.find('\n').map(|at| at + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 2)
        } else {
            return rest;
        };
        rest = end.map_or("", |end| rest[end..].trim_start());
    }
}

/// A table and the names of its columns.
struct Table {
    name: &'static str,
    frame: LazyFrame,
    columns: Vec<String>,
}

fn tables(benchmark: &Benchmark) -> Result<Vec<Table>, Error> {
    let mut tables = vec![table(benchmark, RECORDS, Part::Recorded)?];
    if !benchmark.files(Part::Verified)?.is_empty() {
        tables.push(table(benchmark, VERIFIED, Part::Verified)?);
    }
    Ok(tables)
}

/// The rows of a part, each key once: of rows with one key the first is kept, as [`Benchmark::read`] keeps it.
fn table(benchmark: &Benchmark, name: &'static str, part: Part) -> Result<Table, Error> {
    let files = benchmark.files(part)?;
    let schema = reader::columns(&files, benchmark.identity())?;
    let columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut lacks_column = false;
    for file in &files {
        let open = reader::open(file, benchmark.identity())?;
        lacks_column |= columns.iter().any(|column| open.schema().column_with_name(column).is_none());
    }
    let frame = scan(&files, no_rows(schema), lacks_column).map_err(|error| Error::Sql { problem: problem(&error) })?;
    let frame =
        if files.len() > 1 { frame.unique_stable(Some(by_name(KEY, true, false)), UniqueKeepStrategy::First) } else { frame };
    Ok(Table { name, frame, columns })
}

/// `empty` is a file of no rows. `lacks_column`: a file of an older version has not all columns; then they are null.
fn scan(files: &[PathBuf], empty: Vec<u8>, lacks_column: bool) -> PolarsResult<LazyFrame> {
    // A path is a path: no letter of it is a pattern, and no folder of it a column.
    let mut arguments = ScanArgsParquet { glob: false, hive_options: HiveOptions::new_disabled(), ..ScanArgsParquet::default() };
    let without_rows = |arguments: &ScanArgsParquet| {
        let sources = ScanSources::Buffers([empty.clone().into()].into_iter().collect());
        LazyFrame::scan_parquet_sources(sources, arguments.clone())
    };
    if files.is_empty() {
        return without_rows(&arguments);
    }
    if lacks_column {
        arguments.schema = Some(without_rows(&arguments)?.collect_schema()?);
        arguments.allow_missing_columns = true;
    }
    let absolute = |file: &PathBuf| PlRefPath::try_from_pathbuf(std::path::absolute(file)?);
    let paths = files.iter().map(absolute).collect::<PolarsResult<Vec<_>>>()?;
    LazyFrame::scan_parquet_files(paths.into(), arguments)
}

fn collect(tables: &[Table], sql: &str, most: usize) -> PolarsResult<Answer> {
    let mut context = SQLContext::new();
    for table in tables {
        context.register(table.name, table.frame.clone());
    }
    let whole = context.execute(sql)?.collect()?;
    let first = whole.head(Some(most));
    let mut rows = vec![Vec::with_capacity(first.width()); first.height()];
    for column in first.columns() {
        for (row, value) in rows.iter_mut().zip(column.as_materialized_series().iter()) {
            row.push(value_of(&value));
        }
    }
    Ok((first.get_column_names().into_iter().map(ToString::to_string).collect(), rows, whole.height()))
}

fn value_of(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(truth) => (*truth).into(),
        AnyValue::UInt8(number) => (*number).into(),
        AnyValue::UInt16(number) => (*number).into(),
        AnyValue::UInt32(number) => (*number).into(),
        AnyValue::UInt64(number) => (*number).into(),
        AnyValue::Int8(number) => (*number).into(),
        AnyValue::Int16(number) => (*number).into(),
        AnyValue::Int32(number) => (*number).into(),
        AnyValue::Int64(number) => (*number).into(),
        AnyValue::Float32(number) => shortest(*number),
        AnyValue::Float64(number) => Number::from_f64(*number).into(),
        AnyValue::Datetime(since, unit, zone) => moment(*since, *unit, zone.is_some()).into(),
        AnyValue::DatetimeOwned(since, unit, zone) => moment(*since, *unit, zone.is_some()).into(),
        AnyValue::List(values) => values.iter().map(|value| value_of(&value)).collect(),
        other => other.get_str().map_or_else(|| other.to_string(), ToOwned::to_owned).into(),
    }
}

/// The double-precision number that prints with the fewest digits that mean this single-precision one.
fn shortest(number: f32) -> Value {
    number.to_string().parse().ok().and_then(Number::from_f64).into()
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
    let innermost = innermost(error);
    let said = innermost.to_string();
    let column = match innermost {
        PolarsError::ColumnNotFound(_) | PolarsError::SchemaFieldNotFound(_) => between(&said, "\"", "\""),
        _ => between(&said, "no column named '", "' found in table"),
    };
    if let Some(column) = column {
        return Error::UnknownColumn { column: column.to_owned(), known: known_columns(tables) };
    }
    if let Some(table) = between(&said, "relation '", "' was not found") {
        let known = tables.iter().map(|table| table.name).collect();
        return Error::UnknownTable { table: table.to_owned(), known };
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

/// The first sentence of what polars says, in the style of our messages.
fn problem(error: &PolarsError) -> String {
    let said = error.to_string();
    let line = said.lines().next().unwrap_or_default();
    let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence).trim_end_matches(['.', ':']);
    let sentence = sentence.strip_prefix("sql parser error: ").unwrap_or(sentence);
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// The columns of all tables, which are the same for each.
fn known_columns(tables: &[Table]) -> Vec<String> {
    tables.first().map(|table| table.columns.clone()).unwrap_or_default()
}

/// What a panic said, in one line.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.unwrap_or_default().lines().next().unwrap_or_default();
    format!("polars cannot do this, and ended with `{line}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::fixture::{benchmark, records, with_divergence};

    /// The tiny benchmark, with rows of verification.
    fn tiny() -> Benchmark {
        Benchmark::open("tests/data/tiny-benchmark").unwrap()
    }

    fn rows(sql: &str) -> Vec<Vec<Value>> {
        query(&tiny(), sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
    }

    fn message(sql: &str) -> String {
        query(&tiny(), sql).expect_err(sql).to_string()
    }

    #[test]
    fn queries_of_every_day_are_answered() {
        assert_eq!(rows("select count(*) from records"), [[json!(364)]]);
        assert_eq!(
            rows("SELECT epochs, COUNT(DISTINCT module_hash) AS cells FROM records GROUP BY epochs ORDER BY epochs"),
            [[json!(1), json!(91)], [json!(2), json!(91)]]
        );
        let best = rows(
            "select module_hash, avg(final_validation_accuracy) as accuracy from records where epochs = 2 and status = 'ok' \
            group by module_hash order by accuracy desc, module_hash limit 3",
        );
        assert_eq!(best.len(), 3);
        assert!(best[0][1].as_f64() >= best[2][1].as_f64());
        assert!(rows("select count(*) from verified")[0][0].as_u64().unwrap() > 0);
        let joined = rows(
            "with again as (select module_hash, avg(final_test_accuracy) as test from verified group by module_hash) \
            select count(*) from again join records on again.module_hash = records.module_hash where records.repeat = 0",
        );
        assert!(joined[0][0].as_u64().unwrap() > 0);
        assert_eq!(rows("-- how many\n(select distinct status from records)"), [[json!("ok")]]);
    }

    #[test]
    fn values_are_what_the_records_hold() {
        let folder = tempfile::tempdir().unwrap();
        let all = with_divergence(records());
        let benchmark = benchmark(folder.path(), &all, &[]);
        let frame = query(
            &benchmark,
            "select seed, flops, final_validation_accuracy, curve_train_loss, recorded_at, status, device, tool_version, vertices, \
            total_time, module_hash from records",
        )
        .unwrap();
        assert_eq!(frame.columns[..2], ["seed", "flops"]);
        assert_eq!(frame.rows.len(), all.len());
        for (row, record) in frame.rows.iter().zip(&all) {
            assert_eq!(row[0], json!(record.seed.map(|seed| seed.0)));
            assert_eq!(row[1], json!(record.flops.0));
            let digits = record.end.validation_accuracy.map_or("null".to_owned(), |accuracy| accuracy.fraction().to_string());
            assert_eq!(row[2].to_string(), digits);
            let moment = record.recorded_at.map(|moment| moment.to_string());
            assert_eq!(row[4], json!(moment));
            assert_eq!(row[5], record.status.name());
            assert_eq!(row[6], json!(record.device));
            assert_eq!((&row[7], &row[8]), (&json!(record.tool_version), &json!(record.cell.vertices())));
            assert_eq!(row[9], json!(record.total_time.0));
            assert_eq!(row[10], json!(record.hash.to_string()));
        }
        assert_eq!(frame.rows[0][3], json!([1.0, null, null]));
        let curve = frame.rows.iter().find(|row| row[3].is_array() && row[5] == "ok").unwrap();
        assert_eq!(curve[3].to_string(), "[0.1,1e-8,3.4e38]".replace("e38", "e+38"));
    }

    #[test]
    fn a_key_that_stands_in_two_files_is_one_row() {
        let folder = tempfile::tempdir().unwrap();
        let all = records();
        let benchmark = benchmark(folder.path(), &all[..8], &[all[6..].to_vec(), all[5..7].to_vec()]);
        let frame = query(&benchmark, "select count(*), sum(trainable_parameters) from records").unwrap();
        let parameters: u64 = all.iter().map(|record| u64::from(record.parameters.0)).sum();
        assert_eq!(frame.rows, [[json!(all.len()), json!(parameters)]]);
    }

    #[test]
    fn a_column_that_an_older_file_lacks_is_null_beside_newer_files() {
        let sql = "select sum(case when curve_images_per_second is null then 1 else 0 end), count(*) from records";
        assert_eq!(query(&tiny(), sql).unwrap().rows, [[json!(364), json!(364)]]);
        let folder = tempfile::tempdir().unwrap();
        let mut newer = records();
        newer[0].curves.images_per_second = vec![5.0];
        let benchmark = benchmark(folder.path(), &[], &[newer]);
        for name in ["0.parquet", "9.parquet"] {
            let file = benchmark.shards(Part::Recorded).join(name);
            fs_err::copy("tests/data/tiny-benchmark/shards/1.parquet", &file).unwrap();
            assert_eq!(query(&benchmark, sql).unwrap().rows, [[json!(375), json!(376)]], "{name}");
            assert_eq!(benchmark.records().unwrap().len(), 376);
            fs_err::remove_file(file).unwrap();
        }
    }

    #[test]
    fn a_benchmark_without_rows_has_tables_without_rows() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = benchmark(folder.path(), &[], &[]);
        let frame = query(&benchmark, "select epochs, status from records").unwrap();
        assert_eq!((frame.columns.as_slice(), frame.rows.len()), (["epochs".to_owned(), "status".to_owned()].as_slice(), 0));
        let error = query(&benchmark, "select * from verified").unwrap_err().to_string();
        assert_eq!(error, "unknown table `verified` (known: records)");
    }

    #[test]
    fn the_first_rows_are_given_with_how_many_there_are() {
        let (frame, total) = query_first(&tiny(), "select epochs from records order by epochs desc", 2).unwrap();
        assert_eq!((frame.rows, total), (vec![vec![json!(2)], vec![json!(2)]], 364));
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        assert_eq!(message("select * from record"), "unknown table `record` (known: records, verified)");
        for sql in [
            "select acuracy from records",
            "select epochs from records where acuracy > 0.9",
            "select r.acuracy from records as r",
            "select avg(acuracy) from records group by epochs",
            "select epochs from records order by acuracy",
        ] {
            let message = message(sql);
            assert!(message.starts_with("unknown column `acuracy` (known: module_hash, "), "{sql}: {message}");
            assert!(message.ends_with(", tool_version)"), "{sql}: {message}");
        }
    }

    #[test]
    fn two_columns_of_one_name_are_told_to_get_names() {
        for sql in [
            "select min(repeat), max(repeat) from records",
            "select epochs, min(repeat), max(repeat) from records group by epochs",
        ] {
            let expected = "two columns of the answer have the name `repeat`: name each of them with `as`";
            assert!(message(sql).ends_with(expected), "{}", message(sql));
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (sql, found) in [
            ("drop table records", "drop"),
            ("DELETE FROM records", "DELETE"),
            ("create table copy as select * from records", "create"),
            ("-- only a comment", "-- only a comment"),
            ("", ""),
            ("selec epochs from records", "selec"),
            ("/* never closed", "/* never closed"),
        ] {
            let message = message(sql);
            assert!(
                message.ends_with(&format!("found `{found}`")) && message.starts_with("a benchmark is only read"),
                "{message}"
            );
        }
    }

    #[test]
    fn whatever_is_asked_ends_in_an_answer_or_a_message() {
        let deep = format!("select {}1{} from records limit 1", "(".repeat(3_000), ")".repeat(3_000));
        let long = format!("select {} from records limit 1", "1+".repeat(1_000) + "1");
        let too_long = format!("select {} from records", "1+".repeat(10_000) + "1");
        for sql in [
            "select",
            "select from records",
            "select * from records where",
            "select 'a",
            "select epochs from records; select epochs from records",
            "select epochs from records order by 0",
            "select epochs from records order by 99",
            "select epochs from records limit -1",
            "select epochs from records limit 'a'",
            "select epochs / 0, 1 % 0, sqrt(-1) from records limit 1",
            "select cast('x' as int) from records",
            "select sum(status) from records",
            "select status + 1 from records",
            "select curve_train_loss + 'a' from records",
            "select epochs from records group by epochs having nothing",
            "select *, * from records",
            "select epochs, epochs from records",
            "select nothing(epochs) from records",
            "select * from read_parquet('/nowhere')",
            "select * from read_parquet(1)",
            "select * from records, verified limit 3",
            "select * from records a join records b on a.epochs",
            "select (select epochs from records) from records",
            "select epochs from records where epochs in (select status from records)",
            "select epochs from records except select epochs from verified",
            "select epochs from records union select status from records",
            "select substr(status, -1) from records",
            "select cast(recorded_at as date), cast(final_test_accuracy as decimal(5,2)) from records limit 1",
            "select recorded_at - recorded_at from records limit 1",
            "select array_agg(epochs) from records",
            "values (1, 2), (3)",
            "show tables",
            "explain select epochs from records",
            "with recursive r as (select 1) select * from r",
            "select rank() over (partition by epochs order by nothing) from records",
            "select \u{0} from records",
            "select '\u{1F600}' from records limit 1",
            "select 99999999999999999999999999999 from records limit 1",
            "select 1e400 from records limit 1",
            &deep,
            &long,
            &too_long,
        ] {
            if let Err(error) = query(&tiny(), sql) {
                let message = error.to_string();
                assert!(message.len() < 2_000 && message.lines().count() == 1 && message.len() > 5, "{sql}: {message}");
            }
        }
    }
}
