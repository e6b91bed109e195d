//! The phases of a plan, forward and backward.
//!
//! Only a batch normalisation looks at all images: forward at the statistics of what was convolved, backward at two sums. What lies
//! between two of them is done block by block, so that a step reads what the one before it wrote while that is in the cache.
//! Passes go through the blocks by turns forwards and backwards: what was read last is still in the cache.

use std::ops::Range;

use super::arrangement::{is_convolved, read_and_write};
use super::convolution::{self, Finish};
use super::group::clear_beyond;
use super::layout::{Band, LANES};
use super::normalise::{AddSums, Differentiate, Part};
use super::pool::{self, Pool, PoolGradient};
use super::schedule::Read;
use super::{Batch, Model, head};
use crate::network::Operator;

impl Model {
    /// Runs all phases for training.
    pub(super) fn forward(&mut self, batch: &Batch) {
        for phase in 0..=self.groups.len() {
            for block in batch.order(phase) {
                self.forward_block(phase, batch, block);
            }
            if let Some(group) = self.groups.get_mut(phase) {
                group.observe(batch.images, &self.parameters, &self.settings);
            }
        }
    }

    /// Turns the gradient of the logits into those of the parameters.
    pub(super) fn backward(&mut self, batch: &Batch) {
        for phase in (0..=self.groups.len()).rev() {
            for block in batch.order(phase + 1) {
                self.backward_block(phase, batch, block);
            }
            if let Some(group) = self.groups.get_mut(phase) {
                group.finish_kernel_grad(&mut self.gradients);
            }
            if let Some(group) = phase.checked_sub(1).map(|before| &mut self.groups[before]) {
                group.differentiate(batch.images, &self.parameters, &mut self.gradients);
            }
        }
    }

    /// Runs all phases for a block of images, with the running statistics of batch normalisation.
    pub(super) fn evaluate(&mut self, images: &[f32]) {
        self.reserve(1);
        self.fill(0, images);
        self.groups.iter_mut().for_each(|group| group.fold_batch_norm(&self.parameters, &self.settings));
        let batch = Batch { is_training: false, ..Batch::new(LANES) };
        (0..=self.groups.len()).for_each(|phase| self.forward_block(phase, &batch, 0));
    }

    fn forward_block(&mut self, phase: usize, batch: &Batch, block: usize) {
        for i in 0..self.arrangement.forward[phase].before.len() {
            self.make(self.arrangement.forward[phase].before[i], batch, block);
        }
        for i in 0..self.schedule.phases[phase].steps.len() {
            self.forward_step(self.schedule.phases[phase].steps[i], batch, block);
        }
        if phase < self.groups.len() {
            self.convolve(phase, batch, block);
        }
    }

    fn backward_block(&mut self, phase: usize, batch: &Batch, block: usize) {
        for i in 0..self.arrangement.backward[phase].before.len() {
            self.make(self.arrangement.backward[phase].before[i], batch, block);
        }
        if phase < self.groups.len() {
            self.convolve_back(phase, batch, block);
        }
        for i in (0..self.schedule.phases[phase].steps.len()).rev() {
            self.backward_step(self.schedule.phases[phase].steps[i], block);
        }
        for i in 0..self.schedule.phases[phase].complete.len() {
            self.add_sums(self.schedule.phases[phase].complete[i], block);
        }
    }

    /// Makes a normalised output from what was convolved.
    fn make(&mut self, buffer: usize, batch: &Batch, block: usize) {
        let Self { arrangement, schedule, groups, values, arch, .. } = self;
        let group = &groups[schedule.phase_of[buffer]];
        let (channels, part) = (group.channels_of(buffer - 1), Part::whole(group.plane, batch.mask(block)));
        let (store, written) = arrangement.values.range(buffer, channels.len(), block);
        group.normalise(*arch, (channels, block), part, &mut values[store][written], false);
    }

