//! The columns of a table as queries see them: whole numbers have a sign and room for 64 bits, others double precision.
//!
//! polars computes in the types of the files, whose narrow ones wrap around: `edges - vertices` would never be negative.

use polars::prelude::{
    Column, DataType, Field, Float64Chunked, IntoColumn as _, IntoSeries as _, LazyFrame, ListChunked, PolarsResult, Schema, col,
};

use crate::unit::shortest_decimal;

/// The column whose numbers use all 64 bits without a sign. As 128-bit ones they meet others exactly, which polars would convert to
/// floating point beside a 64-bit number with a sign.
const SEED: &str = "seed";

/// What a query sees of a column in a file; `None` if that is the column itself.
pub(super) fn seen_type(name: &str, in_file: &DataType) -> Option<DataType> {
    match in_file {
        DataType::UInt64 if name == SEED => Some(DataType::Int128),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => Some(DataType::Int64),
        DataType::Float32 => Some(DataType::Float64),
        DataType::List(inner) if **inner == DataType::Float32 => Some(DataType::List(Box::new(DataType::Float64))),
        other if other.is_categorical() => Some(DataType::String),
        _ => None,
    }
}

/// Changes the types of the columns of a scanned table; what a query does not name is not read.
pub(super) fn typed(frame: LazyFrame, in_files: &Schema) -> LazyFrame {
    let changed = in_files.iter().filter_map(|(name, in_file)| {
        let seen = seen_type(name, in_file)?;
        let column = col(name.clone());
        Some(match in_file {
            DataType::Float32 => column.map(doubles, |_, field| Ok(Field::new(field.name().clone(), DataType::Float64))),
            DataType::List(_) => column.map(lists_of_doubles, move |_, field| Ok(Field::new(field.name().clone(), seen.clone()))),
            _ => column.strict_cast(seen),
        })
    });
    let changed: Vec<_> = changed.collect();
    frame.with_columns(changed)
}

/// Single-precision numbers as the double-precision ones with the same shortest digits: 0.9 stays 0.9.
#[expect(clippy::needless_pass_by_value, reason = "polars maps columns by value")]
fn doubles(column: Column) -> PolarsResult<Column> {
    let wide = |number: Option<f32>| number.map(shortest_decimal);
    let numbers: Float64Chunked = column.f32()?.iter().map(wide).collect();
    Ok(numbers.into_series().with_name(column.name().clone()).into_column())
}

#[expect(clippy::needless_pass_by_value, reason = "polars maps columns by value")]
fn lists_of_doubles(column: Column) -> PolarsResult<Column> {
    let lists: &ListChunked = column.list()?;
    let wide = lists.apply_to_inner(&|inner| Ok(doubles(inner.into_column())?.take_materialized_series()))?;
    Ok(wide.into_series().with_name(column.name().clone()).into_column())
}
