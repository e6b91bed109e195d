//! Pooling: 3×3 maxima and means, 2×2 maxima that halve the image, and the mean of a channel.
//!
//! Everything that is pooled comes out of a ReLU, or of sums and poolings of such: it is never below zero, so that the border
//! of zeros never wins over a pixel that counts. Of equal values the one in the middle wins, then the left or upper one, as in
//! the reference engine. The kernels go through a channel pixel by pixel and read the window of each from the first cache; only
//! the gradient of 3×3 maxima takes two passes, down the columns and along the rows, for a pixel may win nine windows.

use pulp::{Simd, WithSimd};

use super::layout::{LANES, Plane};
use crate::network::Operator;

/// Pools channels.
///
/// # Shapes
///
/// - `input`: `[channels, plane]`; `output`: `[channels, pooled plane]`
/// - `winners`: `[channels, plane]`, the winning pixels for the gradient of 2×2 maxima, or empty
pub(super) struct Pool<'a> {
    /// One of the poolings of a plan.
    pub(super) operator: Operator,
    pub(super) planes: [Plane; 2],
    pub(super) input: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) winners: &'a mut [f32],
}

impl WithSimd for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [plane, pooled] = self.planes;
        let row = plane.row() / S::F32_LANES;
        let channels = self.input.chunks_exact(plane.len()).zip(self.output.chunks_exact_mut(pooled.len()));
        let mut winners = self.winners.chunks_exact_mut(plane.len());
        for (input, output) in channels {
            let ((input, _), (output, _)) = (S::as_simd_f32s(input), S::as_mut_simd_f32s(output));
            match self.operator {
                Operator::MaxPool3 => each_pixel::<S>(plane, |index, _| {
                    output[index] = around::<S>(input, index, row, |a, b| simd.max_f32s(a, b));
                }),
                Operator::AvgPool3 => each_pixel::<S>(plane, |index, at| {
                    let sum = around::<S>(input, index, row, |a, b| simd.add_f32s(a, b));
                    output[index] = simd.mul_f32s(sum, simd.splat_f32s(share(plane, at)));
                }),
                _ => halve(simd, self.planes, input, output, winners.next()),
            }
        }
    }
}

/// Combines the 3×3 pixels around a pixel.
#[inline(always)]
fn around<S: Simd>(values: &[S::f32s], index: usize, row: usize, combine: impl Fn(S::f32s, S::f32s) -> S::f32s) -> S::f32s {
    let [above, below] = [beside::<S>(values, index - row, &combine), beside::<S>(values, index + row, &combine)];
    combine(combine(above, below), beside::<S>(values, index, &combine))
}

/// Combines a pixel with those left and right of it.
#[inline(always)]
fn beside<S: Simd>(values: &[S::f32s], index: usize, combine: impl Fn(S::f32s, S::f32s) -> S::f32s) -> S::f32s {
    let pixel = LANES / S::F32_LANES;
    let values = &values[index - pixel..][..=2 * pixel];
    combine(combine(values[0], values[2 * pixel]), values[pixel])
}

/// The greatest of each 2×2 window, and which of its four pixels that is: its number replaces the first one.
#[inline(always)]
fn halve<S: Simd>(simd: S, planes: [Plane; 2], input: &[S::f32s], output: &mut [S::f32s], winners: Option<&mut [f32]>) {
    let numbers = [0.0, 1.0, 2.0, 3.0].map(|number| simd.splat_f32s(number));
    let mut winners = winners.map(|winners| S::as_mut_simd_f32s(winners).0);
    each_window::<S>(planes, |[first, right, below, across], index| {
        let upper = simd.max_f32s(input[first], input[right]);
        let lower = simd.max_f32s(input[below], input[across]);
        output[index] = simd.max_f32s(upper, lower);
        if let Some(winners) = &mut winners {
            let of_upper = simd.select_f32s(simd.greater_than_f32s(input[right], input[first]), numbers[1], numbers[0]);
            let of_lower = simd.select_f32s(simd.greater_than_f32s(input[across], input[below]), numbers[3], numbers[2]);
            winners[first] = simd.select_f32s(simd.greater_than_f32s(lower, upper), of_lower, of_upper);
        }
    });
}

