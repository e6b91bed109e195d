//! The engine for processors: a batch side by side in the lanes of vectors, one thread for each model.
//!
//! `layout.rs` has the layout of numbers in memory; each kind of step has its kernels in a file of its own; this file runs the steps
//! of a plan forward and backward. The kernels are written once, over `pulp`'s vectors, and compiled for AVX-512, AVX2 and
//! plain instructions; which of them run is decided when a model is built. A step allocates nothing.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for the instructions that were found")]

mod arrangement;
mod convolution;
mod group;
mod head;
mod layout;
mod normalise;
mod pool;
mod schedule;
mod state;
mod steps;
mod update;

use pulp::Arch;

use self::arrangement::Arrangement;
use self::group::Group;
use self::layout::{LANES, Numbers, zeros};
use self::schedule::{Read, Schedule, is_whole};
use self::update::OptimizerState;
use super::{Settings, StepReport};
use crate::network::{Plan, Step};
use crate::unit::Seed;

/// A model in training: its parameters, the optimizer's memory, the statistics of batch normalisation, and room for a batch.
#[derive(Debug)]
pub(super) struct Model {
    plan: Plan,
    settings: Settings,
    arch: Arch,
    schedule: Schedule,
    arrangement: Arrangement,
    parameters: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    memory: Vec<OptimizerState>,
    /// The convolutions, by the phase that they end.
    groups: Vec<Group>,
    /// What the steps wrote, by store.
    values: Vec<Numbers>,
    /// The gradients of what the steps wrote, by store.
    grads: Vec<Numbers>,
    /// For each read of each step: whether its gradient is the first to arrive at the buffer, going backward.
    fresh: Vec<Vec<bool>>,
    /// The means of the channels and the logits of each block.
    means: Vec<f32>,
    logits: Vec<f32>,
    scratch: Numbers,
    /// The blocks that there is room for.
    blocks: usize,
}

/// The vector instructions that the kernels run with on this machine.
pub(super) fn instructions() -> &'static str {
    // Which variants there are depends on the processor and on pulp's features, so they are told apart by their names.
    let arch = format!("{:?}", Arch::new());
    match arch.split('(').next() {
        Some("V4") => "AVX-512",
        Some("V3") => "AVX2",
        Some("Neon") => "NEON",
        _ => "no vector instructions",
    }
}

impl Model {
    /// Builds the model of a plan with the initial weights of a seed.
    ///
    /// # Panics
    ///
    /// Panics if the plan has a kernel whose side is neither 1 nor 3: no operation has one.
    pub(super) fn new(plan: Plan, settings: Settings, seed: Seed) -> Self {
        let parameters = super::initial(&plan, seed);
        let schedule = Schedule::new(&plan);
        let arrangement = Arrangement::new(&plan, &schedule);
        let groups = groups(&schedule, &arrangement).map(|(steps, input)| Group::new(&plan, steps, input)).collect();
        let mut model = Self {
            settings,
            arch: Arch::new(),
            gradients: parameters.iter().map(|values| vec![0.0; values.len()]).collect(),
            memory: parameters.iter().map(|values| OptimizerState::new(values.len())).collect(),
            groups,
            values: Vec::new(),
            grads: Vec::new(),
            fresh: first_to_arrive(&plan, &schedule),
            means: Vec::new(),
            logits: Vec::new(),
            scratch: zeros(arrangement.values.slot(0).plane.len()),
            blocks: 0,
            plan,
            schedule,
            arrangement,
            parameters,
        };
        model.groups.iter_mut().for_each(|group| group.pack(&model.parameters));
        model
    }

