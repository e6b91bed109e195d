//! The functions of fronts for values that are known to be finite and of one length, as those of what candidates are worth are.

use crate::front;

pub(crate) use crate::front::{dominates, penalty_boundary_intersection, tchebycheff};

const FINE: &str = "objectives are finite, and as many for each";

pub(crate) fn fronts<P: AsRef<[f64]>>(points: &[P]) -> Vec<Vec<usize>> {
    front::fronts(points).expect(FINE)
}

pub(crate) fn crowding<P: AsRef<[f64]>>(points: &[P]) -> Vec<f64> {
    front::crowding(points).expect(FINE)
}

pub(crate) fn das_dennis(objectives: usize, divisions: usize) -> Vec<Vec<f64>> {
    let divisions = u32::try_from(divisions).unwrap_or(u32::MAX);
    front::das_dennis(objectives, divisions).expect("no more directions than individuals")
}

#[cfg(test)]
pub(crate) fn hypervolume<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> f64 {
    front::hypervolume(points, reference).expect(FINE)
}
