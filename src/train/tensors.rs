//! Files of arrays: safetensors, with what is known about them as JSON and a digest of all numbers.
//!
//! The metadata of the file has one entry, `nasbench`, whose JSON object has the keys `sha256`, `format` (a number, other for each
//! way of writing), `kind` (what the file is) and `about`. The digest is of the entry's text without the digest's own digits, then
//! of each array's name, a zero byte and its bytes, in the order of the names.

use std::io::{Read as _, Write as _};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::engine::Array;
use crate::file::replace;

const ENTRY: &str = "nasbench";
/// The way of writing of this program.
const FORMAT: u32 = 2;
/// The name of the bytes that are no array of numbers.
const BYTES: &str = "position";

/// What a file holds.
pub(super) struct Contents<T> {
    pub(super) about: T,
    pub(super) arrays: Vec<Array>,
    /// Bytes beside the arrays; empty if there are none.
    pub(super) bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Header<T> {
    sha256: String,
    /// The first way of writing did not say it.
    #[serde(default = "first_format")]
    format: u32,
    kind: String,
    about: T,
}

const fn first_format() -> u32 {
    1
}

/// Writes a file, whole or not at all. Equal contents make equal files.
///
/// # Errors
///
/// [`Error::File`] if the disk does not take it, [`Error::Tensors`] if there are more arrays than the format can hold.
pub(super) fn write<'a, T: Serialize>(
    file: &Path,
    kind: &str,
    about: T,
    arrays: impl Iterator<Item = &'a Array>,
    bytes: &'a [u8],
) -> Result<(), Error> {
    let numbers = |array: &'a Array| (array, array.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    let arrays: Vec<_> = arrays.map(numbers).collect();
    let parts = arrays.iter().map(|(array, numbers)| (&*array.name, Dtype::F32, array.shape.clone(), &numbers[..]));
    let bytes = (!bytes.is_empty()).then(|| (BYTES, Dtype::U8, vec![bytes.len()], bytes));
    let problem = |source| Error::Tensors { file: file.to_owned(), source };
    let view = |(name, kind, shape, bytes)| TensorView::new(kind, shape, bytes).map(|view| (name, view)).map_err(problem);
    let mut all = parts.chain(bytes).map(view).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|(name, _)| *name);
    let mut header = Header { sha256: String::new(), format: FORMAT, kind: kind.to_owned(), about };
    let text = |header: &Header<T>| serde_json::to_string(header).map_err(std::io::Error::from);
    header.sha256 = digest([&text(&header)?], all.iter().map(|(name, view)| (*name, view.data())));
    let header = text(&header)?;
    let entries = std::iter::once((ENTRY.to_owned(), header)).collect();
    let written = safetensors::serialize(all, Some(entries)).map_err(problem)?;
    replace(file, |open| open.write_all(&written).map_err(Error::File))
}

/// Reads a file of a kind.
///
/// # Errors
///
/// [`Error::File`] if it cannot be read, [`Error::Tensors`] if it is no safetensors file, [`Error::Contents`] if this program did
/// not write it, if it is of another kind or version, or if its contents are not those that were written.
pub(super) fn read<T: DeserializeOwned>(file: &Path, kind: &str) -> Result<Contents<T>, Error> {
    let wrong = |problem: String| Error::Contents { file: file.to_owned(), problem };
    let foreign = |found: String| wrong(format!("is no {kind} of this program, found {found}"));
    let open = fs_err::File::open(file)?;
    // A device or a pipe might never end.
    let metadata = open.metadata()?;
    if !metadata.is_file() {
        return Err(foreign("no file".to_owned()));
    }
    let mut bytes = Vec::new();
    open.take(metadata.len()).read_to_end(&mut bytes)?;
    let problem = |source| Error::Tensors { file: file.to_owned(), source };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(problem)?;
    let entries = metadata.metadata().as_ref();
    let text = entries.and_then(|entries| entries.get(ENTRY)).ok_or_else(|| foreign("a file of another program".to_owned()))?;
    let unreadable = |error: serde_json::Error| foreign(format!("something unreadable: {error}"));
    let header: Header<serde_json::Value> = serde_json::from_str(text).map_err(unreadable)?;
    if header.kind != kind {
        return Err(foreign(format!("a file of the kind `{}`", header.kind)));
    }
    if header.format != FORMAT {
        let other = format!("{}, expected {FORMAT}: another version of this program wrote it", header.format);
        return Err(wrong(format!("is a {kind} of format {other}")));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(problem)?;
    let mut views: Vec<_> = tensors.iter().collect();
    views.sort_by_key(|(name, _)| *name);
    // The digest itself is the first text that reads as it.
    let (before, after) = text.split_once(&header.sha256).unwrap_or((text, ""));
    let found = digest([before, after], views.iter().map(|(name, view)| (*name, view.data())));
    if found != header.sha256 {
        let expected = header.sha256;
        return Err(wrong(format!("is damaged: the sha256 of its contents is {found}, expected {expected}")));
    }
    let about = serde_json::from_value(header.about).map_err(unreadable)?;
    let mut contents = Contents { about, arrays: Vec::new(), bytes: Vec::new() };
    for (name, view) in views {
        match view.dtype() {
            Dtype::F32 => contents.arrays.push(Array {
                name: name.to_owned(),
                shape: view.shape().to_vec(),
                values: view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            }),
            Dtype::U8 if name == BYTES => contents.bytes = view.data().to_vec(),
            other => return Err(foreign(format!("an array `{name}` of {other:?}"))),
        }
    }
    Ok(contents)
}

fn digest<'a, const N: usize>(texts: [&str; N], parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sha256 = Sha256::new();
    for text in texts {
        sha256.update(text);
    }
    for (name, bytes) in parts {
        sha256.update(name);
        sha256.update([0]);
        sha256.update(bytes);
    }
    crate::hex::print(&sha256.finalize())
}
