//! `nasbench train`: one training.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use nasbench::engine::{Device, Model};
use nasbench::print::memory_size;
use nasbench::space::{Cell, Operation, Space};
use nasbench::train::{Checkpoint, Data, Progress, Protocol, Run, SavedModel, Trained, Training};
use nasbench::unit::{Epochs, Seconds, Seed};
use serde_json::Value;

use super::cell::{self, Given, Resolver};
use super::figures;
use super::format::{Format, Table, single};
use super::images;
use super::outputs::{check_distinct, check_place, check_writable};
use super::progress::{self, say};
use super::signals;
use super::{Global, note};

/// The largest number of edges between 7 vertices.
const MOST_EDGES: usize = 21;

const HELP: &str = "\
The same cell, protocol, images, epochs and seed give the same model, bit for bit, on one kind of
processor. Of all cells with one hash the stored one is trained, however the vertices are
numbered. A training whose loss is not finite has diverged, and stops: its metrics are empty, no
model is saved or exported, and the exit code is 1.

Each epoch is a line on standard error; on a terminal only with --verbose.

The times and the speed in the result are CPU time of the training thread, independent of the
machine's load. On a GPU, and in messages during the training, they are wall-clock time.

Examples:
  nasbench train --edges 0-1,0-2,1-2 --ops conv3x3-bn-relu
  nasbench train --cell best.json --epochs 12 --save best.safetensors --export best.onnx
  nasbench train --cell best.json --epochs 400 --checkpoint long.checkpoint --checkpoint-every 60s";

/// Train the network of one cell, and print its metrics.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
#[command(group = clap::ArgGroup::new("trained").required(true).args(["hash", "matrix", "edges", "cell"]))]
pub(super) struct Arguments {
    #[command(flatten)]
    cells: cell::Arguments,

    #[command(flatten)]
    images: images::Arguments,

    /// Protocol: a preset of `nasbench list protocols`, or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME|FILE")]
    protocol: String,

    /// Training budget in epochs [default: the protocol's largest].
    #[arg(long, value_name = "E", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,

    /// Seed of the initial weights, the order of the images and their augmentation.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// Device: `cpu`, `gpu[:index]`, `cuda[:index]` or `reference`; `nasbench devices` lists and tests the available ones.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,

    /// Save checkpoints in this file, and continue from it if it exists, as if the training had never stopped.
    ///
    /// It is kept after the training. On SIGTERM or Ctrl-C it is written and the command ends with exit code 1; the same command continues,
    /// and a second Ctrl-C ends it at once. A file of another cell, protocol, data set, seed, budget, kind of device or program version is
    /// refused, as is one of a processor with other vector instructions, whose results differ.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Interval between checkpoints: a number of epochs, or of seconds with an `s`, as in `60s`.
    #[arg(long, default_value = "1", value_name = "N|Ns", requires = "checkpoint")]
    checkpoint_every: Interval,

    /// Save the trained model to this safetensors file: weights, running statistics, and their provenance.
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,

    /// Write the trained model to this ONNX file: input `pixels` (0 to 255), output `logits`.
    #[arg(long, value_name = "FILE.onnx")]
    export: Option<PathBuf>,

    /// Overwrite existing files of `--save` and `--export`.
    #[arg(long)]
    force: bool,

