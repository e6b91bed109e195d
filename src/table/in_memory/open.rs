//! Reading a [`Table`] from Parquet files: only the columns it has, row groups side by side, each distinct text once.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int32Type, Schema, SchemaRef, UInt16Type, UInt32Type};
use rayon::prelude::*;

use super::{Row, Table};
use crate::space::{self, Cell, INPUT, ModuleHash, OUTPUT, Operation, Spec};
use crate::table::column::{ADJACENCY, EVALUATIONS, HASH, Misfit, OPERATIONS, STATUS};
use crate::table::reader::{self, Reader};
use crate::table::status_scan::statuses;
use crate::table::{Error, Identity, schema};
use crate::unit::{Epochs, Parameters};

/// Rows that are decoded at once: they and their columns fit the cache of a core.
const BATCH: usize = 4_096;

/// In a table of at most this number of rows the hash of every cell is computed and compared, in a larger one that of every
/// second cell, every third and so on: a hash costs microseconds.
const ROWS_CHECKED: usize = 4_096;

const PARAMETERS: &str = "trainable_parameters";

/// Returns the columns that are read. Texts are not copied one by one: hashes are read as views, graphs as positions among the distinct
/// ones.
fn columns() -> SchemaRef {
    let [_, halfway, end] = EVALUATIONS;
    let names = [&[HASH, ADJACENCY, OPERATIONS, "epochs", "repeat", PARAMETERS, STATUS][..], &halfway, &end].concat();
    let with_distinct_texts = |field: &Arc<Field>| match field.name().as_str() {
        HASH => field.as_ref().clone().with_data_type(DataType::Utf8View),
        ADJACENCY | OPERATIONS => {
            field.as_ref().clone().with_data_type(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))
        }
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(schema::with_names(&names).fields().iter().map(with_distinct_texts).collect::<Vec<_>>()))
}

/// A row group of a file, and where its rows go.
struct Task<'a> {
    reader: &'a Reader,
    group: reader::Group,
    /// Its first row in the table, before rows are sorted.
    first: usize,
    rows: &'a mut [Row],
}

/// Rows of one cell that follow each other.
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
    let columns = columns();
    let readers = files.par_iter().map(|file| Reader::open(file, identity, &columns)).collect::<Result<Vec<_>, _>>()?;
    let total: usize = readers.iter().map(Reader::rows).sum();
    let mut rows = Vec::new();
    (0..total).into_par_iter().map(|_| Row::BLANK).collect_into_vec(&mut rows);
    let step = total.div_ceil(ROWS_CHECKED).max(1);
    let groups = tasks(&readers, &mut rows).into_par_iter().map(|task| fill(task, step)).collect::<Result<Vec<_>, _>>()?;
    Ok(assembled(&groups, rows))
}

fn tasks<'a>(readers: &'a [Reader], rows: &'a mut [Row]) -> Vec<Task<'a>> {
    let (mut rest, mut first) = (rows, 0);
    let groups = readers.iter().flat_map(|reader| reader.groups().into_iter().map(move |group| (reader, group)));
    let task = |(reader, group): (&'a Reader, reader::Group)| {
        let rows = rest.split_off_mut(..group.rows).expect("the rows of all groups were counted");
        first += rows.len();
        Task { reader, first: first - rows.len(), group, rows }
    };
    groups.map(task).collect()
}

/// Reads a row group into its rows, and compares the hash of one in `step` cells.
fn fill(task: Task<'_>, step: usize) -> Result<Group, Error> {
    let Task { reader, group, first, rows } = task;
    let mut filling = Filling {
        reader,
        group: Group { runs: Vec::new(), budgets: Vec::new(), is_sorted: true },
        cells: Texts::default(),
        last_key: 0,
        step,
        to_check: Vec::new(),
    };
    for batch in reader.group(&group, BATCH)? {
        let (first_in_file, batch) = batch?;
        let done = first_in_file - group.first;
        let Some(rows) = rows.get_mut(done..done + batch.num_rows()) else { continue };
        filling.values(&batch, rows);
        filling.runs(&batch, first_in_file, first + done, rows)?;
    }
    filling.check_hashes()?;
    Ok(filling.group)
}

/// The state of reading one row group.
struct Filling<'a> {
    reader: &'a Reader,
    group: Group,
    cells: Texts,
    /// The key of the row before.
    last_key: u32,
    /// The hash of one in this number of cells is computed and compared.
    step: usize,
    /// The runs chosen for that, and their first rows in the file.
    to_check: Vec<(usize, usize)>,
}

