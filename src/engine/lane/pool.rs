//! Pooling: 3×3 maxima and means, 2×2 maxima that halve the image, and the mean of a channel.
//!
//! Everything that is pooled comes out of a ReLU, or of sums and poolings of such: it is never below zero, so that the border
//! of zeros never wins over a pixel that counts. Of equal values the one in the middle wins, then the left or upper one, as in
//! the reference engine.

use pulp::{Arch, Simd, WithSimd};

use super::layout::{LANES, Plane};

/// What a pooling computes of a window of 3×3, stride 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// The greatest value.
    Greatest,
    /// The mean of the pixels that lie within the image.
    Mean,
}

/// Pools channels with stride 1.
///
/// # Shapes
///
/// - `input`, `output`: `[channels, plane]`; `scratch`: `[2, plane]`
pub(super) fn pool(arch: Arch, window: Window, plane: Plane, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
    for (input, output) in input.chunks_exact(plane.len()).zip(output.chunks_exact_mut(plane.len())) {
        let (beside, _) = scratch.split_at_mut(plane.len());
        match window {
            Window::Greatest => arch.dispatch(Greatest { plane, input, beside, output }),
            Window::Mean => {
                sum_beside(plane, input, beside);
                sum_above(plane, beside, |row, column, i, sum| output[plane.inside(row)][column * LANES + i] = sum);
                scale_by_counts(plane, output);
            }
        }
    }
}

/// Adds the gradient of the input of [`pool`].
///
/// # Shapes
///
/// - `grad`, `gradient`: `[channels, plane]`; `input`: the same, or nothing for means; `scratch`: `[2, plane]`
pub(super) fn add_gradient(
    arch: Arch,
    window: Window,
    plane: Plane,
    input: &[f32],
    grad: &[f32],
    gradient: &mut [f32],
    scratch: &mut [f32],
) {
    let channels = grad.chunks_exact(plane.len()).zip(gradient.chunks_exact_mut(plane.len()));
    for (channel, (grad, gradient)) in channels.enumerate() {
        let (beside, rest) = scratch.split_at_mut(plane.len());
        let second = &mut rest[..plane.len()];
        match window {
            Window::Greatest => {
                second.fill(0.0);
                let input = &input[channel * plane.len()..][..plane.len()];
                arch.dispatch(GreatestGradient { plane, input, beside, grad, of_beside: second, gradient });
            }
            Window::Mean => {
                second.copy_from_slice(grad);
                scale_by_counts(plane, second);
                sum_beside(plane, second, beside);
                sum_above(plane, beside, |row, column, i, sum| gradient[plane.inside(row)][column * LANES + i] += sum);
            }
        }
    }
}

/// The sum of each pixel and those left and right of it; the border rows become zero.
fn sum_beside(plane: Plane, input: &[f32], beside: &mut [f32]) {
    beside.fill(0.0);
    for row in 0..plane.height {
        let inside = plane.inside(row);
        let (left, right) = (&input[inside.start - LANES..], &input[inside.start + LANES..]);
        let middle = &input[inside.clone()];
        let sums = beside[inside].iter_mut().zip(middle).zip(left).zip(right);
        sums.for_each(|(((sum, middle), left), right)| *sum = middle + left + right);
    }
}

/// Hands out the sum of each pixel and those above and below it, with its row, column and lane.
fn sum_above(plane: Plane, beside: &[f32], mut put: impl FnMut(usize, usize, usize, f32)) {
    for row in 0..plane.height {
        let inside = plane.inside(row);
        let middle = &beside[inside.clone()];
        let (above, below) = (&beside[inside.start - plane.row()..], &beside[inside.start + plane.row()..]);
        for (place, ((middle, above), below)) in middle.iter().zip(above).zip(below).enumerate() {
            put(row, place / LANES, place % LANES, middle + above + below);
        }
    }
}

/// Divides each pixel by the number of pixels in its window.
#[expect(clippy::cast_precision_loss, reason = "a window has at most nine pixels")]
fn scale_by_counts(plane: Plane, pixels: &mut [f32]) {
    let reach = |place: usize, length: usize| (place + 2).min(length) - place.saturating_sub(1);
    for row in 0..plane.height {
        for (column, pixel) in pixels[plane.inside(row)].chunks_exact_mut(LANES).enumerate() {
            let count = reach(row, plane.height) * reach(column, plane.width);
            for value in pixel {
                *value /= count as f32;
            }
        }
    }
}

struct Greatest<'a> {
    plane: Plane,
    input: &'a [f32],
    /// The greatest of each pixel and those left and right of it.
    beside: &'a mut [f32],
    output: &'a mut [f32],
}

impl WithSimd for Greatest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let plane = self.plane;
        greatest_beside(simd, plane, self.input, self.beside);
        for row in 0..plane.height {
            let inside = plane.inside(row);
            let (middle, _) = S::as_simd_f32s(&self.beside[inside.clone()]);
            let (above, _) = S::as_simd_f32s(&self.beside[inside.start - plane.row()..inside.end - plane.row()]);
            let (below, _) = S::as_simd_f32s(&self.beside[inside.start + plane.row()..inside.end + plane.row()]);
            let (output, _) = S::as_mut_simd_f32s(&mut self.output[inside]);
            for (((output, middle), above), below) in output.iter_mut().zip(middle).zip(above).zip(below) {
                *output = simd.max_f32s(simd.max_f32s(*middle, *above), *below);
            }
        }
    }
}

