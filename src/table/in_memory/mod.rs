//! A benchmark in memory: one small struct for each row, found by cell or by hash without reading a file again.
//!
//! `open.rs` reads it from files, `answer.rs` says what a query answers. What a search or a person asks most is here in
//! dense columns; everything else of a row is in its [`Record`](super::Record).

mod answer;
mod best;
mod nearest;
mod open;

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::judged::{DEFAULT_CLASSES, Divergence, chance, judged};
use super::{Benchmark, Error, Part, Record, Status};
use crate::space::{Cell, ModuleHash};
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Parameters, Seconds};

pub use answer::{Answer, Mean, Means, Official, Repeat, Stop};
use answer::{TEST, VALIDATION};
pub use best::{RANKINGS, Ranking};

/// The recorded rows of a benchmark, in memory.
///
/// Cells are sorted by hash and named by their position, the index; the rows of a cell are sorted by epochs and repeat. Two
/// labelled graphs with one hash are one cell: the graph and the parameters are those of its first row.
///
/// # Example
///
/// ```
/// use nasbench::space::{Cell, Space};
/// use nasbench::table::{Benchmark, Dataset, Manifest, Record, Repeat, Stop, Table, operations};
/// use nasbench::train::Evaluation;
/// use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};
///
/// // A benchmark of one cell, trained twice.
/// let folder = tempfile::tempdir()?;
/// let dataset = Dataset { name: "toy".to_owned(), sha256: Some("ab".repeat(32)) };
/// let manifest = Manifest { seed: Some(Seed(0)), dataset, operations: operations(&Space::nas_bench_101()), protocol: serde_json::json!({ "rate": 0.1 }) };
/// let benchmark = Benchmark::create_or_open(folder.path(), &manifest)?;
/// let cell = Cell::from_texts("010001000", "input,maxpool3x3,output")?;
/// let records = [(0, 0.5), (1, 0.7)].map(|(repeat, fraction)| {
///     let end = Evaluation { test_accuracy: Accuracy::from_fraction(fraction), ..Evaluation::default() };
///     Record { end, ..Record::blank(cell, Epochs(4), repeat) }
/// });
/// nasbench::table::write(&folder.path().join("records.parquet"), &records, benchmark.identity())?;
///
/// // Open and query.
/// let table: Table = benchmark.table()?;
/// let answer = table.query(&cell, Epochs(4), Repeat::Mean)?;
/// let mean = answer.at(Stop::Final).test_accuracy.expect("both repeats have one");
/// assert_eq!((mean.accuracy(), mean.repeats), (Accuracy::from_fraction(0.6), 2));
///
/// // All cells and all their rows.
/// for (index, cell) in table.cells().iter().enumerate() {
///     for row in table.rows(index) {
///         println!("{cell} at {} epochs: {:?}", row.epochs(), row.at(Stop::Final).test_accuracy);
///     }
/// }
/// # assert_eq!(table.rows(0).len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Table {
    hashes: Vec<ModuleHash>,
    cells: Vec<Cell>,
    parameters: Vec<Parameters>,
    /// Where the rows of each cell start; one more at the end.
    first_rows: Vec<u32>,
    rows: Vec<Row>,
    budgets: Vec<Epochs>,
    /// What a training that diverged counts as where its cell is judged.
    chance: f64,
    /// Which accuracies were measured of any training, halfway and at the end.
    measured: [[bool; 3]; 2],
    /// The index of each cell's fingerprint: made when the first cell is asked for, as many commands ask for none.
    by_fingerprint: OnceLock<FxHashMap<u64, u32>>,
}

/// One row of a [`Table`]: one trained model, in 48 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Halfway and at the end.
    training_times: [f64; 2],
    /// Of training, validation and test images, halfway and at the end; `NaN` where there is none.
    accuracies: [[f32; 3]; 2],
    epochs: u16,
    repeat: u16,
    status: Status,
}

impl Row {
    /// A row of which nothing is known yet.
    const BLANK: Self =
        Self { training_times: [0.0; 2], accuracies: [[f32::NAN; 3]; 2], epochs: 0, repeat: 0, status: Status::Ok };

