//! The exact hypervolume, and what each point contributes to it.

use super::dominance::covers;
use super::error::{Error, check};
use super::staircase::Staircase;

/// The largest number of objectives of an exact hypervolume: its time grows exponentially with them.
pub const MAX_EXACT_OBJECTIVES: usize = 6;

/// A point minus the reference point: negative in the objectives in use, 0 in the others.
type Offset = [f64; MAX_EXACT_OBJECTIVES];

/// Returns the hypervolume: the volume of the points that are dominated by `points` and better than the reference point.
///
/// A point that is not better than the reference point in every objective adds nothing, and no points have a volume of 0; ask
/// [`check_reference`] if that is a mistake.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `reference`: `[objectives]`
///
/// # Units
///
/// The product of the units of all objectives: [normalise](super::Normalisation) first to compare fronts of different problems.
///
/// # Errors
///
/// Returns an error if there are no or more than [`MAX_EXACT_OBJECTIVES`] objectives, a point has another length than the
/// reference point, or a value is not finite.
///
/// # Source
///
/// Up to 3 objectives: a sweep along the last one, over a staircase of the others. More: While, Bradstreet & Barone, "A fast way
/// of calculating exact hypervolumes", 2012 (WFG), sliced along the last objective until 3 are left.
pub fn hypervolume<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> Result<f64, Error> {
    let mut offsets: Vec<Offset> = offsets(points, reference)?.into_iter().flatten().collect();
    Ok(volume(&mut offsets, reference.len()))
}

/// Returns how much of the [`hypervolume`] would be lost without each point alone.
///
/// It is 0 for dominated points, for equal ones, and for points that are not better than the reference point in every objective.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `reference`: `[objectives]`
/// - returns: `[n]`
///
/// # Errors
///
/// As [`hypervolume`].
///
/// # Source
///
/// While, Bradstreet & Barone, 2012: the volume of the point itself, minus that of the other points, each worsened to the point.
pub fn exclusive_contributions<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> Result<Vec<f64>, Error> {
    let offsets = offsets(points, reference)?;
    let contribution = |(index, point): (usize, &Option<Offset>)| {
        let others = offsets[..index].iter().chain(&offsets[index + 1..]).flatten();
        point.as_ref().map_or(0.0, |point| exclusive(point, others, reference.len()))
    };
    Ok(offsets.iter().enumerate().map(contribution).collect())
}

/// Returns an error unless every point is better than the reference point in every objective.
///
/// # Shapes
///
/// - `points`: `[n, objectives]`
/// - `reference`: `[objectives]`
///
/// # Errors
///
/// Returns [`Error::Reference`] for the first point that is not better, and an error if a point has another length than the
/// reference point or a value is not finite.
pub fn check_reference<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> Result<(), Error> {
    check("reference point", &[reference], reference.len())?;
    check("point", points, reference.len())?;
    for (index, point) in points.iter().enumerate() {
        for (objective, (value, reference)) in point.as_ref().iter().zip(reference).enumerate() {
            if value >= reference {
                return Err(Error::Reference { index, objective, value: *value, reference: *reference });
            }
        }
    }
    Ok(())
}

/// Returns whether a point is better than the reference point in every objective.
pub(super) fn is_inside(point: &[f64], reference: &[f64]) -> bool {
    point.iter().zip(reference).all(|(value, reference)| value < reference)
}

/// Moves the reference point to the origin; `None` for a point that adds nothing.
fn offsets<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> Result<Vec<Option<Offset>>, Error> {
    let found = reference.len();
    if !(1..=MAX_EXACT_OBJECTIVES).contains(&found) {
        return Err(Error::Objectives { calculation: "the exact hypervolume", expected: "1 to 6", found });
    }
    check("reference point", &[reference], found)?;
    check("point", points, found)?;
    let offset = |point: &P| {
        let point = point.as_ref();
        let mut offset = [0.0; MAX_EXACT_OBJECTIVES];
        for (offset, (value, reference)) in offset.iter_mut().zip(point.iter().zip(reference)) {
            *offset = value - reference;
        }
        is_inside(point, reference).then_some(offset)
    };
    Ok(points.iter().map(offset).collect())
}

/// Returns the volume between the points and the origin, in the first `objectives`.
fn volume(points: &mut [Offset], objectives: usize) -> f64 {
    match objectives {
        1 => points.iter().map(|point| -point[0]).fold(0.0, f64::max),
        2 => area(points),
        3 => swept_volume(points),
        _ => sliced_volume(points, objectives),
    }
}

