//! The only loop of a search: it owns the budget, the seed and the history.

use rustc_hash::{FxHashMap, FxHashSet};

use super::duplicates::Answers;
use super::{Draws, Duplicates, Entry, Error, MOST_REDRAWS, Redraws, Returns, SearchRng, Searcher, Setup, Trial, returned};
use crate::front::Archive;
use crate::objective::{Goals, Worth};
use crate::oracle::{Candidate, Measurement, Oracle};
use crate::unit::{Epochs, Seconds, Seed};

/// The most candidates at once.
const LARGEST_BATCH: u16 = 4_096;

/// The budget of a search.
///
/// A search ends as soon as what it has spent reaches the budget: a training that begins before is finished and counted in
/// full, as in the comparison of Ying et al., ICML 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// A number of trainings of the full budget of epochs. A shorter one counts by its epochs: one of 4 epochs is a 27th of
    /// one of 108.
    Evaluations(usize),
    /// The sum of what the trainings cost, as the oracle says.
    SimulatedTime(Seconds),
}

/// As it is typed: `200evals` or `3000s`.
impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Evaluations(evaluations) => write!(f, "{evaluations}evals"),
            Self::SimulatedTime(Seconds(time)) => write!(f, "{time}s"),
        }
    }
}

/// The trials of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The name of the algorithm.
    pub algorithm: String,
    /// The seed of the search.
    pub seed: Seed,
    /// The full budget of a training: what counts as one evaluation.
    pub epochs: Epochs,
    /// The trials, in order.
    pub trials: Vec<Trial>,
    /// What was drawn outside the pool of a table that lacks cells, or was not to be asked for twice.
    pub redraws: Redraws,
    /// What it got for a cell that it asked for again. Where that is an average, each trial has the mean of the answers until then.
    pub duplicates: Duplicates,
    /// The incumbents with the numbers of the trials after which they were, where a search returns another cell than the one that looked
    /// best.
    pub chosen: Option<Vec<(usize, Trial)>>,
}

impl History {
    /// Whether the search ended before it had spent its budget: its algorithm had nothing more to ask.
    #[must_use]
    pub fn is_short_of(&self, budget: Budget) -> bool {
        let epochs: u64 = self.trials.iter().map(|trial| u64::from(trial.candidate.epochs.0.max(1))).sum();
        match (budget, self.spent().last()) {
            (Budget::Evaluations(evaluations), _) => epochs < (evaluations as u64).saturating_mul(self.epochs.0.max(1).into()),
            (Budget::SimulatedTime(budget), Some((_, time))) => time.is_some_and(|time| time < budget),
            (Budget::SimulatedTime(_), None) => true,
        }
    }

    /// The incumbents: what the search would return, with the positions of the trials after which that changed. Unless another rule of
    /// [`Returns`] chose them, they are the best trials so far: the first one, and each that is better than all before it, with their positions.
    ///
    /// A trial of more epochs is better than one of fewer, whatever they reached, unless it diverged: accuracies of different
    /// budgets are not compared (Falkner et al., ICML 2018, do the same).
    ///
    /// Where answers are averaged, each trial replaces those before of the same cell at the same budget: so the best one may change
    /// because its own mean fell, and the position is that of the trial which made it fall.
    #[must_use]
    pub fn incumbents(&self) -> Vec<(usize, Trial)> {
        if let Some(chosen) = &self.chosen {
            return chosen.clone();
        }
        if self.duplicates == Duplicates::Average {
            return self.averaged_incumbents();
        }
        let mut incumbents: Vec<(usize, Trial)> = Vec::new();
        for (position, trial) in self.trials.iter().enumerate() {
            if incumbents.last().is_none_or(|(_, best)| trial.rank() < best.rank()) {
                incumbents.push((position, *trial));
            }
        }
        incumbents
    }

