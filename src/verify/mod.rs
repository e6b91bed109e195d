//! Compares the predictions of a surrogate with retrainings of its winners on fresh seeds, beside cells that need no surrogate.

mod verdict;

use std::cmp::Reverse;
use std::ops::Range;

use rand::seq::{IndexedRandom as _, SliceRandom as _};

use crate::network::Size;
use crate::space::{Cell, ModuleHash};
use crate::statistics::{Estimate, spearman_interval, standard_deviation};
use crate::table::{FIRST_VERIFIED_REPEAT, Record, judged_records};
use crate::unit::{Accuracy, Epochs, Parameters, Seed};

pub use verdict::{Chosen, Difference, MARGIN, Outcome, Verdict};

/// The number of winners that are retrained, and of the cells of each kind beside them.
pub const WINNERS: usize = 5;
/// The number of fresh seeds that each is retrained on, and then the best of the winners again.
pub const SEEDS: u16 = 3;

/// The repeats of verification, which no recording uses.
#[must_use]
pub const fn repeats() -> Range<u16> {
    FIRST_VERIFIED_REPEAT..FIRST_VERIFIED_REPEAT + SEEDS
}

/// The repeats of the winner that was the best one in those: it was not chosen by them.
#[must_use]
pub const fn further_repeats() -> Range<u16> {
    FIRST_VERIFIED_REPEAT + SEEDS..FIRST_VERIFIED_REPEAT + 2 * SEEDS
}

/// A cell to be retrained, with its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contender {
    /// Why it is retrained.
    pub role: Role,
    /// The cell.
    pub cell: Cell,
    /// The validation accuracy that the surrogate expects.
    pub predicted: Option<Accuracy>,
}

/// Draws cells at random as controls: any that are not `taken`, each once.
#[must_use]
pub fn controls(cells: &[Cell], taken: &[ModuleHash], seed: Seed) -> Vec<Cell> {
    let free: Vec<_> = cells.iter().filter(|cell| !taken.contains(&cell.hash())).copied().collect();
    free.sample(&mut seed.derive("controls").rng(), WINNERS).copied().collect()
}

/// Draws a control for each winner that is as large by its operations, or as nearly as any that is not `taken`: each once.
#[must_use]
pub fn controls_of_size(winners: &[Cell], cells: &[Cell], taken: &[ModuleHash], seed: Seed) -> Vec<Cell> {
    let mut rng = seed.derive("controls of size").rng();
    let free = cells.iter().filter(|cell| !taken.contains(&cell.hash()));
    let mut free: Vec<(u64, Cell)> = free.map(|cell| (Size::Flops.measure(cell), *cell)).collect();
    // Of cells of one size any may be the nearest.
    free.shuffle(&mut rng);
    let nearest = |winner: &Cell| {
        let size = Size::Flops.measure(winner);
        let place = (0..free.len()).min_by_key(|place| free[*place].0.abs_diff(size))?;
        Some(free.swap_remove(place).1)
    };
    winners.iter().filter_map(nearest).collect()
}

/// Returns the cells that are largest by their operations: what a search would take that knew nothing but their size.
#[must_use]
pub fn largest(cells: &[Cell]) -> Vec<Cell> {
    let mut sorted = cells.to_vec();
    sorted.sort_by_cached_key(|cell| (Reverse(Size::Flops.measure(cell)), cell.hash()));
    sorted.truncate(WINNERS);
    sorted
}

/// Returns the winner that was the best one on its fresh seeds; `None` if none was measured.
#[must_use]
pub fn choose(verification: &Verification) -> Option<Cell> {
    verification.best_winner().map(|(place, _)| verification.cells[place].cell)
}

