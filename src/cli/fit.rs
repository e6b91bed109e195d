//! `nasbench fit`: fits a model of cells.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::builder::StringValueParser;
use nasbench::space::HashPrefix;
use nasbench::surrogate::features::{READABLE, STANDARD};
use nasbench::surrogate::importance::importances;
use nasbench::surrogate::store::StoredClassifier;
use nasbench::surrogate::{
    self, Entry, Error, FEWEST_ROWS, Features, FitOptions, Model, Quantity, Rows, TrainingSet, rule_classifier,
};
use nasbench::unit::{Epochs, Seed};
use serde_json::Value;

use super::cell::hashes_of;
use super::format::{Format, Table};
use super::lists::Item;
use super::outputs::check_writable;
use super::recorded::{CsvArguments, Recorded, Wanted, wanted};
use super::{Global, note};

/// The number of features in a table.
const MOST_NAMED: usize = 20;

const HELP: &str = "\
A model learns the mean over the repeats of each cell, from the cell and its network alone. A diverged training counts as chance
accuracy; a failed one is not used, and cells whose trainings all failed are left out and counted. The file stores the target, the
features, the network, the training cells and the uncertainty, so that `nasbench predict` and `nasbench search --on MODEL` need
nothing else. An accuracy model also contains a model of the training time at the same budget, if it was recorded: a search pays
with it.

Intervals are calibrated on cells that a second fit had not seen; they hold for cells of the fitted sizes. For others a third fit,
on all but the largest cells, gives a wider interval; `nasbench predict` marks those cells.

With `--warm-from E` a model also learns from a cell's result after E epochs. It knows more, but can only predict cells with this
result: `nasbench predict --warm-from` gives it, and no search can use such a model.

The judge predicts which cells are in the best 20 %, by a few readable rules, which are printed.

Examples:
  nasbench fit nasbench-run/benchmark --model random-forest --out forest.json
  nasbench fit nb101 --model gradient-boosting --target final_validation_accuracy@108 --train 1000 --out model.json
  nasbench fit nb101 --model judge-tree --out judge.json
  nasbench fit nb101 --model gradient-boosting --warm-from 4 --out warm.json
  nasbench fit cells.csv --column operations=ops --column validation_accuracy@108=val_acc_108 --model svr --out svr.json";

/// Fit a model that predicts cells, and save it in a file.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a CSV file of cells and metrics.
    #[arg(value_name = "BENCH|CSV")]
    recorded: PathBuf,

    /// The kind of model: a name of `nasbench list surrogates`.
    #[arg(long, value_name = "NAME")]
    model: String,

    /// The target: `final_validation_accuracy` or `training_time`, at a budget as in `training_time@108`, or at the largest one.
    #[arg(long, value_name = "TARGET[@E]", default_value = "final_validation_accuracy", value_parser = wanted)]
    target: Wanted,

    /// Features of a cell: names of `nasbench list encodings`, separated by commas [default: statistics,walks,triples,cost; for the judge
    /// statistics,cost, which are readable].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = Item(StringValueParser::new()))]
    encoding: Vec<String>,

    /// Training cells: N cells, drawn with the seed, or a file of hashes, or of their first 8 digits, one per line [default: all].
    #[arg(long, value_name = "N|FILE")]
    train: Option<String>,

    /// Also learn from the cells' results at this smaller budget: the model then needs them for every predicted cell.
    #[arg(long, value_name = "E", value_parser = clap::value_parser!(u16).range(1..))]
    warm_from: Option<u16>,

    /// The file of the model.
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,

    /// Overwrite the file if it already exists.
    #[arg(long)]
    force: bool,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// Also print feature importances: how much worse unseen cells are ranked if the values of one feature are permuted.
    ///
    /// This fits a second model, on four fifths of the cells.
    #[arg(long)]
    importances: bool,

    /// Format of the feature importances; only a table omits the less important.
    #[arg(long, value_enum, default_value_t, requires = "importances")]
    format: Format,

    #[command(flatten)]
    csv: CsvArguments,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    check_writable(&arguments.out, arguments.force)?;
    let is_judge = arguments.model == rule_classifier::NAME;
    let entry = if is_judge { None } else { Some(found(&arguments.model)?) };
    if is_judge && arguments.importances {
        bail!("the rules of a judge say themselves which features matter: expected no `--importances`");
    }
    if is_judge && arguments.warm_from.is_some() {
        bail!("a judge sees nothing but the cell and its network: expected no `--warm-from`");
    }
    let recorded = Recorded::open(&arguments.recorded, &arguments.csv)?;
    let target = recorded.target(arguments.target)?;
    if !global.quiet {
        recorded.note_divergence(target);
    }
    let (set, low) = recorded.lessons(target, arguments.warm_from.map(Epochs), global.quiet)?;
    let set = chosen(set, arguments)?;
    let usual = if is_judge { READABLE } else { STANDARD };
    let features = match &arguments.encoding[..] {
        [] => recorded.features(usual)?,
        named => recorded.features(named)?,
    };
    let started = Instant::now();
    let Some(surrogate) = entry else { return fit_judge(arguments, &set, features) };
    let (benchmark, seed) = (Some(recorded.identity.clone()), Seed(arguments.seed));
    let options = FitOptions { surrogate, features, benchmark, seed };
    let (model, rows) = Model::fit_on(&recorded.table, &set, low.as_ref(), &options).context("could not fit the model")?;
    let elapsed = started.elapsed().as_secs_f64();
    model.save(&arguments.out).context("could not write the model")?;
    if !global.quiet {
        note(format_args!("fitted in {elapsed:.2} s"));
    }
    if arguments.importances {
        return print_importances(surrogate, arguments, &set, &model, &rows);
    }
    print(&model, &set, &arguments.out)
}

