//! Fields of a span of which only its row is known.
//!
//! Everything a row holds is read from its columns, without building a span. What hangs on other rows (the parent's
//! attributes, the trace's root) is [`Value::Unknown`] here.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::condition::FieldValues;
use super::row_values::{Distinct, Parts};
use super::span_fields::{event_attribute, link_attribute, one, part_value};
use super::value::Value;
use crate::Error;
use crate::rows::{
    ByteColumn, Columns, FixedColumn, IntColumn, Shared, TextColumn, attribute_value,
};
use crate::value::{Resource, Scope, SpanEvent, SpanLink, span_events, span_links};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Value as Stored, WEIGHT_COLUMN, wire};
use binnacle_storage::segment::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
use std::collections::BTreeSet;

/// Reads the fields of a batch's rows. Resources and scopes are decoded once per batch and distinct value; events and links of
/// a row only when somebody asks for them.
pub(super) struct RowReader {
    readers: Vec<Reader>,
    rest: ByteColumn,
    start_time: IntColumn,
    weight: IntColumn,
    resources: Distinct<Resource>,
    scopes: Distinct<Scope>,
    events: Parts<SpanEvent>,
    links: Parts<SpanLink>,
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
    /// `resource.service.name`, which has a column; empty there means that the resource tells.
    Service(TextColumn),
    Attribute {
        scope: AttributeScope,
        name: String,
        own: Option<ArrayRef>,
    },
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

/// The resource attribute that has a column of its own.
const SERVICE_NAME: &str = "service.name";

/// The columns that the fields are in, in a file whose attributes are where `keys` says and in which, maybe, every row names
/// its service.
pub(super) fn columns<'a>(
    fields: impl Iterator<Item = &'a Field>,
    keys: &AttributeKeys,
    all_have_services: bool,
) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for field in fields.filter(|field| is_of_row(field)) {
        match field {
            Field::Intrinsic(intrinsic) => {
                names.extend(column(*intrinsic).map(str::to_owned));
                if *intrinsic == Intrinsic::EventTimeSinceStart {
                    names.insert("start_time".to_owned());
                }
            }
            Field::Attribute { scope: AttributeScope::Resource, name, .. }
                if name == SERVICE_NAME && all_have_services =>
            {
                names.insert("service".to_owned());
            }
            Field::Attribute { scope, name, .. } => {
                if *scope == AttributeScope::Resource && name == SERVICE_NAME {
                    names.insert("service".to_owned());
                }
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
    names
}

/// The columns that the fields are in, where whole traces are read: also those of parents.
pub(super) fn columns_of_trace(fields: &[&Field], keys: &AttributeKeys) -> BTreeSet<String> {
    let own = |field: &Field| match field {
        Field::Attribute { scope, name, .. } => {
            Field::Attribute { scope: *scope, of_parent: false, name: name.clone() }
        }
        intrinsic => intrinsic.clone(),
    };
    let own: Vec<Field> = fields.iter().map(|field| own(field)).collect();
    columns(own.iter(), keys, false)
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
        Intrinsic::TraceId => "trace_id",
        Intrinsic::ParentId | Intrinsic::Parent => "parent_span_id",
        Intrinsic::EventName | Intrinsic::EventTimeSinceStart => "events",
        Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => "links",
        Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => "scope",
        _ => return None,
    })
}

impl RowReader {
    /// Reads the fields as far as the batch has their columns; a field whose columns it has not is nil.
    pub(super) fn of(
        batch: &RecordBatch,
        fields: &[Field],
        shared: &mut Shared,
    ) -> Result<RowReader, Error> {
        let columns = Columns(batch);
        let rows = batch.num_rows();
        let needed = |name: &str| fields.iter().any(|field| is_in(field, name));
        let named = |name: &str| match needed(name) {
            true => columns.bytes(name),
            false => Ok(ByteColumn::absent()),
        };
        Ok(RowReader {
            readers: fields
                .iter()
                .map(|field| Reader::of(columns, field))
                .collect::<Result<_, _>>()?,
            rest: columns.bytes(ATTRIBUTES_REST)?,
            start_time: columns.int("start_time")?,
            weight: columns.int(WEIGHT_COLUMN)?,
            resources: Distinct::of(&named("resource")?, rows, |bytes| shared.resource(bytes))?,
            scopes: Distinct::of(&named("scope")?, rows, |bytes| shared.scope(bytes))?,
            events: Parts::of(named("events")?, rows, span_events),
            links: Parts::of(named("links")?, rows, span_links),
        })
    }

    pub(super) fn row(&self, row: usize) -> RowFields<'_> {
        RowFields { reader: self, row }
    }

    /// Keeps the rows for which `field op literal` is not false, where that can be told from a column in one go; `false`
    /// when each row has to be looked at.
    pub(super) fn narrow(
        &self,
        slot: usize,
        test: &dyn Fn(&Value<'_>) -> bool,
        rows: &mut Vec<u32>,
    ) -> bool {
        match &self.readers[slot] {
            Reader::Text(column) => by_view(
                rows,
                |row| column.view(row),
                |row| test(&Value::String(column.value(row).unwrap_or_default())),
            ),
            Reader::Service(column)
                if !rows.iter().any(|&row| column.value(row as usize) == Some("")) =>
            {
                by_view(
                    rows,
                    |row| column.view(row),
                    |row| test(&Value::String(column.value(row).unwrap_or_default())),
                );
            }
            Reader::Attribute { scope: AttributeScope::Resource, name, .. } => {
                let holds: Vec<bool> = self
                    .resources
                    .values
                    .iter()
                    .map(|resource| test(&one(&resource.attributes, name)))
                    .collect();
                let without = test(&Value::Nil);
                let index = |row: u32| self.resources.of_row.get(row as usize);
                rows.retain(|&row| index(row).map_or(without, |&index| holds[index as usize]));
            }
            Reader::Attribute { scope: AttributeScope::Any, name, own } => {
                self.narrow_unscoped(name, own.as_ref(), test, rows);
            }
            Reader::Attribute { scope: AttributeScope::Span, own: Some(own), .. }
                if !self.rest.is_there() =>
            {
                let Some(texts) = own.as_string_view_opt() else { return false };
                let without = test(&Value::Nil);
                let view = |row: usize| texts.is_valid(row).then(|| texts.views()[row]);
                by_view(rows, view, |row| match texts.is_valid(row) {
                    true => test(&Value::String(texts.value(row))),
                    false => without,
                });
            }
            _ => return false,
        }
        true
    }
}

