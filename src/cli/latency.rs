//! `nasbench latency`: how long forward passes of recorded cells take on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::engine::Device;
use nasbench::objective::Goals;
use nasbench::record::{Clocking, Through, clock};
use nasbench::statistics::spearman;
use nasbench::table::{Benchmark, Identity, LATENCY_FILE, holds_latencies, read_latencies, write_latencies};
use nasbench::unit::Seed;

use super::outputs::check_replaceable;
use super::{Global, benchmark, note, progress};

const HELP: &str = "\
Each cell of the benchmark is timed as a network with random weights: one image, and a batch. All cells are timed `--rounds` times, each
time in another order; a round takes the median of its passes, and the file has the median of the rounds, with the fastest and the
slowest. The program stays on one core; on a busy machine the times are those of a busy machine.

`search`, `compare` and `query --front` read the file for the objectives `latency` and `batch-latency`: that of the benchmark's folder,
or the one of `--latency`.

Examples:
  nasbench latency my-benchmark
  nasbench latency --out latency.parquet && nasbench query --front error,latency --latency latency.parquet
  nasbench latency my-benchmark --through onnxruntime --python venv/bin/python --out onnx.parquet";

/// Measure the latency of recorded cells on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Folder of the benchmark [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    /// File of the latencies [default: `latency.parquet` in the folder of the benchmark].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Overwrite the file of `--out` even if another command wrote it.
    #[arg(long)]
    force: bool,

    /// What runs the networks.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    through: What,

    /// Device of the engine: `cpu`, `gpu[:index]`, `cuda[:index]` or `reference`.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,

    /// Interpreter with `onnxruntime` and `numpy`.
    #[arg(long, default_value = "python3", value_name = "PATH")]
    python: PathBuf,

    /// Images of a batch.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,

    /// How often all cells are timed.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Forward passes of one image, and of a batch, in a round.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    passes: u32,

    /// Seed of the order, the weights and the images.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
}

/// What runs the networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Our engine of `--device`.
    #[default]
    Engine,
    /// Onnxruntime on one thread, in a Python program.
    Onnxruntime,
}

/// A file of latencies, for objectives that need them.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct File {
    /// File of latencies, as `nasbench latency` writes it, for the objectives `latency` and `batch-latency` [default: `latency.parquet` of
    /// the benchmark].
    #[arg(long, value_name = "FILE")]
    pub(super) latency: Option<PathBuf>,
}

impl File {
    /// The goals with the latencies that they need: of the file that was given, or else of the folder of the benchmark, if it has one.
    pub(super) fn add_to(&self, goals: Goals, folder: Option<&Path>, benchmark: Option<Identity>) -> anyhow::Result<Goals> {
        if !goals.needs_latencies() {
            if self.latency.is_some() {
                bail!("`--latency` is for the objectives `latency` and `batch-latency`: neither is an objective, nor limited");
            }
            return Ok(goals);
        }
        let of_folder = folder.map(|folder| folder.join(LATENCY_FILE)).filter(|file| file.is_file());
        let Some(file) = self.latency.clone().or(of_folder) else {
            bail!("no latencies are known\nhint: `nasbench latency` measures them; `--latency FILE` names a file of them");
        };
        let benchmark = benchmark.context("latencies belong to a benchmark, and to models of it")?;
        let latencies = read_latencies(&file, benchmark).context("could not read the latencies")?;
        Ok(goals.with_latencies(latencies.into()))
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let through = through(arguments)?;
    let out = out(arguments)?;
    check_replaceable(&out, "a file of latencies", arguments.force, holds_latencies)?;
    let benchmark: Benchmark = benchmark::open_or_shipped(arguments.benchmark.as_deref(), global)?;
    let skeleton = benchmark.skeleton().context("could not read the benchmark")?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let Arguments { batch, rounds, passes, seed, .. } = *arguments;
    let clocking = Clocking { through, batch, rounds, passes, seed: Seed(seed) };
    let all = (table.len() as u64).saturating_mul(rounds.into());
    let bar = progress::bar(global.quiet, Some(all), "{bar:30} {pos} of {len} measurements, {eta} left");
    let rows = clock(table.cells(), &skeleton, &clocking, || bar.inc(1));
    bar.finish_and_clear();
    let rows = rows.context("could not measure the latencies")?;
    let device = clocking.through.to_string();
    write_latencies(&out, benchmark.identity(), (&device, batch), &rows).context("could not write the latencies")?;
    if !global.quiet {
        let [fastest, slowest]: [Vec<f64>; 2] =
            [rows.iter().map(|row| row.fastest.one.0).collect(), rows.iter().map(|row| row.slowest.one.0).collect()];
        let agreement = spearman(&fastest, &slowest);
        let agreement =
            agreement.map_or_else(String::new, |rank| format!("; fastest and slowest rounds rank the cells alike to {rank:.3}"));
        note(format_args!("{} cells on `{device}`, written to `{}`{agreement}", rows.len(), out.display()));
    }
    Ok(())
}

fn through(arguments: &Arguments) -> anyhow::Result<Through> {
    match arguments.through {
        What::Engine if arguments.python != Path::new("python3") => bail!("`--python` is for `--through onnxruntime`"),
        What::Engine => {
            let device: Device = arguments.device.parse().context("could not choose the device")?;
            device.check().context("could not use the device")?;
            Ok(Through::Engine(device))
        }
        What::Onnxruntime if arguments.device != "cpu" => bail!("`--device` is for `--through engine`"),
        What::Onnxruntime => Ok(Through::OnnxRuntime { python: arguments.python.clone() }),
    }
}

/// The file: that of `--out`, or that of the benchmark. The bundled one has none: it can only be read.
fn out(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let folder = arguments.benchmark.as_deref().filter(|folder| !benchmark::is_shipped(folder));
    let of_folder = || folder.map(|folder| folder.join(LATENCY_FILE));
    arguments.out.clone().or_else(of_folder).context("the bundled benchmark can only be read: expected `--out FILE`")
}