/// Sorts the points by an objective, the best first.
fn sort_by(points: &mut [Offset], objective: usize) {
    points.sort_unstable_by(|a, b| a[objective].total_cmp(&b[objective]));
}

/// Sums over the points, each of which adds a strip between the best second value so far and its own.
fn area(points: &mut [Offset]) -> f64 {
    sort_by(points, 0);
    let (mut area, mut best) = (0.0, 0.0);
    for point in points {
        if point[1] < best {
            area -= point[0] * (best - point[1]);
            best = point[1];
        }
    }
    area
}

/// Sums over the points, each of which adds a column: an area in the first two objectives from its third value on.
fn swept_volume(points: &mut [Offset]) -> f64 {
    sort_by(points, 2);
    let mut stairs = Staircase::default();
    let mut volume = 0.0;
    for [x, y, z, ..] in points {
        if !stairs.covers(*x, *y) {
            volume -= *z * stairs.add(*x, *y);
        }
    }
    volume
}

/// Sums over the points as the sweeps do, with what is added in all objectives but the last as a volume of its own.
fn sliced_volume(points: &mut [Offset], objectives: usize) -> f64 {
    let last = objectives - 1;
    sort_by(points, last);
    points.iter().enumerate().map(|(index, point)| -point[last] * exclusive(point, &points[..index], last)).sum()
}

