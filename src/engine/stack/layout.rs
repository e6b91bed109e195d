//! Where the numbers of each model of a stack lie in the buffers that all of them share.

use crate::dataset::ImageShape;
use crate::network::{Operator, Plan, Step};

/// Marks that something has no table, no bias or no winners.
pub(super) const NONE: u32 = u32::MAX;

/// The memory of what a step writes, in quads: `[channels, height, width, quads of images]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    /// Its first quad in the values; its gradients start at the same one.
    pub(super) start: u32,
    pub(super) shape: ImageShape,
    /// The entry of its first channel in the tables of normalisation, or [`NONE`].
    pub(super) table: u32,
    /// The first of the winners of a max-pooling, or [`NONE`].
    pub(super) winners: u32,
}

/// Where the numbers of one model lie.
#[derive(Clone, Debug)]
pub(super) struct ModelLayout {
    /// Of each buffer of the plan: 0 is the images, `i + 1` what step `i` writes.
    pub(super) regions: Vec<Region>,
    /// The first number of each array of parameters, and the end of the last.
    pub(super) parameters: Vec<u32>,
    /// The position among the arrays of the first array of each step.
    pub(super) first_arrays: Vec<usize>,
}

impl ModelLayout {
    /// The range of all parameters.
    pub(super) fn weights(&self) -> std::ops::Range<u32> {
        self.parameters[0]..self.parameters[self.parameters.len() - 1]
    }

    /// The first number of an array of a step.
    pub(super) fn parameter(&self, step: usize, array: usize) -> u32 {
        self.parameters[self.first_arrays[step] + array]
    }
}

/// Where the numbers of all models lie, and how many there are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) models: Vec<ModelLayout>,
    /// Groups of four images in a batch.
    pub(super) quads: u32,
    /// Quads of values; the images come last and have no gradients.
    pub(super) values: u64,
    pub(super) grads: u64,
    pub(super) weights: u64,
    /// Channels that are normalised.
    pub(super) channels: u64,
    pub(super) winners: u64,
}

impl Layout {
    /// Lays the models of some plans out for batches of `batch` images: first the logits of all, side by side, last the images.
    ///
    /// Beyond 2³² of anything the positions are of no use; [`Stack::new`](super::Stack::new) refuses such sizes before.
    pub(super) fn new(plans: &[Plan], batch: usize) -> Self {
        let quads = batch.div_ceil(4) as u64;
        let mut layout =
            Self { models: Vec::new(), quads: wrap(quads), values: 0, grads: 0, weights: 0, channels: 0, winners: 0 };
        let take = |count: &mut u64, more: u64| wrap(std::mem::replace(count, *count + more));
        let logits: Vec<u32> =
            plans.iter().map(|plan| take(&mut layout.values, plan.skeleton().classes as u64 * quads)).collect();
        for (plan, logits) in plans.iter().zip(logits) {
            let images = Region { start: 0, shape: plan.skeleton().image, table: NONE, winners: NONE };
            let (mut regions, mut parameters, mut first_arrays) = (vec![images], Vec::new(), Vec::new());
            for (number, Step { operator, output: shape, .. }) in plan.steps().iter().enumerate() {
                let size = shape.values() as u64 * quads;
                let mut region = Region { start: logits, shape: *shape, table: NONE, winners: NONE };
                if number + 1 < plan.steps().len() {
                    region.start = take(&mut layout.values, size);
                }
                match operator {
                    Operator::Convolution { .. } => region.table = take(&mut layout.channels, shape.channels as u64),
                    Operator::MaxPool2 | Operator::MaxPool3 => region.winners = take(&mut layout.winners, size),
                    _ => {}
                }
                regions.push(region);
                first_arrays.push(parameters.len());
                for (_, shape) in plan.steps()[number].parameters() {
                    parameters.push(take(&mut layout.weights, shape.iter().product::<usize>() as u64));
                }
            }
            parameters.push(wrap(layout.weights));
            layout.models.push(ModelLayout { regions, parameters, first_arrays });
        }
        layout.grads = layout.values;
        for model in &mut layout.models {
            model.regions[0].start = take(&mut layout.values, model.regions[0].shape.values() as u64 * quads);
        }
        layout
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sizes beyond 2³² are refused before a position is used")]
pub(super) const fn wrap(number: u64) -> u32 {
    number as u32
}
