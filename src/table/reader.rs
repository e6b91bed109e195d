//! Reading Parquet files of a benchmark: some columns of some rows, batch by batch, each value checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use fs_err as fs;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, RowGroupMetaData};

use super::column::find;
use super::writer::{IDENTITY_KEY, VERSION_KEY};
use super::{Error, FORMAT_VERSION, Identity, Record, checksum, schema};

/// Rows of a batch, unless a reader asks for another number.
pub(crate) const ROWS: usize = 8_192;
/// No file holds more rows for each of its bytes: each row has a key of its own.
const MOST_ROWS_PER_BYTE: u64 = 8;

/// Reads all records of a file, in their order.
///
/// # Errors
///
/// [`Error::File`], [`Error::Parquet`] or [`Error::Sum`] if it is no whole Parquet file, [`Error::FormatVersion`] or
/// [`Error::ForeignRows`] if it is not of a benchmark with this identity, [`Error::Column`] or [`Error::Value`] for the first
/// value that cannot be right.
pub fn read(file: &Path, identity: Identity) -> Result<Vec<Record>, Error> {
    let reader = Reader::open_all(file, identity)?;
    checksum::check(file)?;
    let mut records = Vec::new();
    for batch in reader.batches()? {
        let (first, batch) = batch?;
        records.append(&mut schema::from_batch(&batch, file, first)?);
    }
    Ok(records)
}

/// An open file of a benchmark, of which some columns are read. Every value is checked as [`Column::check`](super::column::Column::check)
/// says; whether hash, matrix and operations belong together [`schema::from_batch`] says.
#[derive(Clone)]
pub(crate) struct Reader {
    file: PathBuf,
    pub(crate) metadata: ArrowReaderMetadata,
    columns: SchemaRef,
}

/// A row group of a file.
pub(crate) struct Group {
    pub(crate) index: usize,
    /// The row of the file with which the group starts.
    pub(crate) first: usize,
    /// The number of rows.
    pub(crate) rows: usize,
}

impl Reader {
    /// Opens a file of a benchmark with this identity for some columns. A text may be asked for in another type than the files have it.
    ///
    /// # Errors
    ///
    /// As [`read`], but the sum of the file is not checked.
    pub(crate) fn open(file: &Path, identity: Identity, columns: &SchemaRef) -> Result<Self, Error> {
        Self::load(file, identity)?.with_columns(columns)
    }

