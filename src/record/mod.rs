//! Recording a benchmark: what is to be trained, by how many workers, and how every finished model survives a crash.
//!
//! A [`plan`] lists the tasks; a [`Recorder`] takes those that are not recorded yet and hands them to workers. Each worker
//! appends what it finished to a journal of its own, which is rolled into Parquet shards. A process that is killed loses
//! the models in training and nothing else: opening a recorder again brings the journals in. Afterwards [`compact`] makes one
//! file of the shards.

mod activity;
#[cfg(test)]
mod fixture;
mod journal;
mod latency;
mod lock;
mod plan;
mod recorder;
mod shard;
mod share;
mod slurm;
mod trainer;
mod upkeep;

use std::io;
use std::path::PathBuf;

use crate::engine::panic_text;
use crate::table::{self, Key};

pub use activity::{Activity, AtWork, Best, activities};
pub use latency::{Clocking, ClockingError, Through, clock};
pub use lock::Holder;
pub use plan::{ORDERS, Order, Task, check_size, plan};
pub use recorder::{Assignment, Damage, Event, Recorder};
pub use share::Share;
pub use slurm::{Slurm, most_array_tasks, set_by_scripts, submission, submission_after, submission_script};
pub use trainer::Trainer;
pub use upkeep::{Watch, compact, journals, set_aside};

/// An error of a recording. What was recorded until then stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The benchmark could not be read or written.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// Another process records into the folder.
    #[error("`{}` is in the hands of {holder}", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The other process.
        holder: Holder,
    },
    /// A journal is damaged before its end, so that this is no torn tail of a killed process.
    #[error("`{}` is damaged: expected a record at byte {offset}, the next one is at byte {next}", file.display())]
    Damaged {
        /// The journal.
        file: PathBuf,
        /// Where the damage starts.
        offset: usize,
        /// Where the next whole record starts.
        next: usize,
    },
    /// A journal holds something else than records of this version.
    #[error("`{}` holds no record of this version at byte {offset}", file.display())]
    Payload {
        /// The journal.
        file: PathBuf,
        /// Where the record starts.
        offset: usize,
        /// What is wrong with it.
        source: ciborium::de::Error<io::Error>,
    },
    /// A model could not be trained.
    #[error("could not train {task}")]
    Training {
        /// Its task.
        task: Task,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The plan has more models than fit into the memory.
    #[error(
        "a plan of {models} models takes {needed} bytes of memory, {available} are available\nhint: record fewer vertices, budgets or repeats at a time"
    )]
    TooManyModels {
        /// The number of models.
        models: u64,
        /// The bytes that their plan takes.
        needed: u64,
        /// The bytes that there are.
        available: u64,
    },
    /// A training panicked.
    #[error("the training of {task} panicked: {message}")]
    Panicked {
        /// Its task.
        task: Task,
        /// The message of the panic.
        message: String,
    },
    /// A training returned the record of something else.
    #[error("the training of {task} returned a record of {found}")]
    AnotherRecord {
        /// The task.
        task: Task,
        /// The key of the record.
        found: Box<Key>,
    },
    /// Journals were removed by somebody else while their workers wrote them.
    #[error("{rows} finished records are gone from `{}`: its journals were removed", folder.display())]
    Lost {
        /// The folder that was being recorded.
        folder: PathBuf,
        /// The number of records.
        rows: usize,
    },
}
