//! What a table says of its landscape: how much of it is size, how much noise, and how hard it is to search.
//!
//! [`Landscape::new`] answers all of it for one budget: how far the means of the cells can be trusted (`reliability.rs`), how far
//! the size of a cell tells them beforehand (`correlation.rs`), and what a search finds on the way from one cell to the next
//! (`ways.rs`). A new figure is one field of [`Landscape`] and one function.

mod correlation;
mod reliability;
mod ways;

use rayon::prelude::*;
use serde::Serialize;

use crate::compare::{self, GroundTruth, Judging, Score, interquartile_mean_interval};
use crate::network::{SIZES, Size, Skeleton, count};
use crate::search::{self, Pool};
use crate::space::{Cell, ModuleHash, distance};
use crate::statistics::{Estimate, best_of, number, pearson_interval, quantile, spearman_interval};
use crate::table::{Table, mean_accuracy};
use crate::unit::{Epochs, Seed};

pub use correlation::{explained_by_ranks, partial_spearman};
use reliability::Ranked;
pub use reliability::{Decile, Reliability};
pub use ways::{Optima, Walk, autocorrelation};

/// Why a table cannot be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has no rows, or none at the budget.
    #[error(transparent)]
    Rows(#[from] search::Error),
    /// No cell has an accuracy.
    #[error(transparent)]
    Truth(#[from] compare::Error),
}

/// The best tenth is one cell in ten.
const BEST: usize = 10;

/// What a table says of its landscape at one budget, by the final validation accuracies that searches see. A figure that cannot be
/// had is `None`: the noise of one repeat, the correlation with what all cells share.
///
/// # Units
///
/// Accuracies and regrets are fractions.
#[derive(Clone, Debug, Serialize)]
pub struct Landscape {
    /// The budget.
    pub epochs: Epochs,
    /// The cells that have an accuracy at it.
    pub cells: usize,
    /// All cells of the smallest space that holds them.
    pub cells_of_the_space: usize,
    /// The fewest and the most trainings of a cell.
    pub repeats: (usize, usize),
    /// The lowest, the median and the highest mean accuracy.
    pub range: [f64; 3],
    /// The cell with the highest mean accuracy.
    pub best: ModuleHash,
    /// How far the means can be trusted, over all cells.
    pub reliability: Reliability,
    /// The same of the best tenth.
    pub best_tenth: Reliability,
    /// The same of each tenth of the cells, the worst first.
    pub deciles: Vec<Decile>,
    /// The highest correlation that any predictor can have with the means of the cells, and with one training of each, since both
    /// are noisy.
    pub ceilings: Option<[f64; 2]>,
    /// How far each size of a cell ranks the cells.
    pub sizes: Vec<SizeEffect>,
    /// The share of the variance of the cells' ranks that all sizes together tell: of all cells, and of the best tenth.
    pub explained_by_sizes: [Option<Estimate>; 2],
    /// What each smaller budget tells.
    pub budgets: Vec<BudgetEffect>,
    /// How alike the cells along random walks are; `None`, as the optima, where fewer than half of the neighbours are recorded.
    pub walk: Option<Walk>,
    /// The correlation of the accuracies with the distances from the best cell.
    pub fitness_distance: Option<Estimate>,
    /// The cells that no neighbour beats.
    pub optima: Option<Optima>,
    /// The regret of asking for every cell once, the floor, and of asking so for a tenth of the cells at random: interquartile
    /// means over repeated searches.
    pub regrets: Option<[Estimate; 2]>,
    /// Which repeats these searches are shown and judged by.
    pub judging: Judging,
    /// The score by which these searches are judged, and of which `optimum` is an estimate.
    pub judged_by: Score,
    /// The score of the best cell with the noise removed.
    pub optimum: Option<Estimate>,
    /// Every cell, for pictures.
    #[serde(skip)]
    pub points: Vec<Spot>,
}

/// A cell in the pictures of a landscape.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// The operations of its network at a fixed stem.
    pub flops: f64,
    /// The edits between it and the best cell.
    pub distance: f64,
    /// Its mean accuracy.
    pub accuracy: f64,
}

/// How far a size of a cell ranks the cells.
#[derive(Clone, Debug, Serialize)]
pub struct SizeEffect {
    /// What the cells are large by.
    pub size: String,
    /// Spearman's correlation over all cells.
    pub all: Option<Estimate>,
    /// The same among the best tenth.
    pub best_tenth: Option<Estimate>,
    /// The same over all cells with the FLOPs at a fixed stem taken out of both.
    pub beyond_flops: Option<Estimate>,
}

