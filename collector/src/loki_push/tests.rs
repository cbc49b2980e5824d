//! Both bodies say the same, and become the same OTLP request.

use super::protobuf::{EntryMessage, PairMessage, PushRequest, StreamMessage, TimestampMessage};
use super::{convert, json, protobuf};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::prelude::*;
use prost::Message;

const TRACE: &str = "5b8aa5a2d2c872e8321cf37308d69df2";

fn json_body() -> Vec<u8> {
    serde_json::json!({"streams": [
        {"stream": {"app": "shop", "level": "warn"}, "values": [
            ["1700000000000000001", "one"],
            ["1700000000000000002", "two", {"trace_id": TRACE, "user": "7"}],
        ]},
    ]})
    .to_string()
    .into_bytes()
}

fn protobuf_body() -> Vec<u8> {
    let pair = |name: &str, value: &str| PairMessage { name: name.into(), value: value.into() };
    let entry = |nanos, line: &str, structured_metadata| EntryMessage {
        timestamp: Some(TimestampMessage { seconds: 1_700_000_000, nanos }),
        line: line.into(),
        structured_metadata,
    };
    let stream = StreamMessage {
        labels: r#"{app="shop", level="warn"}"#.into(),
        entries: vec![
            entry(1, "one", vec![]),
            entry(2, "two", vec![pair("trace_id", TRACE), pair("user", "7")]),
        ],
    };
    PushRequest { streams: vec![stream] }.encode_to_vec()
}

#[test]
fn both_bodies_say_the_same() {
    let (from_json, rejected) = json::read(&json_body()).unwrap();
    let (from_protobuf, also_rejected) = protobuf::read(&protobuf_body()).unwrap();
    assert_eq!(from_json, from_protobuf);
    assert_eq!((rejected.count, also_rejected.count), (0, 0));
    let request = ExportLogsServiceRequest::decode(convert::to_otlp(from_json).as_slice()).unwrap();
    let logs = &request.resource_logs[0];
    assert_eq!(logs.schema_url, "loki:stream");
    let keys: Vec<&str> = logs
        .resource
        .as_ref()
        .unwrap()
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    assert_eq!(keys, ["service.name", "app", "level"]);
    let records = &logs.scope_logs[0].log_records;
    assert_eq!(records[0].time_unix_nano, 1_700_000_000_000_000_001);
    assert_eq!(records[1].severity_number, 13);
    assert_eq!(records[1].trace_id.len(), 16);
    assert_eq!(records[1].attributes.len(), 1);
}

#[test]
fn bad_streams_and_entries_go_alone() {
    let body = serde_json::json!({"streams": [
        {"stream": {}, "values": [["1", "no labels"], ["2", "none"]]},
        {"stream": {"a.b": "c"}, "values": [["1", "bad name"]]},
        {"stream": {"a": "b"}, "values": [["1", "good"], ["x", "bad time"], ["2"], [3, 4], ["5", "bad metadata", {"n": 1}]]},
    ]});
    let (streams, rejected) = json::read(body.to_string().as_bytes()).unwrap();
    assert_eq!(streams.len(), 1);
    assert_eq!(streams[0].entries.len(), 1);
    assert_eq!(rejected.count, 7);
    assert!(json::read(b"{\"streams\": 5}").is_err());
    assert!(protobuf::read(b"\xff\xff").is_err());
}

#[test]
fn ids_that_are_none_stay_metadata() {
    for id in ["0", "00000000000000000000000000000000", "5B8AA5A2D2C872E8321CF37308D69DF2", "x"] {
        let body = serde_json::json!({"streams": [{"stream": {"a": "b"}, "values": [["1", "l", {"trace_id": id}]]}]});
        let (streams, _) = json::read(body.to_string().as_bytes()).unwrap();
        let request =
            ExportLogsServiceRequest::decode(convert::to_otlp(streams).as_slice()).unwrap();
        let record = &request.resource_logs[0].scope_logs[0].log_records[0];
        assert!(record.trace_id.is_empty() && record.attributes.len() == 1, "{id}");
    }
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = json::read(&body);
        let _ = protobuf::read(&body);
    }
}

#[test]
fn a_label_named_twice_refuses_its_stream_only() {
    let mut request = PushRequest::decode(protobuf_body().as_slice()).unwrap();
    let mut twice = request.streams[0].clone();
    twice.labels = r#"{app="a", app="b"}"#.into();
    request.streams.insert(0, twice);
    let (streams, rejected) = protobuf::read(&request.encode_to_vec()).unwrap();
    assert_eq!(streams, protobuf::read(&protobuf_body()).unwrap().0);
    assert_eq!(rejected.count, 2);
}
