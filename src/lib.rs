//! x
pub mod record;
pub mod space;
pub mod table;
pub mod unit;
