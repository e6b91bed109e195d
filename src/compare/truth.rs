//! The ground truth of a comparison, which no search may see: how good cells truly are.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::hypervolume::none_keeps_the_limits;
use super::noise::{self, Records};
use super::{Error, ExactFront, Judging, NoisyMean};
use crate::objective::Goals;
use crate::oracle::Measurement;
use crate::search::{self, Duplicates, Entry, Returns, Setup};
use crate::space::Cell;
use crate::statistics::{Estimate, number};
use crate::surrogate::{Model, Prediction};
use crate::table::{BetweenBudgets, Divergence, Mean, Reached, Status, Table, mean_accuracy};
use crate::unit::{Accuracy, Epochs, Seconds};

/// What the score of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Their mean test accuracy over all repeats of a table.
    MeanTestAccuracy,
    /// Their mean validation accuracy over all repeats of a table that has no test accuracies.
    MeanValidationAccuracy,
    /// The validation accuracy that a model predicts, without noise.
    PredictedValidationAccuracy,
}

impl Score {
    /// Returns its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MeanTestAccuracy => "mean test accuracy",
            Self::MeanValidationAccuracy => "mean validation accuracy",
            Self::PredictedValidationAccuracy => "predicted validation accuracy",
        }
    }

    /// Describes what a search sees and what it is judged by: a front, or its incumbent.
    #[must_use]
    pub fn leakage(self, judging: Judging, duplicates: Duplicates, returns: Returns, is_of_fronts: bool) -> String {
        let means = match duplicates {
            Duplicates::Average => "and of a cell that it asks for again the mean of what it was shown of it so far",
            Duplicates::Published | Duplicates::Never => "nor a mean over repeats",
        };
        let [saw, truth] = match judging {
            Judging::All => [
                format!("the validation accuracy of one repeat and what it cost, never a test accuracy {means}"),
                "over all repeats at the full budget, the one that the search saw among them, so that a part of a regret is the luck of \
                 that run"
                    .to_owned(),
            ],
            Judging::Unseen { shown: 1 } => [
                format!("the validation accuracy of repeat 0 and what it cost, never a test accuracy {means}"),
                "over the other repeats at the full budget, which no search sees".to_owned(),
            ],
            Judging::Unseen { shown } => [
                format!(
                    "the validation accuracy of one of the repeats 0 to {} and what it cost, never a test accuracy {means}",
                    shown - 1
                ),
                "over the other repeats at the full budget, which no search sees".to_owned(),
            ],
        };
        let rule = if is_of_fronts { String::new() } else { format!(" {}", returns.in_words()) };
        let end = format!("{rule} Every training is paid for, those of few epochs too.");
        let lack =
            "Its regret is the part of the exact front's hypervolume that the front of what it saw lacks, with both fronts";
        match self {
            Self::MeanTestAccuracy if is_of_fronts => {
                format!("A search sees {saw}. {lack} judged by the mean test accuracy of each cell {truth}.{end}")
            }
            Self::MeanTestAccuracy => format!(
                "A search sees {saw}. The regret of its incumbent is the mean test accuracy of the best cell, less its own, both {truth}.{end}"
            ),
            Self::MeanValidationAccuracy => format!(
                "The benchmark has no test accuracies, so cells are judged by their mean validation accuracy {truth}. A search sees {saw}; \
                 where a cell has one repeat only, it sees the very number that it is judged by, and a regret has no noise of training.{}{end}",
                if is_of_fronts { format!(" {lack} judged so.") } else { String::new() }
            ),
            Self::PredictedValidationAccuracy => {
                let rule: &str = if returns.is_best_seen() { "" } else { &rule };
                let regret: &str = if is_of_fronts {
                    &format!("{lack} of predictions")
                } else {
                    "The regret of its incumbent is the prediction for the best cell, less that for its own, both"
                };
                format!(
                    "On a model, a search sees what the model predicts of a cell, with the noise of a repeat if that was asked for, and pays \
                     the predicted time. {regret} without noise: how well a search does on a model says how well it does on trainings only \
                     as far as the model can be trusted.{rule}"
                )
            }
        }
    }

    /// Chooses the score of the cells of a table at a budget: test accuracies, or, where nothing has one, validation accuracies.
    #[must_use]
    pub fn of_table(table: &Table, epochs: Epochs) -> Self {
        let is_tested = (0..table.len()).any(|index| Self::MeanTestAccuracy.mean(table, index, epochs, Judging::All).is_some());
        if is_tested { Self::MeanTestAccuracy } else { Self::MeanValidationAccuracy }
    }

    /// Returns the score of a cell of a table, by its index, at a budget.
    #[must_use]
    pub fn mean(self, table: &Table, index: usize, epochs: Epochs, judging: Judging) -> Option<Mean> {
        let end = table.answer(index, epochs, judging.judged()).ok()?.end;
        match self {
            Self::MeanTestAccuracy => end.test_accuracy,
            Self::MeanValidationAccuracy | Self::PredictedValidationAccuracy => end.validation_accuracy,
        }
    }
}

