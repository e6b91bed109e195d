//! The oracles of a comparison: benchmarks and models, with budgets.

use anyhow::{Context as _, bail};
use nasbench::compare::{self, Competitor, GroundTruth, Judging, Task};
use nasbench::search::{Budget, Entry, Setup};
use nasbench::table::Table;
use nasbench::unit::Epochs;

use super::{Arguments, Which};
use crate::cli;
use crate::cli::search::source::Source;
use crate::cli::search::{models, without_small_budgets};

/// Opens all sources of `--on`.
pub(super) fn open(arguments: &Arguments, is_told: bool) -> anyhow::Result<Vec<Source>> {
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
    arguments.on.iter().map(|on| Source::open(on.clone(), &arguments.models, cost)).collect()
}

/// The tasks: each source at each requested budget.
pub(super) fn tasks<'a>(
    arguments: &Arguments,
    competitors: &[Competitor],
    sources: &'a [Source],
) -> anyhow::Result<Vec<(Task, &'a Source)>> {
    let algorithms: Vec<&Entry> = competitors.iter().map(Competitor::entry).collect();
    let epochs: Vec<Option<Epochs>> = match &arguments.epochs[..] {
        [] => vec![None],
        epochs => epochs.iter().map(|epochs| Some(Epochs(*epochs))).collect(),
    };
    let pairs = sources.iter().flat_map(|source| epochs.iter().map(move |epochs| (source, *epochs)));
    pairs.map(|(source, epochs)| Ok((task(source, epochs, &algorithms, arguments)?, source))).collect()
}

fn task(source: &Source, epochs: Option<Epochs>, algorithms: &[&Entry], arguments: &Arguments) -> anyhow::Result<Task> {
    let (folder, benchmark) = source.benchmark();
    let goals = arguments.goals.goals(source.skeleton(), folder, benchmark, arguments.returns)?;
    let goals = arguments.hypervolume.apply_to(goals)?;
    let task = match source {
        Source::Table { identity, table, costs, .. } => {
            let (on, judging) = (source.on(), judging(table, compare::full_budget(table, epochs), arguments.truth));
            let task = Task::on_table(table, (&on, identity), epochs, algorithms, judging, costs.as_ref());
            task.with_context(|| format!("could not search `{on}`"))?
        }
        Source::Models { file, models } => {
            models.check_budget(file, epochs)?;
            let identity = models.identity(file, &arguments.models)?;
            Task::on_models(models.accuracy(), models.setup(), &source.on(), identity)
        }
    };
    Ok(Task { setup: Setup { goals, ..task.setup }, ..task })
}

/// A task's ground truth.
pub(super) fn truth<'a>(source: &'a Source, task: &Task, truth: Which) -> anyhow::Result<GroundTruth<'a>> {
    Ok(match source {
        Source::Table { table, .. } => GroundTruth::of_table(table, &task.setup, judging(table, task.setup.epochs, truth))?,
        Source::Models { models, .. } => GroundTruth::of_model(models.accuracy(), &models.space().cells()?, &task.setup.goals)?,
    })
}

/// Refuses a budget of seconds if the training times are unknown, and notes which algorithms lack small budgets of epochs and which
/// benchmarks lack cells.
pub(super) fn check(
    competitors: &[Competitor],
    tasks: &[Task],
    sources: &[&Source],
    budgets: &[Budget],
    truth: Which,
    is_quiet: bool,
) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    for (Task { name, setup, .. }, source) in tasks.iter().zip(sources) {
        if let Some(pool) = &setup.pool {
            notes.push(format!("note: `{name}` is a pool of {pool}: the searches stay within them"));
        }
        if let Source::Table { table, .. } = source
            && judging(table, setup.epochs, truth) == Judging::All
            && truth == Which::Unseen
        {
            notes.push(format!(
                "note: some cells of `{name}` have one repeat only: the repeat that a search saw is among those that judge"
            ));
        }
        for competitor in competitors {
            let entry = competitor.entry();
            budgets.iter().try_for_each(|budget| source.check_budget(*budget, entry.budgets(setup)))?;
            let note = without_small_budgets(competitor.algorithm(), &source.on(), setup.epochs);
            if entry.misses_small_budgets(setup) && !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes.iter().filter(|_| !is_quiet).for_each(cli::note);
    Ok(())
}

/// Which repeats are shown, and which evaluate.
fn judging(table: &Table, epochs: Epochs, truth: Which) -> Judging {
    match truth {
        Which::Unseen => Judging::unseen(table, epochs),
        Which::All => Judging::All,
    }
}
