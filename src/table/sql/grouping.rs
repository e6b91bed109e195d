//! Refuses a column that stands beside an aggregate without being grouped by: polars would answer some row's value.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Value, Visit, Visitor,
};

/// Functions that make one value of many rows.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first",
    "group_concat",
    "last",
    "listagg",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_samp",
    "variance",
];

/// The most operators of arithmetic that one result may go through: more would not fit onto the stacks of polars.
const DEEPEST: usize = 200;

/// Ends with what is wrong at the first query that has such a column, or arithmetic that is too deep.
#[derive(Default)]
pub(super) struct Check {
    /// How deep it is inside of arithmetic.
    depth: usize,
}

impl Visitor for Check {
    type Break = String;

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<String> {
        self.depth += usize::from(is_arithmetic(expression));
        if self.depth > DEEPEST {
            return ControlFlow::Break(format!("expected at most {DEEPEST} operators in a row or in each other, found more"));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<String> {
        self.depth -= usize::from(is_arithmetic(expression));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
        let Some(grouped) = Grouped::of(select) else { return ControlFlow::Continue(()) };
        let order = query.order_by.as_ref().map(|order| &order.kind);
        let Some(OrderByKind::Expressions(order)) = order else { return ControlFlow::Continue(()) };
        for one in order.iter().filter(|one| position(&one.expr).is_none()) {
            grouped.check(&one.expr, true)?;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        let Some(grouped) = Grouped::of(select) else { return ControlFlow::Continue(()) };
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
                    grouped.check(expression, false)?;
                }
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => return ControlFlow::Break(beside("*")),
                SelectItem::ExprWithAliases { .. } => {}
            }
        }
        select.having.as_ref().map_or(ControlFlow::Continue(()), |having| grouped.check(having, true))
    }
}

fn beside(column: &str) -> String {
    format!(
        "the column `{column}` stands beside an aggregate or a `group by` without being part of it: group by it, too, or say which \
        of its values, as in `max({column})`; the row with the largest value comes first with `order by … desc limit 1`"
    )
}

/// A `select` of which each row stands for a group of rows.
struct Grouped<'a> {
    keys: Vec<&'a Expr>,
    /// The names that the `select` gives.
    aliases: Vec<&'a str>,
}

impl<'a> Grouped<'a> {
    /// `None` if each row stands for itself, or the keys are chosen by polars.
    fn of(select: &'a Select) -> Option<Self> {
        let items = select.projection.iter().map(|item| match item {
            SelectItem::UnnamedExpr(expression) => Some((expression, None)),
            SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias.value.as_str()))),
            _ => None,
        });
        let items: Vec<_> = items.collect();
        let GroupByExpr::Expressions(by, _) = &select.group_by else { return None };
        let is_aggregated = items.iter().flatten().map(|(expression, _)| *expression).chain(&select.having).any(has_aggregate);
        if by.is_empty() && !is_aggregated {
            return None;
        }
        let mut keys = Vec::new();
        for key in by {
            let named =
                |(expression, alias): &(&'a Expr, Option<&str>)| (*alias == name(key) && alias.is_some()).then_some(*expression);
            let item = position(key).and_then(|number| items.get(number.checked_sub(1)?).copied().flatten());
            keys.push(key);
            keys.extend(item.map(|(expression, _)| expression));
            keys.extend(items.iter().flatten().find_map(named));
        }
        Some(Self { keys, aliases: items.iter().flatten().filter_map(|(_, alias)| *alias).collect() })
    }

    /// Ends with the first column outside of aggregates that is no key.
    fn check(&self, expression: &Expr, knows_aliases: bool) -> ControlFlow<String> {
        expression.visit(&mut Outside { grouped: self, knows_aliases, inside: 0 })
    }

    fn is_key(&self, expression: &Expr) -> bool {
        let is_same = |key: &&Expr| **key == *expression || (name(key).is_some() && name(key) == name(expression));
        self.keys.iter().any(is_same)
    }
}

/// Looks at what is outside of aggregates, keys and subqueries.
struct Outside<'a> {
    grouped: &'a Grouped<'a>,
    knows_aliases: bool,
    /// How deep it is inside of one of these.
    inside: usize,
}

impl Visitor for Outside<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<String> {
        if self.inside > 0 || is_aggregate(expression) || self.grouped.is_key(expression) {
            self.inside += 1;
        } else if let Some(name) = name(expression)
            && !(self.knows_aliases && self.grouped.aliases.contains(&name))
        {
            return ControlFlow::Break(beside(name));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.inside = self.inside.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }
}

fn is_arithmetic(expression: &Expr) -> bool {
    use BinaryOperator::{Divide, DuckIntegerDivide, Minus, Modulo, Multiply, Plus};
    let is_operator =
        |operator: &BinaryOperator| matches!(operator, Plus | Minus | Multiply | Divide | DuckIntegerDivide | Modulo);
    matches!(expression, Expr::BinaryOp { op, .. } if is_operator(op))
}

/// The name of a column, without that of its table.
fn name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Identifier(name) => Some(&name.value),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

/// The place in the answer that a number in `group by` or `order by` means.
fn position(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn is_aggregate(expression: &Expr) -> bool {
    let is_known = |function: &Function| {
        let name = function.name.0.last().and_then(|part| part.as_ident());
        name.is_some_and(|name| AGGREGATES.iter().any(|aggregate| name.value.eq_ignore_ascii_case(aggregate)))
    };
    matches!(expression, Expr::Function(function) if function.over.is_none() && is_known(function))
}

/// Whether an expression aggregates outside of subqueries.
fn has_aggregate(expression: &Expr) -> bool {
    /// How deep it is inside of subqueries.
    struct Find(usize);
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if self.0 == 0 && is_aggregate(expression) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
    }
    expression.visit(&mut Find(0)).is_break()
}
