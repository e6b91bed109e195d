//! Models that know what they predict, and their files: one JSON document each.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Entry, Error, Features, Judge, Prediction, Rows, Surrogate, check_count, find, judge};
use crate::file;
use crate::network::Cost;
use crate::space::{Cell, ModuleHash, Operation, Space};
use crate::unit::{Epochs, Seed};

/// The format of the files. It changes when an older tool could not read what is written, or would misread it.
const FORMAT_VERSION: u32 = 2;

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
    tool_version: String,
    /// The names of the encodings, and of the operations that a cell may have.
    encodings: Vec<String>,
    operations: Vec<String>,
    /// The columns that follow from them.
    features: Vec<String>,
    /// The lowest and the highest value of the fit; a judge has none.
    range: Option<(f32, f32)>,
    /// Of each row of the fit.
    training_cells: Vec<ModuleHash>,
    parameters: serde_json::Value,
}

/// All that a file of any version must have.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Document {
    fn new(
        model: &str,
        target: Target,
        features: &Features,
        training_cells: &[ModuleHash],
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
            range: None,
            training_cells: training_cells.to_vec(),
            parameters,
        }
    }

    /// Writes beside the file and renames: a reader sees the old model or the new one, never a part.
    fn write(&self, path: &Path) -> Result<(), Error> {
        let json = serde_json::to_vec(self).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        file::replace(path, |open| Ok(open.write_all(&json)?))
    }

    fn read(path: &Path) -> Result<(Self, Features), Error> {
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let json = fs_err::read(path)?;
        let Version { format_version: found } = serde_json::from_slice(&json).map_err(malformed)?;
        if found != FORMAT_VERSION {
            return Err(Error::FormatVersion { path: path.to_owned(), expected: FORMAT_VERSION, found });
        }
        let document: Self = serde_json::from_slice(&json).map_err(malformed)?;
        let custom = |error: &dyn fmt::Display| malformed(serde::de::Error::custom(error));
        let operations = document.operations.iter().map(|name| Operation::from_name(name)).collect::<Result<Vec<_>, _>>();
        let space = operations.and_then(|operations| Space::nas_bench_101().with_operations(&operations));
        let features = Features::new(&document.encodings, &space.map_err(|error| custom(&error))?);
        let features = features.map_err(|error| custom(&error))?;
        let (found, known) = (&document.features, features.names());
        if found != known {
            let column = (0..=known.len()).find(|column| found.get(*column) != known.get(*column));
            return Err(Error::OtherFeatures { path: path.to_owned(), column: column.unwrap_or_default() });
        }
        Ok((document, features))
    }
}

/// Cells that are encoded before they are scored: their rows take some megabytes.
const BATCH: usize = 1 << 14;

/// A surrogate fitted on the features of cells, and what it predicts.
#[derive(Debug)]
pub struct Model {
    name: &'static str,
    target: Target,
    features: Features,
    training_cells: Vec<ModuleHash>,
    range: (f32, f32),
    surrogate: Box<dyn Surrogate>,
}

impl Model {
    /// Fits a surrogate on rows of features.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, features]`, as [`Features::rows`] makes them
    /// - `cells`: `[n]`, the hash of each row's cell
    /// - `values`: `[n]`
    ///
    /// # Units
    ///
    /// `values` are fractions or seconds, as the quantity of the target says; so are the predictions.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for rows of other features, [`Error::Count`]; else as [`Entry::fit`].
    pub fn fit(
        entry: &Entry,
        target: Target,
        features: &Features,
        rows: &Rows,
        cells: &[ModuleHash],
        values: &[f32],
        seed: Seed,
    ) -> Result<Self, Error> {
        rows.check_width(features.names().len())?;
        check_count("hashes", cells.len(), rows)?;
        let surrogate = entry.fit(rows, values, seed)?;
        let range = values.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        Ok(Self { name: entry.name, target, features: features.clone(), training_cells: cells.to_vec(), range, surrogate })
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

    /// What it sees of a cell.
    #[must_use]
    pub const fn features(&self) -> &Features {
        &self.features
    }

    /// The hash of the cell of each row that it was fitted on.
    #[must_use]
    pub fn training_cells(&self) -> &[ModuleHash] {
        &self.training_cells
    }

    /// The lowest and the highest value that it was fitted on.
    #[must_use]
    pub const fn range(&self) -> (f32, f32) {
        self.range
    }

    /// Predicts cells, each with its cost.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]`
    ///
    /// # Errors
    ///
    /// [`Error::Cell`] for a cell with an operation that the model does not know.
    pub fn predict_cells(&self, cells: &[(Cell, Cost)]) -> Result<Vec<Prediction>, Error> {
        let mut predictions = Vec::with_capacity(cells.len());
        for batch in cells.chunks(BATCH) {
            predictions.extend(self.predict(&self.features.rows(batch)?)?);
        }
        Ok(predictions)
    }

    /// Predicts rows of its [`features`](Self::features).
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
        let document = Document::new(self.name, self.target, &self.features, &self.training_cells, parameters);
        Document { range: Some(self.range), ..document }.write(path)
    }

