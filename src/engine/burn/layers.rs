//! Layers that burn-flex computes slowly, put together of operations that it computes fast.
//!
//! Measured on one core, batch 50, 8 channels, 14×14, forward and backward together: a 1×1 convolution 1.4 ms as
//! `conv2d` and 0.34 ms as a matrix product, a 3×3 one 6.4 ms and 4.7 ms as nine of them; 3×3 max-pooling 4.4 ms, nearly
//! all of it forward, where finding the greatest pixels takes a plain loop a tenth of that.

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

impl Window {
    /// The first and the last pixel of each window along a side of the image.
    fn bounds(self, side: usize) -> Vec<(usize, usize)> {
        match self {
            Self::Three => (0..side).map(|middle| (middle.saturating_sub(1), (middle + 1).min(side - 1))).collect(),
            Self::Two => (0..side).step_by(2).map(|first| (first, (first + 1).min(side - 1))).collect(),
        }
    }
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
        (Window::Two, Device::Gpu { .. }) => {
            max_pool2d(input, MaxPoolOptions { ceil_mode: true, ..MaxPoolOptions::new([2, 2]) })
        }
    }
}

/// Our own loop finds the greatest pixels, burn picks them, so that gradients flow back to them.
fn pick_greatest(input: Tensor<4>, window: Window) -> Tensor<4> {
    let [n, channels, height, width] = input.dims();
    let values: Vec<f32> = input.clone().inner().into_data().try_into_vec().expect("images are single-precision numbers");
    let (rows, columns) = (window.bounds(height), window.bounds(width));
    let places = greatest_places(&values, [height, width], &rows, &columns);
    let count = places.len();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &input.device().inner());
    input.reshape([values.len()]).select(0, places).reshape([n, channels, rows.len(), columns.len()])
}

/// The place of the greatest value in each window, the first one of equal values.
///
/// # Shapes
///
/// - `values`: `[planes, height, width]`; `rows`, `columns`: the bounds of the windows
/// - returns: `[planes, rows, columns]`, positions in `values`
fn greatest_places(values: &[f32], [height, width]: [usize; 2], rows: &[(usize, usize)], columns: &[(usize, usize)]) -> Vec<i64> {
    let plane = height * width;
    let mut of_rows = vec![0; height * columns.len()];
    let mut places = Vec::with_capacity(values.len() / plane * rows.len() * columns.len());
    let position = |place: usize| i64::try_from(place).expect("a batch is far below 2^63 values");
    for (number, values) in values.chunks_exact(plane).enumerate() {
        let greater = |a: usize, b: usize| if values[b] > values[a] { b } else { a };
        // The greatest of each row of a window first, then the greatest of those.
        for (y, of_row) in of_rows.chunks_exact_mut(columns.len()).enumerate() {
            for (place, (first, last)) in of_row.iter_mut().zip(columns) {
                *place = (first + 1..=*last).fold(y * width + first, |best, x| greater(best, y * width + x));
            }
        }
        for (first, last) in rows {
            for x in 0..columns.len() {
                let of_column = |y: usize| of_rows[y * columns.len() + x];
                let best = (first + 1..=*last).fold(of_column(*first), |best, y| greater(best, of_column(y)));
                places.push(position(number * plane + best));
            }
        }
    }
    places
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
