//! The runs that are finished, kept in a file so that none is run twice.
//!
//! The file is one [frame](crate::frame) with the conditions of all runs, and one for each run. A run that a crash damaged is run
//! again, and so is everything behind it.

use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::Error;
use super::run::Outcome;
use crate::frame::{HEADER, frame, payload_at};
use crate::unit::Seconds;

/// The version of the file. Another one is refused.
const FORMAT: &str = "nasbench comparison 2";

/// What the first frame holds.
#[derive(Serialize, Deserialize)]
struct Heading {
    format: String,
    conditions: String,
}

/// A finished run, and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRun {
    /// The task with all that decides its answers.
    pub(super) task: String,
    /// The algorithm with all its options.
    pub(super) contestant: String,
    pub(super) run: u32,
    /// The processor time that it took.
    pub(super) took: Seconds,
    pub(super) outcome: Outcome,
}

/// The open file. It is locked as long as this lives.
#[derive(Debug)]
pub(super) struct Kept {
    file: Mutex<fs::File>,
}

impl Kept {
    /// Opens the file, or begins it, and reads the runs that are there.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another process has it, [`Error::Foreign`] if it holds something else, [`Error::OtherConditions`] if
    /// it is another comparison's, [`Error::File`] if the disk does not take it.
    pub(super) fn open(path: &Path, conditions: &str) -> Result<(Self, Vec<KeptRun>), Error> {
        let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { file: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            file.write_all(&frame(&Heading { format: FORMAT.to_owned(), conditions: conditions.to_owned() }))?;
            return Ok((Self { file: Mutex::new(file) }, Vec::new()));
        }
        let (runs, end) = parse(&bytes, path, conditions)?;
        file.set_len(end as u64)?;
        file.seek(SeekFrom::Start(end as u64))?;
        Ok((Self { file: Mutex::new(file) }, runs))
    }

    /// Keeps a run. It outlives the process, but not a loss of power that comes at once.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the disk does not take it.
    pub(super) fn append(&self, run: &KeptRun) -> Result<(), Error> {
        let frame = frame(run);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.write_all(&frame)?)
    }
}

/// The whole runs of a file, and where they end.
fn parse(bytes: &[u8], path: &Path, conditions: &str) -> Result<(Vec<KeptRun>, usize), Error> {
    let foreign = || Error::Foreign { file: PathBuf::from(path) };
    let payload = payload_at(bytes, 0).ok_or_else(foreign)?;
    let heading: Heading = ciborium::from_reader(payload).map_err(|_| foreign())?;
    if heading.format != FORMAT {
        return Err(foreign());
    }
    if heading.conditions != conditions {
        let (expected, found) = (conditions.to_owned(), heading.conditions);
        return Err(Error::OtherConditions { file: path.to_owned(), expected, found });
    }
    let mut end = HEADER + payload.len();
    let mut runs = Vec::new();
    while let Some(payload) = payload_at(bytes, end) {
        runs.push(ciborium::from_reader(payload).map_err(|_| foreign())?);
        end += HEADER + payload.len();
    }
    Ok((runs, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u32) -> KeptRun {
        let outcome = Outcome { trials: number, evaluations: 0.1 + 0.2, time: Some(Seconds(1.0 / 3.0)), steps: Vec::new() };
        let (task, contestant) = ("a table".to_owned(), "random {}".to_owned());
        KeptRun { task, contestant, run: number, took: Seconds(0.1), outcome }
    }

    /// A file with three runs, and its bytes.
    fn file() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let (kept, runs) = Kept::open(&path, "here").unwrap();
        assert_eq!(runs, []);
        for number in 0..3 {
            kept.append(&run(number)).unwrap();
        }
        drop(kept);
        let bytes = fs::read(&path).unwrap();
        (folder, path, bytes)
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_runs_and_grows_on() {
        let (_folder, path, bytes) = file();
        let heading = HEADER + payload_at(&bytes, 0).unwrap().len();
        for length in heading..=bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let (kept, runs) = Kept::open(&path, "here").unwrap();
            assert_eq!(runs, [0, 1, 2].map(run)[..runs.len()], "cut at byte {length}");
            kept.append(&run(7)).unwrap();
            drop(kept);
            let again = Kept::open(&path, "here").unwrap().1;
            assert_eq!((again.len(), again.last()), (runs.len() + 1, Some(&run(7))), "cut at byte {length}");
        }
        assert_eq!(Kept::open(&path, "here").unwrap().1.len(), 4);
    }

    #[test]
    fn nothing_else_is_overwritten() {
        let (_folder, path, bytes) = file();
        let error = Kept::open(&path, "there").unwrap_err().to_string();
        assert!(error.ends_with("holds runs under other conditions: here, expected there"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        for foreign in [b"a letter to a friend".as_slice(), &frame(&"a value"), &bytes[..9]] {
            fs::write(&path, foreign).unwrap();
            assert!(matches!(Kept::open(&path, "here"), Err(Error::Foreign { .. })));
            assert_eq!(fs::read(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn two_at_once_are_refused() {
        let (_folder, path, _) = file();
        let first = Kept::open(&path, "here").unwrap();
        assert!(matches!(Kept::open(&path, "here"), Err(Error::Locked { .. })));
        drop(first);
        assert!(Kept::open(&path, "here").is_ok());
    }
}
