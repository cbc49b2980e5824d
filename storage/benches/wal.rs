//! Appends per second: requests of 328 KB (about 714 spans) made durable, over how many senders at once.
//!
//! The rows of a request are decoded beforehand and few, so that what is measured is the way to the disk and back.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_storage::batch::{Batch, BatchBuilder, LogRow, TimeOrigin};
use binnacle_storage::model::{Compression, Encoding, Format, Signal, TenantId, Timestamp};
use binnacle_storage::{
    Accepted, AppendRequest, Clock, Decode, Storage, StorageConfig, SystemClock,
};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BODY_BYTES: usize = 328 << 10;

/// Requests per sample.
const REQUESTS: u64 = 256;

fn main() {
    divan::main();
}

struct NoReplay;

impl Decode for NoReplay {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err(String::from("the directory starts empty"))
    }
}

fn one_row(now: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Logs, now);
    builder.resource(b"", "bench");
    builder.scope(b"");
    builder.push_log(&LogRow {
        time: now,
        time_origin: TimeOrigin::Sent,
        observed_time: None,
        trace_id: None,
        span_id: None,
        flags: 0,
        severity_number: 9,
        severity_text: "",
        event_name: "",
        body: Some("row"),
        body_value: None,
        dropped_attributes_count: 0,
        attributes: &[],
    });
    builder.finish()
}

fn request(number: u64, body: &Bytes) -> AppendRequest {
    let now = SystemClock.now();
    AppendRequest {
        tenant: TenantId::default(),
        signal: Signal::Logs,
        encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
        body: body.clone(),
        content_hash: number.into(),
        ingested_at: now,
        batch: one_row(now),
    }
}

#[divan::bench(args = [1, 8, 32], sample_count = 10)]
fn append(bencher: divan::Bencher<'_, '_>, senders: u64) {
    // Beside the crate: a temporary directory may be in memory.
    let directory =
        tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory to write to");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = StorageConfig { path: directory.path().to_owned(), ..StorageConfig::default() };
    let open = Storage::open(config, Arc::new(NoReplay), Arc::new(SystemClock));
    let (storage, _) = runtime.block_on(open).expect("an empty directory opens");
    let body = Bytes::from((0..BODY_BYTES).map(|i| (i * 31 % 251) as u8).collect::<Vec<u8>>());
    let next = AtomicU64::new(0);
    let send = async || {
        for _ in 0..REQUESTS / senders {
            let request = request(next.fetch_add(1, Ordering::Relaxed), &body);
            let accepted = storage.append(request).await.expect("a healthy disk takes it");
            assert_eq!(accepted, Accepted::Stored);
        }
    };
    bencher.counter(divan::counter::BytesCount::new(REQUESTS * BODY_BYTES as u64)).bench_local(
        || {
            runtime.block_on(futures::future::join_all((0..senders).map(|_| send())));
        },
    );
    runtime.block_on(storage.shutdown()).expect("everything is flushed");
}
