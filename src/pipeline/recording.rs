//! The stage that trains: it makes the tasks and says how much work they are.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Error, Event, Observe, Run};
use crate::network::Plan;
use crate::record::{self, Recorder, Task, Trainer};
use crate::space::Cell;
use crate::table::{Part, Record};
use crate::train::Protocol;
use crate::unit::{Epochs, Flops};

/// How much is to be trained.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Models in all.
    pub models: usize,
    /// Those of them that are recorded already.
    pub recorded: usize,
    /// The work of the rest, in operations.
    pub work: f64,
}

/// What one model adds to a workload.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The work, in operations.
    pub work: f64,
    /// The images that it trains on, those of all epochs.
    pub images: f64,
}

impl Share {
    /// A step costs about three forward passes, and evaluations one for each image.
    #[expect(clippy::cast_precision_loss, reason = "operations are an estimate of work")]
    fn of(protocol: &Protocol, flops: Flops, epochs: Epochs) -> Self {
        let (images, epochs) = (protocol.images, f64::from(epochs.0));
        let evaluated = 2 * (images.train_accuracy + images.validation + images.test) + 3 * images.curve;
        let passes = epochs * (3 * images.train + images.curve) as f64 + evaluated as f64;
        Self { work: flops.0 as f64 * passes, images: epochs * images.train as f64 }
    }
}

impl Run<'_> {
    /// Trains what is not recorded yet. Returns all rows of these cells, budgets and repeats, and how many rows the part
    /// had before.
    pub(super) fn record(
        &self,
        part: Part,
        cells: &[Cell],
        budgets: &[Epochs],
        repeats: Range<u16>,
        observe: Observe<'_>,
    ) -> Result<(Vec<Record>, usize), Error> {
        let share = |cell: &Cell, epochs| {
            // A cell that cannot be compiled fails with its reason when it is trained.
            let flops = Plan::compile(cell, &self.skeleton).map_or(Flops(0), |plan| plan.cost().flops);
            Share::of(&self.protocol, flops, epochs)
        };
        let tasks = record::plan(&self.benchmark, cells, budgets, repeats, |cell, epochs| share(cell, epochs).work);
        let mut recorder = Recorder::open(&self.benchmark, part)?;
        let before = recorder.recorded().len();
        let remaining = recorder.remaining(&tasks);
        let shares: HashMap<_, _> = remaining.iter().map(|task| (task.key(), share(&task.cell, task.epochs))).collect();
        observe(Event::Workload(Workload {
            models: tasks.len(),
            recorded: tasks.len() - remaining.len(),
            work: shares.values().map(|share| share.work).sum(),
        }));
        let trainer = Trainer { protocol: &self.protocol, data: &self.data, device: self.job.device };
        trainer.check_memory(&remaining, self.job.workers)?;
        let tell = |worker: usize, event: record::Event<'_>| {
            let key = match event {
                record::Event::Started(task) | record::Event::Progressed(task, _) => task.key(),
                record::Event::Finished(record) => record.key(),
            };
            observe(Event::Model { worker, share: shares[&key], event });
        };
        recorder.record(&remaining, self.job.workers, tell, |task, report| trainer.train(task, report))?;
        let wanted: HashSet<_> = tasks.iter().map(Task::key).collect();
        let mut records = self.benchmark.read(part)?;
        records.retain(|record| wanted.contains(&record.key()));
        Ok((records, before))
    }
}
