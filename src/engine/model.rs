//! A model in training, on whichever engine its device has.

use super::burn::Model as Tensors;
use super::lane::Model as Lanes;
use super::{Device, Error, Settings, State, StepReport};
use crate::network::Plan;
use crate::unit::Seed;

/// A model in training: its parameters, the optimizer's memory and the statistics of batch normalisation.
#[derive(Debug)]
pub struct Model(Engine);

#[derive(Debug)]
enum Engine {
    Lane(Box<Lanes>),
    Burn(Box<Tensors>),
}

impl Model {
    /// Builds the model of a plan with the initial weights of a seed.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuilt`] or [`Error::NoDevice`] if the device cannot be used.
    pub fn new(plan: Plan, settings: Settings, seed: Seed, device: Device) -> Result<Self, Error> {
        Ok(Self(match device {
            Device::Cpu => Engine::Lane(Box::new(Lanes::new(plan, settings, seed))),
            Device::Reference | Device::Gpu { .. } | Device::Cuda { .. } => {
                Engine::Burn(Box::new(Tensors::new(plan, settings, seed, device)?))
            }
        }))
    }

    /// Reserves the memory for batches of `images` images before the first of them.
    ///
    /// A model that is to be trained and is evaluated first takes no more memory than [`bytes`](Self::bytes) says only with its
    /// batch reserved: what the allocator gave for a smaller one it may keep.
    pub fn reserve(&mut self, images: usize) {
        match &mut self.0 {
            Engine::Lane(model) => model.reserve(images),
            // Its tensors come and go with each step.
            Engine::Burn(_) => {}
        }
    }

    /// Takes one step of the optimizer on a batch.
    ///
    /// # Shapes
    ///
    /// - `images`: `[n, channels, height, width]`, row-major
    /// - `labels`: `[n]`
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    ///
    /// # Panics
    ///
    /// Panics if the lengths do not agree with the plan, or there are no images.
    pub fn step(&mut self, images: &[f32], labels: &[u8], learning_rate: f64) -> Result<StepReport, Error> {
        match &mut self.0 {
            Engine::Lane(model) => Ok(model.step(images, labels, learning_rate)),
            Engine::Burn(model) => model.step(images, labels, learning_rate),
        }
    }

    /// Counts the images that the model classifies correctly, with the running statistics of batch normalisation.
    ///
    /// # Shapes
    ///
    /// As [`step`](Self::step).
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn count_correct(&mut self, images: &[f32], labels: &[u8]) -> Result<usize, Error> {
        match &mut self.0 {
            Engine::Lane(model) => Ok(model.count_correct(images, labels)),
            Engine::Burn(model) => model.count_correct(images, labels),
        }
    }

    /// Computes the logits of `n` images.
    ///
    /// # Shapes
    ///
    /// - `images`: `[n, channels, height, width]`, row-major
    /// - returns: `[n, classes]`, row-major
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn logits(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, Error> {
        match &mut self.0 {
            Engine::Lane(model) => Ok(model.logits(images, n)),
            Engine::Burn(model) => model.logits(images, n),
        }
    }

    /// The parameters, in the order of [`initial`](super::initial).
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn parameters(&self) -> Result<Vec<Vec<f32>>, Error> {
        match &self.0 {
            Engine::Lane(model) => Ok(model.parameters().to_vec()),
            Engine::Burn(model) => model.parameters(),
        }
    }

    /// Everything that the next step depends on, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn state(&self) -> Result<State, Error> {
        match &self.0 {
            Engine::Lane(model) => Ok(model.state()),
            Engine::Burn(model) => model.state(),
        }
    }

    /// Restores a state. Without the memory of the optimizer the optimizer starts anew.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if it is the state of another network; the model stays as it was.
    pub fn restore(&mut self, state: &State) -> Result<(), Error> {
        match &mut self.0 {
            Engine::Lane(model) => model.restore(state),
            Engine::Burn(model) => model.restore(state),
        }
    }

