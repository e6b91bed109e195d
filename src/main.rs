//! The command line of `nasbench`. What it does is in the library; what it says is in `cli`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::parse();
    // A panic is a fault of this program, but no reason for an exit code that scripts do not know.
    match std::panic::catch_unwind(|| cli::run(&arguments)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => cli::report(&error),
        Err(panic) => cli::report(&cli::fault(panic.as_ref())),
    }
}
