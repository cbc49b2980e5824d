//! Requests of every shape, from a seed.

use binnacle_storage::model::Signal;
use binnacle_storage::model::wire::{self, FIXED32, FIXED64, LENGTH, Reader, VARINT};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

/// A small random source: the same seed makes the same request.
pub struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator(seed)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn list<T>(&mut self, most: u64, one: impl Fn(&mut Generator) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl Fn(&mut Generator) -> T) -> Option<T> {
        if self.chance(60) { Some(one(self)) } else { None }
    }

    fn text(&mut self) -> String {
        let choices =
            ["", "a", "service.name", "GET /users/{id}", "ünï¢ode ✓", "http.response.status_code"];
        match self.below(8) {
            7 => "long text ".repeat(20),
            index => choices[index as usize % choices.len()].to_owned(),
        }
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn id(&mut self, length: u64) -> Vec<u8> {
        match self.below(20) {
            0 => Vec::new(),
            1 => vec![0; length as usize],
            2 => self.bytes(length - 1),
            _ => self.bytes(length),
        }
    }

    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => self.below(200),
            2 => u64::MAX,
            3 => i64::MAX as u64,
            _ => self.next(),
        }
    }

    fn double(&mut self) -> f64 {
        match self.below(6) {
            0 => 0.0,
            1 => -0.0,
            2 => f64::NAN,
            3 => f64::NEG_INFINITY,
            _ => f64::from_bits(self.next()),
        }
    }

    fn time(&mut self) -> u64 {
        match self.below(20) {
            0 => 0,
            1 => u64::MAX,
            2 => i64::MAX as u64,
            _ => 1_700_000_000_000_000_000 + self.below(1 << 40),
        }
    }

    fn any_value(&mut self, depth: u32) -> AnyValue {
        let kinds = if depth == 0 { 7 } else { 9 };
        let value = match self.below(kinds) {
            0 => None,
            1 | 2 => Some(Value::StringValue(self.text())),
            3 => Some(Value::IntValue(self.number() as i64)),
            4 => Some(Value::DoubleValue(self.double())),
            5 => Some(Value::BoolValue(self.chance(50))),
            6 => {
                let length = self.below(5);
                Some(Value::BytesValue(self.bytes(length)))
            }
            7 => {
                let values = self.list(3, |g| g.any_value(depth - 1));
                Some(Value::ArrayValue(ArrayValue { values }))
            }
            _ => {
                let values = self.list(3, |g| g.key_value(depth - 1));
                Some(Value::KvlistValue(KeyValueList { values }))
            }
        };
        AnyValue { value }
    }

    fn key_value(&mut self, depth: u32) -> KeyValue {
        KeyValue { key: self.text(), value: self.maybe(|g| g.any_value(depth)), key_strindex: 0 }
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        self.list(4, |g| g.key_value(3))
    }

    fn resource(&mut self) -> Resource {
        Resource {
            attributes: self.attributes(),
            dropped_attributes_count: self.below(3) as u32,
            entity_refs: self.list(2, |g| EntityRef {
                schema_url: g.text(),
                r#type: g.text(),
                id_keys: g.list(2, Generator::text),
                description_keys: g.list(2, Generator::text),
            }),
        }
    }

    fn scope(&mut self) -> InstrumentationScope {
        InstrumentationScope {
            name: self.text(),
            version: self.text(),
            attributes: self.attributes(),
            dropped_attributes_count: self.below(3) as u32,
        }
    }

    fn span(&mut self) -> Span {
        Span {
            trace_id: self.id(16),
            span_id: self.id(8),
            trace_state: self.text(),
            parent_span_id: self.id(8),
            flags: self.below(600) as u32,
            name: self.text(),
            kind: self.number() as i32,
            start_time_unix_nano: self.time(),
            end_time_unix_nano: self.time(),
            attributes: self.attributes(),
            dropped_attributes_count: self.below(3) as u32,
            events: self.list(2, |g| Event {
                time_unix_nano: g.time(),
                name: g.text(),
                attributes: g.attributes(),
                dropped_attributes_count: g.below(3) as u32,
            }),
            dropped_events_count: self.below(3) as u32,
            links: self.list(2, |g| Link {
                trace_id: g.id(16),
                span_id: g.id(8),
                trace_state: g.text(),
                attributes: g.attributes(),
                dropped_attributes_count: g.below(3) as u32,
                flags: g.number() as u32,
            }),
            dropped_links_count: self.below(3) as u32,
            status: self.maybe(|g| Status { message: g.text(), code: g.below(3) as i32 }),
        }
    }

    fn log(&mut self) -> LogRecord {
        LogRecord {
            time_unix_nano: self.time(),
            observed_time_unix_nano: self.time(),
            severity_number: self.below(30) as i32,
            severity_text: self.text(),
            body: self.maybe(|g| g.any_value(3)),
            attributes: self.attributes(),
            dropped_attributes_count: self.below(3) as u32,
            flags: self.below(3) as u32,
            trace_id: self.id(16),
            span_id: self.id(8),
            event_name: self.text(),
        }
    }

    fn exemplars(&mut self) -> Vec<Exemplar> {
        self.list(2, |g| Exemplar {
            filtered_attributes: g.attributes(),
            time_unix_nano: g.time(),
            span_id: g.id(8),
            trace_id: g.id(16),
            value: g.maybe(|g| match g.below(2) {
                0 => exemplar::Value::AsDouble(g.double()),
                _ => exemplar::Value::AsInt(g.number() as i64),
            }),
        })
    }

    fn number_points(&mut self) -> Vec<NumberDataPoint> {
        self.list(3, |g| NumberDataPoint {
            attributes: g.attributes(),
            start_time_unix_nano: g.time(),
            time_unix_nano: g.time(),
            exemplars: g.exemplars(),
            flags: g.below(2) as u32,
            value: g.maybe(|g| match g.below(2) {
                0 => number_data_point::Value::AsDouble(g.double()),
                _ => number_data_point::Value::AsInt(g.number() as i64),
            }),
        })
    }

    fn histogram_points(&mut self) -> Vec<HistogramDataPoint> {
        self.list(3, |g| HistogramDataPoint {
            attributes: g.attributes(),
            start_time_unix_nano: g.time(),
            time_unix_nano: g.time(),
            count: g.number(),
            sum: g.maybe(Generator::double),
            bucket_counts: g.list(4, Generator::number),
            explicit_bounds: g.list(4, Generator::double),
            exemplars: g.exemplars(),
            flags: g.below(2) as u32,
            min: g.maybe(Generator::double),
            max: g.maybe(Generator::double),
        })
    }

    fn buckets(&mut self) -> Buckets {
        Buckets { offset: self.number() as i32, bucket_counts: self.list(4, Generator::number) }
    }

    fn exponential_points(&mut self) -> Vec<ExponentialHistogramDataPoint> {
        self.list(3, |g| ExponentialHistogramDataPoint {
            attributes: g.attributes(),
            start_time_unix_nano: g.time(),
            time_unix_nano: g.time(),
            count: g.number(),
            sum: g.maybe(Generator::double),
            scale: g.number() as i32,
            zero_count: g.number(),
            positive: g.maybe(Generator::buckets),
            negative: g.maybe(Generator::buckets),
            flags: g.below(2) as u32,
            exemplars: g.exemplars(),
            min: g.maybe(Generator::double),
            max: g.maybe(Generator::double),
            zero_threshold: g.double(),
        })
    }

    fn summary_points(&mut self) -> Vec<SummaryDataPoint> {
        self.list(3, |g| SummaryDataPoint {
            attributes: g.attributes(),
            start_time_unix_nano: g.time(),
            time_unix_nano: g.time(),
            count: g.number(),
            sum: g.double(),
            quantile_values: g
                .list(3, |g| ValueAtQuantile { quantile: g.double(), value: g.double() }),
            flags: g.below(2) as u32,
        })
    }

    fn metric(&mut self) -> Metric {
        let aggregation_temporality = self.below(4) as i32;
        let data = match self.below(6) {
            0 => None,
            1 => Some(Data::Gauge(Gauge { data_points: self.number_points() })),
            2 => Some(Data::Sum(Sum {
                data_points: self.number_points(),
                aggregation_temporality,
                is_monotonic: self.chance(50),
            })),
            3 => Some(Data::Histogram(Histogram {
                data_points: self.histogram_points(),
                aggregation_temporality,
            })),
            4 => Some(Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.exponential_points(),
                aggregation_temporality,
            })),
            _ => Some(Data::Summary(Summary { data_points: self.summary_points() })),
        };
        Metric {
            name: self.text(),
            description: self.text(),
            unit: self.text(),
            metadata: self.list(2, |g| g.key_value(2)),
            data,
        }
    }

    pub fn traces(&mut self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest {
            resource_spans: self.list(2, |g| ResourceSpans {
                resource: g.maybe(Generator::resource),
                scope_spans: g.list(2, |g| ScopeSpans {
                    scope: g.maybe(Generator::scope),
                    spans: g.list(3, Generator::span),
                    schema_url: g.text(),
                }),
                schema_url: g.text(),
            }),
        }
    }

    pub fn logs(&mut self) -> ExportLogsServiceRequest {
        ExportLogsServiceRequest {
            resource_logs: self.list(2, |g| ResourceLogs {
                resource: g.maybe(Generator::resource),
                scope_logs: g.list(2, |g| ScopeLogs {
                    scope: g.maybe(Generator::scope),
                    log_records: g.list(3, Generator::log),
                    schema_url: g.text(),
                }),
                schema_url: g.text(),
            }),
        }
    }

    pub fn metrics(&mut self) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest {
            resource_metrics: self.list(2, |g| ResourceMetrics {
                resource: g.maybe(Generator::resource),
                scope_metrics: g.list(2, |g| ScopeMetrics {
                    scope: g.maybe(Generator::scope),
                    metrics: g.list(3, Generator::metric),
                    schema_url: g.text(),
                }),
                schema_url: g.text(),
            }),
        }
    }

    pub fn request(&mut self, signal: Signal) -> Vec<u8> {
        match signal {
            Signal::Traces => self.traces().encode_to_vec(),
            Signal::Logs => self.logs().encode_to_vec(),
            Signal::Metrics => self.metrics().encode_to_vec(),
        }
    }

    /// Reorders and repeats fields on all levels, as far as bytes look like messages.
    pub fn shake(&mut self, bytes: &[u8], depth: u32) -> Vec<u8> {
        let Some(mut fields) = split(bytes) else {
            return bytes.to_vec();
        };
        if self.chance(20) {
            for index in (1..fields.len()).rev() {
                let other = self.below(index as u64 + 1) as usize;
                fields.swap(index, other);
            }
        }
        if self.chance(10) && !fields.is_empty() {
            let copied = fields[self.below(fields.len() as u64) as usize];
            fields.push(copied);
        }
        let mut out = Vec::new();
        for (tag, field) in fields {
            match tag & 7 {
                LENGTH if depth > 0 && self.chance(80) => {
                    let content =
                        Reader::new(&field[tag_length(tag)..]).length_delimited().unwrap();
                    let shaken = self.shake(content, depth - 1);
                    wire::put_message(&mut out, tag >> 3, &shaken);
                }
                _ => out.extend_from_slice(field),
            }
        }
        if self.chance(5) {
            // A field from the future.
            wire::put_message(&mut out, 500, b"future");
        }
        out
    }

    /// One small damage anywhere.
    pub fn damage(&mut self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return body.push(self.next() as u8);
        }
        let at = self.below(body.len() as u64) as usize;
        match self.below(5) {
            0 => body[at] ^= 1 << self.below(8),
            1 => body[at] = self.next() as u8,
            2 => body.truncate(at),
            3 => drop(body.remove(at)),
            _ => body.insert(at, self.next() as u8),
        }
    }
}

