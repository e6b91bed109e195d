//! Names the computed columns of an answer by their text, and lets groups be ordered by what is not selected.
//!
//! polars calls `max(epochs)` `epochs` and `count(*)` `len`, and orders groups by the columns of the answer only.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, Value, VisitMut, VisitorMut};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};

use super::grouping::{has_aggregate, name, position};

/// Functions that stand for several columns, which keep their names.
const OF_COLUMNS: &[&str] = &["columns", "unnest"];

/// Names columns and hides what is only ordered by, in a query and all of its subqueries.
pub(super) fn named(statement: &mut impl VisitMut) -> Result<(), ParserError> {
    statement.visit(&mut Naming).break_value().map_or(Ok(()), Err)
}

struct Naming;

impl VisitorMut for Naming {
    type Break = ParserError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<ParserError> {
        let SetExpr::Select(select) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        name_columns(select);
        let Some(OrderByKind::Expressions(order)) = query.order_by.as_mut().map(|order| &mut order.kind) else {
            return ControlFlow::Continue(());
        };
        let selected: Vec<_> = select.projection.iter().filter_map(column).collect();
        let mut hidden = Vec::new();
        for one in order {
            let same = select.projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if *expr == one.expr => Some(alias.clone()),
                _ => None,
            });
            if let Some(alias) = same {
                one.expr = Expr::Identifier(alias);
            } else if has_aggregate(&one.expr) {
                let alias = quoted(format!("order by {}", one.expr));
                let expr = std::mem::replace(&mut one.expr, Expr::Identifier(alias.clone()));
                hidden.push(SelectItem::ExprWithAlias { expr, alias });
            }
        }
        if hidden.is_empty() {
            return ControlFlow::Continue(());
        }
        select.projection.append(&mut hidden);
        match columns_of(select, &selected) {
            Ok(outer) => {
                query.body = outer;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<ParserError> {
        name_columns(select);
        ControlFlow::Continue(())
    }
}

/// Some columns of a `select`.
fn columns_of(select: &Select, columns: &[Ident]) -> Result<Box<SetExpr>, ParserError> {
    let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
    let text = format!("select {} from ({select}) as \"ordered\"", columns.join(", "));
    Ok(Parser::new(&GenericDialect).try_with_sql(&text)?.parse_query()?.body)
}

/// Names what is computed by its text, and says in `group by` which column of the answer a key is.
fn name_columns(select: &mut Select) {
    if let sqlparser::ast::GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        for key in keys.iter_mut().filter(|key| name(key).is_none() && position(key).is_none()) {
            let is_key = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expression) if expression == key);
            if let Some(index) = select.projection.iter().position(is_key) {
                *key = Expr::Value(Value::Number((index + 1).to_string(), false).into());
            }
        }
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expression) = item
            && name(expression).is_none()
            && !stands_for_columns(expression)
        {
            *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias: quoted(expression.to_string()) };
        }
    }
}

fn quoted(text: String) -> Ident {
    Ident::with_quote('"', text)
}

/// Returns the name of a column of the answer.
fn column(item: &SelectItem) -> Option<Ident> {
    match item {
        SelectItem::UnnamedExpr(expression) => name(expression).map(|name| quoted(name.to_owned())),
        SelectItem::ExprWithAlias { alias, .. } => Some(quoted(alias.value.clone())),
        _ => None,
    }
}

fn stands_for_columns(expression: &Expr) -> bool {
    let text = expression.to_string().to_ascii_lowercase();
    OF_COLUMNS.iter().any(|function| text.starts_with(&format!("{function}(")))
}
