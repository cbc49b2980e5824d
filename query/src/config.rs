//! `[query]` of the configuration.

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
        }
    }
}
