//! The algorithms, one file each.

pub(super) mod ant_colony;
mod bananas;
pub(super) mod bee_colony;
mod bohb;
mod epsilon_constraint;
mod genetic;
mod hyperband;
pub(super) mod ibea;
mod largest_first;
mod lexicographic;
mod local_search;
pub(super) mod moead;
pub(super) mod moga;
pub(super) mod mopso;
mod non_regularized_evolution;
pub(super) mod nsga2;
pub(super) mod nsga3;
pub(super) mod pareto_local_search;
pub(super) mod pesa2;
mod pnas;
mod random;
mod regularized_evolution;
mod reinforce;
#[cfg(feature = "classic-ml")]
mod screened_evolution;
mod smac;
mod successive_halving;
mod surrogate_led;
mod tpe;
mod weighted_sum;

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
    nsga2::ENTRY,
    nsga3::ENTRY,
    moead::ENTRY,
    ibea::ENTRY,
    pesa2::ENTRY,
    moga::ENTRY,
    mopso::ENTRY,
    ant_colony::ENTRY,
    bee_colony::ENTRY,
    pareto_local_search::ENTRY,
    weighted_sum::ENTRY,
    epsilon_constraint::ENTRY,
    lexicographic::ENTRY,
    surrogate_led::ENTRY,
];
