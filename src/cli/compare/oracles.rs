//! What a comparison asks: benchmarks and models, each at some budgets.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use nasbench::compare::{self, Competitor, Judging, ModelTruth, Plan, TableTruth, Task, Truth};
use nasbench::oracle::Oracle;
use nasbench::search::{Budget, Entry};
use nasbench::space::Cell;
use nasbench::table::{Costs, Table};
use nasbench::unit::{Epochs, Seed};

use super::{Arguments, Which};
use crate::cli;
use crate::cli::search::cost::Cost;
use crate::cli::search::models::{self, Models};
use crate::cli::search::{target, without_small_budgets};

/// What answers, in memory.
pub(super) enum Answers {
    Records { folder: PathBuf, identity: String, table: Table, costs: Option<Costs> },
    Models { file: PathBuf, identity: String, models: Models, cells: Vec<Cell> },
}

/// Opens everything that `--on` names.
pub(super) fn open(arguments: &Arguments, is_told: bool) -> anyhow::Result<Vec<Answers>> {
    arguments.on.iter().try_for_each(|on| cli::benchmark::refuse_file_to_import(on))?;
    if !arguments.on.iter().any(|on| on.is_file()) {
        let models::Arguments { time_model, cheaper_model, noise, max_vertices } = &arguments.models;
        let given = [
            ("--noise", noise.is_some()),
            ("--time-model", time_model.is_some()),
            ("--cheaper-model", !cheaper_model.is_empty()),
            ("--max-vertices", *max_vertices != models::LARGEST),
        ];
        if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
            bail!("`{option}` is for model files, expected `--on` to name one");
        }
    }
    if arguments.cost.is_some() && arguments.on.iter().all(|on| on.is_file()) {
        bail!("`--cost` is for benchmarks, expected `--on` to name one");
    }
    let is_of_time = arguments.budget.iter().any(|budget| matches!(budget.0, Budget::SimulatedTime(_)));
    let cost = (arguments.cost, is_of_time && is_told);
    arguments.on.iter().map(|on| Answers::read(on.clone(), &arguments.models, cost)).collect()
}

