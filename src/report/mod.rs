//! What the main job found, as text for the terminal and as one page that opens without a network.
//!
//! A [`Report`] holds plain values that the pipeline fills in; nothing here measures anything. A new table is one function in
//! `tables.rs` (page and terminal both use it), a new plot one function in `plot/figures.rs`, a new section one function in
//! `page.rs`. A [`Comparison`] has a page of its own. Parts that are empty leave a sentence behind, never a panic.

mod comparison;
mod drawing;
mod grid;
mod info;
mod landscape;
mod model;
mod page;
mod pairs;
pub mod pareto;
mod plot;
#[cfg(test)]
mod sample;
mod summary;
mod tables;
mod text;

use std::io::Write as _;
use std::path::Path;

pub use comparison::Comparison;
pub use drawing::{svg_of, text_of};
pub use info::info;
pub use landscape::{landscape_page, landscape_text};
pub use model::{Header, Prediction, RecordedCell, Records, RepeatAgreement, RowCount, SearchRun, Stage, Surrogates};
pub use plot::learning::learning_curves;

use crate::file;
use crate::verify::Verification;

/// Why a page is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The page could not be put into its place; what stood there before is untouched.
    #[error("could not write the report")]
    Write(#[source] std::io::Error),
}

/// Writes a page to `path` at once or not at all: a temporary name beside it, then a rename.
fn write(page: &str, path: &Path) -> Result<(), Error> {
    file::replace(path, |open| open.write_all(page.as_bytes())).map_err(Error::Write)
}

/// Everything that one run of the main job has to tell, in the order in which it happened.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run, on which data and machine, and how long it took.
    pub header: Header,
    /// The cells trained for the benchmark.
    pub records: Records,
    /// How well the surrogates predict cells they have not seen.
    pub surrogates: Surrogates,
    /// How many cells the surrogate scored: all of the searched space, if that is small enough.
    pub scored: Option<usize>,
    /// The searches of a larger space, one run each.
    pub searches: Vec<SearchRun>,
    /// The cells retrained to check the surrogate.
    pub verification: Verification,
}

impl Report {
    /// Tells the run in a screenful of aligned plain text, without colours; ends with a line break.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// Makes the HTML page: style and plots are inside, nothing is loaded.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// Writes the page to `path` at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the file could not be written.
    pub fn write_page(&self, path: &Path) -> Result<(), Error> {
        write(&self.page(), path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_its_place_at_once_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        fs_err::write(&path, "an older page").unwrap();
        sample::full().write_page(&path).unwrap();
        assert!(fs_err::read_to_string(&path).unwrap().ends_with("</html>\n"));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_page_that_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("report.html");
        fs_err::create_dir(&taken).unwrap();
        let error = sample::empty().write_page(&taken).unwrap_err();
        assert_eq!(error.to_string(), "could not write the report");
        assert!(taken.is_dir());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
        assert!(sample::empty().write_page(&folder.path().join("missing/report.html")).is_err());
    }
}
