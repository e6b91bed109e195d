//! Writing records to Parquet files, each whole or not at all.

use std::io::Write as _;
use std::path::Path;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::file::replace;

use super::{Error, FORMAT_VERSION, Identity, Record, schema};

/// The key of the format version in the metadata of a file.
pub(super) const VERSION_KEY: &str = "nasbench.format_version";
/// The key of the benchmark's identity in the metadata of a file.
pub(super) const IDENTITY_KEY: &str = "nasbench.identity";

/// Records that are turned into arrays at once.
const BATCH: usize = 8_192;

/// Writes records to a Parquet file, in their order.
///
/// The file appears whole or not at all, whatever happens meanwhile; one that was there under the name is replaced.
///
/// # Errors
///
/// [`Error::File`] or [`Error::Parquet`] if the disk does not take it.
pub fn write(file: &Path, records: &[Record], identity: Identity) -> Result<(), Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    replace(file, |open| {
        let mut writer = ArrowWriter::try_new(open, schema(), Some(properties(identity))).map_err(broken)?;
        for batch in records.chunks(BATCH) {
            writer.write(&schema::to_batch(batch)).map_err(broken)?;
        }
        writer.close().map_err(broken)?;
        Ok(())
    })
}

/// A Parquet file of no rows, for where there is none.
pub(super) fn no_rows() -> Vec<u8> {
    let mut file = Vec::new();
    let writer = ArrowWriter::try_new(&mut file, schema(), None).expect("the schema has a form in Parquet");
    writer.close().expect("memory takes every byte");
    file
}

/// How our files are written.
pub(super) fn properties(identity: Identity) -> WriterProperties {
    let metadata = [(VERSION_KEY, FORMAT_VERSION.to_string()), (IDENTITY_KEY, identity.to_string())];
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("nasbench ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).into()))
        .build()
}

/// Writes one batch of columns to a Parquet file that appears whole or not at all.
pub(super) fn write_batch(file: &Path, batch: &RecordBatch) -> Result<(), Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    replace(file, |open| {
        let mut writer = ArrowWriter::try_new(open, batch.schema(), Some(properties)).map_err(broken)?;
        writer.write(batch).map_err(broken)?;
        writer.close().map_err(broken)?;
        Ok(())
    })
}

/// Writes a text file that appears whole or not at all.
pub(super) fn write_text(file: &Path, text: &str) -> Result<(), Error> {
    replace(file, |open| Ok(open.write_all(text.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;
    use crate::space::Cell;
    use crate::unit::Epochs;

    fn identity() -> Identity {
        Identity::from_hex(&"5a".repeat(32)).unwrap()
    }

    fn record() -> Record {
        Record::blank(Cell::from_texts("0100", "input,output").unwrap(), Epochs(1), 0)
    }

    #[test]
    fn nothing_but_the_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.parquet"), &[record()], identity()).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a.parquet"]);
    }

    #[test]
    fn a_failed_attempt_leaves_the_old_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        write_text(&file, "old").unwrap();
        replace(&file, |open| {
            open.write_all(b"ne")?;
            Err(Error::File(std::io::Error::other("the disk is full")))
        })
        .unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let message = write(Path::new("/dev/null/a.parquet"), &[record()], identity()).unwrap_err().to_string();
        assert!(message.contains("/dev/null/.a.parquet.tmp"), "{message}");
    }

    #[test]
    fn the_same_records_make_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| {
            let file = folder.path().join(name);
            write(&file, &[record(), record()], identity()).unwrap();
            fs::read(&file).unwrap()
        });
        assert_eq!(one, two);
    }
}
