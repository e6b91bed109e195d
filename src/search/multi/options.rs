//! The error of an option that is not in its valid range.

use std::fmt;

/// An option that is not in its valid range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidOption {
    /// The option.
    pub(crate) option: &'static str,
    /// Its value.
    pub(crate) found: String,
    /// The valid range.
    pub(crate) expected: &'static str,
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, found, expected } = self;
        write!(formatter, "{option} = {found}, expected {expected}")
    }
}

impl std::error::Error for InvalidOption {}

/// Returns an error unless an option is in its valid range.
pub(crate) fn check(
    option: &'static str,
    found: &impl ToString,
    is_valid: bool,
    expected: &'static str,
) -> Result<(), InvalidOption> {
    if is_valid { Ok(()) } else { Err(InvalidOption { option, found: found.to_string(), expected }) }
}

/// Returns an error unless a size, such as that of a population, is in the range of all of them.
pub(crate) fn check_size(option: &'static str, found: usize) -> Result<(), InvalidOption> {
    check(option, &found, (2..=1_000_000).contains(&found), "2 to 1000000")
}

/// Returns an error unless a number is a probability.
pub(crate) fn check_probability(option: &'static str, found: f64) -> Result<(), InvalidOption> {
    check(option, &found, (0.0..=1.0).contains(&found), "0 to 1")
}
