//! Models that know what they predict, and their files: one JSON document each.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::features::feature_names;
use super::{Entry, Error, Judge, Prediction, Rows, Surrogate, find, judge};
use crate::file;
use crate::unit::{Epochs, Seed};

/// The format of the files. It changes when an older tool could not read what is written, or would misread it.
const FORMAT_VERSION: u32 = 1;

/// What can be predicted of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The final validation accuracy, a fraction.
    ValidationAccuracy,
    /// What the training costs, in seconds.
    TrainingTime,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValidationAccuracy => "validation accuracy",
            Self::TrainingTime => "training time",
        })
    }
}

/// What a model predicts: a quantity of trainings of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The quantity.
    pub quantity: Quantity,
    /// The budget.
    pub epochs: Epochs,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} epochs", self.quantity, self.epochs)
    }
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format_version: u32,
    model: String,
    target: Target,
    training_rows: usize,
    /// The lowest and the highest value of the fit; a judge has none.
    range: Option<(f32, f32)>,
    tool_version: String,
    features: Vec<String>,
    parameters: serde_json::Value,
}

/// All that a file of any version must have.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Document {
    fn new(model: &str, target: Target, training_rows: usize, parameters: serde_json::Value) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            model: model.to_owned(),
            target,
            training_rows,
            range: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            features: feature_names().iter().map(|name| (*name).to_owned()).collect(),
            parameters,
        }
    }

    /// Writes beside the file and renames: a reader sees the old model or the new one, never a part.
    fn write(&self, path: &Path) -> Result<(), Error> {
        let json = serde_json::to_vec(self).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        file::replace(path, |open| Ok(open.write_all(&json)?))
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let json = fs_err::read(path)?;
        let Version { format_version: found } = serde_json::from_slice(&json).map_err(malformed)?;
        if found != FORMAT_VERSION {
            return Err(Error::FormatVersion { path: path.to_owned(), expected: FORMAT_VERSION, found });
        }
        let document: Self = serde_json::from_slice(&json).map_err(malformed)?;
        let (found, known) = (&document.features, feature_names());
        if found != known {
            let column = (0..=known.len()).find(|column| found.get(*column).map(String::as_str) != known.get(*column).copied());
            return Err(Error::OtherFeatures { path: path.to_owned(), column: column.unwrap_or_default() });
        }
        Ok(document)
    }
}

/// A surrogate fitted on the features of cells, and what it predicts.
#[derive(Debug)]
pub struct Model {
    name: &'static str,
    target: Target,
    training_rows: usize,
    range: (f32, f32),
    surrogate: Box<dyn Surrogate>,
}

impl Model {
    /// Fits a surrogate on rows of [`features`](super::features).
    ///
    /// # Units
    ///
    /// `values` are fractions or seconds, as the quantity of the target says; so are the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for rows of other features; else as [`Entry::fit`].
    pub fn fit(entry: &Entry, target: Target, rows: &Rows, values: &[f32], seed: Seed) -> Result<Self, Error> {
        rows.check_width(feature_names().len())?;
        let surrogate = entry.fit(rows, values, seed)?;
        let range = values.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        Ok(Self { name: entry.name, target, training_rows: rows.len(), range, surrogate })
    }

    /// The name of the surrogate.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it predicts.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// How many rows it was fitted on.
    #[must_use]
    pub const fn training_rows(&self) -> usize {
        self.training_rows
    }

    /// The lowest and the highest value that it was fitted on.
    #[must_use]
    pub const fn range(&self) -> (f32, f32) {
        self.range
    }

    /// Predicts rows of [`features`](super::features).
    ///
    /// # Errors
    ///
    /// [`Error::Width`].
    pub fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        self.surrogate.predict(rows)
    }

    /// Writes the model to a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let parameters = self.surrogate.parameters().map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        let document = Document::new(self.name, self.target, self.training_rows, parameters);
        Document { range: Some(self.range), ..document }.write(path)
    }

    /// Reads a model from a file. It predicts exactly what the one that was saved does.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`], or [`Error::OtherModel`] if
    /// it is none of [`SURROGATES`](super::SURROGATES).
    pub fn load(path: &Path) -> Result<Self, Error> {
        let Document { model, target, training_rows, range, parameters, .. } = Document::read(path)?;
        let Ok(entry) = find(&model) else {
            return Err(Error::OtherModel { path: path.to_owned(), expected: super::known_surrogates(), found: model });
        };
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let range = range.ok_or_else(|| malformed(serde::de::Error::missing_field("range")))?;
        let surrogate = (entry.restore)(parameters).map_err(malformed)?;
        Ok(Self { name: entry.name, target, training_rows, range, surrogate })
    }
}

