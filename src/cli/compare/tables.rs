//! What a comparison prints.

use std::io::Write;

use nasbench::compare::{Aggregate, FEWEST_TASKS, Item, OnTask, Pair, Summary, Test};
use nasbench::statistics::Estimate;
use serde_json::Value;

use super::results::{COMPARISON, OVERHEAD, PAGE, TRAJECTORIES, named};
use super::{Arguments, Compared, Global};
use crate::cli::format::{Format, Table};

pub(super) fn print(arguments: &Arguments, global: &Global, all: &[Compared], checklist: &[Item]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if arguments.format != Format::Table {
        return standings(all).print(arguments.format, &mut out);
    }
    for Compared { plan, summary, .. } in all {
        if all.len() > 1 {
            writeln!(out, "a budget of {}\n", plan.budget)?;
        }
        for task in &summary.tasks {
            print_task(task, &mut out)?;
        }
        if summary.tasks.len() > 1 {
            print_across(summary, &mut out)?;
        }
    }
    if all.len() > 1 {
        writeln!(out, "final regrets by the budget of a run, in percentage points")?;
        by_budget(all).print(Format::Table, &mut out)?;
        writeln!(out)?;
    }
    for text in all.last().into_iter().flat_map(|compared| compared.summary.leakage()) {
        writeln!(out, "{text}\n")?;
    }
    print_checklist(checklist, &mut out)?;
    let trajectories: Vec<_> = all.iter().map(|one| named(TRAJECTORIES, one.plan.budget, all.len())).collect();
    let (folder, trajectories) = (arguments.out.display(), trajectories.join(", "));
    writeln!(out, "written to {folder}: {PAGE}, {COMPARISON}, {trajectories}, {OVERHEAD}")?;
    writeln!(out, "again: {}", global.repeats)?;
    Ok(())
}

/// What is met in a line, and a line for each point that is not.
fn print_checklist(checklist: &[Item], out: &mut dyn Write) -> anyhow::Result<()> {
    let met: Vec<_> = checklist.iter().filter(|item| item.is_met).map(|item| item.name).collect();
    writeln!(out, "checklist after Lindauer and Hutter, JMLR 2020; {COMPARISON} and {PAGE} say more")?;
    writeln!(out, "yes: {}", met.join(", "))?;
    for Item { name, note, .. } in checklist.iter().filter(|item| !item.is_met) {
        writeln!(out, "no:  {name} ({note})")?;
    }
    Ok(writeln!(out)?)
}

/// The interquartile means with each budget of a run.
fn by_budget(all: &[Compared]) -> Table {
    let mut table = Table::new(&["task", "algorithm", "budget", "interquartile mean", "95 % interval"], &[]);
    let tasks = all.first().into_iter().flat_map(|first| first.summary.tasks.iter().enumerate());
    for (place, task) in tasks {
        for (algorithm, budget) in (0..task.algorithms.len()).flat_map(|algorithm| all.iter().map(move |one| (algorithm, one))) {
            let standing = &budget.summary.tasks[place].algorithms[algorithm];
            let iqm = standing.interquartile_mean;
            table.push([
                Value::from(task.name.as_str()),
                standing.name.as_str().into(),
                budget.plan.budget.to_string().into(),
                iqm.map(|estimate| points(estimate.value)).into(),
                iqm.map(|estimate| format!("{} to {}", points(estimate.low), points(estimate.high))).into(),
            ]);
        }
    }
    table
}

/// A fraction in percentage points, of which 0 has no sign.
fn points(regret: f64) -> String {
    format!("{:.3}", 100.0 * regret + 0.0)
}

