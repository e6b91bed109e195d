//! The meaning of the columns of a table.

use std::collections::HashMap;
use std::path::Path;

use super::{FIELDS, KEEP, MEASURED, STATUS, STOP, SYNONYMS, of_a_training};
use crate::interchange::Error;
use crate::table::column::COLUMNS;
use crate::table::schema;
use crate::unit::Epochs;

/// The meaning of the columns of a table, and the others that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Field, budget and the name of the column. The field of a column of numbers that is kept is [`KEEP`].
    named: Vec<(&'static str, Option<Epochs>, String)>,
}

impl Columns {
    /// Reads a name as it is typed: `validation_accuracy@108=val_acc_108`, or `keep=energy` for a column of numbers that becomes an
    /// extra column of the benchmark, under its name. With a budget, `keep@108=energy`, only the rows of that budget have it.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] if the field is none of [`FIELDS`], or has a budget though it is not measured; if the field or the column was
    /// named before; if a column is to be kept under a name that every benchmark has.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::interchange::tabular::Columns;
    ///
    /// let columns = Columns::default().with("operations=ops")?.with("validation_accuracy@108=val_acc_108")?.with("keep=energy")?;
    /// assert!(columns.with("operations=labels").is_err());
    /// # Ok::<(), nasbench::interchange::Error>(())
    /// ```
    pub fn with(mut self, text: &str) -> Result<Self, Error> {
        let unknown = || {
            let fields: Vec<_> = FIELDS.iter().map(|(field, _)| *field).collect();
            refused(format!(
                "`{text}` names no column: expected FIELD=NAME with one of {}, or with a budget one of {}, {STATUS}, as in \
                 `{}@108=NAME`\nhint: `{KEEP}=NAME` keeps another column of numbers",
                fields.join(", "),
                MEASURED.join(", "),
                MEASURED[2]
            ))
        };
        let (field, name) = text.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        let (field, epochs) = match field.split_once('@') {
            Some((field, epochs)) => (field, Some(Epochs(epochs.parse().ok().filter(|epochs| *epochs > 0).ok_or_else(unknown)?))),
            None => (field, None),
        };
        let fields = FIELDS.iter().map(|(known, _)| *known).chain([KEEP]);
        let known = { fields }.find(|known| *known == field && (epochs.is_none() || *known == KEEP || of_a_training(known)));
        let field = known.ok_or_else(unknown)?;
        if field == KEEP && COLUMNS.iter().any(|column| column.name.eq_ignore_ascii_case(name)) {
            return Err(refused(format!(
                "a column cannot be kept as `{name}`, which every benchmark has: expected another name"
            )));
        }
        if field != KEEP && self.named.iter().any(|(other, budget, _)| (*other, *budget) == (field, epochs)) {
            return Err(refused(format!("the column of `{field}` is named twice")));
        }
        if let Some((other, ..)) = self.named.iter().find(|(.., column)| column == name) {
            let problem = format!("the column `{name}` is named for `{other}` and for `{field}`: expected one of them");
            return Err(refused(problem));
        }
        self.named.push((field, epochs, name.to_owned()));
        Ok(self)
    }

    /// Returns an error if columns are named: an export says itself what its columns hold.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] for the first one.
    pub(super) fn refuse_named(&self, file: &Path) -> Result<(), Error> {
        match self.named.iter().find(|(field, ..)| *field != KEEP) {
            Some((field, _, column)) => Err(refused(format!(
                "`{}` has every column of a benchmark, each under its name: `{column}` cannot be read as `{field}`\n\
                 hint: take the column out of the file whose place it is to take, or read the file without `--column`",
                file.display()
            ))),
            None => Ok(()),
        }
    }

    /// Returns the names of the columns that are kept.
    pub(super) fn kept(&self) -> impl Iterator<Item = &str> {
        self.named.iter().filter(|(field, ..)| *field == KEEP).map(|(.., name)| name.as_str())
    }
}

fn refused(problem: String) -> Error {
    Error::Columns { problem }
}

/// How to say which column holds a field that is missing: a hint, in a line of its own.
fn naming(field: Option<&str>) -> String {
    let Some(field) = field else { return String::new() };
    let of_a_budget =
        if MEASURED.contains(&field) { format!(", `{field}@108=NAME` if it is of one budget") } else { String::new() };
    format!("\nhint: `--column {field}=NAME` says which column it is{of_a_budget}")
}

