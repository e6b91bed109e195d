//! Survival by the number of individuals near each of a set of reference directions.

use crate::search::SearchRng;
use rand::RngExt as _;

use super::select_feasible_first;
use crate::search::multi::Individual;
use crate::search::multi::front::{das_dennis, fronts};
use crate::search::multi::individual::bounds;

/// A number that counts as 0 beside the range of an objective.
const TINY: f64 = 1e-6;

/// Returns the largest set of evenly spread directions that has at most `most` of them.
///
/// More than about seven objectives have few of them that are not on the boundary.
///
/// # Shapes
///
/// Returns `[directions][objectives]`: at least one direction for each objective.
///
/// # Source
///
/// Das & Dennis, "Normal-boundary intersection", SIAM Journal on Optimization 8(3), 1998.
#[must_use]
pub(crate) fn even_directions(objectives: usize, most: usize) -> Vec<Vec<f64>> {
    let mut directions = das_dennis(objectives, 1);
    // One objective has one direction, however fine.
    for divisions in (2..).take_while(|_| objectives > 1) {
        // C(divisions + objectives − 1, objectives − 1); each partial product is a whole number.
        let needed = (1..objectives).fold(1, |product, factor| product * (divisions + factor) / factor);
        if needed > most {
            break;
        }
        directions = das_dennis(objectives, divisions);
    }
    directions
}

/// Reference directions, and what is known of the range of the objectives.
///
/// # Source
///
/// Deb & Jain, "An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting
/// approach, part I", IEEE TEC 18(4), 2014. Extreme points are kept from one generation to the next as in Blank, Deb & Roy,
/// EMO 2019; ours are looked for after each objective was divided by its range, so that units do not matter.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceDirections {
    /// `[directions][objectives]`
    directions: Vec<Vec<f64>>,
    /// The least and the greatest value ever seen of each objective.
    ideal: Vec<f64>,
    worst: Vec<f64>,
    /// For each objective the point that is best in all others.
    extremes: Vec<Vec<f64>>,
}

impl ReferenceDirections {
    /// Creates the survival by directions, `[directions][objectives]`.
    #[must_use]
    pub(crate) fn new(directions: Vec<Vec<f64>>) -> Self {
        let objectives = directions.first().map_or(0, Vec::len);
        let (ideal, worst) = (vec![f64::INFINITY; objectives], vec![f64::NEG_INFINITY; objectives]);
        Self { directions, ideal, worst, extremes: Vec::new() }
    }

    /// Keeps the best fronts; of the first that does not fit as a whole, those near directions with the fewest individuals.
    pub(crate) fn select<S>(&mut self, population: Vec<Individual<S>>, keep: usize, rng: &mut SearchRng) -> Vec<Individual<S>> {
        select_feasible_first(population, keep, |feasible| self.choose(feasible, keep, rng))
    }

    fn choose<S>(&mut self, population: &[Individual<S>], keep: usize, rng: &mut SearchRng) -> Vec<usize> {
        let fronts = fronts(population);
        let points: Vec<&[f64]> = population.iter().map(AsRef::as_ref).collect();
        let first: Vec<&[f64]> = fronts[0].iter().map(|index| points[*index]).collect();
        let ranges = self.update_ranges(&points, &first);
        let mut chosen = Vec::with_capacity(keep);
        let mut fronts = fronts.into_iter();
        let last = loop {
            match fronts.next() {
                Some(front) if chosen.len() + front.len() <= keep => chosen.extend(front),
                Some(front) => break front,
                None => return chosen,
            }
        };
        if chosen.len() < keep {
            let nearest = |index: &usize| self.nearest_direction(points[*index], &ranges);
            let mut counts = vec![0; self.directions.len()];
            for index in &chosen {
                counts[nearest(index).0] += 1;
            }
            let candidates = last.iter().map(|index| (*index, nearest(index))).collect();
            chosen.extend(fill_niches(candidates, &mut counts, keep - chosen.len(), rng));
        }
        chosen
    }

