//! The figures of a summary, computed of columns.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::rows::Rows;
use super::{
    BestCell, BudgetCount, BySize, Failure, Noise, Provenance, Range, RepeatNoise, Summary, VerticesCount, WithinBudget,
};
use crate::statistics::{self, RankCorrelation, spearman_interval};
use crate::table::{BetweenBudgets, Key, Reached, STATUSES, Status, chance, judged, mean_accuracy};
use crate::unit::{Epochs, shortest_decimal};

/// The cells and the failures that a summary names.
const NAMED: usize = 10;
/// The best cells are the best tenth.
const BEST: usize = 10;

pub(super) fn summary(rows: &Rows, verified_rows: usize, provenance: Provenance) -> Summary {
    let budgets = Budget::all(rows);
    let within = |second: fn(&Budget) -> &Vec<f64>, first: fn(&Budget) -> &Vec<f64>| -> Vec<WithinBudget> {
        let of = |budget: &Budget| WithinBudget {
            epochs: budget.epochs,
            correlation: RankCorrelation::new(first(budget), second(budget)),
        };
        budgets.par_iter().map(of).collect()
    };
    Summary {
        cells: rows.hashes.len(),
        rows: rows.cells.len(),
        verified_rows,
        vertices: vertices(rows),
        budgets: budgets.iter().map(|budget| budget.count.clone()).collect(),
        ranges: ranges(rows, &budgets),
        best: budgets.last().map(|budget| best(rows, budget)).unwrap_or_default(),
        chance: chance(rows.classes),
        by_size: budgets.last().map(|budget| by_size(rows, budget)).unwrap_or_default(),
        between_budgets: between_budgets(rows.hashes.len(), &budgets),
        validation_and_test: within(|budget| &budget.test, |budget| &budget.validation),
        halfway_and_final: within(|budget| &budget.validation, |budget| &budget.halfway),
        repeats: budgets.par_iter().map(repeat_noise).collect(),
        failures: failures(rows),
        provenance,
    }
}

/// The rows of one budget, cell by cell.
///
/// # Shapes
///
/// - `cells` (the index of each), `repeats`, `validation`, … : `[cells with a row]`, means over the repeats that have a value or
///   diverged, as [`judged`] says; NaN where none has
#[derive(Default)]
struct Budget {
    epochs: Epochs,
    count: BudgetCount,
    cells: Vec<u32>,
    /// The repeats behind the mean final validation accuracy, and behind the mean final test accuracy.
    repeats: Vec<usize>,
    test_repeats: Vec<usize>,
    /// The repeats that diverged.
    diverged: Vec<usize>,
    halfway: Vec<f64>,
    validation: Vec<f64>,
    test: Vec<f64>,
    times: Vec<f64>,
    /// The final validation accuracy of one training, the first one that has any.
    one: Vec<f64>,
    /// The final validation accuracies of repeat 0 and of repeat 1.
    pair: [Vec<f64>; 2],
    /// The squared distances of a cell's final validation accuracies from their mean, summed up.
    squares: Vec<f64>,
    /// The rows by their index.
    rows: Vec<u32>,
}

impl Budget {
    /// Returns the budgets of a benchmark, ascending.
    fn all(rows: &Rows) -> Vec<Self> {
        let mut by_epochs: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        for (row, epochs) in (0..).zip(&rows.epochs) {
            by_epochs.entry(*epochs).or_default().push(row);
        }
        by_epochs.into_par_iter().map(|(epochs, of_budget)| Self::new(rows, Epochs(epochs), of_budget)).collect()
    }

    fn new(rows: &Rows, epochs: Epochs, of_budget: Vec<u32>) -> Self {
        let statuses = STATUSES.iter().map(|status| (status.name(), 0)).collect();
        let count = BudgetCount { epochs, rows: of_budget.len(), statuses, ..BudgetCount::default() };
        let mut budget = Self { epochs, count, ..Self::default() };
        let chances = [&rows.halfway, &rows.validation, &rows.test].map(|column| chance_of(rows, column));
        for of_cell in of_budget.chunk_by(|a, b| rows.cells[*a as usize] == rows.cells[*b as usize]) {
            budget.push(rows, of_cell, chances);
        }
        budget.count.cells = budget.cells.len();
        budget.rows = of_budget;
        budget
    }

