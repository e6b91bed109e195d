//! The launches of a step and of an evaluation, and the work list of each.
//!
//! The steps of all models are sorted into stages: a part of the skeleton, such as `stack1.cell0`, and the level within it. What runs
//! in one stage depends on earlier ones alone, so that one launch of a kernel serves every model. Sums and concatenations
//! have even levels and all else odd ones: so the same kinds of steps meet although cells differ.

#![expect(clippy::cast_possible_truncation, reason = "what cannot be counted in 32 bits is refused before: `arrange`")]

use std::collections::BTreeMap;

use super::kernels::Kernel;
use super::layout::{Layout, ModelLayout, NONE, Region};
use crate::dataset::ImageShape;
use crate::network::{Input, Operator, Plan, Step};

/// The words of an item: `ITEM` in `shared.wgsl`.
const ITEM: usize = 12;
/// The items of a row of the grid: `LAYER` in `shared.wgsl`.
const LAYER: u32 = 1 << 15;
/// Channels that one thread computes.
const TILE: usize = 4;
/// Positions of a workgroup of convolutions, combinations and gradients.
const THREADS: u32 = 64;
/// Parameters of a workgroup of the optimizer.
const PARAMETERS: u32 = 1024;

/// The kinds of readers in `gradient.wgsl`, of terms in `combination.wgsl`.
const CONVOLUTION: u32 = 0;
const COPY: u32 = 1;

/// One launch of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Launch {
    pub(super) kernel: Kernel,
    /// The first word of its items, how many items, height and width of the plane that it writes.
    pub(super) words: [u32; 4],
    pub(super) grid: [u32; 3],
}

/// Everything that is launched, and the items of all launches.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) items: Vec<u32>,
    pub(super) launches: Vec<Launch>,
    /// The launches of a training step, in order.
    pub(super) training: Vec<usize>,
    /// The launches of a batch of an evaluation; the first of all folds the running statistics in.
    pub(super) evaluation: Vec<usize>,
    pub(super) fold: usize,
}

/// What a program is compiled of.
struct Compiler<'a> {
    plans: &'a [Plan],
    layout: &'a Layout,
    program: Program,
}

/// A step of a model.
type Position = (usize, usize);

impl Program {
    /// Compiles the program of some plans.
    ///
    /// `labels` is the word of the data set with the first label.
    pub(super) fn new(plans: &[Plan], layout: &Layout, labels: u32) -> Self {
        let mut compiler = Compiler { plans, layout, program: Self::default() };
        let stages = stages(plans);
        compiler.fill();
        for stage in &stages {
            compiler.forward(stage);
        }
        compiler.cross_entropy(labels);
        for stage in stages.iter().rev() {
            compiler.backward(stage);
        }
        compiler.kernel_gradients();
        compiler.update();
        compiler.fold();
        compiler.program
    }
}

/// The steps by stage; those of one stage write planes of one size.
fn stages(plans: &[Plan]) -> Vec<Vec<Position>> {
    let mut stages: BTreeMap<(usize, usize), Vec<Position>> = BTreeMap::new();
    for (model, plan) in plans.iter().enumerate() {
        let mut places: Vec<(usize, usize)> = vec![(0, 0)];
        let (mut part, mut before) = (0, "");
        for (number, step) in plan.steps().iter().enumerate() {
            let name = part_of(&step.name);
            if name != before {
                (part, before) = (part + 1, name);
            }
            let levels = step.inputs.iter().map(|input| places[input.buffer]).filter(|place| place.0 == part);
            let level = levels.map(|place| place.1).max().unwrap_or(0) + 1;
            let is_even = matches!(step.operator, Operator::Sum | Operator::Concatenate);
            let level = level + usize::from((level % 2 == 0) != is_even);
            places.push((part, level));
            stages.entry((part, level)).or_default().push((model, number));
        }
    }
    stages.into_values().collect()
}

/// The part of the skeleton that a step belongs to: `stack1.cell0` of `stack1.cell0.vertex2.sum`.
fn part_of(name: &str) -> &str {
    name.match_indices('.').nth(1).map_or(name, |(end, _)| &name[..end])
}

