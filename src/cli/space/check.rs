//! `nasbench space check`.

use anyhow::bail;
use nasbench::space::{Cell, Space};
use serde_json::Value;

use crate::cli::Global;
use crate::cli::cell::{self, Resolver};
use crate::cli::format::{Format, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    cells: cell::Arguments,

    /// Output format; `json` and `csv` also have the cells as the space has them: pruned, and with the full names of the operations.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, space: &Space, global: &Global) -> anyhow::Result<()> {
    let resolver = Resolver::new(*space);
    let given = arguments.cells.read_each(global)?;
    if given.is_empty() {
        super::exactly::<1>(Vec::new())?;
    }
    let checked: Vec<anyhow::Result<Cell>> =
        given.into_iter().map(|given| given.and_then(|given| resolver.cell(&given))).collect();
    let printed = print(&checked, arguments.format);
    match (checked.iter().filter(|cell| cell.is_err()).count(), checked.len()) {
        (0, _) => printed,
        (1, 1) => bail!("the cell is not one of the space"),
        (wrong, all) => bail!("{wrong} of {all} cells are not cells of the space"),
    }
}

/// Prints a row for each cell, with its number from 1 on, as in messages.
fn print(checked: &[anyhow::Result<Cell>], format: Format) -> anyhow::Result<()> {
    let mut table = Table::new(&["number", "valid", "hash", "problem"], &["adjacency", "operations"]);
    for (place, cell) in checked.iter().enumerate() {
        let (number, valid) = (Value::from(place + 1), Value::from(cell.is_ok()));
        table.push(match cell {
            Ok(cell) => {
                let texts = [cell.adjacency_text(), cell.operations_text()].map(Value::from);
                [vec![number, valid, cell.hash().to_string().into(), Value::Null], texts.to_vec()].concat()
            }
            Err(problem) => vec![number, valid, Value::Null, format!("{problem:#}").into(), Value::Null, Value::Null],
        });
    }
    table.print(format, &mut std::io::stdout().lock())
}
