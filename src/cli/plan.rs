//! `nasbench plan`: estimates the cost of a recording.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use nasbench::pipeline::{self, BudgetCost, Event, Forecast, Sample};
use nasbench::print::memory_size;
use nasbench::table::Benchmark;
use nasbench::unit::Seconds;
use serde_json::{Value, json};

use super::benchmark::is_shipped;
use super::cell;
use super::format::{Format, Table};
use super::recording;
use super::{Global, note};

/// Estimate the cost of a recording before it runs: models, operations, disk space, time.
///
/// Takes the same arguments as `nasbench record`. Models and operations are counted exactly, without the recorded ones. Times come from a
/// short calibration: three cells, a cheap, a medium and an expensive one, are each trained for some seconds by as many workers as the
/// recording has, and a line of time against operations is fitted; its error is printed. Other work on the machine makes it slower. A
/// network whose step would take longer than that is trained on smaller batches.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    recording: recording::Arguments,

    #[command(flatten)]
    cells: cell::Arguments,

    /// Estimate the time on N machines like this one.
    #[arg(long, default_value_t = NonZeroU32::MIN, value_name = "N")]
    devices: NonZeroU32,

    /// Training time of each of the three cells.
    #[arg(long, default_value_t = 3, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    calibrate: u16,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let mut recording = arguments.recording.recording()?;
    recording.only = arguments.cells.of_space(recording.space, global)?;
    if is_shipped(&recording.folder) {
        // It is only read here.
        Benchmark::shipped().context("could not open the benchmark")?.folder().clone_into(&mut recording.folder);
    }
    let time = Duration::from_secs(arguments.calibrate.into());
    let tell = |event: Event<'_>| match event {
        Event::Stage(name) if !global.quiet => note(format_args!("• {name}")),
        Event::Note(text) if !global.quiet => note(format_args!("  {text}")),
        _ => {}
    };
    let forecast = pipeline::forecast(&recording, time, &tell).context("could not plan the recording")?;
    let workers = f64::from(u32::try_from(recording.workers.get())?);
    let mut out = std::io::stdout().lock();
    let table = budgets(&forecast, workers, arguments.devices);
    table.print(arguments.format, &mut out)?;
    if arguments.format != Format::Table {
        return Ok(());
    }
    let total = forecast.total();
    writeln!(out, "\n{} cells × {} budgets × {} repeats", forecast.cells, forecast.budgets.len(), recording.protocol.repeats)?;
    let hours = total.time.0 / workers / 3600.0;
    let many = match arguments.devices.get() {
        1 => String::new(),
        number => format!("; {:.1} hours on {number} such machines", hours / f64::from(number)),
    };
    writeln!(out, "{hours:.1} hours of this machine with {} workers{many}", recording.workers)?;
    let calibration = &forecast.calibration;
    writeln!(
        out,
        "calibrated on {} cells; the line misses them by {:.0} % at most:",
        calibration.samples.len(),
        100.0 * calibration.misfit()
    )?;
    for Sample { cell, flops, seconds } in &calibration.samples {
        let fitted = 1e6 * calibration.seconds(*flops);
        writeln!(out, "  {flops:>12} operations: {:.1} µs an image, fitted {fitted:.1}  {cell}", 1e6 * seconds)?;
    }
    if let Some(free) = forecast.free_bytes {
        writeln!(out, "{} are free on the disk", memory_size(free))?;
        if total.bytes.saturating_mul(2) > free {
            let needed = memory_size(total.bytes.saturating_mul(2));
            note(format_args!("warning: the recording and its compaction take about {needed}: the disk is too small"));
        }
    }
    Ok(())
}

/// A row for each budget, and a total.
fn budgets(forecast: &Forecast, workers: f64, devices: NonZeroU32) -> Table {
    let columns = ["epochs", "models", "recorded", "operations", "on the disk", "of one worker", "of this machine"];
    let mut table = Table::new(&columns, &["worker_seconds", "seconds_on_devices", "bytes"]);
    let rows = forecast.budgets.iter().map(|budget| (Value::from(budget.epochs.0), *budget));
    for (name, budget) in rows.chain([("all".into(), forecast.total())]) {
        let BudgetCost { models, recorded, work, time, bytes, .. } = budget;
        let seconds = time.0 / workers / f64::from(devices.get());
        table.push([
            name,
            models.into(),
            recorded.into(),
            format!("{work:.3e}").into(),
            memory_size(bytes).into(),
            time.to_string().into(),
            Seconds(time.0 / workers).to_string().into(),
            json!(time.0),
            json!(seconds),
            bytes.into(),
        ]);
    }
    table
}