/// What a smaller budget tells of the cells: one training against the mean of the trainings at the analysed budget, as a search
/// meets it.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetEffect {
    /// The smaller budget.
    pub epochs: Epochs,
    /// Spearman's correlation over the cells.
    pub all: Option<Estimate>,
    /// The same among the best tenth at the analysed budget.
    pub best_tenth: Option<Estimate>,
    /// The same over all cells with all sizes taken out of both.
    pub beyond_sizes: Option<Estimate>,
}

/// The cells that are analysed.
struct Cells<'a> {
    list: Vec<&'a Cell>,
    /// The place of each in the table.
    places: Vec<usize>,
    /// The accuracies of the trainings of each.
    accuracies: Vec<Vec<f64>>,
    means: Vec<f64>,
    /// The places of the best tenth in the lists above.
    best: Vec<usize>,
}

impl Landscape {
    /// Analyses a table at a budget; at the largest one if none is given.
    ///
    /// `skeleton` is the network that was trained, if it is known: for sizes as trained.
    ///
    /// # Errors
    ///
    /// As [`compare::set_up`] and [`GroundTruth::of_table`]: no such budget, no cell with an accuracy.
    pub fn new(table: &Table, skeleton: Option<&Skeleton>, epochs: Option<Epochs>, seed: Seed) -> Result<Self, Error> {
        let epochs = compare::full_budget(table, epochs);
        let judging = Judging::unseen(table, epochs);
        let setup = compare::set_up(table, Some(epochs), &[], judging)?;
        let truth = GroundTruth::of_table(table, &setup, judging)?;
        let known = Cells::new(table, epochs).ok_or(compare::Error::NoTruth { epochs })?;
        let graph = ways::Graph::new(&setup.space, &known.list);
        let sizes = sizes(&known.list, skeleton);
        let best = known.best_cell();
        let distances: Vec<f64> = known.list.par_iter().map(|cell| number(distance(cell, known.list[best]))).collect();
        let spot = |((flops, distance), accuracy): ((&f64, &f64), &f64)| Spot {
            flops: *flops,
            distance: *distance,
            accuracy: *accuracy,
        };
        let points = sizes[0].1.iter().zip(&distances).zip(&known.means).map(spot).collect();
        let ranges = [0.0, 0.5, 1.0].map(|share| quantile(&known.means, share).unwrap_or_default());
        let counts = || known.accuracies.iter().map(Vec::len);
        let ranked = Ranked::new(&known.accuracies);
        let reliability = ranked.all();
        let mut rng = seed.derive("regrets").rng();
        let mut middle = |regrets: &[f64]| interquartile_mean_interval(&[regrets], &mut rng);
        Ok(Self {
            epochs,
            cells: known.list.len(),
            // Without a pool no cell is missing.
            cells_of_the_space: setup.pool.as_ref().and_then(Pool::in_space).unwrap_or(known.list.len()),
            repeats: (counts().min().unwrap_or(0), counts().max().unwrap_or(0)),
            range: ranges,
            best: table.hashes()[known.places[best]],
            ceilings: reliability.ceilings(),
            deciles: ranked.deciles(),
            reliability,
            best_tenth: ranked.best(BEST),
            explained_by_sizes: known.both(|chosen| {
                let columns: Vec<_> = sizes.iter().map(|(_, values)| pick(values, chosen)).collect();
                explained_by_ranks(&pick(&known.means, chosen), &columns)
            }),
            budgets: budgets(table, &known, epochs, &sizes),
            sizes: effects(&known, &sizes),
            walk: graph.as_ref().and_then(|graph| graph.walk(&known.means, &mut seed.derive("walk").rng())),
            fitness_distance: pearson_interval(&distances, &known.means),
            optima: graph.as_ref().and_then(|graph| graph.optima(&known.accuracies, &known.means)),
            regrets: middle(&truth.floor).and_then(|floor| Some([floor, middle(&truth.regrets_of_one_in(BEST))?])),
            judging,
            judged_by: truth.judged_by,
            optimum: truth.optimum,
            points,
        })
    }
}

