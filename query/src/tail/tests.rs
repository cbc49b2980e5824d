//! Tails over real storage.

use super::*;
use crate::testing::{Fixture, resource, scope};
use crate::value::AnyValue;
use crate::value::encode::encode_pair;
use binnacle_storage::batch::{BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{Signal, SpanId, Timestamp, TraceId, wire};

fn number_attribute(number: i64) -> Vec<u8> {
    encode_pair("n", &AnyValue::Int(number))
}

fn push_log(builder: &mut BatchBuilder, body: &str, number: i64) {
    builder.resource(&resource("cart", "z1"), "cart");
    builder.scope(&scope("http"));
    builder.push_log(&LogRow {
        time: Timestamp(number),
        time_origin: TimeOrigin::Sent,
        observed_time: None,
        trace_id: None,
        span_id: None,
        flags: 0,
        severity_number: 9,
        severity_text: "INFO",
        event_name: "",
        body: Some(body),
        body_value: None,
        dropped_attributes_count: 0,
        attributes: &[wire::key_value(&number_attribute(number)).unwrap()],
    });
}

fn push_span(builder: &mut BatchBuilder, number: u8, status_code: i32) {
    builder.resource(&resource("cart", "z1"), "cart");
    builder.scope(&scope("http"));
    builder.push_span(&SpanRow {
        trace_id: TraceId([number; 16]),
        span_id: SpanId([number; 8]),
        parent_span_id: None,
        trace_state: "",
        flags: 0,
        name: "GET /cart",
        kind: 2,
        start_time: Timestamp(i64::from(number)),
        end_time: Timestamp(i64::from(number) + 5),
        status_code,
        status_message: "",
        dropped_attributes_count: 0,
        attributes: &[wire::key_value(&number_attribute(i64::from(number))).unwrap()],
        dropped_events_count: 0,
        dropped_links_count: 0,
        events: &[],
        links: &[],
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_match_are_told_in_the_order_of_their_arrival() {
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    fixture.append(Signal::Logs, |builder| push_log(builder, "order failed", 1)).await;
    let mut tail = engine.tail_logs(&TenantId::default(), "failed -attributes.n:3").unwrap();
    let mut other = engine.tail_logs(&"other".parse().unwrap(), "").unwrap();
    for (number, body) in [(2, "order failed"), (3, "order failed"), (4, "fine"), (5, "it failed")]
    {
        fixture.append(Signal::Logs, |builder| push_log(builder, body, number)).await;
    }
    let mut times = Vec::new();
    while times.len() < 2 {
        let tailed = tail.next().await.unwrap().unwrap();
        assert_eq!((tailed.missed, tailed.skipped), (0, 0));
        times.extend(tailed.rows.iter().map(|log| log.time.0));
    }
    assert_eq!(times, [2, 5]);
    fixture.storage.shutdown().await.unwrap();
    assert_eq!(tail.next().await.unwrap(), None);
    assert_eq!(other.next().await.unwrap(), None, "another tenant's rows were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_match_are_told() {
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    let mut tail = engine
        .tail_spans(&TenantId::default(), "{ status = error && resource.zone = \"z1\" && .n > 1 }")
        .unwrap();
    fixture
        .append(Signal::Traces, |builder| {
            for (number, status) in [(1, 2), (2, 2), (3, 0)] {
                push_span(builder, number, status);
            }
        })
        .await;
    let tailed = tail.next().await.unwrap().unwrap();
    assert_eq!(tailed.rows.len(), 1);
    assert_eq!((tailed.rows[0].start_time.0, tailed.rows[0].duration), (2, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_read_is_counted() {
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    let mut tail = engine.tail_logs(&TenantId::default(), "").unwrap();
    let rows = 4 * i64::from(TAIL_ROWS_PER_SECOND);
    fixture
        .append(Signal::Logs, |builder| {
            (0..rows).for_each(|number| push_log(builder, "same", number));
        })
        .await;
    let tailed = tail.next().await.unwrap().unwrap();
    assert!(tailed.skipped > 0);
    assert_eq!(tailed.rows.len() as u64 + tailed.skipped, rows as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_last_tail() {
    let fixture = Fixture::new().await;
    let engine = fixture.engine();
    let open = || engine.tail_logs(&TenantId::default(), "");
    let mut all: Vec<_> = (0..TAILS_MAX).map(|_| open().unwrap()).collect();
    assert!(matches!(open(), Err(Error::Overloaded { .. })));
    all.pop();
    assert!(open().is_ok());
    assert!(engine.tail_logs(&TenantId::default(), "(").is_err());
}
