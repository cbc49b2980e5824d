//! Explanations of small systems whose fault is known.

use super::*;
use crate::testing::{Fixture, Random, resource_of, scope};
use binnacle_storage::batch::{BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{Signal, SpanId, Timestamp, Value};

const SECOND: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// A span of a request: its place in the trace, whose child it is, and times in milliseconds.
struct Made {
    id: u8,
    parent: u8,
    service: &'static str,
    version: &'static str,
    name: &'static str,
    kind: i32,
    from: i64,
    to: i64,
    is_error: bool,
}

/// `id, parent, service, name, kind, from, to`
fn made(
    (id, parent): (u8, u8),
    service: &'static str,
    (name, kind): (&'static str, i32),
    (from, to): (i64, i64),
) -> Made {
    Made { id, parent, service, version: "1.0", name, kind, from, to, is_error: false }
}

fn push(builder: &mut BatchBuilder, trace: u32, start: i64, spans: &[Made]) {
    for span in spans {
        let attributes = [
            ("service.name", Value::String(span.service)),
            ("service.version", Value::String(span.version)),
        ];
        builder.resource(&resource_of(&attributes), span.service);
        builder.scope(&scope("http"));
        builder.push_span(&SpanRow {
            trace_id: trace_id(trace),
            span_id: SpanId([span.id; 8]),
            parent_span_id: (span.parent > 0).then_some(SpanId([span.parent; 8])),
            trace_state: "",
            flags: 0,
            name: span.name,
            kind: span.kind,
            start_time: Timestamp(start + span.from * MS),
            end_time: Timestamp(start + span.to * MS),
            status_code: if span.is_error { 2 } else { 0 },
            status_message: if span.is_error { "no stock" } else { "" },
            dropped_attributes_count: 0,
            attributes: &[],
            dropped_events_count: 0,
            dropped_links_count: 0,
            events: &[],
            links: &[],
        });
    }
}

fn trace_id(trace: u32) -> TraceId {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&trace.to_be_bytes());
    TraceId(id)
}

fn push_log(builder: &mut BatchBuilder, trace: u32, span: u8, time: i64) {
    builder.resource(&resource_of(&[("service.name", Value::String("stock"))]), "stock");
    builder.scope(&scope("log"));
    builder.push_log(&LogRow {
        time: Timestamp(time),
        time_origin: TimeOrigin::Sent,
        observed_time: None,
        trace_id: Some(trace_id(trace)),
        span_id: Some(SpanId([span; 8])),
        flags: 0,
        severity_number: 17,
        severity_text: "",
        event_name: "",
        body: Some("shelf is empty"),
        body_value: None,
        dropped_attributes_count: 0,
        attributes: &[],
    });
}

/// What a request is like: from its number and whether it is in the window.
type Request = fn(u32, bool, &mut Random) -> Vec<Made>;

const REQUESTS: u32 = 240;

/// Two hundred and forty requests, a second each, the second half of which is explained.
async fn explained(total: &str, good: &str, request: Request) -> Explanation {
    let mut fixture = Fixture::new().await;
    let mut random = Random(11);
    for half in [0, REQUESTS / 2] {
        let mut logs = Vec::new();
        fixture
            .append(Signal::Traces, |builder| {
                for trace in half..half + REQUESTS / 2 {
                    let spans = request(trace, half > 0, &mut random);
                    let start = START + i64::from(trace) * SECOND;
                    push(builder, trace, start, &spans);
                    let failed =
                        spans.iter().filter(|span| span.is_error).max_by_key(|span| span.id);
                    logs.extend(failed.map(|span| (trace, span.id, start)));
                }
            })
            .await;
        fixture
            .append(Signal::Logs, |builder| {
                logs.iter().for_each(|(trace, span, time)| push_log(builder, *trace, *span, *time));
            })
            .await;
        // Half of it lies in a segment.
        if half == 0 {
            fixture.flush().await;
        }
    }
    let middle = START + i64::from(REQUESTS / 2) * SECOND;
    let end = START + i64::from(REQUESTS) * SECOND;
    let request = ExplainRequest {
        query: Arc::new(SliQuery::spans(total, good, true).unwrap()),
        window: middle..end,
        before: START..middle,
    };
    fixture.engine().explain(&TenantId::default(), request).await.unwrap()
}

/// shop calls cart, and cart calls stock.
fn shop(cart: &'static str, fails: bool) -> Vec<Made> {
    let mut spans = vec![
        made((1, 0), "shop", ("POST /buy", 2), (0, 100)),
        made((2, 1), "shop", ("POST", 3), (10, 90)),
        made((3, 2), "cart", ("POST /cart", 2), (12, 88)),
        made((4, 3), "cart", ("GET", 3), (20, 80)),
        made((5, 4), "stock", ("GET /stock", 2), (22, 78)),
    ];
    for span in &mut spans {
        span.is_error = fails;
        if span.service == "cart" {
            span.version = cart;
        }
    }
    spans
}

const ENTRIES: &str = "{ resource.service.name = \"shop\" && kind = server }";

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_blamed_on_the_deepest_span_that_failed_and_on_the_version_above_it() {
    let explanation = explained(ENTRIES, "{ status != error }", |trace, is_after, random| {
        let is_new = is_after && trace % 3 == 0;
        let fails = random.below(100) < if is_new { 70 } else { 2 };
        shop(if is_new { "2.0" } else { "1.0" }, fails)
    });
    let explanation = explanation.await;
    let first = &explanation.services[0];
    assert_eq!(first.service, "stock");
    assert!(first.is_significant && first.share > 0.99, "{first:?}");
    assert_eq!(first.failing, first.spent);
    assert_eq!(first.spent, explanation.window.bad as f64);
    let operation = &explanation.operations[0];
    assert_eq!((operation.operation.as_str(), operation.how), ("GET /stock", How::Failing));
    let version = &explanation.versions[0];
    assert_eq!((version.service.as_str(), version.value.as_str()), ("cart", "2.0"));
    assert!(version.is_significant && version.difference > 0.5);
    assert_eq!(explanation.examples.len(), 3);
    for example in &explanation.examples {
        assert_eq!((example.service.as_str(), example.name.as_str()), ("shop", "POST /buy"));
        let culprit = example.culprit.as_ref().unwrap();
        assert_eq!(
            (culprit.service.as_str(), culprit.status_message.as_str()),
            ("stock", "no stock")
        );
        assert_eq!(example.logs.len(), 1);
        assert_eq!(example.logs[0].body, "shelf is empty");
        assert_eq!(example.logs[0].severity, "error");
        assert_eq!(example.logs[0].span_id.as_deref(), Some(culprit.span_id.as_str()));
    }
    assert!(
        explanation.summary.contains("stock spent 100 % of it, by failing in 'GET /stock'"),
        "{}",
        explanation.summary
    );
    assert!(explanation.summary.contains("cart is 2.0"), "{}", explanation.summary);
    let window = &explanation.window;
    assert_eq!(
        (window.good + window.bad, explanation.before.good + explanation.before.bad),
        (120, 120)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_and_is_slow_is_shown_doing_both() {
    let good = "{ status != error && duration <= 300ms }";
    let explanation = explained(ENTRIES, good, |_, is_after, random| {
        let fate = if is_after { random.below(10) } else { 9 };
        let mut spans = shop("1.0", fate < 3);
        if (3..6).contains(&fate) {
            spans.iter_mut().for_each(|span| span.to += 500);
        }
        spans
    });
    let explanation = explanation.await;
    assert_eq!(explanation.services[0].service, "stock");
    let how = |how: How| {
        let examples = explanation.examples.iter();
        examples.filter(|one| one.culprit.as_ref().is_some_and(|of| of.how == how)).count()
    };
    assert!(how(How::Failing) > 0 && how(How::Slow) > 0, "{:?}", explanation.examples);
    assert!(explanation.examples.iter().any(|one| !one.logs.is_empty()));
    let summary = &explanation.summary;
    assert!(summary.contains("failing in 'GET /stock'"), "{summary}");
    assert!(summary.contains("'GET /stock' being slow (5"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_way_is_the_fault_of_the_end_whose_other_calls_are_slow() {
    // The way to stock takes 400 ms more, from cart as from shop itself.
    fn request(_: u32, is_after: bool, random: &mut Random) -> Vec<Made> {
        let jitter = random.below(8) as i64;
        let late = if is_after && random.below(3) == 0 { 400 } else { 0 };
        vec![
            made((1, 0), "shop", ("POST /buy", 2), (0, 200 + 2 * late + jitter)),
            made((2, 1), "shop", ("POST", 3), (10, 90 + late)),
            made((3, 2), "cart", ("POST /cart", 2), (12, 88 + late)),
            made((4, 3), "cart", ("GET", 3), (20, 80 + late)),
            made((5, 4), "stock", ("GET /stock", 2), (22 + late, 78 + late)),
            made((6, 1), "shop", ("GET", 3), (100 + late, 180 + 2 * late)),
            made((7, 6), "stock", ("GET /stock", 2), (102 + 2 * late, 178 + 2 * late)),
            made((8, 1), "shop", ("GET", 3), (182 + 2 * late, 190 + 2 * late)),
            made((9, 8), "price", ("GET /price", 2), (183 + 2 * late, 189 + 2 * late)),
        ]
    }
    let explanation = explained(ENTRIES, "{ duration <= 500ms }", request).await;
    let first = &explanation.services[0];
    assert_eq!(first.service, "stock", "{:?}", explanation.services);
    assert!(first.is_significant && first.share > 0.95, "{first:?}");
    let operation = &explanation.operations[0];
    assert_eq!(operation.how, How::Call);
    assert_eq!(operation.callee.as_deref(), Some("stock"));
    assert!(operation.now.unwrap() - operation.usual.unwrap() >= 395 * MS);
    assert!(
        explanation.services[1..].iter().all(|one| one.share < 0.05),
        "{:?}",
        explanation.services
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_does_not_wait_for_is_not_blamed() {
    // Every request leaves two seconds of work behind; in the window some wait 800 ms for stock.
    fn request(_: u32, is_after: bool, random: &mut Random) -> Vec<Made> {
        let late = if is_after && random.below(2) == 0 { 800 } else { 0 };
        let jitter = random.below(50) as i64;
        vec![
            made((1, 0), "shop", ("POST /buy", 2), (0, 100 + late)),
            made((2, 1), "shop", ("GET", 3), (10, 90 + late)),
            made((3, 2), "stock", ("GET /stock", 2), (11, 89 + late)),
            made((4, 1), "shop", ("async audit", 3), (12, 2_012 + jitter)),
            made((5, 4), "audit", ("POST /audit", 2), (13, 2_011 + jitter)),
            made((6, 1), "mail", ("async mail", 1), (14, 2_014 + jitter)),
        ]
    }
    let explanation = explained(ENTRIES, "{ duration <= 300ms }", request).await;
    let first = &explanation.services[0];
    assert_eq!(first.service, "stock", "{:?}", explanation.services);
    assert!(first.is_significant && first.share > 0.99, "{first:?}");
    let operation = &explanation.operations[0];
    assert_eq!((operation.operation.as_str(), operation.how), ("GET /stock", How::Slow));
    let is_left_behind = |name: &str| name == "audit" || name == "mail";
    assert!(explanation.services.iter().all(|one| !is_left_behind(&one.service)));
    for example in &explanation.examples {
        assert_eq!(example.culprit.as_ref().unwrap().service, "stock");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_the_fact_is_blamed_only_where_nothing_else_failed() {
    fn request(trace: u32, is_after: bool, _: &mut Random) -> Vec<Made> {
        let mut spans = vec![
            made((1, 0), "shop", ("POST /buy", 2), (0, 100)),
            made((2, 1), "shop", ("GET", 3), (10, 90)),
            made((3, 1), "shop", ("async audit", 3), (12, 2_000)),
            made((4, 3), "audit", ("POST /audit", 2), (13, 1_999)),
            made((5, 4), "audit", ("INSERT", 1), (14, 1_998)),
        ];
        // Of eight that fail one has only the audit to blame.
        let is_only_left = trace.is_multiple_of(8);
        for span in spans.iter_mut().filter(|span| is_after && !(is_only_left && span.id == 2)) {
            span.is_error = true;
        }
        spans
    }
    let explanation = explained(ENTRIES, "{ status != error }", request).await;
    let spent: Vec<(&str, f64)> =
        explanation.services.iter().map(|one| (one.service.as_str(), one.spent)).collect();
    assert_eq!(spent, [("shop", 105.0), ("audit", 15.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_calls_are_all_slow_is_the_slow_one() {
    fn request(_: u32, is_after: bool, random: &mut Random) -> Vec<Made> {
        let late = if is_after && random.below(2) == 0 { 300 } else { 0 };
        vec![
            made((1, 0), "shop", ("POST /buy", 2), (0, 100 + 2 * late)),
            made((2, 1), "shop", ("GET", 3), (10, 50 + late)),
            made((3, 2), "stock", ("GET /stock", 2), (11 + late, 49 + late)),
            made((4, 1), "shop", ("GET", 3), (52 + late, 95 + 2 * late)),
            made((5, 4), "price", ("GET /price", 2), (53 + 2 * late, 94 + 2 * late)),
        ]
    }
    let explanation = explained(ENTRIES, "{ duration <= 500ms }", request).await;
    assert_eq!(explanation.services[0].service, "shop", "{:?}", explanation.services);
    assert_eq!(explanation.operations[0].caller.as_deref(), Some("shop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_differs_hardly_anything_is_called_significant() {
    // One in ten fails before as after, in either of two services by chance.
    let explanation = explained(ENTRIES, "{ status != error }", |_, _, random| {
        let mut spans = shop("1.0", false);
        if random.below(10) == 0 {
            let last = if random.below(2) == 0 { 3 } else { 5 };
            spans.iter_mut().filter(|span| span.id <= last).for_each(|span| span.is_error = true);
        }
        spans
    });
    let explanation = explanation.await;
    let spent: f64 = explanation.services.iter().map(|one| one.spent).sum();
    assert!((spent - explanation.window.bad as f64).abs() < 1e-6, "every bad event is divided");
    for one in &explanation.services {
        assert!(one.expected > 0.0, "{one:?}");
        assert!((one.spent - one.expected).abs() < 12.0, "{one:?}");
    }
    assert!(
        explanation.attributes.iter().all(|one| !one.is_significant),
        "{:?}",
        explanation.attributes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_overlap_are_refused_and_empty_ones_are_explained() {
    let fixture = Fixture::new().await;
    let query = Arc::new(SliQuery::spans("{}", "{ status != error }", true).unwrap());
    let ask = |window: Range<i64>, before: Range<i64>| ExplainRequest {
        query: query.clone(),
        window,
        before,
    };
    let engine = fixture.engine();
    let tenant = TenantId::default();
    assert!(engine.explain(&tenant, ask(0..10, 5..15)).await.is_err());
    assert!(engine.explain(&tenant, ask(10..10, 0..5)).await.is_err());
    let nothing = engine.explain(&tenant, ask(10..20, 0..10)).await.unwrap();
    assert_eq!(nothing.summary, "none of 0 events is bad");
    assert!(nothing.services.is_empty() && nothing.examples.is_empty());
}
