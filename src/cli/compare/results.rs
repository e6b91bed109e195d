//! The result files of a comparison.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nasbench::compare::{Competitor, Item, Overhead, Plan, Run, Task};
use nasbench::engine::processor;
use nasbench::file::replace;
use nasbench::report::Comparison;
use nasbench::search::Budget;
use nasbench::space::{Operation, Space};
use nasbench::table::{TrajectoryRow, holds_trajectories, write_trajectories};
use serde_json::{Value, json};

use super::{Arguments, Compared, Global};
use crate::cli::outputs::{check_replaceable, has_mark};

/// The finished runs, in the folder of `--out`.
pub(super) const RUNS: &str = "runs.journal";
/// The incumbents of all runs.
pub(super) const TRAJECTORIES: &str = "trajectories.parquet";
/// All results, as JSON.
pub(super) const COMPARISON: &str = "comparison.json";
/// All results, with plots.
pub(super) const PAGE: &str = "report.html";
/// The algorithms' CPU time: the only results that depend on the machine.
pub(super) const OVERHEAD: &str = "overhead.json";

/// The file name for one budget, which includes it if there are several.
pub(super) fn named(file: &str, budget: Budget, budgets: usize) -> String {
    match file.split_once('.') {
        Some((name, kind)) if budgets > 1 => format!("{name}-{budget}.{kind}"),
        _ => file.to_owned(),
    }
}

/// Refuses to overwrite files that no comparison wrote. The files of the finished runs are checked when they are opened.
pub(super) fn check(folder: &Path, force: bool, budgets: &[Budget]) -> anyhow::Result<()> {
    let check =
        |name: &str, kind: &str, is_own: &dyn Fn(&Path) -> bool| check_replaceable(&folder.join(name), kind, force, is_own);
    check(PAGE, "the page of a comparison", &|file| has_mark(file, "\">nasbench compare "))?;
    check(COMPARISON, "a comparison", &|file| has_mark(file, "\"command\": \"nasbench compare "))?;
    for budget in budgets {
        let name = named(TRAJECTORIES, *budget, budgets.len());
        check(&name, "the trajectories of a comparison", &holds_trajectories)?;
    }
    check(OVERHEAD, "the overhead of a comparison", &|file| has_mark(file, "processor time of the algorithms themselves"))
}

/// Writes all but the finished runs.
pub(super) fn write(
    arguments: &Arguments,
    global: &Global,
    all: &[Compared],
    page: &Comparison,
    wall: Duration,
) -> anyhow::Result<()> {
    let Some(Compared { plan, .. }) = all.last() else { return Ok(()) };
    let options: Vec<String> = plan.competitors.iter().map(|competitor| competitor.options().to_string()).collect();
    let names: Vec<String> = plan.competitors.iter().map(Competitor::name).collect();
    for Compared { plan, finished, .. } in all {
        let rows: Vec<_> = finished.runs.iter().flat_map(|run| rows(run, plan, &names, &options)).collect();
        write_trajectories(&arguments.out.join(named(TRAJECTORIES, plan.budget, all.len())), &rows)?;
    }
    write_json(&arguments.out.join(COMPARISON), &everything(global, all, page.checklist))?;
    write_json(&arguments.out.join(OVERHEAD), &overhead(all, &names, wall))?;
    Ok(page.write_page(&arguments.out.join(PAGE))?)
}

/// The content of the page and the terminal.
pub(super) fn page<'a>(global: &Global, all: &'a [Compared], checklist: &'a [Item]) -> Comparison<'a> {
    let plan = &all.last().expect("there is at least one budget").plan;
    let on = match &plan.tasks[..] {
        [task] => task.name.clone(),
        tasks => format!("{} tasks", tasks.len()),
    };
    let algorithms = match &plan.competitors[..] {
        [one] => one.name(),
        several => format!("{} search algorithms", several.len()),
    };
    let summaries = all.iter().map(|compared| (compared.plan.budget.to_string(), &compared.summary)).collect();
    let (title, command) = (format!("{algorithms} on {on}"), global.repeats.clone());
    Comparison { title, setting: setting(all), summaries, checklist, command }
}

/// A budget of a run, for programs.
fn spent(budget: Budget) -> Value {
    match budget {
        Budget::Evaluations(evaluations) => json!({ "evaluations": evaluations }),
        Budget::SimulatedTime(time) => json!({ "simulated_seconds": time }),
    }
}

