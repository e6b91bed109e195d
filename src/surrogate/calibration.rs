//! Calibration: the standard deviation between the parts of a model, turned into that of its error.
//!
//! The trees of a forest disagree least where all of them are wrong alike, so that their spread says where a model is unsure but
//! not by how much. Cells that a fit has not seen tell that.

use super::quality::split;
use super::{Entry, Error, Prediction, Rows, check_count};
use crate::space::ModuleHash;
use crate::statistics::distribution::{normal_density, normal_survival};
use crate::unit::Seed;
use serde::{Deserialize, Serialize};

/// The parts of the cells, each of which is predicted by a fit on the others.
const FOLDS: usize = 5;
/// The rows after which no more folds are predicted: quantiles of them are known to about .01.
const ENOUGH: usize = 1_000;
/// The coarse search goes by steps of a half power of two, the fine one by a twelfth.
const COARSE: f64 = 0.5;
const FINE: f64 = 1.0 / 12.0;
/// The shares that predictions are expected to lie below, from 10 % to 90 %.
const LEVELS: u8 = 9;

/// How much of what a cell may reach an interval holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The middle 90 %.
    Ninety,
    /// The middle 95 %.
    NinetyFive,
}

/// The shares of errors below the ends of the intervals: 95 % and 90 % lie between the outer two and the inner two.
const ENDS: [f64; 4] = [0.025, 0.05, 0.95, 0.975];
/// Where those are in a standard normal distribution.
const NORMAL: [f32; 4] = [-1.959_964, -1.644_854, 1.644_854, 1.959_964];
/// With fewer held-out cells the outer ends are beyond all of them.
const FEWEST_FOR_ENDS: usize = 39;

/// A prediction's error has the standard deviation √(floor² + (factor · spread)²).
///
/// Errors are not normally distributed: few are large, and more of those are below than above. So the intervals are those in which
/// the errors of held-out cells were, in units of the standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What the spread is multiplied by.
    pub factor: f32,
    /// How large errors are where the parts agree, in the unit of the targets.
    pub floor: f32,
    /// The standard deviations below which 2.5, 5, 95 and 97.5 % of the errors are.
    pub ends: [f32; 4],
}

impl Calibration {
    /// Spreads as they are: what is left where there are too few cells to hold some out.
    pub const NONE: Self = Self { factor: 1.0, floor: 0.0, ends: NORMAL };

    /// Calibrates a surrogate on cells that it has not seen: some are held out in turn, until there are enough of them.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, width]`
    /// - `cells`: `[n]`, the hash of each row's cell
    /// - `targets`: `[n]`
    ///
    /// # Errors
    ///
    /// As [`Entry::fit`].
    ///
    /// # Source
    ///
    /// Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 2007: the two numbers have the least
    /// continuous ranked probability score, which a few trainings that failed do not rule. The intervals: Vovk, "Cross-conformal
    /// predictors", 2015, with errors divided by their deviations (Papadopoulos et al., "Normalized nonconformity measures", 2008).
    pub fn new(entry: &Entry, rows: &Rows, cells: &[ModuleHash], targets: &[f32], seed: Seed) -> Result<Self, Error> {
        check_count("targets", targets.len(), rows)?;
        let seed = seed.derive("calibration");
        let Ok(folds) = split(cells, FOLDS, seed) else { return Ok(Self::NONE) };
        let mut errors = Vec::new();
        for (fold, [held_out, kept]) in folds.iter().enumerate() {
            let seed = seed.derive(&format!("fold {fold}"));
            let predicted = match entry.fit_and_predict(rows, targets, [kept, held_out], seed) {
                Err(Error::TooFewRows { .. }) => return Ok(Self::NONE),
                predicted => predicted?,
            };
            errors.extend(held_out.iter().zip(predicted).map(|(row, prediction)| Miss::new(targets[*row], &prediction)));
            if errors.len() >= ENOUGH {
                break;
            }
        }
        Ok(Self::from_misses(&errors))
    }

    /// The standard deviation that the error of a prediction is expected to have.
    #[must_use]
    pub fn deviation(&self, prediction: &Prediction) -> f32 {
        let std = self.factor * prediction.std.unwrap_or_default();
        (self.floor * self.floor + std * std).sqrt()
    }

