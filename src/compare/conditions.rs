//! What all runs of a comparison have in common.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::search::{Duplicates, Returns};
use crate::unit::Seed;

/// What all runs of a file have in common. Prints in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Conditions {
    /// As it is typed.
    pub(super) budget: String,
    pub(super) seed: Seed,
    pub(super) tool_version: String,
    /// The default is not written down: files of before this rule are those of today.
    #[serde(default, skip_serializing_if = "Duplicates::is_published")]
    pub(super) duplicates: Duplicates,
    #[serde(default, skip_serializing_if = "Returns::is_best_seen")]
    pub(super) returns: Returns,
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a budget of {}, seed {} and version {}", self.budget, self.seed, self.tool_version)?;
        if !self.duplicates.is_published() {
            write!(f, " and duplicates {}", self.duplicates)?;
        }
        if self.returns.is_best_seen() { Ok(()) } else { write!(f, " and returns {}", self.returns) }
    }
}
