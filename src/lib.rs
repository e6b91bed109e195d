//! x
pub mod dataset;
pub mod space;
pub mod unit;
