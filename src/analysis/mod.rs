//! What a table says: of itself ([`Benchmark::summary`](crate::table::Benchmark::summary)), and of its landscape ([`landscape::Landscape`]).

pub mod landscape;
pub mod summary;
