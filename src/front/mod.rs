//! Pareto fronts: sorting by dominance, quality indicators, decompositions, and what a front tells.
//!
//! All objectives are minimised. A point is anything that is an `[f64]` of one length, the number of objectives; its values
//! are finite. Functions of sets of points return an [`Error`] for a set that breaks this. Functions of one point, which inner
//! loops call, panic if two lengths differ, and do not look for NaN or infinities.
//!
//! A new indicator or decomposition is one function, with its source in its documentation.
//!
//! # Example
//!
//! ```
//! use nasbench::front::{hypervolume, non_dominated};
//!
//! let points = [[1.0, 3.0], [2.0, 2.0], [3.0, 3.0]];
//! assert_eq!(non_dominated(&points)?, [0, 1]);
//! assert_eq!(hypervolume(&points, &[4.0, 4.0])?, 5.0);
//! # Ok::<(), nasbench::front::Error>(())
//! ```

mod archive;
mod attainment;
mod crowding;
mod decomposition;
mod dominance;
mod error;
mod hypervolume;
mod indicator;
mod knee;
mod monte_carlo;
mod normalisation;
mod staircase;
mod supported;

pub use archive::Archive;
pub use attainment::attainment;
pub use crowding::crowding;
pub use decomposition::{das_dennis, penalty_boundary_intersection, tchebycheff, weighted_sum};
pub use dominance::{dominates, fronts, non_dominated};
pub use error::Error;
pub use hypervolume::{MAX_EXACT_OBJECTIVES, check_reference, exclusive_contributions, hypervolume};
pub use indicator::{additive_epsilon, inverted_generational_distance, inverted_generational_distance_plus};
pub use knee::knee;
pub use monte_carlo::SampledHypervolume;
pub use normalisation::Normalisation;
pub use supported::supported;
