//! Log search over real storage: what a page holds equals a plain evaluation of every record, wherever records lie.

use super::ast::{Bound, Literal, Number, Place, Query, SeverityTest, Test};
use super::parse::parse;
use super::text::TextMatch;
use super::{LogPage, LogRequest};
use crate::testing::{Fixture, Random, resource, scope};
use crate::value::AnyValue;
use crate::value::encode::encode_pair;
use crate::{Error, QueryEngine};
use binnacle_storage::batch::{LogRow, TimeOrigin};
use binnacle_storage::log_index::tokens;
use binnacle_storage::model::{Signal, SpanId, TenantId, Timestamp, TraceId, wire};
use std::cmp::Ordering;

#[derive(Debug, Clone)]
struct Row {
    number: i64,
    time: i64,
    service: &'static str,
    zone: &'static str,
    scope: &'static str,
    severity: i32,
    severity_text: &'static str,
    trace: Option<u8>,
    body: Option<String>,
    attributes: Vec<(String, AnyValue)>,
}

const WORDS: [&str; 12] = [
    "connection",
    "refused",
    "timeout",
    "user",
    "42",
    "Order",
    "failed",
    "größe",
    "retry",
    "GET",
    "=>",
    "id_7",
];

fn row(random: &mut Random, number: i64) -> Row {
    let words: Vec<&str> = (0..random.below(6)).map(|_| random.one_of(&WORDS)).collect();
    let mut attributes = vec![("n".to_owned(), AnyValue::Int(number))];
    let mut add = |key: &str, value: AnyValue| attributes.push((key.to_owned(), value));
    match random.below(5) {
        0 => add("code", AnyValue::Int(200 + random.below(4) as i64 * 100)),
        1 => add("code", AnyValue::String("200".to_owned())),
        2 => add("code", AnyValue::Double(random.below(8) as f64 * 100.5)),
        _ => {}
    }
    match random.below(6) {
        0 => add("path", AnyValue::String("/api/orders".to_owned())),
        1 => add("path", AnyValue::String("/api/users/7".to_owned())),
        2 => add("path", AnyValue::Array(vec![AnyValue::String("/a".into()), AnyValue::Int(5)])),
        3 => add("zone", AnyValue::String("override".to_owned())),
        4 => add("ok", AnyValue::Bool(random.below(2) == 0)),
        _ => add("empty", AnyValue::Empty),
    }
    Row {
        number,
        time: random.below(12) as i64,
        service: random.one_of(&["shop", "cart"]),
        zone: random.one_of(&["east", "west"]),
        scope: random.one_of(&["http", "db"]),
        severity: random.one_of(&[0, 0, 9, 13, 17, 18]),
        severity_text: random.one_of(&["", "ERROR", "notice"]),
        trace: (random.below(3) == 0).then(|| random.below(3) as u8 + 1),
        body: (random.below(8) > 0).then(|| words.join(" ")),
        attributes,
    }
}

async fn append(fixture: &mut Fixture, rows: &[Row]) {
    fixture
        .append(Signal::Logs, |builder| {
            for row in rows {
                builder.resource(&resource(row.service, row.zone), row.service);
                builder.scope(&scope(row.scope));
                let messages: Vec<Vec<u8>> =
                    row.attributes.iter().map(|(key, value)| encode_pair(key, value)).collect();
                let attributes: Vec<_> =
                    messages.iter().map(|message| wire::key_value(message).unwrap()).collect();
                builder.push_log(&LogRow {
                    time: Timestamp(row.time),
                    time_origin: TimeOrigin::Sent,
                    observed_time: None,
                    trace_id: row.trace.map(|id| TraceId([id; 16])),
                    span_id: row.trace.map(|id| SpanId([id; 8])),
                    flags: 0,
                    severity_number: row.severity,
                    severity_text: row.severity_text,
                    event_name: "",
                    body: row.body.as_deref(),
                    body_value: None,
                    dropped_attributes_count: 0,
                    attributes: &attributes,
                });
            }
        })
        .await;
}

