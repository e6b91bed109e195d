//! Convolution 3×3 and 1×1: forward, the gradient of the input, the gradient of the kernel.
//!
//! All three keep a small rectangle of sums in registers and walk through everything that is added to them. Forward, the sums
//! are those of a few output channels (rows below) at a few neighbouring pixels (columns); in each step one weight is spread
//! over a vector for each channel, one vector of 16 images is read for each pixel, and each pair is multiplied and added:
//!
//! ```text
//!                 pixel c   c+1   c+2   c+3   c+4   c+5       24 sums,
//! weight of co      Σ        Σ     Σ     Σ     Σ     Σ         6 pixels and
//! weight of co+1    Σ        Σ     Σ     Σ     Σ     Σ         1 weight at a time:
//! weight of co+2    Σ        Σ     Σ     Σ     Σ     Σ        31 of the 32 registers
//! weight of co+3    Σ        Σ     Σ     Σ     Σ     Σ        of AVX-512
//! ```
//!
//! That is 24 multiply-adds for 10 reads. Where there are 16 registers it is 4 channels × 3 pixels. A 1×1 convolution goes through
//! all rows as through one, part by part, so that the input of a part stays in the first cache for all outputs. The gradient of the
//! input is the same convolution with the kernel turned round and its channels exchanged. The gradient of the kernel keeps nine
//! sums (one for each tap) for each of a few output channels, or one for each of 4 × 4 pairs of channels.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::layout::{Band, LANES, Plane};
use super::normalise::{Channel, normalise};

/// Output channels of a rectangle of sums.
const CHANNELS: usize = 4;
/// Pixels of a rectangle of sums.
const PIXELS: usize = 6;
/// The same where there are but 16 registers.
const FEW_PIXELS: usize = 3;

/// Rows of at most this many pixels are too short for the gradient of a kernel to go through them one by one.
const NARROW: usize = 8;

/// What becomes of finished sums.
pub(super) enum Finish<'a> {
    /// They replace what was there; their sums and sums of squares are added up for each channel: `[channels, 2, LANES]`.
    Observe(&'a mut [f32]),
    /// They are added to what was there.
    Add,
    /// They replace what was there.
    Replace,
    /// They are normalised and cut off at zero: `[channels]`.
    Normalise(&'a [Channel]),
}

/// A kernel as the rectangles want it.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    side: usize,
    inputs: usize,
    outputs: usize,
    /// Output channels of a rectangle: at most [`CHANNELS`], as equal as may be; the last one may have fewer.
    tile: usize,
    /// For each rectangle's outputs: `[inputs, side, side, outputs of the rectangle]`.
    weights: Vec<f32>,
}

impl Packed {
    pub(super) fn new(side: usize, inputs: usize, outputs: usize) -> Self {
        let tile = outputs.div_ceil(outputs.div_ceil(CHANNELS));
        Self { side, inputs, outputs, tile, weights: vec![0.0; side * side * inputs * outputs] }
    }

    /// Packs a kernel `[some outputs, inputs, side, side]` for the outputs from `first` on.
    pub(super) fn pack(&mut self, first: usize, kernel: &[f32]) {
        let of_output = self.inputs * self.side * self.side;
        for (output, kernel) in kernel.chunks_exact(of_output).enumerate() {
            let (start, width) = self.column(first + output);
            self.weights[start..].iter_mut().step_by(width).zip(kernel).for_each(|(to, weight)| *to = *weight);
        }
    }

    /// Packs a kernel `[some inputs, outputs, side, side]` turned round, for the inputs from `first` on: that of the gradient of
    /// the input.
    pub(super) fn pack_turned(&mut self, first: usize, kernel: &[f32]) {
        let taps = self.side * self.side;
        for (index, kernel) in kernel.chunks_exact(taps).enumerate() {
            let (input, output) = (first + index / self.outputs, index % self.outputs);
            let (start, width) = self.column(output);
            let weights = &mut self.weights[start + input * taps * width..];
            weights.iter_mut().step_by(width).zip(kernel.iter().rev()).for_each(|(to, weight)| *to = *weight);
        }
    }

    /// Where the weights of an output start, and how far they lie apart.
    fn column(&self, output: usize) -> (usize, usize) {
        let first = output / self.tile * self.tile;
        (first * self.inputs * self.side * self.side + output - first, self.tile.min(self.outputs - first))
    }
}

