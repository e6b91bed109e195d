//! `nasbench assess`: learning curves of models by the number of training cells.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use clap::builder::StringValueParser;
use nasbench::file::replace;
use nasbench::network::Size;
use nasbench::report::learning_curves;
use nasbench::surrogate::assess::{Assessment, Point, assess, assess_scores};
use nasbench::surrogate::features::STANDARD;
use nasbench::surrogate::quality::Summary;
use nasbench::surrogate::{self, Entry, Rows, SURROGATES, TrainingSet, rule_classifier};
use nasbench::unit::{Epochs, Seed};
use serde_json::Value;

use super::format::{Format, Table};
use super::lists::Item;
use super::outputs::check_writable;
use super::recorded::{CsvArguments, Recorded, Wanted, wanted};
use super::{Global, note};

/// Training-set sizes in publications.
const SIZES: &[usize] = &[100, 172, 424, 1_000, 4_236];
/// The note on values that rank the cells without a fit.
const NO_FIT: &str = ", nothing fitted";
/// The word for every surrogate.
const ALL: &str = "all";

const HELP: &str = "\
For each training-set size and each seed, cells are drawn, a model is fitted on them, and others are predicted: no cell is in both
sets, and all models predict the same cells. The table has means over the seeds and, after ±, their standard deviation:

  kendall_tau       rank correlation of the order of the cells (τ-b); tau_of_best only in the best 10 %
  spearman          the same on ranks
  r_squared, rmse   accuracy of the values themselves
  top10_regret      the loss from measuring only the ten predicted best: how far the best of them is from the best value, which is
                    the lowest for times
  crps              the error of the predictions with their deviations, in the unit of the target: smaller is better
  coverage_90, _95  the share of the cells within their 90 % and 95 % intervals
  miscalibration    mean distance of the shares below the predicted 10 %, 20 % … 90 % from these

The last rows are the baselines for every model: the cells ranked by size alone, FLOPs or parameters in the NAS-Bench-101
network, without a fit. Below 0 the smaller cells are better.

`svr` is fitted on at most 3,000 cells, drawn by the seed, at any training-set size.

`--warm-from E` also assesses each model with one more feature: the cell's result after a training of E epochs, which every predicted
cell must have, too. Without it the models see only the cell. The output also has the order by that cheap value alone, and the cost
of a training of E epochs: predicted cells, too, must be trained so.

On the 20,001 published records used in the development (train on n, predict 10,000 others, mean of 10 seeds):

  nasbench assess nb101_20k.csv --column adjacency=adjacency_row_major --column operations=ops \\
    --column validation_accuracy@108=val_acc_108 --model gradient-boosting --train-sizes 100,172,424,1000,4236 --seeds 10

gives τ = .750, .777, .808, .833 and .860.

Examples:
  nasbench assess nasbench-run/benchmark --model all --seeds 5
  nasbench assess nb101 --model random-forest,svr --train-sizes 100,1000 --out curves.svg
  nasbench assess nb101 --model gradient-boosting --train-sizes 424 --warm-from 4";

