//! One row of a benchmark: one trained model.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::temporal_conversions::timestamp_us_to_datetime;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::space::{Cell, ModuleHash};
use crate::train::{Curves, Evaluation};
use crate::unit::{Epochs, Flops, Parameters, Seconds, Seed};

/// The key of a row: its cell, its budget and its repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The hash of the cell.
    pub hash: ModuleHash,
    /// The training budget.
    pub epochs: Epochs,
    /// The repeat, from 0; rows of verification start at [`FIRST_VERIFIED_REPEAT`](super::FIRST_VERIFIED_REPEAT).
    pub repeat: u16,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} at {} epochs, repeat {}", self.hash, self.epochs, self.repeat)
    }
}

/// One trained model, as the columns of a benchmark describe it.
///
/// [`Record::blank`] makes one of which only the key is known; the rest is filled in by struct update syntax. `None`, and
/// an empty curve, stand for what the source of the row lacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The hash of the cell.
    pub hash: ModuleHash,
    /// The labelled graph that was trained: parameter counts depend on it.
    pub cell: Cell,
    /// The training budget.
    pub epochs: Epochs,
    /// The repeat, from 0.
    pub repeat: u16,
    /// The seed of this training; `None` in imported rows.
    pub seed: Option<Seed>,
    /// The trainable parameters of the network.
    pub parameters: Parameters,
    /// The cost of one forward pass of one image.
    pub flops: Flops,
    /// The evaluation before the first step.
    pub start: Evaluation,
    /// The evaluation after half of the epochs.
    pub halfway: Evaluation,
    /// The evaluation at the end; its columns are called `final_…`.
    pub end: Evaluation,
    /// The time of the training and its evaluations, as in the official records.
    pub total_time: Seconds,
    /// The time that the whole task took by the clock on the wall; `None` in imported rows.
    pub wall_time: Option<Seconds>,
    /// The measurements of every epoch.
    pub curves: Curves,
    /// The measurements beside accuracy and time.
    pub telemetry: Telemetry,
    /// How the training ended.
    pub status: Status,
    /// Where the row comes from.
    pub source: Source,
    /// What trained the model, such as the name of a processor; `None` in imported rows.
    pub device: Option<String>,
    /// When the training ended; `None` in imported rows.
    pub recorded_at: Option<Timestamp>,
    /// The version of the program that wrote the row.
    pub tool_version: String,
    /// The revision of the numerics and the arithmetic of the device, as
    /// [`Device::numerics`](crate::engine::Device::numerics) says them; `None` in imported rows and in those of older versions.
    #[serde(default)]
    pub numerics: Option<String>,
    /// What the training and its evaluations cost in operations, each step counted as three forward passes: the same on every machine and
    /// at every hour. `None` in imported rows and in those of older versions.
    #[serde(default)]
    pub training_operations: Option<Flops>,
    /// Numbers that an imported table has beyond these, by the name of their column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Number>,
}

/// A number of an extra column. The numbers of a column are all whole or all decimal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// A number of double precision.
    Decimal(f64),
}

impl Number {
    /// Returns the number in double precision, which has all whole numbers up to 2⁵³.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as documented")]
    pub const fn to_decimal(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Decimal(number) => number,
        }
    }
}

impl Record {
    /// Returns a record of which only the key is known: no times, no accuracies, no costs, status `ok`, this program's version.
    #[must_use]
    pub fn blank(cell: Cell, epochs: Epochs, repeat: u16) -> Self {
        Self::blank_with_hash(cell.hash(), cell, epochs, repeat)
    }

    /// As [`blank`](Self::blank), of a cell whose hash was computed already.
    pub(crate) fn blank_with_hash(hash: ModuleHash, cell: Cell, epochs: Epochs, repeat: u16) -> Self {
        Self {
            hash,
            cell,
            epochs,
            repeat,
            seed: None,
            parameters: Parameters(0),
            flops: Flops(0),
            start: Evaluation::default(),
            halfway: Evaluation::default(),
            end: Evaluation::default(),
            total_time: Seconds::default(),
            wall_time: None,
            curves: Curves::default(),
            telemetry: Telemetry::default(),
            status: Status::Ok,
            source: Source::Recorded,
            device: None,
            recorded_at: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            numerics: None,
            training_operations: None,
            extra: BTreeMap::new(),
        }
    }

    /// Returns the key of the row.
    #[must_use]
    pub const fn key(&self) -> Key {
        Key { hash: self.hash, epochs: self.epochs, repeat: self.repeat }
    }

    /// Returns the order of rows: by key, and of one key those first whose training did not fail. A stable sort by it, of rows of which
    /// the newest come first, as in [`Benchmark::files`](super::Benchmark::files), puts first the row of each key that counts.
    #[must_use]
    pub(crate) const fn order(&self) -> (Key, bool) {
        (self.key(), self.status.yields())
    }

    /// Sorts rows of which the newest come first by key, and keeps the one of each key that counts.
    pub(super) fn keep_one_of_each_key(records: &mut Vec<Self>) {
        records.sort_by_key(Self::order);
        records.dedup_by_key(|record| record.key());
    }

