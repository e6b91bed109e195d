//! A query before polars answers it: what is no query is refused, and what polars would answer wrongly is rewritten.
//!
//! polars sorts nulls first in descending order, and counts in 32 bits. `arithmetic.rs` checks what is computed.
//! Each rule is one function below. `grouping.rs` refuses columns beside aggregates, `naming.rs` names columns.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, NamedWindowDefinition, NamedWindowExpr, ObjectName, ObjectNamePart, OrderByExpr, OrderByKind, Query,
    Select, Statement, Value, Visit, VisitMut, VisitorMut, WindowType,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserOptions};

use super::window::place_nulls;
use super::{grouping, naming};
use crate::interchange::sql::Error;

/// The longest query, in bytes: deeper nesting than fits into it would overflow a stack.
const LONGEST: usize = 16_384;
/// The words with which what only reads begins.
const QUERIES: &[&str] = &["select", "with", "from", "values", "explain", "show", "describe", "desc"];
/// Functions that polars answers in 32 bits or fewer.
const NARROW: &[&str] = &[
    "array_length",
    "bit_count",
    "bit_length",
    "bitcount",
    "char_length",
    "character_length",
    "count",
    "date_part",
    "dense_rank",
    "length",
    "octet_length",
    "rank",
    "row_number",
    "strpos",
];
/// Functions whose first argument is a number in floating point in other engines.
const IN_FLOATING_POINT: &[&str] = &["pow", "power", "total"];

/// What a person asked for.
#[derive(Debug)]
pub(super) enum Question {
    /// A query in the words of polars.
    Rows(String),
    /// The columns of a table.
    Columns { table: String },
}

/// Reads a query, refuses what is none, and rewrites what polars would answer wrongly.
///
/// # Errors
///
/// [`Error::NotAQuery`] if it is none, [`Error::Sql`] if it cannot be understood.
pub(super) fn question(sql: &str) -> Result<Question, Error> {
    check(sql)?;
    let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
    let parsed =
        Parser::new(&GenericDialect).with_options(options).try_with_sql(sql).and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|error| refused(&super::sentence(&error.to_string())))?;
    let [statement] = statements.as_mut_slice() else {
        return Err(refused(&format!("expected one statement, found {}", statements.len())));
    };
    match statement {
        Statement::ExplainTable { table_name, .. } => return Ok(Question::Columns { table: last_name(table_name) }),
        Statement::ShowColumns { show_options, .. } => {
            let table = show_options.show_in.as_ref().and_then(|shown| shown.parent_name.as_ref());
            return table
                .map(|table| Question::Columns { table: last_name(table) })
                .ok_or_else(|| refused("expected `show columns from records`"));
        }
        _ => {}
    }
    if let ControlFlow::Break(problem) = Visit::visit(&*statement, &mut grouping::Check::default()) {
        return Err(refused(&problem));
    }
    naming::named(statement).map_err(|error| refused(&super::sentence(&error.to_string())))?;
    if let ControlFlow::Break(problem) = VisitMut::visit(statement, &mut Rewrite) {
        return Err(refused(&problem));
    }
    Ok(Question::Rows(statement.to_string()))
}

fn refused(problem: &str) -> Error {
    Error::Sql { problem: problem.to_owned() }
}

fn last_name(name: &ObjectName) -> String {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.clone()).unwrap_or_default()
}

/// Returns an error unless the text is a query by its length and its first word.
fn check(sql: &str) -> Result<(), Error> {
    if sql.len() > LONGEST {
        return Err(Error::Sql { problem: format!("expected at most {LONGEST} bytes, found {}", sql.len()) });
    }
    let text = without_comments(sql).trim_start_matches(['(', ' ', '\t', '\r', '\n']);
    let word: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if QUERIES.iter().any(|query| word.eq_ignore_ascii_case(query)) {
        return Ok(());
    }
    let found = if word.is_empty() { sql.trim().chars().take(20).collect() } else { word };
    Err(Error::NotAQuery { expected: QUERIES, found })
}

/// Returns the text behind the comments with which it starts.
fn without_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let end = if rest.starts_with("--") {
            rest.find('\n').map(|at| at + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 2)
        } else {
            return rest;
        };
        rest = end.map_or("", |end| rest[end..].trim_start());
    }
}

/// Applies every rule, from the innermost expressions outwards.
struct Rewrite;

