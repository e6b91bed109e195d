//! The training set of a surrogate: cells of a table, each with the mean of its repeats.

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
pub struct TrainingSet {
    /// What is learned.
    pub target: Target,
    /// The cells.
    pub cells: Vec<Cell>,
    /// Their hashes.
    pub hashes: Vec<ModuleHash>,
    /// Their values: means over the repeats.
    pub values: Vec<f32>,
    /// The repeats of each cell.
    pub repeats: Vec<Vec<f64>>,
}

impl TrainingSet {
    /// Reads the values of a target from a table, in the order of its cells. A training that diverged counts as an accuracy of
    /// [chance](Table::chance); a time of 0, which nobody measured, is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Table`] if nothing was trained at the budget, [`Error::NothingToLearn`] if no cell has a value or every training
    /// diverged.
    pub fn new(table: &Table, target: Target) -> Result<Self, Error> {
        table.check_budget(target.epochs)?;
        let Divergence { diverged, trainings } = table.divergence(target.epochs);
        if diverged == trainings {
            return Err(Error::NothingToLearn(target));
        }
        let mut set = Self { target, cells: Vec::new(), hashes: Vec::new(), values: Vec::new(), repeats: Vec::new() };
        for (index, (cell, hash)) in table.cells().iter().zip(table.hashes()).enumerate() {
            let values = values(table, index, target);
            let Some(mean) = mean(&values) else { continue };
            set.cells.push(*cell);
            set.hashes.push(*hash);
            #[expect(clippy::cast_possible_truncation, reason = "a prediction needs no more than seven digits")]
            set.values.push(mean as f32);
            set.repeats.push(values);
        }
        if set.cells.is_empty() {
            return Err(Error::NothingToLearn(target));
        }
        Ok(set)
    }

    /// Returns the fewest and the most repeats of a cell.
    #[must_use]
    pub fn repeat_range(&self) -> (usize, usize) {
        let repeats = || self.repeats.iter().map(Vec::len);
        (repeats().min().unwrap_or(0), repeats().max().unwrap_or(0))
    }

    /// Returns the standard deviation of a repeat around the mean of its cell, pooled over the cells; `None` if none has two.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "noise needs no more than seven digits")]
    pub fn noise(&self) -> Option<f32> {
        pooled_deviation(&self.repeats).map(|noise| noise as f32)
    }

    /// Draws `count` of the cells: those of a smaller count are among those of a larger one with the same seed.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewCells`] if there are fewer.
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

    /// Keeps the cells that another training set has, too, in their order.
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

/// Returns the values of the repeats of a cell.
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
    fn a_training_set_has_the_means_over_repeats_and_their_noise_and_what_diverged_counts_as_chance() {
        let set = TrainingSet::new(&table(), TARGET).unwrap();
        assert_eq!((set.cells.len(), set.repeat_range()), (6, (1, 2)));
        let of = |cell: usize| set.values[set.hashes.iter().position(|hash| *hash == cells(6)[cell].hash()).unwrap()];
        assert!((of(0) - 0.6).abs() < 1e-6 && (of(2) - 0.3).abs() < 1e-6 && (of(3) - 0.5).abs() < 1e-6);
        // Sample variances of 0.02, 0.02 and 0.08.
        assert!((set.noise().unwrap() - 0.04_f32.sqrt()).abs() < 1e-5);
        let four = TrainingSet::new(&table().with_classes(4), TARGET).unwrap();
        assert!((four.values[four.hashes.iter().position(|hash| *hash == cells(6)[2].hash()).unwrap()] - 0.375).abs() < 1e-6);
        let times = TrainingSet::new(&table(), Target { quantity: Quantity::TrainingTime, ..TARGET }).unwrap();
        assert_eq!(times.cells.len(), 6, "a time of 0 is none");
    }

    #[test]
    fn what_is_drawn_grows_with_the_number() {
        let set = TrainingSet::new(&table(), TARGET).unwrap();
        let (few, more) = (set.draw(2, Seed(1)).unwrap(), set.draw(5, Seed(1)).unwrap());
        assert_eq!(few.hashes, more.hashes[..2]);
        let message = set.draw(7, Seed(1)).unwrap_err().to_string();
        assert_eq!(message, "7 cells to fit on, expected at most 6: no more have a validation accuracy at 4 epochs");
        assert_eq!(set.choose(&few.hashes).unwrap(), few);
        assert!(matches!(set.choose(&[cells(7)[6].hash()]), Err(Error::UnknownCell { .. })));
        let mut hashes = set.beside(&few).hashes;
        hashes.sort_unstable_by_key(|hash| few.hashes.iter().position(|other| other == hash));
        assert_eq!(hashes, few.hashes);
    }

    #[test]
    fn a_target_that_nobody_has_is_named() {
        let epochs = |epochs| Target { epochs: Epochs(epochs), ..TARGET };
        assert!(matches!(TrainingSet::new(&table(), epochs(12)), Err(Error::Table(_))));
        let blank = Table::from_records(&[Record::blank(cells(1)[0], Epochs(4), 0)]);
        let message = TrainingSet::new(&blank, TARGET).unwrap_err().to_string();
        assert_eq!(message, "no cell has a validation accuracy at 4 epochs: there is nothing to learn");
    }
}