impl<'a> Cells<'a> {
    fn new(table: &'a Table, epochs: Epochs) -> Option<Self> {
        let (mut list, mut places, mut accuracies, mut means) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (place, cell) in table.cells().iter().enumerate() {
            let values = table.judged_accuracies(place, epochs);
            if let Some(mean) = mean_accuracy(values.iter().copied()) {
                list.push(cell);
                places.push(place);
                accuracies.push(values);
                means.push(mean);
            }
        }
        let mut best = best_of((0..means.len()).collect(), &means, BEST);
        best.sort_unstable_by(|one, other| means[*other].total_cmp(&means[*one]).then(one.cmp(other)));
        (!list.is_empty()).then_some(Self { list, places, accuracies, means, best })
    }

    fn best_cell(&self) -> usize {
        self.best[0]
    }

    /// A figure of all cells, and of the best tenth; both by the places of their cells.
    fn both<T>(&self, figure: impl Fn(&[usize]) -> T) -> [T; 2] {
        [figure(&(0..self.list.len()).collect::<Vec<_>>()), figure(&self.best)]
    }
}

/// Some of many values.
fn pick(values: &[f64], places: &[usize]) -> Vec<f64> {
    places.iter().map(|place| values[*place]).collect()
}

/// Every size of each cell, and what its network is large by as it was trained.
fn sizes(cells: &[&Cell], skeleton: Option<&Skeleton>) -> Vec<(String, Vec<f64>)> {
    let mut sizes: Vec<_> = SIZES.iter().map(|size| (size.name().to_owned(), size.measure_all(cells))).collect();
    if let Some(skeleton) = skeleton {
        let counts = |cell: &&Cell| {
            count(cell, skeleton).map_or((0.0, 0.0), |(parameters, flops)| (f64::from(parameters.0), flops.to_f64()))
        };
        let (parameters, flops) = cells.par_iter().map(counts).unzip();
        sizes.push(("flops-as-trained".to_owned(), flops));
        sizes.push(("parameters-as-trained".to_owned(), parameters));
    }
    sizes
}

fn effects(known: &Cells, sizes: &[(String, Vec<f64>)]) -> Vec<SizeEffect> {
    let flops = std::slice::from_ref(&sizes[0].1);
    let effect = |(size, values): &(String, Vec<f64>)| {
        let [all, best_tenth] = known.both(|chosen| spearman_interval(&pick(values, chosen), &pick(&known.means, chosen)));
        let is_flops = size == Size::Flops.name();
        let beyond_flops = if is_flops { None } else { partial_spearman(values, &known.means, flops) };
        SizeEffect { size: size.clone(), all, best_tenth, beyond_flops }
    };
    sizes.iter().map(effect).collect()
}

