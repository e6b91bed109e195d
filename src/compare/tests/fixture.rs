//! What the tests of comparisons share.

use serde_json::json;

use crate::compare::{Competitor, Plan, Task};
use crate::search::{self, Budget, Duplicates, Returns, Setup};
use crate::space::{Cell, Space};
use crate::surrogate::features::{Features, READABLE};
use crate::surrogate::{Model, Quantity, Target, find};
use crate::table::{Record, Table};
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

const BUDGETS: [Epochs; 4] = [Epochs(4), Epochs(12), Epochs(36), Epochs(108)];

/// The 91 cells of at most four vertices.
pub(in crate::compare) fn space() -> Space {
    Space::nas_bench_101().with_max_vertices(4).unwrap()
}

/// A table of them with three repeats, made of numbers of their hashes.
pub(in crate::compare) fn table() -> (Table, Vec<Cell>) {
    let (records, cells) = records();
    (Table::from_records(&records), cells)
}

/// The rows of that table, cell by cell.
pub(in crate::compare) fn records() -> (Vec<Record>, Vec<Cell>) {
    let cells = space().cells().unwrap();
    let record = |cell: &Cell, epochs: Epochs, repeat: u16| {
        let bytes = cell.hash().to_bytes();
        let fraction = |offset: u16| Accuracy::from_fraction(0.8 + f32::from(bytes[0]) / 2_560.0 + f32::from(offset) / 1_000.0);
        let end = Evaluation {
            validation_accuracy: fraction(repeat + u16::from(bytes[1]) % 5),
            test_accuracy: fraction(3 * repeat),
            training_time: Seconds(f64::from(epochs.0) * (10.0 + f64::from(bytes[15]) / 64.0)),
            ..Evaluation::default()
        };
        Record { end, ..Record::blank(*cell, epochs, repeat) }
    };
    let all = |cell| BUDGETS.into_iter().flat_map(move |epochs| (0..3).map(move |repeat| (cell, epochs, repeat)));
    (cells.iter().flat_map(all).map(|(cell, epochs, repeat)| record(cell, epochs, repeat)).collect(), cells)
}

/// A model of numbers of their hashes, with the cells.
pub(in crate::compare) fn model() -> (Model, Vec<Cell>) {
    let features = Features::new(READABLE, &space()).unwrap();
    let cells = space().cells().unwrap();
    let hashes = Cell::hashes(&cells);
    let values: Vec<f32> = hashes.iter().map(|hash| 0.8 + f32::from(hash.to_bytes()[0]) / 2_560.0).collect();
    let rows = features.rows(&cells).unwrap();
    let target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(108) };
    let forest = find("random-forest").unwrap();
    (Model::fit(forest, target, &features, &rows, &cells, &values, Seed(1)).unwrap(), cells)
}

/// A plan of some algorithms with their defaults, and 20 evaluations for each run.
pub(in crate::compare) fn plan(algorithms: &[&str], runs: u32) -> Plan {
    let competitor = |name: &&str| Competitor::new(search::find(name).unwrap(), &json!({})).unwrap();
    Plan {
        competitors: algorithms.iter().map(competitor).collect(),
        baseline: algorithms.iter().position(|name| *name == "random"),
        tasks: vec![task(108)],
        runs,
        budget: Budget::Evaluations(20),
        duplicates: Duplicates::default(),
        returns: Returns::default(),
        seed: Seed(7),
    }
}

/// The table at one budget and those below it.
pub(in crate::compare) fn task(epochs: u16) -> Task {
    let setup = Setup::new(space(), Epochs(epochs)).with_budgets(&BUDGETS);
    let oracle = "a toy table".to_owned();
    Task { name: format!("toy at {epochs} epochs"), setup, oracle, benchmark: Some("toy".to_owned()), cost: None }
}

/// Some tasks of as many benchmarks.
pub(in crate::compare) fn independent_tasks(count: usize) -> Vec<Task> {
    let task = |number| Task { oracle: format!("table {number}"), benchmark: Some(format!("toy {number}")), ..task(108) };
    (0..count).map(task).collect()
}
