//! Reading a [`Table`] from Parquet files: only the columns it has, row groups side by side, each distinct text once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringViewArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int32Type, Schema, UInt16Type, UInt32Type};
use fs_err as fs;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use super::{Row, Table};
use crate::space::{self, Cell, INPUT, ModuleHash, OUTPUT, Operation, Spec};
use crate::table::column::{ADJACENCY, OPERATIONS, column};
use crate::table::reader::check_metadata;
use crate::table::record::STATUSES;
use crate::table::{Error, Identity, Status};
use crate::unit::{Accuracy, Epochs, Parameters};

/// Rows that are decoded at once: they and their columns fit the cache of a core.
const BATCH: usize = 4_096;

/// In a table of at most so many rows the hash of every cell is computed and compared, in a larger one that of every
/// second cell, every third and so on: a hash costs microseconds.
const ROWS_CHECKED: usize = 4_096;

/// No file holds more rows for each of its bytes: each row has a key of its own.
const MOST_ROWS_PER_BYTE: u64 = 8;

const HASH: &str = "module_hash";
const EPOCHS: &str = "epochs";
const REPEAT: &str = "repeat";
const PARAMETERS: &str = "trainable_parameters";
const STATUS: &str = "status";
const TIMES: [&str; 2] = ["halfway_training_time", "final_training_time"];
const ACCURACIES: [[&str; 3]; 2] = [
    ["halfway_train_accuracy", "halfway_validation_accuracy", "halfway_test_accuracy"],
    ["final_train_accuracy", "final_validation_accuracy", "final_test_accuracy"],
];

fn columns() -> impl Iterator<Item = &'static str> {
    [HASH, ADJACENCY, OPERATIONS, EPOCHS, REPEAT, PARAMETERS, STATUS]
        .into_iter()
        .chain(TIMES)
        .chain(ACCURACIES.into_iter().flatten())
}

/// A file that was looked at and not read yet.
struct Source {
    file: PathBuf,
    metadata: ArrowReaderMetadata,
}

/// A row group of a source, and where its rows go.
struct Task<'a> {
    source: &'a Source,
    row_group: usize,
    /// Its first row in the file.
    first_in_file: usize,
    /// Its first row in the table, before rows are sorted.
    first: usize,
    rows: &'a mut [Row],
}

/// Rows of one cell that stand one after the other.
#[derive(Clone, Copy)]
struct Run {
    hash: ModuleHash,
    cell: Cell,
    parameters: u32,
    /// The first of them.
    first: u32,
}

/// What a row group holds, beside the rows that it wrote.
struct Group {
    runs: Vec<Run>,
    budgets: Vec<Epochs>,
    /// Whether its rows are sorted by hash and key, each key once.
    is_sorted: bool,
}

/// Reads files of one benchmark; of rows with one key the first counts whose training did not fail.
pub(super) fn open(files: &[PathBuf], identity: Identity) -> Result<Table, Error> {
    let sources = files.par_iter().map(|file| source(file, identity)).collect::<Result<Vec<_>, _>>()?;
    let total: usize = sources.iter().map(Source::row_count).sum();
    let mut rows = Vec::new();
    (0..total).into_par_iter().map(|_| Row::BLANK).collect_into_vec(&mut rows);
    let step = total.div_ceil(ROWS_CHECKED).max(1);
    let groups = tasks(&sources, &mut rows).into_par_iter().map(|task| fill(task, step)).collect::<Result<Vec<_>, _>>()?;
    Ok(assembled(&groups, rows))
}

impl Source {
    fn row_count(&self) -> usize {
        self.group_sizes().sum()
    }

    fn group_sizes(&self) -> impl Iterator<Item = usize> {
        self.metadata.metadata().row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0))
    }

    fn value_error(&self, row: usize, column: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Value { file: self.file.clone(), row, column, expected: expected.into(), found: found.into() }
    }

    fn broken(&self, source: ParquetError) -> Error {
        Error::Parquet { file: self.file.clone(), source }
    }
}

