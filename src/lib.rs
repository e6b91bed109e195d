//! x
pub mod space;
pub mod table;
pub mod unit;
