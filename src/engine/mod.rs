//! Runs a plan: forward, backward and the optimizer's step.
//!
//! There are three engines: `burn/` computes with tensors of burn and reaches every GPU, `lane/` is our own for processors, and `stack/`
//! trains many models at once on a GPU. Initial weights and optimizer are the same in all, so that every device follows the same formulas
//! from the same numbers, and one engine checks the other.

#[cfg_attr(not(feature = "burn"), path = "without_burn.rs")]
mod burn;
mod lane;
mod model;
mod optimizer;
mod prove;
#[cfg(feature = "gpu")]
mod stack;
mod state;
mod weights;

pub use model::Model;
pub use optimizer::Optimizer;
pub use prove::{Found, Proof, TOLERANCE, found, prove, reference_losses};
#[cfg(feature = "gpu")]
pub use stack::{Pick, Pictures, Stack, Traffic, traffic};
pub use state::{Array, State};
pub use weights::initial;

use std::any::Any;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The revision of the numerics: it grows with every change after which a training ends in other bits.
///
/// Trainings of two revisions are equally good, but one does not repeat the other: a benchmark should have one.
pub const NUMERICS: u16 = 2;

/// What an engine cannot do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No device has this name.
    #[error("unknown device `{name}` (known: cpu, reference, gpu[:index], cuda[:index])")]
    UnknownDevice {
        /// The name given.
        name: String,
    },
    /// This build has no support for the device.
    #[error("device `{device}` needs a build with {}", device.support())]
    NotBuilt {
        /// The device asked for.
        device: Device,
    },
    /// There are fewer devices of this kind.
    #[error("device `{device}` does not exist: {found} devices of the kind `{}` were found", device.kind())]
    NoDevice {
        /// The device asked for.
        device: Device,
        /// How many there are.
        found: usize,
    },
    /// A state is that of another network.
    #[error("the array `{name}` is {found}, the network expects {expected}")]
    Array {
        /// The array.
        name: String,
        /// Its shape in the network, or that it has none.
        expected: String,
        /// Its shape in the state, or that it has none.
        found: String,
    },
    /// A buffer of a stack of models, or a launch, is larger than the device can address.
    #[error(
        "device `{device}` has buffers and launches of at most {limit}, the models need {needed} ({buffer}): fewer at once may fit"
    )]
    BufferLimit {
        /// The device.
        device: Device,
        /// The buffer, or that it is a number of workgroups.
        buffer: String,
        /// The bytes or workgroups needed.
        needed: u64,
        /// The most that there may be.
        limit: u64,
    },
    /// The device has too little memory for a stack of models.
    #[error("device `{device}` has less memory than the {needed} bytes that the models need: fewer at once may fit")]
    OutOfDeviceMemory {
        /// The device.
        device: Device,
        /// The bytes needed.
        needed: u64,
    },
    /// The device stopped answering.
    #[error("device `{device}` failed: {reason}")]
    Failed {
        /// The device.
        device: Device,
        /// What burn says.
        reason: String,
    },
}

/// Where a model trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// This machine's processor through our own vector kernels, one thread for each model.
    Cpu,
    /// This machine's processor through burn-flex, one thread for each model: slow, and what the others are compared with.
    Reference,
    /// A GPU through wgpu; without an index the one that wgpu prefers.
    Gpu {
        /// The position among the adapters found.
        index: Option<usize>,
    },
    /// A GPU of NVIDIA through CUDA; without an index the first.
    Cuda {
        /// The position among the GPUs that CUDA finds.
        index: Option<usize>,
    },
}

/// A kind of device, as `nasbench list devices` shows it.
#[derive(Debug)]
pub struct Entry {
    /// The word to give to `--device`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether this build supports it.
    pub built: bool,
}

/// Every kind of device.
pub const DEVICES: &[Entry] = &[
    Entry { name: "cpu", about: "the processor through our own vector kernels, one thread for each model", built: true },
    Entry {
        name: "reference",
        about: "the processor through burn-flex: slow, to compare the others with",
        built: cfg!(feature = "burn"),
    },
    Entry {
        name: "gpu[:index]",
        about: "a GPU over Vulkan, Metal or DX12 (burn-wgpu, cargo feature `gpu`)",
        built: cfg!(feature = "gpu"),
    },
    Entry {
        name: "cuda[:index]",
        about: "a GPU of NVIDIA over CUDA (burn-cuda, cargo feature `cuda`)",
        built: cfg!(feature = "cuda"),
    },
];

impl FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownDevice { name: name.to_owned() };
        let (kind, index) = match name.split_once(':') {
            Some((kind, index)) => (kind, Some(index.parse().map_err(|_| unknown())?)),
            None => (name, None),
        };
        match (kind, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("reference", None) => Ok(Self::Reference),
            ("gpu", index) => Ok(Self::Gpu { index }),
            ("cuda", index) => Ok(Self::Cuda { index }),
            _ => Err(unknown()),
        }
    }
}

