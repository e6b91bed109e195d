//! `nasbench merge`: merges benchmarks of one identity.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use nasbench::record;
use nasbench::table;

use super::outputs::utf8;
use super::steps::Steps;
use super::{Global, benchmark, note};
use nasbench::print::thousands;

/// Merge benchmarks of the same space, data, protocol and seed that were recorded in parts.
///
/// Each may hold other cells, budgets or repeats: machines without a shared disk each record a part, and the parts are merged afterwards. A
/// benchmark of another kind is refused, with the difference. A model in several benchmarks is taken once if its results are equal, apart
/// from times; if not, the command names the cell, the place and the difference, and writes nothing: a machine computed wrongly, or a file
/// was edited by hand.
///
/// The new benchmark is compacted. It is written completely or not at all; the inputs stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nasbench merge monday tuesday --out week")]
pub(super) struct Arguments {
    /// Folders of the benchmarks.
    #[arg(required = true, num_args = 2.., value_name = "BENCH")]
    benchmarks: Vec<PathBuf>,

    /// Folder of the merged benchmark; it must be new or empty.
    #[arg(long, value_name = "BENCH")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let Arguments { benchmarks, out } = arguments;
    benchmark::check_not_shipped(out)?;
    utf8(out)?;
    let open = |folder: &PathBuf| benchmark::open(folder);
    let sources = benchmarks.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
    for source in &sources {
        if let Some(journal) = record::journals(source).context("could not read a benchmark")?.first() {
            let folder = source.folder().display();
            bail!(
                "somebody records into `{folder}`, or was killed: `{}` holds rows that stand in no shard yet\nhint: `nasbench compact \
                {folder}` brings them in when the recording is over",
                journal.display()
            );
        }
    }
    let steps = Steps::new(global.quiet);
    let merged = table::merge(&sources, out, &|step, done, all| steps.observe("rows", step, done, all));
    steps.finish();
    let merged = merged.context("could not merge the benchmarks")?;
    let revisions = merged.benchmark.revisions().context("could not read the benchmark")?;
    if let Some(warning) = revisions.warning().filter(|_| !global.quiet) {
        note(format_args!("warning: {warning}"));
    }
    let mut text = std::io::stdout().lock();
    writeln!(text, "merged {} benchmarks: {} rows", sources.len(), thousands(merged.rows))?;
    if merged.verified > 0 {
        writeln!(text, "  {} rows of verification", thousands(merged.verified))?;
    }
    if merged.repeated > 0 {
        writeln!(text, "  {} stood in more than one, with the same results", thousands(merged.repeated))?;
    }
    writeln!(text, "benchmark: {}", out.display())?;
    Ok(())
}