impl VisitorMut for Rewrite {
    /// What is wrong with the query, in words.
    type Break = String;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        match query.order_by.as_mut().map(|order| &mut order.kind) {
            Some(OrderByKind::Expressions(order)) => nulls_last(order),
            Some(OrderByKind::All(options)) => options.nulls_first = options.nulls_first.or(Some(false)),
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        for NamedWindowDefinition(_, window) in &mut select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = window {
                broken(place_nulls(&mut window.order_by))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        let rewritten = match expression {
            Expr::Function(function) => {
                broken(order_of_function(function))?;
                of_function(function)
            }
            Expr::Value(value) => of_value(&value.value),
            Expr::Cast { data_type, expr, .. } => {
                widen(data_type);
                // polars cuts a constant off before it could be rounded.
                if is_number(expr) {
                    **expr = plus_zero(expr.as_ref().clone(), DataType::Double(ExactNumberInfo::None));
                }
                None
            }
            Expr::Extract { .. } | Expr::Position { .. } => Some(cast(expression.clone(), DataType::BigInt(None))),
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expression = rewritten;
        }
        ControlFlow::Continue(())
    }
}

/// Ends a visit with what is wrong.
fn broken(result: Result<(), String>) -> ControlFlow<String> {
    result.map_or_else(ControlFlow::Break, ControlFlow::Continue)
}

/// Sorts nulls last unless the query says where: the best comes first in descending order, not what failed.
fn nulls_last(order: &mut [OrderByExpr]) {
    for one in order {
        one.options.nulls_first = one.options.nulls_first.or(Some(false));
    }
}

/// Returns a number that polars does not read: one that has room in 64 bits without a sign only, such as a seed, or has an exponent.
fn of_value(value: &Value) -> Option<Expr> {
    let Value::Number(digits, _) = value else { return None };
    let text = || Expr::Value(Value::SingleQuotedString(digits.clone()).into());
    if digits.parse::<i64>().is_err() && digits.parse::<u64>().is_ok() {
        return Some(cast(text(), DataType::HugeInt));
    }
    digits.contains(['e', 'E']).then(|| in_floating_point(text()))
}

/// What a function is called instead.
fn of_function(function: &Function) -> Option<Expr> {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let name = name.value.to_ascii_lowercase();
    let whole = || Expr::Function(function.clone());
    match name.as_str() {
        "sum" => with_first_argument(function, wide).map(Expr::Function),
        name if NARROW.contains(&name) => Some(cast(whole(), DataType::BigInt(None))),
        name if IN_FLOATING_POINT.contains(&name) => with_first_argument(function, in_floating_point).map(Expr::Function),
        _ => None,
    }
}

/// Sorts nulls last inside of a function, too.
fn order_of_function(function: &mut Function) -> Result<(), String> {
    nulls_last(&mut function.within_group);
    if let Some(WindowType::WindowSpec(window)) = &mut function.over {
        place_nulls(&mut window.order_by)?;
    }
    if let FunctionArguments::List(list) = &mut function.args {
        for clause in &mut list.clauses {
            if let FunctionArgumentClause::OrderBy(order) = clause {
                nulls_last(order);
            }
        }
    }
    Ok(())
}

/// Returns a call with its first argument changed.
fn with_first_argument(function: &Function, change: fn(Expr) -> Expr) -> Option<Function> {
    let mut function = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first_mut() else { return None };
    *first = change(first.clone());
    Some(function)
}

fn in_floating_point(expression: Expr) -> Expr {
    cast(expression, DataType::Double(ExactNumberInfo::None))
}

/// Makes a whole number one of 64 bits, and leaves others: polars sums literals up in 32 bits.
fn wide(expression: Expr) -> Expr {
    if matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
        return expression;
    }
    plus_zero(expression, DataType::BigInt(None))
}

/// Adds a zero of a type.
fn plus_zero(expression: Expr, data_type: DataType) -> Expr {
    let zero = cast(Expr::Value(Value::Number("0".to_owned(), false).into()), data_type);
    let expression = Expr::Nested(Box::new(expression));
    Expr::BinaryOp { left: Box::new(expression), op: BinaryOperator::Plus, right: Box::new(zero) }
}

/// Returns whether an expression is a number with a decimal point, with or without a sign.
fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(&value.value, Value::Number(digits, _) if digits.contains('.')),
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_number(expr),
        _ => false,
    }
}

/// Whole numbers have 64 bits, and others double precision, whatever a cast says.
fn widen(data_type: &mut DataType) {
    match data_type {
        DataType::TinyInt(_)
        | DataType::SmallInt(_)
        | DataType::Int2(_)
        | DataType::Int16
        | DataType::MediumInt(_)
        | DataType::Int(_)
        | DataType::Int4(_)
        | DataType::Int32
        | DataType::Integer(_)
        | DataType::UTinyInt
        | DataType::USmallInt
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UnsignedInteger => *data_type = DataType::BigInt(None),
        // Beside a number with a sign polars makes floating-point numbers of these, or wraps them around.
        DataType::UBigInt | DataType::BigIntUnsigned(_) | DataType::UInt64 | DataType::UHugeInt => *data_type = DataType::HugeInt,
        DataType::Real | DataType::Float4 | DataType::Float(_) => *data_type = DataType::Double(ExactNumberInfo::None),
        _ => {}
    }
}

fn cast(expression: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expression), data_type, array: false, format: None }
}
