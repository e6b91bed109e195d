//! Measures how long forward passes of cells take: through our engines, or through onnxruntime in a Python program.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use fs_err as fs;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::engine::{self, Device, Model, Optimizer, Settings};
use crate::network::{self, Plan, Skeleton};
use crate::objective::Latency;
use crate::space::Cell;
use crate::statistics::quantile;
use crate::table::LatencyRow;
use crate::train::untrained_onnx;
use crate::unit::{Seconds, Seed};

/// The program that runs networks through onnxruntime.
const PROGRAM: &str = include_str!("onnxruntime.py");

/// What runs the networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// One of our engines.
    Engine(Device),
    /// onnxruntime on one thread of the processor, in a Python program.
    OnnxRuntime {
        /// The interpreter, which must have `onnxruntime` and `numpy`.
        python: PathBuf,
    },
}

/// How latencies are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocking {
    /// What runs the networks.
    pub through: Through,
    /// The images of a batch.
    pub batch: u32,
    /// How often all cells are measured, each time in another order: what slows the machine down for a while meets other cells.
    pub rounds: u32,
    /// The forward passes of one image, and of a batch, of which a round takes the median.
    pub passes: u32,
    /// The source of the order, the weights and the images.
    pub seed: Seed,
}

/// An error of a measurement of latencies.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClockingError {
    /// A count must be at least 1.
    #[error("{what} is 0, expected at least 1")]
    Zero {
        /// What it counts.
        what: &'static str,
    },
    /// A cell makes no network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The device cannot be used, or failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The Python program could not be started, or a file for it could not be written.
    #[error("could not run `{}`", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The Python program failed.
    #[error("`{}` failed: {found}\nhint: `{} -m pip install onnxruntime numpy` installs what it needs", python.display(), python.display())]
    Python {
        /// The interpreter.
        python: PathBuf,
        /// What it said.
        found: String,
    },
}

/// Measures cells in a skeleton. `done` hears of each measurement; there are as many of a cell as rounds.
///
/// Where the system can, the calling thread stays on one core. The networks have random weights: what they compute takes the same time.
///
/// # Errors
///
/// [`ClockingError`] for a cell that makes no network, a device that cannot be used, or a Python program that fails.
pub fn clock(
    cells: &[Cell],
    skeleton: &Skeleton,
    clocking: &Clocking,
    mut done: impl FnMut(),
) -> Result<Vec<LatencyRow>, ClockingError> {
    let counts = [
        ("the number of images of a batch", clocking.batch),
        ("the number of rounds", clocking.rounds),
        ("the number of passes", clocking.passes),
    ];
    if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
        return Err(ClockingError::Zero { what });
    }
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    let mut runner = match &clocking.through {
        Through::Engine(device) => Runner::Engine(*device),
        Through::OnnxRuntime { python } => Runner::Python(Box::new(Python::start(python.clone())?)),
    };
    let mut rng = clocking.seed.derive("latency").rng();
    let count = clocking.batch as usize * skeleton.image.values();
    let images: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let mut times: Vec<[Vec<f64>; 2]> = vec![[Vec::new(), Vec::new()]; cells.len()];
    for _ in 0..clocking.rounds {
        order.shuffle(&mut rng);
        for place in &order {
            let found = runner.measure(&cells[*place], skeleton, clocking, &images)?;
            times[*place].iter_mut().zip(found).for_each(|(times, found)| times.push(found));
            done();
        }
    }
    let row = |(cell, times): (&Cell, &[Vec<f64>; 2])| {
        let at = |fraction: f64| {
            let [one, batch] = times.each_ref().map(|times| quantile(times, fraction).unwrap_or(f64::NAN));
            Latency { one: Seconds(one), in_batch: Seconds(batch / f64::from(clocking.batch)) }
        };
        LatencyRow { cell: *cell, median: at(0.5), fastest: at(0.0), slowest: at(1.0) }
    };
    Ok(cells.iter().zip(&times).map(row).collect())
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(device) => f.write_str(&device.description()),
            Self::OnnxRuntime { .. } => write!(f, "onnxruntime, one thread: {}", engine::processor().unwrap_or("a processor")),
        }
    }
}

enum Runner {
    Engine(Device),
    Python(Box<Python>),
}

