//! Objectives: what can be minimised or maximised beside the accuracy, and limits on it.
//!
//! A new objective is one constant and its line in [`OBJECTIVES`].

mod goals;
mod limit;

pub use goals::{Goals, Scale, Worth};
pub use limit::{BrokenLimit, Limit, nearest_in_words};

use std::cell::OnceCell;

use rustc_hash::FxHashMap;

use crate::network::{self, Cost, Plan, Skeleton};
use crate::oracle::Measurement;
use crate::space::{Architecture, Operator};
use crate::unit::{Accuracy, Seconds};

/// What is known of an architecture before it is trained.
#[derive(Debug)]
pub struct Context<'a> {
    /// The architecture.
    pub architecture: &'a Architecture,
    /// What its network costs.
    pub cost: Cost,
    /// How long a forward pass takes, if that was measured.
    pub latency: Option<Latency>,
    skeleton: &'a Skeleton,
    plan: OnceCell<Plan>,
}

impl<'a> Context<'a> {
    /// Counts what the network costs that a skeleton makes of an architecture.
    ///
    /// # Errors
    ///
    /// As [`Plan::compile`].
    pub fn new(architecture: &'a Architecture, skeleton: &'a Skeleton) -> Result<Self, network::Error> {
        let cost = network::cost(architecture, skeleton)?;
        Ok(Self { architecture, cost, latency: None, skeleton, plan: OnceCell::new() })
    }

    /// Returns the plan of the network, compiled the first time.
    ///
    /// # Panics
    ///
    /// Never: a network whose cost was counted has a plan.
    pub fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::compile(self.architecture, self.skeleton).expect("its cost was counted"))
    }
}

/// How long a forward pass takes on some device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Of one image.
    pub one: Seconds,
    /// Of a batch, for each of its images.
    pub in_batch: Seconds,
}

/// Latencies of architectures, by their fingerprints.
pub type Latencies = FxHashMap<u64, Latency>;

/// Whether less or more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Less is better.
    Minimise,
    /// More is better.
    Maximise,
}

