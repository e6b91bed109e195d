//! The files that a comparison leaves behind.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nasbench::compare::{Contestant, Finished, Overhead, Plan, Run, Summary, Task};
use nasbench::engine::processor;
use nasbench::file::replace;
use nasbench::report::Comparison;
use nasbench::search::Budget;
use nasbench::space::{Operation, Space};
use nasbench::table::{TrajectoryRow, holds_trajectories, write_trajectories};
use serde_json::{Value, json};

use super::{Arguments, Which};
use crate::cli::outputs::{check_replaceable, has_mark};
use crate::cli::search::models::LARGEST;

/// The finished runs, in the folder of `--out`.
pub(super) const RUNS: &str = "runs.journal";
/// The incumbents of all runs.
pub(super) const TRAJECTORIES: &str = "trajectories.parquet";
/// Everything that was found.
pub(super) const COMPARISON: &str = "comparison.json";
/// The same for people, with plots.
pub(super) const PAGE: &str = "report.html";
/// What the algorithms took: the only results that depend on the machine.
pub(super) const OVERHEAD: &str = "overhead.json";

/// Refuses to overwrite files that no comparison wrote. The file of the finished runs is checked when it is opened.
pub(super) fn check(folder: &Path, force: bool) -> anyhow::Result<()> {
    let check =
        |name: &str, kind: &str, is_own: &dyn Fn(&Path) -> bool| check_replaceable(&folder.join(name), kind, force, is_own);
    check(PAGE, "the page of a comparison", &|file| has_mark(file, "\">nasbench compare "))?;
    check(COMPARISON, "a comparison", &|file| has_mark(file, "\"command\": \"nasbench compare "))?;
    check(TRAJECTORIES, "the trajectories of a comparison", &holds_trajectories)?;
    check(OVERHEAD, "the overhead of a comparison", &|file| has_mark(file, "processor time of the algorithms themselves"))
}

/// Writes all of them but the finished runs.
pub(super) fn write(
    arguments: &Arguments,
    plan: &Plan,
    finished: &Finished,
    summary: &Summary,
    wall: Duration,
) -> anyhow::Result<()> {
    let options: Vec<String> = plan.contestants.iter().map(|contestant| contestant.options().to_string()).collect();
    let names: Vec<String> = plan.contestants.iter().map(Contestant::name).collect();
    let rows: Vec<_> = finished.runs.iter().flat_map(|run| rows(run, plan, &names, &options)).collect();
    write_trajectories(&arguments.out.join(TRAJECTORIES), &rows)?;
    write_json(&arguments.out.join(COMPARISON), &everything(arguments, plan, summary))?;
    write_json(&arguments.out.join(OVERHEAD), &overhead(plan, finished, &names, wall))?;
    let on = match &plan.tasks[..] {
        [task] => task.name.clone(),
        tasks => format!("{} tasks", tasks.len()),
    };
    let algorithms = match plan.contestants.len() {
        1 => names[0].clone(),
        several => format!("{several} search algorithms"),
    };
    let page =
        Comparison { title: format!("{algorithms} on {on}"), setting: setting(plan), summary, command: command(arguments) };
    Ok(page.write_page(&arguments.out.join(PAGE))?)
}

fn everything(arguments: &Arguments, plan: &Plan, summary: &Summary) -> Value {
    let budget = match plan.budget {
        Budget::Evaluations(evaluations) => json!({ "evaluations": evaluations }),
        Budget::SimulatedTime(time) => json!({ "simulated_seconds": time }),
    };
    let task = |task: &Task| {
        json!({
            "name": task.name,
            "oracle": task.oracle,
            "space": described(&task.setup.space),
            "pool": task.setup.pool.as_ref().map(|pool| json!({ "recorded": pool.len(), "in_space": pool.in_space() })),
            "epochs": task.setup.epochs,
            "budgets": task.setup.budgets,
        })
    };
    json!({
        "tool_version": env!("CARGO_PKG_VERSION"),
        "command": command(arguments),
        "tasks": plan.tasks.iter().map(task).collect::<Vec<_>>(),
        "runs": plan.runs,
        "budget": budget,
        "duplicates": plan.duplicates,
        "seed": plan.seed,
        "leakage": summary.leakage().join("\n\n"),
        "summary": summary,
    })
}

