//! The answer to a query: of one repeat, or of the mean over all, also under the key names of the official program.

use rand::RngExt as _;
use serde::Serialize;

use super::{Row, Table};
use crate::space::{Cell, INPUT, ModuleHash, OUTPUT, Operation};
use crate::statistics::number;
use crate::table::Status;
use crate::table::judged::{judged, mean_accuracy};
use crate::unit::{Accuracy, Epochs, Parameters, Seconds, Seed};

/// The positions of the accuracies in a [`Row`].
pub(super) const TRAIN: usize = 0;
pub(super) const VALIDATION: usize = 1;
pub(super) const TEST: usize = 2;

/// A moment of a training: halfway or at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// After half of the epochs.
    Halfway,
    /// At the end.
    Final,
}

impl Stop {
    /// Returns the position in a [`Row`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Halfway => 0,
            Self::Final => 1,
        }
    }

    /// Returns the start of the names of its columns: `halfway` or `final`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halfway => "halfway",
            Self::Final => "final",
        }
    }
}

/// The repeats that a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// The mean over all. One that diverged counts as [chance](Table::chance); one that lacks an accuracy or a time otherwise
    /// is left out of the mean of that, and each [`Mean`] says how many it is of.
    Mean,
    /// The mean over those with this number or a larger one: over what a search that is shown the smaller ones never saw.
    MeanFrom(u16),
    /// The one with this number.
    One(u16),
    /// One drawn at random, a function of the seed and the cell only: each time the same.
    ///
    /// The official program draws from the global generator of its process instead, another repeat at every query.
    Drawn(Seed),
}

/// A mean over trainings of one cell at one budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean, in double precision: seconds or a fraction.
    pub value: f64,
    /// The number of trainings: at least one.
    pub repeats: usize,
}

impl Mean {
    /// Returns the mean of some accuracies; `None` of none.
    fn of_accuracies(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        Some(Self { value: mean_accuracy(values.clone())?, repeats: values.count() })
    }

    /// Returns the mean of some times; `None` of none.
    fn of_times(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let repeats = values.clone().count();
        (repeats > 0).then(|| Self { value: values.sum::<f64>() / number(repeats), repeats })
    }

    /// Returns the mean of accuracies as an accuracy, in single precision.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a mean of a few single-precision numbers")]
    pub fn accuracy(self) -> Option<Accuracy> {
        Accuracy::from_fraction(self.value as f32)
    }
}

/// The measurements of a cell at one moment of its trainings: means over repeats, or those of one repeat. `None` where no training
/// has a value.
///
/// # Units
///
/// Seconds and fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Means {
    /// The training time.
    pub training_time: Option<Mean>,
    /// The accuracy on images trained on.
    pub train_accuracy: Option<Mean>,
    /// The accuracy by which searches choose.
    pub validation_accuracy: Option<Mean>,
    /// The accuracy that a search never sees.
    pub test_accuracy: Option<Mean>,
}

/// The measurements of a cell at a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The hash of the cell.
    pub hash: ModuleHash,
    /// The labelled graph that was trained.
    pub cell: Cell,
    /// The trainable parameters of its network.
    pub parameters: Parameters,
    /// The training budget.
    pub epochs: Epochs,
    /// Which repeat this is; `None` for the mean over all.
    pub repeat: Option<u16>,
    /// How that repeat ended; `None` for the mean over all.
    pub status: Option<Status>,
    /// The number of trainings.
    pub repeats: usize,
    /// The number of them that diverged: in a mean they count as [chance](Table::chance).
    pub diverged: usize,
    /// What was measured after half of the epochs.
    pub halfway: Means,
    /// What was measured at the end.
    pub end: Means,
}

/// An answer under the key names of the official program.
///
/// # Units
///
/// Seconds and fractions, as in the official records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Official {
    /// The matrix: a 1 at row `x`, column `y` for an edge from `x` to `y`.
    pub module_adjacency: Vec<Vec<u8>>,
    /// The operations, `input` and `output` included.
    pub module_operations: Vec<&'static str>,
    /// The trainable parameters of the network.
    pub trainable_parameters: Parameters,
    /// The training time; `None` if it was not measured.
    pub training_time: Option<Seconds>,
    /// The accuracy on images trained on.
    pub train_accuracy: Option<Accuracy>,
    /// The accuracy by which searches choose.
    pub validation_accuracy: Option<Accuracy>,
    /// The accuracy that a search never sees.
    pub test_accuracy: Option<Accuracy>,
}

impl Answer {
    /// Answers of some rows of a cell at one budget, at least one: of their means, or as they were measured.
    pub(super) fn new(table: &Table, index: usize, rows: &[Row], is_mean: bool) -> Self {
        let [halfway, end] = [Stop::Halfway, Stop::Final].map(|stop| Means::new(table, rows, stop, is_mean));
        let diverged = rows.iter().filter(|row| row.status == Status::Diverged).count();
        Self {
            hash: table.hashes[index],
            cell: table.cells[index],
            parameters: table.parameters[index],
            epochs: rows[0].epochs(),
            repeat: (!is_mean).then_some(rows[0].repeat),
            status: (!is_mean).then_some(rows[0].status),
            repeats: rows.len(),
            diverged,
            halfway,
            end,
        }
    }

    /// Returns the measurements at a moment of the training.
    #[must_use]
    pub const fn at(&self, stop: Stop) -> Means {
        match stop {
            Stop::Halfway => self.halfway,
            Stop::Final => self.end,
        }
    }

    /// Returns the answer under the key names of the official program.
    #[must_use]
    pub fn official(&self, stop: Stop) -> Official {
        let Means { training_time, train_accuracy, validation_accuracy, test_accuracy } = self.at(stop);
        let vertices = self.cell.vertices();
        Official {
            module_adjacency: (0..vertices)
                .map(|x| (0..vertices).map(|y| u8::from(self.cell.has_edge(x, y))).collect())
                .collect(),
            module_operations: [INPUT].into_iter().chain(self.cell.operations().map(Operation::name)).chain([OUTPUT]).collect(),
            trainable_parameters: self.parameters,
            training_time: training_time.map(|time| Seconds(time.value)),
            train_accuracy: train_accuracy.and_then(Mean::accuracy),
            validation_accuracy: validation_accuracy.and_then(Mean::accuracy),
            test_accuracy: test_accuracy.and_then(Mean::accuracy),
        }
    }
}

/// Draws one of a cell's repeats.
pub(super) fn drawn(rows: &[Row], hash: ModuleHash, seed: Seed) -> &Row {
    let mut rng = seed.derive(&format!("repeat of {hash}")).rng();
    &rows[rng.random_range(0..rows.len())]
}

impl Means {
    fn new(table: &Table, rows: &[Row], stop: Stop, is_judged: bool) -> Self {
        let moment = stop.index();
        let accuracy = |which: usize| {
            let measured = |row: &Row| row.accuracy(moment, which);
            if is_judged {
                let trainings = rows.iter().map(|row| (row.status, measured(row)));
                Mean::of_accuracies(judged(trainings, table.chance_of(moment, which)))
            } else {
                Mean::of_accuracies(rows.iter().filter_map(measured))
            }
        };
        let times = rows.iter().filter_map(|row| Seconds(row.training_times[moment]).measured());
        Self {
            training_time: Mean::of_times(times.map(|time| time.0)),
            train_accuracy: accuracy(TRAIN),
            validation_accuracy: accuracy(VALIDATION),
            test_accuracy: accuracy(TEST),
        }
    }
}
