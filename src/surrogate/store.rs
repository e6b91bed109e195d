//! Fitted models with what they predict, and their files: one JSON document each.

use std::path::Path;
use std::sync::Arc;

use super::document::Document;
use super::{
    Calibration, Entry, Error, Features, FittedRange, Noise, Prediction, Quantity, Rows, RuleClassifier, Surrogate, Target,
    check_count, find, range, rule_classifier,
};
use crate::space::{Cell, ModuleHash};
use crate::unit::Seed;

/// The cells that are encoded before they are predicted: their rows take some megabytes.
const BATCH: usize = 1 << 14;

/// A surrogate fitted on the features of cells, and what it predicts.
#[derive(Debug)]
pub struct Model {
    /// The name of the surrogate.
    pub name: &'static str,
    /// What it predicts.
    pub target: Target,
    /// The features of a cell that it was fitted on.
    pub features: Features,
    /// The hash of the cell of each row that it was fitted on.
    pub training_cells: Vec<ModuleHash>,
    /// The lowest and the highest value that it was fitted on.
    pub range: (f32, f32),
    /// The calibration of its error bars.
    pub calibration: Calibration,
    /// The sizes of the cells that it was fitted on.
    pub fitted_range: FittedRange,
    /// The factor by which its error bars grow outside that range; `None` if there were too few cells to tell.
    pub widening: Option<f32>,
    /// How far repeats of a cell lie apart, in the unit of the predictions; `None` if it is not known. With it, a surrogate answers like a
    /// benchmark.
    pub noise: Option<Noise>,
    /// The identity of the benchmark, or of the file, that it was fitted on; `None` if it is not known, as in files of format 4. With it, a
    /// comparison knows that models of one benchmark are no independent tasks.
    pub benchmark: Option<String>,
    surrogate: Box<dyn Surrogate>,
    time: Option<Arc<Self>>,
}

