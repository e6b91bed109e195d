//! What a recording will take, before anything runs: counted where it can be counted, and measured by a short calibration.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::recording::{Recording, Sources};
use super::{Error, Event, Observe};
use crate::network;
use crate::space::{Cell, ModuleHash};
use crate::table::{self, Benchmark, Key, Part};
use crate::train::{Images, Protocol, Training};
use crate::unit::{Epochs, Flops, Seconds};

/// Where among all cells, ordered by their operations, the cells of the calibration stand.
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

/// What a recording will take.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The cells, isomorphic ones counted once.
    pub cells: usize,
    /// What each budget takes, ascending.
    pub budgets: Vec<OfBudget>,
    /// How the times were found.
    pub calibration: Calibration,
    /// The bytes that are free where the benchmark lies or will lie; `None` if the system does not say.
    pub free_bytes: Option<u64>,
}

/// What one budget takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfBudget {
    /// The budget.
    pub epochs: Epochs,
    /// The models that the recording asks for.
    pub models: usize,
    /// Those of them that are recorded already.
    pub recorded: usize,
    /// The operations of the rest, exactly: three forward passes for each image of a step, one for each image of an evaluation.
    pub work: f64,
    /// The time of the rest if one worker trained them all, beside as many others as the recording has.
    pub time: Seconds,
    /// The bytes that the rest takes on the disk, about.
    pub bytes: u64,
}

impl Forecast {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> OfBudget {
        self.budgets.iter().fold(OfBudget::default(), |mut total, budget| {
            total.epochs = total.epochs.max(budget.epochs);
            total.models += budget.models;
            total.recorded += budget.recorded;
            total.work += budget.work;
            total.time += budget.time;
            total.bytes += budget.bytes;
            total
        })
    }
}

/// How long a forward pass takes: a constant and a time for each operation, fitted to three cells.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// What was measured, the cheapest cell first.
    pub samples: Vec<Sample>,
    /// Seconds of a pass that do not depend on the cell.
    pub constant: f64,
    /// Seconds for each operation.
    pub per_operation: f64,
}

/// A cell of the calibration.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The cell.
    pub cell: Cell,
    /// The operations of one forward pass of its network.
    pub flops: Flops,
    /// The seconds of one forward pass of one image, which is a third of a training step's, for one of the workers.
    pub seconds: f64,
}

impl Calibration {
    /// Fits a line through what was measured, by least squares.
    fn fit(samples: Vec<Sample>) -> Self {
        let count = count(samples.len());
        let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
        let (flops, seconds) = (mean(&|sample| operations(sample.flops)), mean(&|sample| sample.seconds));
        let covariance = mean(&|sample| (operations(sample.flops) - flops) * (sample.seconds - seconds));
        let variance = mean(&|sample| (operations(sample.flops) - flops).powi(2));
        let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
        let intercept = seconds - slope * flops;
        // A time below zero is noise: then all of it is proportional to the operations.
        let (constant, per_operation) =
            if slope > 0.0 && intercept >= 0.0 { (intercept, slope) } else { (0.0, seconds / flops.max(1.0)) };
        Self { samples, constant, per_operation }
    }

    /// The seconds of a forward pass of so many operations.
    #[must_use]
    pub fn seconds(&self, flops: Flops) -> f64 {
        self.constant + self.per_operation * operations(flops)
    }

    /// By how much the line misses what was measured, at most, as a fraction.
    #[must_use]
    pub fn misfit(&self) -> f64 {
        let of = |sample: &Sample| (self.seconds(sample.flops) / sample.seconds - 1.0).abs();
        self.samples.iter().map(of).fold(0.0, f64::max)
    }
}