/// How an objective gets its value.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A training or its prediction gives it; `None` where it is not known.
    Measured(fn(&Measurement) -> Option<f64>),
    /// It follows from the architecture and the skeleton.
    Exact(fn(&Context<'_>) -> f64),
    /// It was measured on a device, once for all; `None` where it is not known.
    OnDevice(fn(&Context<'_>) -> Option<f64>),
}

/// Something to minimise or maximise.
#[derive(Debug)]
pub struct Objective {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line that describes it.
    pub about: &'static str,
    /// The unit of its values; empty if they have none.
    pub unit: &'static str,
    /// Whether less or more is better.
    pub direction: Direction,
    /// How it gets its value.
    pub source: Source,
}

impl Objective {
    /// Returns the value, in its unit; `None` if the measurement does not give it.
    #[must_use]
    pub fn value(&self, context: &Context<'_>, measurement: &Measurement) -> Option<f64> {
        if let Source::Measured(value) = self.source { value(measurement) } else { self.before_training(context) }
    }

    /// Returns the value, in its unit, as far as it is known before a training.
    #[must_use]
    pub fn before_training(&self, context: &Context<'_>) -> Option<f64> {
        match self.source {
            Source::Measured(_) => None,
            Source::Exact(value) => Some(value(context)),
            Source::OnDevice(value) => value(context),
        }
    }

    /// Returns a value as searches see it, who minimise: that of an objective to maximise with the other sign.
    #[must_use]
    pub fn minimised(&self, value: f64) -> f64 {
        match self.direction {
            Direction::Minimise => value,
            Direction::Maximise => -value,
        }
    }
}

/// The name of the default objective.
pub const ERROR: &str = "error";
const WEIGHT_SPARSITY: &str = "weight-sparsity";

/// Every objective.
pub const OBJECTIVES: &[Objective] = &[
    Objective {
        name: ERROR,
        about: "the validation error, 1 less the accuracy; that of a training that diverged is 1",
        unit: "fraction",
        direction: Direction::Minimise,
        source: Source::Measured(|measurement| Some(validation_error(measurement.validation_accuracy))),
    },
    Objective {
        name: "training-time",
        about: "what the training costs",
        unit: "seconds",
        direction: Direction::Minimise,
        source: Source::Measured(|measurement| measurement.training_time.map(|time| time.0)),
    },
    Objective {
        name: "parameters",
        about: "the trainable parameters of the network",
        unit: "",
        direction: Direction::Minimise,
        source: Source::Exact(|context| context.cost.parameters.0.into()),
    },
    Objective {
        name: "flops",
        about: "operations of a forward pass of one image, two for a multiply-add",
        unit: "operations",
        direction: Direction::Minimise,
        source: Source::Exact(|context| number(context.cost.flops.0)),
    },
    Objective {
        name: "activation-memory",
        about: "all that the steps of the network write for one image, in single precision: what a training keeps of it",
        unit: "bytes",
        direction: Direction::Minimise,
        source: Source::Exact(|context| number(context.cost.activation_bytes)),
    },
    Objective {
        name: "receptive-field",
        about: "the side of the square of pixels that one value before the pooling of the whole image sees, on the longest way",
        unit: "pixels",
        direction: Direction::Maximise,
        source: Source::Exact(|context| number(receptive_field(context.plan()))),
    },
    Objective {
        name: "energy",
        about: "a model of a forward pass of one image: 4.6 pJ a multiply-add and 160 pJ a byte moved to or from memory (45 nm, \
                single precision: Horowitz, ISSCC 2014); each weight and each input of a step is read once, each output written once",
        unit: "joules",
        direction: Direction::Minimise,
        source: Source::Exact(|context| energy(context.plan())),
    },
    Objective {
        name: WEIGHT_SPARSITY,
        about: "the share of the weights of kernels and of the dense step that end nearer to zero than a tenth of the root mean square of \
                their array; only a search that trains (`--on train`) knows it",
        unit: "fraction",
        direction: Direction::Maximise,
        source: Source::Measured(|measurement| measurement.weight_sparsity.map(f64::from)),
    },
    Objective {
        name: "latency",
        about: "a forward pass of one image on a device, as `nasbench latency` measured it",
        unit: "seconds",
        direction: Direction::Minimise,
        source: Source::OnDevice(|context| context.latency.map(|latency| latency.one.0)),
    },
    Objective {
        name: "batch-latency",
        about: "a forward pass of a batch on a device, for each of its images, as `nasbench latency` measured it",
        unit: "seconds",
        direction: Direction::Minimise,
        source: Source::OnDevice(|context| context.latency.map(|latency| latency.in_batch.0)),
    },
];

#[expect(clippy::cast_precision_loss, reason = "operations and bytes of a network are below 2^53, or it cannot be trained")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// Returns the error of an accuracy; 1 where a training diverged and there is none.
#[must_use]
pub fn validation_error(accuracy: Option<Accuracy>) -> f64 {
    accuracy.map_or(1.0, |accuracy| 1.0 - accuracy.decimal())
}

/// Returns the side of the square of pixels that a value of the last map sees: the largest of all ways to it.
fn receptive_field(plan: &Plan) -> u64 {
    // For each buffer: the side in pixels, and how many pixels lie between neighbours.
    let mut seen = vec![(1_u64, 1_u64)];
    for step in plan.steps() {
        let sides = step.inputs.iter().map(|input| seen[input.buffer]);
        let (side, stride) = sides.fold((1, 1), |one, other| (one.0.max(other.0), one.1.max(other.1)));
        let (kernel, halves) = match step.operator {
            Operator::Convolution { kernel } => (kernel as u64, 1),
            Operator::MaxPool3 | Operator::AvgPool3 => (3, 1),
            Operator::MaxPool2 => (2, 2),
            Operator::Sum | Operator::Concatenate => (1, 1),
            Operator::GlobalAvgPool | Operator::Linear => return side,
        };
        seen.push((side + (kernel - 1) * stride, stride * halves));
    }
    seen.last().map_or(1, |(side, _)| *side)
}

/// The energy of a multiply-add in single precision: 3.7 pJ for the product and 0.9 pJ for the sum.
const JOULES_PER_MULTIPLY_ADD: f64 = 4.6e-12;
/// The energy of a byte that is moved to or from memory: 640 pJ for 32 bits.
const JOULES_PER_BYTE: f64 = 160e-12;

/// Returns the energy of a forward pass of one image, in joules.
fn energy(plan: &Plan) -> f64 {
    let of_step = |step: &network::Step| {
        let output = step.output;
        let shape = |buffer: usize| if buffer == 0 { plan.skeleton().image } else { plan.steps()[buffer - 1].output };
        let read = |input: &network::Input| {
            let shape = shape(input.buffer);
            input.channels * shape.height * shape.width
        };
        let values = step.inputs.iter().map(read).sum::<usize>() + output.values();
        let bytes = 4 * (values as u64 + step.parameter_count());
        JOULES_PER_MULTIPLY_ADD * number(step.flops()) / 2.0 + JOULES_PER_BYTE * number(bytes)
    };
    plan.steps().iter().map(of_step).sum()
}

/// An error of objectives.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No objective has this name.
    #[error("unknown objective `{name}` (known: {})", OBJECTIVES.iter().map(|objective| objective.name).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// There is nothing to reach.
    #[error("no objective, expected at least one")]
    None,
    /// An objective is there twice.
    #[error("the objective `{name}` is there twice, expected each once")]
    Twice {
        /// The objective.
        name: &'static str,
    },
    /// The value of an objective is not known.
    #[error(
        "no value of `{}` is known of `{architecture}`{}", objective.name,
        match objective.source {
            Source::OnDevice(_) => "\nhint: `nasbench latency` measures it",
            _ if objective.name == WEIGHT_SPARSITY => "\nhint: a search with `--on train` measures it",
            _ => "",
        }
    )]
    NoValue {
        /// The objective.
        objective: &'static Objective,
        /// The architecture.
        architecture: Architecture,
    },
    /// An architecture makes no network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A limit is no limit.
    #[error("`{found}` is no limit, expected an objective, `<=` or `>=`, and a number, as in `parameters<=5000`")]
    Limit {
        /// What was given.
        found: String,
    },
}

