//! The images of a protocol, ready for training.

use std::sync::OnceLock;

use super::{Error, Protocol};
use crate::dataset::{Dataset, Images, Normalisation};

/// The images of a protocol, ready for training.
#[derive(Debug)]
pub struct Data {
    dataset: Dataset,
    normalisation: Normalisation,
    sha256: OnceLock<String>,
}

impl Data {
    /// Selects the images that a protocol uses.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewImages`] if the data set has fewer images than the protocol uses.
    pub fn select(protocol: &Protocol, dataset: &Dataset) -> Result<Self, Error> {
        let dataset = protocol.select(dataset)?;
        let normalisation = protocol.normalisation()?.unwrap_or_else(|| Normalisation::measure(dataset.train()));
        Ok(Self { dataset, normalisation, sha256: OnceLock::new() })
    }

    /// The same images under the normalisation that a model was trained with.
    #[must_use]
    pub fn normalised_by(self, normalisation: Normalisation) -> Self {
        Self { normalisation, ..self }
    }

    /// The bytes of memory that the images take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        [self.dataset.train(), self.dataset.validation(), self.dataset.test()].map(Images::bytes).iter().sum()
    }

    /// The images in use.
    #[must_use]
    pub const fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// What makes of their bytes the numbers that a network sees.
    #[must_use]
    pub const fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// The digest of the images in use, as 64 hex digits; it is computed when the first asks for it.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| self.dataset.sha256())
    }
}
