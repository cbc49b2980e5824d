//! Series of spans over real storage, against counting by hand.

use super::*;
use crate::traceql::tests::{Case, case, stored};

async fn ask(cases: &[Case], query: &str, step: i64) -> Vec<(Vec<AnyValue>, Vec<(i64, f64)>)> {
    let mut answers = Vec::new();
    for flushed in [false, true] {
        let fixture = stored(cases, flushed).await;
        let request = MetricsRequest {
            query: query.to_owned(),
            start: Timestamp(0),
            end: Timestamp(4000),
            step: Some(step),
            instant: false,
            exemplars: 0,
        };
        let page = fixture.engine().trace_metrics(&TenantId::default(), request).await.unwrap();
        let series = page.series.into_iter().map(|series| {
            let labels = series.labels.into_iter().map(|(_, value)| value).collect();
            let points = series.points.into_iter().map(|(time, value)| (time.0, value));
            (labels, points.filter(|(_, value)| *value != 0.0).collect())
        });
        answers.push(series.collect::<Vec<_>>());
    }
    assert_eq!(answers[0], answers[1], "{query}: buffer and segments");
    answers.remove(0)
}

fn text(text: &str) -> AnyValue {
    AnyValue::String(text.to_owned())
}

/// Spans of three traces at 1001…, 2001…, 3001…; durations 10, 20, 30 … ns.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for trace in 1..=3 {
        for id in 1..=trace {
            let parent = u8::from(id > 1);
            let mut one = case(trace, id, parent, if id == 1 { "front" } else { "back" }, "work");
            one.end = one.start + 10 * i64::from(id);
            cases.push(one);
        }
    }
    cases
}

#[tokio::test]
async fn spans_are_counted_by_interval_and_group() {
    let found = ask(&cases(), "{ } | count_over_time()", 1000).await;
    assert_eq!(found, [(vec![], vec![(1000, 1.0), (2000, 2.0), (3000, 3.0)])]);
    let found = ask(&cases(), "{ } | count_over_time() by (resource.service.name)", 2000).await;
    assert_eq!(
        found,
        [
            (vec![text("back")], vec![(2000, 3.0)]),
            (vec![text("front")], vec![(0, 1.0), (2000, 2.0)])
        ]
    );
    let found = ask(&cases(), "{ } | rate()", 4000).await;
    assert_eq!(found, [(vec![], vec![(0, 6.0 / 4e-6)])]);
}

#[tokio::test]
async fn values_are_those_of_all_spans() {
    let check = async |query: &str, value: f64| {
        let found = ask(&cases(), query, 4000).await;
        assert_eq!(found.len(), 1, "{query}");
        let [(0, answer)] = found[0].1[..] else { panic!("{query}: {found:?}") };
        assert!((answer - value).abs() <= 1e-12 * value, "{query}: {answer}, not {value}");
    };
    check("{ } | max_over_time(duration)", 30e-9).await;
    check("{ } | min_over_time(duration)", 10e-9).await;
    check("{ } | sum_over_time(duration)", 100e-9).await;
    check("{ } | quantile_over_time(duration, .5)", 15e-9).await;
    check("{ nestedSetParent < 0 } | count_over_time()", 3.0).await;
    check("{ resource.service.name = `front` } >> { } | count_over_time()", 3.0).await;
    check("{ } | count() > 2 | count_over_time()", 3.0).await;
}

#[tokio::test]
async fn histograms_and_second_stages() {
    let found = ask(&cases(), "{ } | histogram_over_time(duration)", 4000).await;
    let total: f64 = found.iter().flat_map(|(_, points)| points).map(|(_, count)| count).sum();
    assert_eq!(total, 6.0);
    let query = "{ } | count_over_time() by (resource.service.name) | topk(1)";
    assert_eq!(ask(&cases(), query, 4000).await.len(), 1);
    let query = "{ } | count_over_time() by (resource.service.name) > 3";
    assert!(ask(&cases(), query, 4000).await.is_empty());
}

#[tokio::test]
async fn what_makes_no_series_is_refused() {
    let fixture = stored(&cases(), false).await;
    let request = |query: &str, end: i64, step: i64| MetricsRequest {
        query: query.to_owned(),
        start: Timestamp(0),
        end: Timestamp(end),
        step: Some(step),
        instant: false,
        exemplars: 0,
    };
    for refused in [
        request("{ }", 10, 1),
        request("{ } | rate()", 0, 1),
        request("{ } | rate()", 10, 0),
        request("{ } | rate()", 20_000, 1),
    ] {
        let asked = fixture.engine().trace_metrics(&TenantId::default(), refused.clone()).await;
        assert!(asked.is_err(), "{refused:?}");
    }
}

#[test]
fn steps_are_whole_seconds() {
    assert_eq!(step_of(3600 * 1_000_000_000), 36 * 1_000_000_000);
    assert_eq!(step_of(1), 1_000_000_000);
}

