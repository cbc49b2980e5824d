//! OTLP messages as the API is to answer them.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Kind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, ResourceMetrics,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use serde_json::{Map, Value, json};

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUS_CODES: [&str; 3] = ["unset", "ok", "error"];

/// What the server adds of its own.
const ADDED: [&str; 3] = ["id", "ingested_at", "service"];

pub fn spans(groups: &[ResourceSpans]) -> Vec<Value> {
    let scopes = groups.iter().flat_map(|group| group.scope_spans.iter().map(move |s| (group, s)));
    let spans = scopes.flat_map(|(group, scope)| {
        scope.spans.iter().map(move |sent| {
            let mut answer = span(sent);
            answer["resource"] = resource(&group.resource, &group.schema_url);
            answer["scope"] = self::scope(&scope.scope, &scope.schema_url);
            answer
        })
    });
    sorted(spans.collect())
}

fn span(span: &Span) -> Value {
    let status = span.status.clone().unwrap_or_default();
    let events = span.events.iter().map(|event| {
        full(json!({
            "time": event.time_unix_nano.to_string(),
            "name": event.name,
            "attributes": attributes(&event.attributes),
            "dropped_attributes_count": event.dropped_attributes_count,
        }))
    });
    let links = span.links.iter().map(|link| {
        full(json!({
            "trace_id": id(&link.trace_id),
            "span_id": id(&link.span_id),
            "attributes": attributes(&link.attributes),
            "trace_state": link.trace_state,
            "flags": link.flags,
            "dropped_attributes_count": link.dropped_attributes_count,
        }))
    });
    full(json!({
        "trace_id": id(&span.trace_id),
        "span_id": id(&span.span_id),
        "parent_span_id": id(&span.parent_span_id),
        "name": span.name,
        "kind": KINDS[span.kind as usize],
        "start_time": span.start_time_unix_nano.to_string(),
        "duration": (span.end_time_unix_nano - span.start_time_unix_nano).to_string(),
        "status": {"code": STATUS_CODES[status.code as usize], "message": status.message},
        "attributes": attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "dropped_attributes_count": span.dropped_attributes_count,
        "dropped_events_count": span.dropped_events_count,
        "dropped_links_count": span.dropped_links_count,
    }))
}

pub fn logs(groups: &[ResourceLogs]) -> Vec<Value> {
    let mut logs = Vec::new();
    for group in groups {
        for scope in &group.scope_logs {
            for log in &scope.log_records {
                logs.push(full(json!({
                    "time": log.time_unix_nano.to_string(),
                    "observed_time": log.observed_time_unix_nano.to_string(),
                    "severity": log.severity_text,
                    "severity_number": log.severity_number,
                    "body": value(log.body.as_ref()),
                    "trace_id": id(&log.trace_id),
                    "span_id": id(&log.span_id),
                    "attributes": attributes(&log.attributes),
                    "event_name": log.event_name,
                    "flags": log.flags,
                    "dropped_attributes_count": log.dropped_attributes_count,
                    "resource": resource(&group.resource, &group.schema_url),
                    "scope": self::scope(&scope.scope, &scope.schema_url),
                })));
            }
        }
    }
    sorted(logs)
}

/// Answered spans or log records, without what the server adds, in the order of the expected ones.
pub fn answered(records: &[Value]) -> Vec<Value> {
    let stripped = records.iter().map(|record| {
        let mut record = record.clone();
        ADDED.iter().for_each(|field| drop(record.as_object_mut().unwrap().remove(*field)));
        record["resource"] = full(record["resource"].take());
        record["scope"] = full(record["scope"].take());
        for list in ["events", "links"] {
            if let Some(Value::Array(items)) = record.get_mut(list) {
                items.iter_mut().for_each(|item| *item = full(item.take()));
            }
        }
        full(record)
    });
    sorted(stripped.collect())
}

/// Left out when empty: what the API leaves out, and what a null stands for.
fn full(record: Value) -> Value {
    let Value::Object(fields) = record else { return record };
    let empty = |name: &str, value: &Value| match value {
        Value::Null => name != "body",
        Value::String(text) => text.is_empty(),
        Value::Number(number) => name != "severity_number" && number.as_u64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::Bool(_) => false,
    };
    fields.into_iter().filter(|(name, value)| !empty(name, value)).collect::<Map<_, _>>().into()
}

fn sorted(mut records: Vec<Value>) -> Vec<Value> {
    records.sort_by_key(Value::to_string);
    records
}

