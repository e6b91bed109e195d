//! The page of a comparison: curves, distributions and tests, without loading anything.

use std::path::Path;

use super::Error;
use super::block::{Block, Section, nested};
use super::fronts;
use super::grid::{Grid, tabulate};
use super::page::document;
use super::pairs::{against_baseline, equals, fine, pairs, pairs_of};
use super::plot::{comparison, ranks};
use crate::compare::{Aggregate, AlgorithmResult, ExpectedRunningTime, FEWEST_TASKS, Item, LEVEL, OnTask, Pair, Summary};
use crate::print;
use crate::statistics::Estimate;
use crate::table::BetweenBudgets;

/// The content of the page of a comparison.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The heading of the page.
    pub title: String,
    /// The settings, as names and values.
    pub setting: Vec<(String, String)>,
    /// The results with each budget of a run, behind the name of the budget; at least one.
    pub summaries: Vec<(String, &'a Summary)>,
    /// The checklist of good practice, and whether each point is met.
    pub checklist: &'a [Item],
    /// The command that repeats the comparison.
    pub command: String,
}

impl Comparison<'_> {
    /// Makes the HTML page: style and plots are inside, nothing is loaded.
    #[must_use]
    pub fn page(&self) -> String {
        let mut sections = self.results();
        sections.push(Section::new("checklist", "Checklist", checklist(self.checklist)));
        sections.push(Section::new("setting", "What was run", self.setting()));
        sections.push(Section::new("repeat", "Repeat this comparison", vec![Block::Command(self.command.clone())]));
        document(&self.title, "", &sections.iter().map(Section::html).collect::<Vec<_>>())
    }

    /// Formats the results as aligned plain text, without what only the page shows; ends with a line break.
    #[must_use]
    pub fn text(&self) -> String {
        let sections: String = self.results().iter().map(Section::text).collect();
        format!("{}\n{sections}", self.title)
    }

    fn results(&self) -> Vec<Section> {
        if let [(_, summary)] = &self.summaries[..] {
            return of_budget(summary);
        }
        let of_one = |(number, (budget, summary)): (usize, &(String, &Summary))| {
            Section::new(&format!("budget-{number}"), &format!("A budget of {budget}"), nested(of_budget(summary)))
        };
        let all = Section::new("budgets-of-runs", "By the budget of a run", by_budget(&self.summaries));
        std::iter::once(all).chain((1..).zip(&self.summaries).map(of_one)).collect()
    }

    /// Writes the page to `path` at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the file could not be written.
    pub fn write_page(&self, path: &Path) -> Result<(), Error> {
        super::write(&self.page(), path)
    }

    fn setting(&self) -> Vec<Block> {
        let summary = self.summaries.last().map(|(_, summary)| *summary);
        let first = summary.and_then(|summary| summary.tasks.first());
        let options = first.into_iter().flat_map(|task| &task.algorithms).map(|standing| {
            let options: Vec<_> = standing.options.as_object().into_iter().flatten().collect();
            let options: Vec<_> = options.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            let options = if options.is_empty() { "no options".to_owned() } else { options.join(" ") };
            (standing.name.clone(), format!("{options} · {}", standing.source))
        });
        let overhead = "What the algorithms take by themselves is in overhead.json: it differs from one machine to the next, and nothing on \
                        this page does.";
        let mut blocks = vec![Block::Definitions(self.setting.iter().cloned().chain(options).collect())];
        blocks.extend(summary.into_iter().flat_map(Summary::leakage).map(Block::Paragraph));
        blocks.push(Block::Paragraph(overhead.to_owned()));
        blocks
    }
}

/// Makes the sections about all tasks with one budget of a run.
fn of_budget(summary: &Summary) -> Vec<Section> {
    if let [task] = &summary.tasks[..] {
        return parts(task);
    }
    let of_task = |(number, task): (usize, &OnTask)| Section::new(&format!("task-{number}"), &task.name, nested(parts(task)));
    let tasks = (1..).zip(&summary.tasks).map(of_task);
    std::iter::once(Section::new("across", "All tasks together", across(summary))).chain(tasks).collect()
}

