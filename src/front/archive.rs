//! An archive of points that do not dominate each other.

use super::dominates;

/// The points that no other one of those met dominates, each with what it belongs to. Of equal points the first one stays.
#[derive(Clone, Debug)]
pub struct Archive<T>(Vec<(Vec<f64>, T)>);

impl<T> Default for Archive<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Archive<T> {
    /// Adds a point; returns whether the archive changed.
    ///
    /// # Panics
    ///
    /// Panics if the point has another length than those before.
    pub fn insert(&mut self, point: Vec<f64>, of: T) -> bool {
        if self.0.iter().any(|(other, _)| *other == point || dominates(other, &point)) {
            return false;
        }
        self.0.retain(|(other, _)| !dominates(&point, other));
        self.0.push((point, of));
        true
    }

    /// Returns the points with what they belong to, in the order in which they were added.
    #[must_use]
    pub fn points(&self) -> &[(Vec<f64>, T)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dominated_leaves_and_equals_stay_out() {
        let mut archive = Archive::default();
        let changes =
            [[2.0, 2.0], [2.0, 2.0], [1.0, 3.0], [3.0, 3.0], [1.0, 1.0]].map(|point| archive.insert(point.into(), point));
        assert_eq!(changes, [true, false, true, false, true]);
        assert_eq!(archive.points(), [(vec![1.0, 1.0], [1.0, 1.0])]);
    }
}
