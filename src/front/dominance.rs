//! Dominance, and the fronts into which it sorts points.

use rayon::prelude::*;

use super::error::{Error, objectives_of};
use super::staircase::Staircase;

/// The number of points from which on a filter with a few good points pays before the sort.
const MANY: usize = 5_000;
/// The number of good points in that filter.
const GOOD: usize = 16;

/// Returns whether `a` dominates `b`: it is nowhere worse, and somewhere better.
///
/// A point with a NaN dominates nothing and is dominated by nothing; infinities compare as numbers do.
///
/// # Panics
///
/// Panics if the points differ in length.
#[must_use]
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(a.len(), b.len(), "points have one length");
    covers(a, b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Returns whether `a` is nowhere worse than `b`.
pub(super) fn covers(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

/// Sorts points into fronts: the first is dominated by nothing, each other one only by points of the fronts before it.
///
/// Equal points are in the same front. No points have no fronts. It takes O(n log² n) for up to 3 objectives, at worst O(n²)
/// for more.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - returns: the positions of the points, ascending in each front
///
/// # Errors
///
/// Returns an error for the first point that has another length than the first or a value that is not finite.
///
/// # Source
///
/// The fronts are those of Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002, found as in Zhang
/// et al., "An efficient approach to nondominated sorting for evolutionary multiobjective optimization", 2015 (ENS-BS). Ours
/// asks a staircase instead of all points of a front if there are 3 objectives, and the least second value if there are 2.
pub fn fronts<P: AsRef<[f64]>>(points: &[P]) -> Result<Vec<Vec<usize>>, Error> {
    first_fronts(points, usize::MAX)
}

/// Returns the points that no other point dominates: the first of the [`fronts`].
///
/// Equal points are all returned. It takes O(n log n) for up to 3 objectives.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - returns: the positions of the points, ascending
///
/// # Errors
///
/// Returns an error for the first point that has another length than the first or a value that is not finite.
///
/// # Source
///
/// Kung, Luccio & Preparata, "On finding the maxima of a set of vectors", 1975, for up to 3 objectives. More objectives: each
/// point is compared with the front found so far, in the order of the sums of the objectives.
pub fn non_dominated<P: AsRef<[f64]>>(points: &[P]) -> Result<Vec<usize>, Error> {
    let first = |points: &[&[f64]]| Ok(first_fronts(points, 1)?.pop().unwrap_or_default());
    let points: Vec<&[f64]> = points.iter().map(AsRef::as_ref).collect();
    if points.len() < MANY {
        return first(&points);
    }
    objectives_of(&points)?;
    // A few good points of a sample dominate most of the others, which need no sorting then.
    let sample: Vec<&[f64]> = points.iter().copied().step_by(points.len() / 1_000).collect();
    let sum = |place: &usize| sample[*place].iter().sum::<f64>();
    let mut good = first(&sample)?;
    good.sort_unstable_by(|one, other| sum(one).total_cmp(&sum(other)));
    good.truncate(GOOD);
    let is_dominated = |point: &[f64]| good.iter().any(|place| dominates(sample[*place], point));
    let kept: Vec<usize> = (0..points.len()).into_par_iter().filter(|place| !is_dominated(points[*place])).collect();
    let front = first(&kept.iter().map(|place| points[*place]).collect::<Vec<_>>())?;
    Ok(front.into_iter().map(|place| kept[place]).collect())
}

/// Returns the first `most` fronts.
fn first_fronts<P: AsRef<[f64]>>(points: &[P], most: usize) -> Result<Vec<Vec<usize>>, Error> {
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let objectives = objectives_of(points)?;
    // Adding 0 turns a negative zero into a positive one, so that one total order serves sorts and ties.
    let values: Vec<f64> = points.iter().flat_map(P::as_ref).map(|value| value + 0.0).collect();
    let point = |index: usize| &values[index * objectives..][..objectives];
    let mut layers: Vec<Layer> = Vec::new();
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    let mut previous: Option<(&[f64], usize)> = None;
    for index in order(&values, objectives) {
        let point = point(index);
        let twin = previous.filter(|(previous, _)| *previous == point).map(|(_, rank)| rank);
        let rank = twin.unwrap_or_else(|| first_not_covering(&mut layers, point));
        previous = Some((point, rank));
        if rank == most {
            continue;
        }
        if rank == fronts.len() {
            layers.push(Layer::new(objectives));
            fronts.push(Vec::new());
        }
        if twin.is_none() {
            layers[rank].add(point);
        }
        fronts[rank].push(index);
    }
    for front in &mut fronts {
        front.sort_unstable();
    }
    Ok(fronts)
}

/// Returns the points in an order in which each comes before all that it dominates, and equal points are neighbours.
fn order(values: &[f64], objectives: usize) -> impl Iterator<Item = usize> {
    // A staircase needs the order of the first objective. By the sum a long front meets the points that dominate most first;
    // as rounding is monotone, no point has a smaller sum than one that dominates it.
    let key = |point: &[f64]| if objectives <= 3 { point[0] } else { point.iter().sum() };
    let mut order: Vec<(f64, usize)> = values.chunks_exact(objectives).map(key).zip(0..).collect();
    let point = |index: usize| &values[index * objectives..][..objectives];
    let lexicographic = |a: usize, b: usize| {
        let mut pairs = point(a).iter().zip(point(b));
        pairs.find_map(|(a, b)| Some(a.total_cmp(b)).filter(|order| order.is_ne())).unwrap_or_else(|| a.cmp(&b))
    };
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| lexicographic(a.1, b.1)));
    order.into_iter().map(|(_, index)| index)
}

