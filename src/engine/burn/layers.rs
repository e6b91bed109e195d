//! Layers that burn-flex computes slowly, put together of operations that it computes fast.
//!
//! Measured on one core, batch 50, 8 channels, 14×14: a 1×1 convolution and its gradients take 1.4 ms as `conv2d` and 0.34 ms
//! as a matrix product; a 3×3 convolution alone takes 4.5 ms as `conv2d` and 2.5 ms as nine matrix products (with gradients, or
//! with few channels, `conv2d` is the faster one); 3×3 max-pooling takes 4.4 ms, nearly all of it forward, where finding the
//! greatest pixels takes our own loops a fraction of that.

use burn::tensor::module::{avg_pool2d, conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Int, Tensor, TensorData};

use crate::engine::Device;
use crate::network::Operator;

/// Convolves without bias, with 'same' zero padding.
///
/// # Shapes
///
/// - `input`: `[n, in, height, width]`; `weights`: `[out, in, side, side]`
/// - returns: `[n, out, height, width]`
pub(super) fn convolution(input: Tensor<4>, weights: Tensor<4>, device: Device) -> Tensor<4> {
    let [_, from, side, _] = weights.dims();
    let is_evaluated = device == Device::Reference && !weights.is_autodiff();
    match side {
        1 => pointwise(input, weights),
        3 if is_evaluated && from >= FEWEST_FOR_PRODUCTS => nine_products(input, weights),
        _ => conv2d(input, weights, None, ConvOptions::new([1, 1], [side / 2, side / 2], [1, 1], 1)),
    }
}

/// The fewest input channels with which nine matrix products are faster than `conv2d`.
const FEWEST_FOR_PRODUCTS: usize = 8;

/// A 1×1 convolution is one matrix product per image.
fn pointwise(input: Tensor<4>, weights: Tensor<4>) -> Tensor<4> {
    let [n, from, height, width] = input.dims();
    let to = weights.dims()[0];
    let product = repeat(weights.reshape([1, to, from]), n).matmul(input.reshape([n, from, height * width]));
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
        repeat(weights.clone().narrow(2, shift, 1).reshape([1, to, from]), n).matmul(part)
    };
    let sum = (1..9).fold(product(0), |sum, shift| sum + product(shift));
    sum.reshape([n, to, height, row]).narrow(3, 0, width)
}

/// Repeats a matrix for each of `n` images without copying it.
fn repeat(matrix: Tensor<3>, n: usize) -> Tensor<3> {
    let [_, rows, columns] = matrix.dims();
    matrix.expand([n, rows, columns])
}

/// Computes the mean of each 3×3 window, stride 1, over the pixels that lie within the image.
///
/// # Shapes
///
/// - `input`: `[n, channels, height, width]`
/// - returns: the same
pub(super) fn avg_pool3(input: Tensor<4>) -> Tensor<4> {
    let options =
        AvgPoolOptions { stride: [1, 1], padding: [(1, 1); 2], count_include_pad: false, ..AvgPoolOptions::new([3, 3]) };
    avg_pool2d(input, options)
}

/// Computes the maximum of each window of [`Operator::MaxPool3`] or [`Operator::MaxPool2`].
///
/// # Shapes
///
/// - `input`: `[n, channels, height, width]`
/// - returns: the same, or height and width halved and rounded up for [`Operator::MaxPool2`]
pub(super) fn max_pool(input: Tensor<4>, window: Operator, device: Device) -> Tensor<4> {
    match window {
        _ if !device.is_gpu() => pick_greatest(input, window),
        Operator::MaxPool2 => max_pool2d(input, MaxPoolOptions { ceil_mode: true, ..MaxPoolOptions::new([2, 2]) }),
        _ => max_pool2d(input, MaxPoolOptions { stride: [1, 1], padding: [(1, 1); 2], ..MaxPoolOptions::new([3, 3]) }),
    }
}

/// Our own loops find the greatest pixels, burn picks them, so that gradients flow back to them.
fn pick_greatest(input: Tensor<4>, window: Operator) -> Tensor<4> {
    let [n, channels, height, width] = input.dims();
    let values: Vec<f32> = input.clone().inner().into_data().try_into_vec().expect("images are single-precision numbers");
    let (out_height, out_width) = match window {
        Operator::MaxPool2 => (height.div_ceil(2), width.div_ceil(2)),
        _ => (height, width),
    };
    let device = input.device().inner();
    let shape = [n, channels, out_height, out_width];
    let found = Greatest::find(&values, height, width, window);
    if !input.is_autodiff() {
        return Tensor::from_data(TensorData::new(found.values, shape), &device);
    }
    let places = Tensor::<1, Int>::from_data(TensorData::new(found.places, [shape.iter().product::<usize>()]), &device);
    input.reshape([values.len()]).select(0, places).reshape(shape)
}

/// The greatest values of windows, and their indices.
#[derive(Clone)]
struct Greatest {
    values: Vec<f32>,
    places: Vec<i32>,
}

