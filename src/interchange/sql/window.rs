//! Where nulls come in a window: last, in both directions, unless the query says first.
//!
//! polars sorts them first, whatever is said. So each key of the order gets another one before it: whether it has a value. polars
//! makes a structure of all of them, whose fields need different names, and a field is called as the first column that is named in
//! it, or `literal`.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, OrderByExpr, UnaryOperator, Value,
    visit_expressions,
};

use super::grouping::name;
use crate::table::columns;

/// What polars calls a field that begins with no column.
const LITERAL: &str = "literal";

/// Sorts nulls last in the order of a window, or first where that is said.
///
/// # Errors
///
/// What is wrong, in words, with an order that polars cannot be told.
pub(super) fn place_nulls(order: &mut Vec<OrderByExpr>) -> Result<(), String> {
    let mut names = Vec::with_capacity(order.len());
    for one in &*order {
        names.push(first_name(&one.expr).ok_or_else(|| refused(&one.expr))?);
    }
    let mut known = vec![LITERAL.to_owned()];
    let _: ControlFlow<()> = visit_expressions(&*order, |expression| {
        known.extend(name(expression).map(ToOwned::to_owned));
        ControlFlow::Continue(())
    });
    let mut placed = Vec::with_capacity(2 * order.len());
    for one in order.drain(..) {
        if !is_never_null(&one.expr) {
            let name = known.iter().find(|name| !names.contains(name)).ok_or_else(|| refused(&one.expr))?;
            placed.push(key(&one, name));
            names.push(name.clone());
        }
        placed.push(one);
    }
    *order = placed;
    Ok(())
}

fn refused(expression: &Expr) -> String {
    format!("a window cannot be ordered by `{expression}` here: compute it in a subquery, give it a name, and order by that")
}

/// Returns whether an expression is a column that has a value in every row.
fn is_never_null(expression: &Expr) -> bool {
    let name = name(expression);
    columns().iter().any(|column| Some(column.name) == name && !column.is_nullable)
}

/// Returns the name of the field that polars makes of an expression; `None` if that is not known.
fn first_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => name(expression).map(ToOwned::to_owned),
        Expr::Value(_) | Expr::UnaryOp { op: UnaryOperator::Minus, .. } => Some(LITERAL.to_owned()),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => first_name(inner),
        Expr::BinaryOp { left, .. } => first_name(left),
        Expr::Case { conditions, .. } => conditions.first().and_then(|when| first_name(&when.result)),
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) => match list.args.first() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) => first_name(first),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether the value of a key is null, as another key of some name in the same direction.
fn key(of: &OrderByExpr, name: &str) -> OrderByExpr {
    let is_descending = of.options.asc == Some(false);
    let comes_first = of.options.nulls_first == Some(true);
    // What is larger comes last, or first in descending order.
    let null_is_larger = is_descending == comes_first;
    let operand = || Box::new(Expr::Nested(Box::new(of.expr.clone())));
    let expr = if name == LITERAL {
        let number = |is_one: bool| Expr::Value(Value::Number(u8::from(is_one).to_string(), false).into());
        let when = CaseWhen { condition: Expr::IsNull(operand()), result: number(null_is_larger) };
        let else_result = Some(Box::new(number(!null_is_larger)));
        let (case_token, end_token) = (AttachedToken::empty(), AttachedToken::empty());
        Expr::Case { case_token, end_token, operand: None, conditions: vec![when], else_result }
    } else {
        let null = if null_is_larger { Expr::IsNull(operand()) } else { Expr::IsNotNull(operand()) };
        let column = Expr::IsNull(Box::new(Expr::Identifier(Ident::new(name))));
        let never = Expr::Value(Value::Boolean(false).into());
        let never = Expr::BinaryOp { left: Box::new(column), op: BinaryOperator::And, right: Box::new(never) };
        Expr::BinaryOp { left: Box::new(Expr::Nested(Box::new(never))), op: BinaryOperator::Or, right: Box::new(null) }
    };
    OrderByExpr { expr, ..of.clone() }
}
