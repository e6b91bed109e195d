//! What happens where a search proposes a cell that it asked for before: one rule for all algorithms.

use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::redraws::Redraws;
use crate::oracle::{Measurement, Proposal};
use crate::space::Cell;
use crate::unit::{Accuracy, Epochs};

/// What a search gets for a cell that it asks for again at the same budget of epochs.
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

/// The cells that a search asked for, where it asks for none twice. A clone shares them and the counts.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    fingerprints: Mutex<FxHashSet<u64>>,
    /// The cells that may not have been asked for, once they were listed.
    left: Mutex<Option<Vec<Cell>>>,
    is_exhausted: AtomicBool,
    redrawn: AtomicU64,
    uniform: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Asked {
    /// Whether a cell was asked for, at any budget.
    pub(super) fn contains(&self, cell: &Cell) -> bool {
        locked(&self.0.fingerprints).contains(&cell.fingerprint())
    }

    /// Remembers a cell.
    pub(super) fn insert(&self, cell: &Cell) {
        locked(&self.0.fingerprints).insert(cell.fingerprint());
    }

    /// Counts a draw of a cell that was asked for.
    pub(super) fn count_redraw(&self) {
        self.0.redrawn.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one of the cells that were not asked for, each with the same chance, and counts it; `None` if there is none, and from then
    /// on the search is over. `all` lists the cells where that has not been done.
    pub(super) fn any_other(&self, all: impl FnOnce() -> Vec<Cell>, rng: &mut ChaCha8Rng) -> Option<Cell> {
        let mut left = locked(&self.0.left);
        let left = left.get_or_insert_with(all);
        let fingerprints = locked(&self.0.fingerprints);
        left.retain(|cell| !fingerprints.contains(&cell.fingerprint()));
        if left.is_empty() {
            self.0.is_exhausted.store(true, Ordering::Relaxed);
            return None;
        }
        self.0.uniform.fetch_add(1, Ordering::Relaxed);
        Some(left[rng.random_range(0..left.len())])
    }

    /// Whether a cell was to be drawn and all had been asked for.
    pub(super) fn is_exhausted(&self) -> bool {
        self.0.is_exhausted.load(Ordering::Relaxed)
    }

    /// What was counted.
    pub(super) fn redraws(&self) -> Redraws {
        let [duplicates, uniform] = [&self.0.redrawn, &self.0.uniform].map(|count| count.load(Ordering::Relaxed));
        Redraws { duplicates, uniform, ..Redraws::default() }
    }
}

/// What an oracle answered of each cell at each budget.
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
    /// The mean of the answers to a proposal, if it was asked before.
    pub(super) fn of(&self, proposal: &Proposal) -> Option<Measurement> {
        self.0.get(&(proposal.cell.fingerprint(), proposal.epochs)).map(|answer| answer.mean)
    }

    /// Takes in an answer, and gives the mean of all of the same proposal, with the cost of this one.
    pub(super) fn averaged(&mut self, proposal: &Proposal, measurement: Measurement) -> Measurement {
        let own = measurement.validation_accuracy.map(|accuracy| f64::from(accuracy.fraction()));
        let entry = self.0.entry((proposal.cell.fingerprint(), proposal.epochs));
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
            let measurement = Measurement {
                validation_accuracy: fraction.and_then(Accuracy::from_fraction),
                training_time: Some(Seconds(f64::from(epochs))),
            };
            let told = answers.averaged(&Proposal { cell: all[cell], epochs: Epochs(epochs) }, measurement);
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
        let (all, asked) = (cells(), Asked::default());
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
