//! The cost of trainings, computed from their operations: independent of the load of the machine.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Benchmark, Error, Status, Stop, Table};
use crate::network::{Skeleton, count};
use crate::train::Protocol;
use crate::unit::{Epochs, Flops, Seconds};

/// What the trainings of a table cost, computed: the operations of a forward pass, times the passes of the protocol, times the seconds that
/// an operation took on average in the recorded trainings.
///
/// Measured seconds drift with whatever else a machine does; these do not, and every repeat of a cell costs the same. A training that
/// diverged costs what one does that did not.
#[derive(Clone, Debug)]
pub struct Costs {
    /// The operations of a forward pass of each cell, by its index in the table.
    operations: Vec<f64>,
    /// The passes of a training at each budget.
    passes: BTreeMap<Epochs, f64>,
    seconds_per_operation: f64,
    trainings: usize,
}

impl Costs {
    /// Computes the costs of the cells of a benchmark's table.
    ///
    /// # Errors
    ///
    /// [`Error::NoNetwork`] if it was imported or its protocol does not say which networks were trained and how; [`Error::NoTimes`] if no
    /// time is recorded by which operations become seconds.
    pub fn compute(benchmark: &Benchmark, table: &Table) -> Result<Self, Error> {
        if benchmark.manifest().seed.is_none() {
            return Err(Error::NoNetwork { what: format!("`{}`, which was imported,", benchmark.folder().display()) });
        }
        let skeleton = benchmark.skeleton()?;
        let protocol = Protocol::from_identity(&benchmark.manifest().protocol);
        let what = || format!("the protocol of `{}`", benchmark.folder().display());
        Self::new(table, &skeleton, &protocol.map_err(|_| Error::NoNetwork { what: what() })?)
    }

    fn new(table: &Table, skeleton: &Skeleton, protocol: &Protocol) -> Result<Self, Error> {
        #[expect(clippy::cast_precision_loss, reason = "a cost needs no more than 15 digits")]
        let of_pass = |cell| count(cell, skeleton).map_or(0.0, |(_, Flops(flops))| flops as f64);
        let operations: Vec<f64> = table.cells().par_iter().map(of_pass).collect();
        #[expect(clippy::cast_precision_loss, reason = "a cost needs no more than 15 digits")]
        let passes = table.budgets().iter().map(|epochs| (*epochs, protocol.passes(*epochs) as f64)).collect();
        let costs = Self { operations, passes, seconds_per_operation: 1.0, trainings: 0 };
        let (mut seconds, mut work, mut trainings) = (0.0, 0.0, 0);
        for index in 0..table.len() {
            let rows = table.budgets().iter().flat_map(|epochs| table.repeats(index, *epochs));
            for row in rows.filter(|row| row.status() == Status::Ok) {
                if let Some(Seconds(measured)) = row.at(Stop::Final).training_time.measured() {
                    seconds += measured;
                    work += costs.operations_of(index, row.epochs());
                    trainings += 1;
                }
            }
        }
        if work <= 0.0 {
            return Err(Error::NoTimes { epochs: table.budgets().last().copied().unwrap_or_default() });
        }
        Ok(Self { seconds_per_operation: seconds / work, trainings, ..costs })
    }

    /// Returns the operations of a training of a cell, by its index.
    fn operations_of(&self, index: usize, epochs: Epochs) -> f64 {
        self.operations[index] * self.passes[&epochs]
    }

    /// Returns the cost of a training of a cell, by its index in the table, at one of its budgets.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below the number of cells, and the budget one of the table.
    #[must_use]
    pub fn seconds(&self, index: usize, epochs: Epochs) -> Seconds {
        Seconds(self.seconds_per_operation * self.operations_of(index, epochs))
    }

    /// Describes how the costs were computed.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!(
            "computed: the operations of its forward and backward passes, at {:.3} s for 10⁹ of them, the mean of {} recorded trainings",
            1e9 * self.seconds_per_operation,
            self.trainings
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_costs_its_operations_and_all_of_them_what_was_measured() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let table = benchmark.table().unwrap();
        let costs = Costs::compute(&benchmark, &table).unwrap();
        let (mut computed, mut measured, mut rows) = (0.0, 0.0, 0);
        for index in 0..table.len() {
            for epochs in table.budgets() {
                for row in table.repeats(index, *epochs) {
                    measured += row.at(Stop::Final).training_time.0;
                    computed += costs.seconds(index, *epochs).0;
                    rows += 1;
                }
            }
        }
        assert!((computed / measured - 1.0).abs() < 1e-9, "{computed}, measured {measured}");
        assert!(costs.in_words().ends_with(&format!("the mean of {rows} recorded trainings")), "{}", costs.in_words());
        let [smaller, larger] = [table.budgets()[0], *table.budgets().last().unwrap()];
        // 100 images to train on and 50 for the curve; evaluations on 50, 100 and 100, and on 50 of each before the first step.
        let passes = |epochs: Epochs| 150 + 2 * 250 + u32::from(epochs.0) * (3 * 100 + 50);
        let ratio = costs.seconds(7, larger).0 / costs.seconds(7, smaller).0;
        let expected = f64::from(passes(larger)) / f64::from(passes(smaller));
        assert!((ratio - expected).abs() < 1e-9, "{ratio}, expected {expected}");
    }
}