#[inline(always)]
fn greatest_beside<S: Simd>(simd: S, plane: Plane, input: &[f32], beside: &mut [f32]) {
    beside[..plane.inside(0).start].fill(0.0);
    beside[plane.inside(plane.height - 1).end..plane.len()].fill(0.0);
    for row in 0..plane.height {
        let inside = plane.inside(row);
        let (middle, _) = S::as_simd_f32s(&input[inside.clone()]);
        let (left, _) = S::as_simd_f32s(&input[inside.start - LANES..inside.end - LANES]);
        let (right, _) = S::as_simd_f32s(&input[inside.start + LANES..inside.end + LANES]);
        let (beside, _) = S::as_mut_simd_f32s(&mut beside[inside]);
        for (((beside, middle), left), right) in beside.iter_mut().zip(middle).zip(left).zip(right) {
            *beside = simd.max_f32s(simd.max_f32s(*middle, *left), *right);
        }
    }
}

struct GreatestGradient<'a> {
    plane: Plane,
    input: &'a [f32],
    /// The greatest of each pixel and those left and right of it.
    beside: &'a mut [f32],
    grad: &'a [f32],
    /// The gradient of `beside`, zero at first.
    of_beside: &'a mut [f32],
    gradient: &'a mut [f32],
}

impl WithSimd for GreatestGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let plane = self.plane;
        greatest_beside(simd, plane, self.input, self.beside);
        let (values, _) = S::as_simd_f32s(self.beside);
        let (grad, _) = S::as_simd_f32s(self.grad);
        let (sums, _) = S::as_mut_simd_f32s(self.of_beside);
        let row = plane.row() / S::F32_LANES;
        each_pixel::<S>(plane, |place| hand_back(simd, values, grad[place], sums, [place, place - row, place + row]));
        let (values, _) = S::as_simd_f32s(self.input);
        let (grad, _) = S::as_simd_f32s(self.of_beside);
        let (sums, _) = S::as_mut_simd_f32s(self.gradient);
        let pixel = LANES / S::F32_LANES;
        each_pixel::<S>(plane, |place| hand_back(simd, values, grad[place], sums, [place, place - pixel, place + pixel]));
    }
}

#[inline(always)]
fn each_pixel<S: Simd>(plane: Plane, mut handle: impl FnMut(usize)) {
    for row in 0..plane.height {
        let inside = plane.inside(row);
        for place in inside.start / S::F32_LANES..inside.end / S::F32_LANES {
            handle(place);
        }
    }
}

/// Adds a grad to the sum of the greatest of three values, the first of equal ones.
#[inline(always)]
fn hand_back<S: Simd>(simd: S, values: &[S::f32s], grad: S::f32s, sums: &mut [S::f32s], places: [usize; 3]) {
    let zero = simd.splat_f32s(0.0);
    let [first, second, third] = places;
    let is_second = simd.greater_than_f32s(values[second], values[first]);
    let is_third = simd.greater_than_f32s(values[third], simd.max_f32s(values[first], values[second]));
    let of_third = simd.select_f32s(is_third, grad, zero);
    let rest = simd.select_f32s(is_third, zero, grad);
    let of_second = simd.select_f32s(is_second, rest, zero);
    let of_first = simd.select_f32s(is_second, zero, rest);
    sums[first] = simd.add_f32s(sums[first], of_first);
    sums[second] = simd.add_f32s(sums[second], of_second);
    sums[third] = simd.add_f32s(sums[third], of_third);
}

/// Takes the greatest of each 2×2 window, stride 2; an odd last row or column makes a window of its own.
///
/// # Shapes
///
/// - `input`: `[channels, plane]`; `output`: `[channels, halved plane]`
pub(super) fn halve(arch: Arch, plane: Plane, halved: Plane, input: &[f32], output: &mut [f32]) {
    for (input, output) in input.chunks_exact(plane.len()).zip(output.chunks_exact_mut(halved.len())) {
        arch.dispatch(Halve { plane, halved, input, output });
    }
}

struct Halve<'a> {
    plane: Plane,
    halved: Plane,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Halve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (input, _) = S::as_simd_f32s(self.input);
        let (output, _) = S::as_mut_simd_f32s(self.output);
        each_window::<S>(self.plane, self.halved, |[first, right, below, across], place| {
            let upper = simd.max_f32s(input[first], input[right]);
            let lower = simd.max_f32s(input[below], input[across]);
            output[place] = simd.max_f32s(upper, lower);
        });
    }
}

