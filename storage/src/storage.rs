//! The storage engine's public face.

use crate::background::{Background, flush_all};
use crate::batch::{Batch, TableBatch};
use crate::catalog::AttributeKey;
use crate::disk::{Disk, Space};
use crate::engine::Engine;
use crate::model::{Encoding, Format, Signal, Table, TenantId, Timestamp};
use crate::retries::{Arrival, Fate, RequestKey};
use crate::room::RETRY_AFTER;
use crate::segment::{Segment, SegmentId};
use crate::subscription::Subscription;
use crate::wal::{BODY_BYTES_MAX, RecordHead, Request, Wal, WalConfig};
use crate::{Clock, Error, Snapshot, StorageConfig, open, snapshot};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::info;

/// Reads request bodies back from the WAL. Registered by the wiring, so that storage stays free of OTLP.
pub trait Decode: Send + Sync {
    /// Decodes exactly as when the body was accepted. An error is reported as a lost WAL record.
    fn decode(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        ingested_at: Timestamp,
    ) -> Result<Batch, String>;

    /// How far back before a tenant's last stored series [`Decode::stored`] is told of series; `None`: not at all.
    fn series_window(&self) -> Option<Duration> {
        None
    }

    /// Told before replay: some of the series that segments hold. Those that arrived since `since` are wanted; of the columns
    /// only `series_id`, `name`, `type`, `service` and `ingested_at` are filled.
    fn stored(&self, _tenant: &TenantId, _series: &TableBatch, _since: Timestamp) {}

    /// Changes a decoded request as it was changed when it was accepted. Called in WAL order.
    fn settle(&self, _tenant: &TenantId, _format: Format, _batch: &mut Batch, _at: Timestamp) {}
}

/// One request to keep.
#[derive(Debug)]
pub struct AppendRequest {
    pub tenant: TenantId,
    pub signal: Signal,
    /// How `body` is written.
    pub encoding: Encoding,
    /// The body as received; this is what the WAL holds.
    pub body: Bytes,
    /// Hash of the body after decompression; equal hashes within 10 minutes are one request sent twice.
    pub content_hash: u128,
    /// Time of arrival, the same that `batch` was built with.
    pub ingested_at: Timestamp,
    /// The body decoded, without the rejected records.
    pub batch: Batch,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Durable and visible.
    Stored,
    /// The same body was stored before; nothing was added.
    Duplicate,
}

/// A segment that is stored and cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub segment: SegmentId,
    pub table: Table,
    pub time_min: Timestamp,
    pub time_max: Timestamp,
}

/// What recovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    pub wal_files: u64,
    pub wal_bytes: u64,
    /// Records whose rows went back into the buffer.
    pub records_replayed: u64,
    pub rows_replayed: u64,
    /// Records whose rows were in a segment already.
    pub records_skipped: u64,
    /// Where and why replay of a file ended early or a record could not be read, in words.
    pub problems: Vec<String>,
}

/// The storage engine. Cheap to clone; all clones are one engine.
///
/// When the last clone goes without [`Storage::shutdown`], background work stops and what is not in a segment stays in the
/// WAL for the next start.
#[derive(Clone, Debug)]
pub struct Storage {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    engine: Arc<Engine>,
    wal: Wal,
    background: Background,
    report: RecoveryReport,
    is_closed: AtomicBool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.wal.close();
        self.engine.subscribers.close();
        self.background.stop();
    }
}

/// Room taken for a WAL file when it is created; little in tests, so that they rotate.
const WAL_FILE_BYTES: u64 = if cfg!(test) { 256 << 10 } else { 128 << 20 };

impl Storage {
    /// Opens the directory, recovers what a crash left, and starts the background work.
    pub async fn open(
        config: StorageConfig,
        decoder: Arc<dyn Decode>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Storage, RecoveryReport), Error> {
        Storage::open_on(Disk::default(), config, decoder, clock).await
    }

