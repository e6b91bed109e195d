//! A cell compiled to a plan of steps and buffers, without any tensor library, and its exact cost.
//!
//! One plan serves every engine. A new kind of step is one variant of [`Operator`], its shape and cost in `plan.rs`, and
//! an arm in each engine and in `train/onnx`.

mod channels;
mod count;
mod encoding;
mod plan;
mod size;
mod skeleton;

pub use channels::channels;
pub(crate) use count::cost_as_numbered;
pub use count::{cost, count};
pub use encoding::{COST_COLUMNS, ENCODINGS, encode_cost, encoding};
pub use plan::{Input, Plan, Step};
pub use size::{SIZES, Size};
pub use skeleton::Skeleton;

pub use crate::space::Operator;

use crate::space::Cell;
use crate::unit::{Flops, Parameters};

/// What is wrong with a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The channels of a cell do not reach for all vertices that feed its output.
    #[error("{cell} divides {channels} channels among {feeders} vertices: a vertex would have none")]
    TooFewChannels {
        /// The cell.
        cell: Cell,
        /// The output channels of the narrowest stack.
        channels: usize,
        /// The interior vertices that feed the output.
        feeders: usize,
    },
    /// A size of the skeleton is zero, or beyond all reason.
    #[error("the skeleton has {name} = {found}, expected 1 to {most}")]
    Size {
        /// The name of the size.
        name: &'static str,
        /// What it is.
        found: usize,
        /// The most that it may be.
        most: usize,
    },
    /// The network has more parameters than can be counted.
    #[error("the network of {cell} has {found} parameters, expected at most {}", u32::MAX)]
    TooManyParameters {
        /// The cell.
        cell: Cell,
        /// The number of parameters.
        found: u64,
    },
}

/// What a network costs, exactly, without building it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Trainable parameters.
    pub parameters: Parameters,
    /// Operations of the convolutions and the linear layer for one image, forward.
    pub flops: Flops,
    /// Bytes of all buffers of one image, in single precision: what a training step keeps for its backward pass.
    pub activation_bytes: u64,
}
