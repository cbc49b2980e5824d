//! SQL over real storage: the same answers whatever layout a row's attributes are kept in, with filter pushdown and
//! without, and equal to a plain evaluation row by row.

mod broken;
mod stop;

use super::attribute::{to_bool, to_double, to_text};
use super::output::{self, OutputKind};
use crate::{Error, QueryConfig, QueryEngine, SqlRequest, StatsSnapshot};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use binnacle_storage::batch::{Batch, BatchBuilder, SpanRow};
use binnacle_storage::model::{
    Attribute, Compression, Encoding, Format, Signal, SpanId, TenantId, Timestamp, TraceId, Value,
    wire,
};
use binnacle_storage::{AppendRequest, Decode, Storage, StorageConfig, SystemClock};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An attribute value the test owns.
#[derive(Debug, Clone)]
enum Own {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Own {
    fn value(&self) -> Value<'_> {
        match self {
            Own::Text(text) => Value::String(text),
            Own::Int(number) => Value::Int(*number),
            Own::Double(number) => Value::Double(*number),
            Own::Bool(flag) => Value::Bool(*flag),
        }
    }
}

/// One span, as the plain evaluation sees it.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    id: u8,
    time: i64,
    attributes: BTreeMap<String, Own>,
}

impl Row {
    fn value(&self, key: &str) -> Value<'_> {
        self.attributes.get(key).map_or(Value::Empty, Own::value)
    }

    fn text(&self, key: &str) -> Option<String> {
        to_text(&self.value(key)).map(|text| text.into_owned())
    }

    fn number(&self, key: &str) -> Option<f64> {
        to_double(&self.value(key))
    }

    fn flag(&self, key: &str) -> Option<bool> {
        to_bool(&self.value(key))
    }
}

struct NeverDecoded;

impl Decode for NeverDecoded {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err("these tests do not restart".to_owned())
    }
}

struct Fixture {
    storage: Storage,
    requests: u128,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        // The rows came long ago.
        let config = StorageConfig {
            path: directory.path().to_owned(),
            retention: std::time::Duration::ZERO,
            ..StorageConfig::default()
        };
        let clock = Arc::new(SystemClock);
        let (storage, _) = Storage::open(config, Arc::new(NeverDecoded), clock).await.unwrap();
        Fixture { storage, requests: 0, _directory: directory }
    }

    async fn append(&mut self, rows: &[Row]) {
        self.requests += 1;
        let ingested_at = Timestamp(1_700_000_000_000_000_000);
        let request = AppendRequest {
            tenant: TenantId::default(),
            signal: Signal::Traces,
            encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
            body: bytes::Bytes::from(self.requests.to_string()),
            content_hash: self.requests,
            ingested_at,
            batch: batch(rows, ingested_at),
        };
        self.storage.append(request).await.unwrap();
    }

    async fn flush(&self) {
        self.storage.flush().await.unwrap();
    }

    fn engine(&self, filter_pushdown: bool) -> QueryEngine {
        let config = QueryConfig { filter_pushdown, threads: 2, ..QueryConfig::default() };
        QueryEngine::new(self.storage.clone(), config).unwrap()
    }
}

fn batch(rows: &[Row], ingested_at: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Traces, ingested_at);
    builder.resource(&resource("shop", 42), "shop");
    builder.scope(&scope("lib", "1.2"));
    let event = event(7, "paid", "amount", &Value::Int(3));
    let link = link(9);
    let links: [&[u8]; 1] = [&link];
    for row in rows {
        let messages: Vec<Vec<u8>> = row
            .attributes
            .iter()
            .map(|(key, value)| {
                let mut list = Vec::new();
                wire::put_attribute(&mut list, key, &value.value());
                wire::messages(&list).next().unwrap().unwrap().to_vec()
            })
            .collect();
        let attributes: Vec<Attribute<'_>> = row
            .attributes
            .iter()
            .zip(&messages)
            .map(|((key, value), wire)| Attribute { key, value: value.value(), wire })
            .collect();
        builder.push_span(&SpanRow {
            trace_id: TraceId([row.id; 16]),
            span_id: SpanId([row.id; 8]),
            parent_span_id: None,
            trace_state: "",
            flags: 0,
            name: &row.name,
            kind: 2,
            start_time: Timestamp(row.time),
            end_time: Timestamp(row.time + 10),
            status_code: 0,
            status_message: "",
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            attributes: &attributes,
            events: &[&event],
            links: if row.id == 1 { &links } else { &[] },
        });
    }
    builder.finish()
}

