//! How good a surrogate is by the number of cells that it was fitted on: learning curves.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use rand::seq::SliceRandom as _;
use rayon::prelude::*;

use super::calibration::{Calibration, Reliability};
use super::quality::{Measures, Summary, decimals, different};
use super::{Entry, Error, Quantity, Rows, check_count, check_finite, pick};
use crate::space::ModuleHash;
use crate::statistics::{kendall_tau_b, quantile};
use crate::unit::Seed;

/// The number of predicted best cells that the regret is of.
pub const TOP: usize = 10;
/// The share of the cells among which the order is looked at by itself: those that a search cares for.
pub const BEST: f64 = 0.1;

/// How a surrogate is assessed.
#[derive(Clone, Copy, Debug)]
pub struct Assessment {
    /// How often cells are drawn and fitted anew.
    pub repeats: NonZeroUsize,
    /// The most cells that are predicted and compared; all that are not fitted on if there are fewer.
    pub held_out: NonZeroUsize,
    /// What the targets are: of times the lowest one is the best.
    pub quantity: Quantity,
    /// The source of which cells are drawn: one seed draws the same for each surrogate.
    pub seed: Seed,
}

/// How good a surrogate is on cells that it has not seen. `None`: undefined in every repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// The cells that it was fitted on.
    pub training: usize,
    /// The cells that it predicted, in each repeat.
    pub held_out: usize,
    /// The measures over the repeats; the regret is that of the [`TOP`] predicted best.
    pub measures: Measures<Summary>,
    /// Kendall's τ-b among the [`BEST`] share of the cells and those that tie with the last of them.
    pub kendall_tau_of_best: Option<Summary>,
    /// The mean continuous ranked probability score of what it predicts with its error bars, in the unit of the targets.
    pub crps: Option<Summary>,
    /// The share of the targets within the middle 90 % that it predicts.
    pub coverage: Option<Summary>,
    /// The share of the targets within the middle 95 % that it predicts.
    pub coverage_of_95: Option<Summary>,
    /// How far its quantiles are off: see [`Reliability::miscalibration`].
    pub miscalibration: Option<Summary>,
}

/// Fits a surrogate on a number of cells, drawn anew in each repeat, and measures it on others.
///
/// All rows of a cell are on one side. The cells that are held out are the same for all numbers of cells that leave enough of
/// them, and those of a smaller number to fit on are among those of a larger one: two points of a curve differ by nothing else.
/// The answer does not depend on the order of the rows or on the number of threads.
///
/// # Shapes
///
/// - `rows`: `[n, width]`
/// - `cells`: `[n]`, the hash of each row's cell
/// - `targets`: `[n]`
///
/// # Errors
///
/// [`Error::Split`] if fewer than two cells are left to predict, [`Error::Count`], [`Error::NotFinite`]; else as [`Entry::fit`].
pub fn assess(
    entry: &Entry,
    rows: &Rows,
    cells: &[ModuleHash],
    targets: &[f32],
    training: usize,
    how: &Assessment,
) -> Result<Point, Error> {
    check_count("hashes", cells.len(), rows)?;
    check_count("targets", targets.len(), rows)?;
    check_finite(targets)?;
    repeated(cells, training, how, |kept, others, seed| {
        let (known, known_targets, truth) = (rows.select(kept), pick(targets, kept), pick(targets, others));
        let model = entry.fit(&known, &known_targets, seed)?;
        let calibration = Calibration::new(entry, &known, &pick(cells, kept), &known_targets, seed)?;
        let predicted = model.predict(&rows.select(others))?;
        let reliability = Reliability::new(&truth, &predicted, &calibration);
        let predicted: Vec<f64> = predicted.iter().map(|prediction| prediction.mean.into()).collect();
        Ok(Repeat::new(&truth, &predicted, how.quantity, reliability))
    })
}

/// Measures how well numbers that are there before anything is fitted, as the sizes of the cells, order the cells that [`assess`] has
/// surrogates predict: what any surrogate must beat. They have no values to be right or wrong.
///
/// # Shapes
///
/// - `scores`, `cells`, `targets`: `[n]`
///
/// # Errors
///
/// As [`assess`], of the cells and the targets.
pub fn assess_scores(
    scores: &[f64],
    cells: &[ModuleHash],
    targets: &[f32],
    training: usize,
    how: &Assessment,
) -> Result<Point, Error> {
    check_finite(targets)?;
    let point = repeated(cells, training, how, |_, others, _| {
        Ok(Repeat::new(&pick(targets, others), &pick(scores, others), how.quantity, None))
    })?;
    Ok(Point { measures: point.measures.without_values(), ..point })
}