/// The channels of a region in tiles: the first one and how many.
fn tiles(channels: usize) -> impl Iterator<Item = (u32, u32)> {
    (0..channels).step_by(TILE).map(move |first| (first as u32, TILE.min(channels - first) as u32))
}

impl<'a> Compiler<'a> {
    fn step(&self, (model, step): Position) -> (&'a Step, &'a ModelLayout, Region) {
        let layout = &self.layout.models[model];
        (&self.plans[model].steps()[step], layout, layout.regions[step + 1])
    }

    /// The quads of one channel.
    fn plane(&self, shape: ImageShape) -> u32 {
        shape.plane() as u32 * self.layout.quads
    }

    /// Writes the items of a launch: a workgroup each, or one for every 64 positions of the plane. No item, no launch.
    fn launch<const N: usize>(&mut self, kernel: Kernel, shape: ImageShape, items: Vec<[u32; N]>) -> Option<usize> {
        if items.is_empty() {
            return None;
        }
        let count = items.len() as u32;
        let first = self.program.items.len() as u32;
        for item in items {
            self.program.items.extend(item);
            self.program.items.extend(std::iter::repeat_n(0, ITEM - N));
        }
        let by_position = matches!(kernel, Kernel::Fill | Kernel::Convolve | Kernel::Combine | Kernel::Collect);
        let grid = match kernel {
            Kernel::Fold => [count.div_ceil(THREADS), 1, 1],
            _ if by_position => [self.plane(shape).div_ceil(THREADS), count.min(LAYER), count.div_ceil(LAYER)],
            _ => [1, count.min(LAYER), count.div_ceil(LAYER)],
        };
        let words = [first, count, shape.height as u32, shape.width as u32];
        self.program.launches.push(Launch { kernel, words, grid });
        Some(self.program.launches.len() - 1)
    }

    /// A launch of a training step.
    fn train<const N: usize>(&mut self, kernel: Kernel, shape: ImageShape, items: Vec<[u32; N]>) {
        let launch = self.launch(kernel, shape, items);
        self.program.training.extend(launch);
    }

    /// A launch of a training step and of an evaluation.
    fn always<const N: usize>(&mut self, kernel: Kernel, shape: ImageShape, items: Vec<[u32; N]>) {
        let launch = self.launch(kernel, shape, items);
        self.program.training.extend(launch);
        self.program.evaluation.extend(launch);
    }

    fn fill(&mut self) {
        let shape = self.plans[0].skeleton().image;
        let plane = self.plane(shape);
        let item = |(model, channel): (usize, usize)| {
            let start = self.layout.models[model].regions[0].start + channel as u32 * plane;
            [start, channel as u32, model as u32 * 4 * self.layout.quads, shape.channels as u32]
        };
        let channels = (0..self.plans.len()).flat_map(|model| (0..shape.channels).map(move |channel| (model, channel)));
        let items = channels.map(item).collect();
        self.always(Kernel::Fill, shape, items);
    }

    fn forward(&mut self, stage: &[Position]) {
        let (convolutions, others): (Vec<_>, Vec<_>) = stage.iter().partition(|position| has_weights(self.step(**position).0));
        let shape = self.step(stage[0]).2.shape;
        let combined = others.into_iter().flat_map(|position| self.combine(position)).collect();
        self.always(Kernel::Combine, shape, combined);
        let convolved = convolutions.iter().flat_map(|position| self.convolve(*position)).collect();
        self.always(Kernel::Convolve, shape, convolved);
        let channels = self.channels(stage);
        self.train(Kernel::Observe, shape, channels);
    }

    /// The items of a step without weights.
    fn combine(&mut self, position: Position) -> Vec<[u32; 9]> {
        let (step, layout, region) = self.step(position);
        let operator = match step.operator {
            Operator::Sum | Operator::Concatenate => 0,
            Operator::MaxPool3 => 1,
            Operator::AvgPool3 => 2,
            Operator::MaxPool2 => 3,
            _ => 4,
        };
        let term = |input: &Input| [layout.regions[input.buffer].start, layout.regions[input.buffer].table];
        let parts: Vec<(usize, Vec<_>)> = match step.operator {
            Operator::Concatenate => step.inputs.iter().map(|input| (input.channels, vec![term(input)])).collect(),
            _ => vec![(region.shape.channels, step.inputs.iter().map(term).collect())],
        };
        let from = layout.regions[step.inputs[0].buffer].shape;
        let (mut items, mut start) = (Vec::new(), region.start);
        for (channels, terms) in parts {
            let (first, count) = (self.program.items.len() as u32, terms.len() as u32);
            self.program.items.extend(terms.into_iter().flatten());
            let size = [from.height as u32, from.width as u32];
            let item = |(channel, own)| [operator, start, own, channel, region.winners, first, count, size[0], size[1]];
            items.extend(tiles(channels).map(item));
            start += channels as u32 * self.plane(region.shape);
        }
        items
    }

