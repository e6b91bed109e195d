//! The trials of a search as the rows of a file.

use super::{History, Trial};
use crate::table::TrialRow;
use crate::unit::Seed;

impl History {
    /// The trials as rows for [`write_trials`](crate::table::write_trials), in their order.
    ///
    /// `oracle` says what answered, as in `surrogate:random-forest`.
    #[must_use]
    pub fn rows<'a>(&'a self, oracle: &'a str) -> Vec<TrialRow<'a>> {
        (1..).zip(&self.trials).map(|(evaluation, trial)| trial.row(&self.algorithm, oracle, self.seed, evaluation)).collect()
    }
}

impl Trial {
    /// The trial as a row for [`write_trials`](crate::table::write_trials): the one at a position of a search, from 1.
    #[must_use]
    pub fn row<'a>(&self, algorithm: &'a str, oracle: &'a str, seed: Seed, evaluation: u32) -> TrialRow<'a> {
        let Self { candidate, measurement, .. } = self;
        TrialRow {
            algorithm,
            oracle,
            seed,
            evaluation,
            cell: self.cell(),
            epochs: candidate.epochs,
            validation_accuracy: measurement.validation_accuracy,
            training_time: measurement.training_time,
        }
    }
}
