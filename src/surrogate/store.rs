//! Models that know what they predict, and their files: one JSON document each.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Calibration, Entry, Error, Features, Judge, Prediction, Quantity, Rows, Surrogate, Target, check_count, find, judge,
};
use crate::file;
use crate::network::{Cost, Skeleton};
use crate::space::{Cell, ModuleHash, Operation, Space};
use crate::unit::Seed;

/// The format of the files. It changes when an older tool could not read what is written, or would misread it.
const FORMAT_VERSION: u32 = 3;

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
    /// The network around the cells: what a cell costs is one of the features.
    skeleton: Skeleton,
    /// The lowest and the highest value of the fit; a judge has none.
    range: Option<(f32, f32)>,
    /// How sure its predictions are; a judge has none.
    calibration: Option<Calibration>,
    /// The standard deviation between the repeats of a cell, if that is known.
    noise: Option<f32>,
    /// Of each row of the fit.
    training_cells: Vec<ModuleHash>,
    parameters: serde_json::Value,
    /// The model of the training time that goes with one of the accuracy.
    time: Option<Box<Self>>,
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
            skeleton: *features.skeleton(),
            range: None,
            calibration: None,
            noise: None,
            training_cells: training_cells.to_vec(),
            parameters,
            time: None,
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
        serde_json::from_slice(&json).map_err(malformed)
    }

    /// What the model sees of a cell, if this program computes that.
    fn features(&self, path: &Path) -> Result<Features, Error> {
        let malformed =
            |error: &dyn fmt::Display| Error::Malformed { path: path.to_owned(), source: serde::de::Error::custom(error) };
        let operations = self.operations.iter().map(|name| Operation::from_name(name)).collect::<Result<Vec<_>, _>>();
        let space = operations.and_then(|operations| Space::nas_bench_101().with_operations(&operations));
        let features = Features::new(&self.encodings, &space.map_err(|error| malformed(&error))?);
        let features = features.map_err(|error| malformed(&error))?;
        self.skeleton.check().map_err(|error| malformed(&error))?;
        let (found, known) = (&self.features, features.names());
        if found != known {
            let column = (0..=known.len()).find(|column| found.get(*column) != known.get(*column));
            return Err(Error::OtherFeatures { path: path.to_owned(), column: column.unwrap_or_default() });
        }
        Ok(features.with_skeleton(self.skeleton))
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
    calibration: Calibration,
    noise: Option<f32>,
    surrogate: Box<dyn Surrogate>,
    time: Option<Arc<Self>>,
}