impl Runner {
    /// The median seconds of a forward pass of one image, and of a batch.
    fn measure(
        &mut self,
        cell: &Cell,
        skeleton: &Skeleton,
        clocking: &Clocking,
        images: &[f32],
    ) -> Result<[f64; 2], ClockingError> {
        let plan = Plan::compile(cell, skeleton)?;
        let settings = Settings {
            optimizer: Optimizer::Nesterov { momentum: 0.0 },
            weight_decay: 0.0,
            batch_norm_momentum: 0.9,
            batch_norm_epsilon: 1e-5,
        };
        let device = if let Self::Engine(device) = self { *device } else { Device::Cpu };
        let mut model = Model::new(plan.clone(), settings, clocking.seed, device)?;
        let sizes = [1, clocking.batch as usize];
        match self {
            Self::Python(python) => {
                let bytes = untrained_onnx(&plan, &model.state()?.without_memory());
                let image = skeleton.image;
                let shapes = sizes.map(|n| [n, image.channels, image.height, image.width]);
                python.measure(&bytes, shapes, clocking.passes)
            }
            Self::Engine(_) => {
                let mut medians = [0.0; 2];
                for (n, median) in sizes.into_iter().zip(&mut medians) {
                    let images = &images[..n * skeleton.image.values()];
                    // The first pass reserves memory and fills caches.
                    model.logits(images, n)?;
                    let mut pass = || {
                        let started = Instant::now();
                        model.logits(images, n)?;
                        Ok::<_, engine::Error>(started.elapsed().as_secs_f64())
                    };
                    let times = (0..clocking.passes).map(|_| pass()).collect::<Result<Vec<_>, _>>()?;
                    *median = quantile(&times, 0.5).unwrap_or(f64::NAN);
                }
                Ok(medians)
            }
        }
    }
}

/// A Python program that measures one network after the other. It ends when this is dropped: its standard input is closed.
struct Python {
    interpreter: PathBuf,
    child: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

/// What the program is asked.
#[derive(Serialize)]
struct Asked<'a> {
    file: &'a str,
    shapes: [[usize; 4]; 2],
    passes: u32,
}

/// What it answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Medians { medians: [f64; 2] },
    Failed { error: String },
}

impl Python {
    fn start(python: PathBuf) -> Result<Self, ClockingError> {
        let failed = |source| ClockingError::Start { python: python.clone(), source };
        let folder = std::env::temp_dir().join(format!("nasbench-latency-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut command = Command::new(&python);
        command.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let asked = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output was asked for"));
        Ok(Self { interpreter: python, child, asked, answers, folder })
    }

    fn measure(&mut self, onnx: &[u8], shapes: [[usize; 4]; 2], passes: u32) -> Result<[f64; 2], ClockingError> {
        let file = self.folder.join("network.onnx");
        let ask = |asked: &mut Option<ChildStdin>, answers: &mut BufReader<ChildStdout>| {
            fs::write(&file, onnx)?;
            let file = file.to_string_lossy();
            let asked = asked.as_mut().expect("it is closed at the end");
            writeln!(asked, "{}", serde_json::to_string(&Asked { file: &file, shapes, passes })?)?;
            asked.flush()?;
            let mut line = String::new();
            answers.read_line(&mut line)?;
            Ok::<String, std::io::Error>(line)
        };
        let failed = |found: String| ClockingError::Python { python: self.interpreter.clone(), found };
        let line = ask(&mut self.asked, &mut self.answers).map_err(|error| failed(error.to_string()))?;
        match serde_json::from_str(&line) {
            Ok(Answer::Medians { medians }) => Ok(medians),
            Ok(Answer::Failed { error }) => Err(failed(error)),
            Err(_) if line.is_empty() => Err(failed("it ended without an answer".to_owned())),
            Err(_) => Err(failed(format!("it answered `{}`", line.trim_end()))),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.asked.take());
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;

    fn skeleton() -> Skeleton {
        let image = ImageShape { channels: 1, height: 14, width: 14 };
        Skeleton { image, classes: 10, stem_channels: 16, stacks: 2, cells_per_stack: 1, equal_flops: None }
    }

    fn clocking() -> Clocking {
        Clocking { through: Through::Engine(Device::Cpu), batch: 32, rounds: 3, passes: 5, seed: Seed(1) }
    }

    #[test]
    fn a_network_of_more_work_takes_longer_and_each_round_counts() {
        let texts = [("0100", "input,output"), ("010001000", "input,conv3x3-bn-relu,output")];
        let cells = texts.map(|(adjacency, operations)| Cell::from_texts(adjacency, operations).unwrap());
        let mut measurements = 0;
        let rows = clock(&cells, &skeleton(), &clocking(), || measurements += 1).unwrap();
        assert_eq!(measurements, 6);
        for LatencyRow { fastest, median, slowest, .. } in &rows {
            assert!(fastest.one <= median.one && median.one <= slowest.one && fastest.one.0 > 0.0, "{rows:?}");
            assert!(fastest.in_batch <= median.in_batch && median.in_batch <= slowest.in_batch, "{rows:?}");
        }
        // A 3×3 convolution of 16 channels more in each of two stacks, several times the work of the identity.
        assert!(rows[0].fastest.in_batch < rows[1].fastest.in_batch, "{rows:?}");
    }

    #[test]
    fn counts_of_nothing_and_a_program_that_is_none_are_refused() {
        let cells = [Cell::from_texts("0100", "input,output").unwrap()];
        let message = |clocking: Clocking| clock(&cells, &skeleton(), &clocking, || {}).unwrap_err().to_string();
        assert_eq!(message(Clocking { rounds: 0, ..clocking() }), "the number of rounds is 0, expected at least 1");
        let python = |name: &str| Clocking { through: Through::OnnxRuntime { python: name.into() }, ..clocking() };
        assert_eq!(message(python("/nowhere/python3")), "could not run `/nowhere/python3`");
        let found = message(python("false"));
        assert!(found.starts_with("`false` failed: "), "{found}");
    }
}
