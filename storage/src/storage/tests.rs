//! The whole engine on a disk with faults.

mod crash;
mod faults;
mod requests;
mod thinning;

use crate::batch::{Batch, BatchBuilder, LogRow, TimeOrigin};
use crate::disk::{Disk, Faults, Operation, Verdict};
use crate::model::Table;
use crate::model::{Compression, Encoding, Format, Signal, TenantId, TimeRange, Timestamp};
use crate::objects::{Part, object_path};
use crate::storage::{Accepted, AppendRequest, Decode, RecoveryReport, Storage};
use crate::{Clock, Error, StorageConfig};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A clock that stands still until it is moved.
#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    fn at(seconds: i64) -> Arc<TestClock> {
        Arc::new(TestClock(AtomicI64::new(seconds * 1_000_000_000)))
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as i64, Ordering::SeqCst);
    }
}

/// Bodies are log records, one per line.
#[derive(Debug)]
struct Lines;

impl Decode for Lines {
    fn decode(
        &self,
        _signal: Signal,
        _encoding: Encoding,
        body: &[u8],
        ingested_at: Timestamp,
    ) -> Result<Batch, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        Ok(lines(text, ingested_at))
    }
}

/// Rows lie on three days, so that each flush makes several segments.
fn lines(text: &str, ingested_at: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Logs, ingested_at);
    builder.resource(b"", "shop");
    builder.scope(b"");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let day = line.bytes().map(i64::from).sum::<i64>() % 3;
        builder.push_log(&LogRow {
            time: Timestamp(ingested_at.0 - day * 86_400_000_000_000),
            time_origin: TimeOrigin::Sent,
            observed_time: None,
            trace_id: None,
            span_id: None,
            flags: 0,
            severity_number: 9,
            severity_text: "",
            event_name: "",
            body: Some(line),
            body_value: None,
            dropped_attributes_count: 0,
            attributes: &[],
        });
    }
    builder.finish()
}

/// What goes wrong, changed while the engine runs.
#[derive(Debug, Default)]
struct Broken {
    fails: Mutex<Vec<(fn(Operation) -> bool, i32)>>,
}

impl Faults for Broken {
    fn before(&self, operation: Operation) -> Verdict {
        let fails = self.fails.lock();
        match fails.iter().find(|(hits, _)| hits(operation)) {
            Some((_, errno)) => Verdict::Fail(io::Error::from_raw_os_error(*errno)),
            None => Verdict::Go,
        }
    }
}

impl Broken {
    fn breaks(&self, operations: fn(Operation) -> bool, errno: rustix::io::Errno) {
        self.fails.lock().push((operations, errno.raw_os_error()));
    }

    fn mend(&self) {
        self.fails.lock().clear();
    }
}

fn config(path: &Path) -> StorageConfig {
    let flush_interval = Duration::from_secs(3_000_000);
    StorageConfig { path: path.to_owned(), flush_interval, ..StorageConfig::default() }
}

async fn open_with(
    faults: Arc<dyn Faults>,
    config: StorageConfig,
    clock: Arc<TestClock>,
) -> Result<(Storage, RecoveryReport), Error> {
    Storage::open_on(Disk::with_faults(faults), config, Arc::new(Lines), clock).await
}

async fn open(path: &Path, clock: &Arc<TestClock>) -> (Storage, RecoveryReport) {
    open_with(Arc::new(Broken::default()), config(path), clock.clone()).await.unwrap()
}

/// Seconds since 1970; before any file of a test is written, so that files look new however far the clock moves.
const NOW: i64 = 1_600_000_000;

fn request(text: &str, now: Timestamp) -> AppendRequest {
    AppendRequest {
        tenant: TenantId::default(),
        signal: Signal::Logs,
        encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
        body: Bytes::copy_from_slice(text.as_bytes()),
        content_hash: xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
        ingested_at: now,
        batch: lines(text, now),
    }
}

async fn append(storage: &Storage, text: &str, clock: &TestClock) -> Result<Accepted, Error> {
    storage.append(request(text, clock.now())).await
}

/// The bodies of all rows that a query sees, sorted.
async fn bodies(storage: &Storage) -> Vec<String> {
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    let mut bodies = Vec::new();
    for chunk in snapshot.chunks(Table::Logs, TimeRange::all()) {
        collect(&chunk.records, &mut bodies);
    }
    for segment in snapshot.segments(Table::Logs, TimeRange::all()) {
        let path = object_path(segment.info(), Part::Parquet);
        let file = storage.handle.engine.config.path.join("segments").join(path.as_ref());
        let file = std::fs::File::open(file).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        reader.for_each(|records| collect(&records.unwrap(), &mut bodies));
    }
    bodies.sort();
    bodies
}

fn collect(records: &RecordBatch, bodies: &mut Vec<String>) {
    let column = records.column_by_name("body").unwrap();
    let column = arrow::compute::cast(column, &DataType::Utf8).unwrap();
    bodies.extend(column.as_string::<i32>().iter().map(|body| body.unwrap().to_owned()));
}

/// Files of the WAL directory with this extension.
fn wal_files(path: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

/// Segment files with this extension.
fn segment_files(path: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut directories = vec![path.join("segments")];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                directories.push(entry);
            } else if entry.extension().is_some_and(|e| e == extension) {
                files.push(entry);
            }
        }
    }
    files.sort();
    files
}
