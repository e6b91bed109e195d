//! Files that appear whole or not at all, whatever happens meanwhile.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fs_err as fs;

/// The name under which a file is written before it appears. Nobody takes it for the file itself.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!(".{name}.tmp")
}

/// Writes a file under a temporary name beside it, and renames it when all of it is on the disk.
///
/// One that was there under the name is replaced. An attempt that fails leaves it as it was, and nothing beside it.
///
/// # Errors
///
/// What `write` says, or an [`io::Error`] if the disk does not take the file.
pub fn replace<E: From<io::Error>>(file: &Path, write: impl FnOnce(&mut fs::File) -> Result<(), E>) -> Result<(), E> {
    let Some(name) = file.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` names no file", file.display())).into());
    };
    let temporary = file.with_file_name(temporary_name(&name.to_string_lossy()));
    let mut open = fs::File::create(&temporary)?;
    let written = write(&mut open).and_then(|()| Ok(open.sync_all()?));
    drop(open);
    if let Err(error) = written.and_then(|()| Ok(fs::rename(&temporary, file)?)) {
        // It is of no use, but leaving it does no harm either.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(sync_folder(folder_of(file))?)
}

/// Finds out whether [`replace`] can write a file, before there is anything to write.
///
/// # Errors
///
/// An [`io::Error`] if its folder does not take one.
pub fn try_to_write(file: &Path) -> io::Result<()> {
    let temporary = file.with_file_name(temporary_name(&file.file_name().unwrap_or_default().to_string_lossy()));
    match fs::File::create_new(&temporary) {
        Ok(_) => fs::remove_file(&temporary),
        // Of an attempt that was cut: it can be written.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file that appears whole, unless there is one under its name: then that one stays, even if another process wrote it
/// in the same moment.
///
/// # Errors
///
/// An [`io::Error`] if the disk does not take the file.
pub fn create(file: &Path, content: &[u8]) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Of this process in this moment: on a shared disk another machine may have a process of the same number.
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let temporary = file.with_file_name(temporary_name(&format!("{name}.{}-{moment:x}", std::process::id())));
    let written = fs::File::create_new(&temporary).and_then(|mut open| open.write_all(content).and_then(|()| open.sync_all()));
    // A link, other than a renaming, never replaces. File systems without links have the renaming.
    let linked = written.and_then(|()| match fs::hard_link(&temporary, file) {
        Err(_) if !fs::exists(file)? => fs::rename(&temporary, file),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&temporary);
    linked.and_then(|()| sync_folder(folder_of(file)))
}

/// Makes sure that what was created, renamed or removed in a folder is so after a loss of power, too.
///
/// # Errors
///
/// An [`io::Error`] if the folder cannot be opened or synchronised.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix opens folders as files; elsewhere the file system does this by itself.
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
