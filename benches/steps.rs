//! The steps that a run repeats most: hashing and mutating a cell, training one batch, evaluating one.
//!
//! `cargo bench` prints the times; ratios between two runs in the same minute are what counts.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nasbench::dataset::ImageShape;
use nasbench::engine::{Device, Model};
use nasbench::network::{Plan, Skeleton};
use nasbench::space::{Cell, Mutation, Sampler, Space};
use nasbench::train::Protocol;
use nasbench::unit::Seed;

const BATCH: usize = 50;

fn space(criterion: &mut Criterion) {
    let space = Space::nas_bench_101();
    let spec = Sampler::Official.draw(&space, &mut Seed(1).rng());
    let cell = space.cell(&spec).expect("a drawn spec is of the space");
    let mut rng = Seed(2).rng();
    let mut group = criterion.benchmark_group("space");
    group.bench_function(format!("hash of {} vertices", cell.vertices()), |bencher| bencher.iter(|| black_box(cell).hash()));
    group.bench_function("mutation", |bencher| bencher.iter(|| Mutation::OneEdit.mutate(&space, black_box(spec), &mut rng)));
    group.finish();
}

/// One cell with both kinds of convolution and a pooling, in the network of the quick protocol.
fn training(criterion: &mut Criterion) {
    let protocol = Protocol::find("quick").expect("a preset");
    let image = ImageShape { channels: 1, height: 14, width: 14 };
    let network = protocol.network;
    let skeleton = Skeleton {
        image,
        classes: 10,
        stem_channels: network.stem_channels,
        stacks: network.stacks,
        cells_per_stack: network.cells_per_stack,
        equal_flops: network.equal_flops,
    };
    let operations = "input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,output";
    let cell = Cell::from_texts("0110000101000100000100000", operations).expect("a connected cell");
    let plan = Plan::compile(&cell, &skeleton).expect("enough channels");
    let images: Vec<f32> =
        (0..BATCH * image.values()).map(|i| f32::from(u8::try_from(i % 251).expect("below 251")) / 250.0).collect();
    let labels: Vec<u8> = (0..BATCH).map(|i| u8::try_from(i % 10).expect("below 10")).collect();
    let start = || Model::new(plan.clone(), protocol.update, Seed(1), Device::Cpu).expect("the CPU is there");

    let mut group = criterion.benchmark_group(format!("quick network, batch {BATCH}"));
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(20);
    group.bench_function("training step", |bencher| {
        bencher.iter_batched_ref(start, |model| model.step(&images, &labels, 0.1), BatchSize::LargeInput);
    });
    let mut model = start();
    group.bench_function("evaluation", |bencher| bencher.iter(|| model.count_correct(&images, &labels)));
    group.finish();
}

criterion_group!(benches, space, training);
criterion_main!(benches);
