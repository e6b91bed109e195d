//! `nasbench space neighbours` and `nasbench space path`.

use anyhow::Context as _;
use nasbench::space::{Cell, Space};
use serde_json::Value;

use super::rows::{CellFormat, Rows};
use crate::cli::Global;
use crate::cli::cell::{self, Resolver};

#[derive(Debug, clap::Args)]
pub(super) struct NeighboursArguments {
    #[command(flatten)]
    cells: cell::Arguments,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: CellFormat,
}

#[derive(Debug, clap::Args)]
pub(super) struct PathArguments {
    #[command(flatten)]
    cells: cell::Arguments,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: CellFormat,
}

pub(super) fn neighbours(arguments: &NeighboursArguments, space: &Space, global: &Global) -> anyhow::Result<()> {
    let [cell] = super::exactly(cells(&arguments.cells, space, global)?)?;
    let neighbours = space.distinct_neighbours(&cell);
    let mut rows = Rows::new(arguments.format, &["change"], std::io::stdout().lock())?;
    for (hash, neighbour) in Cell::hashes(&neighbours).into_iter().zip(&neighbours) {
        rows.push([Value::from(change(&cell, neighbour))], hash, neighbour)?;
    }
    rows.finish()
}

pub(super) fn path(arguments: &PathArguments, space: &Space, global: &Global) -> anyhow::Result<()> {
    let [from, to] = super::exactly(cells(&arguments.cells, space, global)?)?;
    let found = space.path(&from, &to);
    // Both cells are of the space, and steps connect each space.
    let path = found.ok_or_else(|| anyhow::anyhow!("no path leads from {from} to {to}"))?;
    let mut rows = Rows::new(arguments.format, &["step", "change"], std::io::stdout().lock())?;
    let mut before = None;
    for (step, (hash, cell)) in Cell::hashes(&path).into_iter().zip(&path).enumerate() {
        let change = before.map_or("start", |before| change(before, cell));
        rows.push([Value::from(step), change.into()], hash, cell)?;
        before = Some(cell);
    }
    rows.finish()
}

/// The given cells, all of them of the space.
fn cells(given: &cell::Arguments, space: &Space, global: &Global) -> anyhow::Result<Vec<Cell>> {
    let (given, resolver) = (given.read(global)?, Resolver::new(*space));
    let cell = |(place, one)| {
        let cell = resolver.cell(one);
        if given.len() > 1 { cell.with_context(|| format!("cell {} of {}", place + 1, given.len())) } else { cell }
    };
    given.iter().enumerate().map(cell).collect()
}

/// A description of what a step changed.
fn change(before: &Cell, after: &Cell) -> &'static str {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match (after.vertices().cmp(&before.vertices()), after.edge_count().cmp(&before.edge_count())) {
        (Greater, _) => "vertex added",
        (Less, _) => "vertex removed",
        (Equal, Greater) => "edge added",
        (Equal, Less) => "edge removed",
        (Equal, Equal) => "operation changed",
    }
}
