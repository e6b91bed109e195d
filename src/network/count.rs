//! Parameters and operations of a network by arithmetic, without its plan: for whole spaces at once.

use super::{Cost, Error, Skeleton, channels};
use crate::space::{Cell, Operator};
use crate::unit::{Flops, Parameters};

/// Counts the trainable parameters of a network and the operations of one forward pass of one image.
///
/// # Errors
///
/// As [`cost`].
pub fn count(cell: &Cell, skeleton: &Skeleton) -> Result<(Parameters, Flops), Error> {
    let Cost { parameters, flops, .. } = cost(cell, skeleton)?;
    Ok((parameters, flops))
}

/// Counts what the network of a cell costs: the numbers of the [`cost`](super::Plan::cost) of its plan, some sixty times faster.
///
/// As in the plan, it is the network of the cell's [`representative`](Cell::representative): isomorphic cells cost the same.
///
/// # Errors
///
/// As [`Plan::compile`](super::Plan::compile).
pub fn cost(cell: &Cell, skeleton: &Skeleton) -> Result<Cost, Error> {
    cost_as_numbered(&cell.representative(), skeleton)
}

/// Counts what the network of a cell would cost with its vertices as they are numbered.
pub(crate) fn cost_as_numbered(cell: &Cell, skeleton: &Skeleton) -> Result<Cost, Error> {
    skeleton.check()?;
    let skeleton = skeleton.for_cell(cell)?;
    let Skeleton { image, classes, stem_channels, stacks, cells_per_stack, .. } = skeleton;
    let (mut height, mut width) = (image.height, image.width);
    let mut sum = Sum::default();
    sum.convolve(9 * image.channels, stem_channels, height * width);
    sum.write(stem_channels, height * width);
    let (mut inputs, mut outputs) = (stem_channels, stem_channels);
    for stack in 0..stacks {
        if stack > 0 {
            (height, width, outputs) = (height.div_ceil(2), width.div_ceil(2), 2 * outputs);
            sum.write(inputs, height * width);
        }
        let convolutions = Convolutions::new(cell, outputs)?;
        for _ in 0..cells_per_stack {
            convolutions.add_to(&mut sum, inputs, height * width);
            inputs = outputs;
        }
    }
    sum.parameters += (inputs * classes + classes) as u64;
    sum.operate(inputs * classes, 1);
    sum.write(inputs + classes, 1);
    let Sum { parameters, flops, values } = sum;
    let counted = u32::try_from(parameters).map_err(|_| Error::TooManyParameters { cell: *cell, found: parameters })?;
    Ok(Cost { parameters: Parameters(counted), flops: Flops(flops), activation_bytes: values.saturating_mul(4) })
}

#[derive(Default)]
struct Sum {
    parameters: u64,
    flops: u64,
    /// The numbers that all steps write.
    values: u64,
}

impl Sum {
    /// Adds a convolution with its batch normalisation; `weights` are those of one output channel.
    fn convolve(&mut self, weights: usize, outputs: usize, pixels: usize) {
        self.parameters += (weights * outputs + 2 * outputs) as u64;
        self.operate(weights * outputs, pixels);
    }

    /// Adds the operations of `weights` weights at `pixels` pixels. They saturate only where there are too many parameters, too.
    fn operate(&mut self, weights: usize, pixels: usize) {
        self.flops = self.flops.saturating_add((2 * weights as u64).saturating_mul(pixels as u64));
    }

    /// Adds what a step writes.
    fn write(&mut self, channels: usize, pixels: usize) {
        self.values = self.values.saturating_add(channels as u64 * pixels as u64);
    }
}

/// What the convolutions of a cell cost, and what all of its steps write.
struct Convolutions {
    /// The weights of those between its vertices.
    weights: usize,
    /// The output channels of those between its vertices.
    channels: usize,
    /// The output channels of the projections of its input.
    projected: usize,
    /// The output channels of all its steps.
    written: usize,
}

