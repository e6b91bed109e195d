//! The tests of all searches together, and what the tests of single ones share.

pub(super) mod fixture;
mod landscape;
mod stubborn;
