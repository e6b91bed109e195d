//! Trains the networks by which engines are compared, and says how fast: one JSON object a call, for `compare_training.sh`.
//!
//! ```text
//! training_speed plan  CONFIGURATION                    the steps of the network, to be built elsewhere
//! training_speed train CONFIGURATION SECONDS [DEVICE]   images per second of training steps on one thread
//! training_speed peak  SECONDS                          multiply-adds of one thread, in registers: what no program exceeds
//! training_speed stream SECONDS                         bytes of one thread that reads one long array and writes another
//! ```
//!
//! A configuration is `SIDE-CHANNELS`, such as `14-8`: images of SIDE × SIDE, a stem of so many channels, three stacks of one
//! cell of six vertices (two convolutions 3×3, one 1×1, one max-pooling, a sum and a concatenation), ten classes.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]

use std::time::Instant;

use anyhow::{Context as _, bail};
use nasbench::dataset::ImageShape;
use nasbench::engine::{Device, Model, Optimizer, Settings};
use nasbench::network::{Operator, Plan, Skeleton};
use nasbench::space::Cell;
use nasbench::unit::Seed;
use pulp::{Arch, Simd, WithSimd};
use serde_json::json;

const ADJACENCY: &str = "010101001000000001000010000001000000";
const OPERATIONS: &str = "input,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,output";
const CLASSES: usize = 10;

const UPDATE: Settings = Settings {
    optimizer: Optimizer::Nesterov { momentum: 0.9 },
    weight_decay: 1e-4,
    batch_norm_momentum: 0.9,
    batch_norm_epsilon: 1e-5,
};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let answer = match words[..] {
        ["plan", configuration] => plan(&Configuration::read(configuration)?),
        ["train", configuration, seconds] => train(&Configuration::read(configuration)?, seconds.parse()?, Device::Cpu)?,
        ["train", configuration, seconds, device] => {
            train(&Configuration::read(configuration)?, seconds.parse()?, device.parse()?)?
        }
        ["peak", seconds] => json!({ "gflops": peak(seconds.parse()?) }),
        ["stream", seconds] => json!({ "gbytes": stream(seconds.parse()?) }),
        _ => bail!(
            "usage: training_speed plan CONFIGURATION | train CONFIGURATION SECONDS [DEVICE] | peak SECONDS | stream SECONDS"
        ),
    };
    println!("{answer}");
    Ok(())
}

struct Configuration {
    plan: Plan,
    batch: usize,
}

impl Configuration {
    fn read(text: &str) -> anyhow::Result<Self> {
        let (side, channels) = text.split_once('-').with_context(|| format!("`{text}`: expected SIDE-CHANNELS, such as 14-8"))?;
        let (side, stem_channels): (usize, usize) = (side.parse()?, channels.parse()?);
        // The batches at which the figures of other libraries were taken.
        let (colours, batch) = match side {
            32 => (3, 64),
            28 => (1, 128),
            _ => (1, 256),
        };
        let image = ImageShape { channels: colours, height: side, width: side };
        let skeleton = Skeleton { image, classes: CLASSES, stem_channels, stacks: 3, cells_per_stack: 1, equal_flops: None };
        let plan = Plan::compile(&Cell::from_texts(ADJACENCY, OPERATIONS)?, &skeleton)?;
        Ok(Self { plan, batch })
    }

    /// Multiply-adds count two; the backward pass costs twice the forward one.
    fn flops(&self) -> u64 {
        3 * self.plan.cost().flops.0
    }

    fn images(&self) -> Vec<f32> {
        let count = self.batch * self.plan.skeleton().image.values();
        (0..count).map(|i| f32::from(u8::try_from(i * 7_919 % 251).expect("below 251")) / 125.0 - 1.0).collect()
    }

    fn labels(&self) -> Vec<u8> {
        (0..self.batch).map(|i| u8::try_from(i % CLASSES).expect("few classes")).collect()
    }
}