    /// Makes a band of a group's input from what was convolved before.
    fn make_band(&mut self, phase: usize, rows: &Range<usize>, batch: &Batch, block: usize) {
        let Self { schedule, groups, arch, .. } = self;
        let (before, rest) = groups.split_at_mut(phase);
        let group = &mut rest[0];
        let source = &before[schedule.phase_of[group.input.buffer]];
        let first = source.channels_of(group.input.buffer - 1).start;
        let channels = first..first + group.input.channels;
        let (to, made) = group.band(rows);
        let part = Part { plane: group.plane, rows: made, to, mask: batch.mask(block) };
        clear_beyond(to, rows, group.plane.height, &mut group.input_band);
        source.normalise(*arch, (channels, block), part, &mut group.input_band, false);
    }

    /// A step that treats each image alone.
    fn forward_step(&mut self, number: usize, batch: &Batch, block: usize) {
        if self.plan.steps()[number].operator == Operator::Sum {
            return self.add_terms(number, batch, block);
        }
        let Self { plan, arrangement, schedule, values, grads, means, logits, parameters, arch, .. } = self;
        let (step, Read { buffer, channels, .. }) = (&plan.steps()[number], schedule.reads[number][0]);
        let (from, to) = (arrangement.values.slot(buffer).plane, arrangement.values.slot(number + 1));
        let (read, written) =
            (arrangement.values.range(buffer, channels, block), arrangement.values.range(number + 1, to.channels, block));
        match step.operator {
            Operator::MaxPool3 | Operator::AvgPool3 | Operator::MaxPool2 => {
                // Which pixels win is kept where their gradients will be: nothing reads what is halved later than that.
                let (store, winners) = arrangement.grads.range(buffer, channels, block);
                let keeps = step.operator == Operator::MaxPool2 && batch.is_training;
                let winners = if keeps { &mut grads[store][winners] } else { &mut [] };
                let (input, output) = read_and_write(values, read, written);
                arch.dispatch(Pool { operator: step.operator, planes: [from, to.plane], input, output, winners });
            }
            Operator::GlobalAvgPool => pool::means(from, &values[read.0][read.1], part(means, channels, block)),
            Operator::Linear => {
                let [.., matrix, bias] = &parameters[..] else { unreachable!("a linear layer has two parameters") };
                let means = part(means, channels, block);
                head::logits(means, matrix, bias, part(logits, to.channels, block));
            }
            other => unreachable!("{other:?} is no step of a phase"),
        }
    }

    /// Adds the terms of a sum up; those that were convolved are normalised on the way.
    fn add_terms(&mut self, number: usize, batch: &Batch, block: usize) {
        let Self { plan, arrangement, schedule, groups, values, arch, .. } = self;
        let whole = arrangement.values.slot(number + 1);
        let (to, all) = arrangement.values.range(number + 1, whole.channels, block);
        let mut filled = 0;
        for &Read { buffer, channels, first } in &schedule.reads[number] {
            let start = all.start + first * whole.plane.len();
            let written = start..start + channels * whole.plane.len();
            // Terms come channel by channel: what is not filled yet comes first.
            let adds = first < filled;
            filled = filled.max(first + channels);
            if is_convolved(plan, buffer) {
                let group = &groups[schedule.phase_of[buffer]];
                let Range { start, .. } = group.channels_of(buffer - 1);
                let part = Part::whole(group.plane, batch.mask(block));
                group.normalise(*arch, (start..start + channels, block), part, &mut values[to][written], adds);
            } else {
                let read = arrangement.values.range(buffer, channels, block);
                let (term, output) = read_and_write(values, read, (to, written));
                add(term, output, !adds);
            }
        }
    }