async fn page_of(fixture: &crate::testing::Fixture, query: &str, exemplars: usize) -> MetricsPage {
    let request = MetricsRequest {
        query: query.to_owned(),
        start: Timestamp(0),
        end: Timestamp(4000),
        step: Some(2000),
        instant: false,
        exemplars,
    };
    fixture.engine().trace_metrics(&TenantId::default(), request).await.unwrap()
}

#[tokio::test]
async fn a_selection_is_compared_with_the_rest() {
    for flushed in [false, true] {
        let fixture = stored(&cases(), flushed).await;
        let query = "{ } | compare({ resource.service.name = `front` }, 1, 2000, 4000)";
        let page = page_of(&fixture, query, 0).await;
        let find = |meta: &str, name: &str, value: AnyValue| {
            let labels = [("__meta_type".to_owned(), text(meta)), (name.to_owned(), value)];
            let found = page.series.iter().find(|series| series.labels == labels);
            found.map(|series| series.points.iter().map(|(_, value)| *value).collect::<Vec<_>>())
        };
        let service = "resource.service.name";
        // The front span of the first trace starts before the selection's time.
        assert_eq!(find("selection", service, text("front")), Some(vec![0.0, 2.0]));
        assert_eq!(find("baseline", service, text("back")), Some(vec![0.0, 3.0]));
        assert_eq!(find("baseline", service, text("front")), None, "only the most frequent one");
        assert_eq!(find("baseline_total", service, AnyValue::Empty), Some(vec![1.0, 3.0]));
        assert_eq!(find("selection_total", "name", AnyValue::Empty), Some(vec![0.0, 2.0]));
        assert_eq!(find("selection", "rootName", text("work")), Some(vec![0.0, 2.0]));
        let error = ("__meta_error".to_owned(), text("__too_many_values__"));
        let more: Vec<&str> = page
            .series
            .iter()
            .filter(|series| series.labels[0] == error)
            .map(|series| series.labels[1].0.as_str())
            .collect();
        assert_eq!(more, [service]);
    }
}

#[tokio::test]
async fn exemplars_are_spans_behind_the_points() {
    for flushed in [false, true] {
        let fixture = stored(&cases(), flushed).await;
        let page = page_of(&fixture, "{ } | max_over_time(duration)", 10).await;
        let found = &page.series[0].exemplars;
        assert_eq!(found.len(), 2, "one for each interval");
        let (first, last) = (found[0], found[1]);
        assert_eq!((first.trace_id, first.time.0), (TraceId([1; 16]), 1001));
        assert_eq!(first.value, Some(10e-9));
        assert!((2000..4000).contains(&last.time.0));
        let page = page_of(&fixture, "{ } | rate() with(exemplars=1)", 0).await;
        assert_eq!(page.series[0].exemplars.len(), 1);
        let page = page_of(&fixture, "{ } | rate() with(exemplars=false)", 10).await;
        assert!(page.series[0].exemplars.is_empty());
    }
}

#[tokio::test]
async fn every_point_is_sent_once_as_soon_as_it_is_finished() {
    let mut fixture = stored(&cases()[..1], true).await;
    for more in [&cases()[1..3], &cases()[3..]] {
        let more = more.to_vec();
        fixture
            .append(binnacle_storage::model::Signal::Traces, |builder| {
                more.iter().for_each(|case| crate::traceql::tests::push(builder, case));
            })
            .await;
        fixture.storage.flush().await.unwrap();
    }
    for query in ["{ } | count_over_time()", "{ nestedSetParent < 0 } | count_over_time()"] {
        let request = MetricsRequest {
            query: query.to_owned(),
            start: Timestamp(0),
            end: Timestamp(4000),
            step: Some(1000),
            instant: false,
            exemplars: 0,
        };
        let (sender, mut receiver) = mpsc::channel(100);
        let engine = fixture.engine();
        let page = engine.trace_metrics_as_found(&TenantId::default(), request, sender).await;
        let mut sent = Vec::new();
        while let Ok(found) = receiver.try_recv() {
            sent.extend(found.series.into_iter().flat_map(|series| series.points));
        }
        sent.sort_by_key(|(time, _)| *time);
        assert_eq!(sent, page.unwrap().series[0].points, "{query}");
    }
}

#[test]
fn times_before_the_first_moment_are_none() {
    let request = MetricsRequest {
        start: Timestamp(i64::MIN),
        end: Timestamp(100),
        step: Some(i64::MAX),
        ..MetricsRequest::default()
    };
    assert_eq!(Intervals::of(&request).unwrap().count, 1);
    let intervals = Intervals { first: 0, step: 10, count: 5 };
    let cases = [(None, 0), (Some(-5), 1), (Some(9), 1), (Some(10), 2), (Some(99), 5)];
    for (left, first) in cases {
        assert_eq!(intervals.first_after(left), first, "{left:?}");
    }
}
