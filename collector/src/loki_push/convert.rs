//! Streams as an OTLP request.
//!
//! The labels are the attributes of a resource that says whose kind it is by its schema URL; structured metadata are
//! attributes of the record, but for ids of traces and spans, which are the record's own.

use super::{Entry, Stream};
use binnacle_storage::model::{PUSHED_STREAM, SpanId, TraceId};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

const SERVICE_NAME: &str = "service_name";

/// Labels that name the service of a stream which does not name it itself, the first that there is; Loki's own list.
const SERVICE_LABELS: [&str; 12] = [
    "service",
    "app",
    "application",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// Labels and structured metadata that say how severe a line is.
const LEVEL_LABELS: [&str; 6] =
    ["detected_level", "level", "severity", "lvl", "log_level", "severity_text"];

/// The bytes of an `ExportLogsServiceRequest`.
pub fn to_otlp(streams: Vec<Stream>) -> Vec<u8> {
    let resource_logs = streams.into_iter().map(resource_logs).collect();
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn resource_logs(stream: Stream) -> ResourceLogs {
    let Stream { labels, entries } = stream;
    let level = find(&labels, &LEVEL_LABELS).map(str::to_owned);
    let service = find(&labels, &[SERVICE_NAME]).or_else(|| find(&labels, &SERVICE_LABELS));
    let service = attribute("service.name", service.unwrap_or("unknown_service"));
    let others = labels.iter().filter(|(name, value)| name != SERVICE_NAME && !value.is_empty());
    let others = others.map(|(name, value)| attribute(name, value));
    let resource = Resource {
        attributes: std::iter::once(service).chain(others).collect(),
        ..Resource::default()
    };
    let log_records = entries.into_iter().map(|entry| record(entry, level.as_deref())).collect();
    ResourceLogs {
        resource: Some(resource),
        scope_logs: vec![ScopeLogs { log_records, ..ScopeLogs::default() }],
        schema_url: PUSHED_STREAM.to_owned(),
    }
}

fn record(entry: Entry, level: Option<&str>) -> LogRecord {
    let Entry { time, line, mut structured } = entry;
    let level = find(&structured, &LEVEL_LABELS).or(level);
    let severity_number = level.map_or(0, severity_number);
    let trace_id = take_id::<TraceId, 16>(&mut structured, "trace_id", |id| id.0);
    let span_id = take_id::<SpanId, 8>(&mut structured, "span_id", |id| id.0);
    let attributes = structured.iter().map(|(name, value)| attribute(name, value)).collect();
    LogRecord {
        time_unix_nano: time,
        severity_number,
        body: Some(text(line)),
        attributes,
        trace_id,
        span_id,
        ..LogRecord::default()
    }
}

fn find<'p>(pairs: &'p [(String, String)], names: &[&str]) -> Option<&'p str> {
    let value = |name: &&str| {
        let found = pairs.iter().find(|(other, value)| other == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    names.iter().find_map(value)
}

/// Takes an id that will be written again as it stands here: in lower case, and not all zero.
fn take_id<Id: std::str::FromStr, const N: usize>(
    pairs: &mut Vec<(String, String)>,
    name: &str,
    bytes: impl Fn(Id) -> [u8; N],
) -> Vec<u8> {
    let is_plain =
        |value: &str| value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let at = pairs.iter().position(|(other, _)| other == name);
    let id = at.and_then(|at| {
        let value = &pairs[at].1;
        let id =
            value.parse().ok().map(&bytes).filter(|_| is_plain(value) && value.len() == 2 * N)?;
        id.iter().any(|byte| *byte != 0).then_some((at, id))
    });
    match id {
        Some((at, id)) => {
            pairs.remove(at);
            id.to_vec()
        }
        None => Vec::new(),
    }
}

/// The first number of OpenTelemetry's class; 0 is unknown.
fn severity_number(level: &str) -> i32 {
    match level.to_ascii_lowercase().as_str() {
        "trace" | "trc" => 1,
        "debug" | "dbg" => 5,
        "info" | "inf" | "information" | "notice" => 9,
        "warn" | "wrn" | "warning" => 13,
        "error" | "err" => 17,
        "fatal" | "critical" | "crit" | "panic" | "emerg" | "alert" => 21,
        _ => 0,
    }
}

fn text(value: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value)) }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value.to_owned())), ..KeyValue::default() }
}
