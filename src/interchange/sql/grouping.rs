//! Refuses what other engines refuse about aggregates and `distinct`, and polars answers with some row's value or a misleading
//! message: a column beside an aggregate that is not grouped by, an aggregate where rows are chosen or inside another one, and
//! distinct rows in the order of a column that they do not have.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, Function, GroupByExpr, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Value,
    Visit, Visitor,
};

/// Functions that make one value of many rows, in polars or in other engines.
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_count_distinct",
    "arg_max",
    "arg_min",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "every",
    "first",
    "group_concat",
    "kurtosis",
    "last",
    "listagg",
    "mad",
    "max",
    "max_by",
    "median",
    "min",
    "min_by",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "product",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_pop",
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
        if is_aggregate(expression) && has_aggregate_inside(expression) {
            return ControlFlow::Break(format!(
                "`{expression}` aggregates what is aggregated already: compute the inner one in a subquery, as in `select max(m) \
                from (select avg(…) as m from records group by …)`"
            ));
        }
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
        let order: Vec<_> = order_of(query).iter().map(|one| &one.expr).filter(|one| position(one).is_none()).collect();
        if let Some(grouped) = Grouped::find(select) {
            order.iter().try_for_each(|one| grouped.check(one, true))?;
        } else if let Some(aggregate) = order.iter().find(|one| has_aggregate(**one)) {
            return ControlFlow::Break(format!("`order by {aggregate}` aggregates, and needs a `group by`"));
        }
        match select.distinct {
            Some(Distinct::Distinct) => order.iter().try_for_each(|one| is_selected(one, select)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        only_of_rows("where", &select.selection)?;
        for join in select.from.iter().flat_map(|table| &table.joins) {
            only_of_rows("on", &join.join_operator)?;
        }
        only_of_rows("group by", &select.group_by)?;
        let Some(grouped) = Grouped::find(select) else { return ControlFlow::Continue(()) };
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

/// Ends with an error if a clause that looks at one row at a time has an aggregate.
fn only_of_rows(clause: &str, part: &impl Visit) -> ControlFlow<String> {
    match aggregate_in(part) {
        Some(aggregate) => ControlFlow::Break(format!(
            "`{aggregate}` cannot stand in `{clause}`, which looks at one row at a time: choose groups with `having`, or compare \
            with a subquery, as in `where flops in (select max(flops) from records)`"
        )),
        None => ControlFlow::Continue(()),
    }
}

/// Ends with an error if distinct rows are ordered by a column that they do not have.
fn is_selected(order: &Expr, select: &Select) -> ControlFlow<String> {
    let is_it = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expression) => expression == order || (name(order).is_some() && name(order) == name(expression)),
        SelectItem::ExprWithAlias { expr, alias } => expr == order || name(order) == Some(&alias.value),
        _ => true,
    };
    if select.projection.iter().any(is_it) {
        return ControlFlow::Continue(());
    }
    ControlFlow::Break(format!(
        "distinct rows are ordered by what they have: select `{order}`, too, or leave it out of `order by`"
    ))
}

/// What a query is ordered by.
pub(super) fn order_of(query: &Query) -> &[OrderByExpr] {
    match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(order)) => order,
        _ => &[],
    }
}

/// A `select` of which each row stands for a group of rows.
struct Grouped<'a> {
    keys: Vec<&'a Expr>,
    /// The names that the `select` gives.
    aliases: Vec<&'a str>,
}

impl<'a> Grouped<'a> {
    /// `None` if each row stands for itself, or the keys are chosen by polars.
    fn find(select: &'a Select) -> Option<Self> {
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

/// Returns the name of a column, without that of its table.
pub(super) fn name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Identifier(name) => Some(&name.value),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

/// Returns the position in the answer that a number in `group by` or `order by` means.
pub(super) fn position(expression: &Expr) -> Option<usize> {
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

/// Returns whether something aggregates outside of subqueries.
pub(super) fn has_aggregate(part: &impl Visit) -> bool {
    aggregate_in(part).is_some()
}

/// Returns whether an aggregate has another one among its arguments.
fn has_aggregate_inside(aggregate: &Expr) -> bool {
    matches!(aggregate, Expr::Function(function) if has_aggregate(&function.args))
}

/// Returns the first aggregate outside of subqueries.
fn aggregate_in(part: &impl Visit) -> Option<Expr> {
    /// How deep it is inside of subqueries.
    struct Find(usize);
    impl Visitor for Find {
        type Break = Expr;

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Expr> {
            if self.0 == 0 && is_aggregate(expression) {
                ControlFlow::Break(expression.clone())
            } else {
                ControlFlow::Continue(())
            }
        }

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Expr> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Expr> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
    }
    part.visit(&mut Find(0)).break_value()
}
