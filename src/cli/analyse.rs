//! `nasbench analyse`: the landscape of a table, and what the parts of its cells matter.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use nasbench::analysis::importance::Importance;
use nasbench::analysis::landscape::Landscape;
use nasbench::compare::full_budget;
use nasbench::file::replace;
use nasbench::report::{attribution_text, importance_text, landscape_page, landscape_text};
use nasbench::surrogate::Quantity;
use nasbench::surrogate::attribution::{Attribution, attributions};
use nasbench::table::SHIPPED;
use nasbench::unit::{Epochs, Seed};
use serde::Serialize;

use super::format::ObjectFormat;
use super::outputs::{check_replaceable, has_mark, utf8};
use super::search::models;
use super::{Global, benchmark, note};

/// The data set of the official release.
const CIFAR_10: &str = "cifar-10";
/// The start of a page's command.
const COMMAND: &str = "nasbench analyse landscape";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Landscape(LandscapeArguments),
    Importance(ImportanceArguments),
}

/// Analyse a landscape: the effect of size, the noise, and how hard it is to search.
///
/// At one budget, by the final validation accuracies: the reliability of the cells' means, over all and in each tenth; how well FLOPs,
/// parameters, depth and the number of 3×3 convolutions rank the cells, alone and together; how well one training with a smaller budget
/// does; random-walk autocorrelation, correlation of accuracy with the distance from the best cell, local optima; the regret of querying
/// every cell once, which is the floor of every comparison on the table. Intervals are 95 %.
#[derive(Debug, clap::Args)]
struct LandscapeArguments {
    /// Folder of the benchmark [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    /// Epochs [default: the largest].
    #[arg(long, value_name = "E")]
    epochs: Option<u16>,

    /// Seed of all random numbers.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// Write a page with plots to this file.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,

    /// Overwrite the file of `--out` even if another command wrote it.
    #[arg(long, requires = "out")]
    force: bool,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ObjectFormat,
}

/// Analyse what the parts of cells matter: the effect of each operation and edge, and shares of the variance.
///
/// At one budget, by the mean final validation accuracies: what it does to replace an operation by another one, at any depth and at each (the
/// edges of the longest path from the input); what it does to remove an edge; and which share of the variance over all cells of one number of
/// vertices is due to edges, to operations, and to both together. Both cells of a change must be recorded. Intervals are 95 %.
#[derive(Debug, clap::Args)]
struct ImportanceArguments {
    /// Folder of the benchmark [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    /// Epochs [default: the largest].
    #[arg(long, value_name = "E")]
    epochs: Option<u16>,

    /// Also explain a fitted model of the accuracy, made of trees: exact Shapley values of its features, and partial dependence.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Seed by which the cells that a model is explained on are drawn.
    #[arg(long, default_value_t = 0, requires = "model", value_name = "S")]
    seed: u64,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ObjectFormat,
}

/// What the JSON of an importance has.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    importance: &'a Importance,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<Vec<Attribution>>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    match &arguments.what {
        What::Landscape(arguments) => landscape(arguments, global),
        What::Importance(arguments) => importance(arguments, global),
    }
}

fn importance(arguments: &ImportanceArguments, global: &Global) -> anyhow::Result<()> {
    let benchmark = benchmark::open_or_shipped(arguments.benchmark.as_deref(), global)?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let epochs = full_budget(&table, arguments.epochs.map(Epochs));
    let importance = Importance::new(&table, epochs).context("could not analyse the benchmark")?;
    let manifest = benchmark.manifest();
    let is_official = manifest.seed.is_none() && manifest.dataset.name == CIFAR_10;
    let explain = |file: &PathBuf| {
        let model = models::load(file, Quantity::ValidationAccuracy)?;
        attributions(&model, table.cells(), Seed(arguments.seed)).context("could not explain the model")
    };
    let features = arguments.model.as_ref().map(explain).transpose()?;
    let text = match arguments.format {
        ObjectFormat::Table => {
            importance_text(&importance, is_official) + &features.as_deref().map_or_else(String::new, attribution_text)
        }
        ObjectFormat::Json => {
            let found = Found { importance: &importance, features };
            serde_json::to_string_pretty(&found)? + "\n"
        }
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn landscape(arguments: &LandscapeArguments, global: &Global) -> anyhow::Result<()> {
    let given = arguments.benchmark.as_deref().unwrap_or(Path::new(SHIPPED));
    if let Some(file) = &arguments.out {
        utf8(given)?;
        check_replaceable(file, "the page of an analysis", arguments.force, |file| has_mark(file, &format!("\">{COMMAND} ")))?;
    }
    let benchmark = benchmark::open_or_shipped(arguments.benchmark.as_deref(), global)?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let epochs = arguments.epochs.map(Epochs);
    // An import that does not say its network has no sizes as trained.
    let skeleton = benchmark.skeleton().ok();
    let landscape =
        Landscape::new(&table, skeleton.as_ref(), epochs, Seed(arguments.seed)).context("could not analyse the benchmark")?;
    if let Some(file) = &arguments.out {
        let page = landscape_page(&landscape, &format!("The landscape of {}", given.display()), &global.repeats);
        replace(file, |open| open.write_all(page.as_bytes())).with_context(|| format!("could not write `{}`", file.display()))?;
        if !global.quiet {
            note(format_args!("wrote `{}`", file.display()));
        }
    }
    let text = match arguments.format {
        ObjectFormat::Table => landscape_text(&landscape),
        ObjectFormat::Json => serde_json::to_string_pretty(&landscape)? + "\n",
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
