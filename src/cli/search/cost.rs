//! What a training of a benchmark costs a search.

use anyhow::Context as _;
use nasbench::table::{Benchmark, Costs, Table};

use crate::cli::note;

/// What a training of a benchmark costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Cost {
    /// The operations of all its passes, at the seconds that one took on average in the recorded trainings: the same for each repeat,
    /// whatever else the machine did
    Computed,
    /// The seconds that were measured
    Measured,
}

impl Cost {
    /// Computes the costs of a benchmark, unless measured ones are wanted. Where they cannot be computed and were not asked for by name,
    /// those measured count; a note says so where `is_told`.
    pub(in crate::cli) fn costs(
        wanted: Option<Self>,
        benchmark: &Benchmark,
        table: &Table,
        is_told: bool,
    ) -> anyhow::Result<Option<Costs>> {
        let is_imported = benchmark.manifest().seed.is_none();
        if wanted == Some(Self::Measured) || (wanted.is_none() && is_imported) {
            return Ok(None);
        }
        match Costs::compute(benchmark, table) {
            Ok(costs) => Ok(Some(costs)),
            Err(error) if wanted == Some(Self::Computed) => Err(error).context("could not compute what trainings cost"),
            Err(error) => {
                if is_told {
                    note(format_args!("note: trainings cost what was measured, as costs cannot be computed: {error}"));
                }
                Ok(None)
            }
        }
    }
}
