//! Retrains a sample of the rows of a benchmark: are they reproduced bit for bit, or within the noise of repeats?

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::seq::IndexedRandom as _;
use rayon::prelude::*;

use super::Error;
use crate::dataset::Dataset;
use crate::engine::Device;
use crate::record::Trainer;
use crate::table::{Benchmark, Key, Record, Status};
use crate::train::{self, Data, Protocol};
use crate::unit::Seed;

/// A retrained row, beside the recorded one.
#[derive(Clone, Debug)]
pub struct Retrained {
    /// The key of the row.
    pub key: Key,
    /// Whether everything but times and memory is equal, bit for bit.
    pub is_same: bool,
    /// The validation accuracy of the row and that of the new training, as fractions; `None` of one that diverged.
    pub validation: [Option<f64>; 2],
    /// The revision of the numerics and the arithmetic that the row states, if any.
    pub numerics: Option<String>,
}

/// Retrains at most `count` random rows whose trainings did not fail, each from its own seed.
///
/// `observe` receives the number of finished rows and the number of all.
///
/// # Errors
///
/// [`Error::NotRetrainable`] if the benchmark does not say how it was trained, [`Error::OtherImages`] if the images are not those
/// of the benchmark, and as [`Training::run`](train::Training::run).
pub fn retrain(
    benchmark: &Benchmark,
    dataset: &Dataset,
    device: Device,
    count: usize,
    seed: Seed,
    observe: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Retrained>, Error> {
    device.check().map_err(train::Error::from)?;
    let records = benchmark.records()?;
    let manifest = benchmark.manifest();
    let protocol = Protocol::from_identity(&manifest.protocol).ok().filter(|_| manifest.seed.is_some());
    let protocol = protocol.ok_or_else(|| Error::NotRetrainable { folder: benchmark.folder().to_owned() })?.resolve(dataset)?;
    let data = Data::select(&protocol, dataset)?;
    let (expected, found) = (manifest.dataset.sha256.clone().unwrap_or_default(), data.dataset().sha256());
    if expected != found {
        return Err(Error::OtherImages { expected: manifest.dataset.name.clone(), found: dataset.name().to_owned() });
    }
    let trained: Vec<&Record> =
        records.iter().filter(|record| record.status != Status::Failed && record.seed.is_some()).collect();
    let drawn: Vec<&Record> = trained.sample(&mut seed.derive("retrain").rng(), count).copied().collect();
    let done = AtomicUsize::new(0);
    observe(0, drawn.len());
    let again = |record: &&Record| {
        let new = Trainer { protocol: &protocol, data: &data, device }.train_again(record)?;
        observe(done.fetch_add(1, Ordering::Relaxed) + 1, drawn.len());
        let accuracy = |record: &Record| record.end.validation_accuracy.map(|accuracy| f64::from(accuracy.fraction()));
        Ok(Retrained {
            key: record.key(),
            is_same: record.is_same_result(&new),
            validation: [accuracy(record), accuracy(&new)],
            numerics: record.numerics.clone(),
        })
    };
    drawn.par_iter().map(again).collect()
}
