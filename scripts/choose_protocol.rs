//! Measures how well a protocol tells cells apart, on cells drawn from the space of at most five vertices, before thousands are
//! recorded with it.
//!
//! ```text
//! cargo run --release --example choose_protocol -- PROTOCOL EPOCHS [CELLS [REPEATS [SEED]]]
//! ```
//!
//! Prints one line: the spread of the cells, the noise of a repeat, how far two repeats agree on the order of the cells, the
//! same among the best tenth, and what a model takes.

#![expect(clippy::print_stdout, reason = "its line is what it prints")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use nasbench::dataset;
use nasbench::engine::Device;
use nasbench::space::{Cell, Space};
use nasbench::statistics::{mean, spearman, standard_deviation};
use nasbench::train::{Data, Protocol, Training};
use nasbench::unit::{Epochs, Seed};
use rand::seq::SliceRandom as _;

/// The final validation accuracies of a cell, one for each repeat, in percent.
type Accuracies = Vec<f64>;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &str| arguments.get(place).cloned().unwrap_or_else(|| default.to_owned());
    let (name, epochs) = (argument(0, "quick"), Epochs(argument(1, "2").parse()?));
    let (count, repeats): (usize, u64) = (argument(2, "60").parse()?, argument(3, "3").parse()?);
    let mut rng = Seed(argument(4, "0").parse()?).rng();

    let dataset = dataset::find("fashion-14")?.load(None)?;
    let protocol = Protocol::find(&name)?.resolve(&dataset)?;
    let data = Data::select(&protocol, &dataset)?;
    let mut cells: Vec<Cell> = Space::nas_bench_101().with_max_vertices(5)?.cells()?;
    cells.shuffle(&mut rng);
    cells.truncate(count);

    let started = Instant::now();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![Accuracies::new(); cells.len()]));
    let work = || -> anyhow::Result<()> {
        while let Some((place, cell)) = cells.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            for repeat in 0..repeats {
                let training =
                    Training { cell, epochs, seed: Seed(repeat), protocol: &protocol, data: &data, device: Device::Cpu };
                let trained = training.run(&mut |_| {})?;
                let accuracy = trained.end.validation_accuracy.with_context(|| format!("{} diverged", cell.hash()))?;
                found.lock().expect("no worker panics")[place].push(100.0 * f64::from(accuracy.fraction()));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(work));
        threads.into_iter().try_for_each(|thread| thread.join().expect("no worker panics"))
    })?;
    let models = f64::from(u32::try_from(cells.len())?) * f64::from(u32::try_from(repeats)?);
    let seconds = 2.0 * started.elapsed().as_secs_f64() / models;

    let mut found = found.into_inner()?;
    found.sort_by(|one, other| mean(other).unwrap_or(0.0).total_cmp(&mean(one).unwrap_or(0.0)));
    println!("{name}, {epochs} epochs, {} cells × {repeats} repeats, {seconds:.2} s per model", cells.len());
    for (which, cells) in [("all", &found[..]), ("best tenth", &found[..found.len() / 10])] {
        let means: Vec<_> = cells.iter().filter_map(|cell| mean(cell)).collect();
        let variances: Vec<_> = cells.iter().filter_map(|cell| Some(standard_deviation(cell)?.powi(2))).collect();
        let noise = mean(&variances).context("no cells")?.sqrt();
        let spread = standard_deviation(&means).context("too few cells")?;
        let of = |repeat: usize| cells.iter().map(|cell| cell[repeat]).collect::<Vec<_>>();
        let agreement = spearman(&of(0), &of(1)).context("too few cells")?;
        println!(
            "  {which}: {:.2} to {:.2} %, spread {spread:.2}, noise {noise:.2}, noise / spread {:.2}, Spearman of two repeats {agreement:.3}",
            means.last().context("no cells")?,
            means[0],
            noise / spread
        );
    }
    Ok(())
}