fn print_task(task: &OnTask, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}: final regrets in percentage points\n", task.name)?;
    for_people(task).print(Format::Table, out)?;
    writeln!(out, "found: runs whose best cell so far was one of these at any time, though a luckier one may have come later")?;
    writeln!(out, "expected: what that costs with restarts, where runs that failed are followed by others")?;
    let percent = 100.0 * task.goal.share;
    writeln!(
        out,
        "\nbest {} {:.2} %{}; the best {percent} % of the cells have a regret of at most {:.3}, the better half of at most {:.3}\n",
        task.judged_by.name(),
        100.0 * task.best,
        task.mean_of().map_or_else(String::new, |of| format!(" ({of})")),
        100.0 * task.goal.regret,
        100.0 * task.middle
    )?;
    if let Some(optimum) = &task.optimum {
        let [value, low, high] = [optimum.value, optimum.low, optimum.high].map(|worth| 100.0 * worth);
        writeln!(
            out,
            "that is the largest of noisy means: with the noise removed the best is at {value:.2} % [{low:.2}, {high:.2}]\n"
        )?;
    }
    if let Some(floor) = &task.floor {
        let [value, low, high] = [floor.value, floor.low, floor.high].map(|regret| 100.0 * regret);
        writeln!(out, "floor, every cell asked for once and the one that looked best taken: {value:.3} [{low:.3}, {high:.3}]\n")?;
    }
    for remark in task.remarks() {
        writeln!(out, "{remark}\n")?;
    }
    if !task.pairs.is_empty() {
        let names: Vec<_> = task.algorithms.iter().map(|standing| standing.name.as_str()).collect();
        print_pairs(&names, &task.pairs, &task.against_baseline, out)?;
    }
    if !task.budgets.is_empty() {
        writeln!(
            out,
            "how well one training ranks the cells by their means at a larger budget: Spearman's rank correlation [95 %]"
        )?;
        budgets(task).print(Format::Table, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn print_across(summary: &Summary, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(across) = &summary.across else {
        writeln!(out, "on one of the tasks the median cell is as good as the best one: the tasks have no common scale\n")?;
        return Ok(());
    };
    writeln!(out, "all {} tasks together: regrets divided by that of the median cell\n", summary.tasks.len())?;
    places(across).print(Format::Table, out)?;
    writeln!(out)?;
    for caveat in across.caveats() {
        writeln!(out, "{caveat}\n")?;
    }
    if let Some(ranks) = &across.ranks {
        let said = |test: Test| format!("{:.3}, p = {:.4}", test.statistic, test.p_value);
        writeln!(out, "Friedman: χ² = {}", said(ranks.friedman))?;
        if let Some(test) = ranks.iman_davenport {
            writeln!(out, "Iman and Davenport: F = {}", said(test))?;
        }
    }
    match across.critical_difference {
        Some(difference) => writeln!(out, "Nemenyi: mean ranks that lie {difference:.3} apart differ at the level of 0.05\n")?,
        None if across.clusters.len() < 2 => {}
        None => writeln!(out, "a critical difference needs at least {FEWEST_TASKS} benchmarks\n")?,
    }
    let names: Vec<_> = across.algorithms.iter().map(|place| place.name.as_str()).collect();
    print_pairs(&names, &across.pairs, &across.against_baseline, out)
}

/// Prints how any two algorithms differ, and then each from the baseline. Of two algorithms both are the same.
fn print_pairs(names: &[&str], all: &[Pair], against_baseline: &[Pair], out: &mut dyn Write) -> anyhow::Result<()> {
    pairs(names, all).print(Format::Table, out)?;
    writeln!(out)?;
    if let [first, _, ..] = against_baseline {
        let (baseline, tests) = (names[first.second], against_baseline.len());
        writeln!(out, "each against the baseline {baseline}, with p-values corrected for these {tests} tests alone")?;
        pairs(names, against_baseline).print(Format::Table, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// How each algorithm did on each task, for programs: accuracies and regrets are fractions.
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
        "options",
    ];
    let mut table = Table::new(&columns, &[]);
    let tasks = all.iter().flat_map(|compared| compared.summary.tasks.iter().map(move |task| (compared.plan.budget, task)));
    for (budget, task, standing) in tasks.flat_map(|(budget, task)| task.algorithms.iter().map(move |one| (budget, task, one))) {
        let iqm = standing.interquartile_mean;
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
            standing.options.clone(),
        ]);
    }
    table
}

/// How each algorithm did on a task, for people.
fn for_people(task: &OnTask) -> Table {
    let top = format!("found top {} %", 100.0 * task.goal.share);
    let columns = [
        "algorithm",
        "distinct cells",
        "interquartile mean",
        "95 % interval",
        "median",
        &top,
        "expected evaluations",
        "expected simulated seconds",
    ];
    let mut table = Table::new(&columns, &[]);
    let whole = |number: Option<f64>| number.map_or_else(String::new, |number| format!("{number:.0}"));
    for standing in &task.algorithms {
        let iqm = standing.interquartile_mean;
        table.push([
            Value::from(standing.name.as_str()),
            standing.distinct_cells.map(|cells| format!("{cells:.1}")).into(),
            iqm.map(|estimate| points(estimate.value)).into(),
            iqm.map(|estimate| format!("{} to {}", points(estimate.low), points(estimate.high))).into(),
            standing.median.map(points).into(),
            format!("{} of {}", standing.goal_by_evaluations.reached, standing.goal_by_evaluations.runs).into(),
            whole(standing.goal_by_evaluations.expected).into(),
            whole(standing.goal_by_time.and_then(|goal| goal.expected)).into(),
        ]);
    }
    table
}

/// How any two of them differ.
fn pairs(names: &[&str], pairs: &[Pair]) -> Table {
    let mut columns = vec!["first", "second", "first is better", "95 % interval", "Cliff's delta", "p (Holm)"];
    let has_differences = pairs.iter().any(|pair| pair.lower_by.is_some());
    if has_differences {
        columns.extend(["regret lower by", "95 % interval"]);
    }
    let mut table = Table::new(&columns, &[]);
    let p = |value: f64| if value < 1e-4 { "< 0.0001".to_owned() } else { format!("{value:.4}") };
    for pair in pairs {
        let mut row: Vec<Value> = vec![
            names[pair.first].into(),
            names[pair.second].into(),
            pair.probability.map(|estimate| format!("{:.3}", estimate.value)).into(),
            pair.probability.map(|estimate| format!("{:.3} to {:.3}", estimate.low, estimate.high)).into(),
            pair.cliffs_delta.map(signed).into(),
            pair.corrected_p_value.map(p).into(),
        ];
        if has_differences {
            row.push(pair.lower_by.map(|estimate| signed(estimate.value)).into());
            row.push(pair.lower_by.map(|estimate| format!("{} to {}", signed(estimate.low), signed(estimate.high))).into());
        }
        table.push(row);
    }
    table
}

/// A number between −1 and 1 with three decimals, of which 0 has no sign.
fn signed(value: f64) -> String {
    format!("{:.3}", (value * 1e3).round() / 1e3 + 0.0)
}

/// How the algorithms did over all tasks.
fn places(across: &Aggregate) -> Table {
    let mut table = Table::new(&["algorithm", "normalised regret", "95 % interval", "mean rank"], &[]);
    for place in &across.algorithms {
        let regret = place.normalised_regret;
        table.push([
            Value::from(place.name.as_str()),
            regret.map(|estimate| format!("{:.3}", estimate.value)).into(),
            regret.map(|estimate| format!("{:.3} to {:.3}", estimate.low, estimate.high)).into(),
            place.mean_rank.map(|rank| format!("{rank:.2}")).into(),
        ]);
    }
    table
}

/// How well one training at a small budget ranks the cells of a larger one.
fn budgets(task: &OnTask) -> Table {
    let mut table = Table::new(&["budget", "of", "cells", "all", "best 10 %", "Kendall τ-b, all"], &[]);
    let said = |correlation: Option<Estimate>| {
        let text = |Estimate { value, low, high }| format!("{} [{}, {}]", signed(value), signed(low), signed(high));
        correlation.map(text).into()
    };
    for agreement in &task.budgets {
        table.push([
            Value::from(agreement.smaller.0),
            agreement.larger.0.into(),
            agreement.correlation.cells.into(),
            said(agreement.correlation.spearman),
            said(agreement.correlation.spearman_of_best),
            said(agreement.correlation.kendall_tau_b),
        ]);
    }
    table
}
