//! The official release of NAS-Bench-101, in and out: the record format of its `.tfrecord` files.
//!
//! [`import`] makes a benchmark of such files, [`export`] writes one that the original program reads, and [`Writer`] writes
//! the format record by record. What may be wrong with a record is one variant of [`Problem`] each.
//!
//! # Source
//!
//! Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, and its published program;
//! the frames are TensorFlow's TFRecord.

mod column;
mod export;
#[cfg(test)]
mod fixture;
mod frame;
mod import;
mod metrics;
mod model;
mod payload;
mod problem;
mod rows;
mod source;
#[cfg(test)]
mod tests;

pub use export::{Exported, export};
pub(super) use frame::is_start;
pub use import::{Progress, Step, Summary, import};
pub use model::{Model, Writer};
pub use problem::Problem;
