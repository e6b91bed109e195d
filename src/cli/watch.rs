//! `nasbench watch`: a live view of a recording by other processes.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use nasbench::record::{self, Activity, AtWork, Best};
use nasbench::table::{Benchmark, Part};
use nasbench::unit::Seconds;

use super::benchmark;

/// Show the progress of a recording by other processes: done, rate, time left, best so far, failures, workers.
///
/// On a terminal the page is redrawn every second until the recording ends or you press Ctrl-C; elsewhere, or with `--once`, it is printed
/// once. Watching changes nothing and does not slow the recording. `nasbench info` shows the records.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the benchmark.
    #[arg(value_name = "BENCH")]
    benchmark: PathBuf,

    /// Print the page once.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let benchmark = benchmark::open(&arguments.benchmark)?;
    let look = || record::activities(&benchmark, Part::Recorded).context("could not look at the recording");
    let mut out = std::io::stdout().lock();
    let mut seen = look()?;
    if arguments.once || !std::io::stdout().is_terminal() || seen.is_empty() {
        write!(out, "{}", page(&benchmark, &seen))?;
        return Ok(());
    }
    while !seen.is_empty() {
        // From the upper left corner on, and nothing of what was below.
        write!(out, "\x1b[H\x1b[J{}", page(&benchmark, &seen))?;
        out.flush()?;
        std::thread::sleep(Duration::from_secs(1));
        seen = look()?;
    }
    writeln!(out, "the recording has ended: `nasbench info {}` tells what is there", benchmark.folder().display())?;
    Ok(())
}

/// Formats the activities of the recording processes.
pub(super) fn page(benchmark: &Benchmark, activities: &[Activity]) -> String {
    let mut text = String::new();
    let folder = benchmark.folder().display();
    if activities.is_empty() {
        return format!("nobody records `{folder}` now: `nasbench info {folder}` tells what is there\n");
    }
    let sum = |of: fn(&Activity) -> usize| activities.iter().map(of).sum::<usize>();
    let total = |of: fn(&Activity) -> f64| activities.iter().map(of).sum::<f64>();
    let (models, before, finished) = (sum(|a| a.models), sum(|a| a.recorded), sum(|a| a.finished));
    let (work, done) = (total(|a| a.work), total(Activity::done));
    let fraction = if work > 0.0 { done / work } else { 1.0 };
    let _ = writeln!(text, "{folder}: {} of {models} models, {:.1} % of the work", before + finished, 100.0 * fraction);
    let operations = total(|a| a.elapsed().rate_of(a.done()).unwrap_or(0.0));
    let longest = activities.iter().filter_map(Activity::remaining).map(|left| left.0).fold(0.0, f64::max);
    let left = if done > 0.0 { Seconds(longest).to_string() } else { "…".to_owned() };
    let _ =
        writeln!(text, "{:.0} models an hour · {:.1} GFLOP/s · {left} to go", total(Activity::models_per_hour), operations / 1e9);
    let _ = writeln!(text, "{} diverged, {} failed", sum(|a| a.diverged), sum(|a| a.failed));
    let best = activities.iter().filter_map(|activity| activity.best).reduce(Best::better);
    if let Some(Best { key, cell, validation_accuracy }) = best {
        let _ = writeln!(text, "best so far: {validation_accuracy} at {} epochs: {} {cell}", key.epochs, key.hash);
    }
    for activity in activities {
        let host = activity.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
        let Activity { process, share, recorded, finished, models, .. } = activity;
        let _ = writeln!(text, "\nprocess {process}{host}, shard {share}: {} of {models}", recorded + finished);
        for (worker, at) in activity.workers.iter().enumerate() {
            let state = at.map_or_else(
                || "idle".to_owned(),
                |AtWork { key, fraction, .. }| {
                    format!("{:>3.0} %  {} at {} epochs, repeat {}", 100.0 * fraction, key.hash, key.epochs, key.repeat)
                },
            );
            let _ = writeln!(text, "  worker {worker}: {state}");
        }
    }
    text
}
