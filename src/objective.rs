//! Objectives: what can be minimised or maximised beside the accuracy, and limits on it.
//!
//! A new objective is one constant and its line in [`OBJECTIVES`].

use std::cell::OnceCell;
use std::fmt;
use std::str::FromStr;

use crate::network::{self, Cost, Plan, Skeleton};
use crate::oracle::Measurement;
use crate::space::{Architecture, Operator};

/// What is known of an architecture before it is trained.
#[derive(Debug)]
pub struct Context<'a> {
    /// The architecture.
    pub architecture: &'a Architecture,
    /// What its network costs.
    pub cost: Cost,
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
        Ok(Self { architecture, cost, skeleton, plan: OnceCell::new() })
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
        match self.source {
            Source::Measured(value) => value(measurement),
            Source::Exact(value) => Some(value(context)),
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

/// Every objective.
pub const OBJECTIVES: &[Objective] = &[
    Objective {
        name: ERROR,
        about: "the validation error, 1 less the accuracy; that of a training that diverged is 1",
        unit: "fraction",
        direction: Direction::Minimise,
        source: Source::Measured(|measurement| {
            Some(measurement.validation_accuracy.map_or(1.0, |accuracy| 1.0 - accuracy.decimal()))
        }),
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
];

#[expect(clippy::cast_precision_loss, reason = "operations and bytes of a network are below 2^53, or it cannot be trained")]
const fn number(count: u64) -> f64 {
    count as f64
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
    /// A measurement lacks the value of an objective.
    #[error("no value of `{objective}` is known of `{architecture}`")]
    NoValue {
        /// The objective.
        objective: &'static str,
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

/// A limit on an objective, as in `parameters<=5000`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is limited.
    pub objective: &'static Objective,
    /// Whether the bound is the most that is allowed, or the least.
    pub is_most: bool,
    /// The bound, in the unit of the objective.
    pub bound: f64,
}

impl Limit {
    /// Returns by how much a value breaks the limit, as a part of the bound; 0 if it keeps it.
    ///
    /// Parts of the bounds, so that limits in different units can be added up. A bound of 0 counts as 1.
    #[must_use]
    pub fn violation(&self, value: f64) -> f64 {
        let beyond = if self.is_most { value - self.bound } else { self.bound - value };
        let size = if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        beyond.max(0.0) / size
    }
}

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Limit { found: text.to_owned() };
        let (name, is_most, bound) = match (text.split_once("<="), text.split_once(">=")) {
            (Some((name, bound)), _) => (name, true, bound),
            (_, Some((name, bound))) => (name, false, bound),
            _ => return Err(wrong()),
        };
        let bound: f64 = bound.trim().parse().map_err(|_| wrong())?;
        if !bound.is_finite() {
            return Err(wrong());
        }
        Ok(Self { objective: find(name.trim())?, is_most, bound })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.objective.name, if self.is_most { "<=" } else { ">=" }, self.bound)
    }
}

/// What a search is to reach: objectives, the first of which is what a search for one minimises, and limits.
#[derive(Clone, Debug)]
pub struct Goals {
    /// The objectives, each once.
    objectives: Vec<&'static Objective>,
    /// The limits.
    limits: Vec<Limit>,
    /// What makes networks of architectures.
    skeleton: Skeleton,
    /// The scale of hypervolumes; that of the exact front if there is none.
    scale: Option<Scale>,
}

/// The scale of hypervolumes: values as they are minimised.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The values that become 0.
    pub ideal: Vec<f64>,
    /// The values that become 1.
    pub nadir: Vec<f64>,
    /// The reference point in each objective, on this scale.
    pub reference: f64,
}

/// The lowest error alone, without a limit.
impl Default for Goals {
    fn default() -> Self {
        Self { objectives: vec![&OBJECTIVES[0]], limits: Vec::new(), skeleton: Skeleton::nas_bench_101(), scale: None }
    }
}

/// What a candidate is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// A value of each objective, all of them to be minimised.
    pub values: Vec<f64>,
    /// The sum of the violations of the limits; 0 if all are kept.
    pub violation: f64,
}

impl Goals {
    /// Takes objectives and limits for the networks of a skeleton.
    ///
    /// # Errors
    ///
    /// [`Error::None`] without an objective, [`Error::Twice`] for one that is there twice.
    pub fn new(objectives: Vec<&'static Objective>, limits: Vec<Limit>, skeleton: Skeleton) -> Result<Self, Error> {
        if objectives.is_empty() {
            return Err(Error::None);
        }
        for (place, objective) in objectives.iter().enumerate() {
            if objectives[..place].iter().any(|other| other.name == objective.name) {
                return Err(Error::Twice { name: objective.name });
            }
        }
        Ok(Self { objectives, limits, skeleton, scale: None })
    }

    /// Sets the scale of hypervolumes.
    #[must_use]
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// Returns the scale of hypervolumes, if it is given.
    #[must_use]
    pub const fn scale(&self) -> Option<&Scale> {
        self.scale.as_ref()
    }

