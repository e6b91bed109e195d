//! Signals that stop a long-running command.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;

/// A flag that SIGTERM and Ctrl-C set; a second Ctrl-C ends the process.
pub(super) fn stop() -> anyhow::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag::{register, register_conditional_shutdown};

    let stop = Arc::new(AtomicBool::new(false));
    let could_not = "could not listen to signals";
    register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop)).context(could_not)?;
    for signal in [SIGINT, SIGTERM] {
        register(signal, Arc::clone(&stop)).context(could_not)?;
    }
    Ok(stop)
}
