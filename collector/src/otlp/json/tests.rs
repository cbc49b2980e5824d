use super::*;
use crate::otlp::decode::tests::generate::Generator;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

/// The only span of a request.
fn span(span: serde_json::Value) -> Result<Span, Rejections> {
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }).to_string();
    let done = transcode(Signal::Traces, body.as_bytes()).unwrap();
    let request = ExportTraceServiceRequest::decode(done.protobuf.as_slice()).unwrap();
    request.resource_spans[0].scope_spans[0].spans.first().cloned().ok_or(done.rejected)
}

#[test]
fn the_official_examples_transcode_to_what_the_official_decoder_reads() {
    macro_rules! same {
        ($signal:expr, $message:ty, $file:literal) => {
            let text = include_str!(concat!("../../../testdata/otlp/", $file));
            let done = transcode($signal, text.as_bytes()).unwrap();
            assert_eq!(done.rejected.count, 0);
            let official: $message = serde_json::from_str(text).unwrap();
            assert_eq!(<$message>::decode(done.protobuf.as_slice()).unwrap(), official, $file);
        };
    }
    same!(Signal::Traces, ExportTraceServiceRequest, "trace.json");
    same!(Signal::Logs, ExportLogsServiceRequest, "logs.json");
    same!(Signal::Logs, ExportLogsServiceRequest, "events.json");
    same!(Signal::Metrics, ExportMetricsServiceRequest, "metrics.json");
}

#[test]
fn what_the_official_messages_write_reads_as_they_read_it() {
    for seed in 0..300 {
        let text = serde_json::to_vec(&Generator::new(seed).traces()).unwrap();
        let done = transcode(Signal::Traces, &text).unwrap();
        assert_eq!(done.rejected.count, 0, "seed {seed}: {:?}", done.rejected);
        let official: ExportTraceServiceRequest = serde_json::from_slice(&text).unwrap();
        let read = ExportTraceServiceRequest::decode(done.protobuf.as_slice()).unwrap();
        assert!(read == official, "seed {seed}");
    }
}

#[test]
fn the_mapping_of_the_specification() {
    let read = span(json!({
        "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174",
        "parentSpanId": null, "kind": 2, "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": 1544712661000000000u64, "flags": "257", "unknown": { "deep": [1, {}] },
        "attributes": [
            { "key": "i", "value": { "intValue": "-9223372036854775808" } },
            { "key": "d", "value": { "doubleValue": "NaN" } },
            { "key": "whole", "value": { "doubleValue": 3 } },
            { "key": "b", "value": { "bytesValue": "+/8=" } },
            { "key": "a", "value": { "arrayValue": {} } },
            { "key": "none", "value": null },
            { "value": { "stringValue": "no key" } },
        ],
    }))
    .unwrap();
    assert_eq!(read.trace_id[..2], [0x5b, 0x8e]);
    assert_eq!((read.kind, read.flags, read.parent_span_id.len()), (2, 257, 0));
    assert_eq!(read.end_time_unix_nano - read.start_time_unix_nano, 1_000_000_000);
    let value = |index: usize| read.attributes[index].value.clone().and_then(|value| value.value);
    assert_eq!(value(0), Some(Value::IntValue(i64::MIN)));
    assert!(matches!(value(1), Some(Value::DoubleValue(number)) if number.is_nan()));
    assert_eq!(value(2), Some(Value::DoubleValue(3.0)));
    assert_eq!(value(3), Some(Value::BytesValue(vec![0xfb, 0xff])));
    assert!(matches!(value(4), Some(Value::ArrayValue(list)) if list.values.is_empty()));
    assert_eq!((value(5), read.attributes[6].key.as_str()), (None, ""));
}