fn overhead(plan: &Plan, finished: &Finished, names: &[String], wall: Duration) -> Value {
    let one = |overhead: &Overhead| {
        json!({
            "task": plan.tasks[overhead.task].name,
            "algorithm": names[overhead.contestant],
            "mean_seconds_of_a_run": overhead.mean,
            "longest_seconds_of_a_run": overhead.longest,
        })
    };
    json!({
        "tool_version": env!("CARGO_PKG_VERSION"),
        "about": "processor time of the algorithms themselves, the look-ups in the table included; a run that was kept has that of its first time",
        "processor": processor(),
        "threads": rayon::current_num_threads(),
        "wall_seconds_of_the_last_command": wall.as_secs_f64(),
        "algorithms": finished.overheads.iter().map(one).collect::<Vec<_>>(),
    })
}

fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    replace(path, |file| -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *file, value)?;
        Ok(writeln!(file)?)
    })
}

/// The conditions, in words.
fn setting(plan: &Plan) -> Vec<(String, String)> {
    let mut setting = vec![
        ("runs of each".to_owned(), plan.runs.to_string()),
        ("budget of a run".to_owned(), plan.budget.to_string()),
        ("a cell asked for again".to_owned(), plan.duplicates.to_string()),
        ("seed".to_owned(), plan.seed.to_string()),
    ];
    for task in &plan.tasks {
        let budgets: Vec<_> = task.setup.budgets.iter().map(ToString::to_string).collect();
        let pool = task.setup.pool.as_ref().map_or_else(String::new, |pool| format!("; a pool of {pool}"));
        let space = described(&task.setup.space);
        let value = format!("{}; {space}{pool}; budgets of epochs: {}", task.oracle, budgets.join(", "));
        setting.push((task.name.clone(), value));
    }
    setting
}

fn described(space: &Space) -> String {
    let operations: Vec<_> = space.operations().map(Operation::name).collect();
    format!("at most {} vertices and {} edges, {}", space.max_vertices(), space.max_edges(), operations.join(", "))
}

fn rows<'a>(run: &'a Run, plan: &'a Plan, names: &'a [String], options: &'a [String]) -> impl Iterator<Item = TrajectoryRow<'a>> {
    run.steps.iter().map(|incumbent| TrajectoryRow {
        task: &plan.tasks[run.task].name,
        algorithm: &names[run.contestant],
        options: &options[run.contestant],
        run: run.run,
        seed: run.seed,
        incumbent,
        all_evaluations: run.evaluations,
        all_time: run.time,
    })
}

/// The command that makes the same comparison again.
pub(super) fn command(arguments: &Arguments) -> String {
    let Arguments {
        on,
        models,
        algorithms,
        set,
        baseline,
        runs,
        budget,
        duplicates,
        seed,
        epochs,
        truth,
        out,
        force: _,
        format: _,
    } = arguments;
    let mut command = "nasbench compare".to_owned();
    // Writing to a text cannot fail.
    for folder in on {
        let _ = write!(command, " --on {}", quoted(folder));
    }
    if let Some(model) = &models.time_model {
        let _ = write!(command, " --time-model {}", quoted(model));
    }
    if let Some(noise) = models.noise {
        command += format!(" --noise {noise}").trim_end();
    }
    if models.max_vertices != LARGEST {
        let _ = write!(command, " --max-vertices {}", models.max_vertices);
    }
    let _ = write!(command, " --algorithms {}", quoted(Path::new(&algorithms.join(","))));
    for option in set {
        let _ = write!(command, " --set {}", quoted(Path::new(option)));
    }
    if let Some(baseline) = baseline {
        let _ = write!(command, " --baseline {}", quoted(Path::new(baseline)));
    }
    if !epochs.is_empty() {
        let epochs: Vec<_> = epochs.iter().map(ToString::to_string).collect();
        let _ = write!(command, " --epochs {}", epochs.join(","));
    }
    if *truth == Which::Unseen {
        command += " --truth unseen";
    }
    let duplicates = duplicates.rule();
    if !duplicates.is_published() {
        let _ = write!(command, " --duplicates {duplicates}");
    }
    let budget = budget.0;
    let _ = write!(command, " --runs {runs} --budget {budget} --seed {seed} --out {}", quoted(out));
    command
}

/// A word as a shell takes it.
fn quoted(word: &Path) -> String {
    let word = word.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=,:".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_blanks_or_quotes_is_quoted() {
        let words = ["nb101", "my folder", "it's", ""].map(|word| quoted(Path::new(word)));
        assert_eq!(words, ["nb101", "'my folder'", r"'it'\''s'", "''"]);
    }
}