    /// The interval that holds the stated share of what a cell may reach.
    #[must_use]
    pub fn interval(&self, prediction: &Prediction, coverage: Coverage) -> [f32; 2] {
        let deviation = self.deviation(prediction);
        let [outer_low, inner_low, inner_high, outer_high] = self.ends;
        let ends = match coverage {
            Coverage::Ninety => [inner_low, inner_high],
            Coverage::NinetyFive => [outer_low, outer_high],
        };
        ends.map(|end| prediction.mean + end * deviation)
    }

    /// The factor by which the 90 % interval of a prediction must grow to reach a target.
    pub(super) fn growth(&self, target: f32, prediction: &Prediction) -> f64 {
        let [low, high] = self.interval(prediction, Coverage::Ninety).map(|end| f64::from(end - prediction.mean));
        let error = f64::from(target) - f64::from(prediction.mean);
        let reach = if error < 0.0 { low } else { high };
        if error == 0.0 { 0.0 } else { (error / reach).abs() }
    }

    /// The numbers with the least score, and the ends of the errors.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "two numbers to seven digits")]
    fn from_misses(misses: &[Miss]) -> Self {
        let typical = (misses.iter().map(|miss| miss.error * miss.error).sum::<f64>() / misses.len().max(1) as f64).sqrt();
        let has_spread = misses.iter().any(|miss| miss.std > 0.0);
        let score = |factor: f64, floor: f64| misses.iter().map(|miss| miss.score(factor, floor)).sum::<f64>();
        let powers = |from: i32, to: i32, step: f64| (from..=to).map(move |power| (f64::from(power) * step).exp2());
        let factors: Vec<f64> = std::iter::once(0.0).chain(powers(-8, 6, COARSE).filter(|_| has_spread)).collect();
        let floors: Vec<f64> = std::iter::once(0.0).chain(powers(-14, 2, COARSE).map(|part| part * typical)).collect();
        let best = |factors: &[f64], floors: &[f64]| {
            let all = factors.iter().flat_map(|factor| floors.iter().map(move |floor| (*factor, *floor)));
            let scored = all.map(|(factor, floor)| (score(factor, floor), factor, floor));
            scored.min_by(|one, other| one.0.total_cmp(&other.0)).map_or((0.0, 0.0), |(_, factor, floor)| (factor, floor))
        };
        let (factor, floor) = best(&factors, &floors);
        let around = |value: f64| -> Vec<f64> {
            if value > 0.0 { powers(-5, 5, FINE).map(|part| part * value).collect() } else { vec![value] }
        };
        let (factor, floor) = best(&around(factor), &around(floor));
        let deviation = |miss: &Miss| libm::hypot(floor, factor * miss.std);
        let errors = misses.iter().map(|miss| miss.error / deviation(miss)).filter(|error| error.is_finite());
        Self { factor: factor as f32, floor: floor as f32, ends: ends(errors.collect()) }
    }
}

/// Below which numbers the shares of [`ENDS`] of further errors are expected. Of few errors, not within those of a normal
/// distribution.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a position in a list")]
fn ends(mut errors: Vec<f64>) -> [f32; 4] {
    errors.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (errors.first(), errors.last()) else { return NORMAL };
    let end = |share: f64| {
        // Of n errors, the next one is below the k-th with a chance of k / (n + 1).
        let position = share * (errors.len() + 1) as f64 - 1.0;
        let place = position.floor().clamp(0.0, (errors.len() - 1) as f64);
        let next = (place as usize + 1).min(errors.len() - 1);
        let part = (position - place).clamp(0.0, 1.0);
        (errors[place as usize] + part * (errors[next] - errors[place as usize])).clamp(*least, *most) as f32
    };
    let found = ENDS.map(end);
    if errors.len() >= FEWEST_FOR_ENDS {
        return found;
    }
    std::array::from_fn(|place| if ENDS[place] < 0.5 { found[place].min(NORMAL[place]) } else { found[place].max(NORMAL[place]) })
}

/// A prediction of a cell that the model has not seen.
#[derive(Clone, Copy, Debug)]
struct Miss {
    error: f64,
    std: f64,
}

impl Miss {
    fn new(target: f32, prediction: &Prediction) -> Self {
        Self { error: f64::from(target) - f64::from(prediction.mean), std: prediction.std.unwrap_or_default().into() }
    }

