//! What can go wrong in alerting, one variant per thing a caller can act on.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of what is remembered (alert states, silences, deliveries; documents) cannot be used.
    #[error("the database {path} cannot be used: {detail}")]
    StoreUnusable { path: PathBuf, detail: String },
    /// A transaction of it failed; nothing of it happened.
    #[error("failed to {action}")]
    Store { action: &'static str, source: rusqlite::Error },
    /// The process is ending.
    #[error("alerting is stopping")]
    Stopped,
    /// The file of routes and receivers cannot be used.
    #[error("the notification file {path} cannot be used: {detail}")]
    NotifyFile { path: PathBuf, detail: String },
    #[error("failed to count telemetry")]
    Query(#[source] binnacle_query::Error),
    #[error("the work was given up")]
    GivenUp,
    #[error("failed to keep what is counted apart")]
    Storage(#[source] binnacle_storage::Error),
}

impl Error {
    pub(crate) fn storage(source: binnacle_storage::Error) -> Error {
        Error::Storage(source)
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
