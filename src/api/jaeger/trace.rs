//! A trace in the JSON of Jaeger's version 1, with OpenTelemetry's mapping of what Jaeger has no field for
//! (<https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/>).

use super::super::value::JsonValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use binnacle_query::Trace;
use binnacle_query::trace::Span;
use binnacle_query::value::{AnyValue, Attributes, Resource, SpanEvent};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Jaeger's word for OTLP's `SpanKind`; it has none for an unspecified one.
pub fn kind_name(kind: i32) -> Option<&'static str> {
    const NAMES: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
    let index = usize::try_from(kind).ok()?.checked_sub(1)?;
    NAMES.get(index).copied()
}

pub fn trace_json(trace: &Trace) -> Value {
    let mut processes: Vec<(&Arc<Resource>, &str)> = Vec::new();
    let mut spans = Vec::with_capacity(trace.spans.len());
    for span in &trace.spans {
        let process = (&span.resource, span.service.as_str());
        let known = processes.iter().position(|known| *known == process);
        let index = known.unwrap_or_else(|| {
            processes.push(process);
            processes.len() - 1
        });
        spans.push(span_json(span, index));
    }
    let processes: Map<String, Value> = processes
        .into_iter()
        .enumerate()
        .map(|(index, (resource, service))| (process_id(index), process_json(resource, service)))
        .collect();
    let warnings = Some(&trace.stats.warnings).filter(|warnings| !warnings.is_empty());
    json!({
        "traceID": trace.trace_id.to_string(),
        "spans": spans,
        "processes": processes,
        "warnings": warnings,
    })
}

fn process_id(index: usize) -> String {
    format!("p{}", index + 1)
}

fn process_json(resource: &Resource, service: &str) -> Value {
    let tags = resource.attributes.iter().filter(|(key, _)| key != "service.name");
    let tags: Vec<Value> = tags.map(|(key, value)| tag(key, value)).collect();
    json!({ "serviceName": service, "tags": tags })
}

fn span_json(span: &Span, process: usize) -> Value {
    let trace_id = span.trace_id.to_string();
    let reference = |kind: &str, trace_id: String, span_id: String| json!({ "refType": kind, "traceID": trace_id, "spanID": span_id });
    let parent =
        span.parent_span_id.map(|id| reference("CHILD_OF", trace_id.clone(), id.to_string()));
    let links = span.links.iter().filter_map(|link| {
        let (trace_id, span_id) = (link.trace_id?, link.span_id?);
        Some(reference("FOLLOWS_FROM", trace_id.to_string(), span_id.to_string()))
    });
    let micros = |nanos: i64| nanos / 1000;
    json!({
        "traceID": trace_id,
        "spanID": span.span_id.to_string(),
        "flags": span.flags & 0xff,
        "operationName": span.name,
        "references": parent.into_iter().chain(links).collect::<Vec<_>>(),
        "startTime": micros(span.start_time.0),
        "duration": micros(span.duration),
        "tags": span_tags(span),
        "logs": span.events.iter().map(log_json).collect::<Vec<_>>(),
        "processID": process_id(process),
        "warnings": null,
    })
}

fn span_tags(span: &Span) -> Vec<Value> {
    let mut tags = tags(&span.attributes);
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            tags.push(tag(key, &AnyValue::String(value.to_owned())));
        }
    };
    add("span.kind", kind_name(span.kind).unwrap_or(""));
    add("otel.scope.name", &span.scope.name);
    add("otel.scope.version", &span.scope.version);
    add("otel.status_code", ["", "OK", "ERROR"].get(span.status_code as usize).unwrap_or(&""));
    add("otel.status_description", &span.status_message);
    add("w3c.tracestate", &span.trace_state);
    let is_told = span.attributes.iter().any(|(key, _)| key == "error");
    if span.status_code == 2 && !is_told {
        tags.push(tag("error", &AnyValue::Bool(true)));
    }
    tags
}

fn log_json(event: &SpanEvent) -> Value {
    let mut fields = Vec::new();
    if !event.name.is_empty() {
        fields.push(tag("event", &AnyValue::String(event.name.clone())));
    }
    fields.extend(tags(&event.attributes));
    json!({ "timestamp": event.time.0 / 1000, "fields": fields })
}

fn tags(attributes: &Attributes) -> Vec<Value> {
    attributes.iter().map(|(key, value)| tag(key, value)).collect()
}

fn tag(key: &str, value: &AnyValue) -> Value {
    let (kind, value) = match value {
        AnyValue::String(text) => ("string", Value::from(text.as_str())),
        AnyValue::Int(number) => ("int64", Value::from(*number)),
        AnyValue::Double(number) if number.is_finite() => ("float64", Value::from(*number)),
        AnyValue::Double(number) => ("string", Value::from(number.to_string())),
        AnyValue::Bool(flag) => ("bool", Value::from(*flag)),
        AnyValue::Bytes(bytes) => ("binary", Value::from(BASE64.encode(bytes))),
        AnyValue::Empty => ("string", Value::from("")),
        nested => {
            ("string", Value::from(serde_json::to_string(&JsonValue(nested)).unwrap_or_default()))
        }
    };
    json!({ "key": key, "type": kind, "value": value })
}
