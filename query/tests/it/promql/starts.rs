//! Counters that say when they began.

use super::SETTINGS;
use async_trait::async_trait;
use binnacle_query::promql::histogram::Histogram;
use binnacle_query::promql::labels::{Labels, METRIC_NAME};
use binnacle_query::promql::series::{Sample, Samples};
use binnacle_query::promql::{Request, Select, SeriesSource, Times, Value, run};
use std::sync::Arc;

/// Samples of one series: time in seconds, value, and when the counter began (0: unknown).
type Points<'a> = &'a [(i64, f64, i64)];

struct One(Samples);

#[async_trait]
impl SeriesSource for One {
    async fn select(&self, _: &Select) -> Result<Vec<Samples>, binnacle_query::Error> {
        Ok(vec![self.0.clone()])
    }
}

fn floats(points: Points<'_>) -> Samples {
    Samples {
        labels: Labels::new([(METRIC_NAME.to_owned(), "a_total".to_owned())]),
        times: points.iter().map(|(time, _, _)| time * 1000).collect(),
        values: points.iter().map(|(_, value, _)| *value).collect(),
        starts: points.iter().map(|(_, _, start)| start * 1000).collect(),
        ..Samples::default()
    }
}

/// Histograms whose count and sum are the values.
fn histograms(points: Points<'_>) -> Samples {
    let floats = floats(points);
    let histogram = |count: &f64| {
        Arc::new(Histogram {
            count: *count,
            sum: *count,
            zero_count: *count,
            ..Histogram::default()
        })
    };
    Samples {
        histogram_times: floats.times,
        histograms: floats.values.iter().map(histogram).collect(),
        histogram_starts: floats.starts,
        labels: floats.labels,
        ..Samples::default()
    }
}

/// The value of a query at a second.
fn ask(samples: Samples, query: &str, second: i64) -> Option<f64> {
    let time = second * 1000;
    let times = Times { start: time, end: time, step: 0 };
    let request = Request { query: query.to_owned(), times, settings: SETTINGS };
    let one = One(samples);
    let answer = futures::executor::block_on(run(&one, &request, Arc::new(|| false))).unwrap();
    let Value::Vector(series) = &answer.value else { panic!("{:?}", answer.value) };
    match series.first()?.1 {
        Sample::Float(value) => Some(value),
        Sample::Histogram(_) => panic!("{query} is a histogram"),
    }
}

#[test]
fn a_counter_that_began_in_the_range_counts_from_zero() {
    let began_at_5 = [(10, 4.0, 5), (20, 6.0, 5), (30, 7.0, 5)];
    let cases: [(Points<'_>, &str, i64, Option<f64>); 12] = [
        (&began_at_5, "increase", 30, Some(7.0)),
        // To the right it is extrapolated as ever: by 4 s of the 25 s seen.
        (&began_at_5, "increase", 34, Some(7.0 * 29.0 / 25.0)),
        // Beyond a sample's distance, by half of it: the beginning is no sample.
        (&began_at_5, "increase", 50, Some(7.0 * 30.0 / 25.0)),
        (&began_at_5, "rate", 30, Some(7.0 / 60.0)),
        // A beginning before the range or just where it begins is no part of it.
        (&began_at_5, "increase", 65, Some(4.5)),
        // One sample is enough, and is not extrapolated.
        (&began_at_5[..1], "increase", 30, Some(4.0)),
        (&began_at_5[..1], "increase", 65, None),
        // It began at its first sample: nobody knows what was before.
        (&[(10, 4.0, 10), (20, 6.0, 10)], "increase", 20, Some(3.0)),
        // It began twice, the second time at more than it had before.
        (&[(10, 4.0, 5), (20, 6.0, 12)], "increase", 20, Some(10.0)),
        (&[(10, 4.0, 5), (20, 6.0, 12)], "resets", 20, Some(1.0)),
        (&began_at_5, "resets", 30, Some(0.0)),
        // Not known to have begun.
        (&[(10, 4.0, 0), (20, 6.0, 0), (30, 8.0, 0)], "increase", 30, Some(5.0)),
    ];
    for (points, function, second, expected) in cases {
        let close = |found: Option<f64>| match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        let query = format!("{function}(a_total[1m])");
        let found = ask(floats(points), &query, second);
        assert!(close(found), "{points:?} {query} at {second}: {found:?}, not {expected:?}");
        if function == "resets" {
            continue;
        }
        let query = format!("histogram_count({query})");
        let found = ask(histograms(points), &query, second);
        assert!(close(found), "{points:?} {query} at {second}: {found:?}, not {expected:?}");
    }
}

#[test]
fn an_anchored_range_begins_where_the_counter_did() {
    let points = [(10, 4.0, 5), (20, 6.0, 5), (30, 7.0, 5)];
    assert_eq!(ask(floats(&points), "increase(a_total[1m] anchored)", 30), Some(7.0));
    assert_eq!(ask(floats(&points), "increase(a_total[15s] anchored)", 30), Some(3.0));
}
