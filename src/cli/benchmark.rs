//! The benchmark that a command reads: that of a folder, or the one that comes with this tool.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use nasbench::table::{Benchmark, SHIPPED};

use super::Global;

/// Opens the benchmark of a folder. The name of the one that comes with this tool stands for it where no folder is called so.
pub(super) fn open(given: &Path) -> anyhow::Result<Benchmark> {
    let benchmark = if is_shipped(given) { Benchmark::shipped() } else { Benchmark::open(given) };
    benchmark.context("could not open the benchmark")
}

/// Opens the benchmark of a folder, or the one that comes with this tool, and says so.
pub(super) fn open_or_shipped(given: Option<&Path>, global: &Global) -> anyhow::Result<Benchmark> {
    let Some(given) = given else {
        if !global.quiet {
            writeln!(anstream::stderr(), "of `{SHIPPED}`, the benchmark that comes with this tool:")?;
        }
        return Benchmark::shipped().context("could not open the benchmark");
    };
    open(given)
}

/// Whether a path is the name of the benchmark that comes with this tool.
pub(super) fn is_shipped(given: &Path) -> bool {
    given.as_os_str() == SHIPPED && !given.exists()
}
