//! What a table says: of itself ([`Benchmark::summary`](crate::table::Benchmark::summary)), of its landscape ([`landscape::Landscape`]), and of
//! what the parts of its cells matter ([`importance::Importance`]).

pub mod importance;
pub mod landscape;
pub mod summary;
