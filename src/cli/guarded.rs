//! A command in a child process, because a library that overflows its stack aborts the process; the parent reports why.
//!
//! The child watches itself, so that it ends before the system runs out of memory, and when the parent ends.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::anyhow;
use nasbench::train::available_memory;

use super::memory::{MORE_WERE_REFUSED, address_space, end};
use nasbench::print::memory_size;

/// Interval of the memory checks.
const INTERVAL: Duration = Duration::from_millis(10);
/// The share of free memory that the child may use.
const SHARE: f64 = 0.9;
/// The hint if memory is short.
const HINT: &str =
    "hint: a join of all rows with all rows has the square of their number; join on columns, or aggregate before the join";
/// What the standard library prints before it aborts.
const OVERFLOWED_STACK: &str = "has overflowed its stack";

/// Runs this program again with other arguments, and prints its standard output.
///
/// `None` if the child cannot be started: then the work is unguarded.
pub(super) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Option<anyhow::Result<()>> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new(program);
    command.args(["--color", "never"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::piped());
    let output = command.spawn().ok()?.wait_with_output();
    Some(output.map_err(anyhow::Error::from).and_then(|output| ending(&output)))
}

/// The meaning of an exit status.
fn ending(output: &Output) -> anyhow::Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            // The answer is printed, whoever reads what was said of it.
            let _ = anstream::stderr().write_all(said.as_bytes());
            Ok(())
        }
        // It says itself what is wrong.
        Some(_) if !said.trim().is_empty() => {
            let said = said.trim().trim_start_matches("error: ");
            let hint = if said.ends_with(MORE_WERE_REFUSED) { format!("\n{HINT}") } else { String::new() };
            Err(anyhow!("{said}{hint}"))
        }
        _ if said.contains(OVERFLOWED_STACK) => Err(anyhow!("it is nested too deeply for the stack")),
        _ => {
            let limit =
                address_space().map_or_else(String::new, |limit| format!("; the limit is {} (`ulimit -v`)", memory_size(limit)));
            Err(anyhow!("its process was ended from outside, as the system does when there is no memory left{limit}\n{HINT}"))
        }
    }
}

/// Ends this process, with a message, when it uses more memory than is free now, or when the parent is gone.
pub(super) fn watch(could_not: &'static str) {
    let (Some(free), Some(before)) = (available_memory(), resident()) else { return };
    let waiting = parent();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of memory")]
    let most = (free as f64 * SHARE) as u64;
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(INTERVAL);
            if resident().is_some_and(|now| now.saturating_sub(before) > most) {
                let free = memory_size(free);
                let _ = writeln!(anstream::stderr(), "error: {could_not}: it takes more memory than the {free} that are free");
                end();
            }
            if parent() != waiting {
                end();
            }
        }
    });
}

/// The memory of this process in bytes.
fn resident() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The process that started this one.
#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// On other systems the parent is unknown.
#[cfg(not(unix))]
fn parent() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_end_of_a_process_is_said_in_words() {
        use std::os::unix::process::ExitStatusExt as _;
        use std::process::ExitStatus;

        let ended = |status: i32, said: &str| {
            let output = Output { status: ExitStatus::from_raw(status), stdout: Vec::new(), stderr: said.into() };
            ending(&output).map_err(|error| error.to_string())
        };
        let (failed, aborted) = (1 << 8, 6);
        assert_eq!(ended(0, ""), Ok(()));
        assert_eq!(ended(failed, "error: no such column\n"), Err("no such column".to_owned()));
        let said = ended(failed, "error: it takes more memory than there is: 4.0 GiB more were refused\n").unwrap_err();
        assert_eq!(said, format!("it takes more memory than there is: 4.0 GiB more were refused\n{HINT}"));
        let said = ended(aborted, "\nthread 'sql' has overflowed its stack\nfatal runtime error: stack overflow");
        assert_eq!(said, Err("it is nested too deeply for the stack".to_owned()));
        assert!(ended(aborted, "").unwrap_err().starts_with("its process was ended from outside"));
    }

    #[test]
    fn a_process_knows_what_it_takes() {
        assert!(resident().map_or(!cfg!(target_os = "linux"), |bytes| bytes > 1 << 20));
    }
}
