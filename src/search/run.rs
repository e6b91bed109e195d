//! The only loop of a search: it owns the budget, the seed and the history.

use std::collections::HashSet;

use super::{Entry, Error, Setup, Trial};
use crate::oracle::Oracle;
use crate::unit::Seed;

/// What a search may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// A number of measurements.
    Evaluations(usize),
}

/// What a search asked and what it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The name of the algorithm.
    pub algorithm: &'static str,
    /// The seed of the search.
    pub seed: Seed,
    /// The trials, in order.
    pub trials: Vec<Trial>,
}

impl History {
    /// The best trials so far: the first one, and each that is better than all before it, with their positions.
    #[must_use]
    pub fn incumbents(&self) -> Vec<(usize, Trial)> {
        let mut best = f32::INFINITY;
        let mut incumbents = Vec::new();
        for (position, trial) in self.trials.iter().enumerate() {
            if trial.loss() < best {
                best = trial.loss();
                incumbents.push((position, *trial));
            }
        }
        incumbents
    }

    /// The trials, best first, each cell once; equal ones stay in the order of the search.
    #[must_use]
    pub fn ranking(&self) -> Vec<Trial> {
        let mut seen = HashSet::new();
        let mut trials: Vec<_> = self.trials.iter().copied().filter(|trial| seen.insert(trial.proposal.cell.hash())).collect();
        trials.sort_by(|a, b| a.loss().total_cmp(&b.loss()));
        trials
    }
}

/// Runs an algorithm against an oracle until the budget is spent or it has nothing more to ask.
///
/// The same seed gives the same history, if the oracle gives the same answers.
///
/// # Errors
///
/// [`Error`] if the options do not fit, the oracle cannot answer, or the algorithm breaks its contract.
pub fn run(entry: &Entry, setup: &Setup, oracle: &mut dyn Oracle, budget: Budget, seed: Seed) -> Result<History, Error> {
    let Budget::Evaluations(evaluations) = budget;
    let mut searcher = (entry.build)(setup)?;
    let mut rng = seed.derive(entry.name).rng();
    let mut trials: Vec<Trial> = Vec::with_capacity(evaluations);
    while trials.len() < evaluations {
        let room = evaluations - trials.len();
        let proposals = searcher.ask(room, &mut rng);
        if proposals.is_empty() {
            break;
        }
        if proposals.len() > room {
            return Err(Error::OverBudget { algorithm: entry.name, room, found: proposals.len() });
        }
        let measurements = oracle.measure(&proposals)?;
        let told = trials.len();
        trials.extend(proposals.into_iter().zip(measurements).map(|(proposal, measurement)| Trial { proposal, measurement }));
        searcher.tell(&trials[told..]);
    }
    Ok(History { algorithm: entry.name, seed, trials })
}
