//! Ranges that options of several algorithms share.

use crate::search::{Error, check_option};

/// Returns an error unless a size, such as that of a population, is in the range of all of them.
pub(crate) fn check_size(algorithm: &'static str, option: &'static str, found: usize) -> Result<(), Error> {
    check_option(algorithm, option, &found, (2..=1_000_000).contains(&found), "2 to 1000000")
}

/// Returns an error unless a number is a probability.
pub(crate) fn check_probability(algorithm: &'static str, option: &'static str, found: f64) -> Result<(), Error> {
    check_option(algorithm, option, &found, (0.0..=1.0).contains(&found), "0 to 1")
}