/// The set-up of a comparison on the records of a table, as [`Setup::on_table`] makes it: with the cells that can be judged.
///
/// # Errors
///
/// As [`Setup::on_table`].
pub fn set_up(table: &Table, epochs: Option<Epochs>, algorithms: &[&Entry], judging: Judging) -> Result<Setup, search::Error> {
    let full = full_budget(table, epochs);
    let judged_by = Score::of_table(table, full);
    let is_shown = |index| match judging {
        Judging::All => true,
        Judging::Unseen { shown } => {
            table.repeats(index, full).iter().any(|row| row.repeat() < shown && row.status() != Status::Failed)
        }
    };
    Setup::on_table(table, epochs, algorithms, |index| is_shown(index) && judged_by.mean(table, index, full, judging).is_some())
}

/// The full budget of a comparison: the one that is given, or the largest one of the table.
#[must_use]
pub fn full_budget(table: &Table, epochs: Option<Epochs>) -> Epochs {
    epochs.or_else(|| table.budgets().last().copied()).unwrap_or_default()
}

/// How good the cells truly are. Only comparisons, verification and reports ask it.
///
/// # Units
///
/// Scores and regrets are fractions.
#[derive(Debug)]
pub struct GroundTruth<'a> {
    /// What the score of a cell is.
    pub judged_by: Score,
    /// Which repeats of a table searches are shown and cells are judged by.
    pub judging: Judging,
    /// The number of trainings that the score of a cell is the mean of: the fewest and the most of any cell. `None` if it is no mean.
    pub repeats: Option<(usize, usize)>,
    /// Whether the means are shrunk: where cells have unequally many repeats to judge by, a lucky single one would stand above all means.
    pub is_shrunk: bool,
    /// The regrets of measuring every cell once and taking the one that looked best: what a search cannot be below but by luck.
    /// Ascending; empty where a search sees the truth itself.
    pub floor: Vec<f64>,
    /// The score of the best cell with the noise of its trainings removed, and with an interval: what [`best`](Self::best) is the largest
    /// of is noisy. It is found from all repeats; where means are shrunk, from the distribution that they are shrunk by. `None` where
    /// nothing is noisy, or the noise is not known.
    pub optimum: Option<Estimate>,
    /// How many trainings of the cells at the full budget diverged.
    pub divergence: Divergence,
    /// Why the truth itself is doubtful, in a clause; `None` if it is not.
    pub caveat: Option<String>,
    /// The exact front, where searches have several objectives: then a regret is the part of its hypervolume that a search lacks.
    pub front: Option<ExactFront>,
    /// By the fingerprint of the cell, whatever the numbering of its vertices.
    scores: FxHashMap<u64, f64>,
    /// All scores, descending: at least one.
    sorted: Vec<f64>,
    records: Option<Records<'a>>,
}

