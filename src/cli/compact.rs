//! `nasbench compact`: merges the shards of a recording.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::print::{file_size, thousands};
use nasbench::record;
use nasbench::table::{Compacted, Part};

use super::steps::Steps;
use super::{Global, benchmark};

/// Merge the shards of a recording into one sorted, indexed file, and remove them.
///
/// A recording writes a shard for every few hundred models. Compaction makes them one file, `records.parquet`: smaller, faster to open,
/// with a cell look-up in milliseconds. Verification rows get their own file in `verified`. Nothing changes for readers of the benchmark,
/// and recording can continue afterwards; compact again then.
///
/// No row is ever at risk. The new file is written beside the shards and read back, every value of every row is compared, and only then are
/// the shards removed. If the command is stopped at any moment, even by a power loss, run it again to finish. The disk must have space for
/// a second copy of the rows. The command fails during a recording into the folder, and if a file is damaged; `nasbench check` then says
/// more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nasbench compact nasbench-run/benchmark")]
pub(super) struct Arguments {
    /// Folder of the benchmark.
    #[arg(value_name = "BENCH")]
    benchmark: PathBuf,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    benchmark::check_not_shipped(&arguments.benchmark)?;
    let benchmark = benchmark::open(&arguments.benchmark)?;
    let steps = Steps::new(global.quiet);
    let compacted = record::compact(&benchmark, &|part, step, done, all| steps.observe(name(part), step, done, all));
    steps.finish();
    let compacted = compacted.context("could not compact the benchmark")?;
    let mut out = std::io::stdout().lock();
    for (part, compacted) in &compacted {
        if let Some(compacted) = compacted {
            writeln!(out, "{}", line(*part, compacted))?;
        }
    }
    if compacted.iter().all(|(_, compacted)| compacted.is_none()) {
        writeln!(out, "nothing to do: there is no shard in `{}`", arguments.benchmark.display())?;
    }
    Ok(())
}

fn line(part: Part, compacted: &Compacted) -> String {
    let Compacted { rows, shards, repeated, bytes_before, bytes } = compacted;
    let twice = if *repeated > 0 { format!(", {} stood twice", thousands(*repeated)) } else { String::new() };
    let plural = if *shards == 1 { "" } else { "s" };
    let (now, before) = (file_size(*bytes), file_size(*bytes_before));
    format!("{}: {} rows of {shards} shard{plural} in one file{twice}; {now} instead of {before}", name(part), thousands(*rows))
}

/// The printed name of a part.
pub(super) const fn name(part: Part) -> &'static str {
    match part {
        Part::Recorded => "recorded",
        Part::Verified => "verified",
    }
}
