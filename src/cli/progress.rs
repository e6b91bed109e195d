//! Progress of a command: a bar on a terminal, occasional lines in a log, and a line for each model with `--verbose`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nasbench::pipeline::{Event, Portion, Workload};
use nasbench::record;
use nasbench::table::Record;
use nasbench::unit::Seconds;

use super::format::chain;
use super::note;

/// Ticks of the bar: work is a fraction.
const TICKS: u64 = 10_000;
/// The delay of the first line without a terminal.
const FIRST_LINE: Duration = Duration::from_mins(1);
/// The interval of further lines: the log of a long recording stays short.
const NEXT_LINE: Duration = Duration::from_mins(5);

/// Makes a bar. It is drawn only if standard error is a terminal.
pub(super) fn bar(quiet: bool, length: Option<u64>, template: &str) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let bar = ProgressBar::with_draw_target(length, target);
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
    bar
}

/// Makes a bar for [`advance`].
pub(super) fn bar_of_fraction(quiet: bool) -> ProgressBar {
    bar(quiet, Some(TICKS), "{bar:30} {wide_msg}")
}

/// Moves a bar to a fraction of its length.
pub(super) fn advance(bar: &ProgressBar, fraction: f64, message: String) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a bar")]
    bar.set_position((fraction * TICKS as f64) as u64);
    bar.set_message(message);
}

/// Returns the remaining time after a fraction of the work.
pub(super) fn time_left(elapsed: f64, fraction: f64) -> String {
    if fraction > 0.005 { Seconds(elapsed * (1.0 - fraction) / fraction).to_string() } else { "…".to_owned() }
}

/// Shows a run's progress.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    verbose: bool,
    state: Mutex<State>,
}

impl Progress {
    pub(super) fn new(verbose: bool, quiet: bool) -> Self {
        Self { bar: bar_of_fraction(quiet), quiet, verbose, state: Mutex::default() }
    }

    pub(super) fn observe(&self, event: Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Stage(name) => self.bar.println(format!("• {name}")),
            Event::Damaged(damage) => {
                self.bar.println(format!("  damaged, and set aside in `damaged`: {}", chain(&damage.error)));
            }
            Event::Note(note) => self.bar.println(format!("  {note}")),
            Event::Workload(workload) => {
                *state = State::new(workload);
                if workload.recorded > 0 {
                    self.bar.println(format!("  {} of {} models are recorded already", workload.recorded, workload.models));
                }
                self.bar.enable_steady_tick(Duration::from_secs(1));
            }
            Event::Model { worker, portion, event } => {
                state.model(worker, portion, event);
                if let (record::Event::Finished(record), true) = (event, self.verbose && !self.quiet) {
                    say(&self.bar, &line(record));
                }
            }
        }
        if self.bar.is_hidden() && !self.quiet {
            state.log_line(Instant::now()).iter().for_each(|line| say(&self.bar, line));
        }
        advance(&self.bar, state.fraction(), state.message());
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Prints a line above a bar, or alone if there is no bar.
pub(super) fn say(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        note(line);
    } else {
        bar.println(line);
    }
}

/// A line about a finished model.
fn line(record: &Record) -> String {
    let accuracy =
        record.end.validation_accuracy.map_or_else(|| record.status.name().to_owned(), |accuracy| accuracy.to_string());
    let Record { hash, epochs, repeat, end, cell, .. } = record;
    format!("{hash} {epochs:>3} epochs, repeat {repeat:>3}: {accuracy:>8} in {}  {cell}", end.training_time)
}

/// The finished part of a workload.
#[derive(Debug, Default)]
struct State {
    workload: Option<Workload>,
    started: Option<Instant>,
    finished: usize,
    work: f64,
    images: f64,
    /// The model of each worker, and its finished fraction.
    at_hand: HashMap<usize, (Portion, f64)>,
    /// When lines are printed if there is no terminal.
    clock: Option<LogClock>,
}

/// When the lines of a log are due: the first after a minute, then one every five.
#[derive(Debug)]
pub(super) struct LogClock(Instant);

impl LogClock {
    pub(super) fn new(started: Instant) -> Self {
        Self(started + FIRST_LINE)
    }