    /// Opens on a disk that may have faults.
    pub(crate) async fn open_on(
        disk: Disk,
        config: StorageConfig,
        decoder: Arc<dyn Decode>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Storage, RecoveryReport), Error> {
        let opened = tokio::task::spawn_blocking(move || open::open(disk, config, &decoder, clock));
        let opened = opened.await.map_err(|_| Error::ShuttingDown)??;
        let engine = Arc::new(opened.engine);
        let wal_config = WalConfig {
            directory: opened.wal_directory,
            file_bytes: WAL_FILE_BYTES,
            next_position: opened.next_position,
        };
        let (disk, files, metrics) =
            (engine.disk.clone(), engine.wal_files.clone(), engine.metrics.clone());
        let wal = Wal::start(wal_config, disk, files, engine.clone(), metrics)?;
        let background = Background::start(&engine)?;
        let report = opened.report.clone();
        let is_closed = AtomicBool::new(false);
        let handle = Handle { engine, wal, background, report: opened.report, is_closed };
        Ok((Storage { handle: Arc::new(handle) }, report))
    }

    /// Makes `request` durable, then visible. On `Ok` it survives a crash and the next snapshot sees it.
    pub async fn append(&self, request: AppendRequest) -> Result<Accepted, Error> {
        self.check_takes(&request)?;
        if request.batch.is_empty() {
            return Ok(Accepted::Stored);
        }
        let Handle { engine, wal, .. } = &*self.handle;
        let key = RequestKey::new(&request.tenant, request.signal, request.content_hash);
        if engine.retries.knows(key, engine.clock.now()) {
            engine.metrics.duplicates.inc();
            return Ok(Accepted::Duplicate);
        }
        if let Some(reason) = wal.read_only_reason() {
            return Err(Error::ReadOnly { reason });
        }
        let memory = request.batch.memory() as u64;
        engine.room.reserve(memory, &engine.metrics).await?;
        // From here to the WAL's queue nothing waits, so a caller that goes away cannot leave its retries waiting.
        let fate = match engine.retries.arrive(key, engine.clock.now()) {
            Arrival::Known => {
                engine.room.release(memory);
                engine.metrics.duplicates.inc();
                return Ok(Accepted::Duplicate);
            }
            Arrival::Again(fate) => {
                engine.room.release(memory);
                engine.metrics.duplicates.inc();
                fate
            }
            Arrival::First(fate) => {
                self.push(key, request, memory)?;
                fate
            }
        };
        match fate.await {
            Ok(Fate::Stored) => Ok(Accepted::Stored),
            Ok(Fate::Duplicate) => Ok(Accepted::Duplicate),
            Ok(Fate::ReadOnly(reason)) => Err(Error::ReadOnly { reason }),
            Ok(Fate::Overloaded) => Err(self.overloaded()),
            Err(_) => Err(Error::ShuttingDown),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.handle.engine
    }

    fn check_takes(&self, request: &AppendRequest) -> Result<(), Error> {
        if self.handle.is_closed.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        let bytes = request.body.len();
        if bytes > BODY_BYTES_MAX {
            let detail = format!("a request body of {bytes} bytes is longer than {BODY_BYTES_MAX}");
            return Err(Error::Encode { detail });
        }
        Ok(())
    }

    /// Hands the request to the WAL; refused, it leaves no trace.
    fn push(&self, key: RequestKey, request: AppendRequest, memory: u64) -> Result<(), Error> {
        let AppendRequest { tenant, signal, encoding, body, content_hash, ingested_at, batch } =
            request;
        let head = RecordHead { tenant, signal, encoding, ingested_at, content_hash };
        let Handle { engine, wal, .. } = &*self.handle;
        wal.push(Request { head, body, batch, memory }).map_err(|_| {
            engine.room.release(memory);
            engine.retries.refused(key, &Fate::Overloaded);
            engine.metrics.rejected_overload.inc();
            self.overloaded()
        })
    }

    fn overloaded(&self) -> Error {
        if self.handle.is_closed.load(Ordering::Acquire) {
            return Error::ShuttingDown;
        }
        Error::Overloaded { bytes: self.handle.engine.room.used(), retry_after: RETRY_AFTER }
    }

    /// How long rows are kept; zero is for ever.
    pub fn retention(&self, tenant: &TenantId, signal: Signal) -> Duration {
        self.handle.engine.config.age(tenant, signal)
    }

    /// What a query of `tenant` sees from now on.
    pub async fn snapshot(&self, tenant: &TenantId) -> Result<Snapshot, Error> {
        let cut = self.handle.engine.live.cut(tenant);
        snapshot::build(tenant.clone(), cut).await
    }

    /// Rows of `table` that become visible to queries of `tenant` from now on. A subscriber that lags behind misses rows and
    /// is told how many; it never holds up an append.
    pub fn subscribe(&self, tenant: &TenantId, table: Table) -> Subscription {
        self.handle.engine.subscribers.subscribe(tenant, table)
    }

    /// Flushes every buffer to segments; returns when they are in the catalog.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.background.flush().await
    }