/// The plain evaluation, written apart from the real one.
fn matches(query: &Query, row: &Row) -> bool {
    let values = |key: &str| -> Vec<AnyValue> {
        row.attributes.iter().filter(|(k, _)| k == key).map(|(_, v)| v.clone()).collect()
    };
    let resource = |key: &str| -> Vec<AnyValue> {
        match key {
            "service.name" => vec![AnyValue::String(row.service.to_owned())],
            "zone" => vec![AnyValue::String(row.zone.to_owned())],
            _ => Vec::new(),
        }
    };
    let text = |text: &str| vec![AnyValue::String(text.to_owned())];
    match query {
        Query::And(parts) => parts.iter().all(|part| matches(part, row)),
        Query::Or(parts) => parts.iter().any(|part| matches(part, row)),
        Query::Not(inner) => !matches(inner, row),
        Query::Text(wanted) => row.body.as_deref().is_some_and(|body| has_words(wanted, body)),
        Query::Severity(test) => {
            let number = match (row.severity, row.severity_text) {
                (0, "ERROR") => 17,
                (number, _) => number,
            };
            match test {
                SeverityTest::Exists => row.severity != 0 || !row.severity_text.is_empty(),
                SeverityTest::Between(low, high) => *low <= number && number <= *high,
                SeverityTest::Named(name) => {
                    row.severity_text.to_lowercase() == name.to_lowercase()
                }
            }
        }
        Query::TraceId(id) => match id {
            None => row.trace.is_some(),
            Some(id) => row.trace.map(|byte| TraceId([byte; 16])) == Some(*id),
        },
        Query::SpanId(id) => match id {
            None => row.trace.is_some(),
            Some(id) => row.trace.map(|byte| SpanId([byte; 8])) == Some(*id),
        },
        Query::Resource(_) => panic!("no text says so"),
        Query::Field(place, test) => {
            let values = match place {
                Place::Service => text(row.service),
                Place::Scope => text(row.scope),
                Place::EventName => Vec::new(),
                Place::Body => row.body.as_deref().map(text).unwrap_or_default(),
                Place::Resource(key) => resource(key),
                Place::Attribute(key) => values(key),
                Place::Any(key) if values(key).is_empty() => resource(key),
                Place::Any(key) => values(key),
            };
            let is_text = matches!(place, Place::Body);
            values.iter().any(|value| match (value, test) {
                (AnyValue::String(text), Test::Exists) if is_text => !text.is_empty(),
                _ => passes(test, value),
            })
        }
    }
}

fn has_words(wanted: &TextMatch, body: &str) -> bool {
    match wanted {
        TextMatch::Literal(text) => body.contains(text.as_str()),
        TextMatch::Tokens { tokens: wanted, prefix } => {
            let body: Vec<String> = tokens(body).collect();
            body.windows(wanted.len()).any(|window| {
                let (last, first) = window.split_last().unwrap();
                let (wanted_last, wanted_first) = wanted.split_last().unwrap();
                first == wanted_first
                    && if *prefix {
                        last.starts_with(wanted_last.as_str())
                    } else {
                        last == wanted_last
                    }
            })
        }
    }
}

