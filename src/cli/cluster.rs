//! `nasbench cluster`: a recording on many machines.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use nasbench::file::replace;
use nasbench::pipeline::{self, Recording, Share};
use nasbench::record::{Slurm, most_array_tasks, set_by_scripts, submission, submission_after, submission_script};

use super::outputs::{check_replaceable, has_mark, utf8};
use super::{benchmark, note, recording};

/// The most tasks in an array that Slurm accepts by default.
const USUAL_ARRAY_TASKS: u32 = 1_001;
/// The default number of shares that the cells are split into.
const SHARDS: u32 = 64;

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
/// A job array records: each task trains one share of the cells in one folder that all nodes see. When all are complete, a dependent job
/// compacts and checks the benchmark. A task that is lost, preempted or requeued continues where it stopped; a task that reached its time
/// limit does so when the array is submitted again: no recorded model is trained again. Hundreds of shards work well; one task per model
/// does not: Slurm starts some twenty tasks per second.
///
/// The benchmark is created now, so that a mistake in the arguments shows here and not in 256 logs. The file system needs working file
/// locks (NFS 4, or Lustre with `-o flock`). `nasbench watch BENCH` shows the progress from any node.
#[derive(Debug, clap::Args)]
struct SlurmArguments {
    #[command(flatten)]
    recording: recording::Arguments,

    /// Number of shares of the cells, one task of the array for each. At most the number of cells, and what the cluster allows [default:
    /// 64, or one for each cell if there are fewer].
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    shards: Option<NonZeroU32>,

    /// Maximum number of tasks at a time [default: what the cluster allows].
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    at_once: Option<NonZeroU32>,

    /// Processors of a task; each trains one model at a time.
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Cluster")]
    cpus_per_task: NonZeroU32,

    /// GPUs per task; see `--device`.
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Cluster")]
    gpus_per_task: u32,

    /// Time limit of a task, as in `12:00:00` [default: the partition's limit].
    #[arg(long, value_name = "TIME", help_heading = "Cluster")]
    time: Option<String>,

    /// Another option of `sbatch`, as in `--sbatch=--partition=gpu`; repeatable.
    #[arg(long, value_name = "OPTION", help_heading = "Cluster", allow_hyphen_values = true)]
    sbatch: Vec<String>,

    /// Folder of the scripts and logs [default: beside the benchmark].
    #[arg(long, value_name = "DIR", help_heading = "Cluster")]
    scripts: Option<PathBuf>,

    /// Overwrite existing scripts that were not written by this command.
    #[arg(long, help_heading = "Cluster")]
    force: bool,

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
    benchmark::check_not_shipped(&arguments.recording.benchmark)?;
    let recording = arguments.recording.recording()?;
    check(arguments, &recording)?;
    let shards = shards(arguments, &recording)?;
    let places = Places::of(arguments)?;
    for script in [&places.array, &places.compaction] {
        let is_own = |file: &Path| has_mark(file, "#SBATCH --open-mode=append\n#SBATCH --requeue\n");
        if script.exists() {
            check_replaceable(script, "a script of this command", arguments.force, is_own)?;
        }
    }
    let slurm = jobs(arguments, &recording, shards, &places)?;
    pipeline::create(&recording).context("could not make the benchmark")?;
    fs_err::create_dir_all(&places.scripts)?;
    replace(&places.array, |open| open.write_all(slurm.array().as_bytes()))?;
    replace(&places.compaction, |open| open.write_all(slurm.compaction().as_bytes()))?;
    let (array, compaction) = (utf8(&places.array)?, utf8(&places.compaction)?);
    let mut out = std::io::stdout().lock();
    if arguments.submit {
        let job = submit(&submission(array))?;
        let after = submit(&submission_after(&job, compaction))?;
        writeln!(out, "submitted job {job} (array of {shards}) and job {after} (compaction)")?;
    } else {
        write!(out, "{}", submission_script(array, compaction))?;
    }
    Ok(())
}

/// Refuses arguments that make no sense on a cluster or that the job scripts set themselves.
fn check(arguments: &SlurmArguments, recording: &Recording<'_>) -> anyhow::Result<()> {
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
        if let Some((name, decided_by)) = set_by_scripts(option) {
            bail!("`--sbatch={option}` would replace `--{name}` of the script, which is decided by {decided_by}");
        }
    }
    Ok(())
}

