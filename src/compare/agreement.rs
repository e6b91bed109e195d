//! How well small budgets of epochs tell the larger ones.

use serde::Serialize;

use crate::statistics::spearman;
use crate::unit::Epochs;

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
    pub(super) fn between([smaller, larger]: [Epochs; 2], before: &[f64], after: &[f64]) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Judging, TableTruth, Truth as _, fixture};

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
        let truth = TableTruth::new(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let found = truth.agreements(&[Epochs(4), Epochs(12), Epochs(108)]);
        let budgets: Vec<_> = found.iter().map(|one| (one.smaller.0, one.larger.0, one.cells)).collect();
        assert_eq!(budgets, [(4, 12, cells.len()), (4, 108, cells.len()), (12, 108, cells.len())]);
        // The toy table has the same accuracies at every budget.
        assert!(found.iter().all(|one| (one.of_all.unwrap() - 1.0).abs() < 1e-9));
    }
}
