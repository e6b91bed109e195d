//! How far the means of the cells can be trusted: what of their spread is the cells, and what is the luck of their trainings.

use rand::RngExt as _;
use serde::Serialize;

use crate::statistics::{Estimate, mean, number, pooled_deviation, standard_deviation};
use crate::table::mean_accuracy;
use crate::unit::Seed;

/// The groups that the cells are parted into.
const DECILES: usize = 10;
/// How often cells are drawn again for an interval.
const RESAMPLES: usize = 500;

/// How far the means of some cells can be trusted.
///
/// # Units
///
/// Deviations are fractions, as accuracies are.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reliability {
    /// How many cells.
    pub cells: usize,
    /// The repeats that they were chosen by; `None` where all cells are meant.
    pub chosen_by: Option<usize>,
    /// Whether the means are of other repeats than the cells were chosen by: else the luckiest were chosen.
    pub is_unseen: bool,
    /// The deviation over the repeats of a cell, pooled; `None` of one repeat.
    pub noise: Option<f64>,
    /// The deviation of the means over the cells.
    pub spread: Option<f64>,
    /// 1 − the mean of (variance over repeats / repeats) / the variance of the means: 1 if all of the spread is the cells, 0 or less if
    /// all of it could be luck. With an interval of 95 % by drawing the cells again.
    pub reliability: Option<Estimate>,
    /// The same of one training of each cell.
    pub of_one: Option<f64>,
}

/// One tenth of the cells, by their means.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Decile {
    /// The lowest and the highest mean.
    pub range: [f64; 2],
    /// How far the means can be trusted. The cells are chosen by these means.
    pub reliability: Reliability,
}

impl Reliability {
    fn new(cells: &[&[f64]], chosen_by: Option<usize>, is_unseen: bool) -> Self {
        let means: Vec<f64> = cells.iter().filter_map(|values| mean_accuracy(values.iter().copied())).collect();
        let noise = pooled_deviation(cells);
        let (reliability, of_one) = Moments::new(cells).map_or((None, None), |moments| (moments.estimate(), moments.of_one()));
        Self { cells: cells.len(), chosen_by, is_unseen, noise, spread: standard_deviation(&means), reliability, of_one }
    }

    /// The highest correlation that a predictor without any error of its own can have with the means, and with one training of each cell.
    ///
    /// # Source
    ///
    /// Spearman, "The proof and measurement of association between two things", 1904: the root of the reliability.
    pub(super) fn ceilings(&self) -> Option<[f64; 2]> {
        Some([self.reliability?.value, self.of_one?].map(|reliability| reliability.max(0.0).sqrt()))
    }
}

/// The accuracies of cells, ranked by the repeats that every cell has.
pub(super) struct Ranked<'a> {
    cells: Vec<&'a [f64]>,
    /// The number of repeats that every cell has.
    shared: usize,
    /// The mean of these repeats of each cell.
    means: Vec<f64>,
    /// The positions of the cells by these means, ascending.
    order: Vec<usize>,
}

impl<'a> Ranked<'a> {
    pub(super) fn new(accuracies: &'a [Vec<f64>]) -> Self {
        let cells: Vec<&[f64]> = accuracies.iter().map(Vec::as_slice).collect();
        let shared = cells.iter().map(|values| values.len()).min().unwrap_or(0);
        let means: Vec<f64> = cells.iter().map(|values| mean(&values[..shared]).unwrap_or(f64::NEG_INFINITY)).collect();
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by(|one, other| means[*one].total_cmp(&means[*other]));
        Self { cells, shared, means, order }
    }

    pub(super) fn all(&self) -> Reliability {
        Reliability::new(&self.cells, None, true)
    }

    /// The reliability of the best cells, one in `one_in`: judged by the repeats that did not choose them where each has at least two.
    pub(super) fn best(&self, one_in: usize) -> Reliability {
        let chosen = &self.order[self.order.len() - self.order.len().div_ceil(one_in)..];
        let has_more = chosen.iter().all(|place| self.cells[*place].len() >= self.shared + 2);
        let first = if has_more { self.shared } else { 0 };
        let judged: Vec<&[f64]> = chosen.iter().map(|place| &self.cells[*place][first..]).collect();
        Reliability::new(&judged, Some(self.shared), has_more)
    }

