//! `nasbench compare`: many runs of several algorithms, with tests of the differences.

mod oracles;
mod results;
mod tables;

use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::builder::StringValueParser;
use indicatif::ProgressBar;
use nasbench::compare::{self, Competitor, Finished, GroundTruth, Plan, Summary, Task};
use nasbench::search::external::EXTERNAL;
use nasbench::search::{self, Budget, Returns, Setup};
use nasbench::table::SHIPPED;
use nasbench::unit::Seed;

use super::format::Format;
use super::lists::Item;
use super::outputs::{ResultFolder, utf8};
use super::search::cost::Cost;
use super::search::source::Source;
use super::search::{Duplicates, Spending, models, options};
use super::{Global, external, goals, note, progress};

/// The default baseline.
const BASELINE: &str = "random";

const HELP: &str = "\
Every run is a search as in `nasbench search`, with its own seed. Its incumbent is the cell with the best observed value, unless
`--returns` says otherwise; its regret is the mean test accuracy of the best cell of the benchmark, minus that of the incumbent, over all
repeats at the full budget. Of several objectives a search returns the front of what it saw, and its regret is the part of the exact
front's hypervolume that this front lacks. No search sees a test accuracy or a mean, and short trainings are paid for like any other. In a benchmark
without test accuracies cells are evaluated by validation accuracy, and the results say so.

A benchmark that lacks some cells of its space, at one of the budgets that the algorithms use, is a pool: all searches stay within the
recorded cells. A training that diverged counts as chance accuracy when its cell is evaluated.

For each algorithm the report gives the interquartile mean of the final regrets with its 95 % interval (stratified bootstrap), and how
many runs at any time had one of the best 0.1 % of the cells as incumbent (another may have replaced it later), with the expected cost
if failed runs are restarted. For every pair it gives the probability that a run of the first algorithm ends better, with its
interval, Cliff's delta, and the p-value of the Mann-Whitney test, corrected by Holm's procedure; and the same for each algorithm
against the baseline (`--baseline`, or `random` if it is compared), corrected for those tests only. Small budgets are shown with how
well they predict larger ones.

A benchmark at a budget is a task. With several tasks (`--on` is repeatable, and `--epochs` takes several budgets) the algorithms are
ranked: Friedman's test, Iman and Davenport's, and, with five or more benchmarks, Nemenyi's with its critical difference. With fewer,
a bootstrap on runs estimates how much lower the regrets of the first one are. Tasks from one benchmark, such as its budgets and
models fitted on it, are not independent: the tests count them as one, and need more than one.

A model file of `nasbench fit` is a task, too: its prediction for a cell is the ground truth, and `--noise` makes it a surrogate
benchmark, which answers as repeats would.

Several budgets of a run give one report: the results of each, and the final regrets side by side. Runs with the same number share
a seed, so two budgets are not independent.

A checklist after Lindauer and Hutter (JMLR 2020) ends the report: what a reader should know, and what is missing, such as a baseline.

Files in `--out`:
  report.html           everything with plots: anytime curves, distributions of the final regrets, the critical difference
  comparison.json       the same for programs, with all options
  trajectories.parquet  every incumbent of every run
  overhead.json         the processor time of the algorithms themselves
  runs.journal          the finished runs
With several budgets each has its own files of runs and trajectories, as `runs-30evals.journal`, and `comparison.json` has the last
budget as its `summary` and the others as its `other_budgets`.
A stopped comparison continues where it was; more runs, algorithms or tasks are added to the finished ones. The same benchmark, seed
and options give the same bytes on any number of cores, except `overhead.json` and the order in `runs.journal`.

