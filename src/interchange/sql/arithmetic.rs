//! Arithmetic of queries: whole numbers are added, subtracted and multiplied exactly, and a result that has no room is refused.
//!
//! polars wraps such results around without a word. [`checked`] answers a plan of polars after it has replaced every operator in
//! it, wherever it stands, by a function that looks. A new operator is one entry of [`CHECKED`] and one line of `apply`. Rounding,
//! casts and aggregates of constants, which polars answers otherwise than other engines, are replaced here, too.

use polars::chunked_array::cast::CastOptions;
use polars::lazy::dsl::BaseColumnUdf;
use polars::polars_utils::arena::{Arena, Node};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Field, Float64Chunked, Int128Chunked, IntoColumn as _, IntoSeries as _,
    LazyFrame, Operator, OptFlags, PolarsError, PolarsResult, Schema, Series, UserDefinedFunction,
};
use polars::sql::FunctionOptions;
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{AExpr, IRAggExpr, IRFunctionExpr};
use polars_plan::utils::has_aexpr;

use super::rows::Rows;

/// The operators of arithmetic. Whole numbers are divided towards zero as other engines divide them, and what that leaves has the sign of
/// the first operand.
const CHECKED: [Operator; 5] = [Operator::Plus, Operator::Minus, Operator::Multiply, Operator::FloorDivide, Operator::Modulus];

/// Answers a plan with checked arithmetic.
pub(super) fn checked(plan: LazyFrame) -> PolarsResult<DataFrame> {
    // What is simplified is computed before it can be checked, and what expressions share is made a column, which hides constants.
    let unchanged = OptFlags::SIMPLIFY_EXPR | OptFlags::COMM_SUBEXPR_ELIM;
    let optimizations = plan.get_current_optimizations().difference(unchanged);
    plan.with_optimizations(optimizations)._collect_post_opt(|_, plans, expressions, _| {
        for index in 0..expressions.len() {
            replace(Node(index), expressions);
        }
        for index in 0..plans.len() {
            Rows::take_condition(plans.get_mut(Node(index)), expressions)?;
        }
        Ok(())
    })
}

/// Replaces an operator, a sum or a mean by the function that checks or rounds it.
fn replace(node: Node, expressions: &mut Arena<AExpr>) {
    let in_floating_point = |expr| AExpr::Cast { expr, dtype: DataType::Float64, options: CastOptions::NonStrict };
    let replaced = match *expressions.get(node) {
        AExpr::BinaryExpr { left, op, right } if CHECKED.contains(&op) => {
            let field = move |_: &Schema, fields: &[Field]| match fields {
                [left, right] => Ok(Field::new(left.name().clone(), result_type(op, left.dtype(), right.dtype())?)),
                _ => Err(wrong_operands()),
            };
            call(&[left, right], of_two(move |left, right| apply(op, left, right)), field, expressions)
        }
        AExpr::Agg(
            ref aggregate @ (IRAggExpr::Sum(input)
            | IRAggExpr::Mean(input)
            | IRAggExpr::Median(input)
            | IRAggExpr::Min { input, .. }
            | IRAggExpr::Max { input, .. }),
        ) if is_constant(input, expressions) => {
            let is_sum = matches!(aggregate, IRAggExpr::Sum(_));
            let is_average = matches!(aggregate, IRAggExpr::Mean(_) | IRAggExpr::Median(_));
            let input = if is_average { expressions.add(in_floating_point(input)) } else { input };
            let rows = expressions.add(AExpr::Len);
            call(&[input, rows], of_two(move |value, rows| of_constant(is_sum, value, rows)), first_field, expressions)
        }
        AExpr::Agg(IRAggExpr::Sum(input)) => {
            let sum = expressions.add(AExpr::Agg(IRAggExpr::Sum(input)));
            let wide = expressions.add(in_floating_point(input));
            let rough = expressions.add(AExpr::Agg(IRAggExpr::Sum(wide)));
            call(&[sum, rough], of_two(checked_sum), first_field, expressions)
        }
        AExpr::Agg(IRAggExpr::Mean(input)) => {
            let mean = expressions.add(AExpr::Agg(IRAggExpr::Mean(input)));
            call(&[mean], of_one(rounded), first_field, expressions)
        }
        AExpr::Function { ref input, function: IRFunctionExpr::Round { decimals, .. }, .. } => {
            let input: Vec<Node> = input.iter().map(ExprIR::node).collect();
            call(&input, of_one(move |column| round(column, decimals)), first_field, expressions)
        }
        AExpr::Function { ref input, function: IRFunctionExpr::Abs, .. } => {
            let input: Vec<Node> = input.iter().map(ExprIR::node).collect();
            call(&input, of_one(absolute), first_field, expressions)
        }
        AExpr::Cast { expr, dtype: ref target, options } if target.is_integer() => {
            let (seen, target) = (target.clone(), target.clone());
            let field = move |_: &Schema, fields: &[Field]| {
                Ok(Field::new(fields.first().ok_or_else(wrong_operands)?.name().clone(), seen.clone()))
            };
            let apply = move |column: &Column| nearest_whole(column)?.cast_with_options(&target, options);
            call(&[expr], of_one(apply), field, expressions)
        }
        _ => return,
    };
    expressions.replace(node, replaced);
}

