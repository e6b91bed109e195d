//! `nasbench compare`: many runs of many algorithms, and how sure the differences are.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nasbench::compare::{self, Contestant, GOAL, LEAKAGE, Plan, Run, Summary, TableTruth};
use nasbench::file::replace;
use nasbench::report::Comparison;
use nasbench::search::{self, Budget, Setup};
use nasbench::space::Operation;
use nasbench::table::{Benchmark, TableOracle, TrajectoryRow, write_trajectories};
use nasbench::unit::{Epochs, Seed};
use serde_json::{Value, json};

use super::Global;
use super::format::{Format, Table};
use super::search::{Spending, options, target};

/// The finished runs, in the folder of `--out`.
const RUNS: &str = "runs.journal";
/// The incumbents of all runs.
const TRAJECTORIES: &str = "trajectories.parquet";
/// Everything that was found.
const COMPARISON: &str = "comparison.json";
/// The same for people, with plots.
const PAGE: &str = "report.html";

const HELP: &str = "\
Every run is a search like those of `nasbench search`, with a seed of its own. Its incumbent is the best cell by what the search
saw; its regret is the mean test accuracy of the best cell of the benchmark, less that of the incumbent, over all repeats at the
full budget. No search sees a test accuracy or a mean, and trainings of few epochs are paid for like any other.

The table has, for each algorithm, the interquartile mean of the final regrets with its 95 % interval (stratified bootstrap), and
how many runs found one of the best 0.1 % of the cells, with what that costs if a run that failed is followed by another one.
Then every two algorithms: the probability that a run of the first one ends better, with its interval, Cliff's delta, and the
p-value of the Mann-Whitney test, corrected by Holm's procedure. Accuracies and regrets are fractions.

The folder of `--out` gets `trajectories.parquet` (every incumbent of every run), `comparison.json` (everything above with the
anytime curves, the distributions of the final regrets and all options), `report.html` (the same with plots) and `runs.journal`. A comparison that was stopped goes on
where it was; more runs or algorithms are added to those that are there. The same benchmark, seed and options give the same
bytes on any number of cores.

Examples:
  nasbench compare --on nb101 --algorithms random,regularized-evolution --budget 200evals --runs 100 --out comparison
  nasbench compare --on nb101 --algorithms random,hyperband,bohb --budget 1000000s --out by-time
  nasbench compare --on nb101 --algorithms random,genetic --set genetic.population_size=50 --budget 500evals --out other-options";

/// Compare search algorithms on the records of a benchmark, with many runs of each.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark.
    #[arg(long, value_name = "BENCH")]
    on: PathBuf,

    /// The algorithms: names of `nasbench list algorithms`, with commas between.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', required = true)]
    algorithms: Vec<String>,

    /// An option of one of the algorithms, as in `--set genetic.population_size=50`; may be given many times.
    #[arg(long, value_name = "ALGORITHM.KEY=VALUE")]
    set: Vec<String>,

    /// How often each algorithm is run.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// What each run may spend: full trainings, as in `1000evals`, or simulated seconds, as in `3000s`.
    #[arg(long, value_name = "Nevals|Ns")]
    budget: Spending,

    /// The source of every random number.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// The full budget of a training [default: the largest one of the benchmark]; smaller ones serve the algorithms that use many.
    #[arg(long, value_name = "E", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,

    /// The folder for the results; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How to print the algorithms; only `table` prints every two of them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let contestants = contestants(&arguments.algorithms, &arguments.set)?;
    let benchmark = Benchmark::open(&arguments.on).context("could not open the benchmark")?;
    let target = target::benchmark(&arguments.on, arguments.epochs.map(Epochs))?;
    let (space, epochs) = (target.space(), target.epochs());
    let setup = Setup::new(space, epochs).with_budgets(target.budgets());
    let table = target.into_table().context("a benchmark has a table")?;
    let truth = TableTruth::new(&table, &space, epochs).context("could not judge the cells")?;
    // A benchmark may grow and keep its identity, but then its answers change.
    let oracle = format!("benchmark {} with {} rows", benchmark.identity(), table.row_count());
    let seed = Seed(arguments.seed);
    let plan = Plan { contestants, setup, runs: arguments.runs, budget: arguments.budget.0, seed, oracle };

    fs_err::create_dir_all(&arguments.out).context("could not make the folder of the results")?;
    let bar = progress(&plan, global.quiet);
    let started = Instant::now();
    let runs = compare::run(&plan, |seed| TableOracle::new(&table, seed), &truth, &arguments.out.join(RUNS), || bar.inc(1));
    bar.finish_and_clear();
    let runs = runs.context("could not compare")?;
    let summary = Summary::new(&plan, &runs, &truth);
    let wall = started.elapsed();

    write(arguments, &plan, &runs, &summary).context("could not write the results")?;
    print(arguments, &summary)?;
    if !global.quiet {
        writeln!(anstream::stderr(), "compared {} runs in {:.1} s", runs.len(), wall.as_secs_f64())?;
    }
    Ok(())
}

