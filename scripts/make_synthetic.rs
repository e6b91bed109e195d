//! Makes a benchmark with made-up numbers in shards, as a recording leaves it, the same values each time.
//!
//! ```text
//! cargo run --release --example make_synthetic -- --cells 423624 --epochs 4,12,36 --repeats 4 --rows-per-shard 8192 --seed 1 --out BENCH
//! ```
//!
//! The cells are the first ones of the space, with their true matrices, hashes and costs; every column has a value, and every
//! curve one for each epoch. The rows come as a recording makes them: the most expensive models first, so that the rows of
//! one cell stand in as many shards as it has budgets.

#![expect(clippy::print_stdout, reason = "what it made is what it prints")]

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use nasbench::network::{Cost, Skeleton, cost};
use nasbench::space::{Cell, ModuleHash, Space};
use nasbench::table::{self, Benchmark, Dataset, Manifest, Part, Record, Telemetry, Timestamp, operations};
use nasbench::train::{Curves, Evaluation};
use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const USAGE: &str = "usage: make_synthetic --cells N --epochs E[,E…] --repeats N --rows-per-shard N --seed S --out BENCH";

/// The images of an evaluation, of which an accuracy is a count.
const IMAGES: usize = 4_000;
/// The moment at which the first model was trained, in microseconds since 1970.
const BEGAN: i64 = 1_795_302_902_000_000;

struct Arguments {
    cells: usize,
    epochs: Vec<Epochs>,
    repeats: u16,
    rows_per_shard: usize,
    seed: Seed,
    out: PathBuf,
}

/// A cell and what is true of all its trainings.
struct Model {
    cell: Cell,
    hash: ModuleHash,
    cost: Cost,
    /// The error that it comes to after 36 epochs.
    error: f32,
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments().context(USAGE)?;
    let manifest = Manifest {
        seed: Some(arguments.seed),
        dataset: Dataset { name: "synthetic".to_owned(), sha256: Some("5e".repeat(32)) },
        operations: operations(&Space::nas_bench_101()),
        protocol: serde_json::json!({ "synthetic": true }),
    };
    let benchmark = Benchmark::create_or_open(&arguments.out, &manifest)?;
    let shards = benchmark.shards(Part::Recorded);
    fs_err::create_dir_all(&shards)?;
    let models = models(arguments.cells, arguments.seed)?;
    let mut tasks = Vec::with_capacity(models.len() * arguments.epochs.len() * usize::from(arguments.repeats));
    for model in &models {
        for &epochs in &arguments.epochs {
            tasks.extend((0..arguments.repeats).map(|repeat| (model, epochs, repeat)));
        }
    }
    tasks.par_sort_by_key(|(model, epochs, _)| std::cmp::Reverse(model.cost.flops.0 * u64::from(epochs.0)));
    tasks.par_chunks(arguments.rows_per_shard).enumerate().try_for_each(|(index, tasks)| {
        let mut rows: Vec<_> = tasks.iter().map(|(model, epochs, repeat)| train(&benchmark, model, *epochs, *repeat)).collect();
        rows.sort_by_key(Record::key);
        table::write(&shards.join(format!("{index:06}.parquet")), &rows, benchmark.identity())
    })?;
    println!("{} rows of {} cells in `{}`", tasks.len(), models.len(), arguments.out.display());
    Ok(())
}

fn arguments() -> anyhow::Result<Arguments> {
    let (mut cells, mut epochs, mut repeats, mut rows, mut seed, mut out) = (None, None, None, None, None, None);
    let mut typed = std::env::args().skip(1);
    while let Some(name) = typed.next() {
        let value = typed.next().with_context(|| format!("`{name}` has no value"))?;
        match name.as_str() {
            "--cells" => cells = Some(value.parse()?),
            "--epochs" => epochs = Some(value.split(',').map(|text| text.parse().map(Epochs)).collect::<Result<_, _>>()?),
            "--repeats" => repeats = Some(value.parse()?),
            "--rows-per-shard" => rows = Some(value.parse()?),
            "--seed" => seed = Some(Seed(value.parse()?)),
            "--out" => out = Some(PathBuf::from(value)),
            _ => bail!("unknown option `{name}`"),
        }
    }
    let all = cells.zip(epochs).zip(repeats).zip(rows).zip(seed).zip(out);
    let (((((cells, epochs), repeats), rows_per_shard), seed), out) = all.context("an option is missing")?;
    Ok(Arguments { cells, epochs, repeats, rows_per_shard, seed, out })
}