/// A judge fitted on the features of cells, and of what it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredJudge {
    /// The rules.
    pub judge: Judge,
    /// What made cells promising.
    pub target: Target,
    /// How many rows it was fitted on.
    pub training_rows: usize,
}

impl StoredJudge {
    /// Writes the judge to a file.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for a judge of other features, or [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if self.judge.names() != feature_names() {
            return Err(Error::Width { expected: feature_names().len(), found: self.judge.names().len() });
        }
        let parameters =
            serde_json::to_value(&self.judge).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        Document::new(judge::NAME, self.target, self.training_rows, parameters).write(path)
    }

    /// Reads a judge from a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`] or [`Error::OtherModel`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let Document { model, target, training_rows, parameters, .. } = Document::read(path)?;
        if model != judge::NAME {
            return Err(Error::OtherModel { path: path.to_owned(), expected: format!("`{}`", judge::NAME), found: model });
        }
        let judge: serde_json::Result<Judge> = serde_json::from_value(parameters);
        let judge = judge.and_then(|judge| if judge.is_sound() { Ok(judge) } else { Err(serde::de::Error::custom("no tree")) });
        let judge = judge.map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        Ok(Self { judge, target, training_rows })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SURROGATES;
    use super::super::tests::encoded_cells;
    use super::*;

    const TARGET: Target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(12) };

    /// Saves a model and replaces a text in its file.
    fn edited(from: &str, to: &str) -> Result<Model, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let (rows, values) = encoded_cells(30);
        Model::fit(&SURROGATES[0], TARGET, &rows, &values, Seed(1)).unwrap().save(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is in the file");
        fs_err::write(&path, text.replacen(from, to, 1)).unwrap();
        Model::load(&path)
    }

    #[test]
    fn every_surrogate_predicts_the_same_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, values) = encoded_cells(60);
        for entry in SURROGATES {
            let path = folder.path().join(entry.name);
            let model = Model::fit(entry, TARGET, &rows, &values, Seed(1)).unwrap();
            model.save(&path).unwrap();
            let loaded = Model::load(&path).unwrap();
            assert_eq!(loaded.predict(&rows).unwrap(), model.predict(&rows).unwrap(), "{}", entry.name);
            assert_eq!((loaded.name(), loaded.target(), loaded.training_rows()), (entry.name, TARGET, 60));
            assert_eq!(loaded.range(), model.range());
        }
    }

    #[test]
    fn a_judge_is_the_same_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.json");
        let (rows, values) = encoded_cells(60);
        let judge = Judge::fit(&rows, feature_names(), &judge::best(&values, 0.2).unwrap()).unwrap();
        let stored = StoredJudge { judge, target: TARGET, training_rows: 60 };
        stored.save(&path).unwrap();
        assert_eq!(StoredJudge::load(&path).unwrap(), stored);
        assert!(matches!(Model::load(&path), Err(Error::OtherModel { .. })));
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let error = edited("\"format_version\":1", "\"format_version\":2").unwrap_err();
        assert!(error.to_string().contains("has format version 2, expected 1"), "{error}");
    }

    #[test]
    fn a_file_of_other_features_is_refused() {
        let error = edited("\"maxpool3x3\"", "\"avgpool3x3\"").unwrap_err();
        assert!(error.to_string().contains("other features, first at column 2"), "{error}");
    }

    #[test]
    fn a_file_of_another_model_is_refused() {
        let error = edited("\"random-forest\"", "\"gradient-boosting\"").unwrap_err();
        assert!(error.to_string().contains("holds a model `gradient-boosting`, expected random-forest, svr"), "{error}");
    }

    #[test]
    fn a_broken_file_is_no_model() {
        assert!(matches!(edited("\"roots\":[0,", "\"roots\":[99999999,"), Err(Error::Malformed { .. })));
        assert!(matches!(edited("\"target\"", "\"traget\""), Err(Error::Malformed { .. })));
        assert!(matches!(Model::load(Path::new("/nowhere/model.json")), Err(Error::File(_))));
    }

    #[test]
    fn rows_of_other_features_are_no_cells() {
        let error = Model::fit(&SURROGATES[0], TARGET, &Rows::new(3), &[], Seed(1)).unwrap_err();
        assert!(matches!(error, Error::Width { found: 3, .. }));
    }
}
