//! Why a query has no answer.

use super::parse::ParseError;
use super::series::Duplicate;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The text is not a query.
    #[error("{text}")]
    Parse { error: ParseError, text: String },
    /// The query cannot be computed over these series.
    #[error("{0}")]
    Execution(String),
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples { limit: u64 },
    #[error("query timed out in expression evaluation")]
    Timeout { limit: Duration },
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    #[error(transparent)]
    Source(#[from] crate::Error),
}

impl Failure {
    pub fn execution(message: impl Into<String>) -> Failure {
        Failure::Execution(message.into())
    }
}

impl From<Duplicate> for Failure {
    fn from(_: Duplicate) -> Failure {
        Failure::execution("vector cannot contain metrics with the same labelset")
    }
}
