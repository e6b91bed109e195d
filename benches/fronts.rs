//! Fronts of many points, and their hypervolume: `scripts/compare_fronts.sh` does the same with pymoo.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nasbench::front::{hypervolume, non_dominated};

/// Numbers from 0 to 1 that any language makes alike: the upper half of Knuth's linear congruential generator.
fn numbers() -> impl FnMut() -> f64 {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 32) as u32) / 4_294_967_296.0
    }
}

/// As many points as a table has cells, near a plane: the second and the third objective together grow as the first falls.
fn cells(count: usize) -> Vec<[f64; 3]> {
    let mut number = numbers();
    (0..count)
        .map(|_| {
            let [first, second, noise] = [number(), number(), number()];
            [first, (1.0 - first) * second + noise, (1.0 - first) * (1.0 - second) + noise]
        })
        .collect()
}

/// Points of which none dominates another: on the simplex, bent outwards.
fn front(count: usize) -> Vec<[f64; 4]> {
    let mut number = numbers();
    (0..count)
        .map(|_| {
            let point: [f64; 4] = std::array::from_fn(|_| number());
            let length = point.iter().map(|value| value * value).sum::<f64>().sqrt();
            point.map(|value| 1.0 - value / length)
        })
        .collect()
}

fn fronts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fronts");
    group.sample_size(20);
    let all = cells(423_624);
    group.bench_function(BenchmarkId::new("exact front, 3 objectives", all.len()), |bencher| {
        bencher.iter(|| black_box(non_dominated(&all)).expect("finite numbers").len());
    });
    let points = front(200);
    group.bench_function(BenchmarkId::new("hypervolume, 4 objectives", points.len()), |bencher| {
        bencher.iter(|| black_box(hypervolume(&points, &[1.1; 4])).expect("finite numbers"));
    });
}

criterion_group!(benches, fronts);
criterion_main!(benches);