/// Returns the volume, in the first `objectives`, that only `point` adds to the `others`.
fn exclusive<'points>(point: &Offset, others: impl IntoIterator<Item = &'points Offset>, objectives: usize) -> f64 {
    let mut shadows: Vec<Offset> = Vec::new();
    for other in others {
        let shadow: Offset = std::array::from_fn(|objective| point[objective].max(other[objective]));
        if covers(&shadow[..objectives], &point[..objectives]) {
            return 0.0;
        }
        // The sweeps skip dominated points faster than they are found here.
        if objectives > 3 {
            if shadows.iter().any(|kept| covers(&kept[..objectives], &shadow[..objectives])) {
                continue;
            }
            shadows.retain(|kept| !covers(&shadow[..objectives], &kept[..objectives]));
        }
        shadows.push(shadow);
    }
    let own: f64 = point[..objectives].iter().map(|offset| -offset).product();
    // Rounding may make the difference negative.
    (own - volume(&mut shadows, objectives)).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dominance::{dominates, non_dominated};
    use super::*;

    const FRONT_2D: [[f64; 2]; 5] = [[1.0, 5.0], [2.0, 3.0], [3.0, 2.5], [4.0, 1.0], [5.0, 0.5]];
    const FRONT_3D: [[f64; 3]; 6] =
        [[1.0, 4.0, 4.0], [4.0, 1.0, 4.0], [4.0, 4.0, 1.0], [2.0, 2.0, 3.0], [3.0, 2.0, 2.0], [2.0, 3.0, 2.0]];
    const SET_4D: [[f64; 4]; 12] = [
        [0.637, 0.27, 0.041, 0.017],
        [0.813, 0.913, 0.607, 0.729],
        [0.544, 0.935, 0.816, 0.003],
        [0.857, 0.034, 0.73, 0.176],
        [0.863, 0.541, 0.3, 0.423],
        [0.028, 0.124, 0.671, 0.647],
        [0.615, 0.384, 0.997, 0.981],
        [0.686, 0.65, 0.688, 0.389],
        [0.135, 0.721, 0.525, 0.31],
        [0.486, 0.889, 0.934, 0.358],
        [0.572, 0.322, 0.594, 0.338],
        [0.392, 0.89, 0.227, 0.623],
    ];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found}, expected {expected}");
    }

    /// Cuts the box into cells along all coordinates and adds those that a point dominates.
    fn cells<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> f64 {
        let cuts = |objective: usize| {
            let mut cuts: Vec<f64> = points.iter().map(|point| point.as_ref()[objective]).collect();
            cuts.retain(|cut| *cut < reference[objective]);
            cuts.push(reference[objective]);
            cuts.sort_by(f64::total_cmp);
            cuts.windows(2).map(|cut| (cut[0], cut[1] - cut[0])).collect::<Vec<_>>()
        };
        let mut corners = vec![(Vec::new(), 1.0)];
        for objective in 0..reference.len() {
            let cuts = cuts(objective);
            let extend = |(corner, volume): &(Vec<f64>, f64)| {
                let (corner, volume) = (corner.clone(), *volume);
                cuts.iter().map(move |(cut, width)| ([corner.as_slice(), &[*cut]].concat(), volume * width)).collect::<Vec<_>>()
            };
            corners = corners.iter().flat_map(extend).collect();
        }
        let dominated = |corner: &[f64]| points.iter().any(|point| covers(point.as_ref(), corner));
        corners.iter().filter(|(corner, _)| dominated(corner)).map(|(_, volume)| volume).sum()
    }

    /// Adds the boxes of all points, subtracts those of all pairs, adds those of all triples, and so on.
    fn inclusion_exclusion<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> f64 {
        let subsets = 1_u32..1 << points.len();
        let common = |subset: u32| {
            let chosen = |index: &usize| subset >> index & 1 == 1;
            let worst = |objective: usize| {
                (0..points.len()).filter(chosen).map(|index| points[index].as_ref()[objective]).fold(f64::NEG_INFINITY, f64::max)
            };
            let volume: f64 = (0..reference.len()).map(|objective| (reference[objective] - worst(objective)).max(0.0)).product();
            if subset.count_ones() % 2 == 1 { volume } else { -volume }
        };
        subsets.map(common).sum()
    }

    /// The volume by slices down to one objective, as WFG has it.
    fn sliced<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> f64 {
        let mut offsets: Vec<Offset> = offsets(points, reference).unwrap().into_iter().flatten().collect();
        sliced_volume(&mut offsets, reference.len())
    }

    #[test]
    fn the_oracles_are_met_in_all_ways() {
        near(hypervolume(&FRONT_2D, &[6.0; 2]).unwrap(), 18.0);
        near(hypervolume(&FRONT_3D, &[5.0; 3]).unwrap(), 29.0);
        near(hypervolume(&SET_4D, &[1.1; 4]).unwrap(), 0.646_413_576_083_000_2);
        for way in [cells, inclusion_exclusion, sliced] {
            near(way(&FRONT_2D, &[6.0; 2]), 18.0);
        }
        for way in [cells, inclusion_exclusion, sliced] {
            near(way(&FRONT_3D, &[5.0; 3]), 29.0);
        }
        near(cells(&SET_4D, &[1.1; 4]), 0.646_413_576_083_000_2);
        assert!((inclusion_exclusion(&SET_4D, &[1.1; 4]) - 0.646_413_576_083_000_2).abs() < 1e-10);
    }

    #[test]
    fn dominated_points_and_points_behind_the_reference_add_nothing() {
        let dominated = [[2.0, 4.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0], [2.0, 3.0]];
        let behind = [[0.0, 6.0], [7.0, 0.0], [9.0, 9.0]];
        near(hypervolume(&[&FRONT_2D[..], &dominated, &behind].concat(), &[6.0; 2]).unwrap(), 18.0);
        near(hypervolume::<[f64; 2]>(&[], &[6.0; 2]).unwrap(), 0.0);
        near(hypervolume(&[[3.0], [1.0]], &[6.0]).unwrap(), 5.0);
    }

    #[test]
    fn fronts_of_test_problems_have_their_published_volume() {
        // As pymoo samples them: 100 points of ZDT1 and ZDT2, and 20 of each of the five pieces of ZDT3.
        let x = |index: u32| f64::from(index) / 99.0;
        let zdt1: Vec<_> = (0..100).map(|index| [x(index), 1.0 - x(index).sqrt()]).collect();
        let zdt2: Vec<_> = (0..100).map(|index| [x(index), 1.0 - x(index).powi(2)]).collect();
        let pieces = [
            (0.0, 0.083_001_534_9),
            (0.182_228_780, 0.257_762_363_4),
            (0.409_313_674_8, 0.453_882_104_1),
            (0.618_396_794_4, 0.652_511_703_8),
            (0.823_331_798_3, 0.851_832_865_4),
        ];
        let along = |(start, end): (f64, f64)| (0..20).map(move |index| start + (end - start) * f64::from(index) / 19.0);
        let wave = |x: f64| [x, 1.0 - x.sqrt() - x * (10.0 * std::f64::consts::PI * x).sin()];
        let zdt3: Vec<_> = pieces.into_iter().flat_map(along).map(wave).collect();
        near(hypervolume(&zdt1, &[1.1; 2]).unwrap(), 0.871_409_368_920_674_6);
        near(hypervolume(&zdt2, &[1.1; 2]).unwrap(), 0.538_299_833_350_338_6);
        near(hypervolume(&zdt3, &[1.1; 2]).unwrap(), 1.329_143_746_970_079);
    }

    #[test]
    fn contributions_are_the_differences() {
        assert_eq!(exclusive_contributions(&FRONT_2D, &[6.0; 2]).unwrap(), [1.0, 2.0, 0.5, 1.5, 0.5]);
        // Twins, a dominated point and one behind the reference point.
        let points = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 0.5, 1.5], [0.0, 0.0, 3.0]];
        assert_eq!(exclusive_contributions(&points, &[3.0; 3]).unwrap(), [0.0, 0.0, 0.0, 3.0 * 2.5 * 1.5 - 2.0 * 2.0 * 1.5, 0.0]);
    }

    #[test]
    fn what_has_no_volume_is_an_error() {
        let expected = Error::Objectives { calculation: "the exact hypervolume", expected: "1 to 6", found: 7 };
        assert_eq!(hypervolume(&[[0.0; 7]], &[1.0; 7]), Err(expected));
        assert!(matches!(hypervolume(&[[0.0; 0]], &[]), Err(Error::Objectives { found: 0, .. })));
        assert_eq!(hypervolume(&[[0.0; 3]], &[1.0; 2]), Err(Error::Length { kind: "point", index: 0, expected: 2, found: 3 }));
        let infinite = hypervolume(&[[0.0; 2]], &[1.0, f64::INFINITY]).unwrap_err();
        assert_eq!(infinite.to_string(), "reference point 0 has the value `inf` in objective 1, expected a finite number");
    }

    #[test]
    fn a_reference_point_inside_the_front_is_found() {
        assert_eq!(check_reference(&FRONT_2D, &[5.5, 5.5]), Ok(()));
        let found = check_reference(&FRONT_2D, &[5.0, 6.0]);
        assert_eq!(found, Err(Error::Reference { index: 4, objective: 0, value: 5.0, reference: 5.0 }));
        let message = "point 4 has `5` in objective 0, expected less than the `5` of the reference point";
        assert_eq!(found.unwrap_err().to_string(), message);
    }

    /// Up to 9 points of 1 to 6 objectives, on a grid or anywhere.
    fn point_sets() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1_usize..7, any::<bool>()).prop_flat_map(|(objectives, grid)| {
            let value = move |value: f64| if grid { (value * 4.0).floor() / 4.0 } else { value };
            prop::collection::vec(prop::collection::vec((0.0..1.25_f64).prop_map(value), objectives), 1..10)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn sweeps_slices_and_inclusion_exclusion_agree(points in point_sets()) {
            let reference = vec![1.0; points[0].len()];
            let found = hypervolume(&points, &reference).unwrap();
            prop_assert!((found - inclusion_exclusion(&points, &reference)).abs() < 1e-12);
            prop_assert!(reference.len() == 1 || (found - sliced(&points, &reference)).abs() < 1e-12);
        }

        #[test]
        fn contributions_are_what_is_lost(points in point_sets()) {
            let reference = vec![1.0; points[0].len()];
            let all = hypervolume(&points, &reference).unwrap();
            for (index, contribution) in exclusive_contributions(&points, &reference).unwrap().into_iter().enumerate() {
                let rest = [&points[..index], &points[index + 1..]].concat();
                prop_assert!((all - hypervolume(&rest, &reference).unwrap() - contribution).abs() < 1e-12);
            }
        }

        #[test]
        fn the_volume_grows_with_a_front_point_alone(
            (points, order) in point_sets().prop_flat_map(|points| {
                (Just(points.clone()), Just((0..points.len()).collect::<Vec<_>>()).prop_shuffle())
            }),
        ) {
            let reference = vec![1.0; points[0].len()];
            let (new, old) = points.split_last().unwrap();
            let before = hypervolume(old, &reference).unwrap();
            let after = hypervolume(&points, &reference).unwrap();
            let is_new = !old.iter().any(|point| dominates(point, new) || point == new);
            if is_new && is_inside(new, &reference) {
                prop_assert!(after > before, "{} is not above {}", after, before);
            } else {
                prop_assert!((after - before).abs() < 1e-12);
            }
            let front: Vec<_> = non_dominated(&points).unwrap().into_iter().map(|index| points[index].clone()).collect();
            prop_assert!((after - hypervolume(&front, &reference).unwrap()).abs() < 1e-12);
            let shuffled: Vec<_> = order.into_iter().map(|index| points[index].clone()).collect();
            prop_assert!((after - hypervolume(&shuffled, &reference).unwrap()).abs() < 1e-12);
        }
    }
}
