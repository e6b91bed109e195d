//! `nasbench space list`.

use std::num::NonZeroUsize;

use nasbench::space::Space;
use serde_json::Value;

use super::rows::{CellFormat, Rows};
use crate::cli::format::Format;
use crate::cli::note;

/// Default maximum number of rows in a table.
const PAGE: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Output format; `hashes` are sorted, other formats are in the order of the index.
    #[arg(long, value_enum, default_value_t)]
    format: CellFormat,

    /// Print at most N cells [default: 20 in a table, otherwise all].
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
