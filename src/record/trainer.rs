//! The training of one task, and the row that it makes.

use super::Task;
use crate::engine::Device;
use crate::table::{Record, Status, Telemetry};
use crate::train::{self, Data, Progress, Protocol, Trained, Training};

/// Trains tasks for a [`Recorder`](super::Recorder).
#[derive(Clone, Copy, Debug)]
pub struct Trainer<'a> {
    /// How to train; resolved.
    pub protocol: &'a Protocol,
    /// What to train on.
    pub data: &'a Data,
    /// Where to train.
    pub device: Device,
}

impl Trainer<'_> {
    /// Trains the model of a task; `report` is told the fraction that is done.
    ///
    /// # Errors
    ///
    /// As [`Training::run`].
    pub fn train(&self, task: &Task, report: &dyn Fn(f64)) -> Result<Record, train::Error> {
        let training = Training {
            cell: &task.cell,
            epochs: task.epochs,
            seed: task.seed,
            protocol: self.protocol,
            data: self.data,
            device: self.device,
        };
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
        let trained = training.run(&mut |Progress { steps, of, .. }| report(steps as f64 / of as f64))?;
        Ok(self.row(task, trained))
    }

    fn row(&self, task: &Task, trained: Trained) -> Record {
        Record {
            parameters: trained.cost.parameters,
            flops: trained.cost.flops,
            status: if trained.is_diverged() { Status::Diverged } else { Status::Ok },
            start: trained.start,
            halfway: trained.halfway,
            end: trained.end,
            total_time: trained.total_time,
            curves: trained.curves,
            telemetry: Telemetry {
                images_per_second: Some(trained.images_per_second),
                peak_memory: Some(trained.peak_memory),
                macro_roc_auc: trained.figures.and_then(|figures| figures.validation.macro_roc_auc),
                macro_f1: trained.figures.map(|figures| figures.validation.macro_f1),
            },
            device: Some(self.device.description()),
            ..Record::blank(task.cell, task.epochs, task.repeat)
        }
    }
}
