//! The steps of a plan, forward and backward.
//!
//! Only a batch normalisation looks at all images: forward at the statistics of what was convolved, backward at two sums. What lies
//! between two of them is done block by block, so that a step reads what the one before it wrote while that is in the cache.

use super::arrangement::read_and_write;
use super::convolution::{self, Finish, Packed};
use super::layout::{LANES, zeros};
use super::normalise::{self, Channel, Slope};
use super::pool::{self, Window};
use super::{Batch, Convolution, Model, head};
use crate::engine::Settings;
use crate::network::{Input, Operator, Step};

impl Model {
    /// Runs all steps for training.
    pub(super) fn forward(&mut self, batch: &Batch) {
        let (mut observed, mut first) = (None, 0);
        loop {
            let convolution = self.convolution_numbers().find(|number| *number >= first);
            let last = convolution.unwrap_or(self.plan.steps().len());
            for block in 0..batch.blocks {
                if let Some(number) = observed {
                    self.rectify(number, batch, block);
                }
                (first..last).for_each(|number| self.forward_block(number, block));
                if let Some(number) = convolution {
                    self.convolve(number, block);
                }
            }
            let Some(number) = convolution else { return };
            self.observe(number, batch);
            (observed, first) = (convolution, number + 1);
        }
    }

    /// Turns the gradient of the logits into those of the parameters.
    pub(super) fn backward(&mut self, batch: &Batch) {
        let mut last = self.plan.steps().len();
        loop {
            let convolution = self.convolution_numbers().rfind(|number| *number < last);
            let first = convolution.map_or(0, |number| number + 1);
            for block in 0..batch.blocks {
                (first..last).rev().for_each(|number| self.backward_block(number, block));
                if let Some(number) = convolution {
                    self.add_sums(number, block);
                }
            }
            let Some(number) = convolution else { return };
            self.differentiate(number, batch);
            // Backwards, for what was read last is still in the cache.
            (0..batch.blocks).rev().for_each(|block| self.convolve_back(number, batch, block));
            self.add_up_kernel_gradient(number);
            last = number;
        }
    }

    /// The steps that convolve, by their numbers.
    fn convolution_numbers(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.convolutions.iter().map(|convolution| convolution.step)
    }

    /// Runs all steps for a block of images, with the running statistics of batch normalisation.
    pub(super) fn evaluate(&mut self, images: &[f32]) {
        self.make_room(1);
        self.fill(0, images);
        for number in 0..self.plan.steps().len() {
            match self.plan.steps()[number].operator {
                Operator::Convolution { .. } => self.convolve_for_good(number),
                _ => self.forward_block(number, 0),
            }
        }
    }

    /// A step that treats each image alone.
    fn forward_block(&mut self, number: usize, block: usize) {
        let Self { plan, arrangement, values, ends, scratch, parameters, arch, .. } = self;
        let step = &plan.steps()[number];
        let to = arrangement.place(number + 1);
        let first = step.inputs[0];
        let from = arrangement.place(first.buffer);
        let read = (from.store, arrangement.range(first.buffer, first.channels, block));
        let written = (to.store, arrangement.range(number + 1, to.channels, block));
        match step.operator {
            Operator::Convolution { .. } => unreachable!("a convolution looks at all images"),
            // What is concatenated was written there.
            Operator::Concatenate => {}
            Operator::Sum => {
                for (position, input) in step.inputs.iter().enumerate() {
                    let read = (arrangement.place(input.buffer).store, arrangement.range(input.buffer, input.channels, block));
                    let (input, output) = read_and_write(values, read, written.clone());
                    match position {
                        0 => output.copy_from_slice(input),
                        _ => output.iter_mut().zip(input).for_each(|(sum, term)| *sum += term),
                    }
                }
            }
            Operator::MaxPool | Operator::MeanPool => {
                let (input, output) = read_and_write(values, read, written);
                pool::pool(*arch, window(step), to.plane, input, output, scratch);
            }
            Operator::Halve => {
                let (input, output) = read_and_write(values, read, written);
                pool::halve(*arch, from.plane, to.plane, input, output);
            }
            Operator::AveragePool => {
                pool::means(from.plane, &values[from.store][read.1], part(&mut ends.means, first.channels, block));
            }
            Operator::Dense => {
                let [.., matrix, bias] = &parameters[..] else { unreachable!("a dense layer has two parameters") };
                let means = part(&mut ends.means, first.channels, block);
                head::logits(means, matrix, bias, part(&mut ends.logits, to.channels, block));
            }
        }
    }

