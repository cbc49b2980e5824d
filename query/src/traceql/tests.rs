//! Trace search over real storage: the same answers from the buffer and from segments.

use super::{TracePage, TraceRequest};
use crate::Error;
use crate::testing::{Fixture, Random, resource, scope};
use crate::value::AnyValue;
use crate::value::encode::encode_pair;
use binnacle_storage::batch::{BatchBuilder, SpanRow};
use binnacle_storage::model::{Attribute, Signal, SpanId, TenantId, Timestamp, TraceId, wire};

/// A span to store.
#[derive(Clone)]
pub(super) struct Case {
    trace: u8,
    id: u8,
    parent: u8,
    service: &'static str,
    name: &'static str,
    pub(super) start: i64,
    pub(super) end: i64,
    status: i32,
    attributes: Vec<(&'static str, AnyValue)>,
    event: Option<&'static str>,
}

pub(super) fn case(
    trace: u8,
    id: u8,
    parent: u8,
    service: &'static str,
    name: &'static str,
) -> Case {
    let start = i64::from(trace) * 1000 + i64::from(id);
    let end = start + 10;
    Case {
        trace,
        id,
        parent,
        service,
        name,
        start,
        end,
        status: 0,
        attributes: Vec::new(),
        event: None,
    }
}

/// Trace 1: gateway → cart → database (error). Trace 2: gateway → cart. Trace 3: a lone job with an exception.
fn cases() -> Vec<Case> {
    let text = |text: &str| AnyValue::String(text.to_owned());
    vec![
        Case {
            end: 1500,
            attributes: vec![("http.status_code", AnyValue::Int(500))],
            ..case(1, 1, 0, "gateway", "GET /cart")
        },
        case(1, 2, 1, "cart", "load"),
        Case {
            status: 2,
            attributes: vec![("db.system", text("sqlite"))],
            ..case(1, 3, 2, "database", "SELECT")
        },
        Case {
            attributes: vec![("http.status_code", AnyValue::Int(200))],
            ..case(2, 1, 0, "gateway", "GET /cart")
        },
        Case {
            attributes: vec![("tags", AnyValue::Array(vec![text("a"), text("b")]))],
            ..case(2, 2, 1, "cart", "load")
        },
        Case {
            event: Some("exception"),
            attributes: vec![("http.status_code", text("500"))],
            ..case(3, 1, 0, "job", "clean")
        },
    ]
}

pub(super) fn push(builder: &mut BatchBuilder, case: &Case) {
    builder.resource(&resource(case.service, "east"), case.service);
    builder.scope(&scope("shop"));
    let pairs: Vec<Vec<u8>> =
        case.attributes.iter().map(|(key, value)| encode_pair(key, value)).collect();
    let attributes: Vec<Attribute<'_>> =
        pairs.iter().map(|pair| wire::key_value(pair).unwrap()).collect();
    let mut event = Vec::new();
    wire::put_message(&mut event, 2, case.event.unwrap_or_default().as_bytes());
    let events: Vec<&[u8]> = case.event.iter().map(|_| &event[..]).collect();
    builder.push_span(&SpanRow {
        trace_id: TraceId([case.trace; 16]),
        span_id: SpanId([case.id; 8]),
        parent_span_id: (case.parent > 0).then_some(SpanId([case.parent; 8])),
        trace_state: "",
        flags: 0,
        name: case.name,
        kind: 2,
        start_time: Timestamp(case.start),
        end_time: Timestamp(case.end),
        status_code: case.status,
        status_message: "",
        dropped_attributes_count: 0,
        dropped_events_count: 0,
        dropped_links_count: 0,
        attributes: &attributes,
        events: &events,
        links: &[],
    });
}

pub(super) async fn stored(cases: &[Case], flushed: bool) -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture
        .append(Signal::Traces, |builder| cases.iter().for_each(|case| push(builder, case)))
        .await;
    if flushed {
        fixture.storage.flush().await.unwrap();
    }
    fixture
}

async fn ask(fixture: &Fixture, request: TraceRequest) -> Result<TracePage, Error> {
    fixture.engine().traces(&TenantId::default(), request).await
}

/// Every trace found, with the ids of the spans of all its sets.
fn found(page: &TracePage) -> Vec<(u8, Vec<u8>)> {
    let spans = |sets: &[super::SpansetMatch]| {
        sets.iter().flat_map(|set| &set.spans).map(|span| span.span_id.0[0]).collect()
    };
    page.traces.iter().map(|found| (found.trace_id.0[0], spans(&found.sets))).collect()
}

