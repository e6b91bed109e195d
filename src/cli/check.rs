//! `nasbench check`: whether a benchmark is complete and intact.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::record;
use nasbench::table::{self, Benchmark, Damaged, Findings, Key, Part, Promise, Promised, Revisions, STATUSES, Status};
use nasbench::unit::Epochs;
use serde_json::{Value, json};

use super::compact::name;
use super::format::{ObjectFormat, chain};
use super::lists::Item;
use super::recording;
use super::retrain::{self, Outcome};
use super::steps::Steps;
use super::{Global, benchmark, note};
use nasbench::print::thousands;

/// Check that every expected row exists once, and that no file is damaged.
///
/// Every byte is read. A file must match its checksum; each value must be possible for a training; the hash of each cell is computed again
/// from its matrix and operations, and the seed of each training from the benchmark's identity; no model may occur twice or be missing. All
/// cells of `--space` are expected at all `--epochs` in all `--repeats`; what is not given follows from the rows: every recorded cell,
/// every budget, and every repeat, except repeats with fewer than half as many trainings as the most common one, which only some cells may
/// have. More rows are no error. No verification rows are expected.
///
/// A damaged file is listed with its problem, and the others are still checked. The exit code is 1 if there is any problem.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of the benchmark.
    #[arg(value_name = "BENCH")]
    benchmark: PathBuf,

    /// Every cell of this space must exist: one of `nasbench list spaces`, or a TOML file as for `nasbench record`.
    #[arg(long, value_name = "NAME|FILE")]
    space: Option<String>,

    /// Only cells with at most N vertices.
    #[arg(long, requires = "space", value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    max_vertices: Option<u8>,

    /// Every cell must be trained at these budgets, separated by commas.
    #[arg(long, value_name = "E,E,…", value_delimiter = ',', value_parser = Item(clap::value_parser!(u16).range(1..)))]
    epochs: Vec<u16>,

    /// Number of trainings of each cell at each budget.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    repeats: Option<u16>,

    /// Move damaged shards to the folder `damaged` beside them: recording again trains their models.
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    retrain: retrain::Arguments,

    /// Output format; `json` has all counts, and the first ones of the duplicate and of the missing keys.
    #[arg(long, value_enum, default_value_t)]
    format: ObjectFormat,
}

/// The findings for a part, and the moved shards.
struct Checked {
    part: Part,
    findings: Findings,
    moved: Vec<Moved>,
}

/// A damaged shard, and its new path in `damaged`.
struct Moved {
    from: PathBuf,
    to: PathBuf,
}

const HELP: &str = "\
`--repair` deletes nothing: the readable part of a shard is still readable in `damaged`. A compacted file is never moved: restore \
it from its source, or move it yourself.

`--retrain` tests whether the results are reproducible: rows of the same numerics (its revision, and the vector instructions of
the processor) are equal bit for bit, others within the noise of repeats.

Examples:
  nasbench check nasbench-run/benchmark
  nasbench check nasbench-run/benchmark --retrain 20
  nasbench check bench --space nas-bench-101 --max-vertices 5 --epochs 1,4,12 --repeats 3";

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    if arguments.repair {
        benchmark::check_not_shipped(&arguments.benchmark)?;
    }
    let benchmark = benchmark::open(&arguments.benchmark)?;
    let promise = promise(arguments)?;
    let steps = Steps::new(global.quiet);
    let mut checked = Vec::new();
    for part in [Part::Recorded, Part::Verified] {
        let findings = table::check(&benchmark, part, &promise, &|step, done, all| steps.observe(name(part), step, done, all));
        steps.finish();
        let findings = findings.context("could not check the benchmark")?;
        if part == Part::Verified && findings.files == 0 {
            continue;
        }
        let moved = if arguments.repair { repair(&benchmark, part, &findings)? } else { Vec::new() };
        checked.push(Checked { part, findings, moved });
    }
    let journals = record::journals(&benchmark).context("could not check the benchmark")?.len() as u64;
    let mut revisions = Revisions::default();
    for Checked { findings, .. } in &checked {
        revisions.add(&findings.revisions);
    }
    if let Some(warning) = revisions.warning().filter(|_| !global.quiet) {
        note(format_args!("warning: {warning}"));
    }
    let is_in_order = checked.iter().all(|checked| checked.findings.is_ok());
    let retrained = if is_in_order { retrain::run(&arguments.retrain, &benchmark, global)? } else { None };
    let mut out = std::io::stdout().lock();
    let printed = match arguments.format {
        ObjectFormat::Table => print(&checked, journals, &mut out)
            .and_then(|()| retrained.as_ref().map_or(Ok(()), |outcome| outcome.print(&mut out))),
        ObjectFormat::Json => print_json(&benchmark, &checked, journals, retrained.as_ref(), &mut out),
    };
    // What is wrong is an error even if nobody reads what was found.
    conclude(&benchmark, &checked, arguments.repair)?;
    retrained.map_or(Ok(()), |outcome| outcome.conclude())?;
    printed
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

