//! Stored counters as PromQL sees them.

mod exemplars;
mod floats;

use crate::promql::series::Sample;
use crate::promql::{Request, Times, Value as Answered};
use crate::testing::{Fixture, resource, scope};
use binnacle_storage::batch::{BatchBuilder, MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::{Attribute, SeriesId, Signal, TenantId, Timestamp, Value};

const SECOND: i64 = 1_000_000_000;
const DELTA: i32 = 1;

/// Points of one sender: `(start, time, value)` in nanoseconds.
fn push(builder: &mut BatchBuilder, zone: &str, points: &[(i64, i64, f64)]) {
    push_with(builder, zone, points, &[]);
}

fn push_with(
    builder: &mut BatchBuilder,
    zone: &str,
    points: &[(i64, i64, f64)],
    attributes: &[Attribute<'_>],
) {
    builder.resource(&resource("shop", zone), "shop");
    builder.scope(&scope("till"));
    let series_id = SeriesId([zone.as_bytes()[0]; 16]);
    builder.push_series(&SeriesRow {
        series_id,
        time: Timestamp(points[0].1),
        name: "orders",
        description: "",
        unit: "",
        kind: "sum",
        temporality: Some(DELTA),
        is_monotonic: Some(true),
        metadata: &[],
        attributes,
    });
    for &(start, time, value) in points {
        builder.push_point(&MetricPointRow {
            series_id,
            time: Timestamp(time),
            start_time: Some(Timestamp(start)),
            flags: 0,
            value: Some(NumberValue::Double(value)),
            count: None,
            sum: None,
            min: None,
            max: None,
            bucket_counts: None,
            explicit_bounds: None,
            distribution: None,
        });
    }
}

fn ask(fixture: &Fixture, query: &str, second: i64) -> f64 {
    let engine = fixture.engine();
    let time = second * 1000;
    let times = Times { start: time, end: time, step: 0 };
    let settings = engine.config().promql_settings();
    let request = Request { query: query.to_owned(), times, settings };
    let answer = futures::executor::block_on(engine.promql(&TenantId::default(), request));
    let (answer, _) = answer.unwrap();
    let Answered::Vector(list) = answer.value else { panic!("{query}") };
    let [(_, Sample::Float(value))] = list[..] else { panic!("{query}: {list:?}") };
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_in_a_range_is_the_sum_of_its_deltas() {
    let mut fixture = Fixture::new().await;
    let at = |second: i64| second * SECOND;
    let delta = |start: i64, end: i64, value: f64| (at(start), at(end), value);
    let points =
        [delta(0, 60, 10.0), delta(60, 120, 10.0), delta(3000, 3060, 10.0), delta(3060, 3120, 5.0)];
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &points)).await;
    assert_eq!(ask(&fixture, "increase(orders_total[5m])", 3120), 15.0);
    assert_eq!(ask(&fixture, "increase(orders_total[1m])", 3120), 5.0);
    assert_eq!(ask(&fixture, "rate(orders_total[1m])", 3060), 10.0 / 60.0);
    assert_eq!(ask(&fixture, "increase(orders_total[5m])", 300), 20.0);
    assert_eq!(ask(&fixture, "increase(orders_total[1h])", 3120), 35.0);
    assert_eq!(ask(&fixture, "orders_total", 3120), 35.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_add_up_whoever_sent_them_and_however_close_they_are() {
    let mut fixture = Fixture::new().await;
    let at = |second: i64| second * SECOND;
    // Three within one millisecond, the last of them sent again later.
    let close =
        [(at(90), at(100), 1.0), (at(100), at(100) + 10, 2.0), (at(100) + 10, at(100) + 20, 4.0)];
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &close)).await;
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &close[2..])).await;
    // Another process whose resource differs by what is no label.
    let other = [(at(95), at(105), 8.0), (at(105), at(110), 16.0)];
    fixture.append(Signal::Metrics, |builder| push(builder, "b", &other)).await;
    assert_eq!(ask(&fixture, "orders_total", 104), 7.0);
    assert_eq!(ask(&fixture, "orders_total", 105), 15.0);
    assert_eq!(ask(&fixture, "orders_total", 110), 31.0);
    assert_eq!(ask(&fixture, "count_over_time(orders_total[1m])", 110), 3.0);
    assert_eq!(ask(&fixture, "increase(orders_total[1m])", 110), 31.0);
    assert_eq!(ask(&fixture, "increase(orders_total[8s])", 110), 24.0);
    assert_eq!(ask(&fixture, "resets(orders_total[1m])", 110), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_of_one_time_add_up_unless_sent_again() {
    let mut fixture = Fixture::new().await;
    let at = |second: i64| second * SECOND;
    let first = [(at(0), at(60), 5.0)];
    let other = [(at(30), at(60), 3.0)];
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &first)).await;
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &other)).await;
    fixture.append(Signal::Metrics, |builder| push(builder, "a", &first)).await;
    assert_eq!(ask(&fixture, "orders_total", 60), 8.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_deltas_of_an_overflow_series_add_up() {
    let mut fixture = Fixture::new().await;
    let same = [(SECOND, 60 * SECOND, 1.0); 20];
    let flag = [Attribute { key: "otel.metric.overflow", value: Value::Bool(true), wire: b"" }];
    for _ in 0..2 {
        fixture.append(Signal::Metrics, |builder| push_with(builder, "a", &same, &flag)).await;
    }
    assert_eq!(ask(&fixture, "sum(orders_total)", 60), 40.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_described_by_the_name_of_their_family() {
    let mut fixture = Fixture::new().await;
    let mut said = Vec::new();
    let histogram = binnacle_storage::model::Value::String("histogram");
    binnacle_storage::model::wire::put_attribute(&mut said, "prometheus.type", &histogram);
    let rows: [(&str, &str, &[u8]); 9] = [
        ("h2_bucket", "gauge", &said),
        ("h2_sum", "gauge", &said),
        ("h2_count", "gauge", &said),
        ("told", "metadata", &said),
        ("told_bucket", "gauge", &[]),
        ("told_count", "gauge", &[]),
        ("discount", "gauge", &[]),
        ("bare", "sum", &[]),
        ("other_count", "gauge", &[]),
    ];
    let push = |builder: &mut BatchBuilder| {
        for (index, (name, kind, metadata)) in rows.iter().enumerate() {
            builder.push_series(&SeriesRow {
                series_id: SeriesId([index as u8 + 1; 16]),
                time: Timestamp(SECOND),
                name,
                description: "",
                unit: "",
                kind,
                temporality: (*kind == "sum").then_some(2),
                is_monotonic: (*kind == "sum").then_some(true),
                metadata,
                attributes: &[],
            });
        }
    };
    fixture.append(Signal::Metrics, push).await;
    let engine = fixture.engine();
    let found = engine.metric_metadata(&TenantId::default()).await.unwrap();
    let found: Vec<String> = found
        .iter()
        .flat_map(|(name, list)| list.iter().map(move |one| format!("{name} {}", one.kind)))
        .collect();
    let expected = [
        "bare counter",
        "discount unknown",
        "h2 histogram",
        "other_count unknown",
        "told histogram",
    ];
    assert_eq!(found, expected);
}