impl Convolutions {
    fn new(cell: &Cell, outputs: usize) -> Result<Self, Error> {
        // The channels of the input do not change those of the other vertices.
        let of_vertex = channels(cell, 0, outputs)?;
        let mut found = Self { weights: 0, channels: 0, projected: 0, written: 0 };
        let last = cell.vertices() - 1;
        for (vertex, operation) in (1..).zip(cell.operations()) {
            // Two inputs or more are summed before the operation.
            let is_sum = cell.predecessors(vertex).nth(1).is_some();
            let (channels, steps) = (of_vertex[vertex], operation.spec().steps);
            found.written += channels * (steps.len() + usize::from(is_sum));
            for operator in steps {
                if let Operator::Convolution { kernel } = operator {
                    found.weights += kernel * kernel * channels * channels;
                    found.channels += channels;
                }
            }
        }
        found.projected = cell.successors(0).map(|vertex| of_vertex[vertex]).sum();
        let feeders = cell.predecessors(last).filter(|vertex| *vertex != 0).count();
        let is_summed = feeders > 0 && cell.has_edge(0, last);
        found.written += found.projected + outputs * (usize::from(feeders > 1) + usize::from(is_summed));
        Ok(found)
    }

    fn add_to(&self, sum: &mut Sum, inputs: usize, pixels: usize) {
        sum.convolve(inputs, self.projected, pixels);
        sum.parameters += (self.weights + 2 * self.channels) as u64;
        sum.operate(self.weights, pixels);
        sum.write(self.written, pixels);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::ImageShape;
    use crate::network::Plan;
    use crate::space::{Operation, Sampler, Space};
    use crate::unit::Seed;

    fn assert_same(cell: &Cell, skeleton: &Skeleton) {
        match (cost(cell, skeleton), Plan::compile(cell, skeleton)) {
            (Ok(found), Ok(plan)) => assert_eq!(found, plan.cost(), "{cell}"),
            (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected.to_string()),
            (found, plan) => panic!("{cell}: {found:?} counted, {plan:?} compiled"),
        }
    }

    #[test]
    fn every_small_cell_is_counted_as_its_plan_counts() {
        let odd = ImageShape { channels: 1, height: 7, width: 6 };
        let skeletons = [
            Skeleton::nas_bench_101(),
            Skeleton { image: odd, classes: 3, stem_channels: 4, stacks: 2, cells_per_stack: 1, equal_flops: None },
            Skeleton { image: odd, classes: 3, stem_channels: 2, stacks: 1, cells_per_stack: 3, equal_flops: None },
        ];
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap().with_operations(&Operation::ALL).unwrap();
        for cell in space.cells().unwrap() {
            for skeleton in &skeletons {
                assert_same(&cell, skeleton);
            }
        }
    }

    #[test]
    fn isomorphic_cells_cost_the_same() {
        // With 4 channels, the vertex that is numbered first has twice as many as either of the others: here as the 3×3 convolution.
        let matrix = "0111000001000010000100000";
        let skeleton = Skeleton { stem_channels: 4, ..Skeleton::nas_bench_101() };
        let cell = |operations: &str| Cell::from_texts(matrix, &format!("input,{operations},output")).unwrap();
        let stored = cell("conv3x3-bn-relu,maxpool3x3,maxpool3x3");
        let other = cell("maxpool3x3,maxpool3x3,conv3x3-bn-relu");
        assert_ne!(cost_as_numbered(&other, &skeleton).unwrap(), cost_as_numbered(&stored, &skeleton).unwrap());
        for same in [stored, other] {
            assert_eq!(cost(&same, &skeleton).unwrap(), cost_as_numbered(&stored, &skeleton).unwrap());
            assert_eq!(Plan::compile(&same, &skeleton).unwrap(), Plan::compile_as_numbered(&stored, &skeleton).unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_cell_is_counted_as_its_plan_counts(seed: u64) {
            let space = Space::nas_bench_101();
            let cell = space.cell(&Sampler::Official.draw(&space, &mut Seed(seed).rng())).unwrap();
            assert_same(&cell, &Skeleton::nas_bench_101());
        }
    }
}
