//! Arithmetic of queries: whole numbers are added, subtracted and multiplied exactly, and a result that has no room is refused.
//!
//! polars wraps such results around without a word. [`checked`] answers a plan of polars after it has replaced every operator in
//! it, wherever it stands, by a function that looks. A new operation is one variant of [`Operation`] and one line of `of`.

use polars::chunked_array::cast::CastOptions;
use polars::lazy::dsl::BaseColumnUdf;
use polars::polars_utils::arena::{Arena, Node};
use polars::prelude::{
    AnonymousColumnsUdf, Column, DataFrame, DataType, Field, Float64Chunked, Int128Chunked, IntoColumn as _, IntoSeries as _,
    LazyFrame, Operator, PolarsError, PolarsResult, Schema, Series, UserDefinedFunction,
};
use polars::sql::FunctionOptions;
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{AExpr, IRAggExpr};

/// An operation of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    /// Division of whole numbers, rounded towards zero as other engines round it.
    Quotient,
    /// What that division leaves: it has the sign of the first operand.
    Remainder,
}

impl Operation {
    const fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Plus => Self::Add,
            Operator::Minus => Self::Subtract,
            Operator::Multiply => Self::Multiply,
            Operator::FloorDivide => Self::Quotient,
            Operator::Modulus => Self::Remainder,
            _ => return None,
        })
    }

    /// The operator, for messages.
    const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Quotient => "//",
            Self::Remainder => "%",
        }
    }

    /// The result for two whole numbers, with whether it has room in 128 bits; `None` if there is none, as of a division by zero.
    const fn exact(self, left: i128, right: i128) -> Option<(i128, bool)> {
        let (result, is_beyond) = match self {
            Self::Quotient | Self::Remainder if right == 0 => return None,
            Self::Add => left.overflowing_add(right),
            Self::Subtract => left.overflowing_sub(right),
            Self::Multiply => left.overflowing_mul(right),
            Self::Quotient => left.overflowing_div(right),
            Self::Remainder => left.overflowing_rem(right),
        };
        Some((result, !is_beyond))
    }
}

/// Answers a plan with checked arithmetic.
pub(super) fn checked(plan: LazyFrame) -> PolarsResult<DataFrame> {
    // What is simplified is computed before it can be checked.
    plan.with_simplify_expr(false)._collect_post_opt(|_, _, expressions, _| {
        for index in 0..expressions.len() {
            replace(Node(index), expressions);
        }
        Ok(())
    })
}

/// Replaces an operator, a sum or a mean by the function that checks or rounds it.
fn replace(node: Node, expressions: &mut Arena<AExpr>) {
    let replaced = match *expressions.get(node) {
        AExpr::BinaryExpr { left, op, right } => {
            let Some(operation) = Operation::of(op) else { return };
            let field = move |_: &Schema, fields: &[Field]| match fields {
                [left, right] => Ok(Field::new(left.name().clone(), result_type(operation, left.dtype(), right.dtype())?)),
                _ => Err(wrong_operands()),
            };
            let apply = move |columns: &mut [Column]| match columns {
                [left, right] => apply(operation, left, right),
                _ => Err(wrong_operands()),
            };
            call(&[left, right], BaseColumnUdf::new(apply, field), expressions)
        }
        AExpr::Agg(IRAggExpr::Sum(input)) => {
            let sum = expressions.add(AExpr::Agg(IRAggExpr::Sum(input)));
            let (dtype, options) = (DataType::Float64, CastOptions::NonStrict);
            let wide = expressions.add(AExpr::Cast { expr: input, dtype, options });
            let rough = expressions.add(AExpr::Agg(IRAggExpr::Sum(wide)));
            let apply = |columns: &mut [Column]| match columns {
                [sums, rough] => checked_sum(sums, rough),
                _ => Err(wrong_operands()),
            };
            call(&[sum, rough], BaseColumnUdf::new(apply, first_field), expressions)
        }
        AExpr::Agg(IRAggExpr::Mean(input)) => {
            let mean = expressions.add(AExpr::Agg(IRAggExpr::Mean(input)));
            let apply = |columns: &mut [Column]| columns.first().ok_or_else(wrong_operands).and_then(rounded);
            call(&[mean], BaseColumnUdf::new(apply, first_field), expressions)
        }
        _ => return,
    };
    expressions.replace(node, replaced);
}

fn call(inputs: &[Node], function: impl AnonymousColumnsUdf + 'static, expressions: &Arena<AExpr>) -> AExpr {
    AExpr::AnonymousFunction {
        input: inputs.iter().map(|input| ExprIR::from_node(*input, expressions)).collect(),
        function: UserDefinedFunction::new("checked".into(), function).fun,
        options: FunctionOptions::elementwise(),
        fmt_str: Box::default(),
    }
}

fn first_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    fields.first().cloned().ok_or_else(wrong_operands)
}

fn wrong_operands() -> PolarsError {
    PolarsError::ComputeError("a function has another number of operands".into())
}

/// The type of the result of an operation: that of polars.
fn result_type(operation: Operation, left: &DataType, right: &DataType) -> PolarsResult<DataType> {
    let [left, right] = [left, right].map(|data_type| data_type.clone().materialize_unknown(true));
    let empty = |data_type: &DataType| Column::new_empty("".into(), data_type);
    Ok(apply(operation, &empty(&left?), &empty(&right?))?.dtype().clone())
}