impl Filling<'_> {
    /// Writes everything but the cells into rows.
    fn values(&mut self, batch: &RecordBatch, rows: &mut [Row]) {
        let numbers = |name: &str| batch[name].as_primitive::<UInt16Type>().values();
        for (row, (epochs, repeat)) in rows.iter_mut().zip(numbers("epochs").iter().zip(numbers("repeat"))) {
            (row.epochs, row.repeat) = (*epochs, *repeat);
        }
        for (moment, [time, accuracies @ ..]) in EVALUATIONS[1..].iter().enumerate() {
            for (row, seconds) in rows.iter_mut().zip(batch[*time].as_primitive::<Float64Type>().values()) {
                row.training_times[moment] = *seconds;
            }
            for (which, name) in accuracies.iter().enumerate() {
                let fractions = batch[*name].as_primitive::<Float32Type>();
                for (row, fraction) in rows.iter_mut().zip(fractions.values()) {
                    row.accuracies[moment][which] = *fraction;
                }
                let nulls = fractions.nulls().filter(|nulls| nulls.null_count() > 0).into_iter().flatten();
                for (row, _) in rows.iter_mut().zip(nulls).filter(|(_, is_valid)| !is_valid) {
                    row.accuracies[moment][which] = f32::NAN;
                }
            }
        }
        for (row, status) in rows.iter_mut().zip(statuses(batch)) {
            row.status = status;
        }
        for row in &*rows {
            if self.group.budgets.last() != Some(&row.epochs()) && !self.group.budgets.contains(&row.epochs()) {
                self.group.budgets.push(row.epochs());
            }
        }
    }

    /// Returns the error of a value; `row` is that of the file.
    fn wrong(&self, row: usize, column: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Misfit { row, expected: expected.into(), found: found.into() }.in_file(column, self.reader.file(), 0)
    }

    /// Finds where cells start. `first` is the first row of the batch in the file, `start` that in the table.
    fn runs(&mut self, batch: &RecordBatch, first: usize, start: usize, rows: &[Row]) -> Result<(), Error> {
        let hashes = batch[HASH].as_string_view();
        let parameters = batch[PARAMETERS].as_primitive::<UInt32Type>();
        let [adjacencies, operations] = [ADJACENCY, OPERATIONS].map(|name| batch[name].as_dictionary::<Int32Type>());
        self.cells.renew(adjacencies.values(), operations.values());
        let mut before = None;
        for (offset, row) in rows.iter().enumerate() {
            let texts = (adjacencies.keys().value(offset), operations.keys().value(offset));
            // Rows of one cell stand together, so that most rows have nothing new.
            let is_same = offset > 0 && before == Some(texts) && is_same_text(hashes, offset);
            if !is_same {
                let hash = ModuleHash::from_hex(hashes.value(offset))
                    .ok_or_else(|| self.wrong(first + offset, HASH, "32 hex digits", format!("{:?}", hashes.value(offset))))?;
                let cell = self.cells.cell(texts).map_err(|problem| {
                    let [adjacency, operations] = self.cells.texts(texts);
                    let found = format!("`{adjacency}` with `{operations}`: {problem}");
                    self.wrong(first + offset, ADJACENCY, "a cell", found)
                })?;
                before = Some(texts);
                let run = Run {
                    hash,
                    cell,
                    parameters: parameters.value(offset),
                    first: u32::try_from(start + offset).expect("opening counts the rows"),
                };
                if self.begins(run, first + offset)? {
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
        self.wrong(row, HASH, format!("{expected}, the hash of the cell"), format!("\"{found}\""))
    }
}

/// Returns whether a row has the text of the row before.
fn is_same_text(hashes: &StringViewArray, offset: usize) -> bool {
    hashes.views()[offset] == hashes.views()[offset - 1] || hashes.value(offset) == hashes.value(offset - 1)
}

/// The distinct texts of a row group, and what those mean that were asked for; `None` for one that is not what it should be.
#[derive(Default)]
struct Texts {
    columns: Option<[ArrayRef; 2]>,
    /// Vertices and edge bits of each matrix.
    graphs: Vec<OnceCell<Option<(usize, u64)>>>,
    operations: Vec<OnceCell<Option<Vec<Operation>>>>,
}

/// The positions of a cell's two texts.
type Positions = (i32, i32);

impl Texts {
    /// Forgets everything if a batch has other distinct texts than the one before.
    fn renew(&mut self, adjacencies: &ArrayRef, operations: &ArrayRef) {
        let is_known = |known: &[ArrayRef; 2]| Arc::ptr_eq(&known[0], adjacencies) && Arc::ptr_eq(&known[1], operations);
        if !self.columns.as_ref().is_some_and(is_known) {
            self.graphs = vec![OnceCell::new(); adjacencies.len()];
            self.operations = vec![OnceCell::new(); operations.len()];
            self.columns = Some([Arc::clone(adjacencies), Arc::clone(operations)]);
        }
    }

    fn texts(&self, (adjacency, operations): Positions) -> [&str; 2] {
        let columns = self.columns.as_ref().expect("a batch was seen");
        [(&columns[0], adjacency), (&columns[1], operations)].map(|(column, key)| {
            let (texts, key) = (column.as_string::<i32>(), index(key));
            if key < texts.len() { texts.value(key) } else { "" }
        })
    }

    /// Puts a matrix and operations together, each of which is read once.
    fn cell(&self, positions: Positions) -> Result<Cell, space::Error> {
        let (graph, named) = (self.graphs.get(index(positions.0)), self.operations.get(index(positions.1)));
        let graph = graph.and_then(|graph| graph.get_or_init(|| graph_of(self.texts(positions)[0])).as_ref());
        let named = named.and_then(|named| named.get_or_init(|| operations_of(self.texts(positions)[1])).as_ref());
        match (graph, named) {
            (Some((vertices, edges)), Some(named)) if named.len() + 2 == *vertices => Spec::from_bits(*edges, named).prune(),
            _ => {
                let [adjacency, operations] = self.texts(positions);
                Cell::from_texts(adjacency, operations)
            }
        }
    }
}

/// Returns the position of a distinct text; one that does not exist is beyond all.
fn index(key: i32) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
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

/// Returns the rows with their runs in the order of hash and key, each key once: the first of those that have it and did not fail.
fn sorted<'a>(runs: &'a [Run], rows: &'a [Row]) -> impl Iterator<Item = (&'a Run, &'a Row)> {
    let ends = runs.iter().skip(1).map(|run| run.first as usize).chain([rows.len()]);
    let mut order: Vec<_> =
        runs.iter().zip(ends).flat_map(|(run, end)| (run.first as usize..end).map(move |row| (run, row))).collect();
    let key = |(run, row): &(&Run, usize)| (run.hash, rows[*row].key());
    order.par_sort_by_key(|offset| (key(offset), rows[offset.1].status.yields()));
    order.dedup_by_key(|offset| key(offset));
    order.into_iter().map(|(run, row)| (run, &rows[row]))
}