    /// The items of a convolution or the linear layer.
    fn convolve(&self, position: Position) -> Vec<[u32; 10]> {
        let (step, layout, region) = self.step(position);
        let input = step.inputs[0];
        let Region { start, table, .. } = layout.regions[input.buffer];
        let (weight, [of_output, of_input, side]) = (layout.parameter(position.1, 0), strides(step));
        let bias = if step.operator == Operator::Linear { layout.parameter(position.1, 1) } else { NONE };
        let plane = self.plane(region.shape);
        let item = |(first, own): (u32, u32)| {
            let bias = if bias == NONE { NONE } else { bias + first };
            let (weight, output) = (weight + first * of_output, region.start + first * plane);
            [start, table, input.channels as u32, weight, of_output, of_input, side, output, own, bias]
        };
        tiles(region.shape.channels).map(item).collect()
    }

    /// The channels of a stage that are normalised.
    fn channels(&self, stage: &[Position]) -> Vec<[u32; 4]> {
        let mut items = Vec::new();
        for position in stage {
            let (_, layout, region) = self.step(*position);
            if region.table != NONE {
                let plane = self.plane(region.shape);
                let [scale, offset] = [1, 2].map(|array| layout.parameter(position.1, array));
                let item = |i| [region.start + i * plane, region.table + i, scale + i, offset + i];
                items.extend((0..region.shape.channels as u32).map(item));
            }
        }
        items
    }

    fn cross_entropy(&mut self, labels: u32) {
        let item = |(model, plan): (usize, &Plan)| {
            let (layout, last) = (&self.layout.models[model], plan.steps().len() - 1);
            [layout.regions[last + 1].start, model as u32 * 4 * self.layout.quads, layout.parameter(last, 1), model as u32]
        };
        let items = self.plans.iter().enumerate().map(item).collect();
        // Instead of a plane the kernel is told where the labels are.
        let shape = ImageShape { channels: 1, height: labels as usize, width: 1 };
        self.always(Kernel::CrossEntropy, shape, items);
    }

    fn backward(&mut self, stage: &[Position]) {
        let shape = self.step(stage[0]).2.shape;
        let is_last = |position: &&Position| position.1 + 1 == self.plans[position.0].steps().len();
        let inner: Vec<_> = stage.iter().filter(|position| !is_last(position)).collect();
        let collected = inner.into_iter().flat_map(|position| self.collect(*position)).collect();
        self.train(Kernel::Collect, shape, collected);
        let channels = self.channels(stage);
        self.train(Kernel::Differentiate, shape, channels);
    }

    /// The items that collect the gradient of what a step wrote.
    fn collect(&mut self, position: Position) -> Vec<[u32; 5]> {
        let (_, layout, region) = self.step(position);
        let (first, buffer) = (self.program.items.len() as u32, position.1 + 1);
        let mut readers = 0;
        for (number, step) in self.plans[position.0].steps().iter().enumerate() {
            let mut written = layout.regions[number + 1].start;
            for input in &step.inputs {
                let plane = self.plane(layout.regions[number + 1].shape);
                if input.buffer == buffer {
                    let reader = reader(step, layout, number, (input.channels, written));
                    self.program.items.extend(reader);
                    readers += 1;
                }
                if step.operator == Operator::Concatenate {
                    written += input.channels as u32 * plane;
                }
            }
        }
        let plane = self.plane(region.shape);
        let item = |(channel, own)| [region.start + channel * plane, own, channel, first, readers];
        tiles(region.shape.channels).map(item).collect()
    }

