//! The whole space: enumerating it, finding a cell in it, and moving about in it.
//!
//! `cargo bench --bench space` prints the times; those of all cores are for the enumeration only.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nasbench::space::{Cell, ENCODINGS, MUTATIONS, SAMPLERS, Sampler, Space, distance};
use nasbench::unit::Seed;

fn whole(criterion: &mut Criterion) {
    let space = Space::nas_bench_101();
    let cells = space.cells().expect("the space is small enough");
    let mut group = criterion.benchmark_group("nas-bench-101");
    group.sample_size(10).throughput(Throughput::Elements(cells.len() as u64));
    group.bench_function("classes of all labelled cells", |bencher| bencher.iter(|| black_box(space).cells()));
    group.bench_function("official hashes of all cells", |bencher| bencher.iter(|| Cell::hashes(black_box(&cells))));
    group.finish();
}

fn one(criterion: &mut Criterion) {
    let space = Space::nas_bench_101();
    let enumeration = space.enumerate().expect("the space is small enough");
    let mut rng = Seed(1).rng();
    let specs: Vec<_> = (0..4_096).map(|_| Sampler::Official.draw(&space, &mut rng)).collect();
    let hashes: Vec<_> = specs.iter().filter_map(|spec| Some(spec.prune().ok()?.hash())).collect();
    let mut group = criterion.benchmark_group("one of 4,096 cells");
    let mut next = 0..;
    let mut place = || next.next().expect("the range has no end") % specs.len();
    group.bench_function("prune", |bencher| bencher.iter(|| black_box(specs[place()]).prune()));
    group.bench_function("prune and index", |bencher| {
        bencher.iter(|| enumeration.index_of(&black_box(specs[place()]).prune().ok()?));
    });
    group.bench_function("prune and fingerprint", |bencher| {
        bencher.iter(|| Some(black_box(specs[place()]).prune().ok()?.fingerprint()));
    });
    group.bench_function("index of a hash", |bencher| bencher.iter(|| enumeration.index_of_hash(black_box(hashes[place()]))));
    group.finish();
}

fn moves(criterion: &mut Criterion) {
    let space = Space::nas_bench_101();
    let mut rng = Seed(1).rng();
    let mut draw = || Sampler::Uniform.draw(&space, &mut rng);
    let specs: Vec<_> = (0..4_096).map(|_| draw()).collect();
    let cells: Vec<_> = specs.iter().filter_map(|spec| spec.prune().ok()).collect();
    let mut group = criterion.benchmark_group("moves between 4,096 cells");
    let mut next = 0..;
    let mut place = || next.next().expect("the range has no end") % (cells.len() - 1);
    group.bench_function("distance", |bencher| {
        bencher.iter(|| {
            let place = place();
            distance(black_box(&cells[place]), black_box(&cells[place + 1]))
        });
    });
    group.bench_function("distinct neighbours", |bencher| bencher.iter(|| space.distinct_neighbours(black_box(&cells[place()]))));
    group.bench_function("isomorphs", |bencher| bencher.iter(|| black_box(cells[place()]).isomorphs()));
    group.bench_function("path", |bencher| {
        bencher.iter(|| {
            let place = place();
            space.path(black_box(&cells[place]), black_box(&cells[place + 1]))
        });
    });
    let mut rng = Seed(2).rng();
    for sampler in SAMPLERS {
        group.bench_function(format!("{sampler} draw"), |bencher| bencher.iter(|| sampler.draw(black_box(&space), &mut rng)));
    }
    for mutation in MUTATIONS {
        group.bench_function(format!("{mutation} mutation"), |bencher| {
            bencher.iter(|| mutation.mutate(&space, black_box(specs[place()]), &mut rng));
        });
    }
    group.throughput(Throughput::Elements(cells.len() as u64));
    for encoding in ENCODINGS {
        let mut batch = vec![0.0; cells.len() * encoding.width(&space)];
        group.bench_function(format!("{} of all", encoding.name), |bencher| {
            bencher.iter(|| encoding.encode(&space, black_box(&cells), &mut batch));
        });
    }
    group.finish();
}

criterion_group!(benches, whole, one, moves);
criterion_main!(benches);
