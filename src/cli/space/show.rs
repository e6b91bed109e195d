//! `nasbench space show`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::file::replace;
use nasbench::network::{self, Cost, Skeleton};
use nasbench::report;
use nasbench::space::{Cell, ModuleHash, Space};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::cli::cell::{BatchArguments, Resolver};
use crate::cli::format::{Format, Table};
use crate::cli::outputs::check_writable;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    cells: BatchArguments,

    /// Also draw the cell to this SVG file; for one cell only.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Overwrite the file of `--svg` if it already exists.
    #[arg(long, requires = "svg")]
    force: bool,

    /// Output format; only `table` has the drawing.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The properties of a cell.
struct Facts {
    cell: Cell,
    hash: ModuleHash,
    index: usize,
    isomorphs: usize,
    neighbours: usize,
    /// The stored cell: the first of its hash in the official enumeration.
    stored: Cell,
    cost: Cost,
    /// The channels of the vertices in the first cell of the network, in the order of the stored vertices.
    channels: Vec<usize>,
}

impl Facts {
    fn of(cell: Cell, space: &Space) -> anyhow::Result<Self> {
        let stored = space.representative(cell)?;
        let skeleton = Skeleton::nas_bench_101();
        Ok(Self {
            cell,
            hash: cell.hash(),
            index: space.index_of(cell)?,
            isomorphs: cell.isomorphs(),
            neighbours: space.distinct_neighbours(&cell).len(),
            stored,
            cost: network::cost(&cell, &skeleton)?,
            channels: network::channels(&stored, skeleton.stem_channels, skeleton.stem_channels)?,
        })
    }

    fn row(&self) -> Vec<Value> {
        vec![
            self.hash.to_string().into(),
            self.index.into(),
            self.cell.vertices().into(),
            self.cell.edge_count().into(),
            self.isomorphs.into(),
            self.neighbours.into(),
            self.cost.parameters.0.into(),
            self.cost.flops.0.into(),
            self.cost.activation_bytes.into(),
            json!(self.channels),
            self.cell.adjacency_text().into(),
            self.cell.operations_text().into(),
            self.stored.adjacency_text().into(),
            self.stored.operations_text().into(),
            self.cost.parameters.0.into(),
        ]
    }

    fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        write!(out, "{}", report::text_of(self.cell))?;
        let channels: Vec<_> = self.channels.iter().map(ToString::to_string).collect();
        let lines = [
            ("hash", self.hash.to_string()),
            ("index", self.index.to_string()),
            ("vertices", self.cell.vertices().to_string()),
            ("edges", self.cell.edge_count().to_string()),
            ("isomorphs", format!("{} numberings of the vertices", self.isomorphs)),
            ("neighbours", self.neighbours.to_string()),
            ("channels", format!("{} in the first cell", channels.join(" "))),
            ("parameters", self.cost.parameters.to_string()),
            ("FLOPs", format!("{} for one image", self.cost.flops)),
            ("memory", format!("{} bytes of activations for one image", self.cost.activation_bytes)),
            ("adjacency", self.cell.adjacency_text()),
            ("operations", self.cell.operations_text()),
        ];
        writeln!(out)?;
        for (name, value) in lines {
            writeln!(out, "{name:<12}{value}")?;
        }
        if self.stored != self.cell {
            writeln!(out, "{:<12}{}, which has the channels and the cost", "recorded as", self.stored)?;
        }
        Ok(())
    }
}

pub(super) fn run(arguments: &Arguments, space: &Space, global: &Global) -> anyhow::Result<()> {
    if let Some(file) = &arguments.svg {
        check_writable(file, arguments.force)?;
    }
    let resolver = Resolver::new(*space);
    let given = arguments.cells.resolve(global, |given| resolver.cell(given))?;
    if given.is_empty() || arguments.svg.is_some() {
        super::exactly::<1>(given.found.clone())?;
    }
    if let (Some(file), Some(cell)) = (&arguments.svg, given.found.first()) {
        let svg = report::svg_of(*cell);
        replace(file, |open| open.write_all(svg.as_bytes())).context("could not draw the cell")?;
    }
    let facts: Vec<_> = given.found.iter().map(|cell| Facts::of(*cell, space)).collect::<Result<_, _>>()?;
    let printed = print(&facts, arguments.format);
    given.conclude()?;
    printed
}

fn print(facts: &[Facts], format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if format == Format::Table {
        for (place, facts) in facts.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            facts.print(&mut out)?;
        }
        return Ok(());
    }
    let columns = [
        "hash",
        "index",
        "vertices",
        "edges",
        "isomorphs",
        "neighbours",
        "trainable_parameters",
        "flops",
        "activation_bytes",
        "channels",
        "adjacency",
        "operations",
        "recorded_adjacency",
        "recorded_operations",
        "recorded_trainable_parameters",
    ];
    let mut table = Table::new(&columns, &[]);
    for facts in facts {
        table.push(facts.row());
    }
    table.print(format, &mut out)
}