/// Compares the measured accuracies of contenders with the predicted ones.
///
/// `records` are rows of verification; those of other cells or another budget are left out. A training that diverged counts as an
/// accuracy of chance, 1 over the number of `classes`.
#[must_use]
pub fn compare(contenders: &[Contender], records: &[Record], epochs: Epochs, classes: usize) -> Verification {
    let of_cell = |cell: Cell, repeats: Range<u16>| -> Vec<&Record> {
        let hash = cell.hash();
        let wanted = |record: &&Record| record.hash == hash && record.epochs == epochs && repeats.contains(&record.repeat);
        records.iter().filter(wanted).collect()
    };
    let verified = |contender: &Contender| verified(contender, &of_cell(contender.cell, repeats()), classes);
    let mut cells: Vec<_> = contenders.iter().map(verified).collect();
    let noise = verdict::noise(&cells);
    for cell in &mut cells {
        cell.difference = noise.and_then(|noise| verdict::difference(cell, noise));
    }
    let mut verification = Verification {
        training: format!("{SEEDS} fresh seeds at {epochs} epochs"),
        rank_correlation: RankCorrelations::new(&cells),
        differences: verdict::differences(&cells, noise),
        chosen: None,
        verdict: None,
        cells,
    };
    verification.chosen = verification.best_winner().and_then(|(place, _)| {
        let further = of_cell(verification.cells[place].cell, further_repeats());
        let measured = judged_records(&further, |end| end.validation_accuracy, classes);
        Chosen::new(place, &measured, &verification.cells, noise)
    });
    verification.verdict = Verdict::new(&verification);
    verification
}

fn verified(contender: &Contender, records: &[&Record], classes: usize) -> Verified {
    let validation = judged_records(records, |end| end.validation_accuracy, classes);
    let fractions: Vec<_> = validation.iter().map(|accuracy| f64::from(accuracy.fraction())).collect();
    Verified {
        role: contender.role,
        cell: contender.cell,
        parameters: records.first().map_or(Parameters(0), |record| record.parameters),
        predicted: contender.predicted,
        measured: Accuracy::mean(&validation),
        deviation: standard_deviation(&fractions),
        seeds: validation.len(),
        test: Accuracy::mean(&judged_records(records, |end| end.test_accuracy, classes)),
        difference: None,
        curve: learning_curve(records),
    }
}

fn learning_curve(records: &[&Record]) -> LearningCurve {
    let finished: Vec<_> = records.iter().filter(|record| record.end.validation_accuracy.is_some()).collect();
    let mean_of = |curve: fn(&Record) -> &[f32]| -> Vec<Accuracy> {
        let epochs = finished.iter().map(|record| curve(record).len()).min().unwrap_or(0);
        let at = |epoch: usize| {
            let values: Vec<_> = finished.iter().filter_map(|record| Accuracy::from_fraction(curve(record)[epoch])).collect();
            Accuracy::mean(&values)
        };
        (0..epochs).filter_map(at).collect()
    };
    LearningCurve {
        train: mean_of(|record| &record.curves.train_accuracy),
        validation: mean_of(|record| &record.curves.validation_accuracy),
    }
}

/// The cells retrained to check the surrogate.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The seeds and the budget, in words: `3 fresh seeds at 12 epochs`.
    pub training: String,
    /// The retrained cells, in any order.
    pub cells: Vec<Verified>,
    /// The result of the equivalence test of the predictions.
    pub verdict: Option<Verdict>,
    /// The winners against the cells beside them.
    pub differences: Vec<Difference>,
    /// The best of the winners, trained further; `None` before that.
    pub chosen: Option<Chosen>,
    /// How well the predictions rank the retrained cells.
    pub rank_correlation: RankCorrelations,
}

impl Verification {
    /// Returns the index and the mean of the winner that was the best one on its fresh seeds; of equals the first.
    pub(crate) fn best_winner(&self) -> Option<(usize, Accuracy)> {
        let winners = self.cells.iter().enumerate().filter(|(_, cell)| cell.role == Role::Winner);
        let measured = winners.filter_map(|(place, cell)| Some((place, cell.measured?)));
        measured.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

/// Why a cell was retrained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The surrogate expects more of it than of any other cell that is not recorded.
    Winner,
    /// The best cell of the records, for comparison.
    BestRecorded,
    /// One of the largest cells of the searched space that are not recorded: what knowing nothing but the size would have taken.
    Largest,
    /// A cell of the searched space that is as large as a winner, drawn at random.
    SameSize,
    /// A random cell of the searched space, for comparison.
    Control,
}

impl Role {
    /// Every role, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Winner, Self::BestRecorded, Self::Largest, Self::SameSize, Self::Control];

