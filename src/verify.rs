//! Retrains what a search found on fresh seeds, beside the best recorded cell and random controls, and says plainly whether
//! the surrogate's promise held.

use std::ops::Range;

use rand::seq::IndexedRandom as _;

use crate::space::{Cell, ModuleHash};
use crate::statistics::{mean, spearman, standard_deviation};
use crate::table::{FIRST_VERIFIED_REPEAT, Record, judged_records};
use crate::unit::{Accuracy, Epochs, Parameters, Seed};

/// How many winners are retrained.
pub const WINNERS: usize = 5;
/// How many random cells are retrained beside them.
pub const CONTROLS: usize = 5;
/// On how many fresh seeds each is retrained.
pub const SEEDS: u16 = 3;

/// The repeats of verification, which no recording uses.
#[must_use]
pub const fn repeats() -> Range<u16> {
    FIRST_VERIFIED_REPEAT..FIRST_VERIFIED_REPEAT + SEEDS
}

/// A cell to be retrained, and what is expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
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
    free.sample(&mut seed.derive("controls").rng(), CONTROLS).copied().collect()
}

/// Puts what was measured beside what was expected.
///
/// `records` are rows of verification; those of other cells or another budget are left out. A training that diverged counts as an
/// accuracy of chance, 1 over the number of `classes`.
#[must_use]
pub fn compare(candidates: &[Candidate], records: &[Record], epochs: Epochs, classes: usize) -> Verification {
    let of_cell = |candidate: &Candidate| -> Vec<&Record> {
        let hash = candidate.cell.hash();
        let wanted = |record: &&Record| record.hash == hash && record.epochs == epochs && repeats().contains(&record.repeat);
        records.iter().filter(wanted).collect()
    };
    let cells: Vec<_> = candidates.iter().map(|candidate| verified(candidate, &of_cell(candidate), classes)).collect();
    let curves = candidates.iter().map(|candidate| learning_curve(candidate, &of_cell(candidate))).collect();
    Verification {
        training: format!("{SEEDS} fresh seeds at {epochs} epochs"),
        rank_correlation: RankCorrelations::of(&cells),
        verdict: Verdict::of(&cells),
        cells,
        curves,
    }
}

fn verified(candidate: &Candidate, records: &[&Record], classes: usize) -> Verified {
    let validation = judged_records(records, |end| end.validation_accuracy, classes);
    let fractions: Vec<_> = validation.iter().map(|accuracy| f64::from(accuracy.fraction())).collect();
    Verified {
        role: candidate.role,
        cell: candidate.cell,
        parameters: records.first().map_or(Parameters(0), |record| record.parameters),
        predicted: candidate.predicted,
        measured: Accuracy::mean(&validation),
        deviation: standard_deviation(&fractions),
        seeds: validation.len(),
        test: Accuracy::mean(&judged_records(records, |end| end.test_accuracy, classes)),
    }
}

fn learning_curve(candidate: &Candidate, records: &[&Record]) -> LearningCurve {
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
        cell: candidate.cell,
        role: candidate.role,
        train: mean_of(|record| &record.curves.train_accuracy),
        validation: mean_of(|record| &record.curves.validation_accuracy),
    }
}

/// The cells retrained to check the surrogate.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// How they were retrained, in words: `3 fresh seeds at 12 epochs`.
    pub training: String,
    /// The retrained cells, in any order.
    pub cells: Vec<Verified>,
    /// Whether the promise held.
    pub verdict: Option<Verdict>,
    /// How well the predictions rank the retrained cells.
    pub rank_correlation: RankCorrelations,
    /// The learning curves to plot, usually the winners'.
    pub curves: Vec<LearningCurve>,
}

/// Why a cell was retrained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A search found it: the surrogate expects much of it.
    Winner,
    /// The best cell of the records, for comparison.
    BestRecorded,
    /// A random cell of the searched space, for comparison.
    Control,
}

impl Role {
    /// The role in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Winner => "winner",
            Self::BestRecorded => "best recorded",
            Self::Control => "random control",
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
}

impl Verified {
    /// By how much the measurement exceeds the prediction, as a fraction.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        Some(f64::from(self.measured?.fraction()) - f64::from(self.predicted?.fraction()))
    }
}

