//! `nasbench predict`: what a model expects of cells.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgGroup;
use nasbench::space::{Cell, ModuleHash, Operation, Space};
use nasbench::surrogate::store::{Stored, StoredJudge};
use nasbench::surrogate::{Features, Model, Prediction, Quantity};
use serde_json::Value;

use super::cell::{Batch, BatchArguments, Given, Resolver};
use super::format::{Format, Table, single};

/// The cells that a table shows unless `--best` says how many.
const SHOWN: usize = 20;

const HELP: &str = "\
The deviation is how large an error of a prediction is expected to be: a standard deviation, calibrated on cells that a second fit
had not seen. It is the same for all cells with a model of one part, as `svr` and `gradient-boosting` are, and differs from cell to
cell where parts can disagree, as in `random-forest` and `ensemble`.

A model of the accuracy is printed with the training time, if its file has a model of that, and a judge with the share
of cells that were promising among those that took the same way through its rules.

All cells of NAS-Bench-101 take some seconds, of the order of ten with larger models. A table shows the best 20 of them; `json` and
`csv` have all, in the order of the official listing, unless `--best` says otherwise. The best have the highest accuracy, or the
lowest time.

Examples:
  nasbench predict forest.json --all --best 10
  nasbench predict forest.json --hash 28cfc7874f6d200472e1a9dcd8650aa0
  nasbench predict forest.json --edges 0-1,0-2,1-3,2-3 --ops conv3x3-bn-relu,maxpool3x3
  nasbench predict forest.json --all --max-vertices 5 --format csv";

/// Predict what cells reach, with a model of `nasbench fit`.
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

    /// Print only so many cells, the best ones, the best first.
    #[arg(long, value_name = "K")]
    best: Option<NonZeroUsize>,

    /// How to print them; `json` and `csv` have the cells, too.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stored = Stored::load(&arguments.model).context("could not read the model")?;
    let features = match &stored {
        Stored::Model(model) => model.features(),
        Stored::Judge(judge) => &judge.features,
    };
    let asked = asked(arguments, features)?;
    let (names, values) = match &stored {
        Stored::Model(model) => of_model(model, &asked.batch.found),
        Stored::Judge(judge) => of_judge(judge, &asked.batch.found),
    }
    .context("could not predict the cells")?;
    let smaller_is_better = matches!(&stored, Stored::Model(model) if model.target().quantity.is_lower_better());
    let printed = print(arguments, &asked, &names, &values, smaller_is_better);
    asked.batch.conclude()?;
    printed
}

/// The cells to predict.
struct Asked {
    batch: Batch<Cell>,
    /// Theirs, if they are known already.
    hashes: Option<Vec<ModuleHash>>,
}

fn asked(arguments: &Arguments, features: &Features) -> anyhow::Result<Asked> {
    let known: Vec<Operation> = features.space().operations().collect();
    let official = Space::nas_bench_101().with_operations(&known)?;
    if arguments.all {
        let enumeration = official.with_max_vertices(arguments.max_vertices.into())?.enumerate()?;
        let batch = Batch::whole(enumeration.cells().to_vec());
        return Ok(Asked { hashes: Some(enumeration.hashes().to_vec()), batch });
    }
    // The features may be of a larger space than the official one, which only graphs can be of.
    let (drawn, listed) = (Resolver::new(features.space()), Resolver::new(official));
    let batch = arguments.cells.resolve(|given| match given {
        Given::Graph(_) => drawn.cell(given),
        Given::Hash(_) => listed.cell(given),
    })?;
    Ok(Asked { batch, hashes: None })
}

/// The columns of what was predicted, and a value in each of them for each cell.
type Predicted = (Vec<&'static str>, Vec<Vec<f32>>);

fn of_model(model: &Model, cells: &[Cell]) -> Result<Predicted, nasbench::surrogate::Error> {
    let column = |quantity| match quantity {
        Quantity::ValidationAccuracy => ["validation_accuracy", "deviation"],
        Quantity::TrainingTime => ["training_time", "time_deviation"],
    };
    let (mut names, mut values) = (Vec::new(), vec![Vec::new(); cells.len()]);
    let predicted: Vec<(&Model, Vec<Prediction>)> = match model.time() {
        Some(time) => [model, &**time].into_iter().zip(model.predict_all_with(time, cells)?).collect(),
        None => vec![(model, model.predict_all(cells)?)],
    };
    for (model, predictions) in predicted {
        names.extend(column(model.target().quantity));
        for (values, prediction) in values.iter_mut().zip(predictions) {
            values.extend([prediction.mean, model.calibration().deviation(&prediction)]);
        }
    }
    Ok((names, values))
}

fn of_judge(judge: &StoredJudge, cells: &[Cell]) -> Result<Predicted, nasbench::surrogate::Error> {
    let verdicts = judge.judge.judge(&judge.features.rows_of(cells)?)?;
    Ok((vec!["promising_share"], verdicts.into_iter().map(|verdict| vec![verdict.share]).collect()))
}

fn print(
    arguments: &Arguments,
    asked: &Asked,
    names: &[&str],
    values: &[Vec<f32>],
    smaller_is_better: bool,
) -> anyhow::Result<()> {
    let mut order: Vec<usize> = (0..asked.batch.found.len()).collect();
    let shown = (arguments.all && arguments.format == Format::Table).then_some(SHOWN);
    if let Some(most) = arguments.best.map(NonZeroUsize::get).or(shown) {
        order.sort_by(|one, other| {
            let ascending = values[*one][0].total_cmp(&values[*other][0]);
            if smaller_is_better { ascending } else { ascending.reverse() }
        });
        order.truncate(most);
    }
    let columns: Vec<&str> = std::iter::once("module_hash").chain(names.iter().copied()).collect();
    let mut table = Table::new(&columns, &["module_adjacency", "module_operations"]);
    for place in order {
        let cell = asked.batch.found[place];
        let hash = asked.hashes.as_ref().map_or_else(|| cell.hash(), |hashes| hashes[place]);
        let mut row = vec![Value::from(hash.to_string())];
        row.extend(values[place].iter().copied().map(single));
        row.extend([cell.adjacency_text().into(), cell.operations_text().into()]);
        table.push(row);
    }
    table.print(arguments.format, &mut std::io::stdout().lock())
}
