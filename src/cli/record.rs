//! `nasbench record`: trains the cells of a space and records what came of it.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context as _, bail};
use nasbench::pipeline::{self, Recording};
use nasbench::unit::Seconds;

use super::outputs::utf8;
use super::progress::Progress;
use super::{Global, benchmark, cell, recording, signals};

/// Train the cells of a space, each at each budget in each repeat, and record the results.
///
/// Every model that is finished is on the disk before its worker begins the next: a recording that is cut, even by `kill -9` or
/// a loss of power, loses at most the models in training, and the same command continues it. So does one with more budgets,
/// repeats or vertices: what is recorded is never trained again. A long training saves a checkpoint each minute. On SIGTERM
/// or Ctrl-C every training saves one and the command ends within seconds; a second Ctrl-C ends it at once.
///
/// Cells that are named, as in `--hash @FILE`, are trained alone: that is how some cells of a table are trained more often than others.
///
/// Several processes may record one folder, each its own `--shard`; `nasbench cluster slurm` writes a job for Slurm. `nasbench plan`
/// says before what it will take, `nasbench watch` shows how far it is, `nasbench info` what is there, and `nasbench compact` makes
/// one file of all shards.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    recording: recording::Arguments,

    #[command(flatten)]
    cells: cell::Arguments,

    /// Train models again that could not be trained; their new rows count.
    #[arg(long)]
    retry_failed: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    benchmark::check_not_shipped(&arguments.recording.benchmark)?;
    utf8(&arguments.recording.benchmark)?;
    let stop = signals::stop()?;
    let recording = arguments.recording.recording()?;
    let only = arguments.cells.of_space(recording.space, global)?;
    let recording = Recording { only, retry_failed: arguments.retry_failed, stop: Some(&stop), ..recording };
    benchmark::note_numerics(&recording.folder, global);
    let started = Instant::now();
    let progress = Progress::new(global.verbose, global.quiet);
    let result = pipeline::record(&recording, &|event| progress.observe(event));
    progress.finish();
    let folder = recording.folder.display();
    let recorded = result.with_context(|| format!("could not record `{folder}`"))?;
    let elapsed = Seconds::from(started.elapsed());
    let (trained, there, models) = (recorded.trained, recorded.models - recorded.left(), recorded.models);
    let mut out = std::io::stdout().lock();
    let told = writeln!(out, "{trained} models trained in {elapsed}, {there} of {models} are recorded");
    if recorded.left() > 0 && stop.load(Ordering::Relaxed) {
        bail!("stopped by a signal with {} models left\nhint: the same command continues", recorded.left());
    }
    told?;
    writeln!(out, "benchmark: {folder}")?;
    Ok(())
}