/// Returns a call of a function, which has a field of some type as its result.
fn call(
    inputs: &[Node],
    function: impl Fn(&mut [Column]) -> PolarsResult<Column> + Send + Sync + 'static,
    field: impl Fn(&Schema, &[Field]) -> PolarsResult<Field> + Send + Sync + 'static,
    expressions: &Arena<AExpr>,
) -> AExpr {
    AExpr::AnonymousFunction {
        input: inputs.iter().map(|input| ExprIR::from_node(*input, expressions)).collect(),
        function: UserDefinedFunction::new("checked".into(), BaseColumnUdf::new(function, field)).fun,
        options: FunctionOptions::elementwise(),
        fmt_str: Box::default(),
    }
}

fn of_one(function: impl Fn(&Column) -> PolarsResult<Column>) -> impl Fn(&mut [Column]) -> PolarsResult<Column> {
    move |columns| columns.first().ok_or_else(wrong_operands).and_then(&function)
}

fn of_two(function: impl Fn(&Column, &Column) -> PolarsResult<Column>) -> impl Fn(&mut [Column]) -> PolarsResult<Column> {
    move |columns| match columns {
        [one, other] => function(one, other),
        _ => Err(wrong_operands()),
    }
}

fn first_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    let field = fields.first().ok_or_else(wrong_operands)?;
    Ok(Field::new(field.name().clone(), field.dtype().clone().materialize_unknown(true)?))
}

fn wrong_operands() -> PolarsError {
    PolarsError::ComputeError("a function has another number of operands".into())
}

/// Returns the type of the result of an operation: that of polars.
fn result_type(operator: Operator, left: &DataType, right: &DataType) -> PolarsResult<DataType> {
    let [left, right] = [left, right].map(|data_type| data_type.clone().materialize_unknown(true));
    let empty = |data_type: &DataType| Column::new_empty("".into(), data_type);
    Ok(apply(operator, &empty(&left?), &empty(&right?))?.dtype().clone())
}

fn apply(operator: Operator, left: &Column, right: &Column) -> PolarsResult<Column> {
    if !left.dtype().is_integer() || !right.dtype().is_integer() {
        return native(operator, left, right);
    }
    // A constant has the narrowest type that holds it; whatever is computed with it has 64 bits. Numbers without a sign meet each other
    // only inside of functions of polars, which count on their type.
    let data_types = [left.dtype(), right.dtype()];
    let target = match data_types {
        [one, other] if one == other && one.is_unsigned_integer() => one.clone(),
        _ if data_types.contains(&&DataType::Int128) => DataType::Int128,
        _ => DataType::Int64,
    };
    let (least, most) = range(&target).ok_or_else(wrong_operands)?;
    let (lefts, rights) = (whole_numbers(left)?, whole_numbers(right)?);
    let length = broadcast(left.len(), right.len())?;
    let get = |values: &[Option<i128>], row| values[if values.len() == 1 { 0 } else { row }];
    let value = |row| -> PolarsResult<Option<i128>> {
        let (Some(left), Some(right)) = (get(&lefts, row), get(&rights, row)) else { return Ok(None) };
        let exact = match operator {
            Operator::FloorDivide | Operator::Modulus if right == 0 => return Ok(None),
            Operator::Plus => left.checked_add(right),
            Operator::Minus => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::FloorDivide => left.checked_div(right),
            _ => left.checked_rem(right),
        };
        let exact = exact.filter(|exact| (least..=most).contains(exact));
        exact.map(Some).ok_or_else(|| beyond(&format!("{left} {operator} {right}")))
    };
    let values = (0..length).map(value).collect::<PolarsResult<Vec<_>>>()?;
    let values = values.into_iter().collect::<Int128Chunked>().into_series();
    Ok(values.strict_cast(&target)?.with_name(left.name().clone()).into_column())
}

/// What is said of a number without room, around what should have made it.
pub(super) const BEYOND: [&str; 2] =
    ["the result of `", "` is beyond 64-bit integers: compute it in floating point, as in `cast(… as double)`"];

fn beyond(what: &str) -> PolarsError {
    PolarsError::ComputeError(format!("{}{what}{}", BEYOND[0], BEYOND[1]).into())
}

/// Returns the rows of a result whose operands may be single values.
fn broadcast(left: usize, right: usize) -> PolarsResult<usize> {
    match (left, right) {
        (left, right) if left == right => Ok(left),
        (1, other) | (other, 1) => Ok(other),
        _ => Err(PolarsError::ShapeMismatch(format!("the operands have {left} and {right} rows").into())),
    }
}

