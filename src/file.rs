//! Files that appear whole or not at all, whatever happens meanwhile; and files that are read as they were before they were packed.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::bufread::MultiGzDecoder;
use fs_err as fs;

/// What bytes packed by gzip begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The byte order mark, with which some programs of Windows begin a text in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads bytes as they were before gzip packed them, if it did.
#[derive(Debug)]
pub struct Unpacked<R>(Bytes<R>);

/// The first bytes, which were looked at, and the others.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

#[derive(Debug)]
enum Bytes<R> {
    Plain(Peeked<R>),
    Packed(Box<MultiGzDecoder<Peeked<R>>>),
}

impl Unpacked<BufReader<fs::File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] that names the file if it cannot be opened or read.
    pub fn open(file: &Path) -> io::Result<Self> {
        Self::new(BufReader::new(fs::File::open(file)?))
    }
}

impl<R: BufRead> Unpacked<R> {
    /// Looks at the first bytes of a source.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if they cannot be read.
    pub fn new(mut source: R) -> io::Result<Self> {
        let mut first = Vec::new();
        source.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
        let is_packed = first == GZIP;
        let peeked = Cursor::new(first).chain(source);
        Ok(Self(if is_packed { Bytes::Packed(Box::new(MultiGzDecoder::new(peeked))) } else { Bytes::Plain(peeked) }))
    }

    /// Whether the bytes are packed. Errors of reading them are then those of the unpacking, and name no file.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        matches!(self.0, Bytes::Packed(_))
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Bytes::Plain(bytes) => bytes.read(buffer),
            Bytes::Packed(bytes) => bytes.read(buffer),
        }
    }
}

/// The number of bytes of the byte order mark in front of a text; 0 if it has none.
#[must_use]
pub fn mark_length(text: &[u8]) -> usize {
    if text.starts_with(MARK) { MARK.len() } else { 0 }
}

/// A text without the byte order mark in front of it.
#[must_use]
pub fn without_mark(text: &str) -> &str {
    &text[mark_length(text.as_bytes())..]
}

/// Reads a text in UTF-8, packed by gzip or not, without its byte order mark.
///
/// # Errors
///
/// An [`io::Error`] if it cannot be read, is no UTF-8, or has more than `most` bytes.
pub fn read_text(source: impl BufRead, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let found = Unpacked::new(source)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if found as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    text.drain(..mark_length(text.as_bytes()));
    Ok(text)
}

/// Reads a line with its line feed; `None` after the last one.
///
/// # Errors
///
/// An [`io::Error`] if it cannot be read, or has more than `most` bytes.
pub fn read_line(source: &mut impl BufRead, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let found = source.take(most.saturating_add(1)).read_until(b'\n', &mut line)?;
    if found as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("a line has more than {most} bytes")));
    }
    Ok((found > 0).then_some(line))
}

/// The name under which a file is written before it appears. Nobody takes it for the file itself.
#[must_use]
pub fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".tmp");
    temporary
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
    let temporary = file.with_file_name(temporary_name(name));
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
    let temporary = file.with_file_name(temporary_name(file.file_name().unwrap_or_default()));
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
    let mut name = file.file_name().unwrap_or_default().to_owned();
    // Of this process in this moment: on a shared disk another machine may have a process of the same number.
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    name.push(format!(".{}-{moment:x}", std::process::id()));
    let temporary = file.with_file_name(temporary_name(&name));
    let written = fs::File::create_new(&temporary).and_then(|mut open| open.write_all(content).and_then(|()| open.sync_all()));
    // A link, other than a renaming, never replaces. File systems without links have the renaming.
    let linked = written.and_then(|()| match fs::hard_link(&temporary, file) {
        Err(_) if !fs::exists(file)? => fs::rename(&temporary, file),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&temporary);
    linked.and_then(|()| sync_folder(folder_of(file)))
}

/// Lists the paths of a folder, sorted; none if it is not there.
///
/// # Errors
///
/// An [`io::Error`] if it cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort_unstable();
    Ok(files)
}

/// Removes a file, if it is there.
///
/// # Errors
///
/// An [`io::Error`] if it cannot be removed.
pub fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_text_is_the_same_packed_or_not_and_with_a_mark_or_not() {
        let marked = ["\u{feff}", "cells\n"].concat();
        for bytes in [b"cells\n".to_vec(), packed(b"cells\n"), marked.clone().into_bytes(), packed(marked.as_bytes())] {
            assert_eq!(read_text(&bytes[..], 9).unwrap(), "cells\n");
        }
        assert_eq!(read_text(&b""[..], 9).unwrap(), "");
        assert_eq!(read_text(&b"\x1f"[..], 9).unwrap(), "\x1f", "it is too short to be packed");
        // Only the first mark is one.
        assert_eq!(without_mark("\u{feff}\u{feff}a"), "\u{feff}a");
    }

    #[test]
    fn a_text_that_is_none_is_refused() {
        let message = |bytes: &[u8]| read_text(bytes, 5).unwrap_err().to_string();
        assert_eq!(message(b"cells\n"), "it has more than 5 bytes");
        assert_eq!(message(&packed(b"cells\n")), "it has more than 5 bytes");
        assert!(message(b"\xff\xfe").contains("UTF-8"));
        assert!(read_text(&packed(b"cells")[..12], 5).is_err());
    }

    #[test]
    fn bytes_that_come_one_by_one_are_unpacked_all_the_same() {
        struct OneByOne<'a>(&'a [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        let bytes = packed(b"cells");
        let unpacked = Unpacked::new(BufReader::with_capacity(1, OneByOne(&bytes))).unwrap();
        assert!(unpacked.is_packed());
        assert_eq!(io::read_to_string(unpacked).unwrap(), "cells");
    }
}