/// The algorithms with their options.
fn contestants(algorithms: &[String], set: &[String]) -> anyhow::Result<Vec<Contestant>> {
    for text in set {
        let algorithm = text.split_once('.').map(|(algorithm, _)| algorithm);
        if !algorithms.iter().any(|name| Some(name.as_str()) == algorithm) {
            bail!("`--set {text}` is of no algorithm that is compared: expected `--set ALGORITHM.KEY=VALUE`");
        }
    }
    let contestant = |name: &String| {
        let entry = search::find(name).context("could not choose the algorithms")?;
        let own = |text: &String| Some(text.strip_prefix(name)?.strip_prefix('.')?.to_owned());
        Ok(Contestant::new(entry, &options(&set.iter().filter_map(own).collect::<Vec<_>>())?)?)
    };
    algorithms.iter().map(contestant).collect()
}

fn progress(plan: &Plan, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let all = u64::from(plan.runs).saturating_mul(plan.contestants.len() as u64);
    let bar = ProgressBar::with_draw_target(Some(all), target);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {eta} left");
    bar.set_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// Writes the trajectories and everything that was found.
fn write(arguments: &Arguments, plan: &Plan, runs: &[Run], summary: &Summary) -> anyhow::Result<()> {
    let options: Vec<String> = summary.algorithms.iter().map(|standing| standing.options.to_string()).collect();
    let rows: Vec<_> = runs.iter().flat_map(|run| rows(run, summary, &options)).collect();
    write_trajectories(&arguments.out.join(TRAJECTORIES), &rows)?;
    let budget = match plan.budget {
        Budget::Evaluations(evaluations) => json!({ "evaluations": evaluations }),
        Budget::SimulatedTime(time) => json!({ "simulated_seconds": time }),
    };
    let all = json!({
        "tool_version": env!("CARGO_PKG_VERSION"),
        "command": command(arguments),
        "oracle": plan.oracle,
        "epochs": plan.setup.epochs,
        "budgets": plan.setup.budgets,
        "runs": plan.runs,
        "budget": budget,
        "seed": plan.seed,
        "leakage": LEAKAGE,
        "summary": summary,
    });
    replace(&arguments.out.join(COMPARISON), |file| -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *file, &all)?;
        Ok(writeln!(file)?)
    })?;
    let page = Comparison {
        title: format!("{} searches of {}", plan.contestants.len(), arguments.on.display()),
        setting: setting(plan),
        summary,
        command: command(arguments),
    };
    Ok(page.write_page(&arguments.out.join(PAGE))?)
}

