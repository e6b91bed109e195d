//! How good logits are: accuracy, cross-entropy, the area under the ROC curve and F1.

use serde::{Deserialize, Serialize};

use crate::statistics::{average_ranks, number};
use crate::unit::Accuracy;

/// How good a model is on some images, in one pass over its logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The fraction classified correctly: the label's logit is greater than every other.
    pub accuracy: Accuracy,
    /// The mean cross-entropy, in nats; `None` if it is not finite.
    pub loss: Option<f32>,
    /// The area under the receiver operating characteristic of each class against the rest, by its probability, averaged over
    /// the classes that occur; `None` if none occurs beside others or a logit is not finite.
    pub macro_roc_auc: Option<f32>,
    /// The F1 measure of each class, averaged over the classes that occur as label or as prediction.
    pub macro_f1: f32,
}

impl Quality {
    /// Measures logits against labels.
    ///
    /// # Shapes
    ///
    /// - `logits`: `[n, classes]`, row-major; `labels`: `[n]`, at least one, each below `classes`
    ///
    /// # Panics
    ///
    /// Panics if the lengths do not agree or there are no images.
    ///
    /// # Source
    ///
    /// The definitions of scikit-learn: `roc_auc_score(…, multi_class="ovr", average="macro")` and `f1_score(…,
    /// average="macro")`; an image without a single greatest logit is predicted to be of no class.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "means over far fewer than 2^52 images")]
    pub fn measure(logits: &[f32], labels: &[u8]) -> Self {
        let classes = logits.len() / labels.len();
        assert_eq!(logits.len(), classes * labels.len(), "a row of logits for each label");
        let rows = || logits.chunks_exact(classes).zip(labels.iter().map(|label| usize::from(*label)));
        let mut counts = vec![Counts::default(); classes];
        let mut scores = vec![Vec::with_capacity(labels.len()); classes];
        let (mut correct, mut loss) = (0, 0.0);
        for (row, label) in rows() {
            let normaliser = log_sum_exp(row);
            loss += normaliser - f64::from(row[label]);
            for (logit, scores) in row.iter().zip(&mut scores) {
                scores.push(f64::from(*logit) - normaliser);
            }
            counts[label].labels += 1;
            if let Some(predicted) = greatest(row) {
                counts[predicted].predictions += 1;
                counts[label].hits += usize::from(predicted == label);
                correct += usize::from(predicted == label);
            }
        }
        let mean = (loss / labels.len() as f64) as f32;
        let is_finite = logits.iter().all(|logit| logit.is_finite());
        let areas = scores.iter_mut().enumerate().filter_map(|(class, scores)| {
            let is_of_class = |image: usize| usize::from(labels[image]) == class;
            area(scores, is_of_class)
        });
        let areas: Vec<f64> = if is_finite { areas.collect() } else { Vec::new() };
        let measures: Vec<f64> = counts.iter().filter_map(Counts::f1).collect();
        Self {
            accuracy: Accuracy::from_counts(correct, labels.len()).expect("there are images"),
            loss: Some(mean).filter(|loss| loss.is_finite()),
            macro_roc_auc: (!areas.is_empty()).then(|| (areas.iter().sum::<f64>() / areas.len() as f64) as f32),
            macro_f1: (measures.iter().sum::<f64>() / measures.len() as f64) as f32,
        }
    }
}

/// What F1 is made of, for one class.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    labels: usize,
    predictions: usize,
    hits: usize,
}

impl Counts {
    /// The harmonic mean of precision and recall; `None` for a class that neither occurs nor is predicted.
    #[expect(clippy::cast_precision_loss, reason = "counts of images are far below 2^52")]
    fn f1(&self) -> Option<f64> {
        let all = self.labels + self.predictions;
        (all > 0).then(|| 2.0 * self.hits as f64 / all as f64)
    }
}

/// The position of the greatest value; `None` if there are several or one is no number.
fn greatest(row: &[f32]) -> Option<usize> {
    let best = row.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })?.0;
    row.iter().enumerate().all(|(other, value)| other == best || *value < row[best]).then_some(best)
}

/// The logarithm of the sum of exponentials, without an overflow on the way.
fn log_sum_exp(row: &[f32]) -> f64 {
    let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|logit| (f64::from(*logit) - f64::from(greatest)).exp()).sum();
    f64::from(greatest) + sum.ln()
}