fn passes(test: &Test, value: &AnyValue) -> bool {
    if let AnyValue::Array(elements) = value {
        return *test == Test::Exists || elements.iter().any(|element| passes(test, element));
    }
    let order = |literal: &Literal| match (value, literal.number) {
        (AnyValue::Int(a), Some(Number::Int(b))) => Some(a.cmp(&b)),
        (AnyValue::Int(a), Some(Number::Double(b))) => (*a as f64).partial_cmp(&b),
        (AnyValue::Double(a), Some(Number::Int(b))) => a.partial_cmp(&(b as f64)),
        (AnyValue::Double(a), Some(Number::Double(b))) => a.partial_cmp(&b),
        _ => None,
    };
    let above = |bound: &Bound| match bound {
        Bound::Open => true,
        Bound::Included(literal) => order(literal).is_some_and(|o| o != Ordering::Less),
        Bound::Excluded(literal) => order(literal) == Some(Ordering::Greater),
    };
    let below = |bound: &Bound| match bound {
        Bound::Open => true,
        Bound::Included(literal) => order(literal).is_some_and(|o| o != Ordering::Greater),
        Bound::Excluded(literal) => order(literal) == Some(Ordering::Less),
    };
    match test {
        Test::Exists => true,
        Test::Equals(literal) => match value {
            AnyValue::String(text) => *text == literal.text,
            AnyValue::Bool(flag) => literal.flag == Some(*flag),
            _ => order(literal) == Some(Ordering::Equal),
        },
        Test::Glob(parts) => match value {
            // The queries below have one star each.
            AnyValue::String(text) => {
                text.len() >= parts[0].len() + parts[1].len()
                    && text.starts_with(&parts[0])
                    && text.ends_with(&parts[1])
            }
            _ => false,
        },
        Test::Between(low, high) => above(low) && below(high),
    }
}

const QUERIES: [&str; 36] = [
    "",
    "refused",
    "CONNECTION refused",
    "\"connection refused\"",
    "größe",
    "=>",
    "conn*",
    "\"user 42\" OR timeout",
    "-refused",
    "NOT (refused OR timeout) service:shop",
    "id_7",
    "nowhere",
    "service:shop",
    "service:c*",
    "severity:error",
    "severity:>=warn",
    "severity:<warn",
    "severity:notice",
    "severity:*",
    "code:200",
    "code:\"200\"",
    "code:>=300",
    "code:200..400",
    "code:{200 TO 402]",
    "code:*",
    "-code:*",
    "path:/api/*",
    "path:5",
    "zone:east",
    "attributes.zone:*",
    "resource.zone:west retry",
    "ok:true",
    "empty:*",
    "trace_id:02020202020202020202020202020202 user",
    "span_id:* scope:http",
    "body:*refused (service:cart OR severity:17)",
];

async fn page(engine: &QueryEngine, request: LogRequest) -> Result<LogPage, Error> {
    engine.logs(&TenantId::default(), request).await
}

fn numbers(page: &LogPage) -> Vec<(i64, i64)> {
    let number = |log: &super::LogRecord| {
        log.attributes.iter().find_map(|(key, value)| match value {
            AnyValue::Int(number) if key == "n" => Some(*number),
            _ => None,
        })
    };
    page.logs.iter().map(|log| (log.time.0, number(log).unwrap())).collect()
}

/// All pages of a query, one after the other; `between` runs after each.
async fn all_pages(
    engine: &QueryEngine,
    mut request: LogRequest,
    mut between: impl AsyncFnMut(),
) -> Vec<(i64, i64)> {
    let mut all = Vec::new();
    loop {
        let page = page(engine, request.clone()).await.unwrap();
        assert!(page.stats.warnings.is_empty(), "{:?}", page.stats.warnings);
        all.extend(numbers(&page));
        between().await;
        match page.cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return all,
        }
    }
}