    /// Output format; `json` and `csv` print one row, with more columns.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An interval of the training.
#[derive(Clone, Copy, Debug)]
enum Interval {
    Epochs(usize),
    Time(Duration),
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected epochs, as in `2`, or seconds, as in `60s`; at least 1".to_owned();
        let positive = |digits: &str| digits.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(expected);
        match text.strip_suffix('s') {
            Some(seconds) => Ok(Self::Time(Duration::from_secs(positive(seconds)?.into()))),
            None => Ok(Self::Epochs(positive(text)? as usize)),
        }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    check_files(arguments)?;
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    let protocol = Protocol::find(&arguments.protocol).context("could not choose the protocol")?;
    let cell = one_cell(arguments, global)?;
    let dataset = arguments.images.load()?;
    let protocol = protocol.resolve(&dataset).context("could not use the data set")?;
    let data = Data::select(&protocol, &dataset).context("could not use the data set")?;
    let largest = protocol.budgets.last().copied().context("a protocol has budgets")?;
    let epochs = arguments.epochs.map_or(largest, Epochs);
    let training = Training { cell: &cell, epochs, seed: Seed(arguments.seed), protocol: &protocol, data: &data, device };
    let (trained, model) = train(&training, arguments, global).context("could not train the cell")?;
    // What was asked for as a file is there before anything is printed: standard output may end at any moment.
    let saved = save(&training, &trained, &model, arguments);
    let printed = print(&training, &trained, arguments.format);
    saved.and(printed)
}

/// Writes the requested files; a training that diverged has nothing to write.
fn save(training: &Training<'_>, trained: &Trained, model: &Model, arguments: &Arguments) -> anyhow::Result<()> {
    let files: Vec<_> = arguments.save.iter().chain(&arguments.export).map(|file| format!("`{}`", file.display())).collect();
    match (trained.is_diverged(), &files[..]) {
        (true, []) => bail!("the training diverged"),
        (true, files) => bail!("the training diverged: nothing was written to {}", files.join(" and ")),
        (false, []) => return Ok(()),
        (false, _) => {}
    }
    let saved = SavedModel::new(training, trained, model).context("could not save the model")?;
    if let Some(file) = &arguments.save {
        saved.write(file).context("could not save the model")?;
    }
    if let Some(file) = &arguments.export {
        saved.export_onnx(file).context("could not export the model")?;
    }
    Ok(())
}

/// Refuses files that cannot be written, or that are the same file, before training starts.
fn check_files(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { cells, images, protocol, checkpoint, save, export, force, .. } = arguments;
    check_distinct(&[
        ("--cell", cells.file()),
        ("--data-dir", images.file()),
        ("--protocol", Some(Path::new(protocol)).filter(|path| path.is_file())),
        ("--checkpoint", checkpoint.as_deref()),
        ("--save", save.as_deref()),
        ("--export", export.as_deref()),
    ])?;
    // One that is there is continued.
    checkpoint.as_deref().map_or(Ok(()), check_place)?;
    save.iter().chain(export).try_for_each(|file| check_writable(file, *force))
}

/// The given cell, of any space whose cells can be built.
fn one_cell(arguments: &Arguments, global: &Global) -> anyhow::Result<Cell> {
    let given = arguments.cells.read(global)?;
    let [one] = &given[..] else { bail!("expected one cell, found {}", given.len()) };
    let space = match one {
        // All cells of a space must be listed to find a hash: the official ones.
        Given::Hash(_) => Space::nas_bench_101(),
        Given::Graph(_) => Space::nas_bench_101().with_max_edges(MOST_EDGES)?.with_operations(&Operation::ALL)?,
    };
    let cell = Resolver::new(space).cell(one).context("could not find the cell")?;
    if let Given::Graph(sketch) = one
        && sketch.dangles()
        && !global.quiet
    {
        note(format_args!(
            "vertices on no path from the input to the output are left out: the cell is `--matrix {} --ops {}`",
            cell.adjacency_text(),
            cell.operations_text()
        ));
    }
    Ok(cell::stored(&[cell], "trained", global)[0])
}

/// Trains, from the checkpoint if there is one.
fn train(training: &Training<'_>, arguments: &Arguments, global: &Global) -> anyhow::Result<(Trained, Model)> {
    if !global.quiet {
        announce(training)?;
    }
    let mut run = start(training, arguments, global)?;
    let mut display = Display::new(training, &run, global);
    let Some(file) = &arguments.checkpoint else {
        while let Some(progress) = run.advance()? {
            display.show(&run, &progress);
        }
        display.bar.finish_and_clear();
        return Ok(run.finish());
    };
    let stop = signals::stop()?;
    let mut due = Due::new(arguments.checkpoint_every, &run);
    while let Some(progress) = run.advance()? {
        display.show(&run, &progress);
        let Progress { steps, of, .. } = progress;
        if stop.load(Ordering::Relaxed) && steps < of {
            run.checkpoint()?.write(file)?;
            display.bar.finish_and_clear();
            let file = file.display();
            bail!("stopped by a signal after step {steps} of {of}, which `{file}` keeps\nhint: the same command continues");
        }
        if due.is_now(&run) {
            run.checkpoint()?.write(file)?;
        }
    }
    run.checkpoint()?.write(file)?;
    display.bar.finish_and_clear();
    Ok(run.finish())
}

/// Starts a training, or continues its checkpoint.
fn start<'a>(training: &Training<'a>, arguments: &Arguments, global: &Global) -> anyhow::Result<Run<'a>> {
    match &arguments.checkpoint {
        Some(file) if fs_err::exists(file)? => {
            let could_not = || format!("could not continue from `{}`", file.display());
            let found = Checkpoint::read(file).with_context(could_not)?;
            let run = training.resume(&found).with_context(could_not)?;
            if !global.quiet {
                note(format_args!("continuing from `{}` after step {}", file.display(), found.steps()));
            }
            Ok(run)
        }
        _ => Ok(training.start()?),
    }
}

/// Prints what will be trained and its cost.
fn announce(training: &Training<'_>) -> anyhow::Result<()> {
    let (parameters, memory) = (training.cost()?.parameters, memory_size(training.memory()?));
    let (cell, batch) = (training.cell, training.protocol.batch_size);
    note(format_args!("{cell}: {parameters} parameters, {memory} of memory for batches of {batch}"));
    Ok(())
}

/// Decides when the next checkpoint is written.
struct Due {
    every: Interval,
    epochs: usize,
    written: Instant,
}

impl Due {
    fn new(every: Interval, run: &Run<'_>) -> Self {
        Self { every, epochs: run.epochs(), written: Instant::now() }
    }

    fn is_now(&mut self, run: &Run<'_>) -> bool {
        let is_due = match self.every {
            Interval::Epochs(number) => run.epochs() >= self.epochs + number,
            Interval::Time(time) => self.written.elapsed() >= time,
        };
        if is_due {
            (self.epochs, self.written) = (run.epochs(), Instant::now());
        }
        is_due
    }
}