    /// Notes new points; returns the range of each objective on the front, as the extreme points tell it. All are above 0.
    fn update_ranges(&mut self, points: &[&[f64]], first: &[&[f64]]) -> Vec<f64> {
        let (least, greatest) = bounds(points);
        let (_, front_worst) = bounds(first);
        for objective in 0..self.ideal.len() {
            self.ideal[objective] = self.ideal[objective].min(least[objective]);
            self.worst[objective] = self.worst[objective].max(greatest[objective]);
        }
        self.update_extremes(first, &front_worst);
        let intercepts = self.intercepts();
        let range = |objective: usize| {
            let range_to = |value: f64| value - self.ideal[objective];
            let widest = range_to(self.worst[objective]);
            let found = intercepts.as_ref().map_or(range_to(front_worst[objective]), |all| all[objective].min(widest));
            // A front that is flat in an objective tells nothing of its range, and an objective that is constant has none.
            let candidates = [found, range_to(greatest[objective])];
            candidates.into_iter().find(|range| *range > TINY * widest).unwrap_or(1.0)
        };
        (0..self.ideal.len()).map(range).collect()
    }

    /// Finds for each objective the point with the least values of all others, among the first front and those found before.
    fn update_extremes(&mut self, first: &[&[f64]], front_worst: &[f64]) {
        let known: Vec<Vec<f64>> = self.extremes.drain(..).chain(first.iter().map(|point| point.to_vec())).collect();
        let score = |point: &[f64], axis: usize| {
            let scaled = (0..point.len()).map(|objective| {
                let range = (front_worst[objective] - self.ideal[objective]).max(f64::MIN_POSITIVE);
                let weight = if objective == axis { 1.0 } else { TINY };
                (point[objective] - self.ideal[objective]) / range / weight
            });
            scaled.fold(f64::NEG_INFINITY, f64::max)
        };
        let best = |axis: usize| known.iter().min_by(|one, other| score(one, axis).total_cmp(&score(other, axis)));
        self.extremes = (0..self.ideal.len()).filter_map(best).cloned().collect();
    }

    /// Where the plane through the extreme points meets the axes, from the ideal point on; `None` where it does not.
    fn intercepts(&self) -> Option<Vec<f64>> {
        let range = |objective: usize| self.worst[objective] - self.ideal[objective];
        let scaled = |point: &Vec<f64>| (0..point.len()).map(|axis| (point[axis] - self.ideal[axis]) / range(axis)).collect();
        let plane = solve(self.extremes.iter().map(scaled).collect())?;
        let is_valid = plane.iter().all(|normal| normal.is_finite() && (0.0..1.0 / TINY).contains(normal));
        is_valid.then(|| plane.iter().enumerate().map(|(axis, normal)| range(axis) / normal).collect())
    }

    /// The direction whose line from the ideal point is nearest to a point, and the distance.
    fn nearest_direction(&self, point: &[f64], ranges: &[f64]) -> (usize, f64) {
        let scaled: Vec<f64> = (0..point.len()).map(|axis| (point[axis] - self.ideal[axis]) / ranges[axis]).collect();
        let length: f64 = scaled.iter().map(|value| value * value).sum();
        let distance = |direction: &Vec<f64>| {
            let along: f64 = scaled.iter().zip(direction).map(|(value, part)| value * part).sum();
            let norm: f64 = direction.iter().map(|part| part * part).sum();
            // By Pythagoras; rounding can make a point on the line a negative distance.
            (length - along * along / norm).max(0.0)
        };
        let distances = self.directions.iter().map(distance).enumerate();
        let nearest = distances.min_by(|(_, one), (_, other)| one.total_cmp(other));
        nearest.map_or((0, 0.0), |(direction, squared)| (direction, squared.sqrt()))
    }
}

