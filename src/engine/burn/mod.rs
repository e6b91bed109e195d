//! The engine that runs a plan as tensors of burn: the reference, and the one that reaches GPUs.

mod layers;
mod state;

use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device as Backend, Tensor, TensorData};

use layers::{avg_pool3, convolution, max_pool};

use super::{Device, Error, Optimizer, Settings, StepReport};
use crate::network::{Operator, Plan, Step};
use crate::unit::Seed;

/// A model in training: its parameters, the optimizer's memory and the statistics of batch normalisation.
#[derive(Debug)]
pub(super) struct Model {
    plan: Plan,
    settings: Settings,
    device: Device,
    backend: Backend,
    parameters: Vec<Tensor<1>>,
    memory: Vec<OptimizerState>,
    statistics: Vec<Statistics>,
}

/// What the optimizer keeps of one array of parameters.
#[derive(Debug)]
struct OptimizerState {
    momentum: Tensor<1>,
    mean_square: Tensor<1>,
}

impl OptimizerState {
    /// The state of `length` numbers before the first step.
    fn new(length: usize, backend: &Backend) -> Self {
        let [momentum, mean_square] = [0.0, 1.0].map(|value| vector(vec![value; length], backend));
        Self { momentum, mean_square }
    }
}

/// Mean and variance of each channel before a batch normalisation.
#[derive(Debug)]
struct Statistics {
    mean: Tensor<1>,
    variance: Tensor<1>,
}

