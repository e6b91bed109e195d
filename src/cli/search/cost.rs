//! Training costs of a benchmark in a search.

use anyhow::Context as _;
use nasbench::table::{Benchmark, Costs, Table};

use crate::cli::note;

/// Training costs of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Cost {
    /// The operations of all its passes, times the mean seconds per operation in the recorded trainings: the same for each repeat, whatever
    /// the load of the machine
    Computed,
    /// The measured seconds
    Measured,
}

impl Cost {
    /// Computes the costs of a benchmark, unless measured ones are wanted. If they cannot be computed and were not requested by name, the
    /// measured ones are used; a note says so if `is_told`.
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
