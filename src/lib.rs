//! x
pub mod dataset;
pub mod engine;
pub mod network;
pub mod oracle;
pub mod search;
pub mod report;
pub mod space;
pub mod train;
pub mod unit;