impl<'a> GroundTruth<'a> {
    /// Takes the means over repeats of all cells that a search of a set-up can find, at its full budget. A training that diverged counts as
    /// chance.
    ///
    /// # Errors
    ///
    /// [`Error::NoTruth`] if no such cell has an accuracy, [`Error::Limits`] if none keeps the limits.
    ///
    /// # Source
    ///
    /// Ying et al., ICML 2019, section 5: the regret of a search is that of the mean test accuracy, over the repeats, of the cell
    /// with the best validation accuracy seen. There the mean is over all repeats, [`Judging::All`]. Shrinking: Efron, "Empirical Bayes
    /// deconvolution estimates", Biometrika 103, 2016.
    pub fn of_table(table: &'a Table, setup: &Setup, judging: Judging) -> Result<Self, Error> {
        let epochs = setup.epochs;
        let judged_by = Score::of_table(table, epochs);
        let mean_of = |(index, cell): (usize, &Cell)| {
            let Mean { value, repeats } = judged_by.mean(table, index, epochs, judging).filter(|_| setup.holds(cell))?;
            Some((index, NoisyMean { value, repeats }))
        };
        let means: Vec<(usize, NoisyMean)> = table.cells().par_iter().enumerate().filter_map(mean_of).collect();
        let counts = || means.iter().map(|(_, mean)| mean.repeats);
        let repeats = Some((counts().min().unwrap_or(0), counts().max().unwrap_or(0)));
        let is_unequal = judging != Judging::All && repeats.is_some_and(|(fewest, most)| fewest < most);
        let deconvolved = if is_unequal { noise::deconvolved(table, (epochs, judged_by), &means) } else { None };
        let is_shrunk = deconvolved.is_some();
        // A mean of few repeats moves further than one of many.
        let score = |mean: NoisyMean| deconvolved.as_ref().map_or(mean.value, |found| found.posterior_mean(mean));
        let mut cells: Vec<(usize, NoisyMean, f64)> =
            means.into_par_iter().map(|(index, mean)| (index, mean, score(mean))).collect();
        let measured = |index: usize, mean: f64| {
            let time = || table.answer(index, epochs, judging.judged()).ok()?.end.training_time;
            (table.cells()[index], measurement(mean, time().map(|time| Seconds(time.value))))
        };
        let front = if setup.goals.is_plain() {
            None
        } else {
            let judged = cells.par_iter().map(|(index, _, score)| measured(*index, *score)).collect();
            front_within(judged, &mut cells, &setup.goals)?
        };
        let mut divergence = Divergence::default();
        for (index, ..) in &cells {
            let rows = table.repeats(*index, epochs);
            divergence.trainings += rows.len();
            divergence.diverged += rows.iter().filter(|row| row.status() == Status::Diverged).count();
        }
        let scored: Vec<(usize, f64)> = cells.iter().map(|(index, _, score)| (*index, *score)).collect();
        let of_cells = scored.iter().map(|(index, score)| (table.cells()[*index].fingerprint(), *score)).collect();
        let sorted = descending(scored.iter().map(|(_, score)| *score).collect(), epochs)?;
        let means = cells.into_iter().map(|(index, mean, _)| (index, mean)).collect();
        let optimum = if front.is_none() { noise::optimum(table, (epochs, judged_by), deconvolved, means) } else { None };
        let records = Records { table, epochs, judging, scored };
        let mut truth = Self {
            judged_by,
            judging,
            repeats,
            is_shrunk,
            floor: Vec::new(),
            optimum,
            divergence,
            caveat: None,
            front,
            scores: of_cells,
            sorted,
            records: Some(records),
        };
        truth.floor = truth.regrets_of_one_in(1);
        Ok(truth)
    }

    /// Takes what a model predicts of all cells that a search can find, without noise.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the model cannot predict one of them, [`Error::NoTruth`] if there are none, [`Error::Limits`] if none keeps
    /// the limits.
    ///
    /// # Source
    ///
    /// Zela, Siems, Zimmer, Lukasik, Keuper & Hutter, "Surrogate NAS benchmarks", ICLR 2022, section 5.
    pub fn of_model(model: &Model, cells: &[Cell], goals: &Goals) -> Result<Self, Error> {
        let predictions = model.predict_all(cells)?;
        let predicted = |(cell, prediction): (&Cell, &Prediction)| (*cell, f64::from(prediction.mean.clamp(0.0, 1.0)));
        let mut predicted: Vec<(Cell, f64)> = cells.iter().zip(&predictions).map(predicted).collect();
        let front = if goals.is_plain() {
            None
        } else {
            let judged = predicted.iter().map(|(cell, accuracy)| (*cell, measurement(*accuracy, None))).collect();
            front_within(judged, &mut predicted, goals)?
        };
        Ok(Self {
            judged_by: Score::PredictedValidationAccuracy,
            judging: Judging::All,
            repeats: None,
            is_shrunk: false,
            floor: Vec::new(),
            optimum: None,
            divergence: Divergence::default(),
            caveat: model.fitted_range.outside(cells),
            front,
            scores: predicted.iter().map(|(cell, accuracy)| (cell.fingerprint(), *accuracy)).collect(),
            sorted: descending(predicted.into_iter().map(|(_, accuracy)| accuracy).collect(), model.target.epochs)?,
            records: None,
        })
    }

