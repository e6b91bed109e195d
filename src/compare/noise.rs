//! The effect of training noise on a comparison: the best score without it, and the regret that no search can expect to beat.

use rand::RngExt as _;
use rand::seq::index::sample;
use rayon::prelude::*;

use super::{Deconvolved, GroundTruth, Judging, NoisyMean, Score};
use crate::objective::validation_error;
use crate::space::Cell;
use crate::statistics::{Estimate, mean};
use crate::surrogate::Noise;
use crate::table::{Status, Stop, Table};
use crate::unit::{Epochs, Seed};

/// The records of a table behind a ground truth.
#[derive(Debug)]
pub(super) struct Records<'a> {
    pub(super) table: &'a Table,
    pub(super) epochs: Epochs,
    pub(super) judging: Judging,
    /// The indices of the cells that have a score, with their scores.
    pub(super) scored: Vec<(usize, f64)>,
}

/// Finds the distribution of the true scores behind the means of some cells, by the noise of all their repeats; `None` if no cell has two.
pub(super) fn deconvolved(
    table: &Table,
    (epochs, judged_by): (Epochs, Score),
    cells: &[(usize, NoisyMean)],
) -> Option<Deconvolved> {
    let repeats: Vec<Vec<f64>> = cells.par_iter().map(|(index, _)| repeats(table, epochs, judged_by, *index)).collect();
    let means: Vec<NoisyMean> = cells.iter().map(|(_, mean)| *mean).collect();
    Deconvolved::new(&means, deviation(&repeats)?)
}

/// Estimates the best true score of some cells: behind the means that `found` is of, or else behind those of all their repeats. `None` if
/// no cell has two.
pub(super) fn optimum(
    table: &Table,
    (epochs, judged_by): (Epochs, Score),
    found: Option<Deconvolved>,
    mut cells: Vec<(usize, NoisyMean)>,
) -> Option<Estimate> {
    if found.is_none() {
        let whole = |(index, mean): &mut (usize, NoisyMean)| *mean = noisy_mean(&repeats(table, epochs, judged_by, *index));
        cells.par_iter_mut().for_each(whole);
    }
    let found = found.or_else(|| deconvolved(table, (epochs, judged_by), &cells))?;
    let means: Vec<NoisyMean> = cells.into_iter().map(|(_, mean)| mean).collect();
    Some(found.optimum(&means, Seed(0).derive("optimum")))
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
    let errors = |index: usize| -> Vec<f64> {
        let rows = table.repeats(index, *epochs).iter().filter(|row| row.repeat() < shown && row.status() != Status::Failed);
        rows.map(|row| validation_error(row.at(Stop::Final).validation_accuracy)).collect()
    };
    let known = scored.iter().map(|(index, score)| (errors(*index), *score, &table.cells()[*index]));
    let known: Vec<(Vec<f64>, f64, &Cell)> = known.filter(|(errors, ..)| !errors.is_empty()).collect();
    let search = |number: u64| {
        let mut rng = Seed(number).derive("floor").rng();
        let places: Vec<usize> = if part == 1 {
            (0..known.len()).collect()
        } else {
            sample(&mut rng, known.len(), known.len().div_ceil(part)).into_vec()
        };
        let asked = places.into_iter().map(|place| &known[place]);
        let seen = asked.map(|(errors, score, cell)| (errors[rng.random_range(0..errors.len())], *score, *cell));
        match &truth.front {
            Some(front) => front.lack_of_seen(seen.map(|(error, _, cell)| (cell, error))).ok(),
            // Of equal ones the last.
            None => seen.max_by(|one, other| other.0.total_cmp(&one.0)).map(|(_, score, _)| truth.best() - score),
        }
    };
    let mut regrets: Vec<f64> = (0..FLOOR_SEARCHES).into_par_iter().filter_map(search).collect();
    regrets.sort_unstable_by(f64::total_cmp);
    regrets
}
