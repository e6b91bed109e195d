//! Training: a protocol, a learning-rate schedule, the loop, and what it measured.
//!
//! A new protocol is one file in `protocols/` and one entry of [`PROTOCOLS`].

mod checkpoint;
mod data;
mod evaluator;
mod feed;
#[cfg(test)]
mod fixture;
#[cfg_attr(not(feature = "gpu"), path = "without_gpu.rs")]
mod group;
mod memory;
mod metrics;
mod onnx;
mod oracle;
mod protocol;
mod run;
mod saved;
mod schedule;
mod sparsity;
mod tally;
mod tensors;
mod trained;
mod training;

pub use checkpoint::Checkpoint;
pub use data::Data;
pub use evaluator::Figures;
pub use group::Group;
pub use memory::{available as available_memory, check_memory};
pub use metrics::Quality;
pub use onnx::untrained_onnx;
pub use oracle::TrainingOracle;
pub use protocol::{Images, Network, PROTOCOLS, Pixels, Protocol, Schedule};
pub use run::{Progress, Run};
pub use saved::{Evaluated, ModelCard, SavedModel};
pub use sparsity::weight_sparsity;
pub use trained::{Curves, Evaluation, Trained};
pub use training::Training;

use std::path::PathBuf;

use crate::dataset::{ImageShape, Sizes};
use crate::engine;
use crate::print::memory_size;
use crate::unit::Epochs;

/// What is wrong with a training or its protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is neither a preset nor a file.
    #[error("unknown protocol `{name}` (known: {}; or the path of a TOML file)", protocol::known())]
    UnknownProtocol {
        /// The name given.
        name: String,
    },
    /// A protocol file could not be read.
    #[error("could not read the protocol")]
    Read {
        /// Why not; it names the file.
        source: std::io::Error,
    },
    /// A protocol file says something else than a protocol.
    #[error("`{}` is no protocol", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value of a protocol is out of its range.
    #[error("the protocol has {name} = {found}, expected {expected}")]
    Value {
        /// The name of the value.
        name: &'static str,
        /// The value.
        found: String,
        /// Which values make sense.
        expected: &'static str,
    },
    /// The data set has images of another size than the protocol wants.
    #[error("the images of `{dataset}` are {found}, the protocol expects {expected}")]
    ImageShape {
        /// The data set.
        dataset: String,
        /// The size that the protocol wants.
        expected: ImageShape,
        /// The size of the images.
        found: ImageShape,
    },
    /// The data set has another number of classes than the protocol wants.
    #[error("`{dataset}` has {found} classes, the protocol expects {expected}")]
    Classes {
        /// The data set.
        dataset: String,
        /// The number that the protocol wants.
        expected: usize,
        /// The number of classes.
        found: usize,
    },
    /// The data set has another class under a label than a model learned.
    #[error("class {label} of `{dataset}` is `{found}`, the model expects `{expected}`")]
    ClassName {
        /// The data set.
        dataset: String,
        /// The label, from 0.
        label: usize,
        /// The class that the model learned.
        expected: String,
        /// The class of the data set.
        found: String,
    },
    /// The protocol wants more images than there are.
    #[error(
        "the protocol uses {expected} images (training + validation + test), `{dataset}` has {found}\n\
         hint: a TOML file for `--protocol` may use fewer: `[images]` says how many"
    )]
    TooFewImages {
        /// The data set.
        dataset: String,
        /// How many the protocol wants of each part.
        expected: Sizes,
        /// How many there are.
        found: Sizes,
    },
    /// A training would not take a single step.
    #[error("{epochs} epochs of {images} images make no batch of {batch}")]
    NoStep {
        /// The budget.
        epochs: Epochs,
        /// The training images.
        images: usize,
        /// The size of a batch.
        batch: usize,
    },
    /// There is less memory than trainings take.
    #[error(
        "{} with batches of {batch} {} {} of memory, {} are available",
        if *models == 1 { "a training".to_owned() } else { format!("{models} trainings at a time") },
        if *models == 1 { "takes" } else { "take" },
        memory_size(*needed),
        memory_size(*available)
    )]
    Memory {
        /// The bytes that they take.
        needed: u64,
        /// The bytes that there are.
        available: u64,
        /// How many models train at a time.
        models: usize,
        /// The size of a batch.
        batch: usize,
    },
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A file of arrays is none.
    #[error("`{}` is no safetensors file", file.display())]
    Tensors {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// A file holds something else than this program wrote.
    #[error("`{}` {problem}", file.display())]
    Contents {
        /// The file.
        file: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A checkpoint does not say how far its training is.
    #[error("`{}` does not say how far its training is", file.display())]
    Position {
        /// The file.
        file: PathBuf,
        /// What is wrong with what it says.
        source: Box<ciborium::de::Error<std::io::Error>>,
    },
    /// A checkpoint is of another training.
    #[error("the checkpoint is of another {what}: found `{found}`, expected `{expected}`")]
    AnotherTraining {
        /// What differs.
        what: &'static str,
        /// What the training has.
        expected: String,
        /// What the checkpoint has.
        found: String,
    },
    /// A checkpoint says what no training comes to.
    #[error("the checkpoint after {steps} steps is one that its training never makes")]
    Impossible {
        /// The steps that it says were taken.
        steps: usize,
    },
    /// The loss of a model stopped being a number.
    #[error("the training diverged: its model is not kept")]
    Diverged,
    /// A model is too large for ONNX.
    #[error("the model takes {bytes} bytes as ONNX, the format holds at most {most}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// The most that there can be.
        most: usize,
    },
    /// A saved model leaves the size of its network open.
    #[error("the protocol of the saved model leaves out the size of the images or the number of classes")]
    Unresolved,
    /// The data set does not have what the protocol asks for.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::Error),
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    /// The device cannot be used.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl Error {
    /// Whether a device cannot hold the models, and may hold fewer of them.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self, Self::Engine(engine::Error::BufferLimit { .. } | engine::Error::OutOfDeviceMemory { .. }))
    }
}
