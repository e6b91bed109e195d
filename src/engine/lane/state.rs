//! The state of a model in lanes, and the memory that it needs.

use super::arrangement::Arrangement;
use super::layout::{LANES, Plane};
use super::normalise::{Channel, Slope};
use super::update::Memory;
use super::{Model, convolution_steps};
use crate::engine::{Array, Error, State};
use crate::network::{Operator, Plan, Step};

impl Model {
    /// Everything that the next step depends on.
    pub(in crate::engine) fn state(&self) -> State {
        let statistics = self.convolutions.iter().flat_map(|one| [one.mean.clone(), one.variance.clone()]).collect();
        let memory = self.memory.iter().flat_map(|one| [one.momentum.clone(), one.mean_square.clone()]).collect();
        State::new(&self.plan, self.parameters.clone(), statistics, memory)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if it is the state of another network.
    pub(in crate::engine) fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.check(&self.plan)?;
        let values = |array: &Array| array.values.clone();
        self.parameters = state.parameters().iter().map(values).collect();
        for (convolution, pair) in self.convolutions.iter_mut().zip(state.statistics().chunks_exact(2)) {
            (convolution.mean, convolution.variance) = (values(&pair[0]), values(&pair[1]));
        }
        let remembered = |pair: &[Array]| Memory { momentum: values(&pair[0]), mean_square: values(&pair[1]) };
        self.memory = if state.memory().is_empty() {
            self.parameters.iter().map(|values| Memory::new(values.len())).collect()
        } else {
            state.memory().chunks_exact(2).map(remembered).collect()
        };
        self.pack();
        Ok(())
    }

    /// The bytes that a model in training takes for a batch: what [`new`](Self::new) and [`reserve`](Self::reserve) allocate.
    pub(in crate::engine) fn bytes(plan: &Plan, batch: usize) -> u64 {
        let arrangement = Arrangement::new(plan);
        let blocks = batch.div_ceil(LANES) as u64;
        let stores: u64 = arrangement.stores().iter().map(|store| store.len() as u64).sum();
        let largest = arrangement.stores().iter().map(|store| store.plane_len()).max().unwrap_or(0);
        let raw = |step: &Step| {
            let plane = Plane { height: step.output.height, width: step.output.width };
            (step.output.channels * plane.len()) as u64
        };
        let raw: u64 = convolution_steps(plan).map(raw).sum();
        let ends = plan.steps().last().map_or(0, |step| step.input_channels() + step.output.channels) * LANES;
        let of_block = 2 * stores + raw + ends as u64;
        // Weights, their gradients and the optimizer's two numbers each.
        let parameters = 4 * u64::from(plan.cost().parameters.0);
        let convolutions: u64 = convolution_steps(plan).map(of_convolution).sum();
        let numbers = parameters + convolutions + 2 * largest as u64;
        blocks.saturating_mul(of_block).saturating_add(numbers).saturating_mul(4)
    }

    /// The bytes that are allocated, counted one by one.
    #[cfg(test)]
    pub(in crate::engine) fn allocated(&self) -> u64 {
        // The plan, where its buffers stand and who comes first are a few bytes for each step. A new field must be counted.
        let Self { plan: _, settings: _, arch: _, arrangement: _, fresh: _, blocks: _, parameters, gradients, memory, .. } = self;
        let Self { convolutions, values, changes, ends, scratch, .. } = self;
        let lists = |lists: &[Vec<f32>]| lists.iter().map(Vec::len).sum::<usize>();
        let mut numbers = lists(parameters) + lists(gradients) + scratch.len() + ends.means.len() + ends.logits.len();
        numbers += memory.iter().map(|one| one.momentum.len() + one.mean_square.len()).sum::<usize>();
        numbers += values.iter().chain(changes).map(super::layout::Numbers::len).sum::<usize>();
        for one in convolutions {
            // Both packed kernels have the numbers of the kernel.
            let kernel = 2 * parameters[one.parameter].len();
            numbers += kernel + one.raw.len() + one.mean.len() + one.variance.len() + one.sums.len() + one.of_kernel.len();
            numbers += (size_of_val(&one.channels[..]) + size_of_val(&one.slopes[..])) / 4;
        }
        4 * numbers as u64
    }
}

/// The numbers of a convolution beside its parameters and its batch.
fn of_convolution(step: &Step) -> u64 {
    let Operator::Convolution { kernel: side } = step.operator else { return 0 };
    let (from, to) = (step.input_channels() as u64, step.output.channels as u64);
    let kernel = (side * side) as u64 * from * to;
    let of_channel = 2 + 2 * LANES + (size_of::<Channel>() + size_of::<(Channel, Slope)>()) / 4;
    // Packed forward and backward, and the gradient lane by lane.
    (2 + LANES as u64) * kernel + of_channel as u64 * to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::engine::{Optimizer, Settings};
    use crate::network::Skeleton;
    use crate::space::Space;
    use crate::unit::Seed;

    #[test]
    fn a_model_allocates_what_it_announces() {
        let image = ImageShape { channels: 3, height: 7, width: 6 };
        let skeleton = Skeleton { image, classes: 10, stem_channels: 6, stacks: 2, cells_per_stack: 2, equal_flops: None };
        let optimizer = Optimizer::Nesterov { momentum: 0.9 };
        let settings = Settings { optimizer, weight_decay: 0.0, batch_norm_momentum: 0.9, batch_norm_epsilon: 1e-5 };
        for cell in Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap() {
            let plan = Plan::compile(&cell, &skeleton).unwrap();
            for batch in [1, 37] {
                let mut model = Model::new(plan.clone(), settings, Seed(1));
                model.reserve(batch);
                assert_eq!(model.allocated(), Model::bytes(&plan, batch), "{cell}, batch {batch}");
                // Neither an evaluation nor a step needs more.
                model.logits(&vec![0.5; image.values()], 1);
                model.step(&vec![0.5; batch * image.values()], &vec![1; batch], 0.1);
                assert_eq!(model.allocated(), Model::bytes(&plan, batch), "{cell}, batch {batch}");
            }
        }
    }
}
