//! `absent` and `absent_over_time`: a series where there is none, with the labels the selector is sure of.

use super::super::ast::{Call, Expr};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid, Slider};
use super::super::labels::{Labels, METRIC_NAME, MatchOp, Matcher};
use super::super::series::Column;
use super::arg;

pub fn absent(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    let columns = evaluator.vector(arg(node, 0)?, grid)?;
    let present = |step: usize| columns.iter().any(|column| column.has(step));
    Ok(series(sure_labels(arg(node, 0)?), grid, present))
}

pub fn absent_over_time(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let ranges = evaluator.ranges(arg(node, 0)?, grid)?;
    let mut present = vec![false; grid.count()];
    for samples in ranges.series.iter() {
        evaluator.check_time()?;
        let samples = samples.without_stale();
        let mut slider = Slider::default();
        for (step, present) in present.iter_mut().enumerate() {
            let end = ranges.shift.apply(grid.time(step));
            *present |=
                !slider.window(&samples, end.saturating_sub(ranges.range_ms), end).is_empty();
        }
    }
    Ok(series(sure_labels(arg(node, 0)?), grid, |step| present[step]))
}

fn series(labels: Labels, grid: Grid, present: impl Fn(usize) -> bool) -> Vec<Column> {
    let mut column = Column::empty(labels, false, grid.count());
    for step in (0..grid.count()).filter(|step| !present(*step)) {
        column.floats[step] = 1.0;
    }
    if column.has_any() { vec![column] } else { Vec::new() }
}

/// Labels that every series of a selector has.
fn sure_labels(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match expr.bare() {
        Expr::Vector(selector) => &selector.matchers,
        Expr::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::default(),
    };
    let mut labels = Labels::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| &*matcher.name != METRIC_NAME) {
        let is_sure = matcher.op == MatchOp::Equal && !seen.contains(&&*matcher.name);
        if is_sure {
            seen.push(&matcher.name);
        }
        labels = labels.with(&matcher.name, if is_sure { &matcher.value } else { "" });
    }
    labels
}
