//! A benchmark on disk: its rows, its columns, its files, and what makes two of them comparable.
//!
//! A [`Benchmark`] is a folder with `benchmark.toml` and Parquet files. One row, a [`Record`], is one trained model. A new
//! column is one field of [`Record`] and one entry of the list in `column.rs`. Every Parquet file of ours is written here.

mod benchmark;
mod budgets;
mod check;
pub(crate) mod column;
mod compact;
mod cost;
mod dense;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod judged;
mod look_up;
mod manifest;
mod merge;
mod numerics;
mod oracle;
pub(crate) mod outcomes;
pub(crate) mod reader;
mod record;
pub(crate) mod schema;
mod shipped;
pub(crate) mod sorted;
mod sum;
mod survey;
mod trajectories;
mod trials;
pub(crate) mod writer;

pub use benchmark::{Benchmark, FIRST_VERIFIED_REPEAT, Part};
pub use budgets::BetweenBudgets;
pub use check::{Damaged, Findings, Listed, Promise, Promised, check};
pub use column::{ColumnDescription, columns};
pub use compact::{Compacted, compact};
pub use cost::Costs;
pub use dense::{Answer, Mean, Means, Official, RANKINGS, Ranking, Repeat, Row, Stop, Table};
pub use error::Error;
pub use judged::{DEFAULT_CLASSES, Divergence, chance, judged, judged_records, mean_accuracy};
pub use manifest::{Dataset, Difference, FORMAT_VERSION, Identity, Imported, Manifest, operations};
pub use merge::{Merged, merge};
pub use numerics::Revisions;
pub use oracle::TableOracle;
pub use outcomes::outcomes;
pub use reader::read;
pub use record::{Key, Number, Record, SOURCES, STATUSES, Source, Status, Telemetry, Timestamp};
pub use schema::schema;
pub use shipped::SHIPPED;
pub use survey::{Step, Watch};
pub use trajectories::{Incumbent, TrajectoryRow, holds_trajectories, write_trajectories};
pub use trials::{TrialRow, holds_trials, write_trials};
pub use writer::write;
