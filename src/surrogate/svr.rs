//! Support vector regression with a radial kernel: smooth where a forest has steps, and often the better of the two on a few
//! hundred cells. It does not predict its own uncertainty.
//!
//! linfa-svm solves the fit, and the rest is ours: the support vectors of an `Svm` of linfa-svm 0.8 are private, so that a file could not
//! hold them, and it predicts one row at a time, on one thread and in double precision.

use linfa::Dataset;
use linfa::traits::Fit as _;
use linfa_svm::Svm;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::entry::restore;
use super::standard::{Feature, Standard};
use super::{Entry, Error, Prediction, Rows, Surrogate};

/// Rows beyond this many are left out, drawn by the seed: the kernel of the fit is a dense square (72 MB at 3,000 rows), and
/// its time grows faster than that (28 s at 10,000).
const MOST_ROWS: usize = 3_000;
/// How much an error costs against smoothness: three standard deviations of the target, which are 1 each here.
const COST: f64 = 3.0;
/// Errors below a twentieth of a standard deviation cost nothing.
const FREE_ERROR: f64 = 0.05;
/// The radius of the kernel in features: exp(−d² / (RADIUS · features)).
const RADIUS: f64 = 4.0;
/// When the solver stops: far below what the free error hides.
const TOLERANCE: f64 = 1e-3;

/// The support vector regression of the list.
///
/// | parameter | value |
/// |---|---|
/// | features and target | standardised; a feature that never varied is ignored |
/// | features beyond what the fit has seen | clamped to its range: larger cells stay near enough to say something of them |
/// | kernel | exp(−d² / 4p), p features that vary |
/// | C | 3 standard deviations of the target |
/// | ε | 0.05 standard deviations |
/// | rows | at most 3,000, drawn by the seed |
pub(super) const ENTRY: Entry = Entry {
    name: "svr",
    about: "support vector regression with a radial kernel, on at most 3,000 rows (drawn by the seed)",
    source: "Drucker et al., Support vector regression machines, 1997; C and ε: Cherkassky & Ma, 2004",
    most_rows: Some(MOST_ROWS),
    fit: |rows, targets, _seed| Ok(Box::new(SupportVectors::fit(rows, targets)?)),
    restore: restore::<SupportVectors>,
};

/// Fitted by linfa, scored by us. In single precision, so that a file holds exactly what was fitted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SupportVectors {
    features: Vec<Feature>,
    target: Standard,
    /// What the squared distance is divided by.
    radius: f32,
    weights: Vec<f32>,
    offset: f32,
    /// The standardised support vectors, one feature of all of them after the other.
    support: Vec<f32>,
}

impl SupportVectors {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a radius and weights of seven digits")]
    fn fit(rows: &Rows, targets: &[f32]) -> Result<Self, Error> {
        let features: Vec<_> = (0..rows.width).map(|column| Feature::fit(rows.column(column))).collect();
        let target = Standard::fit(targets.iter().copied());
        let varying = features.iter().filter(|feature| feature.standard.factor > 0.0).count().max(1);
        let radius = RADIUS * varying as f64;
        let mut fitted = Self { features, target, radius: radius as f32, weights: vec![], offset: 0.0, support: vec![] };
        if target.factor > 0.0 {
            let records = Array2::from_shape_fn((rows.len(), rows.width), |(row, column)| {
                f64::from(fitted.features[column].apply(rows.row(row)[column]))
            });
            let labels: Array1<f64> = targets.iter().map(|value| f64::from(target.apply(*value))).collect();
            let svm = Svm::<f64, f64>::params().c_svr(COST, Some(FREE_ERROR)).gaussian_kernel(radius).eps(TOLERANCE);
            let svm = svm
                .fit(&Dataset::new(records.clone(), labels))
                .map_err(|source| Error::Fit { surrogate: ENTRY.name, source: source.into() })?;
            let supporting: Vec<usize> = (0..rows.len()).filter(|row| svm.alpha[*row].abs() > 1e-9).collect();
            fitted.weights = supporting.iter().map(|row| svm.alpha[*row] as f32).collect();
            fitted.offset = -svm.rho as f32;
            fitted.support =
                records.columns().into_iter().flat_map(|column| supporting.iter().map(move |row| column[*row] as f32)).collect();
        }
        Ok(fitted)
    }

    /// One row at a time, and the support vectors side by side: the order of every sum is the same in every batch.
    fn score(&self, row: &[f32], distances: &mut [f32]) -> f32 {
        distances.fill(0.0);
        if !self.weights.is_empty() {
            for ((value, feature), support) in row.iter().zip(&self.features).zip(self.support.chunks_exact(distances.len())) {
                let value = feature.apply(*value);
                for (distance, support) in distances.iter_mut().zip(support) {
                    *distance += (value - support) * (value - support);
                }
            }
        }
        let kernels = distances.iter().map(|distance| (-distance / self.radius).exp());
        let sum: f32 = kernels.zip(&self.weights).map(|(kernel, weight)| kernel * weight).sum();
        self.target.undo(sum + self.offset)
    }
}