fn tag_length(tag: u32) -> usize {
    let mut bytes = Vec::new();
    wire::put_varint(&mut bytes, u64::from(tag));
    bytes.len()
}

/// The fields of a message, each with its tag and its bytes.
fn split(bytes: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut reader = Reader::new(bytes);
    let mut fields = Vec::new();
    while !reader.is_done() {
        let before = reader.rest();
        let tag = reader.tag().ok()?;
        // A tag in more bytes than it needs would not be found again.
        if before.len() - reader.rest().len() != tag_length(tag) {
            return None;
        }
        match tag & 7 {
            VARINT => drop(reader.varint().ok()?),
            FIXED64 => drop(reader.fixed64().ok()?),
            FIXED32 => drop(reader.fixed32().ok()?),
            LENGTH => drop(reader.length_delimited().ok()?),
            _ => return None,
        }
        fields.push((tag, &before[..before.len() - reader.rest().len()]));
    }
    Some(fields)
}

/// A span with an attribute of arrays nested so deep.
pub fn nested_span(levels: u32) -> Vec<u8> {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..levels {
        value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let attribute = KeyValue { key: "deep".to_owned(), value: Some(value), key_strindex: 0 };
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        attributes: vec![attribute],
        ..Span::default()
    }
    .encode_to_vec()
}

pub fn span_with_id(trace_id: &[u8]) -> Vec<u8> {
    Span { trace_id: trace_id.to_vec(), span_id: vec![2; 8], ..Span::default() }.encode_to_vec()
}

pub fn spans_request(spans: &[&[u8]]) -> Vec<u8> {
    let mut records = Vec::new();
    spans.iter().for_each(|span| wire::put_message(&mut records, 2, span));
    in_scope(&records)
}

/// A request of one scope with this content.
pub fn in_scope(scope: &[u8]) -> Vec<u8> {
    let mut resource = Vec::new();
    wire::put_message(&mut resource, 2, scope);
    let mut request = Vec::new();
    wire::put_message(&mut request, 1, &resource);
    request
}
