//! A bar for work on the files of a benchmark: they are read, a new one is written and read back.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nasbench::table::Step;

/// Shows how far the work is. Nothing is printed where standard error is no terminal.
pub(super) struct Steps {
    bar: ProgressBar,
    last: Mutex<Option<(&'static str, Step)>>,
}

impl Steps {
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.set_style(
            ProgressStyle::with_template("{bar:30} {percent:>3} % {msg} · ETA {eta}").expect("the template is well-formed"),
        );
        Self { bar, last: Mutex::default() }
    }

    /// Says what of the work on `what` is done.
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
