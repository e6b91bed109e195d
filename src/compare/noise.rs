//! The effect of training noise on a comparison: the best score without it, and the regret that no search can expect to beat.

use rand::RngExt as _;
use rand::seq::index::sample;
use rayon::prelude::*;

use super::{Deconvolved, GroundTruth, Judging, NoisyMean, Score};
use crate::space::Cell;
use crate::statistics::{Estimate, mean};
use crate::surrogate::Noise;
use crate::table::{Mean, Status, Stop, Table};
use crate::unit::{Accuracy, Epochs, Seed};

/// The records of a table behind a ground truth.
#[derive(Debug)]
pub(super) struct Records<'a> {
    pub(super) table: &'a Table,
    pub(super) epochs: Epochs,
    pub(super) judging: Judging,
    /// The indices of the cells that have a score, with their scores.
    pub(super) scored: Vec<(usize, f64)>,
}

/// Estimates the best true score of some cells from all their repeats; `None` if no cell has two.
pub(super) fn optimum(table: &Table, epochs: Epochs, judged_by: Score, scored: &[(usize, f64)]) -> Option<Estimate> {
    let cells: Vec<Vec<f64>> = scored.par_iter().map(|(index, _)| repeats(table, epochs, judged_by, *index)).collect();
    let means: Vec<NoisyMean> = cells.iter().map(|values| noisy_mean(values)).collect();
    let deconvolved = Deconvolved::new(&means, deviation(&cells)?)?;
    Some(deconvolved.optimum(&mut Seed(0).derive("optimum").rng()))
}

/// Moves the means of some repeats of cells to where their true scores lie on average, given all of them: a mean of few repeats further
/// than one of many. `None` if no cell has two repeats.
pub(super) fn shrunk(table: &Table, epochs: Epochs, judged_by: Score, means: &[(usize, Mean)]) -> Option<Vec<f64>> {
    let cells: Vec<Vec<f64>> = means.par_iter().map(|(index, _)| repeats(table, epochs, judged_by, *index)).collect();
    let means: Vec<NoisyMean> = means.iter().map(|(_, mean)| NoisyMean { value: mean.value, repeats: mean.repeats }).collect();
    let deconvolved = Deconvolved::new(&means, deviation(&cells)?)?;
    Some(means.par_iter().map(|mean| deconvolved.posterior_mean(*mean)).collect())
}

/// Returns the judged scores of all repeats of a cell.
fn repeats(table: &Table, epochs: Epochs, judged_by: Score, index: usize) -> Vec<f64> {
    match judged_by {
        Score::MeanTestAccuracy => table.judged_test_accuracies(index, epochs),
        Score::MeanValidationAccuracy | Score::PredictedValidationAccuracy => table.judged_accuracies(index, epochs),
    }
}

fn noisy_mean(values: &[f64]) -> NoisyMean {
    NoisyMean { value: mean(values).unwrap_or(f64::NAN), repeats: values.len() }
}

/// Returns the standard deviation of one repeat, by the true score. `None` if no cell has two repeats.
#[expect(clippy::cast_possible_truncation, reason = "noise needs no more than seven digits")]
fn deviation(cells: &[Vec<f64>]) -> Option<impl Fn(f64) -> f64 + use<>> {
    let means: Vec<f32> = cells.iter().map(|values| noisy_mean(values).value as f32).collect();
    let noise = Noise::of_repeats(&means, cells)?;
    Some(move |score: f64| f64::from(noise.deviation(score as f32)))
}

/// The number of simulated searches.
const FLOOR_SEARCHES: u64 = 400;

/// Simulates searches that measure one cell in `part` once, drawn at random, and take the one with the best validation accuracy seen, or
/// all on the front of what was seen. Returns their regrets, ascending. One in one is every cell: the floor.
pub(super) fn regrets_of_one_in(part: usize, records: &Records<'_>, truth: &GroundTruth<'_>) -> Vec<f64> {
    let Records { table, epochs, judging, scored } = records;
    let shown = judging.shown(*epochs).map_or(u16::MAX, |(_, most)| most);
    let answers = |index: usize| -> Vec<f32> {
        let rows = table.repeats(index, *epochs).iter().filter(|row| row.repeat() < shown && row.status() != Status::Failed);
        rows.map(|row| row.at(Stop::Final).validation_accuracy.map_or(0.0, Accuracy::fraction)).collect()
    };
    let known = scored.iter().map(|(index, score)| (answers(*index), *score, &table.cells()[*index]));
    let known: Vec<(Vec<f32>, f64, &Cell)> = known.filter(|(answers, ..)| !answers.is_empty()).collect();
    let search = |number: u64| {
        let mut rng = Seed(number).derive("floor").rng();
        let places: Vec<usize> = if part == 1 {
            (0..known.len()).collect()
        } else {
            sample(&mut rng, known.len(), known.len().div_ceil(part)).into_vec()
        };
        let asked = places.into_iter().map(|place| &known[place]);
        let seen = asked.map(|(answers, score, cell)| (answers[rng.random_range(0..answers.len())], *score, *cell));
        match &truth.front {
            Some(front) => front.lack_of_seen(seen.map(|(answer, _, cell)| (cell, answer))).ok(),
            None => seen.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, score, _)| truth.best() - score),
        }
    };
    let mut regrets: Vec<f64> = (0..FLOOR_SEARCHES).into_par_iter().filter_map(search).collect();
    regrets.sort_unstable_by(f64::total_cmp);
    regrets
}
