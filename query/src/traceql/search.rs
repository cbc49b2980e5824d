//! One search: from a request to a page of traces.

use super::ast::Field;
use super::candidates::{Candidate, Candidates};
use super::evaluate::{Plan, Spanset};
use super::fetch::{self, Needed};
use super::parse;
use super::scan::Search;
use super::span_fields::field_value;
use super::tree::Tree;
use super::value::Value;
use crate::rows::Shared;
use crate::value::Attributes;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot, cursor};
use binnacle_storage::Storage;
use binnacle_storage::model::{SpanId, TenantId, Timestamp, TraceId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Traces of a page when the request does not say; Tempo's default too.
pub const TRACES_LIMIT_DEFAULT: usize = 20;

/// Most traces of one page; whoever wants more follows the cursor.
pub const TRACES_LIMIT_MAX: usize = 1000;

/// Spans shown of a set when the request does not say; Tempo's default too.
const SPANS_DEFAULT: usize = 3;

/// Traces read at a time.
const TRACES_AT_ONCE: usize = 32;

/// What to search for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceRequest {
    /// TraceQL without a metrics function; empty matches every trace.
    pub query: String,
    /// Only traces with a span in question that starts at or after this time.
    pub start: Option<Timestamp>,
    /// Only traces with a span in question that starts before this time.
    pub end: Option<Timestamp>,
    /// Traces of this page; `None` means [`TRACES_LIMIT_DEFAULT`].
    pub limit: Option<usize>,
    /// Spans shown of each set; `None` means 3.
    pub spans_per_set: Option<usize>,
    /// Nanoseconds that the whole trace takes, both ends included.
    pub duration_min: Option<i64>,
    pub duration_max: Option<i64>,
    /// Where the page before ended, as it said.
    pub cursor: Option<String>,
}

/// One page of traces.
#[derive(Debug, Clone, PartialEq)]
pub struct TracePage {
    /// Newest first.
    pub traces: Vec<TraceMatch>,
    /// Asks for the next page; `None` when this is the last.
    pub cursor: Option<String>,
    pub stats: StatsSnapshot,
}

/// A trace that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceMatch {
    pub trace_id: TraceId,
    /// Of the earliest span without a parent; `None` when none is stored.
    pub root_service: Option<String>,
    pub root_name: Option<String>,
    /// Start of the earliest span.
    pub start_time: Timestamp,
    /// Nanoseconds up to the end of the span that ends last.
    pub duration: i64,
    pub sets: Vec<SpansetMatch>,
    pub services: BTreeMap<String, ServiceStats>,
    /// Spans whose parent is not (or not yet) stored.
    pub orphans: u64,
}

/// The spans of a trace that one service recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceStats {
    pub spans: u64,
    pub errors: u64,
}

/// A set of spans that the query leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct SpansetMatch {
    /// What the pipeline computed of it, by its text: `avg(duration)`.
    pub attributes: Attributes,
    /// How many spans the set has.
    pub matched: usize,
    /// The first of them, by start time.
    pub spans: Vec<MatchedSpan>,
}

/// A span of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedSpan {
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    pub start_time: Timestamp,
    /// Nanoseconds.
    pub duration: i64,
    /// OTLP's `StatusCode` number.
    pub status_code: i32,
    /// The fields that the query names, by their text.
    pub attributes: Attributes,
}

impl QueryEngine {
    /// The newest traces of `tenant` that match, one page of them.
    pub async fn traces(
        &self,
        tenant: &TenantId,
        request: TraceRequest,
    ) -> Result<TracePage, Error> {
        self.find_traces(tenant, request, None).await
    }

    /// The same page; its traces are also sent to `found`, in their order, as soon as each is known to belong there. The search
    /// goes on at the receiver's pace, and ends when it is gone.
    pub async fn traces_as_found(
        &self,
        tenant: &TenantId,
        request: TraceRequest,
        found: mpsc::Sender<TracesFound>,
    ) -> Result<TracePage, Error> {
        self.find_traces(tenant, request, Some(found)).await
    }

