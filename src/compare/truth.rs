//! What a search must not see: how good cells truly are.

use rayon::prelude::*;
use serde::Serialize;

use super::Error;
use crate::space::{Cell, Space};
use crate::statistics::{number, spearman};
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

    /// How well each budget tells the larger ones; nothing if that is not known.
    fn agreements(&self, budgets: &[Epochs]) -> Vec<Agreement> {
        let _ = budgets;
        Vec::new()
    }
}

impl<T: Truth> Truth for &T {
    fn worth(&self, cell: &Cell) -> Option<f64> {
        (*self).worth(cell)
    }

    fn best(&self) -> f64 {
        (*self).best()
    }

    fn threshold(&self, share: f64) -> f64 {
        (*self).threshold(share)
    }

    fn agreements(&self, budgets: &[Epochs]) -> Vec<Agreement> {
        (*self).agreements(budgets)
    }
}

/// How well the validation accuracies of a small budget rank the cells of a larger one: what a search of many budgets relies on.
///
/// The best cells are those of the larger budget. Spearman's rank correlations, of the means over all repeats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// The smaller budget.
    pub smaller: Epochs,
    /// The larger budget.
    pub larger: Epochs,
    /// How many cells have both.
    pub cells: usize,
    /// Over all of them.
    pub of_all: Option<f64>,
    /// Among the best 10 %.
    pub of_best_tenth: Option<f64>,
    /// Among the best 1 %.
    pub of_best_hundredth: Option<f64>,
}

impl Agreement {
    /// Compares two budgets by what their cells reached, NaN where they reached nothing.
    ///
    /// # Panics
    ///
    /// Panics if the lists differ in length.
    fn between([smaller, larger]: [Epochs; 2], before: &[f64], after: &[f64]) -> Self {
        assert_eq!(before.len(), after.len(), "both lists have all cells");
        let mut pairs: Vec<_> = before.iter().copied().zip(after.iter().copied()).collect();
        pairs.retain(|(before, after)| before.is_finite() && after.is_finite());
        pairs.sort_by(|one, other| other.1.total_cmp(&one.1));
        let among = |parts: usize| {
            let (before, after): (Vec<_>, Vec<_>) = pairs[..pairs.len().div_ceil(parts)].iter().copied().unzip();
            spearman(&before, &after)
        };
        let [of_all, of_best_tenth, of_best_hundredth] = [1, 10, 100].map(among);
        Self { smaller, larger, cells: pairs.len(), of_all, of_best_tenth, of_best_hundredth }
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

    fn agreements(&self, budgets: &[Epochs]) -> Vec<Agreement> {
        let reached = |index: usize, epochs: Epochs| {
            let mean = self.table.answer(index, epochs, Repeat::Mean).ok()?;
            Some(f64::from(mean.end.validation_accuracy?.fraction()))
        };
        let known: Vec<usize> = (0..self.worth.len()).filter(|index| self.worth[*index].is_some()).collect();
        let of_budget =
            |epochs: &Epochs| known.par_iter().map(|index| reached(*index, *epochs).unwrap_or(f64::NAN)).collect::<Vec<_>>();
        let values: Vec<Vec<f64>> = budgets.iter().map(of_budget).collect();
        let pairs = (0..budgets.len()).flat_map(|larger| (0..larger).map(move |smaller| [smaller, larger]));
        pairs.map(|pair| Agreement::between(pair.map(|place| budgets[place]), &values[pair[0]], &values[pair[1]])).collect()
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
    fn budgets_are_compared_over_all_cells_and_among_the_best() {
        let cells: Vec<f64> = (0..1_000_u16).map(f64::from).collect();
        let none = [f64::NAN; 5];
        // The best tenth is turned around, and of it the best hundredth of all again.
        let shuffled = |cell: &f64| if *cell < 900.0 { *cell } else { 1_899.0 - cell };
        let before = [cells.iter().map(shuffled).collect::<Vec<_>>(), none.to_vec()].concat();
        let after = [cells, none.to_vec()].concat();
        let budgets = [Epochs(4), Epochs(108)];
        let found = Agreement::between(budgets, &before, &after);
        assert_eq!((found.smaller, found.larger, found.cells), (budgets[0], budgets[1], 1_000));
        // Two ranks that change places by d each way cost 6 Σ d² / (n³ − n).
        let squares: f64 = (0..100_u8).map(|place| (99.0 - 2.0 * f64::from(place)).powi(2)).sum();
        assert!((found.of_all.unwrap() - (1.0 - 6.0 * squares / (1e9 - 1e3))).abs() < 1e-9);
        assert!((found.of_best_tenth.unwrap() + 1.0).abs() < 1e-9 && (found.of_best_hundredth.unwrap() + 1.0).abs() < 1e-9);

        let (table, cells) = fixture::table();
        let truth = TableTruth::new(&table, &fixture::space(), Epochs(108)).unwrap();
        let found = truth.agreements(&[Epochs(4), Epochs(12), Epochs(108)]);
        let budgets: Vec<_> = found.iter().map(|one| (one.smaller.0, one.larger.0, one.cells)).collect();
        assert_eq!(budgets, [(4, 12, cells.len()), (4, 108, cells.len()), (12, 108, cells.len())]);
        // The toy table has the same accuracies at every budget.
        assert!(found.iter().all(|one| (one.of_all.unwrap() - 1.0).abs() < 1e-9));
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