/// Says what a recording will take. Each of three cells is trained for some time by as many workers as the recording has.
///
/// # Errors
///
/// [`Error`] if the protocol, the images or the device do not fit, a network cannot be built or trained, or the folder holds
/// another benchmark.
pub fn forecast(recording: &Recording<'_>, time_per_cell: Duration, observe: Observe<'_>) -> Result<Forecast, Error> {
    let Recording { folder, dataset, protocol, space, seed, device, share, .. } = recording;
    device.check().map_err(crate::train::Error::from)?;
    let sources = Sources::prepare(dataset, protocol)?;
    observe(Event::Stage("enumerate"));
    let skeleton = sources.skeleton();
    let mut cells = Vec::new();
    let mut seen = HashSet::new();
    let all = recording.cells()?;
    for (hash, cell) in Cell::hashes(&all).into_iter().zip(all) {
        if share.holds(&hash) && seen.insert(hash) {
            let (_, flops) = network::count(&cell, &skeleton)?;
            cells.push((hash, cell, flops));
        }
    }
    let recorded = if folder.join("benchmark.toml").exists() {
        recorded(&Benchmark::create_or_open(folder, &sources.manifest(space, *seed))?)?
    } else {
        HashSet::new()
    };
    observe(Event::Stage("calibrate"));
    let calibration = calibrate(recording, &sources, &cells, time_per_cell, observe)?;
    let of_budget = |epochs: &Epochs| {
        let mut sum = OfBudget { epochs: *epochs, ..OfBudget::default() };
        let passes = protocol.passes(*epochs);
        for (hash, _, flops) in &cells {
            let known =
                (0..protocol.repeats).filter(|repeat| recorded.contains(&Key { hash: *hash, epochs: *epochs, repeat: *repeat }));
            let known = known.count();
            let left = usize::from(protocol.repeats) - known;
            sum.models += usize::from(protocol.repeats);
            sum.recorded += known;
            sum.work += count(left) * operations(Flops(flops.0.saturating_mul(passes)));
            sum.time += Seconds(count(left) * operations(Flops(passes)) * calibration.seconds(*flops));
            sum.bytes += left as u64 * bytes_of_row(*epochs);
        }
        sum
    };
    Ok(Forecast {
        cells: cells.len(),
        budgets: protocol.budgets.iter().map(of_budget).collect(),
        calibration,
        free_bytes: free_bytes(folder),
    })
}

/// About what a row takes in a shard: the curves are of six numbers for each epoch, most of whose bits are random.
fn bytes_of_row(epochs: Epochs) -> u64 {
    200 + 20 * u64::from(epochs.0)
}

fn recorded(benchmark: &Benchmark) -> Result<HashSet<Key>, Error> {
    let mut keys = HashSet::new();
    for file in benchmark.files(Part::Recorded)? {
        keys.extend(table::outcomes(&file, benchmark.identity())?.into_iter().map(|(key, _)| key));
    }
    Ok(keys)
}

fn calibrate(
    recording: &Recording<'_>,
    sources: &Sources,
    cells: &[(ModuleHash, Cell, Flops)],
    time: Duration,
    observe: Observe<'_>,
) -> Result<Calibration, Error> {
    let mut by_cost: Vec<_> = cells.iter().map(|(_, cell, flops)| (*flops, *cell)).collect();
    by_cost.sort_by_key(|(flops, _)| *flops);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in a list")]
    let chosen = QUANTILES.map(|quantile| ((count(by_cost.len()) * quantile) as usize).min(by_cost.len().saturating_sub(1)));
    let mut samples = Vec::new();
    for (number, place) in chosen.into_iter().enumerate() {
        observe(Event::Note(&format!("cell {} of {}", number + 1, QUANTILES.len())));
        let Some((flops, cell)) = by_cost.get(place).copied() else { continue };
        let epochs = *sources.protocol.budgets.last().expect("a protocol has budgets");
        let Sources { protocol, data, .. } = sources;
        let training = Training { cell: &cell, epochs, seed: recording.seed, protocol, data, device: recording.device };
        let seconds = std::thread::scope(|scope| -> Result<f64, Error> {
            let workers: Vec<_> = (0..recording.workers.get()).map(|_| scope.spawn(|| pass(&training, time))).collect();
            let mut sum = 0.0;
            for worker in workers {
                sum += worker.join().map_err(|_| {
                    crate::train::Error::from(crate::engine::Error::Failed {
                        device: recording.device,
                        reason: "the calibration panicked".to_owned(),
                    })
                })??;
            }
            Ok(sum / count(recording.workers.get()))
        })?;
        samples.push(Sample { cell, flops, seconds });
    }
    Ok(Calibration::fit(samples))
}

/// The most steps of the batches of a protocol that fit into the time of the calibration, before the batches are made smaller.
const FEWEST_STEPS: f64 = 4.0;

