//! All attributes of a span, for whoever counts values without knowing their names.
//!
//! Ids, times and places in the tree are left out: hardly two spans have the same.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::span_fields::field_value;
use super::tree::Tree;
use super::value::Value;
use crate::value::Attributes;

/// What a span has besides attributes and others may share.
const SHARED: [Intrinsic; 8] = [
    Intrinsic::Name,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Kind,
    Intrinsic::RootName,
    Intrinsic::RootService,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

/// Calls `see` with the name, as TraceQL writes it, and the value of everything that a span of `tree` has. Of an attribute of
/// several events or links, and of an array, every distinct value.
pub(crate) fn each_attribute(tree: &Tree, index: usize, mut see: impl FnMut(&str, &Value<'_>)) {
    let span = &tree.spans[index];
    for intrinsic in SHARED {
        match field_value(tree, index, &Field::Intrinsic(intrinsic)) {
            Value::Nil | Value::String("") => {}
            value => see(intrinsic.name(), &value),
        }
    }
    let names: Vec<Value<'_>> =
        span.events.iter().map(|event| Value::String(&event.name)).collect();
    each_distinct(&names, |value| see(Intrinsic::EventName.name(), value));
    let mut all = |scope, attributes: &Attributes| {
        for (name, value) in attributes {
            let field = Field::Attribute { scope, of_parent: false, name: name.clone() };
            match Value::of(value) {
                Value::Array(values) => {
                    let name = field.to_string();
                    each_distinct(&values, |value| see(&name, value));
                }
                Value::Nil => {}
                value => see(&field.to_string(), &value),
            }
        }
    };
    all(AttributeScope::Span, &span.attributes);
    all(AttributeScope::Resource, &span.resource.attributes);
    all(AttributeScope::Instrumentation, &span.scope.attributes);
    let events: Vec<&Attributes> = span.events.iter().map(|event| &event.attributes).collect();
    let links: Vec<&Attributes> = span.links.iter().map(|link| &link.attributes).collect();
    for (scope, parts) in [(AttributeScope::Event, events), (AttributeScope::Link, links)] {
        let mut pairs: Vec<&(String, crate::value::AnyValue)> = Vec::new();
        for pair in parts.into_iter().flatten() {
            if !pairs.contains(&pair) {
                pairs.push(pair);
                all(scope, &vec![pair.clone()]);
            }
        }
    }
}

fn each_distinct(values: &[Value<'_>], mut see: impl FnMut(&Value<'_>)) {
    for (index, value) in values.iter().enumerate() {
        if !values[..index].contains(value) {
            see(value);
        }
    }
}