impl Model {
    /// Fits a surrogate on rows of features, and calibrates it on some of them that another fit has not seen. A surrogate that takes
    /// no more than so many rows keeps the cells and the range of those that it used.
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
        let calibration = Calibration::of(entry, rows, cells, values, seed)?;
        let used = entry.drawn(rows.len(), seed).unwrap_or_else(|| (0..rows.len()).collect());
        let used_values = used.iter().map(|row| values[*row]);
        let range = used_values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let training_cells = used.iter().map(|row| cells[*row]).collect();
        let (name, features) = (entry.name, features.clone());
        Ok(Self { name, target, features, training_cells, range, calibration, noise: None, surrogate, time: None })
    }

    /// The model with the standard deviation between the repeats of a cell: with it, a surrogate answers like a benchmark.
    #[must_use]
    pub fn with_noise(self, noise: Option<f32>) -> Self {
        Self { noise, ..self }
    }

    /// The model of the accuracy with that of the training time, which are then in one file.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] unless this one predicts an accuracy and the other one the time of the same trainings.
    pub fn with_time(self, time: impl Into<Arc<Self>>) -> Result<Self, Error> {
        let time = time.into();
        let expected = |quantity| Target { quantity, epochs: self.target.epochs };
        for (model, expected) in [(&self, expected(Quantity::ValidationAccuracy)), (&*time, expected(Quantity::TrainingTime))] {
            if model.target != expected {
                return Err(Error::Target { expected, found: model.target });
            }
        }
        Ok(Self { time: Some(time), ..self })
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

    /// How sure its predictions are.
    #[must_use]
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The standard deviation between the repeats of a cell, in the unit of the predictions; `None` if it is not known.
    #[must_use]
    pub const fn noise(&self) -> Option<f32> {
        self.noise
    }

    /// The model of the training time that goes with this one of the accuracy.
    #[must_use]
    pub const fn time(&self) -> Option<&Arc<Self>> {
        self.time.as_ref()
    }

    /// Predicts cells, each with its cost in the network of the model.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]`
    ///
    /// # Errors
    ///
    /// As [`Features::rows_of`].
    pub fn predict_all(&self, cells: &[Cell]) -> Result<Vec<Prediction>, Error> {
        self.predict_batches(cells, |cells| self.features.rows_of(cells))
    }

    /// Predicts cells with this model and with another one; each cell is encoded once if both see the same of it.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]` of this one, `[cells]` of the other one
    ///
    /// # Errors
    ///
    /// As [`Features::rows_of`].
    pub fn predict_all_with(&self, other: &Self, cells: &[Cell]) -> Result<[Vec<Prediction>; 2], Error> {
        self.predict_both(other, cells, Features::rows_of)
    }

    /// Predicts cells, each with a given cost.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]`
    ///
    /// # Errors
    ///
    /// [`Error::Cell`] for a cell with an operation that the model does not know.
    pub fn predict_cells(&self, cells: &[(Cell, Cost)]) -> Result<Vec<Prediction>, Error> {
        self.predict_batches(cells, |cells| self.features.rows(cells))
    }

    /// Predicts cells, each with a given cost, with this model and with another one, as [`predict_all_with`](Self::predict_all_with).
    ///
    /// # Errors
    ///
    /// As [`predict_cells`](Self::predict_cells).
    pub fn predict_cells_with(&self, other: &Self, cells: &[(Cell, Cost)]) -> Result<[Vec<Prediction>; 2], Error> {
        self.predict_both(other, cells, Features::rows)
    }

    fn predict_both<T>(
        &self,
        other: &Self,
        cells: &[T],
        rows: impl Fn(&Features, &[T]) -> Result<Rows, Error>,
    ) -> Result<[Vec<Prediction>; 2], Error> {
        let mut both = [Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len())];
        for batch in cells.chunks(BATCH) {
            let own = rows(&self.features, batch)?;
            both[0].extend(self.predict(&own)?);
            both[1].extend(if self.features == other.features {
                other.predict(&own)?
            } else {
                other.predict(&rows(&other.features, batch)?)?
            });
        }
        Ok(both)
    }

    fn predict_batches<T>(&self, cells: &[T], rows: impl Fn(&[T]) -> Result<Rows, Error>) -> Result<Vec<Prediction>, Error> {
        let mut predictions = Vec::with_capacity(cells.len());
        for batch in cells.chunks(BATCH) {
            predictions.extend(self.predict(&rows(batch)?)?);
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

    /// Writes the model to a file, with that of the time if it has one.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.document(path)?.write(path)
    }

    fn document(&self, path: &Path) -> Result<Document, Error> {
        let parameters = self.surrogate.parameters().map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        let document = Document::new(self.name, self.target, &self.features, &self.training_cells, parameters);
        let time = self.time.as_ref().map(|time| time.document(path)).transpose()?.map(Box::new);
        let (range, calibration, noise) = (Some(self.range), Some(self.calibration), self.noise);
        Ok(Document { range, calibration, noise, time, ..document })
    }

    /// Reads a model from a file. It predicts exactly what the one that was saved does.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`], [`Error::Width`] if its
    /// parameters are of other features than it says, [`Error::Target`] if its two models do not go together, or
    /// [`Error::OtherModel`] if it is none of [`SURROGATES`](super::SURROGATES).
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::of_document(Document::read(path)?, path)
    }

    fn of_document(document: Document, path: &Path) -> Result<Self, Error> {
        let features = document.features(path)?;
        let Document { model, target, training_cells, range, calibration, noise, parameters, time, .. } = document;
        let Ok(entry) = find(&model) else {
            return Err(Error::OtherModel { path: path.to_owned(), expected: super::known_surrogates(), found: model });
        };
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let missing = |field| malformed(serde::de::Error::missing_field(field));
        let range = range.ok_or_else(|| missing("range"))?;
        let calibration = calibration.ok_or_else(|| missing("calibration"))?;
        let surrogate = (entry.restore)(parameters).map_err(malformed)?;
        // The parameters are of rows as wide as those that will be made.
        surrogate.predict(&Rows::new(features.names().len()))?;
        let model = Self { name: entry.name, target, features, training_cells, range, calibration, noise, surrogate, time: None };
        match time {
            Some(time) => model.with_time(Self::of_document(*time, path)?),
            None => Ok(model),
        }
    }
}

/// A model file of either kind.
#[derive(Debug)]
pub enum Stored {
    /// A surrogate.
    Model(Box<Model>),
    /// A judge.
    Judge(Box<StoredJudge>),
}

