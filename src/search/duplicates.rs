//! Duplicates: the rule for a cell that a search asked for before, the same for all algorithms.

use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt as _;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::SearchRng;
use super::redraws::Redraws;
use crate::oracle::{Candidate, Measurement};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs};

/// The rule for a cell that a search asks for again at the same budget of epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The answer of another training, as the papers of the algorithms have it. An algorithm may so wait for a lucky one.
    #[default]
    Published,
    /// Nothing: no cell is asked for twice. A draw of a cell that was asked for, at any budget, is drawn again, at most
    /// [`MOST_REDRAWS`](super::MOST_REDRAWS) times; then any cell that was not is taken, each with the same chance. Both are counted.
    /// A search ends where a cell is to be drawn and all were asked for. Cells that go on to a larger budget are not drawn again.
    Never,
    /// The mean of the answers so far, that of another training among them, which is paid for like any other. One that diverged
    /// counts as an accuracy of 0, as it does for a search; a cell of which all diverged has none.
    Average,
}

impl Duplicates {
    /// Whether this is the default.
    #[must_use]
    pub fn is_published(&self) -> bool {
        *self == Self::Published
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Published => "published",
            Self::Never => "never",
            Self::Average => "average",
        })
    }
}

/// The draws of a run: the cells that it asked for, where it asks for none twice, and counts of what was drawn again. A clone shares
/// them.
#[derive(Clone, Debug, Default)]
pub struct Draws(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fingerprints: FxHashSet<u64>,
    /// The cells that may not have been asked for, once they were listed.
    left: Option<Vec<Cell>>,
    is_exhausted: bool,
    redraws: Redraws,
}

impl Draws {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a cell was asked for, at any budget.
    pub(super) fn contains(&self, cell: &Cell) -> bool {
        self.state().fingerprints.contains(&cell.fingerprint())
    }

    /// Adds a cell that was asked for.
    pub(super) fn insert(&self, cell: &Cell) {
        self.state().fingerprints.insert(cell.fingerprint());
    }

    /// Takes one of the cells that were not asked for, each with the same chance, and counts it; `None` if there is none, and from then
    /// on the search is over. `all` lists the cells where that has not been done.
    pub(super) fn any_other(&self, all: impl FnOnce() -> Vec<Cell>, rng: &mut SearchRng) -> Option<Cell> {
        let State { fingerprints, left, is_exhausted, redraws } = &mut *self.state();
        let left = left.get_or_insert_with(all);
        left.retain(|cell| !fingerprints.contains(&cell.fingerprint()));
        if left.is_empty() {
            *is_exhausted = true;
            return None;
        }
        redraws.uniform += 1;
        Some(left[rng.random_range(0..left.len())])
    }

    /// Returns whether a cell was to be drawn and all had been asked for.
    pub(super) fn is_exhausted(&self) -> bool {
        self.state().is_exhausted
    }

    /// Changes the counts.
    pub(super) fn count(&self, change: impl FnOnce(&mut Redraws)) {
        change(&mut self.state().redraws);
    }

    /// Returns the counts.
    pub(super) fn redraws(&self) -> Redraws {
        self.state().redraws
    }
}

/// The answers of an oracle for each cell at each budget.
#[derive(Debug, Default)]
pub(super) struct Answers(FxHashMap<(u64, Epochs), Answer>);

#[derive(Clone, Copy, Debug)]
struct Answer {
    mean: Measurement,
    /// Of the validation accuracies; one that diverged counts as 0.
    sum: f64,
    count: u32,
    has_ended_well: bool,
}

impl Answers {
    /// Returns the mean of the answers to a candidate, if it was asked before.
    pub(super) fn get(&self, candidate: &Candidate) -> Option<Measurement> {
        self.0.get(&(candidate.architecture.fingerprint(), candidate.epochs)).map(|answer| answer.mean)
    }

    /// Adds an answer, and returns the mean of all of the same candidate, with the cost of this one.
    pub(super) fn averaged(&mut self, candidate: &Candidate, measurement: Measurement) -> Measurement {
        let own = measurement.validation_accuracy.map(|accuracy| f64::from(accuracy.fraction()));
        let entry = self.0.entry((candidate.architecture.fingerprint(), candidate.epochs));
        let is_first = matches!(entry, Entry::Vacant(_));
        let answer = entry.or_insert(Answer { mean: measurement, sum: 0.0, count: 0, has_ended_well: false });
        answer.sum += own.unwrap_or(0.0);
        answer.count += 1;
        answer.has_ended_well |= own.is_some();
        if is_first {
            // The answer itself, to the last bit.
            return measurement;
        }
        #[expect(clippy::cast_possible_truncation, reason = "accuracies are single precision")]
        let mean = (answer.sum / f64::from(answer.count)) as f32;
        let validation_accuracy = answer.has_ended_well.then(|| Accuracy::from_fraction(mean)).flatten();
        answer.mean = Measurement { validation_accuracy, ..measurement };
        answer.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::unit::{Seconds, Seed};

    fn cells() -> Vec<Cell> {
        Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap()
    }

    #[test]
    fn a_mean_is_that_of_all_answers_of_the_cell_at_the_budget() {
        let all = cells();
        let mut answers = Answers::default();
        let mut told = |cell: usize, epochs: u16, fraction: Option<f32>| {
            let measurement = Measurement::new(fraction.and_then(Accuracy::from_fraction), Some(Seconds(f64::from(epochs))));
            let told = answers.averaged(&Candidate::new(all[cell], Epochs(epochs)), measurement);
            assert_eq!(told.training_time, measurement.training_time, "each training is paid for");
            told.validation_accuracy.map(Accuracy::fraction)
        };
        assert_eq!(told(0, 4, Some(0.5)), Some(0.5));
        assert_eq!(told(0, 4, Some(0.75)), Some(0.625));
        assert_eq!(told(0, 12, Some(0.25)), Some(0.25), "another budget");
        assert_eq!(told(1, 4, Some(0.125)), Some(0.125), "another cell");
        assert_eq!(told(0, 4, None), Some(1.25 / 3.0), "what diverged counts as 0");
        assert_eq!([told(2, 4, None), told(2, 4, None), told(2, 4, Some(0.75))], [None, None, Some(0.25)]);
    }

    #[test]
    fn any_other_cell_is_taken_until_there_is_none() {
        let (all, asked) = (cells(), Draws::default());
        let mut rng = Seed(1).rng();
        let mut taken = FxHashSet::default();
        for place in 0..all.len() {
            let listed = || if place == 0 { all.clone() } else { panic!("they are listed once") };
            let cell = asked.any_other(listed, &mut rng).unwrap();
            assert!(!asked.is_exhausted() && taken.insert(cell.fingerprint()));
            asked.insert(&cell);
        }
        assert_eq!(asked.any_other(Vec::new, &mut rng), None);
        assert!(asked.is_exhausted());
        assert_eq!(asked.redraws(), Redraws { uniform: all.len() as u64, ..Redraws::default() });
    }
}