/// Prints the findings.
fn print(checked: &[Checked], journals: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    for Checked { part, findings, moved } in checked {
        print_part(*part, findings, out)?;
        for Moved { from, to } in moved {
            writeln!(out, "  moved: `{}` to `{}`", from.display(), to.display())?;
        }
    }
    if journals > 0 {
        let journals = counted(journals, "journal");
        writeln!(out, "{journals} of a recording that goes on, or was killed: their rows are not counted")?;
    }
    Ok(())
}

/// Prints the findings as JSON.
fn print_json(
    benchmark: &Benchmark,
    checked: &[Checked],
    journals: u64,
    retrained: Option<&Outcome>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let parts: Vec<_> = checked.iter().map(part_as_json).collect();
    let found = json!({
        "benchmark": text(benchmark.folder()),
        "is_in_order": checked.iter().all(|checked| checked.findings.is_ok()),
        "journals": journals,
        "parts": parts,
        "retrained": retrained.map(Outcome::json),
    });
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?)
}

/// A path as text, for JSON: bytes that are not valid text are replaced.
fn text(path: &Path) -> String {
    path.display().to_string()
}

fn part_as_json(Checked { part, findings, moved }: &Checked) -> Value {
    let key = |key: &Key| json!({ "module_hash": key.hash, "epochs": key.epochs, "repeat": key.repeat });
    let twice = |(repeated, files): &(Key, [PathBuf; 2])| json!({ "key": key(repeated), "files": files.each_ref().map(|file| text(file)) });
    let damaged = |damaged: &Damaged| {
        let to = moved.iter().find(|moved| moved.from == damaged.file).map(|moved| text(&moved.to));
        json!({ "file": text(&damaged.file), "problem": chain(&damaged.problem), "moved_to": to })
    };
    let Findings { files, unsummed, statuses, repeated, promised, missing, beyond, revisions, .. } = findings;
    json!({
        "part": name(*part),
        "files": files,
        "files_without_sum": unsummed,
        "rows": findings.rows(),
        "rows_by_status": statuses,
        "promised": {
            "cells": promised.cells,
            "epochs": promised.budgets,
            "repeats": promised.repeats,
            "rows": promised.rows(),
            "rows_there": promised.rows() - missing.count,
        },
        "rows_beyond": beyond,
        "numerics_revisions": revisions.iter().collect::<Vec<_>>(),
        "damaged": findings.damaged.iter().map(damaged).collect::<Vec<_>>(),
        "twice": { "count": repeated.count, "first": repeated.first.iter().map(twice).collect::<Vec<_>>() },
        "missing": { "count": missing.count, "first": missing.first.iter().map(key).collect::<Vec<_>>() },
    })
}

/// Prints a part's findings.
fn print_part(part: Part, findings: &Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    let rows_with = |status: &Status| findings.statuses.get(status.name()).copied().unwrap_or(0);
    let statuses: Vec<_> = STATUSES.iter().map(|status| format!("{} {}", thousands(rows_with(status)), status.name())).collect();
    writeln!(
        out,
        "{}: {} rows in {} ({})",
        name(part),
        thousands(findings.rows()),
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
        thousands(promised.rows()),
        if there == promised.rows() { "all".to_owned() } else { thousands(there) }
    )?;
    if findings.beyond > 0 {
        writeln!(out, "  beyond that: {} rows", thousands(findings.beyond))?;
    }
    Ok(())
}

fn more(count: u64, listed: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let more = count - listed as u64;
    if more > 0 {
        writeln!(out, "  … {} more", thousands(more))?;
    }
    Ok(())
}

/// Moves damaged shards. A compacted file stays: it may be the only copy of most rows.
fn repair(benchmark: &Benchmark, part: Part, findings: &Findings) -> anyhow::Result<Vec<Moved>> {
    let folder = benchmark.shards(part);
    let is_shard = |file: &&Path| file.parent() == Some(&folder);
    let shards: Vec<_> = findings.damaged.iter().map(|damaged| damaged.file.as_path()).filter(is_shard).collect();
    if shards.is_empty() {
        return Ok(Vec::new());
    }
    let moved = record::set_aside(benchmark, part, &shards).context("could not move the damaged shards aside")?;
    Ok(shards.iter().zip(moved).map(|(from, to)| Moved { from: (*from).to_owned(), to }).collect())
}

fn conclude(benchmark: &Benchmark, checked: &[Checked], is_repaired: bool) -> anyhow::Result<()> {
    let sum = |of: fn(&Findings) -> u64| checked.iter().map(|checked| of(&checked.findings)).sum::<u64>();
    let damaged = sum(|findings| findings.damaged.len() as u64);
    let (twice, missing) = (sum(|findings| findings.repeated.count), sum(|findings| findings.missing.count));
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

/// A count of problems, with singular or plural.
fn problem(count: u64, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "row that stands twice") => format!("{} rows that stand twice", thousands(count)),
        _ => counted(count, what),
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}
