//! Evolution for several objectives, generic over what evolves.
//!
//! An algorithm consists of three pieces that are separate: how solutions are drawn and varied ([`Variation`]), who becomes a
//! parent and who survives ([`survival`]), and the [`Algorithm`] that puts them together, in a file of `algorithm/`. [`Evolver`] hands
//! the batches of an algorithm out in the amounts that the budget has room for.

mod cells;
mod evolver;
pub(super) mod front;
pub(super) mod individual;
pub(super) mod mating;
pub(super) mod options;
pub(super) mod survival;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod variation;

pub(super) use cells::start;
pub(super) use evolver::{Algorithm, Evolver};
pub(super) use individual::{Individual, domination_ranks};
pub(super) use variation::{Flight, Genome, Neighbourhood, Pull, Variation};

pub(super) use super::count;
