//! One binary for all integration tests, so that burn and arrow are linked once.

mod architecture;
mod commands;
mod conformance;
mod kill;
mod oracles;
mod pipeline;
