//! Convolutions of one input that run together, with their batch normalisations.

use std::ops::Range;

use pulp::Arch;

use super::convolution::Packed;
use super::layout::{Band, LANES, Numbers, Plane, zeros};
use super::normalise::{Channel, NormaliseRelu, Part, Slope};
use super::schedule::Read;
use crate::engine::Settings;
use crate::network::{Operator, Plan};

/// The numbers that a band may take.
const BAND: usize = 1 << 17;
/// The fewest rows of a band: those beside it are made twice.
const SHORTEST: usize = 4;

/// A convolution of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) step: usize,
    /// Its position among the convolutions of the plan: its parameters are the three from `3 · number` on.
    pub(super) number: usize,
    /// Its channels among the outputs of the group.
    pub(super) channels: Range<usize>,
    /// The running statistics.
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// Convolutions with the same input and side, their outputs side by side.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) members: Vec<Member>,
    pub(super) input: Read,
    pub(super) side: usize,
    pub(super) outputs: usize,
    pub(super) plane: Plane,
    pub(super) forward: Packed,
    pub(super) backward: Packed,
    /// What the convolutions give, of all blocks.
    pub(super) raw: Numbers,
    /// A band of the input, for as many channels, if it is made again.
    pub(super) input_band: Numbers,
    /// A band of the gradient of `raw`.
    pub(super) grad_band: Numbers,
    /// What normalises each output.
    pub(super) channels: Vec<Channel>,
    /// What normalises each output within the convolution, in evaluation.
    pub(super) folded: Vec<Channel>,
    pub(super) slopes: Vec<Slope>,
    /// Two sums for each output, lane by lane.
    pub(super) sums: Vec<f32>,
    /// The gradient of the kernels, lane by lane.
    pub(super) kernel_grad: Numbers,
}

impl Group {
    /// The group of some convolutions of a plan, what they read, and whether that is made again in bands.
    pub(super) fn new(plan: &Plan, steps: &[usize], (input, is_made): (Read, bool)) -> Self {
        let (side, plane) = shape(plan, steps);
        let is_convolution = |number: &usize| matches!(plan.steps()[*number].operator, Operator::Convolution { .. });
        let mut outputs = 0;
        let member = |step: &usize| {
            let channels = plan.steps()[*step].output.channels;
            let range = outputs..outputs + channels;
            outputs += channels;
            let number = (0..*step).filter(is_convolution).count();
            Member { step: *step, number, channels: range, mean: vec![0.0; channels], variance: vec![1.0; channels] }
        };
        let members = steps.iter().map(member).collect();
        let strip = bands(plane, input.channels, outputs).1.len();
        Self {
            members,
            input,
            side,
            outputs,
            plane,
            forward: Packed::new(side, input.channels, outputs),
            backward: Packed::new(side, outputs, input.channels),
            raw: zeros(0),
            input_band: zeros(if is_made { input.channels * strip } else { 0 }),
            grad_band: zeros(outputs * strip),
            channels: vec![Channel::IDENTITY; outputs],
            folded: vec![Channel::IDENTITY; outputs],
            slopes: vec![Slope::default(); outputs],
            sums: vec![0.0; 2 * outputs * LANES],
            kernel_grad: zeros(side * side * input.channels * outputs * LANES),
        }
    }

    /// The number of floats of a group beside its parameters, for a number of blocks.
    pub(super) fn len(plan: &Plan, steps: &[usize], (input, is_made): (Read, bool), blocks: u64) -> u64 {
        let (side, plane) = shape(plan, steps);
        let outputs: usize = steps.iter().map(|step| plan.steps()[*step].output.channels).sum();
        let kernel = side * side * input.channels * outputs;
        let of_output = 2 + 2 * LANES + (2 * size_of::<Channel>() + size_of::<Slope>()) / 4;
        let bands = (outputs + if is_made { input.channels } else { 0 }) * bands(plane, input.channels, outputs).1.len();
        // The kernels packed forward and backward, and their gradient lane by lane.
        let own = (2 + LANES) * kernel + of_output * outputs + bands;
        blocks.saturating_mul((outputs * plane.len()) as u64).saturating_add(own as u64)
    }

