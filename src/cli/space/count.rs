//! `nasbench space count`.

use std::collections::BTreeMap;

use nasbench::space::Space;
use serde_json::Value;

use crate::cli::format::{Format, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, space: &Space) -> anyhow::Result<()> {
    let enumeration = space.enumerate()?;
    let mut counts: BTreeMap<(u8, usize), (usize, usize)> = BTreeMap::new();
    for (index, cell) in enumeration.cells().iter().enumerate() {
        for line in [(0, cell.vertices()), (1, cell.edge_count()), (2, 0)] {
            let (unique, labelled) = counts.entry(line).or_default();
            *unique += 1;
            *labelled += enumeration.isomorphs(index);
        }
    }
    let mut table = Table::new(&["vertices", "edges", "unique", "labelled"], &[]);
    for ((kind, number), (unique, labelled)) in counts {
        let (vertices, edges) = match kind {
            0 => (Value::from(number), "any".into()),
            1 => ("any".into(), Value::from(number)),
            _ => ("any".into(), "any".into()),
        };
        table.push([vertices, edges, unique.into(), labelled.into()]);
    }
    table.print(arguments.format, &mut std::io::stdout().lock())
}