/// Reads what a file says of itself, and checks that it is of the benchmark and has the columns.
fn source(file: &Path, identity: Identity) -> Result<Source, Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    let open = fs::File::open(file)?.into_file();
    let bytes = open.metadata()?.len();
    let stated = ArrowReaderMetadata::load(&open, ArrowReaderOptions::new()).map_err(broken)?;
    check_metadata(stated.metadata().file_metadata(), file, identity)?;
    for name in columns() {
        column(name).check_type(stated.schema().field_with_name(name).ok().map(arrow::datatypes::Field::data_type), file)?;
    }
    let metadata =
        ArrowReaderMetadata::try_new(Arc::clone(stated.metadata()), with_distinct_texts(stated.schema())).map_err(broken)?;
    let source = Source { file: file.to_owned(), metadata };
    // The rows get their memory before they are read: a damaged footer must not ask for all there is.
    let rows = source.row_count();
    if rows as u64 > bytes.saturating_mul(MOST_ROWS_PER_BYTE) || u32::try_from(rows).is_err() {
        return Err(broken(ParquetError::General(format!("a file of {bytes} bytes cannot hold {rows} rows"))));
    }
    Ok(source)
}

/// Options that read the texts without copying each: hashes as views, graphs as positions among the distinct ones.
fn with_distinct_texts(schema: &Schema) -> ArrowReaderOptions {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            HASH => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
            ADJACENCY | OPERATIONS => {
                let distinct = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                Arc::new(field.as_ref().clone().with_data_type(distinct))
            }
            _ => Arc::clone(field),
        })
        .collect();
    ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)))
}

fn tasks<'a>(sources: &'a [Source], rows: &'a mut [Row]) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    let (mut rest, mut first) = (rows, 0);
    for source in sources {
        let mut first_in_file = 0;
        for (row_group, size) in source.group_sizes().enumerate() {
            let (rows, others) = rest.split_at_mut(size);
            tasks.push(Task { source, row_group, first_in_file, first, rows });
            rest = others;
            first += size;
            first_in_file += size;
        }
    }
    tasks
}

/// Reads a row group into its rows, and compares the hash of every so many cells.
fn fill(task: Task<'_>, step: usize) -> Result<Group, Error> {
    let Task { source, row_group, first_in_file, first, rows } = task;
    // Each task opens the file for itself: a shared one would share its position, too.
    let open = fs::File::open(&source.file)?.into_file();
    let mask = ProjectionMask::columns(source.metadata.parquet_schema(), columns());
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(open, source.metadata.clone())
        .with_row_groups(vec![row_group])
        .with_projection(mask)
        .with_batch_size(BATCH)
        .build();
    let mut filling = Filling {
        source,
        group: Group { runs: Vec::new(), budgets: Vec::new(), is_sorted: true },
        cells: Texts::default(),
        last_key: 0,
        step,
        to_check: Vec::new(),
    };
    let mut done = 0;
    for batch in reader.map_err(|error| source.broken(error))? {
        let batch = batch.map_err(|error| source.broken(error.into()))?;
        let count = batch.num_rows();
        let Some(place) = rows.get_mut(done..done + count) else { break };
        filling.values(&batch, first_in_file + done, place)?;
        filling.runs(&batch, first_in_file + done, first + done, place)?;
        done += count;
    }
    filling.check_hashes()?;
    if done != rows.len() {
        let problem = format!("row group {row_group} has {done} rows, expected {}", rows.len());
        return Err(source.broken(ParquetError::General(problem)));
    }
    Ok(filling.group)
}

/// The state of reading one row group.
struct Filling<'a> {
    source: &'a Source,
    group: Group,
    cells: Texts,
    /// The key of the row before.
    last_key: u32,
    /// The hash of one of so many cells is computed and compared.
    step: usize,
    /// The runs chosen for that, and their first rows in the file.
    to_check: Vec<(usize, usize)>,
}