/// Returns the rank of a point: what a layer covers, all layers before it cover too.
fn first_not_covering(layers: &mut [Layer], point: &[f64]) -> usize {
    let (mut low, mut high) = (0, layers.len());
    while low < high {
        let middle = low.midpoint(high);
        if layers[middle].covers(point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The different points of one front so far, as far as later points of the order need them.
enum Layer<'values> {
    /// Up to 2 objectives: the least last value.
    Least(f64),
    /// 3 objectives: the last two of each.
    Stairs(Staircase),
    /// More objectives: all points.
    Archive(Vec<&'values [f64]>),
}

impl<'values> Layer<'values> {
    fn new(objectives: usize) -> Self {
        match objectives {
            ..=2 => Self::Least(f64::INFINITY),
            3 => Self::Stairs(Staircase::default()),
            _ => Self::Archive(Vec::new()),
        }
    }

    /// Returns whether a point of the layer is nowhere worse. It dominates then, as equal points are not asked about.
    fn covers(&mut self, point: &[f64]) -> bool {
        match self {
            Self::Least(least) => *least <= point[point.len() - 1],
            Self::Stairs(stairs) => stairs.covers(point[1], point[2]),
            Self::Archive(archive) => {
                let found = archive.iter().position(|other| covers(other, point));
                // Points that dominate many come to be asked first.
                found.inspect(|position| archive.swap(*position, position / 2)).is_some()
            }
        }
    }

    fn add(&mut self, point: &'values [f64]) {
        match self {
            Self::Least(least) => *least = point[point.len() - 1],
            Self::Stairs(stairs) => {
                stairs.add(point[1], point[2]);
            }
            Self::Archive(archive) => archive.push(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fronts_in_two_objectives_are_those_of_pymoo_and_deap() {
        let points = [
            [1.0, 5.0],
            [2.0, 3.0],
            [3.0, 2.5],
            [4.0, 1.0],
            [5.0, 0.5],
            [2.0, 4.0],
            [3.0, 3.0],
            [4.0, 4.0],
            [5.0, 5.0],
            [2.0, 3.0],
        ];
        assert_eq!(fronts(&points).unwrap(), [vec![0, 1, 2, 3, 4, 9], vec![5, 6], vec![7], vec![8]]);
    }

    #[test]
    fn fronts_in_three_objectives_are_those_of_pymoo() {
        let points = [
            [0.08, 0.83, 0.79],
            [0.24, 0.88, 0.06],
            [0.34, 0.15, 0.45],
            [0.8, 0.23, 0.05],
            [0.4, 0.2, 0.09],
            [0.58, 0.3, 0.67],
            [0.2, 0.94, 0.37],
            [0.11, 0.63, 0.93],
            [0.44, 0.95, 0.5],
            [0.43, 0.62, 1.0],
            [0.95, 0.46, 0.76],
            [0.5, 0.53, 0.79],
            [0.41, 0.73, 0.71],
            [0.93, 0.11, 0.73],
            [0.93, 0.97, 0.01],
            [0.86, 0.98, 0.96],
            [0.15, 0.97, 0.89],
            [0.82, 0.48, 0.23],
            [0.8, 0.92, 0.27],
            [0.54, 0.44, 0.93],
        ];
        let expected = [vec![0, 1, 2, 3, 4, 6, 7, 13, 14], vec![5, 8, 9, 11, 12, 16, 17, 18, 19], vec![10, 15]];
        assert_eq!(fronts(&points).unwrap(), expected);
    }

    #[test]
    fn a_point_dominates_neither_its_twin_nor_a_nan() {
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]) && !dominates(&[1.0, 3.0], &[1.0, 2.0]));
        assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]) && !dominates(&[1.0, 2.0], &[2.0, 1.0]));
        assert!(!dominates(&[1.0, 2.0], &[f64::NAN, 3.0]) && !dominates(&[f64::NAN, 2.0], &[1.0, 3.0]));
        assert!(dominates(&[1.0, 2.0], &[1.0, f64::INFINITY]));
    }

    #[test]
    #[should_panic(expected = "points have one length")]
    fn points_of_different_lengths_are_not_compared() {
        let _ = dominates(&[1.0], &[1.0, 2.0]);
    }

    #[test]
    fn zeros_of_both_signs_are_one_value() {
        for rest in [&[][..], &[1.0], &[1.0, 1.0], &[1.0, 1.0, 1.0]] {
            let points = [0.0, -0.0, 0.0].map(|first| [&[first], rest].concat());
            assert_eq!(fronts(&points).unwrap(), [[0, 1, 2]]);
            let points = [(-0.0, 2.0), (0.0, 1.0)].map(|(first, last)| [&[first], rest, &[last]].concat());
            assert_eq!(fronts(&points).unwrap(), [[1], [0]]);
        }
    }

    #[test]
    fn no_points_have_no_front_and_uneven_ones_an_error() {
        assert_eq!((fronts::<[f64; 2]>(&[]).unwrap(), non_dominated::<[f64; 2]>(&[]).unwrap()), (vec![], vec![]));
        let uneven = [vec![1.0], vec![1.0, 2.0]];
        let expected = Error::Length { kind: "point", index: 1, expected: 1, found: 2 };
        assert_eq!((fronts(&uneven), non_dominated(&uneven)), (Err(expected.clone()), Err(expected)));
    }

    #[test]
    fn what_is_left_out_of_many_points_is_not_on_the_front() {
        let mut state = 1_u32;
        // Few different values, so that there are ties and twins.
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 24)
        };
        for objectives in 1..=4 {
            let points: Vec<Vec<f64>> = (0..2 * MANY).map(|_| (0..objectives).map(|_| number()).collect()).collect();
            assert_eq!(non_dominated(&points).unwrap(), fronts(&points).unwrap()[0], "{objectives} objectives");
        }
        let mut uneven = vec![vec![1.0, 2.0]; 2 * MANY];
        uneven[7_777].pop();
        let expected = Error::Length { kind: "point", index: 7_777, expected: 2, found: 1 };
        assert_eq!(non_dominated(&uneven), Err(expected));
    }

    /// Removes what nothing left dominates, again and again.
    fn peeled(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..points.len()).collect();
        let mut fronts = Vec::new();
        while !left.is_empty() {
            let dominated = |index: &usize| left.iter().any(|other| dominates(&points[*other], &points[*index]));
            let (rest, front) = left.iter().copied().partition(dominated);
            fronts.push(front);
            left = rest;
        }
        fronts
    }

    proptest! {
        #[test]
        fn fronts_are_what_peeling_gives(
            points in (1_usize..6).prop_flat_map(|objectives| {
                prop::collection::vec(prop::collection::vec((-2_i8..3).prop_map(f64::from), objectives), 0..60)
            }),
        ) {
            let fronts = fronts(&points).unwrap();
            prop_assert_eq!(&fronts, &peeled(&points));
            prop_assert_eq!(non_dominated(&points).unwrap(), fronts.first().cloned().unwrap_or_default());
            let mut all = fronts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..points.len()).collect::<Vec<_>>());
        }
    }
}
