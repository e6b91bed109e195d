//! Tests of all algorithms together, and the problems that they share.

mod benchmarks;
mod conformance;
pub(crate) mod digits;
mod properties;
mod random;
mod reals;
