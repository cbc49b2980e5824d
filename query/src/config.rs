//! `[query]` of the configuration.

use crate::promql::store::Translation;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[query]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryConfig {
    /// A query may hold this many bytes of memory, unless it asks for less.
    pub memory_bytes_max: u64,
    /// All queries together may hold this many bytes of memory.
    pub memory_bytes_total: u64,
    /// A query may take this long, unless it asks for less.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// An answer has at most this many rows, unless the query asks for another number.
    pub rows_max: u64,
    /// Queries that run at the same time.
    pub concurrency: usize,
    /// Queries that wait for their turn; one more is refused.
    pub waiting_max: usize,
    /// Threads that run queries. Zero means one per core.
    pub threads: usize,
    /// Filter rows while Parquet is decoded, so that other columns are read only where the filter holds. Never changes an
    /// answer.
    pub filter_pushdown: bool,
    /// How far back PromQL looks for the latest sample of a series.
    #[serde(with = "humantime_serde")]
    pub promql_lookback: Duration,
    /// The step of PromQL subqueries that name none.
    #[serde(with = "humantime_serde")]
    pub promql_subquery_step: Duration,
    /// Whether functions, aggregations and modifiers that Prometheus calls experimental may be used.
    pub promql_experimental: bool,
    /// Whether PromQL drops metric names only when a query is done, so that they can still be grouped by and matched in
    /// between; Prometheus calls it delayed name removal.
    pub promql_delayed_names: bool,
    /// How OpenTelemetry's metric names become Prometheus's: `underscore_escaping_with_suffixes`,
    /// `underscore_escaping_without_suffixes`, `no_utf8_escaping_with_suffixes` or `no_translation`.
    pub metric_names: Translation,
}

impl Default for QueryConfig {
    fn default() -> Self {
        QueryConfig {
            memory_bytes_max: 512 << 20,
            memory_bytes_total: 1 << 30,
            timeout: Duration::from_secs(60),
            rows_max: 100_000,
            concurrency: 8,
            waiting_max: 64,
            threads: 0,
            filter_pushdown: true,
            promql_lookback: Duration::from_secs(300),
            promql_subquery_step: Duration::from_secs(60),
            promql_experimental: true,
            promql_delayed_names: true,
            metric_names: Translation::default(),
        }
    }
}