impl Model {
    /// Fits a surrogate on rows of features, and calibrates it on some of them that another fit has not seen. A surrogate that takes
    /// a limited number of rows keeps the cells and the range of those that it used.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, features]`, as [`Features::rows`] makes them
    /// - `cells`: `[n]`, of the rows
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
        cells: &[Cell],
        values: &[f32],
        seed: Seed,
    ) -> Result<Self, Error> {
        rows.check_width(features.names().len())?;
        check_count("cells", cells.len(), rows)?;
        let hashes = Cell::hashes(cells);
        let surrogate = entry.fit(rows, values, seed)?;
        let calibration = Calibration::new(entry, rows, &hashes, values, seed)?;
        let widening = range::widening(entry, rows, cells, values, &calibration, seed)?;
        let used = entry.drawn(rows.len(), seed).unwrap_or_else(|| (0..rows.len()).collect());
        let used_values = used.iter().map(|row| values[*row]);
        let range = used_values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
        Ok(Self {
            name: entry.name,
            target,
            features: features.clone(),
            training_cells: used.iter().map(|row| hashes[*row]).collect(),
            range,
            calibration,
            fitted_range: FittedRange::new(used.iter().map(|row| &cells[*row])),
            widening,
            noise: None,
            benchmark: None,
            surrogate,
            time: None,
        })
    }

    /// Adds the model of the training time to one of the accuracy; both are then in one file.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] unless this one predicts an accuracy and the other one the time of the same trainings.
    pub fn with_time(self, time: impl Into<Arc<Self>>) -> Result<Self, Error> {
        let time = time.into();
        let epochs = self.target.epochs;
        self.check_target(Target { quantity: Quantity::ValidationAccuracy, epochs })?;
        time.check_target(Target { quantity: Quantity::TrainingTime, epochs })?;
        Ok(Self { time: Some(time), ..self })
    }

    /// Returns an error unless the model predicts the expected target.
    pub(super) fn check_target(&self, expected: Target) -> Result<(), Error> {
        if self.target == expected { Ok(()) } else { Err(Error::Target { expected, found: self.target }) }
    }

    /// Returns the model of the training time that goes with this one of the accuracy.
    #[must_use]
    pub const fn time(&self) -> Option<&Arc<Self>> {
        self.time.as_ref()
    }

    /// Predicts cells; isomorphic ones have equal predictions.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]`
    ///
    /// # Errors
    ///
    /// As [`Features::rows`].
    pub fn predict_all(&self, cells: &[Cell]) -> Result<Vec<Prediction>, Error> {
        let mut predictions = Vec::with_capacity(cells.len());
        for batch in cells.chunks(BATCH) {
            predictions.extend(self.predict(&self.features.rows(batch)?)?);
        }
        Ok(predictions)
    }

    /// Predicts cells, each with what it reached in the cheaper trainings of which the model needs that.
    ///
    /// # Shapes
    ///
    /// - `values`: `[cells]`
    /// - returns: `[cells]`
    ///
    /// # Errors
    ///
    /// As [`Features::rows_with`].
    ///
    /// # Panics
    ///
    /// Panics if the model needs nothing but the cells.
    pub fn predict_with(&self, cells: &[Cell], values: &[f32]) -> Result<Vec<Prediction>, Error> {
        self.predict(&self.features.rows_with(cells, values)?)
    }

    /// Predicts cells with this model and with another one; each cell is encoded once if both have the same features.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]` of this one, `[cells]` of the other one
    ///
    /// # Errors
    ///
    /// As [`Features::rows`].
    pub fn predict_all_with(&self, other: &Self, cells: &[Cell]) -> Result<[Vec<Prediction>; 2], Error> {
        if self.features != other.features {
            return Ok([self.predict_all(cells)?, other.predict_all(cells)?]);
        }
        let mut both = [Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len())];
        for batch in cells.chunks(BATCH) {
            let rows = self.features.rows(batch)?;
            both[0].extend(self.predict(&rows)?);
            both[1].extend(other.predict(&rows)?);
        }
        Ok(both)
    }

    /// Predicts rows of its [`features`](Self::features).
    ///
    /// # Errors
    ///
    /// [`Error::Width`].
    pub fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        self.surrogate.predict(rows)
    }

    /// The Shapley values of the features of a row, as [`Surrogate::shapley`] gives them.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrees`] and [`Error::Width`].
    pub fn shapley(&self, row: &[f32], background: &Rows) -> Result<Vec<f64>, Error> {
        self.surrogate.shapley(row, background)?.ok_or(Error::NoTrees(self.name))
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
        let training = (self.training_cells.as_slice(), self.fitted_range);
        Ok(Document {
            range: Some(self.range),
            calibration: Some(self.calibration),
            widening: self.widening,
            noise: self.noise.clone(),
            benchmark: self.benchmark.clone(),
            time: self.time.as_ref().map(|time| time.document(path)).transpose()?.map(Box::new),
            ..Document::new(self.name, self.target, &self.features, training, parameters)
        })
    }

    /// Reads a model from a file. It predicts exactly what the one that was saved does.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`], [`Error::Width`] if its
    /// parameters are of other features than it says, [`Error::Target`] if its two models do not go together, or
    /// [`Error::OtherModel`] if it is none of [`SURROGATES`](super::SURROGATES).
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_document(Document::read(path)?, path)
    }

    fn from_document(document: Document, path: &Path) -> Result<Self, Error> {
        let features = document.features(path)?;
        let entry = find(&document.model).map_err(|_| document.other_model(path, super::known_surrogates()))?;
        let malformed = |source| Error::Malformed { path: path.to_owned(), source };
        let missing = |field| malformed(serde::de::Error::missing_field(field));
        let range = document.range.ok_or_else(|| missing("range"))?;
        let calibration = document.calibration.ok_or_else(|| missing("calibration"))?;
        let surrogate = (entry.restore)(document.parameters).map_err(malformed)?;
        // The parameters are of rows as wide as those that will be made.
        surrogate.predict(&Rows::new(features.names().len()))?;
        let model = Self {
            name: entry.name,
            target: document.target,
            features,
            training_cells: document.training_cells,
            range,
            calibration,
            fitted_range: document.fitted_range,
            widening: document.widening,
            noise: document.noise,
            benchmark: document.benchmark,
            surrogate,
            time: None,
        };
        match document.time {
            Some(time) => model.with_time(Self::from_document(*time, path)?),
            None => Ok(model),
        }
    }
}