    fn score(self, factor: f64, floor: f64) -> f64 {
        crps(self.error, (floor * floor + factor * factor * self.std * self.std).sqrt())
    }
}

/// The continuous ranked probability score of a normal distribution: the error itself if it claims to be sure, in the unit of the
/// error, and the smaller the better.
///
/// # Source
///
/// Gneiting & Raftery, JASA 2007, section 4.2.
///
/// # Example
///
/// ```
/// use nasbench::surrogate::calibration::crps;
///
/// assert_eq!(crps(-0.5, 0.0), 0.5);
/// assert!((crps(0.0, 1.0) - 0.2337).abs() < 1e-4);
/// ```
#[must_use]
pub fn crps(error: f64, deviation: f64) -> f64 {
    if deviation <= 0.0 {
        return error.abs();
    }
    let z = error / deviation;
    deviation * (z * (2.0 * normal_survival(-z) - 1.0) + 2.0 * normal_density(z) - 1.0 / std::f64::consts::PI.sqrt())
}

/// How far stated standard deviations are to be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reliability {
    /// The mean continuous ranked probability score, in the unit of the targets.
    pub crps: f64,
    /// The share of the targets within the middle 90 % that were predicted.
    pub coverage: f64,
    /// The share of the targets within the middle 95 % that were predicted.
    pub coverage_of_95: f64,
    /// How far the share of the targets below the predicted 10 %, 20 % … 90 % is from these, on average: 0 is perfect.
    pub miscalibration: f64,
}

