//! Batch normalisation and ReLU: forward, and both gradients.

use pulp::{Arch, Simd, WithSimd};

use super::layout::{LANES, Plane};

/// What normalises one channel: `max(0, scale · y + offset)`, and what the gradients need beside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channel {
    /// The scale that was learnt, over the deviation.
    pub(super) scale: f32,
    /// The offset that was learnt, less the scaled mean.
    pub(super) offset: f32,
    pub(super) mean: f32,
    /// One over the deviation.
    pub(super) inverse: f32,
}

/// Normalises a block and cuts it off at zero; lanes without an image become zero.
///
/// # Shapes
///
/// - `input`, `output`: `[channels, plane]`; `mask`: one or zero for each lane
pub(super) fn rectify(arch: Arch, channels: &[Channel], plane: Plane, mask: &[f32; LANES], input: &[f32], output: &mut [f32]) {
    arch.dispatch(Rectify { channels, plane, mask, input, output });
}

struct Rectify<'a> {
    channels: &'a [Channel],
    plane: Plane,
    mask: &'a [f32; LANES],
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mask, _) = S::as_simd_f32s(self.mask);
        let planes = self.input.chunks_exact(self.plane.len()).zip(self.output.chunks_exact_mut(self.plane.len()));
        for (channel, (input, output)) in self.channels.iter().zip(planes) {
            let [scale, offset] = [channel.scale, channel.offset].map(|value| simd.splat_f32s(value));
            for row in 0..self.plane.height {
                let (input, _) = S::as_simd_f32s(&input[self.plane.inside(row)]);
                let (output, _) = S::as_mut_simd_f32s(&mut output[self.plane.inside(row)]);
                let pixels = input.chunks_exact(mask.len()).zip(output.chunks_exact_mut(mask.len()));
                for (input, output) in pixels {
                    for (part, mask) in mask.iter().enumerate() {
                        let scaled = simd.mul_add_f32s(input[part], scale, offset);
                        output[part] = simd.mul_f32s(simd.max_f32s(scaled, simd.splat_f32s(0.0)), *mask);
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
/// - `input`: what was normalised, `change`: the gradient of the result, `[channels, plane]` each
/// - `sums`: `[channels, 2, LANES]`: of the changes, and of the changes times the normalised values
pub(super) fn add_sums(arch: Arch, channels: &[Channel], plane: Plane, input: &[f32], change: &[f32], sums: &mut [f32]) {
    arch.dispatch(AddSums { channels, plane, input, change, sums });
}

struct AddSums<'a> {
    channels: &'a [Channel],
    plane: Plane,
    input: &'a [f32],
    change: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AddSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let halves = LANES / S::F32_LANES;
        let planes = self.input.chunks_exact(self.plane.len()).zip(self.change.chunks_exact(self.plane.len()));
        let sums = self.sums.chunks_exact_mut(2 * LANES);
        for ((channel, (input, change)), sums) in self.channels.iter().zip(planes).zip(sums) {
            let [scale, offset] = [channel.scale, channel.offset].map(|value| simd.splat_f32s(value));
            // Centred and scaled: (y − mean) · inverse.
            let [inverse, shift] = [channel.inverse, -channel.mean * channel.inverse].map(|value| simd.splat_f32s(value));
            let (sums, _) = S::as_mut_simd_f32s(sums);
            for part in 0..halves {
                let (mut total, mut product) = (sums[part], sums[halves + part]);
                for row in 0..self.plane.height {
                    let (input, _) = S::as_simd_f32s(&input[self.plane.inside(row)]);
                    let (change, _) = S::as_simd_f32s(&change[self.plane.inside(row)]);
                    for (input, change) in input.chunks_exact(halves).zip(change.chunks_exact(halves)) {
                        let (input, change) = (input[part], change[part]);
                        let passed = pass(simd, simd.mul_add_f32s(input, scale, offset), change);
                        total = simd.add_f32s(total, passed);
                        product = simd.mul_add_f32s(passed, simd.mul_add_f32s(input, inverse, shift), product);
                    }
                }
                sums[part] = total;
                sums[halves + part] = product;
            }
        }
    }
}

/// The change where the value is above zero, else zero.
#[inline(always)]
fn pass<S: Simd>(simd: S, value: S::f32s, change: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.greater_than_f32s(value, zero), change, zero)
}

/// What one channel's gradient is: `change · factor + y · steepness + constant`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slope {
    pub(super) factor: f32,
    pub(super) steepness: f32,
    pub(super) constant: f32,
}

/// Replaces what was normalised by its gradient.
///
/// # Shapes
///
/// - `input`, `change`: `[channels, plane]`; `mask`: one or zero for each lane
pub(super) fn differentiate(
    arch: Arch,
    channels: &[(Channel, Slope)],
    plane: Plane,
    mask: &[f32; LANES],
    input: &mut [f32],
    change: &[f32],
) {
    arch.dispatch(Differentiate { channels, plane, mask, input, change });
}

struct Differentiate<'a> {
    channels: &'a [(Channel, Slope)],
    plane: Plane,
    mask: &'a [f32; LANES],
    input: &'a mut [f32],
    change: &'a [f32],
}

impl WithSimd for Differentiate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mask, _) = S::as_simd_f32s(self.mask);
        let planes = self.input.chunks_exact_mut(self.plane.len()).zip(self.change.chunks_exact(self.plane.len()));
        for ((channel, slope), (input, change)) in self.channels.iter().zip(planes) {
            let [scale, offset] = [channel.scale, channel.offset].map(|value| simd.splat_f32s(value));
            let [factor, steepness, constant] =
                [slope.factor, slope.steepness, slope.constant].map(|value| simd.splat_f32s(value));
            for row in 0..self.plane.height {
                let (input, _) = S::as_mut_simd_f32s(&mut input[self.plane.inside(row)]);
                let (change, _) = S::as_simd_f32s(&change[self.plane.inside(row)]);
                let pixels = input.chunks_exact_mut(mask.len()).zip(change.chunks_exact(mask.len()));
                for (input, change) in pixels {
                    for (part, mask) in mask.iter().enumerate() {
                        let y = input[part];
                        let passed = pass(simd, simd.mul_add_f32s(y, scale, offset), change[part]);
                        let gradient = simd.mul_add_f32s(passed, factor, simd.mul_add_f32s(y, steepness, constant));
                        input[part] = simd.mul_f32s(gradient, *mask);
                    }
                }
            }
        }
    }
}
