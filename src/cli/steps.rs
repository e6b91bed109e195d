//! A bar for work on the files of a benchmark: reading, writing a new one, reading it back.

use std::sync::Mutex;

use indicatif::ProgressBar;
use nasbench::table::Step;

use super::progress;

/// The bar of work in percent.
pub(super) const TEMPLATE: &str = "{bar:30} {percent:>3} % {msg} · ETA {eta}";

/// Shows the progress. Prints nothing if standard error is not a terminal.
pub(super) struct Steps {
    bar: ProgressBar,
    last: Mutex<Option<(&'static str, Step)>>,
}

impl Steps {
    pub(super) fn new(quiet: bool) -> Self {
        Self { bar: progress::bar(quiet, Some(0), TEMPLATE), last: Mutex::default() }
    }

    /// Updates the bar with the progress of a step of the work on `what`.
    pub(super) fn observe(&self, what: &'static str, step: Step, done: u64, all: u64) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.replace((what, step)) != Some((what, step)) {
            let verb = match step {
                Step::Reading => "reading",
                Step::Writing => "writing",
                Step::Comparing => "reading back and comparing",
            };
            self.bar.reset();
            self.bar.set_message(format!("{verb} {what}"));
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
