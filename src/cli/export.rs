//! `nasbench export`: writes rows for other programs.

use std::ffi::OsStr;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::file::replace;
use nasbench::interchange::{self, description, export, naslib, official, syne_tune};
use nasbench::table::{Benchmark, Part};

use super::outputs::check_writable;
use super::{Global, benchmark, note, progress};

/// Export the rows of a benchmark to other programs, sorted by key, each key once.
///
/// The file is complete or absent. A compacted benchmark is streamed; if there are many shards the keys are kept in memory, for `tfrecord`
/// the records.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the benchmark.
    #[arg(value_name = "BENCH")]
    benchmark: PathBuf,

    /// The format of the file.
    #[arg(long, value_enum)]
    format: Format,

    /// Output file; `-` is standard output.
    #[arg(long, default_value = "-", value_name = "FILE|-")]
    out: PathBuf,

    /// Write verification rows, which are stored apart, instead of the recorded ones.
    #[arg(long)]
    verified: bool,

    /// Overwrite an existing file.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated values with a header. Lacks lists (curves are JSON text), the difference between empty text and null, and non-finite
    /// numbers inside curves (they are null).
    Csv,
    /// One JSON object per line, with all columns. Lacks non-finite numbers: they are null.
    Jsonl,
    /// One Parquet file, as in a compacted benchmark, for DuckDB, pandas and polars. Lacks nothing.
    Parquet,
    /// An Arrow IPC file, also called Feather 2, for pandas, polars and R. Lacks nothing.
    Arrow,
    /// Croissant's description of a benchmark, JSON-LD that search engines of data sets read: `--out BENCH/metadata.json` puts it beside the
    /// files that it names.
    Croissant,
    /// The card of a data set as Hugging Face has it: `--out BENCH/README.md`.
    Card,
    /// One JSON object with the two dicts that NASLib holds of NAS-Bench-101 in a pickle: `fixed_statistics` by hash, `computed_statistics` by
    /// hash and epochs. Lacks all that these have no fields for, and trainings that failed.
    Naslib,
    /// A blackbox folder of Syne Tune, which needs `--out DIR`: errors and times of each cell, repeat and budget. Lacks all else, and the repeats
    /// beyond those that every cell has.
    SyneTune,
    /// The format of the official release, which the original program reads. Lacks all that it has no fields for: seeds, FLOPs, curves,
    /// telemetry, status, device, dates, versions, and rows without accuracies, as of diverged trainings; needs `--out FILE` and has no
    /// verification rows.
    Tfrecord,
}

impl Format {
    /// The library's format; `None` for the official one and the descriptions.
    fn plain(self) -> Option<export::Format> {
        match self {
            Self::Csv => Some(export::Format::Csv),
            Self::Jsonl => Some(export::Format::JsonLines),
            Self::Parquet => Some(export::Format::Parquet),
            Self::Arrow => Some(export::Format::Arrow),
            Self::Tfrecord | Self::Croissant | Self::Card | Self::Naslib | Self::SyneTune => None,
        }
    }

    const fn is_description(self) -> bool {
        matches!(self, Self::Croissant | Self::Card)
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Jsonl | Self::Naslib) || self.is_description()
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let Arguments { benchmark, format, out, verified, .. } = arguments;
    let to_standard_output = out == OsStr::new("-");
    check(arguments, to_standard_output)?;
    let benchmark = benchmark::open(benchmark)?;
    if format.is_description() {
        return describe(arguments, &benchmark, to_standard_output);
    }
    if *format == Format::SyneTune {
        return blackbox(arguments, &benchmark, global);
    }
    if *format == Format::Naslib {
        return statistics(arguments, &benchmark, to_standard_output, global);
    }
    let part = if *verified { Part::Verified } else { Part::Recorded };
    let bar = progress::bar(global.quiet || to_standard_output, None, "{bar:30} {pos}/{len} rows · ETA {eta}");
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut write = |out: &mut (dyn Write + Send), format| export::export(&benchmark, part, format, out, &mut progress);
    let mut notes = Vec::new();
    let rows = match format.plain() {
        Some(format) if to_standard_output => write(&mut std::io::stdout(), format),
        Some(format) => to_file(out, |open| write(open, format)),
        None => official::export(&benchmark, out, &mut progress).map(|exported| {
            notes.extend(exported.left_out_text());
            notes.extend(exported.diverged_text());
            exported.written
        }),
    };
    bar.finish_and_clear();
    let rows = match rows {
        // The cause itself: whoever read our output may have had enough.
        Err(interchange::Error::File(cause)) if to_standard_output => return Err(cause.into()),
        rows => rows.context("could not export the benchmark")?,
    };
    if !global.quiet && !to_standard_output {
        note(format_args!("{rows} rows are in `{}`", out.display()));
    }
    if !global.quiet {
        notes.iter().for_each(note);
    }
    Ok(())
}

