//! The rule for trainings that diverged: as which accuracy they count in means and rankings.
//!
//! A training that diverged has no accuracy. If it were left out of a mean, the trainings of the same cell that survived would
//! speak for the cell alone. So it counts as an accuracy of chance, 1 over the number of classes, in means, ground truth,
//! training sets, rankings and noise. A training that failed for another reason says nothing of its cell and is left out.

use serde::Serialize;

use super::{Record, Status};
use crate::statistics::number;
use crate::train::Evaluation;
use crate::unit::{Accuracy, shortest_decimal};

/// The number of classes of a data set where the protocol does not state it, as of CIFAR-10, MNIST and Fashion-MNIST.
pub const DEFAULT_CLASSES: usize = 10;

/// Returns the accuracy of random guessing.
#[must_use]
pub const fn chance(classes: usize) -> f64 {
    1.0 / number(if classes == 0 { 1 } else { classes })
}

/// Returns the values of one accuracy that the trainings of one cell at one budget count as.
///
/// A measured value counts as it is. A training that diverged without one counts as `chance`, unless the accuracy was not
/// measured of the trainings of this cell that ended well, or, where `chance` is `None`, of no training at all.
///
/// # Units
///
/// Fractions.
pub fn judged(
    trainings: impl Iterator<Item = (Status, Option<f64>)> + Clone,
    chance: Option<f64>,
) -> impl Iterator<Item = f64> + Clone {
    let is_unmeasured = |(status, value): (Status, Option<f64>)| status == Status::Ok && value.is_none();
    let has_value = trainings.clone().any(|(_, value)| value.is_some());
    let chance = chance.filter(|_| has_value || !trainings.clone().any(is_unmeasured));
    trainings.filter_map(move |(status, value)| value.or(if status == Status::Diverged { chance } else { None }))
}

/// Returns the mean of some accuracies, in double precision; `None` of none.
///
/// Accuracies are stored in single precision, and stand for the decimal with the fewest digits that is stored as they are: so
/// means that are equal are equal to the last bit, and print alike wherever they are printed.
///
/// # Units
///
/// Fractions.
#[must_use]
pub fn mean_accuracy(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + decimal(value), count + 1));
    (count > 0).then(|| (sum / f64::from(count) * 1e12).round() / 1e12)
}

/// Returns a number that was stored in single precision, as it was written down there; others stay as they are.
#[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "whether it fits in single precision")]
fn decimal(value: f64) -> f64 {
    let single = value as f32;
    if f64::from(single) == value { shortest_decimal(single) } else { value }
}

/// Returns the values that the final accuracies of some records of one cell at one budget count as, as [`judged`] says; `accuracy` says
/// which accuracy, one that the records of trainings have.
#[must_use]
pub fn judged_records(records: &[&Record], accuracy: fn(&Evaluation) -> Option<Accuracy>, classes: usize) -> Vec<Accuracy> {
    let value = |record: &Record| accuracy(&record.end).map(|accuracy| f64::from(accuracy.fraction()));
    let values = judged(records.iter().map(|record| (record.status, value(record))), Some(chance(classes)));
    #[expect(clippy::cast_possible_truncation, reason = "single-precision numbers, and a chance")]
    values.filter_map(|value| Accuracy::from_fraction(value as f32)).collect()
}

/// The number of trainings that diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The trainings that diverged.
    pub diverged: usize,
    /// All trainings.
    pub trainings: usize,
}

impl Divergence {
    /// Returns the share of the trainings that diverged, 0 to 1; 0 of none.
    #[must_use]
    pub fn rate(&self) -> f64 {
        number(self.diverged) / number(self.trainings.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Status = Status::Ok;
    const DIVERGED: Status = Status::Diverged;

    fn values(trainings: &[(Status, Option<f64>)]) -> Vec<f64> {
        judged(trainings.iter().copied(), Some(0.1)).collect()
    }

    #[test]
    fn a_training_that_diverged_counts_as_chance() {
        assert_eq!(values(&[(OK, Some(0.9)), (DIVERGED, None)]), [0.9, 0.1]);
        assert_eq!(values(&[(DIVERGED, None), (DIVERGED, None)]), [0.1, 0.1]);
        // It diverged after half of the epochs, where it had an accuracy.
        assert_eq!(values(&[(DIVERGED, Some(0.4))]), [0.4]);
    }

    #[test]
    fn what_nobody_measured_and_what_failed_count_as_nothing() {
        assert_eq!(values(&[(OK, None), (DIVERGED, None)]), [0.0; 0]);
        assert_eq!(values(&[(OK, Some(0.9)), (OK, None), (DIVERGED, None)]), [0.9, 0.1]);
        assert_eq!(values(&[(Status::Failed, None), (OK, Some(0.9))]), [0.9]);
        assert_eq!(judged([(DIVERGED, None)].into_iter(), None).count(), 0, "an accuracy that the table does not have");
    }

    #[test]
    fn records_are_judged_in_single_precision() {
        let cell = crate::space::Cell::from_texts("0100", "input,output").unwrap();
        let blank = Record::blank(cell, crate::unit::Epochs(4), 0);
        let end = Evaluation { validation_accuracy: Accuracy::from_fraction(0.9), ..Evaluation::default() };
        let records = [Record { end, ..blank.clone() }, Record { status: DIVERGED, ..blank }];
        let values = judged_records(&records.iter().collect::<Vec<_>>(), |end| end.validation_accuracy, 10);
        assert_eq!(values.iter().map(|value| value.fraction()).collect::<Vec<_>>(), [0.9, 0.1]);
    }

    #[test]
    fn equal_means_are_equal_to_the_last_bit() {
        let mean = |values: &[f32]| mean_accuracy(values.iter().map(|value| f64::from(*value)));
        assert_eq!(mean(&[0.9]), Some(0.9));
        assert_eq!(mean(&[0.59, 0.591]), Some(0.5905));
        assert_eq!(mean(&[0.59, 0.6, 0.61]), mean(&[0.6, 0.6, 0.6]));
        assert_eq!(mean(&[]), None);
        // In single precision a third prints as eight digits.
        assert_eq!(mean(&[1.0_f32 / 3.0]), Some(0.333_333_34));
    }

    #[test]
    fn chance_is_one_over_the_classes_and_a_rate_is_of_all_trainings() {
        let rates = [Divergence { diverged: 1, trainings: 4 }, Divergence::default()].map(|divergence| divergence.rate());
        for (found, expected) in [10, 4, 0].map(chance).into_iter().chain(rates).zip([0.1, 0.25, 1.0, 0.25, 0.0]) {
            assert!((found - expected).abs() < 1e-15, "{found}, expected {expected}");
        }
    }
}
