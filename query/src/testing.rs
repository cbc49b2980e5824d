//! What tests over real storage share.

use crate::{QueryConfig, QueryEngine};
use binnacle_storage::batch::{Batch, BatchBuilder};
use binnacle_storage::model::{
    Compression, Encoding, Format, Signal, TenantId, Timestamp, Value, wire,
};
use binnacle_storage::{AppendRequest, Decode, Storage, StorageConfig, SystemClock};
use std::sync::Arc;

/// Storage in a directory of its own.
pub(crate) struct Fixture {
    pub(crate) storage: Storage,
    requests: u128,
    pub(crate) directory: tempfile::TempDir,
}

struct NeverDecoded;

impl Decode for NeverDecoded {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err("these tests do not restart".to_owned())
    }
}

impl Fixture {
    pub(crate) async fn new() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let config = StorageConfig {
            path: directory.path().to_owned(),
            retention: std::time::Duration::ZERO,
            ..StorageConfig::default()
        };
        let clock = Arc::new(SystemClock);
        let (storage, _) = Storage::open(config, Arc::new(NeverDecoded), clock).await.unwrap();
        Fixture { storage, requests: 0, directory }
    }

    /// One request with the rows that `push` gives.
    pub(crate) async fn append(&mut self, signal: Signal, push: impl FnOnce(&mut BatchBuilder)) {
        self.requests += 1;
        // Later requests arrive later.
        let ingested_at = Timestamp(1_700_000_000_000_000_000 + self.requests as i64 - 1);
        let mut builder = BatchBuilder::new(signal, ingested_at);
        push(&mut builder);
        let request = AppendRequest {
            tenant: TenantId::default(),
            signal,
            encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
            body: bytes::Bytes::from(self.requests.to_string()),
            content_hash: self.requests,
            ingested_at,
            batch: builder.finish(),
        };
        self.storage.append(request).await.unwrap();
    }

    pub(crate) async fn flush(&self) {
        self.storage.flush().await.unwrap();
    }

    pub(crate) fn engine(&self) -> QueryEngine {
        self.engine_with(QueryConfig { threads: 1, ..QueryConfig::default() })
    }

    pub(crate) fn engine_with(&self, config: QueryConfig) -> QueryEngine {
        QueryEngine::new(self.storage.clone(), config).unwrap()
    }
}

/// A `resource` column: `service.name` and one more attribute.
pub(crate) fn resource(service: &str, zone: &str) -> Vec<u8> {
    resource_of(&[("service.name", Value::String(service)), ("zone", Value::String(zone))])
}

/// A `resource` column of any attributes.
pub(crate) fn resource_of(attributes: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut inner = Vec::new();
    attributes.iter().for_each(|(key, value)| wire::put_attribute(&mut inner, key, value));
    let mut message = Vec::new();
    wire::put_message(&mut message, 1, &inner);
    message
}

/// A `scope` column.
pub(crate) fn scope(name: &str) -> Vec<u8> {
    scope_of(name, "")
}

/// A `scope` column; an empty version is none.
pub(crate) fn scope_of(name: &str, version: &str) -> Vec<u8> {
    let mut inner = Vec::new();
    wire::put_message(&mut inner, 1, name.as_bytes());
    if !version.is_empty() {
        wire::put_message(&mut inner, 2, version.as_bytes());
    }
    let mut message = Vec::new();
    wire::put_message(&mut message, 1, &inner);
    message
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}
