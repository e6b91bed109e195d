//! Bytes as hex digits and back.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Prints bytes as lower-case hex digits, two for each.
#[must_use]
pub fn print(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// Reads exactly `N` bytes of hex digits; `None` for any other text.
#[must_use]
pub fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    // One test at the end instead of one per digit: tables hold millions of them.
    let mut seen = 0;
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(digits[0])], VALUES[usize::from(digits[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    (seen != NO_DIGIT).then_some(bytes)
}

/// Stands for a byte that is no hex digit. It has all bits, so that it covers the values of others.
const NO_DIGIT: u8 = u8::MAX;

/// The value of each byte as a hex digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = DIGITS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_and_other_texts_do_not() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(parse::<256>(&print(&bytes)).unwrap().as_slice(), bytes);
        assert_eq!(parse::<256>(&print(&bytes).to_uppercase()).unwrap().as_slice(), bytes);
        for byte in 0..=127_u8 {
            let text = format!("0{}", char::from(byte));
            let expected = u8::from_str_radix(&text, 16).ok();
            assert_eq!(parse::<1>(&text).map(|[value]| value), expected, "{text:?}");
        }
        assert_eq!(parse::<1>("0"), None);
        assert_eq!(parse::<1>("é"), None);
        assert_eq!(parse::<2>("+0+0"), None);
    }
}
