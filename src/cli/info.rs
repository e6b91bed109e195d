//! `nasbench info`: what a benchmark holds, where it comes from, and how far its numbers can be trusted.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::record;
use nasbench::report;
use nasbench::table::{Benchmark, Part};

use super::format::ObjectFormat;
use super::{Global, benchmark, watch};

/// Say what a benchmark holds, where it comes from, and how far its numbers can be trusted.
///
/// How many cells and trained models there are at which budgets; the ranges of the main columns; the best cells; how well
/// a smaller budget ranks the cells of a larger one, validation accuracy those of test accuracy, and the accuracy halfway
/// that of the end, over all cells and among the best tenth; how far two trainings of one cell lie apart; what failed; the
/// data set, protocol, seed, imported files, devices and versions. `--format json` has every digit of all of it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the benchmark [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    /// How to print it.
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

/// What is being recorded at this moment; nothing if nothing is.
fn recording(benchmark: &Benchmark) -> anyhow::Result<String> {
    let activities = record::activities(benchmark, Part::Recorded).context("could not look at the recording")?;
    Ok(if activities.is_empty() { String::new() } else { format!("\nbeing recorded\n{}", watch::page(benchmark, &activities)) })
}
