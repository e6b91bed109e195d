//! What a surrogate learns from: cells of a table, each with the mean of what its repeats reached.

use std::collections::{HashMap, HashSet};

use rand::seq::SliceRandom as _;

use super::{Error, Quantity, Target};
use crate::space::{Cell, ModuleHash};
use crate::statistics::{mean, pooled_deviation};
use crate::table::{Divergence, Stop, Table};
use crate::unit::{Seconds, Seed};

/// Cells and the values to learn, one of each for each cell.
///
/// # Units
///
/// Values are fractions or seconds, as the quantity of the target says.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    target: Target,
    cells: Vec<Cell>,
    hashes: Vec<ModuleHash>,
    values: Vec<f32>,
    /// What each value is the mean of.
    repeats: Vec<Vec<f64>>,
}

impl Lesson {
    /// Takes what a table says of a target, in the order of its cells. A training that diverged counts as an accuracy of
    /// [chance](Table::chance); a time of 0, which nobody measured, is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Table`] if nothing was trained at the budget, [`Error::NothingToLearn`] if no cell has a value or every training
    /// diverged.
    pub fn of(table: &Table, target: Target) -> Result<Self, Error> {
        table.check_budget(target.epochs)?;
        let Divergence { diverged, trainings } = table.divergence(target.epochs);
        if diverged == trainings {
            return Err(Error::NothingToLearn { target });
        }
        let mut lesson = Self { target, cells: Vec::new(), hashes: Vec::new(), values: Vec::new(), repeats: Vec::new() };
        for (index, (cell, hash)) in table.cells().iter().zip(table.hashes()).enumerate() {
            let values = values(table, index, target);
            let Some(mean) = mean(&values) else { continue };
            lesson.cells.push(*cell);
            lesson.hashes.push(*hash);
            #[expect(clippy::cast_possible_truncation, reason = "a prediction needs no more than seven digits")]
            lesson.values.push(mean as f32);
            lesson.repeats.push(values);
        }
        if lesson.cells.is_empty() {
            return Err(Error::NothingToLearn { target });
        }
        Ok(lesson)
    }

    /// What is learned.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Their hashes.
    #[must_use]
    pub fn hashes(&self) -> &[ModuleHash] {
        &self.hashes
    }

    /// Their values: means over the repeats.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What each value is the mean of.
    ///
    /// # Shapes
    ///
    /// - `[cells][repeats]`
    #[must_use]
    pub fn of_repeats(&self) -> &[Vec<f64>] {
        &self.repeats
    }

    /// How many repeats a value is the mean of: the fewest and the most.
    #[must_use]
    pub fn repeats(&self) -> (usize, usize) {
        let repeats = || self.repeats.iter().map(Vec::len);
        (repeats().min().unwrap_or(0), repeats().max().unwrap_or(0))
    }

    /// The standard deviation of a repeat around the mean of its cell, pooled over the cells; `None` if none has two.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "noise needs no more than seven digits")]
    pub fn noise(&self) -> Option<f32> {
        pooled_deviation(&self.repeats).map(|noise| noise as f32)
    }

    /// Draws so many of the cells: those of a smaller number are among those of a larger one of the same seed.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewCells`] if there are not so many.
    pub fn draw(&self, count: usize, seed: Seed) -> Result<Self, Error> {
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        order.sort_unstable_by_key(|place| self.hashes[*place]);
        order.shuffle(&mut seed.derive("lesson").rng());
        let chosen = order.get(..count);
        let chosen = chosen.ok_or(Error::TooFewCells { target: self.target, known: self.cells.len(), found: count })?;
        Ok(self.select(chosen))
    }

    /// Keeps the cells with these hashes, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCell`] for the first that has no value.
    pub fn choose(&self, hashes: &[ModuleHash]) -> Result<Self, Error> {
        let places: HashMap<ModuleHash, usize> = self.hashes.iter().copied().zip(0..).collect();
        let place = |hash: &ModuleHash| places.get(hash).copied().ok_or(Error::UnknownCell { hash: *hash, target: self.target });
        Ok(self.select(&hashes.iter().map(place).collect::<Result<Vec<_>, _>>()?))
    }

    /// The cells that another lesson has, too, in the order of this one.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let known: HashSet<&ModuleHash> = other.hashes.iter().collect();
        self.select(&(0..self.cells.len()).filter(|place| known.contains(&self.hashes[*place])).collect::<Vec<_>>())
    }

    fn select(&self, places: &[usize]) -> Self {
        Self {
            target: self.target,
            cells: places.iter().map(|place| self.cells[*place]).collect(),
            hashes: places.iter().map(|place| self.hashes[*place]).collect(),
            values: places.iter().map(|place| self.values[*place]).collect(),
            repeats: places.iter().map(|place| self.repeats[*place].clone()).collect(),
        }
    }
}

