//! Models that know what they predict, and their files: one JSON document each.

use std::path::Path;
use std::sync::Arc;

use super::document::Document;
use super::{
    Calibration, Entry, Error, Features, FittedRange, Judge, Noise, Prediction, Quantity, Rows, Surrogate, Target, check_count,
    find, judge, range,
};
use crate::space::{Cell, ModuleHash};
use crate::unit::Seed;

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
    fitted_range: FittedRange,
    widening: Option<f32>,
    noise: Option<Noise>,
    benchmark: Option<String>,
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
        let calibration = Calibration::of(entry, rows, &hashes, values, seed)?;
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
            fitted_range: FittedRange::of(used.iter().map(|row| &cells[*row])),
            widening,
            noise: None,
            benchmark: None,
            surrogate,
            time: None,
        })
    }

    /// The model with how far repeats of a cell lie apart: with it, a surrogate answers like a benchmark.
    #[must_use]
    pub fn with_noise(self, noise: Option<Noise>) -> Self {
        Self { noise, ..self }
    }

    /// The model with the identity of the benchmark, or of the file, that it was fitted on: with it, a comparison knows that models of
    /// one benchmark are no independent tasks.
    #[must_use]
    pub fn with_benchmark(self, benchmark: Option<String>) -> Self {
        Self { benchmark, ..self }
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

    /// The sizes of the cells that it was fitted on.
    #[must_use]
    pub const fn fitted_range(&self) -> FittedRange {
        self.fitted_range
    }

    /// By how much its error bars grow outside that range; `None` if there were too few cells to tell.
    #[must_use]
    pub const fn widening(&self) -> Option<f32> {
        self.widening
    }

    /// How far repeats of a cell lie apart, in the unit of the predictions; `None` if it is not known.
    #[must_use]
    pub const fn noise(&self) -> Option<&Noise> {
        self.noise.as_ref()
    }

    /// The identity of the benchmark, or of the file, that it was fitted on; `None` if it is not known, as in files of format 4.
    #[must_use]
    pub fn benchmark(&self) -> Option<&str> {
        self.benchmark.as_deref()
    }

    /// The model of the training time that goes with this one of the accuracy.
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

    /// Predicts cells with this model and with another one; each cell is encoded once if both see the same of it.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells]` of this one, `[cells]` of the other one
    ///
    /// # Errors
    ///
    /// As [`Features::rows`].
    pub fn predict_all_with(&self, other: &Self, cells: &[Cell]) -> Result<[Vec<Prediction>; 2], Error> {
        let mut both = [Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len())];
        for batch in cells.chunks(BATCH) {
            let own = self.features.rows(batch)?;
            both[0].extend(self.predict(&own)?);
            both[1].extend(if self.features == other.features {
                other.predict(&own)?
            } else {
                other.predict(&other.features.rows(batch)?)?
            });
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
        let document =
            Document::new(self.name, self.target, &self.features, (&self.training_cells, self.fitted_range), parameters);
        let time = self.time.as_ref().map(|time| time.document(path)).transpose()?.map(Box::new);
        let (range, calibration, noise) = (Some(self.range), Some(self.calibration), self.noise.clone());
        let benchmark = self.benchmark.clone();
        Ok(Document { range, calibration, widening: self.widening, noise, benchmark, time, ..document })
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
        let Document {
            model,
            target,
            training_cells,
            fitted_range,
            range,
            calibration,
            widening,
            noise,
            benchmark,
            parameters,
            time,
            ..
        } = document;
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
        let model = Self {
            name: entry.name,
            target,
            features,
            training_cells,
            range,
            calibration,
            fitted_range,
            widening,
            noise,
            benchmark,
            surrogate,
            time: None,
        };
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
    /// The sizes of those cells.
    pub fitted_range: FittedRange,
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
        let training = (self.training_cells.as_slice(), self.fitted_range);
        Document::new(judge::NAME, self.target, &self.features, training, parameters).write(path)
    }

    /// Reads a judge from a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Malformed`], [`Error::FormatVersion`], [`Error::OtherFeatures`] or [`Error::OtherModel`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let features = document.features(path)?;
        let Document { model, target, training_cells, fitted_range, parameters, .. } = document;
        if model != judge::NAME {
            return Err(Error::OtherModel { path: path.to_owned(), expected: format!("`{}`", judge::NAME), found: model });
        }
        let judge: serde_json::Result<Judge> = serde_json::from_value(parameters);
        let judge = judge.and_then(|judge| if judge.is_sound() { Ok(judge) } else { Err(serde::de::Error::custom("no tree")) });
        let judge = judge.map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        Ok(Self { judge, target, features, training_cells, fitted_range })
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
            assert_eq!((loaded.name(), loaded.target(), loaded.training_cells()), (entry.name, TARGET, hashes.as_slice()));
            assert_eq!(loaded.features(), &features());
            assert_eq!(loaded.range(), model.range());
            assert_eq!(loaded.calibration(), model.calibration());
            assert_eq!((loaded.fitted_range(), loaded.widening()), (model.fitted_range(), model.widening()));
            assert!((loaded.noise(), loaded.time().is_none()) == (None, true));
        }
    }

    #[test]
    fn a_model_of_fewer_rows_than_it_was_given_says_which_it_used() {
        let (rows, values) = encoded_cells(60);
        let hashes = Cell::hashes(&cells(60));
        let entry = Entry { most_rows: Some(20), ..SURROGATES[0] };
        let model = Model::fit(&entry, TARGET, &features(), &rows, &cells(60), &values, Seed(1)).unwrap();
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
        let model = fit(accuracy).with_noise(Some(Noise::constant(0.01))).with_time(fit(time)).unwrap();
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!((loaded.noise(), loaded.features()), (Some(&Noise::constant(0.01)), &features));
        assert_eq!(loaded.time().unwrap().predict(&rows).unwrap(), fit(time).predict(&rows).unwrap());
        assert_eq!(loaded.predict_all(&cells(40)).unwrap(), model.predict(&features.rows(&cells(40)).unwrap()).unwrap());
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
        let (training_cells, fitted_range) = (Cell::hashes(&cells(60)), FittedRange::of(&cells(60)));
        let stored = StoredJudge { judge, target: TARGET, features: features(), training_cells, fitted_range };
        stored.save(&path).unwrap();
        assert_eq!(StoredJudge::load(&path).unwrap(), stored);
        assert!(matches!(Model::load(&path), Err(Error::OtherModel { .. })));
        assert!(matches!(Stored::load(&path).unwrap(), Stored::Judge(_)));
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
        fit().with_benchmark(Some("5a5a".to_owned())).save(&path).unwrap();
        assert_eq!(Model::load(&path).unwrap().benchmark(), Some("5a5a"));
        fit().save(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(!text.contains("benchmark"), "what is not known is not written");
        let before = edited("\"format_version\":5", "\"format_version\":4").unwrap();
        assert_eq!((before.benchmark(), before.predict(&rows).unwrap()), (None, fit().predict(&rows).unwrap()));
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