    /// Opens a file as [`open`](Self::open) does, for all columns of a benchmark that it has.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_all(file: &Path, identity: Identity) -> Result<Self, Error> {
        let reader = Self::load(file, identity)?;
        let columns = SchemaRef::clone(&reader.columns);
        reader.with_columns(&columns)
    }

    /// Reads and checks what a file says of itself.
    fn load(file: &Path, identity: Identity) -> Result<Self, Error> {
        let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
        let open = fs::File::open(file)?.into_file();
        let bytes = open.metadata()?.len();
        let metadata = ArrowReaderMetadata::load(&open, ArrowReaderOptions::new()).map_err(broken)?;
        check_metadata(metadata.metadata().file_metadata(), file, identity)?;
        let columns = schema::with_extra_of([metadata.schema().as_ref()]);
        let reader = Self { file: file.to_owned(), metadata, columns };
        // Memory is taken before the rows are read: a damaged footer must not ask for all there is.
        let rows = reader.rows();
        if rows as u64 > bytes.saturating_mul(MOST_ROWS_PER_BYTE) || u32::try_from(rows).is_err() {
            return Err(broken(ParquetError::General(format!("a file of {bytes} bytes cannot hold {rows} rows"))));
        }
        Ok(reader)
    }

    /// Returns the same open file, of which other columns are read.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] for the first one that it lacks, or has with another type.
    pub(crate) fn with_columns(mut self, columns: &SchemaRef) -> Result<Self, Error> {
        let in_file = self.metadata.schema();
        for column in columns.fields().iter().filter_map(|field| find(field.name())) {
            column.check_type(in_file.column_with_name(column.name).map(|(_, field)| field.data_type()), &self.file)?;
        }
        let as_asked = |field: &Arc<Field>| match columns.column_with_name(field.name()) {
            Some((_, asked)) if find(field.name()).is_some() => {
                Arc::new(field.as_ref().clone().with_data_type(asked.data_type().clone()))
            }
            _ => Arc::clone(field),
        };
        let asked = Schema::new(in_file.fields().iter().map(as_asked).collect::<Vec<_>>());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(asked));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(self.metadata.metadata()), options);
        self.metadata = metadata.map_err(|source| self.broken(source))?;
        self.columns = SchemaRef::clone(columns);
        Ok(self)
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the columns of every batch.
    pub(crate) const fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Returns the number of rows of the file.
    pub(crate) fn rows(&self) -> usize {
        self.groups().iter().map(|group| group.rows).sum()
    }

    /// Returns the row groups in their order.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut first = 0_usize;
        let mut group = |(index, group): (usize, &RowGroupMetaData)| {
            let group = Group { index, first, rows: usize::try_from(group.num_rows()).unwrap_or(0) };
            first = first.saturating_add(group.rows);
            group
        };
        self.metadata.metadata().row_groups().iter().enumerate().map(&mut group).collect()
    }

    /// Returns the part of the bytes of the file that belongs to a group, if every row takes as many: for a progress bar.
    pub(crate) fn share(&self, group: &Group, bytes: u64) -> u64 {
        u64::try_from(u128::from(bytes) * group.rows as u128 / (self.rows() as u128).max(1)).unwrap_or(bytes)
    }

    /// Returns an error if the file has a column that this version does not know: it would be lost where the file is written anew.
    ///
    /// # Errors
    ///
    /// [`Error::StrangeColumn`] for the first one.
    pub(crate) fn refuse_strange_columns(&self) -> Result<(), Error> {
        let is_known = |field: &Field| schema::is_extra(field) || find(field.name()).is_some();
        match self.metadata.schema().fields().iter().find(|field| !is_known(field)) {
            Some(field) => Err(Error::StrangeColumn { file: self.file.clone(), column: field.name().clone() }),
            None => Ok(()),
        }
    }

    /// Reads all rows.
    ///
    /// # Errors
    ///
    /// [`Error::File`] or [`Error::Parquet`] if the file cannot be opened again; so each batch, and [`Error::Value`] for the first value
    /// that cannot be right.
    pub(crate) fn batches(&self) -> Result<Batches, Error> {
        self.batches_of(None, None, ROWS)
    }

    /// Reads the rows of a group.
    ///
    /// # Errors
    ///
    /// As [`batches`](Self::batches).
    pub(crate) fn group(&self, group: &Group, rows_per_batch: usize) -> Result<Batches, Error> {
        self.batches_of(Some(group), None, rows_per_batch)
    }

    /// Reads some rows of the file, or of a group if there is one. Batches count only the rows that were read.
    ///
    /// # Errors
    ///
    /// As [`batches`](Self::batches).
    pub(crate) fn selected(&self, group: Option<&Group>, rows: RowSelection) -> Result<Batches, Error> {
        self.batches_of(group, Some(rows), ROWS)
    }

    fn batches_of(&self, group: Option<&Group>, rows: Option<RowSelection>, rows_per_batch: usize) -> Result<Batches, Error> {
        let is_asked = |name: &String| self.columns.column_with_name(name).is_some();
        let fields = self.metadata.schema().fields().iter().enumerate();
        let roots: Vec<_> = fields.filter(|(_, field)| is_asked(field.name())).map(|(index, _)| index).collect();
        let open = fs::File::open(&self.file)?.into_file();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(open, self.metadata.clone())
            .with_projection(ProjectionMask::roots(self.metadata.parquet_schema(), roots))
            .with_batch_size(rows_per_batch);
        let expected = group.filter(|_| rows.is_none()).map(|group| group.rows);
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group.index]);
        }
        let reader = builder.build().map_err(|source| self.broken(source))?;
        let (file, columns) = (self.file.clone(), SchemaRef::clone(&self.columns));
        Ok(Batches { file, columns, reader, next: group.map_or(0, |group| group.first), read: 0, expected })
    }

    /// Returns the error of a file that is no whole Parquet file.
    pub(crate) fn broken(&self, source: ParquetError) -> Error {
        Error::Parquet { file: self.file.clone(), source }
    }
}

/// Rows of a file, batch by batch, each with the row with which it starts.
pub(crate) struct Batches {
    file: PathBuf,
    columns: SchemaRef,
    reader: ParquetRecordBatchReader,
    /// The row with which the next batch starts.
    next: usize,
    /// The rows that were read.
    read: usize,
    /// The rows that there are to read, where that is known.
    expected: Option<usize>,
}

impl Iterator for Batches {
    type Item = Result<(usize, RecordBatch), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let broken = |source: ParquetError| Error::Parquet { file: self.file.clone(), source };
        let Some(batch) = self.reader.next() else {
            let (read, expected) = (self.read, self.expected.take()?);
            let problem = || format!("a row group of {expected} rows that holds {read}");
            return (read != expected).then(|| Err(broken(ParquetError::General(problem()))));
        };
        let first = self.next;
        let batch = batch.map_err(|source| broken(source.into()));
        let batch = batch.and_then(|batch| schema::project(&batch, &self.columns, &self.file, first));
        let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
        (self.next, self.read) = (first + rows, self.read + rows);
        Some(batch.map(|batch| (first, batch)))
    }
}

/// Returns the columns of the rows of some files: those of a benchmark, and the extra ones that any of the files has.
///
/// # Errors
///
/// As [`Reader::open`].
pub(crate) fn columns(files: &[PathBuf], identity: Identity) -> Result<SchemaRef, Error> {
    let columns = files.iter().map(|file| Ok(Reader::load(file, identity)?.columns)).collect::<Result<Vec<_>, Error>>()?;
    Ok(schema::with_extra_of(columns.iter().map(AsRef::as_ref)))
}

