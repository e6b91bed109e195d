//! The quality of a surrogate: cross-validation in which no cell is on both sides of a split.

use std::collections::BTreeMap;

use rand::seq::SliceRandom as _;

use super::rule_classifier::{RuleClassifier, Verdict};
use super::{Entry, Error, Prediction, Quantity, Rows, check_count, pick};
use crate::space::ModuleHash;
use crate::statistics::{kendall_tau_b, mean, r_squared, rmse, spearman, standard_deviation};
use crate::unit::Seed;

/// The number of predicted best cells that the regret is of.
pub const TOP: usize = 5;

/// A measure over the folds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// The mean of the folds in which the measure is defined.
    pub mean: f64,
    /// The sample standard deviation between those folds; `None` of a single one.
    pub standard_deviation: Option<f64>,
    /// How many those are.
    pub folds: usize,
}

impl Summary {
    pub(super) fn new(values: &[f64]) -> Option<Self> {
        Some(Self { mean: mean(values)?, standard_deviation: standard_deviation(values), folds: values.len() })
    }
}

/// How near predictions are to targets, in one fold, or summarised over all. What is undefined is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures<T> {
    /// Kendall's τ-b between targets and predictions: how well the order is kept.
    pub kendall_tau: Option<T>,
    /// Spearman's rank correlation.
    pub spearman: Option<T>,
    /// The share of the variance that is predicted.
    pub r_squared: Option<T>,
    /// The root of the mean squared error, in the unit of the targets.
    pub rmse: Option<T>,
    /// How far the best among some predicted best is from the best target of the held-out rows, the lowest one of times: at least 0, in
    /// the unit of the targets.
    pub top_regret: Option<T>,
}

/// The result of a cross-validation of a surrogate.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The measures over the folds; the regret is that of the [`TOP`] predicted best.
    pub measures: Measures<Summary>,
    /// For each row, the prediction of the model that had not seen its cell.
    pub predictions: Vec<Prediction>,
}

/// Cross-validates a surrogate.
///
/// # Shapes
///
/// - `rows`: `[n, width]`
/// - `cells`: `[n]`, the hash of each row's cell
/// - `targets`: what they are, and `[n]` of them
///
/// # Errors
///
/// [`Error::Folds`] for fewer than two folds or more than there are different cells; else as [`Entry::fit`].
pub fn cross_validate(
    entry: &Entry,
    rows: &Rows,
    cells: &[ModuleHash],
    (quantity, targets): (Quantity, &[f32]),
    folds: usize,
    seed: Seed,
) -> Result<Quality, Error> {
    check_count("targets", targets.len(), rows)?;
    check_count("hashes", cells.len(), rows)?;
    let mut predictions = vec![Prediction { mean: 0.0, std: None }; rows.len()];
    let mut measured = Vec::with_capacity(folds);
    for (fold, [held_out, kept]) in split(cells, folds, seed)?.into_iter().enumerate() {
        let predicted = entry.fit_and_predict(rows, targets, [&kept, &held_out], seed.derive(&format!("fold {fold}")))?;
        let means: Vec<f64> = predicted.iter().map(|prediction| prediction.mean.into()).collect();
        measured.push(Measures::new(&decimals(&pick(targets, &held_out)), &means, TOP, quantity));
        held_out.into_iter().zip(predicted).for_each(|(row, prediction)| predictions[row] = prediction);
    }
    Ok(Quality { measures: Measures::over(&measured), predictions })
}

/// Measures how well numbers that are there before anything is fitted, as the sizes of the cells, order the cells of each fold of
/// [`cross_validate`]: what any surrogate must beat. They have no values to be right or wrong, and predict nothing.
///
/// # Shapes
///
/// - `scores`, `cells`, `targets`: `[n]`
///
/// # Errors
///
/// [`Error::Folds`] as for [`cross_validate`].
pub fn cross_validate_scores(
    scores: &[f64],
    cells: &[ModuleHash],
    (quantity, targets): (Quantity, &[f32]),
    folds: usize,
    seed: Seed,
) -> Result<Quality, Error> {
    let measure = |[held_out, _]: &[Vec<usize>; 2]| {
        Measures::new(&decimals(&pick(targets, held_out)), &pick(scores, held_out), TOP, quantity)
    };
    let measured: Vec<_> = split(cells, folds, seed)?.iter().map(measure).collect();
    Ok(Quality { measures: Measures::over(&measured).without_values(), predictions: Vec::new() })
}

