//! The SQL of `nasbench query`: an answer of polars as a table.

use std::io::Write as _;

use anyhow::Context as _;
use nasbench::table::Benchmark;
use nasbench::table::sql::{self, Frame};

use super::format::{Format, Table};

/// The rows that people see if they do not say how many.
const ROWS: usize = 100;

/// Answers a query and prints the answer: all rows for programs, the first ones for people.
pub(super) fn print(benchmark: &Benchmark, query: &str, rows: Option<usize>, format: Format) -> anyhow::Result<()> {
    let most = rows.unwrap_or(if format == Format::Table { ROWS } else { usize::MAX });
    let (frame, total) = quietly(|| sql::query_first(benchmark, query, most)).context("could not answer the SQL")?;
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

/// Runs what may panic and says so itself: the message of the panic would come twice.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = run();
    std::panic::set_hook(hook);
    result
}