fn resource(service: &str, pid: i64) -> Vec<u8> {
    let mut resource = Vec::new();
    wire::put_attribute(&mut resource, "service.name", &Value::String(service));
    wire::put_attribute(&mut resource, "process.pid", &Value::Int(pid));
    let mut message = Vec::new();
    wire::put_message(&mut message, 1, &resource);
    message
}

fn scope(name: &str, version: &str) -> Vec<u8> {
    let mut scope = Vec::new();
    wire::put_message(&mut scope, 1, name.as_bytes());
    wire::put_message(&mut scope, 2, version.as_bytes());
    let mut message = Vec::new();
    wire::put_message(&mut message, 1, &scope);
    message
}

fn event(time: u64, name: &str, key: &str, value: &Value<'_>) -> Vec<u8> {
    let mut list = Vec::new();
    wire::put_attribute(&mut list, key, value);
    let attribute = wire::messages(&list).next().unwrap().unwrap().to_vec();
    let mut message = vec![9];
    message.extend_from_slice(&time.to_le_bytes());
    wire::put_message(&mut message, 2, name.as_bytes());
    wire::put_message(&mut message, 3, &attribute);
    message
}

fn link(id: u8) -> Vec<u8> {
    let mut message = Vec::new();
    wire::put_message(&mut message, 1, &[id; 16]);
    wire::put_message(&mut message, 2, &[id; 8]);
    message
}

async fn run(
    engine: &QueryEngine,
    query: &str,
) -> Result<(Vec<Vec<String>>, StatsSnapshot), Error> {
    run_request(engine, SqlRequest { query: query.to_owned(), ..SqlRequest::default() }).await
}

async fn run_request(
    engine: &QueryEngine,
    request: SqlRequest,
) -> Result<(Vec<Vec<String>>, StatsSnapshot), Error> {
    let answer = engine.sql(&TenantId::default(), request).await?;
    let schema = output::convert_schema(&answer.schema, OutputKind::Text);
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let batch = output::convert(batch, &schema)?;
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    Ok((rows, answer.stats.snapshot()))
}

/// The only column of the answer.
async fn column(engine: &QueryEngine, query: &str) -> Vec<String> {
    let (rows, _) = run(engine, query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

const DAY: i64 = 1_700_000_000_000_000_000;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// How the rows of one part keep their attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// Every key has a column of its natural type.
    Shredded,
    /// Other keys are more frequent, so all are in the tail.
    Tail,
    /// No attribute at all.
    Lacking,
    /// Other types than elsewhere, and several per key.
    Conflicting,
}

/// Each part on a day of its own, which compaction does not join.
fn rows_of(part: Part) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..40i64).map(|n| row_of(part, n)).collect();
    rows.iter_mut().for_each(|row| row.time += part as i64 * DAY_NANOS);
    rows
}

