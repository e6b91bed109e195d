//! The oracle of a search: a benchmark, models or training.

use std::path::Path;

use anyhow::{Context as _, bail};
use nasbench::engine::Device;
use nasbench::network::Skeleton;
use nasbench::oracle::{Observe, Observed, Oracle};
use nasbench::search::{Budget, Entry, Setup};
use nasbench::space::{Cell, Space};
use nasbench::surrogate::FittedRange;
use nasbench::table::{Identity, Mean, Repeat, SHIPPED};
use nasbench::train::{Data, Protocol, TrainingOracle};
use nasbench::unit::{Epochs, Seed};

use super::cost::Cost;
use super::models;
use super::source::Source;
use crate::cli::benchmark::is_shipped;
use crate::cli::images;

/// The word for real training.
const TRAIN: &str = "train";
const PROTOCOL: &str = "quick";
const DEVICE: &str = "cpu";

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The oracle: the folder of a benchmark, a model file, or the word `train`.
    #[arg(long, default_value = SHIPPED, value_name = "BENCH|MODEL|train")]
    on: String,

    #[command(flatten)]
    models: models::Arguments,

    /// Protocol of `train`: a preset or a TOML file.
    #[arg(long, default_value = PROTOCOL, value_name = "NAME|FILE")]
    protocol: String,

    /// Device of `train`: `cpu`, `gpu[:index]` or `reference`.
    #[arg(long, default_value = DEVICE, value_name = "DEVICE")]
    device: String,

    #[command(flatten)]
    images: images::Arguments,
}

/// The open oracle.
pub(super) struct Target {
    setup: Setup,
    kind: Kind,
}

enum Kind {
    Source(Source),
    Training { protocol: Box<Protocol>, data: Box<Data>, device: Device },
}

impl Target {
    /// Opens the oracle of an algorithm. `epochs` is the full budget, if given; `cost` is the kind of training cost, and whether to note
    /// that it cannot be computed.
    pub(super) fn open(
        arguments: &Arguments,
        epochs: Option<Epochs>,
        algorithm: &Entry,
        cost: (Option<Cost>, bool),
    ) -> anyhow::Result<Self> {
        let path = Path::new(&arguments.on);
        let is_benchmark = path.is_dir() || is_shipped(path);
        check_options(arguments, is_benchmark)?;
        if cost.0.is_some() && !is_benchmark {
            bail!("`--cost` is for benchmarks, found `--on {}`", arguments.on);
        }
        if arguments.on == TRAIN {
            return training(arguments, epochs);
        }
        if !is_benchmark && !path.is_file() {
            bail!("`{}` is neither the folder of a benchmark nor a model file, and not the word `{TRAIN}`", arguments.on);
        }
        let source = Source::open(path.to_owned(), &arguments.models, cost)?;
        let setup = match &source {
            Source::Models { models, .. } => {
                models.check_budget(path, epochs)?;
                models.setup()
            }
            Source::Table { table, .. } => Setup::on_table(table, epochs, &[algorithm], |_| true)
                .with_context(|| format!("could not search `{}`", arguments.on))?,
        };
        Ok(Self { setup, kind: Kind::Source(source) })
    }

    /// Where to search, and with which budgets of epochs.
    pub(super) const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What makes networks of its cells.
    pub(super) fn skeleton(&self) -> anyhow::Result<Skeleton> {
        match &self.kind {
            Kind::Source(source) => Ok(source.skeleton()),
            Kind::Training { protocol, .. } => protocol.skeleton().context("a protocol of a data set has a skeleton"),
        }
    }

    /// The folder and the identity of the benchmark, if there is one.
    pub(super) fn benchmark(&self) -> (Option<&Path>, Option<Identity>) {
        match &self.kind {
            Kind::Source(source) => source.benchmark(),
            Kind::Training { .. } => (None, None),
        }
    }

    /// Refuses a budget of seconds if the training times at some budgets of epochs are unknown.
    pub(super) fn check_budget(&self, budget: Budget, budgets: &[Epochs]) -> anyhow::Result<()> {
        match &self.kind {
            Kind::Source(source) => source.check_budget(budget, budgets),
            Kind::Training { .. } => Ok(()),
        }
    }

    /// Whether each measurement is a real training.
    pub(super) const fn is_training(&self) -> bool {
        matches!(self.kind, Kind::Training { .. })
    }

