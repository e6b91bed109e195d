//! A benchmark on disk: its rows, its columns, its files, and what makes two of them comparable.
//!
//! A [`Benchmark`] is a folder with `benchmark.toml` and Parquet files. One row, a [`Record`], is one trained model. A new
//! column is one field of [`Record`] and one entry of the list in `column.rs`. Every Parquet file of ours is written here.

mod batches;
mod benchmark;
mod budgets;
mod check;
mod checksum;
pub(crate) mod column;
mod compact;
mod cost;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod in_memory;
mod judged;
mod latencies;
mod manifest;
mod merge;
pub(crate) mod merge_scan;
mod numerics;
mod oracle;
mod point_lookup;
pub(crate) mod reader;
mod record;
mod row_digests;
pub(crate) mod schema;
mod shipped;
pub(crate) mod status_scan;
mod trajectories;
mod trials;
pub(crate) mod writer;

pub use benchmark::{Benchmark, FIRST_VERIFIED_REPEAT, Part};
pub use budgets::BetweenBudgets;
pub(crate) use budgets::Reached;
pub use check::{Damaged, Findings, Listed, Promise, Promised, check};
pub use checksum::sha256;
pub use column::{ColumnDescription, columns};
pub use compact::{Compacted, compact};
pub use cost::Costs;
pub use error::Error;
pub use in_memory::{Answer, Mean, Means, Official, RANKINGS, Ranking, Repeat, Row, Stop, Table};
pub use judged::{DEFAULT_CLASSES, Divergence, chance, judged, judged_records, mean_accuracy};
pub use latencies::{LATENCY_FILE, LatencyRow, holds_latencies, read_latencies, write_latencies};
pub use manifest::{Dataset, Difference, FORMAT_VERSION, Identity, Imported, Manifest, operations};
pub use merge::{Merged, merge};
pub use numerics::Revisions;
pub use oracle::TableOracle;
pub use reader::read;
pub use record::{Key, Number, Record, SOURCES, STATUSES, Source, Status, Telemetry, Timestamp};
pub use row_digests::{Step, Watch};
pub use schema::schema;
pub use shipped::SHIPPED;
pub use status_scan::outcomes;
pub use trajectories::{Incumbent, TrajectoryRow, holds_trajectories, write_trajectories};
pub use trials::{TrialRow, holds_trials, write_trials};
pub use writer::write;
