//! `nasbench check`: whether a benchmark holds what it promises.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::record;
use nasbench::table::{self, Benchmark, Findings, Part, Promise, Promised, STATUSES, Status};
use nasbench::unit::Epochs;

use super::compact::name;
use super::format::chain;
use super::import::grouped;
use super::recording;
use super::steps::Steps;
use super::{Global, benchmark};

/// Check that every promised row is there once, and that no file is damaged.
///
/// Every byte is read. A file must have the sum that it states; each value must be one that a training can have; the hash of each
/// cell is computed again of its matrix and operations, the seed of each training of what the benchmark is; no model may
/// stand twice, and none be missing. What is promised are all cells of `--space` at the budgets of `--epochs` in so many
/// `--repeats`; what is not said, the rows imply: every cell that there is, every budget, every repeat. Nothing is wrong with rows
/// beyond that. Of rows of verification nothing is promised.
///
/// A damaged file is named with what is wrong with it, and the others are checked all the same. The exit code is 1 if anything
/// is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of the benchmark.
    #[arg(value_name = "BENCH")]
    benchmark: PathBuf,

    /// Every cell of this space must be there: one of `nasbench list spaces`, or a TOML file as for `nasbench record`.
    #[arg(long, value_name = "NAME|FILE")]
    space: Option<String>,

    /// Only its cells of at most so many vertices.
    #[arg(long, requires = "space", value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    max_vertices: Option<u8>,

    /// Every cell must be trained at these budgets, separated by commas.
    #[arg(long, value_name = "E,E,…", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Vec<u16>,

    /// Every cell must be trained so often at each budget.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    repeats: Option<u16>,

    /// Move damaged shards into the folder `damaged` beside them: recording again trains what stood in them.
    #[arg(long)]
    repair: bool,
}

const HELP: &str = "\
`--repair` deletes nothing: whatever can be read of a shard can still be read in `damaged`. A compacted file is never moved: copy \
it from where it came, or move it away yourself.

Examples:
  nasbench check nasbench-run/benchmark
  nasbench check bench --space nas-bench-101 --max-vertices 5 --epochs 2,6,18 --repeats 3";

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let benchmark = benchmark::open(&arguments.benchmark)?;
    let promise = promise(arguments)?;
    let steps = Steps::new(global.quiet);
    let mut out = std::io::stdout().lock();
    let (mut damaged, mut twice, mut missing) = (0, 0, 0);
    for part in [Part::Recorded, Part::Verified] {
        let findings = table::check(&benchmark, part, &promise, &|step, done, all| steps.observe(name(part), step, done, all));
        steps.finish();
        let findings = findings.context("could not check the benchmark")?;
        if part == Part::Verified && findings.files == 0 {
            continue;
        }
        print(part, &findings, &mut out)?;
        if arguments.repair {
            repair(&benchmark, part, &findings, &mut out)?;
        }
        damaged += findings.damaged.len() as u64;
        twice += findings.repeated.count;
        missing += findings.missing.count;
    }
    note_journals(&benchmark, &mut out)?;
    conclude(&benchmark, arguments.repair, [damaged, twice, missing])
}

fn promise(arguments: &Arguments) -> anyhow::Result<Promise> {
    let cells = match &arguments.space {
        Some(name) => {
            let mut space = recording::space(name).context("could not choose the space")?;
            if let Some(limit) = arguments.max_vertices {
                space = space.with_max_vertices(space.max_vertices().min(limit.into()))?;
            }
            Some(space.enumerate()?.hashes().to_vec())
        }
        None => None,
    };
    let budgets = (!arguments.epochs.is_empty()).then(|| arguments.epochs.iter().copied().map(Epochs).collect());
    Ok(Promise { cells, budgets, repeats: arguments.repeats })
}

