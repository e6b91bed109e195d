//! Values one after another in a file that only grows: each whole or not at all.
//!
//! A frame is the length of the payload (`u32`, little-endian), its CRC-32 (likewise) and the payload: a value as CBOR, which
//! keeps every bit of a number, `NaN` among them.

use serde::Serialize;

/// How many bytes stand before the payload.
pub const HEADER: usize = 8;
/// More than the longest record takes: 65,535 epochs with five curves make 1.6 MB.
const LONGEST_PAYLOAD: usize = 1 << 24;

/// Puts a value into a frame.
///
/// # Panics
///
/// Panics for a value that CBOR cannot hold, as no list, text or number is, and for one of 4 GB.
#[must_use]
pub fn frame(value: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    ciborium::into_writer(value, &mut frame).expect("what is framed is made of texts, numbers and lists");
    let payload = &frame[HEADER..];
    let length = u32::try_from(payload.len()).expect("what is framed is far shorter than 4 GB");
    let sum = crc32fast::hash(payload);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..HEADER].copy_from_slice(&sum.to_le_bytes());
    frame
}

/// The payload of the frame that starts at a byte, if there is a whole one.
#[must_use]
pub fn payload_at(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let (length, rest) = bytes.get(offset..)?.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    // Zeros are what some file systems leave at a torn end; their sum would be right.
    if length == 0 || length > LONGEST_PAYLOAD {
        return None;
    }
    let payload = rest.get(..length)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*sum)).then_some(payload)
}
