//! Patterns: what kinds of lines a log query finds.

use super::gather::{Gather, Scope, gather};
use super::level::DETECTED_LEVEL;
use super::parse::parse_logs;
use super::pipeline::Pipeline;
use super::rows::{Found, Lines};
use super::scan::Prefilter;
use crate::logs::{LogPattern, PatternCounter, PatternRow};
use crate::{Error, QueryEngine};
use binnacle_storage::model::{TenantId, Timestamp};
use std::time::Duration;

/// Which lines are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternsRequest {
    /// A log query; the lines that come out of it are those that are looked at.
    pub query: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// Lines are also counted by spans of so much time.
    pub step: Duration,
}

impl QueryEngine {
    /// The patterns of all lines of a query, the most frequent first.
    pub async fn logql_patterns(
        &self,
        tenant: &TenantId,
        request: PatternsRequest,
    ) -> Result<Vec<LogPattern>, Error> {
        let scope = self.log_scope(tenant).await?;
        let stats = scope.stats.clone();
        let work = move |_| async move { patterns(&scope, &request).await };
        self.run("logql_patterns", stats, work).await
    }
}

async fn patterns(scope: &Scope, request: &PatternsRequest) -> Result<Vec<LogPattern>, Error> {
    if request.end <= request.start {
        return Ok(Vec::new());
    }
    let query = parse_logs(&request.query)?;
    let lines = Lines {
        matchers: query.matchers.clone(),
        pipeline: Pipeline::new(&query.stages, None, Some(&[DETECTED_LEVEL.to_owned()])),
        from: request.start.0,
        to: request.end.0.saturating_sub(1),
        needs_line: true,
    };
    let step = i64::try_from(request.step.as_nanos()).unwrap_or(i64::MAX).max(1);
    let new = || Counter(PatternCounter::new(Some(step)));
    let Counter(counter) = gather(scope, lines, Prefilter::of(&query.stages), new).await?;
    if counter.is_over() {
        scope.stats.warn("there are more kinds of lines than are told apart".to_owned());
    }
    Ok(counter.patterns())
}

struct Counter(PatternCounter);

impl Gather for Counter {
    fn take(&mut self, _: &Lines, found: Found<'_>) -> Result<(), Error> {
        let severity = severity(found.labels.find(DETECTED_LEVEL).unwrap_or(""));
        let row = PatternRow { time: found.time, severity, weight: found.weight };
        self.0.add(Some(&found.line), row);
        Ok(())
    }

    fn unite(&mut self, other: Counter) -> Result<(), Error> {
        self.0.unite(other.0);
        Ok(())
    }
}

/// Number of a level's class, from 1 for trace to 6 for fatal; 0 for none.
fn severity(level: &str) -> usize {
    match level {
        "trace" => 1,
        "debug" => 2,
        "info" => 3,
        "warn" => 4,
        "error" => 5,
        "critical" | "fatal" => 6,
        _ => 0,
    }
}
