//! Log search: a small query language, newest records first, page by page.
//!
//! Behind a search, pipes make a table of all records it matches ([`pipe`]), by counting groups or by finding patterns
//! ([`patterns`]); both read every matching row once ([`scan`]).
//!
//! The path of a page: the text is parsed ([`parse`]) and planned ([`plan`]); segments and buffer are searched from their newest end
//! ([`search`]), every row that the log index leaves open being checked exactly ([`evaluate`]); the records of the rows
//! found make a page ([`page`]), whose cursor ([`cursor`]) leads to the next.

mod ast;
mod content;
mod context;
mod cursor;
mod evaluate;
mod facets;
mod field;
mod filter;
mod page;
mod parse;
mod patterns;
mod pipe;
mod plan;
mod record;
mod related;
mod scan;
mod search;
mod severity;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub(crate) use filter::LogFilter;
pub use record::LogRecord;
pub(crate) use severity::class_name as severity_class;
pub(crate) use values::LogKeys;
pub(crate) use {content::content_hash, record::LogRows};

pub use context::{CONTEXT_MAX, ContextRequest, LogContext, LogId};
pub use facets::{FACETS_MAX, Facet, Facets, HISTOGRAM_STEPS_MAX, Histogram};
pub use patterns::{ANYTHING, LogPattern, LogPatterns};
pub(crate) use patterns::{PatternCounter, Row as PatternRow};
pub use pipe::{LogTable, TableCell, TableColumn, TableKind};
pub use related::{RELATED_MAX, RelatedLog, RelatedSpan};

use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use ast::Query;
use binnacle_storage::model::{TenantId, Timestamp};
use cursor::Cursor;
use pipe::Work;
use search::{Sources, Times};
use std::sync::Arc;

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

/// What a query of log search is answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum LogAnswer {
    Page(LogPage),
    /// The query has pipes.
    Table(LogTable),
}

impl QueryEngine {
    /// The newest records of `tenant` that match, one page of them. A query with pipes is refused.
    pub async fn logs(&self, tenant: &TenantId, request: LogRequest) -> Result<LogPage, Error> {
        let stats = Arc::new(QueryStats::new());
        let query = parse::parse(&request.query)?;
        self.page(tenant, request, query, stats).await
    }

    /// A page of records, or what the query's pipes make of all of them.
    pub async fn search_logs(
        &self,
        tenant: &TenantId,
        request: LogRequest,
    ) -> Result<LogAnswer, Error> {
        let stats = Arc::new(QueryStats::new());
        let (query, pipe) = parse::parse_piped(&request.query)?;
        let Some(pipe) = pipe else {
            return self.page(tenant, request, query, stats).await.map(LogAnswer::Page);
        };
        let times = times(request.start, request.end)?;
        let work = self.work(tenant, request, plan::cheap_first(query), times, stats.clone());
        let table = self.run("logs", stats.clone(), |_| pipe::run(work, pipe)).await?;
        stats.add_rows_returned(table.rows.len() as u64);
        if table.truncated {
            stats.mark_truncated();
        }
        Ok(LogAnswer::Table(LogTable { stats: stats.snapshot(), ..table }))
    }

    async fn page(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        query: Query,
        stats: Arc<QueryStats>,
    ) -> Result<LogPage, Error> {
        let limit = limit(request.limit)?;
        let times = times(request.start, request.end)?;
        let work = self.work(tenant, request, plan::cheap_first(query), times, stats.clone());
        let (logs, cursor) = self.run("logs", stats.clone(), |_| newest(work, limit)).await?;
        stats.add_rows_returned(logs.len() as u64);
        if cursor.is_some() {
            stats.mark_truncated();
        }
        Ok(LogPage { logs, cursor, stats: stats.snapshot() })
    }
}

/// The newest records, and the cursor of those that follow them.
async fn newest(work: Work, limit: usize) -> Result<(Vec<LogRecord>, Option<String>), Error> {
    let Work { storage, tenant, request, query, times, stats, .. } = work;
    let fingerprint = cursor::fingerprint(&tenant, &request);
    let (cursor, times) = match &request.cursor {
        Some(text) => {
            let (cursor, times) = Cursor::parse(text, fingerprint)?;
            (Some(cursor), times)
        }
        None => (None, times),
    };
    let snapshot = storage.snapshot(&tenant).await?;
    stats.warn_all(snapshot.warnings());
    let mut sources = Sources::of(storage, &snapshot, stats);
    let page = page::page(&mut sources, &query, times, limit, cursor).await;
    sources.count_segments();
    let (records, next) = page?;
    Ok((records, next.map(|next| next.render(times, fingerprint))))
}

fn limit(asked: Option<usize>) -> Result<usize, Error> {
    match asked.unwrap_or(LOG_LIMIT_DEFAULT) {
        limit @ 1..=LOG_LIMIT_MAX => Ok(limit),
        limit => Err(Error::InvalidRequest {
            message: format!("limit is {limit}; it must be from 1 to {LOG_LIMIT_MAX}"),
            hint: Some("follow the cursor for more records, or use SQL".to_owned()),
        }),
    }
}

fn times(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Times, Error> {
    let from = start.map_or(i64::MIN, |start| start.0);
    let to = end.map_or(Some(i64::MAX), |end| end.0.checked_sub(1));
    match to {
        Some(to) if from <= to => Ok(Times { from, to }),
        _ => Err(Error::InvalidRequest {
            message: "start is not before end".to_owned(),
            hint: Some(
                "start and end are Unix times in nanoseconds, and end is not included".to_owned(),
            ),
        }),
    }
}