/// Measures what `of` makes of the rows to fit on, those to predict and a seed, in each repeat.
fn repeated(
    cells: &[ModuleHash],
    training: usize,
    how: &Assessment,
    of: impl Fn(&[usize], &[usize], Seed) -> Result<Repeat, Error> + Sync,
) -> Result<Point, Error> {
    let different = different(cells);
    if training.saturating_add(2) > different.len() {
        return Err(Error::Split { training, cells: different.len() });
    }
    let held_out = how.held_out.get().min(different.len() - training);
    let repeats: Vec<usize> = (0..how.repeats.get()).collect();
    let measured = repeats.into_par_iter().map(|repeat| {
        let seed = how.seed.derive(&format!("repeat {repeat}"));
        let (kept, others) = split(&different, cells, training, held_out, seed);
        of(&kept, &others, seed)
    });
    let measured: Vec<Repeat> = measured.collect::<Result<_, Error>>()?;
    let summary = |of: fn(&Repeat) -> Option<f64>| Summary::new(&measured.iter().filter_map(of).collect::<Vec<_>>());
    Ok(Point {
        training,
        held_out,
        measures: Measures::over(&measured.iter().map(|repeat| repeat.measures).collect::<Vec<_>>()),
        kendall_tau_of_best: summary(|repeat| repeat.kendall_tau_of_best),
        crps: summary(|repeat| Some(repeat.reliability?.crps)),
        coverage: summary(|repeat| Some(repeat.reliability?.coverage)),
        coverage_of_95: summary(|repeat| Some(repeat.reliability?.coverage_of_95)),
        miscalibration: summary(|repeat| Some(repeat.reliability?.miscalibration)),
    })
}

/// The rows to fit on and those to predict.
fn split(
    different: &[ModuleHash],
    cells: &[ModuleHash],
    training: usize,
    held_out: usize,
    seed: Seed,
) -> (Vec<usize>, Vec<usize>) {
    let mut order = different.to_vec();
    order.shuffle(&mut seed.derive("split").rng());
    let places: HashMap<ModuleHash, usize> = order.into_iter().zip(0..).collect();
    // In the order that was drawn, whatever that of the rows is: some fits depend on it. Rows of one cell stay as they are.
    let mut rows: Vec<usize> = (0..cells.len()).collect();
    rows.sort_by_key(|row| places[&cells[*row]]);
    let first_held_out = different.len() - held_out;
    let kept = rows.iter().copied().filter(|row| places[&cells[*row]] < training).collect();
    (kept, rows.iter().copied().filter(|row| places[&cells[*row]] >= first_held_out).collect())
}

/// What one repeat says.
struct Repeat {
    measures: Measures<f64>,
    kendall_tau_of_best: Option<f64>,
    reliability: Option<Reliability>,
}

impl Repeat {
    fn new(truth: &[f32], predicted: &[f64], quantity: Quantity, reliability: Option<Reliability>) -> Self {
        let truth = decimals(truth);
        let kendall_tau_of_best = tau_of_best(&quantity.merits(&truth), &quantity.merits(predicted));
        Self { measures: Measures::new(&truth, predicted, TOP, quantity), kendall_tau_of_best, reliability }
    }
}