#[test]
fn a_wrong_value_rejects_its_record_and_says_where() {
    let cases = [
        (json!({ "kind": "SPAN_KIND_SERVER" }), "Span.kind must be a 32-bit integer"),
        (json!({ "traceId": "not hex" }), "Span.traceId must be a hex string"),
        (json!({ "name": 5 }), "Span.name must be a string"),
        (json!({ "attributes": {} }), "Span.attributes must be an array"),
        (json!({ "status": [] }), "Span.status must be one value, not an array"),
        (json!({ "name": {} }), "Span.name must be a scalar, not an object"),
        (json!(5), "a Span must be an object"),
    ];
    for (record, reason) in cases {
        let rejected = span(record).unwrap_err();
        assert_eq!((rejected.count, rejected.reasons[0].reason.as_str()), (1, reason));
    }
}

#[test]
fn a_wrong_resource_takes_its_own_records_along_only() {
    let good = json!({ "scopeLogs": [{ "logRecords": [{ "body": { "stringValue": "x" } }] }] });
    let bad = json!({
        "resource": { "attributes": "none" },
        "scopeLogs": [{ "logRecords": [{}, {}, { "flags": -1 }] }],
    });
    let body = json!({ "resourceLogs": [bad, good] }).to_string();
    let done = transcode(Signal::Logs, body.as_bytes()).unwrap();
    assert_eq!(done.rejected.count, 3);
    let read = ExportLogsServiceRequest::decode(done.protobuf.as_slice()).unwrap();
    assert_eq!(read.resource_logs.len(), 1);
}

#[test]
fn broken_or_bottomless_json_refuses_the_request() {
    let deep = "{\"resourceSpans\":".to_owned() + &"[".repeat(6000);
    let nested = format!("{}{}", r#"{"a":"#.repeat(6000), "}".repeat(6000));
    let bodies = ["", "{", "[]", "5", "{\"resourceSpans\": [}", "{} {}", &deep];
    for body in bodies {
        assert!(transcode(Signal::Traces, body.as_bytes()).is_err(), "{body:.40}");
    }
    // Below a field nobody knows nothing is built, so depth costs nothing.
    let unknown = transcode(Signal::Traces, nested.as_bytes());
    assert!(unknown.is_err() || unknown.unwrap().protobuf.is_empty());
    assert!(transcode(Signal::Traces, b"{\"resourceSpans\": [\"\xff\"]}").is_err());
    assert!(transcode(Signal::Traces, b"{}").unwrap().protobuf.is_empty());
}

#[test]
fn what_is_no_list_is_counted_though_nobody_knows_how_much_it_held() {
    let cases = [
        (
            Signal::Traces,
            json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": { "name": "a" } }] }] }),
        ),
        (Signal::Traces, json!({ "resourceSpans": [{ "scopeSpans": 5 }] })),
        (
            Signal::Metrics,
            json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{ "gauge": 5 }] }] }] }),
        ),
        (
            Signal::Metrics,
            json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{ "sum": { "dataPoints": {} } }] }] }] }),
        ),
    ];
    for (signal, body) in cases {
        let done = transcode(signal, body.to_string().as_bytes()).unwrap();
        assert_eq!(done.rejected.count, 1, "{body}");
    }
}

#[test]
fn a_value_nested_too_deep_rejects_its_record_alone() {
    let nested = |levels: usize| {
        let value = (0..levels).fold(
            json!({ "intValue": 1 }),
            |value, _| json!({ "arrayValue": { "values": [value] } }),
        );
        json!({ "name": "deep", "attributes": [{ "key": "k", "value": value }] })
    };
    assert!(span(nested(30)).is_ok());
    for levels in [45, 60, 2_000] {
        // Built as text: the library's own values cannot be so deep.
        let value = format!(
            "{}{{\"intValue\":1}}{}",
            "{\"arrayValue\":{\"values\":[".repeat(levels),
            "]}}".repeat(levels)
        );
        let body = format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"name\":\"deep\",\"attributes\":[{{\"key\":\"k\",\
             \"value\":{value}}}]}},{{\"name\":\"fine\"}}]}}]}}]}}"
        );
        let done = transcode(Signal::Traces, body.as_bytes()).unwrap();
        assert_eq!(done.rejected.count, 1, "{levels}");
        let request = ExportTraceServiceRequest::decode(done.protobuf.as_slice()).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["fine"]);
    }
}
