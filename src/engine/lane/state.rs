//! The state of a model in lanes, and the memory that it needs.

use super::arrangement::Arrangement;
use super::group::{Group, Member};
use super::layout::LANES;
use super::schedule::Schedule;
use super::update::OptimizerState;
use super::{Model, groups};
use crate::engine::{Array, Error, State};
use crate::network::Plan;

impl Model {
    /// Everything that the next step depends on.
    pub(in crate::engine) fn state(&self) -> State {
        let mut members: Vec<&Member> = self.groups.iter().flat_map(|group| &group.members).collect();
        members.sort_unstable_by_key(|member| member.number);
        let statistics = members.iter().flat_map(|one| [one.mean.clone(), one.variance.clone()]).collect();
        let memory = self.memory.iter().flat_map(|one| [one.momentum.clone(), one.mean_square.clone()]).collect();
        State::new(&self.plan, self.parameters.clone(), statistics, memory)
    }

    /// Restores a state.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if it is the state of another network.
    pub(in crate::engine) fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.check(&self.plan)?;
        let values = |array: &Array| array.values.clone();
        self.parameters = state.parameters().iter().map(values).collect();
        for member in self.groups.iter_mut().flat_map(|group| &mut group.members) {
            let [mean, variance] = [0, 1].map(|which| values(&state.statistics()[2 * member.number + which]));
            (member.mean, member.variance) = (mean, variance);
        }
        let remembered = |pair: &[Array]| OptimizerState { momentum: values(&pair[0]), mean_square: values(&pair[1]) };
        let mut memory = state.memory().chunks_exact(2).map(remembered);
        let memory = |values: &Vec<f32>| memory.next().unwrap_or_else(|| OptimizerState::new(values.len()));
        self.memory = self.parameters.iter().map(memory).collect();
        self.groups.iter_mut().for_each(|group| group.pack(&self.parameters));
        Ok(())
    }

    /// The bytes that a model in training takes for a batch: what [`new`](Self::new) and [`reserve`](Self::reserve) allocate.
    pub(in crate::engine) fn bytes(plan: &Plan, batch: usize) -> u64 {
        let schedule = Schedule::new(plan);
        let arrangement = Arrangement::new(plan, &schedule);
        let blocks = batch.div_ceil(LANES) as u64;
        let ends = plan.steps().last().map_or(0, |step| step.input_channels() + step.output.channels) * LANES;
        // Weights, their gradients and the optimizer's two numbers each.
        let parameters = 4 * u64::from(plan.cost().parameters.0);
        let scratch = arrangement.values.slot(0).plane.len() as u64;
        let slots = [&arrangement.values, &arrangement.grads].map(|slots| slots.len(blocks));
        let groups = groups(&schedule, &arrangement).map(|(steps, input)| Group::len(plan, steps, input, blocks));
        let numbers = [parameters, scratch, blocks.saturating_mul(ends as u64)].into_iter().chain(slots).chain(groups);
        numbers.fold(0, u64::saturating_add).saturating_mul(4)
    }

    /// The bytes that are allocated, counted one by one.
    #[cfg(test)]
    pub(in crate::engine) fn allocated(&self) -> u64 {
        // The plan, where its buffers stand and who comes first are a few bytes for each step. A new field must be counted.
        let Self {
            plan: _, settings: _, arch: _, schedule: _, arrangement: _, fresh: _, blocks: _, parameters, gradients, ..
        } = self;
        let Self { groups, memory, values, grads, means, logits, scratch, .. } = self;
        let lists = |lists: &[Vec<f32>]| lists.iter().map(Vec::len).sum::<usize>();
        let mut numbers = lists(parameters) + lists(gradients) + scratch.len() + means.len() + logits.len();
        numbers += memory.iter().map(|one| one.momentum.len() + one.mean_square.len()).sum::<usize>();
        numbers += values.iter().chain(grads).map(super::layout::Numbers::len).sum::<usize>();
        for group in groups {
            numbers +=
                group.raw.len() + group.input_band.len() + group.grad_band.len() + group.sums.len() + group.kernel_grad.len();
            numbers += group.members.iter().map(|one| one.mean.len() + one.variance.len()).sum::<usize>();
            // Both packed kernels have the numbers of the kernels.
            numbers += group.members.iter().map(|one| 2 * parameters[3 * one.number].len()).sum::<usize>();
            numbers += (2 * size_of_val(&group.channels[..]) + size_of_val(&group.slopes[..])) / 4;
        }
        4 * numbers as u64
    }
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
