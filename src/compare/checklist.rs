//! What a reader of a comparison should be told, and whether this one tells it.

use serde::Serialize;

use super::plan::{Competitor, Plan, Task};
use super::summary::{OnTask, Summary};
use super::{Judging, Score};
use crate::search::Budget;

/// The algorithms that every comparison should have beside those that it is about: one that learns nothing, and one that knows
/// nothing but the size of a cell. With the names of their lines.
const BASELINES: [(&str, &str); 2] = [("random", "baseline random"), ("largest-first", "baseline largest-first")];

/// A line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What is asked for, in a few words.
    pub name: &'static str,
    /// Whether the comparison has it.
    pub is_met: bool,
    /// What it has, or what it lacks.
    pub note: String,
}

/// Goes through what makes a comparison of searches trustworthy. `budgets` are all that the report is about; the plan and the summary
/// are of one of them.
///
/// # Source
///
/// Lindauer & Hutter, "Best practices for scientific research on neural architecture search", JMLR 21(243), 2020; in our words and
/// for comparisons on tables and models, with what Ying et al., ICML 2019, and Agarwal et al., NeurIPS 2021, add to it.
#[must_use]
pub fn checklist(plan: &Plan, summary: &Summary, budgets: &[Budget]) -> Vec<Item> {
    let item = |name, is_met, note| Item { name, is_met, note };
    let mut items = vec![
        item("seeds", true, seeds(plan)),
        item("options", true, "all options with their values are in comparison.json and on the page".to_owned()),
        item("data", true, data(plan)),
        item("code", true, format!("nasbench {}", env!("CARGO_PKG_VERSION"))),
        item(
            "same conditions",
            true,
            "every algorithm has the same cells, budgets of epochs, records and rule of the budget".to_owned(),
        ),
        item("several runs", plan.runs > 1, format!("{} of each algorithm on each task", plan.runs)),
        item("budget rule", true, budget_rule(plan)),
        item("several budgets", budgets.len() > 1, of_budgets(budgets)),
        item("distinct cells", summary.tasks.iter().all(has_distinct_cells), distinct_cells(plan, summary)),
        item("overhead", true, "the processor time of the algorithms themselves is in overhead.json".to_owned()),
    ];
    items.extend(BASELINES.map(|(algorithm, name)| {
        let is_compared = plan.competitors.iter().any(|competitor| competitor.entry().name == algorithm);
        let note = if is_compared { "compared" } else { "not compared" };
        item(name, is_compared, note.to_owned())
    }));
    items.extend([tuning(plan), unseen_truth(summary), floor(summary), independent_tasks(summary)]);
    items
}

fn seeds(plan: &Plan) -> String {
    format!(
        "seed {}; each run has a seed of its own, made from it, the options and the task, which is in trajectories.parquet; no two \
         runs of one budget share theirs",
        plan.seed
    )
}

/// What answered, with its digests.
fn data(plan: &Plan) -> String {
    plan.tasks.iter().map(|task| format!("{}: {}", task.name, task.oracle)).collect::<Vec<_>>().join("; ")
}

fn budget_rule(plan: &Plan) -> String {
    let measured = "the seconds that the trainings took when they were recorded, or that a model predicts".to_owned();
    let of_task = |task: &Task| task.cost.as_ref().map_or_else(|| measured.clone(), |cost| format!("seconds, {cost}"));
    let spent = match plan.budget {
        Budget::Evaluations(_) => "full trainings, where one of fewer epochs counts by its epochs".to_owned(),
        Budget::SimulatedTime(_) => {
            let mut rules: Vec<_> = plan.tasks.iter().map(of_task).collect();
            rules.dedup();
            rules.join("; ")
        }
    };
    format!("{}: {spent}; a training that begins before that is spent is finished and counted in full", plan.budget)
}

fn of_budgets(budgets: &[Budget]) -> String {
    let named: Vec<_> = budgets.iter().map(ToString::to_string).collect();
    if budgets.len() > 1 {
        format!("{}; runs of one number share their seed, so that those of two budgets are not independent", named.join(", "))
    } else {
        format!("{} alone: with another one the order may be another", named.join(", "))
    }
}

fn has_distinct_cells(task: &OnTask) -> bool {
    task.algorithms.iter().all(|standing| standing.distinct_cells.is_some())
}

/// How many of the trials of each algorithm were of different cells.
fn distinct_cells(plan: &Plan, summary: &Summary) -> String {
    let rule = format!("a cell that is asked for again: {}", plan.duplicates);
    if !summary.tasks.iter().all(has_distinct_cells) {
        return format!("{rule}; some of the runs were made by an earlier version, which did not count them");
    }
    let [task] = &summary.tasks[..] else { return format!("{rule}; each table of results has them") };
    let said = |standing: &super::AlgorithmResult| {
        format!("{} {:.1} in {:.1} trials", standing.name, standing.distinct_cells.unwrap_or_default(), standing.trials)
    };
    format!("{rule}; {}", task.algorithms.iter().map(said).collect::<Vec<_>>().join(", "))
}