/// The chance that an image of the class scores higher than another one, ties counting half; `None` without images of
/// either kind, or if a score is not finite.
///
/// By ranks, as Mann and Whitney's U: equal scores share the mean of their ranks.
fn area(scores: &[f64], is_of_class: impl Fn(usize) -> bool) -> Option<f64> {
    let ranks = average_ranks(scores)?.into_iter().enumerate();
    let own: Vec<f64> = ranks.filter(|(image, _)| is_of_class(*image)).map(|(_, rank)| rank).collect();
    let (members, others) = (number(own.len()), number(scores.len() - own.len()));
    let smallest = members * (members + 1.0) / 2.0;
    (members > 0.0 && others > 0.0).then(|| (own.iter().sum::<f64>() - smallest) / (members * others))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quarters, so that equal scores are equal exactly; three rows and two rows are alike.
    const LOGITS: [[i8; 4]; 20] = [
        [6, -4, -6, -4],
        [-6, 7, 6, 6],
        [-8, -8, -4, 2],
        [-6, 4, 4, 12],
        [8, 4, -8, -6],
        [0, -2, 10, 0],
        [3, -2, 2, 2],
        [-6, 4, 4, 12],
        [7, -4, -4, 6],
        [2, 8, 6, -4],
        [8, -8, -8, 12],
        [-4, 0, -6, 8],
        [-4, 0, -6, 8],
        [-4, 0, -6, 8],
        [0, -4, -4, 4],
        [4, -2, -4, -8],
        [2, 2, 4, 8],
        [8, -6, 2, 6],
        [-4, -4, 5, 4],
        [-4, 8, 2, -6],
    ];
    const LABELS: [u8; 20] = [1, 3, 3, 2, 0, 2, 0, 3, 3, 1, 3, 3, 1, 3, 1, 0, 2, 3, 2, 1];

    fn measure<const N: usize>(rows: &[[f32; N]], labels: &[u8]) -> Quality {
        Quality::measure(&rows.concat(), labels)
    }

    fn close(found: f32, expected: f64) {
        assert!((f64::from(found) - expected).abs() < 1e-6, "found {found}, expected {expected}");
    }

    #[test]
    fn the_figures_are_those_of_scikit_learn() {
        // scikit-learn 1.9.1 of these probabilities: log_loss, roc_auc_score(multi_class="ovr"), f1_score(average="macro").
        let rows = LOGITS.map(|row| row.map(|quarters| f32::from(quarters) / 4.0));
        let found = measure(&rows, &LABELS);
        close(found.accuracy.fraction(), 0.6);
        close(found.loss.unwrap(), 0.962_424_347_114_526_8);
        close(found.macro_roc_auc.unwrap(), 0.808_328_737_745_098_1);
        close(found.macro_f1, 0.605_392_156_862_745_1);
    }

    #[test]
    fn the_figures_are_those_of_counting_by_hand() {
        // Class 1 scores 0, 0.5, 0.5, 1 for labels 0, 0, 1, 1: of four pairs three are right and one is a tie.
        let found = measure(&[[2.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 3.0]], &[0, 0, 1, 1]);
        close(found.macro_roc_auc.unwrap(), 3.5 / 4.0);
        // The two ties are predicted to be of no class: precision 1 and recall 1/2 for both classes.
        close(found.accuracy.fraction(), 0.5);
        close(found.macro_f1, 2.0 / 3.0);
        let log = f64::ln;
        close(found.loss.unwrap(), (log(1.0 + (-2.0_f64).exp()) + 2.0 * log(2.0) + log(1.0 + (-3.0_f64).exp())) / 4.0);
    }

    #[test]
    fn a_class_that_does_not_occur_counts_only_where_it_is_predicted() {
        let found = measure(&[[1.0, 0.0, -9.0], [0.0, 1.0, -9.0]], &[0, 1]);
        assert_eq!((found.macro_roc_auc, found.macro_f1.to_bits()), (Some(1.0), 1.0_f32.to_bits()));
        let found = measure(&[[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]], &[0, 1]);
        close(found.macro_f1, 1.0 / 3.0);
        // One class alone has nothing to be told apart from.
        assert_eq!(measure(&[[1.0, 0.0], [0.0, 1.0]], &[0, 0]).macro_roc_auc, None);
    }

    #[test]
    fn logits_that_are_no_numbers_are_never_right() {
        let found = measure(&[[f32::NAN, 0.0], [0.0, 1.0]], &[0, 1]);
        assert_eq!((found.loss, found.macro_roc_auc), (None, None));
        close(found.accuracy.fraction(), 0.5);
        let found = measure(&[[f32::NEG_INFINITY, 0.0], [0.0, 1e38]], &[1, 1]);
        assert!(found.macro_roc_auc.is_none() && found.loss.is_some_and(|loss| loss.abs() < 1e-6), "{found:?}");
    }
}
