//! Environmental selection: who survives.

mod grid_archive;
mod indicator;
mod rank_and_crowding;
mod reference_directions;

pub(crate) use grid_archive::GridArchive;
pub use indicator::Indicator;
pub(crate) use indicator::{Fitness, IndicatorSettings, select_by_indicator};
pub(crate) use rank_and_crowding::{Standing, select_by_rank_and_crowding, standings};
pub(crate) use reference_directions::{ReferenceDirections, even_directions};

use crate::search::multi::Individual;
use crate::search::multi::individual::pick;

/// Keeps the feasible individuals, a choice of them where they are too many; those with the least violation fill up.
///
/// `choose` gets the feasible ones and returns the indices of as many as are to be kept.
fn select_feasible_first<S>(
    population: Vec<Individual<S>>,
    keep: usize,
    choose: impl FnOnce(&[Individual<S>]) -> Vec<usize>,
) -> Vec<Individual<S>> {
    let (mut feasible, mut infeasible): (Vec<_>, Vec<_>) = population.into_iter().partition(Individual::is_feasible);
    if feasible.len() > keep {
        let chosen = choose(&feasible);
        feasible = pick(feasible, &chosen);
    }
    infeasible.sort_by(|one, other| one.violation.total_cmp(&other.violation));
    infeasible.truncate(keep - feasible.len());
    feasible.append(&mut infeasible);
    feasible
}