    /// Compacts until nothing is left worth compacting.
    pub async fn compact(&self) -> Result<(), Error> {
        self.handle.background.compact().await
    }

    /// Deletes what retention says, now. Files go an hour after their segment.
    pub async fn retain(&self) -> Result<(), Error> {
        self.handle.background.retain().await
    }

    /// Tenants that have any data.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, Error> {
        Ok(self.handle.engine.live.tenants())
    }

    /// The attribute keys that a tenant's flushed rows carry.
    pub async fn attribute_keys(&self, tenant: &TenantId) -> Result<Vec<AttributeKey>, Error> {
        let (engine, tenant) = (self.handle.engine.clone(), tenant.clone());
        let listed =
            tokio::task::spawn_blocking(move || engine.catalog.lock().list_attribute_keys(&tenant));
        listed.await.map_err(|_| Error::ShuttingDown)?
    }

    /// What recovery found at the start.
    pub fn recovery_report(&self) -> &RecoveryReport {
        &self.handle.report
    }

    /// What went wrong since the start, recovery included, in words.
    pub fn problems(&self) -> Vec<String> {
        self.handle.engine.problems.list()
    }

    /// Takes a segment that turned out to be unreadable out of every later snapshot. Its files are kept.
    pub fn set_aside(&self, id: SegmentId, reason: &str) {
        let engine = &self.handle.engine;
        let segments = engine.live.all_segments();
        if let Some(segment) = segments.iter().find(|segment| segment.info().id == id) {
            engine.set_aside(segment.info(), reason);
        }
    }

    /// What no query of `tenant` sees although it is stored: segments that were set aside.
    pub fn missing(&self, tenant: &TenantId) -> Vec<Missing> {
        let segments = self.handle.engine.live.missing(tenant);
        let one = |segment: &Arc<Segment>| {
            let info = segment.info();
            let (time_min, time_max) = (info.time_min, info.time_max);
            Missing { segment: info.id, table: info.table, time_min, time_max }
        };
        segments.iter().map(one).collect()
    }

    /// Room on the file system that `directory` lies on; asks the operating system.
    pub fn space(&self, directory: &Path) -> Result<Space, Error> {
        self.handle.engine.disk.space(directory)
    }

    /// Why ingest is refused; `None` while it is accepted.
    pub fn read_only_reason(&self) -> Option<String> {
        self.handle.wal.read_only_reason()
    }

    /// Flushes, stops the background work and closes the files. Appends are refused from now on.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.handle.is_closed.store(true, Ordering::Release);
        let handle = self.handle.clone();
        let closed = tokio::task::spawn_blocking(move || {
            handle.wal.close();
            handle.engine.subscribers.close();
            handle.background.stop();
            let flushed = flush_all(&handle.engine);
            handle.engine.cut_wal();
            flushed
        });
        let flushed = closed.await.map_err(|_| Error::ShuttingDown)?;
        info!("storage is closed");
        flushed
    }

    /// Adds storage's own metrics.
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.handle.engine.metrics.register(registry);
    }
}

#[cfg(test)]
mod tests;
