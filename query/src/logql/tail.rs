//! Live tail: lines of a log query, as they arrive.

use super::parse::parse_logs;
use super::pipeline::Pipeline;
use super::rows::{Found, Lines, Selected};
use super::select::Entry;
use crate::tail::{Matched, Tail};
use crate::{Error, QueryEngine};
use binnacle_storage::model::{Table, TenantId};

impl QueryEngine {
    /// Lines of `tenant` that come out of a log query's pipeline, from now on.
    pub fn tail_logql(&self, tenant: &TenantId, query: &str) -> Result<Tail<Entry>, Error> {
        let query = parse_logs(query)?;
        let lines = Lines {
            pipeline: Pipeline::new(&query.stages, None, None),
            matchers: query.matchers,
            from: i64::MIN,
            to: i64::MAX,
            needs_line: true,
        };
        self.tail(tenant, Table::Logs, move |batch, limit| {
            let (mut rows, mut skipped) = (Vec::new(), 0);
            lines.each(batch, &mut Selected::default(), |found: Found<'_>| {
                if rows.len() < limit {
                    let labels = found.labels.by_kind();
                    rows.push(Entry { time: found.time, line: found.line.into_owned(), labels });
                } else {
                    skipped += 1;
                }
                Ok(())
            })?;
            Ok(Matched { rows, skipped })
        })
    }
}
