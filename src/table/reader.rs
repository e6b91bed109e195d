//! Reading records from Parquet files, each value checked.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use fs_err as fs;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;

use super::column::COLUMNS;
use super::writer::{IDENTITY_KEY, VERSION_KEY};
use super::{Error, FORMAT_VERSION, Identity, Record, checksum, schema};

/// Reads all records of a file, in their order.
///
/// # Errors
///
/// [`Error::File`], [`Error::Parquet`] or [`Error::Sum`] if it is no whole Parquet file, [`Error::FormatVersion`] or
/// [`Error::ForeignRows`] if it is not of a benchmark with this identity, [`Error::Column`] or [`Error::Value`] for the first
/// value that cannot be right.
pub fn read(file: &Path, identity: Identity) -> Result<Vec<Record>, Error> {
    let broken = |source: ParquetError| Error::Parquet { file: file.to_owned(), source };
    let builder = open(file, identity)?;
    checksum::check(file)?;
    let mut records = Vec::new();
    for batch in builder.build().map_err(broken)? {
        let batch = batch.map_err(|source| broken(source.into()))?;
        records.append(&mut schema::from_batch(&batch, file, records.len())?);
    }
    Ok(records)
}

/// Rows that are read at once.
pub(crate) const ROWS: usize = 8_192;

/// Some columns of the rows of a file, batch by batch, each with the row with which it starts. Every column has its type, and a value
/// where there must be one; values are not checked.
pub(crate) struct Scan {
    file: PathBuf,
    columns: SchemaRef,
    reader: ParquetRecordBatchReader,
    /// The rows that were given.
    given: usize,
}

impl Scan {
    /// Opens a file for some of its columns, and all or some of its rows.
    ///
    /// # Errors
    ///
    /// As [`read`]; so each batch.
    pub(crate) fn open(
        file: &Path,
        identity: Identity,
        columns: SchemaRef,
        selection: Option<RowSelection>,
    ) -> Result<Self, Error> {
        let builder = open(file, identity)?;
        let wanted = |name: &String| columns.column_with_name(name).is_some();
        let fields = builder.schema().fields().iter().enumerate();
        let roots: Vec<_> = fields.filter(|(_, field)| wanted(field.name())).map(|(index, _)| index).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let builder = builder.with_projection(mask).with_batch_size(ROWS);
        let builder = if let Some(selection) = selection { builder.with_row_selection(selection) } else { builder };
        let reader = builder.build().map_err(|source| Error::Parquet { file: file.to_owned(), source })?;
        Ok(Self { file: file.to_owned(), columns, reader, given: 0 })
    }
}

impl Iterator for Scan {
    type Item = Result<(usize, RecordBatch), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?.map_err(|source| Error::Parquet { file: self.file.clone(), source: source.into() });
        let first = self.given;
        let batch = batch.and_then(|batch| schema::project(&batch, &self.columns, &self.file, first));
        self.given += batch.as_ref().map_or(0, RecordBatch::num_rows);
        Some(batch.map(|batch| (first, batch)))
    }
}

/// The columns of the rows of some files: those of a benchmark, and the extra ones that any of the files has.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn columns(files: &[PathBuf], identity: Identity) -> Result<SchemaRef, Error> {
    let mut extra = Vec::new();
    for file in files {
        let found = open(file, identity)?;
        let fields = found.schema().fields().iter().filter(|field| schema::is_extra(field));
        extra.extend(fields.map(|field| (field.name().clone(), field.data_type().clone())));
    }
    Ok(schema::with_extra(extra.iter().map(|(name, data_type)| (name.as_str(), data_type.clone()))))
}

/// A file that is read by row groups, many at once.
pub(crate) struct Groups {
    file: PathBuf,
    metadata: ArrowReaderMetadata,
}

/// Some rows of a file.
pub(crate) struct Group {
    index: usize,
    /// The row of the file with which the group starts.
    pub(crate) first: usize,
    /// How many rows there are.
    pub(crate) rows: usize,
}