/// Convolves some rows of a block with 'same' padding.
///
/// # Shapes
///
/// - `input`: `[inputs or more, plane of its band]`; `output`: `[outputs, plane]`, of which the border stays zero
pub(super) fn convolve(
    arch: Arch,
    packed: &Packed,
    (plane, rows): (Plane, Range<usize>),
    (band, input): (Band, &[f32]),
    output: &mut [f32],
    finish: Finish,
) {
    match packed.side {
        1 => arch.dispatch(Convolve::<1> { packed, plane, rows, band, input, output, finish }),
        3 => arch.dispatch(Convolve::<3> { packed, plane, rows, band, input, output, finish }),
        side => unreachable!("a kernel of side {side}: the model checks its plan"),
    }
}

struct Convolve<'a, const SIDE: usize> {
    packed: &'a Packed,
    plane: Plane,
    rows: Range<usize>,
    band: Band,
    input: &'a [f32],
    output: &'a mut [f32],
    finish: Finish<'a>,
}

impl<const SIDE: usize> WithSimd for Convolve<'_, SIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (plane, rows) = (self.plane, self.rows.clone());
        let start = |row: usize| plane.inside(row).start / LANES;
        if SIDE == 1 && !matches!(self.finish, Finish::Normalise(_)) {
            // All rows are one line, for zeros between them stay zero; a part of it stays in the first cache for all outputs.
            let (first, length) = (start(rows.start), rows.len() * (plane.width + 1) - 1);
            let part = PIXELS * (64 / self.packed.inputs).max(1);
            for begin in (0..length).step_by(part) {
                self.tiles(simd, &std::iter::once((first + begin, part.min(length - begin))));
            }
        } else {
            self.tiles(simd, &rows.map(|row| (start(row), plane.width)));
        }
    }
}

