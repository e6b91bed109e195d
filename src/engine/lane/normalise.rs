//! Batch normalisation and ReLU: forward, and both gradients.
//!
//! Every kernel walks along the rows of one channel with that channel's few numbers in registers; what it reads and writes are whole
//! vectors, in order, so that it is as fast as memory. Borders are passed over: a normalised zero is none.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::layout::{Band, LANES, Plane};
use crate::engine::Settings;

/// What normalises one channel: `max(0, scale · y + offset)`, and what the gradients need beside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channel {
    /// The scale that was learnt, over the deviation.
    scale: f32,
    /// The offset that was learnt, less the scaled mean.
    offset: f32,
    pub(super) mean: f32,
    /// One over the deviation.
    pub(super) inverse: f32,
}

impl Channel {
    #[expect(clippy::cast_possible_truncation, reason = "it is used in single precision")]
    pub(super) fn new(mean: f64, variance: f64, [scale, offset]: [f32; 2], settings: &Settings) -> Self {
        let inverse = 1.0 / (variance + settings.batch_norm_epsilon).sqrt();
        let scale = f64::from(scale) * inverse;
        let offset = f64::from(offset) - scale * mean;
        Self { scale: scale as f32, offset: offset as f32, mean: mean as f32, inverse: inverse as f32 }
    }

    /// Leaves what is never below zero as it is.
    pub(super) const IDENTITY: Self = Self { scale: 1.0, offset: 0.0, mean: 0.0, inverse: 1.0 };

    /// Scale and offset, to be handed to [`normalise`].
    #[inline(always)]
    pub(super) fn vectors<S: Simd>(self, simd: S) -> [S::f32s; 2] {
        [simd.splat_f32s(self.scale), simd.splat_f32s(self.offset)]
    }
}

/// Normalises a value and cuts it off at zero.
#[inline(always)]
pub(super) fn normalise<S: Simd>(simd: S, [scale, offset]: [S::f32s; 2], value: S::f32s) -> S::f32s {
    simd.max_f32s(simd.mul_add_f32s(value, scale, offset), simd.splat_f32s(0.0))
}

/// The rows of some planes that a kernel treats, where it puts them, and the lanes that have an image: one or zero for each.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) plane: Plane,
    pub(super) rows: Range<usize>,
    pub(super) to: Band,
    pub(super) mask: &'a [f32; LANES],
}

impl<'a> Part<'a> {
    /// All rows of whole planes.
    pub(super) fn whole(plane: Plane, mask: &'a [f32; LANES]) -> Self {
        Self { plane, rows: 0..plane.height, to: Band::whole(plane), mask }
    }
}

/// Normalises a block and cuts it off at zero; lanes without an image become zero.
///
/// # Shapes
///
/// - `input`, `output`: `[channels, plane]`, of the output the plane of its band; with `adds` the result is added to it
pub(super) struct NormaliseRelu<'a> {
    pub(super) channels: &'a [Channel],
    pub(super) part: Part<'a>,
    pub(super) input: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) adds: bool,
}

impl WithSimd for NormaliseRelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Part { plane, rows, to, mask } = self.part;
        let (mask, _) = S::as_simd_f32s(mask);
        let planes = self.input.chunks_exact(plane.len()).zip(self.output.chunks_exact_mut(to.plane.len()));
        for (channel, (input, output)) in self.channels.iter().zip(planes) {
            let channel = channel.vectors(simd);
            for row in rows.clone() {
                let (input, _) = S::as_simd_f32s(&input[plane.inside(row)]);
                let (output, _) = S::as_mut_simd_f32s(&mut output[to.inside(row)]);
                let pixels = input.chunks_exact(mask.len()).zip(output.chunks_exact_mut(mask.len()));
                for (input, output) in pixels {
                    for (part, mask) in mask.iter().enumerate() {
                        let before = if self.adds { output[part] } else { simd.splat_f32s(0.0) };
                        output[part] = simd.mul_add_f32s(normalise(simd, channel, input[part]), *mask, before);
                    }
                }
            }
        }
    }
}