    /// Takes one step of the optimizer on a batch.
    ///
    /// # Shapes
    ///
    /// - `images`: `[n, channels, height, width]`, row-major
    /// - `labels`: `[n]`
    ///
    /// # Panics
    ///
    /// Panics if the lengths do not agree with the plan, or there are no images.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sums of single-precision numbers")]
    pub(super) fn step(&mut self, images: &[f32], labels: &[u8], learning_rate: f64) -> StepReport {
        let shape = self.plan.skeleton().image;
        assert!(!labels.is_empty() && images.len() == labels.len() * shape.values(), "a batch of images with their labels");
        let batch = Batch::new(labels.len());
        self.reserve(labels.len());
        for (block, images) in images.chunks(LANES * shape.values()).enumerate() {
            self.fill(block, images);
        }
        self.forward(&batch);
        let blocks = self.logits.chunks_exact_mut(self.plan.skeleton().classes * LANES).zip(labels.chunks(LANES));
        let losses = blocks.map(|(logits, own)| head::cross_entropy(logits, own, labels.len()));
        let loss = losses.fold(head::Loss::default(), |a, b| head::Loss { sum: a.sum + b.sum, correct: a.correct + b.correct });
        // Those of the linear layer are added up over the blocks.
        self.gradients.iter_mut().rev().take(2).for_each(|gradient| gradient.fill(0.0));
        self.backward(&batch);
        let mut squares = 0.0;
        for ((weights, memory), gradient) in self.parameters.iter_mut().zip(&mut self.memory).zip(&mut self.gradients) {
            squares += update::update(weights, memory, gradient, &self.settings, learning_rate);
        }
        self.groups.iter_mut().for_each(|group| group.pack(&self.parameters));
        StepReport { loss: (loss.sum / batch.images as f64) as f32, correct: loss.correct, gradient_norm: squares.sqrt() as f32 }
    }

    /// Counts the images that the model classifies correctly, with the running statistics of batch normalisation.
    ///
    /// # Shapes
    ///
    /// As [`step`](Self::step).
    pub(super) fn count_correct(&mut self, images: &[f32], labels: &[u8]) -> usize {
        let values = self.plan.skeleton().image.values();
        let count = |(images, labels): (&[f32], &[u8])| {
            self.evaluate(images);
            head::count_correct(&self.logits[..self.plan.skeleton().classes * LANES], labels)
        };
        images.chunks(LANES * values).zip(labels.chunks(LANES)).map(count).sum()
    }

    /// Computes the logits of `n` images.
    ///
    /// # Shapes
    ///
    /// - `images`: `[n, channels, height, width]`, row-major
    /// - returns: `[n, classes]`, row-major
    pub(super) fn logits(&mut self, images: &[f32], n: usize) -> Vec<f32> {
        let (values, classes) = (self.plan.skeleton().image.values(), self.plan.skeleton().classes);
        let mut logits = Vec::with_capacity(n * classes);
        for images in images.chunks(LANES * values) {
            self.evaluate(images);
            for lane in 0..images.len() / values {
                logits.extend(self.logits.iter().skip(lane).step_by(LANES).take(classes));
            }
        }
        logits
    }

    /// The parameters, in the order of [`initial`](super::initial).
    pub(super) fn parameters(&self) -> &[Vec<f32>] {
        &self.parameters
    }

    /// The gradients of the last step, weight decay included.
    #[cfg(all(test, feature = "gpu"))]
    pub(in crate::engine) fn gradients(&self) -> &[Vec<f32>] {
        &self.gradients
    }

    /// Allocates the memory for batches of `images` images, so that no step has to.
    ///
    /// What the allocator gave for a smaller batch it may keep; so the largest one is reserved before the first evaluation.
    pub(super) fn reserve(&mut self, images: usize) {
        let blocks = images.div_ceil(LANES);
        if blocks <= self.blocks {
            return;
        }
        self.blocks = blocks;
        // What is too small goes first: both would not fit where one does.
        (self.values, self.grads) = (Vec::new(), Vec::new());
        self.groups.iter_mut().for_each(|group| group.raw = zeros(0));
        self.values = self.arrangement.values.allocate(blocks);
        self.grads = self.arrangement.grads.allocate(blocks);
        self.groups.iter_mut().for_each(|group| group.raw = zeros(blocks * group.outputs * group.plane.len()));
        let classes = self.plan.skeleton().classes;
        let channels = self.plan.steps().last().map_or(0, Step::input_channels);
        (self.means, self.logits) = (vec![0.0; blocks * channels * LANES], vec![0.0; blocks * classes * LANES]);
    }

    fn fill(&mut self, block: usize, images: &[f32]) {
        let slot = self.arrangement.values.slot(0);
        let (store, range) = self.arrangement.values.range(0, slot.channels, block);
        layout::fill(&mut self.values[store][range], images, slot.channels, slot.plane);
    }
}

/// The images of a step.
struct Batch {
    images: usize,
    blocks: usize,
    /// One for each lane of the last block that has an image.
    last: [f32; LANES],
    /// Whether statistics are gathered.
    is_training: bool,
}