async fn check(query: &str, expected: &[(u8, &[u8])]) {
    for flushed in [false, true] {
        let fixture = stored(&cases(), flushed).await;
        let request = TraceRequest { query: query.to_owned(), ..TraceRequest::default() };
        let page = ask(&fixture, request).await.unwrap();
        let expected: Vec<(u8, Vec<u8>)> =
            expected.iter().map(|(trace, spans)| (*trace, spans.to_vec())).collect();
        assert_eq!(found(&page), expected, "{query} (flushed: {flushed})");
        assert!(page.stats.warnings.is_empty(), "{:?}", page.stats.warnings);
    }
}

#[tokio::test]
async fn conditions_find_spans_by_their_fields() {
    check("", &[(3, &[1]), (2, &[1, 2]), (1, &[1, 2, 3])]).await;
    check("{ resource.service.name = \"cart\" }", &[(2, &[2]), (1, &[2])]).await;
    check("{ name =~ `GET .*` && span.http.status_code >= 500 }", &[(1, &[1])]).await;
    check("{ .http.status_code = \"500\" }", &[(3, &[1])]).await;
    check("{ status = error }", &[(1, &[3])]).await;
    check("{ span.tags = \"b\" }", &[(2, &[2])]).await;
    check("{ event:name = \"exception\" }", &[(3, &[1])]).await;
    check("{ duration > 100ns }", &[(1, &[1])]).await;
    check("{ .zone = \"east\" && .http.status_code != nil }", &[(3, &[1]), (2, &[1]), (1, &[1])])
        .await;
    check("{ .nothing = 1 }", &[]).await;
    check(
        "{ trace:id = \"01010101010101010101010101010101\" && kind = server }",
        &[(1, &[1, 2, 3])],
    )
    .await;
    check(
        "{ instrumentation:name = \"shop\" && span:parentID = nil }",
        &[(3, &[1]), (2, &[1]), (1, &[1])],
    )
    .await;
}

#[tokio::test]
async fn conditions_on_the_whole_trace() {
    check("{ rootServiceName = \"job\" }", &[(3, &[1])]).await;
    check("{ traceDuration > 100ns && nestedSetParent < 0 }", &[(1, &[1])]).await;
    check("{ childCount = 0 && rootName = \"GET /cart\" }", &[(2, &[2]), (1, &[3])]).await;
    check("{ parent.http.status_code = 200 }", &[(2, &[2])]).await;
    check("{ parent.resource.service.name = \"cart\" }", &[(1, &[3])]).await;
}

#[tokio::test]
async fn relations_between_spans() {
    let (gateway, database) = ("{ resource.service.name = \"gateway\" }", "{ .db.system != nil }");
    check(&format!("{gateway} >> {database}"), &[(1, &[3])]).await;
    check(&format!("{gateway} > {database}"), &[]).await;
    check(&format!("{database} << {gateway}"), &[(1, &[1])]).await;
    check(&format!("{gateway} &>> {database}"), &[(1, &[1, 3])]).await;
    check(&format!("{gateway} && {database}"), &[(1, &[1, 3])]).await;
    check("{ name = \"clean\" } || { name = \"SELECT\" }", &[(3, &[1]), (1, &[3])]).await;
    check("{ name = \"load\" } !> { }", &[(3, &[1]), (2, &[1, 2]), (1, &[1, 2])]).await;
}

#[tokio::test]
async fn pipelines_filter_and_group_sets() {
    check("{ } | count() > 2", &[(1, &[1, 2, 3])]).await;
    check("{ } | max(duration) > 100ns", &[(1, &[1, 2, 3])]).await;
    check("{ } | by(resource.service.name) | count() > 1", &[]).await;
    check("{ kind = server } | { status = error }", &[(1, &[3])]).await;
    check("{ } | by(name) | coalesce() | count() = 2", &[(2, &[1, 2])]).await;
    check("({ status = error } | count() = 1) >> { }", &[]).await;
    check("{ } | avg(.http.status_code) = 500", &[(1, &[1, 2, 3])]).await;
}

#[tokio::test]
async fn a_match_tells_of_its_trace_and_shows_the_fields_asked_for() {
    let fixture = stored(&cases(), true).await;
    let query = "{ status = error } | avg(duration) > 1ns | select(.db.system)".to_owned();
    let page = ask(&fixture, TraceRequest { query, ..TraceRequest::default() }).await.unwrap();
    let trace = &page.traces[0];
    assert_eq!(trace.root_service.as_deref(), Some("gateway"));
    assert_eq!((trace.start_time, trace.duration), (Timestamp(1001), 499));
    assert_eq!((trace.services["database"].spans, trace.services["database"].errors), (1, 1));
    let set = &trace.sets[0];
    assert_eq!(set.attributes, [("avg(duration)".to_owned(), AnyValue::Int(10))]);
    let shown: Vec<_> = set.spans[0].attributes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(shown, ["duration", "status", ".db.system"]);
}