    /// Convolves a block, band by band: in training its statistics are added up, in evaluation it is normalised by the running ones.
    fn convolve(&mut self, phase: usize, batch: &Batch, block: usize) {
        let Read { buffer, channels: inputs, .. } = self.groups[phase].input;
        let is_made = self.arrangement.forward[phase].is_input;
        for rows in self.groups[phase].bands() {
            if is_made && batch.is_training {
                self.make_band(phase, &rows, batch, block);
            }
            let Self { arrangement, schedule, values, groups, arch, .. } = self;
            let (before, rest) = groups.split_at_mut(phase);
            let group = &mut rest[0];
            let (from, read) = arrangement.values.range(buffer, inputs, block);
            let input = match (is_made, batch.is_training) {
                (false, _) => (Band::whole(group.plane), &values[from][read]),
                (true, true) => (group.band(&rows).0, &group.input_band[..]),
                (true, false) => {
                    // What was convolved is normalised already.
                    let source = &before[schedule.phase_of[buffer]];
                    (Band::whole(group.plane), source.raw_of(&source.channels_of(buffer - 1), block))
                }
            };
            let written = group.range(&(0..group.outputs), block);
            let finish = if batch.is_training { Finish::Observe(&mut group.sums) } else { Finish::Normalise(&group.folded) };
            convolution::convolve(*arch, &group.forward, (group.plane, rows), input, &mut group.raw[written], finish);
        }
    }

    /// Turns the gradient of a block that was convolved and normalised into those of what was read and of the kernels.
    fn convolve_back(&mut self, phase: usize, batch: &Batch, block: usize) {
        let Read { buffer, channels: inputs, .. } = self.groups[phase].input;
        let is_fresh = self.prepare_grad(self.groups[phase].members[0].step, block);
        for rows in self.groups[phase].bands() {
            let is_made = self.arrangement.backward[phase].is_input;
            if is_made {
                self.make_band(phase, &rows, batch, block);
            }
            self.differentiate_band(phase, &rows, batch, block);
            let Self { arrangement, values, grads, groups, arch, .. } = self;
            let group = &mut groups[phase];
            let (from, read) = arrangement.values.range(buffer, inputs, block);
            let (plane, band) = (group.plane, group.band(&rows).0);
            let input = if is_made { (band, &group.input_band[..]) } else { (Band::whole(plane), &values[from][read]) };
            let (grad, shape) = ((band, &group.grad_band[..]), [group.side, inputs, group.outputs]);
            convolution::add_kernel_gradient(*arch, shape, rows.clone(), input, grad, &mut group.kernel_grad);
            if buffer != 0 {
                let finish = if is_fresh { Finish::Replace } else { Finish::Add };
                let (to, written) = arrangement.grads.range(buffer, inputs, block);
                convolution::convolve(*arch, &group.backward, (plane, rows), grad, &mut grads[to][written], finish);
            }
        }
    }

    /// Computes a band of the gradient of what a group's convolutions gave.
    fn differentiate_band(&mut self, phase: usize, rows: &Range<usize>, batch: &Batch, block: usize) {
        let Self { arrangement, grads, groups, arch, .. } = self;
        let group = &mut groups[phase];
        let (to, made) = group.band(rows);
        clear_beyond(to, rows, group.plane.height, &mut group.grad_band);
        for i in 0..group.members.len() {
            let (step, channels) = (group.members[i].step, group.members[i].channels.clone());
            let (store, read) = arrangement.grads.range(step + 1, channels.len(), block);
            let part = Part { plane: group.plane, rows: made.clone(), to, mask: batch.mask(block) };
            let (raw, written) = (group.range(&channels, block), channels.start * to.plane.len()..channels.end * to.plane.len());
            let (input, grad, output) = (&group.raw[raw], &grads[store][read], &mut group.grad_band[written]);
            let (channels, slopes) = (&group.channels[channels.clone()], &group.slopes[channels]);
            arch.dispatch(Differentiate { channels, slopes, part, input, grad, output });
        }
    }

    /// Adds up what the gradients of a convolution's normalisation are made of.
    fn add_sums(&mut self, number: usize, block: usize) {
        let Self { arrangement, schedule, grads, groups, arch, .. } = self;
        let group = &mut groups[schedule.phase_of[number + 1]];
        let channels = group.channels_of(number);
        let (store, read) = arrangement.grads.range(number + 1, channels.len(), block);
        let raw = group.range(&channels, block);
        let sums = &mut group.sums[2 * channels.start * LANES..2 * channels.end * LANES];
        let (channels, input, grad) = (&group.channels[channels], &group.raw[raw], &grads[store][read]);
        arch.dispatch(AddSums { channels, plane: group.plane, input, grad, sums });
    }

