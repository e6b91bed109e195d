//! `nasbench space list`.

use std::num::NonZeroUsize;

use nasbench::space::Space;
use serde_json::Value;

use super::rows::{CellFormat, Rows};
use crate::cli::format::Format;
use crate::cli::note;

/// A table for people stops here unless more is asked for.
const PAGE: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to print it; `hashes` are sorted, the rest stands in the order of the index.
    #[arg(long, value_enum, default_value_t)]
    format: CellFormat,

    /// Print so many cells and no more [default: 20 in a table, all of them otherwise].
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
}

pub(super) fn run(arguments: &Arguments, space: &Space) -> anyhow::Result<()> {
    let enumeration = space.enumerate()?;
    let limit = arguments.limit.map(NonZeroUsize::get);
    let limit = limit.unwrap_or(if arguments.format == CellFormat::Rows(Format::Table) { PAGE } else { usize::MAX });
    let mut rows = Rows::new(arguments.format, &["index", "isomorphs"], std::io::stdout().lock())?;
    let indices: Box<dyn Iterator<Item = usize>> = match arguments.format {
        CellFormat::Hashes => Box::new(enumeration.by_hash().iter().map(|index| *index as usize)),
        CellFormat::Rows(_) => Box::new(0..enumeration.len()),
    };
    for index in indices.take(limit) {
        let own = [Value::from(index), enumeration.isomorphs(index).into()];
        rows.push(own, enumeration.hashes()[index], &enumeration.cells()[index])?;
    }
    rows.finish()?;
    if arguments.limit.is_none() && limit < enumeration.len() {
        note(format_args!("the first {limit} of {} cells; `--limit` shows more", enumeration.len()));
    }
    Ok(())
}
