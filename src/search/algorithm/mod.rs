//! The algorithms, one file each.

pub(super) mod ant_colony;
mod bananas;
pub(super) mod bee_colony;
mod bohb;
mod cma_es;
mod coevolution;
mod controller;
mod differential_evolution;
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
mod nes;
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

/// Lists the algorithms, each with the name of its options.
macro_rules! algorithms {
    ($($(#[$condition:meta])* $file:ident => $options:ident,)+) => {
        /// Every algorithm.
        pub const ALGORITHMS: &[Entry] = &[$($(#[$condition])* $file::ENTRY),+];

        /// The options of each algorithm, with the defaults of its paper. [`Setup::with_options`](super::Setup::with_options) takes them.
        pub mod options {
            $($(#[$condition])* pub use super::$file::Options as $options;)+
            pub use super::values::*;
        }
    };
}

algorithms! {
    random => Random,
    largest_first => LargestFirst,
    regularized_evolution => RegularizedEvolution,
    non_regularized_evolution => NonRegularizedEvolution,
    genetic => Genetic,
    local_search => LocalSearch,
    differential_evolution => DifferentialEvolution,
    cma_es => CmaEs,
    nes => Nes,
    coevolution => Coevolution,
    reinforce => Reinforce,
    controller => Controller,
    successive_halving => SuccessiveHalving,
    hyperband => Hyperband,
    tpe => Tpe,
    bohb => Bohb,
    smac => Smac,
    bananas => Bananas,
    pnas => Pnas,
    #[cfg(feature = "classic-ml")]
    screened_evolution => ScreenedEvolution,
    nsga2 => Nsga2,
    nsga3 => Nsga3,
    moead => MoeaD,
    ibea => Ibea,
    pesa2 => Pesa2,
    moga => Moga,
    mopso => Mopso,
    ant_colony => AntColony,
    bee_colony => BeeColony,
    pareto_local_search => ParetoLocalSearch,
    weighted_sum => WeightedSum,
    epsilon_constraint => EpsilonConstraint,
    lexicographic => Lexicographic,
    surrogate_led => SurrogateLed,
}

/// What options can be.
mod values {
    pub use super::bananas::Exploration;
    pub use super::controller::Method;
    pub use super::genetic::Crossover;
    pub use super::moead::Decomposition;
    #[cfg(feature = "classic-ml")]
    pub use super::screened_evolution::Screening;
    pub use super::tpe::Encoding;
    pub use crate::network::Size;
    pub use crate::search::brackets::Sizes;
    pub use crate::search::multi::survival::Indicator;
}
