//! The records that an import leaves out because of an error.

use super::Error;

/// The problems that are kept in full; the others are counted.
const LISTED: usize = 100;

/// The records that an import left out because of an error.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The number of records, rows and remainders of files.
    pub count: u64,
    /// The errors of the first ones.
    pub listed: Vec<Error>,
}

impl LeftOut {
    /// Counts a problem, and lists it if it is one of the first.
    pub(super) fn add(&mut self, problem: Error) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(problem);
        }
    }

    /// Counts a problem if the import keeps going.
    ///
    /// # Errors
    ///
    /// The problem, if it does not.
    pub(super) fn add_or_stop(&mut self, problem: Error, keep_going: bool) -> Result<(), Error> {
        if keep_going {
            self.add(problem);
            return Ok(());
        }
        Err(problem)
    }
}
