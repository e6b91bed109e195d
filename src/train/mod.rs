//! Training: a protocol, a learning-rate schedule, the loop, and what it measured.
//!
//! A new protocol is one `const fn` or function in `protocol.rs` and one line of [`PROTOCOLS`].

mod protocol;
mod run;
mod schedule;
mod trained;

pub use protocol::{Images, Network, PROTOCOLS, Protocol, Schedule};
pub use run::{Data, Progress, Training};
pub use trained::{Curves, Evaluation, Trained};

use std::path::PathBuf;

use crate::dataset::{ImageShape, Sizes};
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
    /// The data set does not have what the protocol asks for.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::Error),
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    /// The device cannot be used.
    #[error(transparent)]
    Engine(#[from] crate::engine::Error),
}
