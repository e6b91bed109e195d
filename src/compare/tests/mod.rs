//! What the tests of comparisons share.

pub(super) mod fixture;
