//! Both versions, from their messages to rows and to answers.

mod http;
pub mod message;

use super::{Broken, STALE_BITS, decode_v1, decode_v2};
use crate::decode::{Decoded, Written};
use crate::recent::{Known, RecentSeries};
use binnacle_storage::batch::{Batch, Column, Values};
use binnacle_storage::model::{Table, TenantId, Timestamp, wire};
use message::{SeriesMessage, pairs, request_v1, request_v2, series};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(9);

/// The same series by both versions.
fn decode_both(list: &[SeriesMessage]) -> [Decoded; 2] {
    [
        decode_v1(&request_v1(list), NOW, Known::default()).unwrap(),
        decode_v2(&request_v2(list), NOW).unwrap(),
    ]
}

/// A cell as text; bytes as hex, doubles by their bits when they are NaN.
fn cell(column: &Column, row: u32) -> Option<String> {
    let index = (0..column.len()).find(|&index| column.row(index) == row)?;
    Some(match &column.values {
        Values::Int(values) => values.get(index).to_string(),
        Values::Double(values) if values[index].is_nan() => {
            format!("{:x}", values[index].to_bits())
        }
        Values::Double(values) => values[index].to_string(),
        Values::Bool(values) => values[index].to_string(),
        Values::Text(values) => String::from_utf8(values.value(index).to_vec()).unwrap(),
        Values::Bytes(values) => hex(values.value(index)),
        Values::Fixed { width, bytes } => hex(&bytes[index * width..][..*width]),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The named columns of every row of a table, nulls as `-`, then attributes.
pub fn rows(batch: &Batch, table: Table, names: &[&str]) -> Vec<String> {
    let Some(table) = batch.table(table) else { return Vec::new() };
    let row = |row| {
        let cells = names
            .iter()
            .map(|name| cell(table.column(name).unwrap(), row).unwrap_or_else(|| "-".to_owned()));
        let mut cells: Vec<String> = cells.collect();
        let attributes = table.attributes.iter();
        let mut attributes: Vec<String> = attributes
            .filter_map(|a| Some(format!("{}={}", a.key, cell(&a.column, row)?)))
            .collect();
        attributes.sort();
        cells.extend(attributes);
        cells.join(" ")
    };
    (0..table.rows).map(row).collect()
}

const SERIES: &[&str] =
    &["name", "type", "unit", "description", "temporality", "is_monotonic", "service"];
const POINT: &[&str] = &["time", "start_time", "flags", "value", "count", "sum"];

#[test]
fn labels_become_name_and_attributes_and_nothing_is_added() {
    let list = [
        series(&[("__name__", "up"), ("empty", ""), ("job", "a")]).sample(1.5, 5),
        series(&[("__name__", "up"), ("job", "a")]).sample(-0.0, 0),
    ];
    for decoded in decode_both(&list) {
        let batch = &decoded.batch;
        assert_eq!(rows(batch, Table::Series, SERIES), ["up gauge - - - -  job=a"]);
        let points = rows(batch, Table::MetricPoints, POINT);
        assert_eq!(points, ["5000000 - - 1.5 - -", "0 - - -0 - -"]);
        let names = ["resource", "scope", "metadata"];
        assert_eq!(rows(batch, Table::Series, &names), ["  - job=a"]);
        assert_eq!((decoded.accepted, decoded.rejected.count), (2, 0));
        assert_eq!(decoded.written, Written { samples: 2, ..Written::default() });
    }
}

#[test]
fn a_series_is_its_labels_whatever_else_is_said_of_it() {
    let plain = series(&[("__name__", "a"), ("x", "1")]).sample(1.0, 1);
    let described = SeriesMessage { description: Some((1, "Help.", "By")), ..plain.clone() };
    let ids = |message: &SeriesMessage| {
        let decoded = decode_v2(&request_v2(std::slice::from_ref(message)), NOW).unwrap();
        rows(&decoded.batch, Table::MetricPoints, &["series_id"])
    };
    assert_eq!(ids(&plain), ids(&described));
    assert_eq!(ids(&plain), ["15697321895ec3aa3c0ee170aea5b3d7"], "the hash never changes");
    let other = series(&[("__name__", "a"), ("x", "2")]).sample(1.0, 1);
    assert_ne!(ids(&plain), ids(&other));
}

#[test]
fn labels_may_come_in_any_order_and_make_the_same_series() {
    let message = |labels: &[(&str, &str)]| series(labels).sample(1.0, 1);
    let list = [
        message(&[("__name__", "up"), ("a", "1"), ("b", "2")]),
        message(&[("b", "2"), ("__name__", "up"), ("a", "1")]),
        message(&[("b", "2"), ("__name__", "up"), ("b", "3")]),
        message(&[("b", "2"), ("a", "1")]),
    ];
    for decoded in decode_both(&list) {
        assert_eq!(rows(&decoded.batch, Table::Series, SERIES), ["up gauge - - - -  a=1 b=2"]);
        let ids = rows(&decoded.batch, Table::MetricPoints, &["series_id"]);
        assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
        assert_eq!((decoded.accepted, decoded.rejected.count), (2, 2));
        let reasons = decoded.rejected.message(1000);
        assert!(reasons.contains("a label occurs twice"), "{reasons}");
    }
}

#[test]
fn the_description_of_a_series_is_kept_with_it() {
    let message = SeriesMessage {
        description: Some((1, "Bytes sent.", "bytes")),
        samples: vec![(1.0, 2, 1)],
        ..series(&[("__name__", "sent_bytes_total")])
    };
    let decoded = decode_v2(&request_v2(&[message]), NOW).unwrap();
    let row = "sent_bytes_total sum bytes Bytes sent. 2 true ";
    assert_eq!(rows(&decoded.batch, Table::Series, SERIES), [row]);
    let points = rows(&decoded.batch, Table::MetricPoints, POINT);
    assert_eq!(points, ["2000000 1000000 - 1 - -"]);
    let metadata = cell(decoded.batch.table(Table::Series).unwrap().column("metadata").unwrap(), 0);
    let mut expected = Vec::new();
    wire::put_attribute(&mut expected, "prometheus.type", &text("counter"));
    assert_eq!(metadata, Some(hex(&expected)));
}

fn text(text: &str) -> binnacle_storage::model::Value<'_> {
    binnacle_storage::model::Value::String(text)
}

#[test]
fn descriptions_apart_become_series_without_points() {
    let mut body = Vec::new();
    message::put_metadata_v1(&mut body, 3, "latency_seconds", "How long.", "seconds");
    message::put_metadata_v1(&mut body, 3, "latency_seconds", "How long.", "seconds");
    message::put_metadata_v1(&mut body, 3, "", "Nameless.", "");
    let decoded = decode_v1(&body, NOW, Known::default()).unwrap();
    let row = "latency_seconds metadata seconds How long. - - ";
    assert_eq!(rows(&decoded.batch, Table::Series, SERIES), [row]);
    assert!(decoded.batch.table(Table::MetricPoints).is_none());
    assert_eq!((decoded.accepted, decoded.rejected.count), (0, 1));
}

#[test]
fn stale_markers_are_points_without_a_value_and_other_nans_keep_their_bits() {
    let other = f64::from_bits(0x7ff8_0000_0000_0001);
    let stale = f64::from_bits(STALE_BITS);
    let histogram = message::HistogramMessage { sum: stale, time: 3, ..Default::default() };
    let list = [SeriesMessage {
        histograms: vec![histogram],
        ..series(&[("__name__", "a")]).sample(stale, 1).sample(other, 2)
    }];
    for decoded in decode_both(&list) {
        let points = rows(&decoded.batch, Table::MetricPoints, POINT);
        let expected =
            ["1000000 - 1 - - -", "2000000 - - 7ff8000000000001 - -", "3000000 - 1 - - -"];
        assert_eq!(points, expected);
    }
}

#[test]
fn native_histograms_are_kept_as_their_messages() {
    let list = [SeriesMessage {
        histograms: vec![message::int_histogram(), message::float_histogram()],
        ..series(&[("__name__", "h")])
    }];
    for decoded in decode_both(&list) {
        assert_eq!(rows(&decoded.batch, Table::Series, SERIES), ["h native_histogram - - - - "]);
        let points = rows(&decoded.batch, Table::MetricPoints, POINT);
        let times = "5000000000 1000000000";
        assert_eq!(points, [format!("{times} - - 7 12.5"), format!("{times} - - - -1")]);
        assert_eq!(decoded.written, Written { histograms: 2, ..Written::default() });
    }
}

#[test]
fn exemplars_are_found_by_their_trace() {
    let trace = "5b8aa5a2d2c872e8321cf37308d69df2";
    let labels = [("span_id", "051581bf3cb55c13"), ("trace_id", trace), ("user", "a")];
    let list = [SeriesMessage {
        exemplars: vec![
            (pairs(&labels), 0.5, 1),
            (pairs(&[("traceID", trace)]), 1.0, 2),
            (pairs(&[("trace_id", "7")]), 2.0, 3),
        ],
        ..series(&[("__name__", "a")])
    }];
    for decoded in decode_both(&list) {
        let names = ["time", "value", "trace_id", "span_id"];
        let expected = [
            format!("1000000 0.5 {trace} 051581bf3cb55c13 user=a"),
            format!("2000000 1 {trace} - traceID={trace}"),
            "3000000 2 - - trace_id=7".to_owned(),
        ];
        assert_eq!(rows(&decoded.batch, Table::Exemplars, &names), expected);
        assert_eq!(decoded.written, Written { exemplars: 3, ..Written::default() });
        assert_eq!(decoded.batch.table(Table::Series).unwrap().rows, 1);
    }
}

#[test]
fn an_exemplar_without_a_time_has_its_samples() {
    let timeless = |series: SeriesMessage| {
        [SeriesMessage { exemplars: vec![(pairs(&[("a", "b")]), 0.5, 0)], ..series }]
    };
    for decoded in decode_both(&timeless(series(&[("__name__", "a")]).sample(1.0, 7))) {
        assert_eq!(rows(&decoded.batch, Table::Exemplars, &["time"]), ["7000000 a=b"]);
    }
}

#[test]
fn bad_series_are_named_and_their_neighbours_land() {
    let good = series(&[("__name__", "good")]).sample(1.0, 1);
    let mut not_utf8 = good.clone();
    not_utf8.labels.push((b"x".to_vec(), vec![0xff]));
    let broken = message::HistogramMessage { schema: 20, ..message::int_histogram() };
    let bad = [
        (series(&[("job", "a")]).sample(1.0, 1), "the metric has no name: {job=\"a\"}"),
        (series(&[("__name__", "a"), ("", "b")]).sample(1.0, 1), "a label has no name: a{=\"b\"}"),
        (series(&[("__name__", "early")]).sample(1.0, -1), "time is before 1970"),
        (not_utf8, "UTF-8"),
        (
            SeriesMessage { histograms: vec![broken], ..series(&[("__name__", "h")]) },
            "schema is neither",
        ),
    ];
    for (message, reason) in bad {
        for decoded in decode_both(&[good.clone(), message.clone(), good.clone()]) {
            assert_eq!((decoded.accepted, decoded.rejected.count), (2, 1), "{reason}");
            let said = decoded.rejected.message(1000);
            assert!(said.contains(reason), "{said}");
        }
    }
}

#[test]
fn symbols_must_be_there() {
    let mut body = Vec::new();
    let mut entry = Vec::new();
    wire::put_message(&mut entry, 1, &[1, 2, 3, 9]);
    wire::put_message(&mut body, 5, &entry);
    wire::put_message(&mut body, 4, b"");
    wire::put_message(&mut body, 4, b"__name__");
    wire::put_message(&mut body, 4, b"up");
    let decoded = decode_v2(&body, NOW).unwrap();
    assert_eq!((decoded.accepted, decoded.rejected.count), (0, 1));
    assert!(decoded.rejected.message(1000).contains("not in the table"));

    let mut first = Vec::new();
    wire::put_message(&mut first, 4, b"not empty");
    assert_eq!(decode_v2(&first, NOW).unwrap_err(), Broken::FirstSymbol);
    let nothing = request_v2(&[series(&[("__name__", "a")])]);
    assert_eq!(decode_v2(&nothing, NOW).unwrap().rejected.count, 1);
}

#[test]
fn symbols_do_not_multiply_without_bound() {
    let long = "x".repeat(1 << 20);
    let labels: Vec<(&str, &str)> = (0..300).map(|_| ("a", long.as_str())).collect();
    let body = request_v2(&[series(&labels).sample(1.0, 1)]);
    assert!(body.len() < 2 << 20);
    assert_eq!(decode_v2(&body, NOW).unwrap_err(), Broken::TooMuchText);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn both_versions_say_the_same(
        list in prop::collection::vec(
            (prop::collection::btree_map("[a-c_]{0,3}", "[a-z]{0,2}", 0..4), any::<f64>(), any::<i32>()),
            0..8,
        )
    ) {
        let message = |(labels, value, time): &(std::collections::BTreeMap<String, String>, f64, i32)| {
            let mut labels: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            labels.push(("__name__", "metric"));
            labels.sort_unstable();
            series(&labels).sample(*value, i64::from(*time))
        };
        let list: Vec<SeriesMessage> = list.iter().map(message).collect();
        let [one, two] = decode_both(&list);
        prop_assert_eq!(one.rejected, two.rejected);
        for (table, names) in [(Table::Series, SERIES), (Table::MetricPoints, POINT)] {
            prop_assert_eq!(rows(&one.batch, table, names), rows(&two.batch, table, names));
        }
    }

    #[test]
    fn garbage_is_refused_not_a_crash(mut body in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..1000, byte in any::<u8>()) {
        let _ = decode_v1(&body, NOW, Known::default());
        let _ = decode_v2(&body, NOW);
        let whole = SeriesMessage {
            histograms: vec![message::int_histogram()],
            exemplars: vec![(pairs(&[("a", "b")]), 1.0, 1)],
            description: Some((1, "h", "u")),
            ..series(&[("__name__", "m")]).sample(1.0, 1)
        };
        for mut whole in [request_v1(std::slice::from_ref(&whole)), request_v2(&[whole])] {
            let place = at % whole.len();
            whole[place] = byte;
            let _ = decode_v1(&whole, NOW, Known::default());
            let _ = decode_v2(&whole, NOW);
            body.extend_from_slice(&whole[place..]);
        }
        let _ = decode_v2(&body, NOW);
    }
}

#[test]
fn series_that_are_known_need_no_row_again() {
    let recent = RecentSeries::default();
    let tenant = TenantId::default();
    let (a, b) = (series(&[("__name__", "a"), ("job", "x")]), series(&[("__name__", "b")]));
    let later = Timestamp(NOW.0 + 1);
    let decode = |list: &[SeriesMessage], now: Timestamp| {
        decode_v1(&request_v1(list), now, recent.of(&tenant, now)).unwrap()
    };
    let bad = series(&[("job", "x")]).sample(1.0, 1);
    let first = decode(&[a.clone().sample(1.0, 1), bad.clone()], NOW);
    assert_eq!((first.fresh.len(), first.rejected.count), (1, 1));
    // Nothing is known before it is durable.
    assert_eq!(decode(&[a.clone().sample(1.0, 1)], NOW).fresh.len(), 1);
    recent.remember(&first.fresh, NOW);
    let stale = f64::from_bits(STALE_BITS);
    let second = [a.clone().sample(2.0, 2).sample(stale, 3), b.sample(4.0, 2), bad];
    let known = decode(&second, later);
    let plain = decode_v1(&request_v1(&second), later, Known::default()).unwrap();
    let points = ["series_id", "time", "flags", "value"];
    assert_eq!(
        rows(&known.batch, Table::MetricPoints, &points),
        rows(&plain.batch, Table::MetricPoints, &points)
    );
    assert_eq!(rows(&known.batch, Table::Series, &["name"]), ["b"]);
    assert_eq!(known.written, plain.written);
    assert_eq!((known.accepted, known.rejected.count), (plain.accepted, plain.rejected.count));
    // A bad time is told by name, as ever.
    let bad_time = decode(&[a.sample(1.0, -1)], later);
    assert_eq!(bad_time.rejected.count, 1);
    assert!(bad_time.rejected.reasons[0].reason.contains("a{job=\"x\"}"));
}

#[test]
fn labels_behind_samples_are_no_spelling() {
    let mut message = series(&[("__name__", "a")]).sample(1.0, 1).encode_v1();
    wire::put_message(&mut message, 1, &series_label("job", "x"));
    let mut body = Vec::new();
    wire::put_message(&mut body, 1, &message);
    let decoded = decode_v1(&body, NOW, Known::default()).unwrap();
    assert_eq!(rows(&decoded.batch, Table::Series, &["name"]), ["a job=x"]);
    assert!(decoded.fresh.is_empty());
}

fn series_label(name: &str, value: &str) -> Vec<u8> {
    let mut label = Vec::new();
    wire::put_message(&mut label, 1, name.as_bytes());
    wire::put_message(&mut label, 2, value.as_bytes());
    label
}
