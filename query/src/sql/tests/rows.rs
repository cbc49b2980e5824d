//! Spans of many layouts, in storage and as plain rows; questions about them, and answers as text.

use crate::sql::attribute::{to_bool, to_double, to_text};
use crate::sql::output::{self, OutputKind};
use crate::testing::{self, resource_of, scope_of};
use crate::{Error, QueryConfig, QueryEngine, SqlRequest, StatsSnapshot};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use binnacle_storage::batch::{BatchBuilder, SpanRow};
use binnacle_storage::model::{
    Attribute, Signal, SpanId, TenantId, Timestamp, TraceId, Value, wire,
};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::ops::Deref;

/// An attribute value the test owns.
#[derive(Debug, Clone)]
pub(super) enum Own {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Own {
    pub(super) fn value(&self) -> Value<'_> {
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
pub(super) struct Row {
    pub(super) name: String,
    pub(super) id: u8,
    pub(super) time: i64,
    pub(super) attributes: BTreeMap<String, Own>,
}

impl Row {
    pub(super) fn value(&self, key: &str) -> Value<'_> {
        self.attributes.get(key).map_or(Value::Empty, Own::value)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        to_text(&self.value(key)).map(|text| text.into_owned())
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        to_double(&self.value(key))
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        to_bool(&self.value(key))
    }
}

/// Storage that takes rows.
pub(super) struct Fixture(testing::Fixture);

impl Deref for Fixture {
    type Target = testing::Fixture;

    fn deref(&self) -> &testing::Fixture {
        &self.0
    }
}

impl Fixture {
    pub(super) async fn new() -> Fixture {
        Fixture(testing::Fixture::new().await)
    }

    pub(super) async fn append(&mut self, rows: &[Row]) {
        self.0.append(Signal::Traces, |builder| push(builder, rows)).await;
    }

    pub(super) fn engine(&self, filter_pushdown: bool) -> QueryEngine {
        let config = QueryConfig { filter_pushdown, threads: 2, ..QueryConfig::default() };
        self.0.engine_with(config)
    }
}

fn push(builder: &mut BatchBuilder, rows: &[Row]) {
    let attributes = [("service.name", Value::String("shop")), ("process.pid", Value::Int(42))];
    builder.resource(&resource_of(&attributes), "shop");
    builder.scope(&scope_of("lib", "1.2"));
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

pub(super) async fn run(
    engine: &QueryEngine,
    query: &str,
) -> Result<(Vec<Vec<String>>, StatsSnapshot), Error> {
    run_request(engine, SqlRequest { query: query.to_owned(), ..SqlRequest::default() }).await
}

pub(super) async fn run_request(
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
pub(super) async fn column(engine: &QueryEngine, query: &str) -> Vec<String> {
    let (rows, _) = run(engine, query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

pub(super) const DAY: i64 = 1_700_000_000_000_000_000;
pub(super) const DAY_NANOS: i64 = 86_400_000_000_000;

/// How the rows of one part keep their attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
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
pub(super) fn rows_of(part: Part) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..40i64).map(|n| row_of(part, n)).collect();
    rows.iter_mut().for_each(|row| row.time += part as i64 * DAY_NANOS);
    rows
}

pub(super) fn row_of(part: Part, n: i64) -> Row {
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

pub(super) async fn small(flushed: bool) -> Fixture {
    let mut fixture = Fixture::new().await;
    let mut rows = rows_of(Part::Shredded);
    rows.truncate(3);
    fixture.append(&rows).await;
    if flushed {
        fixture.flush().await;
    }
    fixture
}
