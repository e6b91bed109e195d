//! The runs that are finished, kept in a file so that none is run twice.
//!
//! The file is one [frame](crate::frame) with the conditions of all runs, and one for each run. A run that a crash damaged is run
//! again, and so is everything behind it.

use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::Error;
use super::conditions::Conditions;
use super::outcome::Outcome;
use crate::frame::{HEADER, frame, payload_at};
use crate::unit::Seconds;

/// The version of the file. Another one is refused.
const FORMAT: &str = "nasbench comparison 4";

/// What the first frame holds.
#[derive(Serialize, Deserialize)]
struct Heading {
    format: String,
    conditions: Conditions,
}

/// A finished run, and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LoggedRun {
    /// The task with all that decides its answers.
    pub(super) task: String,
    /// The algorithm with all its options.
    #[serde(rename = "contestant")]
    pub(super) competitor: String,
    pub(super) run: u32,
    /// The processor time that it took.
    pub(super) took: Seconds,
    pub(super) outcome: Outcome,
}

/// The open file. It is locked as long as this lives, and gone with it if it holds no run.
#[derive(Debug)]
pub(super) struct RunLog {
    file: Mutex<fs::File>,
    has_runs: AtomicBool,
}

impl RunLog {
    /// Opens the file, or begins it, and reads the runs that are there. One without runs is begun anew: a comparison that was ended at
    /// once leaves it.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another process has it, [`Error::Foreign`] if it holds something else, [`Error::OtherConditions`] if
    /// it is another comparison's, [`Error::File`] if the disk does not take it.
    pub(super) fn open(path: &Path, conditions: &Conditions) -> Result<(Self, Vec<LoggedRun>), Error> {
        let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { file: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (runs, end) = if bytes.is_empty() { (Vec::new(), 0) } else { parse(&bytes, path, conditions)? };
        let end = if runs.is_empty() { 0 } else { end as u64 };
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        if end == 0 {
            file.write_all(&frame(&Heading { format: FORMAT.to_owned(), conditions: conditions.clone() }))?;
        }
        Ok((Self { file: Mutex::new(file), has_runs: AtomicBool::new(!runs.is_empty()) }, runs))
    }

    /// Keeps a run. It outlives the process, but not a loss of power that comes at once.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the disk does not take it.
    pub(super) fn append(&self, run: &LoggedRun) -> Result<(), Error> {
        let frame = frame(run);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_runs.store(true, Ordering::Relaxed);
        Ok(file.write_all(&frame)?)
    }
}

impl Drop for RunLog {
    fn drop(&mut self) {
        if !*self.has_runs.get_mut() {
            let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
            let _ = fs::remove_file(file.path());
        }
    }
}

/// The whole runs of a file, and where they end.
fn parse(bytes: &[u8], path: &Path, conditions: &Conditions) -> Result<(Vec<LoggedRun>, usize), Error> {
    let foreign = || Error::Foreign { file: PathBuf::from(path) };
    let payload = payload_at(bytes, 0).ok_or_else(foreign)?;
    let heading: Heading = ciborium::from_reader(payload).map_err(|_| foreign())?;
    if heading.format != FORMAT {
        return Err(foreign());
    }
    let mut end = HEADER + payload.len();
    let mut runs = Vec::new();
    while let Some(payload) = payload_at(bytes, end) {
        runs.push(ciborium::from_reader(payload).map_err(|_| foreign())?);
        end += HEADER + payload.len();
    }
    if heading.conditions != *conditions && !runs.is_empty() {
        let (expected, found) = (conditions.to_string(), heading.conditions.to_string());
        return Err(Error::OtherConditions { file: path.to_owned(), expected, found });
    }
    Ok((runs, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Duplicates, Redraws, Returns};
    use crate::unit::Seed;

    /// The conditions of a budget.
    fn of(budget: &str) -> Conditions {
        let (budget, tool_version) = (budget.to_owned(), "0.1.0".to_owned());
        Conditions { budget, seed: Seed(7), tool_version, duplicates: Duplicates::default(), returns: Returns::default() }
    }

    fn run(number: u32) -> LoggedRun {
        let outcome = Outcome {
            trials: number,
            distinct_cells: Some(number),
            evaluations: 0.1 + 0.2,
            time: Some(Seconds(1.0 / 3.0)),
            steps: Vec::new(),
            front: Vec::new(),
            redraws: Redraws::default(),
        };
        let (task, competitor) = ("a table".to_owned(), "random {}".to_owned());
        LoggedRun { task, competitor, run: number, took: Seconds(0.1), outcome }
    }

    /// A file with three runs, and its bytes.
    fn file() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let (kept, runs) = RunLog::open(&path, &of("20evals")).unwrap();
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
            let (kept, runs) = RunLog::open(&path, &of("20evals")).unwrap();
            assert_eq!(runs, [0, 1, 2].map(run)[..runs.len()], "cut at byte {length}");
            kept.append(&run(7)).unwrap();
            drop(kept);
            let again = RunLog::open(&path, &of("20evals")).unwrap().1;
            assert_eq!((again.len(), again.last()), (runs.len() + 1, Some(&run(7))), "cut at byte {length}");
        }
        assert_eq!(RunLog::open(&path, &of("20evals")).unwrap().1.len(), 4);
    }

