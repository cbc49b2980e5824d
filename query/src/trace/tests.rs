//! Traces by id over real storage.

use crate::testing::{Fixture, resource, scope};
use crate::value::AnyValue;
use crate::value::encode::encode_pair;
use binnacle_storage::batch::{
    BatchBuilder, ExemplarRow, LogRow, NumberValue, SeriesRow, SpanRow, TimeOrigin,
};
use binnacle_storage::model::{SeriesId, Signal, SpanId, TenantId, Timestamp, TraceId, wire};

const ID: TraceId = TraceId([7; 16]);

fn push_span(builder: &mut BatchBuilder, trace: TraceId, id: u8, parent: u8, start: i64, end: i64) {
    builder.resource(&resource("shop", "east"), "shop");
    builder.scope(&scope("http"));
    let message = encode_pair("code", &AnyValue::Int(i64::from(id)));
    builder.push_span(&SpanRow {
        trace_id: trace,
        span_id: SpanId([id; 8]),
        parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
        trace_state: "a=b",
        flags: 1,
        name: "GET /",
        kind: 2,
        start_time: Timestamp(start),
        end_time: Timestamp(end),
        status_code: 2,
        status_message: "broken",
        dropped_attributes_count: 0,
        dropped_events_count: 3,
        dropped_links_count: 0,
        attributes: &[wire::key_value(&message).unwrap()],
        events: &[&[]],
        links: &[],
    });
}

fn push_log(builder: &mut BatchBuilder, time: i64) {
    builder.resource(&resource("shop", "east"), "shop");
    builder.scope(&scope("http"));
    builder.push_log(&LogRow {
        time: Timestamp(time),
        time_origin: TimeOrigin::Sent,
        observed_time: None,
        trace_id: Some(ID),
        span_id: Some(SpanId([1; 8])),
        flags: 0,
        severity_number: 9,
        severity_text: "INFO",
        event_name: "",
        body: Some("hello"),
        body_value: None,
        dropped_attributes_count: 0,
        attributes: &[],
    });
}

fn push_exemplar(builder: &mut BatchBuilder, series: u8) {
    builder.resource(&resource("shop", "east"), "shop");
    builder.scope(&scope("http"));
    let message = encode_pair("route", &AnyValue::String(format!("/{series}")));
    builder.push_series(&SeriesRow {
        series_id: SeriesId([series; 16]),
        time: Timestamp(5),
        name: "latency",
        description: "how long",
        unit: "ms",
        kind: "histogram",
        temporality: Some(2),
        is_monotonic: None,
        metadata: &[],
        attributes: &[wire::key_value(&message).unwrap()],
    });
    builder.push_exemplar(&ExemplarRow {
        series_id: SeriesId([series; 16]),
        time: Timestamp(i64::from(series)),
        point_time: Timestamp(5),
        value: Some(NumberValue::Double(1.5)),
        trace_id: (series < 9).then_some(ID),
        span_id: None,
        attributes: &[],
    });
}

async fn check(fixture: &Fixture) {
    let engine = fixture.engine();
    let tenant = TenantId::default();
    let trace = engine.trace(&tenant, ID).await.unwrap().unwrap();
    assert!(trace.stats.warnings.is_empty(), "{:?}", trace.stats.warnings);
    let spans: Vec<_> =
        trace.spans.iter().map(|s| (s.span_id.0[0], s.start_time.0, s.duration)).collect();
    assert_eq!(spans, [(1, 0, 100), (2, 10, 80), (3, 20, 10), (4, 30, 5)]);
    let span = &trace.spans[1];
    assert_eq!(span.parent_span_id, Some(SpanId([1; 8])));
    assert_eq!((span.service.as_str(), span.name.as_str(), span.kind), ("shop", "GET /", 2));
    assert_eq!((span.status_code, span.status_message.as_str()), (2, "broken"));
    assert_eq!((span.flags, span.trace_state.as_str()), (1, "a=b"));
    assert_eq!(span.attributes, [("code".to_owned(), AnyValue::Int(2))]);
    assert_eq!((span.events.len(), span.dropped_events_count, span.links.len()), (1, 3, 0));
    assert_eq!(span.scope.name, "http");
    let zone = span.resource.find_attribute("zone");
    assert_eq!(zone, Some(&AnyValue::String("east".to_owned())));
    assert_eq!(trace.missing_parents, [SpanId([99; 8])]);
    assert_eq!(trace.logs.iter().map(|log| log.time.0).collect::<Vec<_>>(), [40, 50]);
    assert_eq!(trace.logs[0].body, Some(AnyValue::String("hello".to_owned())));
    assert_eq!(trace.exemplars.len(), 2);
    let exemplar = &trace.exemplars[1];
    assert_eq!(exemplar.value, Some(NumberValue::Double(1.5)));
    let series = exemplar.series.as_ref().expect("the series is stored");
    assert_eq!((series.name.as_str(), series.unit.as_str()), ("latency", "ms"));
    assert_eq!(series.attributes, [("route".to_owned(), AnyValue::String("/2".to_owned()))]);
    let on_path: i64 = trace.critical_path.iter().map(|s| s.end.0 - s.start.0).sum();
    assert_eq!(on_path, 100);
    assert!(!trace.truncated);
    assert!(engine.trace(&tenant, TraceId([8; 16])).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_the_same_in_buffer_segments_and_compacted() {
    let mut fixture = Fixture::new().await;
    let other = TraceId([6; 16]);
    fixture
        .append(Signal::Traces, |builder| {
            push_span(builder, ID, 2, 1, 10, 90);
            push_span(builder, other, 5, 0, 0, 9);
            push_span(builder, ID, 3, 2, 20, 30);
        })
        .await;
    fixture.append(Signal::Logs, |builder| push_log(builder, 50)).await;
    fixture
        .append(Signal::Metrics, |builder| (1..=1).for_each(|s| push_exemplar(builder, s)))
        .await;
    fixture.flush().await;
    fixture
        .append(Signal::Traces, |builder| {
            push_span(builder, ID, 1, 0, 0, 100);
            push_span(builder, ID, 4, 99, 30, 35);
            push_span(builder, ID, 3, 2, 20, 30);
        })
        .await;
    fixture.append(Signal::Logs, |builder| push_log(builder, 40)).await;
    fixture
        .append(Signal::Metrics, |builder| {
            [2, 9].into_iter().for_each(|s| push_exemplar(builder, s))
        })
        .await;
    check(&fixture).await;
    fixture.flush().await;
    check(&fixture).await;
    fixture.storage.compact().await.unwrap();
    check(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_segment_is_named_and_the_rest_answered() {
    let mut fixture = Fixture::new().await;
    fixture.append(Signal::Traces, |builder| push_span(builder, ID, 1, 0, 0, 9)).await;
    fixture.flush().await;
    let segments = files(fixture.directory.path());
    assert!(!segments.is_empty());
    for path in segments {
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        std::fs::write(&path, vec![0xff; length]).unwrap();
    }
    fixture.append(Signal::Traces, |builder| push_span(builder, ID, 2, 1, 1, 5)).await;
    let trace = fixture.engine().trace(&TenantId::default(), ID).await.unwrap().unwrap();
    assert_eq!(trace.spans.len(), 1);
    assert_eq!(trace.stats.warnings.len(), 1, "{:?}", trace.stats.warnings);
}

/// Segment files below `directory`.
fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind == "parquet" || kind == "idx") {
            found.push(path);
        }
    }
    found
}
