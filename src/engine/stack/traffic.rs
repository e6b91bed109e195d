//! What a training step moves and computes for one image of one model, by kind of launch, on paper.

use crate::network::{Operator, Plan};

const KINDS: [&str; 6] = [
    "convolutions",
    "statistics",
    "pools, sums, concatenations",
    "gradients of values",
    "gradients of normalisation",
    "gradients of kernels",
];

/// What the launches of a kind move and compute for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// The kind of launch.
    pub kind: &'static str,
    /// The bytes read from memory and written to it, if the caches hold what one launch reads again.
    pub bytes: f64,
    /// Operations, two for a multiply-add; only those of convolutions and linear layers.
    pub flops: f64,
}

/// Adds up what a training step of a plan moves and computes for one image; the parameters, shared by a batch, are left out.
///
/// Each launch reads what it needs once and writes its result once, four bytes for a value, one for a winner of a max-pooling.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn traffic(plan: &Plan) -> [Traffic; 6] {
    let mut all = KINDS.map(|kind| Traffic { kind, bytes: 0.0, flops: 0.0 });
    let mut add = |kind: usize, values: usize, flops: u64| {
        all[kind].bytes += 4.0 * values as f64;
        all[kind].flops += flops as f64;
    };
    let shape = |buffer: usize| if buffer == 0 { plan.skeleton().image } else { plan.steps()[buffer - 1].output };
    for step in plan.steps() {
        let output = step.output.values();
        let input: usize = step.inputs.iter().map(|input| input.channels * shape(input.buffer).plane()).sum();
        let has_gradient = step.inputs[0].buffer != 0;
        let winners = if matches!(step.operator, Operator::MaxPool2 | Operator::MaxPool3) { output / 4 } else { 0 };
        // The gradient of each buffer is written once, whatever the number of its readers: with its own step.
        add(3, output, 0);
        match step.operator {
            Operator::Convolution { .. } | Operator::Linear => {
                add(0, input + output, step.flops());
                add(5, input + output, step.flops());
                if has_gradient {
                    add(3, output, step.flops());
                }
            }
            // A sum and a concatenation hand back what they got to each term.
            Operator::Sum | Operator::Concatenate => {
                add(2, input + output, 0);
                add(3, input, 0);
            }
            _ => {
                add(2, input + output + winners, 0);
                add(3, output + winners, 0);
            }
        }
        if matches!(step.operator, Operator::Convolution { .. }) {
            add(1, output, 0);
            // Values and gradients are read twice, by one workgroup a channel; a large channel is not in the cache any more.
            add(4, 5 * output, 0);
        }
    }
    all
}
