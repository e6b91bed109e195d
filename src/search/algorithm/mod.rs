//! The algorithms, one file each.

mod random;
mod regularized_evolution;

use super::Entry;

/// Every algorithm.
pub const ALGORITHMS: &[Entry] = &[random::ENTRY, regularized_evolution::ENTRY];