/// Evaluate how well models predict unseen cells, by the number of training cells.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a CSV file of cells and metrics.
    #[arg(value_name = "BENCH|CSV")]
    recorded: PathBuf,

    /// Model types: names of `nasbench list surrogates`, separated by commas, or `all`.
    #[arg(long, value_name = "NAME,…|all", value_delimiter = ',', value_parser = Item(StringValueParser::new()), default_value = ALL)]
    model: Vec<String>,

    /// Training-set sizes, separated by commas [default: those of 100, 172, 424, 1000 and 4236 that are at most half of the cells, or half
    /// of the cells].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = Item(usize::from_str))]
    train_sizes: Vec<usize>,

    /// Number of random draws.
    #[arg(long, value_name = "N", default_value = "10")]
    seeds: NonZeroUsize,

    /// Maximum number of test cells.
    #[arg(long, value_name = "N", default_value = "10000")]
    held_out: NonZeroUsize,

    /// The target: `final_validation_accuracy` or `training_time`, at a budget as in `training_time@108`, or at the largest one.
    #[arg(long, value_name = "TARGET[@E]", default_value = "final_validation_accuracy", value_parser = wanted)]
    target: Wanted,

    /// Features of a cell: names of `nasbench list encodings`, separated by commas.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = Item(StringValueParser::new()), default_values = STANDARD)]
    encoding: Vec<String>,

    /// Also assess the models with the cells' results at this budget as a feature.
    #[arg(long, value_name = "E")]
    warm_from: Option<u16>,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// Draw the curves of Kendall's τ to this file.
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,

    /// Overwrite the file of `--out` if it already exists.
    #[arg(long, requires = "out")]
    force: bool,

    /// Output format; `json` and `csv` have separate columns of means and deviations.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    csv: CsvArguments,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    if let Some(file) = &arguments.out {
        check_writable(file, arguments.force)?;
    }
    let entries = entries(&arguments.model)?;
    let recorded = Recorded::open(&arguments.recorded, &arguments.csv)?;
    let target = recorded.target(arguments.target)?;
    if !global.quiet {
        recorded.note_divergence(target);
    }
    let (lesson, low) = recorded.lessons(target, arguments.warm_from.map(Epochs), global.quiet)?;
    let rows = recorded.features(&arguments.encoding)?.rows(&lesson.cells).context("could not encode the cells")?;
    let sizes = sizes(arguments, &lesson)?;
    let mut variants = vec![(String::new(), rows)];
    // What orders cells with nothing fitted, which any model must beat.
    let mut scores: Vec<_> =
        [Size::Flops, Size::Parameters].map(|size| (format!("{size}{NO_FIT}"), size.measure_all(&lesson.cells))).into();
    if let Some(low) = low {
        let epochs = arguments.warm_from.unwrap_or_default();
        let low = low.choose(&lesson.hashes)?;
        let warm = variants[0].1.with_column(&low.values).context("could not add the smaller budget")?;
        variants.push((format!(" (warm from {epochs})"), warm));
        scores.push((format!("{}{NO_FIT}", low.target), low.values.iter().copied().map(f64::from).collect()));
        if !global.quiet {
            recorded.note_cost(Epochs(epochs), target.epochs);
        }
    }
    let Arguments { seeds: repeats, held_out, .. } = *arguments;
    let how = Assessment { repeats, held_out, quantity: target.quantity, seed: Seed(arguments.seed) };
    let mut curves: Vec<(String, Vec<Point>)> = Vec::new();
    for entry in entries {
        let most = entry.most_rows.unwrap_or(usize::MAX);
        if let Some(size) = sizes.iter().find(|size| **size > most).filter(|_| !global.quiet) {
            let name = entry.name;
            note(format_args!("note: `{name}` takes at most {most} cells, drawn by the seed: after {size} it has seen {most}"));
        }
        for (suffix, rows) in &variants {
            let name = format!("{}{suffix}", entry.name);
            let curve = curve(entry, &name, rows, &lesson, &sizes, &how, global)?;
            curves.push((name, curve));
        }
    }
    for (name, scores) in scores {
        let point = |size: &usize| assess_scores(&scores, &lesson.hashes, &lesson.values, *size, &how);
        let curve = sizes.iter().map(point).collect::<Result<_, _>>().with_context(|| format!("could not assess `{name}`"))?;
        curves.push((name, curve));
    }
    if let Some(file) = &arguments.out {
        let svg = learning_curves(&curves);
        replace(file, |open| open.write_all(svg.as_bytes())).context("could not write the curves")?;
    }
    print(&curves, arguments.format)
}

fn entries(names: &[String]) -> anyhow::Result<Vec<&'static Entry>> {
    if names == [ALL] {
        return Ok(SURROGATES.iter().collect());
    }
    if names.iter().any(|name| name == rule_classifier::NAME) {
        bail!(
            "`{}` says only whether a cell is among the best, and has no order to assess: expected surrogates ({})\n\
            hint: `nasbench run` says how often its judge is right, and `nasbench fit --model {0}` prints the rules",
            rule_classifier::NAME,
            SURROGATES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
        );
    }
    let entry = |name: &String| {
        let found = surrogate::find(name).context("could not choose the model")?;
        if names.iter().filter(|other| *other == name).count() > 1 {
            bail!("`--model` names `{name}` twice");
        }
        Ok(found)
    };
    names.iter().map(entry).collect()
}

