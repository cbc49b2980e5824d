//! The collector's public face, and the path of one request through it.

use crate::admit::{InFlight, RateLimits, Reservation, body};
use crate::cardinality::{Cardinality, CardinalityReport};
use crate::decode::{self, Decoded, Written};
use crate::loki_push;
use crate::metrics::{Metrics, RequestLabels, SignalLabels, Transport};
use crate::otlp::{self, reply};
use crate::recent::RecentSeries;
use crate::rejection_log::{RejectionEntry, RejectionLog};
use crate::rejections::Rejections;
use crate::remote_write;
use crate::server::{self, Limits};
use crate::{CappedDecoder, CollectorConfig, Error};
use binnacle_storage::model::{Encoding, Signal, TenantId, Timestamp};
use binnacle_storage::{Accepted, AppendRequest, Clock, Storage};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use xxhash_rust::xxh3::xxh3_128;

/// Where decoded requests go.
pub(crate) trait Sink: Send + Sync {
    fn append(
        &self,
        request: AppendRequest,
    ) -> BoxFuture<'_, Result<Accepted, binnacle_storage::Error>>;
}

impl Sink for Storage {
    fn append(
        &self,
        request: AppendRequest,
    ) -> BoxFuture<'_, Result<Accepted, binnacle_storage::Error>> {
        Box::pin(Storage::append(self, request))
    }
}

/// Telemetry in. Cheap to clone; all clones are one collector.
#[derive(Clone)]
pub struct Collector {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

struct Inner {
    sink: Arc<dyn Sink>,
    config: CollectorConfig,
    clock: Arc<dyn Clock>,
    in_flight: InFlight,
    /// One permit per request being decoded.
    decoders: Semaphore,
    rate_limits: Option<RateLimits>,
    cardinality: Arc<Cardinality>,
    recent: RecentSeries,
    rejections: Arc<RejectionLog>,
    metrics: Metrics,
}

/// One export request, read but not decoded.
pub(crate) struct Export {
    pub tenant: TenantId,
    pub signal: Signal,
    pub encoding: Encoding,
    pub transport: Transport,
    pub client: Option<IpAddr>,
    /// As received.
    pub body: Bytes,
    /// Room for what the request holds.
    pub reservation: Reservation,
}

/// What became of a request.
pub(crate) struct Exported {
    pub rejected: Rejections,
    pub written: Written,
}

/// A body, decompressed and decoded.
struct Prepared {
    decoded: Decoded,
    content_hash: u128,
    decompressed_bytes: u64,
    /// Held until the rows are storage's to account for.
    reservation: Reservation,
}

impl Collector {
    pub fn new(storage: Storage, config: CollectorConfig, clock: Arc<dyn Clock>) -> Collector {
        Collector::with_sink(Arc::new(storage), config, clock)
    }

    /// Goes on counting series where the `decoder` that `storage` was opened with has ended.
    pub fn continuing(
        decoder: &CappedDecoder,
        storage: Storage,
        config: CollectorConfig,
        clock: Arc<dyn Clock>,
    ) -> Collector {
        Collector::counting(decoder.cardinality.clone(), Arc::new(storage), config, clock)
    }

    pub(crate) fn with_sink(
        sink: Arc<dyn Sink>,
        config: CollectorConfig,
        clock: Arc<dyn Clock>,
    ) -> Collector {
        Collector::counting(Arc::new(Cardinality::new(config.caps())), sink, config, clock)
    }

    fn counting(
        cardinality: Arc<Cardinality>,
        sink: Arc<dyn Sink>,
        config: CollectorConfig,
        clock: Arc<dyn Clock>,
    ) -> Collector {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        let decoders = if config.decoders == 0 { processors } else { config.decoders };
        let inner = Inner {
            sink,
            clock,
            in_flight: InFlight::new(config.in_flight_bytes_max),
            decoders: Semaphore::new(decoders),
            rate_limits: RateLimits::new(config.tenant_bytes_per_second, config.tenant_burst_bytes),
            cardinality,
            recent: RecentSeries::default(),
            rejections: Arc::default(),
            metrics: Metrics::default(),
            config,
        };
        Collector { inner: Arc::new(inner) }
    }