/// The final regrets with each budget of a run, a table for each task.
fn by_budget(summaries: &[(String, &Summary)]) -> Vec<Block> {
    let of_task = |(place, task): (usize, &OnTask)| {
        let rows = (0..task.algorithms.len()).flat_map(|algorithm| {
            summaries.iter().map(move |(budget, summary)| (budget.as_str(), &summary.tasks[place].algorithms[algorithm]))
        });
        let grid = tabulate(rows)
            .left("algorithm", |(_, result)| result.name.as_str())
            .right("budget", |(budget, _)| budget)
            .right("interquartile mean", |(_, result)| print::interval(result.interquartile_mean, fine))
            .grid;
        let caption = format!("interquartile mean of the final regrets in {}, with its 95 % interval", task.regret_unit());
        Block::Table(grid, format!("{}: {caption}", task.name))
    };
    let note = "Runs of one number share their seed, so that those of a smaller budget are mostly the beginnings of those of a larger one: \
                two of them are not independent of each other.";
    let tasks = summaries.first().into_iter().flat_map(|(_, summary)| summary.tasks.iter().enumerate());
    tasks.map(of_task).chain([Block::Paragraph(note.to_owned())]).collect()
}

/// Makes the checklist.
fn checklist(items: &[Item]) -> Vec<Block> {
    let met = items.iter().filter(|item| item.is_met).count();
    let answer = |item: &Item| format!("{}: {}", item.name, if item.is_met { "yes" } else { "no" });
    let intro = format!("After Lindauer and Hutter, JMLR 21(243), 2020: {met} of {} points are met.", items.len());
    vec![Block::Paragraph(intro), Block::Definitions(items.iter().map(|item| (answer(item), item.note.clone())).collect())]
}

/// Makes the sections about one task.
fn parts(task: &OnTask) -> Vec<Section> {
    let mut parts = vec![
        Section::new("results", "Final regrets", results(task)),
        Section::new("curves", "Curves", curves(&task.algorithms, task.regret_unit())),
        Section::new("pairs", "Every two of them", pairs_of(task)),
    ];
    if !task.budgets.is_empty() {
        parts.push(Section::new("budgets", "What small budgets tell", budgets(&task.budgets)));
    }
    parts
}

fn results(task: &OnTask) -> Vec<Block> {
    if let Some(front) = &task.front {
        let about = fronts::about(task, front);
        let sentences = verdict(&task.algorithms, &task.pairs).into_iter().chain([about]).chain(task.remarks());
        let tables = std::iter::once(Block::Table(algorithms(task), fronts::caption(task)));
        return sentences.map(Block::Paragraph).chain(tables).chain(fronts::results(task, front)).collect();
    }
    let caption = format!(
        "The mean number of different cells that a run asked for; regrets in percentage points: interquartile mean with its 95 % interval, median, mean; then how many runs at any time thought \
         one of the best {} % of the cells the best, though a luckier one may have come later, and what that costs if a run that failed \
         is followed by another",
        100.0 * task.goal.share
    );
    let of = task.mean_of().map_or_else(String::new, |of| format!(" ({of})"));
    let best = format!(
        "The best cell has a {} of {} %{of}. The best {} % of the cells have a regret of at most {} percentage points, the \
         better half of at most {}.{}",
        task.judged_by.name(),
        print::percent(task.best),
        100.0 * task.goal.share,
        fine(task.goal.regret),
        fine(task.middle),
        task.optimum.map_or_else(String::new, |optimum| format!(" {}", optimum_in_words(&optimum)))
            + &task.floor.map_or_else(String::new, |floor| format!(" {}", floor_in_words(&floor)))
    );
    let sentences = verdict(&task.algorithms, &task.pairs).into_iter().chain([best]).chain(task.remarks());
    sentences.map(Block::Paragraph).chain([Block::Table(algorithms(task), caption)]).collect()
}

/// Explains the estimate of the best cell without noise.
fn optimum_in_words(optimum: &Estimate) -> String {
    let [value, low, high] = [optimum.value, optimum.low, optimum.high].map(print::percent);
    format!("That is the largest of noisy means: with the noise removed the best cell is at {value} % [{low}, {high}].")
}

/// Explains the floor of the regrets.
fn floor_in_words(floor: &Estimate) -> String {
    let [value, low, high] = [floor.value, floor.low, floor.high].map(fine);
    format!(
        "Asking for every cell once and taking the one that looked best has a regret of {value} [{low}, {high}]: this is the floor, and \
         algorithms near it are not told apart by what they find."
    )
}