    fn from_record(record: &Record) -> Self {
        let moments = [record.halfway, record.end];
        let fraction = |accuracy: Option<Accuracy>| accuracy.map_or(f32::NAN, Accuracy::fraction);
        Self {
            training_times: moments.map(|moment| moment.training_time.0),
            accuracies: moments
                .map(|moment| [moment.train_accuracy, moment.validation_accuracy, moment.test_accuracy].map(fraction)),
            epochs: record.epochs.0,
            repeat: record.repeat,
            status: record.status,
        }
    }

    /// Returns the training budget.
    #[must_use]
    pub const fn epochs(&self) -> Epochs {
        Epochs(self.epochs)
    }

    /// Returns the repeat.
    #[must_use]
    pub const fn repeat(&self) -> u16 {
        self.repeat
    }

    /// How the training ended.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Returns the measurements at a moment of the training.
    #[must_use]
    pub fn at(&self, stop: Stop) -> Evaluation {
        // A fraction that is no number makes no accuracy.
        let [train_accuracy, validation_accuracy, test_accuracy] = self.accuracies[stop.index()].map(Accuracy::from_fraction);
        let training_time = Seconds(self.training_times[stop.index()]);
        Evaluation { training_time, train_accuracy, validation_accuracy, test_accuracy }
    }

    /// One accuracy at one moment, by their positions, as a fraction; `None` if there is none.
    fn accuracy(&self, moment: usize, which: usize) -> Option<f64> {
        let fraction = self.accuracies[moment][which];
        (!fraction.is_nan()).then(|| fraction.into())
    }

    /// What orders the rows of a cell.
    const fn key(&self) -> u32 {
        key(self.epochs, self.repeat)
    }
}

const fn key(epochs: u16, repeat: u16) -> u32 {
    (epochs as u32) << 16 | repeat as u32
}

impl Benchmark {
    /// Reads the rows that searches and surrogates may see into memory, on all cores, each key once.
    ///
    /// Only the columns that a [`Table`] has are read. Every value is checked as [`read`](super::read) does, except that a
    /// large table compares the hash with the cell for some thousands of its cells only.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for a damaged file.
    pub fn table(&self) -> Result<Table, Error> {
        Ok(open::open(&self.files(Part::Recorded)?, self.identity())?.with_classes(self.classes()))
    }
}

impl Table {
    /// Makes a table of records; of those with one key the first counts whose training did not fail.
    #[must_use]
    pub fn from_records(records: &[Record]) -> Self {
        let mut sorted: Vec<_> = records.iter().collect();
        sorted.sort_by_key(|record| record.order());
        sorted.dedup_by_key(|record| record.key());
        let mut table = Self::empty();
        for record in sorted {
            table.push(record.hash, record.cell, record.parameters, Row::from_record(record));
        }
        table.finish()
    }

    const fn empty() -> Self {
        Self {
            hashes: Vec::new(),
            cells: Vec::new(),
            parameters: Vec::new(),
            first_rows: Vec::new(),
            rows: Vec::new(),
            budgets: Vec::new(),
            chance: chance(DEFAULT_CLASSES),
            measured: [[false; 3]; 2],
            by_fingerprint: OnceLock::new(),
        }
    }

    /// Adds a row behind all others, whose hash and key are not above its own.
    fn push(&mut self, hash: ModuleHash, cell: Cell, parameters: Parameters, row: Row) {
        if self.hashes.last() != Some(&hash) {
            self.start(hash, cell, parameters, self.rows.len());
        }
        if !self.budgets.contains(&row.epochs()) {
            self.budgets.push(row.epochs());
        }
        self.rows.push(row);
    }

    /// Adds a cell behind all others, whose rows start at `first_row`.
    fn start(&mut self, hash: ModuleHash, cell: Cell, parameters: Parameters, first_row: usize) {
        self.hashes.push(hash);
        self.cells.push(cell);
        self.parameters.push(parameters);
        self.first_rows.push(u32::try_from(first_row).expect("opening counts the rows"));
    }