    /// Serves both listeners until `shutdown`, then lets requests in progress finish.
    pub async fn serve(
        &self,
        grpc: TcpListener,
        http: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let (stop, stopped) = watch::channel(false);
        let limits = Limits::new(&self.inner.config);
        let connections = &self.inner.metrics.connections;
        let grpc =
            server::serve(grpc, otlp::grpc::router(self), &limits, connections, stopped.clone());
        let http = server::serve(http, otlp::http::router(self), &limits, connections, stopped);
        let wait = async {
            shutdown.await;
            stop.send_replace(true);
        };
        tokio::join!(grpc, http, wait);
    }

    /// Rejected records and requests, for the `ingest_rejections` table.
    pub fn rejections(&self) -> Arc<RejectionLog> {
        self.inner.rejections.clone()
    }

    /// What series a tenant sends; at most `limit` entries of each list.
    pub fn cardinality(&self, tenant: &TenantId, limit: usize) -> CardinalityReport {
        self.inner.cardinality.report(tenant, limit)
    }

    /// Adds the collector's own metrics.
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        let Inner { metrics, in_flight, cardinality, .. } = &*self.inner;
        metrics.register(registry, in_flight.gauge(), cardinality.overflowed());
    }

    pub(crate) fn config(&self) -> &CollectorConfig {
        &self.inner.config
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.inner.in_flight
    }

    /// Answers a remote-write request that came over a listener of the wiring's.
    pub async fn remote_write(&self, request: axum::extract::Request) -> axum::response::Response {
        remote_write::http::handle(self.clone(), request).await
    }

    /// Answers a request of Loki's push that came over a listener of the wiring's.
    pub async fn loki_push(&self, request: axum::extract::Request) -> axum::response::Response {
        loki_push::http::handle(self.clone(), request).await
    }

    /// Answers an OTLP request that came over a listener of the wiring's, whose path is one of OTLP's.
    pub async fn otlp(&self, request: axum::extract::Request) -> axum::response::Response {
        otlp::http::answer(self.clone(), request).await
    }

    /// Decodes a request and makes it durable. Answers with what was rejected.
    pub(crate) async fn export(&self, export: Export) -> Result<Exported, Error> {
        let Export { tenant, signal, encoding, transport, client, body, reservation } = export;
        let ingested_at = self.inner.clock.now();
        let received_bytes = body.len() as u64;
        let prepare = Prepare { signal, encoding, body: body.clone(), ingested_at, reservation };
        let result = async {
            let prepared = self.prepare(&tenant, prepare).await?;
            let Prepared { decoded, content_hash, decompressed_bytes, reservation } = prepared;
            let Decoded { batch, accepted, rejected, written, fresh } = decoded;
            self.count_bytes(signal, received_bytes, decompressed_bytes);
            let outcome = if batch.is_empty() {
                Accepted::Stored
            } else {
                let tenant = tenant.clone();
                let request = AppendRequest {
                    tenant,
                    signal,
                    encoding,
                    body,
                    content_hash,
                    ingested_at,
                    batch,
                };
                let accepted = self.inner.sink.append(request).await?;
                self.inner.recent.remember(&fresh, ingested_at);
                accepted
            };
            drop(reservation);
            self.count_records(signal, outcome, accepted, &rejected);
            Ok((outcome, Exported { rejected, written }))
        };
        let result = result.await;
        let outcome = match &result {
            Ok((Accepted::Duplicate, _)) => "duplicate",
            Ok((Accepted::Stored, exported)) if exported.rejected.count > 0 => "partial",
            Ok((Accepted::Stored, _)) => "ok",
            Err(error) if reply::is_retryable(error) => "retry",
            Err(_) => "refused",
        };
        let labels = RequestLabels { signal: signal.name(), transport, outcome };
        self.inner.metrics.requests.get_or_create(&labels).inc();
        match result {
            // A retry was logged when it came first.
            Ok((Accepted::Duplicate, exported)) => Ok(exported),
            Ok((Accepted::Stored, exported)) => {
                self.log_rejected(&tenant, signal, client, ingested_at, &exported.rejected);
                Ok(exported)
            }
            Err(error) => {
                self.refused(&tenant, signal, client, &error);
                Err(error)
            }
        }
    }