impl Filling<'_> {
    /// Writes everything but the cells into rows. `first` is the first row of the batch in the file.
    fn values(&mut self, batch: &RecordBatch, first: usize, rows: &mut [Row]) -> Result<(), Error> {
        self.required::<UInt16Type>(batch, EPOCHS, first, rows, |row, epochs| row.epochs = epochs)?;
        self.required::<UInt16Type>(batch, REPEAT, first, rows, |row, repeat| row.repeat = repeat)?;
        for (place, name) in TIMES.into_iter().enumerate() {
            self.required::<Float64Type>(batch, name, first, rows, |row, seconds| row.training_times[place] = seconds)?;
            let is_time = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
            if let Some(row) = rows.iter().position(|row| !is_time(row.training_times[place])) {
                let found = format!("{:?}", rows[row].training_times[place]);
                return Err(self.source.value_error(first + row, name, "seconds, 0 or more", found));
            }
        }
        for (place, names) in ACCURACIES.iter().enumerate() {
            for (which, name) in names.iter().enumerate() {
                self.accuracies(batch, name, first, rows, |row, fraction| row.accuracies[place][which] = fraction)?;
            }
        }
        for row in &*rows {
            if self.group.budgets.last() != Some(&row.epochs()) && !self.group.budgets.contains(&row.epochs()) {
                self.group.budgets.push(row.epochs());
            }
        }
        self.statuses(batch, first, rows)
    }

    fn required<T: ArrowPrimitiveType>(
        &self,
        batch: &RecordBatch,
        name: &'static str,
        first: usize,
        rows: &mut [Row],
        put: impl Fn(&mut Row, T::Native),
    ) -> Result<(), Error> {
        let array = batch[name].as_primitive::<T>();
        self.refuse_null(array, name, first)?;
        for (row, value) in rows.iter_mut().zip(array.values()) {
            put(row, *value);
        }
        Ok(())
    }

    /// Null becomes `NaN`; a `NaN` that is no null is refused with everything else that is no fraction.
    fn accuracies(
        &self,
        batch: &RecordBatch,
        name: &'static str,
        first: usize,
        rows: &mut [Row],
        put: impl Fn(&mut Row, f32),
    ) -> Result<(), Error> {
        let array = batch[name].as_primitive::<Float32Type>();
        let misfit = |place: &usize| array.is_valid(*place) && Accuracy::from_fraction(array.value(*place)).is_none();
        if array.values().iter().any(|fraction| Accuracy::from_fraction(*fraction).is_none())
            && let Some(place) = (0..array.len()).find(misfit)
        {
            let found = format!("{:?}", array.value(place));
            return Err(self.source.value_error(first + place, name, "a fraction from 0 to 1", found));
        }
        for (row, fraction) in rows.iter_mut().zip(array.values()) {
            put(row, *fraction);
        }
        if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
            for (row, _) in rows.iter_mut().zip(nulls).filter(|(_, is_valid)| !is_valid) {
                put(row, f32::NAN);
            }
        }
        Ok(())
    }

    fn statuses(&self, batch: &RecordBatch, first: usize, rows: &mut [Row]) -> Result<(), Error> {
        let labels = batch[STATUS].as_dictionary::<Int32Type>();
        self.refuse_null(labels, STATUS, first)?;
        let texts = labels.values().as_string::<i32>();
        let known: Vec<_> =
            texts.iter().map(|text| STATUSES.iter().copied().find(|status| Some(status.name()) == text)).collect();
        for (place, (row, label)) in rows.iter_mut().zip(labels.keys().values()).enumerate() {
            let label = usize::try_from(*label).unwrap_or(usize::MAX);
            row.status = known.get(label).copied().flatten().ok_or_else(|| {
                let expected = format!("one of {}", STATUSES.iter().copied().map(Status::name).collect::<Vec<_>>().join(", "));
                let found = if label < texts.len() { format!("{:?}", texts.value(label)) } else { "no label".to_owned() };
                self.source.value_error(first + place, STATUS, expected, found)
            })?;
        }
        Ok(())
    }

    fn refuse_null(&self, array: &dyn Array, name: &'static str, first: usize) -> Result<(), Error> {
        if array.null_count() == 0 {
            return Ok(());
        }
        let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
        Err(self.source.value_error(first + row, name, "a value", "null"))
    }

    /// Finds where cells start. `first` is the first row of the batch in the file, `start` that in the table.
    fn runs(&mut self, batch: &RecordBatch, first: usize, start: usize, rows: &[Row]) -> Result<(), Error> {
        let hashes = batch[HASH].as_string_view();
        let parameters = batch[PARAMETERS].as_primitive::<UInt32Type>();
        self.refuse_null(hashes, HASH, first)?;
        self.refuse_null(parameters, PARAMETERS, first)?;
        let [adjacencies, operations] = [ADJACENCY, OPERATIONS].map(|name| batch[name].as_dictionary::<Int32Type>());
        self.refuse_null(adjacencies, ADJACENCY, first)?;
        self.refuse_null(operations, OPERATIONS, first)?;
        self.cells.renew(adjacencies.values(), operations.values());
        let mut before = None;
        for (place, row) in rows.iter().enumerate() {
            let texts = (adjacencies.keys().value(place), operations.keys().value(place));
            // Rows of one cell stand together, so that most rows have nothing new.
            let is_same = place > 0 && before == Some(texts) && is_same_text(hashes, place);
            if !is_same {
                let hash = ModuleHash::from_hex(hashes.value(place)).ok_or_else(|| {
                    self.source.value_error(first + place, HASH, "32 hex digits", format!("{:?}", hashes.value(place)))
                })?;
                let cell = self.cells.cell(texts).map_err(|problem| {
                    let [adjacency, operations] = self.cells.texts(texts);
                    let found = format!("`{adjacency}` with `{operations}`: {problem}");
                    self.source.value_error(first + place, ADJACENCY, "a cell", found)
                })?;
                before = Some(texts);
                let run = Run {
                    hash,
                    cell,
                    parameters: parameters.value(place),
                    first: u32::try_from(start + place).expect("opening counts the rows"),
                };
                if self.begins(run, first + place)? {
                    self.last_key = row.key();
                    continue;
                }
            }
            self.group.is_sorted &= self.last_key < row.key();
            self.last_key = row.key();
        }
        Ok(())
    }

    /// Adds a run, unless it goes on with the one before. `row` is its first row in the file.
    fn begins(&mut self, run: Run, row: usize) -> Result<bool, Error> {
        let last = self.group.runs.last();
        if let Some(last) = last.filter(|last| last.hash == run.hash) {
            let is_same = last.cell.is_isomorphic_to(&run.cell);
            return if is_same { Ok(false) } else { Err(self.wrong_hash(row, run.cell.hash(), run.hash)) };
        }
        self.group.is_sorted &= last.is_none_or(|last| last.hash < run.hash);
        if self.group.runs.len().is_multiple_of(self.step) {
            self.to_check.push((self.group.runs.len(), row));
        }
        self.group.runs.push(run);
        Ok(true)
    }

    /// Computes and compares the hashes that were chosen: many at once, as that takes a fraction of the time.
    fn check_hashes(&self) -> Result<(), Error> {
        let cells: Vec<_> = self.to_check.iter().map(|(run, _)| self.group.runs[*run].cell).collect();
        for ((run, row), expected) in self.to_check.iter().zip(Cell::hashes(&cells)) {
            let found = self.group.runs[*run].hash;
            if found != expected {
                return Err(self.wrong_hash(*row, expected, found));
            }
        }
        Ok(())
    }

    fn wrong_hash(&self, row: usize, expected: ModuleHash, found: ModuleHash) -> Error {
        self.source.value_error(row, HASH, format!("{expected}, the hash of the cell"), format!("\"{found}\""))
    }
}

