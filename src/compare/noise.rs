//! What the noise of trainings does to a comparison: how good the best cell is without it, and how near to that anyone can come.

use rand::RngExt as _;
use rand::seq::index::sample;
use rayon::prelude::*;

use super::{Deconvolved, Judging, NoisyMean, Worth};
use crate::statistics::{Estimate, mean, number, standard_deviation};
use crate::table::{Status, Stop, Table};
use crate::unit::{Accuracy, Epochs, Seed};

/// What the best of the cells with a worth is worth without noise, by all repeats; `None` if no cell has two.
pub(super) fn optimum(table: &Table, epochs: Epochs, judged_by: Worth, worth: &[Option<f64>]) -> Option<Estimate> {
    let of_cell = |index: usize| match judged_by {
        Worth::MeanTestAccuracy => table.judged_test_accuracies(index, epochs),
        Worth::MeanValidationAccuracy | Worth::PredictedValidationAccuracy => table.judged_accuracies(index, epochs),
    };
    let cells: Vec<Vec<f64>> = (0..worth.len()).into_par_iter().filter(|index| worth[*index].is_some()).map(of_cell).collect();
    let (mut squares, mut freedom) = (0.0, 0.0);
    for values in cells.iter().filter(|values| values.len() > 1) {
        squares += standard_deviation(values)?.powi(2) * number(values.len() - 1);
        freedom += number(values.len() - 1);
    }
    let means = cells.iter().filter_map(|values| Some(NoisyMean { value: mean(values)?, repeats: values.len() }));
    let means: Vec<NoisyMean> = means.collect();
    let deconvolved = Deconvolved::new(&means, squares / freedom)?;
    Some(deconvolved.optimum(&mut Seed(0).derive("optimum").rng()))
}

/// The searches of which such regrets are told.
const FLOOR_SEARCHES: u64 = 400;

/// The regrets of searches that ask once for one cell in so many, drawn at random, and take the one with the best validation accuracy
/// seen, ascending. One in one is every cell: the floor.
pub(super) fn regrets_of_one_in(
    part: usize,
    table: &Table,
    epochs: Epochs,
    judging: Judging,
    worth: &[Option<f64>],
    best: f64,
) -> Vec<f64> {
    let shown = judging.shown(epochs).map_or(u16::MAX, |(_, most)| most);
    let answers = |index: usize| -> Vec<f32> {
        let rows = table.repeats(index, epochs).iter().filter(|row| row.repeat() < shown && row.status() != Status::Failed);
        rows.map(|row| row.at(Stop::Final).validation_accuracy.map_or(0.0, Accuracy::fraction)).collect()
    };
    let known = (0..worth.len()).filter_map(|index| Some((answers(index), worth[index]?)));
    let known: Vec<(Vec<f32>, f64)> = known.filter(|(answers, _)| !answers.is_empty()).collect();
    let search = |number: u64| {
        let mut rng = Seed(number).derive("floor").rng();
        let places: Vec<usize> = if part == 1 {
            (0..known.len()).collect()
        } else {
            sample(&mut rng, known.len(), known.len().div_ceil(part)).into_vec()
        };
        let asked = places.into_iter().map(|place| &known[place]);
        let seen = asked.map(|(answers, worth)| (answers[rng.random_range(0..answers.len())], *worth));
        seen.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, worth)| best - worth)
    };
    let mut regrets: Vec<f64> = (0..FLOOR_SEARCHES).into_par_iter().filter_map(search).collect();
    regrets.sort_unstable_by(f64::total_cmp);
    regrets
}
