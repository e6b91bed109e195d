//! `nasbench record`: trains the cells of a space and records the results.

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
/// Each finished model is on the disk before its worker starts the next: a recording that is interrupted, even by `kill -9` or a power
/// loss, loses at most the models in training, and the same command continues it. A command with more budgets, repeats or vertices extends
/// it: no recorded model is trained again. A long training saves a checkpoint each minute. On SIGTERM or Ctrl-C every training saves one
/// and the command ends within seconds; a second Ctrl-C ends it at once.
///
/// If cells are given, as in `--hash @FILE`, only they are trained: in this way some cells of a table get more repeats than others.
///
/// Several processes may record one folder, each with its own `--shard`; `nasbench cluster slurm` writes a job for Slurm. `nasbench plan`
/// estimates the cost, `nasbench watch` shows the progress, `nasbench info` the contents, and `nasbench compact` merges all shards into one
/// file.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    recording: recording::Arguments,

    #[command(flatten)]
    cells: cell::Arguments,

    /// Train failed models again; their new rows count.
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
