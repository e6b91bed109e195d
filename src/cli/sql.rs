//! The SQL of `nasbench query`: a polars result as a table.

use std::ffi::OsString;
use std::io::Write as _;

use anyhow::Context as _;
use clap::ValueEnum as _;
use nasbench::interchange::sql::{self, Frame};
use nasbench::table::Benchmark;

use super::format::{Format, Table};
use super::guarded;

/// The default number of rows in a printed table.
const ROWS: usize = 100;

/// How an error message of this module begins.
const COULD_NOT: &str = "could not answer the SQL";

/// Answers a query and prints the answer as [`print`] does, in a child process whose abort is reported.
pub(super) fn print_guarded(benchmark: &Benchmark, query: &str, rows: Option<usize>, format: Format) -> anyhow::Result<()> {
    let name = format.to_possible_value().context("every format has a name")?;
    let mut arguments: Vec<OsString> = ["query", "--unguarded", "--format", name.get_name()].map(OsString::from).into();
    arguments.push(format!("--sql={query}").into());
    arguments.extend(rows.map(|rows| format!("--rows={rows}").into()));
    arguments.extend(["--".into(), benchmark.folder().into()]);
    match guarded::run(arguments) {
        Some(Err(error)) if error.to_string().starts_with(COULD_NOT) => Err(error),
        Some(ended) => ended.context(COULD_NOT),
        None => print(benchmark, query, rows, format),
    }
}

/// Answers a query and prints the answer: all rows for programs, the first ones for people.
fn print(benchmark: &Benchmark, query: &str, rows: Option<usize>, format: Format) -> anyhow::Result<()> {
    let most = rows.unwrap_or(if format == Format::Table { ROWS } else { usize::MAX });
    let (frame, total) = quietly(|| sql::query_first(benchmark, query, most)).context(COULD_NOT)?;
    let left = total - frame.rows.len();
    let mut out = std::io::stdout().lock();
    table(frame).print(format, &mut out)?;
    if left > 0 && format == Format::Table {
        writeln!(out, "… and {left} more (`--rows` shows more, `--format csv` and `json` have all)")?;
    }
    Ok(())
}

fn table(frame: Frame) -> Table {
    let columns: Vec<_> = frame.columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&columns, &[]);
    for row in frame.rows {
        table.push(row);
    }
    table
}

/// Answers a query in the child process, which [`print_guarded`] starts.
pub(super) fn print_unguarded(benchmark: &Benchmark, query: &str, rows: Option<usize>, format: Format) -> anyhow::Result<()> {
    guarded::watch(COULD_NOT);
    print(benchmark, query, rows, format)
}

/// Runs a closure that may panic and report it: the message would be printed twice.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = run();
    std::panic::set_hook(hook);
    result
}
