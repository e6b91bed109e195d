//! Trains the same cells with two engines, from the same weights and on the same batches, and asks whether it matters.
//!
//! ```text
//! cargo run --release --example compare_engines -- [CELLS [EPOCHS [DEVICE [REFERENCE]]]]
//! ```
//!
//! Training amplifies rounding errors, so that two engines part after some steps; what must not part is how well the trained
//! models are. The difference of the final accuracies is tested by exchanging the engines of each cell at random (a
//! permutation test of pairs): a probability below 0.05 would say that the engines differ.

#![expect(clippy::print_stdout, reason = "its table is what it prints")]

use anyhow::Context as _;
use nasbench::dataset;
use nasbench::engine::Device;
use nasbench::space::{Sampler, Space};
use nasbench::statistics::{mean, standard_deviation};
use nasbench::train::{Data, Protocol, Training};
use nasbench::unit::{Epochs, Seed};
use rand::RngExt as _;

const SHUFFLES: u32 = 100_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &str| arguments.get(place).cloned().unwrap_or_else(|| default.to_owned());
    let (cells, epochs): (usize, u16) = (argument(0, "20").parse()?, argument(1, "4").parse()?);
    let devices: [Device; 2] = [argument(2, "cpu").parse()?, argument(3, "reference").parse()?];

    let dataset = dataset::find("fashion-14")?.load(None)?;
    let protocol = Protocol::find("quick")?.resolve(&dataset)?;
    let data = Data::select(&protocol, &dataset)?;
    let space = Space::nas_bench_101();
    let mut rng = Seed(0).rng();
    println!("cell,{},{},difference,speed ratio", devices[0], devices[1]);
    let mut differences = Vec::new();
    for number in 0..cells {
        let cell = space.cell(&Sampler::Official.draw(&space, &mut rng))?;
        let seed = Seed(u64::try_from(number)?);
        let train = |device| {
            let training = Training { cell: &cell, epochs: Epochs(epochs), seed, protocol: &protocol, data: &data, device };
            let trained = training.run(&mut |_| {})?;
            let accuracy = trained.end.validation_accuracy.with_context(|| format!("{cell} diverged on {device}"))?;
            let rate = trained.images_per_second.context("a training of less than a millisecond has no speed")?;
            anyhow::Ok((f64::from(accuracy.fraction()), rate))
        };
        let ((one, fast), (other, slow)) = (train(devices[0])?, train(devices[1])?);
        println!("{},{one:.4},{other:.4},{:+.4},{:.1}", cell.hash(), one - other, fast / slow);
        differences.push(one - other);
    }
    let observed = mean(&differences).context("no cells")?;
    let error = standard_deviation(&differences).context("too few cells")? / f64::from(u32::try_from(cells)?).sqrt();
    let mut as_great = 0;
    for _ in 0..SHUFFLES {
        let exchanged: f64 =
            differences.iter().map(|difference| if rng.random_bool(0.5) { -difference } else { *difference }).sum();
        as_great += u32::from(exchanged.abs() >= differences.iter().sum::<f64>().abs() - 1e-12);
    }
    let probability = f64::from(as_great) / f64::from(SHUFFLES);
    println!("mean difference {:+.3} ± {:.3} points, p = {probability:.3} of {cells} pairs", 100.0 * observed, 100.0 * error);
    Ok(())
}
