//! A small benchmark whose models are trained by arithmetic, for the tests of this floor.

use std::path::Path;

use serde_json::json;

use super::{Task, plan};
use crate::space::Space;
use crate::table::{Benchmark, Dataset, Manifest, Record, operations};
use crate::train::{Curves, Evaluation};
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};

/// Returns a new benchmark in a folder.
pub(super) fn benchmark(folder: &Path) -> Benchmark {
    let dataset = Dataset { name: "tiny".to_owned(), sha256: Some("ab".repeat(32)) };
    let operations = operations(&Space::nas_bench_101());
    let manifest = Manifest { seed: Some(Seed(1)), dataset, operations, protocol: json!({ "rate": 0.1 }) };
    Benchmark::create_or_open(folder.join("benchmark"), &manifest).unwrap()
}

/// Returns the 7 cells of at most 3 vertices at two budgets.
pub(super) fn tasks(benchmark: &Benchmark, repeats: u16) -> Vec<Task> {
    let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
    plan(benchmark, &cells, &[Epochs(1), Epochs(2)], 0..repeats, |_, epochs| Flops(epochs.0.into()))
}

/// What a training of a task comes to: the same each time.
pub(super) fn trained(task: &Task) -> Record {
    let accuracy = Accuracy::from_fraction(f32::from(u16::try_from(task.seed.0 % 1_000).unwrap()) / 1_000.0);
    Record {
        parameters: Parameters(10),
        flops: Flops(task.seed.0 % 10_000),
        end: Evaluation { training_time: Seconds(0.1), validation_accuracy: accuracy, ..Evaluation::default() },
        total_time: Seconds(0.2),
        curves: Curves { train_loss: vec![2.0, f32::NAN], ..Curves::default() },
        device: Some("arithmetic".to_owned()),
        ..Record::blank(task.cell, task.epochs, task.repeat)
    }
}