/// Whether a row has the text of the row before.
fn is_same_text(hashes: &StringViewArray, place: usize) -> bool {
    hashes.views()[place] == hashes.views()[place - 1] || hashes.value(place) == hashes.value(place - 1)
}

/// The distinct texts of a row group, and what they mean.
#[derive(Default)]
struct Texts {
    columns: Option<[ArrayRef; 2]>,
    /// Vertices and edge bits of each matrix.
    graphs: Vec<Meaning<(usize, u64)>>,
    operations: Vec<Meaning<Vec<Operation>>>,
}

/// What one of the distinct texts means.
#[derive(Clone)]
enum Meaning<T> {
    /// No cell with the text was seen yet.
    Unread,
    /// It is not what it should be.
    Odd,
    Known(T),
}

impl<T> From<Option<T>> for Meaning<T> {
    fn from(known: Option<T>) -> Self {
        known.map_or(Self::Odd, Self::Known)
    }
}

/// The positions of a cell's two texts.
type Positions = (i32, i32);

impl Texts {
    /// Forgets everything if a batch has other distinct texts than the one before.
    fn renew(&mut self, adjacencies: &ArrayRef, operations: &ArrayRef) {
        let is_known = |known: &[ArrayRef; 2]| Arc::ptr_eq(&known[0], adjacencies) && Arc::ptr_eq(&known[1], operations);
        if !self.columns.as_ref().is_some_and(is_known) {
            self.graphs = vec![Meaning::Unread; adjacencies.len()];
            self.operations = vec![Meaning::Unread; operations.len()];
            self.columns = Some([Arc::clone(adjacencies), Arc::clone(operations)]);
        }
    }

