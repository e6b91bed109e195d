//! A command in a process of its own, because a failed allocation aborts the process that asks for it: the one that waits says why.
//!
//! The process that works watches itself, so that it ends before the system runs out of memory, and with the one that waits.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::anyhow;
use nasbench::train::available_memory;

use super::figures::size;

/// How often a process looks at what it takes.
const INTERVAL: Duration = Duration::from_millis(10);
/// The share of the free memory that a process may take.
const SHARE: f64 = 0.9;
/// What the standard library prints before it aborts.
const FAILED_ALLOCATION: [&str; 2] = ["memory allocation of ", " bytes failed"];
const OVERFLOWED_STACK: &str = "has overflowed its stack";

/// Runs this program again with other arguments; what it prints on standard output is printed here.
///
/// `None` if it cannot be started again: then there is nobody to guard the work.
pub(super) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Option<anyhow::Result<()>> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new(program);
    command.args(["--color", "never"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::piped());
    let output = command.spawn().ok()?.wait_with_output();
    Some(output.map_err(anyhow::Error::from).and_then(|output| ending(&output)))
}

/// What the end of a process means.
fn ending(output: &Output) -> anyhow::Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            // The answer is printed, whoever reads what was said of it.
            let _ = anstream::stderr().write_all(said.as_bytes());
            Ok(())
        }
        // It says itself what is wrong.
        Some(_) if !said.trim().is_empty() => Err(anyhow!("{}", said.trim().trim_start_matches("error: "))),
        _ => Err(anyhow!("{}", without_memory(&said))),
    }
}

/// Why a process ended without a word of its own.
fn without_memory(said: &str) -> String {
    let hint =
        "hint: a join of all rows with all rows has the square of their number; join on columns, or aggregate before the join";
    let bytes = said.split_once(FAILED_ALLOCATION[0]).and_then(|(_, rest)| rest.split_once(FAILED_ALLOCATION[1]));
    let failed = bytes.and_then(|(bytes, _)| bytes.parse().ok());
    match (failed, address_space()) {
        _ if said.contains(OVERFLOWED_STACK) => "it is nested too deeply for the stack".to_owned(),
        (Some(bytes), Some(limit)) => {
            format!(
                "it takes more memory than the limit of {} (`ulimit -v`): {} more were refused\n{hint}",
                size(limit),
                size(bytes)
            )
        }
        (Some(bytes), None) => format!("it takes more memory than the system gives: {} more were refused\n{hint}", size(bytes)),
        (None, limit) => {
            let limit = limit.map_or_else(String::new, |limit| format!("; the limit is {} (`ulimit -v`)", size(limit)));
            format!("its process was ended from outside, as the system does when there is no memory left{limit}\n{hint}")
        }
    }
}

/// The address space that this process may take, if that is limited.
fn address_space() -> Option<u64> {
    let limits = fs_err::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Ends this process, with a message, when it takes more memory than is free now, or when the process that waits is gone.
pub(super) fn watch(could_not: &'static str) {
    let (Some(free), Some(before)) = (available_memory(), resident()) else { return };
    let waiting = parent();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of memory")]
    let most = (free as f64 * SHARE) as u64;
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(INTERVAL);
            if resident().is_some_and(|now| now.saturating_sub(before) > most) {
                let free = size(free);
                let _ = writeln!(anstream::stderr(), "error: {could_not}: it takes more memory than the {free} that are free");
                end();
            }
            if parent() != waiting {
                end();
            }
        }
    });
}

#[expect(clippy::exit, reason = "whoever works here cannot be stopped in another way")]
fn end() -> ! {
    std::process::exit(1)
}

/// The bytes of memory that this process takes.
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

/// Elsewhere nobody says which process started this one.
#[cfg(not(unix))]
fn parent() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_said_in_words() {
        let said = without_memory("thread 'a' …\nmemory allocation of 4294967296 bytes failed\nstack backtrace:\n  0: abort");
        assert!(said.starts_with("it takes more memory than ") && said.contains("4.0 GiB more were refused\nhint: "), "{said}");
        let said = without_memory("\nthread 'sql' has overflowed its stack\nfatal runtime error: stack overflow");
        assert_eq!(said, "it is nested too deeply for the stack");
        assert!(without_memory("").contains("ended from outside"));
    }

    #[test]
    fn a_process_knows_what_it_takes() {
        assert!(resident().is_none_or(|bytes| bytes > 1 << 20));
    }
}
