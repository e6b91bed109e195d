//! The staircase that mutually non-dominated points in two dimensions make.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Non-dominated points in two dimensions: x ascending, y descending.
#[derive(Default)]
pub(super) struct Staircase {
    steps: BTreeMap<Coordinate, f64>,
}

/// A finite number as a key of a map. Both zeros must be given as the same one.
#[derive(Clone, Copy)]
struct Coordinate(f64);

impl Staircase {
    /// Returns whether a step is at most `x` and at most `y`.
    pub(super) fn covers(&self, x: f64, y: f64) -> bool {
        self.steps.range(..=Coordinate(x)).next_back().is_some_and(|(_, height)| *height <= y)
    }

    /// Adds a step that is not covered, removes the steps it covers, and returns the area it adds.
    ///
    /// The area is that between the steps and the origin, and has a meaning only if all steps are negative in x and y.
    pub(super) fn add(&mut self, x: f64, y: f64) -> f64 {
        let mut left = x;
        let mut top = self.steps.range(..Coordinate(x)).next_back().map_or(0.0, |(_, height)| *height);
        let mut area = 0.0;
        loop {
            let next = self.steps.range(Coordinate(x)..).next().map(|(step, height)| (*step, *height));
            area += (next.map_or(0.0, |(step, _)| step.0) - left) * (top - y);
            match next {
                Some((step, height)) if height >= y => {
                    self.steps.remove(&step);
                    (left, top) = (step.0, height);
                }
                _ => break,
            }
        }
        self.steps.insert(Coordinate(x), y);
        area
    }
}

impl Ord for Coordinate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Coordinate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Coordinate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Coordinate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_removes_those_it_covers_and_adds_the_difference() {
        let mut stairs = Staircase::default();
        let mut areas = Vec::new();
        for (x, y) in [(-3.0, -1.0), (-1.0, -3.0), (-2.0, -2.0), (-3.0, -2.0)] {
            assert!(!stairs.covers(x, y));
            areas.push(stairs.add(x, y));
        }
        assert_eq!(areas, [3.0, 2.0, 1.0, 1.0]);
        assert_eq!(stairs.steps.len(), 2);
        assert!(stairs.covers(-3.0, -2.0) && stairs.covers(-1.0, -2.5) && !stairs.covers(-1.5, -2.5));
    }
}
