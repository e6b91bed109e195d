//! `nasbench import`: makes a benchmark from the official release of NAS-Bench-101 or another program's table.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use nasbench::interchange::LeftOut;
use nasbench::interchange::official::{self, Step, Summary};
use nasbench::interchange::tabular::{Contents, KEEP, Kind, Recounted, import_table};
use nasbench::print::{file_size, thousands};
use nasbench::unit::{Epochs, Seconds};

use super::format::chain;
use super::outputs::utf8;
use super::recorded::CsvArguments;
use super::{Global, benchmark, note, progress, steps};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The files of the official release, in the order of their repeats; or one file of cells and metrics: CSV, JSON, or the output of
    /// `nasbench export`. Each may be gzipped.
    #[arg(required = true, value_name = "FILE.tfrecord|FILE.csv")]
    files: Vec<PathBuf>,

    /// Folder of the new benchmark; it must be new or empty.
    #[arg(long, value_name = "BENCH")]
    out: PathBuf,

    /// Leave out invalid records and rows, count and list them, instead of stopping at the first.
    #[arg(long)]
    keep_going: bool,

    /// Name of the data set of a CSV file.
    #[arg(long, default_value = "cifar-10", value_name = "NAME", help_heading = "CSV files")]
    dataset: String,

    #[command(flatten)]
    csv: CsvArguments,
}

const HELP: &str = "\
The official release is two files: `nasbench_full.tfrecord` (budgets of 4, 12, 36 and 108 epochs) and \
`nasbench_only108.tfrecord`. Both checksums of each record are checked, each hash is computed again from its matrix and \
operations, and each number must be possible for a training. The sha256 of each file is kept in `benchmark.toml`.

Fields that the release lacks are null: seeds, curves, telemetry and provenance.

A CSV file (with commas, semicolons or tabs) or a JSON file has a row for each training, or one for each cell with columns for its \
budgets; `--column` names the columns. A cell is its matrix and operations, as digits, as JSON, or as Python and NumPy print them. \
Accuracies are fractions, times are seconds. A column `status` says how a training ended: ok, diverged or failed. An empty field has \
no value: a training without a status whose validation accuracy is empty but has other values counts as failed, and a training time \
that is empty or 0 is unknown, so that no search can pay with it. Columns that are not read are listed; `--column keep=NAME` keeps a \
numeric one as an extra column, also in `query --sql` and `export`.

CSV or JSON of `nasbench query` and files of `nasbench export` are read without `--column`, as are cells with `matrix` and `ops`; \
rows of an export are not changed. A mean over repeats counts as one repeat.

Examples:
  nasbench import nasbench_only108.tfrecord --out nb101
  nasbench import cells.csv --column adjacency=matrix --column operations=ops --column validation_accuracy@108=val_acc_108 --out mine
  nasbench import exported.parquet --protocol nas-bench-101 --out copy";

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    benchmark::check_not_shipped(&arguments.out)?;
    // `benchmark.toml` names the files, and the last line the folder.
    arguments.files.iter().chain([&arguments.out]).try_for_each(|path| utf8(path).map(drop))?;
    let started = Instant::now();
    let could_not = || format!("could not import into `{}`", arguments.out.display());
    for file in &arguments.files {
        let kind = Kind::detect(file).with_context(could_not)?;
        if kind != Kind::Official && arguments.files.len() > 1 {
            bail!("`{}` is {}: expected it alone", file.display(), kind.name());
        }
        if kind != Kind::Official {
            return import_one(file, arguments, global, started);
        }
    }
    if !arguments.csv.column.is_empty() {
        bail!("`--column` names the columns of a table: `{}` is {}", arguments.files[0].display(), Kind::Official.name());
    }
    let bar = progress::bar(global.quiet, Some(0), steps::TEMPLATE);
    let mut last = None;
    let imported = official::import(&arguments.files, &arguments.out, arguments.keep_going, &mut |step, done, total| {
        if last.replace(step) != Some(step) {
            bar.set_message(if step == Step::Reading { "reading" } else { "writing" });
        }
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let summary = imported.with_context(could_not)?;
    if !global.quiet {
        list(&summary.left_out);
    }
    print(&summary, started.elapsed().into())
}

/// Imports a file that is not official.
fn import_one(file: &Path, arguments: &Arguments, global: &Global, started: Instant) -> anyhow::Result<()> {
    let (columns, protocol) = (arguments.csv.columns()?, arguments.csv.protocol()?);
    let imported = import_table(file, &columns, &protocol, &arguments.dataset, arguments.keep_going, &arguments.out);
    let could_not = || format!("could not import into `{}`", arguments.out.display());
    let (benchmark, contents) = imported.with_context(could_not)?;
    if !global.quiet {
        list(&contents.left_out);
        tell(file, &contents, &protocol.name);
    }
    let (records, left_out) = (contents.records, contents.left_out.count);
    let mut budgets: BTreeMap<Epochs, u64> = BTreeMap::new();
    for record in &records {
        *budgets.entry(record.epochs).or_default() += 1;
    }
    let cells: BTreeSet<_> = records.iter().map(|record| record.hash).collect();
    let elapsed = Seconds::from(started.elapsed());
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "imported {} records of {} cells in {elapsed}",
        thousands(records.len() as u64),
        thousands(cells.len() as u64)
    )?;
    for (epochs, records) in budgets {
        writeln!(out, "  {epochs:>3} epochs: {} records", thousands(records))?;
    }
    if left_out > 0 {
        writeln!(out, "  {} left out", thousands(left_out))?;
    }
    writeln!(out, "benchmark: {}", benchmark.folder().display())?;
    Ok(())
}

