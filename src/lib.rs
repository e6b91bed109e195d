//! x
pub mod network;
pub mod oracle;
pub mod space;
pub mod statistics;
pub mod surrogate;
pub mod unit;