/// One over the number of pixels in the 3×3 window of a pixel.
#[expect(clippy::cast_precision_loss, reason = "a window has at most nine pixels")]
fn share(plane: Plane, (row, column): (usize, usize)) -> f32 {
    let reach = |index: usize, length: usize| (index + 2).min(length) - index.saturating_sub(1);
    1.0 / (reach(row, plane.height) * reach(column, plane.width)) as f32
}

/// Adds the gradient of the input of a [`Pool`], or replaces what was there: for 2×2 maxima the winners.
///
/// # Shapes
///
/// - `input`, `output`: `[channels, plane]`, only 3×3 maxima read the input; `grad`: `[channels, pooled plane]`;
///   `scratch`: `[plane]`
pub(super) struct PoolGradient<'a> {
    pub(super) operator: Operator,
    pub(super) replaces: bool,
    pub(super) planes: [Plane; 2],
    pub(super) input: &'a [f32],
    pub(super) grad: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl WithSimd for PoolGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [plane, pooled] = self.planes;
        let (scratch, _) = S::as_mut_simd_f32s(&mut self.scratch[..plane.len()]);
        let channels = self.grad.chunks_exact(pooled.len()).zip(self.output.chunks_exact_mut(plane.len()));
        for (channel, (grad, output)) in channels.enumerate() {
            let ((grad, _), (output, _)) = (S::as_simd_f32s(grad), S::as_mut_simd_f32s(output));
            match self.operator {
                Operator::MaxPool3 => {
                    let (input, _) = S::as_simd_f32s(&self.input[channel * plane.len()..][..plane.len()]);
                    hand_back_maxima(simd, plane, [input, grad], scratch, (output, self.replaces));
                }
                Operator::AvgPool3 => hand_back_means(simd, plane, grad, scratch, (output, self.replaces)),
                _ => hand_back_halved(simd, self.planes, grad, output),
            }
        }
    }
}

/// Sums of gradients, and whether they replace what was there.
type Sums<'a, S> = (&'a mut [<S as Simd>::f32s], bool);

/// Computes the gradient of 3×3 maxima: down each column to the row with the greatest value, then along each row to the pixel.
#[inline(always)]
fn hand_back_maxima<S: Simd>(simd: S, plane: Plane, [input, grad]: [&[S::f32s]; 2], rows: &mut [S::f32s], (sums, new): Sums<S>) {
    let (pixel, row) = (LANES / S::F32_LANES, plane.row() / S::F32_LANES);
    let start = |row| plane.inside(row).start / S::F32_LANES;
    for column in 0..plane.width * pixel {
        let line = (start(0) + column, row, plane.height);
        hand_back(simd, line, |index| beside::<S>(input, index, |a, b| simd.max_f32s(a, b)), grad, (rows, true));
    }
    for first in (0..plane.height).flat_map(|row| start(row)..start(row) + pixel) {
        hand_back(simd, (first, pixel, plane.width), |index| input[index], rows, (sums, new));
    }
}

/// Adds the gradient of each pixel of a line to that of the greatest of the pixel and its two neighbours, the first of equal ones.
///
/// The gradients of a pixel are added up in registers, in the order of the line. The zeros beyond its ends never win.
#[inline(always)]
fn hand_back<S: Simd>(
    simd: S,
    (first, step, length): (usize, usize, usize),
    value: impl Fn(usize) -> S::f32s,
    grad: &[S::f32s],
    (sums, replaces): Sums<S>,
) {
    let zero = simd.splat_f32s(0.0);
    let (mut before, mut own) = (value(first - step), value(first));
    let (mut sum_before, mut sum) = (zero, if replaces { zero } else { sums[first] });
    for index in (first..).step_by(step).take(length) {
        let after = value(index + step);
        let is_before = simd.greater_than_f32s(before, own);
        let is_after = simd.greater_than_f32s(after, simd.max_f32s(own, before));
        let of_after = simd.select_f32s(is_after, grad[index], zero);
        let rest = simd.select_f32s(is_after, zero, grad[index]);
        sums[index - step] = simd.add_f32s(sum_before, simd.select_f32s(is_before, rest, zero));
        sum_before = simd.add_f32s(sum, simd.select_f32s(is_before, zero, rest));
        sum = simd.add_f32s(if replaces { zero } else { sums[index + step] }, of_after);
        (before, own) = (own, after);
    }
    sums[first + (length - 1) * step] = sum_before;
}