/// Finds a surrogate by its name; an error also lists the judge.
fn found(name: &str) -> anyhow::Result<&'static Entry> {
    let found = surrogate::find(name);
    found.map_err(|error| match error {
        Error::UnknownSurrogate { .. } if cfg!(feature = "classic-ml") => {
            let known = surrogate::SURROGATES.iter().map(|entry| entry.name).chain([rule_classifier::NAME]);
            anyhow::anyhow!(
                "could not choose the model: unknown model `{name}` (known: {})",
                known.collect::<Vec<_>>().join(", ")
            )
        }
        other => anyhow::Error::from(other),
    })
}

/// The cells of `--train`.
fn chosen(set: TrainingSet, arguments: &Arguments) -> anyhow::Result<TrainingSet> {
    let Some(train) = &arguments.train else { return Ok(set) };
    let could_not = || format!("could not choose the cells of `--train {train}`");
    let enough = |chosen: TrainingSet| match chosen.cells.len() {
        found if found < FEWEST_ROWS => bail!("{found} cells to fit on, expected at least {FEWEST_ROWS}"),
        _ => Ok(chosen),
    };
    if let Ok(count) = train.parse() {
        return set.draw(count, Seed(arguments.seed)).map_err(Into::into).and_then(enough).with_context(could_not);
    }
    let hash = |prefix: HashPrefix| match prefix.whole() {
        Some(hash) => Ok(hash),
        None => prefix.find(set.hashes.iter().copied(), "recorded cell").map_err(anyhow::Error::from),
    };
    let hashes = hashes_of(Path::new(train)).and_then(|hashes| hashes.into_iter().map(hash).collect::<anyhow::Result<Vec<_>>>());
    let hashes = hashes.with_context(could_not)?;
    set.choose(&hashes).map_err(Into::into).and_then(enough).with_context(could_not)
}

/// Fits a judge and prints its rules.
fn fit_judge(arguments: &Arguments, set: &TrainingSet, features: Features) -> anyhow::Result<()> {
    let could_not = "could not fit the judge";
    if set.target.quantity != Quantity::ValidationAccuracy {
        bail!("a judge tells the best cells by their accuracy: expected no other `--target`");
    }
    let rows = features.rows(&set.cells).context("could not encode the cells")?;
    let stored = StoredClassifier::fit(set, features, &rows).context(could_not)?;
    stored.save(&arguments.out).context("could not write the judge")?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Is a cell among the best {:.0} % by {}? From {} cells:\n",
        100.0 * rule_classifier::PROMISING,
        stored.target,
        stored.training_cells.len()
    )?;
    writeln!(out, "{}\n\nwritten to {}", stored.classifier, arguments.out.display())?;
    Ok(())
}

fn print(model: &Model, set: &TrainingSet, file: &Path) -> anyhow::Result<()> {
    let given = set.cells.len();
    let mut out = std::io::stdout().lock();
    let (lowest, highest) = model.range;
    let encodings: Vec<_> = model.features.encodings().collect();
    let noise = model.noise.as_ref().map_or_else(
        || "unknown: no cell has two repeats".to_owned(),
        |noise| {
            let (least, most) = noise.range();
            let of = if noise.is_of_residuals() {
                " of the residuals on cells left out, as no cell has two: an upper bound"
            } else {
                ""
            };
            let [least, most] = [least, most].map(|deviation| format!("{deviation:.4}"));
            let range = if least == most { least } else { format!("{least} to {most} by what is predicted") };
            format!("{range}{of}")
        },
    );
    let used = match model.training_cells.len() {
        used if used < given => format!("{used} of {given} cells (the most that it takes, drawn by the seed)"),
        used => format!("{used} cells"),
    };
    let warm = model.features.warm().map_or_else(String::new, |target| format!(", and the {target} of each cell"));
    let lines = [
        ("model", model.name.to_owned()),
        ("predicts", model.target.to_string()),
        ("fitted on", format!("{used}, from {lowest:.4} to {highest:.4}")),
        ("of", model.fitted_range.to_string()),
        ("sees", format!("{} features ({}{warm})", model.features.names().len(), encodings.join(", "))),
        ("other sizes", of_other_sizes(model)),
        ("repeats", format!("{}, noise {noise}", repeats(set))),
        ("time", model.time().map_or("not recorded", |_| "in the same file").to_owned()),
        ("written to", file.display().to_string()),
    ];
    for (name, value) in lines {
        writeln!(out, "{name:<12}{value}")?;
    }
    Ok(())
}

/// The number of repeats of the values.
fn repeats(set: &TrainingSet) -> String {
    let (fewest, most) = set.repeat_range();
    if fewest == most { most.to_string() } else { format!("{fewest} to {most}") }
}

/// The widening of error bars outside the fitted range, as text.
fn of_other_sizes(model: &Model) -> String {
    match model.widening {
        Some(widening) => format!("error bars {widening:.2} times as wide, from the largest cells held out"),
        None => "how wide error bars must be is not known: too few cells of two sizes".to_owned(),
    }
}

fn print_importances(entry: &Entry, arguments: &Arguments, set: &TrainingSet, model: &Model, rows: &Rows) -> anyhow::Result<()> {
    let found = importances(entry, rows, model.features.names(), &set.hashes, &set.values, Seed(arguments.seed));
    let found = found.context("could not tell which features matter")?;
    let mut table = Table::new(&["feature", "kendall_tau_lost", "rmse_added"], &[]);
    let most = if arguments.format == Format::Table { MOST_NAMED } else { usize::MAX };
    for importance in found.iter().take(most) {
        table.push([Value::from(importance.name.as_str()), importance.kendall_tau_lost.into(), importance.rmse_added.into()]);
    }
    table.print(arguments.format, &mut std::io::stdout().lock())
}
