//! TFRecord frames: a length, its checksum, the payload, its checksum; all numbers little-endian.

use std::io::{self, Write};

use super::Problem;

/// The longest payload that is read. An official one has about 400 bytes; a length far beyond is damage, and would take
/// memory without bound.
pub(super) const LONGEST: usize = 1 << 20;

const LENGTH: usize = 8;
const CHECKSUM: usize = 4;
const HEADER: usize = LENGTH + CHECKSUM;

/// A frame whose length is right. Its payload is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    payload: &'a [u8],
    stated: u32,
}

impl<'a> Frame<'a> {
    /// Takes the frame with which the bytes start; `None` if they end before it does.
    ///
    /// # Errors
    ///
    /// [`Problem::LengthChecksum`] or [`Problem::TooLong`]: where the next frame starts is then not known.
    pub(super) fn take(bytes: &'a [u8]) -> Result<Option<Self>, Problem> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let Some((stated, rest)) = rest.split_first_chunk::<CHECKSUM>() else { return Ok(None) };
        let (stated, found) = (u32::from_le_bytes(*stated), checksum(length));
        if stated != found {
            return Err(Problem::LengthChecksum { stated, found });
        }
        let length = u64::from_le_bytes(*length);
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LONGEST) else {
            return Err(Problem::TooLong { found: length });
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        Ok(rest.first_chunk::<CHECKSUM>().map(|stated| Self { payload, stated: u32::from_le_bytes(*stated) }))
    }

    /// How many bytes the frame has in all.
    pub(super) const fn length(&self) -> usize {
        HEADER + self.payload.len() + CHECKSUM
    }

    /// Returns the payload, if its checksum is right.
    ///
    /// # Errors
    ///
    /// [`Problem::PayloadChecksum`].
    pub(super) fn payload(&self) -> Result<&'a [u8], Problem> {
        let found = checksum(self.payload);
        if self.stated == found { Ok(self.payload) } else { Err(Problem::PayloadChecksum { stated: self.stated, found }) }
    }
}

/// Returns whether bytes begin as a file of the official release does: with a length and its checksum.
pub(in crate::interchange) fn is_start(bytes: &[u8]) -> bool {
    let stated = bytes.split_first_chunk::<LENGTH>().and_then(|(length, rest)| Some((checksum(length), *rest.first_chunk()?)));
    stated.is_some_and(|(sum, stated)| sum == u32::from_le_bytes(stated))
}

/// Says where the last frame of a file breaks off, of which these are the bytes that there are.
pub(super) fn truncated(bytes: &[u8]) -> Problem {
    let at = match bytes.len() {
        0..LENGTH => "length",
        LENGTH..HEADER => "checksum of its length",
        _ => {
            let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
            if ((bytes.len() - HEADER) as u64) < length { "payload" } else { "checksum of its payload" }
        }
    };
    Problem::Truncated { at, found: bytes.len() }
}

/// Writes a payload as one frame.
///
/// # Errors
///
/// What the writer says.
pub(super) fn write(out: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    let length = (payload.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&checksum(&length).to_le_bytes())?;
    out.write_all(payload)?;
    out.write_all(&checksum(payload).to_le_bytes())
}

/// Returns the CRC-32C of bytes, masked as TensorFlow does: a checksum of bytes that hold checksums stays a good one.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, payload).unwrap();
        bytes
    }

    #[test]
    fn checksums_are_those_of_the_standard_masked() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        // RFC 3720, appendix B.4: 32 bytes of zeroes, and of ones.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        // Rotated right by 15 bits: 0x2507c60d; plus 0xa282ead8.
        assert_eq!(checksum(b"123456789"), 0xc78a_b0e5);
    }

    #[test]
    fn a_frame_is_the_bytes_that_tensorflow_writes() {
        let bytes = frame(b"123456789");
        assert_eq!(bytes.len(), 8 + 4 + 9 + 4);
        assert_eq!(bytes[..8], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..12], checksum(&bytes[..8]).to_le_bytes());
        assert_eq!(bytes[12..21], *b"123456789");
        assert_eq!(bytes[21..], [0xe5, 0xb0, 0x8a, 0xc7]);
    }

    #[test]
    fn a_frame_reads_back_and_says_where_the_next_one_starts() {
        let bytes = [frame(b"one"), frame(b""), frame(b"three")].concat();
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        while let Some(frame) = Frame::take(rest).unwrap() {
            found.push(frame.payload().unwrap());
            rest = &rest[frame.length()..];
        }
        assert_eq!(found, [&b"one"[..], b"", b"three"]);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_frame_that_breaks_off_says_where() {
        let bytes = frame(b"payload");
        for (length, at) in [
            (1, "length"),
            (7, "length"),
            (8, "checksum of its length"),
            (12, "payload"),
            (18, "payload"),
            (19, "checksum of its payload"),
        ] {
            assert_eq!(Frame::take(&bytes[..length]).unwrap(), None);
            let message = truncated(&bytes[..length]).to_string();
            assert_eq!(message, format!("the file ends in the {at}, after {length} bytes of the record"));
        }
    }

    #[test]
    fn both_checksums_are_checked() {
        let whole = frame(b"payload");
        for (position, part) in [(0, "its length"), (8, "its length"), (12, "its payload"), (19, "its payload")] {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            let problem = Frame::take(&bytes).and_then(|frame| frame.unwrap().payload().map(<[u8]>::to_vec)).unwrap_err();
            assert!(problem.to_string().contains(&format!("the checksum of {part}")), "{position}: {problem}");
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_taken() {
        let length = (1_u64 << 60).to_le_bytes();
        let bytes = [&length[..], &checksum(&length).to_le_bytes()].concat();
        let message = Frame::take(&bytes).unwrap_err().to_string();
        assert_eq!(message, "the record is 1152921504606846976 bytes long, expected at most 1048576");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            match Frame::take(&bytes) {
                Ok(Some(frame)) => prop_assert!(frame.length() <= bytes.len()),
                Ok(None) => prop_assert!(truncated(&bytes).to_string().contains("the file ends")),
                Err(problem) => prop_assert!(!problem.to_string().is_empty()),
            }
        }
    }
}