fn budgets(table: &Table, known: &Cells, epochs: Epochs, sizes: &[(String, Vec<f64>)]) -> Vec<BudgetEffect> {
    let effect = |budget: Epochs| {
        let seen: Vec<Option<f64>> =
            known.places.iter().map(|place| table.judged_accuracies(*place, budget).first().copied()).collect();
        // Cells without a training at the smaller budget are left out.
        let [all, best_tenth] =
            known.both(|chosen| chosen.iter().copied().filter(|place| seen[*place].is_some()).collect::<Vec<_>>());
        let pair = |chosen: &[usize]| {
            let values: Vec<f64> = chosen.iter().filter_map(|place| seen[*place]).collect();
            (values, pick(&known.means, chosen))
        };
        let ((values, means), (best_values, best_means)) = (pair(&all), pair(&best_tenth));
        let columns: Vec<_> = sizes.iter().map(|(_, column)| pick(column, &all)).collect();
        BudgetEffect {
            epochs: budget,
            all: spearman_interval(&values, &means),
            best_tenth: spearman_interval(&best_values, &best_means),
            beyond_sizes: partial_spearman(&values, &means, &columns),
        }
    };
    table.budgets().iter().copied().filter(|budget| *budget < epochs).map(effect).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::table::Record;
    use crate::train::Evaluation;
    use crate::unit::Accuracy;

    /// A table of all 91 cells of at most four vertices, each trained `repeats` times at two budgets; `accuracy` takes the cell, the budget
    /// and the repeat.
    fn table(repeats: u16, accuracy: impl Fn(&Cell, u16, u16) -> f32) -> Table {
        let cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        let trainings = cells.iter().flat_map(|cell| [2, 4].map(|epochs| (*cell, epochs)));
        let all = trainings.flat_map(|(cell, epochs)| (0..repeats).map(move |repeat| (cell, epochs, repeat)));
        let record = |(cell, epochs, repeat): (Cell, u16, u16)| {
            let accuracy = Accuracy::from_fraction(accuracy(&cell, epochs, repeat));
            let end = Evaluation { validation_accuracy: accuracy, test_accuracy: accuracy, ..Evaluation::default() };
            Record { end, ..Record::blank(cell, Epochs(epochs), repeat) }
        };
        Table::from_records(&all.map(record).collect::<Vec<_>>())
    }

    /// An accuracy that rises with the FLOPs, strictly, by up to .7.
    fn by_flops(cell: &Cell) -> f32 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an accuracy of a test")]
        let share = ((Size::Flops.measure(cell) as f64).log2() / 40.0) as f32;
        0.2 + 0.7 * share
    }

    fn landscape(table: &Table) -> Landscape {
        Landscape::new(table, None, None, Seed(0)).unwrap()
    }

    #[test]
    fn a_landscape_of_size_alone_is_told_by_flops() {
        let found = landscape(&table(3, |cell, _, _| by_flops(cell)));
        assert_eq!((found.cells, found.cells_of_the_space, found.repeats, found.epochs), (91, 91, (3, 3), Epochs(4)));
        let flops = &found.sizes[0];
        assert!(flops.size == "flops" && flops.beyond_flops.is_none());
        assert!(flops.all.unwrap().value > 0.999 && flops.best_tenth.unwrap().value > 0.99, "{flops:?}");
        assert!(found.explained_by_sizes[0].unwrap().value > 0.999);
        assert!(found.reliability.reliability.unwrap().value > 0.999_999);
        // One training at the smaller budget says the same, and nothing beyond the sizes.
        assert!(found.budgets[0].all.unwrap().value > 0.999);
        let [floor, tenth] = found.regrets.unwrap();
        assert!(floor.value.abs() < 1e-6 && tenth.value > 0.0);
        let optima = found.optima.unwrap();
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let around: Vec<_> =
            space.cells().unwrap().iter().map(|cell| (by_flops(cell), space.distinct_neighbours(cell))).collect();
        let is_optimum = |(own, others): &&(f32, Vec<Cell>)| others.iter().all(|other| by_flops(other) <= *own);
        assert_eq!(optima.count, around.iter().filter(is_optimum).count());
        let pairs = around.iter().map(|(_, others)| others.len()).sum::<usize>();
        assert!((optima.neighbours - crate::statistics::number(pairs) / 91.0).abs() < 1e-9 && optima.basin_of_the_best > 0.0);
        assert!(found.walk.unwrap().autocorrelation[0].low > 0.1);
        assert!(found.fitness_distance.unwrap().high < 0.0);
    }

    #[test]
    fn a_landscape_of_noise_alone_is_told_by_nothing() {
        let noise = |cell: &Cell, epochs: u16, repeat: u16| {
            let mut rng = Seed(cell.fingerprint()).derive(&format!("{epochs}, {repeat}")).rng();
            rand::RngExt::random::<f32>(&mut rng)
        };
        let found = landscape(&table(2, noise));
        assert!(found.reliability.reliability.unwrap().low < 0.1, "{:?}", found.reliability);
        let flops = found.sizes[0].all.unwrap();
        assert!((flops.low..=flops.high).contains(&0.0), "{flops:?}");
        assert!(found.explained_by_sizes[0].unwrap().low <= 0.0);
        assert_eq!(found.judging, Judging::Unseen { shown: 1 });
        let [floor, tenth] = found.regrets.unwrap();
        assert!(floor.high > 0.1 && tenth.high > 0.1, "what looked best is no better: {floor:?}, {tenth:?}");
    }

    #[test]
    fn one_repeat_has_no_noise_and_an_unknown_budget_is_refused() {
        let table = table(1, |cell, _, _| by_flops(cell));
        let found = landscape(&table);
        assert!(found.reliability.noise.is_none() && found.ceilings.is_none() && found.judging == Judging::All);
        let error = Landscape::new(&table, None, Some(Epochs(7)), Seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "nothing was trained for 7 epochs (known: 2, 4)");
        assert!(matches!(Landscape::new(&Table::from_records(&[]), None, None, Seed(0)), Err(Error::Rows(_))));
    }
}
