//! Evaluation: which rows of a batch match a query, exactly.
//!
//! Column by column: every part of the query narrows a list of row numbers, so a later part looks only at rows the
//! earlier ones left open. The log index never gets a say here; it only decides which rows are read at all.

use super::ast::{Place, Query, SeverityTest, Test};
use super::severity::effective_number;
use crate::Error;
use crate::rows::{ByteColumn, Columns, attribute_value, malformed};
use crate::value::{Resource, Scope, resource_attributes};
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::wire::{self, Malformed};
use binnacle_storage::segment::{ATTRIBUTES_REST, attribute_column_name};
use std::collections::HashMap;

/// Of `rows` (ascending), those that match.
pub(super) fn matching(
    query: &Query,
    batch: &RecordBatch,
    rows: Vec<u32>,
) -> Result<Vec<u32>, Error> {
    if rows.is_empty() {
        return Ok(rows);
    }
    match query {
        Query::And(parts) => parts.iter().try_fold(rows, |rows, part| matching(part, batch, rows)),
        Query::Or(parts) => {
            let mut open = rows;
            let mut all = Vec::new();
            for part in parts {
                let matched = matching(part, batch, open.clone())?;
                open = without(open, &matched);
                all.extend(matched);
            }
            all.sort_unstable();
            Ok(all)
        }
        Query::Not(inner) => {
            let matched = matching(inner, batch, rows.clone())?;
            Ok(without(rows, &matched))
        }
        leaf => matching_leaf(leaf, batch, rows),
    }
}

/// `rows` without `taken`; both ascending.
fn without(mut rows: Vec<u32>, taken: &[u32]) -> Vec<u32> {
    let mut taken = taken.iter().peekable();
    rows.retain(|row| taken.next_if_eq(&row).is_none());
    rows
}

fn matching_leaf(query: &Query, batch: &RecordBatch, rows: Vec<u32>) -> Result<Vec<u32>, Error> {
    let columns = Columns(batch);
    match query {
        Query::And(_) | Query::Or(_) | Query::Not(_) => matching(query, batch, rows),
        Query::Text(text) => {
            let body = columns.text("body")?;
            Ok(keep(rows, |row| body.value(row).is_some_and(|body| text.matches(body))))
        }
        Query::Severity(test) => {
            let number = columns.int("severity_number")?;
            let text = columns.text("severity_text")?;
            Ok(keep(rows, |row| severity_passes(test, number.i32(row), text.value(row))))
        }
        Query::TraceId(id) => {
            let ids = columns.fixed("trace_id")?;
            let wanted = id.as_ref().map(|id| id.0.as_slice());
            Ok(keep(rows, |row| id_passes(ids.value(row), wanted)))
        }
        Query::SpanId(id) => {
            let ids = columns.fixed("span_id")?;
            let wanted = id.as_ref().map(|id| id.0.as_slice());
            Ok(keep(rows, |row| id_passes(ids.value(row), wanted)))
        }
        Query::Field(place, test) => matching_field(place, test, columns, rows),
        Query::Resource(wanted) => {
            let mut resources = Remembered::new("resource", columns.bytes("resource")?);
            let is_wanted = |bytes: &[u8]| {
                let resource = Resource::decode(bytes)?;
                Ok(wanted.iter().any(|wanted| **wanted == resource))
            };
            try_keep(rows, |row| resources.decide(row, is_wanted))
        }
    }
}

fn matching_field(
    place: &Place,
    test: &Test,
    columns: Columns<'_>,
    rows: Vec<u32>,
) -> Result<Vec<u32>, Error> {
    let text = |name: &str| -> Result<Vec<u32>, Error> {
        let column = columns.text(name)?;
        Ok(keep(rows.clone(), |row| test.passes_text(column.value(row))))
    };
    match place {
        Place::Service => text("service"),
        Place::Body => text("body"),
        Place::EventName => text("event_name"),
        Place::Scope => {
            let mut scopes = Remembered::new("scope", columns.bytes("scope")?);
            try_keep(rows, |row| {
                scopes.decide(row, |bytes| Ok(test.passes_text(Some(Scope::name_of(bytes)?))))
            })
        }
        Place::Resource(key) => {
            let mut resources = Remembered::new("resource", columns.bytes("resource")?);
            try_keep(rows, |row| resources.decide(row, |bytes| resource_passes(bytes, key, test)))
        }
        Place::Attribute(key) => {
            let attribute = AttributeColumns::of(columns, key)?;
            try_keep(rows, |row| Ok(attribute.passes(row, test)?.unwrap_or(false)))
        }
        Place::Any(key) => {
            let attribute = AttributeColumns::of(columns, key)?;
            let mut resources = Remembered::new("resource", columns.bytes("resource")?);
            try_keep(rows, |row| match attribute.passes(row, test)? {
                Some(passes) => Ok(passes),
                None => resources.decide(row, |bytes| resource_passes(bytes, key, test)),
            })
        }
    }
}

