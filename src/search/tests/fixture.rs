//! What the tests of the algorithms share.

use crate::oracle::{Candidate, Measurement};
use crate::search::{Searcher, Trial};
use crate::unit::{Accuracy, Seconds};

/// Answers each candidate with the accuracy that its place has, and returns the losses.
pub(in crate::search) fn tell(searcher: &mut dyn Searcher, candidates: &[Candidate], accuracy: impl Fn(f32) -> f32) -> Vec<f32> {
    let places = (0_u16..).map(f32::from);
    let trials: Vec<_> = candidates.iter().zip(places).map(|(candidate, place)| trial(*candidate, accuracy(place))).collect();
    searcher.tell(&trials).unwrap();
    trials.iter().map(Trial::loss).collect()
}

/// A trial that reached an accuracy.
pub(in crate::search) fn trial(candidate: Candidate, accuracy: f32) -> Trial {
    let validation_accuracy = Accuracy::from_fraction(accuracy);
    Trial::new(candidate, Measurement::new(validation_accuracy, Some(Seconds(1.0))))
}
