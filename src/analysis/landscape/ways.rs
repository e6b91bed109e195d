//! What a search finds on the way from one cell to the next: how alike neighbours are, and where it gets stuck.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::space::{Cell, Space};
use crate::statistics::{Estimate, NORMAL_95, mean, number, pooled_deviation, standard_deviation};

/// The random walks, and the steps of each.
const WALKS: usize = 100;
const STEPS: usize = 1_000;
/// The largest lag of the autocorrelation.
const LAGS: usize = 10;

/// How alike the cells along random walks are.
#[derive(Clone, Debug, Serialize)]
pub struct Walk {
    /// How many walks.
    pub walks: usize,
    /// The steps of each.
    pub steps: usize,
    /// The autocorrelation at the lags from 1 on: mean over the walks, with its interval of 95 %.
    pub autocorrelation: Vec<Estimate>,
    /// The first lag at which it is below 1/e; `None` if that is beyond the largest.
    pub correlation_length: Option<usize>,
}

/// The cells that no neighbour beats, by the means of their trainings.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Optima {
    /// How many.
    pub count: usize,
    /// Those of them that are above every neighbour by more than noise explains at a level of 5 %; `None` of one repeat.
    pub beyond_noise: Option<usize>,
    /// The mean number of neighbours of a cell.
    pub neighbours: f64,
    /// The cells from which the steepest ascent leads to the best cell, as a share of all.
    pub basin_of_the_best: f64,
    /// The mean steps of the steepest ascent.
    pub steps: f64,
    /// How far below the best cell it ends in the mean over all starts, as a fraction.
    pub regret: f64,
}

/// The neighbours of each cell among some cells.
pub(super) struct Graph(Vec<Vec<u32>>);

impl Graph {
    /// `None` where fewer than half of the neighbours of the cells are among them: what would be found on such ways says nothing of the
    /// space.
    pub(super) fn new(space: &Space, cells: &[&Cell]) -> Option<Self> {
        let places: FxHashMap<u64, u32> = cells.iter().map(|cell| cell.fingerprint()).zip(0..).collect();
        let of_cell = |cell: &&Cell| {
            let neighbours = space.distinct_neighbours(cell);
            let known = neighbours.iter().filter_map(|neighbour| places.get(&neighbour.fingerprint()).copied()).collect();
            (known, neighbours.len())
        };
        let (known, counts): (Vec<Vec<u32>>, Vec<usize>) = cells.par_iter().map(of_cell).unzip();
        let found: usize = known.iter().map(Vec::len).sum();
        (2 * found >= counts.iter().sum::<usize>()).then_some(Self(known))
    }

    fn neighbours(&self, cell: usize) -> impl ExactSizeIterator<Item = usize> {
        self.0[cell].iter().map(|neighbour| *neighbour as usize)
    }

    /// Walks at random from starts drawn uniformly. `None` if no walk meets two different values.
    pub(super) fn walk(&self, values: &[f64], rng: &mut ChaCha8Rng) -> Option<Walk> {
        let walk = |_| {
            let mut at = rng.random_range(0..values.len());
            let series: Vec<f64> = (0..STEPS)
                .map(|_| {
                    let value = values[at];
                    if !self.0[at].is_empty() {
                        at = self.0[at][rng.random_range(0..self.0[at].len())] as usize;
                    }
                    value
                })
                .collect();
            autocorrelation(&series, LAGS)
        };
        let walks: Vec<Vec<f64>> = (0..WALKS).filter_map(walk).collect();
        let at_lag = |place: usize| {
            let values: Vec<f64> = walks.iter().map(|walk| walk[place]).collect();
            let (value, reach) = (mean(&values)?, NORMAL_95 * standard_deviation(&values)? / number(values.len()).sqrt());
            Some(Estimate { value, low: value - reach, high: value + reach })
        };
        let autocorrelation: Vec<Estimate> = (0..LAGS).map(at_lag).collect::<Option<_>>()?;
        let below = |estimate: &Estimate| estimate.value < (-1.0_f64).exp();
        let correlation_length = autocorrelation.iter().position(below).map(|place| place + 1);
        Some(Walk { walks: walks.len(), steps: STEPS, autocorrelation, correlation_length })
    }

    /// The local optima, and where the steepest ascent ends. `None` if no cell has a neighbour.
    pub(super) fn optima(&self, accuracies: &[Vec<f64>], means: &[f64]) -> Option<Optima> {
        if self.0.iter().all(Vec::is_empty) {
            return None;
        }
        // Of equal neighbours the first: the order of the cells is fixed.
        let best_of =
            |cell: usize| self.neighbours(cell).reduce(|best, other| if means[other] > means[best] { other } else { best });
        let up: Vec<Option<usize>> =
            (0..means.len()).map(|cell| best_of(cell).filter(|best| means[*best] > means[cell])).collect();
        let ends: Vec<(usize, usize)> = (0..means.len()).map(|cell| climb(&up, cell)).collect();
        let highest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let optima = || (0..means.len()).filter(|cell| up[*cell].is_none());
        let noise = pooled_deviation(accuracies);
        let beyond_noise = noise.map(|noise| {
            let is_beyond = |cell: usize, other: usize| {
                let shares = 1.0 / number(accuracies[cell].len()) + 1.0 / number(accuracies[other].len());
                means[cell] - means[other] > NORMAL_95 * noise * shares.sqrt()
            };
            optima().filter(|cell| self.neighbours(*cell).all(|other| is_beyond(*cell, other))).count()
        });
        let all = number(means.len());
        let to_the_best = ends.iter().filter(|(end, _)| means[*end] >= highest).count();
        Some(Optima {
            count: optima().count(),
            beyond_noise,
            neighbours: number(self.0.iter().map(Vec::len).sum()) / all,
            basin_of_the_best: number(to_the_best) / all,
            steps: number(ends.iter().map(|(_, steps)| steps).sum()) / all,
            regret: ends.iter().map(|(end, _)| highest - means[*end]).sum::<f64>() / all,
        })
    }
}