/// Chooses candidates one by one, each for one of the directions with the fewest individuals that have candidates.
///
/// A direction without any gets the nearest candidate, another one a random candidate.
fn fill_niches(mut candidates: Vec<(usize, (usize, f64))>, counts: &mut [usize], room: usize, rng: &mut SearchRng) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(room);
    while chosen.len() < room {
        let Some(fewest) = candidates.iter().map(|(_, (direction, _))| counts[*direction]).min() else { break };
        let mut open: Vec<usize> = candidates.iter().map(|(_, (direction, _))| *direction).collect();
        open.retain(|direction| counts[*direction] == fewest);
        // Each direction has the same chance, however many candidates it has.
        open.sort_unstable();
        open.dedup();
        let direction = open[rng.random_range(0..open.len())];
        let near: Vec<usize> = (0..candidates.len()).filter(|candidate| candidates[*candidate].1.0 == direction).collect();
        let distance = |candidate: &usize| candidates[*candidate].1.1;
        let nearest = near.iter().copied().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        let random = near[rng.random_range(0..near.len())];
        let taken = nearest.filter(|_| fewest == 0).unwrap_or(random);
        chosen.push(candidates.swap_remove(taken).0);
        counts[direction] += 1;
    }
    chosen
}

/// Solves a square system of numbers up to about 1 whose right-hand side is all ones, by elimination with pivots.
///
/// `None` if it is singular.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    for row in &mut rows {
        row.push(1.0);
    }
    for column in 0..n {
        let pivot = (column..n).max_by(|one, other| rows[*one][column].abs().total_cmp(&rows[*other][column].abs()))?;
        if rows[pivot][column].abs() < 1e-12 {
            return None;
        }
        rows.swap(column, pivot);
        let pivot_row = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column] / pivot_row[column];
            for (value, pivot) in row.iter_mut().zip(&pivot_row) {
                *value -= factor * pivot;
            }
        }
    }
    Some((0..n).map(|row| rows[row][n] / rows[row][row]).collect())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn even_directions_are_as_many_as_fit() {
        assert_eq!(even_directions(2, 100).len(), 100);
        assert_eq!(even_directions(3, 92).len(), 91);
        assert_eq!(even_directions(3, 90).len(), 78);
        assert_eq!(even_directions(1, 100), [[1.0]]);
    }

    #[test]
    fn the_intercepts_are_those_of_the_plane_through_the_extreme_points() {
        // The plane x/2 + y/4 + z/8 = 1 around the ideal point (1, 1, 1).
        let plane = [[3.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 9.0]];
        let mut directions = ReferenceDirections::new(even_directions(3, 10));
        let points: Vec<&[f64]> = plane.iter().map(<[f64; 3]>::as_slice).collect();
        let ranges = directions.update_ranges(&points, &points);
        assert!(ranges.iter().zip([2.0, 4.0, 8.0]).all(|(found, expected)| (found - expected).abs() < 1e-9), "{ranges:?}");
        // A second generation that is worse changes nothing.
        let worse: &[f64] = &[3.5, 5.5, 9.5];
        assert_eq!(directions.update_ranges(&[worse], &[worse]), ranges);
    }

    #[test]
    fn an_objective_that_is_constant_does_no_harm() {
        let mut directions = ReferenceDirections::new(even_directions(3, 10));
        let points: [&[f64]; 3] = [&[0.0, 7.0, 2.0], &[1.0, 7.0, 1.0], &[2.0, 7.0, 0.0]];
        let ranges = directions.update_ranges(&points, &points);
        assert_eq!(ranges, [2.0, 1.0, 2.0]);
        let nearest = points.map(|point| directions.nearest_direction(point, &ranges).0);
        assert!(nearest[0] != nearest[1] && nearest[1] != nearest[2], "{nearest:?}");
    }

    #[test]
    fn each_direction_gets_the_nearest_one_before_any_gets_two() {
        let mut rng = SearchRng::seed_from_u64(1);
        let candidates = vec![(10, (0, 0.5)), (11, (0, 0.1)), (12, (0, 0.3)), (13, (2, 0.9)), (14, (1, 0.2))];
        // The direction 1 has one already.
        let mut chosen = fill_niches(candidates.clone(), &mut [0, 1, 0], 2, &mut rng);
        chosen.sort_unstable();
        assert_eq!(chosen, [11, 13]);
        let mut all = fill_niches(candidates, &mut [0, 1, 0], 5, &mut rng);
        all.sort_unstable();
        assert_eq!(all, [10, 11, 12, 13, 14]);
    }
}