    /// Returns an error if a reader would refuse the record, before it is written.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] if the hash is not the cell's or a time is negative or no number.
    pub fn check(&self) -> Result<(), Error> {
        let unwritable = |column, expected, found| Err(Error::Unwritable { key: Box::new(self.key()), column, expected, found });
        let hash = self.cell.hash();
        if self.hash != hash {
            return unwritable("module_hash", hash.to_string(), self.hash.to_string());
        }
        let times = [
            ("start_training_time", Some(self.start.training_time)),
            ("halfway_training_time", Some(self.halfway.training_time)),
            ("final_training_time", Some(self.end.training_time)),
            ("total_time", Some(self.total_time)),
            ("wall_time", self.wall_time),
        ];
        for (column, time) in times {
            if let Some(Seconds(seconds)) = time
                && !(seconds.is_finite() && seconds >= 0.0)
            {
                return unwritable(column, "seconds, 0 or more".to_owned(), seconds.to_string());
            }
        }
        Ok(())
    }
}

/// The measurements beside accuracy and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Images trained on in a second.
    pub images_per_second: Option<f32>,
    /// The bytes of memory that the model took with a batch.
    pub peak_memory: Option<u64>,
    /// The area under the receiver operating characteristic on the validation images, averaged over classes.
    pub macro_roc_auc: Option<f32>,
    /// The F1 measure on the validation images, averaged over classes.
    pub macro_f1: Option<f32>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It finished.
    Ok,
    /// Its loss stopped being a number.
    Diverged,
    /// It could not be finished. The row stays: that is a result.
    Failed,
}

/// Every status.
pub const STATUSES: &[Status] = &[Status::Ok, Status::Diverged, Status::Failed];

impl Status {
    /// Returns whether a row counts only where its key has no other: see [`Record::order`].
    pub(crate) const fn yields(self) -> bool {
        matches!(self, Self::Failed)
    }

    /// Returns the status with a name; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        STATUSES.iter().copied().find(|status| status.name() == name)
    }

    /// Returns the name in the column `status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        }
    }
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Trained to regenerate the benchmark.
    Recorded,
    /// Trained again to verify what a search found; never fitted by the run that verified it.
    Verified,
    /// Read from another benchmark's files.
    Imported,
}

/// Every source.
pub const SOURCES: &[Source] = &[Source::Recorded, Source::Verified, Source::Imported];

impl Source {
    /// Returns the source with a name; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        SOURCES.iter().copied().find(|source| source.name() == name)
    }

    /// Returns the name in the column `source`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Verified => "verified",
            Self::Imported => "imported",
        }
    }
}

/// A moment, in microseconds since the start of 1970 in UTC. Prints as in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the moment that the clock of this machine shows; 1970 if it is set to before that.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match timestamp_us_to_datetime(self.0) {
            // The debug form of a date and time is that of ISO 8601; it lacks the zone only.
            Some(moment) => write!(f, "{moment:?}Z"),
            None => write!(f, "{} µs", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Accuracy;

    fn record() -> Record {
        let cell = Cell::from_texts("010001000", "input,maxpool3x3,output").unwrap();
        Record::blank(cell, Epochs(4), 1)
    }

    #[test]
    fn a_key_names_cell_budget_and_repeat() {
        let key = record().key();
        assert_eq!(key.to_string(), format!("cell {} at 4 epochs, repeat 1", key.hash));
    }

    #[test]
    fn two_recordings_are_the_same_whatever_they_cost_and_whoever_made_them() {
        let one = record();
        let mut other = Record {
            total_time: Seconds(4.0),
            wall_time: Some(Seconds(5.0)),
            device: Some("another".to_owned()),
            recorded_at: Some(Timestamp::now()),
            ..one.clone()
        };
        other.end.training_time = Seconds(3.0);
        assert_ne!(one, other);
        assert!(one.is_same_result(&other));
        other.end.test_accuracy = Accuracy::from_fraction(0.5);
        assert!(!one.is_same_result(&other));
    }

    #[test]
    fn curves_that_diverged_alike_are_equal() {
        let diverged = |value| Curves { train_loss: vec![1.0, value], ..Curves::default() };
        assert_eq!(diverged(f32::NAN), diverged(f32::NAN));
        assert_ne!(diverged(f32::NAN), diverged(f32::INFINITY));
    }

    #[test]
    fn a_record_that_cannot_be_right_is_refused() {
        assert!(record().check().is_ok());
        let hash = ModuleHash::from_hex(&"0".repeat(32)).unwrap();
        let message = Record { hash, ..record() }.check().unwrap_err().to_string();
        assert!(message.contains("`module_hash`") && message.contains(&hash.to_string()), "{message}");
        let message = Record { wall_time: Some(Seconds(f64::NAN)), ..record() }.check().unwrap_err().to_string();
        assert!(message.ends_with("column `wall_time`: expected seconds, 0 or more, found NaN"), "{message}");
    }

    #[test]
    fn a_number_stays_whole_or_decimal_in_a_journal() {
        for number in [Number::Whole(2), Number::Whole(i64::MIN), Number::Decimal(2.0), Number::Decimal(0.1)] {
            let mut bytes = Vec::new();
            ciborium::into_writer(&number, &mut bytes).unwrap();
            assert_eq!(ciborium::from_reader::<Number, _>(&bytes[..]).unwrap(), number);
            let text = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<Number>(&text).unwrap(), number, "{text}");
        }
    }

    #[test]
    fn a_moment_prints_as_in_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_795_302_902_123_456).to_string(), "2026-11-21T23:15:02.123456Z");
    }
}
