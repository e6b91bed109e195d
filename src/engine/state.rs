//! The state of a model: every number that its next step depends on, each array under the name of its parameter.

use std::collections::BTreeMap;

use super::Error;
use crate::network::{Operator, Plan, Step};

/// An array of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// What it is, such as `stack0.cell0.vertex1.kernel`.
    pub name: String,
    /// Its length along each axis.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// The state of a model: its parameters, the running statistics of batch normalisation, and the optimizer's memory.
///
/// The same for every engine: what one engine saved another one may go on with.
///
/// # Shapes
///
/// - parameters: `….kernel` `[out, in, side, side]`, `….scale` and `….offset` `[out]` of each convolution, `dense.matrix`
///   `[in, classes]`, `dense.bias` `[classes]`
/// - statistics: `….mean` and `….variance` `[out]` of each convolution
/// - memory: `….momentum` and `….mean_square` of each parameter, of its shape
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    parameters: Vec<Array>,
    statistics: Vec<Array>,
    memory: Vec<Array>,
}

impl State {
    /// Names the numbers of a model of a plan.
    ///
    /// # Shapes
    ///
    /// - `parameters`: as those of [`initial`](super::initial)
    /// - `statistics`: mean and variance of each convolution in turn
    /// - `memory`: momentum and mean square of each parameter in turn
    pub(super) fn new(plan: &Plan, parameters: Vec<Vec<f32>>, statistics: Vec<Vec<f32>>, memory: Vec<Vec<f32>>) -> Self {
        let [own, running, remembered] = named_shapes(plan);
        let arrays = |named: Vec<NamedShape>, values: Vec<Vec<f32>>| {
            debug_assert_eq!(named.len(), values.len(), "an array for each name");
            named.into_iter().zip(values).map(|((name, shape), values)| Array { name, shape, values }).collect()
        };
        let (parameters, statistics) = (arrays(own, parameters), arrays(running, statistics));
        Self { parameters, statistics, memory: arrays(remembered, memory) }
    }

    /// Makes a state of the arrays of a file; the memory of the optimizer may be missing as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] for the first array that the plan has and the file lacks or has in another shape, or that the file has
    /// beyond the plan.
    pub fn from_arrays(plan: &Plan, arrays: Vec<Array>) -> Result<Self, Error> {
        let [own, running, remembered] = named_shapes(plan);
        let mut arrays: BTreeMap<_, _> = arrays.into_iter().map(|array| (array.name.clone(), array)).collect();
        let parameters = take(&mut arrays, own)?;
        let statistics = take(&mut arrays, running)?;
        let memory = if arrays.is_empty() { Vec::new() } else { take(&mut arrays, remembered)? };
        match arrays.into_values().next() {
            Some(array) => Err(mismatch(&array.name, None, Some(&array))),
            None => Ok(Self { parameters, statistics, memory }),
        }
    }

    /// Returns an error unless the state is one of the plan.
    ///
    /// # Errors
    ///
    /// [`Error::Array`] for the first array that differs.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let [own, running, remembered] = named_shapes(plan);
        let remembered = if self.memory.is_empty() { Vec::new() } else { remembered };
        let parts = [(own, &self.parameters), (running, &self.statistics), (remembered, &self.memory)];
        for (named, arrays) in parts {
            for (position, (name, shape)) in named.iter().enumerate() {
                let found = arrays.get(position).filter(|array| array.name == *name);
                if found.is_none_or(|array| array.shape != *shape) {
                    return Err(mismatch(name, Some(shape), found));
                }
            }
            if let Some(array) = arrays.get(named.len()) {
                return Err(mismatch(&array.name, None, Some(array)));
            }
        }
        Ok(())
    }

    /// Every array, in a fixed order.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.parameters.iter().chain(&self.statistics).chain(&self.memory)
    }

    /// The parameters, in the order of [`initial`](super::initial).
    #[must_use]
    pub fn parameters(&self) -> &[Array] {
        &self.parameters
    }

    /// Mean and variance of each convolution in turn.
    #[must_use]
    pub fn statistics(&self) -> &[Array] {
        &self.statistics
    }

    /// Momentum and mean square of each parameter in turn; empty if the state is for evaluation only.
    #[must_use]
    pub fn memory(&self) -> &[Array] {
        &self.memory
    }

    /// The state without what only a training needs.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Self { memory: Vec::new(), ..self }
    }
}

/// The name of an array and its shape.
type NamedShape = (String, Vec<usize>);

/// The arrays of a model: its parameters, its running statistics, and the optimizer's memory.
fn named_shapes(plan: &Plan) -> [Vec<NamedShape>; 3] {
    let named =
        |step: &Step| step.parameters().into_iter().map(|(what, shape)| (format!("{}.{what}", step.name), shape)).collect();
    let parameters: Vec<_> = plan.steps().iter().flat_map::<Vec<_>, _>(named).collect();
    let is_convolution = |step: &&Step| matches!(step.operator, Operator::Convolution { .. });
    let running = |step: &Step| ["mean", "variance"].map(|what| (format!("{}.{what}", step.name), vec![step.output.channels]));
    let statistics = plan.steps().iter().filter(is_convolution).flat_map(running).collect();
    let remembered =
        |(name, shape): &NamedShape| ["momentum", "mean_square"].map(|what| (format!("{name}.{what}"), shape.clone()));
    let memory = parameters.iter().flat_map(remembered).collect();
    [parameters, statistics, memory]
}

fn take(arrays: &mut BTreeMap<String, Array>, named: Vec<NamedShape>) -> Result<Vec<Array>, Error> {
    let one = |(name, shape): NamedShape| match arrays.remove(&name) {
        Some(array) if array.shape == shape && array.values.len() == shape.iter().product::<usize>() => Ok(array),
        other => Err(mismatch(&name, Some(&shape), other.as_ref())),
    };
    named.into_iter().map(one).collect()
}

fn mismatch(name: &str, expected: Option<&[usize]>, found: Option<&Array>) -> Error {
    let text = |shape: &[usize]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let [expected, found] =
        [expected, found.map(|array| &*array.shape)].map(|shape| shape.map_or("no such array".to_owned(), text));
    Error::Array { name: name.to_owned(), expected, found }
}
