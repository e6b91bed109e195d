//! `nasbench compare`: many runs of many algorithms, and how sure the differences are.

mod oracles;
mod results;
mod tables;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use nasbench::compare::{self, Competitor, Finished, GroundTruth, Plan, Summary, Task};
use nasbench::search::{self, Budget, Returns, Setup};
use nasbench::table::SHIPPED;
use nasbench::unit::Seed;

use super::format::Format;
use super::outputs::utf8;
use super::search::cost::Cost;
use super::search::source::Source;
use super::search::{Duplicates, Spending, models, options};
use super::{Global, note, progress};

/// The baseline if none is given.
const BASELINE: &str = "random";

const HELP: &str = "\
Every run is a search like those of `nasbench search`, with a seed of its own. Its incumbent is the best cell by what the search
saw, unless `--returns` says otherwise; its regret is the mean test accuracy of the best cell of the benchmark, less that of the incumbent, over all repeats at the
full budget. No search sees a test accuracy or a mean, and trainings of few epochs are paid for like any other. Cells of a benchmark
without test accuracies are judged by their validation accuracy, and the results say so.

A benchmark that lacks some cells of its space, at one of the budgets that the algorithms use, is a pool: all searches stay within the
recorded cells. A training that diverged counts as an accuracy of chance where its cell is judged.

For each algorithm there is the interquartile mean of the final regrets with its 95 % interval (stratified bootstrap), and how
many runs at any time had one of the best 0.1 % of the cells as incumbent (a luckier one may have come later), with what that costs
if a run that failed is followed by another one. For every two algorithms there is the probability that a run of the first one ends
better, with its interval, Cliff's delta, and the p-value of the Mann-Whitney test, corrected by Holm's procedure. The same is said of
each algorithm against the baseline alone (`--baseline`, or `random` if it is compared), corrected for those tests only. Small budgets
are shown with how well they tell the larger ones.

A benchmark at a budget is a task. Of several tasks (`--on` may be given many times, and `--epochs` takes many budgets) the
algorithms are ranked: Friedman's test, Iman and Davenport's, and, of five benchmarks or more, Nemenyi's with its critical difference.
Of fewer the bootstrap on runs says how much lower the regrets of the first one are. Tasks that are made from one benchmark, as its
budgets and the models fitted on it, are not independent of each other: the tests take them as one, and are not made of one alone.

A model file of `nasbench fit` is a task, too: what it predicts of a cell is the truth then, and `--noise` makes a surrogate benchmark
of it, which answers as repeats would.

Many budgets of a run make one report: the results of each, and the final regrets beside each other. Runs of one number share their
seed, so that two budgets are not independent.

At the end stands a checklist after Lindauer and Hutter (JMLR 2020): what a reader should be told, and what is missing, as a baseline.

The folder of `--out` gets
  report.html           everything with plots: anytime curves, distributions of the final regrets, the critical difference
  comparison.json       the same for programs, with all options
  trajectories.parquet  every incumbent of every run
  overhead.json         the processor time of the algorithms themselves
  runs.journal          the finished runs
With many budgets there are files of the runs and trajectories for each, as `runs-30evals.journal`, and `comparison.json` has the last
budget as its `summary` and the others as its `other_budgets`.
A comparison that was stopped goes on where it was; more runs, algorithms or tasks are added to those that are there. The same
benchmark, seed and options give the same bytes on any number of cores, but for `overhead.json` and the order in `runs.journal`.

Examples:
  nasbench compare --on nb101 --algorithms random,regularized-evolution --budget 200evals --runs 100 --out comparison
  nasbench compare --on nb101 --algorithms random,hyperband,bohb --budget 1000000s --out by-time
  nasbench compare --on nb101 --algorithms random,genetic --set genetic.population_size=20 --budget 500evals --out other-options
  nasbench compare --on nb101 --algorithms smac,smac:trees=20,smac:trees=80 --budget 200evals --out sensitivity
  nasbench compare --on boosting.json --noise --algorithms random,regularized-evolution --budget 200evals --out surrogate
  nasbench compare --on nb101 --epochs 4,12,36,108 --on mine --algorithms random,smac --budget 100evals --out many-tasks";

