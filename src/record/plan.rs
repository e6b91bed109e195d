//! What is to be trained, and in which order.

use std::fmt;
use std::ops::Range;

use crate::space::{Cell, ModuleHash};
use crate::table::{Benchmark, Key};
use crate::unit::{Epochs, Seed};

/// One model to be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// The cell.
    pub cell: Cell,
    /// Its hash.
    pub hash: ModuleHash,
    /// The training budget.
    pub epochs: Epochs,
    /// The repeat, from 0.
    pub repeat: u16,
    /// The seed of this training, of which all its random numbers come.
    pub seed: Seed,
}

impl Task {
    /// The key of the row that this task will make.
    #[must_use]
    pub const fn key(&self) -> Key {
        Key { hash: self.hash, epochs: self.epochs, repeat: self.repeat }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}

/// Lists every cell at every budget in every repeat, the most expensive first, so that no worker is left alone with a long
/// training at the end. Equal costs are ordered by key; of isomorphic cells the first is taken.
///
/// `cost` is in any unit; it is asked once for each cell and budget.
pub fn plan(
    benchmark: &Benchmark,
    cells: &[Cell],
    budgets: &[Epochs],
    repeats: Range<u16>,
    cost: impl Fn(&Cell, Epochs) -> f64,
) -> Vec<Task> {
    let mut models: Vec<_> = cells.iter().map(|cell| (cell.hash(), *cell)).collect();
    models.sort_by_key(|(hash, _)| *hash);
    models.dedup_by_key(|(hash, _)| *hash);
    let mut budgets = budgets.to_vec();
    budgets.sort_unstable();
    budgets.dedup();
    let mut costs: Vec<_> = models
        .iter()
        .flat_map(|(hash, cell)| budgets.iter().map(|epochs| (cost(cell, *epochs), *hash, *cell, *epochs)))
        .collect();
    costs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let task = |(_, hash, cell, epochs), repeat| {
        let seed = benchmark.training_seed(hash, epochs, repeat);
        Task { cell, hash, epochs, repeat, seed }
    };
    costs.into_iter().flat_map(|costed| repeats.clone().map(move |repeat| task(costed, repeat))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::space::Operation::{Conv1x1, Conv3x3};
    use crate::space::{Space, Spec};

    #[test]
    fn everything_is_planned_once_and_the_most_expensive_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let cost = |cell: &Cell, epochs: Epochs| f64::from(epochs.0) * f64::from(u8::try_from(cell.edge_count()).unwrap());
        let tasks = plan(&benchmark, &cells, &[Epochs(1), Epochs(2)], 0..3, cost);
        assert_eq!(tasks.len(), 7 * 2 * 3);
        let mut keys: Vec<_> = tasks.iter().map(Task::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), tasks.len());
        assert!(tasks.is_sorted_by(|one, next| cost(&one.cell, one.epochs) >= cost(&next.cell, next.epochs)));
        let task = tasks[5];
        assert_eq!(task.seed, benchmark.training_seed(task.cell.hash(), task.epochs, task.repeat));
    }

    #[test]
    fn isomorphic_cells_and_budgets_given_twice_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let cells = [[Conv3x3, Conv1x1], [Conv1x1, Conv3x3]].map(|pair| Spec::from_bits(0b11_0011, &pair).prune().unwrap());
        assert_ne!(cells[0], cells[1]);
        let tasks = plan(&benchmark, &cells, &[Epochs(1), Epochs(1)], 0..1, |_, _| 1.0);
        assert_eq!(tasks.iter().map(|task| task.cell).collect::<Vec<_>>(), [cells[0]]);
    }
}
