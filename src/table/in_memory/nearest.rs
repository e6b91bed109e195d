//! The recorded cells that are most like one that was not recorded.

use rayon::prelude::*;

use super::Table;
use crate::space::{Cell, distance};

impl Table {
    /// Finds at most `most` cells with the smallest edit distance to a cell, the nearest first, of equals that with the lower
    /// hash.
    ///
    /// Every recorded cell is compared, on all cores: about half a second for 423,624 cells.
    ///
    /// # Shapes
    ///
    /// - returns: an index and the number of edits, as [`distance`] counts them, of each
    #[must_use]
    pub fn nearest(&self, cell: &Cell, most: usize) -> Vec<(usize, usize)> {
        let compared = self.cells.par_iter().enumerate().map(|(index, other)| (index, distance(cell, other)));
        let mut compared: Vec<_> = compared.collect();
        let key = |(index, edits): &(usize, usize)| (*edits, *index);
        if most < compared.len() {
            compared.select_nth_unstable_by_key(most, key);
            compared.truncate(most);
        }
        compared.sort_unstable_by_key(key);
        compared
    }
}
