//! Caps, and what is counted.

use super::*;
use crate::remote_write::decode_v2;
use crate::remote_write::tests::message::{request_v2, series};
use crate::remote_write::tests::rows as rendered;

const FORMAT: Format = Format::RemoteWrite2;

fn batch(values: std::ops::Range<u32>, label: &str) -> Batch {
    let message = |value: u32| {
        series(&[("__name__", "m"), ("job", "shop"), (label, &value.to_string())]).sample(1.0, 1)
    };
    let list: Vec<_> = values.map(message).collect();
    decode_v2(&request_v2(&list), Timestamp(1)).unwrap().batch
}

fn names(batch: &Batch) -> Vec<String> {
    rendered(batch, Table::Series, &["name"])
}

fn hours(hours: i64) -> Timestamp {
    Timestamp(hours * WINDOW_NANOS)
}

#[test]
fn series_past_the_cap_overflow_and_known_ones_go_on() {
    let cardinality = Cardinality::new(Caps { series: 3, label_values: 0 });
    let tenant = TenantId::default();
    let mut first = batch(0..3, "x");
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut first, hours(0)), None);
    let mut second = batch(1..5, "x");
    let warning = cardinality.admit(&tenant, FORMAT, &mut second, hours(0)).unwrap();
    assert!(warning.starts_with("2 series were put"), "{warning}");
    let overflow = "m otel_metric_overflow=true";
    assert_eq!(names(&second), ["m job=shop x=1", "m job=shop x=2", overflow, overflow]);
    let ids = rendered(&second, Table::MetricPoints, &["series_id"]);
    assert_eq!((ids.len(), ids[2] == ids[3]), (4, true));
    let mut other = batch(9..10, "x");
    assert_eq!(cardinality.admit(&"other".parse().unwrap(), FORMAT, &mut other, hours(0)), None);
}

#[test]
fn a_label_of_too_many_values_overflows_alone() {
    let cardinality = Cardinality::new(Caps { series: 0, label_values: 2 });
    let tenant = TenantId::default();
    let mut wild = batch(0..4, "user");
    let warning = cardinality.admit(&tenant, FORMAT, &mut wild, hours(0)).unwrap();
    assert!(warning.contains("label 'user' has 2 values"), "{warning}");
    let mut calm = batch(0..2, "shard");
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut calm, hours(0)), None);
}

#[test]
fn series_that_are_no_longer_sent_make_room() {
    let cardinality = Cardinality::new(Caps { series: 2, label_values: 0 });
    let tenant = TenantId::default();
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut batch(0..2, "x"), hours(0)), None);
    // Sent again in the next window: still two.
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut batch(0..1, "x"), hours(1)), None);
    assert!(cardinality.admit(&tenant, FORMAT, &mut batch(5..6, "x"), hours(1)).is_some());
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut batch(0..1, "x"), hours(2)), None);
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut batch(5..6, "x"), hours(2)), None);
    assert_eq!(cardinality.report(&tenant, 10).series, 2);
}

#[test]
fn the_report_says_what_series_are_made_of() {
    let cardinality = Cardinality::new(Caps { series: 100, label_values: 0 });
    let tenant = TenantId::default();
    cardinality.admit(&tenant, FORMAT, &mut batch(0..5, "x"), hours(0));
    cardinality.admit(&tenant, FORMAT, &mut batch(3..6, "x"), hours(1));
    let report = cardinality.report(&tenant, 1);
    assert_eq!((report.series, report.series_max, report.overflowed), (6, 100, 0));
    assert_eq!(report.metrics, [("m".to_owned(), 6)]);
    assert_eq!(report.sources, [("shop".to_owned(), 6)]);
    let label = LabelReport { name: "x".to_owned(), values: 6, series: 6 };
    assert_eq!(report.labels, [label]);
    assert_eq!(report.growth, [(hours(0), 5), (hours(1), 1)]);
}

#[test]
fn counting_goes_on_with_the_stored_series_of_the_last_hour() {
    let caps = Caps { series: 3, label_values: 0 };
    let tenant = TenantId::default();
    let mut stored = batch(0..3, "x");
    stored.overflow(&HashMap::from([(id_of(&stored, 2), SeriesId([9; 16]))]), OVERFLOW_LABEL);
    let cardinality = Cardinality::new(caps);
    let series = stored.table(Table::Series).unwrap();
    cardinality.seed(&tenant, series, Timestamp(2));
    assert_eq!(cardinality.report(&tenant, 1).series, 0);
    cardinality.seed(&tenant, series, Timestamp(1));
    assert_eq!(cardinality.report(&tenant, 1).series, 2);
    let now = Timestamp(WINDOW_NANOS);
    assert_eq!(cardinality.admit(&tenant, FORMAT, &mut batch(0..3, "x"), now), None);
    assert!(cardinality.admit(&tenant, FORMAT, &mut batch(3..4, "x"), now).is_some());
}

fn id_of(batch: &Batch, row: u32) -> SeriesId {
    series_id(batch.table(Table::Series).unwrap(), row)
}
