//! What a kind of surrogate is: its name, where it comes from, and how it is fitted.

use rand::seq::index;

use super::{Error, Rows, SURROGATES, Surrogate, check_count, check_finite};
use crate::unit::Seed;

/// What comes of a fit.
type Fitted = Result<Box<dyn Surrogate>, Error>;

/// A kind of surrogate.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and in files.
    pub name: &'static str,
    /// One line that says what it is.
    pub about: &'static str,
    /// Where it was described.
    pub source: &'static str,
    /// The most rows that it is fitted on, drawn by the seed from more; `None` if it takes all.
    pub most_rows: Option<usize>,
    pub(super) fit: fn(&Rows, &[f32], Seed) -> Fitted,
    pub(super) restore: fn(serde_json::Value) -> serde_json::Result<Box<dyn Surrogate>>,
}

/// Fewer rows than this teach nothing.
pub const FEWEST_ROWS: usize = 5;

impl Entry {
    /// Fits rows and targets: those that are [`drawn`](Self::drawn) if there are too many. The fit is a function of its arguments,
    /// on any number of threads.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, width]`
    /// - `targets`: `[n]`, in any unit: predictions have the same
    ///
    /// # Errors
    ///
    /// [`Error::Count`], [`Error::TooFewRows`] for fewer than 5, [`Error::NotFinite`], or [`Error::Fit`].
    pub fn fit(&self, rows: &Rows, targets: &[f32], seed: Seed) -> Result<Box<dyn Surrogate>, Error> {
        check_count("targets", targets.len(), rows)?;
        if rows.len() < FEWEST_ROWS {
            return Err(Error::TooFewRows { expected: FEWEST_ROWS, found: rows.len() });
        }
        check_finite(targets)?;
        match self.drawn(rows.len(), seed) {
            Some(places) => {
                let targets: Vec<f32> = places.iter().map(|place| targets[*place]).collect();
                (self.fit)(&rows.select(&places), &targets, seed)
            }
            None => (self.fit)(rows, targets, seed),
        }
    }

    /// Which of so many rows a fit with this seed uses, ascending; `None` if it uses all.
    #[must_use]
    pub fn drawn(&self, rows: usize, seed: Seed) -> Option<Vec<usize>> {
        let most = self.most_rows.filter(|most| rows > *most)?;
        let mut places = index::sample(&mut seed.derive(self.name).rng(), rows, most).into_vec();
        places.sort_unstable();
        Some(places)
    }
}

/// Finds a surrogate by its name.
///
/// # Errors
///
/// [`Error::UnknownSurrogate`] with the names that there are.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    SURROGATES.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownSurrogate { name: name.to_owned() })
}
