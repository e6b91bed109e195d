//! The columns that a summary needs, read into memory: one list a column.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};

use crate::space::ModuleHash;
use crate::table::merge_scan::Sorted;
use crate::table::status_scan::{count_labels, statuses};
use crate::table::{Benchmark, Error, Part, Status, Timestamp};
use crate::unit::Seconds;

/// The columns that are read.
const COLUMNS: &[&str] = &[
    "module_hash",
    "vertices",
    "epochs",
    "repeat",
    "trainable_parameters",
    "flops",
    "halfway_validation_accuracy",
    "final_training_time",
    "final_train_accuracy",
    "final_validation_accuracy",
    "final_test_accuracy",
    "status",
    "source",
    "device",
    "recorded_at",
    "tool_version",
    "numerics",
];

/// The rows of a benchmark, sorted by key, column by column.
///
/// # Shapes
///
/// - `hashes`, `vertices`, `parameters`, `flops`: `[cells]`
/// - `cells` (the index of each row's cell), `epochs`, … `test`: `[rows]`
///
/// # Units
///
/// Accuracies are fractions, `times` are seconds; NaN where there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) hashes: Vec<ModuleHash>,
    pub(super) vertices: Vec<u8>,
    pub(super) parameters: Vec<u32>,
    pub(super) flops: Vec<u64>,
    pub(super) cells: Vec<u32>,
    pub(super) epochs: Vec<u16>,
    pub(super) repeats: Vec<u16>,
    pub(super) statuses: Vec<Status>,
    pub(super) times: Vec<f64>,
    pub(super) halfway: Vec<f32>,
    pub(super) train: Vec<f32>,
    pub(super) validation: Vec<f32>,
    pub(super) test: Vec<f32>,
    /// The number of classes of the data set.
    pub(super) classes: usize,
    pub(super) sources: BTreeMap<String, u64>,
    pub(super) devices: BTreeMap<String, u64>,
    pub(super) tool_versions: BTreeMap<String, u64>,
    pub(super) numerics: BTreeMap<String, u64>,
    pub(super) first_recorded: Option<Timestamp>,
    pub(super) last_recorded: Option<Timestamp>,
}

/// Returns the rows of a part, each key once.
pub(super) fn count(benchmark: &Benchmark, part: Part) -> Result<usize, Error> {
    let rows = Sorted::open(benchmark, part, &[])?.rows();
    Ok(usize::try_from(rows).expect("the rows were counted one by one"))
}

impl Rows {
    /// Reads the recorded rows of a benchmark.
    pub(super) fn read(benchmark: &Benchmark) -> Result<Self, Error> {
        let sorted = Sorted::open(benchmark, Part::Recorded, COLUMNS)?;
        let mut rows = Self { classes: benchmark.classes(), ..Self::default() };
        for batch in sorted {
            rows.append(&batch?);
        }
        Ok(rows)
    }

    fn append(&mut self, batch: &RecordBatch) {
        self.append_cells(batch);
        self.epochs.extend(batch["epochs"].as_primitive::<UInt16Type>().values());
        self.repeats.extend(batch["repeat"].as_primitive::<UInt16Type>().values());
        let times = batch["final_training_time"].as_primitive::<Float64Type>().values();
        self.times.extend(times.iter().map(|time| Seconds(*time).measured().map_or(f64::NAN, |time| time.0)));
        let fractions = |column: &str| {
            let values = batch[column].as_primitive::<Float32Type>();
            values.iter().map(|value| value.unwrap_or(f32::NAN)).collect::<Vec<_>>()
        };
        self.halfway.extend(fractions("halfway_validation_accuracy"));
        self.train.extend(fractions("final_train_accuracy"));
        self.validation.extend(fractions("final_validation_accuracy"));
        self.test.extend(fractions("final_test_accuracy"));
        self.statuses.extend(statuses(batch));
        for (column, counts) in [
            ("source", &mut self.sources),
            ("device", &mut self.devices),
            ("tool_version", &mut self.tool_versions),
            ("numerics", &mut self.numerics),
        ] {
            for (label, rows) in count_labels(batch[column].as_dictionary()) {
                if let Some(label) = label.filter(|_| rows > 0) {
                    *counts.entry(label.to_owned()).or_default() += rows;
                }
            }
        }
        for moment in batch["recorded_at"].as_primitive::<TimestampMicrosecondType>().iter().flatten().map(Timestamp) {
            self.first_recorded = Some(self.first_recorded.map_or(moment, |first| first.min(moment)));
            self.last_recorded = Some(self.last_recorded.map_or(moment, |last| last.max(moment)));
        }
    }

    /// Appends the cell of each row, and what there is to know of cells that were not seen before.
    fn append_cells(&mut self, batch: &RecordBatch) {
        let hashes = batch["module_hash"].as_string::<i32>();
        let vertices = batch["vertices"].as_primitive::<UInt8Type>();
        let parameters = batch["trainable_parameters"].as_primitive::<UInt32Type>();
        let flops = batch["flops"].as_primitive::<UInt64Type>();
        let mut last = None;
        for row in 0..batch.num_rows() {
            let text = hashes.value(row);
            if last != Some(text) {
                last = Some(text);
                let hash = ModuleHash::from_hex(text).expect("the keys were read before");
                if self.hashes.last() != Some(&hash) {
                    self.hashes.push(hash);
                    self.vertices.push(vertices.value(row));
                    self.parameters.push(parameters.value(row));
                    self.flops.push(flops.value(row));
                }
            }
            self.cells.push(u32::try_from(self.hashes.len() - 1).expect("a benchmark has fewer than 2^32 cells"));
        }
    }
}
