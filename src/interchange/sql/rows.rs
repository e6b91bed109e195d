//! The rows of a part as polars asks for them: only the columns that a query names, only the rows that its condition keeps.
//!
//! They are read and checked as everywhere else. polars computes in the types of its columns, and narrow ones wrap around: `edges -
//! vertices` would never be negative. So queries see whole numbers with a sign and room for 64 bits, and others in double precision.

use std::any::Any;
use std::io;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType as ArrowType, Float32Type, Float64Type as ArrowFloat64, Int32Type, Int64Type as ArrowInt64, Schema, SchemaRef,
    UInt64Type,
};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::RowSelection;
use polars::polars_utils::arena::Arena;
use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, BooleanChunked, Column, DataFrame, DataType, Float64Chunked, Float64Type, Int64Chunked,
    Int128Chunked, IntoSeries as _, LazyFrame, ListBuilderTrait as _, ListPrimitiveChunkedBuilder, PlSmallStr, PolarsError,
    PolarsResult, ScanArgsAnonymous, Series, StringChunked, TimeUnit, TimeZone,
};
use polars_expr::prelude::PhysicalExpr;
use polars_expr::state::ExecutionState;
use polars_expr::{ExpressionConversionState, create_physical_expr};
use polars_plan::dsl::FileScanIR;
use polars_plan::plans::{AExpr, IR};
use polars_plan::utils::aexpr_to_leaf_names;
use rayon::prelude::*;

use crate::table::merge_scan::Sorted;
use crate::table::reader::{Batches, Group, Reader, columns as columns_of};
use crate::table::{Benchmark, Error, Part};
use crate::unit::shortest_decimal;

/// The column whose numbers use all 64 bits without a sign. As 128-bit ones they meet others exactly, which polars would convert to
/// floating point beside a 64-bit number with a sign.
const SEED: &str = "seed";

/// The rows of a part, each key once: of rows with one key that is kept which [`Benchmark::read`] keeps.
#[derive(Clone)]
pub(super) struct Rows {
    benchmark: Benchmark,
    part: Part,
    columns: SchemaRef,
    /// Which rows are kept; all if there is none.
    condition: Option<Condition>,
}

/// Whether a row is kept, and of which columns that depends.
#[derive(Clone)]
struct Condition {
    expression: Arc<dyn PhysicalExpr>,
    columns: Vec<PlSmallStr>,
}

impl Rows {
    /// Opens the rows of a part.
    ///
    /// # Errors
    ///
    /// As [`read`](crate::table::read) for the first file whose footer is damaged.
    pub(super) fn open(benchmark: &Benchmark, part: Part) -> Result<Self, Error> {
        let files = benchmark.files(part)?;
        for file in &files {
            Reader::open_all(file, benchmark.identity())?;
        }
        let columns = columns_of(&files, benchmark.identity())?;
        Ok(Self { benchmark: benchmark.clone(), part, columns, condition: None })
    }

    /// Returns the columns that a query sees.
    pub(super) fn schema(&self) -> PolarsResult<polars::prelude::SchemaRef> {
        Ok(Arc::clone(seen(&RecordBatch::new_empty(SchemaRef::clone(&self.columns)))?.schema()))
    }

    /// Returns the rows as a table of a query.
    pub(super) fn scan(self) -> PolarsResult<LazyFrame> {
        let schema = Some(self.schema()?);
        LazyFrame::anonymous_scan(Arc::new(self), ScanArgsAnonymous { schema, ..ScanArgsAnonymous::default() })
    }

    /// Lets the rows of a plan be read under the condition that it has for them, which polars would otherwise meet with whole tables.
    pub(super) fn take_condition(plan: &mut IR, expressions: &mut Arena<AExpr>) -> PolarsResult<()> {
        if let IR::Scan { scan_type, predicate, .. } = plan
            && let FileScanIR::Anonymous { function, .. } = scan_type.as_mut()
            && let Some(rows) = function.as_any().downcast_ref::<Self>()
            && let Some(condition) = predicate.take()
        {
            let mut columns = aexpr_to_leaf_names(condition.node(), expressions);
            columns.sort_unstable();
            columns.dedup();
            let mut state = ExpressionConversionState::new(true);
            let expression = create_physical_expr(&condition, expressions, &rows.schema()?, &mut state)?;
            *function = Arc::new(Self { condition: Some(Condition { expression, columns }), ..rows.clone() });
        }
        Ok(())
    }