    /// Reads a model from a file. It predicts exactly what the one that was saved does.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`], [`Error::Width`] if its
    /// parameters are of other features than it says, or [`Error::OtherModel`] if it is none of [`SURROGATES`](super::SURROGATES).
    pub fn load(path: &Path) -> Result<Self, Error> {
        let (Document { model, target, training_cells, range, parameters, .. }, features) = Document::read(path)?;
        let Ok(entry) = find(&model) else {
            return Err(Error::OtherModel { path: path.to_owned(), expected: super::known_surrogates(), found: model });
        };
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let range = range.ok_or_else(|| malformed(serde::de::Error::missing_field("range")))?;
        let surrogate = (entry.restore)(parameters).map_err(malformed)?;
        // The parameters are of rows as wide as those that will be made.
        surrogate.predict(&Rows::new(features.names().len()))?;
        Ok(Self { name: entry.name, target, features, training_cells, range, surrogate })
    }
}

/// A judge fitted on the features of cells, and of what it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredJudge {
    /// The rules.
    pub judge: Judge,
    /// What made cells promising.
    pub target: Target,
    /// What it sees of a cell.
    pub features: Features,
    /// The hash of the cell of each row that it was fitted on.
    pub training_cells: Vec<ModuleHash>,
}

impl StoredJudge {
    /// Writes the judge to a file.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for a judge of other features, or [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if self.judge.names() != self.features.names() {
            return Err(Error::Width { expected: self.features.names().len(), found: self.judge.names().len() });
        }
        let parameters =
            serde_json::to_value(&self.judge).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        Document::new(judge::NAME, self.target, &self.features, &self.training_cells, parameters).write(path)
    }

    /// Reads a judge from a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`] or [`Error::OtherModel`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let (Document { model, target, training_cells, parameters, .. }, features) = Document::read(path)?;
        if model != judge::NAME {
            return Err(Error::OtherModel { path: path.to_owned(), expected: format!("`{}`", judge::NAME), found: model });
        }
        let judge: serde_json::Result<Judge> = serde_json::from_value(parameters);
        let judge = judge.and_then(|judge| if judge.is_sound() { Ok(judge) } else { Err(serde::de::Error::custom("no tree")) });
        let judge = judge.map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        Ok(Self { judge, target, features, training_cells })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SURROGATES;
    use super::super::tests::{cells, costed, encoded_cells, features};
    use super::*;

    const TARGET: Target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(12) };

    /// Saves a model and replaces a text in its file.
    fn edited(from: &str, to: &str) -> Result<Model, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let (rows, values) = encoded_cells(30);
        let hashes = Cell::hashes(&cells(30));
        let model = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &hashes, &values, Seed(1)).unwrap();
        model.save(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is in the file");
        fs_err::write(&path, text.replacen(from, to, 1)).unwrap();
        Model::load(&path)
    }

    #[test]
    fn every_surrogate_predicts_the_same_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, values) = encoded_cells(60);
        let hashes = Cell::hashes(&cells(60));
        for entry in SURROGATES {
            let path = folder.path().join(entry.name);
            let model = Model::fit(entry, TARGET, &features(), &rows, &hashes, &values, Seed(1)).unwrap();
            model.save(&path).unwrap();
            let loaded = Model::load(&path).unwrap();
            assert_eq!(loaded.predict(&rows).unwrap(), model.predict(&rows).unwrap(), "{}", entry.name);
            assert_eq!(loaded.predict_cells(&costed(&cells(60))).unwrap(), model.predict(&rows).unwrap());
            assert_eq!((loaded.name(), loaded.target(), loaded.training_cells()), (entry.name, TARGET, hashes.as_slice()));
            assert_eq!(loaded.features(), &features());
            assert_eq!(loaded.range(), model.range());
        }
    }

    #[test]
    fn a_judge_is_the_same_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.json");
        let (rows, values) = encoded_cells(60);
        let judge = Judge::fit(&rows, features().names(), &judge::best(&values, 0.2).unwrap()).unwrap();
        let stored = StoredJudge { judge, target: TARGET, features: features(), training_cells: Cell::hashes(&cells(60)) };
        stored.save(&path).unwrap();
        assert_eq!(StoredJudge::load(&path).unwrap(), stored);
        assert!(matches!(Model::load(&path), Err(Error::OtherModel { .. })));
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let error = edited("\"format_version\":2", "\"format_version\":1").unwrap_err();
        assert!(error.to_string().contains("has format version 1, expected 2"), "{error}");
    }

    #[test]
    fn a_file_of_other_features_is_refused() {
        let error = edited("\"input_degree\"", "\"input_edges\"").unwrap_err();
        assert!(error.to_string().contains("other features, first at column 7"), "{error}");
        assert!(matches!(edited("\"statistics\"", "\"impressions\""), Err(Error::Malformed { .. })));
        assert!(matches!(edited("\"width\":60", "\"width\":61"), Err(Error::Width { expected: 61, found: 60 })));
    }

    #[test]
    fn a_file_of_another_model_is_refused() {
        let error = edited("\"random-forest\"", "\"crystal-ball\"").unwrap_err();
        assert!(error.to_string().contains("holds a model `crystal-ball`, expected random-forest, svr"), "{error}");
    }

    #[test]
    fn a_broken_file_is_no_model() {
        assert!(matches!(edited("\"roots\":[0,", "\"roots\":[99999999,"), Err(Error::Malformed { .. })));
        assert!(matches!(edited("\"target\"", "\"traget\""), Err(Error::Malformed { .. })));
        assert!(matches!(Model::load(Path::new("/nowhere/model.json")), Err(Error::File(_))));
    }

    #[test]
    fn rows_of_other_features_are_no_cells() {
        let error = Model::fit(&SURROGATES[0], TARGET, &features(), &Rows::new(3), &[], &[], Seed(1)).unwrap_err();
        assert!(matches!(error, Error::Width { found: 3, .. }));
    }
}