/// Finds an objective by its name.
///
/// # Errors
///
/// [`Error::Unknown`] with the known ones.
pub fn find(name: &str) -> Result<&'static Objective, Error> {
    OBJECTIVES.iter().find(|objective| objective.name == name).ok_or_else(|| Error::Unknown { name: name.to_owned() })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers and their halves")]
mod tests {
    use super::*;

    fn skeleton() -> Skeleton {
        Skeleton::nas_bench_101()
    }

    fn values(cell: &Architecture) -> Vec<f64> {
        let (skeleton, accuracy) = (skeleton(), Accuracy::from_fraction(0.75));
        let measurement = Measurement::new(accuracy, Some(Seconds(12.0)));
        let latency = Some(Latency { one: Seconds(0.5), in_batch: Seconds(0.25) });
        let context = Context { latency, ..Context::new(cell, &skeleton).unwrap() };
        let measurement = Measurement { weight_sparsity: Some(0.5), ..measurement };
        OBJECTIVES.iter().map(|objective| objective.value(&context, &measurement).unwrap()).collect()
    }

    #[test]
    fn the_identity_cell_has_the_values_that_a_person_counts() {
        let identity = Architecture::from_texts("0100", "input,output").unwrap();
        let found = values(&identity);
        assert_eq!(found[..3], [0.25, 12.0, 882_570.0]);
        // The stem sees 3 pixels; halving maps of strides 1 and 2 adds 1 and 2.
        assert_eq!(found[5], 6.0);
        assert_eq!(found[7..], [0.5, 0.5, 0.25]);
    }

    #[test]
    fn a_chain_of_convolutions_sees_as_far_as_its_kernels_reach() {
        let chain = Architecture::from_texts("010001000", "input,conv3x3-bn-relu,output").unwrap();
        // Three stacks of three cells: 2 more at stride 1, 4 at stride 2, 8 at stride 4, each three times.
        assert_eq!(values(&chain)[5], f64::from(6 + 3 * (2 + 4 + 8)));
        let pooled = Architecture::from_texts("010001000", "input,maxpool3x3,output").unwrap();
        assert_eq!(values(&pooled)[5], values(&chain)[5]);
    }

    #[test]
    fn the_energy_is_that_of_the_stem_and_the_dense_step_by_hand() {
        let skeleton = Skeleton { stacks: 1, cells_per_stack: 1, ..skeleton() };
        let identity = Architecture::from_texts("0100", "input,output").unwrap();
        let context = Context::new(&identity, &skeleton).unwrap();
        let (pixels, channels) = (32.0 * 32.0, 128.0);
        // The stem, the projection of the cell, the mean, the dense step.
        let multiply_adds = 9.0 * 3.0 * channels * pixels + channels * channels * pixels + channels * 10.0;
        let weights = (9.0 * 3.0 + 2.0) * channels + (channels + 2.0) * channels + channels * 10.0 + 10.0;
        let moved = (3.0 + channels) * pixels + 2.0 * channels * pixels + channels * pixels + channels + channels + 10.0;
        let expected = 4.6e-12 * multiply_adds + 160e-12 * 4.0 * (weights + moved);
        let found = energy(context.plan());
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} and {expected}");
    }

    #[test]
    fn a_training_that_diverged_has_the_whole_error_and_an_unknown_time_is_none() {
        let measurement = Measurement::new(None, None);
        let (skeleton, identity) = (skeleton(), Architecture::from_texts("0100", "input,output").unwrap());
        let context = Context::new(&identity, &skeleton).unwrap();
        let value = |name| find(name).unwrap().value(&context, &measurement);
        assert_eq!((value("error"), value("training-time")), (Some(1.0), None));
    }
}
