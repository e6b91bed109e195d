//! What a search asks: a benchmark, models or real training.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use nasbench::engine::Device;
use nasbench::oracle::Oracle;
use nasbench::space::{Cell, Operation, Space};
use nasbench::surrogate::FittedRange;
use nasbench::table::{self, Repeat, SHIPPED, TableOracle};
use nasbench::train::{Data, Protocol, TrainingOracle};
use nasbench::unit::{Accuracy, Epochs, Seed};

use super::models::{self, Models};
use crate::cli::benchmark::is_shipped;
use crate::cli::{self, images};

/// The word for real training.
const TRAIN: &str = "train";

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// What to ask: the folder of a benchmark, a model file, or the word `train`.
    #[arg(long, default_value = SHIPPED, value_name = "BENCH|MODEL|train")]
    on: String,

    #[command(flatten)]
    models: models::Arguments,

    /// How to train, with `train`: a preset or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME|FILE")]
    protocol: String,

    /// Where to train, with `train`: `cpu`, `gpu[:index]` or `reference`.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,

    #[command(flatten)]
    images: images::Arguments,
}

/// What is asked, open.
pub(super) struct Target {
    space: Space,
    epochs: Epochs,
    budgets: Vec<Epochs>,
    kind: Kind,
}

enum Kind {
    Table { table: table::Table, folder: String },
    Models { models: Models, file: String },
    Training { protocol: Protocol, data: Box<Data>, device: Device },
}

impl Target {
    /// Opens what is to be asked. `epochs` is the full budget, if it was given.
    pub(super) fn open(arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Self> {
        let path = Path::new(&arguments.on);
        let is_benchmark = path.is_dir() || is_shipped(path);
        if arguments.models.noise && (arguments.on == TRAIN || is_benchmark) {
            bail!("only a model needs `--noise`: each answer of `{}` is a training of its own", arguments.on);
        }
        if arguments.on == TRAIN {
            return training(arguments, epochs);
        }
        if is_benchmark {
            return benchmark(path, epochs);
        }
        if path.is_file() {
            let models = Models::open(path, &arguments.models, epochs)?;
            let (space, epochs) = (models.space(), models.epochs());
            return Ok(Self { space, epochs, budgets: vec![epochs], kind: Kind::Models { models, file: arguments.on.clone() } });
        }
        bail!("`{}` is neither the folder of a benchmark nor a model file, and not the word `{TRAIN}`", arguments.on);
    }

    pub(super) const fn space(&self) -> Space {
        self.space
    }

    pub(super) const fn epochs(&self) -> Epochs {
        self.epochs
    }

    pub(super) fn budgets(&self) -> &[Epochs] {
        &self.budgets
    }

    /// Refuses budgets that nobody knows the training times of: what a search of seconds pays with.
    pub(super) fn check_times(&self, budgets: &[Epochs]) -> anyhow::Result<()> {
        match &self.kind {
            Kind::Table { table, folder } => check_times(table, Path::new(folder), budgets),
            _ => Ok(()),
        }
    }

    /// What answers, as the file of the trials says it.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Table { folder, .. } => format!("table:{folder}"),
            Kind::Models { models, .. } => format!("surrogate:{}", models.accuracy().name()),
            Kind::Training { .. } => TRAIN.to_owned(),
        }
    }

    /// What is asked, as it was typed.
    pub(super) fn on(&self) -> &str {
        match &self.kind {
            Kind::Table { folder: on, .. } | Kind::Models { file: on, .. } => on,
            Kind::Training { .. } => TRAIN,
        }
    }

    /// The sizes of the cells that the model was fitted on, if a model is asked.
    pub(super) fn fitted_range(&self) -> Option<FittedRange> {
        match &self.kind {
            Kind::Models { models, .. } => Some(models.accuracy().fitted_range()),
            _ => None,
        }
    }

    /// An oracle for one search.
    pub(super) fn oracle(&self, seed: Seed) -> anyhow::Result<Box<dyn Oracle + '_>> {
        Ok(match &self.kind {
            Kind::Table { table, .. } => Box::new(TableOracle::new(table, seed)),
            Kind::Training { protocol, data, device } => Box::new(TrainingOracle::new(protocol, data, *device, seed)),
            Kind::Models { models, .. } => Box::new(models.oracle(seed)?),
        })
    }

    /// What is recorded of a cell, in words; a search never sees it.
    pub(super) fn truth(&self, cell: Cell, epochs: Epochs) -> Option<String> {
        let Kind::Table { table, .. } = &self.kind else { return None };
        let answer = table.query(&cell, epochs, Repeat::Mean).ok()?;
        let repeats = table.repeats(table.index_of(&cell)?, epochs).len();
        let percentage = |accuracy: Option<Accuracy>| accuracy.map_or_else(|| "none".to_owned(), |accuracy| accuracy.to_string());
        let [validation, test] = [answer.end.validation_accuracy, answer.end.test_accuracy].map(percentage);
        Some(format!("{validation} validation, {test} test, means of {repeats} repeats"))
    }
}

