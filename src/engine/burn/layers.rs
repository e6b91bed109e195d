//! Layers that burn-flex computes slowly, put together of operations that it computes fast.
//!
//! Measured on one core, batch 50, 8 channels, 14×14, forward and backward together: a 1×1 convolution 1.4 ms as
//! `conv2d` and 0.34 ms as a matrix product, a 3×3 one 6.4 ms and 4.7 ms as nine of them; 3×3 max-pooling 4.4 ms, nearly
//! all of it forward, where finding the greatest pixels takes a plain loop a tenth of that.

use std::ops::Range;

use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Int, Tensor, TensorData};

use crate::engine::Device;

/// Convolves without bias, with 'same' zero padding.
///
/// # Shapes
///
/// - `input`: `[n, in, height, width]`; `weights`: `[out, in, side, side]`
/// - returns: `[n, out, height, width]`
pub(super) fn convolution(input: Tensor<4>, weights: Tensor<4>, device: Device) -> Tensor<4> {
    match (weights.dims()[2], device) {
        (1, _) => pointwise(input, weights),
        (3, Device::Cpu) => nine_products(input, weights),
        (side, _) => conv2d(input, weights, None, ConvOptions::new([1, 1], [side / 2, side / 2], [1, 1], 1)),
    }
}

/// A 1×1 convolution is one matrix product per image.
fn pointwise(input: Tensor<4>, weights: Tensor<4>) -> Tensor<4> {
    let [n, from, height, width] = input.dims();
    let to = weights.dims()[0];
    let product = spread(weights.reshape([1, to, from]), n).matmul(input.reshape([n, from, height * width]));
    product.reshape([n, to, height, width])
}

/// A 3×3 convolution is the sum of nine matrix products, one for each shift of the padded image.
///
/// The rows of the padded image are joined, so that a shift is a contiguous part of it; the two columns of padding that
/// every row then still has are computed too, and dropped at the end.
fn nine_products(input: Tensor<4>, weights: Tensor<4>) -> Tensor<4> {
    let [n, from, height, width] = input.dims();
    let to = weights.dims()[0];
    let row = width + 2;
    // Left, right, above, below: the second row below is where the last shifts end.
    let padded = input.pad((1, 1, 1, 2), 0.0_f32).reshape([n, from, (height + 3) * row]);
    let weights = weights.reshape([to, from, 9]);
    let product = |shift: usize| {
        let part = padded.clone().narrow(2, shift / 3 * row + shift % 3, height * row);
        spread(weights.clone().narrow(2, shift, 1).reshape([1, to, from]), n).matmul(part)
    };
    let sum = (1..9).fold(product(0), |sum, shift| sum + product(shift));
    sum.reshape([n, to, height, row]).narrow(3, 0, width)
}

/// Repeats a matrix for each of `n` images without copying it.
fn spread(matrix: Tensor<3>, n: usize) -> Tensor<3> {
    let [_, rows, columns] = matrix.dims();
    matrix.expand([n, rows, columns])
}

/// A window of max-pooling.
#[derive(Clone, Copy, Debug)]
pub(super) enum Window {
    /// 3×3, stride 1, 'same' padding.
    Three,
    /// 2×2, stride 2; an odd last row or column makes a window of its own.
    Two,
}

/// Takes the maximum of each window.
///
/// # Shapes
///
/// - `input`: `[n, channels, height, width]`
/// - returns: the same, or height and width halved and rounded up for [`Window::Two`]
pub(super) fn max_pool(input: Tensor<4>, window: Window, device: Device) -> Tensor<4> {
    match (window, device) {
        (_, Device::Cpu) => pick_greatest(input, window),
        (Window::Three, Device::Gpu { .. }) => {
            max_pool2d(input, MaxPoolOptions { stride: [1, 1], padding: [(1, 1); 2], ..MaxPoolOptions::new([3, 3]) })
        }
        (Window::Two, Device::Gpu { .. }) => max_pool2d(input, MaxPoolOptions { ceil_mode: true, ..MaxPoolOptions::new([2, 2]) }),
    }
}

/// Our own loops find the greatest pixels, burn picks them, so that gradients flow back to them.
fn pick_greatest(input: Tensor<4>, window: Window) -> Tensor<4> {
    let [n, channels, height, width] = input.dims();
    let values: Vec<f32> = input.clone().inner().into_data().try_into_vec().expect("images are single-precision numbers");
    let (out_height, out_width) = match window {
        Window::Three => (height, width),
        Window::Two => (height.div_ceil(2), width.div_ceil(2)),
    };
    let count = n * channels * out_height * out_width;
    let mut places = Vec::with_capacity(count);
    let mut first = 0;
    for plane in values.chunks_exact(height * width) {
        let greatest = Greatest::of(plane, width, window);
        places.extend(greatest.places.into_iter().map(|place| first + i64::from(place)));
        first += i64::try_from(plane.len()).expect("a batch is far below 2^63 values");
    }
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &input.device().inner());
    input.reshape([values.len()]).select(0, places).reshape([n, channels, out_height, out_width])
}