/// Training-set sizes, each of which leaves cells to predict.
fn sizes(arguments: &Arguments, lesson: &TrainingSet) -> anyhow::Result<Vec<usize>> {
    let cells = lesson.cells.len();
    let mut sizes = arguments.train_sizes.clone();
    if sizes.is_empty() {
        sizes = SIZES.iter().copied().filter(|size| 2 * size <= cells).collect();
    }
    if sizes.is_empty() {
        sizes.push(cells / 2);
    }
    let mut seen = BTreeSet::new();
    sizes.retain(|size| seen.insert(*size));
    if let Some(size) = sizes.iter().find(|size| size.saturating_add(2) > cells) {
        bail!("{size} of {cells} cells to fit on, expected at most {}: the others are predicted", cells.saturating_sub(2));
    }
    Ok(sizes)
}

fn curve(
    entry: &Entry,
    name: &str,
    rows: &Rows,
    lesson: &TrainingSet,
    sizes: &[usize],
    how: &Assessment,
    global: &Global,
) -> anyhow::Result<Vec<Point>> {
    let mut curve = Vec::with_capacity(sizes.len());
    for size in sizes {
        let point = assess(entry, rows, &lesson.hashes, &lesson.values, *size, how);
        let point = point.with_context(|| format!("could not assess `{name}`"))?;
        if !global.quiet {
            let tau = text(point.measures.kendall_tau);
            note(format_args!("{name}: τ = {tau} of {} cells after {size}", point.held_out));
        }
        curve.push(point);
    }
    Ok(curve)
}

/// A named metric.
type Measure = (&'static str, fn(&Point) -> Option<Summary>);

/// The metrics of the order of the cells.
const ORDER: &[Measure] = &[
    ("kendall_tau", |point| point.measures.kendall_tau),
    ("tau_of_best", |point| point.kendall_tau_of_best),
    ("spearman", |point| point.measures.spearman),
    ("top10_regret", |point| point.measures.top_regret),
];

/// The metrics of the values.
const VALUES: &[Measure] = &[
    ("r_squared", |point| point.measures.r_squared),
    ("rmse", |point| point.measures.rmse),
    ("crps", |point| point.crps),
    ("coverage_90", |point| point.coverage),
    ("coverage_95", |point| point.coverage_of_95),
    ("miscalibration", |point| point.miscalibration),
];

fn print(curves: &[(String, Vec<Point>)], format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if format != Format::Table {
        return exact(curves).print(format, &mut out);
    }
    for measures in [ORDER, VALUES] {
        let columns: Vec<&str> = ["model", "cells"].into_iter().chain(measures.iter().map(|(name, _)| *name)).collect();
        let mut table = Table::new(&columns, &[]);
        for (name, point) in points(curves) {
            let mut row = vec![Value::from(name), point.training.into()];
            row.extend(measures.iter().map(|(_, measure)| Value::from(text(measure(point)))));
            table.push(row);
        }
        table.print(format, &mut out)?;
    }
    Ok(())
}

/// All metrics, with means and deviations in separate columns.
fn exact(curves: &[(String, Vec<Point>)]) -> Table {
    let measures = || ORDER.iter().chain(VALUES);
    let mut columns = ["model", "cells", "held_out"].map(ToOwned::to_owned).to_vec();
    columns.extend(measures().flat_map(|(name, _)| [(*name).to_owned(), format!("{name}_deviation")]));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&columns, &[]);
    for (name, point) in points(curves) {
        let mut row = vec![Value::from(name), point.training.into(), point.held_out.into()];
        for (_, measure) in measures() {
            let summary = measure(point);
            row.push(summary.map(|summary| summary.mean).into());
            row.push(summary.and_then(|summary| summary.standard_deviation).into());
        }
        table.push(row);
    }
    table
}

fn points(curves: &[(String, Vec<Point>)]) -> impl Iterator<Item = (&str, &Point)> {
    curves.iter().flat_map(|(name, curve)| curve.iter().map(move |point| (name.as_str(), point)))
}

/// A mean with its deviation, as text.
fn text(summary: Option<Summary>) -> String {
    let Some(Summary { mean, standard_deviation, .. }) = summary else { return "–".to_owned() };
    let digits = |value: f64| if value.abs() < 1e3 { format!("{value:.4}") } else { format!("{value:.0}") };
    standard_deviation.map_or_else(|| digits(mean), |deviation| format!("{} ± {}", digits(mean), digits(deviation)))
}
