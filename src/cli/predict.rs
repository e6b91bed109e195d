//! `nasbench predict`: predicts cells with a model.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::ArgGroup;
use nasbench::space::{Cell, ModuleHash, Operation, Space};
use nasbench::surrogate::store::{Stored, StoredClassifier};
use nasbench::surrogate::{Error, Estimate, Features, FittedRange, Model, Prediction, Quantity, TrainingSet};
use serde_json::Value;

use super::cell::{self, Batch, BatchArguments, Given, Resolver};
use super::format::{Format, Table, single};
use super::recorded::{CsvArguments, Recorded};
use super::{Global, note};

/// Cells that a table shows without `--best`.
const SHOWN: usize = 20;

const HELP: &str = "\
The deviation is the expected size of a prediction's error: a standard deviation, calibrated on cells that a second fit had not
seen. It is the same for all cells with a single model, such as `svr` and `gradient-boosting`, and differs from cell to cell if
members can disagree, as in `random-forest` and `ensemble`. Errors are not normally distributed, so the intervals are not multiples
of it: 90 of 100 cells of the fitted sizes are between `low_90` and `high_90`, 95 between `low_95` and `high_95`.

A cell with more or fewer vertices or edges than any training cell is marked in `outside_fitted_range`. Its error bars are widened by a
fit without the largest cells, if there were enough of them; else they are not valid there.

However the vertices are numbered, the stored cell of the hash is predicted.

For an accuracy model the training time is printed, too, if its file has a model of it; for a judge the share of
promising cells among the training cells that match the same rule.

All cells of NAS-Bench-101 take some seconds, about ten with larger models. A table shows the best 20 of them; `json` and `csv`
have all, in the order of the official listing, unless `--best` is given. The best have the highest accuracy, or the lowest time.

Examples:
  nasbench predict forest.json --all --best 10
  nasbench predict forest.json --hash 28cfc7874f6d200472e1a9dcd8650aa0
  nasbench predict forest.json --edges 0-1,0-2,1-3,2-3 --ops conv3x3-bn-relu,maxpool3x3
  nasbench predict forest.json --all --max-vertices 5 --format csv";

/// Predict cells with a model of `nasbench fit`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
#[command(group = ArgGroup::new("question").required(true).args(["all", "hash", "matrix", "edges", "cell"]))]
pub(super) struct Arguments {
    /// A model file of `nasbench fit` or `nasbench run`.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// All cells of the space, with the operations that the model knows.
    #[arg(long, conflicts_with = "cells")]
    all: bool,

    /// The most vertices of `--all`.
    #[arg(long, default_value_t = 7, value_name = "N", requires = "all", value_parser = clap::value_parser!(u8).range(2..=7))]
    max_vertices: u8,

    #[command(flatten)]
    cells: BatchArguments,

    /// Print only the K best cells, the best first.
    #[arg(long, value_name = "K")]
    best: Option<NonZeroUsize>,

    /// Benchmark or CSV file with the cells' results in cheaper trainings, for a model of `nasbench fit --warm-from`.
    ///
    /// With `--all`, cells without such a result are left out.
    #[arg(long, value_name = "BENCH|CSV")]
    warm_from: Option<PathBuf>,

    /// Output format; `json` and `csv` also have the cells, 95 % intervals and time intervals.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    csv: CsvArguments,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let stored = Stored::load(&arguments.model).context("could not read the model")?;
    let (features, range) = match &stored {
        Stored::Model(model) => (&model.features, model.fitted_range),
        Stored::RuleClassifier(judge) => (&judge.features, judge.fitted_range),
    };
    let warm = warm(arguments, features)?;
    let mut asked = asked(arguments, features, global)?;
    let warm = warm.map(|warm| asked.keep_known(arguments, &warm, global)).transpose()?;
    let predicted = match &stored {
        Stored::Model(model) => of_model(model, &asked.batch.found, warm.as_deref()),
        Stored::RuleClassifier(judge) => of_judge(judge, &asked.batch.found),
    }
    .context("could not predict the cells")?;
    if let Some(outside) = range.outside(&asked.batch.found).filter(|_| !global.quiet) {
        let known = match &stored {
            Stored::Model(model) if model.widening.is_some() => "; its error bars are as wide there as held-out sizes tell",
            _ => ", and nothing tells how far it is off",
        };
        note(format!("note: {outside}{known}"));
    }
    let smaller_is_better = matches!(&stored, Stored::Model(model) if model.target.quantity.is_lower_better());
    let printed = print(arguments, &asked, &predicted, smaller_is_better);
    asked.batch.conclude()?;
    printed
}

