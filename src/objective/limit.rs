//! Limits on objectives.

use std::fmt;
use std::str::FromStr;

use super::{Error, Objective, find};
use crate::print;
use crate::space::Architecture;

/// A limit on an objective, as in `parameters<=5000`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is limited.
    pub objective: &'static Objective,
    /// Whether the bound is the most that is allowed, or the least.
    pub is_most: bool,
    /// The bound, in the unit of the objective.
    pub bound: f64,
}

impl Limit {
    /// Returns by how much a value breaks the limit, as a part of the bound; 0 if it keeps it.
    ///
    /// Parts of the bounds, so that limits in different units can be added up. A bound of 0 counts as 1.
    #[must_use]
    pub fn violation(&self, value: f64) -> f64 {
        let beyond = if self.is_most { value - self.bound } else { self.bound - value };
        let size = if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        beyond.max(0.0) / size
    }
}

/// A limit, and a value that breaks it.
#[derive(Clone, Copy, Debug)]
pub struct BrokenLimit {
    /// The limit.
    pub limit: Limit,
    /// The value, in the unit of the objective.
    pub value: f64,
}

/// As in `parameters is 7500, expected parameters<=5000 (50.0 % of the bound too much)`.
impl fmt::Display for BrokenLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, value } = self;
        let (name, far) = (limit.objective.name, if limit.is_most { "too much" } else { "too little" });
        write!(f, "{name} is {}, expected {limit}", print::ten_digits(*value))?;
        // A bound of 0 has no parts.
        if limit.bound == 0.0 { Ok(()) } else { write!(f, " ({:.1} % of the bound {far})", 100.0 * limit.violation(*value)) }
    }
}

/// Says which architecture comes nearest to keeping all limits, and what it breaks.
#[must_use]
pub fn nearest_in_words(architecture: &Architecture, broken: &[BrokenLimit]) -> String {
    let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
    format!(": `{architecture}` comes nearest, where {}", broken.join(" and "))
}

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Limit { found: text.to_owned() };
        let (name, is_most, bound) = match (text.split_once("<="), text.split_once(">=")) {
            (Some((name, bound)), _) => (name, true, bound),
            (_, Some((name, bound))) => (name, false, bound),
            _ => return Err(wrong()),
        };
        let bound: f64 = bound.trim().parse().map_err(|_| wrong())?;
        if !bound.is_finite() {
            return Err(wrong());
        }
        Ok(Self { objective: find(name.trim())?, is_most, bound })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.objective.name, if self.is_most { "<=" } else { ">=" }, self.bound)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers and their halves")]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_tell_how_much_they_are_broken() {
        let limit: Limit = "parameters <= 5e3".parse().unwrap();
        assert_eq!(limit.to_string(), "parameters<=5000");
        assert_eq!([4_000.0, 5_000.0, 7_500.0].map(|value| limit.violation(value)), [0.0, 0.0, 0.5]);
        let limit: Limit = "receptive-field>=20".parse().unwrap();
        assert_eq!([25.0, 15.0].map(|value| limit.violation(value)), [0.0, 0.25]);
        for wrong in ["parameters", "parameters<5", "parameters<=many", "flops<=inf"] {
            let message = wrong.parse::<Limit>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{wrong}` is no limit, expected an objective")), "{message}");
        }
        let message = "size<=3".parse::<Limit>().unwrap_err().to_string();
        assert!(message.starts_with("unknown objective `size` (known: error, training-time, parameters,"), "{message}");
    }
}
