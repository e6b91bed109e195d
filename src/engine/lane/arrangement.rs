//! Where the buffers of a plan stand in memory.
//!
//! What is concatenated is written where the concatenation stands, so that concatenating moves nothing.

use std::ops::Range;

use super::layout::{Numbers, Plane};
use crate::dataset::ImageShape;
use crate::network::{Operator, Plan};

/// Where the buffer of a step stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The store that it is a part of.
    pub(super) store: usize,
    /// Its first channel there.
    pub(super) first: usize,
    pub(super) channels: usize,
    pub(super) plane: Plane,
}

impl Place {
    /// Where a block stands in memory that holds nothing but this buffer.
    pub(super) const fn block(self, block: usize) -> Range<usize> {
        let size = self.channels * self.plane.len();
        block * size..(block + 1) * size
    }
}

/// A piece of memory for each block: the channels of one or more buffers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    channels: usize,
    plane: Plane,
}

impl Store {
    /// The numbers of one channel.
    pub(super) const fn plane_len(self) -> usize {
        self.plane.len()
    }

    /// The numbers of one block.
    pub(super) const fn len(self) -> usize {
        self.channels * self.plane.len()
    }
}

/// The places of all buffers: 0 is the images, `i + 1` what step `i` writes.
#[derive(Debug)]
pub(super) struct Arrangement {
    places: Vec<Place>,
    stores: Vec<Store>,
    /// For each buffer the one whose gradient is its own.
    changes: Vec<usize>,
}

impl Arrangement {
    pub(super) fn new(plan: &Plan) -> Self {
        let shapes: Vec<_> = std::iter::once(plan.skeleton().image).chain(plan.steps().iter().map(|step| step.output)).collect();
        let mut arrangement = Self { places: Vec::new(), stores: Vec::new(), changes: (0..shapes.len()).collect() };
        for shape in shapes {
            let place = arrangement.store(shape);
            arrangement.places.push(place);
        }
        for (number, step) in plan.steps().iter().enumerate().filter(|(_, step)| step.operator == Operator::Concatenate) {
            let Place { store, .. } = arrangement.places[number + 1];
            let mut first = 0;
            for input in &step.inputs {
                let place = &mut arrangement.places[input.buffer];
                debug_assert_eq!(place.channels, input.channels, "whole buffers are concatenated");
                arrangement.stores[place.store].channels = 0;
                (place.store, place.first) = (store, first);
                first += input.channels;
            }
        }
        arrangement.share_changes(plan);
        arrangement
    }

    /// What a sum alone reads has the gradient of the sum; not so a concatenation, whose parts have theirs in its own place.
    fn share_changes(&mut self, plan: &Plan) {
        let is_concatenated = |buffer: usize| buffer > 0 && plan.steps()[buffer - 1].operator == Operator::Concatenate;
        let readers = |buffer| plan.steps().iter().flat_map(|step| &step.inputs).filter(|input| input.buffer == buffer).count();
        for (number, step) in plan.steps().iter().enumerate().filter(|(_, step)| step.operator == Operator::Sum) {
            for input in &step.inputs {
                let is_whole = input.channels == self.places[input.buffer].channels;
                if is_whole && !is_concatenated(input.buffer) && readers(input.buffer) == 1 {
                    self.changes[input.buffer] = number + 1;
                }
            }
        }
        // A sum may be all that another sum reads; later buffers are resolved first.
        for buffer in (0..self.changes.len()).rev() {
            self.changes[buffer] = self.changes[self.changes[buffer]];
        }
    }

    /// The buffer whose gradient is that of a buffer.
    pub(super) fn change_of(&self, buffer: usize) -> usize {
        self.changes[buffer]
    }

    fn store(&mut self, shape: ImageShape) -> Place {
        let plane = Plane { height: shape.height, width: shape.width };
        self.stores.push(Store { channels: shape.channels, plane });
        Place { store: self.stores.len() - 1, first: 0, channels: shape.channels, plane }
    }

    pub(super) fn place(&self, buffer: usize) -> Place {
        self.places[buffer]
    }

    pub(super) fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// Where the first channels of a buffer stand in the memory of its store.
    pub(super) fn range(&self, buffer: usize, channels: usize, block: usize) -> Range<usize> {
        let Place { store, first, plane, .. } = self.places[buffer];
        let start = block * self.stores[store].len() + first * plane.len();
        start..start + channels * plane.len()
    }
}

/// A part to read and a part to write, which do not overlap, of one store or of two.
pub(super) fn read_and_write(
    stores: &mut [Numbers],
    (from, read): (usize, Range<usize>),
    (to, written): (usize, Range<usize>),
) -> (&[f32], &mut [f32]) {
    if from != to {
        let [from, to] = stores.get_disjoint_mut([from, to]).expect("two stores of the arrangement");
        return (&from[read], &mut to[written]);
    }
    let store = &mut stores[from][..];
    if read.end <= written.start {
        let (before, after) = store.split_at_mut(written.start);
        return (&before[read], &mut after[..written.len()]);
    }
    let (before, after) = store.split_at_mut(read.start);
    (&after[..read.len()], &mut before[written])
}
