//! Log search: a small query language, newest records first, page by page.

mod record;

pub use record::LogRecord;

use crate::StatsSnapshot;
use binnacle_storage::model::Timestamp;

/// Records of a page when the request does not say.
pub const LOG_LIMIT_DEFAULT: usize = 100;

/// Most records of one page; whoever wants more follows the cursor, or asks SQL.
pub const LOG_LIMIT_MAX: usize = 10_000;

/// What to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRequest {
    /// See `query/LANGUAGE.md`; empty matches every record.
    pub query: String,
    /// Only records at or after this time.
    pub start: Option<Timestamp>,
    /// Only records before this time.
    pub end: Option<Timestamp>,
    /// Records of this page; `None` means [`LOG_LIMIT_DEFAULT`].
    pub limit: Option<usize>,
    /// Where the page before ended, as it said; the other fields but the limit must be the same as then.
    pub cursor: Option<String>,
}

/// One page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// Newest first.
    pub logs: Vec<LogRecord>,
    /// Asks for the next page; `None` when this is the last.
    pub cursor: Option<String>,
    pub stats: StatsSnapshot,
}
