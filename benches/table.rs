//! What a person waits for: opening a table of the official size, a query, a row, a look-up from the file.
//!
//! The table has all 423,624 cells with three repeats at one budget, 1.27 million rows of made-up numbers. It is written once,
//! in about a minute, below the target folder. `cargo bench --bench table` prints the times.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nasbench::space::{Cell, Sampler, Space, Spec};
use nasbench::table::{Benchmark, Dataset, Manifest, Part, Record, Repeat, operations, write};
use nasbench::train::Evaluation;
use nasbench::unit::{Accuracy, Epochs, Parameters, Seconds, Seed};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

const EPOCHS: Epochs = Epochs(108);
const REPEATS: u16 = 3;
/// Cells of a file: some 131,072 rows, as many as a row group of a compacted file has.
const CELLS_OF_A_FILE: usize = 43_690;

/// The benchmark, written if it is not there yet.
fn benchmark() -> Benchmark {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("table-of-the-official-size");
    let dataset = Dataset { name: "made-up".to_owned(), sha256: None };
    let manifest = Manifest {
        seed: Some(Seed(0)),
        dataset,
        operations: operations(&Space::nas_bench_101()),
        protocol: serde_json::json!({}),
    };
    let benchmark = Benchmark::create_or_open(folder, &manifest).expect("the target folder can be written");
    let shards = benchmark.shards(Part::Recorded);
    let done = shards.join("done");
    if !done.exists() {
        fs_err::create_dir_all(&shards).expect("the target folder can be written");
        let enumeration = Space::nas_bench_101().enumerate().expect("the space can be listed");
        let mut rng = Seed(1).rng();
        for (file, indices) in enumeration.by_hash().chunks(CELLS_OF_A_FILE).enumerate() {
            let cells = indices.iter().map(|index| enumeration.cells()[*index as usize]);
            let records: Vec<_> = cells
                .flat_map(|cell| (0..REPEATS).map(move |repeat| (cell, repeat)))
                .map(|(cell, repeat)| record(cell, repeat, &mut rng))
                .collect();
            write(&shards.join(format!("{file:02}.parquet")), &records, benchmark.identity()).expect("the disk takes it");
        }
        fs_err::write(done, "").expect("the disk takes it");
    }
    benchmark
}

/// A record as the official files have them: fractions of 9,984 images.
fn record(cell: Cell, repeat: u16, rng: &mut ChaCha8Rng) -> Record {
    let mut moment = |time: f64| {
        let mut accuracy = || Accuracy::from_counts(rng.random_range(8_000..9_600), 9_984);
        Evaluation {
            train_accuracy: accuracy(),
            validation_accuracy: accuracy(),
            test_accuracy: accuracy(),
            training_time: Seconds(time),
        }
    };
    let (halfway, end) = (moment(800.0), moment(1_600.0));
    let noise: f64 = rng.random_range(0.0..100.0);
    Record {
        parameters: Parameters(rng.random_range(200_000..50_000_000)),
        halfway: Evaluation { training_time: Seconds(800.0 + noise), ..halfway },
        end: Evaluation { training_time: Seconds(1_600.0 + 2.0 * noise), ..end },
        ..Record::blank(cell, EPOCHS, repeat)
    }
}

fn table(criterion: &mut Criterion) {
    let benchmark = benchmark();
    let table = benchmark.table().expect("the benchmark was written");
    let mut rng = Seed(2).rng();
    let space = Space::nas_bench_101();
    let specs: Vec<Spec> = (0..4_096).map(|_| Sampler::Official.draw(&space, &mut rng)).collect();
    let indices: Vec<usize> = (0..4_096).map(|_| rng.random_range(0..table.len())).collect();

    let mut group = criterion.benchmark_group("table");
    let rows = table.row_count();
    group.sample_size(10).bench_function(BenchmarkId::new("open", rows), |bencher| bencher.iter(|| benchmark.table()));
    group.bench_function("open and find the first cell", |bencher| {
        bencher.iter(|| benchmark.table().map(|table| table.index_of(table.cells().last()?)));
    });
    group.sample_size(20).bench_function("look_up in the files", |bencher| {
        let mut hashes = indices.iter().cycle().map(|index| table.hashes()[*index]);
        bencher.iter(|| benchmark.look_up(hashes.next()?).ok());
    });
    group.sample_size(100);
    let mut specs = specs.iter().cycle();
    group.bench_function("spec → prune → mean of the repeats", |bencher| {
        bencher.iter(|| table.query(&black_box(specs.next())?.prune().ok()?, EPOCHS, Repeat::Mean).ok());
    });
    group.bench_function("spec → prune → row", |bencher| {
        bencher.iter(|| {
            let index = table.index_of(&black_box(specs.next())?.prune().ok()?)?;
            table.row(index, EPOCHS, 1)
        });
    });
    group.bench_function("row of one index", |bencher| bencher.iter(|| table.row(black_box(indices[0]), EPOCHS, black_box(1))));
    let mut random = indices.iter().cycle();
    group.bench_function("row of one of 4,096 indices", |bencher| {
        bencher.iter(|| table.row(*random.next()?, EPOCHS, black_box(1)));
    });
    group.finish();
}

criterion_group!(benches, table);
criterion_main!(benches);
