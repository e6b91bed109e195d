//! The algorithms, one file each.

mod bananas;
mod bohb;
mod genetic;
mod hyperband;
mod largest_first;
mod local_search;
mod non_regularized_evolution;
mod pnas;
mod random;
mod regularized_evolution;
mod reinforce;
#[cfg(feature = "classic-ml")]
mod screened_evolution;
mod smac;
mod successive_halving;
mod tpe;

use super::Entry;

/// Every algorithm.
pub const ALGORITHMS: &[Entry] = &[
    random::ENTRY,
    largest_first::ENTRY,
    regularized_evolution::ENTRY,
    non_regularized_evolution::ENTRY,
    genetic::ENTRY,
    local_search::ENTRY,
    reinforce::ENTRY,
    successive_halving::ENTRY,
    hyperband::ENTRY,
    tpe::ENTRY,
    bohb::ENTRY,
    smac::ENTRY,
    bananas::ENTRY,
    pnas::ENTRY,
    #[cfg(feature = "classic-ml")]
    screened_evolution::ENTRY,
];
