//! x
pub mod report;
pub mod space;
pub mod unit;