    /// The bytes that a model in training takes: its parameters with all that belongs to them, and what a step keeps of a batch.
    ///
    /// Of the processor's own engine exactly what it allocates; of burn an estimate from above.
    #[must_use]
    pub fn bytes(plan: &Plan, batch: usize, device: Device) -> u64 {
        match device {
            Device::Cpu => Lanes::bytes(plan, batch),
            Device::Reference | Device::Gpu { .. } | Device::Cuda { .. } => Tensors::bytes(plan, batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::dataset::ImageShape;
    use crate::engine::{Array, Optimizer};
    use crate::network::Skeleton;
    use crate::space::{Cell, Operation, Sampler, Space};

    /// A rule under which a step of rate 1 subtracts the gradient itself.
    fn plain() -> Settings {
        settings(Optimizer::Nesterov { momentum: 0.0 }, 0.0)
    }

    fn settings(optimizer: Optimizer, weight_decay: f64) -> Settings {
        Settings { optimizer, weight_decay, batch_norm_momentum: 0.9, batch_norm_epsilon: 1e-5 }
    }

    fn skeleton((channels, height, width): (usize, usize, usize), stem_channels: usize) -> Skeleton {
        Skeleton {
            image: ImageShape { channels, height, width },
            classes: 10,
            stem_channels,
            stacks: 2,
            cells_per_stack: 1,
            equal_flops: None,
        }
    }

    fn both(cell: &Cell, skeleton: &Skeleton, settings: Settings) -> [Model; 2] {
        [Device::Reference, Device::Cpu].map(|device| {
            let plan = Plan::compile(cell, skeleton).unwrap();
            Model::new(plan, settings, Seed(3), device).unwrap()
        })
    }

    fn batch(skeleton: &Skeleton, n: u8, seed: u64) -> (Vec<f32>, Vec<u8>) {
        let mut rng = Seed(seed).rng();
        let images = (0..usize::from(n) * skeleton.image.values()).map(|_| rng.random_range(-2.0..2.0)).collect();
        (images, (0..n).map(|i| i % 10).collect())
    }

    /// The greatest absolute value; NaN if one is no number, which `f64::max` would pass over.
    fn largest(values: impl Iterator<Item = f32>) -> f64 {
        values.map(|value| f64::from(value).abs()).fold(0.0, larger)
    }

    fn larger(one: f64, other: f64) -> f64 {
        if one.is_nan() || other.is_nan() { f64::NAN } else { one.max(other) }
    }

    /// What a model subtracts from each of its parameters in a step of rate 1: its gradients.
    fn gradients(cell: &Cell, skeleton: &Skeleton, device: Device, images: &[f32], labels: &[u8]) -> Vec<Vec<f32>> {
        // A rate so large that the old weights round nothing away from the gradient.
        const RATE: f64 = 1_000.0;
        let plan = Plan::compile(cell, skeleton).unwrap();
        let mut model = Model::new(plan, plain(), Seed(3), device).unwrap();
        let before = model.parameters().unwrap();
        model.step(images, labels, RATE).unwrap();
        let after = model.parameters().unwrap();
        before.iter().zip(&after).map(|(old, new)| old.iter().zip(new).map(|(old, new)| old - new).collect()).collect()
    }

    /// The greatest difference between two gradients of a parameter, as a share of the greatest gradient of that parameter.
    fn error(expected: &[Vec<f32>], found: &[Vec<f32>]) -> f64 {
        let of_all = largest(expected.iter().flatten().copied());
        let of_parameter = |(expected, found): (&Vec<f32>, &Vec<f32>)| {
            // A gradient that is zero in theory is one of rounding errors: it is held against that of all parameters.
            let greatest = largest(expected.iter().copied()).max(1e-3 * of_all);
            largest(expected.iter().zip(found).map(|(a, b)| a - b)) / greatest
        };
        expected.iter().zip(found).map(of_parameter).fold(0.0, larger)
    }

    /// How many batches were needed until the lane's gradients of a cell were those of the reference.
    ///
    /// Where the two greatest pixels of a pooling window are a rounding error apart, or one is that near to the bend of a ReLU,
    /// the engines may take different branches and both be right. A batch is passed over for that only if the gradients of
    /// the reference alone jump at least half as far when the values of its images change by a millionth.
    fn batches_until_equal(cell: &Cell, skeleton: &Skeleton, n: u8) -> u64 {
        const BOUND: f64 = 1e-4;
        for seed in 5..8 {
            let (images, labels) = batch(skeleton, n, seed);
            let of = |device, images: &[f32]| gradients(cell, skeleton, device, images, &labels);
            let expected = of(Device::Reference, &images);
            let found = error(&expected, &of(Device::Cpu, &images));
            if found <= BOUND {
                return seed - 4;
            }
            let mut rng = Seed(seed).rng();
            let mut jump = || {
                let near: Vec<f32> = images.iter().map(|value| value * rng.random_range(1.0 - 1e-6..1.0 + 1e-6)).collect();
                error(&expected, &of(Device::Reference, &near))
            };
            let farthest = (0..128).map(|_| jump()).fold(0.0, f64::max);
            assert!(farthest > found / 2.0, "{cell}: the gradients differ by {found} and jump by {farthest} only, {skeleton:?}");
        }
        panic!("{cell}: the gradients differ on three batches, {skeleton:?}");
    }

    fn drawn(n: usize) -> Vec<Cell> {
        let space = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        let mut rng = Seed(11).rng();
        (0..n).map(|_| space.cell(&Sampler::Official.draw(&space, &mut rng)).unwrap()).collect()
    }

    #[test]
    fn gradients_are_those_of_the_reference() {
        let small = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        for (shape, stem_channels, n) in [((1, 8, 8), 8, 32), ((3, 7, 9), 7, 21)] {
            let skeleton = skeleton(shape, stem_channels);
            let cells: Vec<_> = small.iter().copied().chain(drawn(70)).collect();
            let again = cells.iter().filter(|cell| batches_until_equal(cell, &skeleton, n) > 1).count();
            assert!(again <= 5, "{again} of {} cells needed a second batch, {shape:?}", cells.len());
        }
    }

    #[test]
    fn gradients_of_images_in_several_bands_are_those_of_the_reference() {
        let small = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
        // So many channels that the lane cuts the 19 rows into bands of four and five, and the 10 of the second stack into others.
        let skeleton = skeleton((3, 19, 5), 48);
        for cell in small.into_iter().chain(drawn(6)) {
            batches_until_equal(&cell, &skeleton, 3);
        }
    }

    #[test]
    fn the_first_losses_are_those_of_the_reference() {
        let official = Optimizer::RmsProp { decay: 0.9, momentum: 0.9, epsilon: 1.0 };
        let skeleton = skeleton((1, 14, 14), 8);
        for optimizer in [official, Optimizer::Nesterov { momentum: 0.9 }] {
            for cell in &drawn(6) {
                let [mut reference, mut lane] = both(cell, &skeleton, settings(optimizer, 1e-4));
                for step in 0..3 {
                    let (images, labels) = batch(&skeleton, 50, step);
                    let [expected, found] = [&mut reference, &mut lane].map(|model| model.step(&images, &labels, 0.05).unwrap());
                    let error = (found.loss / expected.loss - 1.0).abs();
                    assert!(error <= 1e-4, "{cell}, step {step}: {found:?}, expected {expected:?}");
                }
                let (images, _) = batch(&skeleton, 20, 9);
                let [expected, found] = [&mut reference, &mut lane].map(|model| model.logits(&images, 20).unwrap());
                let difference = largest(expected.iter().zip(&found).map(|(a, b)| a - b));
                assert!(difference < 0.02, "{cell}: the logits differ by {difference}");
            }
        }
    }

    #[test]
    fn a_model_goes_on_from_a_state_bit_for_bit_on_either_engine() {
        let skeleton = skeleton((1, 6, 6), 8);
        let official = Optimizer::RmsProp { decay: 0.9, momentum: 0.9, epsilon: 1.0 };
        for optimizer in [official, Optimizer::Nesterov { momentum: 0.9 }] {
            let models = || both(&drawn(1)[0], &skeleton, settings(optimizer, 1e-4));
            for (mut model, mut other) in models().into_iter().zip(models()) {
                for step in 0..2 {
                    let (images, labels) = batch(&skeleton, 21, step);
                    model.step(&images, &labels, 0.1).unwrap();
                }
                let state = model.state().unwrap();
                other.restore(&state).unwrap();
                assert_eq!(other.state().unwrap(), state);
                for step in 2..4 {
                    let (images, labels) = batch(&skeleton, 21, step);
                    let [expected, found] = [&mut model, &mut other].map(|model| model.step(&images, &labels, 0.1).unwrap());
                    assert_eq!(expected, found);
                }
                assert_eq!(model.state().unwrap(), other.state().unwrap());
                let (images, _) = batch(&skeleton, 21, 9);
                assert_eq!(model.logits(&images, 21).unwrap(), other.logits(&images, 21).unwrap());
            }
        }
    }

    #[test]
    fn a_state_goes_from_one_engine_to_the_other() {
        let skeleton = skeleton((1, 6, 6), 8);
        let [mut reference, mut lane] = both(&drawn(1)[0], &skeleton, settings(Optimizer::Nesterov { momentum: 0.9 }, 1e-4));
        let (images, labels) = batch(&skeleton, 20, 1);
        lane.step(&images, &labels, 0.1).unwrap();
        reference.restore(&lane.state().unwrap()).unwrap();
        assert_eq!(reference.state().unwrap(), lane.state().unwrap());
        let [expected, found] = [&mut reference, &mut lane].map(|model| model.logits(&images, 20).unwrap());
        assert!(expected.iter().zip(&found).all(|(one, other)| (one - other).abs() < 1e-3), "{expected:?} {found:?}");
    }

    #[test]
    fn the_state_of_another_network_is_refused() {
        let cell = drawn(1)[0];
        let [mut reference, mut lane] = both(&cell, &skeleton((1, 6, 6), 8), plain());
        let [_, other] = both(&cell, &skeleton((1, 6, 6), 9), plain());
        let state = other.state().unwrap();
        for model in [&mut reference, &mut lane] {
            let before = model.state().unwrap();
            let message = model.restore(&state).unwrap_err().to_string();
            assert_eq!(message, "the array `stem.kernel` is 9 × 1 × 3 × 3, the network expects 8 × 1 × 3 × 3");
            assert_eq!(model.state().unwrap(), before);
        }
    }

    #[test]
    fn arrays_make_a_state_again_and_a_missing_one_is_named() {
        let skeleton = skeleton((1, 6, 6), 8);
        let cell = drawn(1)[0];
        let plan = Plan::compile(&cell, &skeleton).unwrap();
        let [_, model] = both(&cell, &skeleton, plain());
        let state = model.state().unwrap();
        let arrays: Vec<_> = state.arrays().cloned().collect();
        assert_eq!(State::from_arrays(&plan, arrays.iter().rev().cloned().collect()).unwrap(), state);
        let bare = state.clone().without_memory();
        assert_eq!(State::from_arrays(&plan, bare.arrays().cloned().collect()).unwrap(), bare);
        let message = |arrays: Vec<Array>| State::from_arrays(&plan, arrays).unwrap_err().to_string();
        assert_eq!(message(arrays[1..].to_vec()), "the array `stem.kernel` is no such array, the network expects 8 × 1 × 3 × 3");
        let more = arrays.iter().cloned().chain([Array { name: "x".to_owned(), shape: vec![1], values: vec![0.0] }]);
        assert_eq!(message(more.collect()), "the array `x` is 1, the network expects no such array");
    }

    #[test]
    fn images_beside_it_in_a_block_do_not_change_an_answer() {
        let skeleton = skeleton((1, 6, 6), 8);
        let [_, mut model] = both(&drawn(1)[0], &skeleton, plain());
        let (images, _) = batch(&skeleton, 37, 2);
        let all = model.logits(&images, 37).unwrap();
        let alone = model.logits(&images[36 * skeleton.image.values()..], 1).unwrap();
        assert_eq!(all[36 * 10..], alone);
    }
}
