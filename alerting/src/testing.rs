//! What tests over real storage share: a data directory, series written straight into batches, and a clock that is moved.

use crate::{AlertingConfig, Parts, RecordedSample, SeriesSink};
use binnacle_query::promql::labels::{Labels, METRIC_NAME};
use binnacle_query::promql::series::Sample;
use binnacle_query::{QueryConfig, QueryEngine};
use binnacle_storage::batch::{Batch, BatchBuilder, MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::{
    Attribute, Compression, Encoding, Format, SeriesId, Signal, TenantId, Timestamp, Value, wire,
};
use binnacle_storage::{AppendRequest, Clock, Decode, Storage, StorageConfig};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A clock that stands until it is moved. Unix milliseconds.
#[derive(Debug)]
pub struct MovedClock(pub AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst) * 1_000_000)
    }
}

struct NeverDecoded;

impl Decode for NeverDecoded {
    fn decode(&self, _: Signal, _: Encoding, _: &[u8], _: Timestamp) -> Result<Batch, String> {
        Err("these tests do not restart storage".to_owned())
    }
}

/// Storage, queries and a clock, in a directory of their own.
pub struct Fixture {
    pub directory: tempfile::TempDir,
    pub clock: Arc<MovedClock>,
    pub parts: Parts,
}

impl Fixture {
    pub async fn new(start: i64, config: AlertingConfig) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovedClock(AtomicI64::new(start)));
        let storage_config = StorageConfig {
            path: directory.path().to_owned(),
            retention: std::time::Duration::ZERO,
            ..StorageConfig::default()
        };
        let opened = Storage::open(storage_config, Arc::new(NeverDecoded), clock.clone());
        let (storage, _) = opened.await.unwrap();
        let query = QueryConfig { threads: 1, ..QueryConfig::default() };
        let engine = QueryEngine::new(storage.clone(), query).unwrap();
        let sink = Arc::new(Written { storage: storage.clone(), requests: AtomicU64::new(0) });
        let parts = Parts { config: Arc::new(config), storage, engine, sink, clock: clock.clone() };
        Fixture { directory, clock, parts }
    }

    pub fn set_now(&self, milliseconds: i64) {
        self.clock.0.store(milliseconds, Ordering::SeqCst);
    }

    /// Writes one value of one series.
    pub async fn write(&self, labels: &[(&str, &str)], time: i64, value: f64) {
        let sample = RecordedSample {
            labels: Labels::new(labels.iter().copied()),
            time,
            value: Some(Sample::Float(value)),
        };
        self.parts.sink.write(&TenantId::default(), vec![sample]).await.unwrap();
    }
}

/// Writes series as remote write does.
struct Written {
    storage: Storage,
    requests: AtomicU64,
}

impl SeriesSink for Written {
    fn write(
        &self,
        tenant: &TenantId,
        samples: Vec<RecordedSample>,
    ) -> BoxFuture<'_, Result<(), String>> {
        let tenant = tenant.clone();
        Box::pin(async move {
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            let ingested_at = Timestamp(1_700_000_000_000_000_000);
            let mut builder = BatchBuilder::new(Signal::Metrics, ingested_at);
            samples.iter().for_each(|sample| push(&mut builder, sample));
            let request = AppendRequest {
                tenant,
                signal: Signal::Metrics,
                encoding: Encoding { format: Format::RemoteWrite2, compression: Compression::None },
                body: bytes::Bytes::from(number.to_string()),
                content_hash: u128::from(number),
                ingested_at,
                batch: builder.finish(),
            };
            self.storage.append(request).await.map(drop).map_err(|error| error.to_string())
        })
    }
}

fn push(builder: &mut BatchBuilder, sample: &RecordedSample) {
    let time = Timestamp(sample.time * 1_000_000);
    let series_id = SeriesId(u128::from(sample.labels.hash64()).to_be_bytes());
    let own: Vec<(&str, &str)> =
        sample.labels.iter().filter(|(name, _)| *name != METRIC_NAME).collect();
    let messages: Vec<Vec<u8>> = own.iter().map(|(name, value)| message(name, value)).collect();
    let attributes: Vec<Attribute<'_>> = own
        .iter()
        .zip(&messages)
        .map(|((key, value), wire)| Attribute { key, value: Value::String(value), wire })
        .collect();
    builder.push_series(&SeriesRow {
        series_id,
        time,
        name: sample.labels.metric_name(),
        description: "",
        unit: "",
        kind: "gauge",
        temporality: None,
        is_monotonic: None,
        metadata: &[],
        attributes: &attributes,
    });
    let value = match &sample.value {
        Some(Sample::Float(value)) => Some(NumberValue::Double(*value)),
        _ => None,
    };
    builder.push_point(&MetricPointRow {
        series_id,
        time,
        flags: u32::from(value.is_none()),
        value,
        ..MetricPointRow::default()
    });
}

fn message(name: &str, value: &str) -> Vec<u8> {
    let (mut out, mut any) = (Vec::new(), Vec::new());
    wire::put_message(&mut out, 1, name.as_bytes());
    wire::put_any_value(&mut any, &Value::String(value));
    wire::put_message(&mut out, 2, &any);
    out
}
