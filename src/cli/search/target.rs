//! What a search asks: a benchmark, models or real training.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use nasbench::engine::Device;
use nasbench::oracle::Oracle;
use nasbench::space::{Cell, Operation, Space};
use nasbench::surrogate::{Model, Quantity, SurrogateOracle};
use nasbench::table::{self, Repeat, SHIPPED, TableOracle};
use nasbench::train::{Data, Protocol, TrainingOracle};
use nasbench::unit::{Accuracy, Epochs, Seed};

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

    /// Another model of the training time than the one that the model file of `--on` holds.
    #[arg(long, value_name = "MODEL")]
    time_model: Option<PathBuf>,

    /// With a model: answer each time as another repeat would, with the noise that repeats of a cell had.
    #[arg(long)]
    noise: bool,

    /// The largest cells to search, with a model or `train`; a benchmark is searched as far as it is complete.
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    max_vertices: u8,

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
    Models { accuracy: Arc<Model>, time: Arc<Model>, noise: bool },
    Training { protocol: Protocol, data: Box<Data>, device: Device },
}

impl Target {
    /// Opens what is to be asked. `epochs` is the full budget, if it was given.
    pub(super) fn open(arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Self> {
        let path = Path::new(&arguments.on);
        let is_benchmark = path.is_dir() || is_shipped(path);
        if arguments.noise && (arguments.on == TRAIN || is_benchmark) {
            bail!("only a model needs `--noise`: each answer of `{}` is a training of its own", arguments.on);
        }
        if arguments.on == TRAIN {
            return training(arguments, epochs);
        }
        if is_benchmark {
            return benchmark(path, epochs);
        }
        if path.is_file() {
            return models(arguments, path, epochs);
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

    /// What answers, as the file of the trials says it.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Table { folder, .. } => format!("table:{folder}"),
            Kind::Models { accuracy, .. } => format!("surrogate:{}", accuracy.name()),
            Kind::Training { .. } => TRAIN.to_owned(),
        }
    }

    /// An oracle for one search.
    pub(super) fn oracle(&self, seed: Seed) -> anyhow::Result<Box<dyn Oracle + '_>> {
        Ok(match &self.kind {
            Kind::Table { table, .. } => Box::new(TableOracle::new(table, seed)),
            Kind::Training { protocol, data, device } => Box::new(TrainingOracle::new(protocol, data, *device, seed)),
            Kind::Models { accuracy, time, noise } => {
                let features = accuracy.features().clone();
                let cost_of = move |cell: &Cell| Ok(features.cost(cell)?);
                let oracle = SurrogateOracle::new(Box::new(cost_of));
                let could_not = "could not search with the model";
                let oracle = oracle.with_models(accuracy.clone(), time.clone()).context(could_not)?;
                Box::new(if *noise { oracle.with_noise(seed).context(could_not)? } else { oracle })
            }
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
    table.check_budget(epochs).context("could not use the budget")?;
    let budgets: Vec<_> = table.budgets().iter().copied().filter(|budget| *budget <= epochs).collect();
    let space = complete_space(table, &budgets).with_context(|| format!("could not search `{}`", folder.display()))?;
    Ok((space, epochs, budgets))
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
            missing = format!("{found} of the {all} cells of at most {vertices} vertices and {edges} edges");
        }
    }
    let epochs: Vec<_> = budgets.iter().map(ToString::to_string).collect();
    let found = if missing.is_empty() { format!("{} cells", cells.len()) } else { missing };
    bail!(
        "it holds {found} at {} epochs, and a search needs all cells of a space\n\
        hint: a surrogate fitted on these cells answers for the others",
        epochs.join(", ")
    );
}

/// Opens the models of the accuracy and of the time.
fn models(arguments: &Arguments, accuracy: &Path, epochs: Option<Epochs>) -> anyhow::Result<Target> {
    let load = |path: &Path, quantity: Quantity| {
        let model = Model::load(path).context("could not read the model")?;
        let found = model.target();
        if found.quantity != quantity {
            bail!("`{}` predicts {found}, expected a model of the {quantity}", path.display());
        }
        Ok(Arc::new(model))
    };
    let accuracy = load(accuracy, Quantity::ValidationAccuracy)?;
    let time = match (&arguments.time_model, accuracy.time()) {
        (Some(path), _) => load(path, Quantity::TrainingTime)?,
        (None, Some(time)) => time.clone(),
        (None, None) => bail!(
            "`{}` holds no model of the training time, and a search pays for what it asks\n\
            hint: `--time-model MODEL` names one, `nasbench fit --target training_time` makes one",
            arguments.on
        ),
    };
    let known = accuracy.target().epochs;
    if let Some(epochs) = epochs.filter(|epochs| *epochs != known) {
        bail!("`{}` predicts trainings of {known} epochs, expected {epochs}", arguments.on);
    }
    let operations: Vec<_> = accuracy.features().space().operations().collect();
    let space = given_space(arguments)?.with_operations(&operations)?;
    let kind = Kind::Models { accuracy, time, noise: arguments.noise };
    Ok(Target { space, epochs: known, budgets: vec![known], kind })
}

/// Prepares real training.
fn training(arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Target> {
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    device.check().context("could not use the device")?;
    let (protocol, data) = protocol(arguments)?;
    let largest = protocol.budgets.last().copied().context("a protocol has budgets")?;
    let budgets = protocol.budgets.clone();
    let kind = Kind::Training { protocol, data: Box::new(data), device };
    Ok(Target { space: given_space(arguments)?, epochs: epochs.unwrap_or(largest), budgets, kind })
}

fn protocol(arguments: &Arguments) -> anyhow::Result<(Protocol, Data)> {
    let protocol = Protocol::find(&arguments.protocol).context("could not choose the protocol")?;
    let dataset = arguments.images.load()?;
    let protocol = protocol.resolve(&dataset).context("could not use the data set")?;
    let data = Data::select(&protocol, &dataset).context("could not use the data set")?;
    Ok((protocol, data))
}

fn given_space(arguments: &Arguments) -> anyhow::Result<Space> {
    Ok(Space::nas_bench_101().with_max_vertices(arguments.max_vertices.into())?)
}
