//! The memory of values and their gradients, for all blocks of a batch or for one block at a time.
//!
//! The output of a normalisation is not stored: a block makes it again from the convolution's own output, forward and backward,
//! whenever a step reads it. A buffer that is written and read in one phase alone needs room for one block, too.

use std::ops::Range;

use super::layout::{Numbers, Plane, zeros};
use super::schedule::{Schedule, is_whole};
use crate::dataset::ImageShape;
use crate::network::{Operator, Plan};

/// A store and some of its numbers.
pub(super) type Span = (usize, Range<usize>);

/// The memory of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferSlot {
    /// The store that it is a part of.
    pub(super) store: usize,
    /// Its first channel there.
    first: usize,
    pub(super) channels: usize,
    pub(super) plane: Plane,
}

/// Memory for the channels of one buffer or of several.
#[derive(Clone, Copy, Debug)]
struct Store {
    channels: usize,
    plane: Plane,
    /// Whether it holds every block of a batch.
    is_kept: bool,
}

impl Store {
    /// The number of floats for a number of blocks.
    fn len(self, blocks: usize) -> usize {
        let blocks = if self.is_kept { blocks } else { 1 };
        blocks * self.channels * self.plane.len()
    }
}

/// The slots of the values or of the gradients of all buffers: 0 is the images, `i + 1` what step `i` writes.
#[derive(Debug)]
pub(super) struct BufferSlots {
    slots: Vec<BufferSlot>,
    stores: Vec<Store>,
}

impl BufferSlots {
    /// A kept store for each buffer; none for those without pixels, and for concatenations that are not whole.
    fn new(plan: &Plan) -> Self {
        let mut slots = Self { slots: Vec::new(), stores: Vec::new() };
        let shapes = std::iter::once(plan.skeleton().image).chain(plan.steps().iter().map(|step| step.output));
        for (buffer, ImageShape { channels, height, width }) in shapes.enumerate() {
            let has_room = buffer == 0
                || match plan.steps()[buffer - 1].operator {
                    Operator::Concatenate => is_whole(plan, buffer),
                    operator => !matches!(operator, Operator::GlobalAvgPool | Operator::Linear),
                };
            let plane = Plane { height, width };
            slots.slots.push(BufferSlot { store: buffer, first: 0, channels, plane });
            slots.stores.push(Store { channels: if has_room { channels } else { 0 }, plane, is_kept: true });
        }
        slots
    }

    /// Makes a buffer a part of another one, from a channel on.
    fn put_into(&mut self, buffer: usize, (whole, first): (usize, usize)) {
        let whole = self.slots[whole];
        self.stores[self.slots[buffer].store].channels = 0;
        (self.slots[buffer].store, self.slots[buffer].first) = (whole.store, whole.first + first);
    }

    fn store_of(&mut self, buffer: usize) -> &mut Store {
        &mut self.stores[self.slots[buffer].store]
    }

    fn is_kept(&self, buffer: usize) -> bool {
        self.stores[self.slots[buffer].store].is_kept
    }

    pub(super) fn slot(&self, buffer: usize) -> BufferSlot {
        self.slots[buffer]
    }

    /// The store of a buffer, and the range of the first channels of the buffer in it.
    pub(super) fn range(&self, buffer: usize, channels: usize, block: usize) -> Span {
        let BufferSlot { store, first, plane, .. } = self.slots[buffer];
        let Store { channels: whole, is_kept, .. } = self.stores[store];
        let block = if is_kept { block } else { 0 };
        let start = (block * whole + first) * plane.len();
        (store, start..start + channels * plane.len())
    }

    /// The number of floats of all stores, for a number of blocks.
    pub(super) fn len(&self, blocks: u64) -> u64 {
        let one = |store: &Store| if store.is_kept { blocks } else { 1 }.saturating_mul(store.len(1) as u64);
        self.stores.iter().map(one).fold(0, u64::saturating_add)
    }

    pub(super) fn allocate(&self, blocks: usize) -> Vec<Numbers> {
        self.stores.iter().map(|store| zeros(store.len(blocks))).collect()
    }
}

/// The normalised outputs that a phase makes for each block.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    /// Buffers that are made before everything else.
    pub(super) before: Vec<usize>,
    /// Whether the input of the phase's convolutions is made a few rows at a time, as they read it.
    pub(super) is_input: bool,
}

/// The slots of values and gradients, and what each phase makes again.
#[derive(Debug)]
pub(super) struct Arrangement {
    pub(super) values: BufferSlots,
    pub(super) grads: BufferSlots,
    /// By phase.
    pub(super) forward: Vec<Made>,
    /// By phase.
    pub(super) backward: Vec<Made>,
}

impl Arrangement {
    pub(super) fn new(plan: &Plan, schedule: &Schedule) -> Self {
        let (values, grads) = (values(plan, schedule), grads(plan, schedule));
        let mut arrangement = Self { values, grads, forward: Vec::new(), backward: Vec::new() };
        let mut is_made = vec![false; plan.steps().len() + 1];
        for phase in 0..schedule.phases.len() {
            let reads = |operator, buffer| operator != Operator::Sum || is_whole(plan, buffer);
            let mut made = arrangement.made(plan, schedule, phase, reads);
            let is_stored = |buffer: usize| arrangement.values.is_kept(buffer) && is_made[buffer];
            made.before.retain(|buffer| !is_stored(*buffer));
            made.before.iter().for_each(|buffer| is_made[*buffer] = true);
            arrangement.forward.push(made);
            let mut made = arrangement.made(plan, schedule, phase, |operator, _| reads_again(operator));
            made.before.retain(|buffer| !arrangement.values.is_kept(*buffer));
            arrangement.backward.push(made);
        }
        // Sums and convolutions make what they read as they read it: that needs no room.
        let made = [&arrangement.forward, &arrangement.backward].into_iter().flatten().flat_map(|made| made.before.clone());
        let made: Vec<_> = made.collect();
        for buffer in (0..=plan.steps().len()).filter(|buffer| is_convolved(plan, *buffer) && !made.contains(buffer)) {
            arrangement.values.store_of(buffer).channels = 0;
        }
        arrangement
    }