    /// The oracle's name in the file of the trials.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Source(Source::Table { folder, .. }) => format!("table:{}", folder.display()),
            Kind::Source(Source::Models { models, .. }) => format!("surrogate:{}", models.accuracy().name),
            Kind::Training { .. } => TRAIN.to_owned(),
        }
    }

    /// The oracle, as it was typed.
    pub(super) fn on(&self) -> String {
        match &self.kind {
            Kind::Source(source) => source.on(),
            Kind::Training { .. } => TRAIN.to_owned(),
        }
    }

    /// The sizes of the cells that the model was fitted on, for a model.
    pub(super) fn fitted_range(&self) -> Option<FittedRange> {
        match &self.kind {
            Kind::Source(Source::Models { models, .. }) => Some(models.accuracy().fitted_range),
            _ => None,
        }
    }

    /// An oracle for one search with the rules of a set-up; it reports measurements to `observe`.
    pub(super) fn oracle<'a>(&'a self, seed: Seed, observe: Observe<'a>, rules: &Setup) -> Box<dyn Oracle + 'a> {
        match &self.kind {
            Kind::Source(source) => Box::new(Observed::new(source.oracle(seed, rules, None), observe)),
            Kind::Training { protocol, data, device } => {
                Box::new(TrainingOracle::new(protocol, data, *device, seed).with_observer(observe))
            }
        }
    }

    /// The records of a cell, as text; a search never sees them.
    pub(super) fn truth(&self, cell: Cell, epochs: Epochs) -> Option<String> {
        let Kind::Source(Source::Table { table, .. }) = &self.kind else { return None };
        let answer = table.query(&cell, epochs, Repeat::Mean).ok()?;
        let repeats = |repeats: usize| format!("{repeats} repeat{}", if repeats == 1 { "" } else { "s" });
        let means = [(answer.end.validation_accuracy, "validation"), (answer.end.test_accuracy, "test")];
        let are_of_all = means.iter().all(|(mean, _)| mean.is_none_or(|mean| mean.repeats == answer.repeats));
        let said = |(mean, of): (Option<Mean>, &str)| match mean {
            Some(Mean { value, .. }) if are_of_all => format!("{:.2} % {of}", 100.0 * value),
            Some(Mean { value, repeats: count }) => format!("{:.2} % {of} (mean of {})", 100.0 * value, repeats(count)),
            None => format!("none {of}"),
        };
        let [validation, test] = means.map(said);
        let of_all = if are_of_all { format!(", means of {}", repeats(answer.repeats)) } else { String::new() };
        let diverged =
            if answer.diverged > 0 { format!(", {} diverged and count as chance", answer.diverged) } else { String::new() };
        Some(format!("{validation}, {test}{of_all}{diverged}"))
    }
}

/// Refuses an option that has no meaning for the oracle.
fn check_options(Arguments { on, models, protocol, device, images }: &Arguments, is_benchmark: bool) -> anyhow::Result<()> {
    let (is_training, is_model) = (on == TRAIN, on != TRAIN && !is_benchmark);
    let options = [
        ("--noise", "model files", is_model, models.noise.is_some()),
        ("--time-model", "model files", is_model, models.time_model.is_some()),
        ("--cheaper-model", "model files", is_model, !models.cheaper_model.is_empty()),
        ("--max-vertices", "model files and `train`", !is_benchmark, models.max_vertices != models::LARGEST),
        ("--protocol", "`train`", is_training, protocol != PROTOCOL),
        ("--device", "`train`", is_training, device != DEVICE),
        ("--dataset", "`train`", is_training, images.dataset.is_some()),
        ("--data-dir", "`train`", is_training, images.data_dir.is_some()),
    ];
    match options.iter().find(|(_, _, has_meaning, is_given)| *is_given && !has_meaning) {
        Some((option, of, ..)) if is_benchmark => {
            bail!("`{option}` is for {of}, and `{on}` is a benchmark: its trainings are done, and its cells are those recorded")
        }
        Some((option, of, ..)) => bail!("`{option}` is for {of}, found `--on {on}`"),
        None => Ok(()),
    }
}

/// Prepares real training.
fn training(arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Target> {
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    device.check().context("could not use the device")?;
    let (protocol, data) = protocol(arguments)?;
    let largest = protocol.budgets.last().copied().context("a protocol has budgets")?;
    let space = Space::nas_bench_101().with_max_vertices(arguments.models.max_vertices.into())?;
    let setup = Setup::new(space, epochs.unwrap_or(largest)).with_budgets(&protocol.budgets);
    Ok(Target { setup, kind: Kind::Training { protocol: Box::new(protocol), data: Box::new(data), device } })
}

fn protocol(arguments: &Arguments) -> anyhow::Result<(Protocol, Data)> {
    let protocol = Protocol::find(&arguments.protocol).context("could not choose the protocol")?;
    let dataset = arguments.images.load()?;
    let protocol = protocol.resolve(&dataset).context("could not use the data set")?;
    let data = Data::select(&protocol, &dataset).context("could not use the data set")?;
    Ok((protocol, data))
}