    /// The incumbents where the last trial of a cell has the mean of all.
    fn averaged_incumbents(&self) -> Vec<(usize, Trial)> {
        let mut incumbents: Vec<(usize, Trial)> = Vec::new();
        let mut latest: FxHashMap<(u64, Epochs), usize> = FxHashMap::default();
        for (position, trial) in self.trials.iter().enumerate() {
            let of_before = latest.insert(trial.key(), position);
            let best = incumbents.last().map(|(_, best)| *best);
            let has_fallen =
                of_before.is_some() && best.is_some_and(|best| best.key() == trial.key() && best.rank() < trial.rank());
            let best_now = if has_fallen {
                let now = latest.values().map(|position| (self.trials[*position].rank(), *position)).min();
                now.map(|(_, position)| self.trials[position])
            } else {
                Some(*trial).filter(|trial| best.is_none_or(|best| trial.rank() < best.rank()))
            };
            incumbents.extend(best_now.map(|best| (position, best)));
        }
        incumbents
    }

    /// Returns the trials of the full budget that no other one dominates, with the values of the objectives as a search minimises them.
    /// Of equal ones the first one stands for all; one that breaks a limit is never there.
    ///
    /// # Errors
    ///
    /// [`Error::Objective`] if what a trial is worth is not known.
    pub fn front(&self, goals: &Goals) -> Result<Vec<(Vec<f64>, Trial)>, Error> {
        let mut archive = Archive::default();
        for trial in self.trials.iter().filter(|trial| trial.candidate.epochs == self.epochs) {
            let Worth { values, violation } = goals.worth(&trial.candidate.architecture, &trial.measurement)?;
            if violation <= 0.0 {
                archive.insert(values, *trial);
            }
        }
        let mut front = archive.points().to_vec();
        front.sort_by(|one, other| one.0[0].total_cmp(&other.0[0]));
        Ok(front)
    }

    /// The number of different cells that were asked for, at any budget.
    #[must_use]
    pub fn distinct_cells(&self) -> usize {
        self.trials.iter().map(|trial| trial.candidate.architecture.fingerprint()).collect::<FxHashSet<_>>().len()
    }

    /// The trials, best first, each cell once: with its first trial of the most epochs, or, where answers are averaged, with its last
    /// one. Equal ones stay in the order of the search.
    #[must_use]
    pub fn ranking(&self) -> Vec<Trial> {
        let mut seen = FxHashSet::default();
        let is_new = |trial: &Trial| seen.insert(trial.key());
        let mut trials: Vec<_> = if self.duplicates == Duplicates::Average {
            let mut last: Vec<_> = self.trials.iter().rev().copied().filter(is_new).collect();
            last.reverse();
            last
        } else {
            self.trials.iter().copied().filter(is_new).collect()
        };
        trials.sort_by_key(Trial::rank);
        let mut seen = FxHashSet::default();
        trials.retain(|trial| seen.insert(trial.candidate.architecture.fingerprint()));
        trials
    }

    /// What had been spent after each trial: evaluations, a shorter training counting by its epochs, and simulated time. From the
    /// first training on whose time nobody knows, the simulated time is `None`.
    pub fn spent(&self) -> impl Iterator<Item = (f64, Option<Seconds>)> {
        let full = f64::from(self.epochs.0.max(1));
        let mut time = Some(Seconds::default());
        let mut epochs = 0_u64;
        self.trials.iter().map(move |trial| {
            epochs += u64::from(trial.candidate.epochs.0);
            time = time.zip(trial.measurement.training_time).map(|(spent, cost)| Seconds(spent.0 + cost.0));
            #[expect(clippy::cast_precision_loss, reason = "a sum of epochs is far below 2^53")]
            let evaluations = epochs as f64 / full;
            (evaluations, time)
        })
    }
}

