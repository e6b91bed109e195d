//! x
pub mod space;
pub mod unit;
