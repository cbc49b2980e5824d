//! Sources of a merge: a batch in memory or a segment file, behind one column-wise face.

use super::column::{Slots, StringMode};
use super::file::SegmentFile;
use crate::Error;
use crate::batch::{AttributeColumn, AttributeType, Column, TableBatch, Values};
use crate::model::Value;

/// Rows that go into a merge. Sources are given oldest first.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    Batch(&'a TableBatch),
    File(&'a SegmentFile),
}

/// Called with a row and a `KeyValue` message.
pub(super) type EachMessage<'a> = dyn FnMut(u32, &[u8]) -> Result<(), Error> + 'a;

/// Called with a row and a value.
pub(super) type EachValue<'a> = dyn FnMut(u32, &Value<'_>) -> Result<(), Error> + 'a;

/// A column that a merge asks its sources for.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnRef<'a> {
    /// By position in the table.
    Table(usize),
    Attribute(&'a str, AttributeType),
}

/// How often strings of a column repeat, as far as the sources know without looking.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Repetition {
    pub values: u64,
    /// At most this many distinct ones.
    pub distinct: u64,
}

impl Repetition {
    /// Worth interning? Below one repetition per two values it only costs.
    pub fn mode(self) -> StringMode {
        if self.distinct * 2 <= self.values { StringMode::Coded } else { StringMode::Views }
    }
}

impl Source<'_> {
    pub fn rows(&self) -> u32 {
        match self {
            Source::Batch(batch) => batch.rows,
            Source::File(file) => file.rows(),
        }
    }

    /// Calls `visit(key, type, rows)` for every attribute column.
    pub(super) fn each_attribute_column(&self, visit: &mut dyn FnMut(&str, AttributeType, u64)) {
        match self {
            Source::Batch(batch) => {
                for attribute in &batch.attributes {
                    visit(&attribute.key, attribute.kind, attribute.column.len() as u64);
                }
            }
            Source::File(file) => file.each_attribute_column(visit),
        }
    }

    /// Calls `visit(row, KeyValue message)` for everything in the rest, rows ascending, a row's in their order.
    pub(super) fn each_in_rest(&self, visit: &mut EachMessage<'_>) -> Result<(), Error> {
        match self {
            Source::Batch(batch) => {
                let rest = &batch.rest;
                let Values::Bytes(messages) = &rest.values else {
                    unreachable!("the rest of a batch is bytes")
                };
                (0..rest.len()).try_for_each(|index| visit(rest.row(index), messages.value(index)))
            }
            Source::File(file) => file.each_in_rest(visit),
        }
    }

    /// Whether the rest may hold one of `keys`.
    pub(super) fn may_have_in_rest(&self, keys: &[&str]) -> bool {
        match self {
            Source::Batch(batch) => !batch.rest.is_empty(),
            Source::File(file) => file.may_have_in_rest(keys),
        }
    }

    /// Puts the column's values at `positions` (one per row). A source without the column puts nothing.
    pub(super) fn place(
        &self,
        column: ColumnRef<'_>,
        positions: &[u32],
        into: &mut Slots,
    ) -> Result<(), Error> {
        match self {
            Source::Batch(batch) => match find(batch, column) {
                Some(from) => into.place(from, positions),
                None => Ok(()),
            },
            Source::File(file) => file.place(column, positions, into),
        }
    }

    /// Calls `visit(row, value)` for each value of an attribute column that the output has no column for.
    pub(super) fn each_value(
        &self,
        key: &str,
        kind: AttributeType,
        visit: &mut EachValue<'_>,
    ) -> Result<(), Error> {
        match self {
            Source::Batch(batch) => match attribute(batch, key, kind) {
                Some(from) => (0..from.column.len())
                    .try_for_each(|index| visit(from.column.row(index), &from.value(index))),
                None => Ok(()),
            },
            Source::File(file) => file.each_value(key, kind, visit),
        }
    }

    pub(super) fn repetition(&self, column: ColumnRef<'_>) -> Repetition {
        match self {
            Source::Batch(batch) => match find(batch, column).map(|column| &column.values) {
                Some(Values::Text(strings) | Values::Bytes(strings)) => Repetition {
                    values: strings.len() as u64,
                    distinct: strings.dictionary.len() as u64,
                },
                _ => Repetition::default(),
            },
            Source::File(file) => file.repetition(column),
        }
    }
}

fn find<'a>(batch: &'a TableBatch, column: ColumnRef<'_>) -> Option<&'a Column> {
    match column {
        ColumnRef::Table(index) => Some(&batch.columns[index]),
        ColumnRef::Attribute(key, kind) => attribute(batch, key, kind).map(|found| &found.column),
    }
}

fn attribute<'a>(
    batch: &'a TableBatch,
    key: &str,
    kind: AttributeType,
) -> Option<&'a AttributeColumn> {
    batch.attributes.iter().find(|attribute| attribute.kind == kind && *attribute.key == *key)
}
