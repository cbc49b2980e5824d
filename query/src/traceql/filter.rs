//! Which rows of a batch the conditions leave open.
//!
//! Comparisons of a field with a value narrow all rows column by column, as far as a column alone tells; the rest is
//! evaluated row by row.

use super::ast::{Comparison, Literal};
use super::condition::Condition;
use super::row_fields::RowReader;
use super::value::{Value, compare};
use crate::rows::IntColumn;
use regex::Regex;

/// The rows below `count` that one of the conditions leaves open, and that start within `times`.
pub(super) fn open_rows(
    conditions: Option<&[Condition]>,
    reader: &RowReader,
    count: usize,
    times: Option<(&IntColumn, i64, i64)>,
) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..count as u32).collect();
    if let Some((column, from, to)) = times {
        let within = |time: i64| (from..=to).contains(&time);
        rows.retain(|&row| column.value(row as usize).is_some_and(within));
    }
    match conditions {
        None => {}
        Some([condition]) => narrow(condition, reader, &mut rows),
        Some(conditions) => rows.retain(|&row| {
            let fields = reader.row(row as usize);
            conditions.iter().any(|condition| condition.holds(&fields) != Some(false))
        }),
    }
    rows
}

/// Keeps the rows for which the condition is not false.
fn narrow(condition: &Condition, reader: &RowReader, rows: &mut Vec<u32>) {
    match condition {
        Condition::And(left, right) => {
            narrow(left, reader, rows);
            narrow(right, reader, rows);
            return;
        }
        Condition::Compare { op, regex, left, right } => {
            if let (Condition::Field(slot), Condition::Literal(literal)) = (&**left, &**right) {
                let test = |value: &Value<'_>| is_open(*op, value, literal, regex.as_ref());
                if reader.narrow(*slot, &test, rows) {
                    return;
                }
            }
        }
        _ => {}
    }
    rows.retain(|&row| condition.holds(&reader.row(row as usize)) != Some(false));
}

fn is_open(op: Comparison, value: &Value<'_>, literal: &Literal, regex: Option<&Regex>) -> bool {
    compare(op, value, &literal.value(), regex) != Some(false)
}