    /// Adds the rows of the next cell. `chances` are what a training that diverged counts as, halfway and at the end on validation
    /// and on test images.
    fn push(&mut self, rows: &Rows, of_cell: &[u32], chances: [Option<f64>; 3]) {
        let training = |column: &[f32], row: &u32| (rows.statuses[*row as usize], finite(column[*row as usize].into()));
        let [halfway, validation, test] = [(&rows.halfway, chances[0]), (&rows.validation, chances[1]), (&rows.test, chances[2])]
            .map(|(column, chance)| judged(of_cell.iter().map(|row| training(column, row)), chance).collect::<Vec<_>>());
        let mean = |values: &[f64]| mean_accuracy(values.iter().copied()).unwrap_or(f64::NAN);
        let times: Vec<f64> = of_cell.iter().filter_map(|row| finite(rows.times[*row as usize])).collect();
        self.cells.push(rows.cells[of_cell[0] as usize]);
        self.repeats.push(validation.len());
        self.test_repeats.push(test.len());
        self.diverged.push(of_cell.iter().filter(|row| rows.statuses[**row as usize] == Status::Diverged).count());
        self.validation.push(mean(&validation));
        self.one.push(validation.first().copied().unwrap_or(f64::NAN));
        self.halfway.push(mean(&halfway));
        self.test.push(mean(&test));
        self.times.push(statistics::mean(&times).unwrap_or(f64::NAN));
        for (repeat, values) in (0_u16..).zip(&mut self.pair) {
            let row = of_cell.iter().find(|row| rows.repeats[**row as usize] == repeat);
            let value = row.and_then(|row| judged([training(&rows.validation, row)].into_iter(), chances[1]).next());
            values.push(value.unwrap_or(f64::NAN));
        }
        let center = statistics::mean(&validation).unwrap_or(f64::NAN);
        self.squares.push(validation.iter().map(|value| (value - center).powi(2)).sum());
        for row in of_cell {
            *self.count.statuses.entry(rows.statuses[*row as usize].name()).or_default() += 1;
        }
        let fewest = if self.cells.len() == 1 { of_cell.len() } else { self.count.fewest_repeats };
        self.count.fewest_repeats = fewest.min(of_cell.len());
        self.count.most_repeats = self.count.most_repeats.max(of_cell.len());
    }
}