/// Opens a benchmark, and finds the space of which it has every cell.
fn benchmark(folder: &Path, epochs: Option<Epochs>) -> anyhow::Result<Target> {
    let benchmark = cli::benchmark::open(folder)?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let (space, epochs, budgets) = searchable(&table, folder, epochs)?;
    Ok(Target { space, epochs, budgets, kind: Kind::Table { table, folder: folder.display().to_string() } })
}

/// The space of which a table has every cell, its full budget, and all its budgets up to that.
pub(in crate::cli) fn searchable(
    table: &table::Table,
    folder: &Path,
    epochs: Option<Epochs>,
) -> anyhow::Result<(Space, Epochs, Vec<Epochs>)> {
    let Some(largest) = table.budgets().last().copied() else {
        bail!("`{}` has no rows yet: there is nothing to search", folder.display());
    };
    let epochs = epochs.unwrap_or(largest);
    let could_not = || format!("could not search `{}`", folder.display());
    table.check_budget(epochs).with_context(could_not)?;
    let budgets: Vec<_> = table.budgets().iter().copied().filter(|budget| *budget <= epochs).collect();
    let space = complete_space(table, &budgets).with_context(could_not)?;
    Ok((space, epochs, budgets))
}

/// Refuses budgets of which a table has no training times.
pub(in crate::cli) fn check_times(table: &table::Table, folder: &Path, budgets: &[Epochs]) -> anyhow::Result<()> {
    let checked = budgets.iter().try_for_each(|epochs| table.check_times(*epochs));
    checked.map_err(|error| {
        anyhow::anyhow!(
            "could not search `{}` with a budget of seconds: {error}\n\
            hint: a budget of full trainings, as in `200evals`, needs no times",
            folder.display()
        )
    })
}

/// The largest space of which a table has every cell at every one of some budgets.
fn complete_space(table: &table::Table, budgets: &[Epochs]) -> anyhow::Result<Space> {
    let has_all = |index: &usize| budgets.iter().all(|epochs| !table.repeats(*index, *epochs).is_empty());
    let cells: Vec<_> = (0..table.len()).filter(has_all).map(|index| table.cells()[index]).collect();
    let operations: BTreeSet<Operation> = cells.iter().flat_map(|cell| cell.operations()).collect();
    let operations: Vec<_> = operations.into_iter().collect();
    let edges = cells.iter().map(|cell| cell.edge_count()).max().unwrap_or(1);
    let largest = cells.iter().map(|cell| cell.vertices()).max().unwrap_or(2);
    let mut missing = String::new();
    if !operations.is_empty() {
        let space = Space::nas_bench_101().with_operations(&operations)?.with_max_edges(edges)?;
        for vertices in (3..=largest).rev() {
            let space = space.with_max_vertices(vertices)?;
            let found = cells.iter().filter(|cell| cell.vertices() <= vertices).count();
            let all = space.cells()?.len();
            if found == all {
                return Ok(space);
            }
            missing = format!(", {found} of the {all} of at most {vertices} vertices and {edges} edges");
        }
    }
    let epochs: Vec<_> = budgets.iter().map(ToString::to_string).collect();
    bail!(
        "it holds {} cells at {} epochs{missing}: a search needs all cells of at most so many vertices\n\
        hint: a surrogate fitted on these cells answers for the others",
        cells.len(),
        epochs.join(" and ")
    );
}

/// Prepares real training.
fn training(arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Target> {
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    device.check().context("could not use the device")?;
    let (protocol, data) = protocol(arguments)?;
    let largest = protocol.budgets.last().copied().context("a protocol has budgets")?;
    let budgets = protocol.budgets.clone();
    let kind = Kind::Training { protocol, data: Box::new(data), device };
    let space = Space::nas_bench_101().with_max_vertices(arguments.models.max_vertices.into())?;
    Ok(Target { space, epochs: epochs.unwrap_or(largest), budgets, kind })
}

fn protocol(arguments: &Arguments) -> anyhow::Result<(Protocol, Data)> {
    let protocol = Protocol::find(&arguments.protocol).context("could not choose the protocol")?;
    let dataset = arguments.images.load()?;
    let protocol = protocol.resolve(&dataset).context("could not use the data set")?;
    let data = Data::select(&protocol, &dataset).context("could not use the data set")?;
    Ok((protocol, data))
}