/// The greatest values of the windows of one image, and where in the image they stand.
#[derive(Clone)]
struct Greatest {
    values: Vec<f32>,
    places: Vec<u32>,
}

impl Greatest {
    /// Finds them row by row: first in the part of a window that lies in one row, then among those parts.
    fn of(plane: &[f32], width: usize, window: Window) -> Self {
        let own = Self { values: plane.to_vec(), places: (0..).take(plane.len()).collect() };
        match window {
            Window::Three => own.with_neighbours(1, width).with_neighbours(width, plane.len()),
            Window::Two => own.of_pairs(1, width).of_pairs(width.div_ceil(2), plane.len() / width * width.div_ceil(2)),
        }
    }

    /// The greatest of each value and those `distance` before and behind it, within lines of a length.
    fn with_neighbours(self, distance: usize, line: usize) -> Self {
        let mut best = self.clone();
        for start in (0..self.values.len()).step_by(line) {
            let (before, behind) = (start..start + line - distance, start + distance..start + line);
            best.raise(behind.clone(), &self, before.clone());
            best.raise(before, &self, behind);
        }
        best
    }

    /// Puts those values of `other` that are greater into the place of ours. Written without branches, so that the
    /// compiler makes vector instructions of it.
    fn raise(&mut self, ours: Range<usize>, other: &Self, theirs: Range<usize>) {
        let own = self.values[ours.clone()].iter_mut().zip(&mut self.places[ours]);
        let found = other.values[theirs.clone()].iter().zip(&other.places[theirs]);
        for ((value, place), (found, at)) in own.zip(found) {
            let is_greater = *found > *value;
            *value = if is_greater { *found } else { *value };
            *place = if is_greater { *at } else { *place };
        }
    }

    /// The greater of the first and second part of `size` values, of the third and fourth, and so on, within lines of a
    /// length; a last part without a partner stays as it is.
    fn of_pairs(self, size: usize, line: usize) -> Self {
        let mut best = Self { values: Vec::with_capacity(self.values.len()), places: Vec::with_capacity(self.values.len()) };
        for start in (0..self.values.len()).step_by(line) {
            for first in (start..start + line).step_by(2 * size) {
                let kept = best.values.len()..best.values.len() + size;
                best.values.extend_from_slice(&self.values[first..first + size]);
                best.places.extend_from_slice(&self.places[first..first + size]);
                if first + 2 * size <= start + line {
                    best.raise(kept, &self, first + size..first + 2 * size);
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device as Backend, Distribution};

    use super::*;

    fn close(a: Tensor<4>, b: Tensor<4>) {
        assert_eq!(a.dims(), b.dims());
        let [a, b] = [a, b].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?}\n{b:?}");
    }

    /// The output and the gradients that a layer has for fixed random numbers.
    fn trace(layer: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>, side: usize) -> [Tensor<4>; 3] {
        let device = Backend::flex();
        device.seed(7);
        let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Uniform(-1.0, 1.0), &device);
        let input = random([3, 4, 5, 7]).autodiff().require_grad();
        let weights = random([6, 4, side, side]).autodiff().require_grad();
        let output = layer(input.clone(), weights.clone());
        let mut gradients = (output.clone() * output.clone()).sum().backward();
        let of_weights = weights.grad_remove(&mut gradients).unwrap_or_else(|| weights.inner());
        [output.inner(), input.grad_remove(&mut gradients).unwrap(), of_weights]
    }

    #[test]
    fn convolutions_equal_those_of_the_library_with_their_gradients() {
        for side in [1, 3] {
            let options = || ConvOptions::new([1, 1], [side / 2, side / 2], [1, 1], 1);
            let expected = trace(|input, weights| conv2d(input, weights, None, options()), side);
            let found = trace(|input, weights| convolution(input, weights, Device::Cpu), side);
            for (expected, found) in expected.into_iter().zip(found) {
                close(expected, found);
            }
        }
    }

    #[test]
    fn pooling_equals_that_of_the_library_with_its_gradients() {
        let gpu = Device::Gpu { index: None };
        for window in [Window::Three, Window::Two] {
            let expected = trace(|input, _| max_pool(input, window, gpu), 1);
            let found = trace(|input, _| max_pool(input, window, Device::Cpu), 1);
            for (expected, found) in expected.into_iter().zip(found) {
                close(expected, found);
            }
        }
    }

    #[test]
    fn halving_rounds_up() {
        let input = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]], &Backend::flex());
        close(max_pool(input, Window::Two, Device::Cpu), Tensor::from_floats([[[[5.0, 6.0], [8.0, 9.0]]]], &Backend::flex()));
    }
}
