//! Asking and telling: hands the batches of an algorithm out in the amounts that the budget has room for.

use std::collections::VecDeque;

use crate::search::SearchRng;

use crate::search::multi::Individual;

/// A multi-objective algorithm at work on solutions of type `S`.
///
/// Its steps alternate: a batch is bred, all of it is measured, then the survivors are selected.
pub(crate) trait Algorithm<S> {
    /// Makes the next batch of solutions to be measured. An empty one means that the search is over.
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<S>;

    /// Learns from the last batch: all of it, in the order bred.
    fn select(&mut self, measured: Vec<Individual<S>>, rng: &mut SearchRng);

    /// Returns the individuals that it has kept: its archive if it has one, else its population.
    #[cfg_attr(not(test), expect(dead_code, reason = "a search is judged by all that it measured"))]
    fn population(&self) -> &[Individual<S>];
}

/// An algorithm that can be asked for any number of solutions.
///
/// What it asks to measure does not depend on the room, only how much of it at once: batches are bred whole. So a search with a
/// smaller budget is the beginning of one with a larger budget.
pub(crate) struct Evolver<S> {
    algorithm: Box<dyn Algorithm<S>>,
    /// The rest of the batch, which nobody has asked for yet.
    waiting: VecDeque<S>,
    /// Number of solutions that were asked for and not yet told of.
    unmeasured: usize,
    measured: Vec<Individual<S>>,
}

impl<S> Evolver<S> {
    /// Starts an algorithm.
    #[must_use]
    pub(crate) fn new(algorithm: impl Algorithm<S> + 'static) -> Self {
        Self { algorithm: Box::new(algorithm), waiting: VecDeque::new(), unmeasured: 0, measured: Vec::new() }
    }

    /// Returns what to measure next, at most `room` solutions.
    ///
    /// Nothing means that the search is over, that there is no room, or that the batch must be told of first.
    pub(crate) fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Vec<S> {
        if self.waiting.is_empty() && self.unmeasured == 0 {
            self.finish_batch(rng);
            self.waiting = self.algorithm.breed(rng).into();
        }
        let count = room.min(self.waiting.len());
        self.unmeasured += count;
        self.waiting.drain(..count).collect()
    }

    /// Takes what was measured, in the order asked.
    ///
    /// # Panics
    ///
    /// If it gets more than was asked for.
    pub(crate) fn tell(&mut self, measured: Vec<Individual<S>>) {
        self.unmeasured = self.unmeasured.checked_sub(measured.len()).expect("no more is told than was asked");
        self.measured.extend(measured);
    }

    /// Returns the individuals that the algorithm has kept of the batches that it was told all of.
    #[cfg(test)]
    pub(crate) fn population(&mut self, rng: &mut SearchRng) -> &[Individual<S>] {
        if self.waiting.is_empty() && self.unmeasured == 0 {
            self.finish_batch(rng);
        }
        self.algorithm.population()
    }

    fn finish_batch(&mut self, rng: &mut SearchRng) {
        if !self.measured.is_empty() {
            self.algorithm.select(std::mem::take(&mut self.measured), rng);
        }
    }
}

impl<S> std::fmt::Debug for Evolver<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evolver").field("unmeasured", &self.unmeasured).finish_non_exhaustive()
    }
}
