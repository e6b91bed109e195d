//! What recording costs beside training: the same models are trained by the bare loop and by a recording (journal, shards,
//! telemetry, activity), by turns, one after another. A machine is seldom the same for a minute: so each recording also says what
//! part of it was outside of its trainings, by the times that it recorded of them.
//!
//! ```text
//! cargo run --release --example recording_overhead -- [PROTOCOL [EPOCHS [VERTICES [TURNS]]]]
//! ```

#![expect(clippy::print_stdout, reason = "its table is what it prints")]

use std::num::NonZeroUsize;
use std::time::Instant;

use anyhow::Context as _;
use nasbench::dataset;
use nasbench::engine::Device;
use nasbench::pipeline::{self, Order, Recording, Share};
use nasbench::space::Space;
use nasbench::statistics::{mean, standard_deviation};
use nasbench::table::Benchmark;
use nasbench::train::{Data, Protocol, Training};
use nasbench::unit::{Epochs, Seed};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &str| arguments.get(place).cloned().unwrap_or_else(|| default.to_owned());
    let protocol = Protocol::find(&argument(0, "shipped"))?;
    let protocol = Protocol { budgets: vec![Epochs(argument(1, "2").parse()?)], repeats: 1, ..protocol };
    let space = Space::nas_bench_101().with_max_vertices(argument(2, "4").parse()?)?;
    let turns: u32 = argument(3, "5").parse()?;
    let dataset = dataset::find("fashion-14")?.load(None)?;
    let resolved = protocol.clone().resolve(&dataset)?;
    let data = Data::select(&resolved, &dataset)?;
    let cells = space.cells()?;
    let folder = tempfile::tempdir()?;

    println!("{} models at {} epochs, one worker", cells.len(), protocol.budgets[0]);
    let (mut overheads, mut outsides) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        let recording = Recording {
            folder: folder.path().join(turn.to_string()),
            dataset: dataset.clone(),
            protocol: protocol.clone(),
            space,
            seed: Seed(turn.into()),
            device: Device::Cpu,
            workers: NonZeroUsize::MIN,
            share: Share::WHOLE,
            order: Order::Cost,
            only: None,
            retry_failed: false,
            stop: None,
        };
        let record = || -> anyhow::Result<f64> {
            let started = Instant::now();
            pipeline::record(&recording, &|_| {})?;
            Ok(started.elapsed().as_secs_f64())
        };
        let trained_of = || -> anyhow::Result<f64> {
            let records = Benchmark::open(&recording.folder)?.records()?;
            Ok(records.iter().filter_map(|record| record.wall_time).map(|time| time.0).sum())
        };
        let train = || -> anyhow::Result<f64> {
            let started = Instant::now();
            for cell in &cells {
                let epochs = protocol.budgets[0];
                let seed = Seed(turn.into());
                Training { cell, epochs, seed, protocol: &resolved, data: &data, device: Device::Cpu }.run(&mut |_| {})?;
            }
            Ok(started.elapsed().as_secs_f64())
        };
        // Whichever is first has the other machine of a turn: they change places.
        let (recorded, trained) = if turn % 2 == 0 {
            let recorded = record()?;
            (recorded, train()?)
        } else {
            let trained = train()?;
            (record()?, trained)
        };
        let overhead = 100.0 * (recorded / trained - 1.0);
        let outside = 100.0 * (1.0 - trained_of()? / recorded);
        println!(
            "  recording {recorded:.2} s, {outside:.2} % of it outside of trainings; bare training {trained:.2} s: {overhead:+.2} %"
        );
        overheads.push(overhead);
        outsides.push(outside);
    }
    let error = standard_deviation(&overheads).unwrap_or(0.0) / f64::from(turns).sqrt();
    println!("overhead {:+.2} ± {error:.2} %", mean(&overheads).context("no turns")?);
    println!("outside of trainings {:.2} %", mean(&outsides).context("no turns")?);
    Ok(())
}