Examples:
  nasbench compare --on nb101 --algorithms random,regularized-evolution --budget 200evals --runs 100 --out comparison
  nasbench compare --on nb101 --algorithms random,hyperband,bohb --budget 1000000s --out by-time
  nasbench compare --on nb101 --algorithms random,genetic --set genetic.population_size=20 --budget 500evals --out other-options
  nasbench compare --on nb101 --algorithms smac,smac:trees=20,smac:trees=80 --budget 200evals --out sensitivity
  nasbench compare --on boosting.json --noise --algorithms random,regularized-evolution --budget 200evals --out surrogate
  nasbench compare --on nb101 --epochs 4,12,36,108 --on mine --algorithms random,smac --budget 100evals --out many-tasks";

/// Compare search algorithms on a benchmark or on a model of it, with many runs of each.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a model file; repeatable.
    #[arg(long, value_name = "BENCH|MODEL", default_value = SHIPPED)]
    on: Vec<PathBuf>,

    #[command(flatten)]
    models: models::Arguments,

    /// The algorithms: names of `nasbench list algorithms`, separated by commas. A name may be repeated with other options, as in
    /// `genetic,genetic:population_size=20:elites=2`.
    #[arg(long, value_name = "NAME[:KEY=VALUE]…,…", value_delimiter = ',', value_parser = Item(StringValueParser::new()), required_unless_present = "external")]
    algorithms: Vec<String>,

    /// Another program beside the algorithms, in any language, with a name of its own: it reads and writes lines of JSON, as in
    /// `--external 'mine=python3 search.py'`; repeatable. `--set mine.timeout=5` are the seconds that it has for each answer.
    #[arg(long, value_name = "NAME=COMMAND")]
    external: Vec<String>,

    /// An option for every entry of an algorithm, as in `--set genetic.population_size=50`; repeatable.
    #[arg(long, value_name = "ALGORITHM.KEY=VALUE")]
    set: Vec<String>,

    /// The algorithm that each other one is tested against, as in `--algorithms` [default: `random`, if it is compared].
    #[arg(long, value_name = "NAME[:KEY=VALUE]…")]
    baseline: Option<String>,

    /// Runs of each algorithm on each task.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Budget of each run: full trainings, as in `1000evals`, or simulated seconds, as in `3000s`. A training that starts before it is
    /// spent is finished and counted in full. Several, separated by commas, give one report.
    #[arg(long, value_name = "Nevals|Ns,…", value_delimiter = ',', value_parser = Item(Spending::from_str), required = true)]
    budget: Vec<Spending>,

    #[command(flatten)]
    goals: goals::Arguments,

    /// How hypervolumes of several objectives are computed.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    hypervolume: goals::Hypervolume,

    /// The answer to a cell that is queried again: the same for all algorithms.
    #[arg(long, value_enum, default_value_t, value_name = "RULE")]
    duplicates: Duplicates,

    /// Cost of a training of a benchmark [default: `computed` if it was recorded, `measured` if it was imported].
    #[arg(long, value_enum, value_name = "RULE")]
    cost: Option<Cost>,

    /// The cell that a search returns: `best-seen`, the cell with the best observed value; `top-k-mean`, the cell with the best mean among
    /// the 10 best observed, with a tenth of the budget reserved to query them again, or as in `top-k-mean:k=5:share=0.2`; `posterior`, the
    /// cell with the highest prediction of a random forest fitted on the observed values.
    #[arg(long, default_value_t, value_name = "RULE")]
    returns: Returns,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// The full training budget, or several, separated by commas, each a task [default: the largest one of the benchmark]; multi-fidelity
    /// algorithms use smaller ones, too.
    #[arg(long, value_name = "E,…", value_delimiter = ',', value_parser = Item(clap::value_parser!(u16).range(1..)))]
    epochs: Vec<u16>,

    /// How cells of a benchmark are evaluated: by the repeats that no search sees, or by all, including the observed one, as in the
    /// NAS-Bench-101 paper.
    ///
    /// With `unseen`, searches see repeats 0 and 1, or 0 of two, and cells are evaluated by the others; if some cell has only one repeat,
    /// all are used, with a note. With `all`, part of a regret is the luck of the observed repeat.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    truth: Which,

    /// Folder of the results; it is created if it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Overwrite files in the folder of `--out` that no comparison wrote.
    #[arg(long)]
    force: bool,

    /// Output format; `json` and `csv` have one row per algorithm and task.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The repeats that evaluate a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Repeats no search sees.
    #[default]
    Unseen,
    /// All repeats, including the observed one.
    All,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    // The command line is written down with the results.
    let models = &arguments.models;
    let paths = arguments.on.iter().chain(&models.time_model).chain(&models.cheaper_model).chain([&arguments.out]);
    paths.map(|path| utf8(path)).try_for_each(|path| path.map(drop))?;
    let competitors = competitors(&arguments.algorithms, &arguments.external, &arguments.set)?;
    let baseline = baseline(arguments.baseline.as_deref(), &competitors, &arguments.set)?;
    let sources = oracles::open(arguments, !global.quiet)?;
    let (tasks, on): (Vec<Task>, Vec<&Source>) = oracles::tasks(arguments, &competitors, &sources)?.into_iter().unzip();
    let budgets = budgets(&arguments.budget)?;
    oracles::check(&competitors, &tasks, &on, &budgets, arguments.truth, global.quiet)?;
    let truths = tasks.iter().zip(&on).map(|(task, source)| oracles::truth(source, task, arguments.truth));
    let truths = truths.collect::<anyhow::Result<Vec<_>>>().context("could not judge the cells")?;
    let truths: Vec<&GroundTruth> = truths.iter().collect();
    let _folder = ResultFolder::make(&arguments.out)?;
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

