//! Counts of the draws that a search could not propose.

use serde::{Deserialize, Serialize};

/// Counts of the draws that a search could not propose: cells outside the pool, or that were not to be asked for twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redraws {
    /// The draws outside the pool, which were repeated.
    pub outside: u64,
    /// The draws of cells that had been asked for, which were repeated. The default is not written down: runs of before are those of
    /// today.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// How often any other cell was taken, as every draw had been one of these.
    pub uniform: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl std::ops::AddAssign for Redraws {
    fn add_assign(&mut self, other: Self) {
        self.outside += other.outside;
        self.duplicates += other.duplicates;
        self.uniform += other.uniform;
    }
}
