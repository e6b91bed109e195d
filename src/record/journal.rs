//! The journal of one worker: finished models, one after another, each on the disk before the next is begun.
//!
//! Each record is a [frame](crate::frame). Only the last one can be torn: whatever is wrong before a whole frame is damage.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::Error;
use crate::file::sync_folder;
use crate::frame::{HEADER, frame, payload_at};
use crate::table::Record;

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: fs::File,
    rows: usize,
}

impl Journal {
    /// Starts a journal; its folder is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be made, or is there.
    pub(super) fn create(path: PathBuf) -> Result<Self, Error> {
        let folder = path.parent().expect("a journal lies in a folder").to_owned();
        if !fs::exists(&folder)? {
            fs::create_dir_all(&folder)?;
            sync_folder(folder.parent().expect("the folder of the journals lies in that of the benchmark"))?;
        }
        let file = fs::File::create_new(path)?;
        sync_folder(&folder)?;
        Ok(Self { file, rows: 0 })
    }

    /// Appends records. They are on the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Table`] for a record that no reader would accept, [`Error::File`] if the disk does not take them; then
    /// nothing more may be appended.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        records.iter().try_for_each(Record::check)?;
        self.file.write_all(&records.iter().flat_map(frame).collect::<Vec<_>>())?;
        self.file.sync_data()?;
        self.rows += records.len();
        Ok(())
    }

    /// How many records were appended.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Closes the journal, and says where it is.
    pub(super) fn close(self) -> PathBuf {
        self.file.into_path()
    }
}

/// What a journal holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// All whole records; a torn tail is left out.
    pub(super) records: Vec<Record>,
    /// What is wrong with the file, if it is not what a worker, killed or not, would leave.
    pub(super) damage: Option<Error>,
}

/// Reads all whole records of a journal, those behind a damaged place included.
///
/// # Errors
///
/// [`Error::File`] if it cannot be read, [`Error::Payload`] if a whole record is none of this version.
pub(super) fn read(file: &Path) -> Result<Contents, Error> {
    parse(&fs::read(file)?, file)
}

fn parse(bytes: &[u8], file: &Path) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    let mut offset = 0;
    while offset < bytes.len() {
        let Some(payload) = payload_at(bytes, offset) else {
            let Some(next) = (offset + 1..bytes.len()).find(|next| payload_at(bytes, *next).is_some()) else {
                break;
            };
            contents.damage.get_or_insert(Error::Damaged { file: file.to_owned(), offset, next });
            offset = next;
            continue;
        };
        let record = ciborium::from_reader(payload);
        contents.records.push(record.map_err(|source| Error::Payload { file: file.to_owned(), offset, source })?);
        offset += HEADER + payload.len();
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::fixture;
    use crate::unit::Seconds;

    /// Some records, the bytes of their journal, and where each frame ends.
    fn journal() -> (Vec<Record>, Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = fixture::benchmark(folder.path());
        let records: Vec<_> = fixture::tasks(&benchmark, 2).iter().take(4).map(fixture::trained).collect();
        let mut journal = Journal::create(folder.path().join("journals/a.journal")).unwrap();
        let mut ends = Vec::new();
        for record in &records {
            journal.append(std::slice::from_ref(record)).unwrap();
            ends.push(usize::try_from(journal.file.metadata().unwrap().len()).unwrap());
        }
        assert_eq!(journal.rows(), 4);
        (records, fs::read(journal.close()).unwrap(), ends)
    }

    /// Returns the records of a journal that is not damaged, or what is wrong with it.
    fn parsed(bytes: &[u8]) -> Result<Vec<Record>, Error> {
        let Contents { records, damage } = parse(bytes, Path::new("a.journal"))?;
        damage.map_or(Ok(records), Err)
    }

    #[test]
    fn records_come_back_bit_by_bit() {
        let (mut records, bytes, _) = journal();
        assert_eq!(parsed(&bytes).unwrap(), records);
        records[0].total_time = Seconds(0.1 + 0.2);
        records[0].curves.train_loss = vec![f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, 0.1];
        assert_eq!(parsed(&frame(&records[0])).unwrap(), records[..1]);
    }

    #[test]
    fn a_journal_torn_anywhere_keeps_every_whole_record() {
        let (records, bytes, ends) = journal();
        for length in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(parsed(&bytes[..length]).unwrap(), records[..whole], "torn at byte {length}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_a_torn_tail() {
        let (records, mut bytes, _) = journal();
        bytes.extend([0; 4_096]);
        assert_eq!(parsed(&bytes).unwrap(), records);
    }

    #[test]
    fn damage_in_the_middle_is_named_with_its_place_and_costs_that_record() {
        let (records, mut bytes, ends) = journal();
        bytes[ends[0] + HEADER + 3] ^= 0x10;
        let kept = parse(&bytes, Path::new("a.journal")).unwrap().records;
        assert_eq!(kept, [&records[..1], &records[2..]].concat());
        let message = parsed(&bytes).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!("expected a record at byte {}, the next one is at byte {}", ends[0], ends[1])),
            "{message}"
        );
    }

    #[test]
    fn a_whole_frame_of_something_else_is_named_with_its_place() {
        let payload = b"\x63abc";
        let mut bytes = vec![4, 0, 0, 0];
        bytes.extend(crc32fast::hash(payload).to_le_bytes());
        bytes.extend(payload);
        let message = parsed(&bytes).unwrap_err().to_string();
        assert!(message.ends_with("holds no record of this version at byte 0"), "{message}");
    }

    #[test]
    fn any_flipped_bit_costs_the_last_record_or_is_refused() {
        let (records, bytes, ends) = journal();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match parsed(&bytes) {
                Ok(kept) => assert!(kept == records[..3] && bit / 8 >= ends[2], "bit {bit}"),
                Err(error) => assert!(matches!(error, Error::Damaged { .. }) && bit / 8 < ends[2], "bit {bit}: {error}"),
            }
        }
    }

    #[test]
    fn a_record_that_no_reader_would_accept_is_not_appended() {
        let folder = tempfile::tempdir().unwrap();
        let task = fixture::tasks(&fixture::benchmark(folder.path()), 1)[0];
        let mut journal = Journal::create(folder.path().join("a.journal")).unwrap();
        let message = journal.append(&[Record { total_time: Seconds(-1.0), ..fixture::trained(&task) }]).unwrap_err().to_string();
        assert!(message.ends_with("column `total_time`: expected seconds, 0 or more, found -1"), "{message}");
        assert_eq!(read(&journal.close()).unwrap().records, []);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parsed(&bytes);
        }

        #[test]
        fn arbitrary_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 1..400)) {
            let mut bytes = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
            bytes.extend(crc32fast::hash(&payload).to_le_bytes());
            bytes.extend(&payload);
            let refused = matches!(parsed(&bytes), Err(Error::Payload { .. }));
            prop_assert!(refused);
        }
    }
}
