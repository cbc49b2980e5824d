//! `[collector]` of the configuration.

use crate::cardinality::Caps;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// `[collector]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// Where OTLP over gRPC is taken.
    pub grpc_address: SocketAddr,
    /// Where OTLP over HTTP is taken, protobuf and JSON.
    pub http_address: SocketAddr,
    /// Largest request, as received and again after decompression. OpenTelemetry recommends 64 MiB. More than 1,048,576
    /// spans, records or points in one request are refused, however small.
    pub request_bytes_max: u64,
    /// Bytes of all requests being read and decoded at one time, as received and decompressed; past it senders are told to
    /// come back.
    pub in_flight_bytes_max: u64,
    /// Requests decoded at one time. 0: as many as the machine has processors.
    pub decoders: usize,
    /// A request must have arrived whole within this time.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// A connection must have sent its next request's headers within this time.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Connections open at one time, on each of the two addresses; more wait.
    pub connections_max: usize,
    /// Requests in progress on one HTTP/2 connection.
    pub streams_max: u32,
    /// HTTP/2 connections are probed this often when nothing arrives.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    /// A probe must be answered within this time.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// Connections older than this are closed after their requests, so that load balancers can spread senders again.
    /// 0: never.
    #[serde(with = "humantime_serde")]
    pub connection_age_max: Duration,
    /// Bytes a second each tenant may send, after decompression. 0: no limit.
    pub tenant_bytes_per_second: u64,
    /// Bytes a tenant may send at once above its rate. 0: one second's worth.
    pub tenant_burst_bytes: u64,
    /// Series of metrics a tenant may have at one time, where one counts until an hour or two after its last data point. Points
    /// of further series go to an overflow series of their metric (`otel.metric.overflow`), and the sender is told. 0: no limit.
    pub tenant_series_max: usize,
    /// Values that one label may have over a tenant's series, in the same way. 0: no limit.
    pub label_values_max: usize,
    /// Web pages that may send, by origin: `https://*.example.com` is any host below example.com, `:*` any port or none,
    /// `*` alone any page.
    pub cors_origins: Vec<String>,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        CollectorConfig {
            grpc_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 4317)),
            http_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 4318)),
            request_bytes_max: 64 << 20,
            in_flight_bytes_max: 256 << 20,
            decoders: 0,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            connections_max: 4096,
            streams_max: 128,
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            connection_age_max: Duration::ZERO,
            tenant_bytes_per_second: 0,
            tenant_burst_bytes: 0,
            tenant_series_max: 1_000_000,
            label_values_max: 200_000,
            cors_origins: vec!["http://localhost:*".to_owned(), "http://127.0.0.1:*".to_owned()],
        }
    }
}

impl CollectorConfig {
    pub(crate) fn caps(&self) -> Caps {
        Caps { series: self.tenant_series_max, label_values: self.label_values_max }
    }

    /// What cannot work, in words.
    pub fn check(&self) -> Result<(), String> {
        // Offsets inside a batch are 32 bits wide, and one request's text must stay far below that.
        if !(1..=1 << 30).contains(&self.request_bytes_max) {
            return Err("collector.request_bytes_max must be between 1 and 1 GiB".to_owned());
        }
        if self.in_flight_bytes_max < self.request_bytes_max.saturating_mul(2) {
            return Err("collector.in_flight_bytes_max must be at least twice request_bytes_max: \
                        a request is held as received and decompressed"
                .to_owned());
        }
        if self.connections_max == 0 || self.streams_max == 0 {
            return Err("collector.connections_max and streams_max must be at least 1".to_owned());
        }
        if self.request_timeout.is_zero() || self.header_timeout.is_zero() {
            return Err("collector.request_timeout and header_timeout must be above 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_their_check_and_stay_on_loopback() {
        let config = CollectorConfig::default();
        assert_eq!(config.check(), Ok(()));
        assert!(config.grpc_address.ip().is_loopback() && config.http_address.ip().is_loopback());
    }

    #[test]
    fn unknown_keys_are_refused() {
        let read = serde_json::from_str::<CollectorConfig>;
        assert!(read(r#"{"request_timeout": "5s"}"#).is_ok());
        assert!(read(r#"{"request_timeouts": "5s"}"#).is_err());
    }
}
