//! Exemplars stand with the one series that counts what they measured.

use crate::promql::labels::{MatchOp, Matcher};
use crate::testing::{Fixture, resource, scope};
use binnacle_storage::batch::{BatchBuilder, ExemplarRow, MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::{SeriesId, Signal, TenantId, Timestamp};

const HISTOGRAM: SeriesId = SeriesId([1; 16]);
const GAUGE: SeriesId = SeriesId([2; 16]);
const SECOND: i64 = 1_000_000_000;

fn push(
    builder: &mut BatchBuilder,
    (second, bounds, counts): (i64, &str, &str),
    exemplars: &[(SeriesId, f64)],
) {
    builder.resource(&resource("shop", "a"), "shop");
    builder.scope(&scope("till"));
    let time = Timestamp(second * SECOND);
    for (series_id, name, kind) in [(HISTOGRAM, "ch", "histogram"), (GAUGE, "g", "gauge")] {
        builder.push_series(&SeriesRow {
            series_id,
            time,
            name,
            description: "",
            unit: "s",
            kind,
            temporality: None,
            is_monotonic: None,
            metadata: &[],
            attributes: &[],
        });
    }
    builder.push_point(&MetricPointRow {
        series_id: HISTOGRAM,
        time,
        count: Some(6),
        sum: Some(20.0),
        bucket_counts: Some(counts),
        explicit_bounds: Some(bounds),
        ..MetricPointRow::default()
    });
    for (series_id, value) in exemplars {
        builder.push_exemplar(&ExemplarRow {
            series_id: *series_id,
            // Measured before it was sent.
            time: Timestamp((second - 1) * SECOND),
            point_time: time,
            value: Some(NumberValue::Double(*value)),
            trace_id: None,
            span_id: None,
            attributes: &[],
        });
    }
}

async fn check(fixture: &Fixture, matchers: &[(&str, &str)], expected: &[(&str, &str, &[f64])]) {
    let matcher = |(name, value): &(&str, &str)| Matcher::new(MatchOp::Equal, name, value).unwrap();
    let sets = vec![matchers.iter().map(matcher).collect()];
    let engine = fixture.engine();
    let found = engine.exemplars(&TenantId::default(), sets, (0, i64::MAX / 10_000)).await.unwrap();
    let found: Vec<(&str, &str, Vec<f64>)> = found
        .iter()
        .map(|series| {
            let values = series.exemplars.iter().map(|exemplar| exemplar.value).collect();
            (series.labels.metric_name(), series.labels.value("le"), values)
        })
        .collect();
    let expected: Vec<(&str, &str, Vec<f64>)> =
        expected.iter().map(|(name, le, values)| (*name, *le, values.to_vec())).collect();
    assert_eq!(found, expected, "{matchers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemplar_stands_with_the_bucket_that_holds_its_value() {
    let mut fixture = Fixture::new().await;
    let exemplars = [(HISTOGRAM, 3.0), (HISTOGRAM, 5.0), (HISTOGRAM, 7.0), (GAUGE, 2.0)];
    fixture
        .append(Signal::Metrics, |builder| push(builder, (100, "[1,5]", "[1,2,3]"), &exemplars))
        .await;
    for is_flushed in [false, true] {
        if is_flushed {
            fixture.flush().await;
        }
        check(
            &fixture,
            &[("__name__", "ch_seconds_bucket")],
            &[("ch_seconds_bucket", "+Inf", &[7.0]), ("ch_seconds_bucket", "5", &[3.0, 5.0])],
        )
        .await;
        let le_5 = ("ch_seconds_bucket", "5", &[3.0, 5.0][..]);
        check(&fixture, &[("__name__", "ch_seconds_bucket"), ("le", "5")], &[le_5]).await;
        for name in ["ch_seconds_sum", "ch_seconds_count", "ch_seconds"] {
            check(&fixture, &[("__name__", name)], &[]).await;
        }
        check(&fixture, &[("__name__", "ch_seconds_bucket"), ("le", "1")], &[]).await;
        check(&fixture, &[("__name__", "g_seconds")], &[("g_seconds", "", &[2.0])]).await;
    }
    // The sender has other buckets after a while: those of the exemplar's own point count.
    let later = [(HISTOGRAM, 4.0)];
    fixture
        .append(Signal::Metrics, |builder| push(builder, (200, "[4,8]", "[1,2,3]"), &later))
        .await;
    check(
        &fixture,
        &[("__name__", "ch_seconds_bucket")],
        &[
            ("ch_seconds_bucket", "+Inf", &[7.0]),
            ("ch_seconds_bucket", "4", &[4.0]),
            ("ch_seconds_bucket", "5", &[3.0, 5.0]),
        ],
    )
    .await;
}