    /// Decompresses and decodes on a thread of its own.
    async fn prepare(&self, tenant: &TenantId, prepare: Prepare) -> Result<Prepared, Error> {
        let slot = self.inner.decoders.acquire().await.expect("the semaphore is never closed");
        let collector = self.clone();
        let tenant = tenant.clone();
        let work = move || collector.inner.prepare(&tenant, prepare);
        let prepared = tokio::task::spawn_blocking(work).await;
        drop(slot);
        prepared.unwrap_or_else(|error| Err(Error::Decoder { detail: error.to_string() }))
    }

    fn count_bytes(&self, signal: Signal, received: u64, decompressed: u64) {
        let labels = SignalLabels { signal: signal.name() };
        self.inner.metrics.received_bytes.get_or_create(&labels).inc_by(received);
        self.inner.metrics.decompressed_bytes.get_or_create(&labels).inc_by(decompressed);
    }

    fn count_records(
        &self,
        signal: Signal,
        outcome: Accepted,
        accepted: u64,
        rejected: &Rejections,
    ) {
        if outcome == Accepted::Duplicate {
            return;
        }
        let labels = SignalLabels { signal: signal.name() };
        self.inner.metrics.records_accepted.get_or_create(&labels).inc_by(accepted);
        self.inner.metrics.records_rejected.get_or_create(&labels).inc_by(rejected.count);
    }

    /// Notes what was rejected of a request.
    pub(crate) fn log_rejected(
        &self,
        tenant: &TenantId,
        signal: Signal,
        client: Option<IpAddr>,
        time: Timestamp,
        rejected: &Rejections,
    ) {
        for rejection in &rejected.reasons {
            let entry = RejectionEntry {
                time,
                signal,
                reason: rejection.reason.clone(),
                records: rejection.count,
                service: rejection.service.clone(),
                client,
            };
            self.inner.rejections.add(tenant, entry);
        }
    }

    /// Notes a request that was refused whole.
    pub(crate) fn refused(
        &self,
        tenant: &TenantId,
        signal: Signal,
        client: Option<IpAddr>,
        error: &Error,
    ) {
        if reply::is_retryable(error) {
            return;
        }
        let entry = RejectionEntry {
            time: self.inner.clock.now(),
            signal,
            reason: error.to_string(),
            records: 0,
            service: String::new(),
            client,
        };
        self.inner.rejections.add(tenant, entry);
    }
}

/// What decoding one request needs.
struct Prepare {
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    ingested_at: Timestamp,
    reservation: Reservation,
}

impl Inner {
    fn prepare(&self, tenant: &TenantId, prepare: Prepare) -> Result<Prepared, Error> {
        let Prepare { signal, encoding, body, ingested_at, mut reservation } = prepare;
        let started = Instant::now();
        let limit = self.config.request_bytes_max;
        let plain = body::decompress(encoding.compression, &body, limit, &mut reservation)?;
        let decompressed_bytes = plain.len() as u64;
        if let Some(limits) = &self.rate_limits {
            let taken = limits.take(tenant, decompressed_bytes, ingested_at);
            taken.map_err(|retry_after| Error::RateLimited { retry_after })?;
        }
        let content_hash = xxh3_128(&plain);
        let known = self.recent.of(tenant, ingested_at);
        let mut decoded = decode::decode_plain(signal, encoding.format, &plain, ingested_at, known)
            .map_err(|message| Error::BadRequest { message })?;
        let (batch, format) = (&mut decoded.batch, encoding.format);
        decoded.rejected.warning = self.cardinality.admit(tenant, format, batch, ingested_at);
        if decoded.rejected.warning.is_some() {
            // Some are other series now.
            decoded.fresh.clear();
        }
        let labels = SignalLabels { signal: signal.name() };
        let seconds = started.elapsed().as_secs_f64();
        self.metrics.decode_seconds.get_or_create(&labels).observe(seconds);
        Ok(Prepared { decoded, content_hash, decompressed_bytes, reservation })
    }
}