/// Adds up what the gradients of scale and offset are made of, lane by lane.
///
/// # Shapes
///
/// - `input`: what was normalised, `grad`: the gradient of the result, `[channels, plane]` each
/// - `sums`: `[channels, 2, LANES]`: of the gradients, and of the gradients times the normalised values
pub(super) struct AddSums<'a> {
    pub(super) channels: &'a [Channel],
    pub(super) plane: Plane,
    pub(super) input: &'a [f32],
    pub(super) grad: &'a [f32],
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for AddSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let halves = LANES / S::F32_LANES;
        let planes = self.input.chunks_exact(self.plane.len()).zip(self.grad.chunks_exact(self.plane.len()));
        for ((channel, (input, grad)), sums) in self.channels.iter().zip(planes).zip(self.sums.chunks_exact_mut(2 * LANES)) {
            // Scaled and shifted; centred and scaled: (y − mean) · inverse.
            let lines = [(channel.scale, channel.offset), (channel.inverse, -channel.mean * channel.inverse)];
            let lines = lines.map(|(factor, term)| (simd.splat_f32s(factor), simd.splat_f32s(term)));
            let (sums, _) = S::as_mut_simd_f32s(sums);
            for part in 0..halves {
                // Four sums of each, so that an addition need not wait for the one before.
                let mut partial = [[simd.splat_f32s(0.0); 2]; 4];
                for row in 0..self.plane.height {
                    let (input, _) = S::as_simd_f32s(&input[self.plane.inside(row)]);
                    let (grad, _) = S::as_simd_f32s(&grad[self.plane.inside(row)]);
                    let (inputs, grads) = (input.chunks(4 * halves), grad.chunks(4 * halves));
                    for (input, grad) in inputs.zip(grads) {
                        for (i, sums) in partial.iter_mut().enumerate() {
                            if i * halves < input.len() {
                                add_pixel(simd, lines, (input[i * halves + part], grad[i * halves + part]), sums);
                            }
                        }
                    }
                }
                for own in partial {
                    for (which, own) in own.into_iter().enumerate() {
                        let total = &mut sums[which * halves + part];
                        *total = simd.add_f32s(*total, own);
                    }
                }
            }
        }
    }
}

/// Adds the gradient of a pixel, and its product with the normalised value, to two sums.
#[inline(always)]
fn add_pixel<S: Simd>(simd: S, lines: [(S::f32s, S::f32s); 2], (y, grad): (S::f32s, S::f32s), sums: &mut [S::f32s; 2]) {
    let [value, normalised] = lines.map(|(factor, term)| simd.mul_add_f32s(y, factor, term));
    let passed = pass(simd, value, grad);
    sums[0] = simd.add_f32s(sums[0], passed);
    sums[1] = simd.mul_add_f32s(passed, normalised, sums[1]);
}

/// The gradient where the value is above zero, else zero.
#[inline(always)]
fn pass<S: Simd>(simd: S, value: S::f32s, grad: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.greater_than_f32s(value, zero), grad, zero)
}

/// What one channel's gradient is: `grad · factor + y · steepness + constant`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slope {
    pub(super) factor: f32,
    pub(super) steepness: f32,
    pub(super) constant: f32,
}

/// Computes the gradient of what was normalised.
///
/// # Shapes
///
/// - `input`, `grad`, `output`: `[channels, plane]`, of the output the plane of its band; `slopes`: `[channels]`
pub(super) struct Differentiate<'a> {
    pub(super) channels: &'a [Channel],
    pub(super) slopes: &'a [Slope],
    pub(super) part: Part<'a>,
    pub(super) input: &'a [f32],
    pub(super) grad: &'a [f32],
    pub(super) output: &'a mut [f32],
}

impl WithSimd for Differentiate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Part { plane, rows, to, mask } = self.part;
        let (mask, _) = S::as_simd_f32s(mask);
        let [input, grad] = [self.input, self.grad].map(|numbers| numbers.chunks_exact(plane.len()));
        let planes = input.zip(grad).zip(self.output.chunks_exact_mut(to.plane.len()));
        for ((channel, slope), ((input, grad), output)) in self.channels.iter().zip(self.slopes).zip(planes) {
            let [scale, offset] = [channel.scale, channel.offset].map(|value| simd.splat_f32s(value));
            let [factor, steepness, constant] =
                [slope.factor, slope.steepness, slope.constant].map(|value| simd.splat_f32s(value));
            for row in rows.clone() {
                let (input, _) = S::as_simd_f32s(&input[plane.inside(row)]);
                let (grad, _) = S::as_simd_f32s(&grad[plane.inside(row)]);
                let (output, _) = S::as_mut_simd_f32s(&mut output[to.inside(row)]);
                let pixels = input.chunks_exact(mask.len()).zip(grad.chunks_exact(mask.len()));
                for ((input, grad), output) in pixels.zip(output.chunks_exact_mut(mask.len())) {
                    for (part, mask) in mask.iter().enumerate() {
                        let y = input[part];
                        let passed = pass(simd, simd.mul_add_f32s(y, scale, offset), grad[part]);
                        let gradient = simd.mul_add_f32s(passed, factor, simd.mul_add_f32s(y, steepness, constant));
                        output[part] = simd.mul_f32s(gradient, *mask);
                    }
                }
            }
        }
    }
}
