//! Common arguments of `record`, `plan` and `cluster`: the models of a recording.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use nasbench::engine::Device;
use nasbench::pipeline::{Order, Recording, Share};
use nasbench::record::ORDERS;
use nasbench::space::{self, Operation, SPACES, Space};
use nasbench::train::Protocol;
use nasbench::unit::{Epochs, Seed};
use serde::Deserialize;

use super::images;
use super::lists::Item;
use super::outputs::utf8;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Folder of the benchmark: a new one, or one to continue.
    #[arg(value_name = "BENCH")]
    pub(super) benchmark: PathBuf,

    /// The cells: a space of `nasbench list spaces`, or a TOML file with `max_vertices`, `max_edges` and `operations`, each optional.
    #[arg(long, default_value = SPACES[0].name, value_name = "NAME|FILE")]
    pub(super) space: String,

    /// Use only cells with at most this many vertices.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    pub(super) max_vertices: Option<u8>,

    #[command(flatten)]
    pub(super) images: images::Arguments,

    /// Protocol: a preset of `nasbench list protocols`, or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME|FILE")]
    pub(super) protocol: String,

    /// Budgets in epochs: each cell is trained from scratch at each of them [default: the protocol's].
    #[arg(long, value_name = "E,E,…", value_delimiter = ',', value_parser = Item(clap::value_parser!(u16).range(1..)))]
    pub(super) epochs: Vec<u16>,

    /// Trainings of each cell at each budget, with different seeds [default: the protocol's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..100))]
    pub(super) repeats: Option<u16>,

    /// Seed of all random numbers: the seed of each model is derived from it.
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(super) seed: u64,

    /// Device: `cpu`, `gpu[:index]` or `reference`; `nasbench devices` lists and tests the available ones.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub(super) device: String,

    /// Number of models trained at a time, one thread each [default: the number of cores].
    #[arg(long, visible_alias = "models-per-device", value_name = "N")]
    pub(super) workers: Option<NonZeroUsize>,

    /// Train only share K of N equal shares of the cells, K from 0 to N − 1; other processes may train the others at the same time, on any
    /// machine that sees the folder.
    #[arg(long, default_value = "0/1", value_name = "K/N")]
    pub(super) shard: Share,

    /// Order of the models: the most expensive first (`cost`), by cell (`hash`), or `random`.
    #[arg(long, value_name = "ORDER", default_value = ORDERS[0].name(), value_parser = PossibleValuesParser::new(ORDERS.iter().map(|order| order.name())))]
    pub(super) order: String,
}

/// A space as a file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpaceFile {
    max_vertices: Option<usize>,
    max_edges: Option<usize>,
    operations: Option<Vec<String>>,
}

impl Arguments {
    pub(super) fn recording(&self) -> anyhow::Result<Recording<'static>> {
        let device: Device = self.device.parse().context("could not choose the device")?;
        let mut protocol = Protocol::find(&self.protocol).context("could not choose the protocol")?;
        if !self.epochs.is_empty() {
            protocol.budgets = self.epochs.iter().copied().map(Epochs).collect();
            protocol.budgets.sort_unstable();
            protocol.budgets.dedup();
        }
        protocol.repeats = self.repeats.unwrap_or(protocol.repeats);
        let mut space = space(&self.space).context("could not choose the space")?;
        if let Some(limit) = self.max_vertices {
            space = space.with_max_vertices(space.max_vertices().min(limit.into()))?;
        }
        let order = ORDERS.iter().copied().find(|order| order.name() == self.order).unwrap_or(Order::Cost);
        Ok(Recording {
            folder: self.benchmark.clone(),
            dataset: self.images.load()?,
            protocol,
            space,
            only: None,
            seed: Seed(self.seed),
            device,
            workers: self.workers.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
            share: self.shard,
            order,
            retry_failed: false,
            stop: None,
        })
    }

    /// The arguments that choose the cells, for another command line.
    pub(super) fn words_of_cells(&self) -> anyhow::Result<Vec<String>> {
        let mut words = vec![format!("--space={}", from_the_root(&self.space)?)];
        words.extend(self.max_vertices.map(|limit| format!("--max-vertices={limit}")));
        Ok(words)
    }

    /// The arguments of the models and their training, for another command line. Paths are absolute.
    pub(super) fn words(&self) -> anyhow::Result<Vec<String>> {
        let mut words = self.words_of_cells()?;
        let mut add = |name: &str, value: String| words.push(format!("--{name}={value}"));
        add("dataset", self.images.name().to_owned());
        if let Some(folder) = &self.images.data_dir {
            add("data-dir", utf8(&std::path::absolute(folder)?)?.to_owned());
        }
        add("protocol", from_the_root(&self.protocol)?);
        if !self.epochs.is_empty() {
            add("epochs", self.epochs.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
        if let Some(repeats) = self.repeats {
            add("repeats", repeats.to_string());
        }
        add("seed", self.seed.to_string());
        add("device", self.device.clone());
        add("order", self.order.clone());
        Ok(words)
    }
}

/// The name of a preset, or the absolute path of a file.
fn from_the_root(name: &str) -> anyhow::Result<String> {
    let path = Path::new(name);
    Ok(if path.exists() { utf8(&std::path::absolute(path)?)?.to_owned() } else { name.to_owned() })
}

/// A named space or a file's.
pub(super) fn space(name: &str) -> anyhow::Result<Space> {
    if let Some(entry) = SPACES.iter().find(|entry| entry.name == name) {
        return Ok((entry.build)());
    }
    let path = Path::new(name);
    if path.extension().is_none() && !path.exists() {
        return Err(space::Error::UnknownSpace { name: name.to_owned() }.into());
    }
    parse(&fs_err::read_to_string(path)?).with_context(|| format!("`{name}` is no space"))
}

fn parse(text: &str) -> anyhow::Result<Space> {
    let SpaceFile { max_vertices, max_edges, operations } = toml::from_str(text)?;
    let mut space = Space::nas_bench_101();
    if let Some(limit) = max_vertices {
        space = space.with_max_vertices(limit)?;
    }
    if let Some(limit) = max_edges {
        space = space.with_max_edges(limit)?;
    }
    if let Some(names) = operations {
        let operations: Vec<_> = names.iter().map(|name| Operation::from_name(name)).collect::<Result<_, _>>()?;
        space = space.with_operations(&operations)?;
    }
    Ok(space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_leave_out_what_is_as_in_nas_bench_101() {
        let space = parse("max_vertices = 4\noperations = [\"conv3x3-bn-relu\", \"identity\"]").unwrap();
        assert_eq!((space.max_vertices(), space.max_edges(), space.operation_count()), (4, 9, 2));
        assert_eq!(parse("").unwrap(), Space::nas_bench_101());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let message = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert_eq!(message("max_vertices = 9"), "a space of at most 9 vertices, expected 2 to 7");
        assert!(message("operations = [\"conv5x5\"]").starts_with("unknown operation `conv5x5` (known: "));
        assert!(message("vertices = 3").contains("unknown field `vertices`"));
        assert!(format!("{:#}", space("nas-bench-102").unwrap_err()).starts_with("unknown space `nas-bench-102` (known: "));
    }
}