/// Adds the gradient of the input of [`halve`], or puts it in the place of what was there.
pub(super) fn differentiate_halved(
    arch: Arch,
    [plane, halved]: [Plane; 2],
    input: &[f32],
    grad: &[f32],
    gradient: &mut [f32],
    replaces: bool,
) {
    let channels = input.chunks_exact(plane.len()).zip(grad.chunks_exact(halved.len()));
    for ((input, grad), gradient) in channels.zip(gradient.chunks_exact_mut(plane.len())) {
        arch.dispatch(HalveGradient { plane, halved, input, grad, gradient, replaces });
    }
}

struct HalveGradient<'a> {
    plane: Plane,
    halved: Plane,
    input: &'a [f32],
    grad: &'a [f32],
    gradient: &'a mut [f32],
    replaces: bool,
}

impl WithSimd for HalveGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (input, _) = S::as_simd_f32s(self.input);
        let (grad, _) = S::as_simd_f32s(self.grad);
        let (gradient, _) = S::as_mut_simd_f32s(self.gradient);
        let zero = simd.splat_f32s(0.0);
        each_window::<S>(self.plane, self.halved, |[first, right, below, across], place| {
            let is_right = simd.greater_than_f32s(input[right], input[first]);
            let is_across = simd.greater_than_f32s(input[across], input[below]);
            let upper = simd.max_f32s(input[first], input[right]);
            let is_lower = simd.greater_than_f32s(simd.max_f32s(input[below], input[across]), upper);
            let of_lower = simd.select_f32s(is_lower, grad[place], zero);
            let of_upper = simd.select_f32s(is_lower, zero, grad[place]);
            let parts = [
                (first, simd.select_f32s(is_right, zero, of_upper)),
                (right, simd.select_f32s(is_right, of_upper, zero)),
                (below, simd.select_f32s(is_across, zero, of_lower)),
                (across, simd.select_f32s(is_across, of_lower, zero)),
            ];
            for (place, part) in parts {
                gradient[place] = if self.replaces { part } else { simd.add_f32s(gradient[place], part) };
            }
        });
    }
}

/// Hands out the vectors of each 2×2 window, left and right above, left and right below, and that of the halved image.
#[inline(always)]
fn each_window<S: Simd>(plane: Plane, halved: Plane, mut handle: impl FnMut([usize; 4], usize)) {
    let (parts, row) = (LANES / S::F32_LANES, plane.row() / S::F32_LANES);
    for y in 0..halved.height {
        let (first, to) = (plane.inside(2 * y).start / S::F32_LANES, halved.inside(y).start / S::F32_LANES);
        for x in 0..halved.width {
            for part in 0..parts {
                let place = first + 2 * x * parts + part;
                handle([place, place + parts, place + row, place + row + parts], to + x * parts + part);
            }
        }
    }
}

/// The mean of each channel.
///
/// # Shapes
///
/// - `input`: `[channels, plane]`, its border zero; `means`: `[channels, LANES]`
pub(super) fn means(arch: Arch, plane: Plane, input: &[f32], means: &mut [f32]) {
    arch.dispatch(Means { plane, input, means });
}

struct Means<'a> {
    plane: Plane,
    input: &'a [f32],
    means: &'a mut [f32],
}

impl WithSimd for Means<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "an image is far below 2^24 pixels")]
    fn with_simd<S: Simd>(self, simd: S) {
        let share = simd.splat_f32s(1.0 / self.plane.pixels() as f32);
        for (input, means) in self.input.chunks_exact(self.plane.len()).zip(self.means.chunks_exact_mut(LANES)) {
            let (input, _) = S::as_simd_f32s(input);
            let (means, _) = S::as_mut_simd_f32s(means);
            for (part, mean) in means.iter_mut().enumerate() {
                let mut sum = simd.splat_f32s(0.0);
                for pixel in input.chunks_exact(LANES / S::F32_LANES) {
                    sum = simd.add_f32s(sum, pixel[part]);
                }
                *mean = simd.mul_f32s(sum, share);
            }
        }
    }
}

/// Adds the gradient of the input of [`means`], or puts it in the place of what was there.
pub(super) fn add_gradient_of_means(arch: Arch, plane: Plane, grad: &[f32], gradient: &mut [f32], replaces: bool) {
    arch.dispatch(MeansGradient { plane, grad, gradient, replaces });
}

struct MeansGradient<'a> {
    plane: Plane,
    grad: &'a [f32],
    gradient: &'a mut [f32],
    replaces: bool,
}

impl WithSimd for MeansGradient<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "an image is far below 2^24 pixels")]
    fn with_simd<S: Simd>(self, simd: S) {
        let share = simd.splat_f32s(1.0 / self.plane.pixels() as f32);
        for (grad, gradient) in self.grad.chunks_exact(LANES).zip(self.gradient.chunks_exact_mut(self.plane.len())) {
            let (grad, _) = S::as_simd_f32s(grad);
            for row in 0..self.plane.height {
                let (gradient, _) = S::as_mut_simd_f32s(&mut gradient[self.plane.inside(row)]);
                for pixel in gradient.chunks_exact_mut(grad.len()) {
                    for (sum, grad) in pixel.iter_mut().zip(grad) {
                        let before = if self.replaces { simd.splat_f32s(0.0) } else { *sum };
                        *sum = simd.mul_add_f32s(*grad, share, before);
                    }
                }
            }
        }
    }
}
