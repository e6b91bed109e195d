//! Benchmarks for the tests of this floor.

use std::path::Path;

use fs_err as fs;

use super::{Benchmark, Dataset, Manifest, Part, Record, Source, Status, Telemetry, Timestamp, operations, write};
use crate::space::{Cell, Space};
use crate::train::Curves;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};

/// Three cells at two budgets with two repeats each, sorted by key, with every kind of value and every kind of null.
pub(crate) fn records() -> Vec<Record> {
    let cells =
        [("0100", "input,output"), ("010001000", "input,maxpool3x3,output"), ("010001000", "input,conv3x3-bn-relu,output")];
    let mut records = Vec::new();
    for (adjacency, operations) in cells {
        let cell = Cell::from_texts(adjacency, operations).unwrap();
        for (epochs, repeat) in [(4, 0), (4, 1), (108, 0), (108, 1)] {
            records.push(record(cell, epochs, repeat));
        }
    }
    records.sort_by_key(Record::key);
    records
}

fn record(cell: Cell, epochs: u16, repeat: u16) -> Record {
    let blank = Record::blank(cell, Epochs(epochs), repeat);
    if epochs == 4 && repeat == 1 {
        return Record { source: Source::Imported, status: Status::Failed, tool_version: "0.0.9".to_owned(), ..blank };
    }
    let number = f64::from(blank.hash.to_bytes()[0]) + f64::from(epochs) + f64::from(repeat);
    #[expect(clippy::cast_possible_truncation, reason = "any number does")]
    let fraction = |part: f64| Accuracy::from_fraction((number / part) as f32);
    let mut record = Record {
        seed: Some(Seed(u64::MAX - u64::from(epochs))),
        parameters: Parameters(882_570),
        flops: Flops(1 << 53 | 1),
        total_time: Seconds(number / 3.0),
        wall_time: Some(Seconds(1e-7)),
        curves: Curves { train_loss: vec![0.1, 1e-8, 3.4e38], learning_rate: vec![0.25], ..Curves::default() },
        telemetry: Telemetry { images_per_second: Some(1_234.5), peak_memory: Some(1 << 40), ..Telemetry::default() },
        device: Some(format!("a \"fast\" processor, {epochs}")),
        recorded_at: Some(Timestamp(1_795_302_902_123_456)),
        ..blank
    };
    record.halfway.validation_accuracy = fraction(1_000.0);
    record.end.validation_accuracy = fraction(900.0);
    record.end.test_accuracy = fraction(9_984.0);
    record.end.training_time = Seconds(number / 7.0);
    record
}

/// Returns the same records, one of which diverged: a number of its curves is none.
pub(crate) fn with_divergence(mut records: Vec<Record>) -> Vec<Record> {
    records[0].curves.train_loss = vec![1.0, f32::NAN, f32::INFINITY];
    records[0].status = Status::Diverged;
    records
}

/// Returns a new benchmark in a folder, with a place for shards.
pub(crate) fn new_benchmark(folder: &Path) -> Benchmark {
    let manifest = Manifest {
        seed: Some(Seed(1)),
        dataset: Dataset { name: "tiny".to_owned(), sha256: Some("ab".repeat(32)) },
        operations: operations(&Space::nas_bench_101()),
        protocol: serde_json::json!({ "rate": 0.1 }),
    };
    let benchmark = Benchmark::create_or_open(folder, &manifest).unwrap();
    fs::create_dir_all(benchmark.shards(Part::Recorded)).unwrap();
    benchmark
}

/// Returns a benchmark in a folder, with a compacted file unless that is empty, and shards.
pub(crate) fn benchmark(folder: &Path, compacted: &[Record], shards: &[Vec<Record>]) -> Benchmark {
    fs::copy("tests/data/tiny-benchmark/benchmark.toml", folder.join("benchmark.toml")).unwrap();
    let benchmark = Benchmark::open(folder).unwrap();
    if !compacted.is_empty() {
        write(&folder.join("records.parquet"), compacted, benchmark.identity()).unwrap();
    }
    fs::create_dir_all(benchmark.shards(Part::Recorded)).unwrap();
    for (index, shard) in shards.iter().enumerate() {
        let file = benchmark.shards(Part::Recorded).join(format!("{index:04}.parquet"));
        write(&file, shard, benchmark.identity()).unwrap();
    }
    benchmark
}