    /// Each tenth of the cells, the worst first; fewer groups where there are fewer cells.
    pub(super) fn deciles(&self) -> Vec<Decile> {
        let (count, groups) = (self.order.len(), DECILES.min(self.order.len()));
        let decile = |group: usize| {
            let places = &self.order[group * count / groups..(group + 1) * count / groups];
            let cells: Vec<&[f64]> = places.iter().map(|place| self.cells[*place]).collect();
            let range = [places[0], places[places.len() - 1]].map(|place| self.means[place]);
            Decile { range, reliability: Reliability::new(&cells, Some(self.shared), false) }
        };
        (0..groups).map(decile).collect()
    }
}

/// Of each cell its mean, the variance of that mean, and the variance of one repeat.
struct Moments(Vec<[f64; 3]>);

impl Moments {
    /// `None` where a cell has one repeat only.
    fn new(cells: &[&[f64]]) -> Option<Self> {
        let of_cell = |values: &&[f64]| {
            let variance = standard_deviation(values)?.powi(2);
            Some([mean(values)?, variance / number(values.len()), variance])
        };
        cells.iter().map(of_cell).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The variance of the means, and what of it is noise, of the cells at some places.
    fn variances(&self, places: impl ExactSizeIterator<Item = usize>) -> [f64; 2] {
        let count = number(places.len());
        // Sums of squares lose digits where the values are near each other: so the first mean is taken off.
        let center = self.0[0][0];
        let (mut sum, mut squares, mut noise) = (0.0, 0.0, 0.0);
        for place in places {
            let [value, variance, _] = self.0[place];
            sum += value - center;
            squares += (value - center).powi(2);
            noise += variance;
        }
        [(squares - sum.powi(2) / count) / (count - 1.0), noise / count]
    }

    fn estimate(&self) -> Option<Estimate> {
        let reliability = |[all, noise]: [f64; 2]| Some(1.0 - noise / all).filter(|value| value.is_finite());
        let count = self.0.len();
        let value = reliability(self.variances(0..count))?;
        let mut rng = Seed(0).derive("reliability").rng();
        let drawn = (0..RESAMPLES).filter_map(|_| {
            let places: Vec<usize> = (0..count).map(|_| rng.random_range(0..count)).collect();
            reliability(self.variances(places.into_iter()))
        });
        let drawn: Vec<f64> = drawn.collect();
        Estimate::of_resamples(value, &drawn)
    }

    /// The share of the variance of single trainings that is the cells.
    fn of_one(&self) -> Option<f64> {
        let [all, noise] = self.variances(0..self.0.len());
        let one = mean(&self.0.iter().map(|[_, _, variance]| *variance).collect::<Vec<_>>())?;
        Some((all - noise) / (all - noise + one)).filter(|share| share.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn the_reliability_of_three_cells_is_what_a_person_computes() {
        // Means .2, .4, .6: their variance is .04. Variances over the two repeats: .0002, .0008, .0002.
        let cells = [vec![0.19, 0.21], vec![0.38, 0.42], vec![0.61, 0.59]];
        let all = Ranked::new(&cells).all();
        near(all.reliability.unwrap().value, 1.0 - 0.0002 / 0.04);
        near(all.noise.unwrap(), 0.0004_f64.sqrt());
        near(all.spread.unwrap(), 0.2);
        near(all.of_one.unwrap(), 0.0398 / 0.0402);
        let ceilings = all.ceilings().unwrap();
        near(ceilings[0], 0.995_f64.sqrt());
        assert!(ceilings[1] < ceilings[0]);
    }

    #[test]
    fn the_best_are_judged_by_repeats_that_did_not_choose_them_where_there_are_some() {
        // The third is chosen by its first repeat, and by the others it is the worst.
        let cells = [vec![0.5], vec![0.6], vec![0.7, 0.1, 0.3]];
        let best = Ranked::new(&cells).best(3);
        assert_eq!((best.cells, best.chosen_by, best.is_unseen), (1, Some(1), true));
        near(best.noise.unwrap(), 0.02_f64.sqrt());
        let best = Ranked::new(&cells[..2]).best(2);
        assert!(!best.is_unseen && best.noise.is_none() && best.reliability.is_none());
    }

    #[test]
    fn tenths_are_in_order_and_hold_every_cell_once() {
        let cells: Vec<Vec<f64>> = (0..25).map(|place| vec![f64::from(place % 5) / 10.0, f64::from(place) / 50.0]).collect();
        let deciles = Ranked::new(&cells).deciles();
        assert_eq!((deciles.len(), deciles.iter().map(|decile| decile.reliability.cells).sum::<usize>()), (10, 25));
        assert!(deciles.windows(2).all(|pair| pair[0].range[1] <= pair[1].range[0]));
        assert_eq!(Ranked::new(&cells[..3]).deciles().len(), 3);
    }
}
