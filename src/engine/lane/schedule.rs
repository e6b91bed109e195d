//! The order of the steps: phases, each of which ends where a batch normalisation needs the statistics of the whole batch.
//!
//! Convolutions with the same input and side run as one group at the position of the first of them: their outputs side by side fill
//! the rectangles of sums, and their input is read once. All other steps of a phase run block by block, so that each reads what the
//! one before it wrote while that is in the cache. A concatenation that only sums read is no step: they read its parts.

use crate::network::{Operator, Plan};

/// Channels that a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) buffer: usize,
    /// How many of its first channels are read.
    pub(super) channels: usize,
    /// The channel of the output that the first of them goes to.
    pub(super) first: usize,
}

/// What runs between two barriers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phase {
    /// The steps that treat each image alone, in order.
    pub(super) steps: Vec<usize>,
    /// The convolutions at its end; none in the last phase.
    pub(super) group: Vec<usize>,
    /// The convolutions whose outputs have all of their gradient once it has gone backward.
    pub(super) complete: Vec<usize>,
}

/// The phases of a plan. Buffer 0 is the images, buffer `i + 1` what step `i` writes.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) phases: Vec<Phase>,
    /// The phase in which a buffer is written, convolutions at its end.
    pub(super) phase_of: Vec<usize>,
    /// What each step reads.
    pub(super) reads: Vec<Vec<Read>>,
    /// The steps that read a buffer, alone or as a part of a concatenation.
    pub(super) readers: Vec<Vec<usize>>,
}

impl Schedule {
    pub(super) fn new(plan: &Plan) -> Self {
        let steps = plan.steps();
        let mut schedule = Self {
            phases: vec![Phase::default()],
            phase_of: vec![0],
            reads: steps.iter().enumerate().map(|(number, _)| reads(plan, number)).collect(),
            readers: vec![Vec::new(); steps.len() + 1],
        };
        for number in 0..steps.len() {
            let phase = schedule.place(plan, number);
            schedule.phase_of.push(phase);
        }
        for (number, step) in steps.iter().enumerate().filter(|(_, step)| step.operator != Operator::Concatenate) {
            debug_assert!(!step.inputs.is_empty(), "a step reads something");
            for read in &schedule.reads[number] {
                let parts = if is_whole(plan, read.buffer) { &schedule.reads[read.buffer - 1][..] } else { &[] };
                for read in std::iter::once(read).chain(parts) {
                    schedule.readers[read.buffer].push(number);
                }
            }
        }
        for number in schedule.phases.iter().flat_map(|phase| phase.group.clone()).collect::<Vec<_>>() {
            let readers = schedule.readers[number + 1].iter().map(|reader| schedule.phase_of[reader + 1]);
            let last = readers.min().expect("what is convolved is read");
            schedule.phases[last].complete.push(number);
        }
        schedule
    }

    /// Adds a step to a phase and returns the phase.
    fn place(&mut self, plan: &Plan, number: usize) -> usize {
        let step = &plan.steps()[number];
        let last = self.phases.len() - 1;
        match step.operator {
            Operator::Convolution { .. } => {
                let is_sibling = |other: &usize| {
                    let other = &plan.steps()[*other];
                    (other.operator, &other.inputs) == (step.operator, &step.inputs)
                };
                if let Some(phase) = self.phases.iter().position(|phase| phase.group.first().is_some_and(is_sibling)) {
                    self.phases[phase].group.push(number);
                    return phase;
                }
                self.phases[last].group.push(number);
                self.phases.push(Phase::default());
            }
            Operator::Concatenate => {}
            _ => self.phases[last].steps.push(number),
        }
        last
    }
}

/// Whether a buffer is a concatenation that must be stored as a whole: not if only sums read it.
pub(super) fn is_whole(plan: &Plan, buffer: usize) -> bool {
    let mut readers = plan.steps().iter().filter(|step| step.inputs.iter().any(|input| input.buffer == buffer));
    is_concatenation(plan, buffer) && !readers.all(|step| step.operator == Operator::Sum)
}

fn is_concatenation(plan: &Plan, buffer: usize) -> bool {
    buffer > 0 && plan.steps()[buffer - 1].operator == Operator::Concatenate
}

fn reads(plan: &Plan, number: usize) -> Vec<Read> {
    let step = &plan.steps()[number];
    let (mut reads, mut next) = (Vec::new(), 0);
    for input in &step.inputs {
        let (buffer, channels) = (input.buffer, input.channels);
        if is_concatenation(plan, buffer) && !is_whole(plan, buffer) {
            let mut first = 0;
            for part in &plan.steps()[buffer - 1].inputs {
                let channels = part.channels.min(channels.saturating_sub(first));
                reads.push(Read { buffer: part.buffer, channels, first });
                first += part.channels;
            }
        } else {
            let first = if step.operator == Operator::Concatenate { next } else { 0 };
            reads.push(Read { buffer, channels, first });
            next += channels;
        }
    }
    reads.retain(|read| read.channels > 0);
    reads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::network::Skeleton;
    use crate::space::Space;

    #[test]
    fn every_step_reads_what_was_written_before() {
        let image = ImageShape { channels: 1, height: 4, width: 4 };
        let skeleton = Skeleton { image, classes: 3, stem_channels: 6, stacks: 2, cells_per_stack: 1, equal_flops: None };
        for cell in Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap() {
            let plan = Plan::compile(&cell, &skeleton).unwrap();
            let schedule = Schedule::new(&plan);
            let mut written: Vec<_> = (0..=plan.steps().len()).map(|buffer| buffer == 0).collect();
            for number in schedule.phases.iter().flat_map(|phase| phase.steps.iter().chain(&phase.group)) {
                for read in &schedule.reads[*number] {
                    let parts = if is_whole(&plan, read.buffer) { &schedule.reads[read.buffer - 1][..] } else { &[*read] };
                    assert!(parts.iter().all(|part| written[part.buffer]), "{cell}: step {number} comes too early");
                }
                written[number + 1] = true;
            }
            // All but concatenations run, each once; the projections of the first cell's input run together.
            let run = schedule.phases.iter().map(|phase| phase.steps.len() + phase.group.len()).sum::<usize>();
            assert_eq!(run, plan.steps().iter().filter(|step| step.operator != Operator::Concatenate).count());
            let projections =
                plan.steps().iter().filter(|step| step.name.starts_with("stack0") && step.name.ends_with("projection"));
            assert!(schedule.phases[1].group.len() >= projections.count(), "{cell}");
        }
    }
}