    async fn find_traces(
        &self,
        tenant: &TenantId,
        request: TraceRequest,
        found: Option<mpsc::Sender<TracesFound>>,
    ) -> Result<TracePage, Error> {
        let stats = Arc::new(QueryStats::new());
        let fingerprint = cursor::fingerprint(tenant, &request.query);
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let threads = self.config().threads;
        let work = async move {
            let page = Page::of(&request, fingerprint, threads)?;
            let times = (page.search.from, page.search.to);
            let (traces, next) = search(storage, tenant, page, found, counted).await?;
            Ok((traces, next.map(|next| render_cursor(next, times, fingerprint))))
        };
        let (traces, cursor) = self.run("traceql", stats.clone(), |_| work).await?;
        stats.add_rows_returned(traces.len() as u64);
        if cursor.is_some() {
            stats.mark_truncated();
        }
        Ok(TracePage { traces, cursor, stats: stats.snapshot() })
    }
}

/// Traces found so far that were not sent before.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesFound {
    pub traces: Vec<TraceMatch>,
    pub stats: StatsSnapshot,
}

/// A cursor says after which trace to go on: its newest span's time, and its id.
fn render_cursor(last: Candidate, times: cursor::Times, fingerprint: u64) -> String {
    let id = u128::from_be_bytes(last.trace_id.0);
    cursor::render(&[last.newest.0 as u64, (id >> 64) as u64, id as u64], times, fingerprint)
}

fn parse_cursor(text: &str, fingerprint: u64) -> Result<(Candidate, cursor::Times), Error> {
    let ([newest, high, low], times) = cursor::parse(text, fingerprint)?;
    let id = (u128::from(high) << 64) | u128::from(low);
    let trace_id = TraceId(id.to_be_bytes());
    Ok((Candidate { newest: Reverse(newest as i64), trace_id }, times))
}

/// A request that was read.
struct Page {
    search: Arc<Search>,
    after: Option<Candidate>,
    limit: usize,
    spans_per_set: usize,
    threads: usize,
}

impl Page {
    fn of(request: &TraceRequest, fingerprint: u64, threads: usize) -> Result<Page, Error> {
        let text = if request.query.trim().is_empty() { "{ }" } else { &request.query };
        let query = parse(text)?;
        if query.metrics.is_some() {
            return Err(Error::InvalidRequest {
                message: "the query asks for time series, not for traces".to_owned(),
                hint: Some("leave out the metrics function at its end".to_owned()),
            });
        }
        let asked = times(request.start, request.end)?;
        let durations =
            request.duration_min.unwrap_or(i64::MIN)..=request.duration_max.unwrap_or(i64::MAX);
        let cursor = request.cursor.as_deref();
        let cursor = cursor.map(|text| parse_cursor(text, fingerprint)).transpose()?;
        let (from, to) = cursor.map_or(asked, |(_, times)| times);
        Ok(Page {
            search: Arc::new(Search {
                plan: Plan::of(&query.pipeline),
                from,
                to,
                durations,
                asked: BTreeSet::new(),
            }),
            after: cursor.map(|(last, _)| last),
            limit: limit(request.limit)?,
            spans_per_set: request.spans_per_set.unwrap_or(SPANS_DEFAULT),
            threads,
        })
    }
}

