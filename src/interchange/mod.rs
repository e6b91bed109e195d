//! Rows in the formats of other programs, in and out.
//!
//! [`official`] reads and writes the release of NAS-Bench-101, [`tabular`] reads tables of any program, [`export`] writes rows in
//! plain formats, and [`sql`] answers questions about them.

pub mod description;
mod error;
pub mod export;
mod left_out;
pub mod naslib;
pub mod official;
#[cfg(feature = "sql")]
pub mod sql;
pub mod syne_tune;
pub mod tabular;

pub use error::Error;
pub use left_out::LeftOut;