    #[test]
    fn what_is_new_since_a_file_was_written_does_not_change_it() {
        #[derive(Serialize)]
        struct Before {
            budget: String,
            seed: Seed,
            tool_version: String,
        }
        #[derive(Serialize)]
        struct RedrawsBefore {
            outside: u64,
            uniform: u64,
        }
        let before = Before { budget: "5s".to_owned(), seed: Seed(7), tool_version: "0.1.0".to_owned() };
        assert_eq!(frame(&of("5s")), frame(&before), "the default rules");
        let redraws = Redraws { outside: 3, uniform: 2, ..Redraws::default() };
        assert_eq!(frame(&redraws), frame(&RedrawsBefore { outside: 3, uniform: 2 }));
        let returns = Returns::TopKMean { k: 3, share: 0.25 };
        let never = Conditions { duplicates: Duplicates::Never, returns, ..of("5s") };
        let payload = frame(&never);
        assert_eq!(ciborium::from_reader::<Conditions, _>(payload_at(&payload, 0).unwrap()).unwrap(), never);
    }

    #[test]
    fn nothing_else_is_overwritten() {
        let (_folder, path, bytes) = file();
        let error = RunLog::open(&path, &of("5s")).unwrap_err().to_string();
        let words = "holds runs with a budget of 20evals, seed 7 and version 0.1.0, expected a budget of 5s, seed 7 and version 0.1.0\nhint: ";
        assert!(error.contains(words), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        for foreign in [b"a letter to a friend".as_slice(), &frame(&"a value"), &bytes[..9]] {
            fs::write(&path, foreign).unwrap();
            assert!(matches!(RunLog::open(&path, &of("20evals")), Err(Error::Foreign { .. })));
            assert_eq!(fs::read(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn a_file_without_runs_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        drop(RunLog::open(&path, &of("5s")).unwrap());
        assert!(!path.exists());
        fs::write(&path, frame(&Heading { format: FORMAT.to_owned(), conditions: of("5s") })).unwrap();
        let (kept, runs) = RunLog::open(&path, &of("20evals")).unwrap();
        assert_eq!(runs, []);
        kept.append(&run(0)).unwrap();
        drop(kept);
        assert_eq!(RunLog::open(&path, &of("20evals")).unwrap().1, [run(0)]);
        assert!(matches!(RunLog::open(&path, &of("5s")), Err(Error::OtherConditions { .. })));
    }

    #[test]
    fn two_at_once_are_refused() {
        let (_folder, path, _) = file();
        let first = RunLog::open(&path, &of("20evals")).unwrap();
        assert!(matches!(RunLog::open(&path, &of("20evals")), Err(Error::Locked { .. })));
        drop(first);
        assert!(RunLog::open(&path, &of("20evals")).is_ok());
    }
}
