//! What can go wrong in storage, one variant per thing a caller can act on.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to {action} {path}")]
    Disk { action: &'static str, path: PathBuf, source: io::Error },
    #[error("failed to {action} object {path}")]
    Object { action: &'static str, path: String, source: object_store::Error },
    #[error("segment {id} is corrupt: {detail}")]
    Corrupt { id: String, detail: String },
    #[error("failed to {action} in the catalog")]
    Catalog { action: &'static str, source: rusqlite::Error },
    #[error("buffer is full ({bytes} bytes), retry in {retry_after:?}")]
    Overloaded { bytes: u64, retry_after: Duration },
    #[error("storage is read-only: {reason}")]
    ReadOnly { reason: String },
    #[error("failed to encode a segment: {detail}")]
    Encode { detail: String },
    #[error(
        "data directory {path} is in use by another process; stop it, or choose another directory"
    )]
    Locked { path: PathBuf },
    #[error(
        "catalog {path} cannot be used: {detail}; restore it from a backup, or move it away together with \
         the segments directory to start empty (neither is ever deleted by itself)"
    )]
    CatalogUnusable { path: PathBuf, detail: String },
    #[error("WAL file {path} cannot be used: {detail}")]
    WalUnusable { path: PathBuf, detail: String },
    #[error("storage is shutting down")]
    ShuttingDown,
}
