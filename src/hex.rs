//! Bytes as hex digits and back.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Prints bytes as lower-case hex digits, two for each.
#[must_use]
pub fn print(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
    }
    text
}

/// Reads exactly `N` bytes of hex digits; `None` for any other text.
#[must_use]
pub fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = VALUES[usize::from(*high)]? << 4 | VALUES[usize::from(*low)]?;
    }
    Some(bytes)
}

/// The value of every byte as a hex digit.
const VALUES: [Option<u8>; 256] = {
    let mut values = [None; 256];
    let mut value = 0;
    while value < 16 {
        let digit = DIGITS[value as usize];
        values[digit as usize] = Some(value);
        values[digit.to_ascii_uppercase() as usize] = Some(value);
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_print_and_read_back() {
        assert_eq!(print(&[0x00, 0x5a, 0xff]), "005aff");
        assert_eq!(parse("005aFF"), Some([0x00, 0x5a, 0xff]));
        for text in ["", "005af", "005aff0", "005aff00", "005ag0", "0x5aff", "005aé"] {
            assert_eq!(parse::<3>(text), None, "{text}");
        }
    }
}