#[tokio::test]
async fn times_and_durations_bound_the_traces() {
    let fixture = stored(&cases(), true).await;
    let between = |start, end| TraceRequest {
        start: Some(Timestamp(start)),
        end: Some(Timestamp(end)),
        ..TraceRequest::default()
    };
    let traces =
        |page: TracePage| found(&page).into_iter().map(|(trace, _)| trace).collect::<Vec<_>>();
    assert_eq!(traces(ask(&fixture, between(1003, 2001)).await.unwrap()), [1]);
    assert!(traces(ask(&fixture, between(1004, 2001)).await.unwrap()).is_empty());
    assert!(ask(&fixture, between(5, 5)).await.is_err());
    let long = TraceRequest { duration_min: Some(100), ..TraceRequest::default() };
    assert_eq!(traces(ask(&fixture, long).await.unwrap()), [1]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repetitions() {
    let mut random = Random(7);
    let cases: Vec<Case> = (0..200)
        .map(|_| {
            let trace = 1 + random.below(60) as u8;
            let start = random.below(50) as i64;
            Case {
                start,
                end: start + 1,
                ..case(trace, 1 + random.below(200) as u8, 0, "shop", "work")
            }
        })
        .collect();
    let fixture = stored(&cases[..100], true).await;
    let mut fixture = fixture;
    fixture
        .append(Signal::Traces, |builder| cases[100..].iter().for_each(|case| push(builder, case)))
        .await;
    let request =
        |limit, cursor| TraceRequest { limit: Some(limit), cursor, ..TraceRequest::default() };
    let whole = found(&ask(&fixture, request(1000, None)).await.unwrap());
    let distinct: std::collections::BTreeSet<u8> = cases.iter().map(|case| case.trace).collect();
    assert_eq!(whole.len(), distinct.len());
    let mut paged = Vec::new();
    let mut cursor = None;
    loop {
        let page = ask(&fixture, request(7, cursor)).await.unwrap();
        paged.extend(found(&page));
        cursor = page.cursor.clone();
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn what_is_not_a_search_is_refused() {
    let fixture = stored(&cases(), false).await;
    for query in ["{ } | rate()", "{ foo }", "{ name = }"] {
        let request = TraceRequest { query: query.to_owned(), ..TraceRequest::default() };
        assert!(ask(&fixture, request).await.is_err(), "{query}");
    }
    let request = TraceRequest { limit: Some(0), ..TraceRequest::default() };
    assert!(ask(&fixture, request).await.is_err());
}

#[tokio::test]
async fn traces_are_sent_in_their_order_as_they_are_found() {
    let mut fixture = stored(&cases()[..2], true).await;
    fixture
        .append(Signal::Traces, |builder| cases()[2..].iter().for_each(|case| push(builder, case)))
        .await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
    let request = TraceRequest { limit: Some(2), ..TraceRequest::default() };
    let engine = fixture.engine();
    let page = engine.traces_as_found(&TenantId::default(), request, sender).await.unwrap();
    let mut sent = Vec::new();
    while let Ok(found) = receiver.try_recv() {
        sent.extend(found.traces);
    }
    assert_eq!(sent, page.traces);
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn values_of_a_field_can_be_narrowed_by_a_condition() {
    for flushed in [false, true] {
        let fixture = stored(&cases(), flushed).await;
        let ask = async |tag: &str, query: Option<&str>| {
            let engine = fixture.engine();
            let (tenant, times) = (TenantId::default(), super::TagTimes::default());
            let values = engine.trace_tag_values(&tenant, tag, query, times, 10).await.unwrap();
            values.into_iter().map(|value| format!("{} {}", value.kind, value.text)).collect()
        };
        let check = async |tag: &str, query: Option<&str>, expected: &[&str]| {
            let found: Vec<String> = ask(tag, query).await;
            assert_eq!(found, expected, "{tag} {query:?} (flushed: {flushed})");
        };
        check("span.http.status_code", None, &["int 200", "int 500", "string 500"]).await;
        check("http.status_code", Some("{ name = `clean` }"), &["string 500"]).await;
        check("span.tags", None, &["string a", "string b"]).await;
        check("event:name", Some("{ }"), &["string exception"]).await;
        check("rootServiceName", None, &["string gateway", "string job"]).await;
        check("resource.service.name", Some("{ status = error }"), &["string database"]).await;
        check("status", None, &["keyword unset", "keyword ok", "keyword error"]).await;
        check("span.nothing", None, &[]).await;
    }
}