/// The first cells of the space.
fn models(count: usize, seed: Seed) -> anyhow::Result<Vec<Model>> {
    let mut cells = Vec::new();
    for max_vertices in 2..=7 {
        cells = Space::nas_bench_101().with_max_vertices(max_vertices)?.cells()?;
        if cells.len() >= count {
            break;
        }
    }
    if cells.len() < count {
        bail!("{count} cells, expected at most the 423,624 of the space");
    }
    cells.truncate(count);
    let hashes = Cell::hashes(&cells);
    let model = |(cell, hash): (Cell, ModuleHash)| {
        let cost = cost(&cell, &Skeleton::nas_bench_101())?;
        let mut rng = seed.derive(&hash.to_string()).rng();
        Ok(Model { cell, hash, cost, error: rng.random_range(0.06..0.3) })
    };
    cells.into_par_iter().zip(hashes).map(model).collect()
}

/// What a training would come to.
fn train(benchmark: &Benchmark, model: &Model, epochs: Epochs, repeat: u16) -> Record {
    let seed = benchmark.training_seed(model.hash, epochs, repeat);
    let mut rng = seed.rng();
    let length = usize::from(epochs.0);
    let mut curve = |from: f32, to: f32, noise: f32| -> Vec<f32> {
        let point = |epoch: u16| {
            let part = f32::from(epoch + 1) / f32::from(epochs.0);
            (from + (to - from) * part.sqrt()) * (1.0 + noise * rng.random_range(-1.0..1.0_f32))
        };
        (0..epochs.0).map(point).collect()
    };
    let error = model.error * (36.0 / f32::from(epochs.0)).powf(0.3);
    let mut curves = Curves {
        train_loss: curve(2.3, 3.0 * error, 0.05),
        train_accuracy: curve(0.3, 1.0 - 0.5 * error, 0.02),
        validation_accuracy: curve(0.3, 1.0 - error, 0.02),
        learning_rate: curve(0.2, 0.0, 0.0),
        gradient_norm: curve(2.0, 0.5, 0.2),
        images_per_second: curve(900.0, 950.0, 0.1),
    };
    for accuracies in [&mut curves.train_accuracy, &mut curves.validation_accuracy] {
        for value in accuracies.iter_mut() {
            *value = counted(*value).map_or(0.0, Accuracy::fraction);
        }
    }
    let pace = seconds(model, &mut rng);
    let mut evaluation = |part: f64, accuracy: f32| Evaluation {
        training_time: Seconds(pace * part * f64::from(epochs.0)),
        train_accuracy: counted(accuracy * 1.02),
        validation_accuracy: counted(accuracy),
        test_accuracy: counted(accuracy * rng.random_range(0.97..1.0_f32)),
    };
    let (start, halfway) = (evaluation(0.0, 0.1), evaluation(0.5, 1.0 - 1.5 * error));
    let end = evaluation(1.0, curves.validation_accuracy[length - 1]);
    let total = end.training_time.0 * 1.2;
    // Some microsecond of the next days.
    let moment = BEGAN + i64::try_from(seed.0 >> 24).unwrap_or(0);
    Record {
        seed: Some(seed),
        parameters: model.cost.parameters,
        flops: model.cost.flops,
        start,
        halfway,
        end,
        total_time: Seconds(total),
        wall_time: Some(Seconds(total * 1.3)),
        telemetry: Telemetry {
            images_per_second: Some(rng.random_range(800.0..1_000.0)),
            peak_memory: Some(model.cost.flops.0 / 7),
            macro_roc_auc: Some(rng.random_range(0.9..1.0)),
            macro_f1: Some(rng.random_range(0.7..1.0)),
        },
        curves,
        device: Some("no device: synthetic".to_owned()),
        recorded_at: Some(Timestamp(moment)),
        ..Record::blank(model.cell, epochs, repeat)
    }
}

/// An accuracy as a count of images.
fn counted(fraction: f32) -> Option<Accuracy> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a count of images")]
    let correct = (fraction.clamp(0.0, 1.0) * IMAGES as f32) as usize;
    Accuracy::from_counts(correct, IMAGES)
}

/// Seconds for an epoch.
fn seconds(model: &Model, rng: &mut ChaCha8Rng) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a pace is no exact number")]
    let billions = model.cost.flops.0 as f64 / 1e9;
    billions * rng.random_range(0.9..1.1) + 0.1
}