impl Device {
    /// Returns an error unless this build and this machine have the device.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuilt`] or [`Error::NoDevice`].
    pub fn check(self) -> Result<(), Error> {
        match self {
            Self::Cpu => Ok(()),
            #[cfg(feature = "gpu")]
            Self::Gpu { .. } => Stack::largest_buffer(self).map(drop),
            _ => self::burn::open(self).map(drop),
        }
    }

    /// Whether the device has memory of its own, and a driver that may fail.
    #[must_use]
    pub const fn is_gpu(self) -> bool {
        matches!(self, Self::Gpu { .. } | Self::Cuda { .. })
    }

    /// The word for all devices of its kind; for a GPU it is the cargo feature, too, with which it is built.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Reference => "reference",
            Self::Gpu { .. } => "gpu",
            Self::Cuda { .. } => "cuda",
        }
    }

    /// What a build needs for the device, and how to get it.
    const fn support(self) -> &'static str {
        match self {
            Self::Cpu | Self::Reference => "burn: `cargo build --release --features burn`",
            Self::Gpu { .. } => "GPU support: `cargo build --release --features gpu`",
            Self::Cuda { .. } => "GPU support: `cargo build --release --features cuda`",
        }
    }

    const fn index(self) -> Option<usize> {
        match self {
            Self::Cpu | Self::Reference => None,
            Self::Gpu { index } | Self::Cuda { index } => index,
        }
    }

    /// What decides the bits that the device computes: its kind and, of a processor, the vector instructions at hand, which add in
    /// an order of their own: `cpu with AVX-512`.
    #[must_use]
    pub fn arithmetic(self) -> String {
        if self.is_gpu() { self.kind().to_owned() } else { format!("{self} with {}", lane::instructions()) }
    }

    /// What a training on the device is repeated by, bit for bit: the revision of the numerics and the [`arithmetic`](Self::arithmetic),
    /// as `1: cpu with AVX-512`.
    #[must_use]
    pub fn numerics(self) -> String {
        format!("{NUMERICS}: {}", self.arithmetic())
    }

    /// The device and, where the system says it, its model: `cpu: Intel(R) Xeon(R) Platinum`.
    #[must_use]
    pub fn description(self) -> String {
        let model = if self.is_gpu() { None } else { processor() };
        model.map_or_else(|| self.to_string(), |model| format!("{self}: {model}"))
    }
}

/// The model of the processor; `None` where the system does not say it.
#[must_use]
pub fn processor() -> Option<&'static str> {
    static MODEL: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let text = fs_err::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    MODEL.get_or_init(read).as_deref()
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            None => f.write_str(self.kind()),
            Some(index) => write!(f, "{}:{index}", self.kind()),
        }
    }
}

/// How a step changes a model, beside the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The rule that turns gradients into changes.
    pub optimizer: Optimizer,
    /// Decay of every trainable value, batch normalisation's included, through the loss: `½ · weight_decay · w²`.
    pub weight_decay: f64,
    /// How much of the running statistics of batch normalisation each step keeps, 0 to 1.
    pub batch_norm_momentum: f64,
    /// What is added to the variance in batch normalisation.
    pub batch_norm_epsilon: f64,
}

/// What a step found before it changed the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean cross-entropy of the batch, in nats, without weight decay.
    pub loss: f32,
    /// How many images of the batch were classified correctly.
    pub correct: usize,
    /// The Euclidean norm of the gradient of all parameters, weight decay included.
    pub gradient_norm: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_of_a_processor_is_that_of_its_instructions() {
        let known = ["AVX-512", "AVX2", "NEON", "no vector instructions"];
        for (device, kind) in [(Device::Cpu, "cpu"), (Device::Reference, "reference")] {
            let found = device.arithmetic();
            assert!(known.iter().any(|instructions| found == format!("{kind} with {instructions}")), "{found}");
        }
        assert_eq!([None, Some(3)].map(|index| Device::Gpu { index }.arithmetic()), ["gpu", "gpu"]);
        assert_eq!(Device::Cuda { index: Some(0) }.arithmetic(), "cuda");
    }

    #[test]
    fn a_device_reads_back_as_it_prints() {
        for name in ["cpu", "reference", "gpu", "gpu:1", "cuda", "cuda:0"] {
            assert_eq!(name.parse::<Device>().unwrap().to_string(), name);
        }
        for name in ["gpu:first", "cuda:", "cpu:0", "reference:1", ""] {
            assert!(name.parse::<Device>().is_err(), "{name}");
        }
        let message = "tpu".parse::<Device>().unwrap_err().to_string();
        assert_eq!(message, "unknown device `tpu` (known: cpu, reference, gpu[:index], cuda[:index])");
    }

    #[test]
    fn a_device_that_is_not_built_says_how_to_build_it() {
        let message = |device| Error::NotBuilt { device }.to_string();
        assert_eq!(
            message(Device::Cuda { index: Some(1) }),
            "device `cuda:1` needs a build with GPU support: `cargo build --release --features cuda`"
        );
        assert!(message(Device::Gpu { index: None }).ends_with("`cargo build --release --features gpu`"));
        let none = Error::NoDevice { device: Device::Cuda { index: None }, found: 0 };
        assert_eq!(none.to_string(), "device `cuda` does not exist: 0 devices of the kind `cuda` were found");
    }
}