    /// Closes the last cell.
    fn finish(mut self) -> Self {
        self.first_rows.push(u32::try_from(self.rows.len()).expect("opening counts the rows"));
        self.budgets.sort_unstable();
        // Where no training ended well, nothing says that an accuracy was not measured.
        let any_ended_well = self.rows.iter().any(|row| row.status == Status::Ok);
        for (moment, measured) in self.measured.iter_mut().enumerate() {
            for (which, measured) in measured.iter_mut().enumerate() {
                *measured = !any_ended_well || self.rows.iter().any(|row| row.accuracy(moment, which).is_some());
            }
        }
        self
    }

    /// Returns the same table of a data set with another number of classes than 10: it says what a training that diverged counts as.
    #[must_use]
    pub fn with_classes(self, classes: usize) -> Self {
        Self { chance: chance(classes), ..self }
    }

    /// Returns the accuracy that a training that diverged counts as where its cell is judged: 1 over the number of classes.
    #[must_use]
    pub const fn chance(&self) -> f64 {
        self.chance
    }

    /// Returns the same for one accuracy; `None` if it was not measured in any training.
    fn chance_of(&self, moment: usize, which: usize) -> Option<f64> {
        self.measured[moment][which].then_some(self.chance)
    }

    /// Returns the final validation accuracies that the trainings of a cell at a budget count as where it is judged, in the order of
    /// the repeats; one that diverged counts as [`chance`](Self::chance), one that has none otherwise is left out.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn judged_accuracies(&self, index: usize, epochs: Epochs) -> Vec<f64> {
        self.judged_of(index, epochs, VALIDATION)
    }

    /// Returns the final test accuracies, as [`judged_accuracies`](Self::judged_accuracies) gives those of validation.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn judged_test_accuracies(&self, index: usize, epochs: Epochs) -> Vec<f64> {
        self.judged_of(index, epochs, TEST)
    }

    fn judged_of(&self, index: usize, epochs: Epochs, which: usize) -> Vec<f64> {
        let moment = Stop::Final.index();
        let trainings = self.repeats(index, epochs).iter().map(|row| (row.status, row.accuracy(moment, which)));
        judged(trainings, self.chance_of(moment, which)).collect()
    }

    /// Counts the trainings of a budget that diverged.
    #[must_use]
    pub fn divergence(&self, epochs: Epochs) -> Divergence {
        let rows = || self.rows.iter().filter(|row| row.epochs() == epochs);
        Divergence { diverged: rows().filter(|row| row.status == Status::Diverged).count(), trainings: rows().count() }
    }

    /// Returns the number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns whether the table has no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Returns the cells, as they were recorded, in the order of their hashes.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns the hashes of [`cells`](Self::cells), ascending.
    #[must_use]
    pub fn hashes(&self) -> &[ModuleHash] {
        &self.hashes
    }

    /// Returns the trainable parameters of a cell's network.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn parameters(&self, index: usize) -> Parameters {
        self.parameters[index]
    }

    /// Returns the budgets of all rows, ascending.
    #[must_use]
    pub fn budgets(&self) -> &[Epochs] {
        &self.budgets
    }

    /// Returns an error unless the training time of at least one row of a budget is known.
    ///
    /// # Errors
    ///
    /// [`Error::NoTimes`] for any other.
    pub fn check_times(&self, epochs: Epochs) -> Result<(), Error> {
        let is_timed = |row: &Row| row.epochs() == epochs && row.at(Stop::Final).training_time.measured().is_some();
        if self.rows.iter().any(is_timed) { Ok(()) } else { Err(Error::NoTimes { epochs }) }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Finds a cell, however its vertices are numbered; no MD5 is computed. The first call takes some 50 ms in a table of
    /// 423,624 cells.
    #[must_use]
    pub fn index_of(&self, cell: &Cell) -> Option<usize> {
        self.by_fingerprint().get(&cell.fingerprint()).map(|index| *index as usize)
    }

    /// Finds a cell by its hash.
    #[must_use]
    pub fn index_of_hash(&self, hash: ModuleHash) -> Option<usize> {
        self.hashes.binary_search(&hash).ok()
    }

    /// Builds the index that the first call of [`index_of`](Self::index_of) would build.
    pub(super) fn prepare(&self) {
        self.by_fingerprint();
    }

    fn by_fingerprint(&self) -> &FxHashMap<u64, u32> {
        // One thread alone: if it handed parts to others, those could be waiting for this very index.
        self.by_fingerprint.get_or_init(|| self.cells.iter().map(Cell::fingerprint).zip(0..).collect())
    }

    /// Returns the rows of a cell, sorted by epochs and repeat.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn rows(&self, index: usize) -> &[Row] {
        &self.rows[self.first_rows[index] as usize..self.first_rows[index + 1] as usize]
    }

    /// Returns the rows of a cell at a budget, sorted by repeat; none if it was not trained at it.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn repeats(&self, index: usize, epochs: Epochs) -> &[Row] {
        let rows = self.rows(index);
        let start = rows.partition_point(|row| row.epochs < epochs.0);
        let end = rows.partition_point(|row| row.epochs <= epochs.0);
        &rows[start..end]
    }

    /// Returns one row of a cell.
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    #[must_use]
    pub fn row(&self, index: usize, epochs: Epochs, repeat: u16) -> Option<&Row> {
        let key = key(epochs.0, repeat);
        // A cell has a dozen rows: walking along them is faster than jumping about.
        self.rows(index).iter().find(|row| row.key() >= key).filter(|row| row.key() == key)
    }

    /// Returns the measurements of a cell at a budget, as the official program does.
    ///
    /// # Errors
    ///
    /// In the official order: [`Error::UnknownBudget`] if nothing was trained at the budget, [`Error::NotRecorded`] if
    /// this cell was not, [`Error::UnknownRepeat`] if it has no such repeat.
    pub fn query(&self, cell: &Cell, epochs: Epochs, repeat: Repeat) -> Result<Answer, Error> {
        self.check_budget(epochs)?;
        let index = self.index_of(cell).ok_or_else(|| Error::NotRecorded { hash: cell.hash(), epochs: None })?;
        self.answer(index, epochs, repeat)
    }

    /// Answers for a cell of a known index, as [`query`](Self::query) does.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    ///
    /// # Panics
    ///
    /// Panics unless the index is below [`len`](Self::len).
    pub fn answer(&self, index: usize, epochs: Epochs, repeat: Repeat) -> Result<Answer, Error> {
        let mut rows = self.repeats(index, epochs);
        if let Repeat::MeanFrom(first) = repeat {
            rows = &rows[rows.partition_point(|row| row.repeat < first)..];
        }
        if rows.is_empty() {
            let hash = self.hashes[index];
            self.check_budget(epochs)?;
            return Err(Error::NotRecorded { hash, epochs: Some(epochs) });
        }
        let hash = self.hashes[index];
        let row = match repeat {
            Repeat::Mean | Repeat::MeanFrom(_) => None,
            Repeat::One(one) => {
                let known = || rows.iter().map(Row::repeat).collect();
                let row = rows.iter().find(|row| row.repeat == one);
                Some(row.ok_or_else(|| Error::UnknownRepeat { hash, epochs, found: one, known: known() })?)
            }
            Repeat::Drawn(seed) => Some(answer::drawn(rows, hash, seed)),
        };
        Ok(Answer::new(self, index, row.map_or(rows, std::slice::from_ref), row.is_none()))
    }

    /// Returns an error unless something was trained at a budget.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBudget`] for any other.
    pub fn check_budget(&self, epochs: Epochs) -> Result<(), Error> {
        let is_known = self.budgets.contains(&epochs);
        if is_known { Ok(()) } else { Err(Error::UnknownBudget { found: epochs, known: self.budgets.clone() }) }
    }
}

#[cfg(test)]
mod tests;
