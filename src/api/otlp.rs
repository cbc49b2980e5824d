//! Stored spans as OTLP messages again, for clients that read traces in OpenTelemetry's own form.

use binnacle_query::trace::Span;
use binnacle_query::value::{AnyValue, Attributes, Resource, Scope, SpanEvent, SpanLink};
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1 as resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use std::sync::Arc;

/// The spans by resource and scope, each in order of first appearance.
pub fn resource_spans(spans: &[Span]) -> Vec<trace::ResourceSpans> {
    let mut resources: Vec<(&Arc<Resource>, Vec<ScopeGroup<'_>>)> = Vec::new();
    for span in spans {
        let known = resources.iter().position(|(resource, _)| **resource == span.resource);
        let at = known.unwrap_or_else(|| {
            resources.push((&span.resource, Vec::new()));
            resources.len() - 1
        });
        let scopes = &mut resources[at].1;
        match scopes.iter_mut().find(|group| *group.scope == span.scope) {
            Some(group) => group.spans.push(span),
            None => scopes.push(ScopeGroup { scope: &span.scope, spans: vec![span] }),
        }
    }
    let message = |(of, scopes): (&Arc<Resource>, Vec<ScopeGroup<'_>>)| trace::ResourceSpans {
        resource: Some(resource_message(of)),
        scope_spans: scopes.into_iter().map(scope_spans).collect(),
        schema_url: of.schema_url.clone(),
    };
    resources.into_iter().map(message).collect()
}

struct ScopeGroup<'a> {
    scope: &'a Arc<Scope>,
    spans: Vec<&'a Span>,
}

fn scope_spans(group: ScopeGroup<'_>) -> trace::ScopeSpans {
    let scope = group.scope;
    trace::ScopeSpans {
        scope: Some(common::InstrumentationScope {
            name: scope.name.clone(),
            version: scope.version.clone(),
            attributes: key_values(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count,
        }),
        spans: group.spans.into_iter().map(span_message).collect(),
        schema_url: scope.schema_url.clone(),
    }
}

fn resource_message(of: &Resource) -> resource::Resource {
    let entity = |entity: &binnacle_query::value::EntityRef| common::EntityRef {
        schema_url: entity.schema_url.clone(),
        r#type: entity.kind.clone(),
        id_keys: entity.id_keys.clone(),
        description_keys: entity.description_keys.clone(),
    };
    resource::Resource {
        attributes: key_values(&of.attributes),
        dropped_attributes_count: of.dropped_attributes_count,
        entity_refs: of.entity_refs.iter().map(entity).collect(),
    }
}

fn span_message(span: &Span) -> trace::Span {
    trace::Span {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        trace_state: span.trace_state.clone(),
        parent_span_id: span.parent_span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
        flags: span.flags,
        name: span.name.clone(),
        kind: span.kind,
        start_time_unix_nano: unix_nanos(span.start_time.0),
        end_time_unix_nano: unix_nanos(span.end_time().0),
        attributes: key_values(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.iter().map(event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links.iter().map(link).collect(),
        dropped_links_count: span.dropped_links_count,
        status: Some(trace::Status {
            message: span.status_message.clone(),
            code: span.status_code,
        }),
    }
}

/// Stored times are never negative.
fn unix_nanos(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

fn event(event: &SpanEvent) -> trace::span::Event {
    trace::span::Event {
        time_unix_nano: unix_nanos(event.time.0),
        name: event.name.clone(),
        attributes: key_values(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn link(link: &SpanLink) -> trace::span::Link {
    trace::span::Link {
        trace_id: link.trace_id.map(|id| id.0.to_vec()).unwrap_or_default(),
        span_id: link.span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
        trace_state: link.trace_state.clone(),
        attributes: key_values(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

pub fn key_values(attributes: &Attributes) -> Vec<common::KeyValue> {
    let pair = |(key, value): &(String, AnyValue)| common::KeyValue {
        key: key.clone(),
        value: Some(any_value(value)),
        ..Default::default()
    };
    attributes.iter().map(pair).collect()
}

fn any_value(value: &AnyValue) -> common::AnyValue {
    let value = match value {
        AnyValue::Empty => None,
        AnyValue::String(text) => Some(Value::StringValue(text.clone())),
        AnyValue::Int(number) => Some(Value::IntValue(*number)),
        AnyValue::Double(number) => Some(Value::DoubleValue(*number)),
        AnyValue::Bool(flag) => Some(Value::BoolValue(*flag)),
        AnyValue::Bytes(bytes) => Some(Value::BytesValue(bytes.clone())),
        AnyValue::Array(elements) => Some(Value::ArrayValue(common::ArrayValue {
            values: elements.iter().map(any_value).collect(),
        })),
        AnyValue::KeyValues(pairs) => {
            Some(Value::KvlistValue(common::KeyValueList { values: key_values(pairs) }))
        }
    };
    common::AnyValue { value }
}