impl Measures<f64> {
    /// Compares predictions with targets; the regret is that of the `top` predicted best.
    pub(super) fn new(truth: &[f64], predicted: &[f64], top: usize, quantity: Quantity) -> Self {
        Self {
            kendall_tau: kendall_tau_b(truth, predicted),
            spearman: spearman(truth, predicted),
            r_squared: r_squared(truth, predicted),
            rmse: rmse(truth, predicted),
            top_regret: top_regret(&quantity.merits(truth), &quantity.merits(predicted), top),
        }
    }
}

impl Measures<Summary> {
    /// Summarises the measures of several folds or repeats.
    pub(super) fn over(measured: &[Measures<f64>]) -> Self {
        let summary = |of: fn(&Measures<f64>) -> Option<f64>| Summary::new(&measured.iter().filter_map(of).collect::<Vec<_>>());
        Self {
            kendall_tau: summary(|measures| measures.kendall_tau),
            spearman: summary(|measures| measures.spearman),
            r_squared: summary(|measures| measures.r_squared),
            rmse: summary(|measures| measures.rmse),
            top_regret: summary(|measures| measures.top_regret),
        }
    }

    /// Removes what only predictions in the unit of the targets have.
    pub(super) fn without_values(self) -> Self {
        Self { r_squared: None, rmse: None, ..self }
    }
}

/// Converts to double precision.
pub(super) fn decimals(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// What is lost by trying only the `top` predicted best, higher ones being better; `None` of nothing.
fn top_regret(truth: &[f64], predicted: &[f64], top: usize) -> Option<f64> {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|a, b| predicted[*b].total_cmp(&predicted[*a]));
    let best = truth.iter().copied().reduce(f64::max)?;
    let tried = order.iter().take(top).map(|row| truth[*row]).reduce(f64::max)?;
    Some(best - tried)
}

/// Each cell once, in order.
pub(super) fn different(cells: &[ModuleHash]) -> Vec<ModuleHash> {
    let mut different = cells.to_vec();
    different.sort_unstable();
    different.dedup();
    different
}

/// Deals the cells to folds of nearly equal size: all rows of a cell into one. Returns for each fold the rows that are held out and the
/// others, ascending. The deal depends on which cells there are, not on the order of the rows.
pub(super) fn split(cells: &[ModuleHash], folds: usize, seed: Seed) -> Result<Vec<[Vec<usize>; 2]>, Error> {
    let mut different = different(cells);
    if folds < 2 || folds > different.len() {
        return Err(Error::Folds { folds, cells: different.len() });
    }
    different.shuffle(&mut seed.derive("folds").rng());
    let fold_of: BTreeMap<ModuleHash, usize> =
        different.into_iter().enumerate().map(|(place, cell)| (cell, place % folds)).collect();
    let parts = |fold| {
        let (held_out, kept) = (0..cells.len()).partition(|row| fold_of[&cells[*row]] == fold);
        [held_out, kept]
    };
    Ok((0..folds).map(parts).collect())
}

/// The result of a cross-validation of a rule classifier: counts of rows that it had not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierQuality {
    /// Promising rows that were called so.
    pub true_positives: usize,
    /// Other rows that were called promising.
    pub false_positives: usize,
    /// Promising rows that were missed.
    pub false_negatives: usize,
    /// Other rows that were called so.
    pub true_negatives: usize,
    /// For each row, the class by the rule classifier that had not seen its cell.
    pub verdicts: Vec<Verdict>,
}