/// Whether the surrogate's promise held.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The answer.
    pub held: bool,
    /// The answer with its reasons, in a sentence or two.
    pub text: String,
}

/// Rank correlations between predicted and measured accuracies; `None` where there are too few cells.
#[derive(Clone, Copy, Debug, Default)]
pub struct RankCorrelations {
    /// Over the winners and the controls, none of which the surrogate was fitted on.
    pub all: Option<f64>,
    /// Over the winners alone.
    pub winners: Option<f64>,
    /// Over the random controls alone.
    pub controls: Option<f64>,
}

/// How a cell learned, averaged over its seeds.
#[derive(Clone, Debug)]
pub struct LearningCurve {
    /// The cell.
    pub cell: Cell,
    /// Why it was retrained.
    pub role: Role,
    /// The training accuracy after each epoch.
    pub train: Vec<Accuracy>,
    /// The validation accuracy after each epoch.
    pub validation: Vec<Accuracy>,
}

impl RankCorrelations {
    /// Spearman's rank correlation between predicted and measured accuracies.
    fn of(cells: &[Verified]) -> Self {
        let over = |wanted: &dyn Fn(Role) -> bool| {
            let pairs = cells.iter().filter(|cell| wanted(cell.role)).filter_map(|cell| Some((cell.predicted?, cell.measured?)));
            let (predicted, measured): (Vec<_>, Vec<_>) =
                pairs.map(|(predicted, measured)| (f64::from(predicted.fraction()), f64::from(measured.fraction()))).unzip();
            spearman(&predicted, &measured)
        };
        Self {
            all: over(&|role| role != Role::BestRecorded),
            winners: over(&|role| role == Role::Winner),
            controls: over(&|role| role == Role::Control),
        }
    }
}

impl Verdict {
    /// Judges the winners: the promise held if, on average, they are as good as predicted, within twice the standard error
    /// of that average, and better than the random controls. `None` without a winner that was measured.
    fn of(cells: &[Verified]) -> Option<Self> {
        let of_role = |role: Role| cells.iter().filter(move |cell| cell.role == role);
        let measured = |role: Role| -> Option<f64> {
            mean(
                &of_role(role)
                    .filter_map(|cell| cell.measured)
                    .map(|accuracy| f64::from(accuracy.fraction()))
                    .collect::<Vec<_>>(),
            )
        };
        let differences: Vec<_> = of_role(Role::Winner).filter_map(Verified::difference).collect();
        let (shortfall, winners) = (-mean(&differences)?, measured(Role::Winner)?);
        #[expect(clippy::cast_precision_loss, reason = "a handful of winners")]
        let tolerance = 2.0 * standard_deviation(&differences).unwrap_or(0.0) / (differences.len() as f64).sqrt();
        let as_predicted = shortfall <= tolerance;
        let controls = measured(Role::Control);
        let beat_controls = controls.is_none_or(|controls| winners > controls);
        let held = as_predicted && beat_controls;
        let answer = if held { "The surrogate's promise held" } else { "The surrogate's promise did not hold" };
        let mut sentences = vec![format!(
            "{answer}: the {} winners were predicted {} and measured {} on average, {} points apart (they may fall short by {:.2}, \
             twice the standard error).",
            differences.len(),
            percent(winners + shortfall),
            percent(winners),
            points(-shortfall),
            tolerance * 100.0,
        )];
        sentences.extend(controls.map(|controls| {
            let relation = if beat_controls { "above" } else { "not above" };
            format!("They are {relation} the random controls ({}).", percent(controls))
        }));
        sentences.extend(measured(Role::BestRecorded).map(|recorded| {
            let best = of_role(Role::Winner).filter_map(|cell| cell.measured).map(|accuracy| f64::from(accuracy.fraction()));
            let best = best.fold(0.0, f64::max);
            format!(
                "Against the best recorded cell on the same seeds ({}) they are {} points apart on average, and the best of them, \
                 chosen after measuring, is {} points.",
                percent(recorded),
                points(winners - recorded),
                points(best - recorded),
            )
        }));
        let text = sentences.join(" ");
        Some(Self { held, text })
    }
}

