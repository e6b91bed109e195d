//! The rows of a text: fields with separators between them, or JSON objects.

use std::io::Cursor;
use std::path::Path;

use csv::StringRecord;
use serde::de::{Error as _, IgnoredAny};

use super::kind::Kind;
use crate::file::mark_length;
use crate::interchange::Error;

/// What may separate the fields of a line; of two that are there as often the first.
const SEPARATORS: &[u8] = b",;\t";
/// The letters of a wrong value that a message shows.
const SHOWN: usize = 40;

/// The rows of a text, one after the other.
pub(super) struct Rows {
    /// The names of the columns, without blanks around them.
    pub(super) header: Vec<String>,
    /// What a row is called in messages: `line` or `object`.
    pub(super) unit: &'static str,
    source: Source,
}

enum Source {
    Delimited(Box<csv::Reader<Cursor<Vec<u8>>>>),
    /// The rows that are left, and how many were given.
    Json(std::vec::IntoIter<Result<StringRecord, Error>>, u64),
}

impl Rows {
    /// Reads the header of a text. With `keep_going`, [`next`](Self::next) says what is wrong with a row in JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] if it has none, or for the first row in JSON that is not right, unless it keeps going.
    pub(super) fn open(bytes: Vec<u8>, kind: Kind, keep_going: bool, file: &Path) -> Result<Self, Error> {
        let start = mark_length(&bytes);
        if kind == Kind::Json {
            return json(&bytes[start..], keep_going, file);
        }
        let header = header(&bytes, kind, file)?;
        let (separator, start) = separator(&bytes, start);
        let mut text = Cursor::new(bytes);
        text.set_position(start as u64);
        let reader = csv::ReaderBuilder::new().flexible(false).delimiter(separator).from_reader(text);
        Ok(Self { header, unit: "line", source: Source::Delimited(Box::new(reader)) })
    }

    /// Returns the next row, and its number: of a line from 1 with the header, of an object from 1.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] if it has another number of fields than the header, is no object, or has a key twice. The rows behind it can
    /// be read all the same.
    pub(super) fn next(&mut self, file: &Path) -> Result<Option<(u64, StringRecord)>, Error> {
        match &mut self.source {
            Source::Delimited(reader) => {
                let mut row = StringRecord::new();
                let is_there = reader.read_record(&mut row).map_err(|source| Error::unread(file, source))?;
                Ok(is_there.then(|| (row.position().map_or(0, csv::Position::line), row)))
            }
            Source::Json(rows, given) => {
                *given += 1;
                Ok(rows.next().transpose()?.map(|row| (*given, row)))
            }
        }
    }
}

/// Returns the names of the columns of a text; of JSON those of the first object, which for an export are those of all.
///
/// # Errors
///
/// [`Error::Unreadable`] if it has none.
pub(super) fn header(bytes: &[u8], kind: Kind, file: &Path) -> Result<Vec<String>, Error> {
    let start = mark_length(bytes);
    if kind == Kind::Delimited {
        let (separator, start) = separator(bytes, start);
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(&bytes[start..]);
        let header = reader.headers().map_err(|source| Error::unread(file, source))?;
        return Ok(header.iter().map(|name| name.trim().to_owned()).collect());
    }
    let text = utf8(&bytes[start..], file)?;
    let first = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().next();
    first.transpose().map_err(|source| Error::unread(file, source))?;
    let first = Scanner::new(text).value();
    let first = if first.starts_with('[') { Scanner::new(inside(first)).value() } else { first };
    // What is wrong with it is said when its row is read.
    Ok(entries(first, 1, file).map_or_else(|_| Vec::new(), |entries| entries.into_iter().map(|(key, _)| key).collect()))
}

