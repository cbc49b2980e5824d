//! `sort` and its relatives: the order an instant query shows its series in.

use super::super::annotation::Annotation;
use super::super::ast::Call;
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::series::Column;
use super::{arg, text};
use std::cmp::Ordering;

pub fn sort(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    if evaluator.times.is_range() {
        evaluator.note(Annotation::SortIneffective, node.span);
    }
    let name = node.function.name;
    let descending = name.ends_with("_desc");
    let mut columns = evaluator.vector(arg(node, 0)?, grid)?;
    if name.starts_with("sort_by_label") {
        let names =
            (1..node.args.len()).map(|index| text(node, index)).collect::<Result<Vec<_>, _>>()?;
        columns.sort_by(|a, b| {
            let order = by_labels(a, b, &names);
            if descending { order.reverse() } else { order }
        });
        return Ok(columns);
    }
    for column in &mut columns {
        column.histograms = None;
    }
    columns.retain(Column::has_any);
    if grid.count() == 1 {
        columns.sort_by(|a, b| by_value(a.floats[0], b.floats[0], descending));
    }
    Ok(columns)
}

/// Values that are not numbers come last either way.
fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

fn by_labels(a: &Column, b: &Column, names: &[&str]) -> Ordering {
    for name in names {
        let order = natural(a.labels.value(name), b.labels.value(name));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.labels.cmp(&b.labels)
}

/// Numbers inside of texts compare as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (left.is_empty(), right.is_empty()) {
            (true, true) => return a.cmp(b),
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let ((first, left_rest), (second, right_rest)) = (part(left), part(right));
        let order = match (is_number(first), is_number(second)) {
            (true, true) => number(first, second),
            _ => first.cmp(second),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The digits, or everything but digits, at the start.
fn part(text: &str) -> (&str, &str) {
    let digits = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn number(a: &str, b: &str) -> Ordering {
    let (short_a, short_b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    short_a.len().cmp(&short_b.len()).then_with(|| short_a.cmp(short_b))
}