/// A difference of two fractions in percentage points, with its sign.
fn points(difference: f64) -> String {
    format!("{:+.2}", difference * 100.0).replace('-', "−")
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
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

    /// Three rows around a mean for each candidate.
    fn rows(candidates: &[Candidate], means: &[f32]) -> Vec<Record> {
        let row = |(candidate, mean): (&Candidate, &f32), repeat: u16| {
            let end =
                Evaluation { validation_accuracy: accuracy(mean + 0.01 * (f32::from(repeat) - 101.0)), ..Evaluation::default() };
            let curves = Curves { validation_accuracy: vec![0.2, *mean], ..Curves::default() };
            Record { end, curves, ..Record::blank(candidate.cell, EPOCHS, repeat) }
        };
        candidates.iter().zip(means).flat_map(|pair| repeats().map(move |repeat| row(pair, repeat))).collect()
    }

    fn candidates() -> Vec<Candidate> {
        let roles = [Role::Winner, Role::Winner, Role::BestRecorded, Role::Control, Role::Control];
        let predicted = [0.85, 0.84, 0.83, 0.7, 0.6];
        let candidate = |((role, predicted), cell)| Candidate { role, cell, predicted: accuracy(predicted) };
        roles.into_iter().zip(predicted).zip(cells()).map(candidate).collect()
    }

    #[test]
    fn a_promise_holds_where_winners_are_as_good_as_predicted() {
        let candidates = candidates();
        let found = compare(&candidates, &rows(&candidates, &[0.86, 0.84, 0.82, 0.7, 0.65]), EPOCHS, 10);
        let verdict = found.verdict.unwrap();
        assert!(verdict.held, "{}", verdict.text);
        assert!(verdict.text.starts_with("The surrogate's promise held: the 2 winners"), "{}", verdict.text);
        assert!((found.rank_correlation.all.unwrap() - 1.0).abs() < 1e-9);
        assert!((found.cells[0].deviation.unwrap() - 0.01).abs() < 1e-6);
        assert_eq!((found.cells[0].seeds, found.curves[0].validation.len()), (3, 2));
    }

    #[test]
    fn a_promise_breaks_where_winners_fall_short_or_controls_are_better() {
        let candidates = candidates();
        let short = compare(&candidates, &rows(&candidates, &[0.75, 0.73, 0.82, 0.7, 0.65]), EPOCHS, 10);
        assert!(!short.verdict.unwrap().held);
        let beaten = compare(&candidates, &rows(&candidates, &[0.85, 0.84, 0.82, 0.9, 0.9]), EPOCHS, 10);
        assert!(!beaten.verdict.unwrap().held);
    }

    #[test]
    fn rows_of_recording_and_missing_rows_count_for_nothing() {
        let candidates = candidates();
        let recorded: Vec<_> =
            rows(&candidates, &[0.8; 5]).into_iter().map(|row| Record { repeat: row.repeat - 100, ..row }).collect();
        let found = compare(&candidates, &recorded, EPOCHS, 10);
        assert!(found.verdict.is_none());
        assert!(found.cells.iter().all(|cell| cell.measured.is_none() && cell.seeds == 0));
    }

    #[test]
    fn a_training_that_diverged_counts_as_chance() {
        let candidates = candidates();
        let mut records = rows(&candidates, &[0.8; 5]);
        records[0] = Record { status: Status::Diverged, end: Evaluation::default(), ..records[0].clone() };
        let found = compare(&candidates, &records, EPOCHS, 10);
        // 0.1, 0.80 and 0.81.
        assert!((found.cells[0].measured.unwrap().fraction() - 0.57).abs() < 1e-6);
        assert_eq!(found.cells[0].seeds, 3);
    }

    #[test]
    fn controls_are_other_cells_and_the_same_for_a_seed() {
        let cells = cells();
        let taken: Vec<_> = cells[..80].iter().map(Cell::hash).collect();
        let drawn = controls(&cells, &taken, Seed(3));
        assert_eq!(drawn.len(), CONTROLS);
        assert!(drawn.iter().all(|cell| !taken.contains(&cell.hash())));
        assert_eq!(drawn, controls(&cells, &taken, Seed(3)));
        assert!(controls(&cells[..3], &taken, Seed(3)).is_empty());
    }
}