fn plan(configuration: &Configuration) -> serde_json::Value {
    let steps: Vec<_> = configuration
        .plan
        .steps()
        .iter()
        .map(|step| {
            let (operator, kernel) = match step.operator {
                Operator::Convolution { kernel } => ("convolution", kernel),
                Operator::MaxPool3 => ("max-pool", 3),
                Operator::AvgPool3 => ("mean-pool", 3),
                Operator::MaxPool2 => ("halve", 2),
                Operator::Sum => ("sum", 0),
                Operator::Concatenate => ("concatenate", 0),
                Operator::GlobalAvgPool => ("average", 0),
                Operator::Linear => ("dense", 0),
            };
            let inputs: Vec<_> = step.inputs.iter().map(|input| (input.buffer, input.channels)).collect();
            json!({ "operator": operator, "kernel": kernel, "inputs": inputs, "channels": step.output.channels })
        })
        .collect();
    let image = configuration.plan.skeleton().image;
    let shape = [configuration.batch, image.channels, image.height, image.width];
    json!({ "shape": shape, "classes": CLASSES, "flops": configuration.flops(), "steps": steps })
}

fn train(configuration: &Configuration, seconds: f64, device: Device) -> anyhow::Result<serde_json::Value> {
    let mut model = Model::new(configuration.plan.clone(), UPDATE, Seed(1), device)?;
    let (images, labels) = (configuration.images(), configuration.labels());
    let mut losses = Vec::new();
    for _ in 0..3 {
        losses.push(model.step(&images, &labels, 0.05)?.loss);
    }
    let (mut steps, start) = (0, Instant::now());
    while start.elapsed().as_secs_f64() < seconds {
        model.step(&images, &labels, 0.05)?;
        steps += 1;
    }
    let per_second = f64::from(steps) * f64::from(u32::try_from(configuration.batch)?) / start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let gflops = per_second * configuration.flops() as f64 / 1e9;
    Ok(json!({ "images_per_second": per_second, "gflops": gflops, "first_losses": losses }))
}

/// Multiply-adds per second of a chain that never leaves the registers, in units of 10⁹ operations.
fn peak(seconds: f64) -> f64 {
    struct Chain;
    impl WithSimd for Chain {
        type Output = (f32, f64);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            const ROUNDS: u32 = 10_000;
            // More sums than a multiply-add takes cycles, times two for the two units.
            const SUMS: u32 = 12;
            let (factor, term) = (simd.splat_f32s(0.999_999), simd.splat_f32s(1e-9));
            let mut sums = [simd.splat_f32s(1.0); SUMS as usize];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = simd.mul_add_f32s(*sum, factor, term);
                }
            }
            let total = sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum();
            let lanes = u32::try_from(S::F32_LANES).expect("few lanes");
            (total, f64::from(2 * ROUNDS * SUMS * lanes))
        }
    }
    let (mut operations, start) = (0.0, Instant::now());
    while start.elapsed().as_secs_f64() < seconds {
        let (total, counted) = Arch::new().dispatch(Chain);
        std::hint::black_box(total);
        operations += counted;
    }
    operations / start.elapsed().as_secs_f64() / 1e9
}

/// Bytes per second of a loop that reads one long array and writes another, in units of 10⁹.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn stream(seconds: f64) -> f64 {
    const LENGTH: usize = 1 << 24;
    let (from, mut to) = (vec![1.0_f32; LENGTH], vec![0.0_f32; LENGTH]);
    let (mut rounds, start) = (0_u32, Instant::now());
    while start.elapsed().as_secs_f64() < seconds {
        to.iter_mut().zip(&from).for_each(|(to, from)| *to = from + 1.0);
        std::hint::black_box(&mut to);
        rounds += 1;
    }
    f64::from(rounds) * (2 * size_of_val(&from[..])) as f64 / start.elapsed().as_secs_f64() / 1e9
}
