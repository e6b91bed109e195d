//! The first digits of a module hash, by which people name a cell where they are enough to tell it apart.

use std::fmt;
use std::str::FromStr;

use super::ModuleHash;

/// The fewest digits of a prefix: fewer are a typing error rather than a name.
pub const FEWEST_DIGITS: usize = 8;
/// The digits of a whole hash.
const DIGITS: usize = 32;
/// The most cells that an error lists.
const MOST_LISTED: usize = 10;

/// What is wrong with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is neither a hash nor the first digits of one.
    #[error("`{found}` is no module hash: expected 32 hex digits, or at least the first {FEWEST_DIGITS} of them")]
    Digits {
        /// The text.
        found: String,
    },
    /// No hash begins with the digits.
    #[error("no {of} has {}", if prefix.is_whole() { format!("the hash `{prefix}`") } else { format!("a hash that begins with `{prefix}`") })]
    Unknown {
        /// What was searched, such as `cell of the space`.
        of: &'static str,
        /// The digits.
        prefix: HashPrefix,
    },
    /// Several hashes begin with the digits.
    #[error("the hashes of {count} cells begin with `{prefix}`: expected more digits of one of {}{}", listed(first), if *count > first.len() { ", …" } else { "" })]
    Ambiguous {
        /// The digits.
        prefix: HashPrefix,
        /// The first of the hashes.
        first: Vec<ModuleHash>,
        /// The number of the hashes.
        count: usize,
    },
}

fn listed(hashes: &[ModuleHash]) -> String {
    hashes.iter().map(|hash| format!("`{hash}`")).collect::<Vec<_>>().join(", ")
}

/// A hash, or the first digits of one: at least [`FEWEST_DIGITS`]. Upper and lower case mean the same.
///
/// # Example
///
/// ```
/// use nasbench::space::{Cell, HashPrefix};
///
/// let hash = Cell::from_texts("0100", "input,output")?.hash();
/// let prefix: HashPrefix = "043721B9".parse()?;
/// assert_eq!(prefix.find([hash], "cell")?, hash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPrefix {
    /// The digits, in lower case.
    digits: String,
    lowest: ModuleHash,
    highest: ModuleHash,
}

impl HashPrefix {
    /// Whether all digits of a hash are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lowest == self.highest
    }

    /// The hash, if all of its digits are there.
    #[must_use]
    pub fn whole(&self) -> Option<ModuleHash> {
        self.is_whole().then_some(self.lowest)
    }

    /// Whether a hash begins with the digits.
    #[must_use]
    pub fn begins(&self, hash: ModuleHash) -> bool {
        (self.lowest..=self.highest).contains(&hash)
    }

    /// Finds the one of some hashes that begins with the digits. `of` says whose hashes they are, such as `cell of the space`.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if there is none, [`Error::Ambiguous`] if there are several.
    pub fn find(&self, hashes: impl IntoIterator<Item = ModuleHash>, of: &'static str) -> Result<ModuleHash, Error> {
        let mut found: Vec<_> = hashes.into_iter().filter(|hash| self.begins(*hash)).collect();
        found.sort_unstable();
        found.dedup();
        match found[..] {
            [] => Err(Error::Unknown { of, prefix: self.clone() }),
            [one] => Ok(one),
            _ => {
                let count = found.len();
                found.truncate(MOST_LISTED);
                Err(Error::Ambiguous { prefix: self.clone(), first: found, count })
            }
        }
    }
}

impl FromStr for HashPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let filled = |digit: &str| ModuleHash::from_hex(&format!("{text}{}", digit.repeat(DIGITS - text.len())));
        let is_long_enough = (FEWEST_DIGITS..=DIGITS).contains(&text.len());
        let ends = if is_long_enough { filled("0").zip(filled("f")) } else { None };
        let (lowest, highest) = ends.ok_or_else(|| Error::Digits { found: text.to_owned() })?;
        Ok(Self { digits: text.to_ascii_lowercase(), lowest, highest })
    }
}

impl From<ModuleHash> for HashPrefix {
    fn from(hash: ModuleHash) -> Self {
        Self { digits: hash.to_string(), lowest: hash, highest: hash }
    }
}

impl fmt::Display for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(start: &str) -> ModuleHash {
        ModuleHash::from_hex(&format!("{start}{}", "7".repeat(32 - start.len()))).unwrap()
    }

    fn prefix(text: &str) -> HashPrefix {
        text.parse().unwrap()
    }

    #[test]
    fn digits_that_begin_one_hash_find_it_in_either_case() {
        let hashes = ["0a1b2c3d0", "0a1b2c3d1", "ffffffff"].map(hash);
        for text in ["0a1b2c3d0", "0A1B2C3D0", "0a1b2c3d0777"] {
            assert_eq!(prefix(text).find(hashes, "cell"), Ok(hashes[0]), "{text}");
        }
        assert_eq!(prefix(&hashes[1].to_string().to_uppercase()).find(hashes, "cell"), Ok(hashes[1]));
        assert_eq!(prefix("FFFFFFFF").find(hashes.into_iter().chain(hashes), "cell"), Ok(hashes[2]));
        assert_eq!(HashPrefix::from(hashes[2]).whole(), Some(hashes[2]));
        assert_eq!(prefix("ffffffff").whole(), None);
    }

    #[test]
    fn digits_that_name_no_cell_or_several_are_refused_with_the_candidates() {
        let hashes = ["0a1b2c3d0", "0a1b2c3d1", "ffffffff"].map(hash);
        let message = |text: &str| prefix(text).find(hashes, "cell of the space").unwrap_err().to_string();
        assert_eq!(message("12345678"), "no cell of the space has a hash that begins with `12345678`");
        let whole = hash("12345678").to_string();
        assert_eq!(message(&whole.to_uppercase()), format!("no cell of the space has the hash `{whole}`"));
        assert_eq!(
            message("0A1B2C3D"),
            format!(
                "the hashes of 2 cells begin with `0a1b2c3d`: expected more digits of one of `{}`, `{}`",
                hashes[0], hashes[1]
            )
        );
        let many: Vec<_> = (10..30).map(|number| hash(&format!("0a1b2c3d{number}"))).collect();
        let text = prefix("0a1b2c3d").find(many, "cell").unwrap_err().to_string();
        assert!(text.starts_with("the hashes of 20 cells ") && text.ends_with("`, …") && text.matches("0a1b2c3d").count() == 11);
    }

    #[test]
    fn a_text_that_is_no_hash_is_refused() {
        let message = |text: &str| text.parse::<HashPrefix>().unwrap_err().to_string();
        for text in ["", "0a1b2c3", "0a1b2c3g", &"0".repeat(33), "éééé"] {
            let expected = format!("`{text}` is no module hash: expected 32 hex digits, or at least the first 8 of them");
            assert_eq!(message(text), expected);
        }
    }
}