    /// Returns the score of a cell, the larger the better; `None` if it is not known.
    #[must_use]
    pub fn score(&self, cell: &Cell) -> Option<f64> {
        self.scores.get(&cell.fingerprint()).copied()
    }

    /// Returns the score of the best cell.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.sorted[0]
    }

    /// Returns the largest regret among a share of the cells, the best ones: at least one. Of an exact front the share itself, of the
    /// hypervolume.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, clamped to it")]
    pub fn regret_within(&self, share: f64) -> f64 {
        if self.front.is_some() {
            return share;
        }
        let count = (share * number(self.sorted.len())).ceil() as usize;
        self.best() - self.sorted[count.clamp(1, self.sorted.len()) - 1]
    }

    /// Returns how far the score of a cell is from that of the best one, an unknown score counting as 0.
    #[must_use]
    pub fn regret(&self, cell: &Cell) -> f64 {
        self.best() - self.score(cell).unwrap_or(0.0)
    }

    /// Returns the regrets of searches that measure one cell in `part` once, drawn at random, and take the one that looks best,
    /// ascending; empty without a table.
    #[must_use]
    pub fn regrets_of_one_in(&self, part: usize) -> Vec<f64> {
        self.records.as_ref().map_or_else(Vec::new, |records| noise::regrets_of_one_in(part, records, self))
    }

    /// Measures how well one training at each budget ranks the cells of the larger ones; empty without a table.
    #[must_use]
    pub fn agreements(&self, budgets: &[Epochs]) -> Vec<BetweenBudgets> {
        let Some(Records { table, scored, .. }) = &self.records else { return Vec::new() };
        let of_budget = |epochs: &Epochs| {
            let reached = |(index, _): &(usize, f64)| {
                let values = table.judged_accuracies(*index, *epochs);
                (values.first().copied().unwrap_or(f64::NAN), mean_accuracy(values.iter().copied()).unwrap_or(f64::NAN))
            };
            let (one, mean) = scored.par_iter().map(reached).unzip();
            Reached { epochs: *epochs, one, mean }
        };
        BetweenBudgets::all(&budgets.iter().map(of_budget).collect::<Vec<_>>())
    }
}

fn measurement(accuracy: f64, training_time: Option<Seconds>) -> Measurement {
    #[expect(clippy::cast_possible_truncation, reason = "an accuracy in single precision, as searches see it")]
    let validation_accuracy = Accuracy::from_fraction(accuracy as f32);
    Measurement::new(validation_accuracy, training_time)
}

/// Leaves the cells that keep the limits, and finds their front if there are several objectives. `others` are values of the same cells.
fn front_within<T>(
    mut judged: Vec<(Cell, Measurement)>,
    others: &mut Vec<T>,
    goals: &Goals,
) -> Result<Option<ExactFront>, Error> {
    let violation = |(cell, measurement): &(Cell, Measurement)| goals.violation(cell, measurement);
    let violations: Vec<f64> = judged.par_iter().map(violation).collect::<Result<_, _>>()?;
    if !judged.is_empty() && violations.iter().all(|violation| *violation > 0.0) {
        return Err(none_keeps_the_limits(&judged, &violations, goals));
    }
    let mut keeps = violations.iter().map(|violation| *violation <= 0.0);
    others.retain(|_| keeps.next() == Some(true));
    let mut keeps = violations.iter().map(|violation| *violation <= 0.0);
    judged.retain(|_| keeps.next() == Some(true));
    (goals.objectives().len() > 1).then(|| ExactFront::new(&judged, goals.clone())).transpose()
}