    /// Returns a line if one is due; the next one is later then.
    pub(super) fn line(&mut self, now: Instant, fraction: f64, message: &str) -> Option<String> {
        (now >= self.0).then(|| {
            self.0 = now + NEXT_LINE;
            format!("{:.0} % · {message}", 100.0 * fraction)
        })
    }
}

impl State {
    fn new(workload: Workload) -> Self {
        let started = Instant::now();
        Self { workload: Some(workload), started: Some(started), clock: Some(LogClock::new(started)), ..Self::default() }
    }

    fn model(&mut self, worker: usize, portion: Portion, event: record::Event<'_>) {
        match event {
            record::Event::Started(_) => drop(self.at_hand.insert(worker, (portion, 0.0))),
            record::Event::Progressed(_, fraction) => drop(self.at_hand.insert(worker, (portion, fraction))),
            record::Event::Finished(_) => {
                self.at_hand.remove(&worker);
                self.finished += 1;
                self.work += portion.work;
                self.images += portion.images;
            }
        }
    }

    /// A sum over finished models and finished parts of current ones.
    fn done(&self, finished: f64, of: impl Fn(&Portion) -> f64) -> f64 {
        finished + self.at_hand.values().map(|(portion, fraction)| of(portion) * fraction).sum::<f64>()
    }

    fn fraction(&self) -> f64 {
        let total = self.workload.map_or(0.0, |workload| workload.work);
        if total > 0.0 { (self.done(self.work, |portion| portion.work) / total).min(1.0) } else { 0.0 }
    }

    /// Returns the line to print without a terminal, if one is due.
    fn log_line(&mut self, now: Instant) -> Option<String> {
        let (fraction, message) = (self.fraction(), self.message());
        self.clock.as_mut().filter(|_| !message.is_empty())?.line(now, fraction, &message)
    }

    fn message(&self) -> String {
        let (Some(workload), Some(started)) = (self.workload, self.started) else {
            return String::new();
        };
        if workload.recorded == workload.models {
            return String::new();
        }
        let elapsed = started.elapsed().as_secs_f64();
        let rate = Seconds(elapsed).rate_of(self.done(self.images, |portion| portion.images));
        let rate = rate.map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.0}"));
        let eta = time_left(elapsed, self.fraction());
        let models = workload.recorded + self.finished;
        format!("{models}/{} models · {rate} images/s · ETA {eta}", workload.models)
    }
}

#[cfg(test)]
mod tests {
    use nasbench::space::Cell;
    use nasbench::unit::Epochs;

    use super::*;

    #[test]
    fn the_message_counts_models_and_the_fraction_counts_work() {
        let mut state = State::new(Workload { models: 4, recorded: 1, work: 10.0 });
        let portion = Portion { work: 4.0, images: 100.0 };
        let record = Record::blank(Cell::from_texts("0100", "input,output").unwrap(), Epochs(1), 0);
        state.model(0, portion, record::Event::Finished(&record));
        state.at_hand.insert(1, (portion, 0.5));
        assert!((state.fraction() - 0.6).abs() < 1e-9);
        assert!(state.message().starts_with("2/4 models · "), "{}", state.message());
        state.model(1, portion, record::Event::Finished(&record));
        assert!((state.fraction() - 0.8).abs() < 1e-9 && state.at_hand.is_empty());
    }

    #[test]
    fn a_log_gets_its_first_line_after_a_minute_and_then_one_every_five() {
        let mut state = State::new(Workload { models: 4, recorded: 1, work: 10.0 });
        state.at_hand.insert(1, (Portion { work: 4.0, images: 100.0 }, 0.5));
        let started = state.started.unwrap();
        let lines = (0..720).filter_map(|second| Some((second, state.log_line(started + Duration::from_secs(second))?)));
        let (seconds, lines): (Vec<_>, Vec<_>) = lines.unzip();
        assert_eq!(seconds, [60, 360, 660]);
        assert!(lines[0].starts_with("20 % · 1/4 models · "), "{lines:?}");
        assert!(State::default().log_line(started).is_none());
    }
}