fn row_of(part: Part, n: i64) -> Row {
    let mut attributes = BTreeMap::new();
    if part == Part::Tail {
        // Present in every row, so more frequent than those that some rows lack.
        for filler in 0..70 {
            attributes.insert(format!("filler.{filler:02}"), Own::Int(n));
        }
    }
    let mut put = |key: &str, there: bool, value: Own| {
        if there && part != Part::Lacking {
            attributes.insert(key.to_owned(), value);
        }
    };
    let words = ["alpha", "Beta", "gamma delta", "100%", "", "é"];
    let word = words[n as usize % words.len()].to_owned();
    if part == Part::Conflicting {
        put("s", n % 5 != 4, if n % 3 == 0 { Own::Int(n) } else { Own::Text(word) });
        let number = if n % 3 == 0 { Own::Int(n - 10) } else { Own::Text((n - 10).to_string()) };
        put("i", n % 4 != 3, number);
        put("d", n % 7 != 6, if n % 2 == 0 { Own::Int(n) } else { Own::Double(n as f64 + 0.5) });
        put(
            "b",
            n % 3 != 2,
            if n % 2 == 0 { Own::Bool(true) } else { Own::Text("false".to_owned()) },
        );
    } else {
        put("s", n % 5 != 4, Own::Text(word));
        put("i", n % 4 != 3, Own::Int(n - 10));
        put("d", n % 7 != 6, Own::Double(n as f64 / 2.0));
        put("b", n % 3 != 2, Own::Bool(n % 2 == 0));
    }
    Row { name: format!("{part:?} {n}"), id: n as u8 + 1, time: DAY + n, attributes }
}

type Expected = fn(&Row) -> Option<bool>;

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|a| !a), b.map(|b| !b)).map(|both| !both)
}

