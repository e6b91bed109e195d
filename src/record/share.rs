//! The share of the tasks that a process takes when several record one benchmark.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::space::ModuleHash;

/// The name of all cells, whose share has no name in a file.
const WHOLE: &str = "all";

/// One of several equal shares of the cells: those whose hash falls to it. Every task of a cell is in one share.
///
/// Printed and read as `3/256`: the fourth of 256 shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share {
    index: u32,
    of: u32,
}

impl Share {
    /// All cells.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// One of several shares; `None` unless `index` is below `of`.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Option<Self> {
        if index < of { Some(Self { index, of }) } else { None }
    }

    /// Returns whether a cell is in the share.
    #[must_use]
    pub fn holds(&self, hash: &ModuleHash) -> bool {
        u128::from_le_bytes(hash.to_bytes()) % u128::from(self.of) == u128::from(self.index)
    }

    /// Returns whether some cell can be in both shares.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        // Remainders that agree modulo the greatest common divisor have a common number.
        let common = greatest_common_divisor(self.of, other.of);
        self.index % common == other.index % common
    }

    /// Returns the share as a part of a file name: `3-of-256`, and nothing for all cells.
    pub(super) fn file_name(&self) -> Option<String> {
        (*self != Self::WHOLE).then(|| format!("{}-of-{}", self.index, self.of))
    }

    /// Returns the name of the files by which a recorder shows itself, without their extension.
    pub(super) fn stem(&self) -> String {
        self.file_name().unwrap_or_else(|| WHOLE.to_owned())
    }

    /// Reads [`stem`](Self::stem) back.
    pub(super) fn from_stem(name: &str) -> Option<Self> {
        if name == WHOLE { Some(Self::WHOLE) } else { Self::from_file_name(name) }
    }

    /// Reads [`file_name`](Self::file_name) back.
    pub(super) fn from_file_name(name: &str) -> Option<Self> {
        let (index, of) = name.split_once("-of-")?;
        Self::new(index.parse().ok()?, of.parse().ok()?)
    }
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let share = numbers.and_then(|(index, of)| Self::new(index, of));
        share.ok_or_else(|| format!("`{text}` is no share: expected `K/N` with K from 0 to N − 1, as in `3/256`"))
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    #[test]
    fn every_cell_is_in_one_share() {
        let cells = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let shares: Vec<_> = (0..7).filter_map(|index| Share::new(index, 7)).collect();
        let mut counts = [0; 7];
        for cell in &cells {
            let hash = cell.hash();
            let holders: Vec<_> = (0..7).filter(|index| shares[*index].holds(&hash)).collect();
            assert_eq!(holders.len(), 1);
            counts[holders[0]] += 1;
            assert!(Share::WHOLE.holds(&hash));
        }
        // 2,532 cells: 362 each, with a standard deviation of 18.
        assert!(counts.iter().all(|count| (290..435).contains(count)), "{counts:?}");
    }

    #[test]
    fn shares_overlap_if_a_number_can_be_in_both() {
        for (a, b) in (1..7_u32).flat_map(|a| (1..7_u32).map(move |b| (a, b))) {
            for (i, j) in (0..a).flat_map(|i| (0..b).map(move |j| (i, j))) {
                let expected = (0..a * b).any(|number| number % a == i && number % b == j);
                assert_eq!(Share::new(i, a).unwrap().overlaps(&Share::new(j, b).unwrap()), expected, "{i}/{a} and {j}/{b}");
            }
        }
    }

    #[test]
    fn a_share_reads_back_and_nonsense_is_refused() {
        let share: Share = "3/256".parse().unwrap();
        assert_eq!((share.to_string().as_str(), share.file_name().as_deref()), ("3/256", Some("3-of-256")));
        assert_eq!(Share::from_file_name("3-of-256"), Some(share));
        for text in ["", "3", "3/", "/3", "3/3", "-1/3", "0/0", "1/2/3", "a/b"] {
            let message = text.parse::<Share>().unwrap_err();
            assert!(message.starts_with(&format!("`{text}` is no share: expected `K/N`")), "{message}");
        }
    }
}
