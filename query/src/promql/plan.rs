//! What has to be read for a query: for every selector, which series and which time.

use super::ast::*;
use super::eval::{Grid, subquery_grid};
use super::function::info;
use super::labels::Matcher;
use super::source::Select;
use std::collections::HashMap;

/// Inclusive Unix milliseconds.
type Range = (i64, i64);

/// The selectors of a query.
#[derive(Debug, Default)]
pub struct Plan {
    /// By the selectors' ids.
    pub selectors: HashMap<usize, (Vec<Matcher>, Range)>,
    /// Of `info` calls, by where they stand in the text.
    pub info: HashMap<usize, (Vec<Matcher>, Range)>,
}

pub fn plan(expr: &Expr, grid: Grid, lookback: i64, subquery_step: i64) -> Plan {
    let mut plan = Plan::default();
    Planner { plan: &mut plan, lookback, subquery_step }.visit(expr, grid);
    plan
}

impl Plan {
    pub fn select((matchers, (start, end)): &(Vec<Matcher>, Range), bytes_max: u64) -> Select {
        Select { matchers: matchers.clone(), start: *start, end: *end, bytes_max }
    }
}

struct Planner<'a> {
    plan: &'a mut Plan,
    lookback: i64,
    subquery_step: i64,
}

impl Planner<'_> {
    fn visit(&mut self, expr: &Expr, grid: Grid) {
        match expr {
            Expr::Number(_) | Expr::Text(_) => {}
            Expr::Vector(node) => self.selector(node, grid, self.lookback - 1),
            Expr::Matrix(node) => {
                let extra =
                    if node.selector.edges == Edges::Plain { -1 } else { self.lookback - 1 };
                self.selector(&node.selector, grid, node.range_ms + extra);
            }
            Expr::Subquery(node) => {
                self.visit(&node.expr, subquery_grid(node, grid, self.subquery_step));
            }
            Expr::Paren(inner, _) => self.visit(inner, grid),
            Expr::Unary(node) => self.visit(&node.expr, grid),
            Expr::Binary(node) => {
                self.visit(&node.left, grid);
                self.visit(&node.right, grid);
            }
            Expr::Call(node) if node.function.name == "info" => {
                let request = info::request(node, grid, self.lookback);
                self.plan.info.insert(node.span.start, request);
                if let Some(first) = node.args.first() {
                    self.visit(first, grid);
                }
            }
            Expr::Call(node) => node.args.iter().for_each(|arg| self.visit(arg, grid)),
            Expr::Aggregate(node) => {
                if let Some(parameter) = &node.parameter {
                    self.visit(parameter, grid);
                }
                self.visit(&node.expr, grid);
            }
        }
    }

    /// `before` is how far samples before the moment matter; the moment at exactly that distance does not.
    fn selector(&mut self, node: &VectorSelector, grid: Grid, before: i64) {
        let after = if node.edges == Edges::Smoothed { self.lookback } else { 0 };
        let start = node.shift.apply(grid.start).saturating_sub(before);
        let end = node.shift.apply(grid.end).saturating_add(after);
        self.plan.selectors.insert(node.id, (node.matchers.clone(), (start, end)));
    }
}