/// The fewest images of a batch of the calibration: they lie side by side in the lanes of vectors, and fewer than a vector has lanes take as
/// long as a full vector.
const FEWEST_IMAGES: usize = 16;

/// Trains for some time, and returns the seconds of a third of a step for each image.
///
/// A step of the whole batch of a large network can take minutes: then the batches are as small as the time asks for, and one step of a
/// few images is enough if it takes all of the time. What a step takes beside its images is little in such a network.
fn pass(training: &Training<'_>, time: Duration) -> Result<f64, Error> {
    let most = training.protocol.batch_size;
    let few = FEWEST_IMAGES.min(most);
    let of_an_image = 3.0 * timed(training, few, Duration::ZERO)?;
    match batch_within(time, of_an_image, most) {
        batch if batch <= few => Ok(of_an_image / 3.0),
        batch => timed(training, batch, time),
    }
}

/// The largest batch, up to that of the protocol, of which some steps fit into a time: the whole one, or full vectors of images.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of images")]
fn batch_within(time: Duration, of_an_image: f64, most: usize) -> usize {
    let images = (time.as_secs_f64() / (FEWEST_STEPS * of_an_image.max(f64::MIN_POSITIVE))) as usize;
    if images >= most { most } else { (images / FEWEST_IMAGES * FEWEST_IMAGES).clamp(FEWEST_IMAGES.min(most), most) }
}

/// Trains for some time, one step at least, and returns the seconds of a third of a step for each image.
fn timed(training: &Training<'_>, batch_size: usize, time: Duration) -> Result<f64, Error> {
    // What is measured before the first step would take longer than all steps of a large network.
    let images = Images { curve: 1, ..training.protocol.images };
    let protocol = Protocol { batch_size, images, ..training.protocol.clone() };
    let mut run = Training { protocol: &protocol, ..*training }.start()?;
    // The first step makes room.
    run.advance()?;
    let (started, first) = (Instant::now(), run.steps());
    while run.advance()?.is_some() && started.elapsed() < time {}
    let images = count((run.steps() - first).max(1) * batch_size);
    Ok(started.elapsed().as_secs_f64() / (3.0 * images))
}

/// The free bytes of the file system on which a folder lies or will lie.
fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let existing = folder.ancestors().find(|folder| folder.exists())?;
    fs4::available_space(existing).ok()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn operations(flops: Flops) -> f64 {
    flops.0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(points: [(u64, f64); 3]) -> Calibration {
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        Calibration::fit(points.map(|(flops, seconds)| Sample { cell, flops: Flops(flops), seconds }).to_vec())
    }

    #[test]
    fn a_line_is_found_and_its_misfit_told() {
        let exact = calibration([(100, 3.0), (200, 5.0), (400, 9.0)]);
        assert!((exact.constant - 1.0).abs() < 1e-9 && (exact.per_operation - 0.02).abs() < 1e-12);
        assert!(exact.misfit() < 1e-9 && (exact.seconds(Flops(1_000)) - 21.0).abs() < 1e-9);
        assert!(calibration([(100, 3.0), (200, 8.0), (400, 9.0)]).misfit() > 0.1);
    }

    #[test]
    fn a_batch_is_as_small_as_the_time_asks_for() {
        let batch = |of_an_image: f64, most: usize| batch_within(Duration::from_secs(3), of_an_image, most);
        // Full vectors of images, at least one of them, or the whole batch.
        assert_eq!([1e-3, 0.0, 0.01, 0.1, 60.0].map(|seconds| batch(seconds, 256)), [256, 256, 64, 16, 16]);
        assert_eq!([1e-3, 60.0].map(|seconds| batch(seconds, 7)), [7, 7]);
    }

    #[test]
    fn noise_makes_no_time_negative() {
        for points in [[(100, 1.0), (200, 4.0), (400, 9.0)], [(100, 9.0), (200, 5.0), (400, 1.0)], [(100, 2.0); 3]] {
            let fitted = calibration(points);
            assert!(fitted.constant >= 0.0 && fitted.per_operation >= 0.0 && fitted.seconds(Flops(1)) > 0.0, "{points:?}");
        }
    }
}