impl Model {
    /// Builds the model of a plan with the initial weights of a seed.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuilt`] or [`Error::NoDevice`] if the device cannot be used.
    pub(super) fn new(plan: Plan, settings: Settings, seed: Seed, device: Device) -> Result<Self, Error> {
        let backend = open(device)?;
        let weights = super::initial(&plan, seed);
        let memory = weights.iter().map(|values| OptimizerState::new(values.len(), &backend)).collect();
        let convolutions = plan.steps().iter().filter(|step| matches!(step.operator, Operator::Convolution { .. }));
        let statistics = convolutions.map(|step| {
            let [mean, variance] = [0.0, 1.0].map(|value| vector(vec![value; step.output.channels], &backend));
            Statistics { mean, variance }
        });
        let statistics = statistics.collect();
        let parameters = weights.into_iter().map(|values| vector(values, &backend).autodiff().require_grad()).collect();
        Ok(Self { plan, settings, device, backend, parameters, memory, statistics })
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
    /// Panics if the lengths do not agree with the plan.
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^24 images")]
    pub(super) fn step(&mut self, images: &[f32], labels: &[u8], learning_rate: f64) -> Result<StepReport, Error> {
        let images = self.images(images, labels.len()).autodiff();
        let mut observed = Vec::with_capacity(self.statistics.len());
        let (parameters, epsilon) = (&self.parameters, self.settings.batch_norm_epsilon);
        let logits = forward(&self.plan, parameters, images, self.device, |input, index, gamma, beta| {
            let normalised = batch_norm_train(input, gamma, beta, epsilon);
            debug_assert_eq!(index, observed.len());
            observed.push(Statistics { mean: normalised.mean.inner(), variance: normalised.variance.inner() });
            normalised.output
        });
        let loss = (log_softmax(logits.clone(), 1) * self.one_hot(labels).autodiff()).sum() / -(labels.len() as f32);
        let mut gradients = loss.backward();
        let gradients: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| {
                let gradient = parameter.grad_remove(&mut gradients).expect("every parameter takes part in the loss");
                gradient + parameter.clone().inner() * self.settings.weight_decay
            })
            .collect();
        let squares = gradients.iter().map(|gradient| (gradient.clone() * gradient.clone()).sum()).reduce(|a, b| a + b);
        let gradient_norm = self.read(squares.expect("a model has parameters"))?[0].sqrt();
        self.update(gradients, learning_rate);
        self.follow(observed);
        let loss = self.read(loss.inner())?[0];
        let correct = count_correct(&self.read(logits.inner())?, labels);
        Ok(StepReport { loss, correct, gradient_norm })
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
    pub(super) fn count_correct(&self, images: &[f32], labels: &[u8]) -> Result<usize, Error> {
        Ok(count_correct(&self.logits(images, labels.len())?, labels))
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
    pub(super) fn logits(&self, images: &[f32], n: usize) -> Result<Vec<f32>, Error> {
        let parameters: Vec<_> = self.parameters.iter().map(|parameter| parameter.clone().inner()).collect();
        let epsilon = self.settings.batch_norm_epsilon;
        let logits = forward(&self.plan, &parameters, self.images(images, n), self.device, |input, index, gamma, beta| {
            let Statistics { mean, variance } = &self.statistics[index];
            batch_norm(input, gamma, beta, mean.clone(), variance.clone(), epsilon)
        });
        self.read(logits)
    }

    /// The parameters, in the order of [`initial`](super::initial).
    pub(super) fn parameters(&self) -> Result<Vec<Vec<f32>>, Error> {
        self.parameters.iter().map(|parameter| self.read(parameter.clone().inner())).collect()
    }

    fn images(&self, images: &[f32], n: usize) -> Tensor<4> {
        let shape = self.plan.skeleton().image;
        let data = TensorData::new(images.to_vec(), [n, shape.channels, shape.height, shape.width]);
        Tensor::from_data(data, &self.backend)
    }

    fn one_hot(&self, labels: &[u8]) -> Tensor<2> {
        let classes = self.plan.skeleton().classes;
        let mut values = vec![0.0_f32; labels.len() * classes];
        for (row, label) in values.chunks_mut(classes).zip(labels) {
            row[usize::from(*label)] = 1.0;
        }
        Tensor::from_data(TensorData::new(values, [labels.len(), classes]), &self.backend)
    }

    /// Updates the parameters by the formulas of [`Optimizer`].
    fn update(&mut self, gradients: Vec<Tensor<1>>, learning_rate: f64) {
        for ((parameter, memory), gradient) in self.parameters.iter_mut().zip(&mut self.memory).zip(gradients) {
            let weight = parameter.clone().inner();
            let changed = match self.settings.optimizer {
                Optimizer::RmsProp { decay, momentum, epsilon } => {
                    let square = gradient.clone() * gradient.clone();
                    memory.mean_square = memory.mean_square.clone() * decay + square * (1.0 - decay);
                    let scaled = gradient / (memory.mean_square.clone() + epsilon).sqrt();
                    memory.momentum = memory.momentum.clone() * momentum + scaled * learning_rate;
                    weight - memory.momentum.clone()
                }
                Optimizer::Nesterov { momentum } => {
                    memory.momentum = memory.momentum.clone() * momentum + gradient.clone();
                    weight - (gradient + memory.momentum.clone() * momentum) * learning_rate
                }
            };
            *parameter = changed.autodiff().require_grad();
        }
    }

    /// Moves the running statistics towards those of a batch.
    fn follow(&mut self, observed: Vec<Statistics>) {
        let kept = self.settings.batch_norm_momentum;
        for (running, batch) in self.statistics.iter_mut().zip(observed) {
            running.mean = running.mean.clone() * kept + batch.mean * (1.0 - kept);
            running.variance = running.variance.clone() * kept + batch.variance * (1.0 - kept);
        }
    }

    fn read<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
        let failed = |reason: String| Error::Failed { device: self.device, reason };
        let data = tensor.try_into_data().map_err(|error| failed(format!("{error:?}")))?;
        data.try_into_vec().map_err(|error| failed(format!("{error:?}")))
    }
}

fn vector(values: Vec<f32>, backend: &Backend) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), backend)
}

/// Finds the backend of a device.
pub(super) fn open(device: Device) -> Result<Backend, Error> {
    let mut backends = backends(device).ok_or(Error::NotBuilt { device })?;
    let (found, index) = (backends.len(), device.index().unwrap_or(0));
    if index >= found {
        return Err(Error::NoDevice { device, found });
    }
    Ok(backends.swap_remove(index))
}

/// The names of all devices of a kind, in the order of their indices; none in a build without them.
///
/// # Panics
///
/// Panics if the driver does.
pub(super) fn adapters(kind: Device) -> Vec<String> {
    #[cfg(any(feature = "gpu", feature = "cuda"))]
    let name = |backend: &Backend| backend.identity().map(|identity| identity.name);
    // Only GPUs have an identity.
    #[cfg(not(any(feature = "gpu", feature = "cuda")))]
    let name = |_: &Backend| None;
    let unnamed = || "an adapter without a name".to_owned();
    backends(kind).iter().flatten().map(|backend| name(backend).unwrap_or_else(unnamed)).collect()
}

