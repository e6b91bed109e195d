//! The kernels: their WGSL, and the buffers that each binds.

use super::device::Binding::{self, Alive, Channels, Grads, Items, Levels, MeanSquares, Momenta, Picks, Pixels, Reports};
use super::device::Binding::{Running, Values, WeightGrads, Weights, Winners};

/// A kernel, by its position in [`KERNELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    Fill,
    Convolve,
    Observe,
    Fold,
    Combine,
    CrossEntropy,
    Collect,
    Differentiate,
    Differentiate3,
    Differentiate1,
    Measure,
    Update,
}

/// What a kernel is compiled of.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) kernel: Kernel,
    /// The function in the text.
    pub(super) entry: &'static str,
    pub(super) text: &'static str,
    /// The storage buffers that it reads or writes: at most the eight that every adapter has.
    pub(super) bindings: &'static [Binding],
}

/// What all texts start with.
pub(super) const SHARED: &str = include_str!("shared.wgsl");

const NORMALISATION: &str = include_str!("normalisation.wgsl");
const KERNEL_GRADIENT: &str = include_str!("kernel_gradient.wgsl");
const UPDATE: &str = include_str!("update.wgsl");

const fn source(kernel: Kernel, entry: &'static str, text: &'static str, bindings: &'static [Binding]) -> Source {
    Source { kernel, entry, text, bindings }
}

/// Every kernel, in the order of [`Kernel`].
pub(super) const KERNELS: &[Source] = &[
    source(Kernel::Fill, "fill", include_str!("batch.wgsl"), &[Items, Values, Pixels, Levels, Picks]),
    source(Kernel::Convolve, "convolve", include_str!("convolution.wgsl"), &[Items, Values, Weights, Channels]),
    source(Kernel::Observe, "observe", NORMALISATION, &[Items, Values, Weights, Channels, Running]),
    source(Kernel::Fold, "fold", NORMALISATION, &[Items, Weights, Channels, Running]),
    source(Kernel::Combine, "combine", include_str!("combination.wgsl"), &[Items, Values, Channels, Winners]),
    source(
        Kernel::CrossEntropy,
        "cross_entropy",
        include_str!("head.wgsl"),
        &[Items, Values, Grads, WeightGrads, Pixels, Picks, Reports],
    ),
    source(Kernel::Collect, "collect", include_str!("gradient.wgsl"), &[Items, Grads, Weights, Winners]),
    source(Kernel::Differentiate, "differentiate", NORMALISATION, &[Items, Values, Grads, WeightGrads, Channels]),
    source(Kernel::Differentiate3, "differentiate_3", KERNEL_GRADIENT, &[Items, Values, Grads, WeightGrads, Channels]),
    source(Kernel::Differentiate1, "differentiate_1", KERNEL_GRADIENT, &[Items, Values, Grads, WeightGrads, Channels]),
    source(Kernel::Measure, "measure", UPDATE, &[Items, Weights, WeightGrads, Reports, Alive]),
    source(Kernel::Update, "update", UPDATE, &[Items, Weights, WeightGrads, Momenta, MeanSquares, Alive]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_are_in_order_and_bind_what_every_adapter_can() {
        for (position, source) in KERNELS.iter().enumerate() {
            assert_eq!(source.kernel as usize, position);
            assert!(source.bindings.len() <= 8 && source.text.contains(&format!("fn {}(", source.entry)), "{source:?}");
        }
    }
}
