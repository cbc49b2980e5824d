//! Why a request is not taken, one variant per thing the sender can act on.

use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not what its headers say.
    #[error("{message}")]
    BadRequest { message: String },
    #[error("{0}")]
    BadTenant(#[from] binnacle_storage::model::InvalidId),
    #[error("request is larger than {limit} bytes, as received or after decompression")]
    TooLarge { limit: u64 },
    #[error("{message}")]
    UnsupportedType { message: String },
    #[error("content encoding '{encoding}' is not supported: send none, gzip or zstd")]
    UnsupportedEncoding { encoding: String },
    #[error("path {path} is not served: send to /v1/traces, /v1/logs or /v1/metrics")]
    UnknownPath { path: String },
    #[error("method {method} is not allowed here: use POST")]
    WrongMethod { method: String },
    #[error("request did not arrive whole within {timeout:?}")]
    TooSlow { timeout: Duration },
    #[error("connection broke while the request was read")]
    Disconnected,
    #[error("too many bytes of requests are being read and decoded, retry in {retry_after:?}")]
    Busy { retry_after: Duration },
    #[error("tenant sends more than its rate allows, retry in {retry_after:?}")]
    RateLimited { retry_after: Duration },
    #[error("failed to decode: {detail}")]
    Decoder { detail: String },
    #[error("failed to keep the request")]
    Storage(#[from] binnacle_storage::Error),
}