/// Returns the least and the largest result in a type of whole numbers.
const fn range(data_type: &DataType) -> Option<(i128, i128)> {
    Some(match data_type {
        DataType::UInt8 => (0, u8::MAX as i128),
        DataType::UInt16 => (0, u16::MAX as i128),
        DataType::UInt32 => (0, u32::MAX as i128),
        DataType::UInt64 => (0, u64::MAX as i128),
        DataType::Int64 => (i64::MIN as i128, i64::MAX as i128),
        // JSON has numbers of 64 bits, with a sign or without.
        DataType::Int128 => (i64::MIN as i128, u64::MAX as i128),
        _ => return None,
    })
}

fn whole_numbers(column: &Column) -> PolarsResult<Vec<Option<i128>>> {
    Ok(column.strict_cast(&DataType::Int128)?.i128()?.iter().collect())
}

/// Returns the operation as polars does it, for everything but integers.
fn native(operator: Operator, left: &Column, right: &Column) -> PolarsResult<Column> {
    let (left, right) = (left.as_materialized_series(), right.as_materialized_series());
    let are_floats = [left, right].into_iter().all(|series| *series.dtype() == DataType::Float64);
    let result = match operator {
        Operator::FloorDivide if are_floats => floats(left, right, |left, right| (left / right).trunc()),
        Operator::Modulus if are_floats => floats(left, right, |left, right| left % right),
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Multiply => left * right,
        Operator::FloorDivide => left / right,
        _ => left % right,
    };
    Ok(result?.with_name(left.name().clone()).into_column())
}

/// Returns a function of two numbers, which is null where it is no number.
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
    of_floats(column, |number| if number.is_finite() { format!("{number:.14e}").parse().unwrap_or(number) } else { number })
}

/// Returns whether an expression names no column, so that polars has one value of it, however many rows there are.
fn is_constant(node: Node, expressions: &Arena<AExpr>) -> bool {
    !has_aexpr(node, expressions, |expression| matches!(expression, AExpr::Column(_) | AExpr::Len | AExpr::Agg(_)))
}

/// Returns the aggregate of a constant over a number of rows: its multiple, or itself; null if there is no row.
fn of_constant(is_sum: bool, value: &Column, rows: &Column) -> PolarsResult<Column> {
    let rows = rows.cast(&DataType::Int64)?;
    let length = broadcast(value.len(), rows.len())?;
    let all = |column: &Column| if column.len() == length { column.clone() } else { column.new_from_index(0, length) };
    let (value, rows) = (all(value), all(&rows));
    let aggregate =
        if is_sum && !value.dtype().is_null() { apply(Operator::Multiply, &value, &wide(&rows, value.dtype())?)? } else { value };
    let are_there: BooleanChunked = rows.i64()?.iter().map(|rows| Some(rows.is_some_and(|rows| rows > 0))).collect();
    let nothing = Column::full_null(aggregate.name().clone(), length, aggregate.dtype());
    aggregate.zip_with(&are_there, &nothing)
}

/// Returns a number of rows as a factor of numbers of a type.
fn wide(rows: &Column, of: &DataType) -> PolarsResult<Column> {
    if of.is_float() { rows.cast(of) } else { Ok(rows.clone()) }
}

/// Rounds to decimal digits, halves away from zero, as other engines do; polars rounds them to even digits.
fn round(column: &Column, decimals: u32) -> PolarsResult<Column> {
    let scale = 10_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
    let round = |number: f64| {
        let rounded = (number * scale).round() / scale;
        // With more digits than the number has, scaling overflows: it stays as it is.
        if rounded.is_finite() { rounded } else { number }
    };
    of_floats(column, round)
}

/// Numbers in floating point as the nearest whole ones, of two the even one: what a cast to whole numbers cuts off in polars.
fn nearest_whole(column: &Column) -> PolarsResult<Column> {
    of_floats(column, f64::round_ties_even)
}

/// Applies a function to numbers in floating point, and leaves others.
fn of_floats(column: &Column, function: impl Fn(f64) -> f64) -> PolarsResult<Column> {
    if !column.dtype().is_float() {
        return Ok(column.clone());
    }
    let column = column.cast(&DataType::Float64)?;
    let values: Float64Chunked = column.f64()?.iter().map(|number| number.map(&function)).collect();
    Ok(values.into_series().with_name(column.name().clone()).into_column())
}

/// Values without their sign: the least whole number has no room without it.
fn absolute(column: &Column) -> PolarsResult<Column> {
    if !column.dtype().is_integer() {
        return of_floats(column, f64::abs);
    }
    let numbers = whole_numbers(column)?;
    let is_negative: BooleanChunked = numbers.into_iter().map(|number| number.map(|number| number < 0)).collect();
    let none = Column::new("".into(), [0_i64]);
    let negated = apply(
        Operator::Minus,
        &none,
        &column.zip_with(&is_negative, &Column::full_null("".into(), column.len(), column.dtype()))?,
    )?;
    negated.zip_with(&is_negative, &column.cast(negated.dtype())?)
}
