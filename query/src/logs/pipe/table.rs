//! The table that a pipe answers with.

use super::{Cell, Groups, Named, Sort};
use crate::logs::patterns::LogPattern;
use crate::value::AnyValue;
use crate::{Error, StatsSnapshot};
use std::cmp::Ordering;

/// Rows made of all records that match.
#[derive(Debug, Clone, PartialEq)]
pub struct LogTable {
    pub columns: Vec<TableColumn>,
    pub rows: Vec<Vec<TableCell>>,
    /// There are more rows than these.
    pub truncated: bool,
    /// Asks for the next rows, where the table is one of records; `None` when these are the last.
    pub cursor: Option<String>,
    pub stats: StatsSnapshot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub kind: TableKind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Values of any type, as they are stored.
    Any,
    Text,
    Count,
    /// Unix nanoseconds.
    Time,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TableCell {
    Value(AnyValue),
    Count(u64),
    Time(i64),
}

impl LogTable {
    pub(super) fn new(columns: Vec<(&str, TableKind)>, rows: Vec<Vec<TableCell>>) -> LogTable {
        let column = |(name, kind): (&str, TableKind)| TableColumn { name: name.to_owned(), kind };
        LogTable {
            columns: columns.into_iter().map(column).collect(),
            rows,
            truncated: false,
            cursor: None,
            stats: StatsSnapshot::default(),
        }
    }

    /// By one column; rows that are equal there stay in order.
    pub(super) fn sort(&mut self, sort: &Sort) {
        self.rows.sort_by(|a, b| {
            let order = compare(&a[sort.column], &b[sort.column]);
            if sort.descending { order.reverse() } else { order }
        });
    }

    /// Keeps the first rows. Where the query said how many, that there were more is no loss.
    pub(super) fn cut(&mut self, limit: usize, is_loss: bool) {
        self.truncated = is_loss && self.rows.len() > limit;
        self.rows.truncate(limit);
    }
}

fn compare(a: &TableCell, b: &TableCell) -> Ordering {
    match (a, b) {
        (TableCell::Count(a), TableCell::Count(b)) => a.cmp(b),
        (TableCell::Time(a), TableCell::Time(b)) => a.cmp(b),
        (TableCell::Value(a), TableCell::Value(b)) => compare_values(a, b),
        _ => Ordering::Equal,
    }
}

/// Types in a fixed order; numbers of both types by size.
fn compare_values(a: &AnyValue, b: &AnyValue) -> Ordering {
    let rank = |value: &AnyValue| match value {
        AnyValue::Empty => 0,
        AnyValue::Bool(_) => 1,
        AnyValue::Int(_) | AnyValue::Double(_) => 2,
        AnyValue::String(_) => 3,
        _ => 4,
    };
    let number = |value: &AnyValue| match value {
        AnyValue::Int(number) => *number as f64,
        AnyValue::Double(number) => *number,
        _ => 0.0,
    };
    match (a, b) {
        (AnyValue::Bool(a), AnyValue::Bool(b)) => a.cmp(b),
        (AnyValue::Int(a), AnyValue::Int(b)) => a.cmp(b),
        (AnyValue::String(a), AnyValue::String(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)).then_with(|| number(a).total_cmp(&number(b))),
    }
}

fn value(cell: &Cell) -> TableCell {
    TableCell::Value(cell.value())
}

/// `count`: by time, where the query says so, then the most frequent first, then by values.
pub(super) fn counts(groups: &Groups, by: &[Named], per: Option<i64>) -> Result<LogTable, Error> {
    let mut columns = Vec::new();
    if per.is_some() {
        columns.push(("time", TableKind::Time));
    }
    columns.extend(by.iter().map(|named| (named.name.as_str(), TableKind::Any)));
    columns.push(("count", TableKind::Count));
    let mut found = groups.by_count();
    if per.is_some() {
        // Stable: of one time the most frequent stay first.
        found.sort_by(|a, b| a.0.first().cmp(&b.0.first()));
    }
    let mut rows: Vec<Vec<TableCell>> = Vec::with_capacity(found.len());
    for (values, count) in found {
        let mut row = Vec::with_capacity(columns.len());
        let mut values = values.iter();
        if per.is_some()
            && let Some(Cell::Int(begin)) = values.next()
        {
            row.push(TableCell::Time(*begin));
        }
        row.extend(values.map(value));
        row.push(TableCell::Count(count));
        rows.push(row);
    }
    if rows.is_empty() && by.is_empty() && per.is_none() {
        rows.push(vec![TableCell::Count(0)]);
    }
    Ok(LogTable::new(columns, rows))
}

/// `top`: the most frequent; records that lack one of the keys do not count.
pub(super) fn top(groups: &Groups, by: &[Named], most: usize) -> Result<LogTable, Error> {
    let mut columns: Vec<_> = by.iter().map(|n| (n.name.as_str(), TableKind::Any)).collect();
    columns.push(("count", TableKind::Count));
    let found = groups.by_count().into_iter().filter(|(values, _)| !values.contains(&Cell::None));
    let row = |(values, count): (&[Cell], u64)| {
        values.iter().map(value).chain([TableCell::Count(count)]).collect()
    };
    Ok(LogTable::new(columns, found.take(most).map(row).collect()))
}

/// `pattern`: the most frequent first.
pub(super) fn patterns(patterns: Vec<LogPattern>) -> LogTable {
    let columns = vec![
        ("pattern", TableKind::Text),
        ("count", TableKind::Count),
        ("severity", TableKind::Text),
        ("first", TableKind::Time),
        ("last", TableKind::Time),
        ("sample", TableKind::Text),
    ];
    let text =
        |text: Option<String>| TableCell::Value(text.map_or(AnyValue::Empty, AnyValue::String));
    let row = |pattern: LogPattern| {
        vec![
            text(pattern.pattern),
            TableCell::Count(pattern.count),
            text(pattern.severity.map(str::to_owned)),
            TableCell::Time(pattern.first.0),
            TableCell::Time(pattern.last.0),
            text(pattern.sample),
        ]
    };
    LogTable::new(columns, patterns.into_iter().map(row).collect())
}
