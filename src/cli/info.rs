//! `nasbench info`: the contents of a benchmark, its origin, and how reliable its numbers are.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::record;
use nasbench::report;
use nasbench::table::{Benchmark, Part};

use super::format::ObjectFormat;
use super::{Global, benchmark, watch};

/// Show what a benchmark contains, where it comes from, and how reliable its numbers are.
///
/// The number of cells and trained models at each budget; the ranges of the main columns; the best cells; rank correlations of a smaller
/// budget with a larger one, of validation with test accuracy, and of the halfway with the final accuracy, over all cells and the best
/// tenth; the differences between two trainings of a cell; failures; the data set, protocol, seed, imported files, devices and versions.
/// `--format json` has all of it, with all digits.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the benchmark [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ObjectFormat,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let benchmark = benchmark::open_or_shipped(arguments.benchmark.as_deref(), global)?;
    let summary = benchmark.summary().context("could not read the benchmark")?;
    let text = match arguments.format {
        ObjectFormat::Table => report::info(&summary) + &recording(&benchmark)?,
        ObjectFormat::Json => serde_json::to_string_pretty(&summary)? + "\n",
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The recordings in progress; empty if there are none.
fn recording(benchmark: &Benchmark) -> anyhow::Result<String> {
    let activities = record::activities(benchmark, Part::Recorded).context("could not look at the recording")?;
    Ok(if activities.is_empty() { String::new() } else { format!("\nbeing recorded\n{}", watch::page(benchmark, &activities)) })
}
