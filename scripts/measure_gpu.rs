//! Measures how fast stacks of models train on a GPU: `scripts/measure_gpu.sh` runs it.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]
#![expect(clippy::cast_precision_loss, reason = "counts of images and bytes")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nasbench::dataset::{self, Augmentation, Normalisation};
use nasbench::engine::{Device, Error, Model, Optimizer, Pick, Pictures, Settings, Stack, traffic};
use nasbench::network::{Plan, Skeleton};
use nasbench::space::Space;
use nasbench::unit::Seed;

const BATCH: usize = 64;
const SIZES: [usize; 6] = [1, 8, 64, 256, 1024, 4096];
/// How long a speed is measured.
const PATIENCE: Duration = Duration::from_secs(3);
/// Trainings of the whole space under the bundled protocol: cells, repeats, epochs, images.
const SPACE: f64 = 423_624.0 * 3.0 * 26.0 * 6_000.0;

fn main() -> Result<()> {
    let device: Device = std::env::args().nth(1).as_deref().unwrap_or("gpu").parse()?;
    let dataset = dataset::find("fashion-14")?.load(None)?;
    let normalisation = Normalisation::measure(dataset.train());
    let pictures = Pictures { parts: &[dataset.train(), dataset.validation(), dataset.test()], normalisation: &normalisation };
    let skeleton =
        Skeleton { image: dataset.shape(), classes: 10, stem_channels: 8, stacks: 3, cells_per_stack: 1, equal_flops: None };
    let cells = Space::nas_bench_101().with_max_vertices(5)?.cells()?;
    // Spread over the whole list, which starts with the smallest cells.
    let chosen = (0..SIZES[SIZES.len() - 1]).map(|i| &cells[i * 997 % cells.len()]);
    let plans = chosen.map(|cell| Plan::compile(cell, &skeleton)).collect::<Result<Vec<_>, _>>()?;
    let most = Stack::fit(&plans, BATCH, pictures, u64::MAX, Stack::largest_buffer(device)?);
    println!(
        "{:>6}  {:>8}  {:>8}  {:>10}  {:>7}  {:>7}  {:>12}",
        "models", "launches", "MiB", "images/s", "GB/s", "of copy", "hours, space"
    );
    for models in SIZES.into_iter().filter(|models| *models < most).chain([most]) {
        match stack(&plans[..models], pictures, device) {
            Ok(line) => println!("{line}"),
            Err(Error::OutOfDeviceMemory { .. }) => {
                println!("{models:>6}  do not fit into the memory");
                break;
            }
            Err(error) => return Err(error).context("could not train a stack"),
        }
    }
    let plan = &plans[plans.len() / 2];
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let speeds = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| alone(plan, Device::Cpu));
        let threads: Vec<_> = (0..cores).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no training panics")).sum::<Result<f64, _>>()
    });
    println!("lane engine, a model on each of {cores} cores: {:.0} images/s", speeds?);
    match alone(plan, device) {
        Ok(speed) => println!("burn on the same adapter, one model: {speed:.0} images/s"),
        Err(error) => println!("burn on the same adapter: {error}"),
    }
    println!("\nbytes and operations of a training step for an image, mean of {} cells", plans.len());
    for kind in 0..6 {
        let own = plans.iter().map(|plan| traffic(plan)[kind]);
        let (mut bytes, mut flops, count) = (0.0, 0.0, plans.len() as f64);
        own.for_each(|own| (bytes, flops) = (bytes + own.bytes / count, flops + own.flops / count));
        println!("{:<28}  {bytes:>10.0}  {flops:>10.0}", traffic(&plans[0])[kind].kind);
    }
    Ok(())
}

fn settings() -> Settings {
    let optimizer = Optimizer::Nesterov { momentum: 0.9 };
    Settings { optimizer, weight_decay: 1e-4, batch_norm_momentum: 0.9, batch_norm_epsilon: 1e-5 }
}

/// Trains a stack for a while: a line of the table.
fn stack(plans: &[Plan], pictures: Pictures<'_>, device: Device) -> Result<String, Error> {
    let seeds: Vec<_> = (0..plans.len() as u64).map(Seed).collect();
    let mut stack = Stack::new(plans, &seeds, settings(), BATCH, pictures, device)?;
    let mut rng = Seed(1).rng();
    let augmentation = Augmentation { padding: 1, flip: true };
    let images = (0..6_000).cycle().take(plans.len() * BATCH);
    let picks: Vec<_> = images.map(|image| Pick { image, draw: augmentation.draw(&mut rng) }).collect();
    let train = |stack: &mut Stack, steps: usize| {
        (0..steps).try_for_each(|_| stack.step(&picks, augmentation.padding, 0.01))?;
        stack.reports().map(drop)
    };
    // The first step compiles what the device runs.
    train(&mut stack, 1)?;
    let (start, mut steps) = (Instant::now(), 0);
    while start.elapsed() < PATIENCE {
        train(&mut stack, 4)?;
        steps += 4;
    }
    let images = (steps * BATCH * plans.len()) as f64 / start.elapsed().as_secs_f64();
    let bytes: f64 = plans.iter().flat_map(traffic).map(|own| own.bytes).sum::<f64>() / plans.len() as f64;
    let (launches, memory) = (stack.launches(), stack.allocated() as f64 / 1_048_576.0);
    let (speed, hours) = (images * bytes / 1e9, SPACE / images / 3_600.0);
    let (start, mut copied) = (Instant::now(), 0.0);
    while start.elapsed() < PATIENCE / 3 {
        copied += stack.copy()? as f64;
    }
    let share = speed / (copied / 1e9 / start.elapsed().as_secs_f64());
    Ok(format!(
        "{:>6}  {launches:>8}  {memory:>8.1}  {images:>10.0}  {speed:>7.2}  {:>5.1} %  {hours:>12.0}",
        plans.len(),
        100.0 * share
    ))
}

/// Trains one model for a while: images a second.
fn alone(plan: &Plan, device: Device) -> Result<f64, Error> {
    let mut model = Model::new(plan.clone(), settings(), Seed(1), device)?;
    let (images, labels) = (vec![0.5; BATCH * plan.skeleton().image.values()], [1; BATCH]);
    model.step(&images, &labels, 0.01)?;
    let (start, mut steps) = (Instant::now(), 0);
    while start.elapsed() < PATIENCE {
        model.step(&images, &labels, 0.01)?;
        steps += 1;
    }
    Ok((steps * BATCH) as f64 / start.elapsed().as_secs_f64())
}