/// What the repeats of a cell say of a target.
fn values(table: &Table, index: usize, target: Target) -> Vec<f64> {
    match target.quantity {
        Quantity::ValidationAccuracy => table.judged_accuracies(index, target.epochs),
        Quantity::TrainingTime => {
            let times = table.repeats(index, target.epochs).iter().map(|row| row.at(Stop::Final).training_time);
            times.filter_map(Seconds::measured).map(|time| time.0).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::cells;
    use super::*;
    use crate::table::{Record, Status};
    use crate::train::Evaluation;
    use crate::unit::{Accuracy, Epochs, Seconds};

    const TARGET: Target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(4) };

    fn record(cell: Cell, repeat: u16, fraction: f32) -> Record {
        let validation_accuracy = Accuracy::from_fraction(fraction);
        let end = Evaluation { validation_accuracy, training_time: Seconds(f64::from(fraction)), ..Evaluation::default() };
        Record { end, ..Record::blank(cell, Epochs(4), repeat) }
    }

    fn table() -> Table {
        let cells = cells(6);
        let mut records: Vec<_> = cells.iter().map(|cell| record(*cell, 0, 0.5)).collect();
        records.push(record(cells[0], 1, 0.7));
        records.push(record(cells[1], 1, 0.7));
        records.push(Record { status: Status::Diverged, ..record(cells[2], 1, f32::NAN) });
        records.push(Record { status: Status::Failed, ..record(cells[3], 1, f32::NAN) });
        records.push(Record::blank(super::super::tests::cells(7)[6], Epochs(4), 0));
        Table::from_records(&records)
    }

    #[test]
    fn a_lesson_has_the_means_over_repeats_and_their_noise_and_what_diverged_counts_as_chance() {
        let lesson = Lesson::of(&table(), TARGET).unwrap();
        assert_eq!((lesson.cells().len(), lesson.repeats()), (6, (1, 2)));
        let of = |cell: usize| lesson.values()[lesson.hashes().iter().position(|hash| *hash == cells(6)[cell].hash()).unwrap()];
        assert!((of(0) - 0.6).abs() < 1e-6 && (of(2) - 0.3).abs() < 1e-6 && (of(3) - 0.5).abs() < 1e-6);
        // Sample variances of 0.02, 0.02 and 0.08.
        assert!((lesson.noise().unwrap() - 0.04_f32.sqrt()).abs() < 1e-5);
        let four = Lesson::of(&table().with_classes(4), TARGET).unwrap();
        assert!((four.values()[four.hashes().iter().position(|hash| *hash == cells(6)[2].hash()).unwrap()] - 0.375).abs() < 1e-6);
        let times = Lesson::of(&table(), Target { quantity: Quantity::TrainingTime, ..TARGET }).unwrap();
        assert_eq!(times.cells().len(), 6, "a time of 0 is none");
    }

    #[test]
    fn what_is_drawn_grows_with_the_number() {
        let lesson = Lesson::of(&table(), TARGET).unwrap();
        let (few, more) = (lesson.draw(2, Seed(1)).unwrap(), lesson.draw(5, Seed(1)).unwrap());
        assert_eq!(few.hashes(), &more.hashes()[..2]);
        let message = lesson.draw(7, Seed(1)).unwrap_err().to_string();
        assert_eq!(message, "7 cells to fit on, expected at most 6: no more have a validation accuracy at 4 epochs");
        assert_eq!(lesson.choose(few.hashes()).unwrap(), few);
        assert!(matches!(lesson.choose(&[cells(7)[6].hash()]), Err(Error::UnknownCell { .. })));
        let mut hashes = lesson.beside(&few).hashes().to_vec();
        hashes.sort_unstable_by_key(|hash| few.hashes().iter().position(|other| other == hash));
        assert_eq!(hashes, few.hashes());
    }

    #[test]
    fn a_target_that_nobody_has_is_named() {
        let epochs = |epochs| Target { epochs: Epochs(epochs), ..TARGET };
        assert!(matches!(Lesson::of(&table(), epochs(12)), Err(Error::Table(_))));
        let blank = Table::from_records(&[Record::blank(cells(1)[0], Epochs(4), 0)]);
        let message = Lesson::of(&blank, TARGET).unwrap_err().to_string();
        assert_eq!(message, "no cell has a validation accuracy at 4 epochs: there is nothing to learn");
    }
}
