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

const fn source(entry: &'static str, text: &'static str, bindings: &'static [Binding]) -> Source {
    Source { entry, text, bindings }
}

/// Every kernel, in the order of [`Kernel`].
pub(super) const KERNELS: &[Source] = &[
    source("fill", include_str!("batch.wgsl"), &[Items, Values, Pixels, Levels, Picks]),
    source("convolve", include_str!("convolution.wgsl"), &[Items, Values, Weights, Channels]),
    source("observe", NORMALISATION, &[Items, Values, Weights, Channels, Running]),
    source("fold", NORMALISATION, &[Items, Weights, Channels, Running]),
    source("combine", include_str!("combination.wgsl"), &[Items, Values, Channels, Winners]),
    source("cross_entropy", include_str!("head.wgsl"), &[Items, Values, Grads, WeightGrads, Pixels, Picks, Reports]),
    source("collect", include_str!("gradient.wgsl"), &[Items, Grads, Weights, Winners]),
    source("differentiate", NORMALISATION, &[Items, Values, Grads, WeightGrads, Channels]),
    source("differentiate_3", KERNEL_GRADIENT, &[Items, Values, Grads, WeightGrads, Channels]),
    source("differentiate_1", KERNEL_GRADIENT, &[Items, Values, Grads, WeightGrads, Channels]),
    source("measure", UPDATE, &[Items, Weights, WeightGrads, Reports, Alive]),
    source("update", UPDATE, &[Items, Weights, WeightGrads, Momenta, MeanSquares, Alive]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: [Kernel; 12] = [
        Kernel::Fill,
        Kernel::Convolve,
        Kernel::Observe,
        Kernel::Fold,
        Kernel::Combine,
        Kernel::CrossEntropy,
        Kernel::Collect,
        Kernel::Differentiate,
        Kernel::Differentiate3,
        Kernel::Differentiate1,
        Kernel::Measure,
        Kernel::Update,
    ];

    #[test]
    fn the_kernels_are_in_order_and_bind_what_every_adapter_can() {
        assert_eq!(KERNELS.len(), Kernel::Update as usize + 1);
        for (position, source) in KERNELS.iter().enumerate() {
            assert_eq!(ORDER[position] as usize, position);
            let name = format!("{:?}", ORDER[position]).to_lowercase();
            assert_eq!(source.entry.replace('_', ""), name);
            assert!(source.bindings.len() <= 8 && source.text.contains(&format!("fn {}(", source.entry)), "{source:?}");
        }
    }
}
