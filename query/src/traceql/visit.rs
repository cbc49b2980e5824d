//! Whole traces of a search, one after the other, for whoever counts something of them.

use super::candidates::Candidates;
use super::evaluate::Plan;
use super::scan::Search;
use super::search::times;
use super::tree::Tree;
use super::{fetch, parse};
use crate::rows::Shared;
use crate::{Error, QueryStats};
use binnacle_storage::model::{Timestamp, TraceId};
use binnacle_storage::{Snapshot, Storage};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Traces looked at when the request does not say, and the most of them.
pub const TRACES_VISITED_DEFAULT: usize = 1000;
pub const TRACES_VISITED_MAX: usize = 10_000;

/// Traces read at a time.
const TRACES_AT_ONCE: usize = 128;

/// The newest traces that a query finds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceSet {
    /// TraceQL without a metrics function; empty finds every trace.
    pub query: String,
    pub start: Option<Timestamp>,
    /// Not included.
    pub end: Option<Timestamp>,
    /// Nanoseconds that the whole trace takes, both ends included.
    pub duration_min: Option<i64>,
    pub duration_max: Option<i64>,
    /// `None` means [`TRACES_VISITED_DEFAULT`].
    pub limit: Option<usize>,
}

/// Where to look, and what is counted of the looking.
#[derive(Clone, Copy)]
pub(crate) struct Visited<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) threads: usize,
    pub(crate) stats: &'a Arc<QueryStats>,
}

/// Calls `see` with every trace of the set and the spans of it, ascending, that the query leaves. Answers whether there are more
/// traces than the set's limit.
pub(crate) async fn visit(
    visited: Visited<'_>,
    set: &TraceSet,
    mut see: impl FnMut(&Tree, &[usize]) -> Result<(), Error>,
) -> Result<bool, Error> {
    let Visited { storage, snapshot, threads, stats } = visited;
    let limit = set.limit.unwrap_or(TRACES_VISITED_DEFAULT);
    if !(1..=TRACES_VISITED_MAX).contains(&limit) {
        return Err(Error::InvalidRequest {
            message: format!("limit is {limit}; it must be from 1 to {TRACES_VISITED_MAX}"),
            hint: None,
        });
    }
    let search = Arc::new(search(set)?);
    let mut candidates = Candidates::new(storage, snapshot, search.clone(), None, threads, stats);
    let mut shared = Shared::default();
    let mut seen = 0;
    while let Some(settled) = candidates.next().await? {
        for some in settled.chunks(TRACES_AT_ONCE) {
            let ids: Vec<TraceId> = some.iter().map(|candidate| candidate.trace_id).collect();
            let trees = fetch::traces(
                storage,
                snapshot,
                &ids,
                fetch::Needed::Everything,
                &mut shared,
                stats,
            )
            .await?;
            for tree in ids.iter().filter_map(|id| trees.get(id)) {
                let matched = matched(&search, tree);
                if matched.is_empty() {
                    continue;
                }
                if seen == limit {
                    return Ok(true);
                }
                seen += 1;
                see(tree, &matched)?;
            }
        }
    }
    Ok(false)
}

fn search(set: &TraceSet) -> Result<Search, Error> {
    let text = if set.query.trim().is_empty() { "{ }" } else { &set.query };
    let query = parse(text)?;
    if query.metrics.is_some() {
        return Err(Error::InvalidRequest {
            message: "the query asks for time series, not for traces".to_owned(),
            hint: Some("leave out the metrics function at its end".to_owned()),
        });
    }
    let (from, to) = times(set.start, set.end)?;
    let durations = set.duration_min.unwrap_or(i64::MIN)..=set.duration_max.unwrap_or(i64::MAX);
    let plan = Plan::of(&query.pipeline);
    Ok(Search { plan, from, to, durations, asked: BTreeSet::new() })
}

fn matched(search: &Search, tree: &Tree) -> Vec<usize> {
    if !search.durations.contains(&tree.end.saturating_sub(tree.start)) {
        return Vec::new();
    }
    let sets = search.plan.evaluate(tree).into_iter();
    let spans: BTreeSet<usize> = sets.flat_map(|set| set.spans).collect();
    spans.into_iter().collect()
}
