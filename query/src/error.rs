//! What can go wrong in a query, one variant per thing a caller can act on.

use std::fmt;
use std::time::Duration;

/// Where in a query's text, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not a query.
    #[error("{message}")]
    Parse { message: String, position: Option<Position>, hint: Option<String> },
    /// The query names a table, column or function that does not exist.
    #[error("{message}")]
    NotFound { message: String, position: Option<Position>, hint: Option<String> },
    /// The request cannot be answered as it stands.
    #[error("{message}")]
    InvalidRequest { message: String, hint: Option<String> },
    #[error("the query took longer than {limit:?}")]
    Timeout { limit: Duration },
    #[error("the query needs more than {limit} bytes of memory")]
    MemoryLimit { limit: u64 },
    #[error("{running} queries are running and {waiting} are waiting, retry in {retry_after:?}")]
    Overloaded { running: usize, waiting: usize, retry_after: Duration },
    #[error("the query was cancelled")]
    Cancelled,
    #[error("failed to read stored data")]
    Storage(#[from] binnacle_storage::Error),
    #[error("failed to run the query: {message}")]
    Execution { message: String },
}

impl Error {
    /// A stable word for the error, for API answers and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Parse { .. } => "parse_error",
            Error::NotFound { .. } => "not_found",
            Error::InvalidRequest { .. } => "invalid_request",
            Error::Timeout { .. } => "timeout",
            Error::MemoryLimit { .. } => "memory_limit",
            Error::Overloaded { .. } => "overloaded",
            Error::Cancelled => "cancelled",
            Error::Storage(_) => "storage_error",
            Error::Execution { .. } => "execution_error",
        }
    }

    /// What the caller can try.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Parse { hint, .. } | Error::NotFound { hint, .. } => return hint.clone(),
            Error::InvalidRequest { hint, .. } => return hint.clone(),
            Error::Timeout { .. } => {
                "narrow the time range or name a service, or ask for a longer timeout"
            }
            Error::MemoryLimit { .. } => {
                "narrow the time range, group by fewer values, or select fewer columns"
            }
            Error::Overloaded { .. } => "try again when other queries have ended",
            Error::Cancelled | Error::Storage(_) | Error::Execution { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Where in the query's text, when the error is about a place in it.
    pub fn position(&self) -> Option<Position> {
        match self {
            Error::Parse { position, .. } | Error::NotFound { position, .. } => *position,
            _ => None,
        }
    }
}
