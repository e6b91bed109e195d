//! What a cell costs as a network.

use crate::unit::{Flops, Parameters};

/// What the network of a cell costs, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The trainable parameters.
    pub parameters: Parameters,
    /// The work of one forward pass of one image.
    pub flops: Flops,
    /// The bytes of all activations of one image.
    pub activation_bytes: u64,
}
