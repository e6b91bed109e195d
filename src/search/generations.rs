//! Searches that draw a generation of points, each of which is a cell, and learn from all of it at once.

use super::pool::{MOST_REDRAWS, Region};
use super::{Error, SearchRng, Searcher, Setup, Trial};
use crate::oracle::Candidate;
use crate::space::{Sampler, Spec};

/// The loss of a point whose cell is outside the space: that of a training that diverged. Nothing is evaluated for it.
const OUTSIDE: f64 = 1.0;
/// The points outside the space, in a row, after which a random cell is taken.
const MOST_OUTSIDE: usize = 1_000;

/// What draws points and learns how good they were.
pub(super) trait Strategy {
    /// A point of the search.
    type Point: Clone;

    /// Returns the number of points of the next generation.
    fn size(&self) -> usize;

    /// Draws the next point of the generation of which some are drawn already.
    fn draw(&mut self, drawn: &[Self::Point], rng: &mut SearchRng) -> Self::Point;

    /// Returns the cell of a point, which may be none.
    fn spec(&self, point: &Self::Point) -> Spec;

    /// Draws a point of a cell.
    fn point(&self, spec: Spec, rng: &mut SearchRng) -> Self::Point;

    /// Learns from a generation: its points in their order, each with its loss.
    fn learn(&mut self, generation: Vec<(Self::Point, f64)>);
}

/// A strategy that searches. A point outside the space counts as bad and is not evaluated; one outside the pool is drawn again.
pub(super) struct Generations<S: Strategy> {
    region: Region,
    pub(super) strategy: S,
    /// The points of the generation.
    drawn: Vec<S::Point>,
    /// The loss of each, once it is known.
    losses: Vec<Option<f64>>,
}

impl<S: Strategy> Generations<S> {
    pub(super) fn new(setup: &Setup, strategy: S) -> Self {
        Self { region: setup.region(), strategy, drawn: Vec::new(), losses: Vec::new() }
    }

    /// Draws the next point; `None` for the cell if it is outside the space.
    fn next(&mut self, rng: &mut SearchRng) -> (S::Point, Option<Spec>) {
        for _ in 0..MOST_REDRAWS {
            let point = self.strategy.draw(&self.drawn, rng);
            let spec = self.strategy.spec(&point);
            if self.region.cell(&spec).is_some() {
                return (point, Some(spec));
            }
            if !self.region.is_redrawn(&spec) {
                return (point, None);
            }
        }
        let spec = self.region.any(rng);
        (self.strategy.point(spec, rng), Some(spec))
    }
}

impl<S: Strategy> Searcher for Generations<S> {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let (mut asked, mut outside) = (Vec::new(), 0);
        while asked.len() < room {
            if self.drawn.len() == self.strategy.size() {
                let Some(losses) = self.losses.iter().copied().collect::<Option<Vec<f64>>>() else { break };
                self.strategy.learn(self.drawn.drain(..).zip(losses).collect());
                self.losses.clear();
            }
            let (mut point, mut spec) = self.next(rng);
            outside = if spec.is_some() { 0 } else { outside + 1 };
            if outside == MOST_OUTSIDE {
                let random = self.region.draw(Sampler::Official, rng);
                (point, spec, outside) = (self.strategy.point(random, rng), Some(random), 0);
            }
            self.drawn.push(point);
            self.losses.push(spec.is_none().then_some(OUTSIDE));
            asked.extend(spec);
        }
        Ok(self.region.candidates(&asked))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for (loss, trial) in self.losses.iter_mut().filter(|loss| loss.is_none()).zip(trials) {
            *loss = Some(trial.loss().into());
        }
        Ok(())
    }
}
