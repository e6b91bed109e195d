//! Locks of a folder: recorders side by side, each with its own share of the cells, or one program that changes
//! what is there.
//!
//! Locks are those of the operating system: they end with their process, however it ends. The files themselves stay: to
//! remove one would let two processes hold two files of one name. On a network file system its locks must be on, as NFS 4 has
//! them (Lustre: `-o flock`).

use std::fmt;
use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fs_err as fs;

use super::{Error, Share};
use crate::file::list;

const LOCK_FILE: &str = "LOCK";
const CLAIM: &str = "claim";

/// Holds a folder for one program alone.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs::File,
}

impl Lock {
    /// Takes a folder.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if somebody records into it, in this process or another, or has it alone.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let mut file = open(&folder.join(LOCK_FILE))?;
        if !is_taken(file.try_lock())? {
            let journals = folder.join(super::shard::JOURNALS_FOLDER);
            let recorder = claims(&journals)?.into_iter().find_map(|(_, file)| Holder::of_held(&file).transpose());
            let holder = recorder.transpose()?.unwrap_or_else(|| Holder::read(&mut file));
            return Err(Error::Locked { folder: folder.to_owned(), holder });
        }
        Holder::this(Share::WHOLE).write(&mut file)?;
        Ok(Self { _file: file })
    }
}

/// Holds a share of a folder, beside others with other shares.
#[derive(Debug)]
pub(super) struct Claim {
    /// Shared by all recorders, so that nobody else has the folder alone.
    _folder: fs::File,
    _share: fs::File,
}

impl Claim {
    /// Takes a share; its claim lies among the journals.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if somebody has the folder alone, or records cells of this share.
    pub(super) fn take(folder: &Path, journals: &Path, share: Share) -> Result<Self, Error> {
        let locked = |holder| Error::Locked { folder: folder.to_owned(), holder };
        let mut whole = open(&folder.join(LOCK_FILE))?;
        if !is_taken(whole.try_lock_shared())? {
            return Err(locked(Holder::read(&mut whole)));
        }
        fs::create_dir_all(journals)?;
        let path = claim_path(journals, share);
        let mut file = open(&path)?;
        if !take_patiently(&file)? {
            return Err(locked(Holder::read(&mut file)));
        }
        Holder::this(share).write(&mut file)?;
        // Two that come at once see each other here, and both step back.
        for (other, path) in claims(journals)? {
            if other != share
                && other.overlaps(&share)
                && let Some(holder) = Holder::of_held(&path)?
            {
                return Err(locked(holder));
            }
        }
        Ok(Self { _folder: whole, _share: file })
    }

    /// Takes the share of a process that is gone, for as long as the result lives; `None` if it is still there.
    pub(super) fn of_dead(path: &Path) -> Result<Option<fs::File>, Error> {
        let file = open(path)?;
        Ok(is_taken(file.try_lock())?.then_some(file))
    }
}

/// A description of the process that holds a folder or a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    fn this(share: Share) -> Self {
        let of = share.file_name().map_or_else(String::new, |name| format!(", share {}", name.replace("-of-", " of ")));
        let host = host().map_or_else(String::new, |host| format!(" on {host}"));
        Self(format!("process {}{host}{of}", std::process::id()))
    }

    fn read(file: &mut fs::File) -> Self {
        let mut text = String::new();
        let is_read = file.read_to_string(&mut text).is_ok();
        let line = text.lines().next().unwrap_or_default();
        Self(if is_read && line.starts_with("process ") { line.to_owned() } else { "another process".to_owned() })
    }

    fn write(&self, file: &mut fs::File) -> Result<(), Error> {
        file.set_len(0)?;
        file.rewind()?;
        Ok(writeln!(file, "{self}")?)
    }

    /// Who holds the claim of a file, if anybody does.
    pub(super) fn of_held(path: &Path) -> Result<Option<Self>, Error> {
        let mut file = open(path)?;
        Ok((!is_taken(file.try_lock_shared())?).then(|| Self::read(&mut file)))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the name of this machine, where the system says it.
pub(super) fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("COMPUTERNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Returns the claims that lie among the journals, held or not, each with its share.
pub(super) fn claims(journals: &Path) -> Result<Vec<(Share, PathBuf)>, Error> {
    let share = |path: &Path| Share::from_stem(path.file_stem()?.to_str()?);
    let files = list(journals)?.into_iter();
    let claims = files.filter(|path| path.extension().is_some_and(|extension| extension == CLAIM));
    Ok(claims.filter_map(|path| Some((share(&path)?, path))).collect())
}

fn claim_path(journals: &Path, share: Share) -> PathBuf {
    journals.join(format!("{}.{CLAIM}", share.stem()))
}

fn open(path: &Path) -> Result<fs::File, Error> {
    Ok(fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?)
}

fn is_taken(result: Result<(), TryLockError>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Takes a file that others hold at most for the moment in which they look whether it is held.
fn take_patiently(file: &fs::File) -> Result<bool, Error> {
    for _ in 0..20 {
        if is_taken(file.try_lock())? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        text.parse().unwrap()
    }

    fn claim(folder: &Path, text: &str) -> Result<Claim, Error> {
        Claim::take(folder, &folder.join("journals"), share(text))
    }

    #[test]
    fn a_second_recorder_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let held = claim(folder.path(), "0/1").unwrap();
        let holder = Holder::this(Share::WHOLE);
        assert!(holder.to_string().starts_with(&format!("process {}", std::process::id())), "{holder}");
        let expected = format!("`{}` is in the hands of {holder}", folder.path().display());
        assert_eq!(claim(folder.path(), "0/1").unwrap_err().to_string(), expected);
        assert_eq!(claim(folder.path(), "3/4").unwrap_err().to_string(), expected);
        assert_eq!(Lock::take(folder.path()).unwrap_err().to_string(), expected);
        drop(held);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn shares_that_have_no_cell_in_common_are_recorded_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let _first = claim(folder.path(), "0/3").unwrap();
        let second = claim(folder.path(), "1/3").unwrap();
        let message = claim(folder.path(), "1/3").unwrap_err().to_string();
        assert!(message.ends_with(", share 1 of 3"), "{message}");
        assert!(claim(folder.path(), "0/2").is_err());
        drop(second);
        claim(folder.path(), "1/3").unwrap();
    }

    #[test]
    fn whoever_has_the_folder_alone_keeps_recorders_out() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(matches!(claim(folder.path(), "0/3"), Err(Error::Locked { .. })));
        drop(lock);
        claim(folder.path(), "0/3").unwrap();
    }

    #[test]
    fn files_that_a_killed_process_left_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journals")).unwrap();
        for file in [LOCK_FILE, "journals/all.claim", "journals/1-of-2.claim", "journals/nonsense.claim"] {
            fs::write(folder.path().join(file), "process 4294967295\n and more").unwrap();
        }
        let _held = claim(folder.path(), "0/1").unwrap();
        let text = fs::read_to_string(folder.path().join("journals/all.claim")).unwrap();
        assert_eq!(text, format!("{}\n", Holder::this(Share::WHOLE)));
    }
}
