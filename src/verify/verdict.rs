//! Tests whether the winners reach their predictions, and how far they are from cells that need no surrogate.

use super::{Role, Verification, Verified};
use crate::print::{percent, points};
use crate::statistics::{Estimate, KnownMean, mean, number};
use crate::unit::Accuracy;

/// The margin of the equivalence test, as a fraction: a percentage point.
pub const MARGIN: f64 = 0.01;
/// The confidence of intervals.
const CONFIDENCE: f64 = 0.95;
/// The confidence of the interval of an equivalence test: each of its two sides is a test at 5 %.
const EQUIVALENCE: f64 = 0.90;

/// The outcome of the equivalence test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The shortfall is smaller than the margin.
    Held,
    /// The shortfall is larger than the margin.
    Broken,
    /// The trainings are too few or too noisy to decide.
    Open,
}

impl Outcome {
    /// The outcome in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "did not hold",
            Self::Open => "cannot be told",
        }
    }

    /// Decides by the interval of the difference between measured and predicted accuracies.
    fn judge(difference: Estimate, margin: f64) -> Self {
        if difference.low > -margin {
            Self::Held
        } else if difference.high < -margin {
            Self::Broken
        } else {
            Self::Open
        }
    }
}

/// Whether the winners reach the accuracies that the surrogate predicts.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// The answer with its reasons, in a sentence or two.
    pub text: String,
}

/// How far the mean of the winners lies above that of other cells, as a fraction, with its interval of 95 %.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The role of the others.
    pub role: Role,
    /// Their number.
    pub cells: usize,
    /// Their mean.
    pub mean: f64,
    /// The difference.
    pub difference: Estimate,
}

/// The winner that was the best one of its first trainings, and what it reached in further ones that it was not chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// Its index among the cells.
    pub place: usize,
    /// The number of further trainings.
    pub seeds: usize,
    /// Its mean accuracy in them, as a fraction.
    pub measured: f64,
    /// The difference from the best recorded cell's fresh trainings; `None` where there are too few.
    pub above_recorded: Option<Estimate>,
}

/// The deviation of one training around the mean of its cell, as a variance pooled over the cells; `None` without two trainings of one.
pub(super) fn noise(cells: &[Verified]) -> Option<KnownMean> {
    KnownMean::pooled(cells.iter().filter_map(|cell| Some((cell.deviation?, cell.seeds))))
}

fn fraction(accuracy: Accuracy) -> f64 {
    accuracy.fraction().into()
}

/// The mean of some trainings of one cell, by the noise of all.
fn of_cell(value: f64, seeds: usize, noise: KnownMean) -> KnownMean {
    KnownMean { value, variance: noise.variance / number(seeds), ..noise }
}

/// By how much what was measured of a cell exceeds what was predicted, with its interval by the noise of all.
pub(super) fn difference(cell: &Verified, noise: KnownMean) -> Option<Estimate> {
    let above = fraction(cell.measured?) - fraction(cell.predicted?);
    Some(of_cell(above, cell.seeds, noise).interval(CONFIDENCE))
}

/// The mean of the cells of a role: over the cells, or by the noise of the trainings where there is one cell only.
fn of_role(cells: &[Verified], role: Role, noise: Option<KnownMean>) -> Option<(usize, KnownMean)> {
    let of = cells.iter().filter(|cell| cell.role == role);
    let measured: Vec<(f64, usize)> = of.filter_map(|cell| Some((fraction(cell.measured?), cell.seeds))).collect();
    let known = match measured.as_slice() {
        [(value, seeds)] => of_cell(*value, *seeds, noise?),
        several => KnownMean::from_values(&several.iter().map(|(value, _)| *value).collect::<Vec<_>>())?,
    };
    Some((measured.len(), known))
}

