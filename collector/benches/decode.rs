//! Decoding trace requests: the walker into batches, against prost into generated messages.
//!
//! Seeded spans of ten attributes, about 460 bytes each, 1,000 to a request.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_collector::otlp::decode::decode;
use binnacle_storage::model::{Signal, Timestamp};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

const SPANS: u64 = 1000;

fn main() {
    divan::main();
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn text(value: impl Into<String>) -> Value {
    Value::StringValue(value.into())
}

fn span(number: u64) -> Span {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let start = 1_700_000_000_000_000_000 + number * 1_000_003;
    Span {
        trace_id: [mixed.to_le_bytes(), number.to_be_bytes()].concat(),
        span_id: (mixed ^ 1).to_le_bytes().to_vec(),
        parent_span_id: (mixed ^ 2).to_le_bytes().to_vec(),
        flags: 257,
        name: format!("GET /api/items/{}", mixed % 40),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + mixed % 50_000_000,
        attributes: vec![
            attribute("http.request.method", text("GET")),
            attribute("http.route", text(format!("/api/items/{}", mixed % 40))),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("url.scheme", text("https")),
            attribute("server.address", text(format!("shop-{}.internal", mixed % 8))),
            attribute("client.address", text(format!("10.0.{}.{}", mixed % 250, number % 250))),
            attribute("user_agent.original", text("Mozilla/5.0 (X11; Linux x86_64)")),
            attribute("user.id", text(format!("user-{mixed:016x}"))),
            attribute("cache.hit", Value::BoolValue(mixed.is_multiple_of(3))),
            attribute("queue.seconds", Value::DoubleValue((mixed % 1000) as f64 / 1e6)),
        ],
        status: Some(Status::default()),
        ..Span::default()
    }
}

fn request() -> Vec<u8> {
    let attributes = vec![
        attribute("service.name", text("shop")),
        attribute("service.instance.id", text("627cc493-f310-47de-96bd-71410b7dec09")),
    ];
    let scope = InstrumentationScope { name: "http".to_owned(), ..Default::default() };
    let spans = (0..SPANS).map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    let resource = Some(Resource { attributes, ..Default::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

#[divan::bench]
fn walker_into_batch(bencher: Bencher<'_, '_>) {
    let body = request();
    bencher
        .counter(ItemsCount::new(SPANS))
        .counter(BytesCount::new(body.len()))
        .bench(|| decode(Signal::Traces, black_box(&body), Timestamp(1)).map(|d| d.accepted));
}

#[divan::bench]
fn prost_into_messages(bencher: Bencher<'_, '_>) {
    let body = request();
    bencher
        .counter(ItemsCount::new(SPANS))
        .counter(BytesCount::new(body.len()))
        .bench(|| ExportTraceServiceRequest::decode(black_box(body.as_slice())));
}