/// The plan, runs and summary of one budget.
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

/// The elapsed time, and the CPU time of each algorithm with the last budget.
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

/// The algorithms with their options, and the other programs.
fn competitors(algorithms: &[String], others: &[String], set: &[String]) -> anyhow::Result<Vec<Competitor>> {
    let others = others.iter().map(|text| {
        let named = text.split_once('=').filter(|(name, _)| !name.is_empty() && !name.contains(['.', ':', ',', ' ']));
        named.with_context(|| {
            format!("`--external {text}`: expected a name without `.`, `:`, `,` and spaces, as in `mine=./search`")
        })
    });
    let others: Vec<(&str, &str)> = others.collect::<anyhow::Result<_>>()?;
    let names = algorithms.iter().map(|text| text.split(':').next().unwrap_or(text)).chain(others.iter().map(|(name, _)| *name));
    let names: Vec<&str> = names.collect();
    for text in set {
        if !text.split_once('.').is_some_and(|(name, _)| names.contains(&name)) {
            bail!("`--set {text}` is of no algorithm that is compared: expected `--set ALGORITHM.KEY=VALUE`");
        }
    }
    for (name, _) in &others {
        if search::find(name).is_ok() || others.iter().filter(|(other, _)| other == name).count() > 1 {
            bail!("`--external {name}=…`: the name is taken, expected one that no algorithm and no other program has");
        }
    }
    let other = |(name, command): &(&str, &str)| {
        let options = external::options(command, options(&of_name(name, set))?)?;
        Ok(Competitor::new(&EXTERNAL, &options)?.named((*name).to_owned()))
    };
    algorithms.iter().map(|text| competitor(text, set)).chain(others.iter().map(other)).collect()
}

/// The `--set` options of a name.
fn of_name(name: &str, set: &[String]) -> Vec<String> {
    set.iter().filter_map(|text| text.strip_prefix(name)?.strip_prefix('.')).map(ToOwned::to_owned).collect()
}

/// An algorithm as it is typed, with the `--set` options for its name.
fn competitor(text: &str, set: &[String]) -> anyhow::Result<Competitor> {
    let name = text.split(':').next().unwrap_or(text);
    let entry = search::find(name).context("could not choose the algorithms")?;
    let own = text.split(':').skip(1).map(ToOwned::to_owned);
    let given: Vec<String> = of_name(name, set).into_iter().chain(own).collect();
    Ok(Competitor::new(entry, &options(&given).with_context(|| format!("could not read the options of `{text}`"))?)?)
}

