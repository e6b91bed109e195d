//! An open benchmark or model files, for searches and comparisons.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nasbench::network::Skeleton;
use nasbench::oracle::Oracle;
use nasbench::search::{Budget, Setup};
use nasbench::table::{Costs, Identity, Table};
use nasbench::unit::{Epochs, Seed};

use super::cost::Cost;
use super::models::{self, Models};
use crate::cli;

pub(in crate::cli) enum Source {
    Table { folder: PathBuf, identity: String, table: Box<Table>, costs: Option<Costs>, skeleton: Skeleton },
    Models { file: PathBuf, models: Models },
}

impl Source {
    /// Opens a model file, or else a benchmark. `cost` is the kind of training cost, and whether to note that it cannot be computed.
    pub(in crate::cli) fn open(
        on: PathBuf,
        arguments: &models::Arguments,
        (cost, is_told): (Option<Cost>, bool),
    ) -> anyhow::Result<Self> {
        if on.is_file() {
            return Ok(Self::Models { models: Models::open(&on, arguments)?, file: on });
        }
        let benchmark = cli::benchmark::open(&on)?;
        let table = benchmark.table().context("could not read the benchmark")?;
        let costs = Cost::costs(cost, &benchmark, &table, is_told)?;
        let skeleton = benchmark.skeleton().context("could not read the benchmark")?;
        Ok(Self::Table { folder: on, identity: benchmark.identity().to_string(), table: Box::new(table), costs, skeleton })
    }

    /// The source, as it was typed.
    pub(in crate::cli) fn on(&self) -> String {
        let (Self::Table { folder: on, .. } | Self::Models { file: on, .. }) = self;
        on.display().to_string()
    }

    /// What makes networks of its cells.
    pub(in crate::cli) fn skeleton(&self) -> Skeleton {
        match self {
            Self::Table { skeleton, .. } => *skeleton,
            Self::Models { models, .. } => *models.accuracy().features.skeleton(),
        }
    }

    /// The folder and the identity of the benchmark, or the identity of that of a model.
    pub(in crate::cli) fn benchmark(&self) -> (Option<&Path>, Option<Identity>) {
        match self {
            Self::Table { folder, identity, .. } => (Some(folder), Identity::from_hex(identity)),
            Self::Models { models, .. } => (None, models.accuracy().benchmark.as_deref().and_then(Identity::from_hex)),
        }
    }

    /// Refuses a budget of seconds if the training times at some budgets of epochs are unknown.
    pub(in crate::cli) fn check_budget(&self, budget: Budget, budgets: &[Epochs]) -> anyhow::Result<()> {
        match self {
            Self::Table { folder, table, costs: None, .. } if matches!(budget, Budget::SimulatedTime(_)) => {
                check_times(table, folder, budgets)
            }
            Self::Table { .. } => Ok(()),
            Self::Models { file, models, .. } => models.check_times(file, budget),
        }
    }

    /// An oracle for one search with the rules of a set-up; of a table it shows only the repeats below a number, at one budget.
    pub(in crate::cli) fn oracle(&self, seed: Seed, rules: &Setup, shown: Option<(Epochs, u16)>) -> Box<dyn Oracle + '_> {
        match self {
            Self::Table { table, costs, .. } => Box::new(rules.oracle_on(table, seed).showing(shown).costing(costs.as_ref())),
            Self::Models { models, .. } => Box::new(models.oracle(seed).expect("the models were checked when they were opened")),
        }
    }
}

fn check_times(table: &Table, folder: &Path, budgets: &[Epochs]) -> anyhow::Result<()> {
    let checked = budgets.iter().try_for_each(|epochs| table.check_times(*epochs));
    checked.map_err(|error| {
        anyhow::anyhow!(
            "could not search `{}` with a budget of seconds: {error}\n\
            hint: a budget of full trainings, as in `200evals`, needs no times",
            folder.display()
        )
    })
}
