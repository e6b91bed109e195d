//! The optimizer's step: the formulas of [`Optimizer`], in single precision.

use crate::engine::{Optimizer, Settings};

/// What the optimizer keeps of one array of parameters.
#[derive(Clone, Debug)]
pub(super) struct OptimizerState {
    pub(super) momentum: Vec<f32>,
    pub(super) mean_square: Vec<f32>,
}

impl OptimizerState {
    pub(super) fn new(length: usize) -> Self {
        Self { momentum: vec![0.0; length], mean_square: vec![1.0; length] }
    }
}

/// Adds weight decay to a gradient, changes the weights by it, and gives the sum of its squares.
#[expect(clippy::cast_possible_truncation, reason = "weights are single-precision numbers")]
pub(super) fn update(
    weights: &mut [f32],
    memory: &mut OptimizerState,
    gradient: &mut [f32],
    settings: &Settings,
    rate: f64,
) -> f64 {
    let (decay, rate) = (settings.weight_decay as f32, rate as f32);
    let mut squares = 0.0;
    for (gradient, weight) in gradient.iter_mut().zip(&*weights) {
        *gradient += decay * weight;
        squares += f64::from(*gradient) * f64::from(*gradient);
    }
    let values = weights.iter_mut().zip(&mut memory.momentum).zip(&mut memory.mean_square).zip(&*gradient);
    match settings.optimizer {
        Optimizer::RmsProp { decay, momentum, epsilon } => {
            let [decay, momentum, epsilon] = [decay, momentum, epsilon].map(|value| value as f32);
            for (((weight, moved), mean_square), gradient) in values {
                *mean_square = decay * *mean_square + (1.0 - decay) * gradient * gradient;
                *moved = momentum * *moved + rate * gradient / (*mean_square + epsilon).sqrt();
                *weight -= *moved;
            }
        }
        Optimizer::Nesterov { momentum } => {
            let momentum = momentum as f32;
            for (((weight, moved), _), gradient) in values {
                *moved = momentum * *moved + gradient;
                *weight -= rate * (gradient + momentum * *moved);
            }
        }
    }
    squares
}