/// What answers at each budget that was asked for.
pub(super) fn tasks<'a>(
    arguments: &Arguments,
    competitors: &[Competitor],
    answers: &'a [Answers],
) -> anyhow::Result<Vec<(Task, &'a Answers)>> {
    let algorithms: Vec<&Entry> = competitors.iter().map(Competitor::entry).collect();
    let epochs: Vec<Option<Epochs>> = match &arguments.epochs[..] {
        [] => vec![None],
        epochs => epochs.iter().map(|epochs| Some(Epochs(*epochs))).collect(),
    };
    let task =
        |(answers, epochs): (&'a Answers, Option<Epochs>)| Ok((answers.task(epochs, &algorithms, arguments.truth)?, answers));
    answers.iter().flat_map(|answers| epochs.iter().map(move |epochs| (answers, *epochs))).map(task).collect()
}

/// Refuses a budget of seconds where nobody knows the training times that it is spent by, and notes which algorithms miss small
/// budgets of epochs and which benchmarks lack cells.
pub(super) fn check(
    competitors: &[Competitor],
    tasks: &[Task],
    answers: &[&Answers],
    budgets: &[Budget],
    truth: Which,
    is_quiet: bool,
) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    let has_seconds = budgets.iter().any(|budget| matches!(budget, Budget::SimulatedTime(_)));
    for (Task { name, setup, .. }, answers) in tasks.iter().zip(answers) {
        if let Some(pool) = &setup.pool {
            notes.push(format!("note: `{name}` is a pool of {pool}: the searches stay within them"));
        }
        if let Answers::Records { table, .. } = answers
            && judging(table, setup.epochs, truth) == Judging::All
            && truth == Which::Unseen
        {
            notes.push(format!(
                "note: some cells of `{name}` have one repeat only: the repeat that a search saw is among those that judge"
            ));
        }
        if let Answers::Models { file, models, .. } = answers {
            budgets.iter().try_for_each(|budget| models.check_times(file, *budget))?;
        }
        for entry in competitors.iter().map(Competitor::entry) {
            if let (true, Answers::Records { folder, table, costs: None, .. }) = (has_seconds, answers) {
                target::check_times(table, folder, entry.budgets(setup))?;
            }
            let note = without_small_budgets(entry.name, &answers.on(), setup.epochs);
            if entry.misses_small_budgets(setup) && !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes.iter().filter(|_| !is_quiet).for_each(cli::note);
    Ok(())
}

/// Which repeats of a table are shown and judged by.
fn judging(table: &Table, epochs: Epochs, truth: Which) -> Judging {
    match truth {
        Which::Unseen => Judging::unseen(table, epochs),
        Which::All => Judging::All,
    }
}

impl Answers {
    /// What is asked, as it was typed.
    fn on(&self) -> String {
        match self {
            Self::Records { folder: on, .. } | Self::Models { file: on, .. } => on.display().to_string(),
        }
    }

    fn read(on: PathBuf, arguments: &models::Arguments, (cost, is_told): (Option<Cost>, bool)) -> anyhow::Result<Self> {
        if on.is_file() {
            let models = Models::open(&on, arguments, None)?;
            return Ok(Self::Models {
                identity: models.identity(&on, arguments)?,
                file: on,
                cells: models.space().cells()?,
                models,
            });
        }
        let benchmark = cli::benchmark::open(&on)?;
        let table = benchmark.table().context("could not read the benchmark")?;
        let costs = Cost::costs(cost, &benchmark, &table, is_told)?;
        Ok(Self::Records { folder: on, identity: benchmark.identity().to_string(), table, costs })
    }

    /// A task of it for some algorithms, at a budget if one was given.
    fn task(&self, epochs: Option<Epochs>, algorithms: &[&Entry], truth: Which) -> anyhow::Result<Task> {
        let plural = |epochs: Epochs| if epochs.0 == 1 { "" } else { "s" };
        match self {
            Self::Records { folder, identity, table, costs } => {
                let judging = judging(table, compare::full_budget(table, epochs), truth);
                let setup = compare::set_up(table, epochs, algorithms, judging);
                let setup = setup.with_context(|| format!("could not search `{}`", folder.display()))?;
                let epochs = setup.epochs;
                // A benchmark may grow and keep its identity, but then its answers change.
                let shown = judging.shown(epochs).map_or_else(String::new, |(_, most)| format!(", repeats below {most} shown"));
                let oracle = format!("benchmark {identity} with {} rows{shown}", table.row_count());
                let name = format!("{} at {epochs} epoch{}", folder.display(), plural(epochs));
                let cost = costs.as_ref().map(Costs::in_words);
                Ok(Task { name, setup, oracle, benchmark: Some(identity.clone()), cost })
            }
            Self::Models { file, identity, models, .. } => {
                models.check_budget(file, epochs)?;
                let known = models.epochs();
                let setup = models.setup();
                let name = format!("{} at {known} epoch{}", file.display(), plural(known));
                let benchmark = models.accuracy().benchmark().map(ToOwned::to_owned);
                Ok(Task { name, setup, oracle: identity.clone(), benchmark, cost: None })
            }
        }
    }

    pub(super) fn truth(&self, task: &Task, truth: Which) -> Result<Box<dyn Truth + '_>, compare::Error> {
        Ok(match self {
            Self::Records { table, .. } => {
                Box::new(TableTruth::new(table, &task.setup, judging(table, task.setup.epochs, truth))?)
            }
            Self::Models { models, cells, .. } => Box::new(ModelTruth::new(models.accuracy(), cells)?),
        })
    }

    /// An oracle for one run of a plan, which shows only the repeats below a number at one budget.
    pub(super) fn oracle(&self, seed: Seed, shown: Option<(Epochs, u16)>, plan: &Plan) -> Box<dyn Oracle + '_> {
        match self {
            Self::Records { table, costs, .. } => {
                let oracle = target::of_table(table, seed, plan.duplicates, plan.returns);
                Box::new(oracle.showing(shown).costing(costs.as_ref()))
            }
            Self::Models { models, .. } => Box::new(models.oracle(seed).expect("the models were checked when they were opened")),
        }
    }
}