/// Every kind of predicate, on attributes of every type.
const PREDICATES: &[(&str, Expected)] = &[
    ("attributes['s'] = 'alpha'", |r| r.text("s").map(|s| s == "alpha")),
    ("attributes['s'] <> 'alpha'", |r| r.text("s").map(|s| s != "alpha")),
    ("attributes['s'] < 'b'", |r| r.text("s").map(|s| *s < *"b")),
    ("attributes['s'] >= 'gamma delta'", |r| r.text("s").map(|s| *s >= *"gamma delta")),
    ("attributes['s'] IN ('alpha', 'é')", |r| r.text("s").map(|s| s == "alpha" || s == "é")),
    ("attributes['s'] NOT IN ('alpha', 'é')", |r| r.text("s").map(|s| s != "alpha" && s != "é")),
    ("attributes['s'] LIKE '%a%'", |r| r.text("s").map(|s| s.contains('a'))),
    ("attributes['s'] NOT LIKE '%a%'", |r| r.text("s").map(|s| !s.contains('a'))),
    ("attributes['s'] ILIKE 'b%'", |r| r.text("s").map(|s| s.to_lowercase().starts_with('b'))),
    ("attributes['s'] LIKE '100\\%'", |r| r.text("s").map(|s| s == "100%")),
    ("attributes['s'] ~ '^(alpha|B)'", |r| {
        r.text("s").map(|s| s.starts_with("alpha") || s.starts_with('B'))
    }),
    ("attributes['s'] !~ 'a'", |r| r.text("s").map(|s| !s.contains('a'))),
    ("attributes['s'] IS NULL", |r| Some(r.text("s").is_none())),
    ("attributes['s'] IS NOT NULL", |r| Some(r.text("s").is_some())),
    ("attributes['s'] = ''", |r| r.text("s").map(|s| s.is_empty())),
    ("lower(attributes['s']) = 'beta'", |r| r.text("s").map(|s| s.to_lowercase() == "beta")),
    ("length(attributes['s']) > 5", |r| r.text("s").map(|s| s.chars().count() > 5)),
    ("attributes['i'] = 5", |r| r.number("i").map(|i| i == 5.0)),
    ("attributes['i'] <> 5", |r| r.number("i").map(|i| i != 5.0)),
    ("attributes['i'] < -3", |r| r.number("i").map(|i| i < -3.0)),
    ("attributes['i'] <= 0", |r| r.number("i").map(|i| i <= 0.0)),
    ("attributes['i'] > 20", |r| r.number("i").map(|i| i > 20.0)),
    ("7 <= attributes['i']", |r| r.number("i").map(|i| i >= 7.0)),
    ("attributes['i'] > 4.5", |r| r.number("i").map(|i| i > 4.5)),
    ("attributes['i'] IN (1, 2, 13)", |r| r.number("i").map(|i| [1.0, 2.0, 13.0].contains(&i))),
    ("attributes['i'] NOT IN (1, 2, 13)", |r| {
        r.number("i").map(|i| ![1.0, 2.0, 13.0].contains(&i))
    }),
    ("attributes['i'] BETWEEN 3 AND 9", |r| r.number("i").map(|i| (3.0..=9.0).contains(&i))),
    ("attributes['i'] NOT BETWEEN 3 AND 9", |r| r.number("i").map(|i| !(3.0..=9.0).contains(&i))),
    ("attributes['i'] = '5'", |r| r.text("i").map(|i| i == "5")),
    ("attributes['i'] IS NULL", |r| Some(r.text("i").is_none())),
    ("attributes['i'] IS NOT NULL", |r| Some(r.text("i").is_some())),
    ("attributes['i'] + 1 > 10", |r| r.number("i").map(|i| i + 1.0 > 10.0)),
    ("abs(attributes['i']) <= 2", |r| r.number("i").map(|i| i.abs() <= 2.0)),
    ("attributes['i'] % 2 = 0", |r| r.number("i").map(|i| i % 2.0 == 0.0)),
    ("attributes['i']::varchar LIKE '1%'", |r| r.text("i").map(|i| i.starts_with('1'))),
    ("CAST(attributes['i'] AS double) >= 1.5", |r| r.number("i").map(|i| i >= 1.5)),
    ("attributes['i'] = 9007199254740993", |r| r.number("i").map(|_| false)),
    ("attributes['d'] = 2.5", |r| r.number("d").map(|d| d == 2.5)),
    ("attributes['d'] < 3", |r| r.number("d").map(|d| d < 3.0)),
    ("attributes['d'] >= 10.25", |r| r.number("d").map(|d| d >= 10.25)),
    ("attributes['d'] IN (1, 1.5)", |r| r.number("d").map(|d| d == 1.0 || d == 1.5)),
    ("attributes['d'] BETWEEN 1.5 AND 4", |r| r.number("d").map(|d| (1.5..=4.0).contains(&d))),
    ("attributes['d'] IS NULL", |r| Some(r.text("d").is_none())),
    ("round(attributes['d']) = 4", |r| r.number("d").map(|d| d.round() == 4.0)),
    ("attributes['b'] = true", |r| r.flag("b")),
    ("attributes['b'] <> true", |r| r.flag("b").map(|b| !b)),
    ("attributes['b'] = 'true'", |r| r.text("b").map(|b| b == "true")),
    ("attributes['b'] IS TRUE", |r| Some(r.flag("b") == Some(true))),
    ("attributes['b'] IS NOT TRUE", |r| Some(r.flag("b") != Some(true))),
    ("NOT attributes['b']", |r| r.flag("b").map(|b| !b)),
    ("attributes['b'] IS NOT NULL", |r| Some(r.text("b").is_some())),
    ("attributes['s'] = 'alpha' AND attributes['i'] > 3", |r| {
        and(r.text("s").map(|s| s == "alpha"), r.number("i").map(|i| i > 3.0))
    }),
    ("attributes['s'] = 'alpha' OR attributes['i'] > 3", |r| {
        or(r.text("s").map(|s| s == "alpha"), r.number("i").map(|i| i > 3.0))
    }),
    ("NOT (attributes['s'] = 'alpha' OR attributes['d'] < 5)", |r| {
        or(r.text("s").map(|s| s == "alpha"), r.number("d").map(|d| d < 5.0)).map(|any| !any)
    }),
    ("NOT (attributes['i'] > 3 AND attributes['b'] = true)", |r| {
        and(r.number("i").map(|i| i > 3.0), r.flag("b")).map(|all| !all)
    }),
    ("coalesce(attributes['i'], 0) = 0 AND attributes['nowhere'] IS NULL", |r| {
        Some(matches!(r.text("i").as_deref(), None | Some("0")))
    }),
    ("attributes['nowhere'] = 'x'", |_| None),
    ("attributes['nowhere'] > 5", |_| None),
    ("attributes['nowhere'] IS NULL", |_| Some(true)),
    ("resource['service.name'] = 'shop' AND attributes['i'] = 5", |r| {
        r.number("i").map(|i| i == 5.0)
    }),
    ("resource['process.pid'] > 41 AND attributes['i'] = 5", |r| r.number("i").map(|i| i == 5.0)),
    ("resource['service.name'] LIKE 'x%'", |_| Some(false)),
    ("scope_attributes['k'] IS NULL AND attributes['d'] < 1", |r| r.number("d").map(|d| d < 1.0)),
    ("attributes['i'] > 3 AND trace_id <> X'06060606060606060606060606060606'", |r| {
        and(r.number("i").map(|i| i > 3.0), Some(r.id != 6))
    }),
];

