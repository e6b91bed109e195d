//! The kind of values in a column: numbers that can be kept, or something else.

use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow::datatypes::DataType;

use crate::table::column::COLUMNS;
use crate::table::{Number, Record, schema};

/// A column that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name, or its position if it has none.
    pub column: String,
    /// Why it cannot be [kept](super::KEEP); `None` if it can.
    pub obstacle: Option<&'static str>,
}

/// What the values of a column are, as far as they were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    has_numbers: bool,
    has_decimals: bool,
    has_others: bool,
}

impl Values {
    /// Takes the text of a field.
    pub(super) fn take(&mut self, text: &str) {
        match number(text.trim()) {
            Some(number) => {
                self.has_numbers = true;
                self.has_decimals |= matches!(number, Number::Decimal(_));
            }
            None => self.has_others |= !text.trim().is_empty(),
        }
    }

    /// Returns the values of a column of a file that says its type.
    pub(super) fn of_type(data_type: &DataType) -> Self {
        let kept = schema::extra_type(data_type);
        Self { has_numbers: kept.is_some(), has_decimals: kept == Some(DataType::Float64), has_others: kept.is_none() }
    }

    /// Returns the type of the extra column that keeps them.
    pub(super) const fn extra_type(self) -> DataType {
        if self.has_decimals || self.has_others { DataType::Float64 } else { DataType::Int64 }
    }
}

impl Ignored {
    /// Returns a column of a header at a position that is not read.
    pub(super) fn new(header: &[String], position: usize, values: Values) -> Self {
        let name = &header[position];
        let is_known = COLUMNS.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let obstacle = match values {
            _ if name.is_empty() => Some("it has no name"),
            _ if is_known => Some("a benchmark has a column of this name"),
            Values { has_others: true, .. } => Some("it does not hold numbers"),
            Values { has_numbers: false, .. } => Some("it is empty"),
            _ => None,
        };
        let column = if name.is_empty() { format!("number {}", position + 1) } else { name.clone() };
        Self { column, obstacle }
    }
}

/// Reads a number: a whole one of 64 bits with a sign, or a decimal one. A whole number with more bits is none: it would lose digits.
pub(super) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return text.parse().ok().map(Number::Whole);
    }
    decimal(text).parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Decimal)
}

/// Makes the numbers of every extra column that has a decimal one decimal.
pub(super) fn level(records: &mut [Record]) {
    let numbers = records.iter().flat_map(|record| &record.extra);
    let decimal = numbers.filter(|(_, number)| matches!(number, Number::Decimal(_))).map(|(name, _)| name.clone());
    let decimal: BTreeSet<String> = decimal.collect();
    for (_, number) in records.iter_mut().flat_map(|record| &mut record.extra).filter(|(name, _)| decimal.contains(*name)) {
        *number = Number::Decimal(number.to_decimal());
    }
}

/// Returns a number with a point instead of the comma that some languages write, where that comma cannot stand between thousands.
pub(super) fn decimal(text: &str) -> Cow<'_, str> {
    let is_decimal = |whole: &str, fraction: &str| {
        let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let may_be_thousands = fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
        is_digits(whole) && is_digits(fraction) && !may_be_thousands
    };
    match text.split_once(',') {
        Some((whole, fraction)) if is_decimal(whole, fraction) => format!("{whole}.{fraction}").into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_number_may_have_a_comma() {
        let commas = ["0,9412", "0,941", "1234,567", "1768,97595", "12,5"];
        assert_eq!(commas.map(decimal), ["0.9412", "0.941", "1234.567", "1768.97595", "12.5"]);
        for uncertain in ["1,768", "123,456", "1,234.5", "1,2,3", ",5", "5,", "0.5"] {
            assert_eq!(decimal(uncertain), uncertain);
        }
    }

    #[test]
    fn a_number_is_whole_or_decimal_and_loses_no_digits() {
        let whole = ["7", "-7", "+7", "007", "9223372036854775807"].map(number);
        assert_eq!(whole, [7, -7, 7, 7, i64::MAX].map(|number| Some(Number::Whole(number))));
        assert_eq!(["7.0", "0,5", "1e3"].map(number), [7.0, 0.5, 1_000.0].map(|number| Some(Number::Decimal(number))));
        assert_eq!(["9223372036854775808", "NaN", "inf", "x", "", "-", "1_000"].map(number), [None; 7]);
    }

    #[test]
    fn only_columns_of_numbers_with_a_name_of_their_own_can_be_kept() {
        let header = ["energy", "", "Vertices", "note", "blank"].map(ToOwned::to_owned);
        let of = |position: usize, texts: [&str; 2]| {
            let mut values = Values::default();
            for text in texts {
                values.take(text);
            }
            Ignored::new(&header, position, values)
        };
        let columns = [of(0, ["1.5", " "]), of(1, ["1", "2"]), of(2, ["1", "2"]), of(3, ["1", "a"]), of(4, ["", " "])];
        let obstacles = columns.each_ref().map(|ignored| ignored.obstacle);
        let expected = ["it has no name", "a benchmark has a column of this name", "it does not hold numbers", "it is empty"];
        assert_eq!((obstacles[0], obstacles[1..].iter().flatten().copied().collect::<Vec<_>>()), (None, expected.to_vec()));
        assert_eq!(columns[1].column, "number 2");
    }
}