#[inline(always)]
fn hand_back_means<S: Simd>(simd: S, plane: Plane, grad: &[S::f32s], shared: &mut [S::f32s], (output, replaces): Sums<S>) {
    let zero = simd.splat_f32s(0.0);
    let row = plane.row() / S::F32_LANES;
    // It may hold a larger plane's numbers, and its border is read.
    shared.fill(zero);
    each_pixel::<S>(plane, |index, at| shared[index] = simd.mul_f32s(grad[index], simd.splat_f32s(share(plane, at))));
    each_pixel::<S>(plane, |index, _| {
        let before = if replaces { zero } else { output[index] };
        let sum = |index| beside::<S>(shared, index, |a, b| simd.add_f32s(a, b));
        output[index] = [index - row, index, index + row].into_iter().fold(before, |before, row| simd.add_f32s(before, sum(row)));
    });
}

#[inline(always)]
fn hand_back_halved<S: Simd>(simd: S, planes: [Plane; 2], grad: &[S::f32s], winners: &mut [S::f32s]) {
    let numbers = [0.0, 1.0, 2.0, 3.0].map(|number| simd.splat_f32s(number));
    each_window::<S>(planes, |pixels, index| {
        let winner = winners[pixels[0]];
        for (pixel, number) in pixels.into_iter().zip(numbers) {
            winners[pixel] = simd.select_f32s(simd.equal_f32s(winner, number), grad[index], simd.splat_f32s(0.0));
        }
    });
}

/// Calls `handle` with the vectors of each pixel, its row and its column.
#[inline(always)]
fn each_pixel<S: Simd>(plane: Plane, mut handle: impl FnMut(usize, (usize, usize))) {
    let parts = LANES / S::F32_LANES;
    for row in 0..plane.height {
        let first = plane.inside(row).start / S::F32_LANES;
        for column in 0..plane.width {
            for part in 0..parts {
                handle(first + column * parts + part, (row, column));
            }
        }
    }
}

/// Calls `handle` with the vectors of each 2×2 window, left and right above, left and right below, and that of the halved image.
#[inline(always)]
fn each_window<S: Simd>([plane, halved]: [Plane; 2], mut handle: impl FnMut([usize; 4], usize)) {
    let (parts, row) = (LANES / S::F32_LANES, plane.row() / S::F32_LANES);
    for y in 0..halved.height {
        let (first, to) = (plane.inside(2 * y).start / S::F32_LANES, halved.inside(y).start / S::F32_LANES);
        for x in 0..halved.width {
            for part in 0..parts {
                let index = first + 2 * x * parts + part;
                handle([index, index + parts, index + row, index + row + parts], to + x * parts + part);
            }
        }
    }
}

/// The mean of each channel.
///
/// # Shapes
///
/// - `input`: `[channels, plane]`, its border zero; `means`: `[channels, LANES]`
#[expect(clippy::cast_precision_loss, reason = "an image is far below 2^24 pixels")]
pub(super) fn means(plane: Plane, input: &[f32], means: &mut [f32]) {
    for (input, means) in input.chunks_exact(plane.len()).zip(means.chunks_exact_mut(LANES)) {
        let mut sums = [0.0; LANES];
        for pixel in input.chunks_exact(LANES) {
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
        means.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = sum / plane.pixels() as f32);
    }
}

/// Adds the gradient of the input of [`means`], or replaces what was there.
#[expect(clippy::cast_precision_loss, reason = "an image is far below 2^24 pixels")]
pub(super) fn add_gradient_of_means(plane: Plane, grad: &[f32], output: &mut [f32], replaces: bool) {
    for (grad, output) in grad.chunks_exact(LANES).zip(output.chunks_exact_mut(plane.len())) {
        let own: [f32; LANES] = std::array::from_fn(|lane| grad[lane] / plane.pixels() as f32);
        for row in 0..plane.height {
            for pixel in output[plane.inside(row)].chunks_exact_mut(LANES) {
                pixel.iter_mut().zip(own).for_each(|(sum, own)| *sum = if replaces { own } else { *sum + own });
            }
        }
    }
}
