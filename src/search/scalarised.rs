//! Searches for several objectives that solve one problem of a single number after the other, and learn for each from all trials.

use std::collections::VecDeque;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::pool::Region;
use super::{Error, SearchRng, Searcher, Setup, Trial, check_option};
use crate::front::{Archive, Normalisation};
use crate::objective::{Goals, Worth};
use crate::oracle::Candidate;
use crate::space::{Mutation, Sampler, Spec};

/// How a problem of a single number orders what is known.
pub(super) trait Scalarisation: std::fmt::Debug {
    /// The number of problems, which are solved in turn.
    fn problems(&self) -> usize;

    /// Returns what is minimised in one of the problems, of values of which the front so far lies between 0 and 1; the first number
    /// decides, and of equal ones the next.
    fn key(&self, problem: usize, scaled: &[f64]) -> Vec<f64>;
}

/// The options that these searches share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Common {
    /// Random cells to begin with.
    pub(super) startup: usize,
    /// How many trials compete to be the parent of the next one.
    pub(super) tournament_size: usize,
    pub(super) sampler: Sampler,
    pub(super) mutation: Mutation,
}

impl Default for Common {
    fn default() -> Self {
        Self { startup: 20, tournament_size: 10, sampler: Sampler::Official, mutation: Mutation::OneEdit }
    }
}

/// Mutants of the winners of tournaments, in each of which another problem decides.
#[derive(Debug)]
pub(super) struct Scalarised<S> {
    region: Region,
    goals: Goals,
    common: Common,
    scalarisation: S,
    known: Vec<(Spec, Worth)>,
    drawn: usize,
    /// Mutants of the same round, one for each problem, that were not asked for yet.
    waiting: VecDeque<Spec>,
}

impl<S: Scalarisation> Scalarised<S> {
    pub(super) fn new(algorithm: &'static str, setup: &Setup, common: Common, scalarisation: S) -> Result<Self, Error> {
        check_option(algorithm, "startup", &common.startup, common.startup > 0, "at least 1")?;
        check_option(algorithm, "tournament_size", &common.tournament_size, common.tournament_size > 0, "at least 1")?;
        let (region, goals) = (setup.region(), setup.goals.clone());
        Ok(Self { region, goals, common, scalarisation, known: Vec::new(), drawn: 0, waiting: VecDeque::new() })
    }

    /// Makes a mutant for each problem.
    fn breed(&mut self, rng: &mut SearchRng) {
        let mut archive = Archive::default();
        for (_, Worth { values, violation }) in &self.known {
            if *violation <= 0.0 {
                archive.insert(values.clone(), ());
            }
        }
        let front: Vec<&Vec<f64>> = archive.points().iter().map(|(point, ())| point).collect();
        // Where nothing keeps the limits, their violation alone decides.
        let scale = Normalisation::of(&front).ok();
        let scaled = |values: &[f64]| scale.as_ref().map_or_else(Vec::new, |scale| scale.apply(values));
        for problem in 0..self.scalarisation.problems() {
            let mut best: Option<(Vec<f64>, Spec)> = None;
            for _ in 0..self.common.tournament_size {
                let (spec, worth) = &self.known[rng.random_range(0..self.known.len())];
                let mut key = vec![worth.violation];
                key.extend(self.scalarisation.key(problem, &scaled(&worth.values)));
                if best.as_ref().is_none_or(|(least, _)| key.partial_cmp(least).is_some_and(std::cmp::Ordering::is_lt)) {
                    best = Some((key, *spec));
                }
            }
            let mutant = best.and_then(|(_, spec)| self.region.mutate(self.common.mutation, spec, rng));
            self.waiting.push_back(mutant.unwrap_or_else(|| self.region.draw(self.common.sampler, rng)));
        }
    }
}

impl<S: Scalarisation> Searcher for Scalarised<S> {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let missing = self.common.startup.saturating_sub(self.drawn).min(room);
        if missing > 0 {
            self.drawn += missing;
            let drawn: Vec<_> = (0..missing).map(|_| self.region.draw(self.common.sampler, rng)).collect();
            return Ok(self.region.candidates(&drawn));
        }
        if self.waiting.is_empty() {
            self.breed(rng);
        }
        let next: Vec<_> = self.waiting.drain(..room.min(self.waiting.len())).collect();
        Ok(self.region.candidates(&next))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            let worth = self.goals.worth(&trial.candidate.architecture, &trial.measurement)?;
            self.known.push((trial.candidate.spec(), worth));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::front::non_dominated;
    use crate::objective::find;
    use crate::table::Benchmark;

    /// Error and parameters of the cells of the bundled table.
    pub(in crate::search) struct Bundled {
        /// The values of each cell, of which the front lies between 0 and 1.
        pub(in crate::search) points: Vec<Vec<f64>>,
        /// The cells of the front, each value once.
        pub(in crate::search) front: BTreeSet<usize>,
        /// The largest less the smallest value of the front, as whole numbers.
        pub(in crate::search) ranges: Vec<usize>,
    }

    pub(in crate::search) fn bundled() -> Bundled {
        let benchmark = Benchmark::shipped().unwrap();
        let table = benchmark.table().unwrap();
        let objectives = ["error", "parameters"].map(|name| find(name).unwrap());
        let goals = Goals::new(objectives.into(), Vec::new(), benchmark.skeleton().unwrap()).unwrap();
        let cells = table.measurements(*table.budgets().last().unwrap()).unwrap();
        let values: Vec<_> = cells.iter().map(|(cell, measured)| goals.worth(cell, measured).unwrap().values).collect();
        let mut front = non_dominated(&values).unwrap();
        front.sort_by(|one, other| values[*one].partial_cmp(&values[*other]).unwrap());
        front.dedup_by(|one, other| values[*one] == values[*other]);
        let scale = Normalisation::of(&front.iter().map(|place| &values[*place]).collect::<Vec<_>>()).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parameters")]
        let ranges = scale.ideal.iter().zip(&scale.nadir).map(|(ideal, nadir)| (nadir - ideal) as usize).collect();
        let points = values.iter().map(|values| scale.apply(values)).collect();
        Bundled { points, front: front.into_iter().collect(), ranges }
    }

    /// The best point of each problem; of equal ones the first.
    pub(in crate::search) fn solved(method: &impl Scalarisation, points: &[Vec<f64>]) -> BTreeSet<usize> {
        let best = |problem: usize| {
            let keys = points.iter().map(|point| method.key(problem, point));
            let better = |one: &(usize, Vec<f64>), other: &(usize, Vec<f64>)| one.1.partial_cmp(&other.1).unwrap();
            keys.enumerate().min_by(better).unwrap().0
        };
        (0..method.problems()).map(best).collect()
    }
}
