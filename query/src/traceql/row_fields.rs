//! Fields of a span of which only its row is known.
//!
//! Everything a row holds is read from its columns, without building a span. What hangs on other rows (the parent's
//! attributes, the trace's root) is [`Value::Unknown`] here.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::condition::FieldValues;
use super::span_fields::{event_attribute, link_attribute, one, part_value};
use super::value::Value;
use crate::Error;
use crate::rows::{
    ByteColumn, Columns, FixedColumn, IntColumn, Shared, TextColumn, attribute_value, malformed,
};
use crate::value::{Resource, Scope, SpanEvent, SpanLink, span_events, span_links};
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Value as Stored, wire};
use binnacle_storage::segment::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads the fields of a batch's rows.
pub(super) struct RowReader {
    readers: Vec<Reader>,
    rest: ByteColumn,
    start_time: IntColumn,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
    events: Vec<Vec<SpanEvent>>,
    links: Vec<Vec<SpanLink>>,
}

/// Where a field's value is in a row.
enum Reader {
    Unknown,
    Text(TextColumn),
    Duration(IntColumn),
    Status(IntColumn),
    Kind(IntColumn),
    Id(FixedColumn),
    ScopeName,
    ScopeVersion,
    Part(Intrinsic),
    Attribute { scope: AttributeScope, name: String, own: Option<ArrayRef> },
}

/// Whether a row alone tells the field's value.
pub(super) fn is_of_row(field: &Field) -> bool {
    match field {
        Field::Attribute { of_parent, .. } => !of_parent,
        Field::Intrinsic(intrinsic) => !matches!(
            intrinsic,
            Intrinsic::ChildCount
                | Intrinsic::NestedSetLeft
                | Intrinsic::NestedSetRight
                | Intrinsic::NestedSetParent
                | Intrinsic::TraceDuration
                | Intrinsic::RootName
                | Intrinsic::RootService
        ),
    }
}

/// The columns that the fields are in, in a file whose attributes are where `keys` says.
pub(super) fn columns(fields: &[Field], keys: &AttributeKeys) -> Vec<String> {
    let mut names: BTreeSet<String> = ["trace_id", "start_time"].map(str::to_owned).into();
    for field in fields.iter().filter(|field| is_of_row(field)) {
        match field {
            Field::Intrinsic(intrinsic) => names.extend(column(*intrinsic).map(str::to_owned)),
            Field::Attribute { scope, name, .. } => {
                if let AttributeScope::Any | AttributeScope::Span = scope {
                    if keys.columns.contains_key(name) {
                        names.insert(attribute_column_name(name));
                    }
                    if keys.may_be_in_rest(name) {
                        names.insert(ATTRIBUTES_REST.to_owned());
                    }
                }
                names.extend(scope_columns(*scope).iter().map(|&name| name.to_owned()));
            }
        }
    }
    names.into_iter().collect()
}

fn scope_columns(scope: AttributeScope) -> &'static [&'static str] {
    match scope {
        AttributeScope::Any => &["resource", "events", "links", "scope"],
        AttributeScope::Span => &[],
        AttributeScope::Resource => &["resource"],
        AttributeScope::Event => &["events"],
        AttributeScope::Link => &["links"],
        AttributeScope::Instrumentation => &["scope"],
    }
}

fn column(intrinsic: Intrinsic) -> Option<&'static str> {
    Some(match intrinsic {
        Intrinsic::Name => "name",
        Intrinsic::Duration => "duration",
        Intrinsic::Status => "status_code",
        Intrinsic::StatusMessage => "status_message",
        Intrinsic::Kind => "kind",
        Intrinsic::SpanId => "span_id",
        Intrinsic::ParentId | Intrinsic::Parent => "parent_span_id",
        Intrinsic::EventName | Intrinsic::EventTimeSinceStart => "events",
        Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => "links",
        Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => "scope",
        _ => return None,
    })
}

impl RowReader {
    pub(super) fn of(
        batch: &RecordBatch,
        fields: &[Field],
        shared: &mut Shared,
    ) -> Result<RowReader, Error> {
        let columns = Columns(batch);
        let needed = |name| {
            fields.iter().filter(|field| is_of_row(field)).any(|field| match field {
                Field::Intrinsic(intrinsic) => column(*intrinsic) == Some(name),
                Field::Attribute { scope, .. } => scope_columns(*scope).contains(&name),
            })
        };
        let rows = if needed("resource") { 0..batch.num_rows() } else { 0..0 };
        let resources = runs(rows, &columns.bytes("resource")?, |bytes| shared.resource(bytes))?;
        let rows = if needed("scope") { 0..batch.num_rows() } else { 0..0 };
        let scopes = runs(rows, &columns.bytes("scope")?, |bytes| shared.scope(bytes))?;
        let rows = if needed("events") { 0..batch.num_rows() } else { 0..0 };
        let column = columns.bytes("events")?;
        let read = |row| span_events(column.value(row).unwrap_or_default());
        let events = rows.map(read).collect::<Result<_, _>>();
        let rows = if needed("links") { 0..batch.num_rows() } else { 0..0 };
        let column = columns.bytes("links")?;
        let read = |row| span_links(column.value(row).unwrap_or_default());
        let links = rows.map(read).collect::<Result<_, _>>();
        Ok(RowReader {
            readers: fields
                .iter()
                .map(|field| Reader::of(columns, field))
                .collect::<Result<_, _>>()?,
            rest: columns.bytes(ATTRIBUTES_REST)?,
            start_time: columns.int("start_time")?,
            resources,
            scopes,
            events: events.map_err(|error| malformed("events", error))?,
            links: links.map_err(|error| malformed("links", error))?,
        })
    }

