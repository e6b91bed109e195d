//! What a search takes by itself: one whole search over a table, the look-ups included.
//!
//! The tables hold made-up numbers: one has all 423,624 cells at one budget, for the algorithms that use one; the other one the
//! 2,532 cells of at most 5 vertices at four budgets. `cargo bench --bench search` prints the times.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nasbench::network::Skeleton;
use nasbench::objective::{Goals, find};
use nasbench::search::{self, ALGORITHMS, Budget, Setup};
use nasbench::space::Space;
use nasbench::table::{Record, Table, TableOracle};
use nasbench::train::Evaluation;
use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};

const BUDGETS: [Epochs; 4] = [Epochs(4), Epochs(12), Epochs(36), Epochs(108)];

/// A table of all cells of a space.
fn table(space: &Space, budgets: &[Epochs], repeats: u16) -> Table {
    let record = |hash: [u8; 16], cell, epochs: Epochs, repeat: u16| {
        let accuracy = Accuracy::from_fraction(0.8 + f32::from(hash[usize::from(repeat)]) / 2_560.0);
        let time = Seconds(f64::from(epochs.0) * (10.0 + f64::from(hash[15]) / 64.0));
        let end = Evaluation { validation_accuracy: accuracy, training_time: time, ..Evaluation::default() };
        Record { end, ..Record::blank(cell, epochs, repeat) }
    };
    let enumeration = space.enumerate().expect("the space can be listed");
    let mut records = Vec::new();
    for index in enumeration.by_hash() {
        let index = *index as usize;
        let (cell, hash) = (enumeration.cells()[index], enumeration.hashes()[index].to_bytes());
        for epochs in budgets {
            records.extend((0..repeats).map(|repeat| record(hash, cell, *epochs, repeat)));
        }
    }
    Table::from_records(&records)
}

/// The error and the parameters.
fn goals() -> Goals {
    let objectives = ["error", "parameters"].map(|name| find(name).expect("a name of the list"));
    Goals::new(objectives.into(), Vec::new(), Skeleton::nas_bench_101()).expect("objectives, each once")
}

fn searches(criterion: &mut Criterion) {
    let small = Space::nas_bench_101().with_max_vertices(5).expect("a limit of the space");
    let tables =
        [(Space::nas_bench_101(), table(&Space::nas_bench_101(), &BUDGETS[3..], 2)), (small, table(&small, &BUDGETS, 3))];
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    for entry in ALGORITHMS {
        let (space, table) = &tables[usize::from(["successive-halving", "hyperband", "bohb"].contains(&entry.name))];
        let mut setup = Setup::new(*space, BUDGETS[3]).with_budgets(table.budgets());
        if entry.needs_several_objectives {
            setup.goals = goals();
        }
        let evaluations = match entry.name {
            "bananas" => 150,
            "smac" | "surrogate-led" => 300,
            "nsga-2" => 10_000,
            _ => 1_000,
        };
        group.bench_function(BenchmarkId::new(entry.name, evaluations), |bencher| {
            let mut seed = 0;
            bencher.iter(|| {
                seed += 1;
                let mut oracle = TableOracle::new(table, Seed(seed));
                black_box(search::run(entry, &setup, &mut oracle, Budget::Evaluations(evaluations), Seed(seed)))
                    .expect("the table has every cell")
            });
        });
    }
}

criterion_group!(benches, searches);
criterion_main!(benches);
