//! Estimates what a recording will take before it runs: operations are counted, times come from a short calibration.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::recording::{Recording, Sources};
use super::{Error, Event, Observe};
use crate::network;
use crate::space::{Cell, ModuleHash};
use crate::statistics::number;
use crate::table::{self, Benchmark, Key, Part};
use crate::train::{Images, Protocol, Training};
use crate::unit::{Epochs, Flops, Seconds};

/// The cells of the calibration, as quantiles of all cells by their operations.
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

/// The estimated cost of a recording.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The cells, isomorphic ones counted once.
    pub cells: usize,
    /// The cost of each budget, ascending.
    pub budgets: Vec<BudgetCost>,
    /// The measurement that the times come from.
    pub calibration: Calibration,
    /// The free bytes of the file system of the benchmark; `None` if the system does not report them.
    pub free_bytes: Option<u64>,
}

/// The estimated cost of one budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetCost {
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
    /// The approximate bytes of the rest on the disk.
    pub bytes: u64,
}

impl Forecast {
    /// Sums up all budgets.
    #[must_use]
    pub fn total(&self) -> BudgetCost {
        self.budgets.iter().fold(BudgetCost::default(), |mut total, budget| {
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

/// The time of a forward pass as a linear function of its operations, fitted to three cells.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The measured cells, the cheapest first.
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
    /// Fits a line by least squares.
    fn fit(samples: Vec<Sample>) -> Self {
        let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / number(samples.len());
        let (flops, seconds) = (mean(&|sample| sample.flops.to_f64()), mean(&|sample| sample.seconds));
        let covariance = mean(&|sample| (sample.flops.to_f64() - flops) * (sample.seconds - seconds));
        let variance = mean(&|sample| (sample.flops.to_f64() - flops).powi(2));
        let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
        let intercept = seconds - slope * flops;
        // A time below zero is noise: then all of it is proportional to the operations.
        let (constant, per_operation) =
            if slope > 0.0 && intercept >= 0.0 { (intercept, slope) } else { (0.0, seconds / flops.max(1.0)) };
        Self { samples, constant, per_operation }
    }

    /// Returns the seconds of a forward pass of a number of operations.
    #[must_use]
    pub fn seconds(&self, flops: Flops) -> f64 {
        self.constant + self.per_operation * flops.to_f64()
    }

    /// Returns the largest relative error of the line on the measured cells.
    #[must_use]
    pub fn misfit(&self) -> f64 {
        let of = |sample: &Sample| (self.seconds(sample.flops) / sample.seconds - 1.0).abs();
        self.samples.iter().map(of).fold(0.0, f64::max)
    }
}

/// Estimates the cost of a recording. Each of three cells is trained for `time_per_cell` by as many workers as the recording has.
///
/// # Errors
///
/// [`Error`] if the protocol, the images or the device do not fit, a network cannot be built or trained, or the folder holds
/// another benchmark.
pub fn forecast(recording: &Recording<'_>, time_per_cell: Duration, observe: Observe<'_>) -> Result<Forecast, Error> {
    let Recording { folder, protocol, device, share, .. } = recording;
    device.check().map_err(crate::train::Error::from)?;
    let sources = recording.sources()?;
    observe(Event::Stage("enumerate"));
    let mut cells = Vec::new();
    let mut seen = HashSet::new();
    let all = recording.cells()?;
    for (hash, cell) in Cell::hashes(&all).into_iter().zip(all) {
        if share.holds(&hash) && seen.insert(hash) {
            let (_, flops) = network::count(&cell, &sources.skeleton)?;
            cells.push((hash, cell, flops));
        }
    }
    let is_new = !folder.join("benchmark.toml").exists();
    let recorded = if is_new { HashSet::new() } else { recorded(&recording.open(&sources)?)? };
    observe(Event::Stage("calibrate"));
    let calibration = calibrate(recording, &sources, &cells, time_per_cell, observe)?;
    let of_budget = |epochs: &Epochs| {
        let mut sum = BudgetCost { epochs: *epochs, ..BudgetCost::default() };
        let passes = protocol.passes(*epochs);
        for (hash, _, flops) in &cells {
            let known =
                (0..protocol.repeats).filter(|repeat| recorded.contains(&Key { hash: *hash, epochs: *epochs, repeat: *repeat }));
            let known = known.count();
            let left = usize::from(protocol.repeats) - known;
            sum.models += usize::from(protocol.repeats);
            sum.recorded += known;
            sum.work += number(left) * Flops(flops.0.saturating_mul(passes)).to_f64();
            sum.time += Seconds(number(left) * Flops(passes).to_f64() * calibration.seconds(*flops));
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

/// Returns the approximate bytes of a row in a shard: the curves are of six numbers for each epoch, most of whose bits are random.
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
    let chosen = QUANTILES.map(|quantile| ((number(by_cost.len()) * quantile) as usize).min(by_cost.len().saturating_sub(1)));
    let mut samples = Vec::new();
    for (sample, place) in (1..).zip(chosen) {
        observe(Event::Note(&format!("cell {sample} of {}", QUANTILES.len())));
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
            Ok(sum / number(recording.workers.get()))
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
    let images = number((run.steps() - first).max(1) * batch_size);
    Ok(started.elapsed().as_secs_f64() / (3.0 * images))
}

/// Returns the free bytes of the file system that holds a folder or will hold it.
fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let existing = folder.ancestors().find(|folder| folder.exists())?;
    fs4::available_space(existing).ok()
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
