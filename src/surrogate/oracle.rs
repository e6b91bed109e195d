//! Fitted models as an oracle: a search cannot tell them from a table.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Error, Model, Noise, Prediction, Quantity, Target};
use crate::oracle::{self, Candidate, Measurement, Oracle};
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// Answers with the predictions of two models per budget: one of the accuracy, one of the training time.
///
/// A candidate is predicted once: asked again, or as an isomorphic cell, it has the same answer, unless the oracle has noise.
/// Accuracies are clamped to 0..=1. A training never costs less than the cheapest that the model was fitted on, so that no search
/// measures for nothing.
#[derive(Default)]
pub struct SurrogateOracle {
    budgets: BTreeMap<Epochs, Models>,
    /// The answers so far, of representatives.
    known: HashMap<Candidate, Measurement>,
    noise: Option<Varied>,
    /// How often a cell was asked at a budget, whatever the numbering of its vertices.
    asked: HashMap<(u64, Epochs), u32>,
}

struct Models {
    accuracy: Arc<Model>,
    time: Option<Arc<Model>>,
}

/// How answers vary.
#[derive(Clone, Debug)]
struct Varied {
    seed: Seed,
    /// The noise of all cells; that of the model if it is not given.
    given: Option<Noise>,
}

impl std::fmt::Debug for SurrogateOracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let budgets: Vec<_> = self.budgets.keys().collect();
        f.debug_struct("SurrogateOracle").field("budgets", &budgets).field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl SurrogateOracle {
    /// Starts without models.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the models of the accuracy and of the training time of a budget. Earlier models of that budget are replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] if a model predicts another quantity, or the two predict different budgets; [`Error::Warm`] if one needs
    /// more than the cells.
    pub fn with_models(self, accuracy: impl Into<Arc<Model>>, time: impl Into<Arc<Model>>) -> Result<Self, Error> {
        self.with(accuracy.into(), Some(time.into()))
    }

    /// Adds the model of the accuracy of a budget, whose training times are then unknown. Earlier models of that budget are replaced.
    ///
    /// # Errors
    ///
    /// As [`with_models`](Self::with_models).
    pub fn with_accuracy(self, accuracy: impl Into<Arc<Model>>) -> Result<Self, Error> {
        self.with(accuracy.into(), None)
    }

    fn with(mut self, accuracy: Arc<Model>, time: Option<Arc<Model>>) -> Result<Self, Error> {
        let epochs = accuracy.target.epochs;
        let timed = time.iter().map(|time| (time, Quantity::TrainingTime));
        for (model, quantity) in std::iter::once((&accuracy, Quantity::ValidationAccuracy)).chain(timed) {
            model.check_target(Target { quantity, epochs })?;
            if let Some(target) = model.features.warm() {
                return Err(Error::Warm(target));
            }
        }
        self.budgets.insert(epochs, Models { accuracy, time });
        self.known.retain(|candidate, _| candidate.epochs != epochs);
        Ok(self)
    }

    /// Adds noise to the accuracies, like that between the repeats of a cell: so the models are a benchmark of their own.
    ///
    /// Each answer for a cell is another repeat, as far from its prediction as the [`noise`](Model::noise) of the model draws there,
    /// and follows from the seed, the cell, the budget and how often it was asked.
    ///
    /// # Errors
    ///
    /// [`Error::NoNoise`] if the noise of a model is not known.
    ///
    /// # Source
    ///
    /// Zela, Siems, Zimmer, Lukasik, Keuper & Hutter, "Surrogate NAS benchmarks", ICLR 2022, section 5.
    pub fn with_noise(self, seed: Seed) -> Result<Self, Error> {
        let quiet = self.budgets.values().find(|models| models.accuracy.noise.is_none());
        if let Some(models) = quiet {
            return Err(Error::NoNoise(models.accuracy.target));
        }
        Ok(Self { noise: Some(Varied { seed, given: None }), ..self })
    }

    /// Adds normal noise of a standard deviation, a fraction, in the place of that of the models.
    #[must_use]
    pub fn with_noise_of(self, seed: Seed, deviation: f32) -> Self {
        Self { noise: Some(Varied { seed, given: Some(Noise::constant(deviation)) }), ..self }
    }

    /// The next answer for a candidate that is known.
    fn answer(&mut self, candidate: Candidate) -> Measurement {
        let known = self.known[&candidate];
        let Some(Varied { seed, given }) = &self.noise else { return known };
        let fingerprint = candidate.architecture.fingerprint();
        let asked = self.asked.entry((fingerprint, candidate.epochs)).or_default();
        let mut rng = seed.derive(&format!("noise of {fingerprint} at {} epochs, repeat {asked}", candidate.epochs)).rng();
        *asked += 1;
        let noise = given.as_ref().or_else(|| self.budgets[&candidate.epochs].accuracy.noise.as_ref());
        let mut varied = |accuracy: Accuracy| {
            let distance = noise.map_or(0.0, |noise| noise.draw(accuracy.fraction(), &mut rng));
            Accuracy::from_fraction((accuracy.fraction() + distance).clamp(0.0, 1.0))
        };
        Measurement { validation_accuracy: known.validation_accuracy.and_then(&mut varied), ..known }
    }

    /// The budgets that can be asked.
    pub fn budgets(&self) -> impl Iterator<Item = Epochs> {
        self.budgets.keys().copied()
    }

    /// Predicts new candidates of one budget.
    fn predict(&mut self, candidates: &[Candidate]) -> Result<(), oracle::Error> {
        let Some(first) = candidates.first() else {
            return Ok(());
        };
        let Some(models) = self.budgets.get(&first.epochs) else {
            let known = self.budgets.keys().copied().collect();
            return Err(refused(*first, Error::Budget { epochs: first.epochs, known }));
        };
        let cells: Vec<_> = candidates.iter().map(|candidate| candidate.architecture).collect();
        let predicted = match &models.time {
            Some(time) => models.accuracy.predict_all_with(time, &cells).map(|[accuracies, times]| (accuracies, Some(times))),
            None => models.accuracy.predict_all(&cells).map(|accuracies| (accuracies, None)),
        };
        let (accuracies, times) = predicted.map_err(|source| refused(*first, source))?;
        let shortest = models.time.as_ref().map_or(0.0, |time| time.range.0);
        for (position, (candidate, accuracy)) in candidates.iter().zip(accuracies).enumerate() {
            let time = times.as_ref().map(|times| times[position]);
            let measurement = measurement(accuracy, time, shortest).map_err(|source| refused(*candidate, source))?;
            self.known.insert(*candidate, measurement);
        }
        Ok(())
    }
}

