//! Many models at once on a GPU: models of different cells train in lock step, and one launch serves all of them.
//!
//! One small network cannot fill a GPU. Here the values, gradients and parameters of all models lie in a few large buffers (`layout.rs`),
//! and `program.rs` writes for each launch a work list: an item says where one workgroup, or one row of the grid, finds its numbers. So
//! models may differ in cell and channels, and the number of launches does not depend on the number of models. The kernels are WGSL,
//! a file for each kind (`kernels/`); `device.rs` runs them through wgpu. A new operator is an arm in `program.rs`, in `combination.wgsl`
//! and in `gradient.wgsl`.
//!
//! - Layout of values: `[channel][row][column][image]`, the images in quads (`vec4`), so that neighbouring threads read neighbouring words.
//! - A convolution's output is stored before its normalisation; who reads it normalises it and cuts it off at zero.
//! - Gradients of values are collected: one thread adds up what all readers of a value hand back, so that each gradient is written
//!   once. Sums over a batch are those of one workgroup: each thread adds up its own numbers, a tree adds the threads. Nothing is
//!   atomic; the same seed gives the same bits on one adapter, and a model those that it has alone.
//! - The data set lies on the device as bytes. A step hands over the numbers of its images with their shifts and flips.
//! - A model whose loss or gradient is no number keeps its weights from then on; the others go on.
//! - An adapter that addresses too little at once, or has too little memory, is an [`Error`] with the figures; [`Stack::fit`] says before
//!   how many models fit.
//!
//! # What bounds the speed, on paper
//!
//! Bytes moved and operations of a training step for one image, as [`traffic`] adds them up: the mean of 4,096
//! models of cells of up to five vertices, of 14 × 14 pixels, 8 channels and three stacks of one cell (`scripts/measure_gpu.sh` prints the table):
//!
//! | launches | bytes | operations |
//! |---|---|---|
//! | convolutions | 74,134 | 419,364 |
//! | statistics | 37,814 | 0 |
//! | pools, sums, concatenations | 86,419 | 0 |
//! | gradients of values | 147,118 | 391,140 |
//! | gradients of normalisation | 189,068 | 0 |
//! | gradients of kernels | 74,134 | 419,364 |
//! | all | 608,687 | 1,229,868 |
//!
//! So memory is the bound: at 1, 3.35 and 4.8 TB/s it allows 1.6, 5.5 and 7.9 million images a second, at 2.0, 6.8 and 9.7 TFLOP/s. **It was
//! never measured on a GPU**, only run on Mesa's software adapter.
//!
//! Not fused yet: statistics into the convolution before them (37,814 bytes); sums and concatenations, which could be read in
//! place; convolutions that read the same input; the two passes over a channel's gradient, of which the second is in the cache only if
//! the channels at work fit in it. Gradients are kept until the kernels' gradients are computed at the end: half of the memory.

mod device;
mod kernels;
mod layout;
mod pictures;
mod program;
mod state;
#[cfg(test)]
mod tests;
mod traffic;

use self::device::{Binding, Gpu, Sizes, to_bytes};
use self::layout::Layout;
pub use self::pictures::{Pick, Pictures};
use self::program::Program;
pub use self::traffic::{Traffic, traffic};
use super::{Device, Error, Optimizer, Settings, StepReport};
use crate::dataset::Draw;
use crate::network::Plan;
use crate::unit::Seed;

/// The steps whose reports the device keeps until they are read.
const REPORTS: usize = 64;

/// Models of one skeleton in training on a GPU.
#[derive(Debug)]
pub struct Stack {
    plans: Vec<Plan>,
    settings: Settings,
    batch: usize,
    layout: Layout,
    program: Program,
    gpu: Gpu,
    /// The first image of each part, and the end of the last.
    parts: Vec<usize>,
    /// Steps whose reports the device keeps.
    waiting: usize,
    reports: Vec<Vec<StepReport>>,
}

