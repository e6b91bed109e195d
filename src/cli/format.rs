//! Tables for people and for programs.

use std::io::Write;

use comfy_table::{ContentArrangement, LineStyle, TableStyle};
use nasbench::unit::shortest_decimal;
use serde_json::Value;

/// A rule under the header, and no other lines.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// The spaces before and after a column; one more is between two.
const PADDING: (u16, u16) = (0, 1);

/// The minimum width that a table is folded to. A smaller reported width is not trusted.
const NARROWEST: u16 = 20;

/// Format of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// A JSON list of objects.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// Output format of something that is not a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ObjectFormat {
    /// For people.
    #[default]
    Table,
    /// A JSON object.
    Json,
}

/// Rows under named columns. Text is printed as it is; lists and objects as JSON, or as their JSON text in a table.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<String>,
    /// Columns that are left out of tables: only JSON and CSV have them.
    details: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub(super) fn new(columns: &[&str], details: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().copied().map(ToOwned::to_owned).collect();
        Self { columns: owned(columns), details: owned(details), rows: Vec::new() }
    }

    /// A table of one row, each value under its column.
    pub(super) fn of_row(row: Vec<(&str, Value)>) -> Self {
        let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let mut table = Self::new(&columns, &[]);
        table.push(values);
        table
    }

    /// Adds a row: a value for each column, then for each detail.
    pub(super) fn push(&mut self, row: impl Into<Vec<Value>>) {
        let row = row.into();
        assert_eq!(row.len(), self.columns.len() + self.details.len(), "a row has a value for each column");
        self.rows.push(row);
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().chain(&self.details)
    }

    /// The rows as JSON objects.
    pub(super) fn objects(&self) -> Vec<Value> {
        let object = |row: &Vec<Value>| -> Value {
            self.names().zip(row).map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
        };
        self.rows.iter().map(object).collect()
    }

    /// Prints the table.
    pub(super) fn print(&self, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
        match format {
            Format::Table => {
                let mut page = comfy_table::Table::new();
                self.draw(&mut page);
                writeln!(out, "{}", page.trim_fmt())?;
            }
            Format::Json => {
                writeln!(out, "{}", serde_json::to_string_pretty(&self.objects())?)?;
            }
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(self.names())?;
                for row in &self.rows {
                    writer.write_record(row.iter().map(text))?;
                }
                writer.flush()?;
            }
        }
        Ok(())
    }

    /// Draws the table, folded to the width of the terminal if it is known.
    fn draw(&self, page: &mut comfy_table::Table) {
        let is_known = page.width().is_some_and(|width| width >= NARROWEST);
        let arrangement = if is_known { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
        page.load_style(STYLE).set_content_arrangement(arrangement);
        page.set_header(&self.columns);
        for row in &self.rows {
            page.add_row(row.iter().take(self.columns.len()).map(rounded));
        }
        page.column_iter_mut().for_each(|column| {
            column.set_padding(PADDING);
        });
    }
}

/// A value as table text: fractions with four digits.
pub(super) fn rounded(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(number) if number != 0.0 && !(1e-3..1e9).contains(&number.abs()) => format!("{number:.3e}"),
        Some(number) => format!("{number:.4}"),
        None => text(value),
    }
}

/// A single-precision number with its own digits, not the digits of the equal double-precision number. `null` if it is infinite or NaN.
pub(super) fn single(number: f32) -> Value {
    serde_json::Number::from_f64(shortest_decimal(number)).into()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An error with its causes in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format) -> String {
        let mut table = Table::new(&["name", "about"], &["more"]);
        table.push([Value::from("a"), "one, \"two\"".into(), serde_json::json!({ "x": 1 })]);
        let mut out = Vec::new();
        table.print(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn programs_get_everything_and_people_the_columns() {
        assert_eq!(printed(Format::Csv), "name,about,more\na,\"one, \"\"two\"\"\",\"{\"\"x\"\":1}\"\n");
        let rows: Value = serde_json::from_str(&printed(Format::Json)).unwrap();
        assert_eq!(rows[0]["more"]["x"], 1);
        assert!(printed(Format::Table).contains("one, \"two\"") && !printed(Format::Table).contains("more"));
    }

    #[test]
    fn a_page_of_no_width_does_not_fold_words_into_letters() {
        let mut table = Table::new(&["name", "about"], &[]);
        table.push(["a long name".into(), "some words ".repeat(4).into()]);
        let drawn = |width| {
            let mut page = comfy_table::Table::new();
            page.set_width(width);
            table.draw(&mut page);
            page.to_string()
        };
        for width in [0, 1, 19] {
            assert!(drawn(width).contains(&"some words ".repeat(4)), "{}", drawn(width));
        }
        assert!(drawn(40).lines().all(|line| line.chars().count() <= 40), "{}", drawn(40));
    }

    #[test]
    fn a_single_precision_number_has_no_more_digits_than_it_has() {
        assert_eq!([0.9, 1.0 / 3.0, 17_000.25].map(|number| text(&single(number))), ["0.9", "0.33333334", "17000.25"]);
        assert_eq!([f32::NAN, f32::INFINITY].map(single), [Value::Null, Value::Null]);
        let number = 0.1_f32 + 0.2;
        assert_eq!(text(&single(number)).parse(), Ok(number));
    }

    #[test]
    fn people_get_four_digits() {
        let printed: Vec<_> =
            [0.943_459_51, 1_768.066, 0.0, 1.5e-7].map(|number| rounded(&Value::from(number))).into_iter().collect();
        assert_eq!(printed, ["0.9435", "1768.0660", "0.0000", "1.500e-7"]);
        assert_eq!(rounded(&Value::from(8_555_530)), "8555530");
    }
}