impl Stored {
    /// Reads a model or a judge from a file.
    ///
    /// # Errors
    ///
    /// As [`Model::load`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        match StoredJudge::load(path) {
            Err(Error::OtherModel { .. }) => Ok(Self::Model(Box::new(Model::load(path)?))),
            judge => Ok(Self::Judge(Box::new(judge?))),
        }
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
        let document = Document::read(path)?;
        let features = document.features(path)?;
        let Document { model, target, training_cells, parameters, .. } = document;
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
    use crate::unit::Epochs;

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
            assert_eq!(loaded.calibration(), model.calibration());
            assert!((loaded.noise(), loaded.time().is_none()) == (None, true));
        }
    }

    #[test]
    fn a_model_of_fewer_rows_than_it_was_given_says_which_it_used() {
        let (rows, values) = encoded_cells(60);
        let hashes = Cell::hashes(&cells(60));
        let entry = Entry { most_rows: Some(20), ..SURROGATES[0] };
        let model = Model::fit(&entry, TARGET, &features(), &rows, &hashes, &values, Seed(1)).unwrap();
        let used = entry.drawn(60, Seed(1)).unwrap();
        assert_eq!(model.training_cells(), used.iter().map(|row| hashes[*row]).collect::<Vec<_>>());
        let of_used: Vec<f32> = used.iter().map(|row| values[*row]).collect();
        let highest = of_used.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!((used.len(), model.range().1), (20, highest));
        let alone = SURROGATES[0].fit(&rows.select(&used), &of_used, Seed(1)).unwrap();
        assert_eq!(model.predict(&rows).unwrap(), alone.predict(&rows).unwrap());
    }

    #[test]
    fn two_models_together_predict_what_each_does_alone() {
        let (rows, values) = encoded_cells(40);
        let (all, hashes) = (cells(40), Cell::hashes(&cells(40)));
        let one = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &hashes, &values, Seed(1)).unwrap();
        let same = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &hashes, &values, Seed(2)).unwrap();
        let readable = Features::new(super::super::features::READABLE, &features().space()).unwrap();
        let other_rows = readable.rows_of(&all).unwrap();
        let other = Model::fit(&SURROGATES[0], TARGET, &readable, &other_rows, &hashes, &values, Seed(1)).unwrap();
        for second in [&same, &other] {
            let both = one.predict_all_with(second, &all).unwrap();
            assert_eq!(both, [one.predict_all(&all).unwrap(), second.predict_all(&all).unwrap()]);
            assert_ne!(both[0], both[1]);
        }
    }

    #[test]
    fn a_model_of_the_accuracy_keeps_that_of_the_time_its_noise_and_its_network() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let (rows, values) = encoded_cells(40);
        let hashes = Cell::hashes(&cells(40));
        let features = features().with_skeleton(Skeleton { stem_channels: 16, ..Skeleton::nas_bench_101() });
        let fit = |quantity| {
            let target = Target { quantity, ..TARGET };
            Model::fit(&SURROGATES[0], target, &features, &rows, &hashes, &values, Seed(1)).unwrap()
        };
        let (accuracy, time) = (Quantity::ValidationAccuracy, Quantity::TrainingTime);
        let model = fit(accuracy).with_noise(Some(0.01)).with_time(fit(time)).unwrap();
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!((loaded.noise(), loaded.features()), (Some(0.01), &features));
        assert_eq!(loaded.time().unwrap().predict(&rows).unwrap(), fit(time).predict(&rows).unwrap());
        assert_eq!(loaded.predict_all(&cells(40)).unwrap(), model.predict(&features.rows_of(&cells(40)).unwrap()).unwrap());
        assert!(matches!(fit(time).with_time(fit(time)), Err(Error::Target { .. })));
        assert!(matches!(fit(accuracy).with_time(fit(accuracy)), Err(Error::Target { .. })));
        assert!(matches!(Stored::load(&path).unwrap(), Stored::Model(_)));
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
        assert!(matches!(Stored::load(&path).unwrap(), Stored::Judge(_)));
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let error = edited("\"format_version\":3", "\"format_version\":2").unwrap_err();
        assert!(error.to_string().contains("has format version 2, expected 3"), "{error}");
    }

    #[test]
    fn a_file_of_other_features_is_refused() {
        let error = edited("\"input_degree\"", "\"input_edges\"").unwrap_err();
        assert!(error.to_string().contains("other features, first at column 7"), "{error}");
        assert!(matches!(edited("\"statistics\"", "\"impressions\""), Err(Error::Malformed { .. })));
        assert!(matches!(edited("\"width\":60", "\"width\":61"), Err(Error::Width { expected: 61, found: 60 })));
        assert!(matches!(edited("\"stem_channels\":128", "\"stem_channels\":0"), Err(Error::Malformed { .. })));
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
        assert!(matches!(edited("\"calibration\":{", "\"calibration\":null,\"time\":{"), Err(Error::Malformed { .. })));
        assert!(matches!(Model::load(Path::new("/nowhere/model.json")), Err(Error::File(_))));
    }

    #[test]
    fn rows_of_other_features_are_no_cells() {
        let error = Model::fit(&SURROGATES[0], TARGET, &features(), &Rows::new(3), &[], &[], Seed(1)).unwrap_err();
        assert!(matches!(error, Error::Width { found: 3, .. }));
    }
}
