//! The values of a key in a batch, each distinct one once.
//!
//! Every row gets the number of its value. Values are told apart as cheaply as the column allows: texts and bytes by where
//! they lie, so that a value that is stored twice may have two numbers.

use super::Cell;
use crate::Error;
use crate::logs::ast::Place;
use crate::logs::field::Key;
use crate::logs::severity::class_name;
use crate::rows::{ByteColumn, Columns, TextColumn, attribute_value, malformed};
use crate::value::{Scope, resource_attributes};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::wire::{self, Malformed};
use binnacle_storage::segment::{ATTRIBUTES_REST, attribute_column_name};
use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

/// Of each row looked at, which of `values` it has.
pub(crate) struct Codes {
    pub(crate) codes: Vec<u32>,
    pub(crate) values: Vec<Cell>,
}

/// The values of `key` in these rows.
pub(crate) fn codes(key: &Key, batch: &RecordBatch, rows: &[u32]) -> Result<Codes, Error> {
    let columns = Columns(batch);
    match key {
        Key::Severity => {
            let (number, text) = (columns.int("severity_number")?, columns.text("severity_text")?);
            number_rows(
                rows,
                |row| Ok((number.i32(row), text.view(row))),
                |row| Ok(Cell::text(class_name(number.i32(row), text.value(row)).as_deref())),
            )
        }
        Key::TraceId => ids("trace_id", columns, rows),
        Key::SpanId => ids("span_id", columns, rows),
        Key::In(Place::Service) => text("service", columns, rows),
        Key::In(Place::Body) => text("body", columns, rows),
        Key::In(Place::EventName) => text("event_name", columns, rows),
        Key::In(Place::Scope) => {
            let scopes = columns.bytes("scope")?;
            bytes("scope", &scopes, rows, |bytes| Ok(Cell::text(Some(Scope::name_of(bytes)?))))
        }
        Key::In(Place::Resource(key)) => {
            let resources = columns.bytes("resource")?;
            bytes("resource", &resources, rows, |bytes| resource_attribute(bytes, key))
        }
        Key::In(Place::Attribute(key)) => Attribute::of(columns, key, false)?.codes(rows),
        Key::In(Place::Any(key)) => Attribute::of(columns, key, true)?.codes(rows),
    }
}

/// Numbers the rows by `mark`; equal marks have equal values.
fn number_rows<M: Hash + Eq>(
    rows: &[u32],
    mark: impl Fn(usize) -> Result<M, Error>,
    value: impl Fn(usize) -> Result<Cell, Error>,
) -> Result<Codes, Error> {
    let mut known: HashMap<M, u32> = HashMap::new();
    let mut all = Codes { codes: Vec::with_capacity(rows.len()), values: Vec::new() };
    for &row in rows {
        let next = all.values.len() as u32;
        let code = *known.entry(mark(row as usize)?).or_insert(next);
        if code == next {
            all.values.push(value(row as usize)?);
        }
        all.codes.push(code);
    }
    Ok(all)
}

fn text(name: &str, columns: Columns<'_>, rows: &[u32]) -> Result<Codes, Error> {
    let column = columns.text(name)?;
    number_rows(rows, |row| Ok(column.view(row)), |row| Ok(Cell::text(column.value(row))))
}

fn ids(name: &str, columns: Columns<'_>, rows: &[u32]) -> Result<Codes, Error> {
    let column = columns.fixed(name)?;
    let hex = |row| {
        let bytes: Option<&[u8]> = column.value(row);
        bytes.map_or(Cell::None, |bytes| {
            let mut text = String::with_capacity(2 * bytes.len());
            for byte in bytes {
                // Writing to memory cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            Cell::Text(text)
        })
    };
    number_rows(rows, |row| Ok(column.value(row)), |row| Ok(hex(row)))
}

fn bytes(
    name: &'static str,
    column: &ByteColumn,
    rows: &[u32],
    value: impl Fn(&[u8]) -> Result<Cell, Malformed>,
) -> Result<Codes, Error> {
    let value = |row| match column.value(row) {
        None => Ok(Cell::None),
        Some(bytes) => value(bytes).map_err(|error| malformed(name, error)),
    };
    number_rows(rows, |row| Ok(column.view(row)), value)
}

fn resource_attribute(bytes: &[u8], key: &str) -> Result<Cell, Malformed> {
    for attribute in resource_attributes(bytes) {
        let attribute = attribute?;
        if attribute.key == key {
            return Ok(Cell::of(&attribute.value));
        }
    }
    Ok(Cell::None)
}

/// Where a record's attribute can be.
struct Attribute<'a> {
    key: &'a str,
    own: Option<ArrayRef>,
    own_text: Option<TextColumn>,
    rest: ByteColumn,
    /// Looked at where the record has none of its own.
    resource: Option<ByteColumn>,
}

/// What tells values of an attribute apart.
#[derive(PartialEq, Eq, Hash)]
enum Mark {
    Text(u128),
    Cell(Cell),
    Resource(u128),
    None,
}

impl Attribute<'_> {
    fn of<'a>(
        columns: Columns<'_>,
        key: &'a str,
        of_resource: bool,
    ) -> Result<Attribute<'a>, Error> {
        let name = attribute_column_name(key);
        let own = columns.0.column_by_name(&name).cloned();
        let is_text = own.as_ref().is_some_and(|own| *own.data_type() == DataType::Utf8View);
        Ok(Attribute {
            key,
            own_text: if is_text { Some(columns.text(&name)?) } else { None },
            own,
            rest: columns.bytes(ATTRIBUTES_REST)?,
            resource: if of_resource { Some(columns.bytes("resource")?) } else { None },
        })
    }

    fn codes(&self, rows: &[u32]) -> Result<Codes, Error> {
        number_rows(rows, |row| self.mark(row), |row| self.value(row))
    }

    fn mark(&self, row: usize) -> Result<Mark, Error> {
        if let Some(view) = self.own_text.as_ref().and_then(|column| column.view(row)) {
            return Ok(Mark::Text(view));
        }
        if let Some(cell) = self.own_cell(row)? {
            return Ok(Mark::Cell(cell));
        }
        let resource = self.resource.as_ref().and_then(|column| column.view(row));
        Ok(resource.map_or(Mark::None, Mark::Resource))
    }

    fn value(&self, row: usize) -> Result<Cell, Error> {
        if let Some(cell) = self.own_cell(row)? {
            return Ok(cell);
        }
        match self.resource.as_ref().and_then(|column| column.value(row)) {
            None => Ok(Cell::None),
            Some(bytes) => {
                resource_attribute(bytes, self.key).map_err(|error| malformed("resource", error))
            }
        }
    }

    /// The record's own value; its first, where it has several.
    fn own_cell(&self, row: usize) -> Result<Option<Cell>, Error> {
        let column = self.own.as_ref().filter(|column| column.is_valid(row));
        if let Some(value) = column.and_then(|column| attribute_value(column, row)) {
            return Ok(Some(Cell::of(&value)));
        }
        for attribute in wire::attributes(self.rest.value(row).unwrap_or_default()) {
            let attribute = attribute.map_err(|error| malformed(ATTRIBUTES_REST, error))?;
            if attribute.key == self.key {
                return Ok(Some(Cell::of(&attribute.value)));
            }
        }
        Ok(None)
    }
}