/// The number of tasks of the array.
fn shards(arguments: &SlurmArguments, recording: &Recording<'_>) -> anyhow::Result<NonZeroU32> {
    let cells = u32::try_from(recording.space.cells().context("could not list the cells")?.len())?;
    let shards = match arguments.shards {
        Some(shards) if shards.get() > cells => {
            bail!("`--shards {shards}` of {cells} cells: some tasks would have nothing to do, expected at most {cells}")
        }
        Some(shards) => shards,
        None => NonZeroU32::new(cells.min(SHARDS)).context("a space has cells")?,
    };
    match most_tasks() {
        Some(most) if shards.get() > most => bail!(
            "`--shards {shards}` is more than the {most} tasks that an array of this cluster may have (MaxArraySize)\n\
            hint: a task with more of `--cpus-per-task` trains more models at a time"
        ),
        None if shards.get() > USUAL_ARRAY_TASKS => note(format_args!(
            "note: an array of {shards} tasks is more than most clusters take: `scontrol show config` says how many (MaxArraySize)"
        )),
        _ => {}
    }
    Ok(shards)
}

/// The most tasks of an array, according to the local Slurm; `None` without Slurm.
fn most_tasks() -> Option<u32> {
    let output = Command::new("scontrol").args(["show", "config"]).output().ok()?;
    most_array_tasks(&String::from_utf8_lossy(&output.stdout))
}

/// The absolute paths of all files.
struct Places {
    benchmark: PathBuf,
    /// The name of the benchmark, from which jobs are named.
    name: String,
    scripts: PathBuf,
    array: PathBuf,
    compaction: PathBuf,
}

impl Places {
    fn of(arguments: &SlurmArguments) -> anyhow::Result<Self> {
        let benchmark = std::path::absolute(&arguments.recording.benchmark)?;
        let name = benchmark.file_name().map_or_else(|| "nasbench".to_owned(), |name| name.to_string_lossy().into_owned());
        let scripts = match &arguments.scripts {
            Some(scripts) => std::path::absolute(scripts)?,
            None => benchmark.with_file_name(format!("{name}.slurm")),
        };
        for path in [&benchmark, &scripts] {
            // In the name of a log a backslash keeps Slurm from filling in the number of the job, and a script has a line for each option.
            if let Some(letter) = utf8(path)?.chars().find(|letter| ['\\', '\n'].contains(letter)) {
                bail!("`{}` has the letter {letter:?}, which a job script of Slurm cannot have in a path", path.display());
            }
        }
        Ok(Self { array: scripts.join("record.sbatch"), compaction: scripts.join("compact.sbatch"), benchmark, name, scripts })
    }
}

/// The jobs with their commands.
fn jobs(arguments: &SlurmArguments, recording: &Recording<'_>, shards: NonZeroU32, places: &Places) -> anyhow::Result<Slurm> {
    let program = std::env::current_exe().context("could not find this program")?;
    let (program, folder) = (utf8(&program)?, utf8(&places.benchmark)?);
    let of_folder = |command: &str| [program, command, folder].map(ToOwned::to_owned).to_vec();
    let mut command = of_folder("record");
    command.push("--quiet".to_owned());
    command.extend(arguments.recording.words()?);
    let mut check = of_folder("check");
    check.extend(arguments.recording.words_of_cells()?);
    let budgets: Vec<_> = recording.protocol.budgets.iter().map(ToString::to_string).collect();
    check.extend([format!("--epochs={}", budgets.join(",")), format!("--repeats={}", recording.protocol.repeats)]);
    Ok(Slurm {
        name: places.name.clone(),
        command,
        after: vec![of_folder("compact"), check],
        shards,
        at_once: arguments.at_once,
        processors: arguments.cpus_per_task,
        gpus: arguments.gpus_per_task,
        time: arguments.time.clone(),
        logs: utf8(&places.scripts)?.to_owned(),
        options: arguments.sbatch.clone(),
    })
}

/// Submits a job and returns its number.
fn submit(command: &[String]) -> anyhow::Result<String> {
    let output = Command::new(&command[0]).args(&command[1..]).output();
    let output = output.context("could not run `sbatch`: is this a machine of a Slurm cluster?")?;
    if !output.status.success() {
        bail!("`sbatch` refused the job: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    // With several clusters it is the number and the cluster.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}