fn id(bytes: &[u8]) -> Value {
    if bytes.iter().all(|byte| *byte == 0) { Value::Null } else { hex(bytes).into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn resource(resource: &Option<Resource>, schema_url: &str) -> Value {
    let resource = resource.clone().unwrap_or_default();
    full(json!({
        "attributes": attributes(&resource.attributes),
        "dropped_attributes_count": resource.dropped_attributes_count,
        "schema_url": schema_url,
    }))
}

fn scope(scope: &Option<InstrumentationScope>, schema_url: &str) -> Value {
    let scope = scope.clone().unwrap_or_default();
    full(json!({
        "name": scope.name,
        "version": scope.version,
        "attributes": attributes(&scope.attributes),
        "dropped_attributes_count": scope.dropped_attributes_count,
        "schema_url": schema_url,
    }))
}

fn attributes(items: &[KeyValue]) -> Value {
    items
        .iter()
        .map(|item| (item.key.clone(), value(item.value.as_ref())))
        .collect::<Map<_, _>>()
        .into()
}

fn value(of: Option<&AnyValue>) -> Value {
    match of.and_then(|value| value.value.as_ref()) {
        None => Value::Null,
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::BoolValue(flag)) => (*flag).into(),
        Some(Kind::IntValue(number)) => (*number).into(),
        Some(Kind::DoubleValue(number)) => (*number).into(),
        Some(Kind::BytesValue(bytes)) => json!({ "$bytes": base64(bytes) }),
        Some(Kind::ArrayValue(list)) => list.values.iter().map(|v| value(Some(v))).collect(),
        Some(Kind::KvlistValue(list)) => attributes(&list.values),
        Some(other) => panic!("the SDK sends no {other:?}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0_u32, |bits, i| bits << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        let digit = |i: usize| match i <= chunk.len() {
            true => DIGITS[(bits >> (18 - 6 * i) & 63) as usize] as char,
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Data points as rows of [`POINTS`].
pub fn points(groups: &[ResourceMetrics]) -> Vec<Value> {
    let mut points = Vec::new();
    for scope in groups.iter().flat_map(|group| &group.scope_metrics) {
        for metric in &scope.metrics {
            let (kind, temporality, is_monotonic, rows) = match metric.data.as_ref().unwrap() {
                Data::Gauge(gauge) => ("gauge", None, None, numbers(&gauge.data_points)),
                Data::Sum(sum) => (
                    "sum",
                    Some(sum.aggregation_temporality),
                    Some(sum.is_monotonic),
                    numbers(&sum.data_points),
                ),
                Data::Histogram(histogram) => {
                    let rows = histogram.data_points.iter().map(histogram_point).collect();
                    ("histogram", Some(histogram.aggregation_temporality), None, rows)
                }
                Data::ExponentialHistogram(histogram) => {
                    let rows = histogram.data_points.iter().map(exponential_point).collect();
                    ("exponential_histogram", Some(histogram.aggregation_temporality), None, rows)
                }
                other => panic!("the SDK sends no {other:?}"),
            };
            for (mut row, attributes) in rows {
                row["name"] = metric.name.as_str().into();
                row["description"] = optional(&metric.description);
                row["unit"] = optional(&metric.unit);
                row["type"] = kind.into();
                row["temporality"] = temporality.into();
                row["is_monotonic"] = is_monotonic.into();
                let attribute = |key: &str| {
                    let found = attributes.iter().find(|item| item.key == key);
                    found.map_or(Value::Null, |item| value(item.value.as_ref()))
                };
                row["route"] = attribute("route");
                row["ok"] = attribute("ok");
                points.push(row);
            }
        }
    }
    sorted(points)
}

/// The same rows from the tables; the columns of a distribution are still apart.
pub const POINTS: &str = "SELECT p.time, p.start_time, p.value, p.int_value, p.count, p.sum, p.min, p.max, \
     p.bucket_counts, p.explicit_bounds, p.distribution, s.name, s.description, \
     s.unit, s.type, s.temporality, s.is_monotonic, s.route, s.ok FROM metric_points p JOIN (SELECT DISTINCT series_id, \
     name, description, unit, type, temporality, is_monotonic, attributes['route'] AS route, attributes['ok'] = true AS ok \
     FROM series) s ON p.series_id = s.series_id";

/// Rows of [`POINTS`] as [`points`] writes them.
pub fn answered_points(rows: &[Value]) -> Vec<Value> {
    let decoded = rows.iter().map(|row| {
        let mut row = row.clone();
        let mut columns = serde_json::Map::new();
        for name in
            ["count", "sum", "min", "max", "bucket_counts", "explicit_bounds", "distribution"]
        {
            let value = row.as_object_mut().and_then(|row| row.remove(name));
            columns.insert(name.to_owned(), value.unwrap());
        }
        row["distribution"] = match row["type"].as_str().unwrap() {
            "histogram" => text(histogram(&columns)),
            "exponential_histogram" => text(exponential_histogram(&columns)),
            _ => Value::Null,
        };
        row
    });
    sorted(decoded.collect())
}

type Columns = serde_json::Map<String, Value>;

fn histogram(columns: &Columns) -> HistogramDataPoint {
    let array = |name: &str| columns[name].as_str().unwrap().to_owned();
    HistogramDataPoint {
        count: whole(&columns["count"]).unwrap(),
        sum: columns["sum"].as_f64(),
        min: columns["min"].as_f64(),
        max: columns["max"].as_f64(),
        bucket_counts: serde_json::from_str(&array("bucket_counts")).unwrap(),
        explicit_bounds: serde_json::from_str(&array("explicit_bounds")).unwrap(),
        ..HistogramDataPoint::default()
    }
}

fn exponential_histogram(columns: &Columns) -> ExponentialHistogramDataPoint {
    let message = unhex(columns["distribution"].as_str().unwrap());
    let message = StoredExponential::decode(&message[..]).unwrap();
    ExponentialHistogramDataPoint {
        count: whole(&columns["count"]).unwrap(),
        sum: columns["sum"].as_f64(),
        min: columns["min"].as_f64(),
        max: columns["max"].as_f64(),
        scale: message.scale,
        zero_count: message.zero_count,
        zero_threshold: message.zero_threshold,
        positive: message.positive.map(StoredBuckets::buckets),
        negative: message.negative.map(StoredBuckets::buckets),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Large integers come as text.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The column `distribution` of an exponential histogram, as `storage/FORMAT.md` has it.
#[derive(Clone, PartialEq, Message)]
struct StoredExponential {
    #[prost(sint32, tag = "6")]
    scale: i32,
    #[prost(fixed64, tag = "7")]
    zero_count: u64,
    #[prost(message, optional, tag = "8")]
    positive: Option<StoredBuckets>,
    #[prost(message, optional, tag = "9")]
    negative: Option<StoredBuckets>,
    #[prost(double, tag = "14")]
    zero_threshold: f64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredBuckets {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(sint64, repeated, tag = "15")]
    differences: Vec<i64>,
}

impl StoredBuckets {
    fn buckets(self) -> Buckets {
        let mut count = 0;
        let counts = self.differences.iter().map(|difference| {
            count += difference;
            count as u64
        });
        Buckets { offset: self.offset, bucket_counts: counts.collect() }
    }
}

type Row = (Value, Vec<KeyValue>);

fn numbers(points: &[NumberDataPoint]) -> Vec<Row> {
    let row = |point: &NumberDataPoint| {
        let mut row = times(point.start_time_unix_nano, point.time_unix_nano);
        match point.value {
            Some(number_data_point::Value::AsDouble(number)) => row["value"] = number.into(),
            // An integer is also there as a double, for sums over both.
            Some(number_data_point::Value::AsInt(number)) => {
                row["value"] = (number as f64).into();
                row["int_value"] = number.into();
            }
            None => {}
        }
        (row, point.attributes.clone())
    };
    points.iter().map(row).collect()
}

fn histogram_point(point: &HistogramDataPoint) -> Row {
    let mut row = times(point.start_time_unix_nano, point.time_unix_nano);
    row["distribution"] = text(HistogramDataPoint {
        attributes: Vec::new(),
        start_time_unix_nano: 0,
        time_unix_nano: 0,
        flags: 0,
        exemplars: Vec::new(),
        ..point.clone()
    });
    (row, point.attributes.clone())
}

fn exponential_point(point: &ExponentialHistogramDataPoint) -> Row {
    let mut row = times(point.start_time_unix_nano, point.time_unix_nano);
    row["distribution"] = text(ExponentialHistogramDataPoint {
        attributes: Vec::new(),
        start_time_unix_nano: 0,
        time_unix_nano: 0,
        flags: 0,
        exemplars: Vec::new(),
        ..point.clone()
    });
    (row, point.attributes.clone())
}

fn times(start: u64, time: u64) -> Value {
    let start = if start == 0 { Value::Null } else { start.to_string().into() };
    json!({
        "start_time": start, "time": time.to_string(), "value": null, "int_value": null, "distribution": null,
    })
}

fn optional(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn text(message: impl std::fmt::Debug) -> Value {
    format!("{message:?}").into()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