    fn kernel_gradients(&mut self) {
        let (mut of_3, mut of_1) = (Vec::new(), Vec::new());
        for (model, plan) in self.plans.iter().enumerate() {
            for (number, step) in plan.steps().iter().enumerate().filter(|(_, step)| has_weights(step)) {
                let (step, layout, region) = (step, &self.layout.models[model], self.layout.models[model].regions[number + 1]);
                let input = layout.regions[step.inputs[0].buffer];
                let [of_output, of_input, side] = strides(step);
                let [from, to] = [self.plane(input.shape), self.plane(region.shape)];
                let [height, width] = [region.shape.height as u32, region.shape.width as u32];
                let (items, reach) = if side == 3 { (&mut of_3, 1) } else { (&mut of_1, TILE) };
                for (output, outputs) in tiles(region.shape.channels) {
                    for channel in (0..step.inputs[0].channels).step_by(reach) {
                        let inputs = reach.min(step.inputs[0].channels - channel) as u32;
                        let channel = channel as u32;
                        let table = if input.table == NONE { NONE } else { input.table + channel };
                        let weight = layout.parameter(number, 0) + output * of_output + channel * of_input;
                        let (grad, start) = (region.start + output * to, input.start + channel * from);
                        items.push([grad, outputs, start, inputs, table, weight, of_output, of_input, height, width]);
                    }
                }
            }
        }
        let shape = self.plans[0].skeleton().image;
        self.train(Kernel::Differentiate3, shape, of_3);
        self.train(Kernel::Differentiate1, shape, of_1);
    }

    fn update(&mut self) {
        let weights: Vec<_> = self.layout.models.iter().map(ModelLayout::weights).collect();
        let whole = |(model, range): (usize, &std::ops::Range<u32>)| [range.start, range.end - range.start, model as u32];
        let parts = |(model, range): (usize, &std::ops::Range<u32>)| {
            let end = range.end;
            let part = move |first| [first, PARAMETERS.min(end - first), model as u32];
            range.clone().step_by(PARAMETERS as usize).map(part)
        };
        let shape = self.plans[0].skeleton().image;
        self.train(Kernel::Measure, shape, weights.iter().enumerate().map(whole).collect());
        self.train(Kernel::Update, shape, weights.iter().enumerate().flat_map(parts).collect());
    }

    fn fold(&mut self) {
        let all = |(model, plan): (usize, &Plan)| (0..plan.steps().len()).map(move |step| (model, step));
        let all: Vec<_> = self.plans.iter().enumerate().flat_map(all).collect();
        let channels = self.channels(&all);
        let launch = self.launch(Kernel::Fold, self.plans[0].skeleton().image, channels);
        self.program.fold = launch.expect("every network starts with a convolution");
    }
}

fn has_weights(step: &Step) -> bool {
    matches!(step.operator, Operator::Convolution { .. } | Operator::Linear)
}

/// Weights from one output to the next and from one input to the next, and the side of the kernel.
fn strides(step: &Step) -> [u32; 3] {
    match step.operator {
        Operator::Convolution { kernel } => {
            let taps = kernel * kernel;
            [(step.input_channels() * taps) as u32, taps as u32, kernel as u32]
        }
        _ => [1, step.output.channels as u32, 1],
    }
}

/// How a step reads a buffer: so many channels, whose gradients start at `grad`.
fn reader(step: &Step, layout: &ModelLayout, number: usize, (channels, grad): (usize, u32)) -> [u32; 11] {
    let region = layout.regions[number + 1];
    let ImageShape { height, width, .. } = region.shape;
    let (kind, [of_output, of_input, side]) = match step.operator {
        Operator::Convolution { .. } | Operator::Linear => (CONVOLUTION, strides(step)),
        Operator::Sum | Operator::Concatenate => (COPY, [0; 3]),
        Operator::MaxPool3 => (2, [0; 3]),
        Operator::AvgPool3 => (3, [0; 3]),
        Operator::MaxPool2 => (4, [0; 3]),
        Operator::GlobalAvgPool => (5, [0; 3]),
    };
    let (weight, outputs) = if kind == CONVOLUTION { (layout.parameter(number, 0), region.shape.channels) } else { (0, 0) };
    let [height, width] = [height as u32, width as u32];
    [kind, channels as u32, grad, region.winners, weight, outputs as u32, of_output, of_input, side, height, width]
}