/// Names the best algorithm and those that it differs from significantly.
fn verdict(algorithms: &[AlgorithmResult], pairs: &[Pair]) -> Option<String> {
    let value = |place: usize| algorithms[place].interquartile_mean.map(|estimate| estimate.value);
    let known = (0..algorithms.len()).filter_map(|place| Some((place, value(place)?)));
    let (best, _) = known.min_by(|one, other| one.1.total_cmp(&other.1)).filter(|_| algorithms.len() > 1)?;
    let (mut apart, mut alike) = (Vec::new(), Vec::new());
    for pair in pairs.iter().filter(|pair| [pair.first, pair.second].contains(&best)) {
        let other = algorithms[if pair.first == best { pair.second } else { pair.first }].name.as_str();
        if pair.corrected_p_value.is_some_and(|p_value| p_value < LEVEL) { apart.push(other) } else { alike.push(other) }
    }
    let names = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Some(format!(
        "The smallest interquartile mean is that of {}. At the level of {LEVEL} it differs from: {}; it is not told apart from: {}.",
        algorithms[best].name,
        names(&apart),
        names(&alike)
    ))
}

fn curves(algorithms: &[AlgorithmResult], unit: &str) -> Vec<Block> {
    let plots = [comparison::by_evaluations, comparison::by_time, comparison::distribution];
    let figures = plots.map(|plot| plot(algorithms, unit));
    let untimed = algorithms.iter().filter(|standing| standing.simulated_seconds.is_none());
    let names: Vec<_> = untimed.map(|standing| standing.name.as_str()).collect();
    let note = format!("Without a curve over time, since the times of some trainings are not known: {}.", names.join(", "));
    let note = (!names.is_empty()).then_some(Block::Paragraph(note));
    std::iter::once(Block::Figures(figures.into())).chain(note).collect()
}

fn across(summary: &Summary) -> Vec<Block> {
    let Some(across) = &summary.across else {
        let none = "On one of the tasks the median cell is as good as the best one: the tasks have no common scale.";
        return vec![Block::Paragraph(none.to_owned())];
    };
    let caption = "Regrets divided by that of the median cell of the task, so that 0 is the best cell and 1 the median one: interquartile \
                   mean over all runs of all tasks with its 95 % interval (stratified bootstrap); mean rank by the interquartile means \
                   of the benchmarks";
    let names: Vec<_> = across.algorithms.iter().map(|place| place.name.as_str()).collect();
    let pairs_caption = "The probability that a run of the first one ends with the smaller regret on a task drawn at random, equal ones \
                         counting half, with its 95 % interval; Cliff's delta; the p-value of Wilcoxon's signed-rank test of the \
                         interquartile means of the divided regrets on the benchmarks, corrected by Holm's procedure; ";
    let last = match across.nemenyi {
        Some(_) => "that of Nemenyi's test",
        None => {
            "how much lower the normalised regret of the first one is, with its 95 % interval by the bootstrap on runs, which serves \
             where the benchmarks are few"
        }
    };
    let sentences = std::iter::once(tests(across, summary.tasks.len())).chain(across.caveats());
    let mut blocks: Vec<_> = sentences.map(Block::Paragraph).collect();
    blocks.push(Block::Figures(vec![ranks::critical_difference(across)]));
    blocks.push(Block::Table(overall(across), caption.to_owned()));
    let pairs = pairs(&names, &across.pairs, across.nemenyi.as_deref());
    blocks.push(Block::Table(pairs, format!("{pairs_caption}{last}")));
    blocks.extend(against_baseline(&names, &across.against_baseline));
    blocks
}

/// Reports the tests over all tasks.
fn tests(across: &Aggregate, tasks: usize) -> String {
    if across.clusters.len() < 2 {
        return format!("{tasks} tasks of one benchmark.");
    }
    let Some(ranks) = &across.ranks else {
        return format!("All algorithms are equal on all {tasks} tasks.");
    };
    let davenport = ranks.iman_davenport.map_or_else(
        || "; the benchmarks agree wholly".to_owned(),
        |test| format!("; Iman and Davenport: F = {:.2}, p {}", test.statistic, equals(test.p_value)),
    );
    let friedman = format!("Friedman: χ² = {:.2}, p {}", ranks.friedman.statistic, equals(ranks.friedman.p_value));
    let difference = across.critical_difference.map_or_else(
        || format!("A critical difference needs at least {FEWEST_TASKS} benchmarks."),
        |difference| format!("Nemenyi: mean ranks that lie {difference:.2} apart differ at the level of {LEVEL}."),
    );
    format!("{tasks} tasks. {friedman}{davenport}. {difference}")
}