/// Writes a folder of Syne Tune.
fn blackbox(arguments: &Arguments, benchmark: &Benchmark, global: &Global) -> anyhow::Result<()> {
    let out = &arguments.out;
    if !arguments.force && out.exists() && fs_err::read_dir(out)?.next().is_some() {
        bail!("`{}` is not empty\nhint: `--force` writes into it", out.display());
    }
    let written = syne_tune::export(benchmark, out).context("could not export the benchmark")?;
    if !global.quiet {
        let syne_tune::Blackbox { cells, left_out, repeats } = written;
        note(format_args!("{cells} cells with {repeats} repeats each are in `{}`", out.display()));
        if left_out > 0 {
            note(format_args!("note: {left_out} cells lack a budget, and are left out"));
        }
    }
    Ok(())
}

/// Writes what NASLib holds.
fn statistics(arguments: &Arguments, benchmark: &Benchmark, to_standard_output: bool, global: &Global) -> anyhow::Result<()> {
    let out = &arguments.out;
    let cells = if to_standard_output {
        match naslib::export(benchmark, &mut std::io::BufWriter::new(std::io::stdout().lock())) {
            Err(interchange::Error::File(cause)) => return Err(cause.into()),
            cells => cells,
        }
    } else {
        to_file(out, |open| naslib::export(benchmark, &mut std::io::BufWriter::new(open)))
    };
    let cells = cells.context("could not export the benchmark")?;
    if !global.quiet && !to_standard_output {
        note(format_args!("{cells} cells are in `{}`", out.display()));
    }
    Ok(())
}

/// Writes a description, which has no rows.
fn describe(arguments: &Arguments, benchmark: &Benchmark, to_standard_output: bool) -> anyhow::Result<()> {
    let text = match arguments.format {
        Format::Card => description::card(benchmark),
        _ => {
            serde_json::to_string_pretty(&description::croissant(benchmark).context("could not describe the benchmark")?)? + "\n"
        }
    };
    if to_standard_output {
        return Ok(std::io::stdout().write_all(text.as_bytes())?);
    }
    let out = &arguments.out;
    replace(out, |open| open.write_all(text.as_bytes())).with_context(|| format!("could not write `{}`", out.display()))
}

/// Checks the arguments before anything is read.
fn check(arguments: &Arguments, to_standard_output: bool) -> anyhow::Result<()> {
    let Arguments { format, out, verified, force, .. } = arguments;
    if *format == Format::Tfrecord && *verified {
        bail!("the official format has no place for rows of verification\nhint: the other formats have");
    }
    if (format.is_description() || matches!(format, Format::Naslib | Format::SyneTune)) && *verified {
        bail!("the format is of the recorded rows, and `--verified` of others");
    }
    if *format == Format::SyneTune {
        return if to_standard_output { bail!("the format is a folder\nhint: name it with `--out DIR`") } else { Ok(()) };
    }
    if *format == Format::Tfrecord && to_standard_output {
        bail!("a file of the official format cannot be written to standard output\nhint: name a file with `--out`");
    }
    if to_standard_output && !format.is_text() && std::io::stdout().is_terminal() {
        bail!("the format is none for a terminal\nhint: name a file with `--out`");
    }
    if to_standard_output { Ok(()) } else { check_writable(out, *force) }
}

fn to_file(
    file: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<u64, interchange::Error>,
) -> Result<u64, interchange::Error> {
    let mut rows = 0;
    replace(file, |open| {
        rows = write(open)?;
        Ok::<_, interchange::Error>(())
    })?;
    Ok(rows)
}