/// Runs an algorithm against an oracle until the budget is spent or it has nothing more to ask.
///
/// The same seed gives the same history, if the oracle gives the same answers; and a search of a smaller budget is the
/// beginning of one of a larger budget.
///
/// # Errors
///
/// [`Error`] if the options do not fit, the budget does not pay for a training, the oracle cannot answer, or the algorithm
/// breaks its contract.
pub fn run(entry: &Entry, setup: &Setup, oracle: &mut dyn Oracle, budget: Budget, seed: Seed) -> Result<History, Error> {
    let setup = Setup { draws: Draws::default(), ..setup.clone() };
    let mut searcher = entry.searcher(&setup)?;
    run_searcher(entry.name, searcher.as_mut(), &setup, oracle, budget, seed)
}

/// Runs a search algorithm as [`run`] does: one that is in no list, as a program may have its own.
///
/// The options of the set-up are the business of whoever made it. Where no cell is to be asked for twice, it is told again what it asks
/// again.
///
/// # Errors
///
/// As [`run`].
///
/// # Example
///
/// ```
/// use nasbench::oracle::Candidate;
/// use nasbench::search::{Budget, Error, SearchRng, Searcher, Setup, Trial, run_searcher};
/// use nasbench::space::{Sampler, Space};
/// use nasbench::table::{Benchmark, TableOracle};
/// use nasbench::unit::{Epochs, Seed};
///
/// /// Keeps drawing.
/// struct Draw(Setup);
///
/// impl Searcher for Draw {
///     fn ask(&mut self, _: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
///         let spec = Sampler::Official.draw(&self.0.space, rng);
///         Ok(vec![Candidate::of_spec(spec, self.0.epochs)])
///     }
///
///     fn tell(&mut self, _: &[Trial]) -> Result<(), Error> {
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let table = Benchmark::open("tests/data/tiny-benchmark")?.table()?;
/// let setup = Setup::new(Space::nas_bench_101().with_max_vertices(3)?, Epochs(2));
/// let mut oracle = TableOracle::new(&table, Seed(1));
/// let history = run_searcher("draw", &mut Draw(setup.clone()), &setup, &mut oracle, Budget::Evaluations(5), Seed(1))?;
/// assert_eq!(history.trials.len(), 5);
/// # Ok(())
/// # }
/// ```
pub fn run_searcher(
    name: &str,
    searcher: &mut dyn Searcher,
    setup: &Setup,
    oracle: &mut dyn Oracle,
    budget: Budget,
    seed: Seed,
) -> Result<History, Error> {
    let ledger = BudgetLedger::new(for_search(setup.returns, budget), setup.epochs)?;
    let trials: Vec<Trial> = Vec::with_capacity(ledger.room());
    let (rng, answers) = (seed.derive(name).rng(), Answers::default());
    let mut search = Search { name, setup, searcher, rng, ledger, answers, trials };
    while search.step(oracle)? {}
    let Search { trials, mut ledger, mut answers, .. } = search;
    let redraws = setup.draws.redraws();
    let duplicates = setup.duplicates;
    let mut history =
        History { algorithm: name.to_owned(), seed, epochs: setup.epochs, trials, redraws, duplicates, chosen: None };
    match setup.returns {
        Returns::BestSeen => {}
        Returns::TopKMean { k, .. } => {
            ledger.budget = budget;
            ask_again(&mut history, (k, &setup.goals), &mut answers, &mut ledger, oracle)?;
        }
        Returns::Posterior => {
            history.chosen = Some(returned::posterior(&history.trials, &history.incumbents(), &setup.space, seed));
        }
    }
    Ok(history)
}

/// Returns the part of a budget that the search itself may spend.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count that is far below 2^53"
)]
fn for_search(returns: Returns, budget: Budget) -> Budget {
    match (returns, budget) {
        (Returns::TopKMean { share, .. }, Budget::Evaluations(evaluations)) => {
            Budget::Evaluations(((1.0 - share) * evaluations as f64).ceil().max(1.0) as usize)
        }
        (Returns::TopKMean { share, .. }, Budget::SimulatedTime(Seconds(time))) => {
            Budget::SimulatedTime(Seconds((1.0 - share) * time))
        }
        (Returns::BestSeen | Returns::Posterior, budget) => budget,
    }
}

