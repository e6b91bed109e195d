//! The kind of a file, by its first bytes, whatever its name ends with.

use std::io::{BufReader, Read as _};
use std::path::Path;

use fs_err as fs;

use crate::file::{Unpacked, without_mark};
use crate::interchange::{Error, official};

/// The bytes that are looked at.
const LOOKED_AT: u64 = 8_192;
/// The bytes of an unknown file that a message shows.
const SHOWN: usize = 12;

/// A kind of file from which records can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of the official release.
    Official,
    /// Text with a row on each line, whose fields commas, semicolons or tabs separate.
    Delimited,
    /// JSON: objects, one after the other or in a list.
    Json,
    /// Parquet.
    Parquet,
    /// Arrow IPC, also called Feather 2.
    Arrow,
}

impl Kind {
    /// Returns the name of the kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Official => "a file of the official release",
            Self::Delimited => "a CSV file",
            Self::Json => "a JSON file",
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
        }
    }

    /// Looks at the first bytes of a file, unpacked if it is packed by gzip.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::NotAFile`] or [`Error::Unreadable`] if it cannot be read, [`Error::NoRecords`] if it is empty,
    /// [`Error::Foreign`] if it is something else, with what that is and what to do.
    pub fn detect(file: &Path) -> Result<Self, Error> {
        let open = fs::File::open(file)?;
        if open.metadata()?.is_dir() {
            return Err(Error::NotAFile { path: file.to_owned() });
        }
        let unpacked = Unpacked::new(BufReader::new(open))?;
        let broken = Error::of_reading(file, unpacked.is_packed());
        let mut bytes = Vec::new();
        unpacked.take(LOOKED_AT).read_to_end(&mut bytes).map_err(broken)?;
        of_bytes(&bytes, file)
    }
}

/// Something that people take for records.
struct Foreign {
    /// How it may begin.
    magic: &'static [&'static [u8]],
    what: &'static str,
    hint: &'static str,
}

const SAVE_AS_CSV: &str = "save the table as CSV in UTF-8";