/// Which options are not those of the papers.
fn tuning(plan: &Plan) -> Item {
    let changed: Vec<_> = plan.competitors.iter().filter(|competitor| competitor.is_changed()).map(Competitor::name).collect();
    let note = if changed.is_empty() {
        "no option was changed: all have the defaults, which are those of the papers or their programs".to_owned()
    } else {
        format!("options were changed, and what it took to choose them is not counted: {}", changed.join(", "))
    };
    Item { name: "no tuning", is_met: changed.is_empty(), note }
}

/// Whether a regret holds no luck of the run that was seen.
fn unseen_truth(summary: &Summary) -> Item {
    let is_unseen =
        |task: &OnTask| task.judged_by == Score::PredictedValidationAccuracy || matches!(task.judging, Judging::Unseen { .. });
    let seen: Vec<_> = summary.tasks.iter().filter(|task| !is_unseen(task)).map(|task| task.name.as_str()).collect();
    let note = if seen.is_empty() {
        "no cell is judged by what a search saw".to_owned()
    } else {
        format!("cells are judged by all repeats, the one that was seen among them, on {}", seen.join(", "))
    };
    Item { name: "unseen truth", is_met: seen.is_empty(), note }
}

/// What luck alone reaches.
fn floor(summary: &Summary) -> Item {
    let of_task = |task: &OnTask| match task.floor {
        Some(floor) => format!("{}: {:.3} points", task.name, 100.0 * floor.value),
        None => format!("{}: none, as a search sees the truth itself", task.name),
    };
    Item { name: "floor", is_met: true, note: summary.tasks.iter().map(of_task).collect::<Vec<_>>().join("; ") }
}

/// Whether the comparison is about more than one benchmark.
fn independent_tasks(summary: &Summary) -> Item {
    let benchmarks = match (&summary.across, &summary.tasks[..]) {
        (Some(across), _) => Some(across.clusters.len()),
        (None, [_]) => Some(1),
        (None, _) => None,
    };
    let note = match benchmarks {
        Some(1) => "one benchmark alone: what holds on it need not hold on another one".to_owned(),
        Some(benchmarks) => format!("{benchmarks} benchmarks"),
        None => "the tasks have no common scale".to_owned(),
    };
    Item { name: "several benchmarks", is_met: benchmarks.is_some_and(|benchmarks| benchmarks > 1), note }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compare::tests::fixture;
    use crate::compare::{GroundTruth, run};
    use crate::search::find;
    use crate::table::TableOracle;

    fn summary(plan: &Plan) -> Summary {
        let (table, _) = fixture::table();
        let truth = GroundTruth::of_table(&table, &plan.tasks[0].setup, Judging::All).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let oracle = |_, seed| TableOracle::new(&table, seed);
        let runs = run(plan, oracle, &[&truth], &folder.path().join("runs"), || {}).unwrap().runs;
        Summary::new(plan, &runs, &[&truth])
    }

    fn find_item<'a>(items: &'a [Item], name: &str) -> &'a Item {
        items.iter().find(|item| item.name == name).unwrap()
    }

    #[test]
    fn what_a_comparison_lacks_is_said() {
        let plan = fixture::plan(&["random", "largest-first"], 3);
        let found = summary(&plan);
        let items = checklist(&plan, &found, &[plan.budget]);
        let missing: Vec<_> = items.iter().filter(|item| !item.is_met).map(|item| item.name).collect();
        assert_eq!(missing, ["several budgets", "unseen truth", "several benchmarks"]);
        assert!(find_item(&items, "seeds").note.starts_with("seed 7; "));
        assert_eq!(find_item(&items, "data").note, "toy at 108 epochs: a toy table");
        assert!(find_item(&items, "distinct cells").note.contains("published; random "));
        assert!(find_item(&items, "distinct cells").note.ends_with(", largest-first 20.0 in 20.0 trials"));
        assert!(find_item(&items, "floor").note.starts_with("toy at 108 epochs: "));
        let two = checklist(&plan, &found, &[Budget::Evaluations(5), plan.budget]);
        assert!(
            find_item(&two, "several budgets").is_met && find_item(&two, "several budgets").note.starts_with("5evals, 20evals;")
        );
    }

    #[test]
    fn a_changed_option_is_tuning_and_a_default_that_is_given_is_not() {
        let competitor = |options| Competitor::new(find("smac").unwrap(), &options).unwrap();
        let mut plan = Plan { competitors: vec![competitor(json!({ "trees": 5 }))], ..fixture::plan(&[], 2) };
        let found = summary(&plan);
        let of = |plan: &Plan| checklist(plan, &found, &[plan.budget]);
        let items = of(&plan);
        assert!(find_item(&items, "no tuning").is_met, "5 trees are the default");
        assert!(!find_item(&items, "baseline random").is_met && !find_item(&items, "baseline largest-first").is_met);
        plan.competitors.push(competitor(json!({ "trees": 7 })));
        let tuning = find_item(&of(&plan), "no tuning").clone();
        assert!(!tuning.is_met && tuning.note.ends_with("not counted: smac (trees=7)"), "{tuning:?}");
    }

    #[test]
    fn runs_of_an_earlier_version_have_no_count_of_cells() {
        let plan = fixture::plan(&["random"], 2);
        let mut found = summary(&plan);
        found.tasks[0].algorithms[0].distinct_cells = None;
        let items = checklist(&plan, &found, &[plan.budget]);
        assert!(!find_item(&items, "distinct cells").is_met);
    }
}
