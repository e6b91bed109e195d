//! The file of a model or of a rule classifier: one JSON document.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Calibration, Error, Features, FittedRange, Noise, Target};
use crate::file;
use crate::network::Skeleton;
use crate::space::{ModuleHash, Operation, Space};

/// The format of the files. It changes when an older tool could not read what is written, or would misread it.
const FORMAT_VERSION: u32 = 5;
/// The oldest format that is read. Files of it lack the benchmark.
const OLDEST_FORMAT: u32 = 4;

/// A file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format_version: u32,
    pub(super) model: String,
    pub(super) target: Target,
    pub(super) tool_version: String,
    /// The names of the encodings, and of the operations that a cell may have.
    pub(super) encodings: Vec<String>,
    pub(super) operations: Vec<String>,
    /// The columns that follow from them.
    pub(super) features: Vec<String>,
    /// What must be known of a cell from cheaper trainings: the last of the features.
    pub(super) warm: Option<Target>,
    /// The network around the cells: what a cell costs is one of the features.
    pub(super) skeleton: Skeleton,
    /// The lowest and the highest value of the fit; a rule classifier has none.
    pub(super) range: Option<(f32, f32)>,
    /// How sure its predictions are; a rule classifier has none.
    pub(super) calibration: Option<Calibration>,
    /// The sizes of the cells of the fit.
    pub(super) fitted_range: FittedRange,
    /// By how much error bars grow outside that range, if that is known.
    pub(super) widening: Option<f32>,
    /// How far repeats of a cell lie apart, if that is known.
    pub(super) noise: Option<Noise>,
    /// The identity of the benchmark, or of the file, of the fit, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) benchmark: Option<String>,
    /// Of each row of the fit.
    pub(super) training_cells: Vec<ModuleHash>,
    pub(super) parameters: serde_json::Value,
    /// The model of the training time that goes with one of the accuracy.
    pub(super) time: Option<Box<Self>>,
}

/// All that a file of any version must have.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Document {
    pub(super) fn new(
        model: &str,
        target: Target,
        features: &Features,
        (training_cells, fitted_range): (&[ModuleHash], FittedRange),
        parameters: serde_json::Value,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            model: model.to_owned(),
            target,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            encodings: features.encodings().map(ToOwned::to_owned).collect(),
            operations: features.space().operations().map(|operation| operation.name().to_owned()).collect(),
            features: features.names().to_vec(),
            warm: features.warm(),
            skeleton: *features.skeleton(),
            range: None,
            calibration: None,
            fitted_range,
            widening: None,
            noise: None,
            benchmark: None,
            training_cells: training_cells.to_vec(),
            parameters,
            time: None,
        }
    }

    /// Writes beside the file and renames: a reader sees the old model or the new one, never a part.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let json = serde_json::to_vec(self).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        file::replace(path, |open| Ok(open.write_all(&json)?))
    }

    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let json = fs_err::read(path)?;
        let Version { format_version: found } = serde_json::from_slice(&json).map_err(malformed)?;
        if !(OLDEST_FORMAT..=FORMAT_VERSION).contains(&found) {
            return Err(Error::FormatVersion { path: path.to_owned(), expected: FORMAT_VERSION, found });
        }
        serde_json::from_slice(&json).map_err(malformed)
    }

    /// Returns the error of a file that holds another model than expected.
    pub(super) fn other_model(&self, path: &Path, expected: String) -> Error {
        Error::OtherModel { path: path.to_owned(), expected, found: self.model.clone() }
    }

    /// Returns the features that the model was fitted on, if this program computes them.
    pub(super) fn features(&self, path: &Path) -> Result<Features, Error> {
        let malformed =
            |error: &dyn fmt::Display| Error::Malformed { path: path.to_owned(), source: serde::de::Error::custom(error) };
        let operations = self.operations.iter().map(|name| Operation::from_name(name)).collect::<Result<Vec<_>, _>>();
        let space = operations.and_then(|operations| Space::nas_bench_101().with_operations(&operations));
        let features = Features::new(&self.encodings, &space.map_err(|error| malformed(&error))?);
        let features = features.map_err(|error| malformed(&error))?;
        let features = match self.warm {
            Some(target) => features.with_warm(target),
            None => features,
        };
        self.skeleton.check().map_err(|error| malformed(&error))?;
        let (found, known) = (&self.features, features.names());
        if found != known {
            let column = (0..=known.len()).find(|column| found.get(*column) != known.get(*column));
            return Err(Error::OtherFeatures { path: path.to_owned(), column: column.unwrap_or_default() });
        }
        Ok(features.with_skeleton(self.skeleton))
    }
}