/// A model file of either kind.
#[derive(Debug)]
pub enum Stored {
    /// A surrogate.
    Model(Box<Model>),
    /// A rule classifier.
    RuleClassifier(Box<StoredClassifier>),
}

impl Stored {
    /// Reads a model or a rule classifier from a file.
    ///
    /// # Errors
    ///
    /// As [`Model::load`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        match StoredClassifier::load(path) {
            Err(Error::OtherModel { .. }) => Ok(Self::Model(Box::new(Model::load(path)?))),
            classifier => Ok(Self::RuleClassifier(Box::new(classifier?))),
        }
    }
}

/// A rule classifier fitted on the features of cells, and its target.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredClassifier {
    /// The rules.
    pub classifier: RuleClassifier,
    /// The target by which cells are promising.
    pub target: Target,
    /// The features of a cell that it was fitted on.
    pub features: Features,
    /// The hash of the cell of each row that it was fitted on.
    pub training_cells: Vec<ModuleHash>,
    /// The sizes of those cells.
    pub fitted_range: FittedRange,
}

impl StoredClassifier {
    /// Writes the rule classifier to a file.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for a rule classifier of other features, or [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if self.classifier.names() != self.features.names() {
            return Err(Error::Width { expected: self.features.names().len(), found: self.classifier.names().len() });
        }
        let parameters =
            serde_json::to_value(&self.classifier).map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        let training = (self.training_cells.as_slice(), self.fitted_range);
        Document::new(rule_classifier::NAME, self.target, &self.features, training, parameters).write(path)
    }

    /// Reads a rule classifier from a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`] or [`Error::OtherModel`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let features = document.features(path)?;
        if document.model != rule_classifier::NAME {
            return Err(document.other_model(path, format!("`{}`", rule_classifier::NAME)));
        }
        let classifier: serde_json::Result<RuleClassifier> = serde_json::from_value(document.parameters);
        let classifier =
            classifier.and_then(|one| if one.is_sound() { Ok(one) } else { Err(serde::de::Error::custom("no tree")) });
        let classifier = classifier.map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        let Document { target, training_cells, fitted_range, .. } = document;
        Ok(Self { classifier, target, features, training_cells, fitted_range })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SURROGATES;
    use super::super::tests::{cells, encoded_cells, features};
    use super::*;
    use crate::network::Skeleton;
    use crate::unit::Epochs;

    const TARGET: Target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(12) };

    /// Saves a model and replaces a text in its file.
    fn edited(from: &str, to: &str) -> Result<Model, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let (rows, values) = encoded_cells(30);
        let model = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &cells(30), &values, Seed(1)).unwrap();
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
            let model = Model::fit(entry, TARGET, &features(), &rows, &cells(60), &values, Seed(1)).unwrap();
            model.save(&path).unwrap();
            let loaded = Model::load(&path).unwrap();
            assert_eq!(loaded.predict(&rows).unwrap(), model.predict(&rows).unwrap(), "{}", entry.name);
            assert_eq!(loaded.predict_all(&cells(60)).unwrap(), model.predict(&rows).unwrap());
            assert_eq!((loaded.name, loaded.target, &loaded.training_cells), (entry.name, TARGET, &hashes));
            assert_eq!(loaded.features, features());
            assert_eq!(loaded.range, model.range);
            assert_eq!(loaded.calibration, model.calibration);
            assert_eq!((loaded.fitted_range, loaded.widening), (model.fitted_range, model.widening));
            assert!(loaded.noise.is_none() && loaded.time().is_none());
        }
    }

    #[test]
    fn a_model_of_fewer_rows_than_it_was_given_says_which_it_used() {
        let (rows, values) = encoded_cells(60);
        let hashes = Cell::hashes(&cells(60));
        let entry = Entry { most_rows: Some(20), ..SURROGATES[0] };
        let model = Model::fit(&entry, TARGET, &features(), &rows, &cells(60), &values, Seed(1)).unwrap();
        let used = entry.drawn(60, Seed(1)).unwrap();
        assert_eq!(model.training_cells, used.iter().map(|row| hashes[*row]).collect::<Vec<_>>());
        let of_used: Vec<f32> = used.iter().map(|row| values[*row]).collect();
        let highest = of_used.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!((used.len(), model.range.1), (20, highest));
        let alone = SURROGATES[0].fit(&rows.select(&used), &of_used, Seed(1)).unwrap();
        assert_eq!(model.predict(&rows).unwrap(), alone.predict(&rows).unwrap());
    }

    #[test]
    fn two_models_together_predict_what_each_does_alone() {
        let (rows, values) = encoded_cells(40);
        let all = cells(40);
        let one = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &all, &values, Seed(1)).unwrap();
        let same = Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &all, &values, Seed(2)).unwrap();
        let fewer = Features::new(&["statistics"], &features().space()).unwrap();
        let other_rows = fewer.rows(&all).unwrap();
        let other = Model::fit(&SURROGATES[0], TARGET, &fewer, &other_rows, &all, &values, Seed(1)).unwrap();
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
        let features = features().with_skeleton(Skeleton { stem_channels: 16, ..Skeleton::nas_bench_101() });
        let fit = |quantity| {
            let target = Target { quantity, ..TARGET };
            Model::fit(&SURROGATES[0], target, &features, &rows, &cells(40), &values, Seed(1)).unwrap()
        };
        let (accuracy, time) = (Quantity::ValidationAccuracy, Quantity::TrainingTime);
        let model = Model { noise: Some(Noise::constant(0.01)), ..fit(accuracy) }.with_time(fit(time)).unwrap();
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!((&loaded.noise, &loaded.features), (&Some(Noise::constant(0.01)), &features));
        assert_eq!(loaded.time().unwrap().predict(&rows).unwrap(), fit(time).predict(&rows).unwrap());
        assert_eq!(loaded.predict_all(&cells(40)).unwrap(), model.predict(&features.rows(&cells(40)).unwrap()).unwrap());
        assert!(matches!(fit(time).with_time(fit(time)), Err(Error::Target { .. })));
        assert!(matches!(fit(accuracy).with_time(fit(accuracy)), Err(Error::Target { .. })));
        assert!(matches!(Stored::load(&path).unwrap(), Stored::Model(_)));
    }

    #[test]
    fn a_rule_classifier_is_the_same_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.json");
        let (rows, values) = encoded_cells(60);
        let classifier = RuleClassifier::fit(&rows, features().names(), &rule_classifier::best(&values, 0.2).unwrap()).unwrap();
        let (training_cells, fitted_range) = (Cell::hashes(&cells(60)), FittedRange::new(&cells(60)));
        let stored = StoredClassifier { classifier, target: TARGET, features: features(), training_cells, fitted_range };
        stored.save(&path).unwrap();
        assert_eq!(StoredClassifier::load(&path).unwrap(), stored);
        assert!(matches!(Model::load(&path), Err(Error::OtherModel { .. })));
        assert!(matches!(Stored::load(&path).unwrap(), Stored::RuleClassifier(_)));
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let error = edited("\"format_version\":5", "\"format_version\":3").unwrap_err();
        assert!(error.to_string().contains("has format version 3, expected 5"), "{error}");
        assert!(edited("\"format_version\":5", "\"format_version\":6").is_err());
    }

    #[test]
    fn a_model_knows_its_benchmark_and_one_of_the_format_before_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let (rows, values) = encoded_cells(30);
        let fit = || Model::fit(&SURROGATES[0], TARGET, &features(), &rows, &cells(30), &values, Seed(1)).unwrap();
        Model { benchmark: Some("5a5a".to_owned()), ..fit() }.save(&path).unwrap();
        assert_eq!(Model::load(&path).unwrap().benchmark.as_deref(), Some("5a5a"));
        fit().save(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(!text.contains("benchmark"), "what is not known is not written");
        let before = edited("\"format_version\":5", "\"format_version\":4").unwrap();
        assert_eq!((&before.benchmark, before.predict(&rows).unwrap()), (&None, fit().predict(&rows).unwrap()));
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
