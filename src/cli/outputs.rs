//! The files that a command writes: files that cannot be written are refused before the work.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::file;

/// Refuses a file that cannot be written or already exists.
pub(super) fn check_writable(path: &Path, force: bool) -> anyhow::Result<()> {
    check_place(path)?;
    if !force && fs_err::exists(path)? {
        bail!("`{}` is there already\nhint: `--force` overwrites it", path.display());
    }
    Ok(())
}

/// Refuses to replace an existing file, unless `is_own` finds in its content that the command wrote it. Also refuses what [`check_place`]
/// refuses.
///
/// `kind` is what the command writes, as in `the trials of a search`.
pub(super) fn check_replaceable(path: &Path, kind: &str, force: bool, is_own: impl FnOnce(&Path) -> bool) -> anyhow::Result<()> {
    check_place(path)?;
    if force || !fs_err::exists(path)? || is_own(path) {
        return Ok(());
    }
    bail!("`{}` is there already and does not hold {kind}\nhint: another name keeps it, `--force` overwrites it", path.display());
}

/// Returns whether a text file contains a mark of one command. False for a file that cannot be read.
pub(super) fn has_mark(path: &Path, mark: &str) -> bool {
    fs_err::read(path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

/// A path as text for a script, a message or a command line, or an error if the path is not valid text.
pub(super) fn utf8(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not UTF-8: what is written down cannot name it", path.display()))
}

/// Refuses a path that cannot be written, or that is not text. An existing file may be replaced.
pub(super) fn check_place(path: &Path) -> anyhow::Result<()> {
    // Messages and other commands name the file, which nobody would find under another name.
    utf8(path)?;
    if path.is_dir() {
        bail!("`{}` is a folder: expected the name of a file", path.display());
    }
    if !folder_of(path).is_dir() {
        bail!("the folder of `{}` does not exist", path.display());
    }
    file::try_to_write(path).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// Refuses two arguments that name the same file, as one would overwrite the other. Each has its name.
pub(super) fn check_distinct(arguments: &[(&str, Option<&Path>)]) -> anyhow::Result<()> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (name, path) in arguments.iter().filter_map(|(name, path)| Some((*name, (*path)?))) {
        let place = place(path);
        if let Some((other, _)) = seen.iter().find(|(_, found)| *found == place) {
            bail!("`{other}` and `{name}` name the same file: `{}`", path.display());
        }
        seen.push((name, place));
    }
    Ok(())
}

/// The canonical path of a file, which need not exist.
fn place(path: &Path) -> PathBuf {
    let joined = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(joined).unwrap_or_else(|| path.to_owned())
}

/// A folder for results. When this is dropped, what had to be made for it is gone again, if nothing is in it.
#[derive(Debug)]
pub(super) struct ResultFolder {
    /// The folders that were made, the innermost first.
    made: Vec<PathBuf>,
}

impl ResultFolder {
    pub(super) fn make(path: &Path) -> anyhow::Result<Self> {
        let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let made = missing.map(Path::to_owned).collect();
        fs_err::create_dir_all(path).context("could not make the folder of the results")?;
        Ok(Self { made })
    }
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        // A folder with something in it is not removed.
        let _ = self.made.iter().try_for_each(fs_err::remove_dir);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_under_two_spellings_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [file, inner] = ["a", "inner"].map(|name| folder.path().join(name));
        fs_err::create_dir(&inner).unwrap();
        let around = inner.join("../a");
        let check = |one: Option<&Path>, other: Option<&Path>| check_distinct(&[("--one", one), ("--other", other)]);
        let text = format!("`--one` and `--other` name the same file: `{}`", around.display());
        assert_eq!(check(Some(&file), Some(&around)).unwrap_err().to_string(), text);
        fs_err::write(&file, "").unwrap();
        assert_eq!(check(Some(&file), Some(&around)).unwrap_err().to_string(), text);
        assert!(check(Some(Path::new("a")), Some(Path::new("./a"))).is_err());
        assert!(check(Some(Path::new("a")), Some(Path::new("b"))).is_ok() && check(Some(&file), None).is_ok());
    }

    #[test]
    fn only_a_file_of_the_same_command_is_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        let check =
            |force| check_replaceable(&file, "the page of a comparison", force, |file| has_mark(file, "nasbench compare"));
        check(false).unwrap();
        fs_err::write(&file, "<pre>nasbench compare --on a</pre>").unwrap();
        check(false).unwrap();
        fs_err::write(&file, "<pre>nasbench run</pre>").unwrap();
        let text = format!(
            "`{}` is there already and does not hold the page of a comparison\n\
            hint: another name keeps it, `--force` overwrites it",
            file.display()
        );
        assert_eq!(check(false).unwrap_err().to_string(), text);
        check(true).unwrap();
        assert!(check_replaceable(folder.path(), "anything", true, |_| true).is_err(), "a folder is no file");
    }

    #[test]
    fn a_folder_of_no_results_is_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let [outer, inner] = ["a", "a/b"].map(|name| folder.path().join(name));
        drop(ResultFolder::make(&inner).unwrap());
        assert!(!outer.exists());
        let made = ResultFolder::make(&inner).unwrap();
        fs_err::write(inner.join("result"), "").unwrap();
        drop(made);
        assert!(inner.join("result").exists());
        fs_err::remove_file(inner.join("result")).unwrap();
        drop(ResultFolder::make(&inner).unwrap());
        assert!(inner.exists(), "it was there before");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_file_is_refused() {
        let text = format!("{:#}", check_place(Path::new("/proc/a")).unwrap_err());
        assert!(text.starts_with("`/proc/a` cannot be written: failed to "), "{text}");
        let folder = tempfile::tempdir().unwrap();
        check_place(&folder.path().join("a")).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
