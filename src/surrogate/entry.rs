//! A kind of surrogate: its name, its source, and how it is fitted.

use rand::seq::index;
use serde::de::DeserializeOwned;

use super::{Error, Prediction, Rows, SURROGATES, Surrogate, check_count, check_finite, pick};
use crate::unit::Seed;

/// The result of a fit.
type Fitted = Result<Box<dyn Surrogate>, Error>;

/// A kind of surrogate.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and in files.
    pub name: &'static str,
    /// One line that says what it is.
    pub about: &'static str,
    /// The paper that describes it.
    pub source: &'static str,
    /// The most rows that it is fitted on, drawn by the seed from more; `None` if it takes all.
    pub most_rows: Option<usize>,
    pub(super) fit: fn(&Rows, &[f32], Seed) -> Fitted,
    pub(super) restore: fn(serde_json::Value) -> serde_json::Result<Box<dyn Surrogate>>,
}

/// The fewest rows of a fit.
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
            Some(places) => (self.fit)(&rows.select(&places), &pick(targets, &places), seed),
            None => (self.fit)(rows, targets, seed),
        }
    }

    /// Fits some rows and predicts others.
    pub(super) fn fit_and_predict(
        &self,
        rows: &Rows,
        targets: &[f32],
        [training, unseen]: [&[usize]; 2],
        seed: Seed,
    ) -> Result<Vec<Prediction>, Error> {
        self.fit(&rows.select(training), &pick(targets, training), seed)?.predict(&rows.select(unseen))
    }

    /// Returns which of a number of rows a fit with this seed uses, ascending; `None` if it uses all.
    #[must_use]
    pub fn drawn(&self, rows: usize, seed: Seed) -> Option<Vec<usize>> {
        let most = self.most_rows.filter(|most| rows > *most)?;
        let mut places = index::sample(&mut seed.derive(self.name).rng(), rows, most).into_vec();
        places.sort_unstable();
        Some(places)
    }
}

/// Restores a surrogate from its parameters.
pub(super) fn restore<S: Surrogate + DeserializeOwned + 'static>(
    parameters: serde_json::Value,
) -> serde_json::Result<Box<dyn Surrogate>> {
    let surrogate: S = serde_json::from_value(parameters)?;
    surrogate.check().map_err(serde::de::Error::custom)?;
    Ok(Box::new(surrogate))
}

/// Finds a surrogate by its name.
///
/// # Errors
///
/// [`Error::UnknownSurrogate`] with the names that there are.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    SURROGATES.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownSurrogate(name.to_owned()))
}