/// What is known and not read, by its first bytes.
const FOREIGN: &[Foreign] = &[
    Foreign {
        magic: &[b"version https://git-lfs.github.com/spec/"],
        what: "a Git-LFS pointer: it says where the data is, and is not the data",
        hint: "`git lfs pull` in its repository gets the file itself",
    },
    Foreign {
        magic: &[b"PK\x03\x04"],
        what: "a zip archive, as the workbook of a spreadsheet is, too",
        hint: "unpack it, or save the table as CSV in UTF-8",
    },
    Foreign { magic: &[b"\x28\xb5\x2f\xfd"], what: "packed by zstd", hint: "`zstd -d FILE` unpacks it" },
    Foreign { magic: &[b"\xfd7zXZ\0"], what: "packed by xz", hint: "`xz -d FILE` unpacks it" },
    Foreign { magic: &[b"BZh"], what: "packed by bzip2", hint: "`bzip2 -d FILE` unpacks it" },
    Foreign {
        magic: &[b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"],
        what: "a Python pickle, which is read by running code",
        hint: "write its rows as CSV in Python: `pandas.DataFrame(rows).to_csv(\"cells.csv\", index=False)`",
    },
    Foreign { magic: &[b"\x93NUMPY"], what: "a NumPy array", hint: SAVE_AS_CSV },
    Foreign { magic: &[b"\x89HDF\r\n\x1a\n"], what: "an HDF5 file", hint: SAVE_AS_CSV },
    Foreign { magic: &[b"SQLite format 3\0"], what: "an SQLite database", hint: SAVE_AS_CSV },
    Foreign { magic: &[b"FEA1"], what: "a Feather file of version 1", hint: "write version 2, which is Arrow IPC, or CSV" },
    Foreign { magic: &[b"%PDF"], what: "a PDF document", hint: SAVE_AS_CSV },
    Foreign { magic: &[b"\xff\xfe", b"\xfe\xff"], what: "text in UTF-16", hint: SAVE_AS_CSV },
];

fn of_bytes(bytes: &[u8], file: &Path) -> Result<Kind, Error> {
    let foreign =
        |what: &str, hint: &str| Err(Error::Foreign { file: file.to_owned(), what: what.to_owned(), hint: hint.to_owned() });
    if bytes.is_empty() {
        return Err(Error::NoRecords { file: file.to_owned() });
    }
    if bytes.starts_with(b"PAR1") {
        return Ok(Kind::Parquet);
    }
    if bytes.starts_with(b"ARROW1") {
        return Ok(Kind::Arrow);
    }
    if official::is_start(bytes) {
        return Ok(Kind::Official);
    }
    if let Some(Foreign { what, hint, .. }) =
        FOREIGN.iter().find(|foreign| foreign.magic.iter().any(|magic| bytes.starts_with(magic)))
    {
        return foreign(what, hint);
    }
    let has_official_name = file.to_string_lossy().trim_end_matches(".gz").ends_with(".tfrecord");
    let Some(text) = text(bytes) else {
        if has_official_name {
            return Ok(Kind::Official);
        }
        let start = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        return foreign(
            &format!("of no kind that is read: it begins with `{start}`"),
            "a `.tfrecord` file of the official release, CSV, JSON, and what `nasbench export` writes are read",
        );
    };
    match text.trim_start().as_bytes().first() {
        Some(b'<') => {
            let is_page = text.to_ascii_lowercase().contains("<html") || text.to_ascii_lowercase().contains("<!doctype html");
            let what = if is_page { "an HTML page: a server sent it instead of the data" } else { "an XML file" };
            foreign(what, if is_page { "download the file itself; a browser shows what the page says" } else { SAVE_AS_CSV })
        }
        Some(b'{' | b'[') => Ok(Kind::Json),
        Some(_) => Ok(Kind::Delimited),
        None => Err(Error::NoRecords { file: file.to_owned() }),
    }
}

/// Returns the first bytes as text, without the mark in front that some programs of Windows write; `None` if they are none.
fn text(bytes: &[u8]) -> Option<&str> {
    // A letter may be cut at the end.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    (!text.contains('\0')).then(|| without_mark(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(name: &str, bytes: &[u8]) -> Result<Kind, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        Kind::detect(&file).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let official = fs::read("tests/cli/import.in/seven.tfrecord").unwrap();
        for (name, bytes, kind) in [
            ("a.csv", &b"matrix,ops\n0100,input output\n"[..], Kind::Delimited),
            ("a.tsv", b"matrix\tops\n", Kind::Delimited),
            ("a", "\u{feff}matrix;ops\n".as_bytes(), Kind::Delimited),
            ("a.json", b"\n [{\"matrix\": []}]", Kind::Json),
            ("a.csv", "\u{feff}{\"matrix\": []}\n".as_bytes(), Kind::Json),
            ("a.csv", b"PAR1\0\0", Kind::Parquet),
            ("a.feather", b"ARROW1\0\0", Kind::Arrow),
            ("a.csv", &official, Kind::Official),
            ("a.tfrecord", b"\xee\xee\xee", Kind::Official),
        ] {
            assert_eq!(of(name, bytes), Ok(kind), "{name}");
            assert_eq!(of(&format!("{name}.gz"), &packed(bytes)), Ok(kind), "{name}.gz");
        }
        let long = "é".repeat(8_192);
        assert_eq!(of("a", &long.as_bytes()[1..]).unwrap_err().lines().count(), 2);
        assert_eq!(of("a", format!("a{long}").as_bytes()), Ok(Kind::Delimited), "a letter is cut at the end");
    }

    #[test]
    fn what_is_no_table_is_named_with_what_to_do() {
        for (bytes, message) in [
            (
                &b"<!DOCTYPE html>\n<html><body>404</body></html>"[..],
                "`nb.csv` is an HTML page: a server sent it instead of the data\n\
                 hint: download the file itself; a browser shows what the page says",
            ),
            (b"<?xml version=\"1.0\"?><rows/>", "`nb.csv` is an XML file\nhint: save the table as CSV in UTF-8"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:3d64\nsize 1953\n",
                "`nb.csv` is a Git-LFS pointer: it says where the data is, and is not the data\n\
                 hint: `git lfs pull` in its repository gets the file itself",
            ),
            (
                b"PK\x03\x04rest",
                "`nb.csv` is a zip archive, as the workbook of a spreadsheet is, too\n\
                 hint: unpack it, or save the table as CSV in UTF-8",
            ),
            (
                b"\x80\x04\x95rest",
                "`nb.csv` is a Python pickle, which is read by running code\n\
                 hint: write its rows as CSV in Python: `pandas.DataFrame(rows).to_csv(\"cells.csv\", index=False)`",
            ),
            (b"\x28\xb5\x2f\xfdrest", "`nb.csv` is packed by zstd\nhint: `zstd -d FILE` unpacks it"),
            (b"\xff\xfem\0a\0", "`nb.csv` is text in UTF-16\nhint: save the table as CSV in UTF-8"),
            (
                b"\x01\x02\xff",
                "`nb.csv` is of no kind that is read: it begins with `\\x01\\x02\\xff`\n\
                 hint: a `.tfrecord` file of the official release, CSV, JSON, and what `nasbench export` writes are read",
            ),
            (b"", "`nb.csv` holds no record to import"),
            (b" \n", "`nb.csv` holds no record to import"),
        ] {
            assert_eq!(of("nb.csv", bytes), Err(message.to_owned()));
            if !bytes.is_empty() {
                assert_eq!(of("nb.csv", &packed(bytes)), Err(message.to_owned()), "packed");
            }
        }
        assert_eq!(of("nb.csv", &packed(b"matrix,ops")[..8]), Err("could not unpack `nb.csv`".to_owned()));
        for bytes in [&b"\x93NUMPY"[..], b"\x89HDF\r\n\x1a\n", b"SQLite format 3\0", b"FEA1", b"%PDF-1.4", b"BZh9", b"\xfd7zXZ\0"]
        {
            assert!(of("nb.tfrecord", bytes).unwrap_err().contains("\nhint: "));
        }
    }
}
