//! The storage engine's public face.

use crate::batch::Batch;
use crate::model::{Encoding, Signal, TenantId, Timestamp};
use crate::{Clock, Error, Snapshot, StorageConfig};
use bytes::Bytes;
use std::sync::Arc;

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
#[derive(Clone, Debug)]
pub struct Storage {}

impl Storage {
    /// Opens the directory, recovers what a crash left, and starts the background work.
    pub async fn open(
        _config: StorageConfig,
        _decoder: Arc<dyn Decode>,
        _clock: Arc<dyn Clock>,
    ) -> Result<(Storage, RecoveryReport), Error> {
        unimplemented!()
    }

    /// Makes `request` durable, then visible. On `Ok` it survives a crash and the next snapshot sees it.
    pub async fn append(&self, _request: AppendRequest) -> Result<Accepted, Error> {
        unimplemented!()
    }

    /// What a query of `tenant` sees from now on.
    pub async fn snapshot(&self, _tenant: &TenantId) -> Result<Snapshot, Error> {
        unimplemented!()
    }

    /// Flushes every buffer to segments; returns when they are in the catalog.
    pub async fn flush(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Compacts until nothing is left worth compacting.
    pub async fn compact(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Deletes what retention says, now.
    pub async fn retain(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Tenants that have any data.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, Error> {
        unimplemented!()
    }

    /// Why ingest is refused; `None` while it is accepted.
    pub fn read_only_reason(&self) -> Option<String> {
        unimplemented!()
    }

    /// Flushes, stops the background work and closes the files.
    pub async fn shutdown(&self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Adds storage's own metrics.
    pub fn register_metrics(&self, _registry: &mut prometheus_client::registry::Registry) {
        unimplemented!()
    }
}
