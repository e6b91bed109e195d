//! The effect of training noise on a comparison: the best score without it, and the regret that no search can expect to beat.

use rand::RngExt as _;
use rand::seq::index::sample;
use rayon::prelude::*;

use super::{Deconvolved, GroundTruth, Judging, NoisyMean, Score};
use crate::space::Cell;
use crate::statistics::{Estimate, KnownMean, mean, standard_deviation};
use crate::table::{Status, Stop, Table};
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
    let of_cell = |(index, _): &(usize, f64)| match judged_by {
        Score::MeanTestAccuracy => table.judged_test_accuracies(*index, epochs),
        Score::MeanValidationAccuracy | Score::PredictedValidationAccuracy => table.judged_accuracies(*index, epochs),
    };
    let cells: Vec<Vec<f64>> = scored.par_iter().map(of_cell).collect();
    let noise = KnownMean::pooled(cells.iter().filter_map(|values| Some((standard_deviation(values)?, values.len()))))?;
    let means = cells.iter().filter_map(|values| Some(NoisyMean { value: mean(values)?, repeats: values.len() }));
    let means: Vec<NoisyMean> = means.collect();
    let deconvolved = Deconvolved::new(&means, noise.variance)?;
    Some(deconvolved.optimum(&mut Seed(0).derive("optimum").rng()))
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
