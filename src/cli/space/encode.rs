//! `nasbench space encode`.

use clap::builder::PossibleValuesParser;
use nasbench::network::{self, ENCODINGS};
use nasbench::space::{Cell, Encoding, Space};

use crate::cli::Global;
use crate::cli::cell::{BatchArguments, Resolver};

/// Number of cells encoded at a time.
const BATCH: usize = 1_024;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The encoding.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ENCODINGS.iter().map(|encoding| encoding.name)))]
    encoding: String,

    #[command(flatten)]
    cells: BatchArguments,
}

pub(super) fn run(arguments: &Arguments, space: &Space, global: &Global) -> anyhow::Result<()> {
    let encoding = network::encoding(&arguments.encoding).ok_or_else(|| anyhow::anyhow!("clap knows the encodings"))?;
    let resolver = Resolver::new(*space);
    let given = arguments.cells.resolve(global, |given| resolver.cell(given))?;
    let cells = if given.is_empty() { space.cells()? } else { given.found.clone() };
    let printed = print(encoding, space, &cells);
    given.conclude()?;
    printed
}

fn print(encoding: &Encoding, space: &Space, cells: &[Cell]) -> anyhow::Result<()> {
    let width = encoding.width(space);
    let mut batch = vec![0.0; cells.len().min(BATCH) * width];
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(std::iter::once("hash".to_owned()).chain(encoding.columns(space)))?;
    for cells in cells.chunks(BATCH) {
        let batch = &mut batch[..cells.len() * width];
        encoding.encode(space, cells, batch)?;
        for (hash, row) in Cell::hashes(cells).into_iter().zip(batch.chunks(width)) {
            writer.write_field(hash.to_string())?;
            writer.write_record(row.iter().map(ToString::to_string))?;
        }
    }
    Ok(writer.flush()?)
}