    pub(super) fn row(&self, row: usize) -> RowFields<'_> {
        RowFields { reader: self, row }
    }
}

/// What `read` makes of every row's bytes; asked once for a run of equal ones.
fn runs<T>(
    rows: std::ops::Range<usize>,
    column: &ByteColumn,
    mut read: impl FnMut(Option<&[u8]>) -> Result<Arc<T>, Error>,
) -> Result<Vec<Arc<T>>, Error> {
    let mut all: Vec<Arc<T>> = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in rows {
        let view = column.view(row);
        let same = all.last().filter(|_| last == Some(view)).cloned();
        last = Some(view);
        all.push(match same {
            Some(same) => same,
            None => read(column.value(row))?,
        });
    }
    Ok(all)
}

impl Reader {
    fn of(columns: Columns<'_>, field: &Field) -> Result<Reader, Error> {
        if !is_of_row(field) {
            return Ok(Reader::Unknown);
        }
        let intrinsic = match field {
            Field::Attribute { scope, name, .. } => {
                let own = columns.0.column_by_name(&attribute_column_name(name)).cloned();
                return Ok(Reader::Attribute { scope: *scope, name: name.clone(), own });
            }
            Field::Intrinsic(intrinsic) => *intrinsic,
        };
        let name = column(intrinsic).unwrap_or_default();
        Ok(match intrinsic {
            Intrinsic::Name | Intrinsic::StatusMessage => Reader::Text(columns.text(name)?),
            Intrinsic::Duration => Reader::Duration(columns.int(name)?),
            Intrinsic::Status => Reader::Status(columns.int(name)?),
            Intrinsic::Kind => Reader::Kind(columns.int(name)?),
            Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::Parent => {
                Reader::Id(columns.fixed(name)?)
            }
            Intrinsic::TraceId => Reader::Id(columns.fixed("trace_id")?),
            Intrinsic::InstrumentationName => Reader::ScopeName,
            Intrinsic::InstrumentationVersion => Reader::ScopeVersion,
            part => Reader::Part(part),
        })
    }
}

/// The fields of one row.
#[derive(Clone, Copy)]
pub(super) struct RowFields<'a> {
    reader: &'a RowReader,
    row: usize,
}

impl<'a> FieldValues<'a> for RowFields<'a> {
    fn value(&self, slot: usize) -> Value<'a> {
        let RowFields { reader, row } = *self;
        match &reader.readers[slot] {
            Reader::Unknown => Value::Unknown,
            Reader::Text(column) => Value::String(column.value(row).unwrap_or_default()),
            Reader::Duration(column) => Value::Duration(column.value(row).unwrap_or_default()),
            Reader::Status(column) => Value::Status(column.i32(row)),
            Reader::Kind(column) => Value::Kind(column.i32(row)),
            Reader::Id(column) => column.value(row).map_or(Value::Nil, Value::Id),
            Reader::ScopeName => Value::String(&reader.scopes[row].name),
            Reader::ScopeVersion => Value::String(&reader.scopes[row].version),
            Reader::Part(part) => {
                let start = reader.start_time.value(row).unwrap_or_default();
                let events = reader.events.get(row).map_or(&[][..], Vec::as_slice);
                let links = reader.links.get(row).map_or(&[][..], Vec::as_slice);
                part_value(*part, start, events, links)
            }
            Reader::Attribute { scope, name, own } => self.attribute(*scope, name, own.as_ref()),
        }
    }
}

impl<'a> RowFields<'a> {
    fn attribute(self, scope: AttributeScope, name: &str, own: Option<&'a ArrayRef>) -> Value<'a> {
        let RowFields { reader, row } = self;
        match scope {
            AttributeScope::Span => self.span_attribute(name, own),
            AttributeScope::Resource => one(&reader.resources[row].attributes, name),
            AttributeScope::Instrumentation => one(&reader.scopes[row].attributes, name),
            AttributeScope::Event => event_attribute(&reader.events[row], name),
            AttributeScope::Link => link_attribute(&reader.links[row], name),
            AttributeScope::Any => {
                use AttributeScope::{Event, Instrumentation, Link, Resource, Span};
                let places = [Span, Resource, Event, Link, Instrumentation].into_iter();
                let mut values = places.map(|scope| self.attribute(scope, name, own));
                values.find(|value| *value != Value::Nil).unwrap_or(Value::Nil)
            }
        }
    }

    fn span_attribute(self, name: &str, own: Option<&'a ArrayRef>) -> Value<'a> {
        if let Some(value) = own.and_then(|column| attribute_value(column, self.row)) {
            return of_stored(&value);
        }
        let rest = self.reader.rest.value(self.row).unwrap_or_default();
        for attribute in wire::attributes(rest) {
            match attribute {
                Ok(attribute) if attribute.key == name => return of_stored(&attribute.value),
                Ok(_) => {}
                // Whoever reads the whole span says what is wrong with it.
                Err(_) => return Value::Unknown,
            }
        }
        Value::Nil
    }
}

fn of_stored<'a>(value: &Stored<'a>) -> Value<'a> {
    match *value {
        Stored::Empty => Value::Nil,
        Stored::String(text) => Value::String(text),
        Stored::Int(number) => Value::Int(number),
        Stored::Double(number) => Value::Float(number),
        Stored::Bool(flag) => Value::Bool(flag),
        Stored::Bytes(_) | Stored::KeyValues(_) => Value::Array(Vec::new()),
        Stored::Array(elements) => {
            let element = |element| wire::any_value(element).map(|value| of_stored(&value));
            let elements: Result<Vec<_>, _> =
                wire::messages(elements).map(|message| element(message?)).collect();
            elements.map_or(Value::Unknown, Value::Array)
        }
    }
}