fn keep(mut rows: Vec<u32>, passes: impl Fn(usize) -> bool) -> Vec<u32> {
    rows.retain(|&row| passes(row as usize));
    rows
}

fn try_keep(
    rows: Vec<u32>,
    mut passes: impl FnMut(usize) -> Result<bool, Error>,
) -> Result<Vec<u32>, Error> {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if passes(row as usize)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

fn severity_passes(test: &SeverityTest, number: i32, text: Option<&str>) -> bool {
    match test {
        SeverityTest::Exists => number != 0 || text.is_some_and(|text| !text.is_empty()),
        SeverityTest::Between(low, high) => {
            (*low..=*high).contains(&effective_number(number, text))
        }
        SeverityTest::Named(name) => text.is_some_and(|text| text.eq_ignore_ascii_case(name)),
    }
}

fn id_passes(id: Option<&[u8]>, wanted: Option<&[u8]>) -> bool {
    match wanted {
        None => id.is_some(),
        Some(_) => id == wanted,
    }
}

fn resource_passes(bytes: &[u8], key: &str, test: &Test) -> Result<bool, Malformed> {
    for attribute in resource_attributes(bytes) {
        let attribute = attribute?;
        if attribute.key == key && test.passes(&attribute.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A column of few distinct values: each is decided once per batch.
struct Remembered {
    name: &'static str,
    column: ByteColumn,
    decided: HashMap<u128, bool>,
}

impl Remembered {
    fn new(name: &'static str, column: ByteColumn) -> Remembered {
        Remembered { name, column, decided: HashMap::new() }
    }

    fn decide(
        &mut self,
        row: usize,
        decide: impl Fn(&[u8]) -> Result<bool, Malformed>,
    ) -> Result<bool, Error> {
        let (Some(view), Some(bytes)) = (self.column.view(row), self.column.value(row)) else {
            return Ok(false);
        };
        if let Some(&decided) = self.decided.get(&view) {
            return Ok(decided);
        }
        let decided = decide(bytes).map_err(|error| malformed(self.name, error))?;
        self.decided.insert(view, decided);
        Ok(decided)
    }
}

/// Where one attribute of a batch's rows can be.
struct AttributeColumns<'a> {
    key: &'a str,
    own: Option<ArrayRef>,
    rest: ByteColumn,
}

impl AttributeColumns<'_> {
    fn of<'a>(columns: Columns<'_>, key: &'a str) -> Result<AttributeColumns<'a>, Error> {
        let own = columns.0.column_by_name(&attribute_column_name(key)).cloned();
        Ok(AttributeColumns { key, own, rest: columns.bytes(ATTRIBUTES_REST)? })
    }

    /// Whether any of the row's values passes; `None` when it has none.
    fn passes(&self, row: usize, test: &Test) -> Result<Option<bool>, Error> {
        let damaged = |error| malformed(ATTRIBUTES_REST, error);
        let mut passes = None;
        if let Some(value) = self.own.as_ref().and_then(|column| attribute_value(column, row)) {
            passes = Some(test.passes(&value).map_err(damaged)?);
        }
        for attribute in wire::attributes(self.rest.value(row).unwrap_or_default()) {
            let attribute = attribute.map_err(damaged)?;
            if attribute.key == self.key && passes != Some(true) {
                passes = Some(test.passes(&attribute.value).map_err(damaged)?);
            }
        }
        Ok(passes)
    }
}