impl Stack {
    /// Puts the models of some plans, each with the initial weights of its seed, and a data set on a device.
    ///
    /// # Errors
    ///
    /// [`Error::NoDevice`], [`Error::BufferLimit`], [`Error::OutOfDeviceMemory`] or [`Error::Failed`].
    ///
    /// # Panics
    ///
    /// Panics if there are no plans, their skeletons differ in more than the channels, or there is not one seed for each.
    pub fn new(
        plans: &[Plan],
        seeds: &[Seed],
        settings: Settings,
        batch: usize,
        pictures: Pictures<'_>,
        device: Device,
    ) -> Result<Self, Error> {
        assert!(!plans.is_empty() && plans.len() == seeds.len() && batch > 0, "models with a seed each, and images");
        let outline = |plan: &Plan| {
            let skeleton = plan.skeleton();
            (skeleton.image, skeleton.classes, skeleton.stacks, skeleton.cells_per_stack)
        };
        assert!(plans.iter().all(|plan| outline(plan) == outline(&plans[0])), "the models of a stack have one skeleton");
        let (layout, program, sizes) = arrange(plans, batch, pictures);
        let gpu = Gpu::new(device, &sizes, &program.launches)?;
        gpu.write(Binding::Items, 0, &to_bytes(program.items.iter().copied()));
        gpu.write(Binding::Pixels, 0, &pictures.bytes());
        gpu.write(Binding::Levels, 0, &to_bytes(pictures.levels().into_iter().map(f32::to_bits)));
        gpu.write(Binding::Alive, 0, &to_bytes(plans.iter().map(|_| 1)));
        let ones = |count: u64, pair: [f32; 2]| to_bytes((0..count).flat_map(|_| pair).map(f32::to_bits));
        gpu.write(Binding::Running, 0, &ones(layout.channels, [0.0, 1.0]));
        gpu.write(Binding::MeanSquares, 0, &ones(layout.weights, [1.0, 1.0])[..4 * usize_of(layout.weights)]);
        for ((plan, seed), model) in plans.iter().zip(seeds).zip(&layout.models) {
            let weights = super::initial(plan, *seed).into_iter().flatten().map(f32::to_bits);
            gpu.write(Binding::Weights, model.weights().start as usize, &to_bytes(weights));
        }
        let mut parts = vec![0];
        parts.extend(pictures.parts.iter().scan(0, |end, images| {
            *end += images.len();
            Some(*end)
        }));
        let (plans, waiting, reports) = (plans.to_vec(), 0, Vec::new());
        Ok(Self { plans, settings, batch, layout, program, gpu, parts, waiting, reports })
    }

    /// The bytes of the buffers that [`new`](Self::new) creates.
    #[must_use]
    pub fn bytes(plans: &[Plan], batch: usize, pictures: Pictures<'_>) -> u64 {
        arrange(plans, batch, pictures).2.total()
    }

    /// How many of the first plans fit into `available` bytes of memory, in buffers of at most `largest` bytes.
    #[must_use]
    pub fn fit(plans: &[Plan], batch: usize, pictures: Pictures<'_>, available: u64, largest: u64) -> usize {
        let fits = |count: usize| {
            let sizes = arrange(&plans[..count], batch, pictures).2;
            sizes.total() <= available && sizes.storage.iter().all(|size| *size <= largest.min(device::LARGEST))
        };
        // More models never take less memory.
        let (mut fitting, mut beyond) = (0, plans.len() + 1);
        while beyond - fitting > 1 {
            let middle = usize::midpoint(fitting, beyond);
            if fits(middle) { fitting = middle } else { beyond = middle }
        }
        fitting
    }

    /// The bytes of the largest buffer that a device can address.
    ///
    /// # Errors
    ///
    /// [`Error::NoDevice`] if there is no such device.
    pub fn largest_buffer(device: Device) -> Result<u64, Error> {
        device::largest(device)
    }

