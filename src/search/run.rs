//! The only loop of a search: it owns the budget, the seed and the history.

use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashMap, FxHashSet};

use super::duplicates::Answers;
use super::{Asked, Duplicates, Entry, Error, MOST_REDRAWS, Pool, Redraws, Searcher, Setup, Trial};
use crate::oracle::{Measurement, Oracle, Proposal};
use crate::unit::{Epochs, Seconds, Seed};

/// A search never proposes more at once.
const LARGEST_BATCH: u16 = 4_096;

/// What a search may spend.
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

/// What a search asked and what it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The name of the algorithm.
    pub algorithm: &'static str,
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
}

impl History {
    /// Whether the search ended before it had spent its budget: its algorithm had nothing more to ask.
    #[must_use]
    pub fn is_short_of(&self, budget: Budget) -> bool {
        let epochs: u64 = self.trials.iter().map(|trial| u64::from(trial.proposal.epochs.0.max(1))).sum();
        match (budget, self.spent().last()) {
            (Budget::Evaluations(evaluations), _) => epochs < (evaluations as u64).saturating_mul(self.epochs.0.max(1).into()),
            (Budget::SimulatedTime(budget), Some((_, time))) => time.is_some_and(|time| time < budget),
            (Budget::SimulatedTime(_), None) => true,
        }
    }

