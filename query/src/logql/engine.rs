//! The engine's LogQL: one snapshot of one tenant per question.

use super::ast::{LogQuery, Metric, Query};
use super::gather::Scope;
use super::metric;
use super::parse::parse;
use super::pipeline::Pipeline;
use super::range::Steps;
use super::rows::Lines;
use super::scan::Prefilter;
use super::select::{Direction, Entry, Page, select};
use crate::promql::labels::Labels;
use crate::promql::series::Sample;
use crate::promql::{self, Failure, Stopped};
use crate::turn::Turn;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{TenantId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Most lines of one answer.
pub const LINES_MAX: usize = 10_000;

/// Lines of an answer when the request does not say; Loki's default too.
pub const LINES_DEFAULT: usize = 100;

/// Most points of one series in an answer: more than any screen has pixels.
pub const POINTS_MAX: usize = 11_000;

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    At(Timestamp),
    /// From the start to the end; lines at the end itself are left out.
    Range {
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    },
}

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub struct LogqlRequest {
    pub query: String,
    pub when: When,
    pub limit: usize,
    pub direction: Direction,
    /// Lines are at least this far apart; zero is all lines.
    pub interval: Duration,
}

/// A series with its points: Unix nanoseconds and values.
pub type PointSeries = (Labels, Vec<(i64, f64)>);