    /// The bytes of the buffers that were created.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.gpu.bytes()
    }

    /// The number of models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there are no models: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// The launches of a training step.
    #[must_use]
    pub fn launches(&self) -> usize {
        self.program.training.len()
    }

    /// Copies all values once, and returns the bytes that were read and written: what the memory's speed is measured by.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn copy(&mut self) -> Result<u64, Error> {
        let bytes = 16 * self.layout.grads;
        // Each step writes all gradients anew.
        self.gpu.copy(Binding::Values, Binding::Grads, bytes)?;
        Ok(2 * bytes)
    }

    /// Starts a step of every model that still learns, and returns before it is done.
    ///
    /// # Shapes
    ///
    /// - `picks`: `[models, batch]`
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    ///
    /// # Panics
    ///
    /// Panics if there are more or fewer picks.
    pub fn step(&mut self, picks: &[Pick], padding: u8, learning_rate: f64) -> Result<(), Error> {
        assert_eq!(picks.len(), self.len() * self.batch, "a batch for each model");
        if self.waiting == REPORTS {
            self.collect()?;
        }
        self.pick(picks, self.batch);
        let turn = self.turn(self.batch, padding, Some(learning_rate));
        self.gpu.run(&turn, self.program.training.iter().map(|slot| (*slot, &self.program.launches[*slot])));
        self.waiting += 1;
        Ok(())
    }

    /// Waits for the steps that were started, and returns what each model found in each of them since the last call.
    ///
    /// A model that has diverged has a report with a loss or a norm that is no number, and from then on none that means anything.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn reports(&mut self) -> Result<Vec<Vec<StepReport>>, Error> {
        self.collect()?;
        Ok(std::mem::take(&mut self.reports))
    }

    /// Counts the images among the first `count` of a part that each model classifies correctly, with the running statistics.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn count_correct(&mut self, part: usize, count: usize) -> Result<Vec<usize>, Error> {
        let mut counts = vec![0; self.len()];
        self.evaluate(part, count, |stack, _| {
            for (count, report) in counts.iter_mut().zip(stack.read_reports(0)?) {
                *count += report.correct;
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// Computes the logits of the first `count` images of a part.
    ///
    /// # Shapes
    ///
    /// - returns: for each model `[count, classes]`, row-major
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn logits(&mut self, part: usize, count: usize) -> Result<Vec<Vec<f32>>, Error> {
        let mut logits = vec![Vec::new(); self.len()];
        let (classes, lanes) = (self.plans[0].skeleton().classes, 4 * self.layout.quads as usize);
        self.evaluate(part, count, |stack, images| {
            let values = stack.gpu.read_floats(Binding::Values, 0..stack.len() * classes * lanes)?;
            for (values, logits) in values.chunks_exact(classes * lanes).zip(&mut logits) {
                logits.extend((0..images).flat_map(|image| (0..classes).map(move |class| values[class * lanes + image])));
            }
            Ok(())
        })?;
        Ok(logits)
    }

    /// Shows the first images of a part to all models, batch by batch.
    fn evaluate(
        &mut self,
        part: usize,
        count: usize,
        mut look: impl FnMut(&Self, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.collect()?;
        let start = self.parts[part];
        let end = self.parts[part + 1].min(start + count);
        let mut launches = vec![self.program.fold];
        for first in (start..end).step_by(self.batch) {
            let images = self.batch.min(end - first);
            let picks: Vec<_> =
                (first..first + images).map(|image| Pick { image: layout::wrap(image as u64), draw: Draw::default() }).collect();
            self.pick(&picks.repeat(self.len()), images);
            launches.extend(&self.program.evaluation);
            let turn = self.turn(images, 0, None);
            self.gpu.run(&turn, launches.iter().map(|slot| (*slot, &self.program.launches[*slot])));
            look(self, images)?;
            launches.clear();
        }
        Ok(())
    }

    /// Hands the images of the next batch over, `images` for each model; the rest of the last quad shows the first image.
    fn pick(&self, picks: &[Pick], images: usize) {
        let lanes = 4 * self.layout.quads as usize;
        let mut words = Vec::with_capacity(2 * lanes * self.len());
        for own in picks.chunks_exact(images) {
            for lane in 0..lanes {
                let Pick { image, draw } = own[if lane < images { lane } else { 0 }];
                words.extend([image, draw.packed()]);
            }
        }
        self.gpu.write(Binding::Picks, 0, &to_bytes(words));
    }

    /// `Turn` in `shared.wgsl`.
    #[expect(clippy::cast_possible_truncation, reason = "the device computes in single precision")]
    fn turn(&self, images: usize, padding: u8, learning_rate: Option<f64>) -> Vec<u8> {
        let Settings { optimizer, weight_decay, batch_norm_momentum, batch_norm_epsilon } = self.settings;
        let (is_rms_prop, [decay, momentum, epsilon]) = match optimizer {
            Optimizer::RmsProp { decay, momentum, epsilon } => (1, [decay, momentum, epsilon]),
            Optimizer::Nesterov { momentum } => (0, [0.0, momentum, 0.0]),
        };
        let float = |value: f64| (value as f32).to_bits();
        let rate = float(learning_rate.unwrap_or(0.0));
        let first_report = if learning_rate.is_some() { self.waiting * self.len() } else { 0 };
        let mut words = vec![rate, float(weight_decay), is_rms_prop, float(decay), float(momentum), float(epsilon)];
        words.extend([float(batch_norm_momentum), float(batch_norm_epsilon)]);
        let is_training = usize::from(learning_rate.is_some());
        let numbers =
            [images, self.layout.quads as usize, padding.into(), is_training, first_report, self.plans[0].skeleton().classes];
        words.extend(numbers.map(|number| layout::wrap(number as u64)));
        words.resize(16, 0);
        to_bytes(words)
    }

    /// Reads the reports that the device keeps.
    fn collect(&mut self) -> Result<(), Error> {
        for step in 0..std::mem::take(&mut self.waiting) {
            let reports = self.read_reports(step)?;
            self.reports.push(reports);
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of images")]
    fn read_reports(&self, step: usize) -> Result<Vec<StepReport>, Error> {
        let words = 4 * self.len();
        let values = self.gpu.read_floats(Binding::Reports, step * words..(step + 1) * words)?;
        let report = |own: &[f32]| StepReport { loss: own[0], correct: own[1] as usize, gradient_norm: own[2] };
        Ok(values.chunks_exact(4).map(report).collect())
    }
}

/// Lays models out, compiles their program, and says how large each buffer is.
fn arrange(plans: &[Plan], batch: usize, pictures: Pictures<'_>) -> (Layout, Program, Sizes) {
    let layout = Layout::new(plans, batch);
    let counts = [layout.values, layout.weights, layout.winners, pictures.words()[0] as u64];
    // Beyond 32 bits no program can be written; such sizes are refused.
    let is_countable = counts.iter().all(|count| *count < u32::MAX.into());
    let labels = layout::wrap(pictures.words()[0] as u64);
    let program = if is_countable { Program::new(plans, &layout, labels) } else { Program::default() };
    let models = plans.len() as u64;
    let (lanes, weights) = (4 * u64::from(layout.quads), 4 * layout.weights);
    let of_pictures = pictures.words().map(|words| 4 * words as u64);
    let storage = [
        4 * program.items.len() as u64,
        16 * layout.values,
        16 * layout.grads,
        weights,
        weights,
        weights,
        weights,
        16 * layout.channels,
        8 * layout.channels,
        // A buffer cannot be empty.
        4 * layout.winners.max(1),
        of_pictures[0] + of_pictures[1],
        of_pictures[2],
        8 * models * lanes,
        16 * models * REPORTS as u64,
        4 * models,
    ];
    let launches = program.launches.len() as u64;
    (layout, program, Sizes { storage, launches })
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("a buffer's numbers can be counted")
}