/// The results of cheaper trainings, if the model needs them.
fn warm(arguments: &Arguments, features: &Features) -> anyhow::Result<Option<TrainingSet>> {
    let Some(target) = features.warm() else {
        if let Some(path) = &arguments.warm_from {
            bail!("`{}` needs nothing but the cells: expected no `--warm-from {}`", arguments.model.display(), path.display());
        }
        return Ok(None);
    };
    let Some(path) = &arguments.warm_from else {
        bail!(
            "`{}` also needs the {target} of each cell\n\
            hint: `--warm-from BENCH|CSV` names the benchmark or the CSV file that has it",
            arguments.model.display()
        );
    };
    let recorded = Recorded::open(path, &arguments.csv)?;
    Ok(Some(TrainingSet::new(&recorded.table, target).with_context(|| format!("could not learn from `{}`", path.display()))?))
}

/// The cells to predict.
struct Asked {
    batch: Batch<Cell>,
    /// The hashes, if already known.
    hashes: Option<Vec<ModuleHash>>,
}

impl Asked {
    /// Finds each cell's result in cheaper trainings. With `--all`, cells without one are left out; given cells must have one.
    fn keep_known(&mut self, arguments: &Arguments, warm: &TrainingSet, global: &Global) -> anyhow::Result<Vec<f32>> {
        let known: HashMap<&ModuleHash, f32> = warm.hashes.iter().zip(warm.values.iter().copied()).collect();
        let hashes = self.hashes.take().unwrap_or_else(|| Cell::hashes(&self.batch.found));
        let found: Vec<_> = hashes.iter().map(|hash| known.get(hash).copied()).collect();
        let missing = found.iter().filter(|value| value.is_none()).count();
        if missing > 0 && (!arguments.all || missing == hashes.len()) {
            let place = found.iter().position(Option::is_none).unwrap_or_default();
            return Err(Error::UnknownCell { hash: hashes[place], target: warm.target }).context("could not predict the cells");
        }
        if missing > 0 && !global.quiet {
            let (all, target) = (hashes.len(), warm.target);
            note(format!("note: {missing} of {all} cells have no {target}, and are left out"));
        }
        let cells = std::mem::take(&mut self.batch.found);
        let kept: Vec<_> = cells.into_iter().zip(hashes).zip(found).filter_map(|(cell, value)| Some((cell, value?))).collect();
        let (cells, values): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        let (cells, hashes) = cells.into_iter().unzip();
        (self.batch.found, self.hashes) = (cells, Some(hashes));
        Ok(values)
    }
}

fn asked(arguments: &Arguments, features: &Features, global: &Global) -> anyhow::Result<Asked> {
    let known: Vec<Operation> = features.space().operations().collect();
    let official = Space::nas_bench_101().with_operations(&known)?;
    if arguments.all {
        let enumeration = official.with_max_vertices(arguments.max_vertices.into())?.enumerate()?;
        let batch = Batch::whole(enumeration.cells().to_vec());
        return Ok(Asked { hashes: Some(enumeration.hashes().to_vec()), batch });
    }
    // The features may be of a larger space than the official one, which only graphs can be of.
    let (drawn, listed) = (Resolver::new(features.space()), Resolver::new(official));
    let mut batch = arguments.cells.resolve(global, |given| match given {
        Given::Graph(_) => drawn.cell(given),
        Given::Hash(_) => listed.cell(given),
    })?;
    batch.found = cell::stored(&batch.found, "predicted", global);
    Ok(Asked { batch, hashes: None })
}

/// The predictions in columns.
#[derive(Default)]
struct Predicted {
    columns: Vec<&'static str>,
    /// Columns only in JSON and CSV.
    details: Vec<&'static str>,
    /// For each cell: the sort key, the values of the columns and those of the details.
    rows: Vec<(f32, Vec<Value>, Vec<Value>)>,
}

