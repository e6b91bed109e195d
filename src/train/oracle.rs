//! Real training as an oracle: a search pays for what it asks.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Data, Error, Protocol, Training};
use crate::engine::Device;
use crate::oracle::{self, Measurement, Oracle, Proposal};
use crate::unit::Seed;

/// Trains every proposal anew, as many side by side as there are threads; a cell that is asked again is trained from other
/// initial weights.
///
/// The accuracies are a function of the seed, the cell, the budget and how often that was asked before. The times are
/// measured, so that a budget in seconds does not end at the same place twice.
#[derive(Debug)]
pub struct TrainingOracle<'a> {
    protocol: &'a Protocol,
    data: &'a Data,
    device: Device,
    seed: Seed,
    /// How often a cell was asked at a budget.
    asked: FxHashMap<(u64, u16), u32>,
}

impl<'a> TrainingOracle<'a> {
    /// Starts an oracle for one search; the protocol is resolved.
    #[must_use]
    pub fn new(protocol: &'a Protocol, data: &'a Data, device: Device, seed: Seed) -> Self {
        Self { protocol, data, device, seed: seed.derive("trainings of a search"), asked: FxHashMap::default() }
    }

    fn train(&self, proposal: &Proposal, seed: Seed) -> Result<Measurement, Error> {
        let Proposal { cell, epochs } = proposal;
        let training = Training { cell, epochs: *epochs, seed, protocol: self.protocol, data: self.data, device: self.device };
        let end = training.run(&mut |_| ())?.end;
        Ok(Measurement { validation_accuracy: end.validation_accuracy, training_time: Some(end.training_time) })
    }
}

impl Oracle for TrainingOracle<'_> {
    fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, oracle::Error> {
        let mut seeds = Vec::with_capacity(proposals.len());
        for Proposal { cell, epochs } in proposals {
            let asked = self.asked.entry((cell.fingerprint(), epochs.0)).or_insert(0);
            seeds.push(self.seed.derive(&format!("{} at {epochs} epochs, {asked}", cell.hash())));
            *asked += 1;
        }
        let refused = |proposal: &Proposal, source: Error| {
            let Proposal { cell, epochs } = *proposal;
            oracle::Error { cell, epochs, source: Box::new(source) }
        };
        let measure = |(proposal, seed): (&Proposal, Seed)| self.train(proposal, seed).map_err(|error| refused(proposal, error));
        proposals.par_iter().zip(seeds).map(measure).collect()
    }
}