impl<const SIDE: usize> Convolve<'_, SIDE> {
    /// Computes all outputs along some lines of pixels, each from its first one on.
    #[inline(always)]
    fn tiles<S: Simd>(&mut self, simd: S, lines: &(impl Iterator<Item = (usize, usize)> + Clone)) {
        let of_output = SIDE * SIDE * self.packed.inputs;
        let packed = self.packed;
        for first in (0..packed.outputs).step_by(packed.tile) {
            let channels = packed.tile.min(packed.outputs - first);
            let weights = &packed.weights[first * of_output..][..channels * of_output];
            for (start, length) in lines.clone() {
                match channels {
                    4 => self.line::<S, 4>(simd, (first, start), length, weights),
                    3 => self.line::<S, 3>(simd, (first, start), length, weights),
                    2 => self.line::<S, 2>(simd, (first, start), length, weights),
                    _ => self.line::<S, 1>(simd, (first, start), length, weights),
                }
            }
        }
    }

    /// Cuts a line into rectangles of nearly equal width: a narrow last one would wait for its own sums.
    #[inline(always)]
    fn line<S: Simd, const M: usize>(&mut self, simd: S, (first, start): (usize, usize), length: usize, weights: &[f32]) {
        let most = if S::REGISTER_COUNT >= 32 { PIXELS } else { FEW_PIXELS };
        let parts = length.div_ceil(most);
        let mut column = 0;
        for part in 0..parts {
            let end = length * (part + 1) / parts;
            for half in 0..LANES / S::F32_LANES {
                let at = At { first, pixel: start + column, half };
                match end - column {
                    6 => self.rectangle::<S, M, 6>(simd, at, weights),
                    5 => self.rectangle::<S, M, 5>(simd, at, weights),
                    4 => self.rectangle::<S, M, 4>(simd, at, weights),
                    3 => self.rectangle::<S, M, 3>(simd, at, weights),
                    2 => self.rectangle::<S, M, 2>(simd, at, weights),
                    _ => self.rectangle::<S, M, 1>(simd, at, weights),
                }
            }
            column = end;
        }
    }

    #[inline(always)]
    fn rectangle<S: Simd, const M: usize, const P: usize>(&mut self, simd: S, at: At, weights: &[f32]) {
        let halves = LANES / S::F32_LANES;
        let (input, _) = S::as_simd_f32s(self.input);
        let row = self.plane.row() / S::F32_LANES;
        let plane = self.band.plane.len() / S::F32_LANES;
        let corner = (at.pixel - SIDE / 2) * halves + at.half + row - (self.band.begin + SIDE / 2) * row;
        let mut sums = [[simd.splat_f32s(0.0); P]; M];
        for (channel, weights) in weights.chunks_exact(SIDE * SIDE * M).enumerate() {
            for y in 0..SIDE {
                let pixels = &input[channel * plane + corner + y * row..][..=(P + SIDE - 2) * halves];
                for x in 0..SIDE {
                    let weights = &weights[(y * SIDE + x) * M..][..M];
                    for p in 0..P {
                        let pixel = pixels[(p + x) * halves];
                        for m in 0..M {
                            sums[m][p] = simd.mul_add_f32s(simd.splat_f32s(weights[m]), pixel, sums[m][p]);
                        }
                    }
                }
            }
        }
        self.finish::<S, M, P>(simd, at, sums);
    }

    #[inline(always)]
    fn finish<S: Simd, const M: usize, const P: usize>(&mut self, simd: S, at: At, sums: [[S::f32s; P]; M]) {
        let halves = LANES / S::F32_LANES;
        let (output, _) = S::as_mut_simd_f32s(self.output);
        let plane = self.plane.len() / S::F32_LANES;
        let index = at.pixel * halves + at.half;
        for (m, sums) in sums.into_iter().enumerate() {
            let channel = at.first + m;
            let pixels = &mut output[channel * plane + index..][..=(P - 1) * halves];
            match &mut self.finish {
                Finish::Replace => (0..P).for_each(|p| pixels[p * halves] = sums[p]),
                Finish::Add => (0..P).for_each(|p| pixels[p * halves] = simd.add_f32s(pixels[p * halves], sums[p])),
                Finish::Normalise(channels) => {
                    let own = channels[channel].vectors(simd);
                    (0..P).for_each(|p| pixels[p * halves] = normalise(simd, own, sums[p]));
                }
                Finish::Observe(observed) => {
                    let (observed, _) = S::as_mut_simd_f32s(observed);
                    let (mut sum, mut squares) = (sums[0], simd.mul_f32s(sums[0], sums[0]));
                    pixels[0] = sums[0];
                    for p in 1..P {
                        pixels[p * halves] = sums[p];
                        sum = simd.add_f32s(sum, sums[p]);
                        squares = simd.mul_add_f32s(sums[p], sums[p], squares);
                    }
                    for (i, own) in [sum, squares].into_iter().enumerate() {
                        let total = &mut observed[(2 * channel + i) * halves + at.half];
                        *total = simd.add_f32s(*total, own);
                    }
                }
            }
        }
    }
}

/// The position of a rectangle: its first channel, its first pixel of the plane, and the part of the lanes.
#[derive(Clone, Copy)]
struct At {
    first: usize,
    pixel: usize,
    half: usize,
}

/// Adds the gradient of a kernel that some rows of one block give, lane by lane.
///
/// # Shapes
///
/// - `input`: `[inputs or more, plane]`; `grad`, that of the output: `[outputs, plane]`: planes of their bands
/// - `gradient`: `[outputs, inputs, side, side, LANES]`
pub(super) fn add_kernel_gradient(
    arch: Arch,
    [side, inputs, outputs]: [usize; 3],
    rows: Range<usize>,
    (of_input, input): (Band, &[f32]),
    (of_grad, grad): (Band, &[f32]),
    gradient: &mut [f32],
) {
    match side {
        1 => arch.dispatch(KernelGradient::<1> { inputs, outputs, rows, of_input, input, of_grad, grad, gradient }),
        3 => arch.dispatch(KernelGradient::<3> { inputs, outputs, rows, of_input, input, of_grad, grad, gradient }),
        side => unreachable!("a kernel of side {side}: the model checks its plan"),
    }
}

struct KernelGradient<'a, const SIDE: usize> {
    inputs: usize,
    outputs: usize,
    rows: Range<usize>,
    of_input: Band,
    input: &'a [f32],
    of_grad: Band,
    grad: &'a [f32],
    gradient: &'a mut [f32],
}