/// What a training that diverged counts as in a column, unless no training that ended well has a value there.
fn chance_of(rows: &Rows, column: &[f32]) -> Option<f64> {
    let is_measured = column.iter().any(|value| value.is_finite()) || !rows.statuses.contains(&Status::Ok);
    is_measured.then(|| chance(rows.classes))
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn vertices(rows: &Rows) -> Vec<VerticesCount> {
    let mut counts = BTreeMap::new();
    for vertices in &rows.vertices {
        *counts.entry(*vertices).or_default() += 1;
    }
    counts.into_iter().map(|(vertices, cells)| VerticesCount { vertices, cells }).collect()
}

fn ranges(rows: &Rows, budgets: &[Budget]) -> Vec<Range> {
    let parameters = rows.parameters.iter().map(|count| f64::from(*count));
    #[expect(clippy::cast_precision_loss, reason = "a mean and two bounds that are printed with a few digits")]
    let flops = rows.flops.iter().map(|count| *count as f64);
    let mut ranges = vec![range("trainable_parameters", None, parameters), range("flops", None, flops)];
    for budget in budgets {
        let epochs = Some(budget.epochs);
        for (name, column) in [
            ("final_train_accuracy", &rows.train),
            ("final_validation_accuracy", &rows.validation),
            ("final_test_accuracy", &rows.test),
        ] {
            ranges.push(range(name, epochs, budget.rows.iter().map(|row| shortest_decimal(column[*row as usize]))));
        }
        ranges.push(range("final_training_time", epochs, budget.rows.iter().map(|row| rows.times[*row as usize])));
    }
    ranges
}

/// Returns the spread of the values that are finite.
fn range(column: &'static str, epochs: Option<Epochs>, values: impl Iterator<Item = f64>) -> Range {
    let (mut count, mut sum, mut least, mut largest) = (0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite()) {
        count += 1;
        sum += value;
        least = least.min(value);
        largest = largest.max(value);
    }
    let any = |value: f64| (count > 0).then_some(value);
    Range { column, epochs, values: count, least: any(least), mean: any(sum / number(count)), largest: any(largest) }
}

fn best(rows: &Rows, budget: &Budget) -> Vec<BestCell> {
    let mut order: Vec<usize> = (0..budget.cells.len()).filter(|index| budget.validation[*index].is_finite()).collect();
    // Cells stand in the order of their hashes: of two that are as good the first is named first.
    let better = |a: &usize, b: &usize| budget.validation[*b].total_cmp(&budget.validation[*a]).then(a.cmp(b));
    if order.len() > NAMED {
        order.select_nth_unstable_by(NAMED, better);
        order.truncate(NAMED);
    }
    order.sort_unstable_by(better);
    let cell = |index: usize| {
        let cell = budget.cells[index] as usize;
        BestCell {
            module_hash: rows.hashes[cell],
            epochs: budget.epochs,
            repeats: budget.repeats[index],
            test_repeats: budget.test_repeats[index],
            diverged: budget.diverged[index],
            final_validation_accuracy: budget.validation[index],
            final_test_accuracy: finite(budget.test[index]),
            trainable_parameters: rows.parameters[cell],
            final_training_time: finite(budget.times[index]),
        }
    };
    order.into_iter().map(cell).collect()
}

fn by_size(rows: &Rows, budget: &Budget) -> Vec<BySize> {
    #[expect(clippy::cast_precision_loss, reason = "only the order counts, and that stays")]
    let flops: Vec<f64> = budget.cells.iter().map(|cell| rows.flops[*cell as usize] as f64).collect();
    let parameters: Vec<f64> = budget.cells.iter().map(|cell| f64::from(rows.parameters[*cell as usize])).collect();
    [("flops", flops), ("trainable_parameters", parameters)]
        .map(|(column, sizes)| {
            let correlation = RankCorrelation::new(&sizes, &budget.validation);
            BySize { column, epochs: budget.epochs, correlation }
        })
        .to_vec()
}

fn between_budgets(cells: usize, budgets: &[Budget]) -> Vec<BetweenBudgets> {
    let reached = |budget: &Budget| {
        let dense = |of_cells: &[f64]| {
            let mut values = vec![f64::NAN; cells];
            for (cell, value) in budget.cells.iter().zip(of_cells) {
                values[*cell as usize] = *value;
            }
            values
        };
        Reached { epochs: budget.epochs, one: dense(&budget.one), mean: dense(&budget.validation) }
    };
    BetweenBudgets::all(&budgets.iter().map(reached).collect::<Vec<_>>())
}

fn repeat_noise(budget: &Budget) -> RepeatNoise {
    let all: Vec<usize> = (0..budget.cells.len()).filter(|index| budget.validation[*index].is_finite()).collect();
    let best = statistics::best_of(all.clone(), &budget.validation, BEST);
    RepeatNoise { epochs: budget.epochs, all: noise(budget, &all), best_tenth: noise(budget, &best) }
}

/// Returns the noise of some of a budget's cells, each with a mean.
fn noise(budget: &Budget, among: &[usize]) -> Noise {
    let repeated: Vec<usize> = among.iter().copied().filter(|index| budget.repeats[*index] > 1).collect();
    let freedom: usize = repeated.iter().map(|index| budget.repeats[*index] - 1).sum();
    let squares: f64 = repeated.iter().map(|index| budget.squares[*index]).sum();
    let [first, second] = &budget.pair;
    let both: Vec<usize> =
        among.iter().copied().filter(|index| first[*index].is_finite() && second[*index].is_finite()).collect();
    Noise {
        cells: repeated.len(),
        over_repeats: (freedom > 0).then(|| (squares / number(freedom)).sqrt()),
        over_cells: statistics::standard_deviation(&picked(&budget.validation, among)),
        spearman: spearman_interval(&picked(first, &both), &picked(second, &both)),
    }
}

fn picked(values: &[f64], cells: &[usize]) -> Vec<f64> {
    cells.iter().map(|index| values[*index]).collect()
}

fn failures(rows: &Rows) -> Vec<Failure> {
    let failed = (0..rows.cells.len()).filter(|row| rows.statuses[*row] != Status::Ok).take(NAMED);
    let failure = |row: usize| Failure {
        key: Key { hash: rows.hashes[rows.cells[row] as usize], epochs: Epochs(rows.epochs[row]), repeat: rows.repeats[row] },
        status: rows.statuses[row],
    };
    failed.map(failure).collect()
}

/// Returns a count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
const fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::ModuleHash;

    /// Rows of cells 0, 1, …: for each its budget, repeat and final validation accuracy, sorted by cell.
    fn rows(of: &[(u32, u16, u16, f32)]) -> Rows {
        let mut rows = Rows { classes: 10, ..Rows::default() };
        for (cell, epochs, repeat, validation) in of {
            if rows.hashes.len() == *cell as usize {
                rows.hashes.push(ModuleHash::from_hex(&format!("{cell:032x}")).unwrap());
                rows.vertices.push(if *cell == 0 { 2 } else { 3 });
                rows.parameters.push(1_000 * (cell + 1));
                rows.flops.push(1_000_000);
            }
            rows.cells.push(*cell);
            rows.epochs.push(*epochs);
            rows.repeats.push(*repeat);
            rows.statuses.push(if validation.is_nan() { Status::Diverged } else { Status::Ok });
            rows.times.push(f64::from(*epochs) * 10.0);
            rows.halfway.push(validation / 2.0);
            rows.train.push(1.0);
            rows.validation.push(*validation);
            rows.test.push(1.0 - validation);
        }
        rows
    }

    fn of(rows: &Rows) -> Summary {
        let folder = tempfile::tempdir().unwrap();
        fs_err::copy("tests/data/tiny-benchmark/benchmark.toml", folder.path().join("benchmark.toml")).unwrap();
        let provenance = crate::table::Benchmark::open(folder.path()).unwrap().summary().unwrap().provenance;
        summary(rows, 0, provenance)
    }

    fn value(found: Option<statistics::Estimate>) -> Option<f64> {
        found.map(|found| found.value)
    }

    fn near(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-6), "{found:?}, expected {expected}");
    }

    #[test]
    fn cells_and_models_are_counted_by_what_they_are() {
        let nan = f32::NAN;
        let summary = of(&rows(&[(0, 4, 0, 0.5), (0, 12, 0, 0.6), (1, 4, 0, 0.4), (1, 4, 1, nan), (2, 4, 0, 0.3)]));
        assert_eq!((summary.cells, summary.rows), (3, 5));
        let counts: Vec<_> = summary.vertices.iter().map(|count| (count.vertices, count.cells)).collect();
        assert_eq!(counts, [(2, 1), (3, 2)]);
        let [four, twelve] = summary.budgets.as_slice() else { panic!("{:?}", summary.budgets) };
        assert_eq!((four.epochs, four.cells, four.rows, four.fewest_repeats, four.most_repeats), (Epochs(4), 3, 4, 1, 2));
        assert_eq!(four.statuses, BTreeMap::from([("ok", 3), ("diverged", 1), ("failed", 0)]));
        assert_eq!((twelve.cells, twelve.most_repeats), (1, 1));
        let [failure] = summary.failures.as_slice() else { panic!("{:?}", summary.failures) };
        assert_eq!((failure.key.epochs, failure.key.repeat, failure.status), (Epochs(4), 1, Status::Diverged));
        assert!(failure.key.hash.to_string().ends_with('1'));
    }

    #[test]
    fn ranges_are_of_one_budget_and_count_each_cell_once() {
        let summary = of(&rows(&[(0, 4, 0, 0.5), (0, 4, 1, 0.7), (1, 4, 0, f32::NAN), (1, 12, 0, 0.25)]));
        let find =
            |column: &str, epochs| summary.ranges.iter().find(|range| range.column == column && range.epochs == epochs).unwrap();
        let parameters = find("trainable_parameters", None);
        assert_eq!((parameters.values, parameters.least, parameters.mean), (2, Some(1_000.0), Some(1_500.0)));
        let validation = find("final_validation_accuracy", Some(Epochs(4)));
        assert_eq!(validation.values, 2);
        near(validation.mean, 0.6);
        near(validation.largest, 0.7);
        assert_eq!(find("final_training_time", Some(Epochs(12))).least, Some(120.0));
    }

    #[test]
    fn a_time_that_nobody_measured_is_in_no_mean() {
        let mut rows = rows(&[(0, 4, 0, 0.5), (0, 4, 1, 0.7), (1, 4, 0, 0.4)]);
        rows.times = vec![f64::NAN, 40.0, f64::NAN];
        let summary = of(&rows);
        let range = summary.ranges.iter().find(|range| range.column == "final_training_time").unwrap();
        assert_eq!((range.values, range.mean), (1, Some(40.0)));
        let times: Vec<_> = summary.best.iter().map(|cell| cell.final_training_time).collect();
        assert_eq!(times, [Some(40.0), None]);
    }

    #[test]
    fn the_best_cells_are_those_of_the_largest_budget_by_their_mean() {
        let summary = of(&rows(&[
            (0, 4, 0, 0.99),
            (0, 12, 0, 0.5),
            (0, 12, 1, 0.75),
            (1, 12, 0, 0.65),
            (2, 12, 0, f32::NAN),
            (3, 12, 0, 0.625),
            (3, 12, 1, f32::NAN),
        ]));
        let hashes: Vec<_> = summary.best.iter().map(|cell| cell.module_hash.to_string().pop().unwrap()).collect();
        assert_eq!(hashes, ['1', '0', '3', '2']);
        let second = &summary.best[1];
        assert_eq!((second.epochs, second.repeats, second.trainable_parameters), (Epochs(12), 2, 1_000));
        near(second.final_test_accuracy, 0.375);
        // What diverged counts as chance.
        let diverged: Vec<_> = summary.best.iter().map(|cell| (cell.repeats, cell.diverged)).collect();
        assert_eq!(diverged, [(1, 0), (2, 0), (2, 1), (1, 1)]);
        near(Some(summary.best[2].final_validation_accuracy), 0.3625);
        near(Some(summary.best[3].final_validation_accuracy), 0.1);
    }

    #[test]
    fn no_more_than_ten_cells_are_named() {
        let many: Vec<_> = (0..25_u16).map(|cell| (u32::from(cell), 4, 0, f32::from(cell) / 25.0)).collect();
        let summary = of(&rows(&many));
        assert_eq!(summary.best.len(), NAMED);
        near(Some(summary.best[0].final_validation_accuracy), 0.96);
    }

    /// Twenty cells: the smaller budget has the order of the larger one, but for the best two, which are exchanged.
    fn two_budgets() -> Rows {
        let small = |cell: u16| {
            f32::from(match cell {
                18 => 19,
                19 => 18,
                other => other,
            }) / 40.0
        };
        let of = |cell: u16| [(u32::from(cell), 4, 0, small(cell)), (u32::from(cell), 12, 0, f32::from(cell) / 30.0)];
        rows(&(0..20).flat_map(of).collect::<Vec<_>>())
    }

    #[test]
    fn a_small_budget_ranks_the_cells_of_a_larger_one() {
        let summary = of(&two_budgets());
        let [pair] = summary.between_budgets.as_slice() else { panic!("{:?}", summary.between_budgets) };
        assert_eq!((pair.smaller, pair.larger, pair.correlation.cells), (Epochs(4), Epochs(12), 20));
        // Two ranks of twenty off by one each: 1 − 6·2 / (20·399); one pair of 190 discordant: 1 − 2/190.
        near(value(pair.correlation.spearman), 1.0 - 12.0 / 7_980.0);
        near(value(pair.correlation.kendall_tau_b), 1.0 - 2.0 / 190.0);
    }

    #[test]
    fn sizes_rank_cells_with_nothing_fitted() {
        let summary = of(&two_budgets());
        // More parameters are always better here, and all networks cost the same.
        let [flops, parameters] = summary.by_size.as_slice() else { panic!("{:?}", summary.by_size) };
        assert_eq!((flops.column, flops.epochs, flops.correlation.spearman), ("flops", Epochs(12), None));
        near(value(parameters.correlation.spearman), 1.0);
        assert_eq!(parameters.correlation.cells, 20);
    }

    #[test]
    fn columns_of_one_budget_are_correlated_by_their_means() {
        let summary = of(&two_budgets());
        near(value(summary.validation_and_test[0].correlation.spearman), -1.0);
        near(value(summary.halfway_and_final[1].correlation.kendall_tau_b), 1.0);
        assert_eq!(summary.halfway_and_final[1].epochs, Epochs(12));
    }

    #[test]
    fn the_noise_of_repeats_is_pooled_over_cells() {
        let summary =
            of(&rows(&[(0, 4, 0, 0.1), (0, 4, 1, 0.3), (1, 4, 0, 0.5), (1, 4, 1, 0.5), (2, 4, 0, 0.4), (2, 4, 2, 0.6)]));
        let [noise] = summary.repeats.as_slice() else { panic!("{:?}", summary.repeats) };
        // Squares 0.02, 0 and 0.02 over three degrees of freedom; means 0.2, 0.5 and 0.5.
        assert_eq!(noise.all.cells, 3);
        near(noise.all.over_repeats, (0.04_f64 / 3.0).sqrt());
        near(noise.all.over_cells, 0.03_f64.sqrt());
        // Only two cells have repeats 0 and 1, and the better one is the better one in both.
        assert_eq!(noise.all.spearman, None, "two cells have no interval");
        assert_eq!(noise.best_tenth.spearman, None);
    }

    #[test]
    fn the_best_cells_can_be_noisier_than_all() {
        // Twenty cells with two repeats that are equal, but for the best two: 0.9 and 1.1, 1.2 and 0.9.
        let repeats = |cell: u16| match cell {
            18 => [0.9, 1.1],
            19 => [1.2, 0.9],
            other => [f32::from(other) / 40.0; 2],
        };
        let of_cell = |cell: u16| {
            let [first, second] = repeats(cell);
            [(u32::from(cell), 4, 0, first), (u32::from(cell), 4, 1, second)]
        };
        let summary = of(&rows(&(0..20).flat_map(of_cell).collect::<Vec<_>>()));
        let [noise] = summary.repeats.as_slice() else { panic!("{:?}", summary.repeats) };
        assert_eq!((noise.all.cells, noise.best_tenth.cells), (20, 2));
        // Squares 0.02 and 0.045, over twenty degrees of freedom or over two; means 1 and 1.05.
        near(noise.all.over_repeats, (0.065_f64 / 20.0).sqrt());
        near(noise.best_tenth.over_repeats, (0.065_f64 / 2.0).sqrt());
        near(noise.best_tenth.over_cells, 0.00125_f64.sqrt());
        assert_eq!(noise.best_tenth.spearman, None, "two cells have no interval");
    }

    #[test]
    fn what_cannot_be_had_is_none() {
        let summary = of(&rows(&[(0, 4, 0, 0.5)]));
        assert_eq!(summary.between_budgets, []);
        for noise in [summary.repeats[0].all, summary.repeats[0].best_tenth] {
            assert_eq!((noise.cells, noise.over_repeats, noise.over_cells, noise.spearman), (0, None, None, None));
        }
        assert_eq!(summary.validation_and_test[0].correlation.spearman, None);
        let summary = of(&Rows::default());
        assert_eq!((summary.cells, summary.best.len(), summary.budgets.len()), (0, 0, 0));
        assert_eq!(summary.ranges[0].mean, None);
    }
}
