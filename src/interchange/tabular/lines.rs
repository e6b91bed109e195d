//! A row of a table whose columns a person names, as records.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::columns::{Measurements, Positions};
use super::values::{decimal, number};
use super::{FIELDS, MOST_REPEATS, STATUS, VALIDATION, of_a_training};
use crate::interchange::Error;
use crate::network::{Skeleton, count};
use crate::space::{Cell, INPUT, ModuleHash, OPERATIONS, OUTPUT, Operation, RawGraph, Space};
use crate::table::{Record, STATUSES, Source, Status, Stop};
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds};

/// What `nasbench query` prints as the repeat of a mean.
const MEAN: &str = "mean";
/// The greatest whole number up to which double precision has all of them.
const GREATEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The number of rows of each cell at each budget.
pub(super) type Repeats = HashMap<(ModuleHash, Epochs), u16>;

/// A row with what is known of it.
pub(super) struct Line<'a> {
    pub(super) row: &'a StringRecord,
    /// Its number, and what a row is called.
    pub(super) number: u64,
    pub(super) unit: &'static str,
    pub(super) file: &'a Path,
    pub(super) header: &'a [String],
    pub(super) positions: &'a Positions,
}

impl Line<'_> {
    /// Returns the records of the row: one for each budget of which something is known.
    ///
    /// # Errors
    ///
    /// [`Error::CsvValue`] for the first value that cannot be right.
    pub(super) fn records(&self, space: &Space, skeleton: &Skeleton, repeats: &Repeats) -> Result<Vec<Record>, Error> {
        if let Some(position) = self.positions.stop
            && let Some(text) = self.at(position).filter(|text| text.eq_ignore_ascii_case(Stop::Halfway.name()))
        {
            return Err(self.wrong_in(&self.header[position], "values of the end of a training", text));
        }
        let cell = self.cell(space)?;
        let hash = self.hash(cell)?;
        let (parameters, flops) = self.cost(cell, skeleton)?;
        let stated = self.repeat()?;
        let mut records: Vec<Record> = Vec::new();
        for (epochs, measured) in self.measurements()? {
            let before = repeats.get(&(hash, epochs)).copied().unwrap_or_default();
            let next = records.iter().filter(|record| record.epochs == epochs).fold(before, |next, _| next.saturating_add(1));
            let repeat = stated.unwrap_or(next);
            if repeat > MOST_REPEATS {
                let expected = format!("at most {MOST_REPEATS}, and fewer repeats of a cell");
                return Err(self.wrong("repeat", &expected, &repeat.to_string()));
            }
            let blank = Record::blank_with_hash(hash, cell, epochs, repeat);
            let mut record = Record { parameters, flops, source: Source::Imported, ..blank };
            self.measure(&measured, &mut record)?;
            self.keep(&mut record)?;
            records.push(record);
        }
        Ok(records)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.positions.single.get(field).and_then(|position| self.at(*position))
    }

    /// Returns the text at a position; `None` if there is none.
    fn at(&self, position: usize) -> Option<&str> {
        self.row.get(position).map(str::trim).filter(|text| !text.is_empty())
    }

    fn wrong(&self, field: &str, expected: &str, found: &str) -> Error {
        let position = self.positions.single.get(field);
        self.wrong_in(position.map_or(field, |position| self.header[*position].as_str()), expected, found)
    }

    fn wrong_in(&self, column: &str, expected: &str, found: &str) -> Error {
        let (column, expected, found) = (column.to_owned(), expected.to_owned(), found.to_owned());
        Error::CsvValue { file: PathBuf::from(self.file), unit: self.unit, line: self.number, column, expected, found }
    }

    fn cell(&self, space: &Space) -> Result<Cell, Error> {
        let (matrix, names) = (self.text("adjacency").unwrap_or_default(), self.text("operations").unwrap_or_default());
        let no_cell = |error: &dyn std::fmt::Display| {
            // A hint belongs to a message of its own.
            let error = error.to_string().replace("\nhint: ", "; ");
            self.wrong("adjacency", &format!("a cell ({error})"), &format!("{matrix} with {names}"))
        };
        let sketch = RawGraph::from_matrix(matrix, names).map_err(|error| no_cell(&error))?;
        let is_known = |word: &str| [INPUT, OUTPUT].contains(&word) || Operation::from_name(word).is_ok();
        if let Some(word) = sketch.names().find(|word| !is_known(word)) {
            let known: Vec<_> = OPERATIONS.iter().map(|spec| spec.name).collect();
            return Err(self.wrong("operations", &format!("operations ({})", known.join(", ")), word));
        }
        sketch.cell(space).map_err(|error| no_cell(&error))
    }

    fn hash(&self, cell: Cell) -> Result<ModuleHash, Error> {
        let hash = cell.hash();
        match self.text("hash") {
            Some(stated) if !stated.eq_ignore_ascii_case(&hash.to_string()) => {
                Err(self.wrong("hash", &format!("{hash}, that of the cell"), stated))
            }
            _ => Ok(hash),
        }
    }

    fn cost(&self, cell: Cell, skeleton: &Skeleton) -> Result<(Parameters, Flops), Error> {
        let counted = count(&cell, skeleton);
        let (parameters, flops) =
            counted.map_err(|error| self.wrong("adjacency", "a cell that has a network", &error.to_string()))?;
        let Some(stated) = self.text("parameters") else { return Ok((parameters, flops)) };
        let parameters = whole(stated).ok_or_else(|| self.wrong("parameters", "a whole number", stated))?;
        Ok((Parameters(parameters), flops))
    }

    /// Returns the repeat; `None` if the row does not say it. A mean over repeats counts as one.
    fn repeat(&self) -> Result<Option<u16>, Error> {
        let Some(text) = self.text("repeat").filter(|text| *text != MEAN) else { return Ok(None) };
        whole(text).map(Some).ok_or_else(|| self.wrong("repeat", "the number of a repeat, from 0", text))
    }

    /// Returns whether the row is a mean over repeats.
    pub(super) fn is_mean(&self) -> bool {
        self.text("repeat") == Some(MEAN)
    }

    /// Returns the budgets of the row with their fields; budgets of which nothing is known are left out.
    fn measurements(&self) -> Result<Vec<Measurements>, Error> {
        let mut found = Vec::new();
        let fields = FIELDS.iter().map(|(field, _)| *field).filter(|field| of_a_training(field));
        let single: Vec<_> = fields.filter_map(|field| Some((field, *self.positions.single.get(field)?))).collect();
        if !single.is_empty() {
            let text = self.text("epochs").unwrap_or_default();
            let epochs = whole(text).filter(|epochs| *epochs > 0);
            let epochs = epochs.ok_or_else(|| self.wrong("epochs", "a number of epochs, at least 1", text))?;
            found.push((Epochs(epochs), single));
        }
        found.extend(self.positions.budgets.iter().cloned());
        found.retain(|(_, fields)| fields.iter().any(|(_, position)| self.at(*position).is_some()));
        Ok(found)
    }

    /// Takes what was measured at a budget. A training that has no validation accuracy failed, unless the row says how it ended.
    fn measure(&self, measured: &[(&'static str, usize)], record: &mut Record) -> Result<(), Error> {
        for (field, position) in measured {
            self.measure_one(field, *position, record)?;
        }
        record.total_time = record.end.training_time;
        let names_accuracy = measured.iter().any(|(field, _)| *field == VALIDATION);
        let status = measured.iter().find(|(field, _)| *field == STATUS);
        record.status = match status.map(|(_, position)| self.status(*position)).transpose()?.flatten() {
            Some(status) => status,
            None if names_accuracy && record.end.validation_accuracy.is_none() => Status::Failed,
            None => Status::Ok,
        };
        Ok(())
    }

    /// How a training ended; `None` if the row does not say it.
    fn status(&self, position: usize) -> Result<Option<Status>, Error> {
        let Some(text) = self.at(position) else { return Ok(None) };
        let found = STATUSES.iter().find(|status| status.name().eq_ignore_ascii_case(text));
        let known = || STATUSES.iter().map(|status| status.name()).collect::<Vec<_>>().join(", ");
        let unknown = || self.wrong_in(&self.header[position], &format!("one of {}", known()), text);
        found.copied().map(Some).ok_or_else(unknown)
    }

    fn measure_one(&self, field: &str, position: usize, record: &mut Record) -> Result<(), Error> {
        let Some(text) = self.at(position).filter(|_| field != STATUS) else { return Ok(()) };
        let column = &self.header[position];
        if field == "training_time" {
            let seconds = decimal(text).parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
            record.end.training_time = Seconds(seconds.ok_or_else(|| self.wrong_in(column, "seconds, 0 or more", text))?);
            return Ok(());
        }
        let accuracy = decimal(text).parse().ok().and_then(Accuracy::from_fraction);
        let accuracy = Some(accuracy.ok_or_else(|| self.wrong_in(column, "an accuracy as a fraction, 0 to 1", text))?);
        match field {
            "train_accuracy" => record.end.train_accuracy = accuracy,
            VALIDATION => record.end.validation_accuracy = accuracy,
            _ => record.end.test_accuracy = accuracy,
        }
        Ok(())
    }

    /// Takes the columns that are kept.
    fn keep(&self, record: &mut Record) -> Result<(), Error> {
        for (_, position) in self.positions.kept.iter().filter(|(epochs, _)| epochs.is_none_or(|epochs| epochs == record.epochs))
        {
            let Some(text) = self.at(*position) else { continue };
            let column = &self.header[*position];
            let number = number(text).ok_or_else(|| self.wrong_in(column, "a number, as the column is kept", text))?;
            record.extra.insert(column.clone(), number);
        }
        Ok(())
    }
}

/// Reads a whole number, which some programs print with a point: `108.0`.
fn whole<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let exact = text.parse().ok();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is whole and within the range")]
    let with_point = || {
        let number: f64 = decimal(text).parse().ok()?;
        (number.fract() == 0.0 && (0.0..=GREATEST_WHOLE).contains(&number)).then_some(number as u64)
    };
    T::try_from(exact.or_else(with_point)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_have_a_point() {
        assert_eq!(["108", "108.0", "108.", "108,0"].map(whole::<u16>), [Some(108); 4]);
        assert_eq!(["108.5", "-1", "65536", "1e9", "", "x", "inf", "NaN"].map(whole::<u16>), [None; 8]);
        assert_eq!(whole("18446744073709551615"), Some(u64::MAX));
    }
}