fn apply(operation: Operation, left: &Column, right: &Column) -> PolarsResult<Column> {
    let Some((least, most)) = range(left.dtype()).filter(|_| left.dtype() == right.dtype()) else {
        return native(operation, left, right);
    };
    let (lefts, rights) = (whole_numbers(left)?, whole_numbers(right)?);
    let length = broadcast(left.len(), right.len())?;
    let get = |values: &[Option<i128>], row| values[if values.len() == 1 { 0 } else { row }];
    let value = |row| -> PolarsResult<Option<i128>> {
        let (Some(left), Some(right)) = (get(&lefts, row), get(&rights, row)) else { return Ok(None) };
        match operation.exact(left, right) {
            Some((exact, true)) if (least..=most).contains(&exact) => Ok(Some(exact)),
            Some(_) => Err(beyond(&format!("{left} {} {right}", operation.symbol()))),
            None => Ok(None),
        }
    };
    let values = (0..length).map(value).collect::<PolarsResult<Vec<_>>>()?;
    let values = values.into_iter().collect::<Int128Chunked>().into_series();
    Ok(values.strict_cast(left.dtype())?.with_name(left.name().clone()).into_column())
}

/// What is said of a number without room, around what should have made it.
pub(super) const BEYOND: [&str; 2] =
    ["the result of `", "` is beyond 64-bit integers: compute it in floating point, as in `cast(… as double)`"];

fn beyond(what: &str) -> PolarsError {
    PolarsError::ComputeError(format!("{}{what}{}", BEYOND[0], BEYOND[1]).into())
}

/// The rows of a result whose operands may be single values.
fn broadcast(left: usize, right: usize) -> PolarsResult<usize> {
    match (left, right) {
        (left, right) if left == right => Ok(left),
        (1, other) | (other, 1) => Ok(other),
        _ => Err(PolarsError::ShapeMismatch(format!("the operands have {left} and {right} rows").into())),
    }
}

/// The least and the largest number of a type of whole numbers.
fn range(data_type: &DataType) -> Option<(i128, i128)> {
    Some(match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        // JSON has numbers of 64 bits, with a sign or without.
        DataType::Int128 => (i64::MIN.into(), u64::MAX.into()),
        _ => return None,
    })
}

fn whole_numbers(column: &Column) -> PolarsResult<Vec<Option<i128>>> {
    Ok(column.strict_cast(&DataType::Int128)?.i128()?.iter().collect())
}

/// The operation as polars does it, for everything but integers.
fn native(operation: Operation, left: &Column, right: &Column) -> PolarsResult<Column> {
    let (left, right) = (left.as_materialized_series(), right.as_materialized_series());
    let are_floats = [left, right].into_iter().all(|series| *series.dtype() == DataType::Float64);
    let result = match operation {
        Operation::Quotient if are_floats => floats(left, right, |left, right| (left / right).trunc()),
        Operation::Remainder if are_floats => floats(left, right, |left, right| left % right),
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Quotient => left / right,
        Operation::Remainder => left % right,
    };
    Ok(result?.with_name(left.name().clone()).into_column())
}

/// A function of two numbers, which is null where it is no number.
fn floats(left: &Series, right: &Series, function: impl Fn(f64, f64) -> f64) -> PolarsResult<Series> {
    let (lefts, rights) = (left.f64()?, right.f64()?);
    let length = broadcast(lefts.len(), rights.len())?;
    let get = |values: &Float64Chunked, row| values.get(if values.len() == 1 { 0 } else { row });
    let value = |row| Some(function(get(lefts, row)?, get(rights, row)?));
    Ok((0..length).map(value).collect::<Float64Chunked>().into_series().with_name(left.name().clone()))
}

/// Passes sums of integers that did not wrap around: a wrapped one is off by a multiple of 2⁶⁴.
fn checked_sum(sums: &Column, in_floating_point: &Column) -> PolarsResult<Column> {
    if *sums.dtype() == DataType::Int128 {
        let (least, most) = range(sums.dtype()).ok_or_else(wrong_operands)?;
        if sums.i128()?.iter().flatten().any(|sum| !(least..=most).contains(&sum)) {
            return Err(beyond("sum(…)"));
        }
    } else if sums.dtype().is_integer() {
        let exact = sums.cast(&DataType::Float64)?;
        let rough = in_floating_point.cast(&DataType::Float64)?;
        let (exact, rough) = (exact.f64()?, rough.f64()?);
        broadcast(exact.len(), rough.len())?;
        let differs = |(exact, rough): (Option<f64>, Option<f64>)| {
            exact.zip(rough).is_some_and(|(exact, rough)| (exact - rough).abs() > 2_f64.powi(62))
        };
        if exact.iter().zip(rough.iter()).any(differs) {
            return Err(beyond("sum(…)"));
        }
    }
    rounded(sums)
}

/// Rounds numbers in floating point to 15 digits: the same values summed up in another order are equal again, and a cell does not
/// come before another because of its sixteenth digit.
fn rounded(column: &Column) -> PolarsResult<Column> {
    if *column.dtype() != DataType::Float64 {
        return Ok(column.clone());
    }
    let round = |number: f64| if number.is_finite() { format!("{number:.14e}").parse().unwrap_or(number) } else { number };
    let values: Float64Chunked = column.f64()?.iter().map(|number| number.map(round)).collect();
    Ok(values.into_series().with_name(column.name().clone()).into_column())
}