    /// The role in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Winner => "winner",
            Self::BestRecorded => "best recorded",
            Self::Largest => "largest",
            Self::SameSize => "control of its size",
            Self::Control => "random control",
        }
    }

    /// A number of cells of it, in words.
    fn several(self, count: usize) -> String {
        match self {
            Self::Winner => format!("{count} winners"),
            Self::BestRecorded => "the best recorded cell on fresh seeds".to_owned(),
            Self::Largest => format!("the {count} largest cells, which need no surrogate"),
            Self::SameSize => format!("{count} random cells of the winners' sizes"),
            Self::Control => format!("{count} random cells"),
        }
    }
}

/// A cell retrained on fresh seeds.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Why it was retrained.
    pub role: Role,
    /// The cell.
    pub cell: Cell,
    /// Its trainable parameters in the protocol's network.
    pub parameters: Parameters,
    /// The validation accuracy that the surrogate expects.
    pub predicted: Option<Accuracy>,
    /// The mean final validation accuracy over the seeds, where one that diverged counts as chance; `None` without trainings.
    pub measured: Option<Accuracy>,
    /// The standard deviation over the seeds, as a fraction; `None` of fewer than two.
    pub deviation: Option<f64>,
    /// The seeds that the means are of.
    pub seeds: usize,
    /// The mean final test accuracy over the seeds.
    pub test: Option<Accuracy>,
    /// By how much the measurement exceeds the prediction, as a fraction, with its interval of 95 % by the noise of all trainings of
    /// the verification.
    pub difference: Option<Estimate>,
    /// Its mean learning curve.
    pub curve: LearningCurve,
}

/// Rank correlations between predicted and measured accuracies; `None` where there are too few cells.
#[derive(Clone, Copy, Debug, Default)]
pub struct RankCorrelations {
    /// Over all cells that the surrogate was not fitted on.
    pub all: Option<Estimate>,
    /// Over the winners alone.
    pub winners: Option<Estimate>,
    /// Over the random controls alone.
    pub controls: Option<Estimate>,
}

/// The learning curve of a cell, averaged over its seeds.
#[derive(Clone, Debug, Default)]
pub struct LearningCurve {
    /// The training accuracy after each epoch.
    pub train: Vec<Accuracy>,
    /// The validation accuracy after each epoch.
    pub validation: Vec<Accuracy>,
}

