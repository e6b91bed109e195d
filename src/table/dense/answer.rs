//! What a query answers: under the key names of the official program, of one repeat or of the mean over all.

use rand::RngExt as _;
use serde::Serialize;

use super::Row;
use crate::space::{Cell, INPUT, ModuleHash, OUTPUT, Operation};
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Parameters, Seconds, Seed};

/// The two moments of a training of which a query answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// After half of the epochs.
    Halfway,
    /// At the end.
    Final,
}

impl Stop {
    /// The position in a [`Row`].
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Halfway => 0,
            Self::Final => 1,
        }
    }

    /// The start of the names of its columns: `halfway` or `final`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halfway => "halfway",
            Self::Final => "final",
        }
    }
}

/// Of which repeats a query answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// The mean over all. A repeat that lacks an accuracy or a time is left out of the mean of that.
    Mean,
    /// The one with this number.
    One(u16),
    /// One drawn at random, a function of the seed and the cell only: each time the same.
    ///
    /// The official program draws from the global generator of its process instead, another repeat at every query.
    Drawn(Seed),
}

/// What a cell reached at a budget.
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
    /// What was measured after half of the epochs.
    pub halfway: Evaluation,
    /// What was measured at the end.
    pub end: Evaluation,
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
    /// What the training had cost; `None` if nobody measured it.
    pub training_time: Option<Seconds>,
    /// The accuracy on images trained on.
    pub train_accuracy: Option<Accuracy>,
    /// The accuracy by which searches choose.
    pub validation_accuracy: Option<Accuracy>,
    /// The accuracy that a search never sees.
    pub test_accuracy: Option<Accuracy>,
}

impl Answer {
    /// Answers of some rows of a cell at one budget, at least one.
    pub(super) fn of(hash: ModuleHash, cell: Cell, parameters: Parameters, rows: &[Row], is_mean: bool) -> Self {
        let [halfway, end] = [Stop::Halfway, Stop::Final].map(|stop| if is_mean { mean(rows, stop) } else { rows[0].at(stop) });
        let repeat = (!is_mean).then_some(rows[0].repeat);
        Self { hash, cell, parameters, epochs: rows[0].epochs(), repeat, halfway, end }
    }

    /// What was measured at a moment of the training.
    #[must_use]
    pub const fn at(&self, stop: Stop) -> Evaluation {
        match stop {
            Stop::Halfway => self.halfway,
            Stop::Final => self.end,
        }
    }

    /// The answer under the key names of the official program.
    #[must_use]
    pub fn official(&self, stop: Stop) -> Official {
        let Evaluation { training_time, train_accuracy, validation_accuracy, test_accuracy } = self.at(stop);
        let vertices = self.cell.vertices();
        Official {
            module_adjacency: (0..vertices)
                .map(|x| (0..vertices).map(|y| u8::from(self.cell.has_edge(x, y))).collect())
                .collect(),
            module_operations: [INPUT].into_iter().chain(self.cell.operations().map(Operation::name)).chain([OUTPUT]).collect(),
            trainable_parameters: self.parameters,
            training_time: training_time.measured(),
            train_accuracy,
            validation_accuracy,
            test_accuracy,
        }
    }
}

/// Draws one of a cell's repeats.
pub(super) fn drawn(rows: &[Row], hash: ModuleHash, seed: Seed) -> &Row {
    let mut rng = seed.derive(&format!("repeat of {hash}")).rng();
    &rows[rng.random_range(0..rows.len())]
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of a few single-precision numbers")]
fn mean(rows: &[Row], stop: Stop) -> Evaluation {
    let place = stop.place();
    let mean_of = |which: usize| {
        let fractions = rows.iter().map(|row| row.accuracies[place][which]).filter(|fraction| !fraction.is_nan());
        let (sum, count) = fractions.fold((0.0, 0_u32), |(sum, count), fraction| (sum + f64::from(fraction), count + 1));
        // Of no fractions the mean is no number, which makes no accuracy.
        Accuracy::from_fraction((sum / f64::from(count)) as f32)
    };
    let times = rows.iter().filter_map(|row| Seconds(row.training_times[place]).measured());
    let (seconds, measured) = times.fold((0.0, 0_u32), |(sum, count), time| (sum + time.0, count + 1));
    Evaluation {
        // 0 if no repeat has one.
        training_time: Seconds(seconds / f64::from(measured.max(1))),
        train_accuracy: mean_of(0),
        validation_accuracy: mean_of(1),
        test_accuracy: mean_of(2),
    }
}