impl RowReader {
    /// Resources and scopes are asked once for all rows that share them.
    fn narrow_unscoped(
        &self,
        name: &str,
        own: Option<&ArrayRef>,
        test: &dyn Fn(&Value<'_>) -> bool,
        rows: &mut Vec<u32>,
    ) {
        let asked = |value: Value<'_>| (value != Value::Nil).then(|| test(&value));
        let in_resources = self.resources.values.iter().map(|of| asked(one(&of.attributes, name)));
        let in_resources: Vec<Option<bool>> = in_resources.collect();
        let in_scopes = self.scopes.values.iter().map(|of| asked(one(&of.attributes, name)));
        let in_scopes: Vec<Option<bool>> = in_scopes.collect();
        let without = test(&Value::Nil);
        let of = |distinct: &[u32], holds: &[Option<bool>], row: usize| {
            distinct.get(row).and_then(|&index| holds.get(index as usize).copied().flatten())
        };
        rows.retain(|&row| {
            let row = row as usize;
            let fields = self.row(row);
            asked(fields.span_attribute(name, own))
                .or_else(|| of(&self.resources.of_row, &in_resources, row))
                .or_else(|| asked(fields.attribute(AttributeScope::Event, name, None)))
                .or_else(|| asked(fields.attribute(AttributeScope::Link, name, None)))
                .or_else(|| of(&self.scopes.of_row, &in_scopes, row))
                .unwrap_or(without)
        });
    }
}

/// Keeps the rows for whose value `holds`. Equal views are asked about once, as long as they are among the last few.
fn by_view(
    rows: &mut Vec<u32>,
    view: impl Fn(usize) -> Option<u128>,
    holds: impl Fn(usize) -> bool,
) {
    const REMEMBERED: usize = 64;
    let mut known: [Option<(Option<u128>, bool)>; REMEMBERED] = [None; REMEMBERED];
    rows.retain(|&row| {
        let view = view(row as usize);
        let bits = view.unwrap_or_default();
        let place = ((bits ^ (bits >> 64) ^ (bits >> 96)) as usize).wrapping_mul(31) % REMEMBERED;
        match known[place] {
            Some((known, holds)) if known == view => holds,
            _ => {
                let holds = holds(row as usize);
                known[place] = Some((view, holds));
                holds
            }
        }
    });
}

/// Whether a field is in this column of bytes.
fn is_in(field: &Field, name: &str) -> bool {
    match field {
        Field::Intrinsic(intrinsic) => column(*intrinsic) == Some(name),
        Field::Attribute { scope, of_parent, .. } => {
            !of_parent && scope_columns(*scope).contains(&name)
        }
    }
}

impl Reader {
    fn of(columns: Columns<'_>, field: &Field) -> Result<Reader, Error> {
        if !is_of_row(field) {
            return Ok(Reader::Unknown);
        }
        let intrinsic = match field {
            Field::Attribute { scope: AttributeScope::Resource, name, .. }
                if name == SERVICE_NAME =>
            {
                return Ok(Reader::Service(columns.text("service")?));
            }
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
            Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::Parent | Intrinsic::TraceId => {
                Reader::Id(columns.fixed(name)?)
            }
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
            Reader::ScopeName => {
                Value::String(reader.scopes.value(row).map_or("", |scope| &scope.name))
            }
            Reader::ScopeVersion => {
                Value::String(reader.scopes.value(row).map_or("", |scope| &scope.version))
            }
            Reader::Part(part) => {
                let start = reader.start_time.value(row).unwrap_or_default();
                match (reader.events.value(row), reader.links.value(row)) {
                    (Some(events), Some(links)) => part_value(*part, start, events, links),
                    _ => Value::Unknown,
                }
            }
            Reader::Service(column) => match column.value(row) {
                None | Some("") => self.attribute(AttributeScope::Resource, SERVICE_NAME, None),
                Some(service) => Value::String(service),
            },
            Reader::Attribute { scope, name, own } => self.attribute(*scope, name, own.as_ref()),
        }
    }
}

impl<'a> RowFields<'a> {
    /// How many spans the row stands for.
    pub(super) fn weight(self) -> u32 {
        self.reader.weight.weight(self.row)
    }

    fn attribute(self, scope: AttributeScope, name: &str, own: Option<&'a ArrayRef>) -> Value<'a> {
        let RowFields { reader, row } = self;
        match scope {
            AttributeScope::Span => self.span_attribute(name, own),
            AttributeScope::Resource => {
                reader.resources.value(row).map_or(Value::Nil, |of| one(&of.attributes, name))
            }
            AttributeScope::Instrumentation => {
                reader.scopes.value(row).map_or(Value::Nil, |of| one(&of.attributes, name))
            }
            AttributeScope::Event => {
                reader.events.value(row).map_or(Value::Unknown, |all| event_attribute(all, name))
            }
            AttributeScope::Link => {
                reader.links.value(row).map_or(Value::Unknown, |all| link_attribute(all, name))
            }
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