/// Compare search algorithms on the records of a benchmark or on a model of them, with many runs of each.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a model file; may be given many times.
    #[arg(long, value_name = "BENCH|MODEL", default_value = SHIPPED)]
    on: Vec<PathBuf>,

    #[command(flatten)]
    models: models::Arguments,

    /// The algorithms: names of `nasbench list algorithms`, with commas between. One may stand there many times with other
    /// options, as in `genetic,genetic:population_size=20:elites=2`.
    #[arg(long, value_name = "NAME[:KEY=VALUE]…,…", value_delimiter = ',', required = true)]
    algorithms: Vec<String>,

    /// An option of an algorithm, wherever it stands, as in `--set genetic.population_size=50`; may be given many times.
    #[arg(long, value_name = "ALGORITHM.KEY=VALUE")]
    set: Vec<String>,

    /// The algorithm that each other one is tested against, as it stands in `--algorithms` [default: `random`, if it is compared].
    #[arg(long, value_name = "NAME[:KEY=VALUE]…")]
    baseline: Option<String>,

    /// How often each algorithm is run on each task.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// What each run may spend: full trainings, as in `1000evals`, or simulated seconds, as in `3000s`. A training that begins
    /// before that is spent is finished and paid for. Many with commas between make a report of all of them.
    #[arg(long, value_name = "Nevals|Ns,…", value_delimiter = ',', required = true)]
    budget: Vec<Spending>,

    /// What a search gets for a cell that it asks for again: the same rule for all algorithms.
    #[arg(long, value_enum, default_value_t, value_name = "RULE")]
    duplicates: Duplicates,

    /// What a training of a benchmark costs [default: `computed` of a recorded benchmark, `measured` of an imported one].
    #[arg(long, value_enum, value_name = "RULE")]
    cost: Option<Cost>,

    /// Which of the cells that it asked for a search returns: `best-seen`, the one that looked best; `top-k-mean`, of the 10 that looked
    /// best the one of the best mean, with a tenth of the budget kept for asking for them again, or as in `top-k-mean:k=5:share=0.2`;
    /// `posterior`, the one for which a random forest that is fitted on what the search saw predicts most.
    #[arg(long, default_value_t, value_name = "RULE")]
    returns: Returns,

    /// The source of every random number.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// The full budget of a training, or many with commas between, each a task of its own [default: the largest one of the
    /// benchmark]; smaller ones serve the algorithms that use many.
    #[arg(long, value_name = "E,…", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Vec<u16>,

    /// What cells of a benchmark are judged by: the repeats that no search sees, or all of them, the one that was seen among them, as in the
    /// paper of NAS-Bench-101.
    ///
    /// With `unseen`, searches are shown repeats 0 and 1, or 0 of two, and cells are judged by the others; where some cell has one repeat
    /// only, that is said, and all count. With `all`, part of a regret is the luck of the run that was seen.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    truth: Which,

    /// The folder for the results; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Overwrite files in the folder of `--out` that no comparison wrote.
    #[arg(long)]
    force: bool,

    /// How to print what was found; `json` and `csv` have a row for each algorithm on each task.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The repeats that cells are judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Those that no search sees.
    #[default]
    Unseen,
    /// All of them, the one that was seen among them.
    All,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    // The command line is written down with the results.
    let models = &arguments.models;
    let paths = arguments.on.iter().chain(&models.time_model).chain(&models.cheaper_model).chain([&arguments.out]);
    paths.map(|path| utf8(path)).try_for_each(|path| path.map(drop))?;
    let competitors = competitors(&arguments.algorithms, &arguments.set)?;
    let baseline = baseline(arguments.baseline.as_deref(), &competitors, &arguments.set)?;
    let sources = oracles::open(arguments, !global.quiet)?;
    let (tasks, on): (Vec<Task>, Vec<&Source>) = oracles::tasks(arguments, &competitors, &sources)?.into_iter().unzip();
    let budgets = budgets(&arguments.budget)?;
    oracles::check(&competitors, &tasks, &on, &budgets, arguments.truth, global.quiet)?;
    let truths = tasks.iter().zip(&on).map(|(task, source)| oracles::truth(source, task, arguments.truth));
    let truths = truths.collect::<anyhow::Result<Vec<_>>>().context("could not judge the cells")?;
    let truths: Vec<&GroundTruth> = truths.iter().collect();
    fs_err::create_dir_all(&arguments.out).context("could not make the folder of the results")?;
    results::check(&arguments.out, arguments.force, &budgets)?;
    let (runs, seed) = (arguments.runs, Seed(arguments.seed));
    let (duplicates, returns) = (arguments.duplicates.rule(), arguments.returns);
    let plan = |budget: &Budget| {
        let (competitors, tasks) = (competitors.clone(), tasks.clone());
        Plan { competitors, baseline, tasks, runs, budget: *budget, duplicates, returns, seed }
    };
    let plans: Vec<Plan> = budgets.iter().map(plan).collect();
    let bar = bar(&plans, global.quiet);
    let started = Instant::now();
    let compared = |plan: Plan| -> Result<Compared, compare::Error> {
        let shown = |task: usize| truths[task].judging.shown(plan.tasks[task].setup.epochs);
        let rules = |task: usize| Setup { duplicates, returns, ..plan.tasks[task].setup.clone() };
        let rules: Vec<Setup> = (0..on.len()).map(rules).collect();
        let oracle = |task: usize, seed| on[task].oracle(seed, &rules[task], shown(task));
        let file = arguments.out.join(results::named(results::RUNS, plan.budget, budgets.len()));
        let finished = compare::run(&plan, oracle, &truths, &file, || bar.inc(1))?;
        let summary = Summary::new(&plan, &finished.runs, &truths);
        Ok(Compared { plan, finished, summary })
    };
    let all = plans.into_iter().map(compared).collect::<Result<Vec<_>, _>>();
    bar.finish_and_clear();
    let all = all.context("could not compare")?;
    let wall = started.elapsed();
    let last = all.last().expect("there is at least one budget");
    let checklist = compare::checklist(&last.plan, &last.summary, &budgets);

    let page = results::page(global, &all, &checklist);
    results::write(arguments, global, &all, &page, wall).context("could not write the results")?;
    tables::print(arguments, global, &all, &page)?;
    if !global.quiet {
        // A table has them already.
        for caveat in last.summary.caveats().filter(|_| arguments.format != Format::Table) {
            note(format!("note: {caveat}"));
        }
        note(timing(&all, wall));
    }
    Ok(())
}