    /// The normalised outputs that a phase reads, as far as an operator reads a buffer.
    fn made(&self, plan: &Plan, schedule: &Schedule, phase: usize, reads: impl Fn(Operator, usize) -> bool) -> Made {
        let convolved = |buffer: usize| {
            let parts = if is_whole(plan, buffer) { &schedule.reads[buffer - 1][..] } else { &[] };
            let all = std::iter::once(buffer).chain(parts.iter().map(|part| part.buffer));
            all.filter(|buffer| is_convolved(plan, *buffer)).collect::<Vec<_>>()
        };
        let phase = &schedule.phases[phase];
        let read = |step: &usize| {
            let operator = plan.steps()[*step].operator;
            let buffers = schedule.reads[*step].iter().map(|read| read.buffer);
            buffers.filter(|buffer| reads(operator, *buffer)).collect::<Vec<_>>()
        };
        let mut before: Vec<_> = phase.steps.iter().flat_map(read).flat_map(convolved).collect();
        let input = phase.group.first().map(|step| schedule.reads[*step][0].buffer);
        let is_input =
            input.is_some_and(|input| is_convolved(plan, input) && !self.values.is_kept(input) && !before.contains(&input));
        if let (false, Some(input)) = (is_input, input) {
            before.extend(convolved(input));
        }
        before.sort_unstable();
        before.dedup();
        Made { before, is_input }
    }
}

/// Whether the backward pass of a step reads the values of its input.
fn reads_again(operator: Operator) -> bool {
    matches!(operator, Operator::Convolution { .. } | Operator::MaxPool3)
}

pub(super) fn is_convolved(plan: &Plan, buffer: usize) -> bool {
    buffer > 0 && matches!(plan.steps()[buffer - 1].operator, Operator::Convolution { .. })
}

/// The slots of values: parts are stored in their concatenation; what can be made again, or is read in its own phase only, is not kept.
fn values(plan: &Plan, schedule: &Schedule) -> BufferSlots {
    let mut slots = BufferSlots::new(plan);
    put_parts_together(plan, schedule, &mut slots);
    slots.stores.iter_mut().for_each(|store| store.is_kept = false);
    for buffer in 0..=plan.steps().len() {
        let outlives = |reader: &usize| {
            schedule.phase_of[reader + 1] != schedule.phase_of[buffer] || reads_again(plan.steps()[*reader].operator)
        };
        let is_made_again = is_convolved(plan, buffer) || is_whole(plan, buffer);
        if buffer == 0 || !is_made_again && schedule.readers[buffer].iter().any(outlives) {
            slots.store_of(buffer).is_kept = true;
        }
    }
    slots
}

/// The slots of gradients: that of what one sum alone reads is the gradient of the sum.
fn grads(plan: &Plan, schedule: &Schedule) -> BufferSlots {
    let mut slots = BufferSlots::new(plan);
    slots.stores[0].channels = 0;
    put_parts_together(plan, schedule, &mut slots);
    // Later buffers first: a sum may be all that another sum reads.
    for number in (0..plan.steps().len()).rev().filter(|number| plan.steps()[*number].operator == Operator::Sum) {
        for read in &schedule.reads[number] {
            let is_alone = schedule.readers[read.buffer] == [number] && read.channels == slots.slot(read.buffer).channels;
            if is_alone {
                slots.put_into(read.buffer, (number + 1, read.first));
            }
        }
    }
    slots.stores.iter_mut().for_each(|store| store.is_kept = false);
    let mut phases = vec![None; slots.stores.len()];
    for buffer in 1..=plan.steps().len() {
        let own = std::iter::once(buffer).chain(schedule.readers[buffer].iter().map(|reader| reader + 1));
        for phase in own.map(|buffer| schedule.phase_of[buffer]) {
            let first = *phases[slots.slot(buffer).store].get_or_insert(phase);
            // Until its gradient comes, the slot of what is halved holds the winners.
            let is_halved = schedule.readers[buffer].iter().any(|reader| plan.steps()[*reader].operator == Operator::MaxPool2);
            if phase != first || is_convolved(plan, buffer) || is_halved {
                slots.store_of(buffer).is_kept = true;
            }
        }
    }
    slots
}

fn put_parts_together(plan: &Plan, schedule: &Schedule, slots: &mut BufferSlots) {
    for number in (0..plan.steps().len()).filter(|number| is_whole(plan, number + 1)) {
        for part in &schedule.reads[number] {
            debug_assert_eq!(slots.slot(part.buffer).channels, part.channels, "whole buffers are concatenated");
            slots.put_into(part.buffer, (number + 1, part.first));
        }
    }
}

/// A part to read and a part to write, which do not overlap, of one store or of two.
pub(super) fn read_and_write(stores: &mut [Numbers], (from, read): Span, (to, written): Span) -> (&[f32], &mut [f32]) {
    if from == to {
        let [read, written] = stores[from].get_disjoint_mut([read, written]).expect("parts that do not overlap");
        return (read, written);
    }
    let [from, to] = stores.get_disjoint_mut([from, to]).expect("two stores of the arrangement");
    (&from[read], &mut to[written])
}
