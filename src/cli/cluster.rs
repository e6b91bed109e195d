//! `nasbench cluster`: a recording on many machines.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use nasbench::pipeline::{self, Share};
use nasbench::record::{Slurm, quoted};

use super::recording;

/// Record a benchmark on a cluster.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Scheduler,
}

#[derive(Debug, Subcommand)]
enum Scheduler {
    Slurm(Box<SlurmArguments>),
}

/// Write the job scripts for Slurm, and submit them with `--submit`.
///
/// An array of jobs records, each task one share of the cells in one folder that all nodes see; when all of them are complete, a
/// dependent job compacts the benchmark and checks it. A task that is lost, preempted or requeued goes on where it was; a
/// task that reached its time limit does when the array is submitted again: what is recorded is never trained again.
/// Hundreds of shards serve well, a task for each model does not: Slurm starts some twenty tasks a second.
///
/// The benchmark is made at once, so that a mistake in the arguments shows here and not in 256 logs. The file system needs
/// working file locks (NFS 4 has them, Lustre with `-o flock`). `nasbench watch BENCH` shows the recording from anywhere.
#[derive(Debug, clap::Args)]
struct SlurmArguments {
    #[command(flatten)]
    recording: recording::Arguments,

    /// How many shares the cells are cut into: tasks of the array.
    #[arg(long, default_value = "64", value_name = "N", help_heading = "Cluster")]
    shards: NonZeroU32,

    /// The most tasks that run at a time [default: as many as the cluster gives].
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    at_once: Option<NonZeroU32>,

    /// Processors of a task, each of which trains a model at a time.
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Cluster")]
    cpus_per_task: NonZeroU32,

    /// GPUs of a task; see `--device`.
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Cluster")]
    gpus_per_task: u32,

    /// The time limit of a task, as `12:00:00` [default: that of the partition].
    #[arg(long, value_name = "TIME", help_heading = "Cluster")]
    time: Option<String>,

    /// Another option of `sbatch`, as `--sbatch=--partition=gpu`; may be given again.
    #[arg(long, value_name = "OPTION", help_heading = "Cluster", allow_hyphen_values = true)]
    sbatch: Vec<String>,

    /// Where the scripts and the logs go [default: beside the benchmark].
    #[arg(long, value_name = "DIR", help_heading = "Cluster")]
    scripts: Option<PathBuf>,

    /// Submit the jobs.
    #[arg(long, help_heading = "Cluster")]
    submit: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Scheduler::Slurm(arguments) => slurm(arguments),
    }
}

fn slurm(arguments: &SlurmArguments) -> anyhow::Result<()> {
    let recording = arguments.recording.recording()?;
    if arguments.gpus_per_task > 0 && arguments.recording.device == "cpu" {
        bail!(
            "`--gpus-per-task {}` with `--device cpu`: expected a device that uses the GPUs, as `--device gpu`",
            arguments.gpus_per_task
        );
    }
    if recording.share != Share::WHOLE || arguments.recording.workers.is_some() {
        bail!(
            "`--shard` and `--workers` are for `nasbench record`: here `--shards` and `--cpus-per-task` say how the array is cut"
        );
    }
    for option in &arguments.sbatch {
        if !option.starts_with('-') || option.contains('\n') {
            bail!("`{option}` is no option of sbatch: expected one as `--partition=gpu`");
        }
    }
    let benchmark = pipeline::create(&recording).context("could not make the benchmark")?;
    let folder = std::path::absolute(benchmark.folder())?;
    let name = folder.file_name().map_or_else(|| "nasbench".into(), |name| name.to_string_lossy().into_owned());
    let program = std::env::current_exe().context("could not find this program")?;
    let scripts = match &arguments.scripts {
        Some(scripts) => std::path::absolute(scripts)?,
        None => folder.with_file_name(format!("{name}.slurm")),
    };
    fs_err::create_dir_all(&scripts)?;
    let word = |path: &Path| path.display().to_string();
    let of_folder = |command: &str| vec![word(&program), command.to_owned(), word(&folder)];
    let mut command = of_folder("record");
    command.push("--quiet".to_owned());
    command.extend(arguments.recording.words()?);
    let mut check = of_folder("check");
    check.extend(arguments.recording.words_of_cells()?);
    let budgets: Vec<_> = recording.protocol.budgets.iter().map(ToString::to_string).collect();
    check.extend([format!("--epochs={}", budgets.join(",")), format!("--repeats={}", recording.protocol.repeats)]);
    let slurm = Slurm {
        name,
        command,
        after: vec![of_folder("compact"), check],
        shards: arguments.shards,
        at_once: arguments.at_once,
        processors: arguments.cpus_per_task,
        gpus: arguments.gpus_per_task,
        time: arguments.time.clone(),
        logs: word(&scripts),
        options: arguments.sbatch.clone(),
    };
    let (array, compaction) = (scripts.join("record.sbatch"), scripts.join("compact.sbatch"));
    fs_err::write(&array, slurm.array())?;
    fs_err::write(&compaction, slurm.compaction())?;
    let mut out = std::io::stdout().lock();
    if arguments.submit {
        let job = submit(&[&word(&array)])?;
        let after = submit(&[&format!("--dependency=afterok:{job}"), "--kill-on-invalid-dep=no", &word(&compaction)])?;
        writeln!(out, "submitted job {job} (array of {}) and job {after} (compaction)", arguments.shards)?;
    } else {
        let (array, compaction) = (quoted(&word(&array)), quoted(&word(&compaction)));
        writeln!(out, "job=$(sbatch --parsable {array})\nsbatch --dependency=afterok:$job {compaction}")?;
    }
    Ok(())
}

/// Submits a job, and returns its number.
fn submit(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("sbatch").arg("--parsable").args(arguments).output();
    let output = output.context("could not run `sbatch`: is this a machine of a Slurm cluster?")?;
    if !output.status.success() {
        bail!("`sbatch` refused the job: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    // With several clusters it is the number and the cluster.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}