impl RankCorrelations {
    /// Spearman's rank correlation between predicted and measured accuracies, each cell counted once.
    fn new(cells: &[Verified]) -> Self {
        let over = |wanted: &dyn Fn(Role) -> bool| {
            let mut of: Vec<&Verified> = cells.iter().filter(|cell| wanted(cell.role)).collect();
            of.sort_by_key(|cell| cell.cell);
            of.dedup_by_key(|cell| cell.cell);
            let pairs = of.into_iter().filter_map(|cell| Some((cell.predicted?, cell.measured?)));
            let (predicted, measured): (Vec<_>, Vec<_>) =
                pairs.map(|(predicted, measured)| (f64::from(predicted.fraction()), f64::from(measured.fraction()))).unzip();
            spearman_interval(&predicted, &measured)
        };
        Self {
            all: over(&|role| role != Role::BestRecorded),
            winners: over(&|role| role == Role::Winner),
            controls: over(&|role| role == Role::Control),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::table::Status;
    use crate::train::{Curves, Evaluation};

    const EPOCHS: Epochs = Epochs(4);

    fn accuracy(fraction: f32) -> Option<Accuracy> {
        Accuracy::from_fraction(fraction)
    }

    fn cells() -> Vec<Cell> {
        Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap()
    }

    /// Three rows around a mean for each contender.
    fn rows(contenders: &[Contender], means: &[f32]) -> Vec<Record> {
        let row = |(contender, mean): (&Contender, &f32), repeat: u16| {
            let end =
                Evaluation { validation_accuracy: accuracy(mean + 0.01 * (f32::from(repeat) - 101.0)), ..Evaluation::default() };
            let curves = Curves { validation_accuracy: vec![0.2, *mean], ..Curves::default() };
            Record { end, curves, ..Record::blank(contender.cell, EPOCHS, repeat) }
        };
        contenders.iter().zip(means).flat_map(|pair| repeats().map(move |repeat| row(pair, repeat))).collect()
    }

    fn contenders() -> Vec<Contender> {
        let roles = [Role::Winner; 3].into_iter().chain([Role::BestRecorded]).chain([Role::Control; 2]);
        let predicted = [0.85, 0.84, 0.83, 0.83, 0.7, 0.6];
        let contender = |((role, predicted), cell)| Contender { role, cell, predicted: accuracy(predicted) };
        roles.zip(predicted).zip(cells()).map(contender).collect()
    }

    /// What comes of trainings whose means are those, and of further ones of the first cell, of .8.
    fn compared(means: &[f32]) -> Verification {
        let contenders = contenders();
        let mut records = rows(&contenders, means);
        let further: Vec<_> =
            rows(&contenders[..1], &[0.8]).into_iter().map(|row| Record { repeat: row.repeat + SEEDS, ..row }).collect();
        records.extend(further);
        compare(&contenders, &records, EPOCHS, 10)
    }

    #[test]
    fn a_promise_holds_where_winners_fall_short_by_less_than_the_margin() {
        let found = compared(&[0.856, 0.84, 0.83, 0.82, 0.7, 0.65]);
        let verdict = found.verdict.as_ref().unwrap();
        assert_eq!(verdict.outcome, Outcome::Held, "{}", verdict.text);
        // Differences of .6, 0 and 0 points: a mean of .2, a standard error of .2 and a t of 2.92.
        let expected =
            "the 3 winners were predicted 84.00 % and measured 84.20 % on average, +0.20 points ([−0.38, +0.78] with 90 %";
        assert!(verdict.text.contains(expected), "{}", verdict.text);
        assert!((found.cells[0].deviation.unwrap() - 0.01).abs() < 1e-6);
        assert_eq!((found.cells[0].seeds, found.cells[0].curve.validation.len()), (3, 2));
        // Over the three winners and the two controls, which are ranked as predicted.
        assert!((found.rank_correlation.all.unwrap().value - 1.0).abs() < 1e-9 && found.rank_correlation.winners.is_none());
    }

    #[test]
    fn a_promise_is_broken_beyond_the_margin_and_open_where_trainings_do_not_tell() {
        let outcome = |means: &[f32]| compared(means).verdict.unwrap().outcome;
        assert_eq!(outcome(&[0.81, 0.80, 0.79, 0.82, 0.7, 0.65]), Outcome::Broken);
        assert_eq!(outcome(&[0.86, 0.80, 0.84, 0.82, 0.7, 0.65]), Outcome::Open);
        // Half a point short, each of them, is less than the margin of a point.
        assert_eq!(outcome(&[0.845, 0.835, 0.825, 0.82, 0.7, 0.65]), Outcome::Held);
    }

    #[test]
    fn every_difference_has_its_interval() {
        let found = compared(&[0.86, 0.84, 0.82, 0.81, 0.7, 0.65]);
        let [recorded, controls] = found.differences.as_slice() else { panic!("{:?}", found.differences) };
        assert_eq!((recorded.role, recorded.cells, controls.role, controls.cells), (Role::BestRecorded, 1, Role::Control, 2));
        assert!((controls.difference.value - 0.165).abs() < 1e-6 && controls.difference.low < 0.165, "{controls:?}");
        // Winners: a variance of .0004 over 3 with 2 degrees of freedom; the recorded cell: .0001 over 3 with 12, two for each cell.
        let (winners, one) = (0.0004_f64 / 3.0, 0.0001_f64 / 3.0);
        let freedom = (winners + one).powi(2) / (winners.powi(2) / 2.0 + one.powi(2) / 12.0);
        assert!((3.0..4.0).contains(&freedom), "{freedom}");
        let reach = 3.182_446 * (winners + one).sqrt();
        assert!((recorded.difference.high - recorded.difference.value - reach).abs() < 1e-5, "{recorded:?}");
        // Each cell by the noise of all: t of 12 degrees of freedom, 2.179.
        let own = found.cells[0].difference.unwrap();
        assert!((own.value - 0.01).abs() < 1e-6 && (own.high - own.value - 2.178_813 * one.sqrt()).abs() < 1e-5, "{own:?}");
    }

    #[test]
    fn the_best_winner_is_judged_by_trainings_that_it_was_not_chosen_by() {
        let found = compared(&[0.86, 0.84, 0.82, 0.81, 0.7, 0.65]);
        assert_eq!(choose(&found), Some(contenders()[0].cell));
        let chosen = found.chosen.unwrap();
        assert_eq!((chosen.place, chosen.seeds), (0, 3));
        assert!((chosen.measured - 0.8).abs() < 1e-6);
        let above = chosen.above_recorded.unwrap();
        assert!((above.value + 0.01).abs() < 1e-6 && above.low < above.value && above.value < above.high);
    }

    #[test]
    fn rows_of_recording_and_missing_rows_count_for_nothing() {
        let contenders = contenders();
        let recorded: Vec<_> =
            rows(&contenders, &[0.8; 6]).into_iter().map(|row| Record { repeat: row.repeat - 100, ..row }).collect();
        let found = compare(&contenders, &recorded, EPOCHS, 10);
        assert!(found.verdict.is_none() && found.chosen.is_none() && found.differences.is_empty());
        assert_eq!(choose(&found), None);
        assert!(found.cells.iter().all(|cell| cell.measured.is_none() && cell.seeds == 0));
    }

    #[test]
    fn a_training_that_diverged_counts_as_chance() {
        let contenders = contenders();
        let mut records = rows(&contenders, &[0.8; 6]);
        records[0] = Record { status: Status::Diverged, end: Evaluation::default(), ..records[0].clone() };
        let found = compare(&contenders, &records, EPOCHS, 10);
        // 0.1, 0.80 and 0.81.
        assert!((found.cells[0].measured.unwrap().fraction() - 0.57).abs() < 1e-6);
        assert_eq!(found.cells[0].seeds, 3);
    }

    #[test]
    fn controls_are_other_cells_and_the_same_for_a_seed() {
        let cells = cells();
        let taken: Vec<_> = cells[..80].iter().map(Cell::hash).collect();
        let drawn = controls(&cells, &taken, Seed(3));
        assert_eq!(drawn.len(), WINNERS);
        assert!(drawn.iter().all(|cell| !taken.contains(&cell.hash())));
        assert_eq!(drawn, controls(&cells, &taken, Seed(3)));
        assert!(controls(&cells[..3], &taken, Seed(3)).is_empty());
    }

    #[test]
    fn controls_of_size_are_as_large_as_the_winners_and_the_largest_are_the_largest() {
        let cells = cells();
        let sizes = |cells: &[Cell]| cells.iter().map(|cell| Size::Flops.measure(cell)).collect::<Vec<_>>();
        let winners = largest(&cells);
        assert_eq!(winners.len(), WINNERS);
        assert_eq!(sizes(&winners)[0], *sizes(&cells).iter().max().unwrap());
        assert!(sizes(&winners).is_sorted_by(|one, next| one >= next));
        let middle = &cells[40..43];
        let taken: Vec<_> = middle.iter().map(Cell::hash).collect();
        let drawn = controls_of_size(middle, &cells, &taken, Seed(3));
        assert_eq!((drawn.len(), &drawn), (3, &controls_of_size(middle, &cells, &taken, Seed(3))));
        assert!(drawn.iter().all(|cell| !taken.contains(&cell.hash())));
        for (winner, control) in sizes(middle).into_iter().zip(sizes(&drawn)) {
            assert!(control.abs_diff(winner) * 10 <= winner, "{control} for {winner}");
        }
    }
}