/// Asks for the best of a search again, in turn, until the budget is spent, and makes the one of the best mean the last incumbent.
fn ask_again(
    history: &mut History,
    (k, goals): (usize, &Goals),
    answers: &mut Answers,
    ledger: &mut BudgetLedger,
    oracle: &mut dyn Oracle,
) -> Result<(), Error> {
    let mut ended_well = history.ranking();
    ended_well.retain(|trial| trial.measurement.validation_accuracy.is_some());
    let Some(most) = ended_well.first().map(|trial| trial.candidate.epochs) else { return Ok(()) };
    let candidates = ended_well.iter().map(|trial| trial.candidate);
    let top: Vec<Candidate> = candidates.filter(|candidate| candidate.epochs == most).take(k).collect();
    let mut incumbents = history.incumbents();
    let mut means: Vec<Option<Trial>> = vec![None; top.len()];
    let mut next = 0;
    while ledger.room() > 0 && !top.is_empty() {
        let end = (next + ledger.room()).min(top.len());
        let (measurements, counts_all) = (oracle.measure(&top[next..end])?, oracle.is_training());
        for (place, measurement) in (next..end).zip(measurements) {
            if !counts_all && ledger.room() == 0 {
                break;
            }
            let candidate = top[place];
            let mean = trial(goals, candidate, answers.averaged(&candidate, measurement))?;
            let is_averaged = history.duplicates == Duplicates::Average;
            let trial = if is_averaged { mean } else { trial(goals, candidate, measurement)? };
            ledger.pay(&trial)?;
            history.trials.push(trial);
            means[place] = Some(mean);
        }
        next = end % top.len();
    }
    let best = means.into_iter().flatten().min_by_key(Trial::rank);
    incumbents.extend(best.map(|best| (history.trials.len() - 1, best)));
    history.chosen = Some(incumbents);
    Ok(())
}

/// Makes a trial that knows whether it keeps the limits.
pub(super) fn trial(goals: &Goals, candidate: Candidate, measurement: Measurement) -> Result<Trial, Error> {
    #[expect(clippy::cast_possible_truncation, reason = "a part of a bound")]
    let violation = goals.violation(&candidate.architecture, &measurement)? as f32;
    Ok(Trial { candidate, measurement, violation })
}

/// A search that is going on.
struct Search<'a> {
    name: &'a str,
    setup: &'a Setup,
    searcher: &'a mut dyn Searcher,
    rng: SearchRng,
    ledger: BudgetLedger,
    /// The answers of the oracle, where they are needed.
    answers: Answers,
    trials: Vec<Trial>,
}