/// What was compared with one budget of a run, and what was found.
struct Compared {
    plan: Plan,
    finished: Finished,
    summary: Summary,
}

/// The budgets, each once.
fn budgets(given: &[Spending]) -> anyhow::Result<Vec<Budget>> {
    let budgets: Vec<Budget> = given.iter().map(|spending| spending.0).collect();
    for (place, budget) in budgets.iter().enumerate() {
        if budgets[..place].contains(budget) {
            bail!("`--budget` gives {budget} twice: expected each budget once");
        }
    }
    Ok(budgets)
}

/// How long it took, and what each algorithm took of the processor with the last budget.
fn timing(all: &[Compared], wall: Duration) -> String {
    let runs: usize = all.iter().map(|compared| compared.finished.runs.len()).sum();
    let Some(Compared { plan, finished, .. }) = all.last() else { return String::new() };
    let of = |place: usize| {
        let own = finished.overheads.iter().filter(|overhead| overhead.competitor == place);
        let (sum, tasks) = own.fold((0.0, 0.0), |(sum, tasks), overhead| (sum + overhead.mean.0, tasks + 1.0_f64));
        format!("{} {:.2} ms", plan.competitors[place].name(), 1e3 * sum / tasks.max(1.0))
    };
    let each: Vec<_> = (0..plan.competitors.len()).map(of).collect();
    let with = if all.len() > 1 { format!(" with a budget of {}", plan.budget) } else { String::new() };
    let wall = wall.as_secs_f64();
    format!("compared {runs} runs in {wall:.1} s; processor time of a run{with}, the look-ups included: {}", each.join(", "))
}

/// The algorithms with their options.
fn competitors(algorithms: &[String], set: &[String]) -> anyhow::Result<Vec<Competitor>> {
    let name = |text: &str| text.split(':').next().unwrap_or(text).to_owned();
    for text in set {
        let algorithm = text.split_once('.').map(|(algorithm, _)| algorithm);
        if !algorithms.iter().any(|text| Some(name(text).as_str()) == algorithm) {
            bail!("`--set {text}` is of no algorithm that is compared: expected `--set ALGORITHM.KEY=VALUE`");
        }
    }
    algorithms.iter().map(|text| competitor(text, set)).collect()
}

