//! Replaces `sql.rs` in builds without the cargo feature `sql`.

use anyhow::bail;
use nasbench::table::Benchmark;

use super::format::Format;

pub(super) fn print_guarded(_: &Benchmark, _: &str, _: Option<usize>, _: Format) -> anyhow::Result<()> {
    bail!("could not answer the SQL: this build lacks the cargo feature `sql`")
}

pub(super) use print_guarded as print_unguarded;