/// The index of the baseline: the algorithm with these options, or else the first of its name.
fn baseline(given: Option<&str>, competitors: &[Competitor], set: &[String]) -> anyhow::Result<Option<usize>> {
    let text = given.unwrap_or(BASELINE);
    if let Some(named) = competitors.iter().position(|other| other.name() == text) {
        return Ok(Some(named));
    }
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
        let found = competitors(&owned(&["random", "genetic", "hyperband"]), &[], &owned(&set)).unwrap();
        let names: Vec<_> = found.iter().map(Competitor::name).collect();
        assert_eq!(names, ["random (sampler=uniform)", "genetic (population_size=50)", "hyperband"]);
        let found =
            competitors(&owned(&["genetic", "genetic:elites=2:population_size=20"]), &[], &owned(&["genetic.crossover_rate=1"]));
        let names: Vec<_> = found.unwrap().iter().map(Competitor::name).collect();
        assert_eq!(names, ["genetic (crossover_rate=1)", "genetic (crossover_rate=1, elites=2, population_size=20)"]);
        assert!(competitors(&owned(&["genetic:elites=2"]), &[], &owned(&["genetic.elites=3"])).is_err());
        for wrong in ["genetic.population_size=50", "random", "sampler=uniform", "rand.sampler=uniform"] {
            let error = competitors(&owned(&["random"]), &[], &owned(&[wrong])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--set {wrong}` is of no algorithm")), "{error}");
        }
        assert!(competitors(&owned(&["annealing"]), &[], &[]).is_err());
    }

    #[test]
    fn other_programs_have_names_and_options_of_their_own() {
        let found = |others: &[&str], set: &[&str]| competitors(&owned(&["random"]), &owned(others), &owned(set));
        let both = found(&["mine=./search --fast", "yours=./search"], &["mine.timeout=5"]).unwrap();
        let names: Vec<_> = both.iter().map(Competitor::name).collect();
        assert_eq!(names, ["random", "mine", "yours"]);
        assert_eq!(both[1].options()["command"], serde_json::json!(["./search", "--fast"]));
        assert_eq!([1, 2].map(|place| both[place].options()["timeout"].as_f64()), [Some(5.0), Some(60.0)]);
        for wrong in [&["./search"][..], &["=./search"], &["a.b=./search"], &["random=./search"], &["mine=a", "mine=b"]] {
            assert!(found(wrong, &[]).unwrap_err().to_string().starts_with("`--external "), "{wrong:?}");
        }
        assert!(found(&["mine=./search"], &["theirs.timeout=5"]).is_err());
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
        let compared = competitors(&owned(&["smac", "random:sampler=uniform", "random"]), &[], &[]).unwrap();
        let found = |given| baseline(given, &compared, &[]);
        assert_eq!([None, Some("smac"), Some("random:sampler=uniform")].map(|given| found(given).unwrap()), [2, 0, 1].map(Some));
        let message = found(Some("genetic")).unwrap_err().to_string();
        assert_eq!(message, "the baseline `genetic` is not compared: expected one of smac, random (sampler=uniform), random");
        assert!(found(Some("smac:trees=7")).is_err() && found(Some("annealing")).is_err());
        assert_eq!(baseline(None, &compared[..1], &[]).unwrap(), None);
        assert_eq!(baseline(None, &compared[..2], &[]).unwrap(), Some(1), "the only one of its name");
        // Options for all of a name are those of the baseline, too.
        let set = owned(&["smac.trees=7"]);
        let compared = competitors(&owned(&["random", "smac"]), &[], &set).unwrap();
        assert_eq!(baseline(Some("smac"), &compared, &set).unwrap(), Some(1));
    }
}