/// The winners against the cells of every other role.
pub(super) fn differences(cells: &[Verified], noise: Option<KnownMean>) -> Vec<Difference> {
    let Some((_, winners)) = of_role(cells, Role::Winner, noise) else { return Vec::new() };
    let against = |role: &Role| {
        let (count, others) = of_role(cells, *role, noise)?;
        Some(Difference { role: *role, cells: count, mean: others.value, difference: winners.less(others).interval(CONFIDENCE) })
    };
    Role::ALL.iter().filter(|role| **role != Role::Winner).filter_map(against).collect()
}

impl Chosen {
    /// What the winner that was chosen by `cells` reached in further trainings.
    pub(super) fn new(place: usize, further: &[Accuracy], cells: &[Verified], noise: Option<KnownMean>) -> Option<Self> {
        let further: Vec<f64> = further.iter().copied().map(fraction).collect();
        let measured = mean(&further)?;
        let above_recorded = noise.and_then(|noise| {
            let (_, recorded) = of_role(cells, Role::BestRecorded, Some(noise))?;
            Some(of_cell(measured, further.len(), noise).less(recorded).interval(CONFIDENCE))
        });
        Some(Self { place, seeds: further.len(), measured, above_recorded })
    }
}

impl Verdict {
    /// Judges the winners by how far what was measured lies from what was predicted, on average over them; `None` with fewer than two of
    /// them that were measured, of which no interval is known.
    ///
    /// # Source
    ///
    /// Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average
    /// bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15, 1987: the promise is taken for kept if the interval of 90 %
    /// lies above the margin.
    pub(super) fn new(verification: &Verification) -> Option<Self> {
        let winners = verification.cells.iter().filter(|cell| cell.role == Role::Winner);
        let pairs: Vec<(f64, f64)> =
            winners.filter_map(|cell| Some((fraction(cell.predicted?), fraction(cell.measured?)))).collect();
        let known = KnownMean::from_values(&pairs.iter().map(|(predicted, measured)| measured - predicted).collect::<Vec<_>>())?;
        let difference = known.interval(EQUIVALENCE);
        let outcome = Outcome::judge(difference, MARGIN);
        let [predicted, measured] = [|pair: &(f64, f64)| pair.0, |pair: &(f64, f64)| pair.1]
            .map(|of| mean(&pairs.iter().map(of).collect::<Vec<_>>()).unwrap_or_default());
        let answer = match outcome {
            Outcome::Held if difference.high < MARGIN => "The surrogate's promise held",
            Outcome::Held => "The surrogate's promise held, and may have been exceeded",
            Outcome::Broken => "The surrogate's promise did not hold",
            Outcome::Open => "Whether the surrogate's promise held cannot be told from so few trainings",
        };
        let mut sentences = vec![format!(
            "{answer}: the {} winners were predicted {} % and measured {} % on average, {} points ({} with 90 %, by t with {} degrees of \
             freedom); a shortfall below {:.1} points counts as none.",
            pairs.len(),
            percent(predicted),
            percent(measured),
            points(difference.value),
            bounds(difference),
            known.freedom,
            100.0 * MARGIN,
        )];
        sentences.extend(verification.differences.iter().map(|other| {
            format!(
                "Against {} ({} %) the winners are {} points apart {}.",
                other.role.several(other.cells),
                percent(other.mean),
                points(other.difference.value),
                bounds(other.difference)
            )
        }));
        Some(Self { outcome, text: sentences.join(" ") })
    }
}

fn bounds(estimate: Estimate) -> String {
    format!("[{}, {}]", points(estimate.low), points(estimate.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_broken_or_open_by_where_its_interval_lies() {
        let estimate = |low, high| Estimate { value: f64::midpoint(low, high), low, high };
        for (low, high, outcome) in [
            (-0.009, 0.009, Outcome::Held),
            (0.02, 0.03, Outcome::Held),
            (-0.009, -0.001, Outcome::Held),
            (-0.03, -0.011, Outcome::Broken),
            (-0.02, 0.001, Outcome::Open),
            (-0.011, 0.02, Outcome::Open),
        ] {
            assert_eq!(Outcome::judge(estimate(low, high), 0.01), outcome, "{low} to {high}");
        }
    }
}
