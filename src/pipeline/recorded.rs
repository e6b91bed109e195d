//! Averages the records of each cell, and measures how far repeats and budgets agree.

use std::collections::{BTreeMap, BTreeSet};

use super::Job;
use crate::report::{RecordedCell, Records, RepeatAgreement, RowCount};
use crate::space::{Cell, ModuleHash};
use crate::statistics::{mean, pearson_interval, pooled_deviation, spearman_interval};
use crate::table::{BetweenBudgets, Reached, Record, Status, judged_records};
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds};

/// A recorded cell at the top budget.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) hash: ModuleHash,
    pub(super) row: RecordedCell,
    /// The mean time of its trainings.
    pub(super) training_time: Option<Seconds>,
}

/// The records of each cell at a budget, in the order of the repeats.
fn by_cell(records: &[Record], epochs: Epochs) -> BTreeMap<ModuleHash, Vec<&Record>> {
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.epochs == epochs) {
        rows.entry(record.hash).or_default().push(record);
    }
    for rows in rows.values_mut() {
        rows.sort_by_key(|record| record.repeat);
    }
    rows
}

/// The validation accuracies that some rows of a cell count as where it is judged, in the order of the repeats.
fn judged(rows: &[&Record], classes: usize) -> Vec<Accuracy> {
    judged_records(rows, |end| end.validation_accuracy, classes)
}

/// Averages the records of each cell at a budget, in the order of the cells. A training that diverged counts as chance.
pub(super) fn cells(cells: &[Cell], records: &[Record], epochs: Epochs, classes: usize) -> Vec<Measured> {
    let rows = by_cell(records, epochs);
    let measured = |cell: &Cell| {
        let hash = cell.hash();
        let rows = rows.get(&hash).map(Vec::as_slice).unwrap_or_default();
        let times: Vec<_> = rows.iter().map(|record| record.end.training_time.0).collect();
        Measured {
            hash,
            row: RecordedCell {
                cell: *cell,
                parameters: rows.first().map_or(Parameters(0), |record| record.parameters),
                flops: rows.first().map_or(Flops(0), |record| record.flops),
                repeats: rows.iter().map(|record| record.end.validation_accuracy).collect(),
                validation: Accuracy::mean(&judged(rows, classes)),
                test: Accuracy::mean(&judged_records(rows, |end| end.test_accuracy, classes)),
            },
            training_time: mean(&times).map(Seconds),
        }
    };
    cells.iter().map(measured).collect()
}

/// Makes the part of the report about the records.
pub(super) fn findings(space: String, records: &[Record], recorded: &[Measured], job: &Job, classes: usize) -> Records {
    let budgets = &job.protocol.budgets;
    Records {
        space,
        budget: budgets.last().copied(),
        cells: recorded.iter().map(|measured| measured.row.clone()).collect(),
        rows: budgets.iter().map(|epochs| count(records, *epochs)).collect(),
        repeats: budgets.iter().map(|epochs| repeat_agreement(records, *epochs, classes)).collect(),
        budgets: budget_agreements(records, budgets, classes),
    }
}

fn count(records: &[Record], epochs: Epochs) -> RowCount {
    let of = |status: Status| records.iter().filter(|record| record.epochs == epochs && record.status == status).count();
    RowCount { epochs, ok: of(Status::Ok), diverged: of(Status::Diverged), failed: of(Status::Failed) }
}

fn fraction(accuracy: Accuracy) -> f64 {
    accuracy.fraction().into()
}

/// How far the first two repeats agree, and the noise of all repeats: the standard deviation within a cell, pooled.
fn repeat_agreement(records: &[Record], epochs: Epochs, classes: usize) -> RepeatAgreement {
    let of_cell = |rows: &Vec<&Record>| judged(rows, classes).into_iter().map(fraction).collect();
    let of_cells: Vec<Vec<f64>> = by_cell(records, epochs).values().map(of_cell).collect();
    let (first, second): (Vec<f64>, Vec<f64>) =
        of_cells.iter().filter_map(|repeats| Some((*repeats.first()?, *repeats.get(1)?))).unzip();
    RepeatAgreement {
        epochs,
        cells: first.len(),
        pearson: pearson_interval(&first, &second),
        spearman: spearman_interval(&first, &second),
        noise: pooled_deviation(&of_cells),
    }
}

/// How well one training at a smaller budget ranks the cells of a larger one.
fn budget_agreements(records: &[Record], budgets: &[Epochs], classes: usize) -> Vec<BetweenBudgets> {
    let cells: BTreeSet<ModuleHash> = records.iter().map(|record| record.hash).collect();
    let of_budget = |epochs: &Epochs| {
        let rows = by_cell(records, *epochs);
        let reached = |hash: &ModuleHash| {
            let values = rows.get(hash).map_or_else(Vec::new, |rows| judged(rows, classes));
            let value = |accuracy: Option<Accuracy>| accuracy.map_or(f64::NAN, fraction);
            (value(values.first().copied()), value(Accuracy::mean(&values)))
        };
        let (one, mean) = cells.iter().map(reached).unzip();
        Reached { epochs: *epochs, one, mean }
    };
    BetweenBudgets::all(&budgets.iter().map(of_budget).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::train::Evaluation;

    fn record(cell: Cell, epochs: u16, repeat: u16, fraction: Option<f32>) -> Record {
        let end = Evaluation { validation_accuracy: fraction.and_then(Accuracy::from_fraction), ..Evaluation::default() };
        let status = if fraction.is_some() { Status::Ok } else { Status::Diverged };
        Record { end, status, ..Record::blank(cell, Epochs(epochs), repeat) }
    }

    #[test]
    fn means_and_noise_count_what_diverged_as_chance() {
        let space = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let fractions = [(0.50, Some(0.52)), (0.60, Some(0.62)), (0.70, None)];
        let records: Vec<_> = space
            .iter()
            .zip(fractions)
            .flat_map(|(cell, (one, two))| {
                [record(*cell, 4, 0, Some(one)), record(*cell, 4, 1, two), record(*cell, 1, 0, Some(one / 2.0))]
            })
            .collect();
        let measured = cells(&space[..3], &records, Epochs(4), 10);
        let means: Vec<_> = measured.iter().map(|cell| cell.row.validation.unwrap().fraction()).collect();
        assert_eq!(means, [0.51, 0.61, 0.40]);
        assert_eq!(measured[2].row.repeats, [Accuracy::from_fraction(0.70), None]);
        let agreement = repeat_agreement(&records, Epochs(4), 10);
        assert_eq!(agreement.cells, 3);
        // Sample variances of 0.0002, 0.0002 and 0.18.
        assert!((agreement.noise.unwrap() - (0.1804_f64 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(count(&records, Epochs(4)).diverged, 1);
    }

    #[test]
    fn one_training_at_a_smaller_budget_is_held_against_the_mean_at_the_larger_one() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        // The second repeat at the small budget would turn the order around.
        let records: Vec<_> = space[..5]
            .iter()
            .zip([0.5, 0.6, 0.7, 0.8, 0.9])
            .flat_map(|(cell, one)| {
                [
                    record(*cell, 4, 0, Some(one)),
                    record(*cell, 1, 0, Some(one / 2.0)),
                    record(*cell, 1, 1, Some(2.0 * (1.0 - one))),
                ]
            })
            .collect();
        let found = budget_agreements(&records, &[Epochs(1), Epochs(4)], 10)[0].correlation;
        assert_eq!(found.cells, 5);
        assert!(found.spearman.unwrap().value > 1.0 - 1e-9 && found.kendall_tau_b.unwrap().value > 1.0 - 1e-9, "{found:?}");
    }
}
