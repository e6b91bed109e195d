//! Saves the trials of a running search to the file of `--out` as they finish, and shows its progress.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use nasbench::oracle::{Candidate, Event, Measurement};
use nasbench::search::{Budget, Trial};
use nasbench::table::{self, write_trials};
use nasbench::unit::{Epochs, Seed};

use crate::cli::progress::{LogClock, advance, bar_of_fraction, say, time_left};

/// The shortest interval between two writes of the file.
const WRITTEN_EVERY: Duration = Duration::from_secs(1);

/// Receives the trials of a running search.
pub(super) struct Landing {
    pub(super) algorithm: &'static str,
    /// The name of the oracle in the file.
    pub(super) oracle: String,
    pub(super) seed: Seed,
    pub(super) epochs: Epochs,
    pub(super) budget: Budget,
    pub(super) out: Option<PathBuf>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) bar: Option<ProgressBar>,
    pub(super) state: Mutex<State>,
}

/// The trials so far.
pub(super) struct State {
    trials: BTreeMap<usize, Trial>,
    /// The finished fraction of each measurement in progress.
    begun: HashMap<usize, f64>,
    written: Option<Instant>,
    /// The first failure to write the file.
    failure: Option<table::Error>,
    started: Instant,
    clock: LogClock,
}

impl Default for State {
    fn default() -> Self {
        let started = Instant::now();
        let (trials, begun) = (BTreeMap::new(), HashMap::new());
        Self { trials, begun, written: None, failure: None, started, clock: LogClock::new(started) }
    }
}

/// The bar of a search by real training.
pub(super) fn bar() -> ProgressBar {
    let bar = bar_of_fraction(false);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

impl Landing {
    /// Receives a measurement event, and decides whether to continue.
    pub(super) fn observe(&self, event: Event) -> ControlFlow<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progressed(position, fraction) => {
                state.begun.insert(position, fraction);
            }
            Event::Finished(position, candidate, measurement) => self.land(&mut state, position, candidate, measurement),
        }
        if let Some(bar) = &self.bar {
            self.show(&mut state, bar);
        }
        let is_over = self.stop.load(Ordering::Relaxed) || state.failure.is_some();
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn land(&self, state: &mut State, position: usize, candidate: Candidate, measurement: Measurement) {
        state.begun.remove(&position);
        state.trials.insert(position, Trial::new(candidate, measurement));
        // What takes no time needs not land one by one.
        let is_due = state.written.unwrap_or(state.started).elapsed() >= WRITTEN_EVERY;
        if let (Some(out), true) = (&self.out, is_due) {
            state.failure = self.write(&state.trials, out).err();
            state.written = Some(Instant::now());
        }
    }

    fn write(&self, trials: &BTreeMap<usize, Trial>, out: &Path) -> Result<(), table::Error> {
        let row = |(position, trial): (&usize, &Trial)| {
            let evaluation = u32::try_from(position + 1).unwrap_or(u32::MAX);
            trial.row(self.algorithm, &self.oracle, self.seed, evaluation)
        };
        write_trials(out, &trials.iter().map(row).collect::<Vec<_>>())
    }

    /// Saves the trials of a search that ended before its budget was spent; returns the number of trials.
    pub(super) fn save(&self) -> Result<usize, table::Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if let (Some(out), false) = (&self.out, state.trials.is_empty()) {
            self.write(&state.trials, out)?;
        }
        Ok(state.trials.len())
    }

    /// Returns the spent fraction of the budget.
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    fn fraction(&self, state: &State) -> f64 {
        let epochs: f64 = state.trials.values().map(|trial| f64::from(trial.candidate.epochs.0)).sum();
        let evaluations = epochs / f64::from(self.epochs.0.max(1));
        let begun: f64 = state.begun.values().sum();
        let spent = match self.budget {
            Budget::Evaluations(budget) => (evaluations + begun) / budget.max(1) as f64,
            Budget::SimulatedTime(budget) => {
                let times = state.trials.values().filter_map(|trial| trial.measurement.training_time);
                let time: f64 = times.map(|time| time.0).sum();
                // What has begun will cost what the others did on average.
                let mean = time / (state.trials.len().max(1) as f64);
                (time + begun * mean) / budget.0
            }
        };
        spent.clamp(0.0, 1.0)
    }

    fn show(&self, state: &mut State, bar: &ProgressBar) {
        let fraction = self.fraction(state);
        let elapsed = state.started.elapsed().as_secs_f64();
        let best = state.trials.values().filter_map(|trial| trial.measurement.validation_accuracy);
        let best = best.max_by(|one, other| one.fraction().total_cmp(&other.fraction()));
        let best = best.map_or_else(String::new, |best| format!(" · best {best}"));
        let message = format!("{} trials{best} · ETA {}", state.trials.len(), time_left(elapsed, fraction));
        if bar.is_hidden() {
            state.clock.line(Instant::now(), fraction, &message).iter().for_each(|line| say(bar, line));
        }
        advance(bar, fraction, message);
    }
}

#[cfg(test)]
mod tests {
    use nasbench::space::Cell;
    use nasbench::table::holds_trials;
    use nasbench::unit::{Accuracy, Seconds};

    use super::*;

    fn finished(position: usize) -> Event {
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let candidate = Candidate::new(cell, Epochs(2));
        let measurement = Measurement::new(Accuracy::from_fraction(0.5), Some(Seconds(3.0)));
        Event::Finished(position, candidate, measurement)
    }

    fn landing(out: PathBuf, budget: Budget) -> Landing {
        let (oracle, seed, epochs) = ("train".to_owned(), Seed(1), Epochs(4));
        let (stop, state) = (Arc::new(AtomicBool::new(false)), Mutex::default());
        Landing { algorithm: "random", oracle, seed, epochs, budget, out: Some(out), stop, bar: None, state }
    }

    #[test]
    fn trials_land_as_they_finish_and_a_stop_ends_the_measurements() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("trials.parquet");
        let landing = landing(out.clone(), Budget::Evaluations(4));
        assert!(landing.observe(finished(1)).is_continue());
        assert!(!out.exists(), "not within the first second");
        landing.state.lock().unwrap().written = Instant::now().checked_sub(WRITTEN_EVERY);
        assert!(landing.observe(finished(0)).is_continue());
        assert!(holds_trials(&out));
        landing.stop.store(true, Ordering::Relaxed);
        assert!(landing.observe(finished(2)).is_break());
        assert_eq!(landing.save().unwrap(), 3);
    }

    #[test]
    fn a_file_that_cannot_be_written_ends_the_measurements() {
        let landing = landing(PathBuf::from("/dev/null/trials.parquet"), Budget::Evaluations(4));
        landing.state.lock().unwrap().written = Instant::now().checked_sub(WRITTEN_EVERY);
        assert!(landing.observe(finished(0)).is_break());
        assert!(landing.save().unwrap_err().to_string().contains("/dev/null/.trials.parquet.tmp"));
    }

    #[test]
    fn the_part_of_the_budget_counts_short_trainings_by_their_epochs_and_those_that_have_begun() {
        let out = PathBuf::from("unused");
        for (budget, expected) in [(Budget::Evaluations(4), 0.375), (Budget::SimulatedTime(Seconds(12.0)), 0.625)] {
            let landing = Landing { out: None, ..landing(out.clone(), budget) };
            let _ = landing.observe(finished(0));
            let _ = landing.observe(finished(1));
            let _ = landing.observe(Event::Progressed(2, 0.5));
            // Two trainings of half the epochs, or of 3 s each, and half of one.
            assert!((landing.fraction(&landing.state.lock().unwrap()) - expected).abs() < 1e-12);
        }
    }
}