impl Search<'_> {
    /// Asks and tells once; returns `false` if the search is over.
    fn step(&mut self, oracle: &mut dyn Oracle) -> Result<bool, Error> {
        if self.ledger.room() == 0 {
            return Ok(false);
        }
        let candidates = self.ask()?;
        if candidates.is_empty() {
            return Ok(false);
        }
        let told = self.trials.len();
        let (measurements, counts_all) = (oracle.measure(&candidates)?, oracle.is_training());
        for (candidate, measurement) in candidates.iter().zip(measurements) {
            // What was guessed to be affordable may not be: then the rest was never asked for.
            if counts_all || self.ledger.room() > 0 {
                let trial = trial(&self.setup.goals, *candidate, self.heard(candidate, measurement))?;
                self.ledger.pay(&trial)?;
                self.trials.push(trial);
            }
        }
        self.searcher.tell(&self.trials[told..])?;
        Ok(true)
    }

    /// Returns the measurement that the search sees for an answer of the oracle.
    fn heard(&mut self, candidate: &Candidate, measurement: Measurement) -> Measurement {
        if self.setup.duplicates == Duplicates::Never {
            self.setup.draws.insert(&candidate.architecture);
        }
        let is_needed = !self.setup.duplicates.is_published() || matches!(self.setup.returns, Returns::TopKMean { .. });
        let mean = if is_needed { self.answers.averaged(candidate, measurement) } else { measurement };
        if self.setup.duplicates == Duplicates::Average { mean } else { measurement }
    }

    /// What is to be measured next; nothing if the search is over.
    ///
    /// Where no cell is asked for twice, cells are asked for one at a time, so that each draw knows of all before. What an algorithm
    /// proposes again all the same, without drawing it, it is told again, at no cost and a limited number of times.
    fn ask(&mut self) -> Result<Vec<Candidate>, Error> {
        if self.setup.duplicates != Duplicates::Never {
            return self.candidates(self.ledger.room());
        }
        for _ in 0..=MOST_REDRAWS {
            let candidates = self.candidates(1)?;
            let Some(candidate) = candidates.first().copied().filter(|_| !self.setup.draws.is_exhausted()) else {
                return Ok(Vec::new());
            };
            let Some(measurement) = self.answers.get(&candidate) else { return Ok(candidates) };
            self.setup.draws.count(|redraws| redraws.duplicates += 1);
            self.searcher.tell(&[trial(&self.setup.goals, candidate, measurement)?])?;
        }
        Ok(Vec::new())
    }

    fn candidates(&mut self, room: usize) -> Result<Vec<Candidate>, Error> {
        let candidates = self.searcher.ask(room, &mut self.rng)?;
        if candidates.len() > room {
            return Err(Error::OverBudget { algorithm: self.name.to_owned(), room, found: candidates.len() });
        }
        Ok(candidates)
    }
}

/// The account of a budget.
#[derive(Debug)]
struct BudgetLedger {
    budget: Budget,
    /// The epochs of a full training.
    full: u64,
    epochs: u64,
    time: f64,
    /// The most that a training has cost so far.
    dearest: f64,
}

impl BudgetLedger {
    fn new(budget: Budget, full: Epochs) -> Result<Self, Error> {
        let pays = match budget {
            Budget::Evaluations(evaluations) => evaluations > 0,
            Budget::SimulatedTime(time) => time.0 > 0.0 && time.0.is_finite(),
        };
        if !pays {
            return Err(Error::NoBudget { found: budget });
        }
        Ok(Self { budget, full: u64::from(full.0.max(1)), epochs: 0, time: 0.0, dearest: 0.0 })
    }

