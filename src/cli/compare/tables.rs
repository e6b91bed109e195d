//! Output of a comparison.

use std::io::Write;

use nasbench::compare::Item;
use nasbench::report::Comparison;
use serde_json::Value;

use super::results::{COMPARISON, OVERHEAD, PAGE, TRAJECTORIES, named};
use super::{Arguments, Compared, Global};
use crate::cli::format::{Format, Table};

pub(super) fn print(arguments: &Arguments, global: &Global, all: &[Compared], page: &Comparison) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if arguments.format != Format::Table {
        return standings(all).print(arguments.format, &mut out);
    }
    writeln!(out, "{}", page.text())?;
    for text in all.last().into_iter().flat_map(|compared| compared.summary.leakage()) {
        writeln!(out, "{text}\n")?;
    }
    print_checklist(page.checklist, &mut out)?;
    let trajectories: Vec<_> = all.iter().map(|one| named(TRAJECTORIES, one.plan.budget, all.len())).collect();
    let (folder, trajectories) = (arguments.out.display(), trajectories.join(", "));
    writeln!(out, "written to {folder}: {PAGE}, {COMPARISON}, {trajectories}, {OVERHEAD}")?;
    writeln!(out, "again: {}", global.repeats)?;
    Ok(())
}

/// All met points in one line, and a line for each unmet one.
fn print_checklist(checklist: &[Item], out: &mut dyn Write) -> anyhow::Result<()> {
    let met: Vec<_> = checklist.iter().filter(|item| item.is_met).map(|item| item.name).collect();
    writeln!(out, "checklist after Lindauer and Hutter, JMLR 2020; {COMPARISON} and {PAGE} say more")?;
    writeln!(out, "yes: {}", met.join(", "))?;
    for Item { name, note, .. } in checklist.iter().filter(|item| !item.is_met) {
        writeln!(out, "no:  {name} ({note})")?;
    }
    Ok(writeln!(out)?)
}

/// Results per algorithm and task as JSON or CSV: accuracies and regrets are fractions.
fn standings(all: &[Compared]) -> Table {
    let columns = [
        "task",
        "budget",
        "algorithm",
        "runs",
        "regret_iqm",
        "regret_iqm_low",
        "regret_iqm_high",
        "regret_median",
        "regret_mean",
        "top_share",
        "top_reached",
        "top_evaluations",
        "top_simulated_seconds",
        "evaluations",
        "simulated_seconds",
        "trials",
        "distinct_cells",
        "hypervolume",
        "hypervolume_sd",
        "igd_plus",
        "epsilon",
        "options",
    ];
    let mut table = Table::new(&columns, &[]);
    let tasks = all.iter().flat_map(|compared| compared.summary.tasks.iter().map(move |task| (compared.plan.budget, task)));
    for (budget, task, standing) in tasks.flat_map(|(budget, task)| task.algorithms.iter().map(move |one| (budget, task, one))) {
        let (iqm, fronts) = (standing.interquartile_mean, standing.fronts.as_ref());
        table.push([
            Value::from(task.name.as_str()),
            budget.to_string().into(),
            standing.name.as_str().into(),
            standing.runs.into(),
            iqm.map(|estimate| estimate.value).into(),
            iqm.map(|estimate| estimate.low).into(),
            iqm.map(|estimate| estimate.high).into(),
            standing.median.into(),
            standing.mean.into(),
            task.goal.share.into(),
            standing.goal_by_evaluations.reached.into(),
            standing.goal_by_evaluations.expected.into(),
            standing.goal_by_time.and_then(|goal| goal.expected).into(),
            standing.evaluations.into(),
            standing.simulated_seconds.into(),
            standing.trials.into(),
            standing.distinct_cells.into(),
            fronts.map(|found| found.hypervolume).into(),
            fronts.and_then(|found| found.hypervolume_deviation).into(),
            fronts.and_then(|found| found.igd_plus).map(|estimate| estimate.value).into(),
            fronts.and_then(|found| found.epsilon).map(|estimate| estimate.value).into(),
            standing.options.clone(),
        ]);
    }
    table
}