    /// Returns the columns with some names, in their order.
    fn named<'a>(&self, names: impl IntoIterator<Item = &'a PlSmallStr>) -> SchemaRef {
        let field = |name: &PlSmallStr| self.columns.fields().find(name).map(|(_, field)| Arc::clone(field));
        Arc::new(Schema::new(names.into_iter().filter_map(field).collect::<Vec<_>>()))
    }

    /// Reads some columns of the rows that are kept, of the first `most` if there is such a number.
    fn read(&self, names: &[PlSmallStr], most: Option<usize>) -> PolarsResult<DataFrame> {
        let (files, identity) = (self.benchmark.files(self.part)?, self.benchmark.identity());
        let judged = self.condition.as_ref().map(|condition| condition.columns.as_slice()).unwrap_or_default();
        if let ([file], None) = (files.as_slice(), most) {
            let reader = Reader::open(file, identity, &self.named(names))?;
            let Some(condition) = &self.condition else {
                return stacked(reader.columns(), of_groups(&reader, |_, group| reader.group(group, group.rows.max(1)))?);
            };
            // First what says which rows are kept, then those alone. Conditions may be deep, and only this thread has the stack.
            let judge = reader.clone().with_columns(&self.named(judged))?;
            let rows = of_groups(&judge, |_, group| judge.group(group, group.rows.max(1)))?;
            if !names.is_empty() && names.iter().all(|name| judged.contains(name)) {
                let kept = rows.iter().map(|rows| rows.filter(&condition.keeps(rows)?)).collect::<PolarsResult<_>>()?;
                return stacked(judge.columns(), kept)?.select(names.iter().cloned());
            }
            let selection = |rows: &DataFrame| -> PolarsResult<RowSelection> {
                let kept = condition.keeps(rows)?.iter().map(|kept| Some(kept == Some(true))).collect::<BooleanArray>();
                Ok(RowSelection::from_filters(&[kept]))
            };
            let selections = rows.iter().map(selection).collect::<PolarsResult<Vec<_>>>()?;
            return stacked(
                reader.columns(),
                of_groups(&reader, |index, group| reader.selected(Some(group), selections[index].clone()))?,
            );
        }
        let columns = self.named(names.iter().chain(judged.iter().filter(|name| !names.contains(name))));
        let batches: Box<dyn Iterator<Item = Result<RecordBatch, Error>>> = match files.as_slice() {
            [file] => Box::new(Reader::open(file, identity, &columns)?.batches()?.map(|batch| Ok(batch?.1))),
            _ => Box::new(Sorted::open_columns(&self.benchmark, self.part, Arc::clone(&columns))?),
        };
        let (mut frames, mut left) = (Vec::new(), most.unwrap_or(usize::MAX));
        for batch in batches {
            let batch = batch?;
            let first = seen(&batch.slice(0, batch.num_rows().min(left)))?;
            left -= first.height();
            frames.push(match &self.condition {
                Some(condition) => first.filter(&condition.keeps(&first)?)?,
                None => first,
            });
            if left == 0 {
                break;
            }
        }
        stacked(&columns, frames)?.select(names.iter().cloned())
    }
}

/// Reads every group of a file, those with one another.
fn of_groups(reader: &Reader, read: impl Fn(usize, &Group) -> Result<Batches, Error> + Sync) -> PolarsResult<Vec<DataFrame>> {
    let groups = reader.groups();
    let frame = |(index, group)| {
        let frames = read(index, group)?.map(|batch| seen(&batch?.1)).collect::<PolarsResult<_>>()?;
        stacked(reader.columns(), frames)
    };
    groups.par_iter().enumerate().map(frame).collect()
}

fn stacked(columns: &SchemaRef, frames: Vec<DataFrame>) -> PolarsResult<DataFrame> {
    let mut whole = seen(&RecordBatch::new_empty(Arc::clone(columns)))?;
    for frame in frames {
        whole.vstack_mut_owned(frame)?;
    }
    Ok(whole)
}