impl Groups {
    /// Opens a file of a benchmark with this identity.
    ///
    /// # Errors
    ///
    /// As [`open`].
    pub(crate) fn open(file: &Path, identity: Identity) -> Result<Self, Error> {
        let metadata = ArrowReaderMetadata::load(&fs::File::open(file)?.into_file(), ArrowReaderOptions::new());
        let metadata = metadata.map_err(|source| Error::Parquet { file: file.to_owned(), source })?;
        check_metadata(metadata.metadata().file_metadata(), file, identity)?;
        Ok(Self { file: file.to_owned(), metadata })
    }

    /// The groups in their order.
    pub(crate) fn list(&self) -> Vec<Group> {
        let mut first = 0;
        let mut group = |(index, rows): (usize, i64)| {
            let group = Group { index, first, rows: usize::try_from(rows).unwrap_or(0) };
            first = first.saturating_add(group.rows);
            group
        };
        let rows = self.metadata.metadata().row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows);
        rows.enumerate().map(&mut group).collect()
    }

    /// The bytes of a file of so many that belong to a group, if every row takes as many: for a bar.
    pub(crate) fn share(&self, group: &Group, bytes: u64) -> u64 {
        let rows = u128::from(self.metadata.metadata().file_metadata().num_rows().unsigned_abs()).max(1);
        u64::try_from(u128::from(bytes) * group.rows as u128 / rows).unwrap_or(bytes)
    }

    /// Refuses a file with a column that this version does not know: it would be lost where the file is written anew.
    ///
    /// # Errors
    ///
    /// [`Error::StrangeColumn`] for the first one.
    pub(crate) fn refuse_strange_columns(&self) -> Result<(), Error> {
        let is_known = |field: &Field| schema::is_extra(field) || COLUMNS.iter().any(|column| column.name == field.name());
        match self.metadata.schema().fields().iter().find(|field| !is_known(field)) {
            Some(field) => Err(Error::StrangeColumn { file: self.file.clone(), column: field.name().clone() }),
            None => Ok(()),
        }
    }

    /// Reads the rows of a group, so many at once; `take` is told the row of the file with which a batch starts.
    ///
    /// # Errors
    ///
    /// [`Error::Parquet`] or [`Error::File`] if it cannot be read, and what `take` says.
    pub(crate) fn read(
        &self,
        group: &Group,
        rows_per_batch: usize,
        mut take: impl FnMut(usize, &RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let broken = |source: ParquetError| Error::Parquet { file: self.file.clone(), source };
        let open = fs::File::open(&self.file)?.into_file();
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(open, self.metadata.clone())
            .with_row_groups(vec![group.index])
            .with_batch_size(rows_per_batch)
            .build()
            .map_err(broken)?;
        let mut first = group.first;
        for batch in reader {
            let batch = batch.map_err(|source| broken(source.into()))?;
            take(first, &batch)?;
            first = first.saturating_add(batch.num_rows());
        }
        if first.checked_sub(group.first) == Some(group.rows) {
            return Ok(());
        }
        let found = format!("a row group of {} rows that holds {}", group.rows, first - group.first);
        Err(broken(ParquetError::General(found)))
    }
}

/// Opens a file of a benchmark with this identity.
pub(crate) fn open(file: &Path, identity: Identity) -> Result<ParquetRecordBatchReaderBuilder<File>, Error> {
    let open = fs::File::open(file)?.into_file();
    let builder = ParquetRecordBatchReaderBuilder::try_new(open);
    let builder = builder.map_err(|source| Error::Parquet { file: file.to_owned(), source })?;
    check_metadata(builder.metadata().file_metadata(), file, identity)?;
    Ok(builder)
}

/// Passes a file that is of this version and of the benchmark with this identity.
pub(crate) fn check_metadata(metadata: &FileMetaData, file: &Path, identity: Identity) -> Result<(), Error> {
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
