//! `nasbench run`: the pipeline from end to end.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::engine::Device;
use nasbench::pipeline::{self, Job};
use nasbench::space::Space;
use nasbench::train::Protocol;
use nasbench::unit::Seed;

use super::outputs::{check_replaceable, has_mark, utf8};
use super::progress::Progress;
use super::{Global, benchmark, images};

/// The report, in the folder of the run.
const PAGE: &str = "report.html";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of the run. Pass it again to continue the run where it was.
    #[arg(long, default_value = "nasbench-run", value_name = "DIR")]
    out: PathBuf,

    /// Overwrite a `report.html` that no run wrote.
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    images: images::Arguments,

    /// Protocol: a preset of `nasbench list protocols`, or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME|FILE")]
    protocol: String,

    /// Record all cells of at most N vertices, 3 to 7; the surrogate scores the cells of one vertex more, or searches them if over 10,000.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(3..=7))]
    max_vertices: u8,

    /// Device: `cpu`, `gpu[:index]`, `cuda[:index]` or `reference`; `nasbench devices` lists and tests the available ones.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,

    /// Number of models trained at a time, one thread each [default: the number of cores].
    #[arg(long, visible_alias = "models-per-device", value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    benchmark::check_not_shipped(&arguments.out)?;
    let page = arguments.out.join(PAGE);
    if page.exists() {
        check_replaceable(&page, "the report of a run", arguments.force, |file| has_mark(file, "\">nasbench run"))?;
    }
    let job = job(arguments, global)?;
    benchmark::note_numerics(&job.out.join("benchmark"), global);
    let progress = Progress::new(global.verbose, global.quiet);
    let found = pipeline::run(&job, &|event| progress.observe(event));
    progress.finish();
    let report = found.with_context(|| format!("could not finish the run in `{}`", job.out.display()))?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", report.text())?;
    writeln!(out, "\nreport: {}", page.display())?;
    Ok(())
}

/// The plan, from the arguments.
fn job(arguments: &Arguments, global: &Global) -> anyhow::Result<Job> {
    // Messages and the report name them.
    for path in [Some(&arguments.out), arguments.images.data_dir.as_ref()].into_iter().flatten() {
        utf8(path)?;
    }
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    let protocol = Protocol::find(&arguments.protocol).context("could not choose the protocol")?;
    let dataset = arguments.images.load()?;
    let space = Space::nas_bench_101().with_max_vertices(arguments.max_vertices.into())?;
    let workers = arguments.workers.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    Ok(Job {
        out: arguments.out.clone(),
        dataset,
        protocol,
        space,
        device,
        workers,
        seed: Seed(arguments.seed),
        command: global.repeats.clone(),
        stop: None,
    })
}
