//! The states of all models of a stack.

use super::device::{Binding, to_bytes};
use super::layout::{ModelLayout, NONE};
use super::{Stack, usize_of};
use crate::engine::{Error, State};
use crate::network::Plan;

impl Stack {
    /// Everything that the next step of each model depends on.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if the device stops answering.
    pub fn states(&self) -> Result<Vec<State>, Error> {
        let weights = usize_of(self.layout.weights);
        let [weights, momenta, mean_squares] =
            [Binding::Weights, Binding::Momenta, Binding::MeanSquares].map(|binding| self.gpu.read_floats(binding, 0..weights));
        let (weights, momenta, mean_squares) = (weights?, momenta?, mean_squares?);
        let running = self.gpu.read_floats(Binding::Running, 0..2 * usize_of(self.layout.channels))?;
        let state = |(plan, model): (&Plan, &ModelLayout)| {
            let arrays = || model.parameters.windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
            let tables = model.regions.iter().filter(|region| region.table != NONE);
            let statistics = tables.flat_map(|region| {
                let own = &running[2 * region.table as usize..][..2 * region.shape.channels];
                [0, 1].map(|which| own.iter().skip(which).step_by(2).copied().collect())
            });
            let memory = arrays().flat_map(|range| [momenta[range.clone()].to_vec(), mean_squares[range].to_vec()]);
            State::new(plan, arrays().map(|range| weights[range].to_vec()).collect(), statistics.collect(), memory.collect())
        };
        Ok(self.plans.iter().zip(&self.layout.models).map(state).collect())
    }

    /// Restores the state of every model. Without the memory of the optimizer the optimizer starts anew.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] if one is the state of another network; then all stay as they were.
    pub fn restore(&mut self, states: &[State]) -> Result<(), Error> {
        for (plan, state) in self.plans.iter().zip(states) {
            state.check(plan)?;
        }
        let bytes = |values: &[f32]| to_bytes(values.iter().map(|value| value.to_bits()));
        for (model, state) in self.layout.models.iter().zip(states) {
            for (number, array) in state.parameters().iter().enumerate() {
                let (first, length) = (model.parameters[number] as usize, array.values.len());
                self.gpu.write(Binding::Weights, first, &bytes(&array.values));
                let memory = state.memory().get(2 * number..2 * number + 2);
                let [momentum, mean_square] =
                    memory.map_or([vec![0.0; length], vec![1.0; length]], |pair| [0, 1].map(|which| pair[which].values.clone()));
                self.gpu.write(Binding::Momenta, first, &bytes(&momentum));
                self.gpu.write(Binding::MeanSquares, first, &bytes(&mean_square));
            }
            let tables = model.regions.iter().filter(|region| region.table != NONE);
            for (region, pair) in tables.zip(state.statistics().chunks_exact(2)) {
                let pairs = pair[0].values.iter().zip(&pair[1].values).flat_map(|(mean, variance)| [*mean, *variance]);
                self.gpu.write(Binding::Running, 2 * region.table as usize, &bytes(&pairs.collect::<Vec<_>>()));
            }
        }
        Ok(())
    }
}
