//! Configuration: one struct per crate, embedded defaults, checked once at start and passed down.
//!
//! A value is taken from the last place that names it: the default, the file, the environment, a flag. Every value knows
//! the place it came from, so that a wrong one is answered with file and line, variable or flag.

mod check;
mod load;
mod manual;
mod print;
mod size;

pub use check::check;
pub use load::{Override, Problem, load};
pub use print::print;

use binnacle_alerting::AlertingConfig;
use binnacle_collector::{CollectorConfig, ScrapeConfig};
use binnacle_query::QueryConfig;
use binnacle_storage::StorageConfig;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub api: ApiConfig,
    pub collector: CollectorConfig,
    pub scrape: ScrapeConfig,
    pub storage: StorageConfig,
    pub query: QueryConfig,
    pub alerting: AlertingConfig,
    pub telemetry: TelemetryConfig,
    pub log: LogConfig,
}

impl Config {
    /// Alerting's part, with links that lead to the API's listener where nothing else is said.
    pub fn alerting_at(&self, api: SocketAddr) -> AlertingConfig {
        let mut config = self.alerting.clone();
        if config.external_url.is_empty() {
            config.external_url = format!("http://{api}");
        }
        config
    }
}

/// `[server]`: the process as a whole.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Answer anyone who reaches a listener that is not loopback. There are no keys yet, so any address but loopback
    /// is refused without it.
    pub allow_anonymous: bool,
    /// Threads for network work. Zero means one per core, up to 8. Decoding, queries and Parquet have threads of their own.
    pub threads: usize,
    /// On SIGTERM or SIGINT, how long open requests and the last flush may take before the process exits anyway. What
    /// was acknowledged is in the WAL by then and loses nothing.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            allow_anonymous: false,
            threads: 0,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// `[api]`: the HTTP API that answers questions.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Where the API listens. Port 0 takes any free port; the start-up line says which.
    pub address: SocketAddr,
    /// Largest request body. Requests carry queries, not telemetry.
    pub request_bytes_max: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        ApiConfig { address: SocketAddr::from(([127, 0, 0, 1], 7070)), request_bytes_max: 1 << 20 }
    }
}

/// `[telemetry]`: what this process sends itself about itself.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Keep spans of API requests, log records and the metrics of `/metrics` in a tenant of their own, with objectives that
    /// the server is held to. `binnacle demo` always does.
    pub enabled: bool,
    /// That tenant. What is asked of it is not traced.
    pub tenant: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        TelemetryConfig { enabled: false, tenant: "binnacle".to_owned() }
    }
}

/// `[log]`: what this process says about itself, on standard error.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`; or per crate, such as `info,binnacle_storage=debug`.
    pub level: String,
    /// `text` for people, `json` for machines: one object per line.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}
