//! The archive of the cells that a search has asked about, so that a model-based one asks about new ones only.

use rustc_hash::FxHashSet;

use super::SearchRng;
use super::pool::Region;
use crate::space::{Sampler, Spec};

/// The number of draws of cells that were seen after which there is nothing new to draw.
const MOST_DRAWS: usize = 10_000;

/// The cells seen, by their fingerprints.
#[derive(Debug, Default)]
pub(super) struct Archive(FxHashSet<u64>);

impl Archive {
    /// Adds the cell of a connected spec, and returns whether it is new.
    pub(super) fn insert(&mut self, spec: Spec) -> bool {
        spec.prune().is_ok_and(|cell| self.0.insert(cell.fingerprint()))
    }

    /// Returns whether the cell of a spec was seen.
    pub(super) fn contains(&self, spec: Spec) -> bool {
        spec.prune().is_ok_and(|cell| self.0.contains(&cell.fingerprint()))
    }

    /// Draws a cell that was not seen, and from now on was; `None` if the space seems to have no other.
    pub(super) fn draw(&mut self, region: &Region, sampler: Sampler, rng: &mut SearchRng) -> Option<Spec> {
        region.draw_new(sampler, MOST_DRAWS, rng, |spec| self.insert(spec))
    }
}
