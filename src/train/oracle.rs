//! Real training as an oracle: a search pays for what it asks.

use std::ops::ControlFlow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Data, Progress, Protocol, Trained, Training, weight_sparsity};
use crate::engine::Device;
use crate::oracle::{self, Candidate, Event, Interrupted, Measurement, Observe, Oracle};
use crate::statistics::number;
use crate::unit::Seed;

/// Why a training gave no measurement.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Trains every candidate anew, as many side by side as there are threads; a cell that is asked again is trained from other
/// initial weights.
///
/// The accuracies are a function of the seed, the cell, the budget and how often that was asked before. The times are
/// measured, so that a budget in seconds does not end at the same trial twice.
pub struct TrainingOracle<'a> {
    protocol: &'a Protocol,
    data: &'a Data,
    device: Device,
    seed: Seed,
    /// How often a cell was asked at a budget.
    asked: FxHashMap<(u64, u16), u32>,
    observe: Observe<'a>,
    /// The candidates that were asked before.
    proposed: usize,
}

impl std::fmt::Debug for TrainingOracle<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingOracle").field("protocol", &self.protocol.name).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl<'a> TrainingOracle<'a> {
    /// Starts an oracle for one search; the protocol is resolved.
    #[must_use]
    pub fn new(protocol: &'a Protocol, data: &'a Data, device: Device, seed: Seed) -> Self {
        Self {
            protocol,
            data,
            device,
            seed: seed.derive("trainings of a search"),
            asked: FxHashMap::default(),
            observe: &|_| ControlFlow::Continue(()),
            proposed: 0,
        }
    }

    /// Calls `observe` after each step and each finished training, from the threads that train. A break ends all trainings after
    /// their next step.
    #[must_use]
    pub fn with_observer(self, observe: Observe<'a>) -> Self {
        Self { observe, ..self }
    }

    fn train(&self, candidate: &Candidate, position: usize, seed: Seed) -> Result<Measurement, Cause> {
        let Candidate { architecture: cell, epochs, .. } = candidate;
        let training = Training { cell, epochs: *epochs, seed, protocol: self.protocol, data: self.data, device: self.device };
        let mut run = training.start()?;
        while let Some(Progress { steps, of, .. }) = run.advance()? {
            if (self.observe)(Event::Progressed(position, number(steps) / number(of))).is_break() {
                return Err(Interrupted.into());
            }
        }
        let (Trained { end, .. }, model) = run.finish();
        let sparsity = weight_sparsity(&training.plan()?, &model.parameters()?);
        let weight_sparsity = end.validation_accuracy.and(Some(sparsity));
        let measurement = Measurement { weight_sparsity, ..Measurement::new(end.validation_accuracy, Some(end.training_time)) };
        match (self.observe)(Event::Finished(position, *candidate, measurement)) {
            ControlFlow::Continue(()) => Ok(measurement),
            ControlFlow::Break(()) => Err(Interrupted.into()),
        }
    }
}

impl Oracle for TrainingOracle<'_> {
    fn is_training(&self) -> bool {
        true
    }

    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let mut seeds = Vec::with_capacity(candidates.len());
        for Candidate { architecture: cell, epochs, .. } in candidates {
            let asked = self.asked.entry((cell.fingerprint(), epochs.0)).or_insert(0);
            seeds.push(self.seed.derive(&format!("{} at {epochs} epochs, {asked}", cell.hash())));
            *asked += 1;
        }
        let refused = |candidate: &Candidate, source: Cause| {
            let Candidate { architecture: cell, epochs, .. } = *candidate;
            oracle::Error { cell, epochs, source }
        };
        let first = self.proposed;
        self.proposed += candidates.len();
        let measure = |(place, (candidate, seed)): (usize, (&Candidate, Seed))| {
            self.train(candidate, first + place, seed).map_err(|error| refused(candidate, error))
        };
        candidates.par_iter().zip(seeds).enumerate().map(measure).collect()
    }
}