impl Batch {
    fn new(images: usize) -> Self {
        let blocks = images.div_ceil(LANES);
        let last = std::array::from_fn(|lane| f32::from(u8::from((blocks - 1) * LANES + lane < images)));
        Self { images, blocks, last, is_training: true }
    }

    fn mask(&self, block: usize) -> &[f32; LANES] {
        if block + 1 == self.blocks { &self.last } else { &[1.0; LANES] }
    }

    /// The blocks in the order of a pass: every other pass goes backwards.
    fn order(&self, pass: usize) -> impl Iterator<Item = usize> + use<> {
        let (blocks, is_backwards) = (self.blocks, pass % 2 == 1);
        (0..blocks).map(move |block| if is_backwards { blocks - 1 - block } else { block })
    }
}

/// The convolutions of each group of a schedule, what they read, and whether it is made again in bands.
fn groups<'a>(schedule: &'a Schedule, arrangement: &'a Arrangement) -> impl Iterator<Item = (&'a [usize], (Read, bool))> {
    let groups = schedule.phases.iter().zip(&arrangement.forward).zip(&arrangement.backward);
    let groups = groups.filter(|((phase, _), _)| !phase.group.is_empty());
    groups.map(|((phase, forward), backward)| {
        (&phase.group[..], (schedule.reads[phase.group[0]][0], forward.is_input || backward.is_input))
    })
}

/// For each read of each step, whether no later step hands a gradient back to the same buffer. A group's first step speaks for it.
fn first_to_arrive(plan: &Plan, schedule: &Schedule) -> Vec<Vec<bool>> {
    let mut has_arrived = vec![false; plan.steps().len() + 1];
    let mut fresh = vec![Vec::new(); plan.steps().len()];
    for phase in schedule.phases.iter().rev() {
        for number in phase.group.first().into_iter().chain(phase.steps.iter().rev()) {
            for read in &schedule.reads[*number] {
                fresh[*number].push(!std::mem::replace(&mut has_arrived[read.buffer], true));
                // The gradients of the parts of a concatenation stand where that of the whole does.
                let parts = if is_whole(plan, read.buffer) { &schedule.reads[read.buffer - 1][..] } else { &[] };
                for part in parts {
                    has_arrived[part.buffer] = true;
                }
            }
        }
    }
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::engine::Optimizer;
    use crate::network::Skeleton;
    use crate::space::Cell;

    #[test]
    fn all_instruction_sets_take_the_same_steps() {
        let image = ImageShape { channels: 1, height: 6, width: 7 };
        let skeleton = Skeleton { image, classes: 10, stem_channels: 5, stacks: 2, cells_per_stack: 1, equal_flops: None };
        let operations = "input,conv3x3-bn-relu,maxpool3x3,conv1x1-bn-relu,output";
        let cell = Cell::from_texts("0111000100000100000100000", operations).unwrap();
        let plan = Plan::compile(&cell, &skeleton).unwrap();
        let optimizer = Optimizer::Nesterov { momentum: 0.9 };
        let settings = Settings { optimizer, weight_decay: 1e-4, batch_norm_momentum: 0.9, batch_norm_epsilon: 1e-5 };
        let images: Vec<f32> =
            (0..21 * image.values()).map(|i| f32::from(u8::try_from(i * 37 % 101).unwrap()) / 50.0 - 1.0).collect();
        let labels: Vec<u8> = (0..21).map(|i| i % 10).collect();
        let train = |arch: &Arch| {
            let mut model = Model { arch: *arch, ..Model::new(plan.clone(), settings, Seed(1)) };
            let losses: Vec<_> = (0..3).map(|_| model.step(&images, &labels, 0.01).loss).collect();
            (losses, model.logits(&images, 21))
        };
        let mut instruction_sets = vec![Arch::new(), Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        instruction_sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
        let found: Vec<_> = instruction_sets.iter().map(train).collect();
        for (losses, logits) in &found {
            for (one, other) in losses.iter().zip(&found[0].0) {
                assert!((one / other - 1.0).abs() < 1e-4, "{losses:?}, expected {:?}", found[0].0);
            }
            for (one, other) in logits.iter().zip(&found[0].1) {
                assert!((one - other).abs() < 0.01, "{one}, expected {other}");
            }
        }
    }
}
