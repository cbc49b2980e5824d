//! SQL over one segment of spans: what the questions of every day cost.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_query::{QueryConfig, QueryEngine, SqlRequest};
use binnacle_storage::batch::{Batch, BatchBuilder, SpanRow};
use binnacle_storage::model::{
    Attribute, Compression, Encoding, Format, Signal, SpanId, TenantId, Timestamp, TraceId, Value,
    wire,
};
use binnacle_storage::{AppendRequest, Decode, Storage, StorageConfig, SystemClock};
use futures::TryStreamExt;
use std::sync::{Arc, LazyLock};

const SPANS: u64 = 200_000;
const SPANS_PER_REQUEST: u64 = 10_000;
const START: i64 = 1_700_000_000_000_000_000;

struct NeverDecoded;

impl Decode for NeverDecoded {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err("benches do not restart".to_owned())
    }
}

struct Fixture {
    runtime: tokio::runtime::Runtime,
    engine: QueryEngine,
    _directory: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let directory = tempfile::tempdir().expect("there is room for temporary files");
    let config = StorageConfig { path: directory.path().to_owned(), ..StorageConfig::default() };
    let engine = runtime.block_on(async {
        let opened = Storage::open(config, Arc::new(NeverDecoded), Arc::new(SystemClock)).await;
        let (storage, _) = opened.expect("storage opens");
        for first in (0..SPANS).step_by(SPANS_PER_REQUEST as usize) {
            storage.append(request(first)).await.expect("spans are stored");
        }
        storage.flush().await.expect("spans are flushed");
        QueryEngine::new(storage, QueryConfig::default()).expect("the engine starts")
    });
    Fixture { runtime, engine, _directory: directory }
});

fn request(first: u64) -> AppendRequest {
    let ingested_at = Timestamp(START);
    let mut builder = BatchBuilder::new(Signal::Traces, ingested_at);
    for index in first..first + SPANS_PER_REQUEST {
        push(&mut builder, index);
    }
    AppendRequest {
        tenant: TenantId::default(),
        signal: Signal::Traces,
        encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
        body: bytes::Bytes::from(first.to_string()),
        content_hash: u128::from(first),
        ingested_at,
        batch: builder.finish(),
    }
}

/// Spans of 20 services, 8 to a trace, one in 200 failed. The mixing constant spreads ids evenly.
fn push(builder: &mut BatchBuilder, index: u64) {
    let mixed = (index / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut trace_id = [0; 16];
    trace_id[..8].copy_from_slice(&mixed.to_be_bytes());
    trace_id[8..].copy_from_slice(&(index / 8 + 1).to_be_bytes());
    builder.resource(b"", &format!("service-{}", index % 20));
    let route = format!("/api/{}", index % 50);
    let user = format!("user-{}", mixed % 10_000);
    let status = if index.is_multiple_of(200) { 503 } else { 200 };
    let values = [
        ("http.route", Value::String(&route)),
        ("http.response.status_code", Value::Int(status)),
        ("user.id", Value::String(&user)),
    ];
    let messages = values.map(|(key, value)| {
        let mut list = Vec::new();
        wire::put_attribute(&mut list, key, &value);
        list
    });
    let attributes: Vec<Attribute<'_>> = values
        .iter()
        .zip(&messages)
        .map(|((key, value), list)| {
            let wire = wire::messages(list).next().and_then(Result::ok).unwrap_or_default();
            Attribute { key, value: *value, wire }
        })
        .collect();
    let start = START + index as i64 * 1_000_000;
    builder.push_span(&SpanRow {
        trace_id: TraceId(trace_id),
        span_id: SpanId((index + 1).to_be_bytes()),
        parent_span_id: None,
        trace_state: "",
        flags: 1,
        name: &route,
        kind: 2,
        start_time: Timestamp(start),
        end_time: Timestamp(start + (mixed % 1_000_000_000) as i64),
        status_code: 0,
        status_message: "",
        dropped_attributes_count: 0,
        dropped_events_count: 0,
        dropped_links_count: 0,
        attributes: &attributes,
        events: &[],
        links: &[],
    });
}

fn main() {
    LazyLock::force(&FIXTURE);
    println!("{SPANS} spans in one segment, answer read to its end");
    divan::main();
}

fn rows(query: &str) -> usize {
    FIXTURE.runtime.block_on(async {
        let request = SqlRequest { query: query.to_owned(), ..SqlRequest::default() };
        let answer =
            FIXTURE.engine.sql(&TenantId::default(), request).await.expect("it is a query");
        let batches: Vec<_> = answer.batches.try_collect().await.expect("it runs");
        batches.iter().map(|batch| batch.num_rows()).sum()
    })
}

#[divan::bench]
fn count_by_service() -> usize {
    rows("SELECT service, count(*) FROM spans GROUP BY service")
}

#[divan::bench]
fn errors_by_attribute() -> usize {
    rows("SELECT count(*) FROM spans WHERE attributes['http.response.status_code'] >= 500")
}

#[divan::bench]
fn one_user() -> usize {
    rows("SELECT trace_id, name FROM spans WHERE attributes['user.id'] = 'user-42'")
}

#[divan::bench]
fn p99_by_service_and_name() -> usize {
    rows(
        "SELECT service, name, approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY duration)
         FROM spans GROUP BY service, name",
    )
}

#[divan::bench]
fn slowest_of_one_service() -> usize {
    rows(
        "SELECT trace_id, duration FROM spans WHERE service = 'service-7'
         ORDER BY duration DESC LIMIT 100",
    )
}

#[divan::bench]
fn newest_with_all_attributes() -> usize {
    rows("SELECT * FROM spans ORDER BY start_time DESC LIMIT 100")
}
