//! x
pub mod dataset;
pub mod engine;
pub mod network;
pub mod oracle;
pub mod record;
pub mod report;
pub mod search;
pub mod space;
pub mod table;
pub mod train;
pub mod unit;