/// The backends of all devices of a kind, in the order of their indices; `None` in a build without them.
fn backends(kind: Device) -> Option<Vec<Backend>> {
    match kind {
        Device::Cpu | Device::Reference => Some(vec![Backend::flex()]),
        #[cfg(feature = "gpu")]
        Device::Gpu { .. } => Some(Backend::enumerate(burn::tensor::DeviceType::Wgpu).into_vec()),
        #[cfg(not(feature = "gpu"))]
        Device::Gpu { .. } => None,
        #[cfg(feature = "cuda")]
        Device::Cuda { .. } => Some(Backend::enumerate(burn::tensor::DeviceType::Cuda).into_vec()),
        #[cfg(not(feature = "cuda"))]
        Device::Cuda { .. } => None,
    }
}

/// Runs the steps of a plan; `normalise` gets the convolution's output, its number, and its scale and offset.
///
/// # Shapes
///
/// - `images`: `[n, channels, height, width]`
/// - returns: `[n, classes]`
fn forward(
    plan: &Plan,
    parameters: &[Tensor<1>],
    images: Tensor<4>,
    device: Device,
    mut normalise: impl FnMut(Tensor<4>, usize, Tensor<1>, Tensor<1>) -> Tensor<4>,
) -> Tensor<2> {
    let [n, ..] = images.dims();
    let mut parameters = parameters.iter().cloned();
    let mut next = || parameters.next().expect("the plan counts its parameters");
    let mut convolutions = 0..;
    let mut buffers = vec![Some(images)];
    for (position, step) in plan.steps().iter().enumerate() {
        let mut inputs = read_inputs(plan, position, step, &mut buffers);
        let only = inputs.remove(0);
        let output = match step.operator {
            Operator::Convolution { kernel } => {
                let weights = next().reshape([step.output.channels, step.input_channels(), kernel, kernel]);
                let convolved = convolution(only, weights, device);
                relu(normalise(convolved, convolutions.next().expect("the range has no end"), next(), next()))
            }
            Operator::MaxPool3 | Operator::MaxPool2 => max_pool(only, step.operator, device),
            Operator::AvgPool3 => avg_pool3(only),
            Operator::Sum => inputs.into_iter().fold(only, |sum, term| sum + term),
            Operator::Concatenate => {
                inputs.insert(0, only);
                Tensor::cat(inputs, 1)
            }
            Operator::GlobalAvgPool => {
                let [_, channels, height, width] = only.dims();
                only.reshape([n, channels, height * width]).mean_dim(2).reshape([n, channels, 1, 1])
            }
            Operator::Linear => {
                let (from, to) = (step.input_channels(), step.output.channels);
                let product = only.reshape([n, from]).matmul(next().reshape([from, to]));
                (product + next().reshape([1, to])).reshape([n, to, 1, 1])
            }
        };
        buffers.push(Some(output));
    }
    let logits = buffers.pop().flatten().expect("the last step writes the logits");
    logits.reshape([n, plan.skeleton().classes])
}

/// Reads a step's inputs, truncated to their channels, and frees the buffers that no later step reads.
fn read_inputs(plan: &Plan, position: usize, step: &Step, buffers: &mut [Option<Tensor<4>>]) -> Vec<Tensor<4>> {
    let read = |input: &crate::network::Input| {
        let slot = &mut buffers[input.buffer];
        let tensor = if plan.last_reader(input.buffer) == position { slot.take() } else { slot.clone() };
        let tensor = tensor.expect("a buffer lives until its last reader");
        if tensor.dims()[1] > input.channels { tensor.narrow(1, 0, input.channels) } else { tensor }
    };
    step.inputs.iter().map(read).collect()
}

/// Counts the rows whose greatest logit is the label's; a row that holds no number counts as wrong.
fn count_correct(logits: &[f32], labels: &[u8]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    let is_correct = |(row, label): (&[f32], &u8)| {
        let own = row[usize::from(*label)];
        row.iter().enumerate().all(|(class, logit)| class == usize::from(*label) || *logit < own)
    };
    logits.chunks(classes.max(1)).zip(labels).filter(|pair| is_correct(*pair)).count()
}