impl ClassifierQuality {
    /// The share of what was called promising that is; `None` if nothing was called so.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// The share of the promising that was called so.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// The share of all rows that was called right.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        share(self.true_positives + self.true_negatives, self.rows())
    }

    /// The accuracy of always giving the commoner answer: what a rule classifier must beat.
    #[must_use]
    pub fn base_accuracy(&self) -> Option<f64> {
        let promising = self.true_positives + self.false_negatives;
        share(promising.max(self.rows() - promising), self.rows())
    }

    /// The share of promising rows: the precision of calling all of them so.
    #[must_use]
    pub fn base_rate(&self) -> Option<f64> {
        share(self.true_positives + self.false_negatives, self.rows())
    }

    const fn rows(&self) -> usize {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Cross-validates a rule classifier.
///
/// # Shapes
///
/// - `rows`: `[n, width]`
/// - `names`: `[width]`, of the features
/// - `cells`: `[n]`, the hash of each row's cell
/// - `promising`: `[n]`, as [`rule_classifier::best`](super::rule_classifier::best) says of all rows together
///
/// # Errors
///
/// As [`cross_validate`] and [`RuleClassifier::fit`].
pub fn cross_validate_classifier<N: AsRef<str>>(
    rows: &Rows,
    names: &[N],
    cells: &[ModuleHash],
    promising: &[bool],
    folds: usize,
    seed: Seed,
) -> Result<ClassifierQuality, Error> {
    check_count("labels", promising.len(), rows)?;
    check_count("hashes", cells.len(), rows)?;
    let mut verdicts = vec![Verdict { promising: false, share: 0.0 }; rows.len()];
    for [held_out, kept] in split(cells, folds, seed)? {
        let classifier = RuleClassifier::fit(&rows.select(&kept), names, &pick(promising, &kept))?;
        let said = classifier.classify(&rows.select(&held_out))?;
        held_out.into_iter().zip(said).for_each(|(row, verdict)| verdicts[row] = verdict);
    }
    let count = |said: bool, is: bool| {
        verdicts.iter().zip(promising).filter(|(verdict, truth)| (verdict.promising, **truth) == (said, is)).count()
    };
    Ok(ClassifierQuality {
        true_positives: count(true, true),
        false_positives: count(true, false),
        false_negatives: count(false, true),
        true_negatives: count(false, false),
        verdicts,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, synthetic};
    use super::super::{SURROGATES, find, rule_classifier};
    use super::*;
    use crate::space::Cell;

    #[test]
    fn what_needs_no_fit_is_measured_on_the_same_folds() {
        let (_, targets) = synthetic(60, Seed(1));
        let hashes = Cell::hashes(&cells(60));
        let scores: Vec<f64> = targets.iter().map(|target| f64::from(*target).powi(3)).collect();
        let values = (Quantity::ValidationAccuracy, targets.as_slice());
        let found = cross_validate_scores(&scores, &hashes, values, 5, Seed(2)).unwrap();
        let tau = found.measures.kendall_tau.unwrap();
        assert!(tau.folds == 5 && tau.mean > 1.0 - 1e-9, "{tau:?}");
        assert_eq!((found.measures.top_regret.unwrap().mean, found.measures.rmse, found.measures.r_squared), (0.0, None, None));
    }

    /// The fold in which each row is held out.
    fn fold_of(hashes: &[ModuleHash], folds: usize) -> Vec<usize> {
        let parts = split(hashes, folds, Seed(2)).unwrap();
        assert!(parts.iter().all(|[held_out, kept]| held_out.iter().all(|row| !kept.contains(row))));
        (0..hashes.len()).map(|row| parts.iter().position(|[held_out, _]| held_out.contains(&row)).unwrap()).collect()
    }

    #[test]
    fn a_cell_is_never_seen_and_held_out() {
        let hashes: Vec<_> = cells(30).into_iter().cycle().take(90).map(|cell| cell.hash()).collect();
        let fold_of = fold_of(&hashes, 4);
        for (row, hash) in hashes.iter().enumerate() {
            assert!((0..90).all(|other| hashes[other] != *hash || fold_of[other] == fold_of[row]));
        }
        for fold in 0..4 {
            assert!((21..=24).contains(&fold_of.iter().filter(|of| **of == fold).count()));
        }
    }

    #[test]
    fn folds_do_not_depend_on_the_order_of_the_rows() {
        let hashes: Vec<_> = cells(30).iter().map(Cell::hash).collect();
        let reversed: Vec<_> = hashes.iter().rev().copied().collect();
        let mut of_reversed = fold_of(&reversed, 5);
        of_reversed.reverse();
        assert_eq!(fold_of(&hashes, 5), of_reversed);
    }

    #[test]
    fn every_surrogate_orders_what_can_be_learned() {
        let (rows, targets) = synthetic(90, Seed(1));
        let hashes: Vec<_> = cells(90).iter().map(Cell::hash).collect();
        // The last feature says nothing of the targets.
        let noise: Vec<f64> = rows.iter().map(|row| row[5].into()).collect();
        let values = (Quantity::ValidationAccuracy, targets.as_slice());
        let of_noise = cross_validate_scores(&noise, &hashes, values, 5, Seed(3)).unwrap().measures.top_regret.unwrap().mean;
        for entry in SURROGATES {
            let validate = || cross_validate(entry, &rows, &hashes, values, 5, Seed(3)).unwrap();
            let quality = validate();
            assert!(quality.measures.kendall_tau.unwrap().mean > 0.4, "{}: {:?}", entry.name, quality.measures.kendall_tau);
            assert!(
                quality.measures.top_regret.unwrap().mean < of_noise / 4.0,
                "{}: {:?}",
                entry.name,
                quality.measures.top_regret
            );
            assert_eq!(quality.measures.kendall_tau.unwrap().folds, 5);
            assert_eq!(quality, validate(), "{}", entry.name);
        }
    }

    #[test]
    fn folds_beyond_the_cells_are_refused() {
        let (rows, targets) = synthetic(6, Seed(1));
        let hashes: Vec<_> = cells(3).into_iter().cycle().take(6).map(|cell| cell.hash()).collect();
        let targets = (Quantity::ValidationAccuracy, targets.as_slice());
        let validate = |folds| cross_validate(find("svr").unwrap(), &rows, &hashes, targets, folds, Seed(3));
        assert_eq!(validate(4).unwrap_err().to_string(), "4 folds of 3 cells, expected 2 to 3");
        assert!(matches!(validate(1), Err(Error::Folds { .. })));
    }

    #[test]
    fn regret_is_what_the_five_predicted_best_miss() {
        let truth = [0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert_eq!(top_regret(&truth, &truth, TOP), Some(0.0));
        let backwards: Vec<f64> = truth.iter().map(|value| -value).collect();
        assert!((top_regret(&truth, &backwards, TOP).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(top_regret(&[], &[], TOP), None);
        // Of times the best one is the shortest, 0.1 here, which is among the six predicted longest only.
        let of = |predicted: &[f64]| Measures::new(&truth, predicted, TOP, Quantity::TrainingTime).top_regret.unwrap();
        assert!(of(&truth).abs() < 1e-12 && (of(&backwards) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_judge_is_measured_against_the_base_rate() {
        let (rows, targets) = synthetic(90, Seed(1));
        let hashes: Vec<_> = cells(90).iter().map(Cell::hash).collect();
        let names: Vec<String> = (0..rows.width()).map(|column| format!("feature {column}")).collect();
        let promising = rule_classifier::best(&targets, 0.2).unwrap();
        let quality = cross_validate_classifier(&rows, &names, &hashes, &promising, 5, Seed(3)).unwrap();
        assert_eq!(quality.base_rate(), Some(0.2));
        assert_eq!(quality.base_accuracy(), Some(0.8));
        assert!(quality.precision().unwrap() > 0.4, "{quality:?}");
        assert!(quality.recall().unwrap() > 0.2, "{quality:?}");
        assert_eq!(quality.verdicts.len(), 90);
    }
}
