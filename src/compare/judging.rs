//! The split of the repeats of a table into those that searches are shown and those that cells are judged by.

use serde::Serialize;

use crate::table::{Repeat, Table};
use crate::unit::Epochs;

/// The repeats of a table that searches are shown at the full budget, and those that cells are judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judging {
    /// Searches are shown the repeats below a number, and cells are judged by the others.
    Unseen {
        /// The first repeat that is not shown.
        shown: u16,
    },
    /// Searches are shown any repeat, and cells are judged by all, the one that was seen among them, as by Ying et al.
    #[default]
    All,
}

impl Judging {
    /// The most repeats that searches are shown while others are left to judge by.
    const MOST_SHOWN: u16 = 2;

    /// Shows two repeats, or one of two, and keeps the others; where some cell has one repeat only, there is nothing to keep.
    #[must_use]
    pub fn unseen(table: &Table, epochs: Epochs) -> Self {
        let has_both = |shown: u16| {
            let mut cells = (0..table.len()).map(|index| table.repeats(index, epochs)).filter(|rows| !rows.is_empty()).peekable();
            let has_any = cells.peek().is_some();
            has_any && cells.all(|rows| rows[0].repeat() < shown && rows.iter().any(|row| row.repeat() >= shown))
        };
        let shown = (1..=Self::MOST_SHOWN).rev().find(|shown| has_both(*shown));
        shown.map_or(Self::All, |shown| Self::Unseen { shown })
    }

    /// What an oracle shows at the full budget: the repeats below a number; `None` for all.
    #[must_use]
    pub const fn shown(self, epochs: Epochs) -> Option<(Epochs, u16)> {
        match self {
            Self::Unseen { shown } => Some((epochs, shown)),
            Self::All => None,
        }
    }

    /// The repeats that cells are judged by.
    pub(super) const fn judged(self) -> Repeat {
        match self {
            Self::Unseen { shown } => Repeat::MeanFrom(shown),
            Self::All => Repeat::Mean,
        }
    }
}