    /// Returns how many trainings may begin: 0 once the budget is spent.
    ///
    /// What a training will cost in time is not known before, so of a budget in time half of what the dearest ones so far
    /// allow is given out at once: the trainings can run side by side, and hardly ever is one asked for in vain.
    fn room(&self) -> usize {
        match self.budget {
            Budget::Evaluations(evaluations) => {
                let left = (evaluations as u64).saturating_mul(self.full).saturating_sub(self.epochs);
                usize::try_from(left.div_ceil(self.full)).unwrap_or(usize::MAX).min(LARGEST_BATCH.into())
            }
            Budget::SimulatedTime(Seconds(time)) if self.time < time => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small count")]
                let affordable = ((time - self.time) / (2.0 * self.dearest)).clamp(1.0, LARGEST_BATCH.into()) as usize;
                if self.dearest > 0.0 { affordable } else { 1 }
            }
            Budget::SimulatedTime(_) => 0,
        }
    }

    fn pay(&mut self, trial: &Trial) -> Result<(), Error> {
        let Candidate { architecture: cell, epochs, .. } = trial.candidate;
        if let Budget::SimulatedTime(budget) = self.budget {
            let cost = trial.measurement.training_time.ok_or(Error::UnknownTime { cell, epochs })?;
            if cost.0.is_nan() || cost.0 <= 0.0 {
                return Err(Error::FreeTraining { cell, found: cost });
            }
            if self.epochs == 0 && cost > budget {
                return Err(Error::SmallBudget { budget, cell, found: cost });
            }
            self.time += cost.0;
            self.dearest = self.dearest.max(cost.0);
        }
        self.epochs += u64::from(epochs.0.max(1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Cell;
    use crate::unit::Accuracy;

    fn trial(epochs: u16, fraction: Option<f32>, vertices: usize) -> Trial {
        let cell = match vertices {
            2 => Cell::from_texts("0100", "input,output"),
            _ => Cell::from_texts("010001000", "input,maxpool3x3,output"),
        };
        Trial::new(
            Candidate::new(cell.unwrap(), Epochs(epochs)),
            Measurement::new(fraction.and_then(Accuracy::from_fraction), Some(Seconds(f64::from(epochs)))),
        )
    }

    fn history(trials: Vec<Trial>) -> History {
        let (redraws, duplicates) = (Redraws::default(), Duplicates::default());
        History { algorithm: "toy".to_owned(), seed: Seed(0), epochs: Epochs(108), trials, redraws, duplicates, chosen: None }
    }

    #[test]
    fn more_epochs_beat_a_higher_accuracy_but_not_by_diverging() {
        let trials =
            vec![trial(4, None, 3), trial(4, Some(0.9), 2), trial(12, None, 2), trial(12, Some(0.5), 3), trial(4, Some(0.95), 2)];
        let history = history(trials);
        let positions: Vec<_> = history.incumbents().into_iter().map(|(position, _)| position).collect();
        assert_eq!(positions, [0, 1, 3]);
        let ranking: Vec<_> =
            history.ranking().iter().map(|trial| (trial.candidate.epochs.0, trial.candidate.architecture.vertices())).collect();
        assert_eq!(ranking, [(12, 3), (4, 2)]);
    }

    #[test]
    fn the_incumbent_of_averages_may_fall() {
        let trials = vec![
            trial(108, Some(0.75), 2),
            trial(108, Some(0.875), 3),
            trial(108, Some(0.625), 3),
            trial(108, Some(0.8125), 2),
            trial(108, Some(0.5), 3),
            trial(108, Some(0.25), 2),
        ];
        let published = history(trials);
        let history = History { duplicates: Duplicates::Average, ..published.clone() };
        let found = |history: &History| -> Vec<(usize, usize, f32)> {
            let incumbents = history.incumbents().into_iter();
            incumbents.map(|(at, trial)| (at, trial.candidate.architecture.vertices(), 1.0 - trial.loss())).collect()
        };
        // The cell of three vertices falls to .625, so that the other one is the best again; that rises, and then falls below .5.
        assert_eq!(found(&history), [(0, 2, 0.75), (1, 3, 0.875), (2, 2, 0.75), (3, 2, 0.8125), (5, 3, 0.5)]);
        assert_eq!(found(&published), [(0, 2, 0.75), (1, 3, 0.875)]);
        let ranking = |history: &History| history.ranking().iter().map(|trial| 1.0 - trial.loss()).collect::<Vec<_>>();
        assert_eq!((ranking(&history), ranking(&published)), (vec![0.5, 0.25], vec![0.875, 0.75]));
        assert_eq!(history.distinct_cells(), 2);
    }

    #[test]
    fn a_share_of_the_budget_is_kept() {
        let rule = Returns::TopKMean { k: 10, share: 0.25 };
        assert_eq!(for_search(rule, Budget::Evaluations(200)), Budget::Evaluations(150));
        assert_eq!(for_search(rule, Budget::Evaluations(1)), Budget::Evaluations(1));
        assert_eq!(for_search(rule, Budget::SimulatedTime(Seconds(8.0))), Budget::SimulatedTime(Seconds(6.0)));
        assert_eq!(for_search(Returns::Posterior, Budget::Evaluations(200)), Budget::Evaluations(200));
    }

    #[test]
    fn short_trainings_count_by_their_epochs() {
        let history = history(vec![trial(27, None, 2), trial(54, None, 2), trial(108, None, 2)]);
        let spent: Vec<_> = history.spent().collect();
        assert_eq!(spent, [(0.25, Some(Seconds(27.0))), (0.75, Some(Seconds(81.0))), (1.75, Some(Seconds(189.0)))]);
    }

    /// A trial whose time nobody measured.
    fn untimed(epochs: u16) -> Trial {
        let trial = trial(epochs, None, 2);
        Trial { measurement: Measurement { training_time: None, ..trial.measurement }, ..trial }
    }

    #[test]
    fn an_unknown_time_is_no_time_spent() {
        let history = history(vec![trial(54, None, 2), untimed(54), trial(108, None, 2)]);
        assert_eq!(history.spent().collect::<Vec<_>>(), [(0.5, Some(Seconds(54.0))), (1.0, None), (2.0, None)]);
        let mut ledger = BudgetLedger::new(Budget::Evaluations(2), Epochs(108)).unwrap();
        ledger.pay(&untimed(108)).unwrap();
        assert_eq!(ledger.room(), 1);
        let mut ledger = BudgetLedger::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        let message = ledger.pay(&untimed(4)).unwrap_err().to_string();
        let expected = "no training time is known of `0-1` at 4 epochs, and the budget is one of seconds: expected evaluations, as in `200evals`";
        assert_eq!(message, expected);
    }

    #[test]
    fn a_search_that_had_nothing_more_to_ask_is_short_of_its_budget() {
        let history = history(vec![trial(54, None, 2), trial(108, None, 2)]);
        let short = [Budget::Evaluations(1), Budget::Evaluations(2), Budget::SimulatedTime(Seconds(162.0))];
        assert_eq!(short.map(|budget| history.is_short_of(budget)), [false, true, false]);
        assert!(history.is_short_of(Budget::SimulatedTime(Seconds(163.0))));
        assert_eq!(
            [Budget::Evaluations(30), Budget::SimulatedTime(Seconds(1.5))].map(|budget| budget.to_string()),
            ["30evals", "1.5s"]
        );
    }

    #[test]
    fn a_purse_lets_the_last_training_finish() {
        let mut ledger = BudgetLedger::new(Budget::Evaluations(2), Epochs(108)).unwrap();
        assert_eq!(ledger.room(), 2);
        for (epochs, room) in [(108, 1), (4, 1), (100, 1), (4, 0)] {
            ledger.pay(&trial(epochs, None, 2)).unwrap();
            assert_eq!(ledger.room(), room, "after {epochs} epochs");
        }
        let mut ledger = BudgetLedger::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        for (epochs, room) in [(4, 3), (4, 2), (4, 2), (12, 1), (12, 0)] {
            ledger.pay(&trial(epochs, None, 2)).unwrap();
            assert_eq!(ledger.room(), room, "after {epochs} s");
        }
    }

    #[test]
    fn budgets_that_pay_for_nothing_are_refused() {
        let refused = [Budget::Evaluations(0), Budget::SimulatedTime(Seconds(0.0)), Budget::SimulatedTime(Seconds(f64::NAN))];
        for budget in refused {
            assert!(matches!(BudgetLedger::new(budget, Epochs(108)), Err(Error::NoBudget { .. })), "{budget:?}");
        }
        let mut ledger = BudgetLedger::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        let message = ledger.pay(&trial(108, None, 2)).unwrap_err().to_string();
        assert_eq!(message, "a budget of 30 s does not pay for one training: that of `0-1` costs 108 s");
        assert!(matches!(ledger.pay(&trial(0, None, 2)), Err(Error::FreeTraining { .. })));
    }
}