    /// The best trials so far: the first one, and each that is better than all before it, with their positions.
    ///
    /// A trial of more epochs is better than one of fewer, whatever they reached, unless it diverged: accuracies of different
    /// budgets are not compared (Falkner et al., ICML 2018, do the same).
    ///
    /// Where answers are averaged, each trial replaces those before of the same cell at the same budget: so the best one may change
    /// because its own mean fell, and the position is that of the trial which made it fall.
    #[must_use]
    pub fn incumbents(&self) -> Vec<(usize, Trial)> {
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

    /// The number of different cells that were asked for, at any budget.
    #[must_use]
    pub fn distinct_cells(&self) -> usize {
        self.trials.iter().map(|trial| trial.proposal.cell.fingerprint()).collect::<FxHashSet<_>>().len()
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
        trials.retain(|trial| seen.insert(trial.proposal.cell.fingerprint()));
        trials
    }

    /// What had been spent after each trial: evaluations, a shorter training counting by its epochs, and simulated time. From the
    /// first training on whose time nobody knows, the simulated time is `None`.
    pub fn spent(&self) -> impl Iterator<Item = (f64, Option<Seconds>)> {
        let full = f64::from(self.epochs.0.max(1));
        let mut time = Some(Seconds::default());
        let mut epochs = 0_u64;
        self.trials.iter().map(move |trial| {
            epochs += u64::from(trial.proposal.epochs.0);
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
    let pool = setup.pool.as_ref().map(Pool::counted_anew);
    let asked = (setup.duplicates == Duplicates::Never).then(Asked::default);
    let searcher = (entry.build)(&Setup { pool: pool.clone(), asked: asked.clone(), ..setup.clone() })?;
    let purse = Purse::new(budget, setup.epochs)?;
    let trials: Vec<Trial> = Vec::with_capacity(purse.room());
    let (rng, answers) = (seed.derive(entry.name).rng(), Answers::default());
    let mut search = Search { entry, setup, searcher, rng, purse, asked, answers, trials };
    while search.step(oracle)? {}
    let Search { trials, asked, .. } = search;
    let mut redraws = pool.map(|pool| pool.redraws()).unwrap_or_default();
    redraws += asked.map(|asked| asked.redraws()).unwrap_or_default();
    let duplicates = setup.duplicates;
    Ok(History { algorithm: entry.name, seed, epochs: setup.epochs, trials, redraws, duplicates })
}

/// A search that is going on.
struct Search<'a> {
    entry: &'a Entry,
    setup: &'a Setup,
    searcher: Box<dyn Searcher>,
    rng: ChaCha8Rng,
    purse: Purse,
    /// Set where no cell is asked for twice.
    asked: Option<Asked>,
    /// What was told, where that is needed.
    answers: Answers,
    trials: Vec<Trial>,
}

impl Search<'_> {
    /// Asks and tells once; `false` if the search is over.
    fn step(&mut self, oracle: &mut dyn Oracle) -> Result<bool, Error> {
        if self.purse.room() == 0 {
            return Ok(false);
        }
        let proposals = self.ask()?;
        if proposals.is_empty() {
            return Ok(false);
        }
        let measurements = oracle.measure(&proposals)?;
        let told = self.trials.len();
        for (proposal, measurement) in proposals.into_iter().zip(measurements) {
            // What was guessed to be affordable may not be: then the rest was never asked.
            if self.purse.room() > 0 {
                let measurement = self.heard(&proposal, measurement);
                let trial = Trial { proposal, measurement };
                self.purse.pay(&trial)?;
                self.trials.push(trial);
            }
        }
        self.searcher.tell(&self.trials[told..]);
        Ok(true)
    }

    /// What a search is told where the oracle gave an answer.
    fn heard(&mut self, proposal: &Proposal, measurement: Measurement) -> Measurement {
        match (self.setup.duplicates, &self.asked) {
            (Duplicates::Average, _) => self.answers.averaged(proposal, measurement),
            (_, Some(asked)) => {
                asked.insert(&proposal.cell);
                self.answers.insert(&Trial { proposal: *proposal, measurement });
                measurement
            }
            _ => measurement,
        }
    }

    /// What is to be measured next; nothing if the search is over.
    ///
    /// Where no cell is asked for twice, cells are asked for one at a time, so that each draw knows of all before. What an algorithm
    /// proposes again all the same, without drawing it, it is told again, at no cost and a limited number of times.
    fn ask(&mut self) -> Result<Vec<Proposal>, Error> {
        let Some(asked) = self.asked.clone() else { return self.proposals(self.purse.room()) };
        for _ in 0..=MOST_REDRAWS {
            let proposals = self.proposals(1)?;
            let Some(proposal) = proposals.first().copied().filter(|_| !asked.is_exhausted()) else { return Ok(Vec::new()) };
            let Some(measurement) = self.answers.of(&proposal) else { return Ok(proposals) };
            asked.count_redraw();
            self.searcher.tell(&[Trial { proposal, measurement }]);
        }
        Ok(Vec::new())
    }

    fn proposals(&mut self, room: usize) -> Result<Vec<Proposal>, Error> {
        let proposals = self.searcher.ask(room, &mut self.rng);
        if proposals.len() > room {
            return Err(Error::OverBudget { algorithm: self.entry.name, room, found: proposals.len() });
        }
        Ok(proposals)
    }
}

/// What is left of a budget.
#[derive(Debug)]
struct Purse {
    budget: Budget,
    /// The epochs of a full training.
    full: u64,
    epochs: u64,
    time: f64,
    /// The most that a training has cost so far.
    dearest: f64,
}

impl Purse {
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

    /// How many trainings may begin: 0 once the budget is spent.
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
        let Proposal { cell, epochs } = trial.proposal;
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
    use crate::oracle::Measurement;
    use crate::space::Cell;
    use crate::unit::Accuracy;

    fn trial(epochs: u16, fraction: Option<f32>, vertices: usize) -> Trial {
        let cell = match vertices {
            2 => Cell::from_texts("0100", "input,output"),
            _ => Cell::from_texts("010001000", "input,maxpool3x3,output"),
        };
        Trial {
            proposal: Proposal { cell: cell.unwrap(), epochs: Epochs(epochs) },
            measurement: Measurement {
                validation_accuracy: fraction.and_then(Accuracy::from_fraction),
                training_time: Some(Seconds(f64::from(epochs))),
            },
        }
    }

    fn history(trials: Vec<Trial>) -> History {
        let (redraws, duplicates) = (Redraws::default(), Duplicates::default());
        History { algorithm: "toy", seed: Seed(0), epochs: Epochs(108), trials, redraws, duplicates }
    }

    #[test]
    fn more_epochs_beat_a_higher_accuracy_but_not_by_diverging() {
        let trials =
            vec![trial(4, None, 3), trial(4, Some(0.9), 2), trial(12, None, 2), trial(12, Some(0.5), 3), trial(4, Some(0.95), 2)];
        let history = history(trials);
        let positions: Vec<_> = history.incumbents().into_iter().map(|(position, _)| position).collect();
        assert_eq!(positions, [0, 1, 3]);
        let ranking: Vec<_> =
            history.ranking().iter().map(|trial| (trial.proposal.epochs.0, trial.proposal.cell.vertices())).collect();
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
            incumbents.map(|(at, trial)| (at, trial.proposal.cell.vertices(), 1.0 - trial.loss())).collect()
        };
        // The cell of three vertices falls to .625, so that the other one is the best again; that rises, and then falls below .5.
        assert_eq!(found(&history), [(0, 2, 0.75), (1, 3, 0.875), (2, 2, 0.75), (3, 2, 0.8125), (5, 3, 0.5)]);
        assert_eq!(found(&published), [(0, 2, 0.75), (1, 3, 0.875)]);
        let ranking = |history: &History| history.ranking().iter().map(|trial| 1.0 - trial.loss()).collect::<Vec<_>>();
        assert_eq!((ranking(&history), ranking(&published)), (vec![0.5, 0.25], vec![0.875, 0.75]));
        assert_eq!(history.distinct_cells(), 2);
    }

    /// Proposes the same few cells in turn, whatever it is told.
    #[derive(Default)]
    struct Stubborn {
        asked: usize,
        told: usize,
    }

    impl Searcher for Stubborn {
        fn ask(&mut self, _: usize, _: &mut ChaCha8Rng) -> Vec<Proposal> {
            assert_eq!(self.asked, self.told, "what was asked is told before more is asked");
            let Proposal { cell, .. } = trial(4, None, 2 + self.asked % 2).proposal;
            self.asked += 1;
            vec![Proposal { cell, epochs: Epochs(108) }]
        }

        fn tell(&mut self, trials: &[Trial]) {
            self.told += trials.len();
        }
    }

    /// Answers with 1/2, 1/4, 1/8 and so on.
    struct Halving(f32);

    impl Oracle for Halving {
        fn measure(&mut self, proposals: &[Proposal]) -> Result<Vec<Measurement>, crate::oracle::Error> {
            let answer = |_| {
                self.0 /= 2.0;
                Measurement { validation_accuracy: Accuracy::from_fraction(self.0), training_time: Some(Seconds(1.0)) }
            };
            Ok(proposals.iter().map(answer).collect())
        }
    }

    #[test]
    fn an_algorithm_that_draws_nothing_has_the_same_rules() {
        let entry = Entry {
            name: "stubborn",
            about: "",
            source: "",
            uses_small_budgets: false,
            defaults: || serde_json::json!({}),
            build: |_| Ok(Box::new(Stubborn::default())),
        };
        let run = |duplicates| {
            let setup = Setup { duplicates, ..Setup::new(crate::space::Space::nas_bench_101(), Epochs(108)) };
            run(&entry, &setup, &mut Halving(1.0), Budget::Evaluations(5), Seed(1)).unwrap()
        };
        let seen = |history: &History| history.trials.iter().map(|trial| 1.0 - trial.loss()).collect::<Vec<_>>();
        assert_eq!(seen(&run(Duplicates::Published)), [0.5, 0.25, 0.125, 0.0625, 0.03125]);
        // Two cells in turn: the means of 1/2 and 1/8, of 1/4 and 1/16, and of 1/2, 1/8 and 1/32.
        assert_eq!(seen(&run(Duplicates::Average)), [0.5, 0.25, 0.3125, 0.15625, 0.65625 / 3.0]);
        let never = run(Duplicates::Never);
        assert_eq!((seen(&never), never.is_short_of(Budget::Evaluations(5))), (vec![0.5, 0.25], true));
        assert_eq!(never.redraws, Redraws { duplicates: 257, ..Redraws::default() });
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
        let mut purse = Purse::new(Budget::Evaluations(2), Epochs(108)).unwrap();
        purse.pay(&untimed(108)).unwrap();
        assert_eq!(purse.room(), 1);
        let mut purse = Purse::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        let message = purse.pay(&untimed(4)).unwrap_err().to_string();
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
        let mut purse = Purse::new(Budget::Evaluations(2), Epochs(108)).unwrap();
        assert_eq!(purse.room(), 2);
        for (epochs, room) in [(108, 1), (4, 1), (100, 1), (4, 0)] {
            purse.pay(&trial(epochs, None, 2)).unwrap();
            assert_eq!(purse.room(), room, "after {epochs} epochs");
        }
        let mut purse = Purse::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        for (epochs, room) in [(4, 3), (4, 2), (4, 2), (12, 1), (12, 0)] {
            purse.pay(&trial(epochs, None, 2)).unwrap();
            assert_eq!(purse.room(), room, "after {epochs} s");
        }
    }

    #[test]
    fn budgets_that_pay_for_nothing_are_refused() {
        let refused = [Budget::Evaluations(0), Budget::SimulatedTime(Seconds(0.0)), Budget::SimulatedTime(Seconds(f64::NAN))];
        for budget in refused {
            assert!(matches!(Purse::new(budget, Epochs(108)), Err(Error::NoBudget { .. })), "{budget:?}");
        }
        let mut purse = Purse::new(Budget::SimulatedTime(Seconds(30.0)), Epochs(108)).unwrap();
        let message = purse.pay(&trial(108, None, 2)).unwrap_err().to_string();
        assert_eq!(message, "a budget of 30 s does not pay for one training: that of `0-1` costs 108 s");
        assert!(matches!(purse.pay(&trial(0, None, 2)), Err(Error::FreeTraining { .. })));
    }
}