    /// Convolves a block and adds up the statistics of what comes out.
    fn convolve(&mut self, number: usize, block: usize) {
        let Self { plan, arrangement, values, convolutions, arch, .. } = self;
        let input = plan.steps()[number].inputs[0];
        let (from, to) = (arrangement.place(input.buffer), arrangement.place(number + 1));
        let own = of_step(convolutions, number);
        if block == 0 {
            own.sums.fill(0.0);
        }
        let read = &values[from.store][arrangement.range(input.buffer, input.channels, block)];
        let raw = &mut own.raw[to.block(block)];
        convolution::convolve(*arch, &own.forward, to.plane, read, raw, Finish::Observe(&mut own.sums));
    }

    /// Makes of the statistics of a batch what normalises it.
    fn observe(&mut self, number: usize, batch: &Batch) {
        let Self { arrangement, convolutions, parameters, settings, .. } = self;
        let own = of_step(convolutions, number);
        let count = batch.images * arrangement.place(number + 1).plane.pixels();
        own.observe(count, &parameters[own.parameter + 1..][..2], settings);
    }

    /// Normalises a block of what was convolved.
    fn rectify(&mut self, number: usize, batch: &Batch, block: usize) {
        let Self { arrangement, values, convolutions, arch, .. } = self;
        let to = arrangement.place(number + 1);
        let own = of_step(convolutions, number);
        let raw = &own.raw[to.block(block)];
        let written = &mut values[to.store][arrangement.range(number + 1, to.channels, block)];
        normalise::rectify(*arch, &own.channels, to.plane, batch.mask(block), raw, written);
    }

    /// Convolves a block and normalises it by the running statistics.
    fn convolve_for_good(&mut self, number: usize) {
        let Self { plan, arrangement, values, convolutions, parameters, arch, settings, .. } = self;
        let input = plan.steps()[number].inputs[0];
        let (from, to) = (arrangement.place(input.buffer), arrangement.place(number + 1));
        let own = of_step(convolutions, number);
        own.settle(&parameters[own.parameter + 1..][..2], settings);
        let read = (from.store, arrangement.range(input.buffer, input.channels, 0));
        let written = (to.store, arrangement.range(number + 1, to.channels, 0));
        let (read, written) = read_and_write(values, read, written);
        let (scale, offset) = own.sums.split_at(to.channels);
        convolution::convolve(*arch, &own.forward, to.plane, read, written, Finish::Rectify { scale, offset });
    }

    /// Turns the gradient of what a step wrote into those of what it read and of its parameters.
    fn backward_block(&mut self, number: usize, block: usize) {
        let Self { plan, arrangement, values, changes, ends, scratch, parameters, gradients, arch, fresh, .. } = self;
        let step = &plan.steps()[number];
        let to = arrangement.place(number + 1);
        let shares = |input: &Input| arrangement.change_of(input.buffer) == arrangement.change_of(number + 1);
        let replaces = |(input, is_fresh): (&Input, &bool)| {
            let is_whole = input.channels == arrangement.place(input.buffer).channels;
            *is_fresh && is_whole && matches!(step.operator, Operator::Sum | Operator::Halve)
        };
        for (input, is_fresh) in step.inputs.iter().zip(&fresh[number]) {
            if *is_fresh && !replaces((input, is_fresh)) {
                let place = arrangement.place(arrangement.change_of(input.buffer));
                changes[place.store][arrangement.range(arrangement.change_of(input.buffer), place.channels, block)].fill(0.0);
            }
        }
        let first = step.inputs[0];
        let from = arrangement.place(first.buffer);
        let input = arrangement.range(first.buffer, first.channels, block);
        let change_of = |buffer, channels| {
            let own = arrangement.change_of(buffer);
            (arrangement.place(own).store, arrangement.range(own, channels, block))
        };
        let change = change_of(number + 1, to.channels);
        let of_first = change_of(first.buffer, first.channels);
        match step.operator {
            Operator::Convolution { .. } => unreachable!("a convolution looks at all images"),
            Operator::Concatenate => {}
            Operator::Sum => {
                for (input, is_fresh) in step.inputs.iter().zip(&fresh[number]).filter(|(input, _)| !shares(input)) {
                    let of_input = change_of(input.buffer, input.channels);
                    let (change, sum) = read_and_write(changes, change.clone(), of_input);
                    if replaces((input, is_fresh)) {
                        sum.copy_from_slice(change);
                    } else {
                        sum.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
                    }
                }
            }
            Operator::MaxPool | Operator::MeanPool => {
                let (change, sum) = read_and_write(changes, change, of_first);
                pool::add_gradient(*arch, window(step), to.plane, &values[from.store][input], change, sum, scratch);
            }
            Operator::Halve => {
                let (change, sum) = read_and_write(changes, change, of_first);
                let replaces = replaces((&first, &fresh[number][0]));
                pool::differentiate_halved(*arch, [from.plane, to.plane], &values[from.store][input], change, sum, replaces);
            }
            Operator::AveragePool => {
                pool::add_gradient_of_means(
                    from.plane,
                    part(&mut ends.means, first.channels, block),
                    &mut changes[of_first.0][of_first.1],
                );
            }
            Operator::Dense => {
                let [.., matrix, _] = &parameters[..] else { unreachable!("a dense layer has two parameters") };
                let [.., of_matrix, of_bias] = &mut gradients[..] else { unreachable!("a dense layer has two parameters") };
                let means = part(&mut ends.means, first.channels, block);
                head::add_gradients(means, part(&mut ends.logits, to.channels, block), matrix, of_matrix, of_bias);
            }
        }
    }

