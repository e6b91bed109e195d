//! Reports of the main job, of comparisons and of landscapes: text for the terminal, and pages that open without a network.
//!
//! A [`Report`] takes the results of the pipeline as they are; nothing here measures anything. A new table is one function in
//! `tables.rs` (page and terminal both use it), a new plot one function in `plot/figures.rs`, a new section one function in
//! `page.rs`. A [`Comparison`] has a page of its own. Parts that are empty leave a sentence behind, never a panic.

mod block;
mod comparison;
mod drawing;
mod fronts;
mod grid;
mod importance;
mod info;
mod landscape;
mod model;
mod page;
mod pairs;
pub mod pareto;
mod plot;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
mod text;

use std::io::Write as _;
use std::path::Path;

pub use comparison::Comparison;
pub use drawing::{svg_of, text_of};
pub use importance::{attribution_text, importance_text};
pub use info::info;
pub use landscape::{landscape_page, landscape_text};
pub use model::{Header, Prediction, RecordedCell, Records, RepeatAgreement, RowCount, SearchRun, Stage, Surrogates};
pub use plot::learning::learning_curves;

use crate::file;
use crate::verify::Verification;

/// An error of writing a page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be written; an older one is untouched.
    #[error("could not write the report")]
    Write(#[source] std::io::Error),
}

/// Writes a page to `path` at once or not at all: a temporary name beside it, then a rename.
fn write(page: &str, path: &Path) -> Result<(), Error> {
    file::replace(path, |open| open.write_all(page.as_bytes())).map_err(Error::Write)
}

/// The results of one run of the main job, in the order in which they were found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run, on which data and machine, and how long it took.
    pub header: Header,
    /// The cells trained for the benchmark.
    pub records: Records,
    /// How well the surrogates predict cells they have not seen.
    pub surrogates: Surrogates,
    /// The number of cells that the surrogate scored, if the searched space is small enough to score all of it.
    pub scored: Option<usize>,
    /// The searches of a larger space, one run each.
    pub searches: Vec<SearchRun>,
    /// The cells retrained to check the surrogate.
    pub verification: Verification,
}

impl Report {
    /// Formats the report as a screenful of aligned plain text, without colours; ends with a line break.
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