/// The order among the best, higher ones being better.
fn tau_of_best(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    let least = quantile(truth, 1.0 - BEST)?;
    let best = truth.iter().zip(predicted).filter(|(truth, _)| **truth >= least);
    let (truth, predicted): (Vec<f64>, Vec<f64>) = best.unzip();
    kendall_tau_b(&truth, &predicted)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, synthetic};
    use super::super::{SURROGATES, find};
    use super::*;
    use crate::space::Cell;

    fn how(held_out: usize) -> Assessment {
        let count = |count| NonZeroUsize::new(count).unwrap();
        let quantity = Quantity::ValidationAccuracy;
        Assessment { repeats: count(3), held_out: count(held_out), quantity, seed: Seed(7) }
    }

    #[test]
    fn a_cell_is_never_fitted_on_and_predicted() {
        let different = Cell::hashes(&cells(30));
        let rows: Vec<_> = different.iter().copied().cycle().take(90).collect();
        for repeat in 0..20 {
            let (kept, others) = split(&different, &rows, 12, 18, Seed(repeat));
            assert_eq!((kept.len(), others.len()), (36, 54));
            assert!(kept.iter().all(|row| others.iter().all(|other| rows[*other] != rows[*row])));
        }
    }

    #[test]
    fn curves_differ_by_the_cells_fitted_on_alone() {
        let hashes = Cell::hashes(&cells(40));
        let (few, others) = split(&hashes, &hashes, 10, 15, Seed(1));
        let (more, same) = split(&hashes, &hashes, 25, 15, Seed(1));
        assert_eq!(others, same);
        assert_eq!(few, more[..10]);
    }

    #[test]
    fn the_order_of_the_rows_does_not_count() {
        let (rows, targets) = synthetic(60, Seed(1));
        let hashes = Cell::hashes(&cells(60));
        let backwards: Vec<usize> = (0..60).rev().collect();
        let reversed: Vec<_> = backwards.iter().map(|row| hashes[*row]).collect();
        let reversed_targets: Vec<_> = backwards.iter().map(|row| targets[*row]).collect();
        for entry in SURROGATES {
            let point = assess(entry, &rows, &hashes, &targets, 40, &how(20)).unwrap();
            let again = assess(entry, &rows.select(&backwards), &reversed, &reversed_targets, 40, &how(20)).unwrap();
            assert_eq!(point, again, "{}", entry.name);
        }
    }

    #[test]
    fn more_cells_teach_more() {
        let (rows, targets) = synthetic(90, Seed(1));
        let hashes = Cell::hashes(&cells(90));
        for entry in SURROGATES {
            let tau = |training| {
                let point = assess(entry, &rows, &hashes, &targets, training, &how(30)).unwrap();
                assert_eq!((point.training, point.held_out), (training, 30));
                assert_eq!(point.measures.kendall_tau.unwrap().folds, 3);
                assert!(point.crps.unwrap().mean < point.measures.rmse.unwrap().mean && point.coverage.unwrap().mean > 0.5);
                point.measures.kendall_tau.unwrap().mean
            };
            assert!(tau(60) > tau(10).max(0.4), "{}: {} and {}", entry.name, tau(60), tau(10));
        }
    }

    #[test]
    fn what_needs_no_fit_is_measured_on_the_same_cells_and_has_no_values() {
        let (_, targets) = synthetic(60, Seed(1));
        let hashes = Cell::hashes(&cells(60));
        let as_scores: Vec<f64> = targets.iter().map(|target| f64::from(*target).powi(3)).collect();
        let point = assess_scores(&as_scores, &hashes, &targets, 40, &how(20)).unwrap();
        assert_eq!((point.training, point.held_out), (40, 20));
        let [tau, of_best] = [point.measures.kendall_tau, point.kendall_tau_of_best].map(|summary| summary.unwrap().mean);
        assert!(tau > 1.0 - 1e-9 && of_best > 1.0 - 1e-9, "{point:?}");
        assert_eq!(
            (point.measures.top_regret.unwrap().mean, point.measures.rmse, point.measures.r_squared, point.crps),
            (0.0, None, None, None)
        );
        let turned: Vec<f64> = as_scores.iter().map(|score| -score).collect();
        assert!(assess_scores(&turned, &hashes, &targets, 40, &how(20)).unwrap().measures.spearman.unwrap().mean < -1.0 + 1e-9);
        assert!(matches!(assess_scores(&turned, &hashes, &targets, 59, &how(20)), Err(Error::Split { .. })));
    }

    #[test]
    fn the_order_of_the_best_is_looked_at_by_itself() {
        let truth: Vec<f64> = (0..100_u8).map(f64::from).collect();
        let predicted: Vec<f64> = truth.iter().map(|truth| if *truth >= 90.0 { 300.0 - truth } else { *truth }).collect();
        assert!((tau_of_best(&truth, &predicted).unwrap() + 1.0).abs() < 1e-9);
        assert_eq!(tau_of_best(&[], &[]), None);
        let measures = Measures::new(&truth, &predicted, TOP, Quantity::ValidationAccuracy);
        assert!(measures.kendall_tau.unwrap() > 0.9);
        assert_eq!(measures.top_regret, Some(0.0));
    }

    #[test]
    fn of_times_the_shortest_are_the_best() {
        let (rows, targets) = synthetic(90, Seed(1));
        let hashes = Cell::hashes(&cells(90));
        let turned: Vec<f32> = targets.iter().map(|target| -target).collect();
        let of = |targets: &[f32], quantity| {
            let how = Assessment { quantity, ..how(60) };
            let point = assess(find("random-forest").unwrap(), &rows, &hashes, targets, 30, &how).unwrap();
            [point.measures.top_regret, point.kendall_tau_of_best].map(|summary| summary.unwrap().mean)
        };
        let best = of(&targets, Quantity::ValidationAccuracy);
        // The same cells are the best ones if the shorter a time the better, and others if not.
        let shortest = of(&turned, Quantity::TrainingTime);
        assert!(best.iter().zip(shortest).all(|(one, other)| (one - other).abs() < 1e-6), "{best:?} {shortest:?}");
        let longest = of(&turned, Quantity::ValidationAccuracy);
        assert!(longest.iter().zip(shortest).any(|(one, other)| (one - other).abs() > 1e-6), "{longest:?} {shortest:?}");
    }

    #[test]
    fn what_cannot_be_assessed_is_named() {
        let (rows, mut targets) = synthetic(20, Seed(1));
        let hashes = Cell::hashes(&cells(20));
        let message = |training, targets: &[f32]| {
            assess(find("svr").unwrap(), &rows, &hashes, targets, training, &how(5)).unwrap_err().to_string()
        };
        let expected = "19 of 20 cells to fit on, expected at most 18: a surrogate is assessed on the others";
        assert_eq!(message(19, &targets), expected);
        assert!(message(usize::MAX, &targets).ends_with(&expected[20..]));
        assert_eq!(message(3, &targets), "3 rows to fit on, expected at least 5");
        targets[4] = f32::NAN;
        assert_eq!(message(10, &targets), "the target of row 4 is NaN, expected a finite number");
    }
}
