//! Which revisions of the numerics trained the rows of a benchmark.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::AsArray;

use super::reader::Reader;
use super::status_scan::count_labels;
use super::{Benchmark, Error, Part, schema};

/// The name of the column.
const NUMERICS: &str = "numerics";
/// The revision of the rows that were recorded before rows said theirs.
pub(super) const FIRST: u16 = 1;

/// The number of rows that each revision of the numerics trained; see [`NUMERICS`](crate::engine::NUMERICS).
///
/// Prints as `revision 1 (91 rows), revision 2 (22697 rows)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revisions(BTreeMap<u16, u64>);

impl Revisions {
    /// Counts the rows of each text of the column `numerics`; `None` is that of rows of older versions.
    pub(super) fn count<'a>(counts: impl IntoIterator<Item = (Option<&'a str>, u64)>) -> Self {
        let mut revisions = BTreeMap::new();
        for (text, rows) in counts.into_iter().filter(|(_, rows)| *rows > 0) {
            *revisions.entry(text.map_or(FIRST, revision)).or_default() += rows;
        }
        Self(revisions)
    }

    /// Returns the revisions of `rows` recorded rows, of which some say theirs.
    pub(crate) fn of_counts(counts: &BTreeMap<String, u64>, rows: u64) -> Self {
        let silent = rows.saturating_sub(counts.values().sum());
        Self::count(counts.iter().map(|(text, rows)| (Some(text.as_str()), *rows)).chain([(None, silent)]))
    }

    /// Returns whether there are rows of several revisions, which are equally valid, but do not repeat each other bit for bit.
    #[must_use]
    pub fn are_mixed(&self) -> bool {
        self.0.len() > 1
    }

    /// Returns a warning if rows of several revisions are mixed.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.are_mixed().then(|| {
            format!("the numerics of the rows are mixed: {self}; rows of two revisions do not repeat each other bit for bit")
        })
    }

    /// Returns the revisions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.keys().copied()
    }

    /// Adds the rows of other ones.
    pub fn add(&mut self, others: &Self) {
        for (revision, rows) in &others.0 {
            *self.0.entry(*revision).or_default() += rows;
        }
    }
}

impl fmt::Display for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (revision, rows)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}revision {revision} ({rows} rows)")?;
        }
        Ok(())
    }
}

/// Returns the revision of a text such as `1: cpu with AVX-512`; 0 of one that no version writes.
fn revision(text: &str) -> u16 {
    text.split(':').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl Benchmark {
    /// Counts the rows of both parts by the revision of the numerics that trained them; none of imported rows, which another program
    /// trained.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for the first damaged file.
    pub fn revisions(&self) -> Result<Revisions, Error> {
        let mut revisions = Revisions::default();
        if self.manifest().seed.is_some() {
            for file in [self.files(Part::Recorded)?, self.files(Part::Verified)?].concat() {
                for batch in Reader::open(&file, self.identity(), &schema::with_names(&["status", NUMERICS]))?.batches()? {
                    revisions.add(&Revisions::count(count_labels(batch?.1[NUMERICS].as_dictionary())));
                }
            }
        }
        Ok(revisions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Record;
    use crate::table::fixture::{benchmark, records};

    #[test]
    fn rows_are_counted_by_their_revision() {
        let folder = tempfile::tempdir().unwrap();
        let of = |numerics: Option<&str>, record: &Record| Record { numerics: numerics.map(ToOwned::to_owned), ..record.clone() };
        let texts = [None, Some("1: cpu with AVX-512"), Some("2: cpu with AVX2"), Some("2: gpu")];
        let all: Vec<_> = records().iter().enumerate().map(|(index, record)| of(texts[index % 4], record)).collect();
        let revisions = benchmark(folder.path(), &all[..4], &[all[4..].to_vec()]).revisions().unwrap();
        let (one, two) =
            (all.len().div_ceil(4) + (all.len() - 1).div_ceil(4), (all.len() - 2).div_ceil(4) + (all.len() - 3).div_ceil(4));
        assert_eq!(revisions.to_string(), format!("revision 1 ({one} rows), revision 2 ({two} rows)"));
        assert!(revisions.are_mixed() && revisions.iter().eq([1, 2]) && revisions.warning().is_some());
        let counts = BTreeMap::from([("1: cpu".to_owned(), 5)]);
        assert_eq!(Revisions::of_counts(&counts, 7).to_string(), "revision 1 (7 rows)");
        assert!(!Revisions::of_counts(&counts, 7).are_mixed() && !Revisions::default().are_mixed());
    }

    #[test]
    fn a_benchmark_of_an_older_version_is_of_the_first_revision() {
        let revisions = Benchmark::open("tests/data/tiny-benchmark").unwrap().revisions().unwrap();
        assert!(revisions.iter().eq([1]), "{revisions}");
    }
}
