//! The trials of a search as the rows of a file.

use super::History;
use crate::table::TrialRow;

impl History {
    /// The trials as rows for [`write_trials`](crate::table::write_trials), in their order.
    ///
    /// `oracle` says what answered, as in `surrogate:random-forest`.
    #[must_use]
    pub fn rows<'a>(&'a self, oracle: &'a str) -> Vec<TrialRow<'a>> {
        let row = |(evaluation, trial): (u32, &super::Trial)| TrialRow {
            algorithm: self.algorithm,
            oracle,
            seed: self.seed,
            evaluation,
            cell: trial.cell(),
            epochs: trial.proposal.epochs,
            validation_accuracy: trial.measurement.validation_accuracy,
            training_time: trial.measurement.training_time,
        };
        (1..).zip(&self.trials).map(row).collect()
    }
}
