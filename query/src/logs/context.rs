//! Surroundings: what was logged just before and after one record.

use super::ast::Query;
use super::cursor::Cursor;
use super::pipe::Work;
use super::search::Sources;
use super::{LogRecord, LogRequest, content_hash, page, parse, plan};
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{TenantId, Timestamp};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Most records on each side.
pub const CONTEXT_MAX: usize = 1000;

/// A record's name: its time, and a hash of everything it says. The same for as long as the record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogId {
    pub time: Timestamp,
    pub hash: u64,
}

/// Which record's surroundings, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRequest {
    pub id: LogId,
    pub before: usize,
    pub after: usize,
    /// Of every resource, not only of the record's own.
    pub everything: bool,
    /// A query of log search that its neighbours match; empty for all.
    pub query: String,
}

/// A record and its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct LogContext {
    /// In order of time: the last of them lies next to the record.
    pub before: Vec<LogRecord>,
    pub record: LogRecord,
    /// In order of time.
    pub after: Vec<LogRecord>,
    pub stats: StatsSnapshot,
}

impl LogRecord {
    pub fn id(&self) -> LogId {
        LogId { time: self.time, hash: content_hash(self) }
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.time.0, self.hash)
    }
}

impl FromStr for LogId {
    type Err = Error;

    fn from_str(text: &str) -> Result<LogId, Error> {
        let is_hash =
            |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parts = text.rsplit_once('-').filter(|(_, hash)| is_hash(hash));
        let number = parts.and_then(|(time, hash)| {
            Some(LogId {
                time: Timestamp(time.parse().ok()?),
                hash: u64::from_str_radix(hash, 16).ok()?,
            })
        });
        number.ok_or_else(|| Error::InvalidRequest {
            message: "this is not a log record's id".to_owned(),
            hint: Some("send the id that the record was answered with".to_owned()),
        })
    }
}

impl QueryEngine {
    /// What `tenant` logged around a record; `None` when the record is not stored (any more).
    pub async fn log_context(
        &self,
        tenant: &TenantId,
        request: ContextRequest,
    ) -> Result<Option<LogContext>, Error> {
        for (name, number) in [("before", request.before), ("after", request.after)] {
            if number > CONTEXT_MAX {
                return Err(Error::InvalidRequest {
                    message: format!("{name} is {number}; it must be at most {CONTEXT_MAX}"),
                    hint: Some("search with start or end for more".to_owned()),
                });
            }
        }
        let stats = Arc::new(QueryStats::new());
        let query = parse::parse(&request.query)?;
        let all = super::times(None, None)?;
        let work = self.work(tenant, LogRequest::default(), query, all, stats.clone());
        let found = self.run("logs", stats.clone(), |_| around(work, request)).await?;
        Ok(found.map(|(before, record, after)| {
            stats.add_rows_returned((before.len() + after.len() + 1) as u64);
            LogContext { before, record, after, stats: stats.snapshot() }
        }))
    }
}

type Around = (Vec<LogRecord>, LogRecord, Vec<LogRecord>);

async fn around(work: Work, request: ContextRequest) -> Result<Option<Around>, Error> {
    let snapshot = work.storage.snapshot(&work.tenant).await?;
    work.stats.warn_all(snapshot.warnings());
    let mut sources = Sources::of(work.storage, &snapshot, work.stats);
    let at = Cursor { time: request.id.time.0, hash: request.id.hash, given: 1 };
    let found = page::find(&mut sources, at).await?;
    let answer = match found {
        None => None,
        Some(record) => {
            let mut parts = vec![work.query];
            if !request.everything {
                parts.push(Query::Resource(Arc::new(vec![record.resource.clone()])));
            }
            let query = plan::cheap_first(Query::And(parts));
            let (before, after) =
                page::around(&mut sources, &query, at, request.before, request.after).await?;
            Some((before, record, after))
        }
    };
    sources.count_segments();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        for time in [0, 7, i64::MAX, -5] {
            let id = LogId { time: Timestamp(time), hash: 0xfedc_ba98_7654_3210 };
            assert_eq!(id.to_string().parse::<LogId>().unwrap(), id);
        }
        for wrong in
            ["", "-", "5-1", "x-0000000000000000", "5-000000000000000g", "5-+000000000000000"]
        {
            assert!(wrong.parse::<LogId>().is_err(), "{wrong}");
        }
    }
}