/// Returns an error unless a file is of this version and of the benchmark with this identity.
fn check_metadata(metadata: &FileMetaData, file: &Path, identity: Identity) -> Result<(), Error> {
    let stated = |key: &str| {
        let entries = metadata.key_value_metadata()?;
        entries.iter().find(|entry| entry.key == key)?.value.clone()
    };
    let found = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let version = found(stated(VERSION_KEY));
    if version != FORMAT_VERSION.to_string() {
        return Err(Error::FormatVersion { file: file.to_owned(), found: version });
    }
    let stated_identity = found(stated(IDENTITY_KEY));
    if stated_identity != identity.to_string() {
        return Err(Error::ForeignRows { file: file.to_owned(), expected: identity, found: stated_identity });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::write;
    use super::*;
    use crate::space::{Cell, Sampler, Space};
    use crate::table::{SOURCES, STATUSES, Telemetry, Timestamp};
    use crate::train::{Curves, Evaluation};
    use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};

    fn identity(digit: &str) -> Identity {
        Identity::from_hex(&digit.repeat(64)).unwrap()
    }

    fn cell() -> impl Strategy<Value = Cell> {
        any::<u64>().prop_map(|seed| {
            let space = Space::nas_bench_101();
            space.cell(&Sampler::Official.draw(&space, &mut Seed(seed).rng())).unwrap()
        })
    }

    fn evaluation() -> impl Strategy<Value = Evaluation> {
        let accuracy = || proptest::option::of((0.0..=1.0_f32).prop_map(|fraction| Accuracy::from_fraction(fraction).unwrap()));
        (0.0..1e6_f64, accuracy(), accuracy(), accuracy()).prop_map(
            |(seconds, train_accuracy, validation_accuracy, test_accuracy)| Evaluation {
                training_time: Seconds(seconds),
                train_accuracy,
                validation_accuracy,
                test_accuracy,
            },
        )
    }

    fn curves() -> impl Strategy<Value = Curves> {
        let curve = || proptest::collection::vec(any::<f32>(), 0..5);
        (curve(), curve(), curve(), curve(), curve(), curve()).prop_map(
            |(train_loss, train_accuracy, validation_accuracy, learning_rate, gradient_norm, images_per_second)| Curves {
                train_loss,
                train_accuracy,
                validation_accuracy,
                learning_rate,
                gradient_norm,
                images_per_second,
            },
        )
    }

    fn telemetry() -> impl Strategy<Value = Telemetry> {
        let number = || proptest::option::of(0.0..1e6_f32);
        (number(), any::<Option<u64>>(), number(), number()).prop_map(
            |(images_per_second, peak_memory, macro_roc_auc, macro_f1)| Telemetry {
                images_per_second,
                peak_memory,
                macro_roc_auc,
                macro_f1,
            },
        )
    }

    /// Any record that a training could have made.
    fn record() -> impl Strategy<Value = Record> {
        let ended = (proptest::sample::select(STATUSES), proptest::sample::select(SOURCES));
        let labels = (any::<Option<String>>(), any::<Option<String>>());
        let provenance = (any::<Option<u64>>(), labels, any::<Option<i64>>(), "[ -~]{0,9}", 0.0..1e6_f64);
        let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u64>(), proptest::option::of(0.0..1e6_f64));
        (cell(), numbers, [evaluation(), evaluation(), evaluation()], curves(), telemetry(), ended, provenance).prop_map(
            |(cell, (epochs, repeat, parameters, flops, wall), [start, halfway, end], curves, telemetry, ended, provenance)| {
                Record {
                    seed: provenance.0.map(Seed),
                    parameters: Parameters(parameters),
                    flops: Flops(flops),
                    start,
                    halfway,
                    end,
                    total_time: Seconds(provenance.4),
                    wall_time: wall.map(Seconds),
                    curves,
                    telemetry,
                    status: ended.0,
                    source: ended.1,
                    device: provenance.1.0,
                    numerics: provenance.1.1,
                    training_operations: provenance.0.map(Flops),
                    recorded_at: provenance.2.map(Timestamp),
                    tool_version: provenance.3,
                    ..Record::blank(cell, Epochs(epochs), repeat)
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn records_come_back_as_they_were_written(records in proptest::collection::vec(record(), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a.parquet");
            write(&file, &records, identity("5")).unwrap();
            prop_assert_eq!(read(&file, identity("5")).unwrap(), records);
        }
    }

    #[test]
    fn rows_of_another_benchmark_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.parquet");
        write(&file, &[], identity("5")).unwrap();
        let message = read(&file, identity("6")).unwrap_err().to_string();
        assert!(message.contains("a.parquet` holds rows of another benchmark: expected identity 666"), "{message}");
        assert!(message.ends_with("found 5555555555555555555555555555555555555555555555555555555555555555"), "{message}");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.parquet");
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        write(&file, &[Record::blank(cell, Epochs(1), 0)], identity("5")).unwrap();
        let whole = fs::read(&file).unwrap();
        for length in (0..whole.len()).step_by(53) {
            fs::write(&file, &whole[..length]).unwrap();
            let error = read(&file, identity("5")).unwrap_err();
            assert!(matches!(&error, Error::Parquet { file: named, .. } if *named == file), "{length}: {error}");
        }
    }
}
