//! The reference: opentelemetry-proto decodes each record, and plain code makes rows of it.
//!
//! Framing is read by prost too, into messages that keep what lies below as bytes, so that one bad record does not hide its
//! neighbours.

use super::points::Point;
use super::rows::{Cell, Row};
use super::stored::List;
use crate::otlp::decode::body_text;
use binnacle_storage::model::wire;
use binnacle_storage::model::{Signal, Table, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

pub struct Expected {
    pub rows: Vec<Row>,
    pub accepted: u64,
    pub rejected: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Group {
    #[prost(bytes = "vec", repeated, tag = "1")]
    heads: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    items: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    schema_urls: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ShallowMetric {
    #[prost(bytes = "vec", repeated, tag = "1")]
    names: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    descriptions: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    units: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "12")]
    metadata: Vec<Vec<u8>>,
    #[prost(oneof = "ShallowData", tags = "5, 7, 9, 10, 11")]
    data: Option<ShallowData>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ShallowData {
    #[prost(message, tag = "5")]
    Gauge(List),
    #[prost(message, tag = "7")]
    Sum(ShallowSum),
    #[prost(message, tag = "9")]
    Histogram(ShallowHistogram),
    #[prost(message, tag = "10")]
    ExponentialHistogram(ShallowHistogram),
    #[prost(message, tag = "11")]
    Summary(List),
}

#[derive(Clone, PartialEq, Message)]
struct ShallowSum {
    #[prost(bytes = "vec", repeated, tag = "1")]
    points: Vec<Vec<u8>>,
    #[prost(int32, tag = "2")]
    temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ShallowHistogram {
    #[prost(bytes = "vec", repeated, tag = "1")]
    points: Vec<Vec<u8>>,
    #[prost(int32, tag = "2")]
    temporality: i32,
}

/// Whether the official decoder takes the request whole.
pub fn is_well_formed(signal: Signal, body: &[u8]) -> bool {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).is_ok(),
        Signal::Logs => ExportLogsServiceRequest::decode(body).is_ok(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body).is_ok(),
    }
}

/// `None` when the framing is broken.
pub fn read(signal: Signal, body: &[u8], now: Timestamp) -> Option<Expected> {
    let mut reference = Reference {
        now,
        rows: [Vec::new(), Vec::new(), Vec::new()],
        series: Vec::new(),
        accepted: 0,
        rejected: 0,
    };
    for group in List::decode(body).ok()?.items {
        reference.resource_group(signal, &group)?;
    }
    let Reference { rows, accepted, rejected, .. } = reference;
    Some(Expected { rows: rows.into_iter().flatten().collect(), accepted, rejected })
}

struct Reference {
    now: Timestamp,
    /// Rows of the signal's tables, in the order of `Table::ALL`.
    rows: [Vec<Row>; 3],
    /// Identities of series in order of first appearance.
    series: Vec<String>,
    accepted: u64,
    rejected: u64,
}

/// What rows take from above them.
struct Above {
    service: String,
    resource: Vec<u8>,
    scope: Vec<u8>,
    identity: String,
}

/// `{outermost: {…: content}}`, so that the nesting limit counts from the request.
fn wrapped(fields: &[u32], content: &[u8]) -> Vec<u8> {
    fields.iter().rev().fold(content.to_vec(), |inner, &field| {
        let mut outer = Vec::new();
        wire::put_message(&mut outer, field, &inner);
        outer
    })
}

fn decode_metrics(fields: &[u32], content: &[u8]) -> Option<ResourceMetrics> {
    let request = ExportMetricsServiceRequest::decode(wrapped(fields, content).as_slice()).ok()?;
    request.resource_metrics.into_iter().next()
}

fn last_text(texts: &[Vec<u8>]) -> Option<String> {
    let texts: Option<Vec<String>> =
        texts.iter().map(|text| String::from_utf8(text.clone()).ok()).collect();
    texts.map(|texts| texts.last().cloned().unwrap_or_default())
}

fn merged(heads: &[Vec<u8>]) -> Option<Vec<u8>> {
    (!heads.is_empty()).then(|| heads.concat())
}

fn value_bytes(value: &Option<AnyValue>) -> Vec<u8> {
    value.clone().unwrap_or_default().encode_to_vec()
}

pub fn attributes(list: &[KeyValue]) -> Vec<(String, Vec<u8>)> {
    let mut list: Vec<_> = list.iter().map(|kv| (kv.key.clone(), value_bytes(&kv.value))).collect();
    list.sort();
    list
}

/// A profile's string index is no value to a series.
fn without_indexes(value: &AnyValue) -> AnyValue {
    let value = match &value.value {
        Some(Value::StringValueStrindex(_)) | None => None,
        Some(Value::ArrayValue(list)) => {
            let mut list = list.clone();
            list.values.iter_mut().for_each(|value| *value = without_indexes(value));
            Some(Value::ArrayValue(list))
        }
        Some(Value::KvlistValue(list)) => {
            let mut list = list.clone();
            for kv in &mut list.values {
                kv.key_strindex = 0;
                kv.value = Some(without_indexes(&kv.value.clone().unwrap_or_default()));
            }
            Some(Value::KvlistValue(list))
        }
        other => other.clone(),
    };
    AnyValue { value }
}

fn identity_of(list: &[KeyValue]) -> String {
    let mut list: Vec<_> = list.iter().collect();
    list.sort_by_key(|kv| &kv.key);
    let value =
        |kv: &KeyValue| without_indexes(&kv.value.clone().unwrap_or_default()).encode_to_vec();
    let list: Vec<_> = list.into_iter().map(|kv| (&kv.key, value(kv))).collect();
    format!("{list:?}")
}

impl Reference {
    fn resource_group(&mut self, signal: Signal, bytes: &[u8]) -> Option<()> {
        let group = Group::decode(bytes).ok()?;
        let head = merged(&group.heads);
        let resource = head
            .as_deref()
            .map_or(Some(Resource::default()), |head| decode_metrics(&[1, 1], head)?.resource);
        let schema_url = last_text(&group.schema_urls);
        let whole = resource.zip(schema_url).map(|(resource, schema_url)| {
            let identity = format!(
                "{:?}",
                (
                    &schema_url,
                    resource.dropped_attributes_count,
                    identity_of(&resource.attributes),
                    &resource.entity_refs
                )
            );
            let service = resource.attributes.iter().find_map(|kv| match &kv.value {
                Some(AnyValue { value: Some(Value::StringValue(name)) })
                    if kv.key == "service.name" =>
                {
                    Some(name.clone())
                }
                _ => None,
            });
            let message = ResourceMetrics {
                resource: head.is_some().then_some(resource),
                schema_url,
                ..ResourceMetrics::default()
            };
            (service.unwrap_or_default(), message.encode_to_vec(), identity)
        });
        for scope in &group.items {
            self.scope_group(signal, scope, &whole)?;
        }
        Some(())
    }

    fn scope_group(
        &mut self,
        signal: Signal,
        bytes: &[u8],
        resource: &Option<(String, Vec<u8>, String)>,
    ) -> Option<()> {
        let group = Group::decode(bytes).ok()?;
        let head = merged(&group.heads);
        let scope = head.as_deref().map_or(Some(InstrumentationScope::default()), |head| {
            decode_metrics(&[1, 2, 1], head)?.scope_metrics.into_iter().next()?.scope
        });
        let above = resource.clone().zip(scope.zip(last_text(&group.schema_urls))).map(
            |((service, resource, of_resource), (scope, schema_url))| {
                let identity = format!(
                    "{of_resource} {:?}",
                    (
                        &schema_url,
                        &scope.name,
                        &scope.version,
                        scope.dropped_attributes_count,
                        identity_of(&scope.attributes)
                    )
                );
                let message = ScopeMetrics {
                    scope: head.is_some().then_some(scope),
                    schema_url,
                    ..ScopeMetrics::default()
                };
                Above { service, resource, scope: message.encode_to_vec(), identity }
            },
        );
        for record in &group.items {
            match signal {
                Signal::Traces => {
                    let rows = above.as_ref().and_then(|above| self.span(record, above));
                    self.keep(rows.map(|row| vec![(0, row)]));
                }
                Signal::Logs => {
                    let rows = above.as_ref().and_then(|above| self.log(record, above));
                    self.keep(rows.map(|row| vec![(0, row)]));
                }
                Signal::Metrics => self.metric(record, above.as_ref())?,
            }
        }
        Some(())
    }

    fn keep(&mut self, rows: Option<Vec<(usize, Row)>>) {
        match rows {
            None => self.rejected += 1,
            Some(rows) => {
                self.accepted += 1;
                rows.into_iter().for_each(|(table, row)| self.rows[table].push(row));
            }
        }
    }

    fn span(&self, bytes: &[u8], above: &Above) -> Option<Row> {
        let body = wrapped(&[1, 2, 2], bytes);
        let request = ExportTraceServiceRequest::decode(body.as_slice()).ok()?;
        let span = request.resource_spans[0].scope_spans[0].spans[0].clone();
        let (start, end) = (time(span.start_time_unix_nano)?, time(span.end_time_unix_nano)?);
        span.events.iter().try_for_each(|event| time(event.time_unix_nano).map(drop))?;
        for link in &span.links {
            id(&link.trace_id, 16)?;
            id(&link.span_id, 8)?;
        }
        let status = span.status.unwrap_or_default();
        let events = span.events.iter().map(Message::encode_to_vec).collect();
        let links = span.links.iter().map(Message::encode_to_vec).collect();
        let cells = vec![
            Some(id(&span.trace_id, 16)??),
            Some(id(&span.span_id, 8)??),
            id(&span.parent_span_id, 8)?,
            non_empty(&span.trace_state),
            non_zero(span.flags),
            text(&above.service),
            text(&span.name),
            int(span.kind),
            Some(Cell::Int(start)),
            Some(Cell::Int(end - start)),
            int(status.code),
            non_empty(&status.message),
            non_zero(span.dropped_attributes_count),
            non_zero(span.dropped_events_count),
            non_zero(span.dropped_links_count),
            list(events),
            list(links),
            Some(Cell::Bytes(above.resource.clone())),
            Some(Cell::Bytes(above.scope.clone())),
            Some(Cell::Int(self.now.0)),
            None,
        ];
        Some(Row { table: Table::Spans, cells, attributes: attributes(&span.attributes) })
    }

    fn log(&self, bytes: &[u8], above: &Above) -> Option<Row> {
        let body = wrapped(&[1, 2, 2], bytes);
        let request = ExportLogsServiceRequest::decode(body.as_slice()).ok()?;
        let log = request.resource_logs[0].scope_logs[0].log_records[0].clone();
        let (sent, observed) = (time(log.time_unix_nano)?, time(log.observed_time_unix_nano)?);
        let (time, origin) = match (sent, observed) {
            (0, 0) => (self.now.0, Some(2)),
            (0, observed) => (observed, Some(1)),
            (sent, _) => (sent, None),
        };
        let (body, body_value) = match &log.body {
            None => (None, None),
            Some(AnyValue { value: Some(Value::StringValue(body)) }) => (text(body), None),
            Some(value) => {
                let raw = value.encode_to_vec();
                let mut rendered = String::new();
                let read = wire::any_value(&raw).ok()?;
                body_text::render(&read, &mut rendered).ok()?;
                let is_empty = read == binnacle_storage::model::Value::Empty;
                ((!is_empty).then_some(Cell::Text(rendered)), Some(Cell::Bytes(raw)))
            }
        };
        let cells = vec![
            Some(Cell::Int(time)),
            origin.map(Cell::Int),
            (observed != 0).then_some(Cell::Int(observed)),
            id(&log.trace_id, 16)?,
            id(&log.span_id, 8)?,
            non_zero(log.flags),
            text(&above.service),
            int(log.severity_number),
            non_empty(&log.severity_text),
            non_empty(&log.event_name),
            body,
            body_value,
            non_zero(log.dropped_attributes_count),
            Some(Cell::Bytes(above.resource.clone())),
            Some(Cell::Bytes(above.scope.clone())),
            Some(Cell::Int(self.now.0)),
            None,
        ];
        Some(Row { table: Table::Logs, cells, attributes: attributes(&log.attributes) })
    }

    fn metric(&mut self, bytes: &[u8], above: Option<&Above>) -> Option<()> {
        let shallow = ShallowMetric::decode(bytes).ok()?;
        let (kind, field, points, temporality, is_monotonic) = match shallow.data {
            None => return Some(()),
            Some(ShallowData::Gauge(data)) => ("gauge", 5, data.items, None, None),
            Some(ShallowData::Sum(data)) => {
                ("sum", 7, data.points, Some(data.temporality), Some(data.is_monotonic))
            }
            Some(ShallowData::Histogram(data)) => {
                ("histogram", 9, data.points, Some(data.temporality), None)
            }
            Some(ShallowData::ExponentialHistogram(data)) => {
                ("exponential_histogram", 10, data.points, Some(data.temporality), None)
            }
            Some(ShallowData::Summary(data)) => ("summary", 11, data.items, None, None),
        };
        let metadata: Option<Vec<KeyValue>> = shallow
            .metadata
            .iter()
            .map(|kv| {
                let resource = decode_metrics(&[1, 2, 2, 12], kv)?;
                Some(resource.scope_metrics[0].metrics[0].metadata[0].clone())
            })
            .collect();
        let names = last_text(&shallow.names)
            .zip(last_text(&shallow.descriptions))
            .zip(last_text(&shallow.units));
        for bytes in &points {
            let point = decode_metrics(&[1, 2, 2, field, 1], bytes)
                .and_then(|resource| resource.scope_metrics[0].metrics[0].data.clone())
                .map(Point::of);
            let (Some(above), Some(metadata), Some(((name, description), unit)), Some(point)) =
                (above, &metadata, &names, point)
            else {
                self.keep(None);
                continue;
            };
            let identity = format!(
                "{} {:?}",
                above.identity,
                (
                    name,
                    description,
                    unit,
                    kind,
                    temporality,
                    is_monotonic,
                    identity_of(metadata),
                    identity_of(&point.attributes)
                )
            );
            let known = self.series.iter().position(|series| *series == identity);
            let series = Some(Cell::Int(known.unwrap_or(self.series.len()) as i64));
            let rows = point.rows(kind, series.clone(), self.now).map(|(time, mut rows)| {
                if known.is_none() {
                    self.series.push(identity);
                    let metadata = metadata.iter().map(Message::encode_to_vec).collect();
                    let cells = vec![
                        series,
                        Some(Cell::Int(time)),
                        text(&above.service),
                        text(name),
                        non_empty(description),
                        non_empty(unit),
                        text(kind),
                        temporality.map(|number| Cell::Int(i64::from(number))),
                        is_monotonic.map(Cell::Bool),
                        list(metadata),
                        Some(Cell::Bytes(above.resource.clone())),
                        Some(Cell::Bytes(above.scope.clone())),
                        Some(Cell::Int(self.now.0)),
                    ];
                    let attributes = attributes(&point.attributes);
                    rows.push((1, Row { table: Table::Series, cells, attributes }));
                }
                rows
            });
            self.keep(rows);
        }
        Some(())
    }
}

pub fn time(nanos: u64) -> Option<i64> {
    i64::try_from(nanos).ok()
}

/// `None` for a wrong length, `Some(None)` for no id.
pub fn id(bytes: &[u8], length: usize) -> Option<Option<Cell>> {
    match bytes {
        [] => Some(None),
        bytes if bytes.len() != length => None,
        bytes if bytes.iter().all(|byte| *byte == 0) => Some(None),
        bytes => Some(Some(Cell::Bytes(bytes.to_vec()))),
    }
}

pub fn text(text: &str) -> Option<Cell> {
    Some(Cell::Text(text.to_owned()))
}

fn non_empty(value: &str) -> Option<Cell> {
    (!value.is_empty()).then(|| Cell::Text(value.to_owned()))
}

fn int(number: i32) -> Option<Cell> {
    Some(Cell::Int(i64::from(number)))
}

pub fn non_zero(number: u32) -> Option<Cell> {
    (number != 0).then_some(Cell::Int(i64::from(number)))
}

fn list(items: Vec<Vec<u8>>) -> Option<Cell> {
    (!items.is_empty()).then(|| Cell::Bytes(List { items }.encode_to_vec()))
}