/// An algorithm as it is typed, with the options that are given to all of its name.
fn competitor(text: &str, set: &[String]) -> anyhow::Result<Competitor> {
    let name = text.split(':').next().unwrap_or(text);
    let entry = search::find(name).context("could not choose the algorithms")?;
    let everywhere = set.iter().filter_map(|text| text.strip_prefix(name)?.strip_prefix('.'));
    let given: Vec<String> = everywhere.chain(text.split(':').skip(1)).map(ToOwned::to_owned).collect();
    Ok(Competitor::new(entry, &options(&given).with_context(|| format!("could not read the options of `{text}`"))?)?)
}

/// The algorithm that every other one is tested against, by its place: the one with these options, or else the first of its name.
fn baseline(given: Option<&str>, competitors: &[Competitor], set: &[String]) -> anyhow::Result<Option<usize>> {
    let text = given.unwrap_or(BASELINE);
    let wanted = competitor(text, set).context("could not choose the baseline")?;
    let of_name = || competitors.iter().position(|other| other.entry().name == text);
    let found = competitors.iter().position(|other| *other == wanted).or_else(of_name);
    if given.is_some() && found.is_none() {
        let names: Vec<_> = competitors.iter().map(Competitor::name).collect();
        bail!("the baseline `{text}` is not compared: expected one of {}", names.join(", "));
    }
    Ok(found)
}

fn bar(plans: &[Plan], quiet: bool) -> ProgressBar {
    let runs = |plan: &Plan| u64::from(plan.runs).saturating_mul((plan.competitors.len() * plan.tasks.len()) as u64);
    let all = plans.iter().map(runs).fold(0, u64::saturating_add);
    let bar = progress::bar(quiet, Some(all), "{bar:30} {pos} of {len} runs, {eta} left");
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().copied().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn options_go_to_their_algorithm() {
        let set = ["genetic.population_size=50", "random.sampler=uniform"];
        let found = competitors(&owned(&["random", "genetic", "hyperband"]), &owned(&set)).unwrap();
        let names: Vec<_> = found.iter().map(Competitor::name).collect();
        assert_eq!(names, ["random (sampler=uniform)", "genetic (population_size=50)", "hyperband"]);
        let found =
            competitors(&owned(&["genetic", "genetic:elites=2:population_size=20"]), &owned(&["genetic.crossover_rate=1"]));
        let names: Vec<_> = found.unwrap().iter().map(Competitor::name).collect();
        assert_eq!(names, ["genetic (crossover_rate=1)", "genetic (crossover_rate=1, elites=2, population_size=20)"]);
        assert!(competitors(&owned(&["genetic:elites=2"]), &owned(&["genetic.elites=3"])).is_err());
        for wrong in ["genetic.population_size=50", "random", "sampler=uniform", "rand.sampler=uniform"] {
            let error = competitors(&owned(&["random"]), &owned(&[wrong])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--set {wrong}` is of no algorithm")), "{error}");
        }
        assert!(competitors(&owned(&["annealing"]), &[]).is_err());
    }

    #[test]
    fn no_budget_is_given_twice() {
        let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Spending>>();
        assert_eq!(budgets(&parsed(&["30evals", "5s"])).unwrap().len(), 2);
        let message = budgets(&parsed(&["30evals", "5s", "5.0s"])).unwrap_err().to_string();
        assert_eq!(message, "`--budget` gives 5s twice: expected each budget once");
    }

    #[test]
    fn a_baseline_is_one_of_those_compared() {
        let compared = competitors(&owned(&["smac", "random:sampler=uniform", "random"]), &[]).unwrap();
        let found = |given| baseline(given, &compared, &[]);
        assert_eq!([None, Some("smac"), Some("random:sampler=uniform")].map(|given| found(given).unwrap()), [2, 0, 1].map(Some));
        let message = found(Some("genetic")).unwrap_err().to_string();
        assert_eq!(message, "the baseline `genetic` is not compared: expected one of smac, random (sampler=uniform), random");
        assert!(found(Some("smac:trees=7")).is_err() && found(Some("annealing")).is_err());
        assert_eq!(baseline(None, &compared[..1], &[]).unwrap(), None);
        assert_eq!(baseline(None, &compared[..2], &[]).unwrap(), Some(1), "the only one of its name");
        // Options for all of a name are those of the baseline, too.
        let set = owned(&["smac.trees=7"]);
        let compared = competitors(&owned(&["random", "smac"]), &set).unwrap();
        assert_eq!(baseline(Some("smac"), &compared, &set).unwrap(), Some(1));
    }
}