    /// The rows of the bands in which blocks are convolved.
    pub(super) fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let ((bands, _), height) = (bands(self.plane, self.input.channels, self.outputs), self.plane.height);
        (0..bands).map(move |band| height * band / bands..height * (band + 1) / bands)
    }

    /// The band of some rows, and which of the image's rows it holds: those beside it, too, if a kernel reaches them.
    pub(super) fn band(&self, rows: &Range<usize>) -> (Band, Range<usize>) {
        let ((_, strip), reach) = (bands(self.plane, self.input.channels, self.outputs), self.side / 2);
        (Band { plane: strip, begin: rows.start }, rows.start.saturating_sub(reach)..(rows.end + reach).min(self.plane.height))
    }

    /// The outputs of a member, by its step.
    pub(super) fn channels_of(&self, step: usize) -> Range<usize> {
        let member = self.members.iter().find(|member| member.step == step);
        member.expect("a step of the group").channels.clone()
    }

    /// The range of some of the outputs in the memory of all blocks.
    pub(super) fn range(&self, channels: &Range<usize>, block: usize) -> Range<usize> {
        let first = block * self.outputs;
        (first + channels.start) * self.plane.len()..(first + channels.end) * self.plane.len()
    }

    /// Writes some rows of normalised outputs of a block to other memory, or adds them to what is there.
    pub(super) fn normalise(&self, arch: Arch, of: (Range<usize>, usize), part: Part, output: &mut [f32], adds: bool) {
        let (channels, block) = of;
        let (input, channels) = (self.raw_of(&channels, block), &self.channels[channels]);
        arch.dispatch(NormaliseRelu { channels, part, input, output, adds });
    }

    /// The outputs of a block.
    pub(super) fn raw_of(&self, channels: &Range<usize>, block: usize) -> &[f32] {
        &self.raw[self.range(channels, block)]
    }

    /// Lays the kernels out for the convolutions that read them.
    pub(super) fn pack(&mut self, parameters: &[Vec<f32>]) {
        for Member { number, channels, .. } in &self.members {
            self.forward.pack(channels.start, &parameters[3 * number]);
            self.backward.pack_turned(channels.start, &parameters[3 * number]);
        }
    }

    /// Makes of the sums of a batch what normalises it, and lets the running statistics follow.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "statistics of single-precision numbers")]
    pub(super) fn observe(&mut self, images: usize, parameters: &[Vec<f32>], settings: &Settings) {
        let (count, kept) = ((images * self.plane.pixels()) as f64, settings.batch_norm_momentum);
        for Member { number, channels, mean, variance, .. } in &mut self.members {
            let [scale, offset] = [1, 2].map(|which| &parameters[3 * *number + which]);
            for (i, channel) in channels.clone().enumerate() {
                let [sum, squares] = totals(&self.sums, channel);
                let average = sum / count;
                // Rounding may take it below zero; a value that is no number stays one.
                let spread = (squares / count - average * average).clamp(0.0, f64::INFINITY);
                self.channels[channel] = Channel::new(average, spread, [scale[i], offset[i]], settings);
                mean[i] = (f64::from(mean[i]) * kept + average * (1.0 - kept)) as f32;
                variance[i] = (f64::from(variance[i]) * kept + spread * (1.0 - kept)) as f32;
            }
        }
        self.sums.fill(0.0);
    }

    /// Folds the running statistics into the convolution, whose outputs are then taken as they are.
    pub(super) fn fold_batch_norm(&mut self, parameters: &[Vec<f32>], settings: &Settings) {
        for Member { number, channels, mean, variance, .. } in &self.members {
            let [scale, offset] = [1, 2].map(|which| &parameters[3 * *number + which]);
            for (i, channel) in channels.clone().enumerate() {
                self.folded[channel] = Channel::new(mean[i].into(), variance[i].into(), [scale[i], offset[i]], settings);
            }
        }
        self.channels.fill(Channel::IDENTITY);
    }

    /// Makes of the sums of a batch the gradients of scale and offset and what the gradient of each pixel is made of.
    ///
    /// With `x` the normalised values, `g` their gradients and `n` values in all, a pixel's is
    /// `scale / deviation · (g − Σg / n − x · Σ(g·x) / n)`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sums of single-precision numbers")]
    pub(super) fn differentiate(&mut self, images: usize, parameters: &[Vec<f32>], gradients: &mut [Vec<f32>]) {
        let count = (images * self.plane.pixels()) as f64;
        for Member { number, channels, .. } in &self.members {
            for (i, channel) in channels.clone().enumerate() {
                let [grad, product] = totals(&self.sums, channel);
                (gradients[3 * number + 1][i], gradients[3 * number + 2][i]) = (product as f32, grad as f32);
                let own = self.channels[channel];
                let factor = f64::from(parameters[3 * number + 1][i]) * f64::from(own.inverse);
                let steepness = -factor * product / count * f64::from(own.inverse);
                let constant = -factor * grad / count - steepness * f64::from(own.mean);
                self.slopes[channel] = Slope { factor: factor as f32, steepness: steepness as f32, constant: constant as f32 };
            }
        }
        self.sums.fill(0.0);
    }

    /// Adds the lanes of the kernels' gradients up and hands them out.
    pub(super) fn finish_kernel_grad(&mut self, gradients: &mut [Vec<f32>]) {
        let mut lanes = self.kernel_grad.chunks_exact(LANES);
        for Member { number, .. } in &self.members {
            gradients[3 * number].iter_mut().zip(&mut lanes).for_each(|(sum, lanes)| *sum = lanes.iter().sum());
        }
        self.kernel_grad.fill(0.0);
    }
}

/// The side of the kernels of a group, 1 or 3, and the planes of its outputs.
fn shape(plan: &Plan, steps: &[usize]) -> (usize, Plane) {
    let first = &plan.steps()[steps[0]];
    let Operator::Convolution { kernel: side @ (1 | 3) } = first.operator else { unreachable!("kernels of side 1 and 3") };
    (side, Plane { height: first.output.height, width: first.output.width })
}

/// The number of bands of a plane, and the planes of a band with a row above and a row below.
///
/// There are enough bands that what a backward pass reads and writes of one stays in the L2 cache.
fn bands(plane: Plane, inputs: usize, outputs: usize) -> (usize, Plane) {
    let rows = BAND / ((2 * inputs + 3 * outputs) * plane.row());
    let bands = plane.height.div_ceil(rows.max(SHORTEST));
    (bands, Plane { height: plane.height.div_ceil(bands) + 2, ..plane })
}

/// Sets the rows of a band to zero that lie beyond the image.
pub(super) fn clear_beyond(band: Band, rows: &Range<usize>, height: usize, numbers: &mut [f32]) {
    // One band of all rows never holds another row there.
    if rows.len() < height {
        for channel in numbers.chunks_exact_mut(band.plane.len()) {
            if rows.start == 0 {
                channel[band.plane.inside(0)].fill(0.0);
            }
            if rows.end == height {
                channel[band.inside(height)].fill(0.0);
            }
        }
    }
}

/// The two sums of an output.
fn totals(sums: &[f32], channel: usize) -> [f64; 2] {
    [2 * channel, 2 * channel + 1].map(|row| sums[row * LANES..][..LANES].iter().copied().map(f64::from).sum())
}
