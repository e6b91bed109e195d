//! What the tests of the algorithms share.

use crate::oracle::{Measurement, Proposal};
use crate::search::{Searcher, Trial};
use crate::unit::{Accuracy, Seconds};

/// Answers each proposal with the accuracy that its place has, and returns the losses.
pub(in crate::search) fn tell(searcher: &mut dyn Searcher, proposals: &[Proposal], accuracy: impl Fn(f32) -> f32) -> Vec<f32> {
    let places = (0_u16..).map(f32::from);
    let trials: Vec<_> = proposals.iter().zip(places).map(|(proposal, place)| trial(*proposal, accuracy(place))).collect();
    searcher.tell(&trials);
    trials.iter().map(Trial::loss).collect()
}

/// A trial that reached an accuracy.
pub(in crate::search) fn trial(proposal: Proposal, accuracy: f32) -> Trial {
    let validation_accuracy = Accuracy::from_fraction(accuracy);
    Trial { proposal, measurement: Measurement { validation_accuracy, training_time: Some(Seconds(1.0)) } }
}