fn everything(global: &Global, all: &[Compared], checklist: &[Item]) -> Value {
    let Some((Compared { plan, summary, .. }, others)) = all.split_last() else { return Value::Null };
    let task = |task: &Task| {
        json!({
            "name": task.name,
            "oracle": task.oracle,
            "benchmark": task.benchmark,
            "cost": task.cost,
            "space": described(&task.setup.space),
            "pool": task.setup.pool.as_ref().map(|pool| json!({ "recorded": pool.len(), "in_space": pool.in_space() })),
            "epochs": task.setup.epochs,
            "budgets": task.setup.budgets,
        })
    };
    let other = |other: &Compared| json!({ "budget": spent(other.plan.budget), "summary": other.summary });
    json!({
        "tool_version": env!("CARGO_PKG_VERSION"),
        "command": global.repeats,
        "tasks": plan.tasks.iter().map(task).collect::<Vec<_>>(),
        "runs": plan.runs,
        "budget": spent(plan.budget),
        "duplicates": plan.duplicates,
        "returns": plan.returns,
        "seed": plan.seed,
        "leakage": summary.leakage().join("\n\n"),
        "summary": summary,
        "other_budgets": others.iter().map(other).collect::<Vec<_>>(),
        "checklist": checklist,
    })
}

fn overhead(all: &[Compared], names: &[String], wall: Duration) -> Value {
    let one = |(plan, overhead): (&Plan, &Overhead)| {
        json!({
            "budget": plan.budget.to_string(),
            "task": plan.tasks[overhead.task].name,
            "algorithm": names[overhead.competitor],
            "mean_seconds_of_a_run": overhead.mean,
            "longest_seconds_of_a_run": overhead.longest,
        })
    };
    let each = all.iter().flat_map(|Compared { plan, finished, .. }| finished.overheads.iter().map(move |one| (plan, one)));
    json!({
        "tool_version": env!("CARGO_PKG_VERSION"),
        "about": "processor time of the algorithms themselves, the look-ups in the table included; a run that was kept has that of its first time",
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "wall_seconds_of_the_last_command": wall.as_secs_f64(),
        "algorithms": each.map(one).collect::<Vec<_>>(),
    })
}

fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    replace(path, |file| -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *file, value)?;
        Ok(writeln!(file)?)
    })
}

/// The conditions, as text.
fn setting(all: &[Compared]) -> Vec<(String, String)> {
    let Some(Compared { plan, .. }) = all.last() else { return Vec::new() };
    let budgets: Vec<_> = all.iter().map(|compared| compared.plan.budget.to_string()).collect();
    let mut setting = vec![
        ("runs of each".to_owned(), plan.runs.to_string()),
        ("budget of a run".to_owned(), budgets.join(", ")),
        ("a cell asked for again".to_owned(), plan.duplicates.to_string()),
        ("the cell returned".to_owned(), plan.returns.to_string()),
        ("seed".to_owned(), plan.seed.to_string()),
    ];
    for task in &plan.tasks {
        let budgets: Vec<_> = task.setup.budgets.iter().map(ToString::to_string).collect();
        let pool = task.setup.pool.as_ref().map_or_else(String::new, |pool| format!("; a pool of {pool}"));
        let space = described(&task.setup.space);
        let cost = task.cost.as_ref().map_or_else(String::new, |cost| format!("; what a training costs: {cost}"));
        let value = format!("{}; {space}{pool}; budgets of epochs: {}{cost}", task.oracle, budgets.join(", "));
        setting.push((task.name.clone(), value));
    }
    setting
}

fn described(space: &Space) -> String {
    let operations: Vec<_> = space.operations().map(Operation::name).collect();
    format!("at most {} vertices and {} edges, {}", space.max_vertices(), space.max_edges(), operations.join(", "))
}

fn rows<'a>(run: &'a Run, plan: &'a Plan, names: &'a [String], options: &'a [String]) -> impl Iterator<Item = TrajectoryRow<'a>> {
    run.outcome.steps.iter().map(|incumbent| TrajectoryRow {
        task: &plan.tasks[run.task].name,
        algorithm: &names[run.competitor],
        options: &options[run.competitor],
        run: run.run,
        seed: run.seed,
        incumbent,
        all_evaluations: run.outcome.evaluations,
        all_time: run.outcome.time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_of_many_budgets_says_which() {
        let budgets = [Budget::Evaluations(30), Budget::SimulatedTime(nasbench::unit::Seconds(1.5))];
        assert_eq!(budgets.map(|budget| named(RUNS, budget, 1)), [RUNS, RUNS]);
        assert_eq!(budgets.map(|budget| named(RUNS, budget, 2)), ["runs-30evals.journal", "runs-1.5s.journal"]);
    }
}
