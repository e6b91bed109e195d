//! Makes a file in the format of the official release of NAS-Bench-101 with made-up numbers, the same bytes each time.
//!
//! ```text
//! cargo run --release --example make_official -- --cells 423624 --epochs 108 --repeats 3 --seed 1 --out FILE
//! ```
//!
//! The cells are the first ones of the space, with their true matrices, hashes and parameters; their records are shuffled.
//! Accuracies are counts of 9,984 images (of 256, for training) as float32 widened to double, as in the release. Training
//! times are doubles with random digits: the release has single precision there, which compresses better. Checkpoints have
//! no path, and a record is as long as in the release: 499 MB for 1,270,872 of them.

use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use nasbench::interchange::official::{Model, Writer};
use nasbench::network::{Skeleton, cost};
use nasbench::space::{Cell, Space};
use nasbench::train::Evaluation;
use nasbench::unit::{Accuracy, Epochs, Parameters, Seconds, Seed};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

const USAGE: &str = "usage: make_official --cells N --epochs E[,E…] --repeats N --seed S --out FILE";

/// The images that an accuracy counts, and those of one batch.
const IMAGES: usize = 39 * 256;
const BATCH: usize = 256;

struct Arguments {
    cells: usize,
    epochs: Vec<Epochs>,
    repeats: u16,
    seed: Seed,
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments().context(USAGE)?;
    let listed = cells(arguments.cells)?;
    let hashes = Cell::hashes(&listed);
    let mut tasks = Vec::with_capacity(listed.len() * arguments.epochs.len() * usize::from(arguments.repeats));
    for cell in 0..listed.len() {
        for &epochs in &arguments.epochs {
            tasks.extend((0..arguments.repeats).map(|_| (cell, epochs)));
        }
    }
    tasks.shuffle(&mut arguments.seed.derive("order").rng());
    let models = listed.iter().map(|cell| Trained::of(cell, arguments.seed)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut rng = arguments.seed.derive("trainings").rng();
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, fs_err::File::create(&arguments.out)?));
    for (cell, epochs) in tasks {
        let texts = (hashes[cell].to_string(), listed[cell].adjacency_text(), listed[cell].operations_text());
        let (evaluations, total_time) = models[cell].train(epochs, &mut rng);
        let model = Model {
            hash: &texts.0,
            epochs,
            adjacency: &texts.1,
            operations: &texts.2,
            evaluations,
            parameters: models[cell].parameters,
            total_time,
            checkpoint: None,
        };
        ensure!(writer.write(&model)?, "a record that the format has no words for");
    }
    writer.finish()?;
    Ok(())
}

fn arguments() -> anyhow::Result<Arguments> {
    let (mut cells, mut epochs, mut repeats, mut seed, mut out) = (None, None, None, None, None);
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().with_context(|| format!("`{name}` has no value"))?;
        match name.as_str() {
            "--cells" => cells = Some(value.parse()?),
            "--epochs" => epochs = Some(value.split(',').map(|text| text.parse().map(Epochs)).collect::<Result<_, _>>()?),
            "--repeats" => repeats = Some(value.parse()?),
            "--seed" => seed = Some(Seed(value.parse()?)),
            "--out" => out = Some(PathBuf::from(value)),
            _ => bail!("unknown option `{name}`"),
        }
    }
    let all = cells.zip(epochs).zip(repeats).zip(seed).zip(out);
    let ((((cells, epochs), repeats), seed), out) = all.context("an option is missing")?;
    Ok(Arguments { cells, epochs, repeats, seed, out })
}

/// The first cells of the space.
fn cells(count: usize) -> anyhow::Result<Vec<Cell>> {
    for max_vertices in 2..=7 {
        let mut cells = Space::nas_bench_101().with_max_vertices(max_vertices)?.cells()?;
        if cells.len() >= count {
            cells.truncate(count);
            return Ok(cells);
        }
    }
    bail!("{count} cells, expected at most the 423,624 of the space")
}

/// What is true of all trainings of a cell.
struct Trained {
    parameters: Parameters,
    /// The error that it comes to after 108 epochs.
    error: f64,
    /// Seconds for an epoch.
    pace: f64,
}

impl Trained {
    fn of(cell: &Cell, seed: Seed) -> anyhow::Result<Self> {
        let cost = cost(cell, &Skeleton::nas_bench_101())?;
        let mut rng = seed.derive(&cell.to_string()).rng();
        #[expect(clippy::cast_precision_loss, reason = "a pace is no exact number")]
        let pace = 4.0 + cost.flops.0 as f64 / 1e9 * (1.0 + 0.05 * normal(&mut rng));
        Ok(Self { parameters: cost.parameters, error: 0.07 * (0.45 * normal(&mut rng)).exp(), pace })
    }

    /// One training: its evaluations and the time of everything.
    fn train(&self, epochs: Epochs, rng: &mut ChaCha8Rng) -> ([Evaluation; 3], Seconds) {
        let budget = f64::from(epochs.0);
        let error = (self.error * (108.0 / budget).powf(0.4) * (1.0 + 0.03 * normal(rng))).clamp(0.03, 0.85);
        let end = self.pace * budget * (1.0 + 0.01 * normal(rng)).max(0.5);
        let halfway = end * (0.5 + 0.002 * normal(rng)).clamp(0.3, 0.7);
        let unstable = (error * 2.5 * (1.0 + 0.4 * normal(rng).abs())).clamp(0.05, 0.9);
        let evaluations = [
            evaluation(0.0, [0.1, 0.1, 0.1], 0.006, rng),
            evaluation(halfway, [1.0 - 0.8 * unstable, 1.0 - unstable, 1.0 - unstable], 0.01, rng),
            evaluation(end, [1.0 - 0.05 * error, 1.0 - error, 1.0 - 1.08 * error], 0.003, rng),
        ];
        (evaluations, Seconds(end + 60.0 + 20.0 * rng.random::<f64>()))
    }
}

fn evaluation(seconds: f64, mean: [f64; 3], spread: f64, rng: &mut ChaCha8Rng) -> Evaluation {
    let mut accuracy = |mean: f64, images: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a count of images")]
        let count = (mean + spread * normal(rng)).clamp(0.0, 1.0) * images as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of images")]
        Accuracy::from_counts((count.round() as usize).min(images), images)
    };
    Evaluation {
        training_time: Seconds(seconds),
        train_accuracy: accuracy(mean[0], BATCH),
        validation_accuracy: accuracy(mean[1], IMAGES),
        test_accuracy: accuracy(mean[2], IMAGES),
    }
}

/// A number of the normal distribution, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