    /// Returns whether the gradient of a step's first input may replace what was there; what is left of it is set
    /// to zero.
    fn prepare_grad(&mut self, number: usize, block: usize) -> bool {
        let Self { arrangement, schedule, fresh, grads, .. } = self;
        let Read { buffer, channels, .. } = schedule.reads[number][0];
        let slot = arrangement.grads.slot(buffer);
        if buffer != 0 && fresh[number][0] && channels < slot.channels {
            let (store, range) = arrangement.grads.range(buffer, slot.channels, block);
            grads[store][range][channels * slot.plane.len()..].fill(0.0);
        }
        fresh[number][0]
    }

    /// Turns the gradient of what a step wrote into those of what it read and of its parameters.
    fn backward_step(&mut self, number: usize, block: usize) {
        if self.plan.steps()[number].operator == Operator::Sum {
            return self.hand_back(number, block);
        }
        let is_fresh = self.prepare_grad(number, block);
        let Self { plan, arrangement, schedule, values, grads, means, logits, scratch, parameters, gradients, arch, .. } = self;
        let (step, Read { buffer, channels, .. }) = (&plan.steps()[number], schedule.reads[number][0]);
        let (from, to) = (arrangement.values.slot(buffer).plane, arrangement.values.slot(number + 1));
        let (store, read) = arrangement.values.range(buffer, channels, block);
        let grad = arrangement.grads.range(number + 1, to.channels, block);
        let of_input = arrangement.grads.range(buffer, channels, block);
        match step.operator {
            Operator::MaxPool3 | Operator::AvgPool3 | Operator::MaxPool2 => {
                let (grad, output) = read_and_write(grads, grad, of_input);
                debug_assert!(is_fresh || step.operator != Operator::MaxPool2, "the winners are where the gradient goes");
                let input = if step.operator == Operator::MaxPool3 { &values[store][read] } else { &[] };
                let (operator, planes) = (step.operator, [from, to.plane]);
                arch.dispatch(PoolGradient { operator, replaces: is_fresh, planes, input, grad, output, scratch });
            }
            Operator::GlobalAvgPool => {
                let means = part(means, channels, block);
                pool::add_gradient_of_means(from, means, &mut grads[of_input.0][of_input.1], is_fresh);
            }
            Operator::Linear => {
                let [.., matrix, _] = &parameters[..] else { unreachable!("a linear layer has two parameters") };
                let [.., of_matrix, of_bias] = &mut gradients[..] else { unreachable!("a linear layer has two parameters") };
                let means = part(means, channels, block);
                head::add_gradients(means, part(logits, to.channels, block), matrix, of_matrix, of_bias);
            }
            other => unreachable!("{other:?} is no step of a phase"),
        }
    }

    /// Adds the gradient of a sum to those of its terms, unless they are the same memory.
    fn hand_back(&mut self, number: usize, block: usize) {
        let Self { arrangement, schedule, grads, fresh, .. } = self;
        let whole = arrangement.grads.slot(number + 1);
        let (from, all) = arrangement.grads.range(number + 1, whole.channels, block);
        for (Read { buffer, channels, first }, is_fresh) in schedule.reads[number].iter().zip(&fresh[number]) {
            let start = all.start + first * whole.plane.len();
            let length = channels * whole.plane.len();
            let (to, written) = arrangement.grads.range(*buffer, arrangement.grads.slot(*buffer).channels, block);
            if (to, written.start) == (from, start) {
                continue;
            }
            let (grad, sum) = read_and_write(grads, (from, start..start + length), (to, written));
            add(grad, &mut sum[..length], *is_fresh);
            if *is_fresh {
                sum[length..].fill(0.0);
            }
        }
    }
}

/// Adds a term to a sum, or replaces the sum by it.
fn add(term: &[f32], sum: &mut [f32], replaces: bool) {
    if replaces {
        sum.copy_from_slice(term);
    } else {
        sum.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
    }
}

/// The part of a block in numbers of `[blocks, channels, LANES]`.
fn part(numbers: &mut [f32], channels: usize, block: usize) -> &mut [f32] {
    &mut numbers[block * channels * LANES..][..channels * LANES]
}