/// Where the steepest ascent from a cell ends, and after how many steps.
fn climb(up: &[Option<usize>], start: usize) -> (usize, usize) {
    let way = std::iter::successors(Some(start), |cell| up[*cell]);
    way.enumerate().last().map_or((start, 0), |(steps, end)| (end, steps))
}

/// The autocorrelation of a series at the lags from 1 on; `None` of a series that is constant or no longer than the largest lag.
///
/// # Shapes
///
/// - returns: `[lags]`
///
/// # Source
///
/// Weinberger, "Correlated and uncorrelated fitness landscapes and how to tell the difference", Biological Cybernetics 63, 1990; used by Ying
/// et al., ICML 2019, section 4. Products of deviations from the mean of the whole series, over the sum of its squared deviations.
#[must_use]
pub fn autocorrelation(series: &[f64], lags: usize) -> Option<Vec<f64>> {
    if series.len() <= lags {
        return None;
    }
    let center = mean(series)?;
    let deviations: Vec<f64> = series.iter().map(|value| value - center).collect();
    let squares: f64 = deviations.iter().map(|value| value.powi(2)).sum();
    let at_lag = |lag: usize| deviations.iter().zip(&deviations[lag..]).map(|(one, other)| one * other).sum::<f64>() / squares;
    let is_constant = series.iter().all(|value| value.total_cmp(&series[0]).is_eq());
    (!is_constant).then(|| (1..=lags).map(at_lag).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn the_autocorrelation_of_a_short_series_is_that_of_the_reference() {
        let series = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0];
        let expected = [-0.077_044_025_157_232_74, -0.088_050_314_465_408_8, 0.273_584_905_660_377_3, -0.317_610_062_893_081_7];
        for (found, expected) in autocorrelation(&series, 4).unwrap().into_iter().zip(expected) {
            near(found, expected);
        }
        assert!(autocorrelation(&[1.0; 5], 2).is_none() && autocorrelation(&series, 12).is_none());
    }

    /// A ring of six cells, each with two neighbours.
    fn ring() -> Graph {
        Graph((0..6_u32).map(|cell| vec![(cell + 1) % 6, (cell + 5) % 6]).collect())
    }

    #[test]
    fn the_optima_of_a_ring_are_what_a_person_finds() {
        // Two peaks: cell 1 of .9, to which 0, 1 and 2 lead, and cell 4 of .8, to which 3, 4 and 5 lead.
        let means = [0.5, 0.9, 0.6, 0.2, 0.8, 0.1];
        let accuracies: Vec<Vec<f64>> = means.iter().map(|mean| vec![mean - 0.01, mean + 0.01]).collect();
        let optima = ring().optima(&accuracies, &means).unwrap();
        assert_eq!((optima.count, optima.beyond_noise), (2, Some(2)));
        near(optima.neighbours, 2.0);
        near(optima.basin_of_the_best, 0.5);
        near(optima.steps, 4.0 / 6.0);
        near(optima.regret, 0.1 / 2.0);
        // The same peaks under noise that is as large as they are.
        let noisy: Vec<Vec<f64>> = means.iter().map(|mean| vec![mean - 0.3, mean + 0.3]).collect();
        assert_eq!(ring().optima(&noisy, &means).unwrap().beyond_noise, Some(0));
        assert_eq!(ring().optima(&means.map(|mean| vec![mean]), &means).unwrap().beyond_noise, None);
        assert!(Graph(vec![vec![]; 6]).optima(&accuracies, &means).is_none());
    }

    #[test]
    fn a_walk_along_a_slope_has_a_longer_correlation_than_one_over_chance() {
        // A chain of 400 cells: on a slope neighbours are alike, on values of chance they are not.
        let chain = Graph(
            (0..400_u32)
                .map(|cell| [cell.checked_sub(1), (cell < 399).then_some(cell + 1)].into_iter().flatten().collect())
                .collect(),
        );
        let slope: Vec<f64> = (0..400).map(f64::from).collect();
        let mut rng = Seed(3).rng();
        let chance: Vec<f64> = (0..400).map(|_| rng.random()).collect();
        let [slope, chance] = [slope, chance].map(|values| chain.walk(&values, &mut Seed(1).rng()).unwrap());
        assert!(slope.autocorrelation[0].low > 0.95 && slope.correlation_length.is_none());
        // A walk that goes back every other step meets the same values again.
        assert!(chance.autocorrelation[0].high < 0.2 && chance.autocorrelation[1].low > 0.2);
        assert!(Graph(vec![vec![]; 3]).walk(&[0.1, 0.2, 0.3], &mut Seed(1).rng()).is_none());
    }
}