/// A budget with the fields that are measured at it, and the positions of their columns.
pub(super) type Measurements = (Epochs, Vec<(&'static str, usize)>);

/// The position of each column that is read.
pub(super) struct Positions {
    pub(super) single: HashMap<&'static str, usize>,
    pub(super) budgets: Vec<Measurements>,
    /// The columns that are kept: the budget that it is of if it is of one, and the position.
    pub(super) kept: Vec<(Option<Epochs>, usize)>,
    /// The column in which a query says that it answered of another moment than the end of the training.
    pub(super) stop: Option<usize>,
}

impl Positions {
    /// Finds the columns in a header whose names are unique.
    pub(super) fn new(columns: &Columns, header: &[String], file: &Path) -> Result<Self, Error> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let find_in_any_case =
            |name: &str| find(name).or_else(|| header.iter().position(|column| column.eq_ignore_ascii_case(name)));
        let missing = |name: &str, field: Option<&'static str>| {
            let (file, known) = (file.display(), header.join(", "));
            refused(format!("`{file}` has no column `{name}` (known: {known}){}", naming(field)))
        };
        let mut positions = Self { single: HashMap::new(), budgets: Vec::new(), kept: Vec::new(), stop: None };
        for (field, epochs, name) in &columns.named {
            let position = find(name).ok_or_else(|| missing(name, None))?;
            match epochs {
                _ if *field == KEEP => positions.kept.push((*epochs, position)),
                None => drop(positions.single.insert(field, position)),
                Some(epochs) => match positions.budgets.iter_mut().find(|(budget, _)| budget == epochs) {
                    Some((_, fields)) => fields.push((field, position)),
                    None => positions.budgets.push((*epochs, vec![(field, position)])),
                },
            }
        }
        for (field, usual) in FIELDS {
            let is_named = columns.named.iter().any(|(named, ..)| named == field);
            let others = SYNONYMS.iter().filter(|(of, _)| of == field).map(|(_, name)| *name);
            let names = std::iter::once(*usual).chain(others);
            let found = names.filter_map(find_in_any_case).find(|position| !positions.is_read(*position));
            if let Some(position) = found.filter(|_| !is_named) {
                positions.single.insert(field, position);
            }
        }
        positions.forget_unasked(columns);
        positions.stop = find_in_any_case(STOP).filter(|position| !positions.is_read(*position));
        positions.check_complete(|field| {
            let usual = FIELDS.iter().find(|(known, _)| *known == field).map_or(field, |(_, usual)| *usual);
            missing(usual, Some(field))
        })?;
        Ok(positions)
    }

    /// Leaves out columns of one training that nobody named where rows are of cells: they do not say of which budget they are.
    fn forget_unasked(&mut self, columns: &Columns) {
        let has_trainings = self.single.contains_key("epochs") || self.budgets.is_empty();
        let is_named = |field: &str| columns.named.iter().any(|(named, epochs, _)| *named == field && epochs.is_none());
        self.single.retain(|field, _| has_trainings || !of_a_training(field) || is_named(field));
        if !MEASURED.iter().any(|field| self.single.contains_key(field)) && !is_named(STATUS) {
            self.single.remove(STATUS);
        }
    }

    fn check_complete(&self, missing: impl Fn(&'static str) -> Error) -> Result<(), Error> {
        for field in ["adjacency", "operations"] {
            if !self.single.contains_key(field) {
                return Err(missing(field));
            }
        }
        let has_measured = self.single.keys().any(|field| of_a_training(field));
        if has_measured && !self.single.contains_key("epochs") {
            return Err(missing("epochs"));
        }
        if !self.single.keys().any(|field| MEASURED.contains(field)) && self.budgets.is_empty() {
            return Err(missing("validation_accuracy"));
        }
        Ok(())
    }

    /// Returns whether the column at a position is read.
    pub(super) fn is_read(&self, position: usize) -> bool {
        let mut measured = self.budgets.iter().flat_map(|(_, fields)| fields).map(|(_, position)| position);
        self.single.values().any(|read| *read == position)
            || measured.any(|read| *read == position)
            || self.kept.iter().any(|(_, read)| *read == position)
    }
}

/// Returns an error if a header has a name twice. Columns without a name are not read.
pub(super) fn check_unique(header: &[String], file: &Path) -> Result<(), Error> {
    for (position, name) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if let Some(first) = header[..position].iter().position(|other| other == name) {
            return Err(refused(format!(
                "`{}` has two columns `{name}`, number {} and number {}\nhint: give one of them another name, or take it out",
                file.display(),
                first + 1,
                position + 1
            )));
        }
    }
    Ok(())
}

/// Returns whether a header is that of rows that [`export`](crate::interchange::export) wrote: every column is there that has a value in
/// each row.
pub(super) fn is_exported(header: &[String]) -> bool {
    let schema = schema::schema();
    schema.fields().iter().filter(|field| !field.is_nullable()).all(|field| header.contains(field.name()))
}