/// Every query gives exactly the records of the plain evaluation, newest first.
async fn check(fixture: &Fixture, rows: &[Row], limit: usize) {
    let engine = fixture.engine();
    for text in QUERIES {
        let query = parse(text).unwrap();
        for (start, end) in [(None, None), (Some(3), Some(9))] {
            let request = LogRequest {
                query: text.to_owned(),
                start: start.map(Timestamp),
                end: end.map(Timestamp),
                limit: Some(limit),
                cursor: None,
            };
            let found = all_pages(&engine, request, async || {}).await;
            assert!(found.is_sorted_by(|a, b| a.0 >= b.0), "{text}: {found:?}");
            let within = |row: &&Row| {
                start.is_none_or(|s| row.time >= s) && end.is_none_or(|e| row.time < e)
            };
            let mut expected: Vec<(i64, i64)> = rows
                .iter()
                .filter(within)
                .filter(|row| matches(&query, row))
                .map(|row| (row.time, row.number))
                .collect();
            let mut found = found;
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_equals_a_plain_evaluation_wherever_records_lie() {
    for seed in 1..=3 {
        let mut random = Random(seed * 0x9e37_79b9);
        let rows: Vec<Row> = (0..120).map(|number| row(&mut random, number)).collect();
        let mut fixture = Fixture::new().await;
        append(&mut fixture, &rows[..30]).await;
        check(&fixture, &rows[..30], 7).await;
        fixture.flush().await;
        append(&mut fixture, &rows[30..60]).await;
        fixture.flush().await;
        check(&fixture, &rows[..60], 10).await;
        fixture.storage.compact().await.unwrap();
        append(&mut fixture, &rows[60..90]).await;
        fixture.flush().await;
        append(&mut fixture, &rows[90..]).await;
        check(&fixture, &rows, 11).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_survives_flush_and_compaction() {
    let mut random = Random(7);
    let rows: Vec<Row> = (0..60).map(|number| row(&mut random, number)).collect();
    let mut fixture = Fixture::new().await;
    append(&mut fixture, &rows[..30]).await;
    fixture.flush().await;
    append(&mut fixture, &rows[30..]).await;
    // The same records once more: equal in everything, and each to be given twice.
    append(&mut fixture, &rows[..30]).await;
    let engine = fixture.engine();
    let storage = fixture.storage.clone();
    let mut step = 0;
    let request = LogRequest { limit: Some(13), ..LogRequest::default() };
    let mut found = all_pages(&engine, request, async || {
        step += 1;
        match step {
            1 => storage.flush().await.unwrap(),
            3 => storage.compact().await.unwrap(),
            _ => {}
        }
    })
    .await;
    assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
    let mut expected: Vec<_> =
        rows.iter().chain(&rows[..30]).map(|row| (row.time, row.number)).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_out_of_bounds_are_refused() {
    let fixture = Fixture::new().await;
    let engine = fixture.engine();
    let wrong = [
        LogRequest { limit: Some(0), ..LogRequest::default() },
        LogRequest { limit: Some(10_001), ..LogRequest::default() },
        LogRequest { start: Some(Timestamp(5)), end: Some(Timestamp(5)), ..LogRequest::default() },
        LogRequest { cursor: Some("1".to_owned()), ..LogRequest::default() },
        LogRequest { query: "(".to_owned(), ..LogRequest::default() },
    ];
    for request in wrong {
        assert!(page(&engine, request.clone()).await.is_err(), "{request:?}");
    }
    let empty = page(&engine, LogRequest::default()).await.unwrap();
    assert_eq!((empty.logs.len(), empty.cursor), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_cannot_matter_are_not_opened() {
    let mut random = Random(11);
    let mut fixture = Fixture::new().await;
    for first in [0, 100] {
        let rows: Vec<Row> = (first..first + 20)
            .map(|number| Row {
                time: number,
                body: Some("order failed".to_owned()),
                ..row(&mut random, number)
            })
            .collect();
        append(&mut fixture, &rows).await;
        fixture.flush().await;
    }
    let engine = fixture.engine();
    let request = |query: &str| LogRequest {
        query: query.to_owned(),
        limit: Some(5),
        ..LogRequest::default()
    };
    let newest = page(&engine, request("failed")).await.unwrap();
    assert_eq!(numbers(&newest), [(119, 119), (118, 118), (117, 117), (116, 116), (115, 115)]);
    assert_eq!((newest.stats.segments, newest.stats.segments_pruned), (2, 1));
    let nowhere = page(&engine, request("xylophone")).await.unwrap();
    assert_eq!((nowhere.stats.segments, nowhere.stats.segments_pruned), (2, 2));
    assert_eq!((nowhere.logs.len(), nowhere.stats.bytes_read), (0, 0));
}
