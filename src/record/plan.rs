//! The tasks of a recording and their order.

use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use super::Error;
use crate::space::{Cell, ModuleHash};
use crate::table::{Benchmark, Key};
use crate::train::available_memory;
use crate::unit::{Epochs, Flops, Seed};

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
    /// The operations, evaluations included.
    pub work: Flops,
}

impl Task {
    /// Returns the key of the row that this task will make.
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

/// The order in which tasks are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The most expensive first, so that no worker is left alone with a long training at the end.
    #[default]
    Cost,
    /// By the hashes of the cells: one cell after the other is complete.
    Hash,
    /// By chance, so that what is there at any time is a sample of the whole. Always the same order.
    Random,
}

/// Every order.
pub const ORDERS: &[Order] = &[Order::Cost, Order::Hash, Order::Random];

impl Order {
    /// Returns the name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Hash => "hash",
            Self::Random => "random",
        }
    }

    /// Puts tasks into this order; equal ones stay in theirs.
    pub fn arrange(self, tasks: &mut [Task]) {
        match self {
            Self::Cost => tasks.sort_by_key(|task| Reverse(task.work.0)),
            Self::Hash => tasks.sort_by_key(|task| task.hash),
            // A seed is a hash of all that makes a task.
            Self::Random => tasks.sort_by_key(|task| task.seed.0),
        }
    }
}

/// Returns an error if a plan of these numbers of cells, budgets and repeats does not fit into the memory.
///
/// # Errors
///
/// [`Error::TooManyModels`] with the figures; where the system does not say what is available, none is refused.
pub fn check_size(cells: usize, budgets: usize, repeats: usize) -> Result<(), Error> {
    let models = (cells as u64).saturating_mul(budgets as u64).saturating_mul(repeats as u64);
    let needed = models.saturating_mul(size_of::<Task>() as u64);
    match available_memory() {
        Some(available) if needed > available => Err(Error::TooManyModels { models, needed, available }),
        _ => Ok(()),
    }
}

/// Lists every cell at every budget in every repeat, in the order [`Order::Cost`]. Equal costs are ordered by key. Of isomorphic
/// cells their [`representative`](Cell::representative) is trained, once.
///
/// `work` is asked once for each cell and budget.
pub fn plan(
    benchmark: &Benchmark,
    cells: &[Cell],
    budgets: &[Epochs],
    repeats: Range<u16>,
    work: impl Fn(&Cell, Epochs) -> Flops,
) -> Vec<Task> {
    let mut models: Vec<_> = Cell::hashes(cells).into_iter().zip(cells.iter().map(Cell::representative)).collect();
    models.sort_by_key(|(hash, _)| *hash);
    models.dedup_by_key(|(hash, _)| *hash);
    let mut budgets = budgets.to_vec();
    budgets.sort_unstable();
    budgets.dedup();
    let mut tasks = Vec::with_capacity(models.len() * budgets.len() * repeats.len());
    for (hash, cell) in models {
        for &epochs in &budgets {
            let work = work(&cell, epochs);
            let seed = |repeat| benchmark.training_seed(hash, epochs, repeat);
            tasks.extend(repeats.clone().map(|repeat| Task { cell, hash, epochs, repeat, seed: seed(repeat), work }));
        }
    }
    Order::Cost.arrange(&mut tasks);
    tasks
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::record::fixture;
    use crate::space::Operation::{Conv1x1, Conv3x3};
    use crate::space::{Space, Spec};

    #[test]
    fn a_plan_that_does_not_fit_into_the_memory_is_refused_with_its_size() {
        assert!(check_size(2_532, 3, 3).is_ok());
        if available_memory().is_some() {
            let message = check_size(423_624, 65_535, 65_535).unwrap_err().to_string();
            assert!(message.starts_with("a plan of 1819395700979400 models takes ") && message.contains("\nhint: "), "{message}");
        }
    }

    #[test]
    fn everything_is_planned_once_and_the_most_expensive_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let cost = |cell: &Cell, epochs: Epochs| Flops(u64::from(epochs.0) * u64::try_from(cell.edge_count()).unwrap());
        let tasks = plan(&benchmark, &cells, &[Epochs(1), Epochs(2)], 0..3, cost);
        assert_eq!(tasks.len(), 7 * 2 * 3);
        let mut keys: Vec<_> = tasks.iter().map(Task::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), tasks.len());
        assert!(tasks.is_sorted_by(|one, next| cost(&one.cell, one.epochs) >= cost(&next.cell, next.epochs)));
        assert!(tasks.iter().all(|task| task.work == cost(&task.cell, task.epochs)));
        let task = tasks[5];
        assert_eq!(task.seed, benchmark.training_seed(task.cell.hash(), task.epochs, task.repeat));
    }

    #[test]
    fn an_order_moves_tasks_and_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = fixture::tasks(&fixture::benchmark(folder.path()), 3);
        let arranged = |order: Order| {
            let mut arranged = tasks.clone();
            order.arrange(&mut arranged);
            assert_eq!(arranged.iter().collect::<HashSet<_>>(), tasks.iter().collect::<HashSet<_>>());
            arranged
        };
        assert_eq!(arranged(Order::Cost), tasks);
        assert!(arranged(Order::Hash).is_sorted_by_key(|task| task.hash));
        assert!(!arranged(Order::Random).is_sorted_by_key(|task| task.hash));
        assert_eq!(arranged(Order::Random), arranged(Order::Random));
    }

    #[test]
    fn isomorphic_cells_and_budgets_given_twice_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let cells = [[Conv3x3, Conv1x1], [Conv1x1, Conv3x3]].map(|pair| Spec::from_bits(0b11_0011, &pair).prune().unwrap());
        assert_ne!(cells[0], cells[1]);
        let tasks = plan(&benchmark, &cells, &[Epochs(1), Epochs(1)], 0..1, |_, _| Flops(1));
        assert_eq!(tasks.iter().map(|task| task.cell).collect::<Vec<_>>(), [cells[0]]);
    }
}