    fn texts(&self, (adjacency, operations): Positions) -> [&str; 2] {
        let columns = self.columns.as_ref().expect("a batch was seen");
        [(&columns[0], adjacency), (&columns[1], operations)].map(|(column, key)| text(column.as_string(), key))
    }

    /// Puts a matrix and operations together that were understood before, or reads both.
    fn cell(&mut self, positions: Positions) -> Result<Cell, space::Error> {
        let (graph, operations) = (place(positions.0), place(positions.1));
        if let Some(Meaning::Unread) = self.graphs.get(graph) {
            self.graphs[graph] = graph_of(self.texts(positions)[0]).into();
        }
        if let Some(Meaning::Unread) = self.operations.get(operations) {
            self.operations[operations] = operations_of(self.texts(positions)[1]).into();
        }
        if let Some(Meaning::Known((vertices, edges))) = self.graphs.get(graph)
            && let Some(Meaning::Known(operations)) = self.operations.get(operations)
            && operations.len() + 2 == *vertices
        {
            return Spec::from_bits(*edges, operations).prune();
        }
        let [adjacency, operations] = self.texts(positions);
        Cell::from_texts(adjacency, operations)
    }
}

fn place(key: i32) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
}

/// One of the distinct texts; nothing for a position that does not exist.
fn text(texts: &StringArray, key: i32) -> &str {
    let place = place(key);
    if place < texts.len() { texts.value(place) } else { "" }
}

fn graph_of(adjacency: &str) -> Option<(usize, u64)> {
    let vertices = adjacency.len().isqrt();
    let interior = vec![Operation::Conv3x3.name(); vertices.checked_sub(2)?];
    let operations = [[INPUT].as_slice(), &interior, &[OUTPUT]].concat().join(",");
    let spec = Spec::from_texts(adjacency, &operations).ok()?;
    Some((vertices, spec.edge_bits()))
}

fn operations_of(text: &str) -> Option<Vec<Operation>> {
    let vertices = text.split(',').count();
    let spec = Spec::from_texts(&"0".repeat(vertices * vertices), text).ok()?;
    Some(spec.operations().collect())
}

/// Puts the row groups together, sorting their rows if they are not sorted by hash and key.
fn assembled(groups: &[Group], rows: Vec<Row>) -> Table {
    let mut table = Table::empty();
    let runs: Vec<Run> = groups.iter().flat_map(|group| &group.runs).copied().collect();
    for epochs in groups.iter().flat_map(|group| &group.budgets) {
        if !table.budgets.contains(epochs) {
            table.budgets.push(*epochs);
        }
    }
    // Where one row group ends and the next starts, a cell may go on.
    let follows = |pair: &[Run]| {
        let start = pair[1].first as usize;
        pair[0].hash < pair[1].hash || pair[0].hash == pair[1].hash && rows[start - 1].key() < rows[start].key()
    };
    if groups.iter().all(|group| group.is_sorted) && runs.windows(2).all(follows) {
        for run in &runs {
            if table.hashes.last() != Some(&run.hash) {
                table.start(run.hash, run.cell, Parameters(run.parameters), run.first as usize);
            }
        }
        table.rows = rows;
    } else {
        for (run, row) in sorted(&runs, &rows) {
            table.push(run.hash, run.cell, Parameters(run.parameters), *row);
        }
    }
    table.finish()
}

/// The rows with their runs in the order of hash and key, each key once: the first of those that have it and did not fail.
fn sorted<'a>(runs: &'a [Run], rows: &'a [Row]) -> impl Iterator<Item = (&'a Run, &'a Row)> {
    let ends = runs.iter().skip(1).map(|run| run.first as usize).chain([rows.len()]);
    let mut places: Vec<_> =
        runs.iter().zip(ends).flat_map(|(run, end)| (run.first as usize..end).map(move |row| (run, row))).collect();
    let key = |(run, row): &(&Run, usize)| (run.hash, rows[*row].key());
    places.par_sort_by_key(|place| (key(place), rows[place.1].status.yields()));
    places.dedup_by_key(|place| key(place));
    places.into_iter().map(|(run, row)| (run, &rows[row]))
}