/// Notes on standard error which parts of a table count less.
fn tell(path: &Path, contents: &Contents, protocol: &str) {
    let path = path.display();
    let (kept, lost): (Vec<_>, Vec<_>) = contents.ignored.iter().partition(|ignored| ignored.obstacle.is_none());
    if let Some(first) = kept.first() {
        let names: Vec<_> = kept.iter().map(|ignored| ignored.column.as_str()).collect();
        note(format_args!("note: columns of `{path}` that are not read: {}", names.join(", ")));
        note(format_args!("hint: `--column {KEEP}={}` keeps one as an extra column", first.column));
    }
    if !lost.is_empty() {
        let reason = |obstacle: Option<&str>| obstacle.map_or_else(String::new, |obstacle| format!(" ({obstacle})"));
        let names: Vec<_> = lost.iter().map(|ignored| format!("{}{}", ignored.column, reason(ignored.obstacle))).collect();
        note(format_args!("note: columns of `{path}` that are not read and cannot be kept: {}", names.join(", ")));
    }
    if contents.means > 0 {
        note(format_args!("note: {} rows are means over repeats: each counts as one repeat", contents.means));
    }
    if let Some(Recounted { records, first, stated, counted }) = contents.recounted {
        note(format_args!(
            "note: {} records state another number of trainable parameters than the network of their cell has under `{protocol}`, and \
            keep it; the first is {first}: {stated} instead of {counted}",
            thousands(records)
        ));
        note("hint: `--protocol` says in which network the cells were trained");
    }
}

/// Lists skipped rows on standard error.
fn list(left_out: &LeftOut) {
    for error in &left_out.listed {
        note(format_args!("left out: {}", chain(error)));
    }
    let more = left_out.count - left_out.listed.len() as u64;
    if more > 0 {
        note(format_args!("left out: {} more", thousands(more)));
    }
}

fn print(summary: &Summary, elapsed: Seconds) -> anyhow::Result<()> {
    let Summary { records, cells, budgets, repeats, source_bytes, bytes, isomorphic, recounted, rounded, left_out, benchmark } =
        summary;
    let mut out = std::io::stdout().lock();
    writeln!(out, "imported {} records of {} cells in {elapsed}", thousands(*records), thousands(*cells))?;
    for (epochs, records) in budgets {
        writeln!(out, "  {epochs:>3} epochs: {} records", thousands(*records))?;
    }
    let (fewest, most) = (repeats.start(), repeats.end());
    let repeats = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    writeln!(out, "  repeats of a cell at a budget: {repeats}")?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let ratio = *source_bytes as f64 / (*bytes).max(1) as f64;
    let part = if ratio > 1.0 { format!(": 1/{ratio:.1}") } else { String::new() };
    writeln!(out, "  {} instead of {}{part}", file_size(*bytes), file_size(*source_bytes))?;
    let notes = [
        (*isomorphic, "records with another matrix than the first of their hash, isomorphic to it: they stand under the first"),
        (*recounted, "records with another number of parameters than the official network of their cell has"),
        (*rounded, "records with an accuracy that was rounded to single precision"),
        (left_out.count, "left out"),
    ];
    for (count, note) in notes.iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "  {} {note}", thousands(*count))?;
    }
    writeln!(out, "benchmark: {}", benchmark.folder().display())?;
    Ok(())
}