async fn check_predicates(fixture: &Fixture, rows: &[Row]) {
    let engines = [fixture.engine(true), fixture.engine(false)];
    for (predicate, expected) in PREDICATES {
        let mut expected: Vec<_> = rows
            .iter()
            .filter(|row| expected(row) == Some(true))
            .map(|row| row.name.clone())
            .collect();
        expected.sort();
        for (engine, pushdown) in engines.iter().zip(["with", "without"]) {
            let names = format!("SELECT name FROM spans WHERE {predicate} ORDER BY name");
            let found = column(engine, &names).await;
            assert_eq!(found, expected, "{predicate} ({pushdown} pushdown)");
            let count = format!("SELECT count(*) FROM spans WHERE {predicate}");
            let found = column(engine, &count).await;
            assert_eq!(found, [expected.len().to_string()], "{predicate} ({pushdown} pushdown)");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buffered_rows_answer_every_predicate() {
    let mut fixture = Fixture::new().await;
    let mut rows = Vec::new();
    for part in [Part::Shredded, Part::Conflicting, Part::Lacking] {
        let part = rows_of(part);
        fixture.append(&part).await;
        rows.extend(part);
    }
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_segment_answers_every_predicate() {
    let mut fixture = Fixture::new().await;
    let rows = rows_of(Part::Shredded);
    fixture.append(&rows).await;
    fixture.flush().await;
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_predicate_is_the_same_over_mixed_layouts() {
    let mut fixture = Fixture::new().await;
    let mut rows = Vec::new();
    for part in [Part::Shredded, Part::Tail, Part::Lacking, Part::Conflicting] {
        let part = rows_of(part);
        fixture.append(&part).await;
        fixture.flush().await;
        rows.extend(part);
    }
    let buffered: Vec<Row> = (40..60)
        .map(|n| row_of(if n % 2 == 0 { Part::Shredded } else { Part::Conflicting }, n))
        .collect();
    fixture.append(&buffered).await;
    rows.extend(buffered);
    let keys = "SELECT coalesce(type, 'rest'), segments, chunks FROM attribute_keys
        WHERE key = 'i' ORDER BY 1";
    let (layouts, _) = run(&fixture.engine(true), keys).await.unwrap();
    assert_eq!(layouts, [["int", "1", "1"], ["rest", "2", "1"], ["string", "1", "0"]]);
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attribute_cannot_be_is_null() {
    let mut fixture = Fixture::new().await;
    for part in [Part::Shredded, Part::Conflicting] {
        fixture.append(&rows_of(part)).await;
        fixture.flush().await;
    }
    let engine = fixture.engine(true);
    // The key has words and, in one of the files, whole numbers too.
    for cast in ["smallint", "int", "bigint", "double"] {
        let counts = format!("count(attributes['s']), count(attributes['s']::{cast})");
        let (rows, _) = run(&engine, &format!("SELECT {counts} FROM spans")).await.unwrap();
        let counts: Vec<u64> = rows[0].iter().map(|count| count.parse().unwrap()).collect();
        assert!(counts[0] > counts[1] && counts[1] > 0, "{cast}: {counts:?}");
    }
    for cast in ["boolean", "date", "timestamp"] {
        let query = format!("SELECT count(attributes['s']::{cast}) FROM spans");
        assert!(run(&engine, &query).await.is_ok(), "{cast}");
    }
    for condition in ["attributes['i'] > attributes['i'] - 1", "attributes['s'] < duration * 2 + 1"]
    {
        assert!(
            run(&engine, &format!("SELECT count(*) FROM spans WHERE {condition}")).await.is_ok()
        );
    }
    for wrong in ["1/0", "'2024-13-01'::date", "regexp_like(name, '(')", "name::int"] {
        let error = run(&engine, &format!("SELECT {wrong} FROM spans")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{wrong}: {error:?}");
    }
    let range = |low, high| {
        format!("SELECT count(*) > 0 FROM spans WHERE trace_id BETWEEN '{low}' AND '{high}'")
    };
    let (zero, four, five) = ("00".repeat(16), "04".repeat(16), "05".repeat(16));
    assert_eq!(column(&engine, &range(four, five)).await, ["true"]);
    assert_eq!(column(&engine, &range(zero.clone(), zero)).await, ["false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_attribute_prunes_what_is_read() {
    let mut fixture = Fixture::new().await;
    let rows: Vec<Row> = (0..50_000i64)
        .map(|n| Row {
            name: format!("{n:06}"),
            id: (n % 250) as u8 + 1,
            time: DAY + n,
            attributes: BTreeMap::from([
                ("n".to_owned(), Own::Int(n)),
                ("noise".to_owned(), Own::Text(format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a)))),
            ]),
        })
        .collect();
    fixture.append(&rows).await;
    fixture.flush().await;
    let engine = fixture.engine(true);
    let query = |from: i64| {
        format!("SELECT max(attributes['noise']) FROM spans WHERE attributes['n'] >= {from}")
    };
    let (_, all) = run(&engine, &query(0)).await.unwrap();
    let (_, few) = run(&engine, &query(49_900)).await.unwrap();
    assert!(few.bytes_read * 3 < all.bytes_read, "{} of {} bytes", few.bytes_read, all.bytes_read);
    assert!(few.pages_pruned > 0, "{few:?}");
    let (_, none) = run(&engine, &query(60_000)).await.unwrap();
    assert_eq!(none.bytes_read, 0);
    assert_eq!(none.row_groups_pruned, 1);
    let plan = column(&engine, &format!("EXPLAIN ANALYZE {}", query(49_900))).await;
    assert!(!plan.is_empty());
    let (rows, _) = run(&engine, &format!("EXPLAIN ANALYZE {}", query(49_900))).await.unwrap();
    let text = rows.concat().concat();
    assert!(text.contains("page_index_pages_pruned"), "{text}");
    assert!(text.contains("attributes['n']_max"), "{text}");
    assert!(!text.contains("bytes_scanned=0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_trace_id_prune_segments() {
    let mut fixture = Fixture::new().await;
    for part in 0..3u8 {
        let mut rows = rows_of(Part::Shredded);
        for row in &mut rows {
            row.id += part * 60;
            row.time += i64::from(part) * DAY_NANOS;
        }
        fixture.append(&rows).await;
        fixture.flush().await;
    }
    let engine = fixture.engine(true);
    let by_time = "SELECT count(*) FROM spans WHERE start_time >= '2023-11-16T00:00:00Z'";
    let (rows, stats) = run(&engine, by_time).await.unwrap();
    assert_eq!((rows[0][0].as_str(), stats.segments, stats.segments_pruned), ("40", 3, 2));
    let id = "3f".repeat(16);
    for wanted in [format!("'{id}'"), format!("'{}'", id.to_uppercase()), format!("X'{id}'")] {
        let by_id = format!("SELECT trace_id, name FROM spans WHERE trace_id = {wanted}");
        let (rows, stats) = run(&engine, &by_id).await.unwrap();
        assert_eq!(rows, [[id.clone(), "Shredded 2".to_owned()]]);
        assert_eq!((stats.segments, stats.segments_pruned), (3, 2));
    }
    let two =
        format!("SELECT count(*) FROM spans WHERE trace_id IN ('{id}', '{}')", "01".repeat(16));
    let (rows, stats) = run(&engine, &two).await.unwrap();
    assert_eq!((rows[0][0].as_str(), stats.segments_pruned), ("2", 1));
    let wrong = run(&engine, "SELECT 1 FROM spans WHERE trace_id = 'abc'").await;
    assert!(
        matches!(wrong, Err(Error::InvalidRequest { message, .. }) if message.contains("32 hex"))
    );
}

async fn small(flushed: bool) -> Fixture {
    let mut fixture = Fixture::new().await;
    let mut rows = rows_of(Part::Shredded);
    rows.truncate(3);
    fixture.append(&rows).await;
    if flushed {
        fixture.flush().await;
    }
    fixture
}

async fn check_messages(fixture: &Fixture) {
    let engine = fixture.engine(true);
    let one = "WHERE span_id = '0202020202020202'";
    let found = column(&engine, &format!("SELECT attributes FROM spans {one}")).await;
    assert_eq!(found, [r#"{"b":false,"d":0.5,"i":-9,"s":"Beta"}"#]);
    let found = column(&engine, &format!("SELECT resource FROM spans {one}")).await;
    assert_eq!(found, [r#"{"process.pid":42,"service.name":"shop"}"#]);
    let query = format!("SELECT scope_name || ' ' || scope_version FROM spans {one}");
    assert_eq!(column(&engine, &query).await, ["lib 1.2"]);
    let found = column(&engine, &format!("SELECT events FROM spans {one}")).await;
    assert_eq!(found, [r#"[{"time":"7","name":"paid","attributes":{"amount":3}}]"#]);
    let query = "SELECT span_name, name, attributes['amount'] + 1 FROM span_events
        WHERE trace_id = '02020202020202020202020202020202' AND attributes['amount'] = 3";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["Shredded 1", "paid", "4.0"]]);
    let found = column(&engine, "SELECT count(*) FROM span_events WHERE name = 'paid'").await;
    assert_eq!(found, ["3"]);
    let query = "SELECT linked_trace_id, span_name FROM span_links";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["09".repeat(16), "Shredded 0".to_owned()]]);
    let (rows, _) = run(&engine, "SELECT * FROM spans").await.unwrap();
    assert_eq!(rows.len(), 3);
    let query = "WITH t AS (SELECT name, attributes FROM spans) SELECT t.attributes['s'] FROM t
        WHERE attributes['i'] = -9";
    assert_eq!(column(&engine, query).await, ["Beta"]);
    let query = "SELECT a.name FROM spans a JOIN span_events b ON a.trace_id = b.trace_id
        WHERE a.attributes['i'] = -9 AND b.attributes['amount'] = 3";
    assert_eq!(column(&engine, query).await, ["Shredded 1"]);
    let query = "SELECT attributes['s'], count(*) FROM spans GROUP BY attributes['s'] ORDER BY 1";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["Beta", "1"], ["alpha", "1"], ["gamma delta", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_messages_are_readable_from_the_buffer() {
    check_messages(&small(false).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_messages_are_readable_from_segments() {
    check_messages(&small(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_system_tables_are_there() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let schema = Arc::new(Schema::new(vec![Field::new("reason", DataType::Utf8, false)]));
    let of = schema.clone();
    let rows = move |tenant: &TenantId| {
        let column = arrow::array::StringArray::from(vec![tenant.to_string()]);
        RecordBatch::try_new(of.clone(), vec![Arc::new(column)]).unwrap()
    };
    engine.add_system_table("ingest_rejections", schema, Arc::new(rows));
    assert_eq!(column(&engine, "SELECT reason FROM ingest_rejections").await, ["default"]);
    let query = "SELECT hex(span_id) FROM spans ORDER BY span_id LIMIT 1";
    assert_eq!(column(&engine, query).await, ["0101010101010101"]);
    let query = "SELECT count(*) FROM spans GROUP BY time_bucket(INTERVAL '1 minute', start_time)";
    assert_eq!(column(&engine, query).await, ["3"]);
    let query = "SELECT approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) FROM spans";
    assert_eq!(column(&engine, query).await, ["10.0"]);
    let query = "SELECT type FROM attribute_keys WHERE table = 'spans' AND key = 'i'";
    assert_eq!(column(&engine, &query.replace("table", "\"table\"")).await, ["int"]);
    fixture.flush().await;
    assert_eq!(column(&engine, "SELECT \"table\" FROM segments").await, ["spans"]);
    let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(column(&engine, query).await.len(), 10);
    let past = "SELECT count(*) FROM spans WHERE start_time < now() - INTERVAL '1 hour'";
    assert_eq!(column(&engine, past).await, ["3"]);
    assert!(!column(&engine, "SHOW TABLES").await.is_empty());
    assert!(!column(&engine, "DESCRIBE spans").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_end_a_query_and_say_so() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let request = |query: &str| SqlRequest { query: query.to_owned(), ..SqlRequest::default() };
    let few = SqlRequest { row_limit: Some(2), ..request("SELECT name FROM spans") };
    let (rows, stats) = run_request(&engine, few).await.unwrap();
    assert_eq!((rows.len(), stats.truncated, stats.rows_returned), (2, true, 2));
    let exact = SqlRequest { row_limit: Some(3), ..request("SELECT name FROM spans") };
    let (rows, stats) = run_request(&engine, exact).await.unwrap();
    assert_eq!((rows.len(), stats.truncated), (3, false));
    let long = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
    let timeout = Some(std::time::Duration::from_millis(200));
    let slow = SqlRequest { timeout, ..request(long) };
    assert!(matches!(run_request(&engine, slow).await, Err(Error::Timeout { .. })));
    let big = "SELECT value FROM generate_series(1, 3000000) ORDER BY value * -1";
    let large = SqlRequest { memory_limit: Some(1 << 20), ..request(big) };
    let error = run_request(&engine, large).await;
    assert!(matches!(error, Err(Error::MemoryLimit { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_get_near_ones() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let hint = async |query: &str| match run(&engine, query).await {
        Err(error @ Error::NotFound { .. }) => (error.hint().unwrap(), error.position()),
        other => panic!("{query}: {other:?}"),
    };
    let (said, position) = hint("SELECT servce FROM spans").await;
    assert!(said.contains("'service'"), "{said}");
    assert_eq!(position.map(|at| (at.line, at.column)), Some((1, 8)));
    assert!(hint("SELECT * FROM span").await.0.contains("'spans'"));
    hint("SELECT no_function(1)").await;
    for file in ["SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('/etc/passwd')"] {
        assert!(run(&engine, file).await.is_err(), "{file}");
    }
    let many = run(&engine, "SELECT repeat('x', 1000000000)").await;
    assert!(many.is_err());
    let id = run(&engine, "SELECT 1 FROM spans WHERE 'zz' = trace_id").await;
    assert!(matches!(id, Err(Error::InvalidRequest { .. })));
    assert!(column(&engine, "VALUES (1)").await == ["1"]);
}
