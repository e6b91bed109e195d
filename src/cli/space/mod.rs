//! `nasbench space`: the cells of a space, and paths between them.

mod check;
mod count;
mod encode;
mod list;
mod moves;
mod rows;
mod sample;
mod show;

use anyhow::Context as _;
use clap::Subcommand;
use nasbench::space::{Cell, Operation, Space};

use super::Global;
use super::lists::Item;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count the cells, by their vertices and by their edges.
    ///
    /// `unique` counts isomorphic cells once, as in NAS-Bench-101; `labelled` counts every numbering of the vertices.
    Count(count::Arguments),
    /// List the cells, isomorphic ones once: the first of the official enumeration.
    ///
    /// The index is dense and never changes; a cell has the same index in a larger space.
    List(list::Arguments),
    /// Check whether each given cell is in the space, and if not, why.
    ///
    /// Every cell is checked, even after an invalid one, in the order of the official program. The exit code is 1 if any cell is not in the
    /// space.
    Check(check::Arguments),
    /// Show a cell: a drawing, its hash and index, its channels and its cost.
    Show(show::Arguments),
    /// List the cells one step from a cell, isomorphic ones once.
    ///
    /// A step flips an edge, changes an operation, or adds or removes a vertex that has one edge in and one edge out, on an edge or beside
    /// the others. Every vertex stays on a path from the input to the output.
    Neighbours(moves::NeighboursArguments),
    /// Draw cells at random; see `nasbench list samplers`.
    Sample(sample::Arguments),
    /// Find a shortest path between two cells, in steps of `nasbench space neighbours`.
    ///
    /// Give two cells: `--hash` twice, or a file with two.
    Path(moves::PathArguments),
    /// Encode cells as rows of numbers in CSV; see `nasbench list encodings`.
    ///
    /// If no cell is given: all of the space.
    Encode(encode::Arguments),
}

/// The space to use.
#[derive(Debug, clap::Args)]
struct Limits {
    /// Maximum number of vertices, including the input and output.
    #[arg(long, global = true, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7), help_heading = "Space")]
    max_vertices: u8,

    /// Maximum number of edges.
    #[arg(long, global = true, default_value_t = 9, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=21), help_heading = "Space")]
    max_edges: u8,

    /// The operations that a vertex may have, separated by commas [default: the three of NAS-Bench-101]; see `nasbench
    /// list operations`.
    #[arg(long, global = true, value_name = "A,B,…", value_delimiter = ',', value_parser = Item(operation), help_heading = "Space")]
    operations: Vec<Operation>,
}

fn operation(name: &str) -> Result<Operation, nasbench::space::Error> {
    Operation::from_name(name)
}

impl Limits {
    fn space(&self) -> anyhow::Result<Space> {
        let space = Space::nas_bench_101().with_max_vertices(self.max_vertices.into())?.with_max_edges(self.max_edges.into())?;
        if self.operations.is_empty() { Ok(space) } else { Ok(space.with_operations(&self.operations)?) }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let space = arguments.limits.space().context("could not make the space")?;
    match &arguments.command {
        Command::Count(count) => count::run(count, &space),
        Command::List(list) => list::run(list, &space),
        Command::Check(check) => check::run(check, &space, global),
        Command::Show(show) => show::run(show, &space, global),
        Command::Neighbours(neighbours) => moves::neighbours(neighbours, &space, global),
        Command::Sample(sample) => sample::run(sample, &space),
        Command::Path(path) => moves::path(path, &space, global),
        Command::Encode(encode) => encode::run(encode, &space, global),
    }
}

/// Returns exactly N cells, or an error.
fn exactly<const N: usize>(cells: Vec<Cell>) -> anyhow::Result<[Cell; N]> {
    let found = cells.len();
    cells.try_into().map_err(|_| {
        let (expected, hint) = match N {
            1 => ("one cell", "`--hash H`, `--matrix M --ops O`, `--edges E --ops O` or `--cell FILE` gives one"),
            _ => ("two cells", "`--hash H --hash H` gives two, and so does `--cell FILE` with a file of two"),
        };
        anyhow::anyhow!("expected {expected}, found {found}\nhint: {hint}")
    })
}
