//! The best cells of a table by one of its columns.

use rayon::prelude::*;

use super::{Answer, Repeat, Stop, Table};
use crate::oracle::Measurement;
use crate::space::Cell;
use crate::table::Error;
use crate::table::in_memory::Mean;
use crate::unit::{Accuracy, Epochs, Seconds};

/// A column by which cells can be ranked.
#[derive(Clone, Copy, Debug)]
pub struct Ranking {
    /// The name of the column.
    pub name: &'static str,
    /// The moment of the training that it is about; parameters are the same at each.
    pub stop: Option<Stop>,
    /// Whether a higher value is better, as of accuracies.
    pub is_higher_better: bool,
    value: fn(&Answer) -> Option<f64>,
}

/// Every column by which cells can be ranked.
pub const RANKINGS: &[Ranking] = &[
    higher("final_validation_accuracy", Stop::Final, |answer| mean(answer.end.validation_accuracy)),
    higher("final_test_accuracy", Stop::Final, |answer| mean(answer.end.test_accuracy)),
    higher("final_train_accuracy", Stop::Final, |answer| mean(answer.end.train_accuracy)),
    lower("final_training_time", Some(Stop::Final), |answer| mean(answer.end.training_time)),
    higher("halfway_validation_accuracy", Stop::Halfway, |answer| mean(answer.halfway.validation_accuracy)),
    higher("halfway_test_accuracy", Stop::Halfway, |answer| mean(answer.halfway.test_accuracy)),
    higher("halfway_train_accuracy", Stop::Halfway, |answer| mean(answer.halfway.train_accuracy)),
    lower("halfway_training_time", Some(Stop::Halfway), |answer| mean(answer.halfway.training_time)),
    lower("trainable_parameters", None, |answer| Some(answer.parameters.0.into())),
];

const fn higher(name: &'static str, stop: Stop, value: fn(&Answer) -> Option<f64>) -> Ranking {
    Ranking { name, stop: Some(stop), is_higher_better: true, value }
}

const fn lower(name: &'static str, stop: Option<Stop>, value: fn(&Answer) -> Option<f64>) -> Ranking {
    Ranking { name, stop, is_higher_better: false, value }
}

fn mean(mean: Option<Mean>) -> Option<f64> {
    mean.map(|mean| mean.value)
}

impl Ranking {
    /// Finds a column by its name, or by the name under which a query prints it: `training_time` is `final_training_time`, or
    /// `halfway_training_time` if that moment of the training is asked for. `None` for any other name.
    #[must_use]
    pub fn find(name: &str, stop: Option<Stop>) -> Option<&'static Self> {
        let moment = match stop.unwrap_or(Stop::Final) {
            Stop::Halfway => "halfway",
            Stop::Final => "final",
        };
        let is_printed = |full: &str| full.strip_prefix(moment).and_then(|rest| rest.strip_prefix('_')) == Some(name);
        RANKINGS.iter().find(|ranking| ranking.name == name || is_printed(ranking.name))
    }

    /// Returns the name under which a query prints the column.
    #[must_use]
    pub fn printed_name(&self) -> &'static str {
        let name = self.name;
        ["halfway_", "final_"].into_iter().find_map(|moment| name.strip_prefix(moment)).unwrap_or(name)
    }

    /// Returns the value of the column in an answer; `None` if there is none.
    ///
    /// # Units
    ///
    /// Fractions, seconds or a count, as the column has them.
    #[must_use]
    pub fn value(&self, answer: &Answer) -> Option<f64> {
        (self.value)(answer)
    }
}

impl Table {
    /// Finds the best cells at a budget by a column of the mean over repeats, the best first, of equals that with the lower
    /// hash. A repeat that diverged counts as [chance](Self::chance). Cells without a value are left out.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBudget`] if nothing was trained at the budget, [`Error::NoValues`] if no cell has a value.
    pub fn best(&self, epochs: Epochs, by: &Ranking, most: usize) -> Result<Vec<Answer>, Error> {
        self.check_budget(epochs)?;
        let answer = |index: usize| self.answer(index, epochs, Repeat::Mean).ok();
        let ranked = (0..self.len()).into_par_iter().filter_map(|index| {
            let value = by.value(&answer(index)?)?;
            Some((if by.is_higher_better { -value } else { value }, index))
        });
        let mut ranked: Vec<_> = ranked.collect();
        if ranked.is_empty() {
            let has_values =
                |by: &Ranking| (0..self.len()).any(|index| answer(index).is_some_and(|answer| by.value(&answer).is_some()));
            let known = RANKINGS.iter().filter(|by| has_values(by)).map(|by| by.name).collect();
            return Err(Error::NoValues { column: by.name, epochs, known });
        }
        let order = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
        if most < ranked.len() {
            ranked.select_nth_unstable_by(most, order);
            ranked.truncate(most);
        }
        ranked.sort_unstable_by(order);
        Ok(ranked.into_iter().filter_map(|(_, index)| answer(index)).collect())
    }

    /// Returns the cells with their mean validation accuracies and training times at a budget, over all repeats; a mean that is not known
    /// of a cell is `None`.
    ///
    /// # Errors
    ///
    /// As [`check_budget`](Self::check_budget) for a budget that nothing was trained at.
    pub fn measurements(&self, epochs: Epochs) -> Result<Vec<(Cell, Measurement)>, Error> {
        self.check_budget(epochs)?;
        let measured = |index: usize| {
            let answer = self.answer(index, epochs, Repeat::Mean).ok()?;
            #[expect(clippy::cast_possible_truncation, reason = "accuracies are single precision")]
            let accuracy = answer.end.validation_accuracy.and_then(|mean| Accuracy::from_fraction(mean.value as f32));
            let training_time = answer.end.training_time.map(|mean| Seconds(mean.value));
            Some((answer.cell, Measurement::new(accuracy, training_time)))
        };
        Ok((0..self.len()).into_par_iter().filter_map(measured).collect())
    }
}
