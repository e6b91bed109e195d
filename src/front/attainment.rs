//! What a share of many runs attains.

use super::error::{Error, check};

/// Returns the empirical attainment surface: the points that at least a `fraction` of the runs attain, without dominated ones.
///
/// A run attains a point if one of its own points is nowhere worse. The surface at 0.5 is the median of the runs; that of one run
/// is its front. A run without points attains nothing. The surface is empty if too few runs have points.
///
/// # Shapes
///
/// - `runs`: `[runs]` of `[n, 2]`, in any order
/// - returns: the corners of the staircase, the first objective ascending
///
/// # Errors
///
/// Returns an error if there is no run, if `fraction` is not above 0 and at most 1, or for the first point that has not 2
/// objectives or a value that is not finite; its position is that within its run.
///
/// # Source
///
/// Fonseca & Fleming, "On the performance assessment and comparison of stochastic multiobjective optimizers", PPSN IV, 1996.
pub fn attainment<R: AsRef<[P]>, P: AsRef<[f64]>>(runs: &[R], fraction: f64) -> Result<Vec<[f64; 2]>, Error> {
    if runs.is_empty() {
        return Err(Error::Empty { kind: "run" });
    }
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(Error::Argument { name: "fraction", expected: "above 0 and at most 1", found: fraction });
    }
    let mut points = Vec::new();
    for (run, front) in runs.iter().enumerate() {
        let front = front.as_ref();
        if let Some(found) = front.iter().map(|point| point.as_ref().len()).find(|found| *found != 2) {
            return Err(Error::Objectives { calculation: "the attainment surface", expected: "2", found });
        }
        check("point", front, 2)?;
        points.extend(front.iter().map(|point| (run, point.as_ref()[0], point.as_ref()[1])));
    }
    points.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let needed = runs_needed(runs.len(), fraction);
    // The best second value of each run so far, and a copy to select from.
    let mut best = vec![f64::INFINITY; runs.len()];
    let mut selection = best.clone();
    let mut surface: Vec<[f64; 2]> = Vec::new();
    for column in points.chunk_by(|a, b| a.1 - b.1 == 0.0) {
        for (run, _, y) in column {
            best[*run] = best[*run].min(*y);
        }
        selection.copy_from_slice(&best);
        let attained = *selection.select_nth_unstable_by(needed - 1, f64::total_cmp).1;
        if surface.last().map_or(f64::INFINITY, |corner| corner[1]) > attained {
            surface.push([column[0].1, attained]);
        }
    }
    Ok(surface)
}

/// Returns the least number of runs that is at least a `fraction` of all.
#[expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^53")]
fn runs_needed(runs: usize, fraction: f64) -> usize {
    // The product of both is rounded: 0.07 · 100 is above 7. The quotient 7 / 100 is 0.07.
    (1..runs).find(|needed| *needed as f64 / runs as f64 >= fraction).unwrap_or(runs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dominance::{covers, non_dominated};
    use super::*;

    #[test]
    fn surfaces_are_what_a_person_draws() {
        let runs = [vec![[1.0, 3.0], [3.0, 1.0]], vec![[2.0, 2.0]], vec![[1.0, 4.0], [4.0, 1.0]], vec![]];
        assert_eq!(attainment(&runs, 0.25).unwrap(), [[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]);
        assert_eq!(attainment(&runs, 0.5).unwrap(), [[1.0, 4.0], [2.0, 3.0], [3.0, 2.0], [4.0, 1.0]]);
        assert_eq!(attainment(&runs, 0.75).unwrap(), [[2.0, 4.0], [4.0, 2.0]]);
        assert_eq!(attainment(&runs, 1.0).unwrap(), [[0.0; 2]; 0]);
    }

    #[test]
    fn the_share_of_runs_is_not_rounded_up() {
        for runs in 1..=200_u32 {
            for needed in 1..=runs {
                let found = runs_needed(runs as usize, f64::from(needed) / f64::from(runs));
                assert_eq!(found, needed as usize, "{needed} of {runs}");
            }
        }
        assert_eq!((runs_needed(3, 0.5), runs_needed(3, 1e-9)), (2, 1));
    }

    #[test]
    fn what_has_no_surface_is_an_error() {
        let run = vec![[1.0, 2.0]];
        assert_eq!(attainment::<Vec<[f64; 2]>, _>(&[], 0.5), Err(Error::Empty { kind: "run" }));
        for fraction in [0.0, 1.5, f64::NAN] {
            assert!(matches!(attainment(std::slice::from_ref(&run), fraction), Err(Error::Argument { .. })));
        }
        let expected = Error::Objectives { calculation: "the attainment surface", expected: "2", found: 3 };
        assert_eq!(attainment(&[[[1.0, 2.0, 3.0]]], 0.5), Err(expected));
    }

    fn grid_point() -> impl Strategy<Value = [f64; 2]> {
        [0_u8..6, 0_u8..6].prop_map(|point| point.map(f64::from))
    }

    proptest! {
        #[test]
        fn one_run_attains_its_front(
            points in prop::collection::vec(grid_point(), 0..30),
        ) {
            let mut front: Vec<[f64; 2]> = non_dominated(&points).unwrap().into_iter().map(|index| points[index]).collect();
            front.sort_by(|a, b| a[0].total_cmp(&b[0]));
            front.dedup();
            prop_assert_eq!(attainment(&[points], 0.5).unwrap(), front);
        }

        #[test]
        fn a_point_is_behind_the_surface_if_enough_runs_attain_it(
            runs in prop::collection::vec(prop::collection::vec(grid_point(), 0..5), 1..7),
            needed in any::<prop::sample::Index>(),
        ) {
            let needed = 1 + needed.index(runs.len());
            let fraction = f64::from(u8::try_from(needed).unwrap()) / f64::from(u8::try_from(runs.len()).unwrap());
            let surface = attainment(&runs, fraction).unwrap();
            for x in 0..7_u8 {
                for y in 0..7_u8 {
                    let point = [f64::from(x), f64::from(y)];
                    let attains = |run: &&Vec<[f64; 2]>| run.iter().any(|own| covers(own, &point));
                    let enough = runs.iter().filter(attains).count() >= needed;
                    prop_assert_eq!(surface.iter().any(|corner| covers(corner, &point)), enough);
                }
            }
        }
    }
}
