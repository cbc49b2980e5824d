//! The collector's own metrics.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;

/// The way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Grpc,
    Http,
    RemoteWrite,
    LokiPush,
    Scrape,
    Rules,
}

impl EncodeLabelValue for Transport {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        let name = match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
            Transport::RemoteWrite => "remote_write",
            Transport::LokiPush => "loki_push",
            Transport::Scrape => "scrape",
            Transport::Rules => "rules",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub signal: &'static str,
    pub transport: Transport,
    /// `ok`, `partial`, `duplicate`, `refused` (the sender's fault) or `retry` (ours).
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SignalLabels {
    pub signal: &'static str,
}

#[derive(Debug)]
pub struct Metrics {
    pub requests: Family<RequestLabels, Counter>,
    pub records_accepted: Family<SignalLabels, Counter>,
    pub records_rejected: Family<SignalLabels, Counter>,
    pub received_bytes: Family<SignalLabels, Counter>,
    pub decompressed_bytes: Family<SignalLabels, Counter>,
    pub decode_seconds: Family<SignalLabels, Histogram>,
    pub connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            requests: Family::default(),
            records_accepted: Family::default(),
            records_rejected: Family::default(),
            received_bytes: Family::default(),
            decompressed_bytes: Family::default(),
            decode_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.0001, 4.0, 9))
            }),
            connections: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Names in the registry start with `collector_`.
    pub fn register(
        &self,
        registry: &mut Registry,
        in_flight_bytes: Gauge,
        series_overflowed: Counter,
    ) {
        let registry = registry.sub_registry_with_prefix("collector");
        registry.register("requests", "Export requests by outcome", self.requests.clone());
        registry.register(
            "records_accepted",
            "Spans, log records and data points stored",
            self.records_accepted.clone(),
        );
        registry.register(
            "records_rejected",
            "Spans, log records and data points refused as bad",
            self.records_rejected.clone(),
        );
        registry.register(
            "received_bytes",
            "Request bytes as received",
            self.received_bytes.clone(),
        );
        registry.register(
            "decompressed_bytes",
            "Request bytes after decompression",
            self.decompressed_bytes.clone(),
        );
        registry.register(
            "series_overflowed",
            "Series rows put into an overflow series because their tenant has too many",
            series_overflowed,
        );
        registry.register(
            "decode_seconds",
            "Time to decompress, hash and decode one request",
            self.decode_seconds.clone(),
        );
        registry.register(
            "in_flight_bytes",
            "Bytes of requests being read and decoded",
            in_flight_bytes,
        );
        registry.register("connections", "Open connections", self.connections.clone());
    }
}
