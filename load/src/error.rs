//! What can keep a load test from being run.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan cannot be run as it stands.
    #[error("{0}")]
    Plan(String),
    #[error("failed to read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("failed to set up TLS: {0}")]
    Tls(String),
    #[error("failed to start the thread that keeps time")]
    Thread(#[source] std::io::Error),
    #[error("failed to register the run at {url}: {detail}")]
    Register { url: String, detail: String },
}