/// Says what was found of a part.
fn print(part: Part, findings: &Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    let rows_with = |status: &Status| findings.statuses.get(status.name()).copied().unwrap_or(0);
    let statuses: Vec<_> = STATUSES.iter().map(|status| format!("{} {}", grouped(rows_with(status)), status.name())).collect();
    writeln!(
        out,
        "{}: {} rows in {} ({})",
        name(part),
        grouped(findings.rows()),
        counted(findings.files as u64, "file"),
        statuses.join(", ")
    )?;
    if findings.unsummed > 0 {
        writeln!(out, "  {} of an older version, without a sum of the bytes", counted(findings.unsummed as u64, "file"))?;
    }
    if findings.promised.rows() > 0 {
        print_promised(&findings.promised, findings, out)?;
    }
    for damaged in &findings.damaged {
        writeln!(out, "  damaged: {}", chain(&damaged.problem))?;
    }
    for (key, [one, other]) in &findings.repeated.first {
        let other = if one == other { String::new() } else { format!(" and in `{}`", other.display()) };
        writeln!(out, "  twice: {key}, in `{}`{other}", one.display())?;
    }
    more(findings.repeated.count, findings.repeated.first.len(), out)?;
    for key in &findings.missing.first {
        writeln!(out, "  missing: {key}")?;
    }
    more(findings.missing.count, findings.missing.first.len(), out)
}

fn print_promised(promised: &Promised, findings: &Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    let budgets = promised.budgets.iter().map(|epochs| epochs.0.to_string()).collect::<Vec<_>>().join(", ");
    let there = promised.rows() - findings.missing.count;
    writeln!(
        out,
        "  promised: {} × {} (epochs {budgets}) × {} = {} rows, {} of them there",
        counted(promised.cells, "cell"),
        counted(promised.budgets.len() as u64, "budget"),
        counted(promised.repeats.len() as u64, "repeat"),
        grouped(promised.rows()),
        if there == promised.rows() { "all".to_owned() } else { grouped(there) }
    )?;
    if findings.beyond > 0 {
        writeln!(out, "  beyond that: {} rows", grouped(findings.beyond))?;
    }
    Ok(())
}

fn more(count: u64, listed: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let more = count - listed as u64;
    if more > 0 {
        writeln!(out, "  … {} more", grouped(more))?;
    }
    Ok(())
}

/// Moves damaged shards aside. A compacted file stays: it may be the only place of most rows.
fn repair(benchmark: &Benchmark, part: Part, findings: &Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    let folder = benchmark.shards(part);
    let is_shard = |file: &&Path| file.parent() == Some(&folder);
    let shards: Vec<_> = findings.damaged.iter().map(|damaged| damaged.file.as_path()).filter(is_shard).collect();
    if shards.is_empty() {
        return Ok(());
    }
    let moved = record::set_aside(benchmark, part, &shards).context("could not move the damaged shards aside")?;
    for (from, to) in shards.iter().zip(moved) {
        writeln!(out, "  moved: `{}` to `{}`", from.display(), to.display())?;
    }
    Ok(())
}

fn note_journals(benchmark: &Benchmark, out: &mut dyn Write) -> anyhow::Result<()> {
    let journals = record::journals(benchmark).context("could not check the benchmark")?.len() as u64;
    if journals > 0 {
        let journals = counted(journals, "journal");
        writeln!(out, "{journals} of a recording that goes on, or was killed: their rows are not counted")?;
    }
    Ok(())
}

fn conclude(benchmark: &Benchmark, is_repaired: bool, [damaged, twice, missing]: [u64; 3]) -> anyhow::Result<()> {
    let counts = [(damaged, "damaged file"), (twice, "row that stands twice"), (missing, "missing row")];
    let wrong: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| problem(*count, what)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let hint = if !benchmark.imported().is_empty() {
        ""
    } else if damaged > 0 && is_repaired {
        "\nhint: recording again trains what stood in the shards that were moved"
    } else if damaged > 0 {
        "\nhint: `--repair` moves damaged shards aside, and recording again trains what stood in them"
    } else if twice > 0 {
        "\nhint: `nasbench compact` takes each row once"
    } else {
        "\nhint: recording again trains what is missing"
    };
    bail!("`{}` is not in order: {}{hint}", benchmark.folder().display(), wrong.join(", "));
}

/// A count of problems, of which each has a plural of its own.
fn problem(count: u64, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "row that stands twice") => format!("{} rows that stand twice", grouped(count)),
        _ => counted(count, what),
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}