/// The conditions, in words.
fn setting(plan: &Plan) -> Vec<(String, String)> {
    let budgets: Vec<_> = plan.setup.budgets.iter().map(ToString::to_string).collect();
    let space = plan.setup.space;
    let operations: Vec<_> = space.operations().map(Operation::name).collect();
    let space = format!("at most {} vertices and {} edges, {}", space.max_vertices(), space.max_edges(), operations.join(", "));
    [
        ("oracle", plan.oracle.clone()),
        ("space", space),
        ("runs of each", plan.runs.to_string()),
        ("budget of a run", spending(plan.budget)),
        ("epochs", format!("{} (budgets: {})", plan.setup.epochs, budgets.join(", "))),
        ("seed", plan.seed.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A budget as it is typed.
fn spending(budget: Budget) -> String {
    match budget {
        Budget::Evaluations(evaluations) => format!("{evaluations}evals"),
        Budget::SimulatedTime(time) => format!("{}s", time.0),
    }
}

fn rows<'a>(run: &'a Run, summary: &'a Summary, options: &'a [String]) -> impl Iterator<Item = TrajectoryRow<'a>> {
    run.steps.iter().map(|step| TrajectoryRow {
        algorithm: &summary.algorithms[run.contestant].name,
        options: &options[run.contestant],
        run: run.run,
        seed: run.seed,
        trial: step.trial,
        evaluations: step.evaluations,
        time: step.time,
        cell: step.cell,
        epochs: step.epochs,
        validation_accuracy: step.validation_accuracy,
        regret: step.regret,
        all_evaluations: run.evaluations,
        all_time: run.time,
    })
}

/// The command that makes the same comparison again.
fn command(arguments: &Arguments) -> String {
    let Arguments { on, algorithms, set, runs, budget, seed, epochs, out, format: _ } = arguments;
    let mut command = format!("nasbench compare --on {} --algorithms {}", quoted(on), algorithms.join(","));
    let epochs = epochs.map(|epochs| format!(" --epochs {epochs}")).unwrap_or_default();
    for option in set {
        // Writing to a text cannot fail.
        let _ = write!(command, " --set {}", quoted(Path::new(option)));
    }
    let budget = spending(budget.0);
    let _ = write!(command, " --runs {runs} --budget {budget} --seed {seed}{epochs} --out {}", quoted(out));
    command
}

/// A word as a shell takes it.
fn quoted(word: &Path) -> String {
    let word = word.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=,:".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn print(arguments: &Arguments, summary: &Summary) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    standings(summary).print(arguments.format, &mut out)?;
    if arguments.format != Format::Table {
        return Ok(());
    }
    if !summary.pairs.is_empty() {
        writeln!(out)?;
        pairs(summary).print(Format::Table, &mut out)?;
    }
    let percent = 100.0 * GOAL;
    writeln!(
        out,
        "\nbest mean test accuracy {:.4}; the best {percent} % of the cells have a regret of at most {:.4}",
        summary.best, summary.goal
    )?;
    writeln!(out, "{LEAKAGE}")?;
    writeln!(out, "\nwritten to {}: {PAGE}, {COMPARISON}, {TRAJECTORIES}", arguments.out.display())?;
    writeln!(out, "again: {}", command(arguments))?;
    Ok(())
}

/// How each algorithm did.
fn standings(summary: &Summary) -> Table {
    let mut table = Table::new(
        &["algorithm", "runs", "regret_iqm", "low", "high", "regret_median", "top_reached", "top_evaluations", "top_seconds"],
        &["regret_mean", "evaluations", "simulated_seconds", "trials", "options"],
    );
    for standing in &summary.algorithms {
        let iqm = standing.interquartile_mean;
        table.push([
            Value::from(standing.name.as_str()),
            standing.runs.into(),
            iqm.map(|estimate| estimate.value).into(),
            iqm.map(|estimate| estimate.low).into(),
            iqm.map(|estimate| estimate.high).into(),
            standing.median.into(),
            standing.goal_by_time.reached.into(),
            standing.goal_by_evaluations.expected.into(),
            standing.goal_by_time.expected.into(),
            standing.mean.into(),
            standing.evaluations.into(),
            standing.simulated_seconds.into(),
            standing.trials.into(),
            standing.options.clone(),
        ]);
    }
    table
}

/// How any two of them differ.
fn pairs(summary: &Summary) -> Table {
    let mut table = Table::new(&["first", "second", "first_is_better", "low", "high", "cliffs_delta", "p_holm"], &[]);
    for pair in &summary.pairs {
        let [first, second] = [pair.first, pair.second].map(|place| summary.algorithms[place].name.as_str());
        table.push([
            Value::from(first),
            second.into(),
            pair.probability.map(|estimate| estimate.value).into(),
            pair.probability.map(|estimate| estimate.low).into(),
            pair.probability.map(|estimate| estimate.high).into(),
            pair.cliffs_delta.into(),
            pair.corrected_p_value.into(),
        ]);
    }
    table
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
        let found = contestants(&owned(&["random", "genetic", "hyperband"]), &owned(&set)).unwrap();
        let names: Vec<_> = found.iter().map(Contestant::name).collect();
        assert_eq!(names, ["random (sampler=uniform)", "genetic (population_size=50)", "hyperband"]);
        for wrong in ["genetic.population_size=50", "random", "sampler=uniform", "rand.sampler=uniform"] {
            let error = contestants(&owned(&["random"]), &owned(&[wrong])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--set {wrong}` is of no algorithm")), "{error}");
        }
        assert!(contestants(&owned(&["annealing"]), &[]).is_err());
    }

    #[test]
    fn a_word_with_blanks_or_quotes_is_quoted() {
        let words = ["nb101", "my folder", "it's", ""].map(|word| quoted(Path::new(word)));
        assert_eq!(words, ["nb101", "'my folder'", r"'it'\''s'", "''"]);
    }
}