/// Returns the separator of a text, by its first line, and where its header starts: behind the line with which a spreadsheet names it.
pub(super) fn separator(bytes: &[u8], start: usize) -> (u8, usize) {
    let line = |start: usize| {
        let end = bytes[start..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at);
        (&bytes[start..end], (end + 1).min(bytes.len()))
    };
    let (first, next) = line(start);
    if let [b's', b'e', b'p', b'=', separator, ..] = first
        && SEPARATORS.contains(separator)
    {
        return (*separator, next);
    }
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in first {
        is_quoted ^= *byte == b'"';
        if let Some(position) = SEPARATORS.iter().position(|separator| separator == byte).filter(|_| !is_quoted) {
            counts[position] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    (SEPARATORS[counts.iter().position(|count| *count == most).unwrap_or_default()], start)
}

/// Returns the rows of a text in JSON, each as it is written: objects, if they are right, one after the other or in lists.
///
/// # Errors
///
/// [`Error::Unreadable`] if the text is none.
pub(super) fn objects<'a>(bytes: &'a [u8], file: &Path) -> Result<Vec<&'a str>, Error> {
    let text = utf8(bytes, file)?;
    for value in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        value.map_err(|source| Error::unread(file, source))?;
    }
    let mut objects = Vec::new();
    let mut scanner = Scanner::new(text);
    while scanner.is_inside() {
        let value = scanner.value();
        let mut of_list = Scanner::new(inside(value));
        let is_list = value.starts_with('[');
        if !is_list {
            objects.push(value);
        }
        while is_list && of_list.is_inside() {
            objects.push(of_list.value());
        }
    }
    Ok(objects)
}

/// Reads objects. Their keys are the columns; a value is its text, as numbers lose digits otherwise.
fn json(bytes: &[u8], keep_going: bool, file: &Path) -> Result<Rows, Error> {
    let objects = objects(bytes, file)?;
    let mut objects: Vec<_> = objects.iter().zip(1..).map(|(object, number)| entries(object, number, file)).collect();
    if let Some(first) = objects.iter().position(Result::is_err)
        && (!keep_going || objects.iter().all(Result::is_err))
    {
        return Err(objects.swap_remove(first).expect_err("it is an error"));
    }
    let mut header: Vec<String> = Vec::new();
    for (key, _) in objects.iter().flatten().flatten() {
        if !header.contains(key) {
            header.push(key.clone());
        }
    }
    let row = |object: Vec<(String, &str)>| -> StringRecord {
        let value = |name: &String| object.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        header.iter().map(|name| value(name).map_or_else(String::new, field)).collect::<Vec<_>>().into()
    };
    let rows: Vec<_> = objects.into_iter().map(|object| object.map(row)).collect();
    Ok(Rows { unit: "object", source: Source::Json(rows.into_iter(), 0), header })
}

/// Returns a value as a field of a line: lists are JSON.
fn field(value: &str) -> String {
    if value == "null" { String::new() } else { serde_json::from_str(value).unwrap_or_else(|_| value.to_owned()) }
}

/// Returns the keys and values of an object, in their order. `number` is what it is called in messages.
fn entries<'a>(object: &'a str, number: usize, file: &Path) -> Result<Vec<(String, &'a str)>, Error> {
    let refused = |problem: String| Error::unread(file, serde_json::Error::custom(problem));
    if !object.starts_with('{') {
        return Err(refused(format!("row {number} is `{}`, expected an object", object.chars().take(SHOWN).collect::<String>())));
    }
    let mut scanner = Scanner::new(inside(object));
    let mut entries: Vec<(String, &str)> = Vec::new();
    while scanner.is_inside() {
        let (key, value) = (field(scanner.value()), scanner.value());
        if entries.iter().any(|(other, _)| *other == key) {
            return Err(refused(format!("object {number} has the key `{key}` twice")));
        }
        entries.push((key, value));
    }
    Ok(entries)
}

/// What is between the brackets of a list or an object.
fn inside(value: &str) -> &str {
    value.get(1..value.len().saturating_sub(1)).unwrap_or_default()
}

fn utf8<'a>(bytes: &'a [u8], file: &Path) -> Result<&'a str, Error> {
    let refused = |error| Error::unread(file, serde_json::Error::custom(error));
    std::str::from_utf8(bytes).map_err(refused)
}

/// Cuts JSON that is well-formed into its values, each as it is written.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Steps to the next value; whether there is one.
    fn is_inside(&mut self) -> bool {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        self.at = self.text.len() - rest.len();
        !rest.is_empty()
    }

    /// Returns the next value; empty if there is none.
    fn value(&mut self) -> &'a str {
        self.is_inside();
        let rest = &self.text[self.at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let end = if matches!(values.next(), Some(Ok(_))) { values.byte_offset() } else { rest.len() };
        self.at += end;
        &rest[..end]
    }
}