impl Greatest {
    /// Finds the greatest value of each window of each image, the middle one of equal values.
    ///
    /// Every row gets one column of −∞ behind it, and every image one row below. So the neighbours of all pixels of a batch
    /// are the whole batch shifted: by one for those beside, by a row for those above and below, and what lies beyond an
    /// edge never wins.
    ///
    /// # Shapes
    ///
    /// - `values`: `[images, height, width]`; returns the same of the windows, with indices into `values`
    fn find(values: &[f32], height: usize, width: usize, window: Operator) -> Self {
        let row = width + 1;
        let images = values.len() / (height * width);
        let mut padded = Self::padding(images * (height + 1) * row);
        let rows = (0..).step_by(width).zip(values.chunks_exact(width)).enumerate();
        for (number, (place, values)) in rows {
            let first = (number + number / height) * row;
            padded.values[first..first + width].copy_from_slice(values);
            padded.places[first..first + width].iter_mut().zip(place..).for_each(|(own, place)| *own = place);
        }
        let (best, stride) = match window {
            Operator::MaxPool2 => (padded.with_neighbours(1, false).with_neighbours(row, false), 2),
            _ => (padded.with_neighbours(1, true).with_neighbours(row, true), 1),
        };
        let mut found = Self { values: Vec::with_capacity(values.len()), places: Vec::with_capacity(values.len()) };
        for image in 0..images {
            for y in (0..height).step_by(stride) {
                let first = (image * (height + 1) + y) * row;
                let (values, places) = (&best.values[first..first + width], &best.places[first..first + width]);
                found.values.extend(values.chunks(stride).map(|of_window| of_window[0]));
                found.places.extend(places.chunks(stride).map(|of_window| of_window[0]));
            }
        }
        found
    }

    fn padding(length: usize) -> Self {
        Self { values: vec![f32::NEG_INFINITY; length], places: vec![0; length] }
    }

    /// The greatest of each value, the one `distance` behind it and, if `with_before`, the one before it.
    fn with_neighbours(self, distance: usize, with_before: bool) -> Self {
        let (mut best, kept) = (self.clone(), self.values.len() - distance);
        if with_before {
            raise(&mut best.values[distance..], &mut best.places[distance..], &self.values[..kept], &self.places[..kept]);
        }
        raise(&mut best.values[..kept], &mut best.places[..kept], &self.values[distance..], &self.places[distance..]);
        best
    }
}

/// Replaces values by other ones that are greater, with their indices.
///
/// A function of its own over slices, without branches: so the compiler knows that nothing overlaps, and makes vector
/// instructions of it.
#[inline(never)]
fn raise(values: &mut [f32], places: &mut [i32], found: &[f32], at: &[i32]) {
    let n = values.len();
    let (places, found, at) = (&mut places[..n], &found[..n], &at[..n]);
    for i in 0..n {
        let (value, other, place, other_place) = (values[i], found[i], places[i], at[i]);
        let is_greater = other > value;
        values[i] = if is_greater { other } else { value };
        let mask = -i32::from(is_greater);
        places[i] = (other_place & mask) | (place & !mask);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device as Backend;
    use rand::RngExt as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::unit::Seed;

    /// Numbers of our own generator: burn's is one for all threads, and tests run side by side.
    fn random(shape: [usize; 4], rng: &mut ChaCha8Rng) -> Tensor<4> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_data(TensorData::new(values, shape), &Backend::flex())
    }

    fn close(a: Tensor<4>, b: Tensor<4>) {
        assert_eq!(a.dims(), b.dims());
        let [a, b] = [a, b].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?}\n{b:?}");
    }

    /// The output and the gradients that a layer has for fixed random numbers.
    fn trace(layer: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>, side: usize) -> [Tensor<4>; 3] {
        let mut rng = Seed(7).rng();
        let mut random = |shape: [usize; 4]| random(shape, &mut rng);
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
            let found = trace(|input, weights| convolution(input, weights, Device::Reference), side);
            for (expected, found) in expected.into_iter().zip(found) {
                close(expected, found);
            }
        }
    }

    #[test]
    fn nine_products_are_a_convolution() {
        let mut rng = Seed(8).rng();
        let mut random = |shape: [usize; 4]| random(shape, &mut rng);
        let (input, weights) = (random([3, 9, 5, 7]), random([6, 9, 3, 3]));
        let expected = conv2d(input.clone(), weights.clone(), None, ConvOptions::new([1, 1], [1, 1], [1, 1], 1));
        close(expected, convolution(input, weights, Device::Reference));
    }

    #[test]
    fn pooling_equals_that_of_the_library_with_its_gradients() {
        let gpu = Device::Gpu { index: None };
        for window in [Operator::MaxPool3, Operator::MaxPool2] {
            let expected = trace(|input, _| max_pool(input, window, gpu), 1);
            let found = trace(|input, _| max_pool(input, window, Device::Reference), 1);
            for (expected, found) in expected.into_iter().zip(found) {
                close(expected, found);
            }
        }
    }

    #[test]
    fn a_mean_leaves_out_what_lies_beyond_the_edge() {
        let input = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]], &Backend::flex());
        let expected = [[[[3.0, 3.5, 4.0], [4.5, 5.0, 5.5], [6.0, 6.5, 7.0]]]];
        close(avg_pool3(input), Tensor::from_floats(expected, &Backend::flex()));
    }

    #[test]
    fn halving_rounds_up() {
        let input = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]], &Backend::flex());
        close(
            max_pool(input, Operator::MaxPool2, Device::Reference),
            Tensor::from_floats([[[[5.0, 6.0], [8.0, 9.0]]]], &Backend::flex()),
        );
    }
}
