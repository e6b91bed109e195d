//! The benchmark that a command reads: a folder, or the bundled one.

use std::path::Path;

use anyhow::{Context as _, bail};
use nasbench::engine::NUMERICS;
use nasbench::table::{Benchmark, SHIPPED};

use super::{Global, note};

/// Opens the benchmark of a folder. The name of the bundled one works, too, unless a folder has that name.
pub(super) fn open(given: &Path) -> anyhow::Result<Benchmark> {
    refuse_file_to_import(given)?;
    let benchmark = if is_shipped(given) { Benchmark::shipped() } else { Benchmark::open(given) };
    benchmark.context("could not open the benchmark")
}

/// Opens the benchmark of a folder, or the bundled one with a note.
pub(super) fn open_or_shipped(given: Option<&Path>, global: &Global) -> anyhow::Result<Benchmark> {
    let Some(given) = given else {
        if !global.quiet {
            note(format_args!("of `{SHIPPED}`, the bundled benchmark:"));
        }
        return Benchmark::shipped().context("could not open the benchmark");
    };
    open(given)
}

/// Refuses the name of the bundled benchmark for a new folder: the name would be ambiguous.
pub(super) fn check_not_shipped(given: &Path) -> anyhow::Result<()> {
    if is_shipped(given) {
        bail!(
            "`{SHIPPED}` is the bundled benchmark, which can only be read\n\
            hint: `./{SHIPPED}` is a folder of that name"
        );
    }
    Ok(())
}

/// Warns on standard error if a benchmark was started with another revision of the numerics than this program has.
pub(super) fn note_numerics(folder: &Path, global: &Global) {
    let Some(begun) = Benchmark::open(folder).ok().and_then(|benchmark| benchmark.numerics()) else { return };
    if begun != NUMERICS && !global.quiet {
        note(format_args!(
            "warning: the benchmark was begun with revision {begun} of the numerics, and this program trains with revision {NUMERICS}: \
            new rows do not repeat those that are there bit for bit"
        ));
    }
}

/// Refuses a file of records that must be imported first.
pub(super) fn refuse_file_to_import(given: &Path) -> anyhow::Result<()> {
    let is_of = |known: &str| given.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(known));
    if given.is_file()
        && ["csv", "tsv", "tfrecord", "gz", "parquet", "arrow", "feather", "jsonl"].iter().any(|known| is_of(known))
    {
        let file = given.display();
        bail!("`{file}` is a file of records, expected a benchmark\nhint: `nasbench import {file} --out BENCH` makes one of it");
    }
    Ok(())
}

/// Returns whether a path names the bundled benchmark.
pub(super) fn is_shipped(given: &Path) -> bool {
    given.as_os_str() == SHIPPED && !given.exists()
}
