//! `nasbench space sample`.

use std::num::NonZeroUsize;

use clap::builder::PossibleValuesParser;
use nasbench::space::{Cell, SAMPLERS, Sampler, Space};
use nasbench::unit::Seed;

use super::rows::{CellFormat, Rows};

/// Number of cells drawn and hashed at a time.
const BATCH: usize = 4_096;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The sampler.
    #[arg(long, value_name = "NAME", default_value = SAMPLERS[0].name(), value_parser = PossibleValuesParser::new(SAMPLERS.iter().map(|sampler| sampler.name())))]
    sampler: String,

    /// Number of cells to draw; a cell may be repeated.
    #[arg(long, default_value_t = NonZeroUsize::MIN, value_name = "N")]
    count: NonZeroUsize,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: CellFormat,
}

pub(super) fn run(arguments: &Arguments, space: &Space) -> anyhow::Result<()> {
    let sampler = SAMPLERS.iter().find(|sampler| sampler.name() == arguments.sampler).copied().unwrap_or_default();
    let mut rng = Seed(arguments.seed).rng();
    let mut draw = || Ok(Sampler::draw(sampler, space, &mut rng).prune()?);
    let mut rows = Rows::new(arguments.format, &[], std::io::stdout().lock())?;
    let mut left = arguments.count.get();
    while left > 0 {
        let cells: Vec<Cell> = (0..left.min(BATCH)).map(|_| draw()).collect::<anyhow::Result<_>>()?;
        for (hash, cell) in Cell::hashes(&cells).into_iter().zip(&cells) {
            rows.push([], hash, cell)?;
        }
        left -= cells.len();
    }
    rows.finish()
}
