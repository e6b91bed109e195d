//! What the records say: each cell's means, and how far repeats and budgets agree.

use std::collections::HashMap;

use super::Job;
use crate::report::{BudgetAgreement, RecordedCell, Records, RepeatAgreement, RowCount};
use crate::space::{Cell, ModuleHash};
use crate::statistics::{kendall_tau_b, mean, pearson, pooled_deviation, spearman};
use crate::table::{Record, Status};
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds};

/// A recorded cell at the top budget.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) hash: ModuleHash,
    pub(super) row: RecordedCell,
    /// What its training costs on average.
    pub(super) training_time: Option<Seconds>,
}

/// The accuracies of one cell at one budget, in the order of the repeats.
type Repeats = Vec<Option<Accuracy>>;

fn by_cell(records: &[Record], epochs: Epochs) -> HashMap<ModuleHash, Vec<&Record>> {
    let mut rows: HashMap<_, Vec<_>> = HashMap::new();
    for record in records.iter().filter(|record| record.epochs == epochs) {
        rows.entry(record.hash).or_default().push(record);
    }
    for rows in rows.values_mut() {
        rows.sort_by_key(|record| record.repeat);
    }
    rows
}

fn repeats(rows: &[&Record]) -> Repeats {
    rows.iter().map(|record| record.end.validation_accuracy).collect()
}

fn mean_of(accuracies: impl Iterator<Item = Option<Accuracy>>) -> Option<Accuracy> {
    Accuracy::mean(&accuracies.flatten().collect::<Vec<_>>())
}

/// Averages the records of each cell at a budget, in the order of the cells.
pub(super) fn cells(cells: &[Cell], records: &[Record], epochs: Epochs) -> Vec<Measured> {
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
                repeats: repeats(rows),
                validation: mean_of(rows.iter().map(|record| record.end.validation_accuracy)),
                test: mean_of(rows.iter().map(|record| record.end.test_accuracy)),
            },
            training_time: mean(&times).map(Seconds),
        }
    };
    cells.iter().map(measured).collect()
}

/// The part of the report that speaks of the records.
pub(super) fn findings(space: String, records: &[Record], recorded: &[Measured], job: &Job) -> Records {
    let budgets = &job.protocol.budgets;
    let pairs =
        budgets.iter().enumerate().flat_map(|(place, lower)| budgets[place + 1..].iter().map(move |upper| (*lower, *upper)));
    Records {
        space,
        budget: budgets.last().copied(),
        cells: recorded.iter().map(|measured| measured.row.clone()).collect(),
        rows: budgets.iter().map(|epochs| count(records, *epochs)).collect(),
        repeats: budgets.iter().map(|epochs| repeat_agreement(records, *epochs)).collect(),
        budgets: pairs.map(|(lower, upper)| budget_agreement(records, lower, upper)).collect(),
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
fn repeat_agreement(records: &[Record], epochs: Epochs) -> RepeatAgreement {
    let rows = by_cell(records, epochs);
    let mut hashes: Vec<_> = rows.keys().copied().collect();
    hashes.sort_unstable();
    let of_cells: Vec<Vec<f64>> =
        hashes.iter().map(|hash| repeats(&rows[hash]).into_iter().flatten().map(fraction).collect()).collect();
    let (first, second): (Vec<f64>, Vec<f64>) =
        of_cells.iter().filter_map(|repeats| Some((*repeats.first()?, *repeats.get(1)?))).unzip();
    RepeatAgreement {
        epochs,
        cells: first.len(),
        pearson: pearson(&first, &second),
        spearman: spearman(&first, &second),
        noise: pooled_deviation(&of_cells),
    }
}

/// How far a cheaper budget orders the cells as a dearer one does.
fn budget_agreement(records: &[Record], lower: Epochs, upper: Epochs) -> BudgetAgreement {
    let (low, high) = (by_cell(records, lower), by_cell(records, upper));
    let mean_at = |rows: &[&Record]| mean_of(repeats(rows).into_iter()).map(fraction);
    let mut hashes: Vec<_> = low.keys().copied().collect();
    hashes.sort_unstable();
    let (x, y): (Vec<_>, Vec<_>) =
        hashes.iter().filter_map(|hash| Some((mean_at(&low[hash])?, mean_at(high.get(hash)?)?))).unzip();
    BudgetAgreement { lower, upper, spearman: spearman(&x, &y), kendall: kendall_tau_b(&x, &y) }
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
    fn means_leave_out_what_diverged_and_noise_is_pooled_over_cells() {
        let space = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        let fractions = [(0.50, Some(0.52)), (0.60, Some(0.62)), (0.70, None)];
        let records: Vec<_> = space
            .iter()
            .zip(fractions)
            .flat_map(|(cell, (one, two))| {
                [record(*cell, 4, 0, Some(one)), record(*cell, 4, 1, two), record(*cell, 1, 0, Some(one / 2.0))]
            })
            .collect();
        let measured = cells(&space[..3], &records, Epochs(4));
        let means: Vec<_> = measured.iter().map(|cell| cell.row.validation.unwrap().fraction()).collect();
        assert_eq!(means, [0.51, 0.61, 0.70]);
        let agreement = repeat_agreement(&records, Epochs(4));
        assert_eq!(agreement.cells, 2);
        assert!((agreement.noise.unwrap() - 0.02 / 2.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!(budget_agreement(&records, Epochs(1), Epochs(4)).kendall, Some(1.0));
        assert_eq!(count(&records, Epochs(4)).diverged, 1);
    }
}
