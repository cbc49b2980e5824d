//! Traces that may match, newest first, as the scan finds them.

use super::row_fields::RowFields;
use super::scan::{Gather, Scan, Search};
use crate::{Error, QueryStats};
use binnacle_storage::model::TraceId;
use binnacle_storage::{Snapshot, Storage};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Most traces held while searching; 24 bytes each and some for the map.
const CANDIDATES_MAX: usize = 4 << 20;

/// Of so many traces that wait, one more source is read before they are looked through again.
const WAITING_LOOKED_THROUGH: usize = 64 << 10;

/// A trace and the start of its newest span that the conditions leave open. Newest first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) newest: Reverse<i64>,
    pub(super) trace_id: TraceId,
}

/// The traces that may match, in order: those after `after` only.
pub(super) struct Candidates {
    scan: Scan<Found>,
    found: Found,
    /// Given already, or before the first one wanted.
    given: HashSet<TraceId>,
    after: Option<Candidate>,
    /// Sources read since the traces that wait were looked through.
    unlooked: usize,
}

impl Candidates {
    pub(super) fn new(
        storage: &Storage,
        snapshot: &Snapshot,
        search: Arc<Search>,
        after: Option<Candidate>,
        threads: usize,
        stats: &Arc<QueryStats>,
    ) -> Candidates {
        Candidates {
            scan: Scan::new(storage, snapshot, search, threads, stats),
            found: Found::default(),
            given: HashSet::new(),
            after,
            unlooked: 0,
        }
    }

    /// The next of them, some at a time, as soon as no newer one can come; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Candidate>>, Error> {
        loop {
            let more = self.scan.advance(&mut self.found, &Found::default).await?;
            self.unlooked += 1;
            if more && self.unlooked * WAITING_LOOKED_THROUGH < self.found.newest.len() {
                continue;
            }
            self.unlooked = 0;
            let settled = self.settled();
            if !more && settled.is_empty() {
                return Ok(None);
            }
            if !settled.is_empty() {
                return Ok(Some(settled));
            }
        }
    }

    /// Takes out those newer than everything not read yet.
    fn settled(&mut self) -> Vec<Candidate> {
        let left = self.scan.left();
        let mut settled = Vec::new();
        let (given, after) = (&mut self.given, self.after);
        self.found.newest.retain(|&trace_id, &mut newest| {
            let candidate = Candidate { newest: Reverse(newest), trace_id };
            let stays = left.is_some_and(|left| newest <= left);
            if !stays && given.insert(trace_id) && after.is_none_or(|after| candidate > after) {
                settled.push(candidate);
            }
            stays
        });
        settled.sort_unstable();
        settled
    }
}

/// The start of each trace's newest span found.
#[derive(Default)]
struct Found {
    newest: HashMap<TraceId, i64>,
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
        if self.newest.is_empty() {
            self.newest = other.newest;
        } else {
            other.newest.into_iter().for_each(|(trace_id, time)| self.add(trace_id, time));
        }
        if self.newest.len() > CANDIDATES_MAX {
            return Err(Error::InvalidRequest {
                message: format!("more than {CANDIDATES_MAX} traces have to be looked at"),
                hint: Some("narrow the time range or the conditions".to_owned()),
            });
        }
        Ok(())
    }
}