impl Surrogate for SupportVectors {
    fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        rows.check_width(self.features.len())?;
        let scored = rows.values.par_chunks_exact(rows.width).with_min_len(64).map_init(
            || vec![0.0; self.weights.len()],
            |distances, row| Prediction { mean: self.score(row, distances), std: None },
        );
        Ok(scored.collect())
    }

    fn parameters(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.features.is_empty() || self.support.len() != self.weights.len() * self.features.len() {
            return Err("the support vectors have not the width of the features");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::synthetic;
    use super::*;
    use crate::statistics::kendall_tau_b;
    use crate::unit::Seed;

    #[test]
    fn our_scores_are_those_of_linfa() {
        use linfa::traits::Predict as _;
        let (rows, targets) = synthetic(80, Seed(1));
        let fitted = SupportVectors::fit(&rows, &targets).unwrap();
        let records = Array2::from_shape_fn((rows.len(), rows.width), |(row, column)| {
            f64::from(fitted.features[column].apply(rows.row(row)[column]))
        });
        let labels: Array1<f64> = targets.iter().map(|value| f64::from(fitted.target.apply(*value))).collect();
        let params =
            Svm::<f64, f64>::params().c_svr(COST, Some(FREE_ERROR)).gaussian_kernel(f64::from(fitted.radius)).eps(TOLERANCE);
        let native = params.fit(&Dataset::new(records.clone(), labels)).unwrap();
        for (ours, theirs) in fitted.predict(&rows).unwrap().iter().zip(native.predict(&records)) {
            assert!((f64::from(fitted.target.apply(ours.mean)) - theirs).abs() < 1e-4, "{} and {theirs}", ours.mean);
        }
    }

    #[test]
    fn a_smooth_function_is_learned() {
        let (rows, targets) = synthetic(300, Seed(1));
        let (unseen, truth) = synthetic(200, Seed(2));
        let fitted = SupportVectors::fit(&rows, &targets).unwrap();
        let predicted: Vec<f64> = fitted.predict(&unseen).unwrap().iter().map(|prediction| prediction.mean.into()).collect();
        let truth: Vec<f64> = truth.iter().copied().map(f64::from).collect();
        assert!(kendall_tau_b(&truth, &predicted).unwrap() > 0.6);
    }

    #[test]
    fn a_constant_target_is_predicted_everywhere() {
        let (rows, _) = synthetic(20, Seed(1));
        let fitted = SupportVectors::fit(&rows, &[0.25; 20]).unwrap();
        assert!(fitted.predict(&rows).unwrap().iter().all(|prediction| (prediction.mean - 0.25).abs() < 1e-6));
    }

    #[test]
    fn a_cell_beyond_the_range_is_predicted_as_one_at_its_end() {
        let (rows, targets) = synthetic(60, Seed(1));
        let fitted = SupportVectors::fit(&rows, &targets).unwrap();
        let at_the_end: Vec<f32> = fitted.features.iter().map(|feature| feature.highest).collect();
        let mut asked = Rows::new(rows.width());
        asked.push(&at_the_end).unwrap();
        asked.push(&[9.0; 6]).unwrap();
        let predictions = fitted.predict(&asked).unwrap();
        assert_eq!(predictions[0], predictions[1]);
    }

    #[test]
    fn beyond_the_limit_the_seed_draws_the_rows() {
        let (mut rows, mut targets) = synthetic(MOST_ROWS, Seed(1));
        // As many rows again that say nothing new, so that the fit stays small.
        rows = rows.select(&(0..MOST_ROWS + 10).map(|row| row % 40).collect::<Vec<_>>());
        targets = (0..MOST_ROWS + 10).map(|row| targets[row % 40].round()).collect();
        let fit = |seed| ENTRY.fit(&rows, &targets, Seed(seed)).unwrap().parameters().unwrap();
        let found = fit(1);
        assert_ne!(found, fit(2));
        let drawn = ENTRY.drawn(rows.len(), Seed(1)).unwrap();
        assert_eq!((drawn.len(), ENTRY.drawn(MOST_ROWS, Seed(1))), (MOST_ROWS, None));
        let drawn_targets: Vec<f32> = drawn.iter().map(|row| targets[*row]).collect();
        let fitted = SupportVectors::fit(&rows.select(&drawn), &drawn_targets).unwrap();
        assert_eq!(fitted.parameters().unwrap(), found);
    }

    #[test]
    fn a_feature_that_never_varied_is_ignored() {
        let mut rows = Rows::new(2);
        (0..20_u8).for_each(|value| rows.push(&[value.into(), 7.0]).unwrap());
        let targets: Vec<f32> = (0..20_u8).map(f32::from).collect();
        let fitted = SupportVectors::fit(&rows, &targets).unwrap();
        let mut asked = Rows::new(2);
        asked.push(&[3.0, 7.0]).unwrap();
        asked.push(&[3.0, 99.0]).unwrap();
        let predictions = fitted.predict(&asked).unwrap();
        assert_eq!(predictions[0], predictions[1]);
    }
}