#[derive(Debug, Clone, PartialEq)]
pub enum LogqlResult {
    /// In the order asked for.
    Lines(Vec<Entry>),
    Scalar(f64),
    /// In the order the query asks for.
    Vector(Vec<(Labels, f64)>),
    /// Sorted by labels.
    Matrix(Vec<PointSeries>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogqlAnswer {
    pub result: LogqlResult,
    pub stats: StatsSnapshot,
}

impl QueryEngine {
    /// Answers a query.
    pub async fn logql(
        &self,
        tenant: &TenantId,
        request: LogqlRequest,
    ) -> Result<LogqlAnswer, Error> {
        let scope = self.log_scope(tenant).await?;
        let stats = scope.stats.clone();
        let mut settings = self.config().promql_settings();
        // Each step has the samples of its own moment only.
        settings.lookback = Duration::from_millis(1);
        let work = move |turn: Arc<Turn>| async move {
            match parse(&request.query)? {
                Query::Logs(query) => lines(&scope, &query, &request).await.map(LogqlResult::Lines),
                Query::Metric(query) => {
                    let stopped: Stopped = Arc::new(move || turn.is_stopped());
                    numbers(&scope, &query, request.when, settings, stopped).await
                }
            }
        };
        let result = self.run("logql", stats.clone(), work).await?;
        stats.add_rows_returned(result.len() as u64);
        Ok(LogqlAnswer { result, stats: stats.snapshot() })
    }
}

impl QueryEngine {
    /// One snapshot of a tenant, to read lines from.
    pub(super) async fn log_scope(&self, tenant: &TenantId) -> Result<Scope, Error> {
        let stats = Arc::new(QueryStats::new());
        let snapshot = Arc::new(self.storage().snapshot(tenant).await?);
        stats.warn_all(snapshot.warnings());
        Ok(Scope {
            storage: self.storage().clone(),
            snapshot,
            stats,
            bytes_max: self.config().memory_bytes_max,
            threads: self.config().threads,
        })
    }
}

impl LogqlResult {
    fn len(&self) -> usize {
        match self {
            LogqlResult::Lines(lines) => lines.len(),
            LogqlResult::Scalar(_) => 1,
            LogqlResult::Vector(series) => series.len(),
            LogqlResult::Matrix(series) => series.len(),
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidRequest { message: message.into(), hint: None }
}

async fn lines(
    scope: &Scope,
    query: &LogQuery,
    request: &LogqlRequest,
) -> Result<Vec<Entry>, Error> {
    let When::Range { start, end, .. } = request.when else {
        return Err(invalid(
            "log queries are not supported as an instant query type, please change your query to a range query type",
        ));
    };
    if !(1..=LINES_MAX).contains(&request.limit) {
        return Err(invalid(format!(
            "the limit is {}; it must be from 1 to {LINES_MAX}",
            request.limit
        )));
    }
    if end <= start {
        return Ok(Vec::new());
    }
    let lines = Lines {
        matchers: query.matchers.clone(),
        pipeline: Pipeline::new(&query.stages, None, None),
        from: start.0,
        to: end.0.saturating_sub(1),
        needs_line: true,
    };
    let prefilter = Prefilter::of(&query.stages);
    let limit = if request.interval.is_zero() { request.limit } else { LINES_MAX };
    let page = Page { direction: request.direction, limit, bytes_max: scope.bytes_max };
    let Scope { storage, snapshot, stats, .. } = scope;
    let mut entries = select(storage, snapshot, &lines, &prefilter, page, stats).await?;
    thin_out(&mut entries, request.interval);
    entries.truncate(request.limit);
    Ok(entries)
}

/// Keeps lines that are far enough apart.
fn thin_out(entries: &mut Vec<Entry>, interval: Duration) {
    let interval = interval.as_nanos();
    let mut last: Option<i64> = None;
    entries.retain(|entry| {
        let far = last.is_none_or(|last| u128::from(last.abs_diff(entry.time)) >= interval);
        if far {
            last = Some(entry.time);
        }
        far
    });
}

async fn numbers(
    scope: &Scope,
    query: &Metric,
    when: When,
    settings: promql::Settings,
    stopped: Stopped,
) -> Result<LogqlResult, Error> {
    let steps = steps(when)?;
    let translation = metric::translate(query)?;
    let series = metric::series(scope, translation.ranges, steps).await?;
    // The evaluator's times are the numbers of the steps, so that nanoseconds lose nothing.
    let is_range = matches!(when, When::Range { .. });
    let end = if is_range { steps.count as i64 - 1 } else { 0 };
    let times = promql::Times { start: 0, end, step: i64::from(is_range) };
    let request = promql::Request { query: String::new(), times, settings };
    let value = promql::evaluate(&translation.expr, &request, series, stopped);
    let value = value.map_err(|failure| match failure {
        Failure::TooManySamples { limit } => Error::MemoryLimit { limit },
        Failure::Timeout { limit } => Error::Timeout { limit },
        Failure::Cancelled => Error::Cancelled,
        Failure::Source(error) => error,
        Failure::Execution(message) | Failure::Parse { text: message, .. } => invalid(message),
    })?;
    result(value, steps)
}

fn steps(when: When) -> Result<Steps, Error> {
    match when {
        When::At(time) => Ok(Steps { start: time.0, step: 1, count: 1 }),
        When::Range { start, end, step } => {
            let step = i64::try_from(step.as_nanos()).ok().filter(|step| *step > 0);
            let step = step.ok_or_else(|| invalid("the step must be longer than nothing"))?;
            let length = end.0.checked_sub(start.0).filter(|length| *length >= 0);
            let length = length.ok_or_else(|| {
                invalid("end timestamp must not be before or equal to start time")
            })?;
            let count = usize::try_from(length / step).unwrap_or(usize::MAX).saturating_add(1);
            if count > POINTS_MAX {
                return Err(invalid(
                    "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
                ));
            }
            Ok(Steps { start: start.0, step, count })
        }
    }
}

fn result(value: promql::Value, steps: Steps) -> Result<LogqlResult, Error> {
    let float = |sample: Sample| match sample {
        Sample::Float(value) => Some(value),
        Sample::Histogram(_) => None,
    };
    Ok(match value {
        promql::Value::Scalar(value) => LogqlResult::Scalar(value),
        promql::Value::Vector(list) => {
            let pairs =
                list.into_iter().filter_map(|(labels, sample)| Some((labels, float(sample)?)));
            LogqlResult::Vector(pairs.collect())
        }
        promql::Value::Matrix(list) => {
            let points = |samples: promql::series::Samples| {
                let times = samples.times.iter().map(|step| steps.time(*step as usize));
                (samples.labels, times.zip(samples.values).collect())
            };
            LogqlResult::Matrix(list.into_iter().map(points).collect())
        }
        promql::Value::Text(_) => return Err(invalid("the query has no value")),
    })
}