impl<const SIDE: usize> WithSimd for KernelGradient<'_, SIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let few = S::REGISTER_COUNT < 32;
        // So many sums that they and what is read fit in the registers.
        let (channels, inputs) = match (SIDE, few) {
            (1, false) => (4, 4),
            (1, true) => (2, 4),
            (_, false) => (3, 1),
            (_, true) => (1, 1),
        };
        for output in (0..self.outputs).step_by(channels) {
            let m = channels.min(self.outputs - output);
            let mut input = 0;
            while input < self.inputs {
                let n = if self.inputs - input >= inputs { inputs } else { 1 };
                for half in 0..LANES / S::F32_LANES {
                    let at = (output, input, half);
                    match (m, n) {
                        (4, 4) => self.sums::<S, 4, 4, 1>(simd, at),
                        (3, 4) => self.sums::<S, 3, 4, 1>(simd, at),
                        (2, 4) => self.sums::<S, 2, 4, 1>(simd, at),
                        (1, 4) => self.sums::<S, 1, 4, 1>(simd, at),
                        (4, _) => self.sums::<S, 4, 1, 1>(simd, at),
                        (3, _) if SIDE == 3 => self.sums::<S, 3, 1, 9>(simd, at),
                        (2, _) if SIDE == 3 => self.sums::<S, 2, 1, 9>(simd, at),
                        (_, _) if SIDE == 3 => self.sums::<S, 1, 1, 9>(simd, at),
                        (3, _) => self.sums::<S, 3, 1, 1>(simd, at),
                        (2, _) => self.sums::<S, 2, 1, 1>(simd, at),
                        (_, _) => self.sums::<S, 1, 1, 1>(simd, at),
                    }
                }
                input += n;
            }
        }
    }
}

impl<const SIDE: usize> KernelGradient<'_, SIDE> {
    #[inline(always)]
    fn sums<S: Simd, const M: usize, const N: usize, const TAPS: usize>(&mut self, simd: S, at: (usize, usize, usize)) {
        let (first_output, first_input, half) = at;
        let halves = LANES / S::F32_LANES;
        let (input, _) = S::as_simd_f32s(self.input);
        let (grad, _) = S::as_simd_f32s(self.grad);
        let (gradient, _) = S::as_mut_simd_f32s(self.gradient);
        let (of_input, of_grad) = (self.of_input, self.of_grad);
        let width = of_input.plane.width;
        // Narrow rows are one line with the zeros between them: a row of four pixels is over before it has begun.
        let (rows, width) = match self.rows.clone() {
            rows if SIDE == 1 || width <= NARROW => (rows.start..rows.start + 1, rows.len() * (width + 1) - 1),
            rows => (rows, width),
        };
        let row = of_input.plane.row() / S::F32_LANES;
        let [input_plane, grad_plane] = [of_input, of_grad].map(|band| band.plane.len() / S::F32_LANES);
        let reach = SIDE / 2;
        let length = (width - 1) * halves + 1;
        let mut sums = [[[simd.splat_f32s(0.0); TAPS]; N]; M];
        for y in rows {
            let [first_pixel, first_grad] = [of_input, of_grad].map(|band| band.inside(y).start / S::F32_LANES + half);
            let grads: [&[S::f32s]; M] = std::array::from_fn(|m| &grad[(first_output + m) * grad_plane + first_grad..][..length]);
            let pixels: [[&[S::f32s]; SIDE]; N] = std::array::from_fn(|n| {
                let corner = (first_input + n) * input_plane + first_pixel - reach * (row + halves);
                std::array::from_fn(|tap| &input[corner + tap * row..][..length + 2 * reach * halves])
            });
            for x in 0..width {
                let grads: [S::f32s; M] = std::array::from_fn(|m| grads[m][x * halves]);
                for n in 0..N {
                    for tap in 0..TAPS {
                        let pixel = pixels[n][tap / SIDE][(x + tap % SIDE) * halves];
                        for m in 0..M {
                            sums[m][n][tap] = simd.mul_add_f32s(grads[m], pixel, sums[m][n][tap]);
                        }
                    }
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (n, sums) in sums.into_iter().enumerate() {
                let index = ((first_output + m) * self.inputs + first_input + n) * TAPS;
                for (tap, sum) in sums.into_iter().enumerate() {
                    let total = &mut gradient[(index + tap) * halves + half];
                    *total = simd.add_f32s(*total, sum);
                }
            }
        }
    }
}
