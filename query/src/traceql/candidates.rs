//! Traces that may match, newest first.

use super::row_fields::RowFields;
use super::scan::{Gather, Search, scan};
use crate::{Error, QueryStats};
use binnacle_storage::model::TraceId;
use binnacle_storage::{Snapshot, Storage};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Most traces held while searching; 24 bytes each and some for the map.
const CANDIDATES_MAX: usize = 4 << 20;

/// A trace and the start of its newest span that the conditions leave open. Newest first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) newest: Reverse<i64>,
    pub(super) trace_id: TraceId,
}

/// The traces that may match, in order; those after `after` only, and when the rows decide, no more than `wanted` of them
/// for certain.
pub(super) async fn candidates(
    storage: &Storage,
    snapshot: &Snapshot,
    search: Arc<Search>,
    after: Option<Candidate>,
    wanted: usize,
    threads: usize,
    stats: &Arc<QueryStats>,
) -> Result<Vec<Candidate>, Error> {
    let decided = search.is_decided_by_rows() && after.is_none();
    let new = move || Found { newest: HashMap::new(), enough: decided.then_some(wanted) };
    let found = scan(storage, snapshot, search, new, threads, stats).await?;
    let all = found.newest.into_iter();
    let all = all.map(|(trace_id, newest)| Candidate { newest: Reverse(newest), trace_id });
    let mut candidates: Vec<Candidate> =
        all.filter(|candidate| after.is_none_or(|after| *candidate > after)).collect();
    candidates.sort_unstable();
    Ok(candidates)
}

/// Traces found so far.
struct Found {
    /// The start of each trace's newest span.
    newest: HashMap<TraceId, i64>,
    /// How many traces suffice; `None` when each must be looked at.
    enough: Option<usize>,
}

impl Found {
    fn add(&mut self, trace_id: TraceId, time: i64) {
        let newest = self.newest.entry(trace_id).or_insert(time);
        *newest = (*newest).max(time);
    }
}

impl Gather for Found {
    fn row(&mut self, time: i64, trace_id: TraceId, _: RowFields<'_>) -> Result<(), Error> {
        self.add(trace_id, time);
        Ok(())
    }

    fn unite(&mut self, other: Found) -> Result<(), Error> {
        other.newest.into_iter().for_each(|(trace_id, time)| self.add(trace_id, time));
        if self.newest.len() > CANDIDATES_MAX {
            return Err(Error::InvalidRequest {
                message: format!("more than {CANDIDATES_MAX} traces have to be looked at"),
                hint: Some("narrow the time range or the conditions".to_owned()),
            });
        }
        Ok(())
    }

    fn is_settled(&self, left: i64) -> bool {
        let newer = || self.newest.values().filter(|&&newest| newest > left).count();
        self.enough.is_some_and(|enough| self.newest.len() >= enough && newer() >= enough)
    }
}
