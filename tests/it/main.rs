//! One binary for all integration tests, so that burn and arrow are linked once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod commands;
mod compare;
mod conformance;
mod export;
mod external;
#[cfg(feature = "gpu")]
mod gpu;
mod import;
mod kill;
mod memory;
mod oracles;
mod outputs;
mod own_images;
mod pipeline;
mod pool;
mod record;
mod retrain;
mod serve;
mod train;
