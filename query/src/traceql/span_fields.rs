//! Fields of a span whose whole trace is known.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::condition::FieldValues;
use super::tree::Tree;
use super::value::Value;
use crate::trace::Span;
use crate::value::{Attributes, SpanEvent, SpanLink};

/// The fields of one span of a trace.
#[derive(Clone, Copy)]
pub(super) struct SpanFields<'a> {
    pub(super) tree: &'a Tree,
    pub(super) span: usize,
    pub(super) fields: &'a [Field],
}

impl<'a> FieldValues<'a> for SpanFields<'a> {
    fn value(&self, slot: usize) -> Value<'a> {
        self.fields.get(slot).map_or(Value::Nil, |field| field_value(self.tree, self.span, field))
    }
}

pub(super) fn field_value<'a>(tree: &'a Tree, index: usize, field: &Field) -> Value<'a> {
    match field {
        Field::Intrinsic(intrinsic) => intrinsic_value(tree, index, *intrinsic),
        Field::Attribute { scope, of_parent: false, name } => {
            attribute_value(&tree.spans[index], *scope, name)
        }
        Field::Attribute { scope, of_parent: true, name } => match tree.parent(index) {
            Some(parent) => attribute_value(&tree.spans[parent], *scope, name),
            None => Value::Nil,
        },
    }
}

fn intrinsic_value(tree: &Tree, index: usize, intrinsic: Intrinsic) -> Value<'_> {
    let span = &tree.spans[index];
    match intrinsic {
        Intrinsic::Name => Value::String(&span.name),
        Intrinsic::Duration => Value::Duration(span.duration),
        Intrinsic::Status => Value::Status(span.status_code),
        Intrinsic::StatusMessage => Value::String(&span.status_message),
        Intrinsic::Kind => Value::Kind(span.kind),
        Intrinsic::SpanId => Value::Id(&span.span_id.0),
        Intrinsic::ParentId => optional(span.parent_span_id.as_ref().map(|id| &id.0[..])),
        Intrinsic::Parent => optional(span.parent_span_id.as_ref().map(|id| &id.0[..])),
        Intrinsic::ChildCount => Value::Int(tree.child_count(index) as i64),
        Intrinsic::NestedSetLeft => Value::Int(tree.nested_set(index).0),
        Intrinsic::NestedSetRight => Value::Int(tree.nested_set(index).1),
        Intrinsic::NestedSetParent => Value::Int(tree.nested_set(index).2),
        Intrinsic::TraceId => Value::Id(&span.trace_id.0),
        Intrinsic::TraceDuration => Value::Duration(tree.end.saturating_sub(tree.start)),
        Intrinsic::RootName => tree.root().map_or(Value::Nil, |root| Value::String(&root.name)),
        Intrinsic::RootService => {
            tree.root().map_or(Value::Nil, |root| Value::String(&root.service))
        }
        Intrinsic::InstrumentationName => Value::String(&span.scope.name),
        Intrinsic::InstrumentationVersion => Value::String(&span.scope.version),
        Intrinsic::EventName
        | Intrinsic::EventTimeSinceStart
        | Intrinsic::LinkTraceId
        | Intrinsic::LinkSpanId => {
            part_value(intrinsic, span.start_time.0, &span.events, &span.links)
        }
    }
}

fn optional(id: Option<&[u8]>) -> Value<'_> {
    id.map_or(Value::Nil, Value::Id)
}

/// An intrinsic of a span's events or links: one value for each of them.
pub(super) fn part_value<'a>(
    intrinsic: Intrinsic,
    start: i64,
    events: &'a [SpanEvent],
    links: &'a [SpanLink],
) -> Value<'a> {
    match intrinsic {
        Intrinsic::EventName => many(events.iter().map(|event| Value::String(&event.name))),
        Intrinsic::EventTimeSinceStart => {
            many(events.iter().map(|event| Value::Duration(event.time.0.saturating_sub(start))))
        }
        Intrinsic::LinkTraceId => {
            many(links.iter().filter_map(|link| Some(Value::Id(&link.trace_id.as_ref()?.0))))
        }
        Intrinsic::LinkSpanId => {
            many(links.iter().filter_map(|link| Some(Value::Id(&link.span_id.as_ref()?.0))))
        }
        _ => Value::Nil,
    }
}

/// No value is nil.
fn many<'a>(values: impl Iterator<Item = Value<'a>>) -> Value<'a> {
    let values: Vec<Value<'a>> = values.collect();
    if values.is_empty() { Value::Nil } else { Value::Array(values) }
}

pub(super) fn attribute_value<'a>(span: &'a Span, scope: AttributeScope, name: &str) -> Value<'a> {
    match scope {
        AttributeScope::Span => one(&span.attributes, name),
        AttributeScope::Resource => one(&span.resource.attributes, name),
        AttributeScope::Instrumentation => one(&span.scope.attributes, name),
        AttributeScope::Event => event_attribute(&span.events, name),
        AttributeScope::Link => link_attribute(&span.links, name),
        AttributeScope::Any => {
            use AttributeScope::{Event, Instrumentation, Link, Resource, Span};
            let places = [Span, Resource, Event, Link, Instrumentation];
            let values = places.map(|scope| attribute_value(span, scope, name));
            values.into_iter().find(|value| *value != Value::Nil).unwrap_or(Value::Nil)
        }
    }
}

pub(super) fn one<'a>(attributes: &'a Attributes, name: &str) -> Value<'a> {
    let found = attributes.iter().find(|(key, _)| key == name);
    found.map_or(Value::Nil, |(_, value)| Value::of(value))
}

pub(super) fn event_attribute<'a>(events: &'a [SpanEvent], name: &str) -> Value<'a> {
    many(events.iter().map(|event| one(&event.attributes, name)).filter(|v| *v != Value::Nil))
}

pub(super) fn link_attribute<'a>(links: &'a [SpanLink], name: &str) -> Value<'a> {
    many(links.iter().map(|link| one(&link.attributes, name)).filter(|v| *v != Value::Nil))
}