    /// Adds up what the gradients of a normalisation are made of.
    fn add_sums(&mut self, number: usize, block: usize) {
        let Self { arrangement, changes, convolutions, arch, .. } = self;
        let to = arrangement.place(number + 1);
        let own = of_step(convolutions, number);
        if block == 0 {
            own.sums.fill(0.0);
        }
        let change_of = arrangement.change_of(number + 1);
        let change = &changes[arrangement.place(change_of).store][arrangement.range(change_of, to.channels, block)];
        normalise::add_sums(*arch, &own.channels, to.plane, &own.raw[to.block(block)], change, &mut own.sums);
    }

    /// Makes of the sums of a batch the gradients of a normalisation.
    fn differentiate(&mut self, number: usize, batch: &Batch) {
        let Self { arrangement, convolutions, parameters, gradients, .. } = self;
        let own = of_step(convolutions, number);
        let [of_scale, of_offset] = &mut gradients[own.parameter + 1..own.parameter + 3] else {
            unreachable!("a convolution has three parameters")
        };
        let count = batch.images * arrangement.place(number + 1).plane.pixels();
        own.differentiate(count, &parameters[own.parameter + 1], of_scale, of_offset);
        own.of_kernel.fill(0.0);
    }

    /// Turns the gradient of a block that was convolved and normalised into those of what was read and of the kernel.
    fn convolve_back(&mut self, number: usize, batch: &Batch, block: usize) {
        let Self { plan, arrangement, values, changes, convolutions, arch, fresh, .. } = self;
        let input = plan.steps()[number].inputs[0];
        let (from, to) = (arrangement.place(input.buffer), arrangement.place(number + 1));
        let own = of_step(convolutions, number);
        let (change_of, change_from) = (arrangement.change_of(number + 1), arrangement.change_of(input.buffer));
        let (of_output, of_input) = (arrangement.place(change_of).store, arrangement.place(change_from).store);
        let raw = &mut own.raw[to.block(block)];
        let change = &changes[of_output][arrangement.range(change_of, to.channels, block)];
        normalise::differentiate(*arch, &own.slopes, to.plane, batch.mask(block), raw, change);
        let read = &values[from.store][arrangement.range(input.buffer, input.channels, block)];
        let shape = [own.side, input.channels, to.channels];
        convolution::add_kernel_gradient(*arch, shape, to.plane, read, raw, &mut own.of_kernel);
        if input.buffer != 0 {
            let is_fresh = fresh[number][0];
            if is_fresh && input.channels < from.channels {
                changes[of_input][arrangement.range(change_from, from.channels, block)].fill(0.0);
            }
            let finish = if is_fresh { Finish::Replace } else { Finish::Add };
            let change = &mut changes[of_input][arrangement.range(change_from, input.channels, block)];
            convolution::convolve(*arch, &own.backward, to.plane, raw, change, finish);
        }
    }

    fn add_up_kernel_gradient(&mut self, number: usize) {
        let Self { convolutions, gradients, .. } = self;
        let own = of_step(convolutions, number);
        let lanes = own.of_kernel.chunks_exact(LANES);
        gradients[own.parameter].iter_mut().zip(lanes).for_each(|(sum, lanes)| *sum = lanes.iter().sum());
    }
}

fn window(step: &Step) -> Window {
    if step.operator == Operator::MaxPool { Window::Greatest } else { Window::Mean }
}

/// The part of a block in numbers of `[blocks, channels, LANES]`.
fn part(numbers: &mut [f32], channels: usize, block: usize) -> &mut [f32] {
    &mut numbers[block * channels * LANES..][..channels * LANES]
}

