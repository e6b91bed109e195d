//! The memory that a training takes, and the memory that there is.

use std::path::{Path, PathBuf};

use super::{Error, Training};
use crate::engine::Device;

/// Returns an error if trainings side by side take more memory than there is; where the system does not say how much there is, and on
/// a GPU, whose memory is not known here, none is refused.
///
/// # Errors
///
/// [`Error::Memory`] with both figures.
pub fn check_memory(trainings: &[Training<'_>]) -> Result<(), Error> {
    let mut needed: u64 = 0;
    for training in trainings.iter().filter(|training| !training.device.is_gpu()) {
        needed = needed.saturating_add(training.needed(&training.plan()?));
    }
    let batch = trainings.first().map_or(0, |training| training.protocol.batch_size);
    check(needed, available(), trainings.len(), batch)
}

/// Returns an error if a model with batches of `batch` images needs more bytes than there are; on a GPU none is refused.
pub(super) fn check_one(device: Device, needed: u64, batch: usize) -> Result<(), Error> {
    if device.is_gpu() { Ok(()) } else { check(needed, available(), 1, batch) }
}

/// Returns an error if `models` models with batches of `batch` images need more bytes than there are.
fn check(needed: u64, available: Option<u64>, models: usize, batch: usize) -> Result<(), Error> {
    match available {
        Some(available) if needed > available => Err(Error::Memory { needed, available, models, batch }),
        _ => Ok(()),
    }
}

/// The bytes that a process can still take without swapping: what the machine has left, or less where a group of processes,
/// such as a container, has a limit. `None` where the system does not say it.
#[must_use]
pub fn available() -> Option<u64> {
    let of_machine = fs_err::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemAvailable:"));
    let groups = fs_err::read_to_string("/proc/self/cgroup").unwrap_or_default();
    of_machine.into_iter().chain(left_in_groups(Path::new("/sys/fs/cgroup"), &groups)).min()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The files of one version of control groups.
struct Version {
    folder: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// The line of `memory.stat` with what the system would give back.
    reclaimable: &'static str,
}

const VERSION_1: Version = Version {
    folder: "memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};
const VERSION_2: Version = Version { folder: "", limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file" };

/// What each group that a process is in has left of its limit; groups without one are left out.
fn left_in_groups(root: &Path, groups: &str) -> Vec<u64> {
    let of_line = |line: &str| -> Option<(Version, PathBuf)> {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let version = match controllers {
            "" => VERSION_2,
            list if list.split(',').any(|controller| controller == "memory") => VERSION_1,
            _ => return None,
        };
        Some((version, PathBuf::from(path.trim_start_matches('/'))))
    };
    let mut left = Vec::new();
    for (version, path) in groups.lines().filter_map(of_line) {
        // A limit of a group holds for those within it.
        for group in path.ancestors() {
            left.extend(left_in(&root.join(version.folder).join(group), &version));
        }
    }
    left
}

fn left_in(folder: &Path, version: &Version) -> Option<u64> {
    let read = |name: &str| fs_err::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    // No limit is the word `max`.
    let limit = number(version.limit)?;
    let stat = read("memory.stat").unwrap_or_default();
    let of_line = |line: &str| line.strip_prefix(version.reclaimable)?.trim().parse::<u64>().ok();
    let reclaimable = stat.lines().find_map(of_line).unwrap_or(0);
    Some(limit.saturating_sub(number(version.usage)?.saturating_sub(reclaimable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        fs_err::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs_err::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn the_machine_says_what_is_left() {
        assert_eq!(kilobytes("MemTotal:  24 kB\nMemAvailable:   17 kB\n", "MemAvailable:"), Some(17 * 1024));
        assert_eq!(kilobytes("MemTotal:  24 kB\n", "MemAvailable:"), None);
        if cfg!(target_os = "linux") {
            assert!(available().is_some_and(|bytes| bytes > 1 << 20));
        }
    }

    #[test]
    fn a_group_has_left_what_its_narrowest_ancestor_has() {
        let root = tempfile::tempdir().unwrap();
        let stat = "anon 100\ninactive_file 30\n";
        write(&root.path().join("box/task"), &[("memory.max", "max\n"), ("memory.current", "200\n"), ("memory.stat", stat)]);
        write(&root.path().join("box"), &[("memory.max", "1000\n"), ("memory.current", "600\n"), ("memory.stat", stat)]);
        assert_eq!(left_in_groups(root.path(), "0::/box/task\n"), [1_000 - (600 - 30)]);
        assert!(left_in_groups(root.path(), "0::/elsewhere\n").is_empty());
    }

    #[test]
    fn groups_of_the_first_version_count_too() {
        let root = tempfile::tempdir().unwrap();
        let files =
            [("memory.limit_in_bytes", "500"), ("memory.usage_in_bytes", "600"), ("memory.stat", "total_inactive_file 50\n")];
        write(&root.path().join("memory/box"), &files);
        assert_eq!(left_in_groups(root.path(), "5:cpu,cpuacct:/box\n4:memory:/box\n"), [0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_figures() {
        let gigabyte = 1 << 30;
        assert!(check(gigabyte, Some(gigabyte), 1, 8).is_ok() && check(gigabyte, None, 1, 8).is_ok());
        let message = check(3 * gigabyte, Some(2 * gigabyte), 1, 256).unwrap_err().to_string();
        assert_eq!(message, "a training with batches of 256 takes 3.0 GiB of memory, 2.0 GiB are available");
        let message = check(3 * gigabyte, Some(2 * gigabyte), 4, 256).unwrap_err().to_string();
        assert_eq!(message, "4 trainings at a time with batches of 256 take 3.0 GiB of memory, 2.0 GiB are available");
    }
}
