//! `[storage]` of the configuration.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[storage]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// Where WAL, segments and the catalog live.
    pub path: PathBuf,
    /// A buffer whose oldest row is older than this is flushed to a segment.
    #[serde(with = "humantime_serde")]
    pub flush_interval: Duration,
    /// A buffer of one tenant and signal is flushed when it holds this many bytes of memory.
    pub flush_bytes_max: u64,
    /// A buffer is also flushed when it holds this many spans, log records or data points: they make a segment worth keeping.
    pub flush_rows_max: u64,
    /// Rows that are not yet in a segment may hold this many bytes of memory over all tenants; past it senders are told
    /// to wait.
    pub buffer_bytes_max: u64,
    /// Rows are deleted this long after both their own time and their arrival. Zero keeps them for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// All segments together may take this many bytes; the oldest are deleted first. Zero means no limit.
    pub retention_bytes_max: u64,
}

impl Default for StorageConfig {
    fn default() -> Self {
        StorageConfig {
            path: PathBuf::from("data"),
            flush_interval: Duration::from_secs(60),
            flush_bytes_max: 64 << 20,
            flush_rows_max: 256 << 10,
            buffer_bytes_max: 128 << 20,
            retention: Duration::from_secs(30 * 86_400),
            retention_bytes_max: 0,
        }
    }
}