/// Start times in question, both ends included.
pub(super) fn times(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(i64, i64), Error> {
    let from = start.map_or(i64::MIN, |start| start.0);
    let to = end.map_or(i64::MAX, |end| end.0.saturating_sub(1));
    if end.is_some() && from > to {
        return Err(Error::InvalidRequest {
            message: "the time range is empty: end must lie after start".to_owned(),
            hint: None,
        });
    }
    Ok((from, to))
}

fn limit(asked: Option<usize>) -> Result<usize, Error> {
    match asked.unwrap_or(TRACES_LIMIT_DEFAULT) {
        limit @ 1..=TRACES_LIMIT_MAX => Ok(limit),
        limit => Err(Error::InvalidRequest {
            message: format!("limit is {limit}; it must be from 1 to {TRACES_LIMIT_MAX}"),
            hint: Some("follow the cursor for more traces".to_owned()),
        }),
    }
}

/// The traces of the page, and the last of them when there may be more.
async fn search(
    storage: Storage,
    tenant: TenantId,
    page: Page,
    found: Option<mpsc::Sender<TracesFound>>,
    stats: Arc<QueryStats>,
) -> Result<(Vec<TraceMatch>, Option<Candidate>), Error> {
    let snapshot = storage.snapshot(&tenant).await?;
    stats.warn_all(snapshot.warnings());
    let Page { search, after, limit, threads, .. } = &page;
    let mut candidates =
        Candidates::new(&storage, &snapshot, search.clone(), *after, *threads, &stats);
    let fields: Vec<&Field> = search.plan.slots.fields.iter().chain(&search.plan.select).collect();
    let mut shared = Shared::default();
    let mut matches: Vec<(Candidate, TraceMatch)> = Vec::new();
    // One more than the page holds tells whether there is a next one.
    'search: while let Some(settled) = candidates.next().await? {
        let mut rest = settled.as_slice();
        while !rest.is_empty() {
            let some;
            (some, rest) = rest.split_at(page.at_once(matches.len()).min(rest.len()));
            let ids: Vec<TraceId> = some.iter().map(|candidate| candidate.trace_id).collect();
            let trees = fetch::traces(
                &storage,
                &snapshot,
                &ids,
                Needed::Fields(&fields),
                &mut shared,
                &stats,
            )
            .await?;
            let before = matches.len();
            matches.extend(some.iter().filter_map(|&candidate| {
                let tree = trees.get(&candidate.trace_id)?;
                Some((candidate, page.match_of(candidate.trace_id, tree)?))
            }));
            if let Some(found) = &found {
                let new = matches.iter().take(*limit).skip(before);
                let traces: Vec<TraceMatch> = new.map(|(_, found)| found.clone()).collect();
                let news = TracesFound { traces, stats: stats.snapshot() };
                if !news.traces.is_empty() && found.send(news).await.is_err() {
                    return Err(Error::Cancelled);
                }
            }
            if matches.len() > *limit {
                break 'search;
            }
        }
    }
    let next = (matches.len() > *limit).then(|| matches[limit - 1].0);
    matches.truncate(*limit);
    Ok((matches.into_iter().map(|(_, found)| found).collect(), next))
}

impl Page {
    /// How many traces to read next, when so many are found.
    fn at_once(&self, found: usize) -> usize {
        let wanted = (self.limit + 1).saturating_sub(found).max(1);
        match self.search.is_decided_by_rows() {
            true => wanted.min(TRACES_AT_ONCE),
            false => TRACES_AT_ONCE,
        }
    }
}

impl Page {
    fn match_of(&self, trace_id: TraceId, tree: &Tree) -> Option<TraceMatch> {
        let duration = tree.end.saturating_sub(tree.start);
        if !self.search.durations.contains(&duration) {
            return None;
        }
        let sets = self.search.plan.evaluate(tree);
        if sets.is_empty() {
            return None;
        }
        let mut services: BTreeMap<String, ServiceStats> = BTreeMap::new();
        for span in &tree.spans {
            let service = services.entry(span.service.clone()).or_default();
            service.spans += 1;
            service.errors += u64::from(span.status_code == 2);
        }
        Some(TraceMatch {
            trace_id,
            root_service: tree.root().map(|root| root.service.clone()),
            root_name: tree.root().map(|root| root.name.clone()),
            start_time: Timestamp(tree.start),
            duration,
            sets: sets.into_iter().map(|set| self.set(tree, set)).collect(),
            services,
            orphans: tree.orphans(),
        })
    }

    fn set(&self, tree: &Tree, set: Spanset) -> SpansetMatch {
        let plan = &self.search.plan;
        let mut shown: Vec<&Field> = plan.slots.fields.iter().chain(&plan.select).collect();
        shown.sort();
        shown.dedup();
        let span = |&index: &usize| {
            let span = &tree.spans[index];
            let attribute = |field: &&Field| match field_value(tree, index, field) {
                Value::Nil | Value::Unknown => None,
                value => Some((field.to_string(), value.to_any())),
            };
            MatchedSpan {
                span_id: span.span_id,
                service: span.service.clone(),
                name: span.name.clone(),
                start_time: span.start_time,
                duration: span.duration,
                status_code: span.status_code,
                attributes: shown.iter().filter_map(attribute).collect(),
            }
        };
        SpansetMatch {
            matched: set.spans.len(),
            spans: set.spans.iter().take(self.spans_per_set).map(span).collect(),
            attributes: set.attributes,
        }
    }
}