impl Reliability {
    /// Compares targets with predictions; `None` of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
    pub fn new(targets: &[f32], predictions: &[Prediction], calibration: &Calibration) -> Option<Self> {
        let pairs = || targets.iter().zip(predictions);
        let errors: Vec<(f64, f64)> = pairs()
            .map(|(target, prediction)| (Miss::new(*target, prediction).error, calibration.deviation(prediction).into()))
            .collect();
        let count = errors.len() as f64;
        let share = |holds: &dyn Fn(f64, f64) -> bool| {
            errors.iter().filter(|(error, deviation)| holds(*error, *deviation)).count() as f64 / count
        };
        let level = |level: u8| {
            let level = f64::from(level) / f64::from(LEVELS + 1);
            (share(&|error, deviation| normal_survival(-(error / deviation.max(f64::MIN_POSITIVE))) <= level) - level).abs()
        };
        let is_within = |target: f32, [low, high]: [f32; 2]| (low..=high).contains(&target);
        let within = |coverage: Coverage| {
            let held = pairs().filter(|(target, prediction)| is_within(**target, calibration.interval(prediction, coverage)));
            held.count() as f64 / count
        };
        (!errors.is_empty()).then(|| Self {
            crps: errors.iter().map(|(error, deviation)| crps(*error, *deviation)).sum::<f64>() / count,
            coverage: within(Coverage::Ninety),
            coverage_of_95: within(Coverage::NinetyFive),
            miscalibration: (1..=LEVELS).map(level).sum::<f64>() / f64::from(LEVELS),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::super::tests::{cells, synthetic};
    use super::super::{SURROGATES, find};
    use super::*;
    use crate::space::Cell;

    /// Numbers that are normally distributed.
    fn normal(count: usize, seed: Seed) -> Vec<f64> {
        let mut rng = seed.rng();
        let mut draw = || (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
        (0..count).map(|_| draw()).collect()
    }

    #[test]
    fn the_factor_and_the_floor_of_made_up_errors_are_found() {
        let spreads = normal(4_000, Seed(1)).into_iter().map(f64::abs);
        let misses: Vec<_> = normal(4_000, Seed(2))
            .into_iter()
            .zip(spreads)
            .map(|(error, std)| Miss { error: error * (0.09 + 4.0 * std * std).sqrt(), std })
            .collect();
        let Calibration { factor, floor, .. } = Calibration::from_misses(&misses);
        assert!((factor - 2.0).abs() < 0.2 && (floor - 0.3).abs() < 0.1, "{factor} and {floor}");
        let without: Vec<_> = misses.iter().map(|miss| Miss { std: 0.0, error: miss.error / 10.0 }).collect();
        let Calibration { factor, floor, .. } = Calibration::from_misses(&without);
        assert!(factor.abs() < 1e-9 && floor > 0.1, "{factor} and {floor}");
    }

    #[test]
    fn intervals_hold_their_share_of_errors_that_are_not_normal() {
        // Exponential on one side: most errors are small and negative, few are large and positive.
        let mut rng = Seed(6).rng();
        let mut draw =
            |count: usize| -> Vec<f32> { (0..count).map(|_| -rng.random_range(f32::MIN_POSITIVE..1.0).ln() - 0.7).collect() };
        let prediction = Prediction { mean: 0.0, std: None };
        for count in [60, 300, 2_000] {
            let (mut ninety, mut ninety_five) = (0.0, 0.0);
            for _ in 0..40 {
                let misses: Vec<_> = draw(count).iter().map(|target| Miss::new(*target, &prediction)).collect();
                let unseen = draw(500);
                let reliability = Reliability::new(&unseen, &[prediction; 500], &Calibration::from_misses(&misses)).unwrap();
                ninety += reliability.coverage / 40.0;
                ninety_five += reliability.coverage_of_95 / 40.0;
            }
            assert!((ninety - 0.9).abs() < 0.02 && (ninety_five - 0.95).abs() < 0.01, "{count}: {ninety} and {ninety_five}");
        }
    }

    #[test]
    fn ends_of_few_errors_are_not_within_those_of_a_normal_distribution() {
        for (errors, expected) in
            [(Vec::new(), NORMAL), (vec![0.1, -0.1, 0.0], NORMAL), (vec![-7.0, 0.0, 5.0], [-7.0, -7.0, 5.0, 5.0])]
        {
            let found = ends(errors);
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
        }
        let hundredths: Vec<f64> = (1..=199).map(|place| f64::from(place) / 200.0).collect();
        let found = ends(hundredths);
        assert!(found.iter().zip(ENDS).all(|(found, end)| (f64::from(*found) - end).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn a_score_is_least_at_the_deviation_that_errors_have() {
        let errors = normal(5_000, Seed(3));
        let score = |deviation: f64| errors.iter().map(|error| crps(*error, deviation)).sum::<f64>();
        assert!(score(1.0) < score(0.8) && score(1.0) < score(1.25));
    }

    #[test]
    fn stated_deviations_that_are_right_are_reliable() {
        let noise = normal(5_000, Seed(4));
        #[expect(clippy::cast_possible_truncation, reason = "any number does")]
        let targets: Vec<f32> = noise.iter().map(|noise| *noise as f32).collect();
        let predictions = vec![Prediction { mean: 0.0, std: Some(1.0) }; targets.len()];
        let right = Reliability::new(&targets, &predictions, &Calibration::NONE).unwrap();
        assert!((right.coverage - 0.9).abs() < 0.02 && right.miscalibration < 0.02, "{right:?}");
        assert!((right.coverage_of_95 - 0.95).abs() < 0.01, "{right:?}");
        let sure = Reliability::new(&targets, &predictions, &Calibration { factor: 0.1, ..Calibration::NONE }).unwrap();
        assert!(sure.coverage < 0.3 && sure.miscalibration > 0.15 && sure.crps > right.crps, "{sure:?}");
        assert_eq!(Reliability::new(&[], &[], &Calibration::NONE), None);
    }

    #[test]
    fn every_surrogate_is_calibrated_and_few_cells_are_left_as_they_are() {
        let (rows, targets) = synthetic(90, Seed(1));
        let hashes = Cell::hashes(&cells(90));
        let (unseen, truth) = synthetic(300, Seed(2));
        for entry in SURROGATES {
            let calibration = Calibration::new(entry, &rows, &hashes, &targets, Seed(3)).unwrap();
            let predictions = entry.fit(&rows, &targets, Seed(3)).unwrap().predict(&unseen).unwrap();
            let reliability = Reliability::new(&truth, &predictions, &calibration).unwrap();
            assert!((0.75..0.99).contains(&reliability.coverage), "{}: {reliability:?}", entry.name);
        }
        let forest = find("random-forest").unwrap();
        let few = Calibration::new(forest, &rows.select(&[0, 1, 2, 3]), &hashes[..4], &targets[..4], Seed(3)).unwrap();
        assert_eq!(few, Calibration::NONE);
    }
}