impl AnonymousScan for Rows {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }

    fn allows_predicate_pushdown(&self) -> bool {
        true
    }

    fn scan(&self, asked: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let all = || self.columns.fields().iter().map(|field| field.name().as_str().into()).collect();
        let names = asked.with_columns.unwrap_or_else(all);
        self.read(&names, asked.n_rows)
    }
}

impl From<Error> for PolarsError {
    fn from(error: Error) -> Self {
        io::Error::other(error).into()
    }
}

/// Returns the error of a table that polars passed on.
pub(super) fn table_error(error: Arc<io::Error>) -> super::Error {
    let problem = error.to_string();
    let inner = Arc::into_inner(error).and_then(io::Error::into_inner);
    match inner.and_then(|inner| inner.downcast().ok()) {
        Some(error) => super::Error::Table(*error),
        None => super::Error::Sql { problem },
    }
}

impl Condition {
    /// Returns for each row whether it is kept.
    fn keeps(&self, rows: &DataFrame) -> PolarsResult<BooleanChunked> {
        let kept = self.expression.evaluate(rows, &ExecutionState::new())?;
        // A condition without a column has one value.
        let kept = if kept.len() == 1 { kept.new_from_index(0, rows.height()) } else { kept };
        Ok(kept.bool()?.clone())
    }
}

/// Returns the columns of a batch as queries see them.
fn seen(batch: &RecordBatch) -> PolarsResult<DataFrame> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| Ok(series(field.name(), array)?.into()));
    DataFrame::new(batch.num_rows(), columns.collect::<PolarsResult<Vec<Column>>>()?)
}

fn series(name: &str, array: &ArrayRef) -> PolarsResult<Series> {
    let wide = |target| cast_with_options(array, &target, &CastOptions { safe: false, ..CastOptions::default() });
    let broken = |error: ArrowError| PolarsError::ComputeError(error.to_string().into());
    let column = match array.data_type() {
        ArrowType::UInt64 if name == SEED => {
            let seeds = array.as_primitive::<UInt64Type>().iter().map(|seed| seed.map(i128::from));
            seeds.collect::<Int128Chunked>().into_series()
        }
        // 0.9 stays 0.9.
        ArrowType::Float32 => {
            let numbers = array.as_primitive::<Float32Type>().iter().map(|number| number.map(shortest_decimal));
            numbers.collect::<Float64Chunked>().into_series()
        }
        ArrowType::Float64 => array.as_primitive::<ArrowFloat64>().iter().collect::<Float64Chunked>().into_series(),
        ArrowType::Dictionary(..) => {
            let labels = array.as_dictionary::<Int32Type>();
            let labels =
                labels.downcast_dict::<StringArray>().ok_or_else(|| broken(ArrowError::SchemaError("no text".to_owned())))?;
            labels.into_iter().collect::<StringChunked>().into_series()
        }
        ArrowType::Utf8 => array.as_string::<i32>().iter().collect::<StringChunked>().into_series(),
        ArrowType::List(_) => {
            let lists = array.as_list::<i32>();
            let mut seen = ListPrimitiveChunkedBuilder::<Float64Type>::new(
                PlSmallStr::EMPTY,
                lists.len(),
                lists.values().len(),
                DataType::Float64,
            );
            for list in lists {
                match list {
                    Some(list) => {
                        let numbers = list.as_primitive::<Float32Type>().iter().map(|number| number.map(shortest_decimal));
                        seen.append_iter(numbers.collect::<Vec<_>>().into_iter());
                    }
                    None => seen.append_null(),
                }
            }
            seen.finish().into_series()
        }
        _ => {
            let whole = wide(ArrowType::Int64).map_err(broken)?;
            let numbers = whole.as_primitive::<ArrowInt64>().iter().collect::<Int64Chunked>().into_series();
            match array.data_type() {
                ArrowType::Timestamp(..) => numbers.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
                _ => numbers,
            }
        }
    };
    Ok(column.with_name(name.into()))
}
