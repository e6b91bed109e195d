//! What a search must not see: how good cells truly are.

use rayon::prelude::*;

use super::Error;
use crate::space::{Cell, Space};
use crate::statistics::number;
use crate::table::{Repeat, Table};
use crate::unit::Epochs;

/// Knows how good cells truly are. Only comparisons, verification and reports ask it.
pub trait Truth: Sync {
    /// What a cell is worth, larger being better: its mean test accuracy, as a fraction. `None` if it is not known, or every
    /// training diverged.
    fn worth(&self, cell: &Cell) -> Option<f64>;

    /// What the best cell is worth.
    fn best(&self) -> f64;

    /// What the least of the best cells is worth, those being a share of all cells: at least one.
    fn threshold(&self, share: f64) -> f64;

    /// How far a cell is from the best one: 0 is the best, and a cell of unknown worth is worth nothing.
    fn regret(&self, cell: &Cell) -> f64 {
        self.best() - self.worth(cell).unwrap_or(0.0)
    }
}

/// The truth of a table: means over all repeats at one budget, of the cells of a space.
///
/// # Source
///
/// Ying et al., ICML 2019, section 5: the regret of a search is that of the mean test accuracy, over the repeats, of the cell
/// with the best validation accuracy seen.
#[derive(Debug)]
pub struct TableTruth<'a> {
    table: &'a Table,
    /// By the index of the cell.
    worth: Vec<Option<f64>>,
    /// Of the cells in the space that are worth anything, descending.
    sorted: Vec<f64>,
}

impl<'a> TableTruth<'a> {
    /// Takes the means of all cells that a search of the space can find.
    ///
    /// # Errors
    ///
    /// [`Error::NoTruth`] if no cell of the space has a test accuracy at this budget.
    pub fn new(table: &'a Table, space: &Space, epochs: Epochs) -> Result<Self, Error> {
        let mean_of = |(index, cell): (usize, &Cell)| {
            space.check(*cell).ok()?;
            let mean = table.answer(index, epochs, Repeat::Mean).ok()?;
            Some(f64::from(mean.end.test_accuracy?.fraction()))
        };
        let worth: Vec<_> = table.cells().par_iter().enumerate().map(mean_of).collect();
        let mut sorted: Vec<f64> = worth.iter().copied().flatten().collect();
        sorted.par_sort_unstable_by(|a, b| b.total_cmp(a));
        // The index of cells is made when the first one is asked for, by all threads: if searches already filled them, one
        // could wait for itself.
        let _ = table.cells().first().map(|cell| table.index_of(cell));
        if sorted.is_empty() { Err(Error::NoTruth { epochs }) } else { Ok(Self { table, worth, sorted }) }
    }
}

impl Truth for TableTruth<'_> {
    fn worth(&self, cell: &Cell) -> Option<f64> {
        self.worth[self.table.index_of(cell)?]
    }

    fn best(&self) -> f64 {
        self.sorted[0]
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, clamped to it")]
    fn threshold(&self, share: f64) -> f64 {
        let count = (share * number(self.sorted.len())).ceil() as usize;
        self.sorted[count.clamp(1, self.sorted.len()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture;

    #[test]
    fn the_truth_is_the_mean_test_accuracy_of_what_can_be_found() {
        let (table, cells) = fixture::table();
        let space = fixture::space();
        let truth = TableTruth::new(&table, &space, Epochs(108)).unwrap();
        let best = cells.iter().map(|cell| truth.worth(cell).unwrap()).fold(0.0, f64::max);
        assert!((truth.best() - best).abs() < 1e-12);
        for cell in &cells {
            let answer = table.query(cell, Epochs(108), Repeat::Mean).unwrap();
            let mean = f64::from(answer.end.test_accuracy.unwrap().fraction());
            assert!((truth.worth(cell).unwrap() - mean).abs() < 1e-12);
            assert!((truth.regret(cell) - (best - mean)).abs() < 1e-12);
        }
        let smaller = space.with_max_vertices(3).unwrap();
        let truth = TableTruth::new(&table, &smaller, Epochs(108)).unwrap();
        assert_eq!(cells.iter().filter(|cell| truth.worth(cell).is_some()).count(), smaller.cells().unwrap().len());
        assert!(matches!(TableTruth::new(&table, &space, Epochs(7)), Err(Error::NoTruth { epochs: Epochs(7) })));
    }

    #[test]
    fn a_share_of_the_cells_is_at_least_one() {
        let (table, cells) = fixture::table();
        let truth = TableTruth::new(&table, &fixture::space(), Epochs(108)).unwrap();
        assert!((truth.threshold(0.0) - truth.best()).abs() < 1e-12);
        assert!((truth.threshold(1e-9) - truth.best()).abs() < 1e-12);
        let better = |threshold: f64| cells.iter().filter(|cell| truth.worth(cell).unwrap() >= threshold).count();
        assert!(better(truth.threshold(0.1)) >= 10 && better(truth.threshold(1.0)) == cells.len());
    }
}
