//! `nasbench list`: the registries of the library.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use nasbench::dataset::DATASETS;
use nasbench::engine::DEVICES;
use nasbench::network::ENCODINGS;
use nasbench::objective::{Direction, OBJECTIVES, Objective};
use nasbench::search::ALGORITHMS;
use nasbench::space::{MUTATIONS, OPERATIONS, SAMPLERS, SPACES, Space};
use nasbench::surrogate::{SURROGATES, rule_classifier};
use nasbench::train::{PROTOCOLS, Protocol};
use serde_json::{Value, json};

use super::format::{Format, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to list.
    what: What,

    /// Output format; `json` and `csv` have more than the table.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// With `protocols`: print this one as TOML, to edit and pass to `--protocol`.
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    toml: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Search algorithms, with their options and defaults.
    Algorithms,
    /// Surrogates: models that predict cells.
    Surrogates,
    /// Data sets, embedded or read from a folder.
    Datasets,
    /// Training protocols, in full as JSON; `--toml NAME` prints one as a file for `--protocol`.
    Protocols,
    /// Kinds of devices; `nasbench devices` tests those of this machine.
    Devices,
    /// Named spaces of cells.
    Spaces,
    /// Operations of a cell.
    Operations,
    /// Encodings: cells as rows of numbers.
    Encodings,
    /// Objectives: what searches minimise or maximise, and what limits are on.
    Objectives,
    /// Mutations: random changes of a cell in a search.
    Mutations,
    /// Samplers: ways to draw random cells.
    Samplers,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(name) = &arguments.toml {
        if arguments.what != What::Protocols {
            bail!("`--toml` prints protocols, expected `nasbench list protocols --toml {name}`");
        }
        let protocol = Protocol::find(name).context("could not choose the protocol")?;
        return Ok(std::io::stdout().lock().write_all(protocol.to_toml().as_bytes())?);
    }
    let table = match arguments.what {
        What::Algorithms => algorithms(arguments.format),
        What::Surrogates => surrogates(),
        What::Datasets => datasets(),
        What::Protocols => protocols()?,
        What::Devices => devices(),
        What::Spaces => spaces(),
        What::Operations => operations(),
        What::Encodings => encodings(),
        What::Objectives => objectives(),
        What::Mutations => named(MUTATIONS.iter().map(|mutation| [mutation.name(), mutation.about(), mutation.source()])),
        What::Samplers => named(SAMPLERS.iter().map(|sampler| [sampler.name(), sampler.about(), sampler.source()])),
    };
    table.print(arguments.format, &mut std::io::stdout().lock())
}

fn algorithms(format: Format) -> Table {
    // People read a line for each option, programs one for each algorithm.
    let between = if format == Format::Table { "\n" } else { " " };
    let mut table = Table::new(&["name", "objectives", "about", "options"], &["source", "defaults"]);
    for entry in ALGORITHMS {
        let defaults = (entry.defaults)();
        let options: Vec<_> = defaults.as_object().into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        let objectives = if entry.needs_several_objectives { "several" } else { "one" };
        let texts = [entry.name, objectives, entry.about, options.join(between).as_str(), entry.source].map(Value::from);
        table.push(texts.into_iter().chain([defaults]).collect::<Vec<_>>());
    }
    table
}

fn surrogates() -> Table {
    let mut table = Table::new(&["name", "about"], &["source"]);
    let entries = SURROGATES.iter().map(|entry| (entry.name, entry.about, entry.source));
    let rules = cfg!(feature = "classic-ml").then_some((rule_classifier::NAME, rule_classifier::ABOUT, rule_classifier::SOURCE));
    for (name, about, source) in entries.chain(rules) {
        table.push([Value::from(name), about.into(), source.into()]);
    }
    table
}

fn datasets() -> Table {
    let mut table = Table::new(&["name", "about", "images", "where"], &["source", "classes"]);
    for entry in DATASETS {
        let place = entry.wanted_path().map_or_else(|| "embedded".to_owned(), |path| format!("--data-dir {path}"));
        let contents = entry.contents();
        let images = contents.map(|contents| format!("{}, {}", contents.sizes, contents.shape));
        table.push([
            entry.name.into(),
            entry.about.into(),
            images.unwrap_or_else(|| "as many as there are".to_owned()).into(),
            place.into(),
            entry.source.into(),
            json!(contents.map(|contents| contents.classes)),
        ]);
    }
    table
}

fn protocols() -> anyhow::Result<Table> {
    let mut table = Table::new(&["name", "about"], &["protocol"]);
    for entry in PROTOCOLS {
        table.push([Value::from(entry.name), entry.about.into(), serde_json::to_value(entry.build())?]);
    }
    Ok(table)
}

fn devices() -> Table {
    let mut table = Table::new(&["name", "about", "in this build"], &[]);
    for entry in DEVICES {
        table.push([Value::from(entry.name), entry.about.into(), if entry.built { "yes" } else { "no" }.into()]);
    }
    table
}

fn spaces() -> Table {
    let mut table = Table::new(&["name", "about"], &[]);
    for entry in SPACES {
        table.push([Value::from(entry.name), entry.about.into()]);
    }
    table
}

fn operations() -> Table {
    let mut table = Table::new(&["name", "about", "label"], &[]);
    for spec in OPERATIONS {
        table.push([Value::from(spec.name), spec.about.into(), spec.operation.label().into()]);
    }
    table
}

fn objectives() -> Table {
    let mut table = Table::new(&["name", "better", "unit", "about"], &[]);
    for Objective { name, about, unit, direction, .. } in OBJECTIVES {
        let better = if *direction == Direction::Minimise { "less" } else { "more" };
        table.push([*name, better, *unit, *about].map(Value::from));
    }
    table
}

fn encodings() -> Table {
    let space = Space::nas_bench_101();
    let mut table = Table::new(&["name", "about", "columns"], &["invariant", "source"]);
    for encoding in &ENCODINGS {
        let width = encoding.width(&space);
        table.push([
            Value::from(encoding.name),
            encoding.about.into(),
            width.into(),
            encoding.is_invariant.into(),
            encoding.source.into(),
        ]);
    }
    table
}

/// Entries with a name, a meaning and a source.
fn named(entries: impl Iterator<Item = [&'static str; 3]>) -> Table {
    let mut table = Table::new(&["name", "about"], &["source"]);
    for entry in entries {
        table.push(entry.map(Value::from));
    }
    table
}
