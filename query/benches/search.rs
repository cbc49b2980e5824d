//! Log search and traces by id over 400,000 log records and 100,000 spans in compacted segments.

use binnacle_query::{LogRequest, QueryConfig, QueryEngine};
use binnacle_storage::batch::{Batch, BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{
    Compression, Encoding, Format, Signal, SpanId, TenantId, Timestamp, TraceId, Value, wire,
};
use binnacle_storage::{AppendRequest, Decode, Storage, StorageConfig, SystemClock};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

const REQUESTS: u64 = 40;
const LOGS_PER_REQUEST: u64 = 10_000;
const SPANS_PER_REQUEST: u64 = 2_500;

/// Spans, and log records, of one trace.
const TRACE_ROWS: u64 = 25;

fn main() {
    divan::main();
}

struct NoReplay;

impl Decode for NoReplay {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err(String::from("the directory starts empty"))
    }
}

struct Data {
    engine: QueryEngine,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime starts");
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let engine = runtime.block_on(load(directory.path()));
    Data { engine, runtime, _directory: directory }
});

async fn load(path: &std::path::Path) -> QueryEngine {
    let config = StorageConfig { path: path.to_owned(), ..StorageConfig::default() };
    let (storage, _) =
        Storage::open(config, Arc::new(NoReplay), Arc::new(SystemClock)).await.expect("it opens");
    for request in 0..REQUESTS {
        append(&storage, request, Signal::Logs, logs(request)).await;
        append(&storage, request + REQUESTS, Signal::Traces, spans(request)).await;
        if request % 10 == 9 {
            storage.flush().await.expect("it flushes");
        }
    }
    storage.compact().await.expect("it compacts");
    QueryEngine::new(storage, QueryConfig::default()).expect("it starts")
}

async fn append(storage: &Storage, number: u64, signal: Signal, batch: Batch) {
    let request = AppendRequest {
        tenant: TenantId::default(),
        signal,
        encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
        body: number.to_string().into(),
        content_hash: number.into(),
        ingested_at: ARRIVAL,
        batch,
    };
    storage.append(request).await.expect("it is stored");
}

const ARRIVAL: Timestamp = Timestamp(4_000_000_000_000_000_000);

fn time(row: u64) -> Timestamp {
    Timestamp(ARRIVAL.0 + row as i64 * 1_000_000)
}

fn trace_id(number: u64) -> TraceId {
    let mut id = [1; 16];
    id[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    TraceId(id)
}

fn builder(signal: Signal) -> BatchBuilder {
    let mut builder = BatchBuilder::new(signal, ARRIVAL);
    builder.resource(b"", "checkout");
    builder.scope(b"");
    builder
}

/// The `KeyValue` message of an attribute.
fn key_value(key: &str, value: &Value<'_>) -> Vec<u8> {
    let mut list = Vec::new();
    wire::put_attribute(&mut list, key, value);
    let message = wire::messages(&list).next().and_then(Result::ok);
    message.expect("one attribute was put").to_vec()
}

fn logs(request: u64) -> Batch {
    let mut builder = builder(Signal::Logs);
    for row in request * LOGS_PER_REQUEST..(request + 1) * LOGS_PER_REQUEST {
        let status = key_value("status", &Value::Int(if row % 1000 == 0 { 500 } else { 200 }));
        let body = format!(
            "request {row} of user {} to /api/orders took {} ms{}",
            row % 4999,
            row % 997,
            if row % 399_989 == 7 { ", connection refused by upstream" } else { "" }
        );
        builder.push_log(&LogRow {
            time: time(row),
            time_origin: TimeOrigin::Sent,
            observed_time: None,
            trace_id: Some(trace_id(row / TRACE_ROWS)),
            span_id: None,
            flags: 0,
            severity_number: 9,
            severity_text: "INFO",
            event_name: "",
            body: Some(&body),
            body_value: None,
            dropped_attributes_count: 0,
            attributes: &[wire::key_value(&status).expect("it was just written")],
        });
    }
    builder.finish()
}

fn spans(request: u64) -> Batch {
    let mut builder = builder(Signal::Traces);
    for row in request * SPANS_PER_REQUEST..(request + 1) * SPANS_PER_REQUEST {
        let status = key_value("status", &Value::Int(200));
        builder.push_span(&SpanRow {
            trace_id: trace_id(row / TRACE_ROWS),
            span_id: SpanId((row + 1).to_be_bytes()),
            parent_span_id: (row % TRACE_ROWS > 0).then(|| SpanId(row.to_be_bytes())),
            trace_state: "",
            flags: 1,
            name: ["GET /", "SELECT", "render", "publish"][(row % 4) as usize],
            kind: 2,
            start_time: time(row),
            end_time: time(row + 100),
            status_code: 0,
            status_message: "",
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            attributes: &[wire::key_value(&status).expect("it was just written")],
            events: &[],
            links: &[],
        });
    }
    builder.finish()
}

#[divan::bench(args = [
    "refused",
    "orders",
    "\"connection refused by\"",
    "\"user 4242\"",
    "status:500",
    "nowhere",
    "status:404",
])]
fn newest_100(bencher: divan::Bencher<'_, '_>, query: &str) {
    let data = &*DATA;
    let tenant = TenantId::default();
    bencher.bench_local(|| {
        let request = LogRequest { query: query.to_owned(), ..LogRequest::default() };
        data.runtime.block_on(data.engine.logs(&tenant, request)).expect("it answers").logs.len()
    });
}

#[divan::bench(args = [true, false])]
fn trace_by_id(bencher: divan::Bencher<'_, '_>, is_stored: bool) {
    let data = &*DATA;
    let tenant = TenantId::default();
    let id = trace_id(if is_stored { 1234 } else { u64::MAX });
    bencher.bench_local(|| {
        let trace = data.runtime.block_on(data.engine.trace(&tenant, id)).expect("it answers");
        assert_eq!(trace.is_some(), is_stored);
        trace
    });
}
