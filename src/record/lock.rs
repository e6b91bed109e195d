//! One recorder per folder.

use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use fs_err as fs;

use super::Error;

const LOCK_FILE: &str = "LOCK";

/// Holds a folder until it is dropped, or until its process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    /// The operating system frees the lock when the file is closed. The file itself stays: to remove it would let two
    /// recorders hold two files of one name.
    _file: fs::File,
}

impl Lock {
    /// Takes a folder.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another recorder has it, in this process or another.
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        let mut file = fs::OpenOptions::new().read(true).write(true).create(true).open(folder.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(Error::Locked { folder: folder.to_owned(), process });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

/// Who holds a folder, in words.
pub(super) fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_recorder_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let message = Lock::take(folder.path()).unwrap_err().to_string();
        assert_eq!(message, format!("`{}` is being recorded by process {}", folder.path().display(), std::process::id()));
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_lock_file_that_a_killed_process_left_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK_FILE), "4294967295\n and more").unwrap();
        let _lock = Lock::take(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap(), format!("{}\n", std::process::id()));
    }
}