/// The convolution that a step is.
fn of_step(convolutions: &mut [Convolution], number: usize) -> &mut Convolution {
    let place = convolutions.partition_point(|convolution| convolution.step < number);
    &mut convolutions[place]
}

impl Convolution {
    /// The room for the step of a number, if it is a convolution; `first` counts the parameters before it.
    pub(super) fn new(number: usize, step: &Step, first: &mut usize) -> Option<Self> {
        let Operator::Convolution { kernel: side } = step.operator else { return None };
        assert!(side == 1 || side == 3, "kernels of side 1 and 3");
        let (inputs, outputs) = (step.input_channels(), step.output.channels);
        let parameter = *first;
        *first += 3;
        Some(Self {
            step: number,
            parameter,
            side,
            forward: Packed::new(side, inputs, outputs),
            backward: Packed::new(side, outputs, inputs),
            raw: zeros(0),
            mean: vec![0.0; outputs],
            variance: vec![1.0; outputs],
            channels: vec![Channel::default(); outputs],
            slopes: vec![Default::default(); outputs],
            sums: vec![0.0; 2 * outputs * LANES],
            of_kernel: zeros(side * side * inputs * outputs * LANES),
        })
    }

    /// Makes of the sums of a batch what normalises it, and lets the running statistics follow.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "statistics of single-precision numbers")]
    fn observe(&mut self, count: usize, scale_and_offset: &[Vec<f32>], settings: &Settings) {
        let kept = settings.batch_norm_momentum;
        for (channel, sums) in self.sums.chunks_exact(2 * LANES).enumerate() {
            let [mean, square] = [0, LANES].map(|first| total(&sums[first..first + LANES]) / count as f64);
            // Rounding may take it below zero; a value that is no number stays one.
            let variance = (square - mean * mean).clamp(0.0, f64::INFINITY);
            self.channels[channel] =
                normaliser(mean, variance, scale_and_offset[0][channel], scale_and_offset[1][channel], settings);
            self.mean[channel] = (f64::from(self.mean[channel]) * kept + mean * (1.0 - kept)) as f32;
            self.variance[channel] = (f64::from(self.variance[channel]) * kept + variance * (1.0 - kept)) as f32;
        }
    }

    /// Writes the scales and offsets of the running statistics where the sums stand.
    fn settle(&mut self, scale_and_offset: &[Vec<f32>], settings: &Settings) {
        let (scales, offsets) = self.sums.split_at_mut(self.mean.len());
        let running = self.mean.iter().zip(&self.variance);
        let learnt = scale_and_offset[0].iter().zip(&scale_and_offset[1]);
        let settled = scales.iter_mut().zip(offsets);
        for (((mean, variance), (scale, offset)), settled) in running.zip(learnt).zip(settled) {
            let own = normaliser((*mean).into(), (*variance).into(), *scale, *offset, settings);
            (*settled.0, *settled.1) = (own.scale, own.offset);
        }
    }

    /// Makes of the sums of a batch the gradients of scale and offset and what the gradient of each pixel is made of.
    ///
    /// With `x` the normalised values, `g` their gradients and `n` values in all, a pixel's is
    /// `scale / deviation · (g − Σg / n − x · Σ(g·x) / n)`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sums of single-precision numbers")]
    fn differentiate(&mut self, count: usize, scale: &[f32], of_scale: &mut [f32], of_offset: &mut [f32]) {
        for (channel, sums) in self.sums.chunks_exact(2 * LANES).enumerate() {
            let [change, product] = [0, LANES].map(|first| total(&sums[first..first + LANES]));
            (of_offset[channel], of_scale[channel]) = (change as f32, product as f32);
            let own = self.channels[channel];
            let factor = f64::from(scale[channel]) * f64::from(own.inverse);
            let steepness = -factor * product / count as f64 * f64::from(own.inverse);
            let constant = -factor * change / count as f64 - steepness * f64::from(own.mean);
            let slope = Slope { factor: factor as f32, steepness: steepness as f32, constant: constant as f32 };
            self.slopes[channel] = (own, slope);
        }
    }
}

fn total(lanes: &[f32]) -> f64 {
    lanes.iter().copied().map(f64::from).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "it is used in single precision")]
fn normaliser(mean: f64, variance: f64, scale: f32, offset: f32, settings: &Settings) -> Channel {
    let inverse = 1.0 / (variance + settings.batch_norm_epsilon).sqrt();
    let scale = f64::from(scale) * inverse;
    Channel { scale: scale as f32, offset: (f64::from(offset) - scale * mean) as f32, mean: mean as f32, inverse: inverse as f32 }
}