/// A bar on a terminal, and a line for each epoch elsewhere.
struct Display {
    bar: ProgressBar,
    has_lines: bool,
    batch: usize,
    epochs: Epochs,
    started: Instant,
    first: usize,
    /// The reported epochs.
    told: usize,
}

impl Display {
    fn new(training: &Training<'_>, run: &Run<'_>, global: &Global) -> Self {
        let bar = progress::bar(global.quiet, None, "{bar:30} {pos}/{len} steps · {msg} · ETA {eta}");
        let has_lines = !global.quiet && (global.verbose || bar.is_hidden());
        let (batch, epochs) = (training.protocol.batch_size, training.epochs);
        Self { bar, has_lines, batch, epochs, started: Instant::now(), first: run.steps(), told: run.epochs() }
    }

    fn show(&mut self, run: &Run<'_>, progress: &Progress) {
        let Progress { steps, of, loss, learning_rate } = *progress;
        self.bar.set_length(of as u64);
        self.bar.set_position(steps as u64);
        let (epoch, epochs) = (run.epochs(), self.epochs);
        if !self.bar.is_hidden() {
            let rate = self.rate(steps);
            let message = format!("{epoch}/{epochs} epochs · loss {loss:.3} · rate {learning_rate:.4} · {rate}");
            self.bar.set_message(message);
        }
        if self.has_lines && epoch > self.told {
            self.told = epoch;
            say(&self.bar, &self.line(run, steps, of));
        }
    }

    /// A line about the last finished epoch.
    #[expect(clippy::cast_precision_loss, reason = "times to be read by people")]
    fn line(&self, run: &Run<'_>, steps: usize, of: usize) -> String {
        let (epoch, epochs, curves) = (run.epochs(), self.epochs, run.curves());
        let last = |curve: &[f32]| curve.last().copied().unwrap_or(f32::NAN);
        let (loss, accuracy) = (last(&curves.train_loss), 100.0 * last(&curves.validation_accuracy));
        let elapsed = self.started.elapsed().as_secs_f64();
        let left = elapsed * (of - steps) as f64 / (steps - self.first) as f64;
        let (elapsed, left, rate) = (Seconds(elapsed), Seconds(left), self.rate(steps));
        format!(
            "epoch {epoch}/{epochs}: loss {loss:.4}, validation accuracy {accuracy:.2} %, {rate}, after {elapsed}, {left} to go"
        )
    }

    /// Images per second of elapsed time, with evaluations, as text.
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read by people")]
    fn rate(&self, steps: usize) -> String {
        speed(Seconds::from(self.started.elapsed()).rate_of(((steps - self.first) * self.batch) as f64))
    }
}

/// Images per second as text, if enough time has passed.
fn speed(rate: Option<f64>) -> String {
    rate.map_or_else(|| "unknown images/s".to_owned(), |rate| format!("{rate:.0} images/s"))
}

fn print(training: &Training<'_>, trained: &Trained, format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if format == Format::Table {
        match &trained.figures {
            Some(figures) => figures::table(figures).print(format, &mut out)?,
            None => writeln!(out, "the training diverged: its loss stopped being a number")?,
        }
        let (time, total) = (trained.end.training_time, trained.total_time);
        let rate = trained.images_per_second.map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.0}"));
        let device = training.device;
        let of = if device.is_gpu() { "" } else { " of processor time" };
        writeln!(out, "{time}{of} for training, {total} with evaluations; {rate} images per second{of} on {device}")?;
        return Ok(());
    }
    let mut row: Vec<(&str, Value)> = vec![
        ("module_hash", training.cell.hash().to_string().into()),
        ("epochs", training.epochs.0.into()),
        ("seed", training.seed.0.into()),
        ("protocol", training.protocol.name.clone().into()),
        ("dataset", training.data.dataset().name().into()),
        ("trainable_parameters", trained.cost.parameters.0.into()),
        ("flops", trained.cost.flops.0.into()),
        ("status", if trained.is_diverged() { "diverged" } else { "ok" }.into()),
    ];
    row.extend(figures::columns(trained.figures.as_ref()));
    row.extend([
        ("training_time", trained.end.training_time.0.into()),
        ("total_time", trained.total_time.0.into()),
        ("images_per_second", trained.images_per_second.map_or(Value::Null, single)),
        ("peak_memory", trained.peak_memory.into()),
        ("device", training.device.description().into()),
        ("module_adjacency", training.cell.adjacency_text().into()),
        ("module_operations", training.cell.operations_text().into()),
    ]);
    Table::of_row(row).print(format, &mut out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_that_was_too_short_has_no_speed() {
        assert_eq!([Some(1234.5), None].map(speed), ["1234 images/s", "unknown images/s"]);
    }

    #[test]
    fn an_interval_is_of_epochs_or_seconds() {
        assert!(matches!("3".parse(), Ok(Interval::Epochs(3))));
        assert!(matches!("90s".parse(), Ok(Interval::Time(time)) if time == Duration::from_secs(90)));
        for text in ["0", "0s", "", "s", "-1", "3m"] {
            assert!(text.parse::<Interval>().is_err(), "{text:?}");
        }
    }
}