fn overall(across: &Aggregate) -> Grid {
    tabulate(&across.algorithms)
        .left("algorithm", |result| result.name.as_str())
        .right("normalised regret", |result| print::interval(result.normalised_regret, |value| format!("{value:.3}")))
        .right("mean rank", |result| result.mean_rank.map(|rank| format!("{rank:.2}")))
        .grid
}

fn budgets(pairs: &[BetweenBudgets]) -> Vec<Block> {
    let caption = "Spearman's rank correlation of one training at the smaller budget with the mean of all trainings at the larger one, by \
                   validation accuracy: over all cells, and among the best ones by the larger budget. A search of many budgets relies on it.";
    let grid = tabulate(pairs)
        .right("small budget", |pair| pair.smaller)
        .right("large budget", |pair| pair.larger)
        .right("cells", |pair| pair.correlation.cells)
        .right("all", |pair| print::correlation(pair.correlation.spearman))
        .right("best 10 %", |pair| print::correlation(pair.correlation.spearman_of_best))
        .right("Kendall τ-b, all", |pair| print::correlation(pair.correlation.kendall_tau_b))
        .grid;
    vec![Block::Table(grid, caption.to_owned())]
}

fn algorithms(task: &OnTask) -> Grid {
    let cost = |goal: ExpectedRunningTime, decimals: usize| goal.expected.map(|cost| format!("{cost:.decimals$}"));
    tabulate(&task.algorithms)
        .left("algorithm", |result| result.name.as_str())
        .right("runs", |result| result.runs.to_string())
        .right("distinct cells", |result| result.distinct_cells.map(|cells| format!("{cells:.1}")))
        .right("interquartile mean", |result| print::interval(result.interquartile_mean, fine))
        .right("median", |result| result.median.map(fine))
        .right("mean", |result| result.mean.map(fine))
        .right("found the top", |result| format!("{} of {}", result.goal_by_evaluations.reached, result.goal_by_evaluations.runs))
        .right("expected evaluations", |result| cost(result.goal_by_evaluations, 1))
        .right("expected simulated seconds", |result| result.goal_by_time.and_then(|goal| cost(goal, 0)))
        .grid
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::{AnytimePoint, Clusters, Goal, Judging, OverallResult, Score, rank};
    use crate::report::tests::sample;
    use crate::search::{Duplicates, Redraws, Returns};
    use crate::statistics::RankCorrelation;
    use crate::table::Divergence;
    use crate::unit::Epochs;

    fn standing(name: &str, regret: f64) -> AlgorithmResult {
        let band = |spent: f64| AnytimePoint {
            spent,
            mean: regret,
            standard_error: 0.001,
            lower_quartile: regret / 2.0,
            median: regret,
            upper_quartile: 2.0 * regret,
        };
        let reached = ExpectedRunningTime { runs: 10, reached: 4, median: None, expected: Some(1_234.5) };
        AlgorithmResult {
            name: name.to_owned(),
            options: serde_json::json!({ "sampler": "uniform" }),
            source: "A & B, 2019",
            runs: 10,
            trials: 20.0,
            distinct_cells: Some(17.25),
            evaluations: 20.0,
            simulated_seconds: Some(2e4),
            interquartile_mean: Some(Estimate { value: regret, low: regret / 2.0, high: 2.0 * regret }),
            mean: Some(regret),
            median: Some(regret),
            distribution: vec![(regret / 2.0, 0.3), (regret, 1.0)],
            by_evaluations: [1.0, 5.0, 20.0].map(band).to_vec(),
            by_time: [1e3, 5e3, 2e4].map(band).to_vec(),
            goal_by_evaluations: reached,
            goal_by_time: Some(reached),
            redraws: Redraws::default(),
            fronts: None,
        }
    }

    fn task(names: &[&str], regret: f64) -> OnTask {
        let algorithms: Vec<_> = names.iter().map(|name| standing(name, regret)).collect();
        let agreement = BetweenBudgets {
            smaller: Epochs(4),
            larger: Epochs(12),
            correlation: RankCorrelation {
                cells: 2_532,
                spearman: Some(Estimate { value: 0.875, low: 0.864, high: 0.885 }),
                spearman_of_best: Some(Estimate { value: -0.25, low: -0.365, high: -0.128 }),
                kendall_tau_b: None,
            },
        };
        OnTask {
            name: "fashion & more".to_owned(),
            judged_by: Score::MeanTestAccuracy,
            caveat: None,
            best: 0.943,
            limits: Vec::new(),
            front: None,
            judging: Judging::All,
            optimum: Some(Estimate { value: 0.938, low: 0.936, high: 0.94 }),
            floor: Some(Estimate { value: 0.002, low: 0.0019, high: 0.0021 }),
            repeats: Some((3, 3)),
            is_shrunk: false,
            divergence: Divergence::default(),
            pool: None,
            goal: Goal { share: 0.001, regret: 0.004 },
            middle: 0.03,
            budgets: vec![agreement],
            pairs: (1..algorithms.len()).map(pair).collect(),
            against_baseline: (1..algorithms.len()).map(|first| Pair { first, second: 0, ..pair(first) }).collect(),
            algorithms,
        }
    }

    fn pair(second: usize) -> Pair {
        let probability = Some(Estimate { value: 0.7, low: 0.6, high: 0.8 });
        Pair {
            first: 0,
            second,
            probability,
            cliffs_delta: Some(0.4),
            p_value: Some(1e-9),
            corrected_p_value: Some(1e-8),
            lower_by: None,
        }
    }

    pub(in crate::report) fn summary(names: &[&str], regret: f64) -> Summary {
        Summary { tasks: vec![task(names, regret)], across: None, duplicates: Duplicates::default(), returns: Returns::default() }
    }

    /// Two algorithms on a number of tasks, each of a benchmark of its own; the first one is always the better one.
    fn many(tasks: usize) -> Summary {
        let names = ["random", "hyperband"];
        let ranks = rank(&vec![vec![0.1, 0.2]; tasks]).unwrap();
        let place = |(name, rank): (&&str, &f64)| OverallResult {
            name: (*name).to_owned(),
            normalised_regret: Some(Estimate { value: 0.5, low: 0.25, high: 0.75 }),
            mean_rank: Some(*rank),
        };
        let across = Aggregate {
            algorithms: names.iter().zip(&ranks.mean_ranks).map(place).collect(),
            critical_difference: ranks.critical_difference(),
            nemenyi: ranks.nemenyi(),
            pairs: vec![Pair {
                lower_by: (tasks < FEWEST_TASKS).then_some(Estimate { value: 0.125, low: -0.0625, high: 0.375 }),
                ..pair(1)
            }],
            against_baseline: Vec::new(),
            least_p_value: 2.0 * 0.5_f64.powi(i32::try_from(tasks).unwrap()),
            clusters: Clusters { tasks: (0..tasks).map(|task| vec![task]).collect(), unknown: Vec::new() },
            ranks: Some(ranks),
        };
        Summary {
            tasks: vec![task(&names, 0.02); tasks],
            across: Some(across),
            duplicates: Duplicates::default(),
            returns: Returns::default(),
        }
    }

    pub(in crate::report) fn page(summary: &Summary) -> String {
        let setting = vec![("seed".to_owned(), "<7>".to_owned())];
        page_of(vec![("20evals".to_owned(), summary)], setting)
    }

    fn page_of(summaries: Vec<(String, &Summary)>, setting: Vec<(String, String)>) -> String {
        let item = |name, is_met| Item { name, is_met, note: "a & b".to_owned() };
        let checklist = &[item("seeds", true), item("baseline random", false)];
        let (title, command) = ("Two & more".to_owned(), "nasbench compare".to_owned());
        Comparison { title, setting, summaries, checklist, command }.page()
    }

    #[test]
    fn a_page_has_a_checklist_and_a_section_for_each_budget() {
        let (small, large) = (many(2), Summary { tasks: vec![task(&["random", "hyperband"], 0.005); 2], ..many(2) });
        let page = page_of(vec![("20evals".to_owned(), &small), ("3000s".to_owned(), &large)], Vec::new());
        sample::assert_well_formed(&page);
        for text in [
            "1 of 2 points are met",
            "<dt>seeds: yes</dt><dd>a &amp; b</dd>",
            "<dt>baseline random: no</dt>",
            "A budget of 20evals",
            "A budget of 3000s",
            "0.500 [0.250, 1.000]",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 2 * 2 * 3);
        assert!(!self::page(&small).contains("A budget of"), "one budget needs no section");
    }

    #[test]
    fn a_page_has_its_plots_and_every_figure_and_is_well_formed() {
        let page = page(&summary(&["random", "hyperband"], 0.02));
        sample::assert_well_formed(&page);
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 3);
        assert_eq!(page.matches("<polygon").count(), 4, "a band for each algorithm in both curves");
        for text in [
            "2.000 [1.000, 4.000]",
            "4 of 10",
            "17.2",
            "1234.5",
            "0.700 [0.600, 0.800]",
            "&lt; 0.001",
            "A &amp; B, 2019",
            "&lt;7&gt;",
            "0.875",
            "−0.250",
            "smallest interquartile mean is that of random. At the level of 0.05 it differs from: hyperband; it is not",
        ] {
            assert!(page.contains(text), "{text}");
        }
        for reference in ["http://", "https://", " src=", "url(", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn a_critical_difference_is_drawn_from_five_tasks_on() {
        let five = page(&many(5));
        sample::assert_well_formed(&five);
        assert_eq!(five.matches("<svg class=\"plot\"").count(), 1 + 5 * 3);
        for text in [
            "5 tasks. Friedman: χ² = 5.00, p = 0.025; the benchmarks agree wholly.",
            "fashion &amp; more",
            "0.500 [0.250, 0.750]",
            "can have here is 0.06",
        ] {
            assert!(five.contains(text), "{text}");
        }
        let four = page(&many(4));
        sample::assert_well_formed(&four);
        assert_eq!(four.matches("<svg class=\"plot\"").count(), 4 * 3);
        assert!(four.contains("A critical difference needs at least 5 benchmarks.") && !four.contains("Nemenyi)"));
        assert!(four.contains("0.125 [−0.062, 0.375]") && four.contains("by the bootstrap on runs"));
        assert!(!five.contains("bootstrap on runs"));
    }

    #[test]
    fn tasks_of_one_benchmark_are_not_ranked_and_the_baseline_has_its_table() {
        let mut related = many(2);
        let across = related.across.as_mut().unwrap();
        across.clusters = Clusters { tasks: vec![vec![0, 1]], unknown: Vec::new() };
        (across.ranks, across.pairs[0].p_value, across.pairs[0].corrected_p_value) = (None, None, None);
        let related = page(&related);
        sample::assert_well_formed(&related);
        assert!(related.contains("2 tasks of one benchmark.") && related.contains("All 2 tasks are made from one benchmark:"));
        assert!(!related.contains("Friedman"));
        assert!(!related.contains("against the baseline"), "of two algorithms it is the same pair");
        let three = page(&summary(&["random", "hyperband", "smac"], 0.02));
        sample::assert_well_formed(&three);
        assert!(three.contains("against the baseline, random, alone") && three.contains("for these 2 tests only"));
    }

    #[test]
    fn a_page_says_whose_times_are_not_known() {
        let mut untimed = summary(&["random", "hyperband"], 0.02);
        let standing = &mut untimed.tasks[0].algorithms[1];
        (standing.by_time, standing.goal_by_time, standing.simulated_seconds) = (Vec::new(), None, None);
        let page = page(&untimed);
        sample::assert_well_formed(&page);
        assert!(page.contains("times of some trainings are not known: hyperband."), "{page}");
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }

    #[test]
    fn odd_comparisons_have_sensible_pages() {
        let many: Vec<String> = (0..17).map(|number| format!("algorithm {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut empty = summary(&["random"], 0.02);
        let standing = &mut empty.tasks[0].algorithms[0];
        (standing.interquartile_mean, standing.mean, standing.median) = (None, None, None);
        (standing.by_time, standing.by_evaluations, standing.distribution) = (Vec::new(), Vec::new(), Vec::new());
        let apart = Summary { tasks: vec![task(&["random"], 0.1); 2], ..summary(&["random"], 0.1) };
        for odd in [summary(&[], 0.1), summary(&["random"], 0.1), summary(&["random"], 0.0), summary(&many, 1.0), empty, apart] {
            let page = page(&odd);
            sample::assert_well_formed(&page);
            assert!(!page.contains("NaN") && !page.contains("inf\""));
        }
    }
}