/// Sorts scores, the best first.
fn descending(mut scores: Vec<f64>, epochs: Epochs) -> Result<Vec<f64>, Error> {
    scores.par_sort_unstable_by(|a, b| b.total_cmp(a));
    if scores.is_empty() { Err(Error::NoTruth { epochs }) } else { Ok(scores) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::fixture;
    use crate::network::Skeleton;
    use crate::objective::{ERROR, find};
    use crate::search::Pool;
    use crate::table::{Record, Repeat};
    use crate::train::Evaluation;
    use crate::unit::Accuracy;

    #[test]
    fn the_truth_is_the_mean_test_accuracy_of_what_can_be_found() {
        let (table, cells) = fixture::table();
        let setup = fixture::task(108).setup;
        let truth = GroundTruth::of_table(&table, &setup, Judging::All).unwrap();
        assert_eq!((truth.judged_by, truth.repeats), (Score::MeanTestAccuracy, Some((3, 3))));
        let best = cells.iter().map(|cell| truth.score(cell).unwrap()).fold(0.0, f64::max);
        assert!((truth.best() - best).abs() < 1e-12);
        for cell in &cells {
            let answer = table.query(cell, Epochs(108), Repeat::Mean).unwrap();
            let mean = answer.end.test_accuracy.unwrap().value;
            assert!((truth.score(cell).unwrap() - mean).abs() < 1e-12);
            assert!((truth.regret(cell) - (best - mean)).abs() < 1e-12);
        }
        let smaller = setup.space.with_max_vertices(3).unwrap();
        let known = |setup: &Setup| {
            let truth = GroundTruth::of_table(&table, setup, Judging::All).unwrap();
            cells.iter().filter(|cell| truth.score(cell).is_some()).count()
        };
        assert_eq!(known(&Setup { space: smaller, ..setup.clone() }), smaller.cells().unwrap().len());
        assert_eq!(known(&Setup { pool: Some(Pool::new(cells[..50].to_vec(), None)), ..setup.clone() }), 50);
        let other = Setup { epochs: Epochs(7), ..setup };
        assert!(matches!(GroundTruth::of_table(&table, &other, Judging::All), Err(Error::NoTruth { epochs: Epochs(7) })));
    }

    #[test]
    fn what_a_search_saw_is_no_part_of_what_cells_are_judged_by() {
        let (table, cells) = fixture::table();
        let setup = fixture::task(108).setup;
        let judging = Judging::unseen(&table, Epochs(108));
        assert_eq!(judging, Judging::Unseen { shown: 2 });
        let truth = GroundTruth::of_table(&table, &setup, judging).unwrap();
        assert_eq!(truth.repeats, Some((1, 1)));
        for cell in &cells {
            let third = table.query(cell, Epochs(108), Repeat::One(2)).unwrap().end.test_accuracy.unwrap().value;
            assert!((truth.score(cell).unwrap() - third).abs() < 1e-12);
        }
        let (records, _) = fixture::records();
        let fewer = |most: u16| Table::from_records(&records.iter().filter(|one| one.repeat < most).cloned().collect::<Vec<_>>());
        assert_eq!(Judging::unseen(&fewer(2), Epochs(108)), Judging::Unseen { shown: 1 });
        assert_eq!(Judging::unseen(&fewer(1), Epochs(108)), Judging::All);
        assert_eq!(Judging::unseen(&table, Epochs(7)), Judging::All);
    }

    #[test]
    fn unequally_many_repeats_are_shrunk_and_equally_many_are_means() {
        // The best tenth by their first two repeats has ten more, the others one.
        let cells = fixture::space().cells().unwrap();
        let mut rng = crate::unit::Seed(1).rng();
        let mut noise = move || 0.02 * crate::statistics::distribution::standard_normal(&mut rng);
        let truths: Vec<f64> = cells.iter().map(|cell| 0.7 + f64::from(cell.hash().to_bytes()[0]) / 2_560.0).collect();
        let mut more = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            let repeats = if truths[place] > 0.79 { 13 } else { 3 };
            #[expect(clippy::cast_possible_truncation, reason = "an accuracy")]
            more.extend((0..repeats).map(|repeat| {
                let accuracy = Accuracy::from_fraction((truths[place] + noise()) as f32);
                let end = Evaluation { validation_accuracy: accuracy, test_accuracy: accuracy, ..Evaluation::default() };
                Record { end, ..Record::blank(*cell, Epochs(108), repeat) }
            }));
        }
        let (table, setup) = (Table::from_records(&more), fixture::task(108).setup);
        let truth = GroundTruth::of_table(&table, &setup, Judging::Unseen { shown: 2 }).unwrap();
        assert_eq!((truth.is_shrunk, truth.repeats), (true, Some((1, 11))));
        let error = |score: &dyn Fn(usize, &Cell) -> f64| -> f64 {
            let each = cells.iter().enumerate().filter(|(place, _)| truths[*place] <= 0.79);
            each.map(|(place, cell)| (score(place, cell) - truths[place]).powi(2)).sum()
        };
        let one = |_, cell: &Cell| table.query(cell, Epochs(108), Repeat::One(2)).unwrap().end.test_accuracy.unwrap().value;
        let shrunk = |_, cell: &Cell| truth.score(cell).unwrap();
        assert!(error(&shrunk) < error(&one), "{} and {}", error(&shrunk), error(&one));
        // The distribution that shrinks them knows the best true score, also of the cells that keep a limit.
        let best = truths.iter().copied().fold(0.0, f64::max);
        let optimum = truth.optimum.unwrap().value;
        assert!((optimum - best).abs() < 0.015, "{optimum} and {best}");
        let goals = Goals::new(vec![find(ERROR).unwrap()], vec!["error>=0.27".parse().unwrap()], Skeleton::nas_bench_101());
        let limited = Setup { goals: goals.unwrap(), ..setup.clone() };
        let limited = GroundTruth::of_table(&table, &limited, Judging::Unseen { shown: 2 }).unwrap();
        let optimum = limited.optimum.unwrap().value;
        assert!(limited.is_shrunk && (0.72..0.775).contains(&optimum), "{optimum}");
        let all = GroundTruth::of_table(&table, &setup, Judging::All).unwrap();
        assert!(!all.is_shrunk && (all.optimum.unwrap().value - best).abs() < 0.015, "{:?}", all.optimum);
    }

    #[test]
    fn the_floor_is_that_of_one_run_of_every_cell() {
        // Two runs of each of five cells are shown, and the third one is the truth. The best run seen is .9 of the first cell or, where
        // the draw shows its other run, .8 of the second.
        let cells: Vec<Cell> = fixture::space().cells().unwrap()[..5].to_vec();
        let seen = [[0.9, 0.1], [0.8, 0.8], [0.3, 0.2], [0.1, 0.1], [0.2, 0.2]];
        let truths = [0.5, 0.6, 0.7, 0.2, 0.1];
        let accuracy = |fraction: f32| Accuracy::from_fraction(fraction);
        let record = |place: usize, repeat: u16, validation: f32| {
            let end = Evaluation {
                validation_accuracy: accuracy(validation),
                test_accuracy: accuracy(truths[place]),
                ..Evaluation::default()
            };
            Record { end, ..Record::blank(cells[place], Epochs(4), repeat) }
        };
        let of_cell = |place: usize| [record(place, 0, seen[place][0]), record(place, 1, seen[place][1]), record(place, 2, 0.0)];
        let table = Table::from_records(&(0..5).flat_map(of_cell).collect::<Vec<_>>());
        let entry = crate::search::find("random").unwrap();
        let setup = set_up(&table, None, &[entry], Judging::Unseen { shown: 2 }).unwrap();
        let truth = GroundTruth::of_table(&table, &setup, Judging::Unseen { shown: 2 }).unwrap();
        let floor = &truth.floor;
        let near = |expected: f64| floor.iter().filter(|regret| (**regret - expected).abs() < 1e-6).count();
        let (of_second, of_first) = (near(0.1), near(0.2));
        assert_eq!((of_first + of_second, floor.len()), (400, 400));
        // Four standard deviations of a binomial with n = 400 and p = 1/2 are 40.
        assert!((160..=240).contains(&of_first), "{of_first}");
    }

    #[test]
    fn without_test_accuracies_validation_accuracies_are_the_truth_and_what_diverged_is_chance() {
        let (mut records, cells) = fixture::records();
        for record in &mut records {
            record.end.test_accuracy = None;
        }
        let of_a_cell = records.iter_mut().filter(|record| record.epochs == Epochs(108) && record.cell == cells[0]);
        let mut expected = 0.1;
        for record in of_a_cell {
            if record.repeat == 0 {
                (record.status, record.end.validation_accuracy) = (Status::Diverged, None);
            }
            expected += record.end.validation_accuracy.map_or(0.0, Accuracy::decimal);
        }
        let table = Table::from_records(&records);
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        assert_eq!(truth.judged_by.name(), "mean validation accuracy");
        assert!((truth.score(&cells[0]).unwrap() - expected / 3.0).abs() < 1e-12);
        assert_eq!(truth.divergence, Divergence { diverged: 1, trainings: 3 * cells.len() });
    }

    #[test]
    fn a_share_of_the_cells_is_at_least_one() {
        let (table, cells) = fixture::table();
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        assert!(truth.regret_within(0.0).abs() < 1e-12 && truth.regret_within(1e-9).abs() < 1e-12);
        let within = |regret: f64| cells.iter().filter(|cell| truth.regret(cell) <= regret).count();
        assert!(within(truth.regret_within(0.1)) >= 10 && within(truth.regret_within(1.0)) == cells.len());
    }

    #[test]
    fn a_smaller_budget_is_judged_by_one_training_against_the_mean_of_the_larger_one() {
        let (mut records, cells) = fixture::records();
        // The first repeat at the smallest budget is turned around, and the mean of all three is as before.
        for record in records.iter_mut().filter(|record| record.epochs == Epochs(4) && record.repeat == 0) {
            record.end.validation_accuracy = Accuracy::from_fraction(1.0 - record.end.validation_accuracy.unwrap().fraction());
        }
        let table = Table::from_records(&records);
        let truth = GroundTruth::of_table(&table, &fixture::task(108).setup, Judging::All).unwrap();
        let found = truth.agreements(&[Epochs(4), Epochs(12), Epochs(108)]);
        let budgets: Vec<_> = found.iter().map(|one| (one.smaller.0, one.larger.0, one.correlation.cells)).collect();
        assert_eq!(budgets, [(4, 12, cells.len()), (4, 108, cells.len()), (12, 108, cells.len())]);
        let spearman: Vec<f64> = found.iter().map(|one| one.correlation.spearman.unwrap().value).collect();
        assert!(spearman[0] < -0.9 && spearman[1] < -0.9 && spearman[2] > 0.9, "{spearman:?}");
    }

    #[test]
    fn the_truth_of_a_model_is_what_it_predicts_however_a_cell_is_numbered() {
        let (model, cells) = fixture::model();
        let truth = GroundTruth::of_model(&model, &cells, &Goals::default()).unwrap();
        assert_eq!((truth.judged_by, truth.caveat.clone()), (Score::PredictedValidationAccuracy, None));
        let predictions = model.predict_all(&cells).unwrap();
        let best = predictions.iter().map(|prediction| prediction.mean).fold(0.0, f32::max);
        assert!((truth.best() - f64::from(best)).abs() < 1e-12);
        for (cell, prediction) in cells.iter().zip(&predictions) {
            assert!((truth.score(cell).unwrap() - f64::from(prediction.mean)).abs() < 1e-12);
            assert!((truth.regret(cell) - f64::from(best - prediction.mean)).abs() < 1e-6);
        }
        // Input to 1 and 2, both to the output: the two inner vertices change places.
        let [one, other] = ["conv3x3-bn-relu,maxpool3x3", "maxpool3x3,conv3x3-bn-relu"]
            .map(|inner| Cell::from_texts("0110000100010000", &format!("input,{inner},output")).unwrap());
        assert_ne!(one, other);
        assert_eq!(truth.score(&one).unwrap().to_bits(), truth.score(&other).unwrap().to_bits());
        let larger = fixture::space().with_max_vertices(5).unwrap().cells().unwrap();
        let expected =
            "2441 of 2532 cells are outside the fitted range (2 to 4 vertices and 1 to 6 edges): the model extrapolates there";
        assert_eq!(GroundTruth::of_model(&model, &larger, &Goals::default()).unwrap().caveat.unwrap(), expected);
        let unknown = larger.iter().find(|cell| cell.vertices() == 5).unwrap();
        assert!(truth.score(unknown).is_none() && (truth.regret(unknown) - truth.best()).abs() < 1e-12);
        assert!(truth.agreements(&[Epochs(4), Epochs(108)]).is_empty());
        assert!(matches!(GroundTruth::of_model(&model, &[], &Goals::default()), Err(Error::NoTruth { epochs: Epochs(108) })));
    }
}