fn refused(candidate: Candidate, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> oracle::Error {
    oracle::Error { cell: candidate.architecture, epochs: candidate.epochs, source: source.into() }
}

fn measurement(accuracy: Prediction, time: Option<Prediction>, shortest: f32) -> Result<Measurement, Error> {
    let fraction = Accuracy::from_fraction(accuracy.mean.clamp(0.0, 1.0))
        .ok_or(Error::Prediction { quantity: Quantity::ValidationAccuracy, found: accuracy.mean })?;
    if let Some(time) = time.filter(|time| !time.mean.is_finite()) {
        return Err(Error::Prediction { quantity: Quantity::TrainingTime, found: time.mean });
    }
    let training_time = time.map(|time| Seconds(time.mean.max(shortest).max(0.0).into()));
    Ok(Measurement::new(Some(fraction), training_time))
}

impl Oracle for SurrogateOracle {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let of_stored = |candidate: &Candidate| Candidate::new(candidate.architecture.representative(), candidate.epochs);
        let candidates: Vec<_> = candidates.iter().map(of_stored).collect();
        let mut met = HashSet::new();
        let mut new: BTreeMap<Epochs, Vec<Candidate>> = BTreeMap::new();
        for candidate in &candidates {
            if !self.known.contains_key(candidate) && met.insert(*candidate) {
                new.entry(candidate.epochs).or_default().push(*candidate);
            }
        }
        for candidates in new.values() {
            self.predict(candidates)?;
        }
        Ok(candidates.into_iter().map(|candidate| self.answer(candidate)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, encoded_cells, features};
    use super::super::{Noise, find};
    use super::*;
    use crate::space::Cell;
    use crate::statistics::{mean, standard_deviation};

    fn model(quantity: Quantity, epochs: u16, factor: f32) -> Model {
        let (rows, values) = encoded_cells(60);
        let values: Vec<f32> = values.iter().map(|value| value * factor).collect();
        let target = Target { quantity, epochs: Epochs(epochs) };
        Model::fit(find("random-forest").unwrap(), target, &features(), &rows, &cells(60), &values, Seed(1)).unwrap()
    }

    fn oracle(factor: f32) -> SurrogateOracle {
        let (accuracy, time) = (model(Quantity::ValidationAccuracy, 12, factor), model(Quantity::TrainingTime, 12, 100.0));
        SurrogateOracle::new().with_models(accuracy, time).unwrap()
    }

    fn candidates(epochs: u16) -> Vec<Candidate> {
        cells(80).into_iter().map(|cell| Candidate::new(cell, Epochs(epochs))).collect()
    }

    #[test]
    fn a_batch_has_the_answers_of_its_candidates_one_by_one() {
        let batch = oracle(1.0).measure(&candidates(12)).unwrap();
        let mut single = oracle(1.0);
        for (candidate, expected) in candidates(12).iter().zip(&batch) {
            assert_eq!(single.measure(&[*candidate]).unwrap(), [*expected]);
        }
        assert!(batch.iter().all(|measurement| measurement.training_time.unwrap().0 > 0.0));
    }

    #[test]
    fn noise_makes_repeats_of_a_cell_that_follow_from_the_seed() {
        let noisy = |seed| {
            let mut accuracy = model(Quantity::ValidationAccuracy, 12, 1.0);
            accuracy.noise = Some(Noise::constant(0.01));
            let oracle = SurrogateOracle::new();
            oracle.with_models(accuracy, model(Quantity::TrainingTime, 12, 100.0)).unwrap().with_noise(Seed(seed)).unwrap()
        };
        let often = vec![candidates(12)[5]; 2_000];
        let answers = noisy(1).measure(&often).unwrap();
        let fractions: Vec<f64> = answers.iter().map(|answer| answer.validation_accuracy.unwrap().fraction().into()).collect();
        let quiet = oracle(1.0).measure(&often[..1]).unwrap()[0];
        let expected = f64::from(quiet.validation_accuracy.unwrap().fraction());
        assert!((mean(&fractions).unwrap() - expected).abs() < 0.001);
        assert!((standard_deviation(&fractions).unwrap() - 0.01).abs() < 0.001);
        assert!(answers.iter().all(|answer| answer.training_time == quiet.training_time));
        assert_eq!(noisy(1).measure(&often).unwrap(), answers);
        assert_ne!(noisy(2).measure(&often).unwrap(), answers);
        let (mut whole, mut parts) = (noisy(3), noisy(3));
        let together = whole.measure(&candidates(12)).unwrap();
        let apart: Vec<_> = candidates(12).iter().map(|candidate| parts.measure(&[*candidate]).unwrap()[0]).collect();
        assert_eq!(together, apart);
        // A deviation of one's own needs none of the model.
        let mut own = oracle(1.0).with_noise_of(Seed(1), 0.003);
        let answers = own.measure(&often).unwrap();
        let fractions: Vec<f64> = answers.iter().map(|answer| answer.validation_accuracy.unwrap().fraction().into()).collect();
        assert!((standard_deviation(&fractions).unwrap() - 0.003).abs() < 0.0003);
        let error = oracle(1.0).with_noise(Seed(1)).unwrap_err().to_string();
        assert_eq!(error, "the noise of the validation accuracy at 12 epochs is not known: no cell had two repeats");
    }

    #[test]
    fn a_model_of_the_accuracy_alone_answers_without_times() {
        let both = oracle(1.0).measure(&candidates(12)).unwrap();
        let alone = SurrogateOracle::new();
        let mut alone = alone.with_accuracy(model(Quantity::ValidationAccuracy, 12, 1.0)).unwrap();
        let untimed: Vec<_> = both.into_iter().map(|both| Measurement { training_time: None, ..both }).collect();
        assert_eq!(alone.measure(&candidates(12)).unwrap(), untimed);
        assert!(SurrogateOracle::new().with_accuracy(model(Quantity::TrainingTime, 12, 1.0)).is_err());
    }

    #[test]
    fn a_cell_is_predicted_once() {
        let mut oracle = oracle(1.0);
        let twice: Vec<_> = candidates(12).into_iter().chain(candidates(12)).collect();
        let answers = oracle.measure(&twice).unwrap();
        assert_eq!(answers[..80], answers[80..]);
        assert_eq!(oracle.measure(&candidates(12)).unwrap(), answers[..80]);
        assert_eq!(oracle.known.len(), 80);
    }

    #[test]
    fn accuracies_stay_fractions() {
        let mut oracle = oracle(5.0);
        let answers = oracle.measure(&candidates(12)).unwrap();
        assert!(answers.iter().any(|answer| answer.validation_accuracy == Accuracy::from_fraction(1.0)));
        assert!(answers.iter().all(|answer| answer.validation_accuracy.is_some()));
    }

    #[test]
    fn a_training_costs_at_least_what_the_cheapest_seen_does() {
        let predicted = |mean| Prediction { mean, std: None };
        let measured = |accuracy, time| measurement(predicted(accuracy), Some(predicted(time)), 10.0);
        assert_eq!(measured(-0.5, -3.0).unwrap().training_time, Some(Seconds(10.0)));
        assert_eq!(measured(-0.5, 30.0).unwrap().validation_accuracy, Accuracy::from_fraction(0.0));
        assert!(matches!(measured(f32::NAN, 30.0), Err(Error::Prediction { quantity: Quantity::ValidationAccuracy, .. })));
        assert!(matches!(measured(0.5, f32::NAN), Err(Error::Prediction { quantity: Quantity::TrainingTime, .. })));
    }

    #[test]
    fn failures_name_the_cell_and_the_cause() {
        let identity = Cell::from_texts("010001000", "input,identity,output").unwrap();
        let error = oracle(1.0).measure(&[Candidate::new(identity, Epochs(12))]).unwrap_err();
        assert_eq!((error.cell, error.source.to_string().as_str()), (identity, "could not encode 0-1,1-2 identity"));
        let error = oracle(1.0).measure(&candidates(36)).unwrap_err();
        assert_eq!(error.source.to_string(), "no model predicts 36 epochs (known: 12)");
    }

    #[test]
    fn models_of_something_else_are_refused() {
        let start = || SurrogateOracle::new();
        let (accuracy, time) = (Quantity::ValidationAccuracy, Quantity::TrainingTime);
        let swapped = start().with_models(model(time, 12, 1.0), model(accuracy, 12, 1.0)).unwrap_err();
        let expected = "the model predicts training time at 12 epochs, expected validation accuracy at 12 epochs";
        assert_eq!(swapped.to_string(), expected);
        assert!(start().with_models(model(accuracy, 12, 1.0), model(time, 36, 1.0)).is_err());
        let target = Target { quantity: accuracy, epochs: Epochs(4) };
        let (warm, known) = (features().with_warm(target), vec![0.5; 60]);
        let rows = warm.rows_with(&cells(60), &known).unwrap();
        let of_known = Target { quantity: accuracy, epochs: Epochs(12) };
        let values = encoded_cells(60).1;
        let needs = Model::fit(find("svr").unwrap(), of_known, &warm, &rows, &cells(60), &values, Seed(1)).unwrap();
        assert_eq!(needs.predict_with(&cells(60), &known).unwrap(), needs.predict(&rows).unwrap());
        let message = start().with_models(needs, model(time, 12, 1.0)).unwrap_err().to_string();
        assert_eq!(message, "the model also needs the validation accuracy at 4 epochs of each cell");
    }
}