    /// Returns the objectives.
    #[must_use]
    pub fn objectives(&self) -> &[&'static Objective] {
        &self.objectives
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns what makes networks of architectures.
    #[must_use]
    pub const fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// Returns what an architecture is worth.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if it makes no network, [`Error::NoValue`] if the measurement lacks a value.
    pub fn worth(&self, architecture: &Architecture, measurement: &Measurement) -> Result<Worth, Error> {
        let context = Context::new(architecture, &self.skeleton)?;
        let value = |objective: &'static Objective| {
            let value = objective.value(&context, measurement);
            value.ok_or(Error::NoValue { objective: objective.name, architecture: *architecture })
        };
        let values = self.objectives.iter().map(|objective| Ok(objective.minimised(value(objective)?)));
        let values = values.collect::<Result<_, Error>>()?;
        let violations = self.limits.iter().map(|limit| Ok(limit.violation(value(limit.objective)?)));
        Ok(Worth { values, violation: violations.sum::<Result<_, Error>>()? })
    }

    /// Whether there is one objective and no limit.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.objectives.len() == 1 && self.limits.is_empty()
    }

    /// Returns the sum of the violations of the limits alone; 0 if all are kept.
    ///
    /// # Errors
    ///
    /// As [`worth`](Self::worth).
    pub fn violation(&self, architecture: &Architecture, measurement: &Measurement) -> Result<f64, Error> {
        // Most searches have no limits, and need no cost counted.
        if self.limits.is_empty() { Ok(0.0) } else { Ok(self.worth(architecture, measurement)?.violation) }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers and their halves")]
mod tests {
    use super::*;
    use crate::unit::{Accuracy, Seconds};

    fn skeleton() -> Skeleton {
        Skeleton::nas_bench_101()
    }

    fn values(cell: &Architecture) -> Vec<f64> {
        let (skeleton, accuracy) = (skeleton(), Accuracy::from_fraction(0.75));
        let measurement = Measurement { validation_accuracy: accuracy, training_time: Some(Seconds(12.0)) };
        let context = Context::new(cell, &skeleton).unwrap();
        OBJECTIVES.iter().map(|objective| objective.value(&context, &measurement).unwrap()).collect()
    }

    #[test]
    fn the_identity_cell_has_the_values_that_a_person_counts() {
        let identity = Architecture::from_texts("0100", "input,output").unwrap();
        let found = values(&identity);
        assert_eq!(found[..3], [0.25, 12.0, 882_570.0]);
        // The stem sees 3 pixels; halving maps of strides 1 and 2 adds 1 and 2.
        assert_eq!(found[5], 6.0);
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
        let measurement = Measurement { validation_accuracy: None, training_time: None };
        let (skeleton, identity) = (skeleton(), Architecture::from_texts("0100", "input,output").unwrap());
        let context = Context::new(&identity, &skeleton).unwrap();
        let value = |name| find(name).unwrap().value(&context, &measurement);
        assert_eq!((value("error"), value("training-time")), (Some(1.0), None));
    }

    #[test]
    fn goals_give_values_to_minimise_and_add_up_violations() {
        let objectives = ["error", "receptive-field"].map(|name| find(name).unwrap());
        let limits = ["parameters<=441285", "training-time<=8"].map(|limit| limit.parse().unwrap());
        let goals = Goals::new(objectives.into(), limits.into(), skeleton()).unwrap();
        let identity = Architecture::from_texts("0100", "input,output").unwrap();
        let measured = |seconds: Option<f64>| Measurement {
            validation_accuracy: Accuracy::from_fraction(0.75),
            training_time: seconds.map(Seconds),
        };
        let worth = goals.worth(&identity, &measured(Some(12.0))).unwrap();
        assert_eq!(worth, Worth { values: vec![0.25, -6.0], violation: 1.5 });
        let message = goals.worth(&identity, &measured(None)).unwrap_err().to_string();
        assert_eq!(message, "no value of `training-time` is known of `0-1`");
        assert_eq!(Goals::default().violation(&identity, &measured(None)).unwrap(), 0.0);
        let message = Goals::new(vec![&OBJECTIVES[0]; 2], Vec::new(), skeleton()).unwrap_err().to_string();
        assert_eq!(message, "the objective `error` is there twice, expected each once");
        assert!(matches!(Goals::new(Vec::new(), Vec::new(), skeleton()), Err(Error::None)));
    }

    #[test]
    fn limits_are_read_and_tell_how_much_they_are_broken() {
        let limit: Limit = "parameters <= 5e3".parse().unwrap();
        assert_eq!(limit.to_string(), "parameters<=5000");
        assert_eq!([4_000.0, 5_000.0, 7_500.0].map(|value| limit.violation(value)), [0.0, 0.0, 0.5]);
        let limit: Limit = "receptive-field>=20".parse().unwrap();
        assert_eq!([25.0, 15.0].map(|value| limit.violation(value)), [0.0, 0.25]);
        for wrong in ["parameters", "parameters<5", "parameters<=many", "flops<=inf"] {
            let message = wrong.parse::<Limit>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{wrong}` is no limit, expected an objective")), "{message}");
        }
        let message = "size<=3".parse::<Limit>().unwrap_err().to_string();
        assert!(message.starts_with("unknown objective `size` (known: error, training-time, parameters,"), "{message}");
    }
}