/// Per quantity: the value, its deviation, the 90 % interval and the 95 % interval.
const fn names(quantity: Quantity) -> [&'static str; 6] {
    match quantity {
        Quantity::ValidationAccuracy => ["validation_accuracy", "deviation", "low_90", "high_90", "low_95", "high_95"],
        Quantity::TrainingTime => {
            ["training_time", "time_deviation", "time_low_90", "time_high_90", "time_low_95", "time_high_95"]
        }
    }
}

fn of_model(model: &Model, cells: &[Cell], warm: Option<&[f32]>) -> Result<Predicted, Error> {
    let predicted: Vec<(&Model, Vec<Prediction>)> = match (model.time(), warm) {
        (Some(time), None) => [model, &**time].into_iter().zip(model.predict_all_with(time, cells)?).collect(),
        (Some(time), Some(warm)) => vec![(model, model.predict_with(cells, warm)?), (time, time.predict_all(cells)?)],
        (None, Some(warm)) => vec![(model, model.predict_with(cells, warm)?)],
        (None, None) => vec![(model, model.predict_all(cells)?)],
    };
    let mut found = Predicted { rows: vec![(0.0, Vec::new(), Vec::new()); cells.len()], ..Predicted::default() };
    for (place, (model, predictions)) in predicted.into_iter().enumerate() {
        let names = names(model.target.quantity);
        // A page has the interval of what was asked for only.
        let shown = if place == 0 { 4 } else { 2 };
        found.columns.extend(&names[..shown]);
        found.details.extend(&names[shown..]);
        for (row, estimate) in found.rows.iter_mut().zip(model.estimates(cells, &predictions)) {
            let Estimate { mean, deviation, interval_90, interval_95, .. } = estimate;
            let values = [[mean, deviation], interval_90, interval_95].concat();
            row.0 = if place == 0 { mean } else { row.0 };
            row.1.extend(values[..shown].iter().copied().map(single));
            row.2.extend(values[shown..].iter().copied().map(single));
        }
    }
    found.mark(cells, model.fitted_range);
    Ok(found)
}

fn of_judge(judge: &StoredClassifier, cells: &[Cell]) -> Result<Predicted, Error> {
    let verdicts = judge.classifier.classify(&judge.features.rows(cells)?)?;
    let rows = verdicts.into_iter().map(|verdict| (verdict.share, vec![single(verdict.share)], Vec::new())).collect();
    let mut found = Predicted { columns: vec!["promising_share"], rows, ..Predicted::default() };
    found.mark(cells, judge.fitted_range);
    Ok(found)
}

impl Predicted {
    /// Marks the cells outside the fitted sizes.
    fn mark(&mut self, cells: &[Cell], range: FittedRange) {
        self.columns.push("outside_fitted_range");
        self.rows.iter_mut().zip(cells).for_each(|(row, cell)| row.1.push((!range.contains(cell)).into()));
    }
}

fn print(arguments: &Arguments, asked: &Asked, predicted: &Predicted, smaller_is_better: bool) -> anyhow::Result<()> {
    let mut order: Vec<usize> = (0..asked.batch.found.len()).collect();
    let shown = (arguments.all && arguments.format == Format::Table).then_some(SHOWN);
    if let Some(most) = arguments.best.map(NonZeroUsize::get).or(shown) {
        order.sort_by(|one, other| {
            let ascending = predicted.rows[*one].0.total_cmp(&predicted.rows[*other].0);
            if smaller_is_better { ascending } else { ascending.reverse() }
        });
        order.truncate(most);
    }
    let columns: Vec<&str> = std::iter::once("module_hash").chain(predicted.columns.iter().copied()).collect();
    let details: Vec<&str> = predicted.details.iter().copied().chain(["module_adjacency", "module_operations"]).collect();
    let mut table = Table::new(&columns, &details);
    for place in order {
        let cell = asked.batch.found[place];
        let hash = asked.hashes.as_ref().map_or_else(|| cell.hash(), |hashes| hashes[place]);
        let (_, values, details) = &predicted.rows[place];
        let mut row = vec![Value::from(hash.to_string())];
        row.extend(values.iter().chain(details).cloned());
        row.extend([cell.adjacency_text().into(), cell.operations_text().into()]);
        table.push(row);
    }
    table.print(arguments.format, &mut std::io::stdout().lock())
}
