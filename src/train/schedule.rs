//! The learning rate of each step.

use std::f64::consts::PI;

use super::Schedule;

impl Schedule {
    /// The learning rate of a step of a training: half a cosine from the peak at the first step down towards zero.
    ///
    /// # Units
    ///
    /// - `step`: from 0; `steps`: how many the training takes
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
    pub fn learning_rate(&self, step: usize, steps: usize) -> f64 {
        if self.idle_first_step && step == 0 {
            return 0.0;
        }
        0.5 * self.peak * (1.0 + (PI * step as f64 / steps as f64).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_from_the_peak_towards_zero() {
        let schedule = Schedule { peak: 0.2, idle_first_step: false };
        let rates: Vec<_> = (0..100).map(|step| schedule.learning_rate(step, 100)).collect();
        assert!((rates[0] - 0.2).abs() < 1e-12);
        assert!((rates[50] - 0.1).abs() < 1e-12);
        assert!(rates.is_sorted_by(|a, b| a > b) && rates[99] < 1e-4);
    }

    #[test]
    fn the_official_schedule_starts_with_an_idle_step() {
        let schedule = Schedule { peak: 0.2, idle_first_step: true };
        assert!(schedule.learning_rate(0, 625).abs() < f64::EPSILON);
        assert!(schedule.learning_rate(1, 625) > 0.199);
    }
}
